"""What people asked us to forget, and who looked at or erased what."""

from datetime import datetime

from sqlmodel import Field, SQLModel, UniqueConstraint

from models.base import UtcDateTime, utc_now


class Objection(SQLModel, table=True):
    """An author whose posts are not to be stored again. Written by ``monitor.privacy`` alone.

    Holds no name: ``author_hash`` is salted, and only says that an author met again is this one.
    """

    __tablename__ = "objection"
    __table_args__ = (UniqueConstraint("author_hash", name="uq_objection_author"),)

    id: int | None = Field(default=None, primary_key=True)
    author_hash: str = Field(max_length=64)
    """SHA-256 of salt, the site's host, and the engine's id of the author or the shown name."""
    salt: str = Field(max_length=64)
    """The same in every row of an installation."""
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Audit(SQLModel, table=True):
    """One reveal, export or erasure of personal data, or what ops added on the pages.

    Added, never changed.
    """

    __tablename__ = "audit"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    who: str = Field(max_length=200)
    """Login name of the person, or ``command line``, or ``retention``."""
    action: str = Field(max_length=24)
    """``revealed``, ``exported``, ``forgotten``, ``objected``, ``opted_out``, ``erased``,
    ``pruned``; of ops ``added`` (a source), ``words saved`` (of a brand), ``account added`` and
    ``account changed``."""
    what: str = Field(max_length=300)
    """What it was done to, by our own numbers: ``author 12``, ``post 40``; never a name."""
    detail: str = Field(default="", max_length=300)
    """How much: ``3 posts, 1 quote``."""
