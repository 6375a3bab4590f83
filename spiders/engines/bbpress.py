"""bbPress 2 (forums in WordPress) as a guest sees it.

Checked in November 2026 against a recorded bbPress on WordPress 6.1 and a saved Indonesian board.
"""

# ruff: noqa: ARG002  (what the base offers is not all needed)

import re
from datetime import datetime
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from parsel import Selector

from spiders.base import BoardRef, Gives
from spiders.selected import SelectorEngine
from spiders.selected_page import Doc, Person, said

_ANSWERS = re.compile(
    r"repl(?:y|ies)|antwort|odpowied|ответ|відповід|odpov|réponse|respuesta|balasan", re.IGNORECASE
)


class Bbpress(SelectorEngine):
    """Read bbPress forums. Members cannot write to each other there: no private address."""

    name: ClassVar[str] = "bbpress"
    gives: ClassVar[Gives] = Gives(
        product="bbPress 2",
        times="as the page shows them, in the site's zone and language",
        edits="edit notices in the page",
        private="none: bbPress has no private messages; profile",
    )
    marks: ClassVar[str] = 'an element with the id "bbpress-forums"'
    hints: ClassVar[tuple[tuple[str, float, str], ...]] = (
        ("#bbpress-forums", 1.0, 'an element has the id "bbpress-forums"'),
        ("body.bbpress", 0.6, 'the body is of the class "bbpress"'),
        (".bbp-reply-content, .bbp-topic-permalink, .bbp-forum-title", 0.5, "bbPress's lists"),
    )

    post: ClassVar[str] = ".bbp-reply-content, .bbp-topic-content"
    body: ClassVar[str] = ".bbp-reply-content, .bbp-topic-content"
    author: ClassVar[str] = ".bbp-author-name, .bbp-reply-author, .bbp-topic-author"
    honours: ClassVar[frozenset[str]] = SelectorEngine.honours - {"author_link"}
    edited: ClassVar[str] = ".bbp-reply-revision-log, .bbp-topic-revision-log"
    skip: ClassVar[frozenset[str]] = frozenset(
        {
            "bbp-reply-revision-log",
            "bbp-topic-revision-log",
            "bbp-signature",
            "bbp-attachments",
            "bbp-reply-signature",
            # Themes put who and when on top of the text.
            "bbp-author-link",
            "bbp-author-name",
            "bbp-author-role",
            "bbp-reply-content-author",
            "bbp-reply-content-meta",
            "bbp-reply-post-date",
            "bbp-topic-post-date",
            "bbp-meta",
        }
    )

    title: ClassVar[tuple[str, ...]] = (
        ".bbp-breadcrumb-current",
        "h1.entry-title",
        "h1.page-title",
        "h1",
    )
    board_title: ClassVar[tuple[str, ...]] = title
    crumb: ClassVar[str] = "a.bbp-breadcrumb-forum"
    pager: ClassVar[str] = ".bbp-pagination-links"
    current: ClassVar[str] = ".bbp-pagination-links .current"
    following: ClassVar[str] = ".bbp-pagination-links a.next"
    preceding: ClassVar[str] = ".bbp-pagination-links a.prev"

    thread_row: ClassVar[str] = (
        "[id^=bbp-topic-]:has(a.bbp-topic-permalink), tr[id^=topic-], "
        ".bs-item-wrap:has(.item-title a.bbp-topic-permalink)"
    )
    thread_link: ClassVar[str] = "a.bbp-topic-permalink"
    thread_time: ClassVar[str] = (
        ".bbp-topic-freshness > a, .bbp-topic-freshness a[title], .bs-replied > a[title]"
    )
    thread_last: ClassVar[str] = (
        ".bbp-topic-freshness a[href*='#post-'], .bs-replied > a[href*='#post-']"
    )
    thread_pages: ClassVar[str] = ".bbp-topic-pagination a"
    thread_replies: ClassVar[str] = ".bbp-topic-reply-count, .bs-replies"
    pinned: ClassVar[str] = ".sticky, .super-sticky"
    board_row: ClassVar[str] = "[id^=bbp-forum-]:has(a.bbp-forum-title)"
    board_link: ClassVar[str] = "a.bbp-forum-title"
    board_time: ClassVar[str] = ".bbp-forum-freshness > a"
    listing: ClassVar[str] = (
        ".bbp-forums, .bbp-topics, body.single-forum, body.forum-archive, .bbp-pagination"
    )
    refusal_panel: ClassVar[str] = ".bbp-template-notice.error"

    thread_address: ClassVar[re.Pattern[str]] = re.compile(r"/topics?/([^/?#]+)|[?&]topic=([^&#]+)")
    board_address: ClassVar[re.Pattern[str]] = re.compile(
        r"/forums?/(?:forums?/)?((?!topic/|users?/|page/|search/|view/)[^?#]+?)/?(?:page/\d+/?)?(?:[?#]|$)"
        r"|[?&]forum=([^&#]+)"
    )
    page_address: ClassVar[re.Pattern[str]] = re.compile(
        r"(?<=/)page/(\d+)/?|[?&]paged?=(\d+)|(?<=/)edit/?$"
    )
    member_address: ClassVar[re.Pattern[str]] = re.compile(r"/users?/([^/?#]+)|/members/([^/?#]+)")
    folder_address: ClassVar[re.Pattern[str]] = re.compile(r"/(?:topics?|forum|users)/")

    def posts(self, doc: Doc) -> list[Selector]:
        """Return the box of each message: what is around its text and its author."""
        boxes = []
        for text in doc.page.css(self.post):
            around = text.xpath(
                "ancestor::*[contains(concat(' ', @class), ' post-')"
                " and (contains(@class, 'type-reply') or contains(@class, 'type-topic')"
                " or contains(@class, ' reply') or contains(@class, ' topic'))][1]"
            )
            heading = text.xpath(
                "ancestor-or-self::*[contains(@class, 'bbp-header') or contains(@class,"
                " 'bbp-footer')]"
            )
            if around and not heading and around[0].css(self.author):
                boxes.append(around[0])
        return boxes

    def prepare(self, body: Selector) -> None:
        """Tell quotes whom they are of, where one begins with a name in bold and a colon."""
        for box in body.css("blockquote"):
            for name in box.xpath("(./p[1] | .)/strong[1]")[:1]:
                tail = (name.root.tail or "").lstrip()
                if not (name.root.getparent().text or "").strip() and tail.startswith(":"):
                    box.root.set("data-username", said(name))
                    name.root.text, name.root.tail = "", tail[1:]
                    for inner in list(name.root):
                        name.root.remove(inner)

    def post_id(self, node: Selector) -> str | None:
        """Return the id of the message, which is that of its WordPress post."""
        found = re.search(r"(?:^|\s)post-(\d+)(?:\s|$)", node.attrib.get("class", ""))
        return found[1] if found else None

    def person(self, doc: Doc, node: Selector) -> Person:
        """Return the author; the box carries their number, 0 for somebody without account."""
        names = node.css(".bbp-author-name") or node.css(".bbp-reply-author, .bbp-topic-author")
        links = node.css("a.bbp-author-link, a.bbp-author-name, .bbp-reply-author a")
        found = re.search(r"\buser-id-(\d+)", node.attrib.get("class", ""))
        return Person(
            name=next(filter(None, map(said, names)), ""),
            uid=found[1] if found and found[1] != "0" else None,
            profile=next(filter(None, (doc.url(a.attrib.get("href")) for a in links)), None),
        )

    def _frame(self, node: Selector) -> list[Selector]:
        """Return where date and link of the message stand: a heading before it, or the box."""
        number = self.post_id(node)
        before = node.xpath("preceding-sibling::*[@id=$id][1]", id=f"post-{number}") or node.xpath(
            "preceding-sibling::*[1][contains(@class, 'bbp-reply-header')]"
        )
        row = node.xpath("ancestor::*[contains(@class, 'bbp-lead-topic')][1]")
        return [*before, node, *row]

    def posted_at(self, doc: Doc, node: Selector) -> datetime | None:
        """Return when the message was written."""
        for frame in self._frame(node):
            stamps = frame.css(
                ".bbp-reply-post-date, .bbp-topic-post-date, time, .bs-reply-header .bs-timestamp"
            )
            if when := doc.first_time(stamps):
                return when
        return None

    def place_in_thread(self, node: Selector) -> int | None:
        """Return the position in the thread, from the box's classes; the topic is the first."""
        kinds = node.attrib.get("class", "")
        found = re.search(r"\bbbp-reply-position-(\d+)", kinds)
        if found:
            return int(found[1])
        return 1 if "type-topic" in kinds else None

    def thread_id(self, doc: Doc, urls: list[str]) -> str | None:
        """Return the number of the topic, which is its WordPress post's.

        BuddyBoss' lists do not tell it: there a topic goes by its name, on its own pages too.
        """
        if doc.page.css(".bb-single-reply-list"):
            return self._named(self.first_page(urls[0]))
        for kinds in doc.page.css("body.single-topic::attr(class)").getall():
            if found := re.search(r"\bpostid-(\d+)", kinds):
                return found[1]
        for name in doc.page.css("[id^=topic-][id$=-replies]::attr(id)").getall():
            return name.split("-")[1]
        for kinds in doc.page.css(".type-topic::attr(class)").getall():
            if found := re.search(r"\bpost-(\d+)", kinds):
                return found[1]
        return super().thread_id(doc, urls)

    def row_id(self, doc: Doc, row: Selector, url: str) -> str | None:
        """Return the number of the topic, which its row is named by, else its address's name."""
        kinds = re.search(r"\bpost-(\d+)", row.attrib.get("class", ""))
        number = row.attrib.get("id", "").rpartition("-")[2]
        return number or (kinds[1] if kinds else self._named(url))

    def _named(self, url: str) -> str | None:
        """Return the name of the topic at ``url``.

        A site may call its topics otherwise: BuddyBoss has /forums/discussion/<name>/.
        """
        told = self.thread_in(url) or urlsplit(url).path.rstrip("/").rpartition("/")[2]
        return unquote(told) or None

    def board_id(self, doc: Doc, url: str, row: Selector | None = None) -> str | None:
        """Return the board's number, which its row is named by, else the end of its address."""
        if row is not None:
            return row.attrib.get("id", "").rpartition("-")[2] or None
        path = super().board_id(doc, url, row)
        return unquote(path) if path else None

    def crumb_board(self, doc: Doc) -> BoardRef | None:
        """Return the thread's board, with the number that its messages carry."""
        board = super().crumb_board(doc)
        kinds = " ".join(doc.page.css("[class*=bbp-parent-forum-]::attr(class)").getall())
        found = re.search(r"\bbbp-parent-forum-(\d+)", kinds)
        if board and found:
            return BoardRef(board_id=found[1], title=board.title, url=board.url)
        return board

    def own_board(self, doc: Doc) -> str | None:
        """Return the number of the board that the page shows."""
        for kinds in doc.page.css("body.single-forum::attr(class)").getall():
            if found := re.search(r"\bpostid-(\d+)", kinds):
                return found[1]
        for name in doc.page.css("ul.bbp-topics[id^=bbp-forum-]::attr(id)").getall():
            number = name.rpartition("-")[2]
            if number != "0":
                return number
        return None

    def replies(self, row: Selector) -> int | None:
        """Return how many answers the row counts; most boards count the first message too."""
        shown = super().replies(row)
        heading = row.xpath(
            "ancestor::*[contains(@class,'bbp-topics')][1]"
            "//*[contains(@class,'bbp-header')]//*[contains(@class,'bbp-topic-reply-count')]"
        )
        counts_answers = bool(heading) and bool(_ANSWERS.search(said(heading[0])))
        return shown if shown is None or counts_answers else max(0, shown - 1)

    def first_page(self, url: str) -> str:
        """Return ``url`` without the number of a page."""
        bare = super().first_page(url)
        return bare if urlsplit(bare).query or bare.endswith("/") else f"{bare}/"

    def permalink(self, doc: Doc, post_id: str, node: Selector, thread: str) -> str:
        """Return the address that the message links itself by."""
        for frame in self._frame(node):
            for href in frame.css(
                "a.bbp-reply-permalink::attr(href), a.bbp-topic-permalink::attr(href)"
            ).getall():
                if url := doc.url(href):
                    return url if "#" in url else f"{url}#post-{post_id}"
        return f"{doc.here}#post-{post_id}"

    def private(self, doc: Doc, person: Person, post_id: str) -> str | None:
        """Return nothing: bbPress has no private messages."""
        return None
