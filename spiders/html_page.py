"""One page of a forum, read by the selectors of its engine (``spiders/html_engine.py``)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as percent

from parsel import Selector, SelectorList
from scrapy.http import TextResponse

from spiders.addresses import origin, same_site, site_root, without_fragment, without_session
from spiders.base import BoardRef, Kind, PageChanged, PostItem, Reading, ReadOptions, ThreadRef
from spiders.dates import machine_time, shown_time
from spiders.html_place import Place, count_in, digits, last_number, text_of
from spiders.text import ATTACHMENT, classes, fit, read_words

if TYPE_CHECKING:
    from spiders.html_engine import HtmlEngine

_STAMPS = ("datetime", "data-time", "data-timestamp", "title", "content")
_ANCHOR = re.compile(r"#(?:msg|pid|post|p)?[-_]?(\d+)$")
_TONGUES = ("ru", "uk", "pl", "de", "cs", "fr", "es", "it", "nl", "pt")
"""Tried on a date in words that neither the page's language nor English explains."""
_IN_WORDS = re.compile(r"(?=.*\d)(?=.*[^\W\d_]{3})(?!.*\d[./-]\d+[./-]\d).{6,60}$", re.DOTALL)
_MOST_TEXTS = 30  # texts of a cell that are tried as a date


