"""The spider: fetches what a walk asks for, one page at a time, and reads it with an engine.

Scrapy's downloader, with its middlewares, does the fetching; the order of pages is straight-line
code in ``spiders.walk`` rather than callbacks, so that a thread is one unit from its first
request to the moment it is stored.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import scrapy
from scrapy import Request
from scrapy.http import TextResponse

from models.base import utc_now
from spiders.base import Engine, Evidence, PageChanged, Reading, ReadOptions
from spiders.detect import UnknownEngine, detect, recognised
from spiders.guard import failure, split
from spiders.outcome import (
    NETWORK_ERRORS,
    Outcome,
    PageFailed,
    asks_for_login,
    check,
    is_login_address,
)
from spiders.walk import PagesSpent, Tally, Walk

logger = logging.getLogger(__name__)

STRANGE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What an engine trips with over a page that nobody foresaw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a crawl stands, after each page."""

    address: str
    """The page that was fetched last."""
    pages: int
    threads: int
    posts: int


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
        try:
            url, first = await self._start_page()
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
        try:
            await self._make_walk(self, self.engine).run(url, first)
        except PagesSpent as spent:
            self.tally.behind = True
            self.tally.notes.append(str(spent))

    async def _start_page(self) -> tuple[str, Reading]:
        """Return the address of the start page and what it says, finding the engine if need be."""
        named = self.engine
        url = self._address
        page = await self._fetch(named.entry(url) if named else url)
        if named is None:
            try:
                found = recognised(page)
            except UnknownEngine as error:
                if asks_for_login(page):
                    raise PageFailed(Outcome.LOGIN_WALL, f"{url} asks for a login") from error
                what = str(error).rstrip(".")
                raise PageFailed(Outcome.UNKNOWN_ENGINE, what) from error
            self.engine, self.evidence = found.engine.with_keys(self._keys), found.evidence
            entry = self.engine.entry(page.url)
            if entry != page.url:
                page = await self._fetch(entry)
        assert self.engine is not None  # noqa: S101  (named, or found above)
        try:
            return page.url, self._read(page, self.engine)
        except PageChanged as error:
            other = detect(page)
            if other is not None and other.engine.name != self.engine.name:
                raise PageChanged(f"{error}; it looks like {other.engine.name} now") from error
            raise

    async def read(self, url: str) -> Reading:
        """Return what the page at ``url`` says.

        Raises ``PageFailed``, ``PageChanged``, or ``PagesSpent`` when no page may be fetched.
        """
        assert self.engine is not None  # noqa: S101  (found on the start page)
        split(url, allow_private=True)  # its form, before it is worked on; the guard does the rest
        reading = self._read(await self._fetch(self.engine.entry(url)), self.engine)
        self.tally.failed_in_a_row = 0
        return reading

    def _read(self, page: TextResponse, engine: Engine) -> Reading:
        try:
            return engine.read(page, replace(self._options, fetched_at=utc_now()))
        except PageChanged as error:
            if asks_for_login(page):
                raise PageFailed(Outcome.LOGIN_WALL, f"{page.url} asks for a login") from error
            raise PageChanged(f"{page.url}: {error}") from error
        except STRANGE as error:
            # One odd page, such as a link that is no address, must not cost the others.
            logger.exception("engine %s failed on %s", engine.name, page.url)
            kind = type(error).__name__
            raise PageChanged(f"{page.url}: engine {engine.name} failed ({kind})") from error

    async def _fetch(self, url: str) -> TextResponse:
        if self._max_pages and self.tally.pages >= self._max_pages:
            raise PagesSpent(
                f"{self._max_pages} pages were fetched, the most for one crawl; the next goes on"
            )
        await self._rest(url)
        self.tally.pages += 1
        try:
            page = await self.crawler.engine.download_async(Request(url))
        except NETWORK_ERRORS as error:
            raise failure(url, error) from error
        if self.engine is not None and (refusal := self.engine.refusal(page)) is not None:
            raise refusal
        check(page)
        assert isinstance(page, TextResponse)  # noqa: S101  (checked)
        if is_login_address(page.url) and not is_login_address(url):
            raise PageFailed(Outcome.LOGIN_WALL, f"{url} leads to a login page")
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
