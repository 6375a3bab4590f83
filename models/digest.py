"""Who gets a digest, of what, and when."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel, UniqueConstraint

from models.base import UtcDateTime, utc_now


class Every(StrEnum):
    """How often a digest comes: each day, each Monday, each first of a month."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class DigestSubscription(SQLModel, table=True):
    """A digest that is sent by itself. Written by ops (``quietword digest``, ``apply``).

    It covers the time from one moment it is due to the next, by the clock on a wall in
    ``timezone``. What was sent is an ``Alert`` with a key of subscription and period.
    """

    __tablename__ = "digest_subscription"
    __table_args__ = (UniqueConstraint("name", name="uq_digest_subscription_name"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=60)
    brand_id: int | None = Field(default=None, foreign_key="brand.id", ondelete="CASCADE")
    """``None``: all brands."""
    every: str = Field(default=Every.DAY, max_length=8)
    minute: int = 480
    """When it is due, in minutes after midnight."""
    timezone: str = Field(default="UTC", max_length=64)
    language: str = Field(default="en", max_length=8)
    channel: str = Field(max_length=24)
    rooms: list[str] = Field(default_factory=list, sa_type=JSON)
    """Slack channels, or e-mail addresses."""
    added_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    """Nothing that was due before this is sent by itself."""
    told_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """End of the newest period that was put into the outbox."""
