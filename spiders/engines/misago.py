"""Misago: the pages of 0.40 and later, those that 0.x gives without its script, and 0.x's JSON.

After Misago's own templates as of November 2026; 0.x checked against a Misago 0.39 run for it.
"""

from dataclasses import replace
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import origin, parameters, without_fragment
from spiders.answers import Record, answer, record, records, whole, word
from spiders.base import (
    Evidence,
    Gives,
    Kind,
    PageChanged,
    PostItem,
    Reading,
    ReadOptions,
    ThreadRef,
)
from spiders.body import is_json, readable
from spiders.dates import django_clock, machine_time
from spiders.html_engine import Css, HtmlEngine, HtmlPage
from spiders.text import words_of

Hints = tuple[tuple[str, str, float], ...]


class Misago(HtmlEngine):
    """Read Misago forums; events such as renames are no messages."""

    name: ClassVar[str] = "misago"
    honours: ClassVar[frozenset[str]] = HtmlEngine.honours - {"time"}
    gives: ClassVar[Gives] = Gives(
        product="Misago",
        means="HTML pages; JSON of 0.x",
        times="exact",
        edits="yes",
        private="`/private/start/`, without the name",
        incremental="newest threads first, up to the first page without news",
    )
    marks: ClassVar[str] = "body misago-anonymous, misago-timestamp attributes, misago-markup"

    css_hints: ClassVar[Hints] = (
        ("body.misago-anonymous, body[class*=misago-]", "the body is Misago's", 1.0),
        ("[misago-timestamp], [mg-timestamp], [misago-quote-root]", "its attributes", 0.7),
        ("article.misago-markup, #misago-container", "messages are Misago's", 0.7),
        ("[class*='posts-feed-item'], [class*='threads-list-item']", "its lists", 0.5),
        ('script[src*="/misago/"], link[href*="/misago/"]', "its files", 0.5),
        ('a[href*="misago-project.org"], a[href*="misago.gitbook"]', "the footer names it", 0.5),
    )
    text_hints: ClassVar[Hints] = ((r"misago\.init\(|window\.misago\b", "its script", 0.7),)
    thread_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)t/[^/?#]+/(?P<id>\d+)/post/(?P<post>\d+)",
        r"(?<=/)t/[^/?#]+/(?P<id>\d+)(?:/(?P<page>\d+))?(?=[/?#]|$)",
    )
    board_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)c/[^/?#]+/(?P<id>\d+)(?:/[a-z]+)?/?(?:\?(?:.*&)?(?:page|start)=(?P<page>\d+))?",
        r"(?<=/)threads(?:/[a-z]+)?/?(?:\?(?:.*&)?(?:page|start)=(?P<page>\d+))?(?=[?#]|$)",
    )
    member_addresses: ClassVar[tuple[str, ...]] = (r"(?<=/)u/[^/?#]+/(?P<id>\d+)",)
    scripts: ClassVar[str] = r"(?<=/)(?:threads/|categories/|login/|t/[^/]+/\d|c/[^/]+/\d)"
    page_part: ClassVar[str] = r"(?<=\d/)\d+/(?:\?.*)?$"
    private_form: ClassVar[str | None] = "private/start/"

    post: ClassVar[Css] = (
        "[class*='feed-item'][id*='-item-post-']:has([class*='post-rich-text'])",
        "li.post[id^=post-]:not(.post-hidden), .post[id^=post-]:has(article)",
    )
    author: ClassVar[Css] = (
        "[class*='bit-side-poster-link']",
        "[class*='bit-top-poster-link']",
        "[itemprop=author]",
        ".item-title",
    )
    author_link: ClassVar[Css] = "a"
    edited: ClassVar[Css] = ("[class*='feed-item-edits']", ".post-changelog, .post-edits")
    body: ClassVar[Css] = ("[class*='post-rich-text']", "article.misago-markup", "article")
    number: ClassVar[Css] = "[class*='post-counter']"

    thread_title: ClassVar[Css] = (
        ".page-header-banner h1",
        "h1[itemprop=headline]",
        ".page-header h1",
        "h1",
    )
    crumb: ClassVar[Css] = (".breadcrumbs a, .breadcrumb a", '[class*="breadcrumb"] a')
    pager: ClassVar[Css] = (".thread-paginator a, .pager a, [class*=paginator] a, .pagination a",)

    thread_row: ClassVar[Css] = (
        ".threads-list-item",
        "li.list-group-item:has(.thread-title), li.thread",
    )
    thread_link: ClassVar[Css] = ("a.threads-list-item-title", "a.thread-title", "a.item-title")
    thread_last: ClassVar[Css] = (
        ".threads-list-item-last-activity",
        "a.threads-list-item-last-activity",
        "a.thread-last-reply",
    )
    thread_time: ClassVar[Css] = ("::attr(misago-timestamp)", "::attr(mg-timestamp)", "time")
    thread_replies: ClassVar[Css] = ("[class*='item-col-replies']", ".thread-detail-replies")
    thread_pinned: ClassVar[Css] = "[class*=pinned]"
    leads_to_page: ClassVar[bool] = False
    board_row: ClassVar[Css] = (
        ".list-group-category, .category-main, [class*='categories-list-item']",
        "main a[href*='/c/'], .page-body a[href*='/c/'], a[href*='/c/']",
    )
    board_link: ClassVar[Css] = "a[href*='/c/']"
    listing: ClassVar[Css] = ".threads-list, [class*=threads-list], .page-threads"

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of Misago on ``page``: markup, script, or shape of its JSON."""
        if not is_json(page):
            return super().recognise(page)
        try:
            first = next(iter(_results(answer(page))), {})
        except PageChanged:
            return []
        if "poster_name" in first or ("last_poster_name" in first and "starter_name" in first):
            return [Evidence(hint="the JSON lists Misago's threads or posts", weight=1.0)]
        return []

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what a page, or an answer of the old API, tells.

        Raises ``PageChanged`` when it has neither messages nor a list.
        """
        if is_json(page):
            return _read_json(page, options)
        page = readable(page)
        for block in page.css("[misago-rich-text-quote]"):
            block.root.tag = "blockquote"
            told = block.attrib["misago-rich-text-quote"]
            block.root.set("data-username", told.rpartition(", post:")[0] or told)
        for icon in page.css(".material-icon"):
            icon.root.text = None  # an icon's name, which its font draws
        reading = super().read(page, options)
        # A list of threads holds those of the categories below, too.
        return replace(reading, boards=()) if reading.threads else reading

    def shown(self, text: str) -> str:
        """Return the date in "Oct. 9, 2026, 8:53 p.m. - latest activity", as Django writes it."""
        return super().shown(django_clock(text.partition(" - ")[0]))

    def posted_at(self, view: HtmlPage, node: Selector) -> datetime | None:
        """Return when the message was written, by the attribute its script reads."""
        for css in (
            "[class*=timestamp]::attr(misago-timestamp)",
            "[class*=timestamp]::attr(mg-timestamp)",
            "time[itemprop=datePublished]::attr(datetime)",
            "time::attr(datetime)",
        ):
            if when := machine_time(node.css(css).get(), view.options):
                return when
        return view.moment(node.css(".posted-on"))


