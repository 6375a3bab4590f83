"""vBulletin 5 and 6 as a guest sees them.

Written in November 2026 after the markup that scrapers rely on.
"""

# ruff: noqa: ARG002  (what the base offers is not all needed)

import re
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from parsel import Selector

from spiders.base import Gives
from spiders.selected import SelectorEngine
from spiders.selected_page import Doc, Person, said


class Vbulletin5(SelectorEngine):
    """Read vBulletin 5 and 6. A message to a member starts from their profile."""

    name: ClassVar[str] = "vbulletin5"
    gives: ClassVar[Gives] = Gives(
        product="vBulletin 5, 6",
        times="exact",
        edits="yes",
        private="none: profile, whose messenger opens there",
    )
    marks: ClassVar[str] = 'body id "vb-page-body", generator "vBulletin 5" or "6"'
    hints: ClassVar[tuple[tuple[str, float, str], ...]] = (
        ("body#vb-page-body", 1.0, 'the body has the id "vb-page-body"'),
        (
            "meta[name=generator i][content^='vBulletin 5' i], "
            "meta[name=generator i][content^='vBulletin 6' i]",
            1.0,
            "its generator is vBulletin 5 or 6",
        ),
        ("li.b-post[data-node-id]", 0.6, "messages in vBulletin 5's list"),
        ("tr.topic-item[data-node-id], tr.forum-item[data-forum-id]", 0.6, "vBulletin 5's rows"),
    )

    post: ClassVar[str] = "li.b-post[data-node-id], .b-post[data-node-id]"
    body: ClassVar[str] = ".js-post__content-text, .b-post__content-text, [itemprop=text]"
    author: ClassVar[str] = (
        "[itemprop=author] [itemprop=name], [itemprop=author] .author, .b-userinfo .author, "
        ".author a, .author"
    )
    time: ClassVar[str | tuple[str, ...]] = (
        "time[itemprop=dateCreated], .b-post__timestamp time, time"
    )
    edited: ClassVar[str] = ".b-post__edit, .b-post__edited, .post-edited, .b-post__edit-info"
    number: ClassVar[str] = "a.b-post__count, .b-post__count"
    skip: ClassVar[frozenset[str]] = frozenset(
        {"post-signature", "signature", "b-post__signature", "b-post__edit", "bbcode_description"}
    )

    title: ClassVar[tuple[str, ...]] = (
        ".b-topic-title",
        "h1.main-title",
        "h1.topic-title",
        ".page-title h1",
        "h1",
    )
    board_title: ClassVar[tuple[str, ...]] = title
    title_drop: ClassVar[frozenset[str]] = frozenset({"topic-prefix", "js-topic-prefix", "prefix"})
    crumb: ClassVar[str] = "#breadcrumbs a, .breadcrumbs a, .crumb-wrapper a, a.crumb"
    pager: ClassVar[str] = ".pagenav-container, .js-pagenav, .pagenav, .conversation-pagenav"
    following: ClassVar[str] = (
        "a.js-pagenav-next-button:not([data-page='0']), a.right-arrow:not([data-page='0'])"
    )
    preceding: ClassVar[str] = (
        "a.js-pagenav-prev-button:not([data-page='0']), a.left-arrow:not([data-page='0'])"
    )

    thread_row: ClassVar[str] = ".topic-item[data-node-id]"
    thread_link: ClassVar[str] = "a.topic-title"
    thread_time: ClassVar[str] = ".cell-lastpost time, .cell-lastpost .post-date, .lastpost .date"
    thread_last: ClassVar[str] = "a.go-to-last-post, .cell-lastpost a[href*='p=']"
    thread_pages: ClassVar[str] = ".pagination-list a, .topic-pagenav a"
    thread_replies: ClassVar[str] = ".cell-count .posts-count, .posts-count"
    pinned: ClassVar[str] = ".topic-item.sticky, .topic-item .sticky-icon, .sticky-list .topic-item"
    moved: ClassVar[str] = ".topic-item.redirect, .topic-item .redirect-prefix, .topic-item.moved"
    board_row: ClassVar[str] = ".forum-item[data-forum-id]"
    board_link: ClassVar[str] = "a.forum-title"
    board_time: ClassVar[str] = ".cell-lastpost time, .cell-lastpost .post-date, .post-date"
    listing: ClassVar[str] = (
        ".forum-list-container, .topic-list-container, .channel-content-widget, table.topic-list, "
        ".js-topic-list"
    )
    refusal_panel: ClassVar[str] = (
        ".error-page, .pagenotfound, #pagenotfound, .js-error-page, .no-permission"
    )
    gone: ClassVar[re.Pattern[str] | None] = re.compile(
        r"not (?:be )?found|invalid|no longer|nicht gefunden|nie (?:znaleziono|istnieje)|не найден",
        re.IGNORECASE,
    )

    thread_address: ClassVar[re.Pattern[str]] = re.compile(
        r"/(\d+)-[^/?#]+(?:/page\d+)?/?(?:[?#]|$)|/(\d+)(?:/page\d+)?/?(?:[?#]|$)"
    )
    board_address: ClassVar[re.Pattern[str]] = re.compile(r"^https?://[^/]+/([^?#]+?)/?(?:[?#]|$)")
    page_address: ClassVar[re.Pattern[str]] = re.compile(
        r"/page(\d+)/?|[?&]p=\d+|[?&]view=\w+|[?&]postcount=\d+"
    )
    post_address: ClassVar[re.Pattern[str]] = re.compile(r"[?&]p=(\d+)|#post(\d+)")
    member_address: ClassVar[re.Pattern[str]] = re.compile(r"/member/(\d+)(?:-|/|$)|userid=(\d+)")
    folder_address: ClassVar[re.Pattern[str]] = re.compile(
        r"/(?:member|register|search|contact-us|help)(?:/|$|\?)"
    )

    def posts(self, doc: Doc) -> list[Selector]:
        """Return the boxes of the messages, not of what only stands in their place."""
        return [node for node in doc.page.css(self.post) if node.css(self.body)]

    def prepare(self, body: Selector) -> None:
        """Tell quotes whom they are of; their headings hold a link as well."""
        for box in body.css(".bbcode_quote"):
            if names := box.css(".bbcode_postedby strong"):
                box.root.set("data-username", said(names[0]))

    def post_id(self, node: Selector) -> str | None:
        """Return the id of the message."""
        number = node.attrib["data-node-id"]
        return number if number.isdecimal() else None

    def person(self, doc: Doc, node: Selector) -> Person:
        """Return the author; a card of theirs carries their number."""
        person = super().person(doc, node)
        # A member whom the text names has such a card, too.
        for number in node.css(
            "a[data-vbnamecard]:not(.b-bbcode-user)::attr(data-vbnamecard)"
        ).getall():
            if person.uid is None and number.isdecimal() and number != "0":
                return Person(name=person.name, uid=number, profile=person.profile)
        return person

    def row_id(self, doc: Doc, row: Selector, url: str) -> str | None:
        """Return the id of the thread, which its row is named by."""
        number = row.attrib["data-node-id"]
        return number if number.isdecimal() else self.thread_in(url)

    def board_id(self, doc: Doc, url: str, row: Selector | None = None) -> str | None:
        """Return the path of a board: its addresses carry no number."""
        path = unquote(urlsplit(self.first_page(url)).path).strip("/")
        root = urlsplit(self.folder(doc)).path.strip("/")
        inside = path.removeprefix(root).strip("/")
        return path if inside and inside not in {"forum", "forums", "activity"} else None

    def own_board(self, doc: Doc) -> str | None:
        """Return the path of the board that the page shows; an index has no threads."""
        if not doc.page.css(f"{self.thread_row}, .topic-list-container, table.topic-list"):
            return None
        return super().own_board(doc)

    def permalink(self, doc: Doc, post_id: str, node: Selector, thread: str) -> str:
        """Return the address that finds the message on whichever page it is."""
        return f"{thread}?p={post_id}#post{post_id}"

    def private(self, doc: Doc, person: Person, post_id: str) -> str | None:
        """Return the member's profile, from which a message is started."""
        return person.profile if person.uid else None
