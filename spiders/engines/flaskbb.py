"""FlaskBB 1 and 2 as a guest sees it.

Checked in November 2026 against a recorded FlaskBB 2.2.0 and the templates of 2.0.2.
"""

from typing import ClassVar

from spiders.base import Gives
from spiders.html_engine import Css, HtmlEngine, HtmlPage

Hints = tuple[tuple[str, str, float], ...]


class FlaskBB(HtmlEngine):
    """Read FlaskBB boards; members have no number, only their name."""

    name: ClassVar[str] = "flaskbb"
    gives: ClassVar[Gives] = Gives(
        product="FlaskBB",
        times="exact",
        edits="where the page says so",
        private="profile",
    )
    marks: ClassVar[str] = 'meta author "FlaskBB Team", "powered by FlaskBB", flaskbb-... classes'

    css_hints: ClassVar[Hints] = (
        ('meta[name=author][content="FlaskBB Team"]', 'the meta author is "FlaskBB Team"', 1.0),
        ('footer a[href*="flaskbb."], .footer a[href*="flaskbb."]', "the footer is FlaskBB's", 0.6),
        ("[class*=flaskbb-]", "elements have FlaskBB's own classes", 0.6),
        ("div.post-row[id] .post-content[id^=pid]", "messages are in FlaskBB's markup", 0.6),
        (".category-row .forum-info, .forum-row .topic-info", "lists are FlaskBB's rows", 0.4),
    )
    thread_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)topic/(?P<id>\d+)[^/?#]*(?:/?\?(?:.*&)?page=(?P<page>\d+))?",
        r"(?<=/)post/(?P<post>\d+)",
    )
    board_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)forum/(?P<id>\d+)[^/?#]*(?:/?\?(?:.*&)?page=(?P<page>\d+))?",
    )
    scripts: ClassVar[str] = r"(?<=/)(?:auth/login|memberlist|topic/\d|forum/\d|user/)"
    page_part: ClassVar[str] = r"/?\?.*$"
    post_form: ClassVar[str | None] = "post/{post}"

    post: ClassVar[Css] = "div.post-row[id]"
    author: ClassVar[Css] = (".author-name a", ".author-name")
    time: ClassVar[Css] = (".post-meta time", '.post-meta a[href*="/post/"]', ".post-meta a")
    edited: ClassVar[Css] = ".post-meta small"
    body: ClassVar[Css] = ".post-content"
    skip: ClassVar[Css] = ".post-signature, .signature, .alert"
    number: ClassVar[Css] = ".post-meta strong"

    thread_title: ClassVar[Css] = (".topic-header a", ".topic-head a", ".breadcrumb .active")
    crumb: ClassVar[Css] = ".breadcrumb a"
    pager: ClassVar[Css] = ".pagination a"

    thread_row: ClassVar[Css] = ".forum-row"
    thread_link: ClassVar[Css] = ".topic-name > a"
    thread_last: ClassVar[Css] = ".topic-last-post"
    thread_posts: ClassVar[Css] = ".topic-stats"
    thread_pinned: ClassVar[Css] = ".topic-starred-read, .topic-starred-unread, .fa-star"
    leads_to_page: ClassVar[bool] = False
    board_row: ClassVar[Css] = ".category-row"
    board_link: ClassVar[Css] = ".forum-name a"
    board_last: ClassVar[Css] = ".forum-last-post"
    listing: ClassVar[Css] = ".forum-body, .category-body"

    def shown(self, text: str) -> str:
        """Return the date in ``text``; version 1 and 2.0 write "09 October 2026 - 08:24"."""
        return super().shown(text.replace(" - ", " "))

    def private_message(
        self, view: HtmlPage, *, author: str, author_id: str | None, post_id: str
    ) -> str | None:
        """Return the author's profile, from where a plugin may offer messages."""
        del post_id
        return self.profile(view, author=author, author_id=author_id, link=None)

    def profile(
        self, view: HtmlPage, *, author: str, author_id: str | None, link: str | None
    ) -> str | None:
        """Return the author's page, which their name leads to."""
        del author_id, link
        return view.link_called(author, ".author-name a[href*='/user/']")
