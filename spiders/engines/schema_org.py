"""Any forum that describes its threads in schema.org terms: JSON-LD or microdata.

So do XenForo 2, Invision Community, Vanilla, vBulletin 5, NodeBB, Discourse's crawler view and
many more. Checked in November 2026 against a recorded NodeBB 4.5.0 and a saved XenForo 2.1 page.
A page gives what its markup names and no more: XenForo 2.1, say, names a thread's first message.
"""

import hashlib
import re
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote, urlsplit

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from scrapy.http import TextResponse

from spiders.addresses import origin, same_site, without_fragment, without_session
from spiders.base import (
    BoardRef,
    Engine,
    Evidence,
    Kind,
    PageChanged,
    PostItem,
    Reading,
    ReadOptions,
    ThreadRef,
)
from spiders.dates import machine_time, shown_time
from spiders.engines.schema_markup import Entry, Posting, in_json, in_microdata
from spiders.text import classes, is_json, read_words, readable, words_of

_POST_LINK = (
    # Discourse and Flarum number the messages of each thread anew.
    re.compile(r"/t/[^/]+/(\d+/\d+)/?$"),
    re.compile(r"/d/(\d+)[^/]*/(\d+)/?$"),
    re.compile(
        r"[#/](?:js-)?(?:el)?(?:posts?|p|comments?|msg|findcomment|reply|answer)[-_/]?(\d+)/?$",
        re.IGNORECASE,
    ),
    re.compile(r"[?&;](?:p|pid|post|comment|commentid|msg)=(\d+)", re.IGNORECASE),
)
_POST_MARK = re.compile(r"(?:post|comment|msg|pid|reply|answer)[-_]?(\d+)$", re.IGNORECASE)
_POST_DATA = ("data-pid", "data-post-id", "data-node-id", "data-commentid", "data-content", "id")
_THREAD_MARK = re.compile(r"/(threads?|topics?|discussion|questions?|showthread\.php|d|t)/([^?#]+)")
_THREAD_QUERY = re.compile(r"[?&;](?:t|tid|topic|threadid)=(\d+)")
_BOARD_MARK = re.compile(
    r"/(category|categories|forums?|forumdisplay\.php|c|f|boards?|tags?)/([^?#]+)"
)
_BOARD_QUERY = re.compile(r"[?&;](?:f|fid|board|forumid)=(\d+)")
_PAGE_PART = re.compile(r"(?:(?<=/)page[-/]?\d+/?|/p\d+|\?page=\d+)$")
_NUMBERED = re.compile(r"(?:.*\.)?(\d+)(?:-.*)?")
_MEMBER_LINK = re.compile(r"/(?:members?|profile|users?)/(?:[^/]*\.)?(\d+)(?:[/-]|$)|[?&;]u=(\d+)")
_THREAD_PATH = re.compile(r"/(?:threads|topic|discussion|t|d)/")
_IN_ADDRESS = "/:?#[]@!$&'()*+,;=%~"
_SIGNATURES = frozenset({"signature", "signaturecontainer", "message-signature", "post-signature"})
_PRIVATE_FORMS = (
    # What a page of the product holds, and where its members write to each other.
    (
        "//html[@id='XF'][.//a[contains(@href, '/direct-messages/')]]",
        "direct-messages/add?to={name}",
    ),
    ("//html[@id='XF']", "conversations/add?to={name}"),
    (
        "//*[@data-ipsquote-contentapp or contains(@data-controller, 'core.front.')]",
        "messenger/compose/?to={uid}",
    ),
    (
        "//meta[@name='generator'][starts-with(@content, 'Discourse ')]",
        "new-message?username={name}",
    ),
    (
        "//*[contains(@class, 'ItemComment') or @id='vanilla_discussion_index']",
        "messages/add/{name}",
    ),
    # A chat or message is started from the profile.
    ("//*[@component='topic' or @component='post']", "{profile}"),
)


