"""What is listened for, where it was mentioned, and what the model thought of it."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, Index, SQLModel, UniqueConstraint

from models.base import UtcDateTime, utc_now


class Role(StrEnum):
    """What a term does for its brand."""

    ALIAS = "alias"
    EXCLUSION = "exclusion"
    CONTEXT = "context"
    RIVAL = "rival"
    STAFF = "staff"
    """A handle under which our own people write in public."""


class Brand(SQLModel, table=True):
    """A brand that is watched. Written by ``monitor`` for ops; its words are ``BrandTerm`` rows."""

    __tablename__ = "brand"
    __table_args__ = (UniqueConstraint("name", name="uq_brand_name"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=200)
    added_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class BrandTerm(SQLModel, table=True):
    """One word or phrase of a brand: an alias, an exclusion, a context word, a rival, a handle."""

    __tablename__ = "brand_term"
    __table_args__ = (UniqueConstraint("brand_id", "role", "text", name="uq_brand_term_text"),)

    id: int | None = Field(default=None, primary_key=True)
    brand_id: int = Field(foreign_key="brand.id", ondelete="CASCADE")
    role: str = Field(max_length=16)
    text: str = Field(max_length=200)
    case_sensitive: bool = False
    inflect: bool = True


class Unhappy(StrEnum):
    """How far the checkpoint stands behind calling the author unhappy with the brand."""

    NO = "no"
    LIKELY = "likely"
    """At or above the checkpoint's threshold of 0.80 precision for the language."""
    SURE = "sure"
    """At or above its threshold of 0.90 precision."""


class Mention(SQLModel, table=True):
    """One place where a post names a brand. Written by the matching job, replaced with the text."""

    __tablename__ = "mention"
    __table_args__ = (
        UniqueConstraint("post_id", "brand_id", "place", "start", name="uq_mention_place"),
    )

    id: int | None = Field(default=None, primary_key=True)
    post_id: int = Field(foreign_key="post.id", ondelete="CASCADE")
    brand_id: int = Field(foreign_key="brand.id", index=True, ondelete="CASCADE")
    place: str = Field(max_length=8)
    """``text``: the author's own words; ``quote``: somebody else's; ``title``: the thread's."""
    start: int
    """First character in that text, from 0."""
    end: int
    """One past the last character."""
    matched: str = Field(max_length=300)


class Verdict(SQLModel, table=True):
    """What one checkpoint thinks of one version of a post towards one brand; never overwritten.

    Written by the scoring job; checkpoints can so be compared on the same posts.
    """

    __tablename__ = "verdict"
    __table_args__ = (
        UniqueConstraint("post_id", "brand_id", "checkpoint", "text_hash", name="uq_verdict"),
        Index("ix_verdict_unhappy", "checkpoint", "unhappy"),
    )

    id: int | None = Field(default=None, primary_key=True)
    post_id: int = Field(foreign_key="post.id", ondelete="CASCADE")
    brand_id: int = Field(foreign_key="brand.id", index=True, ondelete="CASCADE")
    checkpoint: str = Field(max_length=200)
    text_hash: str = Field(max_length=32)
    polarity: str = Field(max_length=8)
    negative: float
    neutral: float
    positive: float
    """Calibrated probabilities; the three sum to 1."""
    unhappy: str = Field(max_length=8)
    language: str = Field(max_length=8)
    topic: str | None = Field(default=None, max_length=32)
    """What a negative post complains about."""
    truncated: bool = False
    """Part of a very long post was left out."""
    scored_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