class HtmlPage:
    """One page being read; engines' methods get it to look things up."""

    def __init__(self, engine: "HtmlEngine", page: TextResponse, options: ReadOptions) -> None:
        self.page = page
        self.options = options
        self.language = engine.language(page)
        self._engine = engine
        self.here = self.place(page.url)
        self.root = self._find_root()
        self._inside: set[Any] = set()

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
        if (when := shown_time(text, self.options, self.language)) or self.options.language:
            return when
        # Month names need no guess; numbers alone (5/4/2015) would.
        for tongue in _TONGUES if _IN_WORDS.match(text) else ():
            if when := shown_time(text, self.options, tongue):
                return when
        return None

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

    # Pages ---------------------------------------------------------------------------------

    def read(self) -> Reading:
        """Return what the page tells; raise ``PageChanged`` when it tells nothing."""
        nodes = self._engine.messages(self)
        self._inside = {node.root for node in nodes}
        if nodes:
            return self._thread(nodes)
        threads, boards = self._threads(), self._boards()
        is_thread = self.here is not None and self.here.kind is Kind.THREAD
        if is_thread or not (threads or boards or self.find(self.page, "listing")):
            missing = "messages" if is_thread else "messages, threads or boards"
            raise PageChanged(
                f"a {self._engine.name} page without {missing}. Look at it in a browser: it may "
                "ask for a login, the page may be gone, or its theme may have changed"
            )
        is_board = self.here is not None and self.here.kind is Kind.BOARD
        if not threads and not is_board:
            return Reading(kind=Kind.INDEX, boards=boards, language=self.language)
        number = self._number(Kind.BOARD)
        following, previous, _ = self._around(Kind.BOARD, number)
        crumb = self._crumb()
        return Reading(
            kind=Kind.BOARD,
            board_id=number,
            board_title=crumb.title if crumb and crumb.board_id == number else self._title(),
            threads=threads,
            boards=tuple(board for board in boards if board.board_id != number),
            next_page=following,
            previous_page=previous,
            language=self.language,
        )

    def _thread(self, nodes: Sequence[Selector]) -> Reading:
        number, board = self._number(Kind.THREAD), self._crumb()
        items: dict[str, PostItem] = {}
        unreadable = 0
        for node in nodes:
            try:
                item = self._post(node, number, len(items) + unreadable)
            except PageChanged:
                unreadable += 1
                continue
            items.setdefault(item.post_id, item)
        following, previous, last = self._around(Kind.THREAD, number)
        return Reading(
            kind=Kind.THREAD,
            board_id=board.board_id if board else None,
            board_title=board.title if board else None,
            thread_id=number,
            thread_title=self._title(),
            thread_url=self._thread_url(number),
            posts=tuple(items.values()),
            next_page=following,
            previous_page=previous,
            last_page=last,
            unreadable=unreadable,
            language=self.language,
        )

    def _title(self) -> str | None:
        shared = self.page.css('meta[property="og:title"]::attr(content)').get() or ""
        return (
            self._engine.title(self)
            or " ".join(fit(shared).split())
            or text_of(self.page.css("title"))
            or None
        )

    def _number(self, kind: Kind) -> str | None:
        """Return the thread's or board's id: by the address, else by the page's own links."""
        canonical = self.page.css("link[rel=canonical]::attr(href)").getall()
        pagers = [link.attrib.get("href") for link in self.find(self.page, "pager")]
        titles = [link.attrib.get("href") for link in self.find(self.page, "thread_title")]
        for href in (self.page.url, *canonical, *titles):
            place = self.place(href)
            if place and place.kind is kind and place.number:
                return place.number
        places = [place for href in pagers if (place := self.place(href)) and place.order]
        same = {place.number for place in places if place.kind is kind and place.number}
        return same.pop() if len(same) == 1 else self._engine.number_in(self.page, kind)

    def _thread_url(self, number: str | None) -> str | None:
        """Return the thread's first page as the page links to it, else by the engine's form."""
        canonical = self.page.css("link[rel=canonical]::attr(href)").getall()
        titles = self.find(self.page, "thread_title").css("a::attr(href)").getall()
        pagers = self.find(self.page, "pager").css("::attr(href)").getall()
        for href in (*canonical, self.page.url, *titles, *pagers):
            place = self.place(href)
            if place and place.kind is Kind.THREAD and place.number == number and number:
                url = self.url(href)
                if url and not place.order and not place.post:
                    return without_fragment(url)
        form = self._engine.thread_form
        return self.root + self.fill(form, thread=number) if form and number else None

    def _crumb(self) -> BoardRef | None:
        refs = [self._board_ref(link) for link in self.find(self.page, "crumb")]
        return next((ref for ref in reversed(refs) if ref), None)

    def _around(self, kind: Kind, number: str | None) -> tuple[str | None, str | None, str | None]:
        """Return the next, previous and last page of this thread or board."""
        pages: dict[int, str] = {}
        for link in self.find(self.page, "pager"):
            place, url = self.place(link.attrib.get("href")), self.url(link.attrib.get("href"))
            if not place or not url or place.post or number is None:
                continue
            if (place.kind, place.number) == (kind, number) and not (
                self._inside and not self._inside.isdisjoint(link.root.iterancestors())
            ):
                pages.setdefault(place.order, without_fragment(url))
        canonical = self.place(self.page.css("link[rel=canonical]::attr(href)").get())
        here = next(
            (
                place.order
                for place in (self.here, canonical)
                if place and place.number == number and place.kind is kind and not place.post
            ),
            None,
        )
        following, previous = self._link("next_page"), self._link("previous_page")
        if here is not None:
            after = [order for order in pages if order > here]
            before = [order for order in pages if order < here]
            following = following or (pages[min(after)] if after else None)
            previous = previous or (pages[max(before)] if before else None)
        last = self._link("last_page")
        if last is None and following and pages:
            last = pages[max(pages)]
        return following, previous, last

    def _link(self, name: str) -> str | None:
        here = without_fragment(without_session(self.page.url))
        for match in self.find(self.page, name):
            href = match.root if isinstance(match.root, str) else match.attrib.get("href")
            url = self.url(href)
            if url and without_fragment(url) != here:
                return without_fragment(url)
        return None

    # Messages ------------------------------------------------------------------------------

    def _post(self, node: Selector, thread: str | None, before: int) -> PostItem:
        engine = self._engine
        post_id = last_number(self.line(node, "post_id"))
        if post_id is None:
            raise PageChanged("a message has no id")
        bodies, author = self.find(node, "body"), engine.member_name(self, node)
        if not bodies or not author:
            raise PageChanged(f"message {post_id} has no {'author' if bodies else 'body'}")
        author_id = digits(self.line(node, "author_id")) or next(
            (
                member
                for link in self.find(node, "author_link")
                if (url := self.url(link.attrib.get("href"))) and (member := engine.member(url))
            ),
            None,
        )
        engine.prepare(self, bodies[0])
        for quoted in self.find(bodies[0], "quote"):
            quoted.root.tag = "blockquote"
            if who := self.line(quoted, "quote_author"):
                quoted.root.set("data-username", who)
        left_out = {match.root for match in self.find(bodies[0], "skip")}
        left_out |= {match.root for match in self.find(bodies[0], "quote_author")}
        words = read_words(
            bodies[0].root,
            lambda element: "" if element in left_out else engine.instead(element),
        )
        attached = [ATTACHMENT] * len(self.find(node, "attachment"))
        number = engine.position(self, node)
        here = self.here
        # Where pages are counted, how many messages precede all but the first is not told.
        if (
            number is None
            and here
            and here.kind is Kind.THREAD
            and not here.post
            and (here.start is not None or not here.order)
        ):
            number = here.order + before + 1
        return PostItem(
            post_id=post_id,
            number=number,
            url=self._post_url(node, post_id, thread),
            author=author,
            author_id=author_id,
            posted_at=engine.posted_at(self, node),
            edited=engine.is_edited(self, node),
            text="\n".join(filter(None, [words.text, *attached])),
            quotes=words.quotes,
            private_message_url=engine.private_message(
                self, author=author, author_id=author_id, post_id=post_id
            ),
        )

    def _post_url(self, node: Selector, post_id: str, thread: str | None) -> str:
        for href in node.css("a::attr(href)").getall():
            place = self.place(href)
            if place and place.post == post_id and (url := self.url(href)):
                return url
        form = self._engine.post_form
        if form and (thread or "{thread}" not in form):
            return self.root + self.fill(form, post=post_id, thread=thread)
        return f"{without_fragment(without_session(self.page.url))}#{node.attrib.get('id', '')}"

    # Lists ---------------------------------------------------------------------------------

    def _threads(self) -> tuple[ThreadRef, ...]:
        found: dict[str, ThreadRef] = {}
        for row in self.find(self.page, "thread_row"):
            told = last_number(self.line(row, "thread_id"))
            for link in self.find(row, "thread_link"):
                place, title = self.place(link.attrib.get("href")), text_of([link])
                if place is None and told and self.url(link.attrib.get("href")):
                    place = Place(kind=Kind.THREAD, number=told)
                if place and place.kind is Kind.THREAD and place.number and title:
                    break
            else:
                continue
            if place.number in found or self.marked(row, "thread_moved"):
                continue
            last = self.find(row, "thread_last")
            replies = count_in(self.line(row, "thread_replies"))
            found[place.number] = ThreadRef(
                thread_id=place.number,
                title=title,
                url=self._first_page(place, link.attrib["href"]),
                last_url=self._last_url(row, place.number),
                last_post_id=self._last_post(last),
                last_posted_at=self._last_time(last),
                posts=replies + 1 if replies is not None else None,
                pinned=self.marked(row, "thread_pinned"),
            )
        return tuple(found.values())

    def _first_page(self, place: Place, href: str) -> str:
        """Return the thread's first page; a row may link to its newest message instead."""
        form = self._engine.thread_form
        if form and place.number and (place.order or place.post):
            return self.root + self.fill(form, thread=place.number)
        return without_fragment(self.url(href) or "")

    def _boards(self) -> tuple[BoardRef, ...]:
        found: dict[str, BoardRef] = {}
        for row in self.find(self.page, "board_row"):
            for link in self.find(row, "board_link"):
                if board := self._board_ref(link, last_number(self.line(row, "board_id"))):
                    when = self._last_time(self.find(row, "board_last"))
                    found.setdefault(board.board_id, replace(board, last_posted_at=when))
                    break
        return tuple(found.values())

    def _board_ref(self, link: Selector, told: str | None = None) -> BoardRef | None:
        href = link.attrib.get("href")
        place, url, title = self.place(href), self.url(href), text_of([link])
        if place is None and told:
            place = Place(kind=Kind.BOARD, number=told)
        if not place or not url or place.kind is not Kind.BOARD or not place.number or not title:
            return None
        form = self._engine.board_form
        address = self.root + self.fill(form, board=place.number) if form else None
        return BoardRef(board_id=place.number, title=title, url=address or without_fragment(url))

    def _last_url(self, row: Selector, number: str) -> str | None:
        """Return the thread's last page: as the row's page numbers say, or by its last message."""
        pages: dict[int, str] = {}
        newest: str | None = None
        for href in row.css("a::attr(href)").getall():
            place, url = self.place(href), self.url(href)
            if not place or not url or place.number not in {number, None}:
                continue
            if place.post:
                newest = url
            elif place.order:
                pages.setdefault(place.order, without_fragment(url))
        return pages[max(pages)] if pages else newest and without_fragment(newest)

    def _last_post(self, cells: SelectorList[Selector]) -> str | None:
        for href in cells.css("a::attr(href)").getall():
            place = self.place(href)
            if place and place.post:
                return place.post
            if place and place.kind is Kind.THREAD and (found := _ANCHOR.search(href)):
                return digits(found[1])
        return None

    def _last_time(self, cells: SelectorList[Selector]) -> datetime | None:
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
