"""Which addresses may be fetched at all.

An address comes from a person or from a page that strangers write, so none is trusted: only
http and https, only the site that was asked for, only public machines. The machine is checked
twice: before a request, for a clear message, and again when the connection is made, because a
name may answer differently the second time (DNS rebinding).
"""

import asyncio
import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

from scrapy import Request, exceptions
from scrapy.crawler import Crawler

from spiders.outcome import Outcome, PageFailed, is_login_address

PUBLIC_PORTS = frozenset({80, 443, 8080, 8443})
"""Where web sites live; other ports of a public machine are other services."""

ROBOTS = "quietword_robots"
"""Request meta: this is a robots.txt, which may be redirected to another public site (RFC 9309)."""

LONGEST_ADDRESS = 2_000
"""Characters; longer ones are traps."""

_DEFAULT_PORT = {"http": 80, "https": 443}

_ACTS = re.compile(
    # scripts of phpBB, MyBB, vBulletin, FluxBB... that search, write, or are for members
    r"/(?:ucp|mcp|posting|search|memberlist|report|privmsg|private|newreply|newthread|editpost|"
    r"printthread|sendmessage|register|profile|usercp|modcp|moderation|misc|login)\.php"
    # steps of a path: /posts/1/report, /logout, /whats-new/mark-read
    r"|/(?:posts?|comments?|threads?)/[^/?]+/"
    r"(?:report|delete|edit|reply|vote|react|like|print)/?\?"
    r"|/(?:logout|log-out|signout|register|mark-read|mark-all-read|markread|markasread|"
    r"printpage)/?\?"
    r"|^/search/?\?"
    # ?action=markasread, ;action=printpage, &mode=reply, &view=print
    r"|[?&;](?:mode|action|do|act|view|sa)="
    r"(?:delete|edit|reply|quote|post|report|logout|markread|markasread|mark|markforums|print|"
    r"printpage|viewprofile|email|pm|search2?|vote|register|sendtopic)(?:[&;]|$)"
    r"|[?&;](?:mark|markread|logout|delete|vote)(?:=|[&;]|$)",
    re.IGNORECASE,
)
"""Addresses that do something, search, or print: never asked for, whatever robots.txt says."""


def acts(url: str) -> bool:
    """Return whether ``url`` does something other than show a board or thread."""
    parts = urlsplit(url)
    return _ACTS.search(f"{parts.path}?{parts.query}") is not None


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one stands for (mapped, NAT64, 6to4, Teredo)."""
    number = int(address)
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if number >> 32 == 0x64FF9B << 72 or number >> 32 == 0:
        return IPv4Address(number & 0xFFFFFFFF)
    if address.sixtofour:
        return address.sixtofour
    return address.teredo[1] if address.teredo else None


def is_public(address: str) -> bool:
    """Return whether ``address`` is a machine on the public internet; ``False`` if unsure."""
    return _reach(address) == "public"


def is_loopback(address: str) -> bool:
    """Return whether ``address`` is this very machine."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return (mapped or ip).is_loopback


def may_connect(address: str, *, allow_private: bool) -> bool:
    """Return whether a connection to ``address`` (an IP address as text) may be made.

    Loopback and private networks need ``allow_private``. Link-local addresses, where cloud
    machines keep their credentials, and multicast are never allowed: no forum lives there.
    """
    reach = _reach(address)
    return reach == "public" or (reach == "private" and allow_private)


def _reach(address: str) -> str:
    """Return ``public``, ``private`` or ``never`` for an IP address as text."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return "never"
    if isinstance(ip, IPv6Address):
        if ip.is_loopback:
            return "private"
        inner = _embedded(ip)
        if inner is not None:
            return _reach(str(inner))
        if ip.is_site_local:
            return "private"
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return "never"
    if ip.is_loopback:
        return "private"
    if ip.is_reserved or str(ip) == "255.255.255.255":
        return "never"
    return "public" if ip.is_global else "private"


def split(url: str, *, allow_private: bool) -> SplitResult:
    """Return the parts of ``url``; raise ``PageFailed`` when its form alone forbids fetching."""
    if len(url) > LONGEST_ADDRESS:
        raise PageFailed(Outcome.REFUSED, f"{url[:200]!r} goes on for {len(url)} characters")
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise PageFailed(Outcome.REFUSED, f"{url[:200]!r} holds blanks or control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise PageFailed(Outcome.REFUSED, f"{url[:200]!r} is not an address ({error})") from error
    if parts.scheme not in _DEFAULT_PORT or not parts.hostname:
        raise PageFailed(Outcome.REFUSED, f"{url[:200]!r} does not begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise PageFailed(Outcome.REFUSED, f"the address of {parts.hostname} holds a user name")
    port = port if port is not None else _DEFAULT_PORT[parts.scheme]
    if port not in PUBLIC_PORTS and not allow_private:
        raise PageFailed(Outcome.REFUSED, f"{url[:200]!r} names port {port}, not one of the web's")
    return parts


def same_site(one: str, other: str) -> bool:
    """Return whether two addresses belong to one site: same host but for ``www.``, same port.

    http and https at their usual ports count as the same.
    """
    return _site(one) == _site(other)


def _site(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    port = None if parts.port in (None, _DEFAULT_PORT.get(parts.scheme)) else parts.port
    return host, port


def judge(host: str, addresses: Sequence[str], *, allow_private: bool) -> None:
    """Raise ``PageFailed`` unless every one of ``addresses``, those of ``host``, is allowed."""
    for address in addresses:
        if not may_connect(address, allow_private=allow_private):
            raise PageFailed(
                Outcome.REFUSED,
                f"{host} is at {address}, which is not a public address; for a forum on your own "
                "network set QUIETWORD_ALLOW_PRIVATE_ADDRESSES=1",
            )


def resolve(host: str, port: int) -> list[str]:
    """Return all IP addresses of ``host``, literal ones in any notation included.

    Asks the system and blocks. Raises ``PageFailed`` when there is none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PageFailed(Outcome.UNREACHABLE, f"{host} has no address ({error})") from error
    return sorted({str(entry[4][0]) for entry in found})


