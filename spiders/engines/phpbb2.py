"""phpBB 2 and its kin as a guest sees them.

subSilver, styles made from it, the Polish "by Przemo", and TorrentPier, which kept the addresses.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from lxml.etree import Element as new_element  # type: ignore[import-untyped]  # has no types
from parsel import Selector

from spiders.base import Gives
from spiders.html_engine import Css, HtmlEngine, HtmlPage, Place, digits
from spiders.text import CODE, plain

_OTHER = re.compile(r"[?&;](?:view|vote|watch|unwatch|mode)=")
_REWRITTEN = r"(?<=/)(?:[^?#/]*-)?{0}(?P<id>\d+)(?:-\d+-asc)?(?:[-,](?P<start>\d+))?\.html?"
_SIGNATURE = re.compile(r"^\s*_{10,}")
_PHPBB2 = 'body:not(:has(a[href*="ucp.php"])) '
_WROTE = re.compile(
    r"\s+(?:wrote|napisa[łl](?:/a|\(a\)|a)?|писал(?:\(а\)|а)?|пишет|hat folgendes geschrieben|"
    r"schrieb|napsal(?:\(a\)|a)?|писав(?:\(ла\))?|a écrit|escribió|ha scritto)\s*:?\s*$",
    re.IGNORECASE,
)


class Phpbb2(HtmlEngine):
    """Read phpBB 2 boards; a message is several rows of a table, begun by ``<a name="99">``."""

    name: ClassVar[str] = "phpbb2"
    gives: ClassVar[Gives] = Gives(
        product="phpBB 2 and its kin",
        times="as the page shows them, in the site's zone and language",
        edits="yes",
        private="`privmsg.php?mode=post&u=`",
    )
    marks: ClassVar[str] = 'links to profile.php?mode= and viewtopic.php, class "forumline"'
    css_hints: ClassVar[tuple[tuple[str, str, float], ...]] = (
        (_PHPBB2 + 'a[href*="profile.php?mode="]', "links lead to profile.php?mode=", 0.7),
        (_PHPBB2 + ".forumline, " + _PHPBB2 + "a.maintitle", "classes of subSilver", 0.5),
        (_PHPBB2 + "a[href*=privmsg]", "links lead to privmsg.php", 0.3),
        (_PHPBB2 + 'a[href*="viewtopic"]', "links to viewtopic.php", 0.2),
        (_PHPBB2 + 'a[href*="viewforum"]', "links to viewforum.php", 0.2),
    )
    text_hints: ClassVar[tuple[tuple[str, str, float], ...]] = (
        (r"Powered by\s+(?:<[^<>]*>\s*)?phpBB", "Powered by phpBB", 0.2),
    )
    cookie_hints: ClassVar[tuple[tuple[str, str, float], ...]] = (
        (r"phpbb2mysql_", "it sets phpBB 2's cookies", 0.8),
    )

    thread_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)viewtopic\.php\?(?:.*[&;])?p=(?P<post>\d+)",
        r"(?<=/)viewtopic\.php\?(?:.*[&;])?t=(?P<id>\d+)(?:.*[&;]start=(?P<start>\d+))?",
        _REWRITTEN.format("(?:vt|viewtopic,?|ftopic|ntopic|topic|about|sutra|vp?t|t)"),
        r"(?<=/)(?:[^?#/]*-)?(?:vp|post|fpost)(?P<post>\d+)\.html?",
    )
    board_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)viewforum\.php\?(?:.*[&;])?f=(?P<id>\d+)(?:.*[&;]start=(?P<start>\d+))?",
        _REWRITTEN.format("(?:vf|viewforum,?|forum|f)"),
    )
    member_addresses: ClassVar[tuple[str, ...]] = (
        r"(?:profile|privmsg)\.php\?(?:.*[&;])?u=(?P<id>[1-9]\d*)",
        r"(?:-vu|/user|/profile|/u)(?P<id>[1-9]\d*)\.html?",
    )
    scripts: ClassVar[str] = r"(?<=/)(?:profile|privmsg|memberlist|search|login|faq|posting)\.php"
    thread_form: ClassVar[str] = "viewtopic.php?t={thread}"
    post_form: ClassVar[str] = "viewtopic.php?p={post}#{post}"
    private_form: ClassVar[str] = "privmsg.php?mode=post&u={id}"
    profile_form: ClassVar[str | None] = "profile.php?mode=viewprofile&u={id}"

    post: ClassVar[Css] = (
        "tbody[id^=post_]:has(.post_body)",
        "tr:has(> td > .name a[name]), tr:has(> td > a[name])",
    )
    """The first row of each message."""
    post_id: ClassVar[Css] = ("tbody[id^=post_]::attr(id)", "a[name]::attr(name)")
    author: ClassVar[Css] = (".name b", ".name", ".nick", "a[name] ~ b")
    author_link: ClassVar[Css] = 'a[href*="profile"], a[href*="privmsg"], a[href*="-vu"], .name a'
    time: ClassVar[Css] = (
        "a.p-link::text",
        "a:has(img) ~ .postdetails::text",
        "td[width='100%'] .postdetails::text",
        ".postdetails + .postdetails::text",
        ".postdetails::text, .gensmall::text, .gen::text",
    )
    edited: ClassVar[Css] = ".postbody ~ .gensmall"
    body: ClassVar[Css] = (
        "td:has(> span.postbody)",
        "td:has(> div.postbody)",
        ".postbody",
        ".post_body",
    )
    skip: ClassVar[Css] = "td > .gensmall, .signature"
    thread_title: ClassVar[Css] = ("a.maintitle", ".maintitle", "a.cattitle[href*=viewtopic]")
    crumb: ClassVar[Css] = "a.nav, .nav a, a.cattitle, a.maintitle"

    thread_row: ClassVar[Css] = (
        "tr:has(> td > .topictitle a), tr:has(> td > a.topictitle)",
        "tr.hl-tr:has(a.tt-text), tr.hl-tr:has(a.torTopic)",
    )
    thread_link: ClassVar[Css] = "a.topictitle, .topictitle a, a.tt-text, a.torTopic"
    thread_last: ClassVar[Css] = (".vf-col-last-post", "td:last-child")
    thread_pinned: ClassVar[Css] = 'img[src*="sticky"], img[src*="announce"], img[src*="global"]'
    thread_moved: ClassVar[Css] = 'img[src*="moved"]'
    thread_replies: ClassVar[Css] = (".vf-col-replies", "td:nth-child(3)")
    board_row: ClassVar[Css] = "tr:has(> td > .forumlink), tr:has(> td > a.forumlink)"
    board_link: ClassVar[Css] = "a.forumlink, .forumlink a"
    board_last: ClassVar[Css] = "td:last-child"
    listing: ClassVar[Css] = (
        "form[action*=viewforum] .forumline, .forumline select[name=topicdays], "
        "select[name=topicdays], .forumlink"
    )

    def place(self, url: str) -> Place | None:
        """Return what ``url`` points at; "previous topic" and polls are no pages of a thread."""
        return None if _OTHER.search(url) else super().place(url)

    def messages(self, view: HtmlPage) -> Sequence[Selector]:
        """Return each message as one element that holds its rows, those below its name included."""
        whole = view.page.css("tbody[id^=post_]:has(.post_body)")
        if whole:
            return whole
        rows_found = [row for row in view.find(view.page, "post") if _number(view, row)]
        starts = {row.root for row in rows_found}
        # A row of the page's frame holds all of them.
        around = {parent for first in starts for parent in first.iterancestors("tr")}
        firsts = [row.root for row in rows_found if row.root not in around]
        boxes = []
        for first in firsts:
            rows = [first]
            for row in first.itersiblings("tr"):
                if row in starts:
                    break
                rows.append(row)
            box = new_element("tbody")
            first.addprevious(box)
            box.extend(rows)
            boxes.append(Selector(root=box, type="html"))
        return [box for box in boxes if view.find(box, "body")]

    def prepare(self, view: HtmlPage, body: Selector) -> None:
        """Make quotes of their tables, placeholders of those of code, and cut the signature off."""
        del view
        for cell in body.xpath(".//td[@class='quote' or @class='code']"):
            table = next(cell.root.iterancestors("table"))
            if cell.root.get("class") == "code":
                table.tag = "pre"
                continue
            heads = Selector(root=table, type="html").css("b")
            name = _WROTE.sub("", plain(heads[0].root)) if heads else ""
            kept = {*cell.root.iter("tr"), *cell.root.iterancestors("tr")}
            for row in [row for row in table.iter("tr") if row not in kept]:
                row.getparent().remove(row)
            if heads and name != plain(heads[0].root):
                table.set("data-username", name)
            table.tag = "blockquote"
        for head in body.css(".q-head"):
            quote = head.root.getnext()
            if quote is not None:
                quote.tag = "blockquote"
                quote.set("data-username", _WROTE.sub("", plain(head.root)))
                head.root.getparent().remove(head.root)
        _cut_signature(body)

    def instead(self, element: object) -> str | None:
        """Return a placeholder for a block of code."""
        return CODE if getattr(element, "tag", None) == "pre" else None


def _number(view: HtmlPage, row: Selector) -> str | None:
    return digits(view.line(row, "post_id"))


def _cut_signature(body: Selector) -> None:
    """Take out what follows the line of underscores before a signature, edit notices excepted."""
    for element in body.root.iter():
        if _SIGNATURE.match(element.text or ""):
            element.text = None
            for child in list(element):
                element.remove(child)
        elif element is body.root or not _SIGNATURE.match(element.tail or ""):
            continue
        while element is not None and element is not body.root:
            element.tail = None
            for sibling in list(element.itersiblings()):
                if "gensmall" not in (sibling.get("class") or ""):
                    sibling.getparent().remove(sibling)
            element = element.getparent()
        return
