"""The people who write to customers, and when they do."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel, UniqueConstraint

from models.base import UtcDateTime


class AgentRole(StrEnum):
    """What somebody may decide, rising: leads and managers also act on the cases of others."""

    AGENT = "agent"
    LEAD = "lead"
    MANAGER = "manager"

    @property
    def rank(self) -> int:
        """Return 0 for an agent, 1 for a lead, 2 for a manager."""
        return list(AgentRole).index(self)


class Agent(SQLModel, table=True):
    """A person who writes to customers. Written by ``monitor`` for ops; known by the name.

    A row is never deleted, since histories point to it: who leaves is made inactive.
    """

    __tablename__ = "agent"
    __table_args__ = (UniqueConstraint("name", name="uq_agent_name"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=200)
    slack_user_id: str | None = Field(default=None, max_length=32)
    email: str | None = Field(default=None, max_length=320)
    languages: list[str] = Field(default_factory=list, sa_type=JSON)
    """Codes such as ``pl``; an empty list is taken for every language."""
    speech: str | None = Field(default=None, max_length=8)
    """Language in which Quietword speaks to them, where one was chosen."""
    slack_locale: str | None = Field(default=None, max_length=16)
    """What Slack says of their language, such as ``pl-PL``; empty where it does not tell."""
    role: str = Field(default=AgentRole.AGENT, max_length=8)
    team: str = Field(default="", max_length=100)
    timezone: str = Field(default="UTC", max_length=64)
    """IANA zone in which the shifts are told."""
    on_call: bool = False
    """Is told what may not wait while nobody is on shift."""
    paused_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Gets no cases and no reminders until then."""
    active: bool = True


class Shift(SQLModel, table=True):
    """Hours of one weekday at which an agent works, by the clock on the agent's wall."""

    __tablename__ = "shift"
    __table_args__ = (UniqueConstraint("agent_id", "weekday", "start", name="uq_shift_start"),)

    id: int | None = Field(default=None, primary_key=True)
    agent_id: int = Field(foreign_key="agent.id", ondelete="CASCADE")
    weekday: int
    """0 is Monday."""
    start: int
    """Minutes after midnight at which it begins."""
    end: int
    """Minutes after midnight at which it ends; more than 1440 where it ends the next day."""


class DayOff(SQLModel, table=True):
    """A date, in the agent's zone, on which no shift of theirs begins."""

    __tablename__ = "day_off"
    __table_args__ = (UniqueConstraint("agent_id", "day", name="uq_day_off_day"),)

    id: int | None = Field(default=None, primary_key=True)
    agent_id: int = Field(foreign_key="agent.id", ondelete="CASCADE")
    day: date
