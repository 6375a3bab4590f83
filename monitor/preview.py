"""What a source would give, before it is one: a short crawl in a child process, stored nowhere.

The child goes through the same guard, robots.txt and pace as any crawl of ours.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from alerts.words import NAME_LIMIT, QUOTE_LIMIT, TITLE_LIMIT, Way, shown, way_of, web_link
from models import Outreach
from models.errors import QuietwordError
from monitor.crawling import CrawlOrder, run_crawl
from monitor.new_source import can_be_read

PAGES = 8
"""Pages that a look fetches at most: the list, what tells the zone, and a few threads."""
SECONDS = 90
GRACE_S = 10.0
THREADS_SHOWN = 3
POSTS_SHOWN = 3
BEAT_S = 1.0
"""How often the one who waits is given a turn, so that a look nobody waits for ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostSeen:
    """One post as it would be stored; e-mail addresses and numbers are masked."""

    author: str
    at: datetime | None
    text: str
    way: Way | None


@dataclass(slots=True, kw_only=True)
class ThreadSeen:
    """A thread with its first posts, in the order they were read."""

    title: str
    url: str | None
    posts: list[PostSeen] = field(default_factory=list)
    count: int = 0


@dataclass(slots=True, kw_only=True)
class Preview:
    """What one look gave."""

    report: dict[str, Any] = field(default_factory=dict)
    """The crawl's own report; empty until the look has ended."""
    threads: dict[str, ThreadSeen] = field(default_factory=dict)
    posts: int = 0
    undated: int = 0
    unsigned: int = 0
    private: int = 0
    """Posts whose author can be written to by a form."""
    profiles: int = 0
    """Posts of whose author there is only a page."""
    fault: str = ""
    """Why there is no report."""

    @property
    def usable(self) -> bool:
        """Whether a source may be made of it."""
        return bool(self.report) and can_be_read(self.report)

    @property
    def notes(self) -> list[str]:
        """What went wrong on the way; that a look is short is meant to be."""
        short = f"{PAGES} pages were fetched"
        return [note for note in self.report["notes"] if not note.startswith(short)]

    def take(self, record: dict[str, Any]) -> None:
        """Count one post and keep it, if it is among the first."""
        self.posts += 1
        self.undated += record["posted_at"] is None
        self.unsigned += not record["author"]
        way = way_of(
            Outreach.PRIVATE,
            write=record["private_message_url"],
            profile=record["profile_url"],
            post=record["url"] or "",
        )
        self.private += way is not None and way.name == "write"
        self.profiles += way is not None and way.name == "profile"
        key = str(record["thread_id"])
        if key not in self.threads and len(self.threads) == THREADS_SHOWN:
            return
        title = shown(record["thread_title"] or "", TITLE_LIMIT, empty="")
        thread = self.threads.setdefault(
            key, ThreadSeen(title=title, url=web_link(record["thread_url"]))
        )
        thread.count += 1
        if len(thread.posts) < POSTS_SHOWN:
            at = record["posted_at"]
            thread.posts.append(
                PostSeen(
                    author=shown(record["author"] or "", NAME_LIMIT, empty=""),
                    at=datetime.fromisoformat(at) if at else None,
                    text=shown(record["text"], QUOTE_LIMIT, empty=""),
                    way=way,
                )
            )


class Look:
    """One look at an address. Start it, iterate it to its end for the progress, ask ``found``.

    Gives the address of every page that was read, and ``None`` when only time has passed. Who
    stops iterating ends the child; one that nobody iterates ends by itself.
    """

    def __init__(self, order: CrawlOrder) -> None:
        self.order = replace(order, max_pages=PAGES, max_seconds=SECONDS, evidence_folder=None)
        self.found = Preview()
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._stop = threading.Event()

    def start(self, ended: Callable[[], None]) -> None:
        """Start the child; ``ended`` is called once, when it is gone."""

        def crawl() -> None:
            try:
                told = run_crawl(
                    self.order, on_event=self._events.put, stop=self._stop, grace_s=GRACE_S
                )
            except QuietwordError as error:
                told = {"event": "fault", "message": str(error)}
            except Exception as error:  # noqa: BLE001  (whoever waits must hear of it)
                told = {"event": "fault", "message": f"{type(error).__name__}: {error}"}
            finally:
                ended()
            self._events.put(told)

        threading.Thread(target=crawl, daemon=True).start()

    def __iter__(self) -> Iterator[str | None]:
        """Tell what the child reads."""
        try:
            yield from self._told()
        finally:
            self._stop.set()

    def _told(self) -> Iterator[str | None]:
        while True:
            try:
                event = self._events.get(timeout=BEAT_S)
            except queue.Empty:
                yield None
                continue
            if event["event"] == "report":
                self.found.report = event
                return
            if event["event"] == "fault":
                self.found.fault = event["message"]
                return
            if event["event"] == "post":
                self.found.take(event["record"])
            elif event["event"] == "progress":
                yield str(event["address"])
