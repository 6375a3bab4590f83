"""IP.Board 3 (3.0 to 3.4) as a guest sees it.

Checked in November 2026 against a saved index of IP.Board 3.4.
"""

# ruff: noqa: ARG002  (what the base offers is not all needed)

import re
from datetime import datetime
from typing import ClassVar

from parsel import Selector

from spiders.addresses import origin, parameter, without_fragment
from spiders.base import Gives
from spiders.selected import SelectorEngine
from spiders.selected_page import Doc, Person, said

_BOARD_URL = re.compile(r"ipb\.vars\[[\"']board_url[\"']\]\s*=\s*[\"']([^\"']+)[\"']")
_TOPIC = re.compile(r"ipb\.topic\.topic_id\s*=\s*(\d+)")
_CITED = re.compile(
    r"^(?P<first>.+?),\s+(?:on|dnia|am|le|el)\s.*(?:said|wrote|:)"
    r"|,\s*(?P<last>[^,]+?)\s+(?:said|napisał\w*|сказал\w*|писал\w*|schrieb|sagte)\W*$"
    r"|^(?P<only>[^,]+?),? (?:said|\(\d|napisał|сказал|schrieb)",
    re.IGNORECASE,
)


class Invision3(SelectorEngine):
    """Read IP.Board 3 forums, with plain or friendly addresses."""

    name: ClassVar[str] = "invision3"
    gives: ClassVar[Gives] = Gives(
        product="IP.Board 3",
        times="as the page shows them, in the site's zone and language",
        edits="yes",
        private="messenger's form for the member",
    )
    marks: ClassVar[str] = 'body id "ipboard_body", IP.Board scripts, post_block elements'
    hints: ClassVar[tuple[tuple[str, float, str], ...]] = (
        ("body#ipboard_body", 1.0, 'the body has the id "ipboard_body"'),
        (".post_block[id^=post_id_]", 1.0, "messages in IP.Board 3's blocks"),
        ("script[src*='ips.board.js'], script[src*='/ipb.js']", 0.7, "scripts of IP.Board 3"),
        ("table.ipb_table", 0.5, "tables of IP.Board 3"),
        ("link[href*='ipbv=']", 0.6, "styles of IP.Board 3"),
        ("#copyright a[title*='IP.Board'], #copyright a[href*='invisionpower']", 0.5, "its footer"),
    )

    post: ClassVar[str] = ".post_block[id^=post_id_]"
    body: ClassVar[str] = "[itemprop=commentText], .post.entry-content, .entry-content"
    author: ClassVar[str] = ".author, [itemprop~=creator], .post_username"
    time: ClassVar[str | tuple[str, ...]] = (
        "abbr.published, [itemprop=commentTime], .posted_info abbr, time"
    )
    edited: ClassVar[str] = "p.edit"
    number: ClassVar[str] = ".post_id a, .post_id"
    skip: ClassVar[frozenset[str]] = frozenset({"edit", "signature", "spoiler_title"})

    title: ClassVar[tuple[str, ...]] = (
        "h1.ipsType_pagetitle",
        "h1 [itemprop=name]",
        ".main_topic_title",
        "h1",
    )
    board_title: ClassVar[tuple[str, ...]] = ("h1.ipsType_pagetitle", "h1")
    title_drop: ClassVar[frozenset[str]] = frozenset({"ipsbadge", "main_topic_desc", "desc"})
    crumb: ClassVar[str] = "#secondary_navigation a, .breadcrumb a, #breadcrumb a"
    pager: ClassVar[str] = ".pagination"
    following: ClassVar[str] = ".pagination li.next a"
    preceding: ClassVar[str] = ".pagination li.prev a"

    thread_row: ClassVar[str] = "tr[id^=trow_], tr.__topic"
    thread_link: ClassVar[str] = "a.topic_title, a[id^=tid-link-]"
    thread_last: ClassVar[str] = "a[href*='getlastpost'], .last_post a[href*='topic']"
    thread_replies: ClassVar[str] = ".col_f_views li:first-child, td.stats li:first-child"
    pinned: ClassVar[str] = ".ipsBadge_green, tr.pinned, img[src*='t_pinned']"
    moved: ClassVar[str] = "img[src*='t_moved'], img[src*='f_moved'], tr.moved"
    board_row: ClassVar[str] = "tr:has(td.col_c_forum), table.ipb_table tr:has(h4 a)"
    board_link: ClassVar[str] = ".col_c_forum h4 a, .col_c_forum > a, h4 a"
    listing: ClassVar[str] = "#board_index, #categories, table.ipb_table, #forum_table"
    refusal_panel: ClassVar[str] = "p.message.error, .error_box, #ips_error, h2 + .message.error"
    gone: ClassVar[re.Pattern[str] | None] = re.compile(
        r"could not find|does not exist|nie (?:można|udało)|не (?:найден|существует)|nicht finden",
        re.IGNORECASE,
    )

    thread_address: ClassVar[re.Pattern[str]] = re.compile(
        r"[/?]topic/(\d+)(?:-|/|$)|[?&]showtopic=(\d+)"
    )
    board_address: ClassVar[re.Pattern[str]] = re.compile(
        r"[/?]forum/(\d+)(?:-|/|$)|[?&]showforum=(\d+)"
    )
    page_address: ClassVar[re.Pattern[str]] = re.compile(
        r"page-(\d+)/?|page__\w*?st__(\d+)\w*/?|page__\w+/?|[?&](?:st|page)=(\d+)|[?&]view=\w+"
        r"|[?&](?:p|pid)=\d+"
    )
    post_address: ClassVar[re.Pattern[str]] = re.compile(r"[?&]p(?:id)?=(\d+)|#entry(\d+)|p__(\d+)")
    member_address: ClassVar[re.Pattern[str]] = re.compile(
        r"[/?]user/(\d+)(?:-|/|$)|[?&]showuser=(\d+)"
    )
    folder_address: ClassVar[re.Pattern[str]] = re.compile(
        r"/(?:index\.php(?:\?.*)?$|index\.php[?/]/?|)(?:topic|forum|user)/\d|/index\.php"
    )

    def prepare(self, body: Selector) -> None:
        """Tell quotes whom they are of; the heading gives the name among other words."""
        for heading in body.css("#attach_wrap h4"):
            heading.drop()
        for inner in body.css(".blockquote .quote"):
            inner.root.set("class", "said")
        for heading in body.css("p.citation, div.citation, .quotetop"):
            heading.root.set("class", "quotetitle")
            found = _CITED.search(said(heading))
            following = heading.root.getnext()
            if found and following is not None and not following.get("data-author"):
                following.set("data-username", next(filter(None, found.groups())).strip())

    def page_in(self, url: str) -> int:
        """Return the page, or the row that it starts at: both put pages in order."""
        number = super().page_in(url)
        offset = parameter(url, "st") or ("0" if "__st__" in url else None)
        return number + 1 if offset is not None and number > 1 else number

    def thread_id(self, doc: Doc, urls: list[str]) -> str | None:
        """Return the thread's id: by its address, or as the page's scripts are told."""
        told = _TOPIC.search(doc.page.text)
        return super().thread_id(doc, urls) or (told[1] if told else None)

    def row_id(self, doc: Doc, row: Selector, url: str) -> str | None:
        """Return the id of the thread, which its row is named by."""
        number = row.attrib.get("data-tid") or row.attrib.get("id", "").rpartition("_")[2]
        return number if number.isdecimal() else self.thread_in(url)

    def row_time(self, doc: Doc, row: Selector) -> datetime | None:
        """Return when the newest message of the row was written."""
        return self.board_row_time(doc, row)

    def board_row_time(self, doc: Doc, row: Selector) -> datetime | None:
        """Return the last date in the cell that tells of the newest message."""
        cells = row.css(".last_post, .col_f_post, .col_c_post") or row.css("td:last-child")
        if machine := doc.first_time(cells.css("abbr[title], time, [itemprop=dateModified]")):
            return machine
        texts = [" ".join(text.split()) for text in cells.css("li ::text, a::text").getall()]
        return next(
            filter(None, (doc.shown(text) for text in reversed(texts) if re.search(r"\d", text))),
            None,
        ) or doc.loose_time(reversed(texts))

    def thread_url(self, doc: Doc, url: str, thread_id: str | None) -> str:
        """Return the first page of the thread: by rule when its address is plain."""
        if thread_id and "showtopic=" in url:
            return f"{self.folder(doc)}index.php?showtopic={thread_id}"
        return self.first_page(url).rstrip("?&")

    def permalink(self, doc: Doc, post_id: str, node: Selector, thread: str) -> str:
        """Return the address that finds the message on whichever page it is."""
        number = self.thread_in(thread)
        if number is None:
            return f"{without_fragment(doc.here)}#entry{post_id}"
        return f"{self.folder(doc)}index.php?showtopic={number}&view=findpost&p={post_id}"

    def private(self, doc: Doc, person: Person, post_id: str) -> str | None:
        """Return the form to write to a member."""
        if person.uid is None:
            return None
        form = "app=members&module=messaging&section=send&do=form"
        return f"{self.folder(doc)}index.php?{form}&fromMemberID={person.uid}"

    def folder(self, doc: Doc) -> str:
        """Return the board's folder: as its scripts are told, else as its links say."""
        if found := _BOARD_URL.search(doc.page.text):
            url = doc.url(found[1].rstrip("/") + "/")
            if url:
                return origin(doc.page.url) + url[len(origin(url)) :]
        return super().folder(doc)
