"""Any forum that describes its threads in schema.org terms: JSON-LD or microdata.

So do Vanilla, NodeBB, Discourse's crawler view and many more. Checked in November 2026 against a
recorded NodeBB 4.5.0. A page gives what its markup names and no more.
"""

import hashlib
import re
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote, urlsplit

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from scrapy.http import TextResponse

from spiders.addresses import same_site, without_fragment, without_session
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
from spiders.dates import machine_time, shown_time
from spiders.engines.page_links import beside
from spiders.engines.private_forms import PrivateForm
from spiders.engines.schema_addresses import (
    board_key,
    first_page,
    goes_on,
    number_in,
    post_id_in,
    thread_number,
)
from spiders.engines.schema_markup import Entry, Posting, in_json, in_microdata
from spiders.text import classes, plain, read_words, words_of

_POST_MARK = re.compile(r"(?:post|comment|msg|pid|reply|answer)[-_]?(\d+)$", re.IGNORECASE)
_POST_DATA = ("data-pid", "data-post-id", "data-node-id", "data-commentid", "data-content", "id")
_MEMBER_LINK = re.compile(r"/(?:members?|profile|users?)/(?:[^/]*\.)?(\d+)(?:[/-]|$)|[?&;]u=(\d+)")
_IN_ADDRESS = "/:?#[]@!$&'()*+,;=%~"
_SIGNATURES = frozenset({"signature", "signaturecontainer", "message-signature", "post-signature"})


class SchemaOrg(Engine):
    """Read pages by the schema.org markup they carry for search engines."""

    name: ClassVar[str] = "schema_org"
    marks: ClassVar[str] = "JSON-LD or microdata of schema.org's DiscussionForumPosting or Comment"
    gives: ClassVar[Gives] = Gives(
        product="Any with schema.org posts",
        addresses="a board, a thread",
        means="JSON-LD or microdata in HTML pages",
        authors="name, id where told",
        times="exact",
        private="where the software behind it is known",
        incremental="newest threads first, up to the first page without news",
    )
    generic: ClassVar[bool] = True

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return what schema.org markup of messages or of a list of threads is on ``page``."""
        if is_json(page):
            return []
        hints = []
        for where, (postings, entries) in (
            ("JSON-LD", in_json(page)),
            ("microdata", in_microdata(page)),
        ):
            if postings:
                hints.append(Evidence(hint=f"{where} of {postings[0].type}", weight=1.0))
            elif any(thread_number(entry.url) for entry in entries):
                hints.append(Evidence(hint=f"{where} of an ItemList of threads", weight=1.0))
        return hints

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return the thread, or the list of threads, that the markup of ``page`` describes.

        Raises ``PageChanged`` when it describes neither.
        """
        page = readable(page)
        described, listed = in_json(page)
        marked, rows = in_microdata(page)
        view = _View(page, options)
        marked, described = view.without_others(marked), view.without_others(described)
        if several := view.threads_of(marked or described):
            return view.board(several)
        # Microdata holds the HTML, so that quotes can be told apart: it wins when both are full.
        readings = [
            view.thread(postings, described) for postings in (marked, described) if postings
        ]
        best = max(readings, key=lambda reading: len(reading.posts), default=None)
        if best is not None and best.posts:
            return best
        board = view.board(rows or listed)
        if board.threads or board.boards:
            return board
        lack = "names a thread but none of its messages" if readings else "names no messages"
        raise PageChanged(f"a page whose schema.org markup {lack}; an engine of its own is needed")


