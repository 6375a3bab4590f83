"""phpBB 3.0 to 3.3 as a guest sees it: prosilver, styles made from it, and subsilver2-like tables.

Checked in November 2026 against a recorded phpBB 3.3.10 and saved pages of 3.0 to 3.2 boards.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import (
    parameter,
    without_session,
)
from spiders.base import (
    BoardRef,
    Engine,
    Evidence,
    Gives,
    Kind,
    PageChanged,
    PostItem,
    Reading,
    ReadOptions,
    ThreadRef,
)
from spiders.body import is_json, readable
from spiders.dates import shown_time
from spiders.engines.phpbb_addresses import SCRIPT, place_of
from spiders.engines.phpbb_pages import Around, PageLinks
from spiders.engines.phpbb_posts import PostReader, anchor_of, count_in
from spiders.home import found_at_home
from spiders.html_place import chosen, digits, order_in, text_of
from spiders.text import fit

_POST_ID = re.compile(r"p(\d+)")
_HOME = re.compile(r"(?:https?:)?//(?:www\.)?phpbb\.com/?")
_COOKIE = re.compile(rb"phpbb\w*_(?:sid|u|k)\b|\w+_sid=[0-9a-f]{32}", re.IGNORECASE)
_TITLES = (
    ".topic-title",
    "#page-body h2",
    "h2 a.titles",
    "a.titles",
    "#pageheader h2",
    "h2.page-title, h1.page-title",
)
_FEWEST_PER_PAGE = 10
"""Messages on a page of a thread; boards seldom show fewer."""


class Phpbb(Engine):
    """Read phpBB boards; the post id is phpBB's, whatever the addresses look like."""

    name: ClassVar[str] = "phpbb"
    marks: ClassVar[str] = (
        'body id "phpbb", "Powered by phpBB", viewtopic.php, phpbb3_*_sid cookies'
    )
    gives: ClassVar[Gives] = Gives(
        product="phpBB 3",
        authors="name, id, count of posts, joined",
        times="exact (3.2 and newer); as shown before",
        private="`ucp.php?i=pm`, with the post quoted",
    )

    honours: ClassVar[frozenset[str]] = frozenset(
        {"post", "post_id", "author", "time", "edited", "body", "skip", "quote", "quote_author"}
        | {"number", "thread_title", "crumb", "next_page", "previous_page"}
        | {"thread_link", "board_link"}
    )
    elements: ClassVar[frozenset[str]] = honours - {"post_id", "time", "number"}

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of phpBB on ``page``: body id, cookies, footer, links, style name."""
        hints: list[Evidence] = []
        if is_json(page):
            return hints
        if page.css("body#phpbb"):
            hints.append(Evidence(hint='the body has the id "phpbb"', weight=0.7))
        if any(_COOKIE.search(cookie) for cookie in page.headers.getlist("Set-Cookie")):
            hints.append(Evidence(hint="it sets phpBB's session cookies", weight=0.6))
        if _footer(page):
            hints.append(Evidence(hint='the footer says "Powered by phpBB"', weight=0.6))
        if found_at_home(page, 'a[href*="ucp.php?mode="]'):
            hints.append(Evidence(hint="links lead to ucp.php, phpBB's user panel", weight=0.6))
        if found_at_home(page, 'a[href*="viewtopic.php?"], a[href*="viewforum.php?"]'):
            hints.append(Evidence(hint="links lead to viewtopic.php or viewforum.php", weight=0.4))
        if "phpBB style name:" in page.text or 'content="2002-2006 phpBB Group"' in page.text:
            hints.append(Evidence(hint="the head names a phpBB style", weight=0.5))
        if SCRIPT.search(page.url.partition("?")[0]):
            hints.append(Evidence(hint="the address is viewtopic.php or viewforum.php", weight=0.3))
        return hints

    def entry(self, url: str) -> str:
        """Return ``url`` without a session id."""
        return without_session(url)

    def thread_of(self, url: str) -> str | None:
        """Return the id of the topic that an address shows; ``None`` where it may not tell."""
        place = place_of(without_session(url))
        return place.number if place is not None and place.kind is Kind.THREAD else None

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what an index, board or thread page tells.

        Raises ``PageChanged`` when it has neither messages nor a list of threads or boards.
        """
        return _Page(readable(page), options).read()


def _footer(page: TextResponse) -> bool:
    """Tell whether ``page`` is signed by phpBB; a message may link to phpbb.com as well."""
    signed = re.search(r"Powered by\s+(?:<[^<>]*>\s*)?phpBB", page.text[-4_000:])
    return bool(signed) or any(
        _HOME.fullmatch(link.attrib["href"]) and text_of([link]).lower().startswith("phpbb")
        for link in page.css('a[href*="phpbb.com"]')
    )


