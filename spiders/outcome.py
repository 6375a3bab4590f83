"""How reading a page, or a whole crawl, can end, and what ops do about it.

A wall, a refusal and a page that is gone are answers, not empty days: each has a name.
"""

import json
import re
from enum import StrEnum
from urllib.parse import urlsplit

from scrapy import exceptions
from scrapy.http import Response, TextResponse
from twisted.internet.error import ConnectError, ConnectionClosed

from models.errors import QuietwordError


class Outcome(StrEnum):
    """How a crawl ended; ``advice`` says what it means and what to do."""

    OK = "OK"
    EMPTY = "EMPTY"
    LOGIN_WALL = "LOGIN_WALL"
    BLOCKED = "BLOCKED"
    RATE_LIMITED = "RATE_LIMITED"
    MARKUP_CHANGED = "MARKUP_CHANGED"
    GONE = "GONE"
    REFUSED = "REFUSED"
    UNREACHABLE = "UNREACHABLE"
    UNKNOWN_ENGINE = "UNKNOWN_ENGINE"
    INTERRUPTED = "INTERRUPTED"

    @property
    def advice(self) -> str:
        """Return one sentence for ops: what it means and what to do next."""
        return _ADVICE[self]


_ADVICE = {
    Outcome.OK: "The site was read; nothing to do.",
    Outcome.EMPTY: "The page lists no threads a guest can see; check that it is the right address.",
    Outcome.LOGIN_WALL: (
        "The site shows this only to its members; Quietword reads public pages alone, so choose "
        "a public board or remove the source."
    ),
    Outcome.BLOCKED: (
        "The site turns automatic readers away, and that is respected; ask its owner to admit "
        "Quietword's user agent, or remove the source."
    ),
    Outcome.RATE_LIMITED: (
        "The site asks for fewer requests; it is left alone for as long as it asked, and a longer "
        "interval or pause for this source keeps it from happening again."
    ),
    Outcome.MARKUP_CHANGED: (
        "The page is not laid out as its engine expects, so posts may be missed; look at the page, "
        "then at the source's engine."
    ),
    Outcome.GONE: "The address is gone; find where the forum has moved, or remove the source.",
    Outcome.REFUSED: (
        "The site's robots.txt or Quietword's own limits forbid this, so it was not read; "
        "the message names the rule."
    ),
    Outcome.UNREACHABLE: (
        "The site did not answer as it should; the next crawl tries again. If this lasts, open "
        "the address in a browser."
    ),
    Outcome.UNKNOWN_ENGINE: (
        "The page looks like none of the forum engines Quietword reads; give the address of a "
        "board, or name the engine."
    ),
    Outcome.INTERRUPTED: (
        "The crawl was stopped before its end; threads read in full are kept and the next crawl "
        "goes on from there."
    ),
}