class _View:
    """One page being read."""

    def __init__(self, page: TextResponse, options: ReadOptions) -> None:
        self._page = page
        self._options = options
        language = (page.css("html::attr(lang)").get() or "").strip()[:2].lower()
        self._language = language or None
        self._private = PrivateForm(page)

    def without_others(self, postings: list[Posting]) -> list[Posting]:
        """Return ``postings`` without those that open "related" threads, if one opens this one."""
        here = thread_number(self._page.url)
        if here is None:
            return postings
        own = []
        for posting in postings:
            url = None if posting.is_reply else self._address(posting.links)
            if url is None or thread_number(url) in {None, here}:
                own.append(posting)
        return postings if all(posting.is_reply for posting in own) else own

    def threads_of(self, postings: list[Posting]) -> list[Entry]:
        """Return a line for each of ``postings`` when they open several threads: a list."""
        if any(posting.is_reply for posting in postings):
            return []
        found: dict[str, Entry] = {}
        for posting in postings:
            url = self._address(posting.links)
            if url and (number := thread_number(url)):
                found.setdefault(number, Entry(name=posting.title, url=url, node=posting.node))
        return list(found.values()) if len(found) > 1 else []

    def thread(self, postings: list[Posting], described: list[Posting]) -> Reading:
        """Return the thread that ``postings`` make up, replies after what they answer.

        JSON-LD beside microdata may be alone in naming the thread and holding its first message.
        """
        mains = [posting for posting in postings if not posting.is_reply]
        if len(mains) > 1 and not _is_container(mains[0], len(postings)):
            # Discourse's page for crawlers, before 3.2, calls every message a posting.
            for posting in mains[1:]:
                posting.is_reply = True
        main = mains[0] if mains else None
        if main is None:
            main = next((posting for posting in described if not posting.is_reply), None)
            if main and not self._related("prev") and not self._is_among(main, postings):
                postings = [main, *postings]
        elif self._related("prev") and len(postings) > 1 and postings is described:
            postings = [posting for posting in postings if posting is not main]  # of page 1
        address = (self._address(main.links) if main else None) or self._canonical()
        parts = urlsplit(address)
        path = parts.path.rstrip("/")
        number = (
            thread_number(address)
            or number_in(path.rpartition("/")[2], anywhere=False)
            or (f"{path}?{parts.query}" if parts.query else path)
        )
        items: dict[str, PostItem] = {}
        unreadable = 0
        for posting in postings:
            if _is_container(posting, len(postings)):
                continue
            if item := self._item(posting, address, number):
                items.setdefault(item.post_id, item)
            else:
                unreadable += 1
        return Reading(
            kind=Kind.THREAD,
            board_title=(main.section if main else "") or None,
            thread_id=number,
            thread_title=(main.title if main else "") or self._title(),
            thread_url=address,
            posts=tuple(items.values()),
            next_page=self._related("next"),
            previous_page=self._related("prev"),
            last_page=self._related("last"),
            unreadable=unreadable,
            language=self._language,
        )

    def _title(self) -> str | None:
        """Return what the page is about: its heading if the window's title begins with it."""
        window = plain(next((node.root for node in self._page.css("title")), None))
        shared = self._page.css('meta[property="og:title"]::attr(content)').get()
        for heading in self._page.css("h1"):
            if (words := plain(heading.root)) and window.startswith(words):
                return words
        return " ".join((shared or "").split()) or window or None

    def board(self, entries: list[Entry]) -> Reading:
        """Return the threads and boards that the lines of an ``ItemList`` lead to."""
        threads: dict[str, ThreadRef] = {}
        boards: dict[str, BoardRef] = {}
        for entry in entries:
            url = self._address([entry.url])
            if url is None:
                continue
            if number := thread_number(url):
                looks = classes(entry.node) if entry.node is not None else frozenset()
                row = ThreadRef(
                    thread_id=number,
                    title=entry.name,
                    url=url,
                    last_posted_at=self._newest(entry.node),
                    pinned=bool(looks & {"pinned", "sticky"}),
                )
                threads.setdefault(number, row)
            elif key := board_key(url):
                boards.setdefault(key, BoardRef(board_id=key, title=entry.name, url=url))
        heading = " ".join(self._page.css("h1 ::text").getall())
        return Reading(
            kind=Kind.BOARD if threads else Kind.INDEX,
            board_id=board_key(self._page.url),
            board_title=" ".join(heading.split()) or None,
            threads=tuple(threads.values()),
            boards=tuple(boards.values()),
            next_page=self._related("next"),
            previous_page=self._related("prev"),
            language=self._language,
        )

    def _item(self, posting: Posting, thread_url: str, thread_id: str) -> PostItem | None:
        """Return the message that ``posting`` describes; ``None`` without an author or text."""
        if not posting.author:
            return None
        words = (
            read_words(posting.body, _without_signature)
            if posting.body is not None
            else words_of(posting.text, _without_signature)
        )
        if posting.type == "Question" and not words.text:
            words = words_of(posting.title)
        if not words.text and not words.quotes:
            return None
        link = self._address(posting.links)
        position = posting.position.lstrip("#")
        post_id = _post_id(posting)
        if post_id is None and posting.is_reply and position.isdecimal() and "/t/" in thread_url:
            post_id = f"{thread_id}/{position}"  # Discourse's number of it
            link = f"{thread_url}/{position}"
        post_id = post_id or (_digest(posting) if posting.is_reply else f"thread-{thread_id}")
        author_id = posting.author_id or None
        if author_id is None and (found := _MEMBER_LINK.search(posting.author_url)):
            author_id = found[1] or found[2]
        author_id = None if author_id == "0" else author_id  # a guest
        if not position and posting.node is not None:
            index = posting.node.get("data-index") or ""
            position = str(int(index) + 1) if index.isdecimal() and len(index) < 10 else ""
        profile = self._address([posting.author_url])
        return PostItem(
            post_id=post_id,
            number=int(position) if position.isdecimal() and len(position) < 10 else None,
            url=self._permalink(posting, post_id, link) or thread_url,
            author=posting.author,
            author_id=author_id,
            posted_at=machine_time(posting.published, self._options)
            or shown_time(posting.published, self._options, self._language),
            # A whole thread's "modified" tells of its newest reply.
            edited=posting.edited
            or bool(posting.is_reply and posting.modified not in {"", posting.published}),
            text=words.text,
            quotes=words.quotes,
            private_message_url=self._private.url(posting.author, author_id, profile),
            profile_url=profile,
        )

    def _is_among(self, main: Posting, postings: list[Posting]) -> bool:
        """Tell whether one of ``postings`` is the message that ``main`` describes in other markup.

        The texts alone do not tell: JSON-LD leaves quotes out, for example.
        """
        written = machine_time(main.published, self._options)
        start = re.sub(r"\W", "", main.text)[:40]
        return any(
            posting.position.lstrip("#") == "1"
            or (written and written == machine_time(posting.published, self._options))
            or re.sub(r"\W", "", _said(posting)).startswith(start)
            for posting in postings
            if posting.author == main.author
        )

    def _permalink(self, posting: Posting, post_id: str, link: str | None) -> str | None:
        if posting.is_reply and posting.node is not None and link is None:
            for href in posting.node.xpath(".//a/@href"):
                address = self._address([str(href)])
                if address and post_id_in(address) == post_id:
                    return address
            if name := posting.node.get("id"):
                return f"{without_fragment(without_session(self._page.url))}#{quote(name)}"
        return link

    def _address(self, links: list[str]) -> str | None:
        """Return the first of ``links`` that is an address on this site, without session id."""
        for link in links:
            if "/" not in link and not link.startswith("?"):
                continue
            try:
                url = without_session(self._page.urljoin(link))
            except ValueError:
                continue
            if same_site(url, self._page.url):
                return quote(url, safe=_IN_ADDRESS)
        return None

    def _canonical(self) -> str:
        href = self._page.css("link[rel=canonical]::attr(href)").get()
        url = (self._address([href]) if href else None) or without_session(self._page.url)
        return first_page(url)

    def _related(self, relation: str) -> str | None:
        """Return the page before or after this one; not another article, nor this page again."""
        path = f"//*[self::link or self::a][contains(concat(' ', @rel, ' '), ' {relation} ')]/@href"
        here = without_session(without_fragment(self._page.url))
        for href in self._page.xpath(path).getall():
            url = self._address([href])
            if url and without_fragment(url) != here and goes_on(here, url):
                return url
        if relation in {"next", "prev"}:
            url = beside(self._page, set(), 1 if relation == "next" else -1)
            return url if url and goes_on(here, url) else None
        return None

    def _newest(self, node: Element | None) -> datetime | None:
        """Return the latest machine-readable moment that a line of a list holds."""
        stamps = node.xpath(".//@datetime | .//@title") if node is not None else []
        moments = (machine_time(str(stamp), self._options) for stamp in stamps)
        return max(filter(None, moments), default=None)


