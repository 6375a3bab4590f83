"""MyBB 1.6 and 1.8 as a guest sees it, in the default theme and those made from it."""

import re
from datetime import datetime
from typing import ClassVar

from parsel import Selector
from scrapy.http import TextResponse

from spiders.base import Gives, Kind
from spiders.html_engine import Css, HtmlEngine, HtmlPage, digits
from spiders.text import plain

_CLOCK = re.compile(r"\d:\d\d")


class Mybb(HtmlEngine):
    """Read MyBB boards, addressed by query, by ``thread-1.html``, or by titles alone."""

    name: ClassVar[str] = "mybb"
    gives: ClassVar[Gives] = Gives(
        product="MyBB 1.6, 1.8",
        times="as the page shows them, in the site's zone and language",
        edits="yes",
        private="`private.php?action=send&uid=`",
    )
    marks: ClassVar[str] = "the MyBB footer, my_post_key in a script, showthread.php, mybb cookies"
    css_hints: ClassVar[tuple[tuple[str, str, float], ...]] = (
        ('a[href*="mybb.com"], a[href*="mybboard.net"]', "the footer leads to mybb.com", 0.6),
        ("span[id^=tid_], div.post[id^=post_] .post_body[id^=pid_]", "MyBB's ids", 0.6),
        ('a[href*="showthread.php?tid="], a[href*="forumdisplay.php?fid="]', "its links", 0.3),
    )
    text_hints: ClassVar[tuple[tuple[str, str, float], ...]] = (
        (r"\bmy_post_key\b|\bMyBB\.", "a script names my_post_key", 0.8),
    )
    cookie_hints: ClassVar[tuple[tuple[str, str, float], ...]] = (
        (r"mybb\[last", "it sets MyBB's cookies", 0.8),
    )

    thread_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)showthread\.php\?(?=(?:.*[&;])?tid=(?P<id>\d+))(?:.*[&;])?pid=(?P<post>\d+)",
        r"(?<=/)showthread\.php\?(?:.*[&;])?pid=(?P<post>\d+)",
        r"(?<=/)showthread\.php\?(?:.*[&;])?tid=(?P<id>\d+)(?:.*[&;]page=(?P<page>\d+))?",
        r"(?<=/)thread-(?P<id>\d+)-post-(?P<post>\d+)\.html",
        r"(?<=/)thread-(?P<id>\d+)(?:-page-(?P<page>\d+))?(?:-\w+)?\.html",
    )
    board_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)forumdisplay\.php\?(?:.*[&;])?fid=(?P<id>\d+)(?:.*[&;]page=(?P<page>\d+))?",
        r"(?<=/)forum-(?P<id>\d+)(?:-page-(?P<page>\d+))?\.html",
    )
    member_addresses: ClassVar[tuple[str, ...]] = (
        r"\.php\?(?:.*[&;])?uid=(?P<id>\d+)",
        r"/user-(?P<id>\d+)\.html",
    )
    scripts: ClassVar[str] = r"(?<=/)(?:member|misc|private|search|memberlist|portal|usercp)\.php"
    thread_form: ClassVar[str] = "showthread.php?tid={thread}"
    post_form: ClassVar[str] = "showthread.php?tid={thread}&pid={post}#pid{post}"
    private_form: ClassVar[str] = "private.php?action=send&uid={id}"
    profile_form: ClassVar[str | None] = "member.php?action=profile&uid={id}"

    post: ClassVar[Css] = ("div.post[id^=post_]", "[id^=post_]:has(.post_body)")
    author: ClassVar[Css] = (
        ".author_information .largetext",
        ".post_author .largetext",
        ".largetext",
        ".author_information strong",
        '.post_author a[href*="member"], .post_author a[href*="user-"]',
    )
    author_link: ClassVar[Css] = (
        ".author_information a, .post_author a, .largetext a, .author_buttons a, .postbit_find"
    )
    edited: ClassVar[Css] = ".edited_post, .post_edit"
    time: ClassVar[Css] = (".post_date", ".post_head .smalltext", "td.tcat .smalltext, .smalltext")
    body: ClassVar[Css] = (".post_body", "[id^=pid_]")
    skip: ClassVar[Css] = ".signature, .post_edit, .edited_post"
    number: ClassVar[Css] = (
        '.post_head a[href*="pid"], .float_right a[href*="#pid"]',
        'strong > a[href*="#pid"]',
    )
    thread_title: ClassVar[Css] = (".navigation .active", ".thead strong", ".breadcrumb .active")
    crumb: ClassVar[Css] = ".navigation a, .breadcrumb a"
    next_page: ClassVar[Css] = "a.pagination_next"
    previous_page: ClassVar[Css] = "a.pagination_previous"

    thread_row: ClassVar[Css] = ("tr.inline_row", "tr:has(> td span[id^=tid_])")
    thread_id: ClassVar[Css] = "[id^=tid_]::attr(id)"
    thread_link: ClassVar[Css] = ("[id^=tid_] a", "[class*=subject_] a")
    thread_last: ClassVar[Css] = (".lastpost", "td:last-child")
    thread_pinned: ClassVar[Css] = ".forumdisplay_sticky, .sticky, .thread_sticky"
    thread_moved: ClassVar[Css] = '.movefolder, img[src*="movefolder"]'
    thread_replies: ClassVar[Css] = (
        'a[href*="whoPosted"], a[href*="whoposted"]',
        "td[align=center] > a",
    )
    board_row: ClassVar[Css] = (
        "tr:has(> td > .forum_status)",
        "tr:has(> td [id^=mark_read_])",
        'tr:has(> td > strong > a[href*="forum"])',
    )
    board_id: ClassVar[Css] = "[id^=mark_read_]::attr(id)"
    board_link: ClassVar[Css] = ("strong > a", "a")
    board_last: ClassVar[Css] = (".lastpost", "td:last-child")
    listing: ClassVar[Css] = "select[name=sortby], select[name=datecut], .forum_status"

    def number_in(self, page: TextResponse, kind: Kind) -> str | None:
        """Return the id in the page's forms, where addresses hold titles alone."""
        name = "tid" if kind is Kind.THREAD else "fid"
        hidden = page.css(f"input[name={name}]::attr(value)").getall()
        script = "newreply|printthread|sendthread" if name == "tid" else "newthread|misc"
        linked = re.findall(rf"(?:{script})\.php\?[^\"'>]*\b{name}=(\d+)", page.text)
        return next(filter(None, (digits(value) for value in [*hidden, *linked])), None)

    def posted_at(self, view: HtmlPage, node: Selector) -> datetime | None:
        """Return the message's time: the date behind "Yesterday" and "5 minutes ago" first."""
        for date in view.find(node, "time"):
            if when := _shown(view, date):
                return when
        return None

    def prepare(self, view: HtmlPage, body: Selector) -> None:
        """Take the date out of the headings of quotes, which leaves "ann Wrote:"."""
        del view
        for date in body.css("blockquote > cite > span"):
            date.drop()


def _shown(view: HtmlPage, date: Selector) -> datetime | None:
    """Return the moment in ``date``, whose title over a relative day or time is exact."""
    texts = date.xpath(".//text()[not(ancestor::*[contains(@class,'edit')])]").getall()
    whole = " ".join("".join(texts).split())
    for over in date.xpath(".//*[@title][not(ancestor-or-self::*[contains(@class,'edit')])]"):
        exact = over.attrib["title"]
        if _CLOCK.search(exact) and (when := view.clock(exact)):
            return when
        if when := view.clock(whole.replace(plain(over.root), exact, 1)):
            return when
    return view.clock(whole)
