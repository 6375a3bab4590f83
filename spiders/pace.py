"""How fast a site is read: its own wishes first, then ours.

A pause between requests is Scrapy's download slot with AutoThrottle; this module adds what they
leave out: the pause a robots.txt asks for, and ``Retry-After``.
"""

import asyncio
import logging
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response

from models.base import utc_now
from spiders.outcome import Outcome, PageFailed, bot_wall

logger = logging.getLogger(__name__)

LONGEST_PAUSE_S = 86_400.0
"""A day: no header of a stranger's makes us forget a source for longer."""


def retry_after_s(value: str, now: datetime) -> float | None:
    """Return how many seconds from ``now`` a ``Retry-After`` header asks us to stay away.

    Takes both forms of RFC 9110: whole seconds and an HTTP date; a moment in the past gives 0,
    one beyond a day gives a day. Returns ``None`` when it says neither.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), LONGEST_PAUSE_S)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_PAUSE_S)


def slow_down(crawler: Crawler, host: str, pause_s: float) -> None:
    """Wait at least ``pause_s`` between two requests to ``host`` from now on, without jitter."""
    downloader = crawler.engine.downloader
    pause_s = max(pause_s, crawler.settings.getfloat("DOWNLOAD_DELAY"))
    # Scrapy forgets a slot that was idle for a minute and makes a new one from these.
    downloader.per_slot_settings[host] = {"delay": pause_s, "jitter": 0.0}
    if slot := downloader.slots.get(host):
        slot.delay, slot.jitter = pause_s, 0.0
    throttle = crawler.get_extension(AutoThrottle)
    if throttle is not None:
        throttle.mindelay = max(throttle.mindelay, pause_s)


class PaceMiddleware:
    """Wait once when the site says for how long, and end the crawl when it says so again.

    Also ends it when the site names no time or one longer than ``QUIETWORD_MAX_WAIT`` seconds;
    the report then carries how long the source is to be left alone.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._max_wait_s = crawler.settings.getfloat("QUIETWORD_MAX_WAIT")
        self._waited = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the pace of one crawl."""
        return cls(crawler)

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Return ``response``, or its request once more after the pause that was asked for."""
        asked = (response.headers.get("Retry-After") or b"").decode("latin-1")
        if response.status != 429 and not (response.status == 503 and asked):
            return response
        if bot_wall(response):
            return response
        wait_s = retry_after_s(asked, utc_now())
        if self._waited or wait_s is None or wait_s > self._max_wait_s:
            what = f"{response.url} answered {response.status}"
            if self._waited:
                what += " again after a pause"
            if wait_s is not None:
                what += f" and asks to be left alone for {wait_s:.0f} s"
            raise PageFailed(Outcome.RATE_LIMITED, what, retry_after_s=wait_s)
        self._waited = True
        logger.info("%s asks for %.0f s of rest; waiting", response.url, wait_s)
        await asyncio.sleep(wait_s)
        return request.replace(dont_filter=True)
