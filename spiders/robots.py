"""robots.txt as RFC 9309 has it.

Scrapy's own middleware reads an error page as rules and takes a failure for permission; here a
file that cannot be read forbids everything, save where the RFC says that there is none (4xx).
We hold back further than the RFC at 401 and 403: who forbids the rules hardly welcomes readers.
The hosts of a documented API (``Engine.api_hosts``) are no pages for crawlers: they are read by
their own published terms and limits.
"""

from typing import Any, Self
from urllib.parse import urlsplit

from protego import Protego
from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import StopDownload
from scrapy.http import Response

from spiders.guard import ROBOTS, failure
from spiders.outcome import NETWORK_ERRORS, Outcome, PageFailed, bot_wall
from spiders.pace import slow_down

PRODUCT = "Quietword"
"""The name that a robots.txt calls us by."""

LONGEST_FILE = 512 * 1024
"""Bytes; the RFC asks for at least 500 KiB, what follows is left unread."""

SLOWEST_S = 60.0
"""Seconds; a site that wants a longer pause between requests cannot be followed by polling."""


def parse(body: bytes) -> Protego:
    """Return the rules in ``body``; what is not UTF-8 or not a rule is passed over."""
    if len(body) > LONGEST_FILE:
        body = body[:LONGEST_FILE].rpartition(b"\n")[0]
    return Protego.parse(body.decode("utf-8-sig", errors="replace"))


def pause_s(rules: Protego) -> float:
    """Return the seconds between requests that ``rules`` ask of us, 0 when they say nothing."""
    rate = rules.request_rate(PRODUCT)
    return max(rules.crawl_delay(PRODUCT) or 0.0, rate.seconds / rate.requests if rate else 0.0)


def judge(answer: Response) -> Protego:
    """Return the rules that an answer to /robots.txt stands for.

    Raises ``PageFailed`` when it means that nothing may be read.
    """
    status = answer.status
    if wall := bot_wall(answer):
        raise PageFailed(Outcome.BLOCKED, f"{answer.url} answered with {wall}")
    if status in (401, 403):
        raise PageFailed(
            Outcome.REFUSED, f"{answer.url} answered {status}: even the rules are forbidden to read"
        )
    if 400 <= status < 500:
        return parse(b"")
    if not 200 <= status < 300:
        raise PageFailed(
            Outcome.UNREACHABLE,
            f"{answer.url} answered {status}; while its rules cannot be read, nothing is",
        )
    rules = parse(answer.body)
    if (pause := pause_s(rules)) > SLOWEST_S:
        raise PageFailed(
            Outcome.REFUSED,
            f"{answer.url} asks for {pause:.0f} s between requests, too slow to poll "
            f"(at most {SLOWEST_S:.0f} s)",
        )
    return rules


class RobotsMiddleware:
    """Ask each site for its rules once per crawl, keep to them, and take over their pace."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._api_hosts: frozenset[str] = crawler.settings.get("QUIETWORD_API_HOSTS") or frozenset()
        self._rules: dict[str, Protego | PageFailed] = {}
        crawler.signals.connect(self._received, signals.bytes_received)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the middleware of one crawl."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Raise ``PageFailed`` when the site's rules forbid ``request`` or cannot be had."""
        if request.meta.get(ROBOTS):
            return
        parts = urlsplit(request.url)
        if parts.hostname in self._api_hosts:
            return
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._rules:
            try:
                self._rules[origin] = await self._ask(origin, parts.hostname or "")
            except PageFailed as error:
                self._rules[origin] = error
        rules = self._rules[origin]
        if isinstance(rules, PageFailed):
            raise rules
        if not rules.can_fetch(request.url, PRODUCT):
            raise PageFailed(Outcome.REFUSED, f"{origin}/robots.txt forbids {request.url[:200]}")

    async def _ask(self, origin: str, host: str) -> Protego:
        url = f"{origin}/robots.txt"
        request = Request(url, headers={"Accept-Encoding": "identity"}, meta={ROBOTS: True})
        try:
            answer = await self._crawler.engine.download_async(request)
        except NETWORK_ERRORS as error:
            raise failure(url, error) from error
        rules = judge(answer)
        if pause := pause_s(rules):
            slow_down(self._crawler, host, pause)
        return rules

    def _received(self, data: bytes, request: Request, **_: Any) -> None:
        """Stop the download of a robots.txt that goes on beyond what is read of it."""
        if not request.meta.get(ROBOTS):
            return
        total = request.meta.get("quietword_received", 0) + len(data)
        request.meta["quietword_received"] = total
        if total > LONGEST_FILE:
            raise StopDownload(fail=False)
