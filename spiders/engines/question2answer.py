"""Question2Answer 1.6 to 1.8 as a guest sees it, in themes that keep its class names.

After Question2Answer's own theme class as of November 2026; no live site was read.
"""

import re
from dataclasses import replace
from typing import ClassVar

from parsel import Selector
from scrapy.http import TextResponse

from spiders.base import Gives, Kind, Reading, ReadOptions
from spiders.html_engine import Css, HtmlEngine, HtmlPage, text_of

Hints = tuple[tuple[str, str, float], ...]
_NO_EDIT = re.compile(
    r"select|clos|categor|tagged|reshown|hidden|wybran|zamkn|ausgew|gesch|закры|выбран",
    re.IGNORECASE,
)
"""What else may have happened to a message last, in words."""


class Question2Answer(HtmlEngine):
    """Read Question2Answer; a question, its answers and their comments are one thread."""

    name: ClassVar[str] = "question2answer"
    gives: ClassVar[Gives] = Gives(
        product="Question2Answer",
        addresses="the site, a category, a question",
        times="exact",
        edits="where the page says so",
        private="`/message/`",
        incremental="newest threads first, up to the first page without news",
    )
    marks: ClassVar[str] = "body qa-template-..., qa-q-view and qa-q-list-item markup"

    css_hints: ClassVar[Hints] = (
        ("body[class*=qa-template-]", "the body names one of its templates", 1.0),
        (".qa-q-view[id^=q], .qa-a-list-item[id^=a]", "messages are in its markup", 0.7),
        (".qa-q-list-item[id^=q], .qa-q-list", "lists are in its markup", 0.6),
        ('link[href*="qa-theme/"], script[src*="qa-content/"]', "its files", 0.7),
        ('a[href*="question2answer.org"]', "the footer names it", 0.5),
    )
    cookie_hints: ClassVar[Hints] = ((r"(?m)^qa_(?:session|key|id)", "it sets its cookie", 0.6),)
    thread_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)(?P<id>\d+)/[^/?#]+\?(?:.*&)?show=(?P<post>\d+)",
        r"(?<=/)(?P<id>\d+)/[^/?#]+/?(?:\?(?:.*&)?start=(?P<start>\d+))?(?=[?&#]|$)",
        r"(?<=/)(?:index\.php)?\?qa=(?P<id>\d+)[^#]*[?&]show=(?P<post>\d+)",
        r"(?<=/)(?:index\.php)?\?qa=(?P<id>\d+)(?:[/&][^#]*?)?(?:[?&]start=(?P<start>\d+))?(?=&|#|$)",
    )
    board_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)(?:index\.php\?qa=)?(?:questions|activity|unanswered|hot|tag)"
        r"(?:/(?P<word>[^?&#]+))?(?:[?&](?:.*&)?start=(?P<start>\d+))?(?=[?&#]|$)",
    )
    scripts: ClassVar[str] = r"(?<=/)(?:index\.php\?qa=)?(?:questions|login|ask|unanswered)\b"
    page_part: ClassVar[str] = r"[?&]start=\d+.*$"

    post: ClassVar[Css] = (
        ".qa-q-view[id], .qa-a-list-item[id], .qa-c-list-item[id]:has(.qa-c-item-content)"
    )
    author: ClassVar[Css] = (
        ".qa-q-view-who-data",
        ".qa-a-item-who-data",
        ".qa-c-item-who-data",
        "[itemprop=author] [itemprop=name]",
    )
    time: ClassVar[Css] = (
        ".qa-q-view-when-data",
        ".qa-a-item-when-data",
        ".qa-c-item-when-data",
        "time[itemprop=dateCreated], .published",
    )
    edited: ClassVar[Css] = (".qa-q-view-what", ".qa-a-item-what", ".qa-c-item-what")
    body: ClassVar[Css] = (".qa-q-view-content", ".qa-a-item-content", ".qa-c-item-content")

    thread_title: ClassVar[Css] = (
        ".qa-main-heading h1 [itemprop=name]",
        ".qa-main-heading h1 .entry-title, h1 .entry-title",
        ".qa-main-heading h1, h1",
    )
    crumb: ClassVar[Css] = ".qa-q-view-where-data a, .qa-category-link"
    pager: ClassVar[Css] = ".qa-page-links a, .qa-page-link"
    next_page: ClassVar[Css] = ("a.qa-page-next", "link[rel=next]", "a[rel=next]")
    previous_page: ClassVar[Css] = ("a.qa-page-prev", "link[rel=prev]", "a[rel=prev]")

    thread_row: ClassVar[Css] = ".qa-q-list-item"
    thread_link: ClassVar[Css] = ".qa-q-item-title a"
    thread_last: ClassVar[Css] = ".qa-q-item-when-data"
    thread_replies: ClassVar[Css] = ".qa-a-count-data"
    leads_to_page: ClassVar[bool] = False
    board_row: ClassVar[Css] = (".qa-browse-cat-item", ".qa-nav-cat-item")
    board_link: ClassVar[Css] = "a"
    listing: ClassVar[Css] = ".qa-q-list, .qa-browse-cat-list, .qa-part-q-list"

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what an index, board or thread page tells.

        A question that is all in its title is that title. Raises ``PageChanged`` when the page
        has neither messages nor a list of threads or boards.
        """
        reading = super().read(page, options)
        if reading.kind is Kind.THREAD:
            posts = [
                item
                if item.text or item.quotes or not reading.thread_title
                else replace(item, text=reading.thread_title)
                for item in reading.posts
            ]
            return replace(reading, posts=tuple(posts))
        # The menu of categories stands beside every list, which holds their questions already.
        own = self.place(page.url)
        return replace(reading, boards=()) if own and reading.threads else reading

    def is_edited(self, view: HtmlPage, node: Selector) -> bool:
        """Tell whether the second line of what happened to the message is an edit."""
        happened = [text_of([each]) for each in view.find(node, "edited")]
        return any(not _NO_EDIT.search(text) for text in happened[1:] if text)

    def private_message(
        self, view: HtmlPage, *, author: str, author_id: str | None, post_id: str
    ) -> str | None:
        """Return where a logged-in person writes to the author; ``None`` for a guest."""
        del post_id
        if self.profile(view, author=author, author_id=author_id, link=None) is None:
            return None
        return view.root + view.fill("message/{name}", name=author)

    def profile(
        self, view: HtmlPage, *, author: str, author_id: str | None, link: str | None
    ) -> str | None:
        """Return the author's page, which their name leads to."""
        del author_id, link
        return view.link_called(author, "[class*=-who-data] a[href*='user/'], a[href*='qa=user']")
