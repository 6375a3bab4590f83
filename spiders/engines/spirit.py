"""Spirit (django-spirit) as a guest sees it.

Checked in November 2026 against a Spirit 0.14.3 run for the purpose and its earlier templates.
"""

import re
from typing import ClassVar

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from parsel import Selector
from scrapy.http import TextResponse

from spiders.base import Gives, Reading, ReadOptions
from spiders.body import is_json, readable
from spiders.dates import django_clock
from spiders.html_engine import Css, HtmlEngine, HtmlPage

Hints = tuple[tuple[str, str, float], ...]
_SAID = re.compile(r"\s*@(\S+) [^@:]{1,20}:\s*")


class Spirit(HtmlEngine):
    """Read Spirit forums; moves, closings and removed messages are no messages."""

    name: ClassVar[str] = "spirit"
    gives: ClassVar[Gives] = Gives(
        product="Spirit",
        times="as the page shows them, in the site's zone and language",
        edits="where the page says so",
        private="`/topic/private/publish/`",
        incremental="newest threads first, up to the first page without news",
    )
    marks: ClassVar[str] = "footer link to nitely/Spirit, js-comment markup, spirit/ stylesheets"

    css_hints: ClassVar[Hints] = (
        ('a.footer__logo[href*="nitely/Spirit"]', "the footer is Spirit's", 1.0),
        ('footer a[href*="nitely/Spirit"], .footer a[href*="nitely/"]', "it names Spirit", 0.6),
        ('link[href*="spirit/stylesheets/"], script[src*="spirit/scripts/"]', "its files", 0.7),
        (".comments_list .js-comment[data-pk], .comment[data-pk][data-number]", "messages", 0.6),
        (".layout__topics .topic__link", "lists are in Spirit's markup", 0.6),
    )
    thread_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)topic/(?P<id>\d+)(?:/[^/?#]*)?/?(?:\?(?:.*&)?page=(?P<page>\d+))?",
        r"(?<=/)comment/(?P<post>\d+)/find/",
    )
    board_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)category/(?P<id>\d+)(?:/[^/?#]*)?/?(?:\?(?:.*&)?(?:p|page)=(?P<page>\d+))?",
        r"(?<=/)topic/(?:active|unread)/?(?:\?(?:.*&)?(?:p|page)=(?P<page>\d+))?",
    )
    member_addresses: ClassVar[tuple[str, ...]] = (r"(?<=/)user/(?P<id>\d+)(?:/|$)",)
    scripts: ClassVar[str] = r"(?<=/)(?:topic/\d|topic/active|category/\d|user/(?:login|\d))"
    page_part: ClassVar[str] = r"\?.*$"
    post_form: ClassVar[str | None] = "comment/{post}/find/"
    private_form: ClassVar[str | None] = "topic/private/publish/{id}/"

    post: ClassVar[Css] = (
        ".comments_list__comment[data-pk]",
        ".comments .comment[data-pk]:not(.is-highlighted)",
        ".comment[data-pk]",
    )
    post_id: ClassVar[Css] = "::attr(data-pk)"
    author: ClassVar[Css] = (".comment__info__username__link", ".comment-username a.username")
    author_link: ClassVar[Css] = ".comment__info__username a, .comment-username a"
    time: ClassVar[Css] = ".comment__info__date li[title], .comment-date li[title]"
    edited: ClassVar[Css] = (
        ".comment__info__date a[href*='/history/']",
        ".comment-date a[href*='/history/']",
    )
    body: ClassVar[Css] = (".comment__text", ".comment-text")
    number: ClassVar[Css] = "::attr(data-number)"

    thread_title: ClassVar[Css] = ("h1.headline", ".menu__dropdown_button a", "h1")
    crumb: ClassVar[Css] = (
        ".breadcrumb_nav a",
        "ul.nav a",
        ".menu__dropdown_button a, .menu_list a",
    )
    pager: ClassVar[Css] = ".paginator a, .paginator__button a, .pages a"

    next_page: ClassVar[Css] = (".paginator__button a:has(.fa-chevron-right)", "a[rel=next]")

    thread_row: ClassVar[Css] = (".layout__topics__topic", ".rows > .row")
    thread_link: ClassVar[Css] = (".topic__title a", ".row-title a")
    thread_last: ClassVar[Css] = (".topic__date", ".row-info div[title]")
    thread_time: ClassVar[Css] = "::attr(title)"
    thread_posts: ClassVar[Css] = (".topic__comments", ".row-info div:has(.fa-comment)")
    thread_pinned: ClassVar[Css] = ".fa-thumb-tack"
    board_row: ClassVar[Css] = (".menu_list li", ".js-categories-content li")
    listing: ClassVar[Css] = ".layout__topics, .rows"

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what an index, board or thread page tells; see ``HtmlEngine``."""
        if not is_json(page):
            page = readable(page)
            for paragraph in page.css("blockquote > p:first-child"):
                _name_quote(paragraph.root)
        return super().read(page, options)

    def shown(self, text: str) -> str:
        """Return the date in ``text`` as Django writes it, "Oct. 9, 2026, noon" made a time."""
        return super().shown(django_clock(text))

    def is_edited(self, view: HtmlPage, node: Selector) -> bool:
        """Tell whether ``node`` links to its earlier versions."""
        return bool(view.find(node, "edited"))


def _name_quote(paragraph: Element) -> None:
    """Move whom a quote names in its first line, "@ann said:", to where it is looked for."""
    children = list(paragraph)
    line = paragraph.text or ""
    mention = children[0] if children and children[0].tag == "a" and not line.strip() else None
    if mention is not None:
        line = f"{''.join(mention.itertext())}{mention.tail or ''}"
    found = _SAID.fullmatch(line)
    if not found:
        return
    paragraph.getparent().set("data-username", found[1])
    paragraph.text = None
    if mention is not None:
        paragraph.remove(mention)
