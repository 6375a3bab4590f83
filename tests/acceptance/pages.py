"""Single saved pages, read by the real reader, against the little that is known of each."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from w3lib.html import get_base_url
from w3lib.url import url_query_cleaner

from models.errors import QuietwordError
from spiders.base import PostItem, Reading, ReadOptions
from spiders.reading import read_file

NAMES = {
    "discourse_json": ("discourse",),
    "ipb3": ("invision", "ipb3", "ipb", "invision3"),
    "mastodon_json": ("mastodon",),
    "phpbb3": ("phpbb",),
    "reddit_json": ("reddit",),
    "vbulletin3": ("vbulletin", "vbulletin3"),
    "vbulletin4": ("vbulletin", "vbulletin4"),
    "xenforo1": ("xenforo", "xenforo1"),
    "xenforo2": ("xenforo", "xenforo2", "schema_org"),
}
"""What an engine may be called, by the folder of its pages; a folder's own name always."""


SESSION = ("s", "sid", "PHPSESSID")
"""Parameters that name a visitor's session: no part of a page's address."""
NOWHERE = "https://forum.example"
"""Where a page is taken to come from when its address is not known, or not whole."""


@dataclass
class PageScore:
    """What was right on one page: nothing in ``right`` where nothing is known."""

    name: str
    engine: str = ""
    wanted: int = 0
    """Posts; of a list, its threads and boards."""
    found: int = 0
    listed: bool = False
    recognised: bool = False
    right: dict[str, bool] = field(default_factory=dict)
    error: str = ""
    faults: list[str] = field(default_factory=list)


def judge_pages(folder: Path) -> list[PageScore]:
    """Return how every saved page under ``folder`` was read."""
    scores = []
    for truth in sorted(folder.glob("*/truth.json")):
        for name, known in sorted(json.loads(truth.read_text("utf-8")).items()):
            scores.append(judge_page(truth.parent / name, known))
    return scores


def judge_page(file: Path, known: dict[str, Any]) -> PageScore:
    """Read one page and compare it."""
    score = PageScore(f"{file.parent.name}/{file.name}")
    url = urljoin(NOWHERE, known["url"] or "/")
    try:
        detection, page = read_file(file, url, ReadOptions())
    except QuietwordError as error:
        score.wanted = known.get("posts") or 0
        score.error = f"{type(error).__name__}: {' '.join(str(error).split())[-90:]}"
        return score
    score.engine = detection.engine.name
    allowed = (file.parent.name, *NAMES.get(file.parent.name, ()))
    score.recognised = score.engine in allowed
    if known.get("posts"):
        _judge_posts(score, page, known)
    else:
        _judge_list(score, page, known)
    if known["url"]:
        _note(score, "next", *_next_pages(page.next_page, known.get("next_url"), url, file))
    return score


def _judge_posts(score: PageScore, page: Reading, known: dict[str, Any]) -> None:
    posts = list(page.posts)
    if "submitter" in known and posts and posts[0].number == 1:
        # What a thread was opened with is a post; these truths count the answers and name it apart.
        _note(score, "submission", posts.pop(0).author, known["submitter"])
    score.wanted, score.found = known["posts"], len(posts)
    if not posts:
        return
    ends = [("first", posts[0]), ("last", posts[-1])]
    authors = [_named(post, known[f"{which}_author"]) for which, post in ends]
    _note(score, "author", authors, [known[f"{which}_author"] for which, _ in ends])
    times = [
        agrees(post.posted_at, known.get(f"{which}_time_iso") or known.get(f"{which}_time"))
        for which, post in ends
    ]
    if set(times) != {None}:
        score.right["time"] = False not in times
        if False in times:
            shown = (known["first_time"], known["last_time"])
            score.faults.append(
                f"time: {[str(posts[0].posted_at), str(posts[-1].posted_at)]}, not {shown}"
            )
    if known.get("title") and "thread" in str(known.get("kind")):
        _note(score, "title", (page.thread_title or "").strip(), known["title"].strip())


def _judge_list(score: PageScore, page: Reading, known: dict[str, Any]) -> None:
    """Compare how many threads and boards are listed, and the names of the first and the last."""
    score.listed = True
    boards = known.get("boards", known.get("boards_top"))
    score.wanted = (known.get("threads") or 0) + (boards or 0)
    for kind, count, rows in (
        ("thread", known.get("threads"), page.threads),
        ("board", boards, page.boards),
    ):
        if count is not None:
            score.found += len(rows)
            if rows:
                wanted = (known[f"first_{kind}"], known[f"last_{kind}"])
                _note(score, f"{kind}s", (rows[0].title, rows[-1].title), wanted)


def _named(post: PostItem, wanted: str | None) -> str | None:
    """Return the post's author as the truth would name them: by handle, or by nothing."""
    if wanted == post.author_handle:
        return post.author_handle
    if wanted is None and post.author == "[deleted]":
        return None  # what Reddit shows for an account that is gone
    return post.author


def _note(score: PageScore, what: str, read: Any, wanted: Any) -> None:
    score.right[what] = read == wanted
    if read != wanted:
        score.faults.append(f"{what}: {read!r}, not {wanted!r}")


def _next_pages(
    read: str | None, shown: str | None, url: str, file: Path
) -> tuple[str | None, str | None]:
    """Return two addresses of a next page in a form in which they can be compared.

    Where the truth has a parameter only, as of an API whose answer holds no address, that is
    compared; else what tells one page of a site from another, without a visitor's session.
    """
    shown = (shown or "").partition(" (")[0] or None
    if shown and re.fullmatch(r"\w+=\w+", shown):
        name = shown.partition("=")[0]
        return f"{name}={dict(parse_qsl(urlsplit(read or '').query)).get(name)}", shown
    if shown:
        base = get_base_url(file.read_text("utf-8", errors="replace"), url)
        shown = urljoin(base, shown)
    return _tail(read), _tail(shown)


def _tail(url: str | None) -> str | None:
    """Return the numbers in an address: its other words may be spelt in several ways."""
    if url is None:
        return None
    kept = url_query_cleaner(url, SESSION, remove=True, keep_fragments=False)
    return "/".join(re.findall(r"\d+", kept.partition("//")[2]))


def agrees(read: datetime | None, shown: str | None) -> bool | None:
    """Return whether ``read`` is what a page shows, in its own zone; ``None`` for "2 days ago".

    Compares year, day and minute as numbers, so that it depends on no reader of dates. A year of
    another calendar (1394) must be left out, not be taken for a year of ours.
    """
    if not shown or not re.search(r"\d{4}", shown):
        return None
    if re.match(r"1[34]\d\d\b(?!\d)", shown):
        return read is None
    if read is None:
        return False
    if epoch := re.match(r"(\d{10})(?:\.\d+)?\b", shown):
        return int(epoch[1]) == int(read.timestamp())
    if re.match(r"\d{4}-\d\d-\d\dT", shown):
        return (
            abs((datetime.fromisoformat(shown.replace("Z", "+00:00")) - read).total_seconds()) < 60
        )
    numbers = {int(number) for number in re.findall(r"\d+", shown)}
    clock = re.search(r"(\d{1,2}):(\d\d)", shown)
    hours = {read.hour, read.hour % 12 or 12}
    return {read.year, read.day} <= numbers and (
        clock is None or (int(clock[1]) in hours and int(clock[2]) == read.minute)
    )
