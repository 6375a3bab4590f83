"""What engines read by selectors have in common: an engine says where things stand, no more.

A subclass fills in CSS selectors and a few patterns of addresses; the rest is done here.
"""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import without_fragment
from spiders.base import (
    SELECTOR_NAMES,
    BoardRef,
    Kind,
    PageChanged,
    PostItem,
    Reading,
    ReadOptions,
    ThreadRef,
)
from spiders.body import readable
from spiders.dates import order_by_ids
from spiders.html_place import last_number, text_of, tidy
from spiders.outcome import Outcome, PageFailed
from spiders.selected_page import Doc, Person, count_in, said
from spiders.selected_parts import Parts
from spiders.text import classes, fit, read_words

_RENAMED = {
    "skip": "left_out",
    "thread_title": "title",
    "next_page": "following",
    "previous_page": "preceding",
    "thread_pinned": "pinned",
    "thread_moved": "moved",
    "board_last": "board_time",
}
"""Where a selector that a person tells goes by another name here."""

_ASKED_FIRST = frozenset(
    {"post_id", "author", "author_id", "time", "edited", "number"}
    | {"thread_time", "thread_replies", "board_last"}
)
"""What a person tells is looked for first, since some engines read these by more than selectors."""

_OFF = (
    "ancestor-or-self::*[contains(@class,'inactive') or contains(@class,'disabled')"
    " or @data-page='0']"
)
"""A pager's arrow that leads nowhere, on the first or last page."""


