"""Which threads are read, handed over, left out, or found to be deleted.

A thread is read from its newest page back to what is known. One that could not be read is looked
for again by the next crawls, whatever its board says of it; one that is not there is taken for
deleted when it was not there before.
"""

import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from models.base import utc_now
from models.errors import QuietwordError
from spiders.base import Kind, PageChanged, PostItem, Reading, ThreadRef
from spiders.known import HOLDER, Known, LeftOut, Tally, ThreadItem, ThreadMark
from spiders.listed import alone, on_the_list, written
from spiders.outcome import FATAL, Outcome, PageFailed
from spiders.thread_pages import ThreadPages, new_mark, row_mark

THREAD_PAGES = 200
"""Pages of one thread that one crawl reads, newest first; longer threads lose their beginning."""

PASSING = frozenset({Outcome.GONE, Outcome.UNREACHABLE})
"""What may be otherwise at the next crawl, without news in the thread."""

FAILURES_IN_A_ROW = 3
"""Pages that may fail one after another before the whole site counts as out of reach."""


DOUBT = timedelta(minutes=20)
"""A thread that is not there is deleted if it was not there so long before either."""


class PagesSpent(QuietwordError):
    """The crawl has fetched as many pages as it may; the next one goes on."""


@dataclass(slots=True, kw_only=True)
class ThreadWalk:
    """The threads of one crawl."""

    read: Callable[[str], Awaitable[Reading]]
    """Raises ``PageFailed``, ``PageChanged`` or ``PagesSpent``."""
    known: Known
    sink: Callable[[ThreadItem], None]
    engine: str
    since: datetime | None
    thread_pages: int
    """Pages of one thread that are read at most, out of a board's crawl."""
    language: str | None
    tally: Tally
    now: Callable[[], datetime] = utc_now
    again: Callable[[ThreadRef], str | None] = lambda row: row.url
    """Returns where a thread is read again; ``None`` where only its list shows it."""
    _done: set[str] = field(default_factory=set)
    """Threads that were looked at."""
    _waiting: int = 0
    """Failures that need no list read again, since the store knows of them."""
    _halves: int = 0
    """Threads and lists of which a page broke off."""

    async def look_again(self) -> None:
        """Read the threads that the store wants looked at, those apart that were just read.

        Some of them may fail for ever, so this goes on with another one each time, and says
        nothing of the site.
        """
        rows = [row for row in self.known.left_out() if row.thread_id not in self._done]
        random.shuffle(rows)
        changed = self.tally.failures[Outcome.MARKUP_CHANGED]
        try:
            await self.reread(rows)
        except PageFailed as error:
            if error.outcome in FATAL:
                raise
        if self.tally.failures[Outcome.MARKUP_CHANGED] > changed:
            self.tally.failures[Outcome.MARKUP_CHANGED] = changed

    async def reread(self, rows: Iterable[ThreadRef]) -> None:
        """Read threads again, whatever their boards say; each stands as it was left."""
        for row in rows:
            url = self.again(row)
            if url is None:
                continue
            row = replace(row, url=url)
            mark = self.known.mark(row.thread_id)
            if mark is not None:
                row = replace(
                    row,
                    last_post_id=mark.last_post_id,
                    last_posted_at=mark.last_posted_at,
                    posts=mark.posts,
                )
            await self.attempt(row, board=Reading(kind=Kind.BOARD))

    async def lone(self, row: ThreadRef, first: Reading) -> None:
        """Read the one thread of a crawl, whose page reads ``first``; raise what keeps from it."""
        stays_away = self._stays_away(row.thread_id)
        try:
            await self.thread(row, board=first, first=first, around=stays_away)
        except (PageFailed, PageChanged) as error:
            self._hand_back(row, first, outcome_of(error), deleted=stays_away)
            raise

    async def attempt(self, row: ThreadRef, *, board: Reading) -> None:
        """Read a thread, or leave it out."""
        stays_away = self._stays_away(row.thread_id)
        try:
            await self.thread(row, board=board, first=None, around=stays_away)
        except (PageFailed, PageChanged) as error:
            wanted = self._hand_back(row, board, outcome_of(error), deleted=stays_away)
            self._leave_out(error, row.url, wanted=wanted)

    def missing(self, page: Reading) -> None:
        """Hand over what was known and is missing from a list without gaps, as not there."""
        here = [post.post_id for post in page.posts]
        for row in self.known.between(here[0], here[-1]) if here else ():
            if row.thread_id not in here and row.thread_id not in self._done:
                self._done.add(row.thread_id)
                deleted = self._stays_away(row.thread_id)
                self._hand_back(row, page, Outcome.GONE, deleted=deleted)
                self._waiting -= 1  # nothing failed

    def gone(self, thread_id: str, url: str) -> None:
        """Hand over that the one thread which is read is not there, if it was there before."""
        if self.known.mark(thread_id) is not None:
            row = ThreadRef(thread_id=thread_id, title="", url=url)
            board = Reading(kind=Kind.BOARD)
            self._hand_back(row, board, Outcome.GONE, deleted=self._stays_away(thread_id))

    def _stays_away(self, thread_id: str) -> bool:
        """Return whether a thread, or a page of it, was not there a while ago either."""
        mark = self.known.mark(thread_id)
        left = mark.left_out if mark is not None else None
        return left is not None and left.gone and self.now() - left.since >= DOUBT

    def _hand_back(
        self, row: ThreadRef, board: Reading, outcome: Outcome, *, deleted: bool
    ) -> bool:
        """Hand over that a thread was left out; that it has no posts, when it is ``deleted``.

        Return whether the store knows of it now. The mark of a deleted thread is taken away, so
        that one that comes back is read anew; one that was never read waits for news in its row.
        """
        mark = self.known.mark(row.thread_id)
        if outcome not in PASSING or (mark is None and row.thread_id.startswith(HOLDER)):
            return False  # the thread that holds a message is not known yet
        self._waiting += 1
        nothing = ThreadMark(last_post_id=None, last_posted_at=None, posts=None)
        gone = outcome is Outcome.GONE
        mark = mark or nothing
        if gone and deleted:
            never_read = replace(mark, left_out=None) == nothing
            mark = row_mark(row) if never_read else nothing
        elif mark.left_out is None or mark.left_out.gone is not gone:
            mark = replace(mark, left_out=LeftOut(gone=gone, since=self.now()))
        else:
            return True
        self.sink(
            ThreadItem(
                board_id=board.board_id,
                board_title=board.board_title,
                thread_id=row.thread_id,
                thread_title=None,
                thread_url=row.url,
                engine=self.engine,
                posts=(),
                whole=gone and deleted,
                mark=mark,
                language=self.language,
            )
        )
        return True

    def _leave_out(self, error: PageFailed | PageChanged, url: str, *, wanted: bool) -> None:
        """Count a page that could not be read; raise ``error`` when going on is no use.

        One that is not ``wanted``, by the store's account, may be found again from its list alone.
        """
        outcome = outcome_of(error)
        self.tally.failures[outcome] += 1
        if outcome is Outcome.UNREACHABLE:
            self.tally.behind = self.tally.behind or not wanted
            self.tally.failed_in_a_row += 1
        if outcome in FATAL or self.tally.failed_in_a_row >= FAILURES_IN_A_ROW:
            raise error
        what = error.what if isinstance(error, PageFailed) else f"{url}: {error}"
        self._note(f"left out: {what}")

    async def thread(
        self, row: ThreadRef, *, board: Reading, first: Reading | None, around: bool
    ) -> None:
        """Read a thread from its newest page back to what is known, and hand it over.

        ``around`` pages that are not there.
        """
        mark = self.known.mark(row.thread_id)
        known = self.known.posts(row.thread_id)
        if mark and mark.last_post_id:
            known = known | {mark.last_post_id}
        listed = on_the_list(row, board) if first is None else ()
        if row.complete and listed:
            pages, cut = deque([alone(row, board, listed)]), False
        else:
            pages, cut = await ThreadPages(
                row=row,
                known=known,
                most=self.thread_pages,
                read=self.read,
                too_old=self._too_old,
                note=self._note,
                around=around,
            ).fetch(first)
        half = any(page.half for page in pages)
        self._halves += half
        if half and not (mark and mark.left_out):
            raise PageFailed(Outcome.UNREACHABLE, f"{row.url} breaks off before its end")
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
                whole=not (cut or half or unreadable or pages[0].previous_page)
                and not any(page.cut for page in pages),
                mark=new_mark(row, list(posts.values())),
                language=self.language or newest.language,
            )
        )
        self._done.update(HOLDER + post_id for post_id in posts)
        self.tally.threads += 1
        self.tally.posts += len(posts)
        self.tally.authors += sum(bool(post.author.strip()) for post in posts.values())
        self.tally.dated += sum(post.posted_at is not None for post in posts.values())

    def _too_old(self, post: PostItem) -> bool:
        return bool(self.since and post.posted_at and post.posted_at < self.since)

    def _note(self, text: str) -> None:
        if len(self.tally.notes) < 20:
            self.tally.notes.append(text[:400])


def outcome_of(error: PageFailed | PageChanged) -> Outcome:
    """Return what a page that could not be had or read amounts to."""
    return error.outcome if isinstance(error, PageFailed) else Outcome.MARKUP_CHANGED
