"""Which page to ask for next, so that a poll costs the site as little as possible.

A board is read from its newest thread down and left at the first page without news; a thread is
read from its newest page back to what is known. Nothing here fetches: ``Walk`` is given a
function that turns an address into a ``Reading``.
"""

import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from models.errors import QuietwordError
from spiders.base import BoardRef, Kind, PageChanged, PostItem, Reading, ThreadRef
from spiders.listed import alone, on_the_list, written
from spiders.outcome import Outcome, PageFailed

THREAD_PAGES = 200
"""Pages of one thread that one crawl reads, newest first; longer threads lose their beginning."""

FATAL = frozenset({Outcome.BLOCKED, Outcome.RATE_LIMITED})
"""Answers meant for us, not for one page: they end the crawl at once."""

FAILURES_IN_A_ROW = 3
"""Pages that may fail one after another before the whole site counts as out of reach."""

ROUGHLY = timedelta(hours=1)
"""How far "2 hours ago" may be off when two polls of the same row are compared."""


HOLDER = "post:"
"""Begins the thread id of a row that knows only a message: the thread that holds this message."""


class PagesSpent(QuietwordError):
    """The crawl has fetched as many pages as it may; the next one goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadMark:
    """How far a thread has been read, in the words of its row on the board."""

    last_post_id: str | None
    last_posted_at: datetime | None
    posts: int | None


class Known(Protocol):
    """What earlier crawls of this source have left in the store."""

    def mark(self, thread_id: str) -> ThreadMark | None:
        """Return how far a thread has been read, or ``None`` for a new one."""

    def posts(self, thread_id: str) -> set[str]:
        """Return the ids of the thread's posts that are stored."""


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
    if mark is None:
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


