"""Which page to ask for next, so that a poll costs the site as little as possible.

A board is read from its newest thread down and left at the first page without news; a thread is
read from its newest page back to what is known. Nothing here fetches: ``Walk`` is given a
function that turns an address into a ``Reading``. A thread that could not be read is looked for
again by the next crawls, whatever its board says of it; one that is not there is taken for deleted
when it was not there before.
"""

import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from models.base import utc_now
from models.errors import QuietwordError
from spiders.base import BoardRef, Kind, PageChanged, PostItem, Reading, ThreadRef
from spiders.known import (
    HOLDER,
    Known,
    LeftOut,
    ListMark,
    Lists,
    Tally,
    ThreadItem,
    ThreadMark,
    unchanged,
)
from spiders.listed import alone, on_the_list, written
from spiders.outcome import Outcome, PageFailed
from spiders.thread_pages import ThreadPages, new_mark, page_key, row_mark

__all__ = [
    "HOLDER",
    "Known",
    "ListMark",
    "Lists",
    "NotModified",
    "PagesSpent",
    "Tally",
    "ThreadItem",
    "ThreadMark",
    "Walk",
    "unchanged",
]

THREAD_PAGES = 200
"""Pages of one thread that one crawl reads, newest first; longer threads lose their beginning."""

FATAL = frozenset({Outcome.BLOCKED, Outcome.RATE_LIMITED})
"""Answers meant for us, not for one page: they end the crawl at once."""

PASSING = frozenset({Outcome.GONE, Outcome.UNREACHABLE})
"""What may be otherwise at the next crawl, without news in the thread."""

FAILURES_IN_A_ROW = 3
"""Pages that may fail one after another before the whole site counts as out of reach."""


DOUBT = timedelta(minutes=20)
"""A thread that is not there is deleted if it was not there so long before either."""

SETTLED = timedelta(minutes=5)
"""A board whose newest message is younger may get another one within the same displayed minute."""


class NotModified(QuietwordError):
    """The site says that a page is as it was when it was last read."""


