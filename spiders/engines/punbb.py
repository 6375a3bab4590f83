"""PunBB 1.2 to 1.4: the block tables of 1.2 and the items of 1.3 and later."""

from typing import ClassVar

from parsel import Selector

from spiders.base import Gives
from spiders.html_engine import Css, HtmlEngine, HtmlPage

_HTML = r"(?:-[^/?]*?)?(?:-p(?P<page>\d+))?\.html"
_FOLDERS = r"(?:/(?!page/)[^/?]+)?(?:/page/(?P<page>\d+))?/?(?:$|\?)"
_QUERY = r"(?<=/){0}\.php\?(?:.*[&;])?id=(?P<id>\d+)(?:(?:&|;)p=(?P<page>\d+))?"


class Punbb(HtmlEngine):
    """Read PunBB boards, addressed by query, by files or by folders."""

    name: ClassVar[str] = "punbb"
    gives: ClassVar[Gives] = Gives(
        product="PunBB 1.2 to 1.4",
        times="as the page shows them, in the site's zone and language",
        edits="yes",
        private="none: profile",
    )
    marks: ClassVar[str] = 'a footer "Powered by PunBB", ids such as brd-viewtopic, pun_cookie'
    css_hints: ClassVar[tuple[tuple[str, str, float], ...]] = (
        ('a[href*="punbb."]', "the footer leads to PunBB", 0.6),
        ("[id^=brd-].brd-page, #brd-wrap #brd-main", "ids of PunBB 1.3", 0.8),
        ("#punwrap:not(:has(#brdmain))", "ids of PunBB 1.2", 0.6),
        ("#pun_wrap #pun, .punbb[id^=pun-]", "ids of MyBB.ru, hosting made from PunBB", 1.0),
    )
    cookie_hints: ClassVar[tuple[tuple[str, str, float], ...]] = (
        (r"\b(?:pun_cookie|forum_cookie)", "it sets PunBB's cookie", 0.4),
    )

    thread_addresses: ClassVar[tuple[str, ...]] = (
        _QUERY.format("viewtopic"),
        r"(?<=/)viewtopic\.php\?(?:.*[&;])?pid=(?P<post>\d+)",
        r"(?<=/)topic(?P<id>\d+)" + _HTML,
        r"(?<=/)post(?P<post>\d+)\.html",
        r"(?<=/)topic/(?P<id>\d+)" + _FOLDERS,
        r"(?<=/)post/(?P<post>\d+)/?$",
    )
    board_addresses: ClassVar[tuple[str, ...]] = (
        _QUERY.format("viewforum"),
        r"(?<=/)forum(?P<id>\d+)" + _HTML,
        r"(?<=/)forum/(?P<id>\d+)" + _FOLDERS,
    )
    member_addresses: ClassVar[tuple[str, ...]] = (
        r"profile\.php\?(?:.*[&;])?id=(?P<id>\d+)",
        r"/user/?(?P<id>\d+)(?:/|\.html)",
    )
    scripts: ClassVar[str] = r"(?<=/)(?:userlist|search|login|profile|extern|misc)\.php"
    thread_form: ClassVar[str] = "viewtopic.php?id={thread}"
    post_form: ClassVar[str] = "viewtopic.php?pid={post}#p{post}"
    private_form: ClassVar[str] = "profile.php?id={id}"
    """There are no private messages: a profile shows how its member may be written to."""
    profile_form: ClassVar[str | None] = private_form

    post: ClassVar[Css] = (
        "div.blockpost[id^=p]:has(.postmsg)",
        "div.post:has(.entry-content)",
        "div.post[id^=p]:has(.post-content)",
    )
    post_id: ClassVar[Css] = (".posthead[id^=p]::attr(id)", "::attr(id)")
    author: ClassVar[Css] = (
        ".postleft dt strong",
        ".postleft dt",
        ".author-ident .username",
        ".post-byline a, .post-byline strong",
        ".pa-author a",
        ".pa-author::text",
    )
    author_link: ClassVar[Css] = (
        ".postleft dt a, .author-ident .username a, .post-byline a, .pa-author a"
    )
    time: ClassVar[Css] = (
        "h2 a::text",
        ".post-link a::text",
        "h2 > span",
        ".posthead .permalink::text",
        "::attr(data-posted)",
        "h3 .permalink::text",
    )
    edited: ClassVar[Css] = ".postedit, .lastedit"
    body: ClassVar[Css] = (".postright .postmsg", ".postmsg", ".entry-content", ".post-content")
    skip: ClassVar[Css] = (
        ".postedit, .lastedit, .postsignature, .sig-content, .sig-line, .post-sig, .acchide"
    )
    number: ClassVar[Css] = (".post-num", "h2 .conr", "h3 strong")
    thread_title: ClassVar[Css] = (
        ".crumbs li:last-child strong",
        ".crumblast a",
        ".main-title",
        ".crumbs li:last-child a",
        ".linkst li:last-child",
        "#pun-main h1",
    )
    crumb: ClassVar[Css] = ".crumbs a, .linkst li a, .linksb li a"
    next_page: ClassVar[Css] = (
        ".pagelink a[rel=next]",
        ".pagelink strong + a",
        ".paging strong + a",
        ".pagelink a.next",
    )
    previous_page: ClassVar[Css] = ".pagelink a[rel=prev]"

    thread_row: ClassVar[Css] = (
        "#vf tr:has(td.tcl)",
        ".main-item[id^=topic], .main-forum .main-item",
        ".blocktable tr:has(td.tcl):has(a[href*=viewtopic])",
        "#pun-viewforum tr:has(td.tcl)",
    )
    thread_link: ClassVar[Css] = (".tclcon a", "td.tcl a", ".item-subject h3 a")
    thread_last: ClassVar[Css] = "td.tcr, .info-lastpost"
    thread_time: ClassVar[Css] = "a::text"
    thread_pinned: ClassVar[Css] = ".isticky, .sticky, .stickytext, .icon-sticky"
    thread_moved: ClassVar[Css] = ".imoved, .movedtext, .moved, .icon-moved"
    thread_replies: ClassVar[Css] = "td.tc2, .info-replies strong"
    board_row: ClassVar[Css] = (
        "[id^=idx] tr:has(td.tcl)",
        ".main-category .main-item",
        "#punindex tr:has(td.tcl), #pun-index tr:has(td.tcl), .blocktable tr:has(td.tcl h3)",
    )
    board_link: ClassVar[Css] = "h3 a"
    board_last: ClassVar[Css] = "td.tcr, .info-lastpost"
    listing: ClassVar[Css] = (
        "#vf, #punindex .blocktable, #pun-viewforum, #pun-index, .main-forum, .main-category, "
        ".forum-views"
    )

    def title(self, view: HtmlPage) -> str:
        """Return the title without the arrow before the last step of the page's path."""
        return super().title(view).lstrip("»→ ")

    def prepare(self, view: HtmlPage, body: Selector) -> None:
        """Make the headings of PunBB 1.2's quotes such as ``spiders.text`` knows."""
        del view
        for heading in body.css("blockquote h4"):
            heading.root.tag = "cite"