def _is_container(posting: Posting, among: int) -> bool:
    """Tell a description of the thread from a message: its text is missing or but the title."""
    if posting.is_reply or posting.type == "Question":
        return False
    if posting.body is not None:
        return False
    return not posting.text or (among > 1 and posting.text.strip() == posting.title)


def _post_id(posting: Posting) -> str | None:
    """Return the engine's own id of the message, from its links or its element."""
    for link in posting.links:
        if link.isdecimal() and posting.is_reply:
            return link
        if number := post_id_in(link):
            return number
    if posting.node is not None and posting.is_reply:
        for name in _POST_DATA:
            value = posting.node.get(name) or ""
            if value.isdecimal() and name != "id":
                return str(value)
            if found := _POST_MARK.search(value):
                return found[1]
    return None


def _said(posting: Posting) -> str:
    """Return the text of ``posting`` with its markup, quotes and all."""
    return posting.text or ("".join(posting.body.itertext()) if posting.body is not None else "")


def _digest(posting: Posting) -> str:
    """Return a name for a message that its page gives no id: the same as long as it is the same."""
    whole = "\n".join([posting.author, posting.published, _said(posting) or posting.title])
    return "digest-" + hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:16]


def _without_signature(element: Element) -> str | None:
    return "" if classes(element) & _SIGNATURES else None
