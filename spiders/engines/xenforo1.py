"""XenForo 1 as a guest sees it.

Checked in November 2026 against a saved thread and a saved index.
"""

# ruff: noqa: ARG002  (what the base offers is not all needed)

import re
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote, urljoin, urlsplit

from parsel import Selector

from spiders.addresses import origin, same_site
from spiders.base import Gives
from spiders.selected import SelectorEngine
from spiders.selected_page import Doc, Person

_ROUTES = "threads|forums|members|categories|posts|whats-new|find-new|login|register|help|search"
_BASE_PATH = re.compile(r"\bbasePath:\s*[\"'](/[^\"']*)[\"']")
_OF_EDIT = "ancestor::*[contains(@class,'editDate') or contains(@class,'lastEdit')]"
_IN_TEXT = "ancestor::*[contains(@class,'messageText') or contains(@class,'bbWrapper')]"

_OWN_ROUTE = re.compile(r"/[^/?#]+\.(\d{1,12})/?$")


class Xenforo1(SelectorEngine):
    """Read XenForo 1 forums; XenForo 2 shares their addresses."""

    name: ClassVar[str] = "xenforo1"
    gives: ClassVar[Gives] = Gives(
        product="XenForo 1",
        times="as the page shows them, in the site's zone and language",
        edits="yes",
        private="`/conversations/add?to=`",
    )
    marks: ClassVar[str] = 'html id "XenForo"'
    hints: ClassVar[tuple[tuple[str, float, str], ...]] = (
        ("html#XenForo", 1.0, 'the page has the id "XenForo"'),
        ("ol#messageList li.message[id^=post-]", 0.6, "messages in XenForo 1's list"),
        ("li.discussionListItem[id^=thread-]", 0.6, "rows of XenForo 1's threads"),
        ("ol.nodeList li.node .nodeInfo", 0.4, "rows of XenForo 1's boards"),
    )

    post: ClassVar[str] = "li.message[id^=post-]:has(.messageText)"
    body: ClassVar[str] = ".messageText"
    author: ClassVar[str] = ".messageUserInfo a.username, .messageUserInfo .username, .username"
    time: ClassVar[str | tuple[str, ...]] = (
        ".messageMeta .datePermalink .DateTime",
        ".datePermalink .DateTime",
        ".messageMeta .DateTime",
        ".messageDetails .DateTime",
        ".messageInfo .DateTime",
        ".DateTime",
    )
    not_written: ClassVar[str] = _OF_EDIT
    edited: ClassVar[str] = ".editDate"
    number: ClassVar[str] = ".postNumber, a.hashPermalink"
    skip: ClassVar[frozenset[str]] = frozenset(
        {"quoteexpand", "messagetextendmarker", "signature", "attachedfiles", "type"}
    )

    title: ClassVar[tuple[str, ...]] = ("h1 .title", ".titleBar h1", "h1")
    board_title: ClassVar[tuple[str, ...]] = (".titleBar h1", "h1")
    title_drop: ClassVar[frozenset[str]] = frozenset(
        {"prefix", "pagenav", "post-vote-button", "post-date", "newindicator"}
    )
    crumb: ClassVar[str] = ".breadcrumb a"
    pager: ClassVar[str] = ".PageNav"
    current: ClassVar[str] = ".PageNav a.currentPage"

    thread_row: ClassVar[str] = "li.discussionListItem"
    thread_link: ClassVar[str] = "h3.title a:not(.prefixLink), .title a.PreviewTooltip"
    thread_time: ClassVar[str] = ".lastPost .DateTime, .lastPostInfo .DateTime"
    thread_last: ClassVar[str] = ".lastPost a[href*='post'], .lastPost a.dateTime"
    thread_pages: ClassVar[str] = ".itemPageNav a"
    thread_replies: ClassVar[str] = ".stats .major dd"
    pinned: ClassVar[str] = "li.discussionListItem.sticky"
    moved: ClassVar[str] = "li.discussionListItem.redirect, .redirect"
    board_row: ClassVar[str] = "li.node.forum > .nodeInfo"
    board_link: ClassVar[str] = ".nodeTitle a"
    board_time: ClassVar[str] = ".nodeLastPost .DateTime"
    listing: ClassVar[str] = ".discussionList, #forums, ol.nodeList"
    refusal_panel: ClassVar[str] = "form#pageLogin, .errorOverlay, .errorPanel, .baseHtml.error"
    gone: ClassVar[re.Pattern[str] | None] = re.compile(
        r"could not be found|nie (?:został|mogła|można|znaleziono)\w* ?\w* ?(?:odnalez|znalez)?|"
        r"nicht gefunden|не найден|не вдалося|не знайден|nebyl\w* nalezen|nenalezen",
        re.IGNORECASE,
    )

    thread_address: ClassVar[re.Pattern[str]] = re.compile(
        r"[/?](?:threads?|topics?|t)/(?:[^/?#]*\.)?(\d+)(?:[/?#&]|$)"
    )
    board_address: ClassVar[re.Pattern[str]] = re.compile(
        rf"[/?](?:forums?|categories|f)/(?!(?:{_ROUTES})/)"
        r"(?:(?:[^/?#]*\.)?(\d+)|([^/?#.]+))(?:[/?#&]|$)"
    )
    page_address: ClassVar[re.Pattern[str]] = re.compile(
        r"(?<=/)(?:page-(\d+)|post-\d+|latest|unread)/?(?=$|[?&#])"
    )
    post_address: ClassVar[re.Pattern[str]] = re.compile(r"/posts/(\d+)|[#/]post-(\d+)")
    member_address: ClassVar[re.Pattern[str]] = re.compile(
        r"[/?](?:members?|u)/(?:[^/?#]*\.)?(\d+)(?:[/?#&]|$)"
    )
    own_routes: ClassVar[re.Pattern[str]] = re.compile(
        rf"^(https?://[^/]+(?:/[^?#]*?)?/(?:index\.php\?/?)?)(?:{_ROUTES})(?:/|$)"
    )

    def prepare(self, body: Selector) -> None:
        """Give XenForo 1's quotes, which are three boxes in one another, the form of one."""
        for box in body.css(".bbCodeQuote"):
            for heading in box.css(".attribution"):
                heading.root.set("class", "quotetitle")
            for inner in box.css("blockquote.quoteContainer"):
                inner.root.tag = "div"
            for inner in box.css("div.quote"):
                inner.root.set("class", "said")

    def person(self, doc: Doc, node: Selector) -> Person:
        """Return the author; the box of a message names them as well."""
        person = super().person(doc, node)
        named = " ".join((node.attrib.get("data-author") or "").split())
        uid = person.uid if person.name == named or not named else None
        for link in node.css("a.username[href], a.avatar[href], .messageUserInfo a[href]"):
            if uid is not None or link.xpath(_IN_TEXT):  # a text may name other members
                continue
            if url := doc.url(link.attrib["href"]):
                found = _OWN_ROUTE.search(url)  # "/uzytkownicy/ann.7/"
                uid = self.member_id(url) or (found[1] if found else None)
        return Person(name=named or person.name, uid=uid, profile=person.profile)

    def posted_at(self, doc: Doc, node: Selector) -> datetime | None:
        """Return when the message was written; styles may print it without XenForo's element."""
        texts = node.xpath(f".//text()[not({_IN_TEXT} or {_OF_EDIT})]").getall()
        return super().posted_at(doc, node) or doc.loose_time(texts)

    def row_id(self, doc: Doc, row: Selector, url: str) -> str | None:
        """Return the id of the thread, which its row is named by."""
        found = re.search(r"(?:^|\s)(?:js-threadListItem|thread)-(\d+)\b", self._names(row))
        return found[1] if found else self.thread_in(url)

    def board_id(self, doc: Doc, url: str, row: Selector | None = None) -> str | None:
        """Return the board's id, which the row around it is named by."""
        outer = row.xpath("..") if row is not None else ()
        found = re.search(r"\bnode_(\d+)\b", self._names(outer[0])) if outer else None
        return found[1] if found else super().board_id(doc, url, row)

    def _names(self, row: Selector) -> str:
        return f"{row.attrib.get('id', '')} {row.attrib.get('class', '')}"

    def first_page(self, url: str) -> str:
        """Return ``url`` without a page or message, ending as XenForo's addresses do."""
        bare = super().first_page(url)
        return bare if "?" in bare or bare.endswith("/") else f"{bare}/"

    def permalink(self, doc: Doc, post_id: str, node: Selector, thread: str) -> str:
        """Return XenForo's own address of the message."""
        return f"{self.folder(doc)}posts/{post_id}/"

    def private(self, doc: Doc, person: Person, post_id: str) -> str | None:
        """Return the form to write to a member, who is told by name."""
        return self.form(doc, "conversations/add", person)

    def form(self, doc: Doc, route: str, person: Person) -> str | None:
        """Return the address of ``route`` with the member's name filled in."""
        if person.uid is None:
            return None
        root = self.folder(doc)
        joint = "&" if "?" in root else "?"
        return f"{root}{route}{joint}to={quote(person.name, safe='')}"

    def folder(self, doc: Doc) -> str:
        """Return the forum's root, with ``index.php?`` where its addresses have it."""
        here = self.own_routes.match(doc.here)
        if here:
            return here[1]
        root = self._told_root(doc)
        for url in self._own_links(doc):
            found = self.own_routes.match(url)
            if found and (root is None or found[1].startswith(root)):
                return origin(doc.page.url) + found[1][len(origin(url)) :]
        return root or origin(doc.page.url) + "/"

    def _told_root(self, doc: Doc) -> str | None:
        base = doc.page.css("base::attr(href)").get()
        if base is None and (found := _BASE_PATH.search(doc.page.text)):
            base = found[1]
        try:
            url = urljoin(doc.page.url, base) if base else ""
            if url and same_site(url, doc.page.url):
                return origin(doc.page.url) + urlsplit(url).path.rstrip("/") + "/"
        except ValueError:
            return None
        return None
