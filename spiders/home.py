"""Whether what a page shows is the site's own: links to another forum make no forum of a page."""

import re
from collections import Counter
from urllib.parse import urljoin, urlsplit

from scrapy.http import TextResponse

_NAMES = re.compile(r"href[*^$~|]?=[\"']?(?:https?://)?(?:www\.)?([\w.-]+)")
"""The beginnings of addresses that a selector looks for, which may be a host's name."""
_MAKERS = frozenset({"github.com", "gitlab.com"})
_SAYS_WHERE = "link[rel=canonical]::attr(href), meta[property='og:url']::attr(content)"


def found_at_home(page: TextResponse, css: str) -> bool:
    """Tell whether ``css`` matches on ``page`` something other than a link to another site.

    A link to a host that ``css`` itself names, such as the maker's in a footer, counts.
    """
    away = []
    for node in page.css(css):
        href = None if isinstance(node.root, str) else node.attrib.get("href")
        host = _host(page.url, href) if href and node.root.tag == "a" else ""
        if not host or host in _MAKERS or any(name in host for name in _NAMES.findall(css)):
            return True
        away.append(host)
    return bool(away) and not _homes(page).isdisjoint(away)


def _homes(page: TextResponse) -> set[str]:
    """Return the hosts of ``page``: its own, and those it was saved from."""
    own = _host(page.url, page.url)
    told = {_host(page.url, url) for url in page.css(_SAYS_WHERE).getall()}
    hosts = Counter(_host(page.url, href) for href in page.css("a::attr(href)").getall())
    hosts.pop("", None)
    if not hosts[own] and hosts:  # saved under another address than its own
        told.add(hosts.most_common(1)[0][0])
    return {own, *told} - {""}


def _host(base: str, href: str) -> str:
    try:
        parts = urlsplit(urljoin(base, href.strip()))
        return (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return ""
