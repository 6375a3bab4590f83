"""What agents' decisions teach: labels, aliases on the quiet tier, thresholds."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime, utc_now


class Label(SQLModel, table=True):
    """What an agent's decision said of one post towards one brand.

    Written by ``monitor.cases`` with the decision; kept when the decision is taken back, and
    then no longer counted.
    """

    __tablename__ = "label"

    id: int | None = Field(default=None, primary_key=True)
    post_id: int = Field(foreign_key="post.id", index=True, ondelete="CASCADE")
    brand_id: int = Field(foreign_key="brand.id", index=True, ondelete="CASCADE")
    case_id: int = Field(foreign_key="case.id", index=True, ondelete="CASCADE")
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    agent_id: int | None = Field(default=None, foreign_key="agent.id")
    verdict: str = Field(max_length=24)
    """``right``: the alert was right; else ``not_negative``, ``not_about_us``, ``other_brand``."""
    alias: str = Field(default="", max_length=200)
    """The brand's word that the post was found by, as ops wrote it."""
    text_hash: str = Field(max_length=32)
    """The version of the post that was judged."""
    checkpoint: str = Field(default="", max_length=200)
    language: str = Field(default="und", max_length=8)
    negative: float | None = None
    """The checkpoint's probability for that version; ``None`` where it has no verdict."""
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class QuietAlias(SQLModel, table=True):
    """An alias that alerts nobody: its cases stand in the digest only. Rows are kept."""

    __tablename__ = "quiet_alias"

    id: int | None = Field(default=None, primary_key=True)
    brand_id: int = Field(foreign_key="brand.id", index=True, ondelete="CASCADE")
    alias: str = Field(max_length=200)
    right: int
    votes: int
    """How the votes stood when it was made quiet."""
    since: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Threshold(SQLModel, table=True):
    """The probability from which a brand's posts alert, as learnt from its labels.

    The newest row that is not undone holds; without one, the checkpoint's own. Rows are kept.
    """

    __tablename__ = "threshold"

    id: int | None = Field(default=None, primary_key=True)
    brand_id: int = Field(foreign_key="brand.id", index=True, ondelete="CASCADE")
    checkpoint: str = Field(max_length=200)
    negative: float
    """From here on a post counts as an unhappy author's, 0 to 1."""
    figures: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """Labels, precision and bounds behind it."""
    made_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
