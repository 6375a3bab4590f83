"""What stands where on one page: selectors, times and addresses looked up for its engine."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as percent

from parsel import Selector, SelectorList
from scrapy.http import TextResponse

from spiders.addresses import origin, same_site, site_root, without_fragment, without_session
from spiders.base import ReadOptions
from spiders.dates import machine_time
from spiders.html_place import Place, order_in, text_of
from spiders.text import classes, read_words
from spiders.tongues import Tongues

if TYPE_CHECKING:
    from spiders.html_engine import HtmlEngine

_STAMPS = ("datetime", "data-time", "data-timestamp", "title", "content")
_MOST_TEXTS = 30  # texts of a cell that are tried as a date


class HtmlView:
    """Looks things up on one page by the selectors of its engine, or of its source."""

    def __init__(self, engine: "HtmlEngine", page: TextResponse, options: ReadOptions) -> None:
        self.page = page
        order = options.date_order or order_in(page.text)
        self.options = replace(options, date_order=order)
        self.language = engine.language(page)
        self._engine = engine
        self._tongues = Tongues(self.language)
        self.here = self.place(page.url)
        self.root = self._find_root()

    # Looking things up ---------------------------------------------------------------------

    def find(self, node: Selector | TextResponse, name: str) -> SelectorList[Selector]:
        """Return what the selector ``name`` matches in ``node``, itself included for attributes."""
        for css in self._engine.selector(name, self.options.selectors):
            if css and (found := node.css(css)):
                return found
        return SelectorList()

    def line(self, node: Selector | TextResponse, name: str) -> str:
        """Return the first match of ``name`` as one line of text; empty when there is none."""
        return text_of(self.find(node, name))

    def marked(self, row: Selector, name: str) -> bool:
        """Tell whether ``row`` or something in it matches the selector ``name``."""
        own: list[Any] = [row.root]
        for css in self._engine.selector(name, self.options.selectors):
            if any(match.root in own for match in row.xpath("..").css(css)) or row.css(css):
                return True
        return False

    def moment(self, found: Iterable[Selector]) -> datetime | None:
        """Return the first readable moment: of each match its attributes, then its text."""
        for match in found:
            stamps = [] if isinstance(match.root, str) else [match, *match.css("time, [title]")]
            for name in _STAMPS:
                for stamp in stamps:
                    value = stamp.attrib.get(name)
                    if value and (when := machine_time(value, self.options) or self.clock(value)):
                        return when
            if when := self.clock(text_of([match])):
                return when
        return None

    def clock(self, text: str) -> datetime | None:
        """Return the moment shown to people as ``text``, words around it allowed for."""
        text = self._engine.shown(text)
        if not re.search(r"\d|\s", text):  # "Yesterday" alone has no hour
            return None
        return self._tongues.shown(text, self.options)

    def url(self, href: str | None) -> str | None:
        """Return ``href`` as an address on this site without session id; else ``None``."""
        try:
            url = without_session(self.page.urljoin((href or "").strip()))
        except ValueError:
            return None
        return url if href and same_site(url, self.page.url) else None

    def place(self, href: str | None) -> Place | None:
        """Return what a link of this page points at, when that is on this site."""
        url = self.url(href)
        return self._engine.place(without_fragment(url)) if url else None

    def fill(self, form: str, **values: str | None) -> str:
        """Return ``form`` with its places filled in, each safe in an address."""
        for name, value in values.items():
            form = form.replace("{" + name + "}", percent(value or "", safe=""))
        return form

    def _find_root(self) -> str:
        """Return the forum's folder, ending in a slash.

        A script's address tells it; a rewritten one may pretend to more folders than there are.
        """
        page, scripts = self.page, self._engine.scripts
        folder = self.here.folder if self.here else ""
        if folder and (".php" in page.url or not scripts):
            return folder
        hrefs = page.css("link[rel=canonical]::attr(href), a::attr(href), form::attr(action)")
        for href in hrefs.getall() if scripts else ():
            url = self.url(href)
            if url and (found := re.search(scripts, url)):
                root = origin(page.url) + url[len(origin(url)) : found.start()]
                if page.url.startswith(root):
                    return root
        return folder or site_root(page.url)

    def last_time(self, cells: SelectorList[Selector]) -> datetime | None:
        """Return when the newest message was written, as its cell says."""
        for cell in cells[:1]:
            chosen = self.find(cell, "thread_time") or cell.css("time, [data-time]")
            if when := self.moment(chosen):
                return when
            # Over "5 minutes ago"; one over "Yesterday" has no hour.
            for exact in cell.css("::attr(title)").getall():
                if re.search(r"\d:\d\d", exact) and (when := self.clock(exact)):
                    return when
            lines = read_words(cell.root, _words_only).text.splitlines()
            # "Today" and its hour may stand in elements of their own: whole lines come first.
            texts = [text for text in cell.xpath(".//text()").getall() if re.search(r"\d", text)]
            for text in (*lines, *reversed(texts[:_MOST_TEXTS])):
                if re.search(r"\d", text) and (when := self.clock(text)):
                    return when
        return None


def _words_only(element: Any) -> str | None:
    """Leave pictures and "in THREAD by NAME" out of a cell that tells a time."""
    named = classes(element) & {"postby", "byuser"}
    return "" if element.tag in {"img", "cite"} or named else None
