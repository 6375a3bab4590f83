"""How fast a site is read: its own wishes first, then ours.

A pause between requests is Scrapy's download slot with AutoThrottle; this module adds what they
leave out: the pause a robots.txt asks for, and ``Retry-After``.
"""

import asyncio
import logging
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadTimeoutError, ResponseDataLossError
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import HtmlResponse, JsonResponse, Response
from twisted.internet.error import ConnectionClosed

from models.base import utc_now
from spiders.guard import ROBOTS
from spiders.outcome import Outcome, PageFailed, bot_wall

logger = logging.getLogger(__name__)

LONGEST_PAUSE_S = 86_400.0
"""A day: no header of a stranger's makes us forget a source for longer."""
MOST_RESTS = 3
"""Longest waits that one crawl spends on resting, all rests together."""
SLOWEST_PAUSE_S = 60.0
UNNAMED_SHARE = 0.25
"""Of the longest wait: how long to rest for a site that refuses and names no time."""
SHORT_REST_S = 0.5
ENOUGH_UNCLOSED = 3
"""Pages without an end, asked for twice: then the site is taken to write them so."""
PASSING = frozenset({404, 410, 500, 502, 503, 504})
"""Answers that are often gone at the next request; whatever is asked for was linked to just now."""
BROKEN_OFF = (ResponseDataLossError, ConnectionClosed, DownloadTimeoutError)
AGAIN = "quietword_again"
"""Key in a request's ``meta``: it failed once and is asked for the second time."""
HALF = "quietword_half"
"""The same: it came without its end. Also a flag of the answer, when it did so again."""
RESTED = "quietword_rested"
"""The same: it was refused once, and asked for again after a rest."""


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


def _has_end(page: Response) -> bool:
    """Return whether a page, if its form tells, came to its end."""
    if isinstance(page, JsonResponse):
        return page.body.rstrip().endswith((b"}", b"]"))
    if isinstance(page, HtmlResponse):
        body = page.body.lower()
        return b"<html" not in body or b"</html" in body
    return True


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
    """Rest when the site asks for it, then ask once more; end the crawl when that is refused too.

    Each rest also doubles the pause between requests, up to ``SLOWEST_PAUSE_S``. The crawl ends as
    well when the site names a time longer than ``QUIETWORD_MAX_WAIT`` seconds, or after
    ``MOST_RESTS`` of those in all; the report then carries how long the source is to be left alone.
    A server's error, a page that is not there, or an answer that broke off or took too long, is
    asked about once more after a short rest, since most pass by themselves. So is half a page,
    which would look as if messages had been deleted; it bears a flag when it comes so again, unless
    the site seems to write its pages so.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._max_wait_s = crawler.settings.getfloat("QUIETWORD_MAX_WAIT")
        self._pause_s = crawler.settings.getfloat("DOWNLOAD_DELAY")
        self._rested_s = 0.0
        self._unclosed = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the pace of one crawl."""
        return cls(crawler)

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Return ``response``, or its request once more after a rest."""
        asked = (response.headers.get("Retry-After") or b"").decode("latin-1")
        no_rules = request.meta.get(ROBOTS, False) and response.status < 500  # most have none
        if bot_wall(response):
            return response
        if response.status == 429 or (response.status == 503 and asked):
            again = request.meta.get(RESTED, False)
            wait_s = self._rest(response, retry_after_s(asked, utc_now()), again=again)
            mark = RESTED
        elif response.status in PASSING and not (request.meta.get(AGAIN) or no_rules):
            wait_s, mark = max(SHORT_REST_S, 2 * self._pause_s), AGAIN
        elif self._is_half(response):
            if request.meta.get(HALF):
                self._unclosed += 1
                return response.replace(flags=[*response.flags, HALF])
            wait_s, mark = max(SHORT_REST_S, 2 * self._pause_s), HALF
        else:
            return response
        logger.info("%s answered %d; resting %.0f s", response.url, response.status, wait_s)
        await asyncio.sleep(wait_s)
        return request.replace(dont_filter=True, meta=request.meta | {mark: True})

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Return a request whose answer did not come, once more, after a short rest."""
        if request.meta.get(AGAIN) or not isinstance(exception, BROKEN_OFF):
            return None
        logger.info("the answer of %s did not come (%s)", request.url, type(exception).__name__)
        await asyncio.sleep(max(SHORT_REST_S, 2 * self._pause_s))
        return request.replace(dont_filter=True, meta=request.meta | {AGAIN: True})

    def _is_half(self, response: Response) -> bool:
        """Return whether a page has no end, on a site of which that is not known."""
        return (
            response.status == 200 and self._unclosed < ENOUGH_UNCLOSED and not _has_end(response)
        )

    def _rest(self, response: Response, wait_s: float | None, *, again: bool) -> float:
        """Return how long to rest; raise ``PageFailed`` when the crawl is not wanted any more."""
        rest_s = UNNAMED_SHARE * self._max_wait_s if wait_s is None else wait_s
        rested_s = self._rested_s + rest_s
        if again or rested_s > MOST_RESTS * self._max_wait_s or rest_s > self._max_wait_s:
            what = f"{response.url} answered {response.status}"
            if again:
                what += " again after a pause"
            if wait_s is not None:
                what += f" and asks to be left alone for {wait_s:.0f} s"
            raise PageFailed(Outcome.RATE_LIMITED, what, retry_after_s=wait_s)
        self._rested_s = rested_s
        if self._pause_s:
            self._pause_s = min(2 * self._pause_s, max(SLOWEST_PAUSE_S, self._pause_s))
            slow_down(self._crawler, urlsplit(response.url).hostname or "", self._pause_s)
        return rest_s
