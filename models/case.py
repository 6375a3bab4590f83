"""Threads that need a person, and the alerts that say so."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel, UniqueConstraint

from models.base import UtcDateTime, utc_now


class Level(StrEnum):
    """How much a thread needs a person, rising."""

    WATCH = "watch"
    REACH_OUT = "reach_out"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        """Return 0 for watch, 1 for reach out, 2 for urgent."""
        return list(Level).index(self)


class CaseState(StrEnum):
    """Where a case stands; the last two are ends."""

    OPEN = "open"
    CLAIMED = "claimed"
    CONTACTED = "contacted"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"


class Agent(SQLModel, table=True):
    """A person who writes to customers. Written by ``monitor`` for ops."""

    __tablename__ = "agent"
    __table_args__ = (UniqueConstraint("name", name="uq_agent_name"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=200)
    slack_user_id: str | None = Field(default=None, max_length=32)
    languages: list[str] = Field(default_factory=list, sa_type=JSON)
    active: bool = True


class Case(SQLModel, table=True):
    """One thread in which customers of one brand are unhappy; opened by the risk job.

    The risk job keeps level, score, reasons and topic; people keep state and owner.
    """

    __tablename__ = "case"
    __table_args__ = (UniqueConstraint("thread_id", "brand_id", name="uq_case_thread"),)

    id: int | None = Field(default=None, primary_key=True)
    thread_id: int = Field(foreign_key="thread.id", ondelete="CASCADE")
    brand_id: int = Field(foreign_key="brand.id", index=True, ondelete="CASCADE")
    post_id: int = Field(foreign_key="post.id")
    """The post to quote and whose author to write to."""
    level: str = Field(max_length=16)
    score: float
    """Thread risk, 0 to 100."""
    reasons: list[str] = Field(default_factory=list, sa_type=JSON)
    """Why, in words, weightiest first."""
    topic: str | None = Field(default=None, max_length=32)
    state: str = Field(default=CaseState.OPEN, max_length=16)
    agent_id: int | None = Field(default=None, foreign_key="agent.id")
    newest_complaint_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    opened_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class CaseEvent(SQLModel, table=True):
    """One thing that happened to a case, in order. Added, never changed."""

    __tablename__ = "case_event"

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case.id", index=True, ondelete="CASCADE")
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    kind: str = Field(max_length=24)
    """``opened``, ``raised``, ``lowered``, or the state a person set."""
    level: str = Field(max_length=16)
    score: float
    reasons: list[str] = Field(default_factory=list, sa_type=JSON)
    agent_id: int | None = Field(default=None, foreign_key="agent.id")


class Alert(SQLModel, table=True):
    """A case reached a level that a person must hear of; once per case and level.

    Written by the risk job in the transaction that opens or raises the case, together with one
    ``Delivery`` per channel: the outbox.
    """

    __tablename__ = "alert"
    __table_args__ = (UniqueConstraint("case_id", "level", name="uq_alert_level"),)

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case.id", ondelete="CASCADE")
    level: str = Field(max_length=16)
    content: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The message's fields as they were when the alert was raised."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class DeliveryState(StrEnum):
    """Where a delivery stands. ``failed`` waits for a person, nothing is dropped."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


class Delivery(SQLModel, table=True):
    """One alert on its way to one channel. Written by ``alerts.dispatch``.

    A sender takes it by lease; a sender that dies lets the lease run out and another sends:
    at least once, never not at all.
    """

    __tablename__ = "delivery"
    __table_args__ = (UniqueConstraint("alert_id", "channel", "room", name="uq_delivery_channel"),)

    id: int | None = Field(default=None, primary_key=True)
    alert_id: int = Field(foreign_key="alert.id", ondelete="CASCADE")
    channel: str = Field(max_length=24)
    room: str = Field(default="", max_length=64)
    """Where in the channel: a Slack channel id; empty for the console."""
    state: str = Field(default=DeliveryState.PENDING, max_length=8, index=True)
    attempts: int = 0
    not_before: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    """Not to be tried before; pushed on by a refusal."""
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = Field(default="", max_length=1000)
    """What the last attempt ran into."""
    receipt: str | None = Field(default=None, max_length=64)
    """What the channel calls the message (a Slack ``ts``)."""
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
