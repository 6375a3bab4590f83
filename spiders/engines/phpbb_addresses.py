"""What phpBB's addresses mean: plain (``viewtopic.php?t=190``) or rewritten (``-t190.html``)."""

import re
from dataclasses import dataclass

from spiders.addresses import parameter, without_fragment
from spiders.base import Kind
from spiders.html_place import digits

SCRIPT = re.compile(r"(?:^|/)(viewtopic|viewforum)\.php$")
_TOPIC_PATH = re.compile(r"(?:[-/]t|/topic|/viewtopic/)(\d+)(?:-(\d+)|/page(\d+))?(?:\.html|/)?$")
_FORUM_PATH = re.compile(r"(?:[-/]f|/forum)(\d+)(?:-(\d+)|/page(\d+))?(?:\.html|/)?$")
_POST_PATH = re.compile(r"/post(\d+)(?:\.html)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What an address points at."""

    kind: Kind
    number: str | None
    """The thread's or board's id; a link to a message may not tell it."""
    start: int = 0
    """How many messages or threads precede the page."""
    post: str | None = None
    """The message that a link to one names."""


def place_of(url: str) -> Place | None:
    """Return what ``url`` points at, plain or rewritten; ``None`` for anything else."""
    url = without_fragment(url)
    path = url.partition("?")[0]
    if script := SCRIPT.search(path):
        topic = script[1] == "viewtopic"
        start = parameter(url, "start") or "0"
        return Place(
            kind=Kind.THREAD if topic else Kind.BOARD,
            number=digits(parameter(url, "t" if topic else "f")),
            start=int(digits(start) or 0),
            post=digits(parameter(url, "p")) if topic else None,
        )
    for kind, pattern in ((Kind.THREAD, _TOPIC_PATH), (Kind.BOARD, _FORUM_PATH)):
        if found := pattern.search(path):
            return Place(kind=kind, number=found[1], start=int(digits(found[2] or found[3]) or 0))
    if found := _POST_PATH.search(path):
        return Place(kind=Kind.THREAD, number=None, post=found[1])
    return None