class SchemaOrg(Engine):
    """Read pages by the schema.org markup they carry for search engines."""

    name: ClassVar[str] = "schema_org"
    marks: ClassVar[str] = "JSON-LD or microdata of schema.org's DiscussionForumPosting or Comment"
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
            elif any(_thread_number(entry.url) for entry in entries):
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
        # Microdata holds the HTML, so that quotes can be told apart: it wins when both are full.
        readings = [view.thread(postings) for postings in (marked, described) if postings]
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
        self._private = _private_form(page)

    def thread(self, postings: list[Posting]) -> Reading:
        """Return the thread that ``postings`` make up, replies after what they answer."""
        main = next((posting for posting in postings if not posting.is_reply), None)
        address = (self._address(main.links) if main else None) or self._canonical()
        path = urlsplit(address).path.rstrip("/")
        number = _thread_number(address) or _number(path.rpartition("/")[2], anywhere=False) or path
        items: dict[str, PostItem] = {}
        unreadable = 0
        for posting in postings:
            if _is_container(posting, len(postings)):
                continue
            if item := self._item(posting, address, number):
                items.setdefault(item.post_id, item)
            else:
                unreadable += 1
        title = self._page.css('meta[property="og:title"]::attr(content), title::text').get()
        return Reading(
            kind=Kind.THREAD,
            board_title=(main.section if main else "") or None,
            thread_id=number,
            thread_title=(main.title if main else "") or " ".join((title or "").split()) or None,
            thread_url=address,
            posts=tuple(items.values()),
            next_page=self._related("next"),
            previous_page=self._related("prev"),
            last_page=self._related("last"),
            unreadable=unreadable,
            language=self._language,
        )

    def board(self, entries: list[Entry]) -> Reading:
        """Return the threads and boards that the lines of an ``ItemList`` lead to."""
        threads: dict[str, ThreadRef] = {}
        boards: dict[str, BoardRef] = {}
        for entry in entries:
            url = self._address([entry.url])
            if url is None:
                continue
            if number := _thread_number(url):
                looks = classes(entry.node) if entry.node is not None else frozenset()
                row = ThreadRef(
                    thread_id=number,
                    title=entry.name,
                    url=url,
                    last_posted_at=self._newest(entry.node),
                    pinned=bool(looks & {"pinned", "sticky"}),
                )
                threads.setdefault(number, row)
            elif key := _board_key(url):
                boards.setdefault(key, BoardRef(board_id=key, title=entry.name, url=url))
        heading = " ".join(self._page.css("h1 ::text").getall())
        return Reading(
            kind=Kind.BOARD if threads else Kind.INDEX,
            board_id=_board_key(self._page.url),
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
        post_id = _post_id(posting) or (
            _digest(posting) if posting.is_reply else f"thread-{thread_id}"
        )
        author_id = posting.author_id or None
        if author_id is None and (found := _MEMBER_LINK.search(posting.author_url)):
            author_id = found[1] or found[2]
        position = posting.position
        if not position and posting.node is not None:
            index = posting.node.get("data-index") or ""
            position = str(int(index) + 1) if index.isdecimal() else ""
        return PostItem(
            post_id=post_id,
            number=int(position) if position.isdecimal() else None,
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
            private_message_url=self._private_message(posting, author_id),
        )

    def _permalink(self, posting: Posting, post_id: str, link: str | None) -> str | None:
        if posting.is_reply and posting.node is not None and link is None:
            for href in posting.node.xpath(".//a/@href"):
                address = self._address([str(href)])
                if address and _found_id(address) == post_id:
                    return address
            if name := posting.node.get("id"):
                return f"{without_fragment(without_session(self._page.url))}#{quote(name)}"
        return link

    def _private_message(self, posting: Posting, author_id: str | None) -> str | None:
        """Return where a member writes to the author, for products whose form is known."""
        if self._private is None:
            return None
        name = quote(posting.author, safe="")
        if "{uid}" in self._private and not author_id:
            return None
        if "{profile}" in self._private:
            return self._address([posting.author_url])
        uid = quote(author_id or "", safe="")
        return self._private.replace("{name}", name).replace("{uid}", uid)

    def _address(self, links: list[str]) -> str | None:
        """Return the first of ``links`` that is an address on this site, without session id."""
        for link in links:
            if link.isdecimal() or "/" not in link:
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
        return _PAGE_PART.sub("", url)

    def _related(self, relation: str) -> str | None:
        path = f"//*[self::link or self::a][contains(concat(' ', @rel, ' '), ' {relation} ')]/@href"
        return self._address(self._page.xpath(path).getall())

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


def _private_form(page: TextResponse) -> str | None:
    """Return the address of the product's form, with places for the name or id, if known."""
    path = urlsplit(page.url).path
    folder = _THREAD_PATH.search(path)
    for mark, form in _PRIVATE_FORMS:
        if folder and page.xpath(mark):
            root = origin(page.url) + path[: folder.start()] + "/"
            return form if form == "{profile}" else root.replace("{", "%7B") + form
    return None


def _thread_number(url: str) -> str | None:
    """Return the number of the thread that ``url`` leads to; ``None`` when it leads elsewhere."""
    if found := _THREAD_MARK.search(url):
        return _number(found[2], anywhere=found[1] == "t")
    query = _THREAD_QUERY.search(url)
    return query[1] if query else None


def _board_key(url: str) -> str | None:
    """Return the number, or else the path, of the board that ``url`` leads to."""
    if found := _BOARD_MARK.search(urlsplit(url).path):
        return _number(found[2], anywhere=True) or urlsplit(url).path.rstrip("/")
    query = _BOARD_QUERY.search(url)
    return query[1] if query else None


def _number(path: str, *, anywhere: bool) -> str | None:
    """Return the number of ``12-slug`` or ``slug.12``, or of ``slug/12`` if ``anywhere``."""
    segments = path.strip("/").split("/")
    alone = next((segment for segment in segments if segment.isdecimal()), None)
    if anywhere and alone:
        return alone
    found = _NUMBERED.fullmatch(segments[0])
    return found[1] if found else None


def _found_id(link: str) -> str | None:
    for pattern in _POST_LINK:
        if found := pattern.search(link):
            return "/".join(found.groups())
    return None


def _post_id(posting: Posting) -> str | None:
    """Return the engine's own id of the message, from its links or its element."""
    for link in posting.links:
        if link.isdecimal() and posting.is_reply:
            return link
        if number := _found_id(link):
            return number
    if posting.node is not None and posting.is_reply:
        for name in _POST_DATA:
            value = posting.node.get(name) or ""
            if value.isdecimal() and name != "id":
                return str(value)
            if found := _POST_MARK.search(value):
                return found[1]
    return None


def _digest(posting: Posting) -> str:
    """Return a name for a message that its page gives no id: the same as long as it is the same."""
    said = posting.text or (
        "".join(posting.body.itertext()) if posting.body is not None else posting.title
    )
    whole = "\n".join([posting.author, posting.published, said])
    return "digest-" + hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:16]


def _without_signature(element: Element) -> str | None:
    return "" if classes(element) & _SIGNATURES else None
