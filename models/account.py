"""Who may see the pages, and what they may do there."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel, UniqueConstraint

from models.base import UtcDateTime, utc_now


class Access(StrEnum):
    """What an account may do; each kind sees the digest."""

    AGENT = "agent"
    """Works on cases."""
    MANAGER = "manager"
    """And reveals masked texts, erases, exports."""
    OPS = "ops"
    """And adds, pauses and runs sources; sees the queue and runs; manages accounts."""


class Account(SQLModel, table=True):
    """A person who may log in to the pages. Written by ``monitor.accounts``; never deleted.

    ``login`` is in small letters. ``epoch`` counts changes that end every session: a new password,
    another role, being switched off.
    """

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("login", name="uq_account_login"),
        UniqueConstraint("oidc_subject", name="uq_account_oidc_subject"),
    )

    id: int | None = Field(default=None, primary_key=True)
    login: str = Field(max_length=320)
    access: str = Field(default=Access.AGENT, max_length=8)
    agent_id: int | None = Field(default=None, foreign_key="agent.id")
    """The agent who acts when this account does."""
    password_hash: str | None = Field(default=None, max_length=200)
    """Argon2id; ``None`` where only the identity provider lets in."""
    oidc_subject: str | None = Field(default=None, max_length=600)
    """Issuer and subject of the identity provider, apart by a space."""
    active: bool = True
    epoch: int = 0
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    last_login_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LoginTry(SQLModel, table=True):
    """A login that failed; counted against its name and its address, deleted after a day."""

    __tablename__ = "login_try"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    login: str = Field(max_length=320, index=True)
    address: str = Field(max_length=64, index=True)
