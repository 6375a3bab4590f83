"""WoltLab Burning Board 3 to 6 (WoltLab Suite Forum) as a guest sees it.

Written in November 2026 after the product's own templates.
"""

# ruff: noqa: ARG002  (what the base offers is not all needed)

import re
from typing import ClassVar

from parsel import Selector

from spiders.addresses import without_fragment
from spiders.base import Gives
from spiders.selected import SelectorEngine
from spiders.selected_page import Doc, Person, count_in, said

_QUOTED = re.compile(r"»(.+)«")
_OWN_FORM = re.compile(r"-(\d+)/?$")
_STAMPS = "{0} woltlab-core-date-time, {0} time"


class Woltlab(SelectorEngine):
    """Read WoltLab forums; member addresses belong to the suite, which may lie above the forum."""

    name: ClassVar[str] = "woltlab"
    gives: ClassVar[Gives] = Gives(
        product="WoltLab 3 to 6",
        times="exact; in 3 as the page shows them",
        edits="yes",
        private="`conversation-add`; in 3 `form=PMNew`",
    )
    marks: ClassVar[str] = 'data-application="wbb", wbbPost messages, WoltLabSuite scripts'
    hints: ClassVar[tuple[tuple[str, float, str], ...]] = (
        ("body[data-application=wbb]", 1.0, "the body names the application wbb"),
        ("body[id^=tpl_wbb_], body#tplThread, body#tplBoard", 0.8, "the body names a wbb template"),
        (".wbbPost, .wbbThread, .wbbBoard", 0.6, "WoltLab's messages or rows"),
        ("woltlab-core-date-time, woltlab-core-pagination", 0.7, "WoltLab's elements"),
        ("script[src*='WoltLabSuite'], script[src*='WCF.Combined']", 0.6, "WoltLab's scripts"),
        (".copyright[href*='woltlab'], .copyright a[href*='woltlab']", 0.5, "WoltLab's footer"),
        ("article.message[data-object-id] .messageText", 0.4, "messages in WoltLab's markup"),
    )

    post: ClassVar[str] = (
        "article.wbbPost, article.message[data-object-id], [data-post-id].message, "
        ".message[id^=postRow]"
    )
    body: ClassVar[str] = ".messageText, [id^=postText]"
    author: ClassVar[str] = (
        ".messageSidebar .username, .messageHeader .username, "
        "[itemprop=author] [itemprop=name], .username, .messageAuthor .userName"
    )
    time: ClassVar[str | tuple[str, ...]] = (
        "time, woltlab-core-date-time, meta[itemprop=datePublished]",
        ".messageHeader .smallFont",
    )
    edited: ClassVar[str] = ".wbbPostEditNote, .messageFooterNote, .editNote"
    number: ClassVar[str] = (
        ".messageHeaderMetaData a, .messageQuickOptions a, .messageHeader a, .messageNumber"
    )
    skip: ClassVar[frozenset[str]] = frozenset(
        {"messagesignature", "messagefooternote", "togglebutton", "jsspoilertoggle"}
    )

    title: ClassVar[tuple[str, ...]] = (
        "h1.contentTitle",
        ".contentHeaderTitle h1",
        "header.boxHeadline h1",
        ".mainHeadline h2 a",
        "h1",
    )
    board_title: ClassVar[tuple[str, ...]] = title
    title_drop: ClassVar[frozenset[str]] = frozenset({"badge", "label", "icon"})
    crumb: ClassVar[str] = ".breadcrumbs a, .breadCrumbs a"
    pager: ClassVar[str] = ".pagination, .pageNavigation"
    current: ClassVar[str] = ".pagination .active, .pageNavigation .active"

    thread_row: ClassVar[str] = (
        "[data-thread-id]:not(body), .wbbThread:not(body), tr[id^=threadRow]"
    )
    thread_link: ClassVar[str] = (
        "a.messageGroupLink, a.wbbTopicLink, .columnSubject h3 a, .columnTopic .topic a"
    )
    thread_time: ClassVar[str] = _STAMPS.format(".columnLastPost") + ", .columnLastPost p.smallFont"
    thread_last: ClassVar[str] = (
        ".columnLastPost a[href*='postID='], a[href*='action=lastPost'], "
        ".columnLastPost a[href*=post]"
    )
    thread_replies: ClassVar[str] = ".columnStats dl:first-of-type dd, .columnReplies"
    pinned: ClassVar[str] = (
        ".sticky, .fa-thumb-tack, fa-icon[name=thumbtack], fa-icon[name=thumb-tack], "
        "img[src*='threadImportant']"
    )
    moved: ClassVar[str] = "[data-is-link='1'], .wbbThreadLink, .messageGroupMoved"
    board_row: ClassVar[str] = ".wbbBoard, .boardlistInner"
    board_link: ClassVar[str] = "h3 a, h2 a, .wbbBoardTitle a, .containerHeadline a, .boardTitle a"
    board_time: ClassVar[str] = "woltlab-core-date-time, time, .boardlistLastPost .smallFont"
    listing: ClassVar[str] = (
        ".wbbThreadList, .tabularBoardThreads, .wbbBoardList, .wbbBoardContainer, .wbbBoard, "
        "body[data-template=board], body[data-template=boardList], body#tplBoard"
    )
    refusal_panel: ClassVar[str] = (
        "body[data-template=permissionDenied] .content, body#tplPermissionDenied .content, "
        "body[data-template=login] form, body[data-template=illegalLink] .content, "
        "body[data-template=userException] .content, body#tpl_wcf_error .content, "
        "body#tpl_wcf_error h1"
    )
    gone: ClassVar[re.Pattern[str] | None] = re.compile(
        r"invalid or expired|could not be found|ungültig|nicht (?:gefunden|erreichbar)|"
        r"nieprawidłow|wygas|недейств|не найден",
        re.IGNORECASE,
    )

    thread_address: ClassVar[re.Pattern[str]] = re.compile(
        r"[/?]thread/(\d+)(?:-|/|&|$)|[?&]threadID=(\d+)", re.IGNORECASE
    )
    board_address: ClassVar[re.Pattern[str]] = re.compile(
        r"[/?]board/(\d+)(?:-|/|&|$)|[?&]boardID=(\d+)", re.IGNORECASE
    )
    page_address: ClassVar[re.Pattern[str]] = re.compile(
        r"[?&]pageNo=(\d+)|[?&](?:postID|action|sortField|sortOrder)=[^&#]*"
    )
    post_address: ClassVar[re.Pattern[str]] = re.compile(r"[?&]postID=(\d+)|#post(\d+)")
    member_address: ClassVar[re.Pattern[str]] = re.compile(
        r"[/?]user/(\d+)(?:-|/|&|$)|[?&]userID=(\d+)", re.IGNORECASE
    )
    folder_address: ClassVar[re.Pattern[str]] = re.compile(
        r"/(?:index\.php[?/])?(?:user|login|register|members-list|search)/", re.IGNORECASE
    )

    def posts(self, doc: Doc) -> list[Selector]:
        """Return the boxes of the messages; those of deleted ones hold no text."""
        return [node for node in doc.page.css(self.post) if node.css(self.body)]

    def prepare(self, body: Selector) -> None:
        """Give WoltLab 6's quotes, elements of its own, the form of a quote."""
        for box in body.css("woltlab-quote"):
            box.root.tag = "blockquote"
            if author := box.attrib.get("author") or box.attrib.get("data-author"):
                box.root.set("data-username", author)
        for heading in body.css(".quoteHeader"):
            if found := _QUOTED.search(said(heading)):
                heading.root.getparent().set("data-username", found[1])
            heading.drop()

    def post_id(self, node: Selector) -> str | None:
        """Return the id of the message."""
        marks = (node.attrib.get(name, "") for name in ("data-post-id", "data-object-id"))
        number = next(filter(str.isdecimal, marks), None)
        return number or super().post_id(node)

    def person(self, doc: Doc, node: Selector) -> Person:
        """Return the author; a member's link carries their number."""
        person = super().person(doc, node)
        for link in node.css("a.username[data-object-id], .messageSidebar a[data-object-id]"):
            number = link.attrib["data-object-id"]
            if person.uid is None and number.isdecimal() and number != "0":
                profile = person.profile or doc.url(link.attrib.get("href"))
                return Person(name=person.name, uid=number, profile=profile)
        # Where guests see no profiles, the message itself still has its author's number.
        own = node.attrib.get("data-user-id", "")
        if person.uid is None and own.isdecimal() and own != "0":
            return Person(name=person.name, uid=own, profile=person.profile)
        return person

    def thread_id(self, doc: Doc, urls: list[str]) -> str | None:
        """Return the thread's id; addresses of a site's own form end in it as well."""
        found = super().thread_id(doc, urls)
        for url in urls if found is None else ():
            if own := _OWN_FORM.search(self.first_page(url)):
                return own[1]
        return found

    def place_in_thread(self, node: Selector) -> int | None:
        """Return the position that a link shows as "#12"."""
        for text in map(said, node.css(self.number)):
            if re.fullmatch(r"#\s*\d[\d.,'\s]*", text):
                return count_in(text.lstrip("# "))
        return next(map(count_in, map(said, node.css(".messageCounter a, .messageCount a"))), None)

    def row_id(self, doc: Doc, row: Selector, url: str) -> str | None:
        """Return the id of the thread, which its row is named by."""
        number = row.attrib.get("data-thread-id", "")
        return number if number.isdecimal() else self.thread_in(url)

    def board_id(self, doc: Doc, url: str, row: Selector | None = None) -> str | None:
        """Return the board's id by its address, else as the list around its row names it."""
        told = row.xpath("(ancestor-or-self::*/@data-board-id)[last()]").get() if row else None
        number = told if told and told.isdecimal() else None
        return super().board_id(doc, url, row) or number

    def first_page(self, url: str) -> str:
        """Return ``url`` without page, message or order."""
        return re.sub(r"/&", "/?" if "?" not in url else "/&", super().first_page(url)).rstrip("?&")

    def _around(self, doc: Doc) -> tuple[str | None, str | None, str | None]:
        """Return the neighbours; WoltLab 6 has an element that only names page and count."""
        found = super()._around(doc)
        for pager in doc.page.css("woltlab-core-pagination[page][count]"):
            here, count = count_in(pager.attrib["page"]), count_in(pager.attrib["count"])
            base = doc.url(pager.attrib.get("url")) or self.first_page(doc.here)
            if here and count:
                pages = [
                    self._page(base, number) if 1 <= number <= count else None
                    for number in (here + 1, here - 1, count)
                ]
                final = pages[2] if count > here else None
                return found[0] or pages[0], found[1] or pages[1], found[2] or final
        return found

    def _page(self, base: str, number: int) -> str:
        bare = self.first_page(without_fragment(base))
        return bare if number == 1 else f"{bare}{'&' if '?' in bare else '?'}pageNo={number}"

    def permalink(self, doc: Doc, post_id: str, node: Selector, thread: str) -> str:
        """Return the address that finds the message on whichever page it is."""
        return f"{thread}{'&' if '?' in thread else '?'}postID={post_id}#post{post_id}"

    def private(self, doc: Doc, person: Person, post_id: str) -> str | None:
        """Return the form to write to a member, where the suite has its member pages."""
        if person.uid is None:
            return None
        profile = person.profile or ""
        if "page=User" in profile:
            return f"{profile.partition('?')[0]}?form=PMNew&userID={person.uid}"
        found = re.search(r"(index\.php[?/])?user/\d", profile, re.IGNORECASE)
        root = profile[: found.start()] if found else self.folder(doc)
        style = (found[1] if found else None) or ""
        if style == "index.php?":
            return f"{root}index.php?conversation-add/&userID={person.uid}"
        if style:
            return f"{root}index.php/ConversationAdd/?userID={person.uid}"
        return f"{root}conversation-add/?userID={person.uid}"
