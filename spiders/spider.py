"""The spider: fetches what a walk asks for, one page at a time, and reads it with an engine.

Scrapy's downloader, with its middlewares, does the fetching; the order of pages is straight-line
code in ``spiders.walk`` rather than callbacks, so that a thread is one unit from its first
request to the moment it is stored.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import scrapy
from scrapy import Request
from scrapy.http import Response, TextResponse

from models.base import utc_now
from spiders.base import Engine, Evidence, PageChanged, Reading, ReadOptions, ThreadRef
from spiders.clock import Told, date_order
from spiders.detect import UnknownEngine, detect, recognised
from spiders.guard import failure, split
from spiders.outcome import (
    NETWORK_ERRORS,
    STRANGE,
    Outcome,
    PageFailed,
    asks_for_login,
    check,
    is_login_address,
)
from spiders.pace import HALF
from spiders.settling import Habits, Settling
from spiders.thread_walk import PagesSpent
from spiders.walk import ListMark, NotModified, Tally, Walk

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a crawl stands, after each page."""

    address: str
    """The page that was fetched last."""
    pages: int
    threads: int
    posts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A page that was not what it should be."""

    page: Response
    engine: Engine | None
    outcome: Outcome
    why: str


class ForumSpider(scrapy.Spider):
    """Read one site as one sequence of pages; made by ``spiders.crawl``, which reads the result."""

    name = "quietword"

    def __init__(
        self,
        *,
        address: str,
        engine: Engine | None,
        options: ReadOptions,
        max_pages: int,
        max_seconds: float,
        max_wait_s: float,
        keys: Mapping[str, str],
        make_walk: Callable[["ForumSpider", Engine], Walk] | None,
        progress: Callable[[Progress], None] | None,
        settle: bool = False,
        told: tuple[Told, ...] = (),
        threads: tuple[ThreadRef, ...] = (),
        start_mark: ListMark | None = None,
        trouble: Callable[[Trouble], None] | None = None,
        start_page: Callable[[TextResponse], None] | None = None,
        **kwargs: Any,
    ) -> None:
        """``make_walk`` is ``None`` when only the first page is wanted; other shapes: CrawlSpec."""
        super().__init__(**kwargs)
        self._address = address
        self._options = options
        self._max_pages = max_pages
        self._max_seconds = max_seconds
        self._max_wait_s = max_wait_s
        self._rest_until = 0.0
        self._keys = keys
        self._make_walk = make_walk
        self._progress = progress
        self._settle = settle
        self._told = told
        self._threads = threads
        self._start_mark = start_mark
        self._trouble = trouble
        self._start_page_seen = start_page
        self._ahead: dict[str, TextResponse] = {}
        """Pages that were fetched before the walk asked for them."""
        self._versions: dict[str, ListMark] = {}
        self.habits = Habits()
        """How the site writes its times, as far as this crawl found out."""
        self.engine = engine
        self.evidence: tuple[Evidence, ...] = ()
        self.first: Reading | None = None
        """What the start page said."""
        self.tally = Tally()
        self.out_of_time = False
        self.work: asyncio.Task[None] | None = None
        """Ends with the crawl; cancelled when the process was told to stop."""

    async def start(self) -> AsyncIterator[Any]:
        """Do the whole crawl; gives Scrapy nothing to schedule."""
        self.work = asyncio.ensure_future(self._within_time())
        try:
            await asyncio.wait({self.work})
        finally:
            self.work.cancel()
        nothing: tuple[Any, ...] = ()
        for item in nothing:  # Scrapy wants a generator
            yield item

    async def _within_time(self) -> None:
        try:
            async with asyncio.timeout(self._max_seconds) as limit:
                await self._work()
        except TimeoutError:
            if not limit.expired():
                raise
            self.out_of_time = True

    async def _work(self) -> None:
        if self._threads and self._make_walk is not None and self.engine is not None:
            await self._walk(lambda walk: walk.reread(self._threads))
            return
        try:
            url, first = await self._start_page()
        except NotModified:
            self.tally.lists_unchanged += 1
            await self._walk(lambda walk: walk.look_again())
            return
        except PageFailed as error:
            if error.outcome is Outcome.GONE and self._make_walk is not None and self.engine:
                thread_id = self.engine.thread_of(self._address)
                if thread_id is not None:
                    self._make_walk(self, self.engine).gone(thread_id, self._address)
            raise
        self.first = first
        if self._make_walk is None or self.engine is None:
            self.tally.listed = len(first.threads)
            self.tally.boards = len(first.boards)
            self.tally.posts = len(first.posts)
            self.tally.unreadable = first.unreadable
            return
        await self._walk(lambda walk: walk.run(url, first))

    async def _walk(self, go: Callable[[Walk], Awaitable[None]]) -> None:
        assert self._make_walk is not None  # noqa: S101  (checked)
        assert self.engine is not None  # noqa: S101
        try:
            await go(self._make_walk(self, self.engine))
        except PagesSpent as spent:
            self.tally.behind = True
            self.tally.notes.append(str(spent))

    async def _start_page(self) -> tuple[str, Reading]:
        """Return the address of the start page and what it says, finding the engine if need be."""
        named = self.engine
        url = self._address
        page = await self._fetch(named.entry(url) if named else url, self._start_mark)
        if named is None:
            try:
                found = recognised(page)
            except UnknownEngine as error:
                if asks_for_login(page):
                    self._fail(page, Outcome.LOGIN_WALL, f"{url} asks for a login", error)
                self._fail(page, Outcome.UNKNOWN_ENGINE, str(error).rstrip("."), error)
            self.engine, self.evidence = found.engine.with_keys(self._keys), found.evidence
            self.engine.refuse_selectors(self._options.selectors)
            entry = self.engine.entry(page.url)
            if entry != page.url:
                page = await self._fetch(entry)
        assert self.engine is not None  # noqa: S101  (named, or found above)
        if self._start_page_seen is not None:
            self._start_page_seen(page)
        try:
            reading = self._read(page, self.engine)
            return page.url, await self._settled(page, reading)
        except PageChanged as error:
            other = detect(page)
            now = other.engine if other is not None else self.engine
            if now.name != self.engine.name and not now.guesses:
                raise PageChanged(f"{error}; it looks like {now.name} now") from error
            raise

    async def _settled(self, page: TextResponse, reading: Reading) -> Reading:
        """Return the start page read as the site writes its times, finding that out if need be."""
        assert self.engine is not None  # noqa: S101
        if not self._settle:
            return reading
        self.habits = await Settling(
            engine=self.engine,
            options=self._options,
            fetch=self._fetch,
            fetch_ahead=self._fetch_ahead,
            known=self._told,
            pages_only=self._make_walk is None,
        ).settle(page, reading)
        before = self._options
        self._options = replace(
            before,
            timezone=self.habits.timezone or before.timezone,
            date_order=self.habits.date_order or before.date_order,
        )
        return reading if self._options == before else self._read(page, self.engine)

    async def _fetch_ahead(self, url: str) -> TextResponse:
        assert self.engine is not None  # noqa: S101
        url = self.engine.entry(url)
        page = await self._fetch(url)
        self._ahead[url] = page
        return page

    def version(self, url: str) -> ListMark:
        """Return what the site's answer for ``url`` said of its version, in this crawl."""
        assert self.engine is not None  # noqa: S101
        return self._versions.get(self.engine.entry(url), ListMark())

    async def read(self, url: str, mark: ListMark | None = None) -> Reading:
        """Return what the page at ``url`` says.

        Raises ``PageFailed``, ``PageChanged``, ``PagesSpent`` when no page may be fetched, and
        ``NotModified`` when the page is still what ``mark`` says.
        """
        assert self.engine is not None  # noqa: S101  (found on the start page)
        split(url, allow_private=True)  # its form, before it is worked on; the guard does the rest
        page = await self._fetch(self.engine.entry(url), mark)
        reading = self._read(page, self.engine)
        self.tally.failed_in_a_row = 0
        return reading

    def _read(self, page: TextResponse, engine: Engine) -> Reading:
        order = self._options.date_order
        if order is None and self._settle and (order := date_order(page)):
            self._options = replace(self._options, date_order=order)  # a day above 12 at last
            self.habits = replace(self.habits, date_order=order)
        try:
            reading = engine.read(page, replace(self._options, fetched_at=utc_now()))
            if reading.unreadable:
                why = f"{reading.unreadable} messages on the page could not be read"
                self._tell_trouble(page, Outcome.MARKUP_CHANGED, why)
        except PageChanged as error:
            if asks_for_login(page):
                self._fail(page, Outcome.LOGIN_WALL, f"{page.url} asks for a login", error)
            if HALF in page.flags:
                self._fail(page, Outcome.UNREACHABLE, f"{page.url} breaks off", error)
            self._tell_trouble(page, Outcome.MARKUP_CHANGED, str(error))
            raise PageChanged(f"{page.url}: {error}") from error
        except STRANGE as error:
            # One odd page, such as a link that is no address, must not cost the others.
            logger.exception("engine %s failed on %s", engine.name, page.url)
            kind = type(error).__name__
            why = f"engine {engine.name} failed ({kind})"
            self._tell_trouble(page, Outcome.MARKUP_CHANGED, why)
            raise PageChanged(f"{page.url}: {why}") from error
        return replace(reading, half=HALF in page.flags)

    def _fail(self, page: Response, outcome: Outcome, why: str, cause: Exception) -> NoReturn:
        self._tell_trouble(page, outcome, why)
        raise PageFailed(outcome, why) from cause

    def _tell_trouble(self, page: Response, outcome: Outcome, why: str) -> None:
        if self._trouble is not None:
            self._trouble(Trouble(page=page, engine=self.engine, outcome=outcome, why=why))

    async def _fetch(self, url: str, mark: ListMark | None = None) -> TextResponse:
        """Return a page; raise ``NotModified`` when the site says it is still as ``mark`` says."""
        if url in self._ahead:
            return self._ahead.pop(url)
        if self._max_pages and self.tally.pages >= self._max_pages:
            raise PagesSpent(
                f"{self._max_pages} pages were fetched, the most for one crawl; the next goes on"
            )
        await self._rest(url)
        self.tally.pages += 1
        try:
            headers = _conditions(mark)
            page = await self.crawler.engine.download_async(Request(url, headers=headers))
        except NETWORK_ERRORS as error:
            raise failure(url, error) from error
        if page.status == 304 and headers:
            self.tally.failed_in_a_row = 0
            raise NotModified(f"{url} has not changed")
        try:
            if self.engine is not None and (refusal := self.engine.refusal(page)) is not None:
                raise refusal
            check(page)
        except PageFailed as error:
            self._tell_trouble(page, error.outcome, error.what)
            raise
        self._versions[url] = ListMark(
            etag=_header(page, "ETag"), last_modified=_header(page, "Last-Modified")
        )
        assert isinstance(page, TextResponse)  # noqa: S101  (checked)
        if is_login_address(page.url) and not is_login_address(url):
            what = f"{url} leads to a login page"
            self._tell_trouble(page, Outcome.LOGIN_WALL, what)
            raise PageFailed(Outcome.LOGIN_WALL, what)
        if self.engine is not None and (rest_s := self.engine.rest_s(page)) > 0:
            self._rest_until = time.monotonic() + rest_s
        if self._progress is not None:
            tally = self.tally
            self._progress(
                Progress(
                    address=page.url, pages=tally.pages, threads=tally.threads, posts=tally.posts
                )
            )
        return page

    async def _rest(self, url: str) -> None:
        """Wait as long as the last answer asked for; raise ``PageFailed`` when that is too long."""
        left_s = self._rest_until - time.monotonic()
        if left_s > self._max_wait_s:
            raise PageFailed(
                Outcome.RATE_LIMITED,
                f"{url} may not be asked for yet: the site allows no more for {left_s:.0f} s",
                retry_after_s=left_s,
            )
        if left_s > 0:
            await asyncio.sleep(left_s)


def _conditions(mark: ListMark | None) -> dict[str, str]:
    """Return the headers that ask for a page only if it is not as ``mark`` says (RFC 9110, 13)."""
    if mark is None:
        return {}
    asked = {"If-None-Match": mark.etag, "If-Modified-Since": mark.last_modified}
    return {name: value for name, value in asked.items() if value}


def _header(page: Response, name: str) -> str | None:
    value = (page.headers.get(name) or b"").decode("latin-1").strip()
    return value if value and len(value) <= 200 and value.isascii() else None
