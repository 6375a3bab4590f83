"""Finding out, once, in which time zone and order of dates a site writes its times.

Works with the pages a crawl reads anyway, its feeds, and at most a few pages more; see
``spiders.clock`` for what counts as evidence.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from scrapy.http import TextResponse

from models.base import utc_now
from spiders import clock
from spiders.addresses import site_root
from spiders.base import Engine, Kind, PageChanged, Reading, ReadOptions
from spiders.clock import Told
from spiders.outcome import FATAL, PageFailed
from spiders.thread_walk import PagesSpent

logger = logging.getLogger(__name__)
MOST_BOARDS = 5
"""Boards that are looked into for evidence from another season; a crawl reads them anyway."""
MOST_FEEDS = 4
NOT_NEEDED = "its pages carry machine-readable times"
ASSUMED = "assumed: its pages and feeds give no evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a site writes its times, and how that was found out."""

    timezone: str | None = None
    """IANA name; ``None`` where nothing was found out, so that UTC is assumed."""
    timezone_how: str | None = None
    """For ops, in words; ``None`` where the site gave no occasion to find out."""
    evidence: tuple[Told, ...] = ()
    """What the zone was concluded from, for a later crawl to go on from."""
    date_order: str | None = None


@dataclass(slots=True, kw_only=True)
class Settling:
    """One search through a site's first pages."""

    engine: Engine
    options: ReadOptions
    fetch: Callable[[str], Awaitable[TextResponse]]
    """Raises ``PageFailed`` or ``PagesSpent``."""
    fetch_ahead: Callable[[str], Awaitable[TextResponse]]
    """The same for a page of the forum, which is kept for the crawl that follows."""
    known: tuple[Told, ...] = ()
    """Evidence of earlier crawls."""
    pages_only: bool = False
    """Look at the page that is there and fetch nothing."""
    _evidence: list[Told] = field(default_factory=list)
    _sources: list[str] = field(default_factory=list)
    _moments: dict[str, datetime] = field(default_factory=dict)
    _read: list[Reading] = field(default_factory=list)
    _feeds: set[str] = field(default_factory=set)
    _needed: bool | None = None

    async def settle(self, page: TextResponse, reading: Reading) -> Habits:
        """Return what ``page``, which reads ``reading``, and what it leads to tell."""
        order = self.options.date_order or clock.date_order(page)
        self.options = replace(self.options, date_order=order, timezone="UTC")
        self._evidence = list(self.known)
        named = clock.named_zone(page)
        if named is not None:
            how = "its pages name it"
            return Habits(timezone=named, timezone_how=how, date_order=order)
        self._look_at(page)
        if self._needed is False:
            return Habits(timezone_how=NOT_NEEDED, date_order=order)
        language = self.options.language or reading.language
        found = clock.conclude(self._evidence, language)
        if not self.pages_only and not self.known and (found is None or not found.sure):
            try:
                await self._look_further(page, reading, language)
            except PagesSpent:
                logger.info("no page left to find out the zone of %s", page.url)
            if self._machine_readable():
                return Habits(timezone_how=NOT_NEEDED, date_order=order)
            found = clock.conclude(self._evidence, language)
        if found is None:
            how = "assumed: its clocks contradict each other" if self._evidence else ASSUMED
            if self.pages_only:
                return Habits(date_order=order)
            return Habits(timezone_how=how, date_order=order)
        kept = clock.extremes(self._evidence)
        sources = " and ".join(dict.fromkeys(self._sources)) or "what earlier crawls saw"
        how = f"from {sources}" + (
            "" if found.sure else "; whether it has summer time is not known"
        )
        return Habits(timezone=found.zone, timezone_how=how, evidence=tuple(kept), date_order=order)

    def _look_at(self, page: TextResponse) -> Reading | None:
        """Take the evidence of one page; return what it says in UTC."""
        options = replace(self.options, fetched_at=utc_now())
        try:
            reading = self.engine.read(page, options)
        except PageChanged:
            return None
        if self._needed is None:
            self._needed = clock.needs_zone(self.engine, page, options)
        language = self.options.language or reading.language
        self._add(clock.page_tells(page, options, language), "the clock on its pages")
        self._read.append(reading)
        self._add(self._matched(reading), "its feed")
        return reading

    def _machine_readable(self) -> bool:
        return self._needed is False

    def _matched(self, reading: Reading) -> list[Told]:
        return clock.feed_tells(self._moments, reading)

    def _add(self, found: list[Told], source: str) -> None:
        if found:
            self._evidence += found
            self._sources.append(source)

    def _sure(self, language: str | None) -> bool:
        found = clock.conclude(self._evidence, language)
        return self._needed is False or (self._needed is True and bool(found and found.sure))

    async def _look_further(
        self, page: TextResponse, reading: Reading, language: str | None
    ) -> None:
        """Fetch feeds, and pages the crawl will need, until the zone is sure."""
        await self._feeds_of(page, language)
        if reading.kind is Kind.THREAD and not self._sure(language):
            root = site_root(page.url)
            if root != page.url and (front := await self._page(root)) is not None:
                reading = self._look_at(front) or reading
        if reading.kind is Kind.BOARD and not self._sure(language):
            await self._below(page, language)
        for board in reading.boards[:MOST_BOARDS]:
            if self._sure(language):
                return
            if (below := await self._page(board.url)) is not None:
                await self._below(below, language)
        for url in [longer for feed in self._feeds if (longer := clock.longer_feed(feed))][:1]:
            if not self._sure(language):
                await self._feed(url)

    async def _below(self, page: TextResponse, language: str | None) -> None:
        """Take the evidence of a board, and of a thread where its list says nothing of times."""
        reading = self._look_at(page)
        rows = reading.threads if reading is not None else ()
        if self._needed is None and rows:
            thread = await self._page(rows[0].last_url or rows[0].url)
            if thread is not None:
                self._look_at(thread)
        await self._feeds_of(page, language)

    async def _feeds_of(self, page: TextResponse, language: str | None) -> None:
        for url in clock.feed_links(page)[:1]:
            if self._needed is not False and not self._sure(language):
                await self._feed(url)

    async def _feed(self, url: str) -> None:
        if url in self._feeds or len(self._feeds) >= MOST_FEEDS:
            return
        self._feeds.add(url)
        feed = await self._page(url, self.fetch)
        if feed is not None:
            self._moments |= clock.feed_moments(feed.body)
            for reading in self._read:
                self._add(self._matched(reading), "its feed")

    async def _page(
        self, url: str, fetch: Callable[[str], Awaitable[TextResponse]] | None = None
    ) -> TextResponse | None:
        try:
            return await (fetch or self.fetch_ahead)(url)
        except PageFailed as error:
            if error.outcome in FATAL:
                raise
            logger.info("no evidence from %s: %s", url, error.what)
            return None
