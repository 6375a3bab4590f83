"""Simple Machines Forum 1.1, 2.0 and 2.1 as a guest sees it, in its own and derived themes.

Checked in November 2026 against a recorded SMF 2.1.4 and a saved page of 1.1.
"""

import re
from typing import ClassVar

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from parsel import Selector
from scrapy.http import TextResponse

from spiders.base import Gives, Kind
from spiders.html_engine import Css, HtmlEngine, HtmlPage, Place
from spiders.text import CODE, classes, plain

_ACTION = re.compile(r"[?&;](?:action|prev_next|sort|imode|wap2?)\b")
_FORUM = r"(?<=/)(?:(?:\w+\.php)?\?(?:[^#]*[;&])?{0}=|(?:index\.php/)?{0},)"
_NUMBERED = r"(?<=[^/?=]-{0})(?P<id>\d+)"
"""Addresses of words, and a number, by which mods replace SMF's own: "lost-parcel-t12.0.html"."""
_LEAD = re.compile(r"^[^:]*:\s+|^[^\d:]*#\s?\d+\s*[-–—»]*\s+", re.DOTALL)
"""What 1.1 and 2.0 write before a date: "« Reply #3 on: "."""
_QUOTED = re.compile(
    r"^[^:]*:\s*(?P<name>.+?)"
    r"(?:\s(?:on|am|um|in|от|в|від|w|o|dnia|kdy|dne|v|le|el|em|en|op|den|på|il)\s(?P<date>\D*\d.*))?$",
    re.DOTALL,
)

_LONGEST = 300  # characters of a quote's heading