def _results(found: Record) -> list[Record]:
    post_set = record(found.get("post_set"))
    return records(found.get("results")) or records(post_set.get("results"))


def _read_json(page: TextResponse, options: ReadOptions) -> Reading:
    """Return the thread or list of threads that an answer of the old API tells."""
    found = answer(page)
    root = origin(page.url) + urlsplit(page.url).path.partition("/api/")[0]
    rows = _results(found)
    if rows and "starter_name" in rows[0]:
        return Reading(
            kind=Kind.BOARD,
            threads=tuple(_row(each, root, options) for each in rows if whole(each.get("id"))),
            next_page=_page(page.url, found.get("next")),
            previous_page=_page(page.url, found.get("previous")),
        )
    spoken = [each for each in rows if not each.get("is_event") and not each.get("is_hidden")]
    items = [item for each in spoken if (item := _item(each, root, options))]
    about = found if "post_set" in found else {}
    path = urlsplit(page.url).path.partition("/api/threads/")[2].split("/")
    number = word(about.get("id")) or (path[0] if path[0].isdecimal() else "")
    pages = record(found.get("post_set")) if about else found
    if not rows:
        raise PageChanged("a Misago answer without threads or posts")
    category = record(about.get("category"))
    own = word(record(about.get("url")).get("index"))
    return Reading(
        kind=Kind.THREAD,
        board_id=word(category.get("id")) or None,
        board_title=word(category.get("name")) or None,
        thread_id=number or None,
        thread_title=word(about.get("title")) or None,
        thread_url=root + own if own.startswith("/") else None,
        posts=tuple(items),
        next_page=_page(page.url, pages.get("next")),
        previous_page=_page(page.url, pages.get("previous")),
        unreadable=len(spoken) - len(items),
    )


def _row(found: Record, root: str, options: ReadOptions) -> ThreadRef:
    number, replies = word(found["id"]), whole(found.get("replies"))
    return ThreadRef(
        thread_id=number,
        title=word(found.get("title")),
        url=f"{root}/api/threads/{number}/posts/?page=1",
        last_posted_at=machine_time(found.get("last_post_on"), options),
        posts=replies + 1 if replies is not None else None,
        pinned=bool(found.get("weight")),
    )


def _item(found: Record, root: str, options: ReadOptions) -> PostItem | None:
    person, content = record(found.get("poster")), found.get("content")
    name = word(person.get("username")) or word(found.get("poster_name"))
    number, member = word(found.get("id")), word(person.get("id"))
    if not number or not name or not isinstance(content, str):
        return None
    words = words_of(content)
    url, page = word(record(found.get("url")).get("index")), word(person.get("url"))
    return PostItem(
        post_id=number,
        number=None,
        url=root + quote(url) if url.startswith("/") else f"{root}/#post-{number}",
        author=name,
        author_id=member or None,
        posted_at=machine_time(found.get("posted_on"), options),
        edited=bool(found.get("edits")),
        text=words.text,
        quotes=words.quotes,
        private_message_url=f"{root}/private/start/" if member else None,
        profile_url=root + quote(page) if page.startswith("/") else None,
    )


def _page(url: str, number: object) -> str | None:
    """Return the address with another page's number; ``None`` for no number."""
    if not (page := whole(number)):
        return None
    parts = urlsplit(without_fragment(url))
    asked = [(name, value) for name, value in parameters(url) if name != "page"]
    return urlunsplit(parts._replace(query=urlencode([*asked, ("page", str(page))])))