class SelectorEngine(Parts):
    """Reads index, board and thread pages by the selectors that a subclass names."""

    honours: ClassVar[frozenset[str]] = SELECTOR_NAMES - {
        "attachment",
        "board_id",
        "last_page",
        "thread_id",
    }
    elements: ClassVar[frozenset[str]] = honours - _ASKED_FIRST | {"board_last"}
    _asked: Mapping[str, str] = MappingProxyType({})
    """A person's selectors, by name."""

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what an index, board or thread page tells.

        Raises ``PageChanged`` when it has neither messages nor lists, ``PageFailed`` (gone) when
        it says that there is no such thread.
        """
        if options.selectors:
            return self._told(options.selectors).read(page, replace(options, selectors={}))
        doc = Doc(readable(page), options)
        nodes = self.posts(doc)
        if nodes:
            return self._thread(doc, nodes)
        panel = (
            " ".join(said(node) for node in doc.page.css(self.refusal_panel))
            if self.refusal_panel
            else ""
        )
        threads, boards = self._threads(doc), self._boards(doc)
        if not threads and not boards:
            if panel and self.gone and self.gone.search(panel):
                raise PageFailed(Outcome.GONE, f"{page.url} says: {panel[:120]}")
            if panel or not doc.page.css(self.listing):
                what = f'which says "{panel[:120]}"' if panel else "without messages or lists"
                raise PageChanged(
                    f"a {self.name} page {what}. Look at it in a browser: it may ask for a login, "
                    "or its style may have changed"
                )
        return self._list(doc, threads, boards)

    def _told(self, selectors: Mapping[str, str]) -> "SelectorEngine":
        """Return this engine with a person's ``selectors`` in place of its own."""
        engine = copy(self)
        engine._asked = selectors
        for name, selector in selectors.items():
            own = _RENAMED.get(name, name)
            if own in {"post_id", "author_id"}:
                continue  # which are no selectors here
            several = isinstance(getattr(self, own, None), tuple)
            setattr(engine, own, (selector,) if several else selector)
        return engine

    def _thread(self, doc: Doc, nodes: list[Selector]) -> Reading:
        self._settle_order(doc, nodes)
        urls = self._addresses(doc)
        thread_id = self.thread_id(doc, urls)
        base = next((url for url in urls if self.thread_in(url)), urls[0])
        thread = self.thread_url(doc, base, thread_id)
        items: dict[str, PostItem] = {}
        unreadable = 0
        for node in nodes:
            item = self._item(doc, node, thread)
            if item is None:
                unreadable += 1
            else:
                items.setdefault(item.post_id, item)
        if not items:
            raise PageChanged(f"a {self.name} thread of which no message could be read")
        board = self.crumb_board(doc)
        following, preceding, final = self._around(doc)
        return Reading(
            kind=Kind.THREAD,
            board_id=board.board_id if board else None,
            board_title=board.title if board else None,
            thread_id=thread_id,
            thread_title=self.heading(doc, self.title),
            thread_url=thread,
            posts=tuple(items.values()),
            next_page=following,
            previous_page=preceding,
            last_page=final,
            unreadable=unreadable,
            language=doc.language,
        )

    def _settle_order(self, doc: Doc, nodes: list[Selector]) -> None:
        """Find out in which order the page writes day and month, where no number tells."""
        own = doc.options
        if own.date_order or (own.language or doc.language or "en") != "en":
            return
        named = [(int(number), node) for node in nodes if (number := self._id(node))]

        def read(order: str) -> list[tuple[int, datetime | None]]:
            doc.options = replace(own, date_order=order)
            return [(number, self._when(doc, node)) for number, node in named]

        order = order_by_ids(read)
        doc.options = replace(own, date_order=order)

    def _told_of(self, node: Selector, name: str) -> str | None:
        """Return the text that a person's selector ``name`` picks; ``None`` if they told none."""
        return text_of(node.css(self._asked[name])) if name in self._asked else None

    def _id(self, node: Selector) -> str | None:
        told = self._told_of(node, "post_id")
        return self.post_id(node) if told is None else last_number(told)

    def _when(self, doc: Doc, node: Selector) -> datetime | None:
        if "time" in self._asked:
            return doc.first_time(node.css(self._asked["time"]))
        return self.posted_at(doc, node)

    def _row_when(
        self,
        doc: Doc,
        row: Selector,
        name: str,
        own: Callable[[Doc, Selector], datetime | None],
    ) -> datetime | None:
        if name in self._asked:
            return doc.first_time(row.css(self._asked[name]))
        return own(doc, row)

    def _person(self, doc: Doc, node: Selector) -> Person:
        person = self.person(doc, node)
        name, uid = self._told_of(node, "author"), self._told_of(node, "author_id")
        person = person if name is None else replace(person, name=name)
        return person if uid is None else replace(person, uid=last_number(uid))

    def _item(self, doc: Doc, node: Selector, thread: str) -> PostItem | None:
        post_id = self._id(node)
        bodies = node.css(self.body)
        person = self._person(doc, node)
        if post_id is None or not bodies or not person.name:
            return None
        edits, place = self._told_of(node, "edited"), self._told_of(node, "number")
        edited, posted_at = self.is_edited(node), self._when(doc, node)
        self.prepare(bodies[0])
        tidy(bodies[0], skip=self.left_out, quote=self.quote, quote_author=self.quote_author)
        words = read_words(bodies[0].root, self._left_out)
        return PostItem(
            post_id=post_id,
            number=self.place_in_thread(node) if place is None else count_in(place),
            url=self.permalink(doc, post_id, node, thread),
            author=person.name,
            author_id=person.uid,
            posted_at=posted_at,
            edited=edited if edits is None else bool(edits),
            text=words.text,
            quotes=words.quotes,
            private_message_url=self.private(doc, person, post_id),
            profile_url=person.profile,
        )

    def _left_out(self, element: Element) -> str | None:
        return "" if classes(element) & self.skip else None

    def _addresses(self, doc: Doc) -> list[str]:
        """Return the addresses that the page gives for itself, its own first."""
        hrefs = doc.page.css(
            "link[rel=canonical]::attr(href), meta[property='og:url']::attr(content)"
        ).getall()
        return [doc.here, *filter(None, map(doc.url, hrefs))]

    def heading(self, doc: Doc, selectors: tuple[str, ...]) -> str | None:
        """Return the first text that one of ``selectors`` finds, else the page's own title."""
        for selector in selectors:
            for node in doc.page.css(selector):
                if title := said(node, self.title_drop):
                    return title
        shared = doc.page.css('meta[property="og:title"]::attr(content), title::text').get() or ""
        return " ".join(fit(shared).split()) or None

    def crumb_board(self, doc: Doc) -> BoardRef | None:
        """Return the board that the page's path of links ends with."""
        for link in reversed(doc.page.css(self.crumb)):
            url, title = doc.url(link.attrib.get("href")), said(link)
            if url and title and (number := self.board_id(doc, url)):
                return BoardRef(board_id=number, title=title, url=without_fragment(url))
        return None

    def _around(self, doc: Doc) -> tuple[str | None, str | None, str | None]:
        """Return the next, the previous and the last page, as far as the page links to them."""
        pages: dict[int, str] = {}
        for link in doc.page.css(self.pager).css("a[href]"):
            url = doc.url(link.attrib["href"])
            if url and not link.xpath(_OFF):
                pages.setdefault(self.page_in(url), without_fragment(url))
        shown = next(map(said, doc.page.css(self.current)), "") if self.current else ""
        here = count_in(shown) or self.page_in(doc.here)
        after = [number for number in pages if number > here]
        before = [number for number in pages if number < here]
        return (
            self._neighbour(doc, "next", self.following) or (pages[min(after)] if after else None),
            self._neighbour(doc, "prev", self.preceding)
            or (pages[max(before)] if before else None),
            pages[max(after)] if after else None,
        )

    def _neighbour(self, doc: Doc, relation: str, selector: str) -> str | None:
        links = [
            *doc.page.css(f"link[rel={relation}]"),
            *doc.page.css(self.pager).css(f"a[rel~={relation}]"),
        ]
        own = list(doc.page.css(selector)) if selector else []
        told = selector in self._asked.values()
        links = own if told else links + own
        for link in links:
            if link.xpath(_OFF):
                continue
            url = doc.url(link.attrib.get("href"))
            if url and without_fragment(url) != doc.here:
                return without_fragment(url)
        return None

    # Lists ------------------------------------------------------------------------------------

    def _list(
        self, doc: Doc, threads: tuple[ThreadRef, ...], boards: tuple[BoardRef, ...]
    ) -> Reading:
        number = self.own_board(doc)
        if not threads and number is None:
            return Reading(kind=Kind.INDEX, boards=boards, language=doc.language)
        following, preceding, _ = self._around(doc) if threads else (None, None, None)
        return Reading(
            kind=Kind.BOARD,
            board_id=number,
            board_title=self.heading(doc, self.board_title),
            threads=threads,
            boards=tuple(board for board in boards if board.board_id != number),
            next_page=following,
            previous_page=preceding,
            language=doc.language,
        )

    def own_board(self, doc: Doc) -> str | None:
        """Return the id of the board that the page shows; ``None`` for an index."""
        return next(filter(None, (self.board_id(doc, url) for url in self._addresses(doc))), None)

    def _threads(self, doc: Doc) -> tuple[ThreadRef, ...]:
        pinned, moved = self._marked(doc, self.pinned), self._marked(doc, self.moved)
        found: dict[str, ThreadRef] = {}
        for row in doc.page.css(self.thread_row):
            link = next((link for link in row.css(self.thread_link) if said(link)), None)
            url = doc.url(link.attrib.get("href")) if link is not None else None
            if link is None or url is None or _touches(row.root, moved):
                continue
            number = self.row_id(doc, row, url)
            if number is None or number in found:
                continue
            newest = self._newest(doc, row)
            told = self._told_of(row, "thread_replies")
            replies = self.replies(row) if told is None else count_in(told)
            found[number] = ThreadRef(
                thread_id=number,
                title=said(link),
                url=self.thread_url(doc, url, number),
                last_url=self._last_page(doc, row) or newest,
                last_post_id=self._post_in(newest),
                last_posted_at=self._row_when(doc, row, "thread_time", self.row_time),
                posts=None if replies is None else replies + 1,
                pinned=_touches(row.root, pinned),
            )
        return tuple(found.values())

    def replies(self, row: Selector) -> int | None:
        """Return how many answers ``row`` of a board counts."""
        if not self.thread_replies:
            return None
        return next(
            (
                number
                for text in map(said, row.css(self.thread_replies))
                if (number := count_in(text)) is not None
            ),
            None,
        )

    def row_time(self, doc: Doc, row: Selector) -> datetime | None:
        """Return when the newest message of ``row``, of a board, was written."""
        return doc.first_time(row.css(self.thread_time))

    def _newest(self, doc: Doc, row: Selector) -> str | None:
        """Return the address of the newest message that ``row`` links to."""
        links = row.css(self.thread_last) if self.thread_last else ()
        return next(filter(None, (doc.url(link.attrib.get("href")) for link in links)), None)

    def _last_page(self, doc: Doc, row: Selector) -> str | None:
        links = row.css(self.thread_pages) if self.thread_pages else ()
        urls = list(filter(None, (doc.url(link.attrib.get("href")) for link in links)))
        return max(urls, key=self.page_in) if urls else None

    def _post_in(self, url: str | None) -> str | None:
        found = self.post_address.search(url) if url else None
        return next((group for group in found.groups() if group), None) if found else None

    def _marked(self, doc: Doc, selector: str) -> frozenset[Element]:
        return frozenset(node.root for node in doc.page.css(selector)) if selector else frozenset()

    def _boards(self, doc: Doc) -> tuple[BoardRef, ...]:
        found: dict[str, BoardRef] = {}
        for row in doc.page.css(self.board_row):
            link = next((link for link in row.css(self.board_link) if said(link)), None)
            url = doc.url(link.attrib.get("href")) if link is not None else None
            number = self.board_id(doc, url, row) if url else None
            if link is None or url is None or number is None or number in found:
                continue
            found[number] = BoardRef(
                board_id=number,
                title=said(link),
                url=without_fragment(url),
                last_posted_at=self._row_when(doc, row, "board_last", self.board_row_time),
                stamp=self._newest_in(row),
            )
        return tuple(found.values())

    def _newest_in(self, row: Selector) -> str | None:
        """Return the id of the board's newest message, where its row links to that."""
        for cell in row.css(self.board_time) if self.board_time else [row]:
            hrefs = cell.xpath("self::a/@href | .//a/@href").getall()
            if found := next(filter(None, map(self._post_in, hrefs)), None):
                return found
        return None

    def board_row_time(self, doc: Doc, row: Selector) -> datetime | None:
        """Return when the newest message of the board in ``row`` was written."""
        return doc.first_time(row.css(self.board_time))


def _touches(row: Element, marked: frozenset[Element]) -> bool:
    """Tell whether ``row``, something in it, or something around it is ``marked``."""
    if not marked:
        return False
    return any(node in marked for node in row.iter()) or any(
        node in marked for node in row.iterancestors()
    )
