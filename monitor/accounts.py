"""Accounts of the pages: made, checked and switched off.

Passwords are kept as Argon2id by argon2-cffi with its own defaults. A name or an address that
failed too often waits; the wait is the same for names that exist and those that do not, and so is
the time a check takes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from sqlmodel import Session, col, delete, func, select

from models import Access, Account, Agent, LoginTry
from models.base import id_of
from models.errors import QuietwordError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
PATIENCE = timedelta(minutes=15)
TRIES_OF_A_NAME = 5
"""Failures within ``PATIENCE`` after which a name waits."""
TRIES_OF_AN_ADDRESS = 20
KEPT = timedelta(days=1)


class AccountError(QuietwordError):
    """An account cannot be made or changed so; the message says why.

    ``words`` are what the pages look up in the reader's language, and fill in with ``values``.
    """

    def __init__(self, words: str, **values: object) -> None:
        super().__init__(words % values if values else words)
        self.words = words
        self.values = values


class WaitError(QuietwordError):
    """Too many logins failed; ``wait`` says how long to wait."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(
            f"too many logins failed; try again in {int(wait.total_seconds() // 60) + 1} minutes"
        )
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is logged in, as every request finds it anew."""

    account_id: int
    login: str
    access: Access
    agent_id: int | None

    def may(self, *kinds: Access) -> bool:
        """Return whether the account is one of ``kinds``; ops may all that managers may."""
        wider = {Access.MANAGER, Access.OPS} if Access.MANAGER in kinds else set()
        return self.access in {*kinds, *wider}


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobody() -> str:
    """Return a hash to check against where there is no account, so that it takes as long."""
    return _hasher().hash("nobody's password")


def _fit(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountError(
            "a password has %(least)s to %(most)s characters; "
            "four words that have nothing to do with each other are a good one",
            least=SHORTEST_PASSWORD,
            most=LONGEST_PASSWORD,
        )
    return _hasher().hash(password)


def create(
    session: Session,
    login: str,
    access: Access,
    *,
    password: str | None = None,
    agent: Agent | None = None,
) -> Account:
    """Add an account; without a password only the identity provider lets it in."""
    name = login.strip().casefold()
    if not name or len(name) > 320 or any(character.isspace() for character in name):
        raise AccountError(
            "“%(login)s” is no login name; use one word or an e-mail address", login=login[:100]
        )
    if session.exec(select(Account.id).where(Account.login == name)).first() is not None:
        raise AccountError("there is an account %(login)s already", login=name)
    account = Account(
        login=name,
        access=access,
        agent_id=id_of(agent) if agent else None,
        password_hash=_fit(password) if password is not None else None,
    )
    session.add(account)
    session.flush()
    return account


def named(session: Session, login: str) -> Account:
    """Return the account called ``login``; raise ``AccountError`` when there is none."""
    account = session.exec(select(Account).where(Account.login == login.strip().casefold())).first()
    if account is None:
        raise AccountError(f"there is no account {login}; see: quietword user list")
    return account


def change(
    session: Session,
    account: Account,
    *,
    password: str | None = None,
    access: Access | None = None,
    active: bool | None = None,
) -> None:
    """Change an account; every session of it ends."""
    if password is not None:
        account.password_hash = _fit(password)
    if access is not None:
        account.access = access
    if active is not None:
        account.active = active
    account.epoch += 1
    session.add(account)


def any_accounts(session: Session) -> bool:
    """Return whether anybody can log in at all: before that the first start offers a link."""
    return session.exec(select(Account.id).where(Account.active)).first() is not None


def check(
    session: Session, login: str, password: str, address: str, now: datetime
) -> Account | None:
    """Return the account that ``password`` opens, or ``None``; count a failure.

    Raises ``WaitError`` when the name or the address failed too often, whatever the password.
    """
    from argon2.exceptions import VerificationError

    name = login.strip().casefold()[:320]
    address = address[:64]
    _wait(session, name, address, now)
    account = session.exec(select(Account).where(Account.login == name, Account.active)).first()
    known = account.password_hash if account else None
    right = False
    try:
        right = _hasher().verify(known or _nobody(), password[:LONGEST_PASSWORD])
    except VerificationError:
        right = False
    if account is None or known is None or not right:
        session.add(LoginTry(login=name, address=address, at=now))
        session.exec(delete(LoginTry).where(col(LoginTry.at) < now - KEPT))
        return None
    if _hasher().check_needs_rehash(known):
        account.password_hash = _hasher().hash(password)
    account.last_login_at = now
    session.exec(delete(LoginTry).where(col(LoginTry.login) == name))
    session.add(account)
    return account


def _wait(session: Session, login: str, address: str, now: datetime) -> None:
    since = now - PATIENCE
    for column, value, most in (
        (LoginTry.login, login, TRIES_OF_A_NAME),
        (LoginTry.address, address, TRIES_OF_AN_ADDRESS),
    ):
        count, newest = session.exec(
            select(func.count(), func.max(LoginTry.at)).where(
                col(column) == value, col(LoginTry.at) > since
            )
        ).one()
        if count >= most:
            raise WaitError(newest + PATIENCE - now)


def by_identity(
    session: Session,
    issuer: str,
    subject: str,
    email: str | None,
    *,
    verified: bool,
    now: datetime,
) -> Account | None:
    """Return the account of an identity that a provider vouches for, or ``None``.

    Found by the provider's own subject, or, the first time, by a login that is the verified
    e-mail address. Nobody is let in whose account ops have not made.
    """
    key = f"{issuer} {subject}"
    account = session.exec(select(Account).where(Account.oidc_subject == key)).first()
    if account is None and email and verified:
        account = session.exec(
            select(Account).where(
                Account.login == email.casefold(), col(Account.oidc_subject).is_(None)
            )
        ).first()
        if account is not None:
            account.oidc_subject = key
    if account is None or not account.active:
        return None
    account.last_login_at = now
    session.add(account)
    return account


def person(session: Session, account_id: int, epoch: int) -> Person | None:
    """Return who a session belongs to, or ``None`` when it has ended."""
    account = session.get(Account, account_id)
    if account is None or not account.active or account.epoch != epoch:
        return None
    return Person(
        account_id=account_id,
        login=account.login,
        access=Access(account.access),
        agent_id=account.agent_id,
    )