@dataclass(slots=True, kw_only=True)
class Walk:
    """One crawl through an index, a board, or a thread."""

    read: Callable[[str], Awaitable[Reading]]
    """Raises ``PageFailed``, ``PageChanged`` or ``PagesSpent``."""
    known: Known
    sink: Callable[[ThreadItem], None]
    engine: str
    since: datetime | None
    behind: bool
    """The last crawl left something: look past pages of a board that hold no news."""
    thread_pages: int
    """Pages of one thread that are read at most, out of a board's crawl."""
    language: str | None
    tally: Tally
    _done: set[str] = field(default_factory=set)
    _pages: set[str] = field(default_factory=set)

    async def run(self, url: str, first: Reading) -> None:
        """Read everything new from ``url``, whose page reads ``first``."""
        if first.kind is Kind.THREAD:
            thread_id = first.thread_id or _key(first.thread_url or url)
            row = ThreadRef(thread_id=thread_id, title=first.thread_title or "", url=url)
            await self._thread(row, board=first, first=first)
            return
        queue: deque[tuple[str, Reading | None]] = deque([(url, first)])
        seen = {first.board_id}
        while queue:
            url, reading = queue.popleft()
            try:
                found = await self._board(url, reading)
            except (PageFailed, PageChanged) as error:
                if reading is first:
                    raise
                self._leave_out(error, url)
                continue
            fresh = [ref for ref in found if ref.board_id not in seen and not self._old(ref)]
            seen.update(ref.board_id for ref in fresh)
            if self.behind and fresh:
                # When the pages allowed never reach the last board, every board gets its turn.
                turn = random.randrange(len(fresh))  # noqa: S311  (no secret)
                fresh = fresh[turn:] + fresh[:turn]
            queue.extend((ref.url, None) for ref in {ref.board_id: ref for ref in fresh}.values())

    def _old(self, ref: BoardRef | ThreadRef) -> bool:
        when = ref.last_posted_at
        return self.since is not None and when is not None and when < self.since

    async def _board(self, url: str, reading: Reading | None) -> list[BoardRef]:
        """Read the changed threads of a board; return the boards that its pages link to."""
        boards: list[BoardRef] = []
        rows_seen: set[str] = set()
        following: str | None = url
        while following and self._unseen(following):
            page = reading if reading is not None else await self.read(following)
            reading = None
            boards += page.boards
            if following == url and page.kind is Kind.BOARD:
                self.tally.boards += 1
            rows = [row for row in page.threads if row.thread_id not in rows_seen]
            if page.threads and not rows:
                self._note(f"{following} lists the threads of an earlier page again; left there")
                break
            rows_seen.update(row.thread_id for row in rows)
            self.tally.listed += len(rows)
            regular = [row for row in rows if not row.pinned]
            changed = False
            for row in rows:
                if not self._old(row) and await self._row(row, page):
                    changed = changed or not row.pinned
            if regular and (all(map(self._old, regular)) or not (changed or self.behind)):
                break
            following = page.next_page
        return boards

    async def _row(self, row: ThreadRef, board: Reading) -> bool:
        """Read a thread if its row tells of news; return whether it does."""
        if row.thread_id in self._done:
            return False
        self._done.add(row.thread_id)
        if unchanged(row, self.known.mark(row.thread_id)):
            self.tally.skipped_unchanged += 1
            return False
        try:
            await self._thread(row, board=board)
        except (PageFailed, PageChanged) as error:
            if isinstance(error, PageFailed) and error.outcome is Outcome.GONE:
                self.gone(row.thread_id, row.url)
            self._leave_out(error, row.url)
        return True

    def gone(self, thread_id: str, url: str) -> None:
        """Hand over a thread that was read before and is not there any more, as one without posts.

        Its mark is taken away, so that a thread that comes back is read anew.
        """
        if self.known.mark(thread_id) is None:
            return
        self.sink(
            ThreadItem(
                board_id=None,
                board_title=None,
                thread_id=thread_id,
                thread_title=None,
                thread_url=url,
                engine=self.engine,
                posts=(),
                whole=True,
                mark=ThreadMark(last_post_id=None, last_posted_at=None, posts=None),
                language=self.language,
            )
        )

    def _leave_out(self, error: PageFailed | PageChanged, url: str) -> None:
        """Count a page that could not be read; raise ``error`` when going on is no use."""
        outcome = error.outcome if isinstance(error, PageFailed) else Outcome.MARKUP_CHANGED
        self.tally.failures[outcome] += 1
        if outcome is Outcome.UNREACHABLE:
            self.tally.behind = True
            self.tally.failed_in_a_row += 1
        if outcome in FATAL or self.tally.failed_in_a_row >= FAILURES_IN_A_ROW:
            raise error
        what = error.what if isinstance(error, PageFailed) else f"{url}: {error}"
        self._note(f"left out: {what}")

    async def _thread(
        self, row: ThreadRef, *, board: Reading, first: Reading | None = None
    ) -> None:
        """Read a thread from its newest page back to what is known, and hand it over."""
        mark = self.known.mark(row.thread_id)
        known = self.known.posts(row.thread_id)
        if mark and mark.last_post_id:
            known = known | {mark.last_post_id}
        listed = on_the_list(row, board) if first is None else ()
        if row.complete and listed:
            pages, cut = deque([alone(row, board, listed)]), False
        else:
            pages, cut = await self._pages_of(row, first, known)
        posts: dict[str, PostItem] = {}
        unreadable = sum(page.unreadable for page in pages)
        dropped = 0
        read = [post for page in pages for post in page.posts]
        opened = {post.post_id for post in read}
        for post in (*(post for post in listed if post.post_id not in opened), *read):
            if post.post_id not in known and self._too_old(post):
                dropped += 1
            else:
                posts.setdefault(post.post_id, post)
        if any(page.nested for page in pages):
            posts = {post.post_id: post for post in sorted(posts.values(), key=written)}
        self.tally.unreadable += unreadable
        if not posts and not dropped:
            if unreadable:
                return  # without a mark, so that the next crawl tries again
            raise PageChanged("a thread without messages")
        newest = pages[-1]
        self.sink(
            ThreadItem(
                board_id=board.board_id or newest.board_id,
                board_title=board.board_title or newest.board_title,
                thread_id=newest.thread_id or row.thread_id,
                thread_title=newest.thread_title or row.title or None,
                thread_url=newest.thread_url or row.url,
                engine=self.engine,
                posts=tuple(posts.values()),
                unreadable=unreadable,
                whole=not (cut or unreadable or pages[0].previous_page)
                and not any(page.cut for page in pages),
                mark=_new_mark(row, list(posts.values())),
                language=self.language or newest.language,
            )
        )
        self._done.update(HOLDER + post_id for post_id in posts)
        self.tally.threads += 1
        self.tally.posts += len(posts)

    async def _pages_of(
        self, row: ThreadRef, first: Reading | None, known: set[str]
    ) -> tuple[deque[Reading], bool]:
        """Return the pages of a thread that hold news, oldest first, and whether more was cut."""
        start = row.last_url if row.last_url and first is None else row.url
        try:
            newest = first if first is not None else await self._thread_page(start)
        except PageFailed as error:
            if error.outcome is not Outcome.GONE or start == row.url:
                raise
            start = row.url  # the link to its newest message is dead, the thread need not be
            newest = await self._thread_page(start)
        front = _key(start)
        seen = {front}
        aside: Reading | None = None
        last = newest.last_page
        if newest.next_page and last and _key(last) not in seen:
            aside = newest
            newest = await self._thread_page(last)
            front = _key(last)
            seen.add(front)
        pages = deque([newest])
        ids = {post.post_id for post in newest.posts}

        async def fetch(url: str) -> Reading | None:
            """Return one more page, or ``None`` when it brings nothing."""
            if _key(url) in seen:
                self._note(f"{url} was read before in the same thread; left there")
                return None
            seen.add(_key(url))
            page = await self._thread_page(url)
            fresh = {post.post_id for post in page.posts} - ids
            if page.posts and not fresh and not page.unreadable:
                self._note(f"{url} repeats the messages of another page; left there")
                return None
            ids.update(fresh)
            return page

        too_long = f"{row.url} is longer than {self.thread_pages} pages; the rest was left"
        while url := pages[-1].next_page:
            if len(pages) >= self.thread_pages:
                self._note(too_long)
                return pages, True
            page = await fetch(url)
            if page is None:
                return pages, True
            pages.append(page)
        while (url := pages[0].previous_page) and not self._reached(pages[0], known):
            if len(pages) >= self.thread_pages:
                self._note(too_long)
                return pages, True
            if aside is not None and front == _key(aside.next_page or ""):
                page, aside = aside, None  # the page we came from is the one before
            else:
                page = await fetch(url)
            if page is None:
                return pages, True
            pages.appendleft(page)
            front = _key(url)
        return pages, False

    async def _thread_page(self, url: str) -> Reading:
        reading = await self.read(url)
        if reading.kind is not Kind.THREAD:
            raise PageChanged(f"{url} is not the thread it was listed as")
        return reading

    def _reached(self, page: Reading, known: set[str]) -> bool:
        """Return whether a page of a thread touches what was read before or is too old.

        Some forums repeat the first message on every page; it says nothing.
        """
        return any(
            post.post_id in known or self._too_old(post)
            for post in page.posts
            if post.number != 1 or page.previous_page is None
        )

    def _too_old(self, post: PostItem) -> bool:
        return bool(self.since and post.posted_at and post.posted_at < self.since)

    def _unseen(self, url: str) -> bool:
        """Return whether a page of a board is new to this crawl, and remember it."""
        key = _key(url)
        if key in self._pages:
            return False
        self._pages.add(key)
        return True

    def _note(self, text: str) -> None:
        if len(self.tally.notes) < 20:
            self.tally.notes.append(text[:400])


def _key(url: str) -> str:
    """Return what two addresses of one page have in common; takes malformed ones too."""
    return url.partition("#")[0]


def _new_mark(row: ThreadRef, posts: list[PostItem]) -> ThreadMark:
    """Return the mark that the thread's row will bear at the next crawl if nothing happens.

    Messages that came between reading the board and reading the thread are counted in; a row
    whose last message is not among those read (hidden, say) is taken at its word.
    """
    if row.stamp is not None:
        newest = max((p.posted_at for p in posts if p.posted_at), default=row.last_posted_at)
        return ThreadMark(last_post_id=row.stamp, last_posted_at=newest, posts=row.posts)
    ids: Iterable[str] = [post.post_id for post in posts]
    last = posts[-1] if posts else None
    if last is None or (row.last_post_id is not None and row.last_post_id not in ids):
        return ThreadMark(
            last_post_id=row.last_post_id, last_posted_at=row.last_posted_at, posts=row.posts
        )
    later = len(posts) - 1 - list(ids).index(row.last_post_id) if row.last_post_id else 0
    return ThreadMark(
        last_post_id=last.post_id,
        last_posted_at=last.posted_at if later or not row.last_posted_at else row.last_posted_at,
        posts=row.posts + later if row.posts is not None else None,
    )
