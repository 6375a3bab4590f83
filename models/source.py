"""What is read: sources, the boards they hold, and the record of every crawl."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, Index, SQLModel, UniqueConstraint

from models.base import UtcDateTime, utc_now


class Outreach(StrEnum):
    """How a community wants to be approached by a company."""

    PRIVATE = "private"
    PRIVATE_FOR_PERSONAL_DATA = "private_for_personal_data"
    DECLARED_PUBLIC_ONLY = "declared_public_only"
    ASK_MODERATOR = "ask_moderator"
    NONE = "none"


class Source(SQLModel, table=True):
    """One address that is read on a schedule: a forum, one of its boards, or a thread.

    Written by ``monitor`` (what ops ask for) and by the crawl job (state and health). Named
    for good by its address.
    """

    __tablename__ = "source"
    __table_args__ = (UniqueConstraint("address", name="uq_source_address"),)

    id: int | None = Field(default=None, primary_key=True)
    address: str = Field(max_length=2000)
    engine: str = Field(max_length=40)
    """Name of the engine that reads it, as found when it was added."""
    name: str = Field(max_length=200)
    timezone: str = Field(default="UTC", max_length=64)
    """IANA zone in which the site shows times to a guest."""
    timezone_how: str | None = Field(default=None, max_length=200)
    """Who says so, in words; ``None`` until somebody does. What a person says is not inferred."""
    timezone_evidence: list[Any] = Field(default_factory=list, sa_type=JSON)
    """What the zone was inferred from: pairs of a moment (ISO 8601) and minutes ahead of UTC."""
    date_order: str | None = Field(default=None, max_length=3)
    date_order_how: str | None = Field(default=None, max_length=200)
    language: str | None = Field(default=None, max_length=8)
    selectors: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    """CSS selectors that take the place of the engine's own, by their names."""
    every_minutes: int = 30
    """Pause between two crawls, in minutes."""
    delay_s: float = 5.0
    """Least pause between two requests to the site, in seconds; its robots.txt may ask for more."""
    enabled: bool = True
    outreach: str = Field(default=Outreach.PRIVATE, max_length=40)
    outreach_note: str = Field(default="", max_length=500)
    added_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    first_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Posts before this moment are left alone on the first crawl."""
    last_run_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_ok_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a crawl last ended well; what health is judged by."""
    last_outcome: str | None = Field(default=None, max_length=24)
    last_message: str = Field(default="", max_length=1000)
    failures: int = 0
    """Crawls in a row that did not end well."""
    health: str = Field(default="green", max_length=8)
    """``green``, ``yellow`` or ``red``, as the last crawl left it."""
    health_note: str = Field(default="", max_length=600)
    """What is wrong and what to do, in a sentence; empty when nothing is."""
    hot_run_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its heated threads were last read between two crawls."""
    not_before: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The site asked to be left alone until then (Retry-After), or we back off."""
    behind: bool = True
    """The last crawl was cut short, so the next one looks past threads it knows to older ones."""
    crawling_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """A crawl holds the source until then, so that two never run at once."""
    crawling_by: str | None = Field(default=None, max_length=300)
    """The process that holds it: host and process id."""


class Board(SQLModel, table=True):
    """A board of a source. Written by the store when a thread of it is first read."""

    __tablename__ = "board"
    __table_args__ = (UniqueConstraint("source_id", "external_id", name="uq_board_external"),)

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    external_id: str = Field(max_length=200)
    """The engine's own id; empty where the engine knows no boards."""
    title: str = Field(max_length=300)


class ListPage(SQLModel, table=True):
    """What a list of threads was like when all in it had been read, so that it need not be again.

    Written by the crawl's store when a list is done with; the oldest of a source are dropped.
    """

    __tablename__ = "list_page"
    __table_args__ = (UniqueConstraint("source_id", "key", name="uq_list_page_key"),)

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    key: str = Field(max_length=32)
    """Hash of its address."""
    etag: str | None = Field(default=None, max_length=200)
    last_modified: str | None = Field(default=None, max_length=200)
    last_posted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The board's newest message, as the page above it said."""
    stamp: str | None = Field(default=None, max_length=64)
    """What else that page said by which news of the board can be told."""
    behind: bool = False
    """It was not there when more of it was to be read than its news: that is still to be done."""
    kept_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class CrawlRun(SQLModel, table=True):
    """One crawl of one source, from its start; finished or killed. Never edited afterwards."""

    __tablename__ = "crawl_run"
    __table_args__ = (  # holds all that a page counts
        Index("ix_crawl_run_counts", "started_at", "source_id", "pages"),
    )

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="source.id", index=True, ondelete="CASCADE")
    started_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """``None``: still running, or killed before it could say."""
    outcome: str | None = Field(default=None, max_length=24)
    message: str = Field(default="", max_length=1000)
    pages: int = 0
    threads: int = 0
    posts: int = 0
    """Posts read, new or not."""
    unreadable: int = 0
    skipped: int = 0
    """Threads left alone because their row on the board had not changed."""
    hot: bool = False
    """Read only the heated threads of the source, between two crawls."""
    listed: int = 0
    """Threads seen on pages of boards."""
    list_pages: int = 0
    """Pages of boards that were read."""
    authors: int = 0
    """Posts whose author was told."""
    dated: int = 0
    """Posts whose time was told."""
    bytes: int = 0
    retry_after_s: float | None = None
