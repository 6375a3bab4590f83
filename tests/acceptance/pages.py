"""Single saved pages, read by the real reader, against the little that is known of each."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from models.errors import QuietwordError
from spiders.base import ReadOptions
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


@dataclass
class PageScore:
    """What was right on one page: ``None`` where nothing is known."""

    name: str
    engine: str = ""
    wanted: int = 0
    found: int = 0
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
    score = PageScore(f"{file.parent.name}/{file.name}", wanted=known.get("posts") or 0)
    url = known["url"] or "https://forum.example/"
    try:
        detection, page = read_file(file, url, ReadOptions())
    except QuietwordError as error:
        score.error = f"{type(error).__name__}: {' '.join(str(error).split())[-90:]}"
        return score
    score.engine, score.found = detection.engine.name, len(page.posts)
    allowed = (file.parent.name, *NAMES.get(file.parent.name, ()))
    score.recognised = score.engine in allowed
    posts = page.posts
    if known.get("posts") and posts:
        authors = (posts[0].author, posts[-1].author)
        _note(score, "author", authors, (known["first_author"], known["last_author"]))
        times = [
            agrees(post.posted_at, known.get(f"{which}_time_iso") or known.get(f"{which}_time"))
            for which, post in (("first", posts[0]), ("last", posts[-1]))
        ]
        if None not in times:
            score.right["time"] = all(times)
            if not all(times):
                shown = (known["first_time"], known["last_time"])
                score.faults.append(
                    f"time: {[str(posts[0].posted_at), str(posts[-1].posted_at)]}, not {shown}"
                )
    wanted_next = urljoin(url, known["next_url"]) if known.get("next_url") else None
    if known["url"]:
        _note(score, "next", _tail(page.next_page), _tail(wanted_next))
    if known.get("title") and posts and "thread" in str(known.get("kind")):
        _note(score, "title", (page.thread_title or "").strip(), known["title"].strip())
    return score


def _note(score: PageScore, what: str, read: Any, wanted: Any) -> None:
    score.right[what] = read == wanted
    if read != wanted:
        score.faults.append(f"{what}: {read!r}, not {wanted!r}")


def _tail(url: str | None) -> str | None:
    """Return what tells one page of a site from another: forms of an address differ."""
    return None if url is None else "/".join(re.findall(r"\d+", url.partition("//")[2]))


def agrees(read: datetime | None, shown: str | None) -> bool | None:
    """Return whether ``read`` is what a page shows, in its own zone; ``None`` for "2 days ago".

    Compares year, day and minute as numbers, so that it depends on no reader of dates.
    """
    if not shown or not re.search(r"\d{4}", shown):
        return None
    if read is None:
        return False
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
