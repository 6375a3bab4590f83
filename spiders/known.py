"""What a crawl is told of earlier ones, what it hands over, and what it counts."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from spiders.base import PostItem, ThreadRef
from spiders.outcome import Outcome

KEPT_FOR = timedelta(days=1)
"""A list that says it has not changed is believed for so long, then read again in full."""

ROUGHLY = timedelta(hours=1)
"""How far "2 hours ago" may be off when two polls of the same row are compared."""


HOLDER = "post:"
"""Begins the thread id of a row that knows only a message: the thread that holds this message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """That a thread could not be read when it should have been."""

    gone: bool
    """The site said that it, or a page of it, is not there."""
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadMark:
    """How far a thread has been read, in the words of its row on the board."""

    last_post_id: str | None
    last_posted_at: datetime | None
    posts: int | None
    left_out: LeftOut | None = None
    """What came in between when it was to be read further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMark:
    """What a list of threads or boards was like when all in it had been read."""

    etag: str | None = None
    last_modified: str | None = None
    last_posted_at: datetime | None = None
    """The board's newest message, as the page above it says."""
    stamp: str | None = None
    """The board's ``BoardRef.stamp`` there."""
    behind: bool = False
    """It was not there when more of it was to be read than its news: that is still to be done."""

    @property
    def validators(self) -> bool:
        """Return whether the site can be asked if the page has changed."""
        return bool(self.etag or self.last_modified)


class Lists(Protocol):
    """What earlier crawls of this source have left of its lists."""

    def list_mark(self, url: str) -> ListMark | None:
        """Return what a list was like, or ``None`` for one to be read in any case."""

    def keep_list(self, url: str, mark: ListMark) -> None:
        """Remember a list whose threads have all been read and stored."""


class Known(Protocol):
    """What earlier crawls of this source have left in the store."""

    def mark(self, thread_id: str) -> ThreadMark | None:
        """Return how far a thread has been read, or ``None`` for a new one."""

    def posts(self, thread_id: str) -> set[str]:
        """Return the ids of the thread's posts that are stored and have not gone."""

    def between(self, first: str, last: str) -> list[ThreadRef]:
        """Return known threads whose ids end with a number between those of two others."""

    def left_out(self) -> list[ThreadRef]:
        """Return the threads to look at whatever their lists say: those left out, still wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadItem:
    """What one walk through a thread has read, to be stored in one transaction."""

    board_id: str | None
    board_title: str | None
    thread_id: str
    thread_title: str | None
    thread_url: str
    engine: str
    posts: tuple[PostItem, ...]
    """Each once, oldest first; those known before are among them where their page was read.
    Empty when all that is new is older than asked for."""
    unreadable: int = 0
    """Messages seen on the pages but not understood."""
    whole: bool
    """All pages were read and understood: a stored message that is not in ``posts`` is gone."""
    partial: bool = False
    """Some messages chosen by a person: those missing between them are not gone."""
    mark: ThreadMark
    """What the store compares the thread's row with at the next crawl."""
    language: str | None
    """ISO 639-1 of the forum's interface."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a crawl has done so far."""

    pages: int = 0
    """Fetched, robots.txt not counted."""
    boards: int = 0
    listed: int = 0
    """Threads seen on board pages."""
    threads: int = 0
    """Threads read."""
    posts: int = 0
    unreadable: int = 0
    skipped_unchanged: int = 0
    lists_unchanged: int = 0
    """Boards and pages that did not have to be read, by their own account."""
    authors: int = 0
    """Messages whose author is told."""
    dated: int = 0
    """Messages whose time is told."""
    list_pages: int = 0
    """Pages of boards that were read."""
    failures: Counter[Outcome] = field(default_factory=Counter)
    """Pages that could not be had or read, while the crawl went on."""
    failed_in_a_row: int = 0
    behind: bool = False
    """Something newer than ``since`` was left for the next crawl."""
    notes: list[str] = field(default_factory=list)


def unchanged(row: ThreadRef, mark: ThreadMark | None) -> bool:
    """Return whether a row of a board says that nothing has happened since ``mark``.

    Ids and counts decide where the page has them. A time alone is compared exactly, and loosely
    beside a count, since "2 hours ago" gives another moment at every poll.
    """
    if mark is None or mark.left_out is not None:
        return False
    if row.thread_id.startswith(HOLDER):
        return True  # the message is stored, with the thread around it
    if row.stamp is not None:
        return row.stamp == mark.last_post_id
    same_count = row.posts == mark.posts if row.posts is not None and mark.posts else None
    if row.last_post_id and mark.last_post_id:
        return row.last_post_id == mark.last_post_id and same_count is not False
    if row.last_posted_at is None or mark.last_posted_at is None:
        return same_count is True
    apart = abs(row.last_posted_at - mark.last_posted_at)
    return same_count is not False and apart <= (ROUGHLY if same_count else timedelta(0))
