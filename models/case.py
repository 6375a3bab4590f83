"""Threads that need a person, and the alerts that say so."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, Index, SQLModel, UniqueConstraint

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
    """Where a case stands. docs/cases.md draws the ways between these."""

    NEW = "new"
    CLAIMED = "claimed"
    CONTACTED = "contacted"
    SNOOZED = "snoozed"
    ESCALATED = "escalated"
    SOLVED = "solved"
    DISMISSED = "dismissed"

    @property
    def closed(self) -> bool:
        """Return whether nothing more is to be done."""
        return self in CLOSED


CLOSED = frozenset({CaseState.SOLVED, CaseState.DISMISSED})


class CaseChange(StrEnum):
    """What an event of a case tells: the first four come from the risk job."""

    OPENED = "opened"
    RAISED = "raised"
    LOWERED = "lowered"
    JOINED = "joined"
    """Another author is unhappy in the thread, while somebody has the case of the first."""
    CLAIMED = "claimed"
    RELEASED = "released"
    CONTACTED = "contacted"
    SOLVED = "solved"
    SNOOZED = "snoozed"
    WOKEN = "woken"
    HANDED_OVER = "handed_over"
    ESCALATED = "escalated"
    DISMISSED = "dismissed"
    REOPENED = "reopened"


class Dismissal(StrEnum):
    """Why a case needs nobody."""

    NOT_NEGATIVE = "not_negative"
    NOT_ABOUT_US = "not_about_us"
    OTHER_BRAND = "other_brand"
    ALREADY_HANDLED = "already_handled"
    NO_CONTACT_ALLOWED = "no_contact_allowed"


class How(StrEnum):
    """From where a case was changed."""

    SLACK = "slack"
    WEB = "web"
    CLI = "cli"
    TIMER = "timer"


class Case(SQLModel, table=True):
    """One thread in which customers of one brand are unhappy; opened by the risk job.

    The risk job keeps level, score, reasons and topic; people keep state and owner, through
    ``monitor.cases`` alone.
    """

    __tablename__ = "case"
    __table_args__ = (UniqueConstraint("thread_id", "brand_id", name="uq_case_thread"),)

    id: int | None = Field(default=None, primary_key=True)
    thread_id: int = Field(foreign_key="thread.id", ondelete="CASCADE")
    brand_id: int = Field(foreign_key="brand.id", index=True, ondelete="CASCADE")
    post_id: int = Field(foreign_key="post.id")
    """The post to quote and whose author to write to; stays while somebody has the case."""
    level: str = Field(max_length=16)
    score: float
    """Thread risk, 0 to 100."""
    reasons: list[str] = Field(default_factory=list, sa_type=JSON)
    """Why, in words, weightiest first."""
    topic: str | None = Field(default=None, max_length=32)
    state: str = Field(default=CaseState.NEW, max_length=16)
    agent_id: int | None = Field(default=None, foreign_key="agent.id")
    """Whose it is."""
    turn: int = 0
    """Counts the changes that people and timers made; what they saw is named by it."""
    owned_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    held_state: str | None = Field(default=None, max_length=16)
    """What a snoozed case was before, and is again when it wakes."""
    snoozed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    contacted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When somebody wrote to the customer; ``None`` again when the case is reopened."""
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    escalated_to: str | None = Field(default=None, max_length=8)
    """Whose decision it waits for: lead or manager; kept until it is closed or reopened."""
    newest_complaint_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    opened_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class CaseEvent(SQLModel, table=True):
    """One thing that happened to a case, in order. Added, never changed."""

    __tablename__ = "case_event"
    __table_args__ = (Index("ix_case_event_at", "at", "case_id"),)

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case.id", index=True, ondelete="CASCADE")
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    kind: str = Field(max_length=24)
    """A ``CaseChange``."""
    level: str = Field(max_length=16)
    score: float
    reasons: list[str] = Field(default_factory=list, sa_type=JSON)
    agent_id: int | None = Field(default=None, foreign_key="agent.id")
    """Who did it; ``None`` for the machine, and for ops at the terminal."""
    account: str = Field(default="", max_length=320)
    """Login of the account that did it on the pages, where it acts for no agent."""
    how: str | None = Field(default=None, max_length=8)
    """A ``How``; ``None`` for the risk job."""
    from_state: str | None = Field(default=None, max_length=16)
    to_state: str | None = Field(default=None, max_length=16)
    from_agent_id: int | None = Field(default=None, foreign_key="agent.id")
    """Whose the case was before, and below, whose it is after."""
    to_agent_id: int | None = Field(default=None, foreign_key="agent.id")
    reason: str = Field(default="", max_length=32)
    """A ``Dismissal``, the role a case was escalated to, or the post of who joined."""
    note: str = Field(default="", max_length=1000)
    """Why, in the words of who did it."""
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """How long it was snoozed."""


