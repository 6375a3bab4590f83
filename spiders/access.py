"""Keys that some sources ask for: shown to that source's own hosts and to nobody else.

A secret that earns tokens is shown to its source's token address alone; that is the one POST.

A key is added below everything that logs, retries or follows redirects, and a query parameter is
taken off the answer's address again, so that no message, log or stored link can hold it.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.http import Response

from models.errors import QuietwordError
from spiders.base import Engine, Key


class KeyMissing(QuietwordError):
    """A source wants a key or an acknowledgement that is not set; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One key in use."""

    key: Key
    value: str = field(repr=False)
    client: str = field(default="", repr=False)
    """The name that belongs to a secret."""
    local: str | None = None
    """A source on this machine (``host:port``) that is shown the key too, over http."""

    def grant(self) -> Request:
        """Return what asks for a token."""
        tokens = urlsplit(self.key.tokens)
        if self.local is not None:
            tokens = tokens._replace(scheme="http", netloc=self.local)
        pair = f"{self.client}:{self.value}".encode()
        return Request(
            tokens.geturl(),
            method="POST",
            body="grant_type=client_credentials",
            headers={
                "Authorization": b"Basic " + b64encode(pair),
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )

    def opens(self, url: str) -> bool:
        """Return whether the host of ``url`` is to be shown the key."""
        parts = urlsplit(url)
        if parts.path == "/robots.txt":
            return False
        if self.local is not None:
            return parts.netloc == self.local
        return parts.scheme == "https" and parts.hostname in self.key.hosts and parts.port is None


def passes(
    engine: Engine, keys: Mapping[str, str], *, address: str, local: bool
) -> tuple[Pass, ...]:
    """Return the keys that ``engine`` uses; raise ``KeyMissing`` when a required one is not set.

    ``local`` tells that ``address`` is on this machine: then the keys go there alone.
    """
    for key in engine.keys:
        if key.required and not keys.get(key.setting):
            name = f"QUIETWORD_{key.setting.upper()}"
            raise KeyMissing(
                f"{engine.gives.product or engine.name} needs {key.what}. Set {name}, or "
                f"{name}_FILE to a file that holds it"
            )
        if key.client is not None and keys.get(key.setting) and not keys.get(key.client):
            raise KeyMissing(
                f"QUIETWORD_{key.setting.upper()} needs {key.client.upper()} beside it"
            )
    here = urlsplit(address).netloc if local else None
    return tuple(
        Pass(key=key, value=keys[key.setting], client=keys.get(key.client or "", ""), local=here)
        for key in engine.keys
        if keys.get(key.setting) and (key.header or key.parameter)
    )


def masked(text: str, used: tuple[Pass, ...]) -> str:
    """Return ``text`` with every key in it, plain or encoded, replaced by ``***``."""
    for one in used:
        for shape in {one.value, quote(one.value, safe="")}:
            text = text.replace(shape, "***")
    return text


class KeyedHandler(HTTP11DownloadHandler):
    """Scrapy's HTTP client, showing keys where they belong."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._passes: tuple[Pass, ...] = tuple(crawler.settings.get("QUIETWORD_PASSES") or ())
        self._tokens: dict[str, str] = {}
        """Tokens that were earned, by the setting of their secret."""
        self._agent = crawler.settings.get("USER_AGENT")

    async def download_request(self, request: Request) -> Response:
        """Return the answer to ``request``, under the address that was asked for.

        A token is earned at the first request, and once more when it is not accepted any longer.
        """
        earned = [one for one in self._passes if one.key.tokens and one.opens(request.url)]
        for one in earned:
            if one.key.setting not in self._tokens and (refused := await self._earn(one)):
                return refused.replace(url=request.url)
        answer = await self._shown(request)
        if answer.status != 401 or not earned:
            return answer
        for one in earned:
            if refused := await self._earn(one):
                return refused.replace(url=request.url)
        return await self._shown(request)

    async def _earn(self, one: Pass) -> Response | None:
        """Exchange a secret for a token; return the answer when there is none in it."""
        asked = one.grant()
        asked.headers["User-Agent"] = self._agent
        answer = await super().download_request(asked)
        try:
            token = json.loads(answer.body)["access_token"]
        except (ValueError, LookupError, TypeError):
            token = None
        if not isinstance(token, str) or not token.isascii():
            status = answer.status if answer.status >= 400 else 401
            return answer.replace(status=status, body=b"")
        self._tokens[one.key.setting] = token
        return None

    async def _shown(self, request: Request) -> Response:
        url, headers = request.url, {}
        for one in self._passes:
            if not one.opens(request.url):
                continue
            if one.key.header is not None:
                value = self._tokens.get(one.key.setting, one.value)
                headers[one.key.header] = one.key.form.format(value)
            if one.key.parameter is not None:
                joined = "&" if urlsplit(url).query else "?"
                url += f"{joined}{one.key.parameter}={quote(one.value, safe='')}"
        if not headers and url == request.url:
            return await super().download_request(request)
        keyed = request.replace(url=url)
        for name, value in headers.items():
            keyed.headers[name] = value
        answer = await super().download_request(keyed)
        # The latency that AutoThrottle reads was measured on the copy.
        request.meta.update(keyed.meta)
        return answer.replace(url=request.url)