class PagesSpent(QuietwordError):
    """The crawl has fetched as many pages as it may; the next one goes on."""


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
    lists: Lists | None = None
    read_if_changed: Callable[[str, ListMark], Awaitable[Reading]] | None = None
    """The same for a list that was like this; raises ``NotModified`` too."""
    validators: Callable[[str], ListMark] = lambda url: ListMark()  # noqa: ARG005
    """Returns what the site's answer for an address said of its version."""
    now: Callable[[], datetime] = utc_now
    _done: set[str] = field(default_factory=set)
    _waiting: int = 0
    """Failures that need no list read again, since the store knows of them."""
    _pages: set[str] = field(default_factory=set)

    async def run(self, url: str, first: Reading) -> None:
        """Read everything new from ``url``, whose page reads ``first``."""
        if first.kind is Kind.THREAD:
            thread_id = first.thread_id or page_key(first.thread_url or url)
            row = ThreadRef(thread_id=thread_id, title=first.thread_title or "", url=url)
            stays_away = self._stays_away(thread_id)
            try:
                await self._thread(row, board=first, first=first, around=stays_away)
            except (PageFailed, PageChanged) as error:
                self._hand_back(row, first, outcome_of(error), deleted=stays_away)
                raise
            return
        start = BoardRef(board_id="", title="", url=url)  # no page above tells of it
        queue: deque[tuple[BoardRef, Reading | None]] = deque([(start, first)])
        above: list[tuple[str, ListMark]] = []
        seen = {first.board_id}
        while queue:
            board, reading = queue.popleft()
            url = board.url
            if self._as_before(board):
                continue
            before = self._trouble
            try:
                found = await self._board(url, reading)
            except NotModified:
                self.tally.lists_unchanged += 1
                continue
            except (PageFailed, PageChanged) as error:
                if reading is first:
                    raise
                self._leave_out(error, url, wanted=False)
                continue
            if self._trouble == before:
                mark = self._list_mark(board, found)
                if found:
                    above.append((url, mark))  # it is done with when its boards are
                else:
                    self._keep(url, mark)
            fresh = [ref for ref in found if ref.board_id not in seen and not self._old(ref)]
            seen.update(ref.board_id for ref in fresh)
            if self.behind and fresh:
                # When the pages allowed never reach the last board, every board gets its turn.
                turn = random.randrange(len(fresh))  # noqa: S311  (no secret)
                fresh = fresh[turn:] + fresh[:turn]
            for ref in {ref.board_id: ref for ref in fresh}.values():
                queue.append((ref, None))
        if not self._trouble:
            for url, mark in above:
                self._keep(url, mark)
        await self.look_again()

    async def look_again(self) -> None:
        """Read the threads that earlier crawls left out, those apart that were just looked at.

        Some of them may fail for ever, so this goes on with another one each time, and says
        nothing of the site.
        """
        rows = [row for row in self.known.left_out() if row.thread_id not in self._done]
        random.shuffle(rows)
        try:
            await self.reread(rows)
        except PageFailed as error:
            if error.outcome in FATAL:
                raise

    async def reread(self, rows: Iterable[ThreadRef]) -> None:
        """Read threads again, whatever their boards say; each stands as it was left."""
        for row in rows:
            mark = self.known.mark(row.thread_id)
            if mark is not None:
                row = replace(
                    row,
                    last_post_id=mark.last_post_id,
                    last_posted_at=mark.last_posted_at,
                    posts=mark.posts,
                )
            await self._try(row, board=Reading(kind=Kind.BOARD))

    @property
    def _trouble(self) -> int:
        return self.tally.failures.total() + self.tally.unreadable - self._waiting

    def _as_before(self, board: BoardRef) -> bool:
        """Return whether a board has no message that is newer than those it was left with."""
        if self.lists is None or self.behind or not (board.stamp or board.last_posted_at):
            return False
        mark = self.lists.list_mark(board.url)
        if mark is None:
            return False
        if board.stamp:
            same = mark.stamp == board.stamp
        else:
            same = mark.last_posted_at == board.last_posted_at
        if not same:
            return False
        self.tally.lists_unchanged += 1
        return True

    def _list_mark(self, board: BoardRef, below: list[BoardRef]) -> ListMark:
        """Return what will tell that a list which was read to its end is the same."""
        mark = ListMark()
        if all(ref.last_posted_at or ref.stamp for ref in below):
            mark = self.validators(board.url)  # else one below may have news unseen from here
        if board.last_posted_at is not None and self.now() - board.last_posted_at > SETTLED:
            mark = replace(mark, last_posted_at=board.last_posted_at)
        return replace(mark, stamp=board.stamp)

    def _keep(self, url: str, mark: ListMark) -> None:
        if self.lists is not None and mark != ListMark():
            self.lists.keep_list(url, mark)

    def _old(self, ref: BoardRef | ThreadRef) -> bool:
        when = ref.last_posted_at
        return self.since is not None and when is not None and when < self.since

    async def _board(self, url: str, reading: Reading | None) -> list[BoardRef]:
        """Read the changed threads of a board; return the boards that its pages link to."""
        boards: list[BoardRef] = []
        rows_seen: set[str] = set()
        following: str | None = url
        while following and self._unseen(following):
            page = reading if reading is not None else await self._list_page(following, url)
            reading = None
            self.tally.list_pages += bool(page.threads)
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

    async def _list_page(self, url: str, board: str) -> Reading:
        """Return a page of a board; raise ``NotModified`` when its first one is as it was."""
        if url == board and self.lists and self.read_if_changed and not self.behind:
            mark = self.lists.list_mark(url)
            if mark is not None and mark.validators:
                return await self.read_if_changed(url, mark)
        try:
            return await self.read(url)
        except (PageFailed, PageChanged):
            # What stands on a later page may never rise to the first: the next crawl looks there.
            self.tally.behind = self.tally.behind or url != board
            raise

    async def _row(self, row: ThreadRef, board: Reading) -> bool:
        """Read a thread if its row tells of news; return whether it does."""
        if row.thread_id in self._done:
            return False
        self._done.add(row.thread_id)
        if unchanged(row, self.known.mark(row.thread_id)):
            self.tally.skipped_unchanged += 1
            return False
        await self._try(row, board=board)
        return True

    async def _try(self, row: ThreadRef, *, board: Reading) -> None:
        """Read a thread, or leave it out."""
        stays_away = self._stays_away(row.thread_id)
        try:
            await self._thread(row, board=board, first=None, around=stays_away)
        except (PageFailed, PageChanged) as error:
            wanted = self._hand_back(row, board, outcome_of(error), deleted=stays_away)
            self._leave_out(error, row.url, wanted=wanted)

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

    async def _thread(
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

    def _unseen(self, url: str) -> bool:
        """Return whether a page of a board is new to this crawl, and remember it."""
        key = page_key(url)
        if key in self._pages:
            return False
        self._pages.add(key)
        return True

    def _note(self, text: str) -> None:
        if len(self.tally.notes) < 20:
            self.tally.notes.append(text[:400])


def outcome_of(error: PageFailed | PageChanged) -> Outcome:
    """Return what a page that could not be had or read amounts to."""
    return error.outcome if isinstance(error, PageFailed) else Outcome.MARKUP_CHANGED
