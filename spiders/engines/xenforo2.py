"""XenForo 2.0 to 2.3 as a guest sees it, question threads and "MessageCard" skins included.

Its JSON-LD describes a thread's first message only, so its own markup is read. Checked in November
2026 against a saved page of XenForo 2.1.
"""

# ruff: noqa: ARG002  (what the base offers is not all needed)

import re
from dataclasses import replace
from typing import ClassVar

from parsel import Selector

from spiders.base import BoardRef, Gives
from spiders.engines.xenforo1 import Xenforo1
from spiders.selected_page import Doc, Person, count_in, said

_POST = re.compile(r"(?:js-)?(?:post-)?(\d+)")
_SINCE_2_3 = re.compile(r"XF\.extendObject\(true,\s*XF\.config")


class Xenforo2(Xenforo1):
    """Read XenForo 2 forums."""

    name: ClassVar[str] = "xenforo2"
    gives: ClassVar[Gives] = Gives(
        product="XenForo 2",
        times="exact",
        edits="yes",
        private="`/conversations/add?to=`, since 2.3 `/direct-messages/add?to=`",
    )
    marks: ClassVar[str] = 'html id "XF", messages with data-content="post-..."'
    hints: ClassVar[tuple[tuple[str, float, str], ...]] = (
        ("html#XF", 1.0, 'the page has the id "XF"'),
        ("article.message--post[data-content^='post-']", 0.6, "messages in XenForo 2's markup"),
        (".MessageCard[data-content^='post-']", 0.6, "messages on XenForo 2's cards"),
        (".structItem--thread", 0.6, "rows of XenForo 2's threads"),
        (".node--forum .node-title", 0.4, "rows of XenForo 2's boards"),
    )

    post: ClassVar[str] = (
        "article.message[data-content^='post-'], .js-post[data-content^='post-'], "
        ".MessageCard.js-post, .MessageCard[id^='js-post-']"
    )
    body: ClassVar[str] = (
        ".message-body .bbWrapper, .message-userContent .bbWrapper, "
        ".MessageCard__content-inner .bbWrapper, .MessageCard .bbWrapper, .bbWrapper"
    )
    author: ClassVar[str] = (
        ".message-name .username, .message-name, .MessageCard__user-info__name, a.username, "
        ".username"
    )
    time: ClassVar[str | tuple[str, ...]] = (
        ".message-attribution-main time",
        ".message-attribution time",
        ".MessageCard__date-created time, time.MessageCard__date-created, [qid=post-date-time]",
        ".message-date time",
        "a[href*='post-'] time",
        "time.u-dt",
        "time",
    )
    number: ClassVar[str] = (
        ".message-attribution-opposite a, .message-attribution-opposite li, "
        ".message-attribution a, "
        ".MessageCard__post-position, .MessageCard a[href*='post-'], a[href*='post-']"
    )
    skip: ClassVar[frozenset[str]] = frozenset(
        {"message-signature", "message-lastedit", "bbcodeblock-expandlink", "js-selecttoquoteend"}
    )

    title: ClassVar[tuple[str, ...]] = (
        "h1.p-title-value",
        "h1.MessageCard__thread-title",
        ".MessageCard__thread-title",
        "h1",
    )
    board_title: ClassVar[tuple[str, ...]] = ("h1.p-title-value", "h1")
    title_drop: ClassVar[frozenset[str]] = frozenset({"label", "label-append", "labellink"})
    crumb: ClassVar[str] = ".p-breadcrumbs a, .breadcrumb a"
    pager: ClassVar[str] = ".pageNav, .pageNavSimple, .block-outer nav"
    current: ClassVar[str] = ".pageNav-page--current"
    following: ClassVar[str] = "a.pageNav-jump--next, a.pageNavSimple-el--next"
    preceding: ClassVar[str] = "a.pageNav-jump--prev, a.pageNavSimple-el--prev"

    thread_row: ClassVar[str] = (
        ".structItem--thread, .message--articlePreview, "
        "article.message--article:has(.article-title)"
    )
    thread_link: ClassVar[str] = (
        ".structItem-title a[data-tp-primary], .structItem-title a:not(.labelLink), "
        ".articlePreview-title a:not(.labelLink), .article-title a:not(.labelLink)"
    )
    thread_time: ClassVar[str] = ".structItem-cell--latest time, time.structItem-latestDate"
    thread_last: ClassVar[str] = (
        ".structItem-cell--latest a[href*='post-'], .structItem-cell--latest a[href*='latest']"
    )
    thread_pages: ClassVar[str] = ".structItem-pageJump a"
    thread_replies: ClassVar[str] = (
        ".structItem-cell--meta dl:first-child dd, .articlePreview-replies, "
        ".actionBar-action--replies"
    )
    pinned: ClassVar[str] = ".structItemContainer-group--sticky, .structItem-status--sticky"
    moved: ClassVar[str] = ".structItem-status--redirect, .structItem--redirect"
    board_row: ClassVar[str] = ".node--forum"
    board_link: ClassVar[str] = ".node-title a"
    board_time: ClassVar[str] = ".node-extra time"
    listing: ClassVar[str] = (
        ".structItemContainer, .block--category, .node-list, "
        "html[data-template^=forum_view], html[data-template=forum_list]"
    )
    refusal_panel: ClassVar[str] = (
        "html[data-template=error] .blockMessage, html[data-template=login] .block-body, "
        ".blockMessage--error"
    )

    def posts(self, doc: Doc) -> list[Selector]:
        """Return the boxes of the messages; some hold no text, such as those of deleted ones.

        A list of articles shows the beginning of each below its title.
        """
        return [
            node
            for node in doc.page.css(self.post)
            if node.css(".bbWrapper") and not node.css(".article-title")
        ]

    def post_id(self, node: Selector) -> str | None:
        """Return the id of the message; a card may carry it on its inside alone."""
        marks = [
            node.attrib.get("data-content", ""),
            node.attrib.get("id", ""),
            *node.css("::attr(data-post-id), [id^='post-']::attr(id)").getall(),
        ]
        return next((mark[1] for name in marks if (mark := _POST.fullmatch(name))), None)

    def person(self, doc: Doc, node: Selector) -> Person:
        """Return the author; a member's link carries their number, that of a guest a zero."""
        person = super().person(doc, node)
        for box in node.css(".message-articleUserInfo"):  # below the text, which may name others
            links = box.css("a.username::attr(href)").getall()
            profile = next(filter(None, map(doc.url, links)), None)
            person = replace(person, name=said(box.css(".username")[0]), profile=profile)
            break
        for number in (
            node.css(
                ".message-user [data-user-id]::attr(data-user-id), "
                ".message-name [data-user-id]::attr(data-user-id), "
                ".MessageCard__user-info [data-user-id]::attr(data-user-id), "
                ".message-articleUserInfo [data-user-id]::attr(data-user-id)"
            ).getall()
            or node.css("a.username[data-user-id]::attr(data-user-id)").getall()
        ):
            uid = number if number.isdecimal() and number != "0" else None
            return replace(person, uid=uid)
        return person

    def is_edited(self, node: Selector) -> bool:
        """Return whether the message, not one that stray end tags put into it, was edited."""
        own = (
            "[ancestor-or-self::*[@data-content][1]/@data-content = $own"
            " or not(ancestor::*[@data-content])]"
        )
        marks = "contains(@class,'message-lastEdit') or contains(@class,'__date-edited')"
        return bool(node.xpath(f".//*[{marks}]{own}", own=node.attrib.get("data-content", "")))

    def replies(self, row: Selector) -> int | None:
        """Return how many answers the row counts; an article without any counts none."""
        counted = super().replies(row)
        article = "message--article" in row.attrib.get("class", "").split()
        return 0 if article and counted is None else counted

    def place_in_thread(self, node: Selector) -> int | None:
        """Return the position that a link shows as "#1,021"; an article begins its thread."""
        if "message--article" in node.attrib.get("class", "").split():
            return 1
        for text in map(said, node.css(self.number)):
            if re.fullmatch(r"#\s*\d[\d.,'’\s]*", text):
                return count_in(text.lstrip("# "))
        return None

    def board_id(self, doc: Doc, url: str, row: Selector | None = None) -> str | None:
        """Return the board's id: its row is named by it, and so is its own page."""
        if row is not None and (found := re.search(r"\bnode--id(\d+)\b", self._names(row))):
            return found[1]
        return super().board_id(doc, url, row)

    def thread_id(self, doc: Doc, urls: list[str]) -> str | None:
        """Return the thread's id, which the page names even where its address has no route."""
        named = doc.page.css("html[data-template^=thread_view]::attr(data-content-key)").get()
        found = re.fullmatch(r"thread-(\d+)", named or "")
        return found[1] if found else super().thread_id(doc, urls)

    def own_board(self, doc: Doc) -> str | None:
        """Return the id of the board that the page says it shows."""
        return self._container(doc, "forum_view") or super().own_board(doc)

    def crumb_board(self, doc: Doc) -> BoardRef | None:
        """Return the thread's board, with the id that the page names where its link does not."""
        board = super().crumb_board(doc)
        number = self._container(doc, "thread_view")
        if board and number and not board.board_id.isdecimal():
            return BoardRef(board_id=number, title=board.title, url=board.url)
        return board

    def _container(self, doc: Doc, template: str) -> str | None:
        found = doc.page.css(f"html[data-template^={template}]::attr(data-container-key)").get()
        mark = re.fullmatch(r"node-(\d+)", found or "")
        return mark[1] if mark else None

    def permalink(self, doc: Doc, post_id: str, node: Selector, thread: str) -> str:
        """Return XenForo 2's own address of the message, below its thread's."""
        if self.thread_in(thread) is None:
            return super().permalink(doc, post_id, node, thread)
        return f"{thread.rstrip('/')}/post-{post_id}"

    def private(self, doc: Doc, person: Person, post_id: str) -> str | None:
        """Return the form to write to a member; its name changed with XenForo 2.3."""
        page = doc.page
        renamed = (
            page.css("html[data-xf^='2.3'], html[data-xf^='3'], html[data-variation]")
            or page.css("a[href*='direct-messages/']")
            or _SINCE_2_3.search(page.text)
        )
        return self.form(doc, "direct-messages/add" if renamed else "conversations/add", person)
