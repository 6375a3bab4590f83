"""vBulletin 3 as a guest sees it: tables, plain addresses or those rewritten by vBSEO.

Checked in November 2026 against a saved page of vBulletin 3.8.
"""

# ruff: noqa: ARG002  (what the base offers is not all needed)

import re
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit

from parsel import Selector

from spiders.addresses import origin, parameter, without_fragment
from spiders.base import BoardRef, Gives
from spiders.selected import SelectorEngine
from spiders.selected_page import Doc, Person, count_in, said

_GENERATOR = "meta[name=generator i][content^='vBulletin {}' i]"
_IN_BOX = "[not(ancestor::*[starts-with(@id,'post_message_')])][not(ancestor::script)]"
_NAMED = re.compile(r"^(?:post_|post|edit|td_post_)(\d+)$")
_PAGED = re.compile(
    r"(?:/(?:t|thread|f|forum)?\d+(?:-[^/]*)?|-t?(?!(?:19|20)\d\d-)\d+)-(\d{1,3})(?=\.html$)"
)
"""vBSEO's later page of a thread; "-77.html" alone is the thread's number, 2026 part of a title."""
_TOOLS = (
    "a[href*='printthread.php']::attr(href), a[href*='goto=nextoldest']::attr(href), "
    "a[href*='do=sendtofriend']::attr(href)"
)
_PICTURE = re.compile(r"image\.php\?u=(\d+)|/avatar(\d+)_\d+\.")
"""A member's picture, named by their number even where vBSEO leaves it out of addresses."""
_BOARD_DATES = (
    ".lastpostdate, .forumlastpost p, div:has(> span.time), span:has(> span.time), .lastpost"
)
_HIDDEN_BOX = frozenset({"popupbody", "vbmenu_popup", "signature", "signaturecontainer"})


