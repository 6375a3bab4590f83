"""What an engine read by selectors says of its product: where things stand, what addresses mean."""

# ruff: noqa: ARG002  (subclasses use what the plain way of reading does without)

import re
from abc import abstractmethod
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import origin, same_site, without_fragment, without_session
from spiders.base import (
    Engine,
    Evidence,
)
from spiders.body import is_json
from spiders.home import found_at_home
from spiders.selected_page import Doc, Person, count_in, said


class Parts(Engine):
    """Selectors, patterns of addresses, and small methods for what is neither."""

    hints: ClassVar[tuple[tuple[str, float, str], ...]] = ()
    """A selector, its weight, and what it is in words."""

    post: ClassVar[str]
    post_mark: ClassVar[re.Pattern[str]] = re.compile(r"(?:^|\D)(\d+)$")
    body: ClassVar[str]
    author: ClassVar[str]
    author_link: ClassVar[str] = "a"
    time: ClassVar[str | tuple[str, ...]] = "time"
    """Several are tried one after another."""
    not_written: ClassVar[str] = "self::*[false()]"
    """XPath of what a time stands in that tells of something else, such as an edit."""
    edited: ClassVar[str] = ""
    number: ClassVar[str] = ""
    skip: ClassVar[frozenset[str]] = frozenset()
    """Classes of what is no part of a message's text."""

    left_out: ClassVar[str] = ""
    quote: ClassVar[str] = ""
    quote_author: ClassVar[str] = ""
    """Only for a person to tell: what else is no part of a text, what in it is a quote."""

    title: ClassVar[tuple[str, ...]] = ("h1",)
    board_title: ClassVar[tuple[str, ...]] = ("h1",)
    title_drop: ClassVar[frozenset[str]] = frozenset()
    crumb: ClassVar[str]
    pager: ClassVar[str]
    current: ClassVar[str] = ""
    """The number of this page, on its pager."""
    following: ClassVar[str] = ""
    preceding: ClassVar[str] = ""

    thread_row: ClassVar[str]
    thread_link: ClassVar[str]
    thread_time: ClassVar[str] = "time"
    thread_last: ClassVar[str] = ""
    thread_pages: ClassVar[str] = ""
    thread_replies: ClassVar[str] = ""
    pinned: ClassVar[str] = ""
    moved: ClassVar[str] = ""
    board_row: ClassVar[str]
    board_link: ClassVar[str]
    board_time: ClassVar[str] = "time"
    listing: ClassVar[str]
    """What a list has even when it is empty."""
    refusal_panel: ClassVar[str] = ""
    """A panel that takes the place of a page's contents."""
    gone: ClassVar[re.Pattern[str] | None] = None
    """What such a panel says of a thread that is no more."""

    thread_address: ClassVar[re.Pattern[str]]
    board_address: ClassVar[re.Pattern[str]]
    page_address: ClassVar[re.Pattern[str]]
    """Finds the part of an address that tells the page; its first group that matched, which."""
    post_address: ClassVar[re.Pattern[str]] = re.compile(r"#\D*(\d+)$")
    member_address: ClassVar[re.Pattern[str]]
    folder_address: ClassVar[re.Pattern[str]]
    """What follows the forum's folder in its addresses."""

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of this product on ``page``."""
        if is_json(page):
            return []
        return [
            Evidence(hint=words, weight=weight)
            for selector, weight, words in self.hints
            if found_at_home(page, selector)
        ]

    def entry(self, url: str) -> str:
        """Return ``url`` without a session id."""
        return without_session(url)

    # What a subclass may read in its own way --------------------------------------------------

    def posts(self, doc: Doc) -> list[Selector]:
        """Return the boxes of the messages."""
        return list(doc.page.css(self.post))

    def prepare(self, body: Selector) -> None:
        """Change the markup of a message's text into one that ``read_words`` knows."""

    def post_id(self, node: Selector) -> str | None:
        """Return the id of the message in ``node``."""
        found = self.post_mark.search(node.attrib.get("id", ""))
        return found[1] if found else None

    def person(self, doc: Doc, node: Selector) -> Person:
        """Return the author of the message in ``node``; without a name when none is found."""
        names = [name for name in node.css(self.author) if said(name)]
        if not names:
            return Person(name="")
        links = [*names[0].xpath("ancestor-or-self::a[@href]"), *names[0].css(self.author_link)]
        href = next((link.attrib["href"] for link in links if "href" in link.attrib), None)
        profile = doc.url(href)
        return Person(
            name=said(names[0]), uid=self.member_id(profile) if profile else None, profile=profile
        )

    def posted_at(self, doc: Doc, node: Selector) -> datetime | None:
        """Return when the message in ``node`` was written."""
        tries = (self.time,) if isinstance(self.time, str) else self.time
        stamps = (stamp for selector in tries if selector for stamp in node.css(selector))
        return doc.first_time(stamp for stamp in stamps if not stamp.xpath(self.not_written))

    def is_edited(self, node: Selector) -> bool:
        """Return whether the message in ``node`` carries an edit notice."""
        return bool(self.edited and node.css(self.edited))

    def place_in_thread(self, node: Selector) -> int | None:
        """Return the position of the message in its thread, from 1."""
        for text in map(said, node.css(self.number) if self.number else ()):
            if found := re.fullmatch(r"#?\s*(\d[\d.,' \xa0]*)", text):
                return count_in(found[1])
        return None

    def thread_id(self, doc: Doc, urls: list[str]) -> str | None:
        """Return the id of the thread that the page shows; ``urls`` are its own addresses."""
        return next(filter(None, map(self.thread_in, urls)), None)

    def board_id(self, doc: Doc, url: str, row: Selector | None = None) -> str | None:
        """Return the id of the board that ``url`` leads to, from ``row`` of a list if any."""
        found = self.board_address.search(url)
        return next((group for group in found.groups() if group), None) if found else None

    def row_id(self, doc: Doc, row: Selector, url: str) -> str | None:
        """Return the id of the thread in ``row`` of a board."""
        return self.thread_in(url)

    def member_id(self, url: str) -> str | None:
        """Return the member's id in the address of a profile."""
        found = self.member_address.search(url)
        return next((group for group in found.groups() if group), None) if found else None

    def thread_url(self, doc: Doc, url: str, thread_id: str | None) -> str:
        """Return the address of the first page of the thread at ``url``."""
        return self.first_page(url)

    @abstractmethod
    def permalink(self, doc: Doc, post_id: str, node: Selector, thread: str) -> str:
        """Return the lasting address of a message."""

    @abstractmethod
    def private(self, doc: Doc, person: Person, post_id: str) -> str | None:
        """Return where a member writes to ``person``; ``None`` for guests."""

    # Addresses --------------------------------------------------------------------------------

    def thread_in(self, url: str) -> str | None:
        """Return the id of the thread that ``url`` leads to."""
        found = self.thread_address.search(url)
        return next((group for group in found.groups() if group), None) if found else None

    def thread_of(self, url: str) -> str | None:
        """Return the id of the thread that an address shows."""
        return self.thread_in(self.entry(url))

    def page_in(self, url: str) -> int:
        """Return which page of a thread or board ``url`` is, from 1."""
        found = self.page_address.search(without_fragment(url))
        number = next((group for group in found.groups() if group), "1") if found else "1"
        return int(number) if len(number) < 10 else 1

    def first_page(self, url: str) -> str:
        """Return ``url`` without the number of a page."""
        return self.page_address.sub("", without_fragment(url))

    def folder(self, doc: Doc) -> str:
        """Return the forum's root, in which all of its addresses begin; ends in a slash."""
        for url in (doc.here, *self._own_links(doc)):
            found = self.folder_address.search(url)
            if found and same_site(url, doc.page.url):
                start = url[: found.start()]
                return origin(doc.page.url) + start[len(origin(url)) :].rstrip("/") + "/"
        return origin(doc.page.url) + "/"

    def _own_links(self, doc: Doc) -> Iterator[str]:
        for href in doc.page.css("a::attr(href)").getall():
            if url := doc.url(href):
                yield url
