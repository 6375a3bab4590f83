"""Askbot 0.7 to 0.13 as a guest sees it: questions, their answers and the comments on both.

After Askbot's own templates as of November 2026; no live site was read.
"""

import re
from typing import ClassVar

from parsel import Selector

from spiders.base import Gives
from spiders.html_engine import Css, HtmlEngine, HtmlPage

Hints = tuple[tuple[str, str, float], ...]
_OF_COMMENT = ", ".join(
    f".comment-body > {part}" for part in (".author", ".age", ".edit", ".convert-comment")
)
_COMMENT = re.compile(r"(?:^|\s)(?:js-)?comment(?:\s|$)")


class Askbot(HtmlEngine):
    """Read Askbot; a question, its answers and their comments are one thread."""

    name: ClassVar[str] = "askbot"
    honours: ClassVar[frozenset[str]] = HtmlEngine.honours - {"crumb"}
    gives: ClassVar[Gives] = Gives(
        product="Askbot",
        addresses="the site, a list of questions, a question",
        times="exact",
        edits="where the page says so, not of comments",
        private="none: profile",
        incremental="newest threads first, up to the first page without news",
    )
    marks: ClassVar[str] = "the askbot[...] object of its script, js-question and js-answer markup"

    css_hints: ClassVar[Hints] = (
        (".js-question[data-post-id], .question.post[id^=post-id-]", "questions", 0.6),
        (".post-update-info-container .post-update-info", "who wrote when, in its markup", 0.5),
        (".question-summary h2 a[href*='/question/'], .short-summary h2 a", "its lists", 0.6),
        ('a[href*="askbot.com"], a[href*="askbot.org"]', "the footer names it", 0.4),
    )
    text_hints: ClassVar[Hints] = (
        (r"<script[^>]*>[^<]*\baskbot\[['\"]\w+['\"]\]", "its script fills askbot[...]", 0.7),
    )
    thread_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)(?:[a-z]{2}(?:-[a-z]{2,4})?/)?question/(?P<id>\d+)(?:/[^/?#]*)?/?"
        r"(?:\?(?:.*&)?(?:page=(?P<page>\d+)|(?:answer|comment)=(?P<post>\d+)))?",
    )
    board_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)(?:[a-z]{2}(?:-[a-z]{2,4})?/)?questions(?:/[^?#]*?page:(?P<page>\d+))?(?=[/?#]|$)",
    )
    member_addresses: ClassVar[tuple[str, ...]] = (r"(?<=/)users/(?P<id>\d+)(?:/|$)",)
    page_part: ClassVar[str] = r"\?.*$"

    post: ClassVar[Css] = (
        ".js-question[data-post-id], .js-answer[data-post-id], .js-comment[data-post-id], "
        ".question.post, .answer.post, .comment[id^=comment-]"
    )
    post_id: ClassVar[Css] = ("::attr(data-post-id)", "::attr(id)")
    author: ClassVar[Css] = (
        ".post-update-info-author-name",
        ".post-update-info .user-info a[href*='users/']",
        ".post-update-info .user-info, .post-update-info .anonymous",
        ".js-comment-author, a.author, .comment-body > .author",
    )
    author_link: ClassVar[Css] = (
        ".post-update-info a[href*='users/']",
        "a.js-comment-author, a.author",
    )
    time: ClassVar[Css] = (
        ".post-update-info abbr[title]",
        ".comment-age abbr, .age abbr",
    )
    edited: ClassVar[Css] = ".post-update-info abbr[title]"
    body: ClassVar[Css] = (
        ".post-body .js-editable-content",
        ".post-body, .question-body, .answer-body",
        ".js-comment-body, .comment-body",
    )
    skip: ClassVar[Css] = ".post-controls, .tags, .comments, .post-update-info-container"

    thread_title: ClassVar[Css] = (
        ".js-question h1 .js-editable-content",
        "h1.section-title a, .question h1 a, .question h1",
        "h1",
    )
    pager: ClassVar[Css] = ".paginator a"
    next_page: ClassVar[Css] = (
        ".paginator a.next-page:not(.js-disabled), .paginator .next a",
        "link[rel=next]",
    )
    previous_page: ClassVar[Css] = (
        ".paginator a.prev-page:not(.js-disabled), .paginator .prev a",
        "link[rel=prev]",
    )

    thread_row: ClassVar[Css] = ".question-summary, .short-summary"
    thread_link: ClassVar[Css] = "h2 a"
    thread_last: ClassVar[Css] = ".question-summary-user-info, .userinfo"
    thread_time: ClassVar[Css] = "abbr[title]"
    listing: ClassVar[Css] = "#question-list, .question-list, #js-questions-list, .questions-count"

    def messages(self, view: HtmlPage) -> list[Selector]:
        """Return the elements of the messages, in the order of the page.

        Older versions have who wrote a comment, and when, within its text: they go beside it.
        """
        for part in view.page.css(_OF_COMMENT):
            part.root.tail = None
            part.root.getparent().addnext(part.root)
        return [node for node in super().messages(view) if view.find(node, "body")]

    def is_edited(self, view: HtmlPage, node: Selector) -> bool:
        """Tell whether a later time than the first stands beside the message."""
        if _COMMENT.search(node.attrib.get("class", "")):
            return False
        shown = [mark.attrib["title"] for mark in view.find(node, "edited")]
        return len(set(shown)) > 1
