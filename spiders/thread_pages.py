"""The pages of one thread that hold news: from its newest page back to what is known."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from spiders.base import Kind, PageChanged, PostItem, Reading, ThreadRef
from spiders.known import ThreadMark
from spiders.outcome import Outcome, PageFailed


@dataclass(slots=True, kw_only=True)
class ThreadPages:
    """One thread, whose pages are asked for one after another."""

    row: ThreadRef
    known: set[str]
    """Ids of the messages that were read before."""
    most: int
    """Pages that are read at most."""
    read: Callable[[str], Awaitable[Reading]]
    too_old: Callable[[PostItem], bool]
    note: Callable[[str], None]
    around: bool = False
    """A later page that is not there, as it was not before, no longer holds the others up."""
    _seen: set[str] = field(default_factory=set)
    _ids: set[str] = field(default_factory=set)

    async def fetch(self, first: Reading | None) -> tuple[deque[Reading], bool]:
        """Return the pages that hold news, oldest first, and whether more was cut.

        Starts from ``first`` where that has been read already. Raises what ``read`` raises.
        """
        row = self.row
        start = row.last_url if row.last_url and first is None else row.url
        try:
            newest = first if first is not None else await self._page(start)
        except PageFailed as error:
            if error.outcome is not Outcome.GONE or start == row.url:
                raise
            start = row.url  # the link to its newest message is dead, the thread need not be
            newest = await self._page(start)
        front = page_key(start)
        self._seen.add(front)
        aside: Reading | None = None
        last = newest.last_page
        if newest.next_page and last and page_key(last) not in self._seen:
            self._seen.add(page_key(last))
            if (page := await self._later(last)) is not None:
                aside, newest, front = newest, page, page_key(last)
        pages = deque([newest])
        self._ids.update(post.post_id for post in newest.posts)
        too_long = f"{row.url} is longer than {self.most} pages; the rest was left"
        while url := pages[-1].next_page:
            if len(pages) >= self.most:
                self.note(too_long)
                return pages, True
            following = await self._one_more(url)
            if following is None:
                return pages, True
            pages.append(following)
        while (url := pages[0].previous_page) and not self._reached(pages[0]):
            if len(pages) >= self.most:
                self.note(too_long)
                return pages, True
            before: Reading | None
            if aside is not None and front == page_key(aside.next_page or ""):
                before, aside = aside, None  # the page we came from is the one before
            else:
                before = await self._one_more(url)
            if before is None:
                return pages, True
            pages.appendleft(before)
            front = page_key(url)
        return pages, False

    async def _page(self, url: str) -> Reading:
        reading = await self.read(url)
        if reading.kind is not Kind.THREAD:
            raise PageChanged(f"{url} is not the thread it was listed as")
        return reading

    async def _later(self, url: str) -> Reading | None:
        """Return a page beside the first one read, or ``None`` for one that stays away."""
        try:
            return await self._page(url)
        except PageFailed as error:
            if error.outcome is not Outcome.GONE or not self.around:
                raise
        self.note(f"{url} is not there; what it held of its thread was left")
        return None

    async def _one_more(self, url: str) -> Reading | None:
        """Return one more page, or ``None`` when it brings nothing."""
        if page_key(url) in self._seen:
            self.note(f"{url} was read before in the same thread; left there")
            return None
        self._seen.add(page_key(url))
        page = await self._later(url)
        if page is None:
            return None
        fresh = {post.post_id for post in page.posts} - self._ids
        if page.posts and not fresh and not page.unreadable:
            self.note(f"{url} repeats the messages of another page; left there")
            return None
        self._ids.update(fresh)
        return page

    def _reached(self, page: Reading) -> bool:
        """Return whether a page touches what was read before or is too old.

        Some forums repeat the first message on every page; it says nothing.
        """
        return any(
            post.post_id in self.known or self.too_old(post)
            for post in page.posts
            if post.number != 1 or page.previous_page is None
        )


def page_key(url: str) -> str:
    """Return what two addresses of one page have in common; takes malformed ones too."""
    return url.partition("#")[0]


def new_mark(row: ThreadRef, posts: list[PostItem]) -> ThreadMark:
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
        return row_mark(row)
    later = len(posts) - 1 - list(ids).index(row.last_post_id) if row.last_post_id else 0
    return ThreadMark(
        last_post_id=last.post_id,
        last_posted_at=last.posted_at if later or not row.last_posted_at else row.last_posted_at,
        posts=row.posts + later if row.posts is not None else None,
    )


def row_mark(row: ThreadRef) -> ThreadMark:
    """Return the mark of a thread whose row is taken at its word."""
    return ThreadMark(
        last_post_id=row.stamp or row.last_post_id,
        last_posted_at=row.last_posted_at,
        posts=row.posts,
    )