class Smf(HtmlEngine):
    """Read SMF boards: ``?topic=1.0`` and ``index.php/topic,1.0.html`` addresses, or rewritten."""

    name: ClassVar[str] = "smf"
    gives: ClassVar[Gives] = Gives(
        product="Simple Machines 1.1 to 2.1",
        times="as the page shows them, in the site's zone and language",
        edits="yes",
        private="`action=pm;sa=send;u=`",
    )
    marks: ClassVar[str] = "smf_theme_url in a script, the Simple Machines footer, ?topic= links"
    css_hints: ClassVar[tuple[tuple[str, str, float], ...]] = (
        ('a[href*="simplemachines.org"]', "the footer leads to simplemachines.org", 0.6),
        ('a[href*="?topic="], a[href*="?board="], a[href*="/topic,"]', "links to ?topic=", 0.4),
    )
    text_hints: ClassVar[tuple[tuple[str, str, float], ...]] = (
        (r"\bsmf_(?:theme_url|scripturl|images_url)\b", "a script names smf_theme_url", 1.0),
    )
    cookie_hints: ClassVar[tuple[tuple[str, str, float], ...]] = (
        (r"SMFCookie\d+=", "it sets SMF's cookie", 0.8),
    )

    thread_addresses: ClassVar[tuple[str, ...]] = (
        _FORUM.format("topic") + r"(?P<id>\d+)(?:\.(?:msg(?P<post>\d+)|(?P<start>\d+)\b))?",
        r"(?<=/)(?:\w+\.php)?\?msg=(?P<post>\d+)",
        _NUMBERED.format("t") + r"(?:\.(?:msg(?P<post>\d+)|(?P<start>\d+)))?(?:\.html)?(?=[/?;]|$)",
    )
    board_addresses: ClassVar[tuple[str, ...]] = (
        _FORUM.format("board") + r"(?P<id>\d+)(?:\.(?P<start>\d+)\b)?",
        _NUMBERED.format("b") + r"(?:\.(?P<start>\d+))?(?:\.html)?(?=[/?;]|$)",
    )
    member_addresses: ClassVar[tuple[str, ...]] = (
        r"action[=,]profile[;&,/]u[=,](?P<id>\d+)",
        r"/profile/?\?u=?(?P<id>\d+)",
    )
    scripts: ClassVar[str] = r"(?<=/)(?:index\.php)?\?action="
    thread_form: ClassVar[str] = "index.php?topic={thread}.0"
    post_form: ClassVar[str] = "index.php?topic={thread}.msg{post}#msg{post}"
    private_form: ClassVar[str] = "index.php?action=pm;sa=send;u={id}"
    profile_form: ClassVar[str | None] = "index.php?action=profile;u={id}"

    post: ClassVar[Css] = (
        ".post_wrapper",
        "td:has(> table [id^=subject_]):has(div.post):not(:has(td > table div.post table))",
        "table:has(> tr > td [id^=subject_]):has(div.post)",
    )
    post_id: ClassVar[Css] = (
        ".inner[id^=msg_]::attr(id)",
        "[id^=subject_]::attr(id)",
        "[id^=msg_]::attr(id)",
    )
    author: ClassVar[Css] = (
        '.poster h4 a[href*="profile"]',
        ".poster h4",
        ".poster .name, .poster .username",
        'b > a[href*="action=profile"]',
        "td b",
    )
    author_link: ClassVar[Css] = (".poster h4 a", ".poster a", 'b > a[href*="profile"]')
    time: ClassVar[Css] = (
        ".postinfo a.smalltext::text",
        ".postinfo > .smalltext:not(.modified)",
        ".keyinfo .smalltext",
        "[id^=subject_] ~ .smalltext",
        ".keyinfo a::text, .keyinfo span::text",
    )
    edited: ClassVar[Css] = "[id^=modified_], .modified"
    body: ClassVar[Css] = (".post .inner", ".inner[id^=msg_]", "div.post")
    skip: ClassVar[Css] = ".quoteheader, .quotefooter, .codeheader, .signature"
    number: ClassVar[Css] = ()
    thread_title: ClassVar[Css] = ("#top_subject", "h1.display_title", "h2.display_title")
    crumb: ClassVar[Css] = ".navigate_section a, .linktree a, a.nav, #linktree a, .breadcrumb a"
    next_page: ClassVar[Css] = (
        ".pagelinks .current_page + a.nav_page",
        ".pagelinks strong + a.navPages",
        "td > b + a.navPages",
    )
    previous_page: ClassVar[Css] = ()

    thread_row: ClassVar[Css] = (
        "#topic_container > div",
        "tr:has(> td span[id^=msg_])",
        "tr:has(> td.subject)",
    )
    thread_id: ClassVar[Css] = ("span[id^=msg_]::attr(id)",)  # where addresses are words alone
    thread_link: ClassVar[Css] = ("span[id^=msg_] a", ".subject a, .info a")
    thread_last: ClassVar[Css] = (".lastpost", "td:last-child")
    thread_pinned: ClassVar[Css] = (
        '.sticky, [class*="sticky"], img[src*="sticky"], img[id^="stickyicon"]'
    )
    thread_moved: ClassVar[Css] = 'img[src*="/moved."], .main_icons.moved'
    thread_replies: ClassVar[Css] = (".board_stats", "td.stats", "td.replies", "td:nth-child(5)")
    board_row: ClassVar[Css] = (
        ".up_contain",
        "tr[id^=board_]:not([id$=_children])",
        "tr:has(> td > a[name^=b]), tr:has(> td > b > a[name^=b])",
    )
    board_id: ClassVar[Css] = ("[id^=board_]:not([id$=_children])::attr(id)",)
    board_link: ClassVar[Css] = ("a.subject", "b > a", "a")
    board_last: ClassVar[Css] = (".lastpost", "td:last-child")
    listing: ClassVar[Css] = "#messageindex, #boardindex_table, #board_list, table.table_grid"

    def place(self, url: str) -> Place | None:
        """Return what ``url`` points at; actions on a thread are no pages of it."""
        return None if _ACTION.search(url) else super().place(url)

    def shown(self, text: str) -> str:
        """Return the date in "« Reply #3 on: October 09, 2010, 10:12:33 PM »"."""
        return super().shown(_LEAD.sub("", text.strip(" \xa0«»"), count=1))

    def title(self, view: HtmlPage) -> str:
        """Return the title at the end of the page's path; elsewhere it has "Topic:" around it."""
        for link in reversed(view.find(view.page, "crumb")):
            place = view.place(link.attrib.get("href"))
            if place and view.here and place.kind is view.here.kind and plain(link.root):
                return plain(link.root)
        return re.sub(r"^Topic: |\s*\(Read \d+ times\)$", "", super().title(view))

    def number_in(self, page: TextResponse, kind: Kind) -> str | None:
        """Return the id in the forms and links of actions, where the address tells a message.

        Where it is words alone, lists tell no such id either, and the thread keeps theirs.
        """
        if kind is Kind.THREAD and self.place(page.url) is None:
            return None
        name = "topic" if kind is Kind.THREAD else "board"
        for href in page.css("form::attr(action), a[href*='action=']::attr(href)").getall():
            if found := re.search(
                rf"action=(?:printpage|quickmod2|post|markasread|.*){name}=(\d+)", href
            ):
                return found[1]
        return None

    def prepare(self, view: HtmlPage, body: Selector) -> None:
        """Write beside each quote whom its heading names: "Quote from: ann on October 9"."""
        del view
        for heading in body.css(".quoteheader, blockquote > cite"):
            quote = heading.root.getparent()
            if heading.root.tag != "cite":
                quote = heading.root.getnext()
            if quote is None:
                continue
            quote.tag = "blockquote"
            if found := _QUOTED.match(plain(heading.root)[:_LONGEST]):
                quote.set("data-username", found["name"].strip())

    def instead(self, element: Element) -> str | None:
        """Return a placeholder for a block of code."""
        kinds = classes(element)
        return CODE if "bbc_code" in kinds or (element.tag == "div" and "code" in kinds) else None