class AlertKind(StrEnum):
    """What an entry of the outbox tells."""

    ALERT = "alert"
    """A case, as a message of its own."""
    NOTICE = "notice"
    """A word about cases to a room or a person: a reminder, an escalation, a follow-up."""
    SUMMARY = "summary"
    """Several alerts in one message, after quiet hours or in a storm."""
    DIGEST = "digest"
    """What a manager reads once a day, week or month."""


class Alert(SQLModel, table=True):
    """Something that a person must hear of; once for each ``key``.

    An alert of a case is written by the risk job in the transaction that opens or raises the
    case, together with one ``Delivery`` per channel: the outbox. Notices come from timers,
    summaries from the sender, digests from their subscriptions.
    """

    __tablename__ = "alert"
    __table_args__ = (UniqueConstraint("key", name="uq_alert_key"),)

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(max_length=120)
    kind: str = Field(default=AlertKind.ALERT, max_length=8)
    case_id: int | None = Field(default=None, foreign_key="case.id", index=True, ondelete="CASCADE")
    """``None`` for a summary and for a digest."""
    level: str = Field(max_length=16)
    content: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The message's fields as they were when the alert was raised."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class DeliveryState(StrEnum):
    """Where a delivery stands. ``failed`` waits for a person, nothing is dropped."""

    PENDING = "pending"
    SENDING = "sending"
    """Somebody has it until its lease ends; after that nobody knows how it went."""
    UNKNOWN = "unknown"
    """The channel may have taken it without saying so: the room is searched first."""
    SENT = "sent"
    FAILED = "failed"


WAITING = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.UNKNOWN)
"""States that the sender still has work with."""


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
    room: str = Field(default="", max_length=320)
    """Where in the channel: a Slack channel or user, an e-mail address; empty for the console."""
    state: str = Field(default=DeliveryState.PENDING, max_length=8, index=True)
    attempts: int = 0
    not_before: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    """Not to be tried before; pushed on by a refusal, and by quiet hours."""
    held: bool = False
    """Was queued in quiet hours: told in one message with the others that were."""
    summary_id: int | None = Field(default=None, foreign_key="delivery.id", ondelete="SET NULL")
    """The delivery of the summary that tells of it; it goes out with that one."""
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = Field(default="", max_length=1000)
    """What the last attempt ran into."""
    receipt: str | None = Field(default=None, max_length=200)
    """What the channel calls the message (a Slack ``ts``)."""
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class BrokenChannel(SQLModel, table=True):
    """A channel that only a person can mend (token, room); its deliveries wait in the queue.

    Written and deleted by ``alerts.dispatch``, which tries one delivery now and then.
    """

    __tablename__ = "broken_channel"
    __table_args__ = (UniqueConstraint("channel", "room", name="uq_broken_channel_room"),)

    id: int | None = Field(default=None, primary_key=True)
    channel: str = Field(max_length=24)
    room: str = Field(default="", max_length=320)
    reason: str = Field(max_length=1000)
    since: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    try_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
