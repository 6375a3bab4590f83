"""One page as engines read by selectors see it: its links, its dates, its words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import same_site, without_fragment, without_session
from spiders.base import ReadOptions
from spiders.dates import machine_time
from spiders.text import classes, fit
from spiders.tongues import Tongues

_MACHINE = ("datetime", "data-timestamp", "data-time", "date", "content", "title")
_COUNT = re.compile(r"\d{1,3}(?:[ .,'’\xa0\u202f]\d{3})+(?!\d)|\d+(?![\d.,:/-]\d)")
_STAMP = re.compile(
    r"(?<![\d/-])(\d{1,2})[/-](\d{1,2})[/-](?:\d\d){1,2},?(?:\s|&nbsp;|<[^<>]{0,80}>){1,6}\d{1,2}:\d\d"
)
_CLOCK = re.compile(
    r"\d{1,2}[:.]\d\d|\d\s*(?:min|hour|godz|час|мин|Stund|хв|год)|\d{1,2}\s?[AP]M\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who wrote a message."""

    name: str
    uid: str | None = None
    """The member's id; guests have none."""
    profile: str | None = None
    """Address of the member's profile; guests have none."""


class Doc:
    """One page, with what is needed to understand its links and dates."""

    def __init__(self, page: TextResponse, options: ReadOptions) -> None:
        self.page = page
        self.language = (page.css("html::attr(lang)").get() or "").strip()[:2].lower() or None
        self.options = options
        if options.date_order is None and (options.language or self.language or "en") == "en":
            self.options = replace(options, date_order=_order_on(page.text))
        self._tongues = Tongues(self.language)
        self.here = without_fragment(without_session(page.url))

    def url(self, href: str | None) -> str | None:
        """Return ``href`` as an address on this site, without session id; else ``None``."""
        if not href or href.startswith(("javascript:", "#", "mailto:", "data:")):
            return None
        try:
            url = without_session(self.page.urljoin(href.strip()))
        except ValueError:
            return None
        return url if same_site(url, self.page.url) else None

    def shown(self, text: str | None) -> datetime | None:
        """Return the moment that ``text`` tells people."""
        return self._tongues.shown(text, self.options)

    def time(self, node: Selector) -> datetime | None:
        """Return the moment of ``node``: by its attributes for machines, its title, its text."""
        if isinstance(node.root, str):  # an attribute or text that a person's selector picks
            return machine_time(node.root, self.options) or self.shown(node.root)
        for name in _MACHINE:
            if when := machine_time(node.attrib.get(name), self.options):
                return when
        for text in (node.attrib.get("title"), node.attrib.get("data-datestring"), said(node)):
            if text and (when := self.shown(text)):
                return when
        return None

    def first_time(self, nodes: Iterable[Selector]) -> datetime | None:
        """Return the first moment that one of ``nodes`` tells."""
        return next(filter(None, map(self.time, nodes)), None)

    def loose_time(self, texts: Iterable[str]) -> datetime | None:
        """Return the first of ``texts`` that is a date with a clock time."""
        for text in texts:
            words = " ".join(text.split()).strip(" »•|,-–—")
            if 5 < len(words) < 60 and _CLOCK.search(words) and (when := self.shown(words)):
                return when
        return None


def _order_on(text: str) -> str | None:
    """Return the order of day and month that dates with a clock time on a page prove.

    English boards write 5/4 both ways round; one day above 12 tells which.
    """
    pairs = [(int(first), int(second)) for first, second in _STAMP.findall(text)]
    day_first = any(first > 12 >= second for first, second in pairs)
    month_first = any(second > 12 >= first for first, second in pairs)
    if day_first == month_first:
        return None
    return "DMY" if day_first else "MDY"


def said(node: Selector | None, drop: frozenset[str] = frozenset()) -> str:
    """Return the text of ``node`` on one line, without scripts and elements of classes ``drop``."""
    return _said(node.root, drop) if node is not None else ""


def _said(root: Element, drop: frozenset[str]) -> str:
    parts: list[str] = []
    todo: list[tuple[Element | None, str | None]] = [(root, None)]
    while todo:
        element, tail = todo.pop()
        if tail:
            parts.append(tail)
        if element is None:
            continue
        tag = element.tag
        if element is not root:
            todo.append((None, element.tail))
        if not isinstance(tag, str) or tag in {"script", "style", "noscript", "template"}:
            continue
        if element is not root and classes(element) & drop:
            continue
        todo.extend((child, None) for child in reversed(element))
        if element.text:
            parts.append(element.text)
    return " ".join(fit("".join(parts)).split())


def count_in(text: str | None) -> int | None:
    """Return the whole number in ``text``, thousands apart or not; ``None`` for "1.2K"."""
    found = _COUNT.search(text or "")
    if not found or re.match(r"\s?[kmтм]\b", (text or "")[found.end() :], re.IGNORECASE):
        return None
    number = re.sub(r"\D", "", found[0])
    return int(number) if len(number) < 10 else None