class GuardMiddleware:
    """Let through only GET requests to the crawled site, on machines that may be reached.

    Sees every request, those that follow a redirect and those for robots.txt included.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._site: str = crawler.settings["QUIETWORD_ADDRESS"]
        self._api_hosts: frozenset[str] = crawler.settings.get("QUIETWORD_API_HOSTS") or frozenset()
        self._allow_private = crawler.settings.getbool("QUIETWORD_ALLOW_PRIVATE")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the guard of one crawl."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Raise ``PageFailed`` when ``request`` must not be sent."""
        if request.method != "GET":
            raise PageFailed(Outcome.REFUSED, f"{request.method} {request.url} would write")
        came_from = request.meta.get("redirect_urls")
        parts = split(request.url, allow_private=self._allow_private)
        if not request.meta.get(ROBOTS):
            if not (same_site(request.url, self._site) or parts.hostname in self._api_hosts):
                how = f"{came_from[0]} leads to" if came_from else "a page links to"
                raise PageFailed(Outcome.REFUSED, f"{how} another site, {request.url[:200]}")
            if came_from and is_login_address(request.url):
                raise PageFailed(Outcome.LOGIN_WALL, f"{came_from[0]} leads to a login page")
            if acts(request.url):
                raise PageFailed(
                    Outcome.REFUSED, f"{request.url[:200]} acts, searches or prints: never fetched"
                )
        host = parts.hostname or ""
        port = parts.port or _DEFAULT_PORT[parts.scheme]
        addresses = await asyncio.to_thread(resolve, host, port)
        judge(host, addresses, allow_private=self._allow_private)


class GuardedResolver:
    """The reactor's name resolver, less the machines that may not be reached.

    Everything Twisted connects to passes here at the moment of connecting, literal addresses
    too. A name with one forbidden address among its records gets none: a mixed answer is how
    rebinding begins. Twisted's interfaces carry no types, hence ``Any``.
    """

    def __init__(self, reactor: Any, *, allow_private: bool) -> None:
        self._reactor = reactor
        self._inner = reactor.nameResolver
        self._allow_private = allow_private
        self.refused: set[str] = set()
        """Hosts that were turned away."""

    @classmethod
    def from_crawler(cls, crawler: Any, reactor: Any) -> Self:
        """Return the resolver of one process; ``crawler`` is whatever holds the settings."""
        allow = crawler.settings.getbool("QUIETWORD_ALLOW_PRIVATE")
        return cls(reactor, allow_private=allow)

    def install_on_reactor(self) -> None:
        """Take the place of the reactor's own resolver."""
        self._reactor.installNameResolver(self)

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type] | None = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        """Pass on the addresses of ``hostName``, or none when one of them is forbidden."""
        receiver = _Sieve(self, hostName, resolutionReceiver)
        return self._inner.resolveHostName(
            receiver, hostName, portNumber, addressTypes, transportSemantics
        )

    def admits(self, address: Any) -> bool:
        """Return whether a connection to ``address``, as Twisted has it, may be made."""
        return may_connect(address.host, allow_private=self._allow_private)


class _Sieve:
    """Holds back the addresses of one name until all of them are known to be allowed."""

    def __init__(self, guard: GuardedResolver, host: str, receiver: Any) -> None:
        self._guard = guard
        self._host = host
        self._receiver = receiver
        self._found: list[Any] = []

    def resolutionBegan(self, resolution: Any) -> None:
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: Any) -> None:
        self._found.append(address)

    def resolutionComplete(self) -> None:
        if all(self._guard.admits(address) for address in self._found):
            for address in self._found:
                self._receiver.addressResolved(address)
        else:
            self._guard.refused.add(self._host)
        self._receiver.resolutionComplete()


def _turned_away() -> set[str]:
    """Return the hosts to which the reactor's resolver allowed no connection."""
    from twisted.internet import reactor  # installs a reactor when imported too early

    resolver = getattr(reactor, "nameResolver", None)
    return resolver.refused if isinstance(resolver, GuardedResolver) else set()


def failure(url: str, error: Exception) -> PageFailed:
    """Return what one of ``NETWORK_ERRORS``, raised while fetching ``url``, means."""
    host = urlsplit(url).hostname or ""
    if isinstance(error, exceptions.CannotResolveHostError) and host in _turned_away():
        return PageFailed(Outcome.REFUSED, f"{host} turned out to be at an address not public")
    reasons = getattr(error.__cause__, "reasons", None)  # Twisted's ResponseFailed
    said = "; ".join(one.getErrorMessage() for one in reasons) if reasons else str(error)
    said = " ".join(said.split())[:300]
    if "certificate verify failed" in said:
        return PageFailed(Outcome.UNREACHABLE, f"the certificate of {host} cannot be verified")
    if isinstance(error, exceptions.DownloadCancelledError) or "DOWNLOAD_MAXSIZE" in said:
        return PageFailed(Outcome.REFUSED, f"{url} is larger than Quietword reads")
    if isinstance(error, exceptions.DownloadTimeoutError):
        return PageFailed(Outcome.UNREACHABLE, f"{url} took too long")
    if isinstance(error, exceptions.IgnoreRequest) and "redirections" in said:
        return PageFailed(Outcome.UNREACHABLE, f"{url} leads from redirect to redirect")
    return PageFailed(Outcome.UNREACHABLE, f"{url} could not be fetched ({said})")
