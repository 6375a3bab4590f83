"""Vanilla Forums 2 and later (Higher Logic Vanilla) as a guest sees them.

Checked in November 2026 against saved lists of three themed boards and Vanilla's own views. Lists
and threads of its API (``/api/v2``), closed on many sites, are read where somebody gives them.
"""

from dataclasses import replace
from typing import ClassVar

from parsel import Selector
from scrapy.http import TextResponse

from spiders.base import Evidence, Gives, PageChanged, Reading, ReadOptions
from spiders.body import is_json, readable
from spiders.engines.schema_org import SchemaOrg
from spiders.engines.vanilla_api import is_api, open_quote, read_api
from spiders.engines.vanilla_layout import read_layout
from spiders.html_engine import Css, HtmlEngine, HtmlPage, text_of

Hints = tuple[tuple[str, str, float], ...]


class Vanilla(HtmlEngine):
    """Read Vanilla; a discussion is a thread, its first message is named after it."""

    name: ClassVar[str] = "vanilla"
    gives: ClassVar[Gives] = Gives(
        product="Vanilla",
        means="HTML pages, or its JSON API where that address is given",
        times="exact",
        edits="where the page says so",
        private="`/messages/add/`",
    )
    marks: ClassVar[str] = "ItemDiscussion and ItemComment markup, body id vanilla_..., its API"

    css_hints: ClassVar[Hints] = (
        ("body[id^=vanilla_], body.Vanilla", "the body is Vanilla's", 0.7),
        ("li.ItemComment[id^=Comment_], [id^=Discussion_] .Message", "messages are Vanilla's", 0.7),
        (".ItemDiscussion[id^=Discussion_]", "lists are in Vanilla's markup", 0.6),
        (
            'li.Item .CommentCount, li.Item .LastCommentDate, .CategoryList li[id^="Category_"]',
            "lists have Vanilla's classes",
            0.5,
        ),
        ('a[href*="/discussion/"]', "links lead to /discussion/", 0.2),
        (
            'link[href*="/applications/vanilla/"], script[src*="/applications/vanilla/"]',
            "its files",
            0.5,
        ),
        ('link[href*="/discussions/feed.rss"], link[href*="/feed.rss"]', "its feed", 0.3),
        (
            'script[src*="/applications/dashboard/"], script[src*="/js/library/jquery.gardenh"]',
            "",
            0.5,
        ),
        ("a.js-userCard[data-userid], .Pager.NumberedPager", "small parts are Vanilla's", 0.3),
    )
    text_hints: ClassVar[Hints] = (
        (r"gdn\.meta|gdn=window\.gdn|window\.gdn\b", "its script is Vanilla's gdn", 0.7),
        (r"__ACTIONS__\W{1,4}=\[\{\W*type\W{1,5}@@\w+(?:\\?/)\w+", "its data is Vanilla's", 1.0),
    )
    cookie_hints: ClassVar[Hints] = ((r"(?m)^(?:Vanilla|vf_)[\w-]*=", "it sets its cookie", 0.7),)
    thread_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)discussion/comment/(?P<post>\d+)",
        r"(?<=/)discussion/(?P<id>\d+)(?:/(?!p\d+(?:[/?#]|$))[^/?#]*)?(?:/p(?P<page>\d+))?",
    )
    board_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)categories/(?!all(?:[/?#]|$))(?P<word>[^/?#]+)(?:/p(?P<page>\d+))?",
        r"(?<=/)discussions(?:/(?!feed)[a-z]+)?(?:/p(?P<page>\d+))?(?=[/?#]|$)",
    )
    profile_form: ClassVar[str | None] = "profile/{id}/{name}"
    member_addresses: ClassVar[tuple[str, ...]] = (r"(?<=/)profile/(?P<id>\d+)/",)
    scripts: ClassVar[str] = (
        r"(?<=/)(?:entry/(?:signin|register)|discussions?/|categories/|profile/|discussions$)"
    )
    page_part: ClassVar[str] = r"/p\d+/?(?:\?.*)?$"

    post: ClassVar[Css] = (
        ".MessageList [id^=Discussion_], .MessageList [id^=Comment_].Item",
        "[id^=Discussion_].ItemDiscussion:has(.Message), [id^=Comment_].ItemComment",
    )
    author: ClassVar[Css] = (
        ".Author .Username",
        ".Author a:not(.PhotoWrap)",
        ".Author a[title]::attr(title)",
        ".Author",
        "a.Username",
    )
    author_link: ClassVar[Css] = ".Author a"
    author_id: ClassVar[Css] = ".Author [data-userid]::attr(data-userid)"
    time: ClassVar[Css] = (".DateCreated time", ".DateCreated", ".Meta .Permalink time")
    edited: ClassVar[Css] = ".DateUpdated"
    body: ClassVar[Css] = (".Message", ".userContent")
    skip: ClassVar[Css] = ".Signature, .UserSignature, .DateUpdated, .Reactions, .Attachments"

    thread_title: ClassVar[Css] = (
        ".MessageList h1",
        "#Item_0 h1, .PageTitle h1",
        ".SubTitle, .Discussion h1",
        "h1",
    )
    crumb: ClassVar[Css] = (
        ".Breadcrumbs a",
        ".DiscussionMeta .Category a",
        ".Category a, a.Category",
    )
    pager: ClassVar[Css] = ".Pager a, .NumberedPager a"
    next_page: ClassVar[Css] = ("a.Next[href]", "link[rel=next]", "a[rel=next]")
    previous_page: ClassVar[Css] = ("a.Previous[href]", "link[rel=prev]", "a[rel=prev]")

    thread_row: ClassVar[Css] = (
        ".ItemDiscussion[id^=Discussion_]",
        ".DataList.Discussions > li, .DataList > li.Item:not(.ItemComment)",
        "li.Item, tr.Item",
    )
    thread_link: ClassVar[Css] = ("a.Title", ".Title a", "a[href*='/discussion/']")
    thread_last: ClassVar[Css] = (
        ".LastUser",
        ".LastCommentDate",
        ".BlockColumn-User:last-child",
        ".Meta",
    )
    thread_time: ClassVar[Css] = ("time",)
    thread_pinned: ClassVar[Css] = ".Announcement, .Tag-Announcement, [class*=Announcement]"
    thread_replies: ClassVar[Css] = (
        ".CommentCount .Number::attr(title)",
        ".CountComments .Number::attr(title)",
        ".CommentCount",
        ".CountComments",
    )
    leads_to_page: ClassVar[bool] = False
    board_row: ClassVar[Css] = (
        "[id^=Category_].Item, tr.Item[id^=Category_], [id^=Category_]",
        ".CategoryTable tr.Item, .CategoryList li.Item",
    )
    board_link: ClassVar[Css] = ("h2 a, h3 a, .CategoryName a, a.Title, .Title a", "a")
    board_last: ClassVar[Css] = (".LatestPost", ".LastDiscussionTitle, .LastCommentDate")
    listing: ClassVar[Css] = ".DataList, .DataTable, .Empty"

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of Vanilla on ``page``: markup, files, cookie or shape of the JSON."""
        if is_json(page):
            hint = Evidence(hint="the JSON lists Vanilla's discussions or comments", weight=1.0)
            return [hint] if is_api(page) else []
        return super().recognise(page)

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what an index, board or thread page tells.

        Pages drawn by a script alone are read by the data or the schema.org markup that they
        carry. Raises ``PageChanged`` when there is neither.
        """
        if is_json(page):
            return read_api(page, options)
        page = readable(page)
        for embed in page.css("[data-embedjson]"):
            open_quote(embed)
        try:
            return super().read(page, options)
        except PageChanged:
            if found := read_layout(page, options, self.place(page.url)):
                return replace(found, language=self.language(page))
            if SchemaOrg().recognise(page):
                return SchemaOrg().read(page, options)
            raise

    def message_id(self, view: HtmlPage, node: Selector) -> str | None:
        """Return the comment's number; the first message has none but the thread's."""
        number = super().message_id(view, node)
        own = node.attrib.get("id", "").startswith("Comment_")
        return number if own or number is None else f"thread-{number}"

    def private_message(
        self, view: HtmlPage, *, author: str, author_id: str | None, post_id: str
    ) -> str | None:
        """Return where a logged-in person writes to the author; ``None`` for a guest."""
        del post_id
        linked = any(
            text_of([link]) == author or link.attrib.get("title") == author
            for link in view.page.css(".Author a[href*='/profile/']")
        )
        if not (linked or author_id):
            return None
        return view.root + view.fill("messages/add/{name}", name=author)