STRANGE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What an engine trips with over a page that nobody foresaw."""

FATAL = frozenset({Outcome.BLOCKED, Outcome.RATE_LIMITED})
"""Answers meant for us, not for one page: they end the crawl at once."""


class PageFailed(QuietwordError):
    """One page could not be had; ``outcome`` says why, ``retry_after_s`` when to come back."""

    def __init__(self, outcome: Outcome, what: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{what}. {outcome.advice}")
        self.outcome = outcome
        self.what = what
        self.retry_after_s = retry_after_s


NETWORK_ERRORS = (
    exceptions.CannotResolveHostError,
    exceptions.DownloadCancelledError,
    exceptions.DownloadConnectionRefusedError,
    exceptions.DownloadFailedError,
    exceptions.DownloadTimeoutError,
    exceptions.IgnoreRequest,
    exceptions.ResponseDataLossError,
    exceptions.UnsupportedURLSchemeError,
    ConnectError,
    ConnectionClosed,
    OSError,
)
"""What Scrapy raises when a page cannot be had; anything else is a fault of ours."""


_LOGIN_ADDRESS = re.compile(
    r"/(?:log-?in|signin|sign-in|sso|session/sso|entry/signin|account/login|auth/login|"
    r"users/sign_in)(?:\.php|\.aspx|\.html)?/?(?:\?|$)"
    r"|[?&;](?:mode|action|do|act)=(?:login|signin)(?:&|;|$)"
    r"|[?&;]login(?:[/=&;]|$)",
    re.IGNORECASE,
)
"""The path and query of the pages where phpBB, MyBB, SMF, XenForo, Discourse... ask for a login."""

_WALL_TITLE = re.compile(
    r"<title[^>]*>\s*(?:just a moment|один момент|cierpliwości|chwileczkę|un momento|"
    r"nur einen moment|attention required! \| cloudflare|ddos-guard|checking your browser|"
    r"making sure you(?:'|&#39;|&#x27;|’)re not a bot|pardon our interruption)[\s.!…]*</title>",
    re.IGNORECASE,
)
"""The whole title: a thread may well be called so, but its page names the forum too."""

_WALL_SCRIPT = re.compile(
    r"<script[^>]*>[^<]*_cf_chl_opt|<[^>]+cf-browser-verification|"
    r"<script[^>]+(?:/\.within\.website/x/cmd/anubis|ddos-guard/js-challenge|captcha-delivery\.com)|"
    r"<script[^>]+anubis_challenge"
)
"""Elements of challenge pages alone; a post that talks of them has its ``<`` escaped."""

_INCAPSULA = re.compile(r"<(?:script|iframe)[^>]+_Incapsula_Resource")
_SMALL_PAGE = 6_000
"""Characters; Incapsula puts its mark in normal pages too, but its wall is little else."""


def is_login_address(url: str) -> bool:
    """Return whether ``url`` is where a forum asks a visitor to log in."""
    parts = urlsplit(url)
    return _LOGIN_ADDRESS.search(f"{parts.path}?{parts.query}".rstrip("?")) is not None


def asks_for_login(page: TextResponse) -> bool:
    """Return whether ``page`` holds a login form.

    Many boards show one to every guest, so this says something only of a page without posts.
    """
    if _header(page, "Content-Type").startswith("application/json"):
        return False
    return bool(page.css("input[type=password]"))


def check(page: Response) -> None:
    """Raise ``PageFailed`` when ``page`` is not the page that was asked for.

    Looks at status, headers and the marks of the known walls; what the page says of posts is
    the engine's to read.
    """
    wall = bot_wall(page)
    if wall:
        raise PageFailed(Outcome.BLOCKED, f"{page.url} answered with {wall}")
    status = page.status
    if status in (404, 410):
        raise PageFailed(Outcome.GONE, f"{page.url} answered {status}")
    if status == 401 or (status == 403 and _members_only(page)):
        raise PageFailed(Outcome.LOGIN_WALL, f"{page.url} answered {status} and asks for a login")
    if status in (403, 451):
        raise PageFailed(Outcome.BLOCKED, f"{page.url} answered {status}")
    if 300 <= status < 400:
        where = _header(page, "Location")[:200]
        raise PageFailed(Outcome.REFUSED, f"{page.url} leads to {where!r}, which is not followed")
    if status >= 400:
        raise PageFailed(Outcome.UNREACHABLE, f"{page.url} answered {status}")
    if not isinstance(page, TextResponse):
        kind = _header(page, "Content-Type")[:80] or "no type"
        raise PageFailed(Outcome.MARKUP_CHANGED, f"{page.url} is not a page of text ({kind})")


def _header(page: Response, name: str) -> str:
    """Return a header of ``page`` as text, empty when it has none."""
    return (page.headers.get(name) or b"").decode("latin-1")


def bot_wall(page: Response) -> str | None:
    """Return the name of the bot wall that ``page`` is, if it is one."""
    if _header(page, "cf-mitigated").lower() == "challenge":
        return "a Cloudflare challenge (cf-mitigated)"
    if _header(page, "x-amzn-waf-action"):
        return "an AWS WAF challenge"
    if _header(page, "server").lower() == "ddos-guard" and page.status == 403:
        return "a DDoS-Guard wall"
    text = page.text if isinstance(page, TextResponse) else ""
    head = text[:20_000]
    if found := _WALL_TITLE.search(head) or _WALL_SCRIPT.search(head):
        return f"a bot wall ({' '.join(found.group().split())[:60]})"
    if len(text) < _SMALL_PAGE and _INCAPSULA.search(text):
        return "an Incapsula wall"
    return None


def _members_only(page: Response) -> bool:
    """Return whether a 403 says "log in" rather than "go away"."""
    if not isinstance(page, TextResponse):
        return False
    if page.text.lstrip().startswith("{"):
        try:
            answer = json.loads(page.text)
        except ValueError:
            return False
        return isinstance(answer, dict) and answer.get("error_type") == "not_logged_in"
    return asks_for_login(page)
