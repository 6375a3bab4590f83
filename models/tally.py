"""How often brands are named and complained of, hour by hour: what trends are drawn from."""

from datetime import datetime

from sqlmodel import Field, Index, SQLModel, UniqueConstraint

from models.base import UtcDateTime


class Tally(SQLModel, table=True):
    """Posts of one thread in one hour that concern one brand; counts only.

    Written by the scoring job, for a whole thread in the transaction that says every post of it
    has its verdict; so a job that is killed and run again counts nothing twice.
    """

    __tablename__ = "tally"
    __table_args__ = (
        UniqueConstraint(
            "thread_id", "brand_id", "hour", "language", "topic", name="uq_tally_hour"
        ),
        Index(  # holds all that a trend reads
            "ix_tally_hour",
            "hour",
            "brand_id",
            "source_id",
            "topic",
            "mentions",
            "judged",
            "negative",
            "rivals",
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    thread_id: int = Field(foreign_key="thread.id", ondelete="CASCADE")
    brand_id: int = Field(foreign_key="brand.id", index=True, ondelete="CASCADE")
    source_id: int = Field(foreign_key="source.id", index=True, ondelete="CASCADE")
    hour: datetime = Field(sa_type=UtcDateTime)
    """Start of the hour (UTC)."""
    language: str = Field(max_length=8)
    topic: str = Field(default="", max_length=32)
    """What unhappy posts complain of; empty for the others."""
    mentions: int = 0
    """Posts whose own words or title name the brand."""
    judged: int = 0
    """Posts with a verdict towards the brand."""
    negative: int = 0
    """Of these, posts whose author is unhappy, as far as the checkpoint stands behind it."""
    rivals: int = 0
    """Posts whose own words name a rival of the brand."""
