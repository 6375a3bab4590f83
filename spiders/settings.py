"""Scrapy's settings for a crawl.

Its defaults are not polite (2.19): robots off, no pause, eight requests at a time, a gigabyte
per page, telnet and a remote control open.
"""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from spiders.access import KeyedHandler, Pass
from spiders.guard import GuardedResolver, GuardMiddleware
from spiders.pace import PaceMiddleware
from spiders.robots import PRODUCT, RobotsMiddleware

LARGEST_PAGE = 5 * 1024 * 1024
"""Bytes, as sent and unpacked; a page of posts is a hundredth of it."""

MOST_REDIRECTS = 5

JITTER = 0.25
"""Share by which a pause varies either way, so that crawls of many users do not fall in step."""


def user_agent(contact: str | None) -> str:
    """Return how we introduce ourselves: name, version, and where to complain."""
    try:
        number = version("quietword")
    except PackageNotFoundError:  # run from a checkout
        number = "0"
    return f"{PRODUCT}/{number} (+{contact})" if contact else f"{PRODUCT}/{number}"


def scrapy_settings(
    *,
    address: str,
    contact: str | None,
    delay_s: float,
    timeout_s: float,
    max_wait_s: float,
    allow_private: bool,
    api_hosts: frozenset[str] = frozenset(),
    passes: tuple[Pass, ...] = (),
) -> dict[str, Any]:
    """Return the settings for crawling the site of ``address``.

    delay_s: least pause between two requests, in seconds; 0 is for sites on this machine.
    timeout_s: from connecting to the last byte, so that a trickle ends as well.
    max_wait_s: longest ``Retry-After`` that is waited for within the crawl.
    api_hosts: hosts for programs that are read beside the address's own, see ``Engine``.
    passes: keys that are shown to the source.
    """
    unused = "scrapy.downloadermiddlewares"
    return {
        # robots.txt is obeyed, by our reading of RFC 9309 in place of Scrapy's.
        "ROBOTSTXT_OBEY": True,
        # The owner can see who reads and whom to write to.
        "USER_AGENT": user_agent(contact),
        # One request at a time, with a pause, and a longer one when the site is slow to answer.
        "CONCURRENT_REQUESTS": 1,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_DELAY": delay_s,
        "DOWNLOAD_DELAY_JITTER": JITTER,
        "AUTOTHROTTLE_ENABLED": delay_s > 0,
        "AUTOTHROTTLE_START_DELAY": delay_s,
        "AUTOTHROTTLE_MAX_DELAY": 60.0,
        # No session: we read as a guest, and every page stands alone.
        "COOKIES_ENABLED": False,
        # No language asked for: a board's own words are what its engine can read.
        "DEFAULT_REQUEST_HEADERS": {
            "Accept": "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"
        },
        # A retry that ignores Retry-After is a hammer; what fails is read by the next crawl.
        "RETRY_ENABLED": False,
        "REDIRECT_MAX_TIMES": MOST_REDIRECTS,
        "METAREFRESH_ENABLED": False,
        # A page is read once; the marks of threads, not a cache, spare the site.
        "HTTPCACHE_ENABLED": False,
        # A proxy would look names up out of the guard's sight.
        "HTTPPROXY_ENABLED": False,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "DOWNLOAD_MAXSIZE": LARGEST_PAGE,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_TIMEOUT": timeout_s,
        "DOWNLOAD_HANDLERS": {
            "http": KeyedHandler,
            "https": KeyedHandler,
            "data": None,
            "file": None,
            "ftp": None,
            "s3": None,
        },
        "DOWNLOADER_MIDDLEWARES": {
            GuardMiddleware: 10,
            RobotsMiddleware: 100,
            PaceMiddleware: 550,
            f"{unused}.offsite.OffsiteMiddleware": None,
            f"{unused}.robotstxt.RobotsTxtMiddleware": None,
            f"{unused}.httpauth.HttpAuthMiddleware": None,
            f"{unused}.retry.RetryMiddleware": None,
            f"{unused}.redirect.MetaRefreshMiddleware": None,
            f"{unused}.cookies.CookiesMiddleware": None,
            f"{unused}.httpproxy.HttpProxyMiddleware": None,
            f"{unused}.httpcache.HttpCacheMiddleware": None,
        },
        "TWISTED_DNS_RESOLVER": GuardedResolver,
        # Nothing listens while a crawl runs, and nothing but a crawl runs.
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "EXTENSIONS": {
            f"scrapy.extensions.{name}": None
            for name in (
                "closespider.CloseSpider",
                "feedexport.FeedExporter",
                "logcount.LogCount",
                "logstats.LogStats",
                "memdebug.MemoryDebugger",
                "memusage.MemoryUsage",
                "remote_control.RemoteControl",
                "spiderstate.SpiderState",
                "telnet.TelnetConsole",
            )
        },
        "STATS_DUMP": False,
        "LOG_ENABLED": False,
        "LOG_INSTALL_ROOT_HANDLER": False,
        # Ours, for the guard and the pace.
        "QUIETWORD_ADDRESS": address,
        "QUIETWORD_ALLOW_PRIVATE": allow_private,
        "QUIETWORD_MAX_WAIT": max_wait_s,
        "QUIETWORD_API_HOSTS": api_hosts,
        "QUIETWORD_PASSES": passes,
    }
