"""Messages and lists found by structure alone: siblings of one shape with author, time and text.

Nothing here knows a product; every page is walked once, and groups of siblings are judged by what
each of them holds.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote, urlsplit

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from scrapy.http import TextResponse

from spiders.addresses import same_site, without_fragment
from spiders.base import ReadOptions
from spiders.dates import machine_time, shown_time
from spiders.text import classes, plain

_PROFILE = re.compile(
    r"/(?:users?|u|members?|profiles?|authors?|people|account|uzytkownik|uzytkownicy|profil|"
    r"polzovatel|benutzer|mitglied(?:er)?|uzivatel|korystuvach)(?:/|\.php|\?|$)|/@[\w.-]+$|/~\w+/?$|"
    r"(?:[?&;]|^)(?:uid|user|userid|user_id|member|memberid|showuser|author|profile|u)=|"
    r"(?:mode|action|act|do)=(?:view)?(?:profile|getinfo|user)",
    re.IGNORECASE,
)
_NAMED = re.compile(r"author|user-?_?name|nick|poster|byline|\buser\b|login|member", re.IGNORECASE)
_STAMPS = ("datetime", "data-time", "data-timestamp", "data-date", "data-created", "title")
_CLOCK = re.compile(
    r"\d{1,2}[:.]\d{2}|\b(?:19|20)\d\d\b|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\bago\b|temu|назад|\bvor\b|"
    r"před|тому|today|yesterday|dzi[sś]|wczoraj|сегодня|вчера|heute|gestern|dnes|včera",
    re.IGNORECASE,
)
_ROUGH = re.compile(r"\D{0,12}\d+\s+\w+\s+(?:ago|temu|назад|тому)|\D{0,6}vor \d+ \w+")
"""Three months ago: a time, but no moment."""
_COUNT = re.compile(r"\(?\d{1,3}(?:[., \u00a0]?\d{3})*\)?")
_LEFT_OUT = re.compile(r"signature|\bsig\b|podpis", re.IGNORECASE)
_UNSEEN = frozenset({"script", "style", "noscript", "template", "head", "select", "option", "nav"})
_BODIES = frozenset(
    {"div", "td", "section", "article", "p", "dd", "blockquote", "span", "li", "main"}
)
_ALTERNATE = re.compile(
    r"^(?:odd|even|first|last|alt|new|unread|read|active|highlight\w*|row\d|bg\d|\w*\d+\w*)$",
    re.IGNORECASE,
)
_MOST = 400  # members of a group that are looked at
_DEEPEST = 4000  # elements of one member that are looked at
_SHORTEST = 2  # characters of a message
_LONGEST_NAME = 60
_LONGEST_CLOCK = 60
_LEAST_ON_AVERAGE = 12  # characters of text in a block
_EXCERPT = 150
_NAMES = frozenset({"a", "b", "strong", "span", "div", "cite", "h3", "h4", "h5", "td", "dt"})
_FEWEST_LINES = 3  # of a list of threads
_LINKS_ONLY = 0.7  # of a text that is links, from which it is a list's line and no message


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One sibling that looks like a message."""

    node: Element
    author: str
    profile: str | None
    """The link to the author, as the page has it."""
    when: datetime | None
    body: Element


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One sibling that looks like a line of a list of threads."""

    title: str
    href: str
    when: datetime | None


class Finder:
    """One page on which repeated blocks are looked for."""

    def __init__(self, page: TextResponse, options: ReadOptions, language: str | None) -> None:
        self._page = page
        self._options = options
        self._language = language
        self._lengths: dict[Element, int] = {}

    def messages(self) -> list[Block]:
        """Return the group of siblings that most looks like a thread; empty without a clear one.

        At least two, and more than half of the group, must have an author, a time and a text of
        their own that is not mere links.
        """
        best: list[Block] = []
        weight = 0
        for group in self._groups():
            names = Counter(name for node in group for name in set(self._profiles(node)))
            chrome = {name for name, seen in names.items() if seen == len(group) > 2}
            blocks = [block for node in group if (block := self._message(node, chrome))]
            if len(blocks) < 2 or len(blocks) * 2 <= len(group) or self._lists(blocks):
                continue
            sizes = [min(self._length(block.body), 2000) for block in blocks]
            if sum(sizes) >= _LEAST_ON_AVERAGE * len(sizes) and sum(sizes) > weight:
                best, weight = blocks, sum(sizes)
        return best

    def lines(self) -> list[Line]:
        """Return the group of siblings that most looks like a list of threads, or none.

        Most have a date, and somebody's name or a count of answers: dated links alone are news.
        """
        best: list[Line] = []
        for group in self._groups():
            found = [(node, line) for node in group if (line := self._line(node))]
            lines = [line for _, line in found]
            dated = sum(line.when is not None for line in lines)
            titles = {line.href for line in lines}
            if (
                len(titles) < _FEWEST_LINES
                or dated * 2 <= len(lines)
                or len(lines) * 2 <= len(group)
            ):
                continue
            if sum(self._talked_about(node) for node, _ in found) * 2 <= len(lines):
                continue
            if len(lines) > len(best):
                best = lines
        return best

    def _groups(self) -> Iterator[list[Element]]:
        for parent in self._page.selector.root.iter():
            if not isinstance(parent.tag, str) or len(parent) < 2 or parent.tag in _UNSEEN:
                continue
            shapes: dict[tuple[str, frozenset[str]], list[Element]] = defaultdict(list)
            for child in parent:
                if isinstance(child.tag, str) and child.tag not in _UNSEEN:
                    kinds = {kind for kind in classes(child) if not _ALTERNATE.match(kind)}
                    shapes[child.tag, frozenset(kinds)].append(child)
            for group in shapes.values():
                if 2 <= len(group) <= _MOST and sum(map(self._length, group)) > 20:
                    yield group

    def _lists(self, blocks: list[Block]) -> bool:
        """Tell whether most of ``blocks`` lead to a page of their own by a title: a list."""
        own = [self._title_in(block.node, block.body) for block in blocks]
        titles = Counter(title for title, _ in own if title)
        alone = sum(seen for seen in titles.values() if seen == 1)
        # Long texts make a thread, unless each and every one has a title of its own.
        long = sum(self._length(block.body) for block in blocks) > _EXCERPT * len(blocks)
        return alone == len(blocks) if long else alone * 2 > len(blocks)

    def _profiles(self, node: Element) -> list[str]:
        """Return the texts of the links to profiles in ``node``."""
        return [
            plain(link)
            for link in node.iter("a")
            if _PROFILE.search(unquote(link.get("href") or ""))
        ]

    def _length(self, node: Element) -> int:
        if node not in self._lengths:
            self._lengths[node] = len(plain(node))
        return self._lengths[node]

    def _message(self, node: Element, chrome: set[str]) -> Block | None:
        named = self._author(node, chrome)
        if named is None:
            return None
        person, author, profile = named
        clock, when = self._time(node, person)
        if clock is None:
            return None
        body = self._body(node, {person, clock})
        if body is None:
            return None
        return Block(node=node, author=author, profile=profile, when=when, body=body)

    def _inside(self, node: Element) -> Iterator[Element]:
        for count, element in enumerate(node.iter()):
            if count > _DEEPEST:
                return
            if isinstance(element.tag, str) and element.tag not in _UNSEEN:
                yield element

    def _author(self, node: Element, chrome: set[str]) -> tuple[Element, str, str | None] | None:
        """Return what names the author: a link to a profile, else an element called so.

        ``chrome`` is what such links say in every block: "Send e-mail".
        """
        marked: tuple[Element, str, str | None] | None = None
        last: tuple[Element, str, str | None] | None = None
        for element in self._inside(node):
            if element is node:
                continue
            href = element.get("href") if element.tag == "a" else None
            name = plain(element) if href or not len(element) or element.get("itemprop") else ""
            if not 1 <= len(name) <= _LONGEST_NAME or not any(map(str.isalnum, name)):
                continue
            if href and _PROFILE.search(unquote(href)):
                if name not in chrome:
                    return element, name, href
                last = last or (element, name, href)
            marks = " ".join([element.get("class") or "", element.get("itemprop") or ""])
            called = _NAMED.search(marks) or "author" in (element.get("rel") or "")
            if marked is None and called and element.tag in _NAMES:
                marked = element, name, href
        return marked or last

    def _time(self, node: Element, person: Element) -> tuple[Element | None, datetime | None]:
        """Return the first element that tells a moment, and the moment if it is exact."""
        rough: Element | None = None
        for element in self._inside(node):
            if element is person:
                continue
            for name in _STAMPS:
                value = element.get(name)
                if value and (when := self._moment(value, name)):
                    return element, when
            for text in (element.text, *(child.tail for child in element)):
                if when := self._shown(text):
                    return element, when
                if rough is None and text and _ROUGH.fullmatch(text.strip()):
                    rough = element
        return rough, None

    def _shown(self, text: str | None) -> datetime | None:
        shown = " ".join((text or "").split()).strip("»«•|,-–— ()")
        if not 4 <= len(shown) <= _LONGEST_CLOCK or not _CLOCK.search(shown):
            return None
        return shown_time(shown, self._options, self._language)

    def _moment(self, value: str, name: str) -> datetime | None:
        when = machine_time(value, self._options)
        if when is None and name == "title" and len(value) <= 40 and _CLOCK.search(value):
            return shown_time(value, self._options, self._language)
        return when

    def _body(self, node: Element, apart: set[Element]) -> Element | None:
        """Return the largest text of ``node`` that holds neither its author nor its time."""
        holders = {outer for each in apart for outer in (each, *each.iterancestors())}
        best: Element | None = None
        length = _SHORTEST - 1
        for element in self._inside(node):
            if element in holders or element.tag not in _BODIES:
                continue
            marks = " ".join([element.get("class") or "", element.get("id") or ""])
            if _LEFT_OUT.search(marks) or (size := self._length(element)) <= length:
                continue
            links = sum(len(plain(link)) for link in element.iter("a"))
            if links < size * _LINKS_ONLY:
                best, length = element, size
        return best

    def _line(self, node: Element) -> Line | None:
        """Return the longest link of ``node`` to another page of the site, and its latest time."""
        title, href = self._title_in(node)
        if not href:
            return None
        moments: list[datetime] = []
        for element in self._inside(node):
            for name in _STAMPS:
                if (value := element.get(name)) and (when := self._moment(value, name)):
                    moments.append(when)
            for text in (element.text, *(child.tail for child in element)):
                if when := self._shown(text):
                    moments.append(when)
        return Line(title=title, href=href, when=max(moments, default=None))

    def _talked_about(self, node: Element) -> bool:
        """Tell whether ``node`` names somebody or holds a number on its own."""
        return self._author(node, set()) is not None or any(
            _COUNT.fullmatch(text.strip()) for text in node.itertext()
        )

    def _title_in(self, node: Element, apart: Element | None = None) -> tuple[str, str]:
        """Return the longest link of ``node``, not in ``apart``, to another page of the site."""
        title, href = "", ""
        here = urlsplit(self._page.url).path
        for link in node.iter("a"):
            target, words = link.get("href") or "", plain(link)
            if len(words) <= max(len(title), 3) or _PROFILE.search(unquote(target)):
                continue
            if apart is not None and apart in link.iterancestors():
                continue
            try:
                url = self._page.urljoin(target)
                path = urlsplit(url).path
            except ValueError:
                continue
            if not same_site(url, self._page.url) or (_CLOCK.search(words) and len(words) < 40):
                continue
            if path not in {"", here} or "?" in without_fragment(target):
                title, href = words, url
        return title, href
