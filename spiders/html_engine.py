"""What engines share whose pages are read by CSS selectors: only the selectors differ.

An engine names its selectors as class attributes and overrides a small method for what is no plain
selector. A selector is CSS (``::attr(x)`` and ``::text`` allowed) or a tuple of them, of which
the first that matches anything is taken; a comma inside one means document order.
``ReadOptions.selectors`` overrides any of them for one site. ``spiders/html_page.py`` does the
reading.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import without_session
from spiders.base import SELECTOR_NAMES, Engine, Evidence, Kind, Reading, ReadOptions
from spiders.body import is_json, readable
from spiders.home import found_at_home
from spiders.html_page import HtmlPage
from spiders.html_place import Css, Place, digits, last_number, text_of

_AROUND_DATE = " \t\n\r\xa0»«•|,-–—"
_LEAD = re.compile(r"^[^:\d]{1,40}:\s+")
"""What stands before a date: "Posted: ", "Last post: "."""

__all__ = ["Css", "HtmlEngine", "HtmlPage", "Place", "digits", "text_of"]


class HtmlEngine(Engine):
    """A forum product whose index, boards and threads are read by selectors.

    Recognition. ``css_hints``, ``text_hints`` and ``cookie_hints`` are tuples of a selector (or
    pattern), what it tells in words, and its weight; ``spiders.detect`` adds them up.
    """

    honours: ClassVar[frozenset[str]] = SELECTOR_NAMES
    css_hints: ClassVar[tuple[tuple[str, str, float], ...]] = ()
    text_hints: ClassVar[tuple[tuple[str, str, float], ...]] = ()
    cookie_hints: ClassVar[tuple[tuple[str, str, float], ...]] = ()

    # Addresses. Patterns are searched in an address without session id and fragment. Named
    # groups: "id" (thread or board; "word" where it is no number), "page" (from 1) or "start"
    # (rows before, from 0), "post". What precedes the match is the forum's folder.
    thread_addresses: ClassVar[tuple[str, ...]] = ()
    board_addresses: ClassVar[tuple[str, ...]] = ()
    member_addresses: ClassVar[tuple[str, ...]] = ()
    """Group "id" is the member's number."""
    scripts: ClassVar[str] = ""
    """A pattern of the forum's own files; what precedes one in a link is the forum's folder."""
    thread_form: ClassVar[str | None] = None
    """A thread's first page below the forum's folder ("{thread}"), where none is linked."""
    page_part: ClassVar[str] = ""
    """A pattern of what a later page adds to a thread's address; cut off, the first remains."""
    board_form: ClassVar[str | None] = None
    post_form: ClassVar[str | None] = None
    """A message's permanent link ("{post}", "{thread}"), where the page has no link to it."""
    private_form: ClassVar[str | None] = None
    """Where to write to a member below the folder: "{id}", "{name}", "{post}"."""
    profile_form: ClassVar[str | None] = None
    """A member's page below the folder: "{id}", "{name}". Without, the message's link to it."""

    # One message; looked for inside ``post``.
    post: ClassVar[Css] = ()
    post_id: ClassVar[Css] = "::attr(id)"
    """The last number in it is the message's id."""
    author: ClassVar[Css] = ()
    author_link: ClassVar[Css] = ()
    """Links among which one leads to the author's profile; a guest has none."""
    author_id: ClassVar[Css] = ()
    """The id itself, where an attribute tells it."""
    time: ClassVar[Css] = ()
    """Elements or texts of which the first readable one counts; attributes before text."""
    edited: ClassVar[Css] = ()
    """An edit mark: counts when it has a digit or a ``time`` element in it."""
    body: ClassVar[Css] = ()
    skip: ClassVar[Css] = ()
    """Parts of the body that are not the author's words: signature, edit notice."""
    quote: ClassVar[Css] = ()
    """Quotes of a markup that ``spiders.text`` does not know by itself."""
    quote_author: ClassVar[Css] = ()
    attachment: ClassVar[Css] = ()
    """Attached files outside the body."""
    number: ClassVar[Css] = ()

    # The page of a thread or board.
    thread_title: ClassVar[Css] = ()
    crumb: ClassVar[Css] = ()
    """Links of the path to the page; the last one to a board is the thread's board."""
    pager: ClassVar[Css] = "a"
    """Links that may lead to other pages of this thread or board; those in messages do not."""
    next_page: ClassVar[Css] = ("link[rel=next]", "a[rel=next]")
    previous_page: ClassVar[Css] = ("link[rel=prev]", "a[rel=prev]")
    last_page: ClassVar[Css] = ()

    # Lists.
    thread_row: ClassVar[Css] = ()
    thread_id: ClassVar[Css] = ()
    """The id in a row, for forums whose addresses may not tell it; its last number counts."""
    thread_link: ClassVar[Css] = ()
    """Inside a row; the first that leads to a thread is the title."""
    thread_last: ClassVar[Css] = ()
    """The cell with the newest message's time and link."""
    thread_time: ClassVar[Css] = ()
    """Inside the cell; without it every text in the cell is tried, from the last."""
    thread_pinned: ClassVar[Css] = ()
    """Matches the row, or something in it, when the thread is pinned."""
    thread_moved: ClassVar[Css] = ()
    """Matches what a thread left behind when it moved, or another row that is no thread."""
    thread_replies: ClassVar[Css] = ()
    thread_posts: ClassVar[Css] = ()
    """Where the row counts the first message too."""
    leads_to_page: ClassVar[bool] = True
    """The link to a row's newest message costs no more than one to its page."""
    board_row: ClassVar[Css] = ()
    board_id: ClassVar[Css] = ()
    board_link: ClassVar[Css] = "a"
    board_last: ClassVar[Css] = ()
    listing: ClassVar[Css] = ()
    """Shows that a page without rows is an empty list and no error panel."""

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of the engine on ``page``."""
        if is_json(page):
            return []
        text = page.text
        cookies = b"\n".join(page.headers.getlist("Set-Cookie")).decode("latin-1")
        found = [(found_at_home(page, css), hint, weight) for css, hint, weight in self.css_hints]
        for patterns, where in ((self.text_hints, text), (self.cookie_hints, cookies)):
            found += [(bool(re.search(mark, where)), hint, value) for mark, hint, value in patterns]
        return [Evidence(hint=hint, weight=weight) for there, hint, weight in found if there]

    def entry(self, url: str) -> str:
        """Return ``url`` without a session id."""
        return without_session(url)

    def thread_of(self, url: str) -> str | None:
        """Return the id of the thread that an address shows; ``None`` where it may not tell."""
        place = self.place(self.entry(url))
        return place.number if place is not None and place.kind is Kind.THREAD else None

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what an index, board or thread page tells.

        Raises ``PageChanged`` when it has neither messages nor a list of threads or boards.
        """
        return HtmlPage(self, readable(page), options).read()

    # What is no plain selector -------------------------------------------------------------

    def selector(self, name: str, overrides: Mapping[str, str]) -> tuple[str, ...]:
        """Return the selectors called ``name``, in order of preference."""
        if name in overrides:
            return (overrides[name],)
        own: Css = getattr(self, name)
        return (own,) if isinstance(own, str) else own

    def place(self, url: str) -> Place | None:
        """Return what ``url`` points at; ``None`` for anything but a thread, board or message."""
        for kind, patterns in (
            (Kind.THREAD, self.thread_addresses),
            (Kind.BOARD, self.board_addresses),
        ):
            for pattern in patterns:
                if found := re.search(pattern, url):
                    return Place.from_match(kind, found)
        return None

    def member(self, url: str) -> str | None:
        """Return the member's number in ``url``, a link to a profile."""
        for pattern in self.member_addresses:
            if found := re.search(pattern, url):
                return digits(found["id"])
        return None

    def message_id(self, view: HtmlPage, node: Selector) -> str | None:
        """Return the id of the message ``node``; ``None`` when it tells none."""
        return last_number(view.line(node, "post_id"))

    def title(self, view: HtmlPage) -> str:
        """Return the title of the thread or board; empty when only the head tells."""
        return view.line(view.page, "thread_title")

    def number_in(self, page: TextResponse, kind: Kind) -> str | None:
        """Return the id of the thread or board of a page whose addresses do not tell it."""
        del page, kind
        return None

    def prepare(self, view: HtmlPage, body: Selector) -> None:
        """Change the markup of a message's body so that ``spiders.text`` understands it."""

    def messages(self, view: HtmlPage) -> Sequence[Selector]:
        """Return the element of each message, in the order of the page."""
        return view.find(view.page, "post")

    def member_name(self, view: HtmlPage, node: Selector) -> str:
        """Return who wrote the message ``node``; empty when it does not tell."""
        return text_of(view.find(node, "author"))

    def shown(self, text: str) -> str:
        """Return the date in ``text``, as the page shows it with words around it."""
        return _LEAD.sub("", text.strip(_AROUND_DATE)).strip(_AROUND_DATE)

    def language(self, page: TextResponse) -> str | None:
        """Return the language of the page's interface, as ISO 639-1."""
        said = page.css("html::attr(lang), html::attr(xml\\:lang)").get() or ""
        found = re.match("[a-z]{2}", said.strip().lower())
        return found[0] if found else None

    def posted_at(self, view: HtmlPage, node: Selector) -> datetime | None:
        """Return when the message ``node`` was written."""
        return view.moment(view.find(node, "time"))

    def is_edited(self, view: HtmlPage, node: Selector) -> bool:
        """Tell whether ``node`` says that it was edited."""
        marks = view.find(node, "edited")
        return any(re.search(r"\d", text_of([mark])) or mark.css("time") for mark in marks)

    def position(self, view: HtmlPage, node: Selector) -> int | None:
        """Return the message's number in its thread, from 1, where it shows one."""
        shown = re.search(r"\d+", re.sub(r"(?<=\d)[.,\s](?=\d{3})", "", view.line(node, "number")))
        return int(shown[0]) if shown and digits(shown[0]) else None

    def instead(self, element: Element) -> str | None:
        """Return a text that stands for ``element`` in a body; ``None`` for the usual one."""
        del element
        return None

    def private_message(
        self, view: HtmlPage, *, author: str, author_id: str | None, post_id: str
    ) -> str | None:
        """Return where a logged-in person writes to the author; ``None`` for a guest."""
        if self.private_form is None or author_id is None:
            return None
        return view.root + view.fill(self.private_form, id=author_id, name=author, post=post_id)

    def profile(
        self, view: HtmlPage, *, author: str, author_id: str | None, link: str | None
    ) -> str | None:
        """Return the author's page: by ``profile_form``, else the message's ``link`` to it."""
        if self.profile_form is None or author_id is None:
            return link
        return view.root + view.fill(self.profile_form, id=author_id, name=author)
