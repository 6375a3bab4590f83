"""The links of a phpBB page: the forum's folder, clean addresses, the pages before and after."""

import re
from dataclasses import dataclass

from scrapy.http import TextResponse

from spiders.addresses import (
    origin,
    parameters,
    same_site,
    site_root,
    without_fragment,
    without_session,
)
from spiders.base import Kind
from spiders.engines.phpbb_addresses import SCRIPT, Place, place_of
from spiders.html_place import digits, text_of

_OWN_SCRIPT = re.compile(r"/(?:viewtopic|viewforum|ucp|memberlist|posting|search|index)\.php")
_REORDERING = frozenset({"sk", "sd", "st", "view", "bookmark", "watch"})
_OUTSIDE_POSTS = (
    "//a[@href]"
    "[not(ancestor::*[starts-with(@id, 'p')"
    " and number(substring(@id, 2)) = number(substring(@id, 2))])]"
    "[not(ancestor::div[contains(concat(' ', @class, ' '), ' postbody ')])]"
)
"""The links of a message are its author's and lead to no page of the thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The pages of a thread or board, seen from one of them."""

    start: int | None
    """How many messages or threads precede the page; ``None`` when it does not tell."""
    next_page: str | None
    previous_page: str | None
    last_page: str | None


class PageLinks:
    """Reads the links of one page."""

    def __init__(self, page: TextResponse) -> None:
        self._page = page
        self.root = self._find_root()

    def joined(self, href: str) -> str:
        """Return ``href`` as an address; empty when it is none, for which urljoin raises."""
        try:
            return self._page.urljoin(href.strip())
        except ValueError:
            return ""

    def url(self, href: str) -> str | None:
        """Return ``href`` as an address on this site, without session id; else ``None``."""
        try:
            url = without_session(self.joined(href))
        except ValueError:
            return None
        return url if same_site(url, self._page.url) else None

    def thread_url(self, number: str) -> str:
        """Return the plain address of a thread's first page."""
        return f"{self.root}viewtopic.php?t={number}"

    def address(self, place: Place, href: str) -> str:
        """Return the address of ``place``: by rule when ``href`` is plain, else as it is linked."""
        if not SCRIPT.search(href.partition("?")[0]) or place.number is None:
            return without_fragment(href)
        script, name = ("viewtopic", "t") if place.kind is Kind.THREAD else ("viewforum", "f")
        start = f"&start={place.start}" if place.start else ""
        return f"{self.root}{script}.php?{name}={place.number}{start}"

    def around(self, kind: Kind, number: str | None) -> Around:
        """Return where this page of the thread or board ``number`` stands among its pages.

        ``None`` as number is a list without one (a search, say), of which only neighbours are told.
        """
        pages, start = self._pages(kind, number)
        here = start if start is not None else max(pages, default=0) + 1
        return Around(
            start=start,
            next_page=_nearest(pages, here, after=True) or self._neighbour("next", number),
            previous_page=_nearest(pages, here, after=False) or self._neighbour("prev", number),
            last_page=pages[max(pages)] if pages and max(pages) > here else None,
        )

    def _find_root(self) -> str:
        """Return the forum's folder on the page's own site, as its links to phpBB's scripts say."""
        page = self._page
        for href in page.css('a[href*=".php"]::attr(href), form[action*=".php"]::attr(action)'):
            url = self.joined(href.get() or "")
            if _OWN_SCRIPT.search(url.partition("?")[0]) and same_site(url, page.url):
                return origin(page.url) + site_root(url.partition("?")[0])[len(origin(url)) :]
        return site_root(page.url)

    def _pages(self, kind: Kind, number: str | None) -> tuple[dict[int, str], int | None]:
        """Return the addresses of this thread's or board's pages by first row, and where we are."""
        found: dict[int, str] = {}
        relations: dict[str, int] = {}
        every = f"{_OUTSIDE_POSTS} | //link[@rel='next' or @rel='prev'][@href]"
        for link in self._page.xpath(every) if number else ():
            place = place_of(link.attrib["href"])
            if not place or (place.kind, place.number) != (kind, number) or place.post:
                continue
            url = self.url(link.attrib["href"])
            if not url or any(name in _REORDERING for name, _ in parameters(url)):
                continue
            found.setdefault(place.start, self.address(place, url))
            for relation in (link.attrib.get("rel") or "").split():
                relations.setdefault(relation, place.start)
        return found, self._start(kind, number, relations) if number else None

    def _start(self, kind: Kind, number: str, relations: dict[str, int]) -> int | None:
        """Return how many rows precede this page; ``None`` when the page does not tell."""
        if any(name in _REORDERING - {"view"} for name, _ in parameters(self._page.url)):
            return None
        canonical = self._page.css("link[rel=canonical]::attr(href)").get()
        for url in (self._page.url, self.url(canonical) if canonical else None):
            place = place_of(url) if url else None
            if place and (place.kind, place.number) == (kind, number) and not place.post:
                return place.start
        before, after = relations.get("prev"), relations.get("next")
        if before is not None and after is not None:
            return (before + after) // 2
        if before is None and after is not None:
            return 0
        return self._counted(kind, number)

    def _counted(self, kind: Kind, number: str) -> int | None:
        """Return how many rows precede this page by the numbers that stand on its pager."""
        shown = text_of(
            self._page.css(".pagination strong, .pagination .active span, td.nav strong")
        )
        if not digits(shown):
            return None
        if shown == "1":
            return 0
        # Page 3 starts at row 20, so a page has 10 rows.
        for link in self._page.xpath(_OUTSIDE_POSTS):
            place, label = place_of(link.attrib["href"]), text_of([link])
            if not place or (place.kind, place.number) != (kind, number):
                continue
            if place.start and digits(label):
                return place.start // max(1, int(label) - 1) * (int(shown) - 1)
        return None

    def _neighbour(self, relation: str, number: str | None) -> str | None:
        """Return the page that a pager leads to by addresses of an unknown form.

        Since 3.1 its links say so; before, the next page is the link after the bold number.
        """
        links = self._page.css(f".pagination a[rel={relation}], link[rel={relation}]")
        if number is None:
            links += self._page.css(f"a[rel={relation}]")
        axis = "following" if relation == "next" else "preceding"
        for pager in (".pagination", "td.gensmall"):
            links += self._page.css(pager).xpath(
                f".//strong[not(ancestor::a)]/{axis}-sibling::a[number(.) = number(.)][1]"
            )
        here = without_fragment(without_session(self._page.url))
        for link in links:
            href = link.attrib.get("href", "")
            url = self.url(href)
            if url and place_of(href) is None and without_fragment(url) != here:
                return url
        return None


def _nearest(pages: dict[int, str], here: int, *, after: bool) -> str | None:
    """Return the address of the page right after, or before, the one that starts at ``here``."""
    starts = [start for start in pages if (start > here if after else start < here)]
    return pages[min(starts) if after else max(starts)] if starts else None