class Vbulletin3(SelectorEngine):
    """Read vBulletin 3 forums; vBulletin 4 shares their addresses."""

    name: ClassVar[str] = "vbulletin3"
    gives: ClassVar[Gives] = Gives(
        product="vBulletin 3",
        means="HTML pages, vBSEO addresses too",
        times="as the page shows them, in the site's zone and language",
        edits="yes",
        private="`private.php?do=newpm&u=`",
    )
    marks: ClassVar[str] = 'generator "vBulletin 3", post_message_ elements, showthread.php'
    hints: ClassVar[tuple[tuple[str, float, str], ...]] = (
        (_GENERATOR.format(3), 1.0, "the page's generator is vBulletin 3"),
        ("style#vbulletin_css, link[id=vbulletin_css]", 0.6, "the head holds vBulletin's styles"),
        ("script[src*='clientscript/vbulletin_']", 0.5, "scripts of vBulletin 3"),
        (
            "div[id^=post_message_]:not(:has(blockquote.postcontent))",
            0.4,
            "messages named as vBulletin 3 names them",
        ),
        ("table[id^=post] [id^=post_message_]", 0.5, "messages in vBulletin 3's tables"),
        ("a[id^=thread_title_], td[id^=td_threadtitle_]", 0.5, "rows of vBulletin 3's threads"),
        ("a[href*='member.php?u=']", 0.2, "links lead to member.php"),
        (
            "a[href*='showthread.php?t='], a[href*='forumdisplay.php?f=']",
            0.3,
            "links lead to showthread.php or forumdisplay.php",
        ),
    )

    post: ClassVar[str] = "[id^=post_message_]"
    body: ClassVar[str] = "[id^=post_message_]"
    author: ClassVar[str] = "a.bigusername, .bigusername, [id^=postmenu_]"
    time: ClassVar[str | tuple[str, ...]] = ".postdate .date, .postdate, time"
    number: ClassVar[str] = "a[id^=postcount], a.postcounter, .nodecontrols"
    skip: ClassVar[frozenset[str]] = frozenset(
        {"bbcode_description", "signature", "signaturecontainer", "tapatalksignatur"}
    )

    title: ClassVar[tuple[str, ...]] = (
        "td.navbar strong",
        "span.threadtitle a",
        "span.threadtitle",
        "#pagetitle h1 a",
        "#pagetitle h1",
        "h1",
    )
    board_title: ClassVar[tuple[str, ...]] = (
        "td.navbar strong",
        "#pagetitle .forumtitle",
        "#pagetitle h1",
        "li.lastnavbit span",
        "li.lastnavbit",
        "h1",
    )
    title_drop: ClassVar[frozenset[str]] = frozenset({"prefix", "forumtitle_extra"})
    crumb: ClassVar[str] = (
        "span.navbar a, td.navbar a, .navbit a, [id^=breadcrumb] a, .breadcrumb a, .navbar a[href]"
    )
    pager: ClassVar[str] = ".pagenav, .pagination, .threadpagenav, #pagination_top"
    current: ClassVar[str] = ".pagenav td.alt2 strong, .pagination .selected, .pagenav .current"
    following: ClassVar[str] = "a[rel=next]"
    preceding: ClassVar[str] = "a[rel=prev]"

    thread_row: ClassVar[str] = "tr:has(a[id^=thread_title_])"
    thread_link: ClassVar[str] = "a[id^=thread_title_]"
    thread_time: ClassVar[str] = ""
    thread_last: ClassVar[str] = (
        "a[href*='#post'], a[href*='goto=lastpost'], a[href*='do=getlastpost'], a.lastpostdate"
    )
    thread_pages: ClassVar[str] = "span.smallfont a[href*='page'], dl.pagination a"
    thread_replies: ClassVar[str] = (
        "a[onclick*='who('], a[href*='misc.php?do=whoposted'], td[title] ~ td[align=center]"
    )
    pinned: ClassVar[str] = "img[src*='sticky'], .stickies li, .sticky"
    moved: ClassVar[str] = "img[src*='thread_moved'], .threadbit.moved, a.threadstatus.moved"
    board_row: ClassVar[str] = "tr:has(td[id^=f] a[href]), li[id^=forum].forumbit_post"
    board_link: ClassVar[str] = "td[id^=f] a[href] strong, td[id^=f] a[href]"
    board_time: ClassVar[str] = ""
    listing: ClassVar[str] = (
        "#threadslist, #threadlist, [id^=collapseobj_forumbit_], table#inlinemodform, "
        "form#inlinemodform, #forumbits, a[href*='newthread.php?do=newthread']"
    )
    refusal_panel: ClassVar[str] = (
        "form[action*='login.php'] .panelsurround, td.panelsurround div.panel, .standard_error, "
        "h2.blockhead + .blockbody.formcontrols .blockrow"
    )
    gone: ClassVar[re.Pattern[str] | None] = re.compile(
        r"(?:no|invalid) (?:thread|forum|post) specified|"
        r"(?:kein|ungültige[rs]?) (?:thema|forum|beitrag)|thema angegeben|"
        r"nie (?:podano|wskazano|znaleziono|określono)|(?:brak|nieprawidłow)\w* (?:tem|wąt)|"
        r"не (?:указан|найден|вказан|знайден)\w*|не существует|neplatn\w+ (?:odkaz|téma)|"
        r"nebyl\w* (?:zadán|nalezen)",
        re.IGNORECASE,
    )

    thread_address: ClassVar[re.Pattern[str]] = re.compile(
        r"showthread\.php(?:[?/](\d+)|\?(?:[^#]*&)?t(?:hreadid)?=(\d+))"
        r"|/threads?/(\d+)-|/threads?/[^/?#]*?\.(\d+)/|/(?:t|thread)(\d+)(?:-[^/]*)?(?:\.html|/|$)"
        r"|/(\d+)-[^/?#]+\.html|/[^/?#]+-t?(\d{2,})\.html|/(\d+)-[^/?#]+/(?:index\d+\.html)?$"
    )
    board_address: ClassVar[re.Pattern[str]] = re.compile(
        r"forumdisplay\.php(?:[?/](\d+)|\?(?:[^#]*&)?f(?:orumid)?=(\d+))"
        r"|/forums?/(\d+)-|/f(?:orum)?(\d+)(?:[-/]|\.html|$)"
    )
    page_address: ClassVar[re.Pattern[str]] = re.compile(
        r"[?&]page=(\d+)|/page-?(\d+)(?=/|\.html|$|\?)|(?<=/)index(\d+)\.html"
    )
    post_address: ClassVar[re.Pattern[str]] = re.compile(r"[?&]p=(\d+)|#post_?(\d+)|-post(\d+)")
    member_address: ClassVar[re.Pattern[str]] = re.compile(
        r"member\.php(?:\?u=|\?|/)(\d+)|[?&]u(?:serid)?=(\d+)|/members?/(\d+)(?:[-_.]|$)"
        r"|/member(\d+)(?:\.html|/)|/members?/[^/?#]*[-.](\d+)(?:\.html|/|$)|/(\d+)-[^/?#]+\.html$"
    )
    folder_address: ClassVar[re.Pattern[str]] = re.compile(
        r"/(?:showthread|forumdisplay|member|private|external|register|login|search|faq|index|"
        r"calendar|forum|online|memberlist)\.php"
    )

    def posts(self, doc: Doc) -> list[Selector]:
        """Return the box of each message: the outermost element that its id names."""
        boxes = []
        for text in doc.page.css(self.post):
            mark = re.fullmatch(r"post_message_(\d+)", text.attrib.get("id", ""))
            if not mark:
                continue
            outer: Selector = text
            for around in text.xpath("ancestor::*[@id]"):
                named = _NAMED.match(around.attrib["id"])
                if named and named[1] == mark[1]:
                    outer = around
                    break
            boxes.append(outer)
        return boxes

    def prepare(self, body: Selector) -> None:
        """Give vBulletin 3's quotes, which are tables in a margin, the classes of a quote."""
        # Newer skins have boxes of class "postquote" where the table's cell was.
        for cell in body.xpath(".//table//td[@class='alt2'] | .//div[@class='postquote']"):
            outer = cell.xpath("ancestor::div[div[@class='smallfont']][1]")
            if not outer or outer[0].root is body.root:
                continue
            outer[0].root.set("class", "bbcode_quote")
            outer.xpath("./div[@class='smallfont'][1]")[0].root.set("class", "bbcode_description")
            # A quote without a name has no heading: its words follow at once.
            for heading in cell.xpath(
                "self::td/div[1][strong] | self::div/preceding-sibling::div[1][strong]"
            ):
                heading.root.set("class", "bbcode_postedby")
        for box in body.css(".bbcode_quote"):
            if names := box.css(".bbcode_postedby strong"):
                box.root.set("data-username", said(names[0]))
        for code in body.xpath(".//pre[contains(@class,'alt2')] | .//div[@class='alt2'][code]"):
            code.root.set("class", "codebox")
            for above in code.xpath("preceding-sibling::*[1][self::div][@class='smallfont']"):
                above.root.set("class", "bbcode_description")

    def post_id(self, node: Selector) -> str | None:
        """Return the id of the message in ``node``."""
        ids = node.xpath("descendant-or-self::*[starts-with(@id,'post_message_')]/@id").getall()
        return ids[0].removeprefix("post_message_") if ids else None

    def person(self, doc: Doc, node: Selector) -> Person:
        """Return the author; the id also from links to their messages, which a menu holds."""
        person = super().person(doc, node)
        if person.profile is None or person.uid is not None:
            return person
        for href in node.css(
            "a[href*='do=newpm']::attr(href), a[href*='do=finduser']::attr(href)"
        ).getall():
            if number := parameter(href, "u") or parameter(href, "userid"):
                return Person(name=person.name, uid=number, profile=person.profile)
        for source in node.xpath(f".//img/@src[parent::*{_IN_BOX}]").getall():
            if found := _PICTURE.search(source):
                return Person(name=person.name, uid=found[1] or found[2], profile=person.profile)
        return person

    def posted_at(self, doc: Doc, node: Selector) -> datetime | None:
        """Return when the message was written: the first date in the frame around its text."""
        if when := super().posted_at(doc, node):
            return when
        heads = [said(cell).partition("#")[0] for cell in node.css(".thead, .tcat, .postdate")]
        parts = node.xpath(f".//text(){_IN_BOX}[not(ancestor::em)]").getall()
        return doc.loose_time([*heads, *parts])

    def is_edited(self, node: Selector) -> bool:
        """Return whether a line under the message tells when it was edited."""
        return any(
            re.search(r"\d{1,2}[:.h]\d\d", said(line))
            for line in node.xpath(
                f".//div[contains(@class,'smallfont')]/em{_IN_BOX}"
                f" | .//*[contains(@class,'lastedited')]{_IN_BOX}"
            )
        )

    def place_in_thread(self, node: Selector) -> int | None:
        """Return the position of the message in its thread, which an anchor is named by."""
        name = node.css("a[id^=postcount]::attr(name)").get() or ""
        if name.isdecimal() and len(name) < 10:
            return int(name)
        shown = super().place_in_thread(node)
        if shown is None:
            link = node.css("a[href*='postcount=']::attr(href)").get()
            return count_in(parameter(link, "postcount")) if link else None
        return shown

    def thread_id(self, doc: Doc, urls: list[str]) -> str | None:
        """Return the thread's id: from what the page's forms and scripts say, then addresses."""
        page = doc.page
        named = page.css(
            "form[action*='showthread.php'] input[name=t]::attr(value), "
            "input[name=threadid]::attr(value), form[action*='search'] input[name=searchthreadid]"
            "::attr(value), #qrform input[name=t]::attr(value)"
        ).get()
        if named and named.isdecimal():
            return named
        if found := re.search(r"\bthreadid\s*=\s*[\"']?(\d+)", page.text):
            return found[1]
        for tool in page.css(_TOOLS).getall():
            if (number := parameter(tool, "t")) and number.isdecimal():
                return number
        plain = page.css("a[href*='showthread.php?t=']::attr(href)")
        address = super().thread_id(doc, urls)
        if address is None:
            return next(filter(None, map(self.thread_in, plain.getall())), None)
        return address

    def thread_in(self, url: str) -> str | None:
        """Return the id of the thread that ``url`` leads to, not of a board or member."""
        first = self.first_page(url)
        if self.board_address.search(first) and "showthread" not in first:
            path = first.rstrip("/").rpartition("/")[2]
            return self._in_name(path)
        return super().thread_in(first) or super().thread_in(url)

    def page_in(self, url: str) -> int:
        """Return which page ``url`` is; vBSEO writes it behind the thread's number or title."""
        found = _PAGED.search(without_fragment(url))
        return int(found[1]) if found else super().page_in(url)

    def first_page(self, url: str) -> str:
        """Return ``url`` without the number of a page."""
        bare = super().first_page(url)
        found = _PAGED.search(bare)
        return bare[: found.start(1) - 1] + bare[found.end(1) :] if found else bare

    def _in_name(self, path: str) -> str | None:
        """Return the id in the last part of vBSEO's address, below its board's."""
        found = re.match(
            r"t?(\d+)-.*\.html|thread(\d+)|t(\d+)(?:\.html|-)|.*-t?(\d{2,})(?:\.html)?$", path
        )
        return next((group for group in found.groups() if group), None) if found else None

    def row_id(self, doc: Doc, row: Selector, url: str) -> str | None:
        """Return the id of the thread in ``row``, which its title is named by."""
        name = row.css("a[id^=thread_title_]::attr(id)").get() or row.attrib.get("id", "")
        number = name.rpartition("_")[2]
        return number if number.isdecimal() else self.thread_in(url)

    def thread_url(self, doc: Doc, url: str, thread_id: str | None) -> str:
        """Return the first page: by rule when ``url`` is plain, else as it is linked."""
        if thread_id and re.search(r"showthread\.php\?(?:[^#]*&)?(?:t|p|threadid)=", url):
            return f"{self.folder(doc)}showthread.php?t={thread_id}"
        found = re.search(r"showthread\.php[?/]\d+[^/&?#]*", url)
        return url[: found.end()] if found else self.first_page(url)

    def permalink(self, doc: Doc, post_id: str, node: Selector, thread: str) -> str:
        """Return vBulletin's plain address of the message, which all installations answer."""
        return f"{self.folder(doc)}showthread.php?p={post_id}#post{post_id}"

    def private(self, doc: Doc, person: Person, post_id: str) -> str | None:
        """Return the form to write to a member."""
        return f"{self.folder(doc)}private.php?do=newpm&u={person.uid}" if person.uid else None

    def folder(self, doc: Doc) -> str:
        """Return the forum's folder: as the page's own marks say, else as its links do."""
        told = doc.page.css("#e_vb_meta_bburl::attr(content)").get()
        if told and doc.url(told.rstrip("/") + "/"):
            path = told.rstrip("/")[len(origin(told)) :]
            return f"{origin(doc.page.url)}{path}/"
        return super().folder(doc)

    # Lists ------------------------------------------------------------------------------------

    def board_id(self, doc: Doc, url: str, row: Selector | None = None) -> str | None:
        """Return the board's id: its row is named by it, whatever the address looks like."""
        if row is not None:
            names = [row.attrib.get("id", ""), *row.css("td[id^=f]::attr(id)").getall()]
            for name in names:
                if found := re.fullmatch(r"f(?:orum)?(\d+)", name):
                    return found[1]
        return super().board_id(doc, url, row)

    def crumb_board(self, doc: Doc) -> BoardRef | None:
        """Return the thread's board; where vBSEO leaves out its number, its path is its name."""
        if board := super().crumb_board(doc):
            return board
        for link in reversed(doc.page.css(self.crumb)):
            url, title = doc.url(link.attrib.get("href")), said(link)
            path = urlsplit(url).path.strip("/") if url else ""
            if not url or not title or not path or ".php" in url:
                continue
            if found := re.match(r"(\d+)-", path):  # vBSEO's board, numbered in front
                return BoardRef(board_id=found[1], title=title, url=url)
            if doc.here.startswith(url):
                return BoardRef(board_id=path, title=title, url=url)
        return None

    def own_board(self, doc: Doc) -> str | None:
        """Return the board's id: from the address, else from the forms of the page."""
        named = super().own_board(doc)
        if named is None:
            form = doc.page.css(
                "input[name='forumchoice[]']::attr(value), input[name=f]::attr(value)"
            ).get()
            return form if form and form.isdecimal() and form != "0" else None
        return named

    def replies(self, row: Selector) -> int | None:
        """Return how many answers the row counts: its list of writers, or "Replies: 2" above."""
        link = row.css("a[href*='whoposted'], a[onclick*='who(']")
        if link and (number := count_in(said(link[0]))) is not None:
            return number
        title = row.css("td[title]::attr(title)").getall()
        for text in title:
            if found := re.search(r":\s*([\d.,' \xa0]+)", text):
                return count_in(found[1].strip())
        cells = [said(cell) for cell in row.css(".threadstats li:first-child")]
        for text in cells:
            if (number := count_in(text.rpartition(":")[2])) is not None:
                return number
        return None

    def row_time(self, doc: Doc, row: Selector) -> datetime | None:
        """Return when the newest message was written: the cell that links to it."""
        cells = row.css("dl.threadlastpost dd, .lastpost, td:has(span.time), td[title] .smallfont")
        for cell in cells:
            words = said(cell, _HIDDEN_BOX)
            if when := self._dated(doc, cell, words):
                return when
        return None

    def board_row_time(self, doc: Doc, row: Selector) -> datetime | None:
        """Return when the newest message of a board was written."""
        for cell in row.css(_BOARD_DATES):
            if when := self._dated(doc, cell, said(cell, _HIDDEN_BOX)):
                return when
        return None

    def _dated(self, doc: Doc, cell: Selector, words: str) -> datetime | None:
        """Return the date in ``words``, before the name that may follow it: "... by ann"."""
        clock = cell.css("span.time")
        if clock:
            before = " ".join(clock[0].xpath("preceding-sibling::text()[1]").getall())
            if when := doc.shown(f"{before} {said(clock[0])}"):
                return when
        return doc.loose_time([words, *cell.xpath(".//text()").getall()])
