"""What reading a page gives, and what every forum engine promises.

An engine knows *where things stand on a page*; it fetches nothing. ``spiders.spider`` decides
which page to ask for next, so that a saved file and a live forum are read by the same code.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cssselect import SelectorError
from parsel.csstranslator import HTMLTranslator
from scrapy.http import Response, TextResponse

from models.base import utc_now
from models.errors import QuietwordError
from spiders.limits import spent_rest_s
from spiders.outcome import PageFailed


class PageChanged(QuietwordError):
    """A page lacks something its engine relies on: the markup has moved."""


class ReadOptionError(QuietwordError):
    """What a person says of a site cannot be; the message shows how it is written."""


class Kind(StrEnum):
    """What sort of page was read."""

    INDEX = "index"
    BOARD = "board"
    THREAD = "thread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A block that the author took over from somebody else."""

    author: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostItem:
    """One message as read from a page."""

    post_id: str
    """The engine's own id; with the forum's address it names the message for good."""
    number: int | None
    """Position in its thread, from 1, where the page tells."""
    url: str
    """Permanent link to the message, without session ids."""
    author: str
    author_id: str | None
    author_posts: int | None = None
    """How many messages the page says the author has written in all."""
    author_joined: datetime | None = None
    posted_at: datetime | None
    """When it was written (UTC); ``None`` where the page does not tell or it cannot be read."""
    edited: bool
    text: str
    """The author's own words: no quotes, signature or edit notice; blocks end in a newline."""
    quotes: tuple[Quote, ...] = ()
    private_message_url: str | None
    """Where a person logged in to the forum writes to the author privately."""
    profile_url: str | None = None
    """The author's own page. Equals ``private_message_url`` where one can only write from there."""
    thread: "ThreadRef | None" = None
    """The message's thread, on a page that lists messages of several threads."""
    author_handle: str | None = None
    """What names the author in addresses, where the name shown is another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRef:
    """A link to a board, from an index page."""

    board_id: str
    title: str
    url: str
    last_posted_at: datetime | None = None
    stamp: str | None = None
    """Opaque; another one whenever the board has news. Where given, it alone is compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRef:
    """A row of a board's list of threads."""

    thread_id: str
    title: str
    url: str
    """Address of the thread's first page."""
    last_url: str | None = None
    """Address of the page that holds the newest message, where the row links to it."""
    last_post_id: str | None = None
    last_posted_at: datetime | None = None
    posts: int | None = None
    """Number of messages in the thread, the first included."""
    pinned: bool = False
    """Stands first whatever its age, so an old one ends no scan."""
    stamp: str | None = None
    """Opaque; another one whenever the thread has news. Where given, it alone is compared."""
    complete: bool = False
    """All messages of the thread stand on the page that lists it: it need not be opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything one page tells."""

    kind: Kind
    board_id: str | None = None
    board_title: str | None = None
    thread_id: str | None = None
    thread_title: str | None = None
    thread_url: str | None = None
    """The thread's canonical first page."""
    posts: tuple[PostItem, ...] = ()
    """In the order of the page."""
    threads: tuple[ThreadRef, ...] = ()
    boards: tuple[BoardRef, ...] = ()
    next_page: str | None = None
    """The following page of this board (older threads) or thread (newer messages)."""
    previous_page: str | None = None
    last_page: str | None = None
    """The last page of a thread, where the page links to it."""
    unreadable: int = 0
    """Messages seen but not understood."""
    language: str | None = None
    """What the page says of its own language, as ISO 639-1."""
    nested: bool = False
    """Answers stand below what they answer, so the order is not that of time."""
    half: bool = False
    """The answer ended before the page did; told by who fetched it."""
    cut: bool = False
    """The thread has messages to which this page does not lead."""
    gapless: bool = False
    """A list of messages that are threads of their own, by the numbers that their ids end with: one
    that was known between the first and the last and is missing is not there any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One hint that a page belongs to an engine; ``weight`` 1.0 alone is proof enough."""

    hint: str
    weight: float


SELECTOR_NAMES = frozenset(
    re.findall(
        r"\w+",
        """
    post post_id author author_link author_id time edited body skip quote quote_author attachment
    number thread_title crumb pager next_page previous_page last_page thread_row thread_id
    thread_link thread_last thread_time thread_pinned thread_moved thread_replies
    board_row board_id board_link board_last listing
    """,
    )
)
"""What a person may say a CSS selector for; ``spiders.html_engine.HtmlEngine`` explains each."""