class _Page:
    """One page being read."""

    def __init__(self, page: TextResponse, options: ReadOptions) -> None:
        self._page = page
        self._options = replace(options, date_order=options.date_order or order_in(page.text))
        language = (page.css("html::attr(lang)").get() or "").strip()[:2].lower()
        self._language = language or None
        self._links = PageLinks(page)
        self._reader = PostReader(self._links.root, self._options, self._language)

    def read(self) -> Reading:
        page = self._page
        posts = list(chosen(page, self._options, "post"))
        rows: list[Selector] = []
        if "post" not in self._options.selectors:
            posts = [node for node in page.css("[id^=p]") if _is_post(node)]
            posts = posts or [node for node in page.css(".post") if anchor_of(node)]
            rows = list(page.css("table tr a[name^=p]")) if not posts else []
        if posts or rows:
            return self._thread(posts, rows)
        here = place_of(page.url)
        section = page.css("body::attr(class)").get() or ""
        threads, boards = self._threads(), self._boards()
        listed = page.css(".topiclist, a.topictitle, a.forumlink, a.forumtitle, #page-body .panel")
        wall = page.css("form input[type=password]") and not (threads or boards)
        if "section-viewtopic" in section or (here and here.kind is Kind.THREAD) or not listed:
            raise PageChanged(self._lacks("messages (an element with an id such as p123)"))
        if wall:
            raise PageChanged(self._lacks("threads and boards, and shows a login form"))
        is_index = "section-index" in section or not (here and here.kind is Kind.BOARD)
        # An index may list the newest threads below its boards, where they are listed too.
        if is_index and (not threads or (boards and "section-index" in section)):
            return Reading(kind=Kind.INDEX, boards=boards, language=self._language)
        return self._board(threads, boards)

    def _lacks(self, what: str) -> str:
        return (
            f"a phpBB page without {what}. Look at it in a browser: it may ask for a login, "
            "or its style may have changed"
        )

    # Threads ---------------------------------------------------------------------------------

    def _thread(self, posts: list[Selector], rows: list[Selector]) -> Reading:
        number, board = self._thread_number(), self._crumb()
        around = self._around(Kind.THREAD, number)
        start = around.start
        items: dict[str, PostItem] = {}
        unreadable = 0
        read = self._reader.box if posts else self._reader.rows
        for node in posts or rows:
            place = None if start is None else start + len(items) + unreadable + 1
            try:
                item = read(node, place)
            except PageChanged:
                unreadable += 1
                continue
            items.setdefault(item.post_id, item)
        if not items and not unreadable:
            raise PageChanged(self._lacks("readable messages"))
        return Reading(
            kind=Kind.THREAD,
            board_id=board.board_id if board else None,
            board_title=board.title if board else None,
            thread_id=number,
            thread_title=self._title(),
            thread_url=self._links.thread_url(number) if number else None,
            posts=tuple(items.values()),
            next_page=around.next_page,
            previous_page=around.previous_page,
            last_page=around.last_page,
            unreadable=unreadable,
            language=self._language,
        )

    def _thread_number(self) -> str | None:
        """Return the thread's id: from the address, the canonical link, or the page's own forms."""
        page = self._page
        hrefs = [
            page.url,
            *page.css("link[rel=canonical]::attr(href)").getall(),
            *page.css("h2 a::attr(href), a.titles::attr(href)").getall(),
        ]
        for href in hrefs:
            place = place_of(self._links.joined(href))
            if place and place.kind is Kind.THREAD and place.number:
                return place.number
        hidden = page.css("#topic-search input[name=t]::attr(value)").get()
        if digits(hidden):
            return hidden
        for href in page.css('a[href*="posting.php?mode=reply"]::attr(href)').getall():
            if number := digits(parameter(self._links.joined(href), "t")):
                return number
        return None

    def _around(self, kind: Kind, number: str | None) -> Around:
        """Return the neighbours of the page, those that a person tells by their selectors."""
        around = self._links.around(kind, number)
        return replace(
            around,
            next_page=self._told_link("next_page", around.next_page),
            previous_page=self._told_link("previous_page", around.previous_page),
        )

    def _told_link(self, name: str, own: str | None) -> str | None:
        if name not in self._options.selectors:
            return own
        found = chosen(self._page, self._options, name)
        urls = (self._links.url(link.attrib.get("href", "")) for link in found)
        return next(filter(None, urls), None)

    def _title(self) -> str | None:
        told = "thread_title" in self._options.selectors
        for css in (self._options.selectors["thread_title"],) if told else _TITLES:
            if title := text_of(self._page.css(css)):
                return title
        shared = self._page.css('meta[property="og:title"]::attr(content)').get() or ""
        return " ".join(fit(shared).split()) or text_of(self._page.css("title")) or None

    def _crumb(self) -> BoardRef | None:
        """Return the board that the page's path of links ends with."""
        own = '.breadcrumbs a, .navlinks a, [data-forum-id] a, a.nav[href*="viewforum"]'
        crumbs = chosen(self._page, self._options, "crumb", own)
        for link in reversed(crumbs):
            if board := self._board_ref(link):
                return board
        return None

    # Lists -----------------------------------------------------------------------------------

    def _board(self, threads: tuple[ThreadRef, ...], boards: tuple[BoardRef, ...]) -> Reading:
        hrefs = [
            self._page.url,
            *self._page.css("link[rel=canonical]::attr(href), h2 a::attr(href)").getall(),
        ]
        places = (place_of(self._links.joined(href)) for href in hrefs)
        number = next(
            (place.number for place in places if place and place.kind is Kind.BOARD), None
        )
        around = self._around(Kind.BOARD, number)
        return Reading(
            kind=Kind.BOARD,
            board_id=number,
            board_title=text_of(
                self._page.css(".forum-title, #page-body h2, #pageheader h2, a.titles")
            ),
            threads=threads,
            boards=boards,
            next_page=around.next_page,
            previous_page=around.previous_page,
            language=self._language,
        )

    def _threads(self) -> tuple[ThreadRef, ...]:
        found: dict[str, ThreadRef] = {}
        for link in chosen(self._page, self._options, "thread_link", "a.topictitle"):
            rows = link.xpath("ancestor::*[self::li or self::tr][1]")
            url = self._links.url(link.attrib.get("href", ""))
            place = place_of(url) if url else None
            if not rows or not url or not place or place.kind is not Kind.THREAD:
                continue
            marks = " ".join(
                rows.xpath("@class | dl/@class | dl/@style | ./td[1]//img/@src").getall()
            )
            # What is left behind by a moved thread belongs to the board it went to.
            if place.number is None or place.number in found or "topic_moved" in marks:
                continue
            last = self._last_post(rows[0])
            replies = count_in(
                text_of(rows.css("dd.posts")) or _first_number(rows.css("p.topicdetails"))
            )
            found[place.number] = ThreadRef(
                thread_id=place.number,
                title=text_of([link]),
                url=self._links.address(place, url),
                last_url=self._last_url(rows[0], place.number, replies, last),
                last_post_id=last,
                last_posted_at=self._last_time(rows[0]),
                posts=replies + 1 if replies is not None else None,
                pinned=bool(re.search(r"sticky|announce|global", marks)),
            )
        return tuple(found.values())

    def _boards(self) -> tuple[BoardRef, ...]:
        found: dict[str, BoardRef] = {}
        # Sub-boards named in a row are listed on their parent's own page.
        own = "a.forumtitle, a.forumlink"
        for link in chosen(self._page, self._options, "board_link", own):
            row = link.xpath("ancestor::*[self::li or self::tr][1]")
            if "forum_link" in " ".join(row.xpath("dl/@class | dl/@style").getall()):
                continue  # leads to another site
            board = self._board_ref(link)
            if board and board.board_id not in found:
                when = self._last_time(row[0]) if row else None
                found[board.board_id] = replace(board, last_posted_at=when)
        return tuple(found.values())

    def _board_ref(self, link: Selector) -> BoardRef | None:
        url = self._links.url(link.attrib.get("href", ""))
        place = place_of(url) if url else None
        title = text_of([link])
        if not url or not place or place.kind is not Kind.BOARD or not place.number or not title:
            return None
        return BoardRef(board_id=place.number, title=title, url=self._links.address(place, url))

    def _last_post(self, row: Selector) -> str | None:
        for href in row.css("a::attr(href)").getall():
            place = place_of(href)
            if place and place.post:
                return place.post
        return None

    def _last_url(
        self, row: Selector, number: str, replies: int | None, post: str | None
    ) -> str | None:
        """Return the thread's last page: as the row's own page numbers say, or by its last post.

        A short thread whose row has no page numbers is one page, which its address gives.
        """
        pages: dict[int, str] = {}
        for href in row.css("a::attr(href)").getall():
            place = place_of(href)
            if place and place.number == number and place.start and not place.post:
                url = self._links.url(href)
                pages[place.start] = self._links.address(place, url) if url else ""
        if pages:
            return pages[max(pages)] or None
        if post is None or (replies is not None and replies < _FEWEST_PER_PAGE):
            return None
        return f"{self._links.root}viewtopic.php?p={post}"

    def _last_time(self, row: Selector) -> datetime | None:
        """Return when a row's newest message was written."""
        cells = row.css("dd.lastpost") or row.xpath("(td[.//a[contains(@href,'p=')]])[last()]")
        if stamps := cells.css("time"):
            return self._reader.time(stamps[0])
        texts = [text.strip() for text in cells.xpath(".//text()").getall() if text.strip()]
        for text in reversed(texts):
            if when := shown_time(text, self._options, self._language):
                return when
        return None


def _is_post(node: Selector) -> bool:
    return bool(_POST_ID.fullmatch(node.attrib["id"])) and bool(node.css(".postbody, .content"))


def _first_number(cells: Iterable[Selector]) -> str | None:
    return next((text for cell in cells if count_in(text := text_of([cell])) is not None), None)
