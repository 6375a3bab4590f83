"""Threads, their authors and posts, as read from a site."""

from datetime import datetime

from sqlmodel import Field, Index, SQLModel, UniqueConstraint

from models.base import UtcDateTime, utc_now


class Thread(SQLModel, table=True):
    """One thread of a source, known by the engine's id.

    Written by the store in the same transaction as the posts of one complete walk. The
    ``mark_`` fields are how far it has been read: a crawl skips a thread whose row on the
    board still says the same.
    """

    __tablename__ = "thread"
    __table_args__ = (UniqueConstraint("source_id", "external_id", name="uq_thread_external"),)

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    board_id: int = Field(foreign_key="board.id", index=True, ondelete="CASCADE")
    external_id: str = Field(max_length=200)
    title: str = Field(default="", max_length=500)
    """Empty for a thread in which no watched brand is mentioned."""
    url: str = Field(max_length=2000)
    watched: bool = False
    """A brand is mentioned, so the texts of its posts are stored; else only the mark is."""
    mark_last_post_id: str | None = Field(default=None, max_length=200)
    mark_last_posted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    mark_posts: int | None = None
    """How many posts the site says it has."""
    left_out_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when it cannot be read; it is asked for again."""
    left_out_gone: bool = False
    """It is left out because the site says that it, or a page of it, is not there."""
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When posts of it were read last."""
    version: int = 0
    """Counts the changes to its posts and their mentions."""
    judged: str | None = Field(default=None, max_length=240, index=True)
    """Checkpoint and version for which every post has its verdict."""
    first_seen_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Activity(SQLModel, table=True):
    """How many posts a thread got in one hour: counts only, for all threads.

    Written by the store together with the mark, so that a crawl that is killed and run again
    counts nothing twice. Growth is measured against these.
    """

    __tablename__ = "activity"
    __table_args__ = (
        UniqueConstraint("thread_id", "hour", name="uq_activity_hour"),
        Index("ix_activity_counts", "hour", "thread_id", "posts"),
    )

    id: int | None = Field(default=None, primary_key=True)
    thread_id: int = Field(foreign_key="thread.id", ondelete="CASCADE")
    hour: datetime = Field(sa_type=UtcDateTime)
    """Start of the hour (UTC)."""
    posts: int


class Author(SQLModel, table=True):
    """Who wrote a stored post: the handle and what the private message needs, nothing more.

    Written by the store; refreshed when a newer page tells more.
    """

    __tablename__ = "author"
    __table_args__ = (UniqueConstraint("source_id", "external_id", name="uq_author_external"),)

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    external_id: str = Field(max_length=300)
    """The engine's user id, or ``name:`` and the handle where a page shows no id."""
    name: str = Field(max_length=300)
    posts_shown: int | None = None
    """How many messages the site says the author has written."""
    joined_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    profile_url: str | None = Field(default=None, max_length=2000)
    """Their own page on the site, where it has one that can be named."""


class Post(SQLModel, table=True):
    """One message, kept as its author wrote it; ``(source_id, external_id)`` names it for good.

    Written by the store. An edit seen later moves the old text to ``PostRevision``. What we
    think of a post lives in tables that point here.
    """

    __tablename__ = "post"
    __table_args__ = (UniqueConstraint("source_id", "external_id", name="uq_post_external"),)

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    thread_id: int = Field(foreign_key="thread.id", index=True, ondelete="CASCADE")
    author_id: int = Field(foreign_key="author.id", index=True)
    external_id: str = Field(max_length=200)
    number: int | None = None
    url: str = Field(max_length=2000)
    private_message_url: str | None = Field(default=None, max_length=2000)
    posted_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """``None`` where the site shows no time that can be trusted."""
    fetched_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    """When it was first read: the time used where ``posted_at`` is missing."""
    edited: bool = False
    text: str
    """The author's own words; empty when the post holds only quotes."""
    text_hash: str = Field(max_length=32)
    """Names this version of the text and its quotes; a verdict belongs to one version."""
    gone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was first missing from a page that was read in full."""
    matched_hash: str | None = Field(default=None, max_length=64)
    """Version of text and brand rules for which mentions were last looked for."""


class Quote(SQLModel, table=True):
    """A block in a post that was taken over from somebody else. Replaced when the post changes."""

    __tablename__ = "quote"
    __table_args__ = (UniqueConstraint("post_id", "position", name="uq_quote_position"),)

    id: int | None = Field(default=None, primary_key=True)
    post_id: int = Field(foreign_key="post.id", ondelete="CASCADE")
    position: int
    author: str | None = Field(default=None, max_length=300)
    text: str


class PostRevision(SQLModel, table=True):
    """What a post said before an edit. Written by the store, never changed."""

    __tablename__ = "post_revision"
    __table_args__ = (UniqueConstraint("post_id", "text_hash", name="uq_post_revision_text"),)

    id: int | None = Field(default=None, primary_key=True)
    post_id: int = Field(foreign_key="post.id", ondelete="CASCADE")
    text: str
    text_hash: str = Field(max_length=32)
    replaced_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
