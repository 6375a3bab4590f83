"""Which page to ask for next, so that a poll costs the site as little as possible.

A board is read from its newest thread down and left at the first page without news; a thread is
read from its newest page back to what is known. Nothing here fetches: ``Walk`` is given a
function that turns an address into a ``Reading``.
"""

import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from models.errors import QuietwordError
from spiders.base import BoardRef, Kind, PageChanged, Reading, ThreadRef
from spiders.known import (
    HOLDER,
    Known,
    ListMark,
    Lists,
    Tally,
    ThreadItem,
    ThreadMark,
    unchanged,
)
from spiders.outcome import Outcome, PageFailed
from spiders.pace import ENOUGH_UNCLOSED
from spiders.thread_pages import page_key
from spiders.thread_walk import ThreadWalk, outcome_of

__all__ = [
    "HOLDER",
    "Known",
    "ListMark",
    "Lists",
    "NotModified",
    "Tally",
    "ThreadItem",
    "ThreadMark",
    "Walk",
    "unchanged",
]

SETTLED = timedelta(minutes=5)
"""A board whose newest message is younger may get another one within the same displayed minute."""


class NotModified(QuietwordError):
    """The site says that a page is as it was when it was last read."""


@dataclass(slots=True, kw_only=True)
class Walk(ThreadWalk):
    """One crawl through an index, a board, or a thread."""

    behind: bool
    """The last crawl left something: look past pages of a board that hold no news."""
    lists: Lists | None = None
    read_if_changed: Callable[[str, ListMark], Awaitable[Reading]] | None = None
    """The same for a list that was like this; raises ``NotModified`` too."""
    validators: Callable[[str], ListMark] = lambda url: ListMark()  # noqa: ARG005
    """Returns what the site's answer for an address said of its version."""
    _pages: set[str] = field(default_factory=set)
    _half_lists: bool = False

    async def run(self, url: str, first: Reading) -> None:
        """Read everything new from ``url``, whose page reads ``first``."""
        if first.kind is Kind.THREAD:
            thread_id = first.thread_id or page_key(first.thread_url or url)
            row = ThreadRef(thread_id=thread_id, title=first.thread_title or "", url=url)
            await self.lone(row, first)
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
                if self.behind and self.lists is not None and outcome_of(error) is Outcome.GONE:
                    self.lists.keep_list(url, ListMark(behind=True))
                continue
            if self.lists is not None and self._has_backlog(url):
                self.lists.keep_list(url, ListMark())
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
        if self._half_lists and self._halves < ENOUGH_UNCLOSED:  # else the site writes them so
            self.tally.behind = True
        await self.look_again()

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

    def _has_backlog(self, url: str) -> bool:
        """Return whether a board is to be read to its end, though the site is not behind."""
        mark = self.lists.list_mark(url) if self.lists is not None else None
        return mark is not None and mark.behind

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
        behind = self.behind or self._has_backlog(url)
        while following and self._unseen(following):
            page = reading if reading is not None else await self._list_page(following, url)
            reading = None
            self.tally.list_pages += bool(page.threads)
            if page.half:
                self.tally.failures[Outcome.UNREACHABLE] += 1
                self._halves += 1
                self._half_lists = True
                self._note(f"{following} breaks off before its end")
            boards += page.boards
            if following == url and page.kind is Kind.BOARD:
                self.tally.boards += 1
            rows = [row for row in page.threads if row.thread_id not in rows_seen]
            if page.threads and not rows:
                self._note(f"{following} lists the threads of an earlier page again; left there")
                break
            rows_seen.update(row.thread_id for row in rows)
            self.tally.listed += len(rows)
            if page.gapless and not (page.half or page.unreadable):
                self.missing(page)
            regular = [row for row in rows if not row.pinned]
            changed = False
            for row in rows:
                if not self._old(row) and await self._row(row, page):
                    changed = changed or not row.pinned
            if regular and (all(map(self._old, regular)) or not (changed or behind)):
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
        await self.attempt(row, board=board)
        return True

    def _unseen(self, url: str) -> bool:
        """Return whether a page of a board is new to this crawl, and remember it."""
        key = page_key(url)
        if key in self._pages:
            return False
        self._pages.add(key)
        return True
