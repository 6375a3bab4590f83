"""Invision Community 4 and 5 as a guest sees it.

Written in November 2026 after the markup that scrapers of both versions rely on.
"""

# ruff: noqa: ARG002  (what the base offers is not all needed)

import json
import re
from datetime import datetime
from typing import Any, ClassVar

from parsel import Selector

from spiders.base import Gives
from spiders.dates import machine_time
from spiders.selected import SelectorEngine
from spiders.selected_page import Doc, Person

_ROWS = "[data-role=tableRows]"
"""The list of a board itself."""


class Invision4(SelectorEngine):
    """Read Invision Community 4 and 5."""

    name: ClassVar[str] = "invision4"
    gives: ClassVar[Gives] = Gives(
        product="Invision 4, 5",
        times="exact",
        edits="yes",
        private="`/messenger/compose/?to=`",
    )
    marks: ClassVar[str] = "data-pageApp, class ipsApp, elComment_ articles, ips hooks"
    hints: ClassVar[tuple[tuple[str, float, str], ...]] = (
        ("body[data-pageapp]", 1.0, "the body names its Invision application"),
        ("body.ipsApp, html.ipsApp", 0.7, "the page is of class ipsApp"),
        ("[data-ipshook], [data-ips-hook], [data-ips-path]", 0.6, "hooks of Invision"),
        ("[data-controller^='core.front.']", 0.6, "controllers of Invision"),
        ("article[id^=elComment_] [data-role=commentContent]", 0.3, "Invision's messages"),
        ("#elCopyright a[title^='Invision'], #elCopyright", 0.4, "Invision's footer"),
    )

    post: ClassVar[str] = "article[id^=elComment_]"
    post_mark: ClassVar[re.Pattern[str]] = re.compile(r"^elComment_(\d+)$")
    body: ClassVar[str] = (
        "[data-role=commentContent], .ipsComment_content .ipsType_richText, "
        ".ipsEntry__post .ipsRichText"
    )
    author: ClassVar[str] = (
        ".cAuthorPane_author, .ipsEntry__username, .ipsUsername, .ipsComment_author h3, "
        "[itemprop=author] [itemprop=name]"
    )
    time: ClassVar[str | tuple[str, ...]] = (
        ".ipsComment_meta time",
        ".ipsEntry__date time, time.ipsEntry__date",
        "a[href*='findComment'] time",
        "a[href*='#'] time",
        "time",
    )
    not_written: ClassVar[str] = (
        "ancestor::*[@data-role='commentContent' or @data-excludequote or"
        " contains(@class,'cAuthorPane')]"
    )
    edited: ClassVar[str] = "[data-excludequote], .ipsEdited"
    number: ClassVar[str] = ".ipsComment_meta a, .ipsComment_tools a, .ipsEntry__header a"
    skip: ClassVar[frozenset[str]] = frozenset(
        {"ipsedited", "ipssignature", "ipsspoiler_header", "ipsspoiler__header"}
    )

    title: ClassVar[tuple[str, ...]] = (
        "h1.ipsType_pageTitle",
        "h1.ipsPageHeader__title",
        ".ipsPageHeader h1",
        "h1",
    )
    board_title: ClassVar[tuple[str, ...]] = title
    title_drop: ClassVar[frozenset[str]] = frozenset({"ipsbadge", "ipsbadges", "ipstag_prefix"})
    crumb: ClassVar[str] = ".ipsBreadcrumb a"
    pager: ClassVar[str] = ".ipsPagination"
    current: ClassVar[str] = ".ipsPagination_active, .ipsPagination__active"
    following: ClassVar[str] = ".ipsPagination_next a, .ipsPagination__next a"
    preceding: ClassVar[str] = ".ipsPagination_prev a, .ipsPagination__prev a"

    thread_row: ClassVar[str] = (
        "li[data-rowid], .cTopicList > li, [data-rowid].ipsData__item, "
        "li[data-controller='forums.front.forum.topicRow']"
    )
    thread_link: ClassVar[str] = (
        ".ipsDataItem_title a[href*='topic/'], .ipsData__title a[href*='topic/'], "
        "a.ipsLinkPanel[href*='topic/'], "
        # The rest is where a site renamed its routes.
        "[data-rowid] .ipsDataItem_title > a:not([href*='do=']), "
        "[data-rowid] .ipsDataItem_title .ipsType_break > a:not([href*='do=']), "
        "[data-rowid] .ipsData__title > a:not([href*='do='])"
    )
    thread_time: ClassVar[str] = ".ipsDataItem_lastPoster time, .ipsData__last time"
    thread_last: ClassVar[str] = (
        "a[href*='getLastComment'], .ipsDataItem_lastPoster a[href*='topic/'], "
        ".ipsData__last a[href*='topic/']"
    )
    thread_pages: ClassVar[str] = ".ipsPagination_mini a, .ipsPagination--mini a"
    thread_replies: ClassVar[str] = "[data-stattype=forums_comments], [data-stattype=comments]"
    pinned: ClassVar[str] = (
        ".fa-thumb-tack, .fa-thumbtack, .ipsBadge--pinned, .ipsData__item--pinned"
    )
    moved: ClassVar[str] = ".ipsBadge .fa-arrow-left, .ipsBadge .fa-arrow-right, .ipsBadge--moved"
    board_row: ClassVar[str] = "[data-forumid]"
    board_link: ClassVar[str] = (
        ".ipsDataItem_title a, .ipsData__title a, .cForumGrid__title a, .cForumGrid__title-text, "
        "h3 a, h4 a"
    )
    board_time: ClassVar[str] = ".ipsDataItem_lastPoster time, .ipsData__last time, time"
    listing: ClassVar[str] = (
        ".cForumList, .cTopicList, [data-controller='forums.front.forum.forumPage'], .ipsDataList, "
        ".ipsData, [data-tableid=topics]"
    )
    refusal_panel: ClassVar[str] = (
        "#elError, body[data-pagecontroller=login] form, .ipsMessage_error, .i-error"
    )
    gone: ClassVar[re.Pattern[str] | None] = re.compile(
        r"could(?: not|n't) find|no longer|nie (?:mogliśmy|można|udało)|не (?:найден|удалось)|"
        r"nicht (?:finden|gefunden)|nepodařilo|не вдалося",
        re.IGNORECASE,
    )

    thread_address: ClassVar[re.Pattern[str]] = re.compile(r"[/?]topic/(\d+)(?:-|/|$)")
    board_address: ClassVar[re.Pattern[str]] = re.compile(r"[/?]forum/(\d+)(?:-|/|$)")
    page_address: ClassVar[re.Pattern[str]] = re.compile(
        r"[?&]page=(\d+)|(?<=/)page/(\d+)/?|[?&](?:do|comment|tab|sortby|sortdirection)=[^&#]*"
    )
    post_address: ClassVar[re.Pattern[str]] = re.compile(
        r"[?&]comment=(\d+)|#(?:findC|c)omment-(\d+)"
    )
    member_address: ClassVar[re.Pattern[str]] = re.compile(r"[/?]profile/(\d+)(?:-|/|$)")
    root_address: ClassVar[re.Pattern[str]] = re.compile(
        r"^(https?://[^/]+(?:/[^?#]*?)?/(?:index\.php\?/)?)"
        r"(?:login|register|profile|messenger|discover|notifications|search|contact)(?:/|$)"
    )
    own_address: ClassVar[re.Pattern[str]] = re.compile(
        r"^(https?://[^/]+(?:/[^?#]*?)?/(?:index\.php\?/)?)(?:topic|forum)/"
    )

    def _quotable(self, node: Selector) -> dict[str, Any]:
        """Return what Invision's own quoting is told of the message."""
        for told in node.xpath(
            ".//@data-quotedata | ancestor::*[@data-commentid][1]/@data-quotedata"
        ).getall():
            try:
                found = json.loads(told)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                return found
        return {}

    def person(self, doc: Doc, node: Selector) -> Person:
        """Return the author, named in the box or in what is told to quoting."""
        person = super().person(doc, node)
        told = self._quotable(node)
        uid, name = str(told.get("userid") or ""), told.get("username")
        if not person.name and isinstance(name, str):
            person = Person(name=" ".join(name.split()))
        if person.uid is None and uid.isdecimal() and uid != "0":
            return Person(name=person.name, uid=uid, profile=person.profile)
        return person

    def posted_at(self, doc: Doc, node: Selector) -> datetime | None:
        """Return when the message was written."""
        shown = super().posted_at(doc, node)
        if shown is not None:
            return shown
        return machine_time(self._quotable(node).get("timestamp"), doc.options)

    def row_id(self, doc: Doc, row: Selector, url: str) -> str | None:
        """Return the id of the thread; ``None`` in boxes beside the list, such as newest topics."""
        if doc.page.css(_ROWS) and not row.xpath("ancestor::*[@data-role='tableRows']"):
            return None
        number = row.attrib.get("data-rowid", "")
        forums = doc.page.css("body[data-pageapp=forums]")  # other applications list files
        return self.thread_in(url) or (number if number.isdecimal() and forums else None)

    def board_id(self, doc: Doc, url: str, row: Selector | None = None) -> str | None:
        """Return the board's id, which its row is named by."""
        number = row.attrib.get("data-forumid", "") if row is not None else ""
        return number if number.isdecimal() else super().board_id(doc, url, row)

    def first_page(self, url: str) -> str:
        """Return ``url`` without page, message or order, ending in a slash."""
        bare = super().first_page(url).rstrip("?&")
        return bare if bare.endswith("/") else f"{bare}/"

    def permalink(self, doc: Doc, post_id: str, node: Selector, thread: str) -> str:
        """Return the address that finds the message on whichever page it is."""
        joint = "&" if "?" in thread else "?"
        return f"{thread}{joint}do=findComment&comment={post_id}"

    def private(self, doc: Doc, person: Person, post_id: str) -> str | None:
        """Return the form to write to a member, at the community's root."""
        if person.uid is None:
            return None
        root = self.folder(doc)
        joint = "&" if "?" in root else "?"
        return f"{root}messenger/compose/{joint}to={person.uid}"

    def folder(self, doc: Doc) -> str:
        """Return the community's root, under which its forums may have a folder of their own."""
        for url in self._own_links(doc):
            if found := self.root_address.match(url):
                return found[1]
        found = self.own_address.match(doc.here)
        return found[1] if found else super().folder(doc)

    folder_address: ClassVar[re.Pattern[str]] = re.compile(r"/(?:topic|forum|index\.php)")
