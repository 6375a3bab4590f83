"""What a crawl is told, and what it reports when it has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from spiders.base import Evidence, Kind, ReadOptions, ThreadRef
from spiders.clock import Told
from spiders.outcome import Outcome
from spiders.settling import Habits


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlSpec:
    """What to read, and how gently."""

    address: str
    """An index, a board, or a thread."""
    engine: str | None = None
    """Name of the engine; ``None`` finds it on the start page."""
    options: ReadOptions = field(default_factory=ReadOptions)
    settle: bool = False
    """Nobody said in which zone the site writes its times: find it out, and the order of dates."""
    told: tuple[Told, ...] = ()
    """What earlier crawls found out of the zone."""
    threads: tuple[ThreadRef, ...] = ()
    """Read these threads again and nothing else; needs ``engine``."""
    since: datetime | None = None
    """Messages before this moment are left alone; ``None`` reads everything."""
    behind: bool = False
    """The last crawl left something (its report said so): look past pages without news."""
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Keys for sources that ask for one, by the name of their setting."""
    contact: str | None = None
    """Address or page by which the site's owner reaches us."""
    allow_private_addresses: bool = False
    delay_s: float = 5.0
    """Least pause between two requests; none is kept with a site on this machine."""
    max_pages: int = 64
    """Pages that one crawl may fetch; 0 for no limit."""
    max_seconds: float = 1800
    timeout_s: float = 20
    """Longest a page may take, from connecting to its last byte."""
    max_wait_s: float = 120
    """Longest Retry-After that is waited for within the crawl."""
    only_first_page: bool = False
    """Fetch the start page, say what it is, and hand over nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlReport:
    """How a crawl ended and what it did."""

    outcome: Outcome
    message: str
    """For ops: what happened, where, and what to do next."""
    engine: str | None
    evidence: tuple[Evidence, ...]
    """Why the engine was taken; empty when it was named."""
    kind: Kind | None
    """What the start page is."""
    title: str | None
    """Of the board or thread that the start page is."""
    boards: int
    """Boards read; of a first page alone, boards it links to."""
    listed: int
    """Threads seen on board pages."""
    pages: int
    threads: int
    """Threads handed over."""
    posts: int
    unreadable: int
    """Messages seen but not understood."""
    skipped_unchanged: int
    lists_unchanged: int
    """Boards and pages that by their own account hold nothing new."""
    list_pages: int
    """Pages of boards that were read."""
    authors: int
    """Messages whose author is told."""
    dated: int
    """Messages whose time is told."""
    habits: Habits
    """How the site writes its times, as far as it was found out."""
    bytes: int
    retry_after_s: float | None
    """The site asked to be left alone for so long."""
    behind: bool
    """Something was left that the next crawl should look for: its ``CrawlSpec.behind``."""
    seconds: float
    notes: tuple[str, ...]
    """What went wrong on the way without ending the crawl, one sentence each."""