ELEMENTS = frozenset(
    re.findall(
        r"\w+",
        """
    author_link board_last board_link body crumb pager post quote thread_last thread_link
    thread_title
    """,
    )
)
"""Names whose selectors pick an element, not its ``::attr(...)`` or ``::text``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What a page does not tell and a person may."""

    timezone: str = "UTC"
    """IANA zone in which the page shows its times to a guest."""
    date_order: str | None = None
    """``DMY``, ``MDY`` or ``YMD``; ``None`` follows the language."""
    language: str | None = None
    """ISO 639-1 of the forum's interface; ``None`` takes what the page says."""
    fetched_at: datetime = field(default_factory=utc_now)
    """Against which "yesterday" and "5 minutes ago" are read."""
    selectors: Mapping[str, str] = field(default_factory=dict, hash=False)
    """CSS selectors that take the place of an engine's own, by name; see ``SELECTOR_NAMES``."""

    def __post_init__(self) -> None:
        """Raise ``ReadOptionError`` for what could only be misread."""
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ReadOptionError(
                f"there is no time zone {self.timezone!r}; write it as in Europe/Warsaw"
            ) from error
        if self.date_order not in {None, "DMY", "MDY", "YMD"}:
            raise ReadOptionError(f"date order {self.date_order!r} is none of DMY, MDY, YMD")
        if self.language is not None and not re.fullmatch("[a-z]{2}", self.language):
            raise ReadOptionError(
                f"{self.language!r} is no language; write two letters, such as pl, ru or en"
            )
        for name, css in self.selectors.items():
            if name not in SELECTOR_NAMES:
                known = ", ".join(sorted(SELECTOR_NAMES))
                raise ReadOptionError(f"there is no selector {name!r}; there are {known}")
            try:
                HTMLTranslator().css_to_xpath(css)
            except SelectorError as error:
                raise ReadOptionError(
                    f"the selector {name} = {css!r} is not valid CSS ({error})"
                ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a source wants to be shown before it answers: a token or an acknowledgement."""

    setting: str
    """Name of the setting, without ``QUIETWORD_``."""
    what: str
    """What it is and where to get it, to go on after "needs"."""
    hosts: frozenset[str] = frozenset()
    """Hosts that are shown it, over https; nobody else is."""
    header: str | None = None
    """Name of the header that carries it."""
    form: str = "{}"
    """The header's value, with the key in place of ``{}``."""
    parameter: str | None = None
    """Name of the query parameter that carries it, where the source takes no header."""
    client: str | None = None
    """The setting with the name that belongs to it, where it is a secret that earns a token."""
    tokens: str = ""
    """Where client and secret are exchanged for a token (OAuth 2, client credentials), which is
    then what is shown."""
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Gives:
    """What an engine tells, in words, for the table in ``docs/engines.md``."""

    product: str = ""
    """Its name for people; the engine's own when empty."""
    addresses: str = "the forum, a board, a thread"
    """What a person may give."""
    means: str = "HTML pages"
    posts: str = "all of a thread"
    authors: str = "name, id"
    times: str = "as the page shows them"
    edits: str = "where the page says so"
    deletions: str = "missing from a thread that was read whole; a thread not there twice"
    """What counts as deleted at the source."""
    private: str = "where the page links to it"
    incremental: str = (
        "boards whose newest message is known are not opened; newest threads first, up to the "
        "first page without news"
    )


class Engine(ABC):
    """One kind of forum software. Instances hold no state."""

    name: ClassVar[str]
    gives: ClassVar[Gives] = Gives()
    keys: ClassVar[tuple[Key, ...]] = ()
    api_hosts: ClassVar[frozenset[str]] = frozenset()
    """Hosts that serve programs by published terms: read beside the address that a person gave,
    and without asking for a robots.txt, which speaks to readers of pages."""
    marks: ClassVar[str]
    """What a page is recognised by, in words for a person whose page was not."""
    honours: ClassVar[frozenset[str]] = frozenset()
    """Names of the selectors that a person may tell for one site in place of its own."""
    elements: ClassVar[frozenset[str]] = ELEMENTS
    generic: ClassVar[bool] = False
    """Reads a standard rather than one product, so it stands back when a product is recognised."""
    guesses: ClassVar[bool] = False
    """Reads by structure alone, so it stands back from every other engine."""

    @abstractmethod
    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints that ``page`` comes from this engine; an empty list when none."""

    def entry(self, url: str) -> str:
        """Return the address to fetch for the address a person gave (an API view, say)."""
        return url

    def refuse_selectors(self, selectors: Mapping[str, str]) -> None:
        """Raise ``ReadOptionError`` for one of ``selectors`` that would change nothing."""
        for name, css in selectors.items():
            if name not in self.honours:
                known = ", ".join(sorted(self.honours))
                raise ReadOptionError(
                    f"{self.name} has no selector {name!r}; it has {known}"
                    if known
                    else f"{self.name} reads by no selectors, so {name} = {css!r} changes nothing"
                )
            if name in self.elements and "::" in css:
                raise ReadOptionError(
                    f"the selector {name} of {self.name} picks an element: leave out what begins "
                    f"with '::' in {css!r}"
                )

    def with_keys(self, keys: Mapping[str, str]) -> Self:  # noqa: ARG002
        """Return the engine as it reads with these keys (by setting): usually itself."""
        return self

    def thread_of(self, url: str) -> str | None:  # noqa: ARG002
        """Return the id of the thread that an address shows, where the address alone tells."""
        return None

    def again(self, thread_id: str, url: str, source: str) -> str | None:  # noqa: ARG002
        """Return where a thread is read again; ``None`` where only its list shows it.

        ``url`` is where people see it (or where it was to be read), ``source`` the address that
        a person gave for the source.
        """
        return url

    def claims(self, url: str) -> bool:  # noqa: ARG002
        """Return whether the address alone tells that this engine reads it, before any fetch."""
        return False

    def refusal(self, page: Response) -> PageFailed | None:  # noqa: ARG002
        """Return what an answer means that only this engine understands; usually ``None``."""
        return None

    def rest_s(self, page: TextResponse) -> float:
        """Return the seconds that ``page`` asks to wait before the next request; usually 0."""
        return spent_rest_s(page)

    @abstractmethod
    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what ``page`` tells; raise ``PageChanged`` when its expected parts are missing."""
