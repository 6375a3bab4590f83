"""What stands in Slack, and what was taken from there."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel, UniqueConstraint

from models.base import UtcDateTime, utc_now


class SlackCard(SQLModel, table=True):
    """The one message that shows a case in a Slack channel. Written by ``monitor.slack_cards``.

    Added once the case's first alert has arrived there; what the message and its thread show
    already is compared with the case and its events.
    """

    __tablename__ = "slack_card"
    __table_args__ = (
        UniqueConstraint("case_id", "room", name="uq_slack_card_case"),
        UniqueConstraint("room", "ts", name="uq_slack_card_ts"),
    )

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case.id", ondelete="CASCADE")
    delivery_id: int = Field(foreign_key="delivery.id", ondelete="CASCADE")
    """What posted the message."""
    room: str = Field(max_length=64)
    ts: str = Field(max_length=64)
    """What Slack calls the message."""
    shown_hash: str = Field(default="", max_length=32)
    """Names what the message shows; empty: as it was posted."""
    shown_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    """State of the case that was last compared with the message."""
    told_event_id: int = 0
    """The newest event of the case that the thread tells."""
    doubtful_event_id: int | None = None
    """A line of the thread up to this event may have arrived without our hearing of it."""
    not_before: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = Field(default="", max_length=1000)
    gone: bool = False
    """Deleted by hand while somebody had the case: it is left alone."""


class SlackPress(SQLModel, table=True):
    """A press, command or form that was taken from Slack; the same one again is not acted upon.

    Removed after some days: Slack repeats itself within minutes.
    """

    __tablename__ = "slack_press"
    __table_args__ = (UniqueConstraint("name", name="uq_slack_press_name"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=200)
    """Moment, user and action as Slack names them."""
    body: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """What was asked for, until it is done: who is killed in between does it after the start."""
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
