"""One page of a forum, read by the selectors of its engine (``spiders/html_engine.py``)."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from parsel import Selector, SelectorList
from scrapy.http import TextResponse

from spiders.addresses import without_fragment, without_session
from spiders.base import BoardRef, Kind, PageChanged, PostItem, Reading, ReadOptions, ThreadRef
from spiders.dates import order_by_ids
from spiders.html_place import Place, count_in, digits, last_number, text_of
from spiders.html_view import HtmlView
from spiders.text import ATTACHMENT, fit, read_words

if TYPE_CHECKING:
    from spiders.html_engine import HtmlEngine

_ANCHOR = re.compile(r"#(?:msg|pid|post|p)?[-_]?(\d+)$")


class HtmlPage(HtmlView):
    """One page being read; engines' methods get it to look things up."""

    def __init__(self, engine: "HtmlEngine", page: TextResponse, options: ReadOptions) -> None:
        super().__init__(engine, page, options)
        self._inside: set[Any] = set()

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

    def _settle_order(self, nodes: Sequence[Selector]) -> None:
        """Find out in which order the page writes day and month, where no number tells."""
        own = self.options
        if own.date_order or (own.language or self.language or "en") != "en":
            return
        named = [
            (number, node) for node in nodes if (number := self._engine.message_id(self, node))
        ]

        def read(order: str) -> list[tuple[int, datetime | None]]:
            self.options = replace(own, date_order=order)
            return [
                (int(number), self._engine.posted_at(self, node))
                for number, node in named
                if number.isdecimal()
            ]

        order = order_by_ids(read)
        self.options = replace(own, date_order=order)

    def _thread(self, nodes: Sequence[Selector]) -> Reading:
        self._settle_order(nodes)
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
        if part := self._engine.page_part:
            pagers = [re.sub(part, "", without_fragment(without_session(self.page.url)))]
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

    def link_called(self, name: str, css: str) -> str | None:
        """Return where the first link among ``css`` leads whose text is ``name``."""
        named = (link for link in self.page.css(css) if text_of([link]) == name)
        return next((self.url(link.attrib["href"]) for link in named), None)

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
        post_id = engine.message_id(self, node)
        if post_id is None:
            raise PageChanged("a message has no id")
        bodies, author = self.find(node, "body"), engine.member_name(self, node)
        if not bodies or not author:
            raise PageChanged(f"message {post_id} has no {'author' if bodies else 'body'}")
        member, link = next(
            (
                (member, url)
                for link in self.find(node, "author_link")
                if bodies[0].root not in link.root.iterancestors()
                and (url := self.url(link.attrib.get("href")))
                and (member := engine.member(url))
            ),
            (None, None),
        )
        author_id = digits(self.line(node, "author_id")) or member
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
            profile_url=engine.profile(self, author=author, author_id=author_id, link=link),
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
            posts = count_in(self.line(row, "thread_posts"))
            found[place.number] = ThreadRef(
                thread_id=place.number,
                title=title,
                url=self._first_page(place, link.attrib["href"]),
                last_url=self._last_url(row, place.number),
                last_post_id=self._last_post(last),
                last_posted_at=self.last_time(last),
                posts=posts if posts is not None or replies is None else replies + 1,
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
                    last = self.find(row, "board_last")
                    board = replace(
                        board, last_posted_at=self.last_time(last), stamp=self._last_post(last)
                    )
                    found.setdefault(board.board_id, board)
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
        if pages:
            return pages[max(pages)]
        return without_fragment(newest) if newest and self._engine.leads_to_page else None

    def _last_post(self, cells: SelectorList[Selector]) -> str | None:
        for href in cells.css("a::attr(href)").getall():
            place = self.place(href)
            if place and place.post:
                return place.post
            if place and place.kind is Kind.THREAD and (found := _ANCHOR.search(href)):
                return digits(found[1])
        return None
