"""Who was written to, by whom, and who asked not to be; and what is to happen when."""

from datetime import datetime

from sqlmodel import Field, Index, SQLModel, UniqueConstraint

from models.base import UtcDateTime, utc_now


class Contact(SQLModel, table=True):
    """An agent wrote to an author. Written by ``monitor.cases``, never changed."""

    __tablename__ = "contact"

    id: int | None = Field(default=None, primary_key=True)
    author_id: int = Field(foreign_key="author.id", index=True, ondelete="CASCADE")
    case_id: int = Field(foreign_key="case.id", ondelete="CASCADE")
    agent_id: int | None = Field(default=None, foreign_key="agent.id")
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class OptOut(SQLModel, table=True):
    """An author of a source who asked not to be written to: final, for every brand.

    Named by a salted hash alone, so that it outlives the author's row and their name. Written by
    ``monitor.contacts``.
    """

    __tablename__ = "opt_out"
    __table_args__ = (UniqueConstraint("source_id", "author_hash", name="uq_opt_out_author"),)

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    author_hash: str = Field(max_length=64)
    """SHA-256 of salt, the site's host and the engine's id of the author, as in ``Objection``."""
    salt: str = Field(max_length=64)
    agent_id: int | None = Field(default=None, foreign_key="agent.id")
    note: str = Field(default="", max_length=1000)
    """What the agent noted; erased with the author, and after a time."""
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Timer(SQLModel, table=True):
    """Something that is to happen to a case at a moment; fires once.

    Written by ``monitor.timers``. It belongs to one turn of its case: when the case was changed
    before it was due, it ends without doing anything.
    """

    __tablename__ = "timer"
    __table_args__ = (
        UniqueConstraint("case_id", "turn", "kind", "step", name="uq_timer_once"),
        Index("ix_timer_due", "done_at", "due_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case.id", ondelete="CASCADE")
    turn: int
    kind: str = Field(max_length=16)
    step: int = 0
    """Counts repetitions."""
    due_at: datetime = Field(sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str = Field(default="", max_length=200)
    """What came of it, in words."""
    tries: int = 0
    """How often it broke."""
