"""Who is let in, who waits, and when a session ends."""

import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from models import Access, Account, LoginTry
from models.base import id_of
from models.database import reading, writing
from monitor.accounts import (
    TRIES_OF_A_NAME,
    TRIES_OF_AN_ADDRESS,
    AccountError,
    WaitError,
    by_identity,
    change,
    check,
    create,
    named,
    person,
)
from tests.monitor.scene import NOW

WORDS = "correct horse battery staple"


@pytest.fixture
def ola(engine: Engine) -> int:
    with writing(engine) as session:
        return id_of(create(session, "Ola@example.org", Access.MANAGER, password=WORDS))


def tried(engine: Engine, login: str, password: str, address: str = "192.0.2.1") -> bool:
    with writing(engine) as session:
        return check(session, login, password, address, NOW) is not None


@pytest.mark.usefixtures("ola")
def test_the_right_password_opens_whatever_the_case_of_the_name(engine: Engine) -> None:
    assert tried(engine, "OLA@example.org ", WORDS)
    assert not tried(engine, "ola@example.org", WORDS.upper())
    assert not tried(engine, "nobody", WORDS)


def test_a_password_is_hashed_at_the_full_cost_in_a_process_of_its_own() -> None:
    program = "from monitor.accounts import _hasher; print(_hasher().hash('x'))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    _, kind, _, cost, *_ = done.stdout.split("$")
    memory, time, lanes = (int(part.partition("=")[2]) for part in cost.split(","))
    assert kind == "argon2id"
    assert memory >= 19 * 1024  # what OWASP asks for with two passes
    assert (time, lanes) >= (2, 1)


def test_no_password_is_stored_as_it_was_typed(engine: Engine, ola: int) -> None:
    with reading(engine) as session:
        account = session.get_one(Account, ola)
        assert account.password_hash is not None
        assert account.password_hash.startswith("$argon2id$")


@pytest.mark.usefixtures("ola")
@pytest.mark.parametrize("login", ["ola@example.org", "nobody"])
def test_a_name_that_failed_often_waits_even_with_the_right_password(
    engine: Engine, login: str
) -> None:
    for number in range(TRIES_OF_A_NAME):
        assert not tried(engine, login, "guess", f"192.0.2.{number}")
    with pytest.raises(WaitError, match=r"1[56] minutes"):
        tried(engine, login, WORDS)
    with writing(engine) as session:
        later = NOW + timedelta(minutes=16)
        let_in = check(session, login, WORDS, "192.0.2.1", later) is not None
    assert let_in is (login != "nobody")


@pytest.mark.usefixtures("ola")
def test_an_address_that_tries_many_names_waits(engine: Engine) -> None:
    for number in range(TRIES_OF_AN_ADDRESS):
        assert not tried(engine, f"guess{number}", "guess")
    with pytest.raises(WaitError):
        tried(engine, "ola@example.org", WORDS)
    assert tried(engine, "ola@example.org", WORDS, "192.0.2.99")


@pytest.mark.usefixtures("ola")
def test_a_login_forgets_the_failures_before_it(engine: Engine) -> None:
    for _ in range(TRIES_OF_A_NAME - 1):
        tried(engine, "ola@example.org", "guess")
    assert tried(engine, "ola@example.org", WORDS)
    with reading(engine) as session:
        assert session.exec(select(LoginTry)).all() == []


@pytest.mark.parametrize(
    "changed", [{"password": WORDS + "!"}, {"access": Access.AGENT}, {"active": False}]
)
def test_a_change_ends_every_session(engine: Engine, ola: int, changed: dict[str, object]) -> None:
    with writing(engine) as session:
        before = person(session, ola, 0)
        assert before is not None
        assert before.access is Access.MANAGER
        change(session, named(session, "ola@example.org"), **changed)  # type: ignore[arg-type]
    with reading(engine) as session:
        assert person(session, ola, 0) is None


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_a_password_of_an_unfit_length_is_refused(engine: Engine, password: str) -> None:
    with writing(engine) as session, pytest.raises(AccountError, match="12 to 200"):
        create(session, "tom", Access.AGENT, password=password)


@pytest.mark.usefixtures("ola")
def test_a_name_is_given_once(engine: Engine) -> None:
    with writing(engine) as session, pytest.raises(AccountError, match="already"):
        create(session, "OLA@example.org", Access.AGENT)


def test_a_provider_lets_in_whom_ops_have_added_and_nobody_else(engine: Engine, ola: int) -> None:
    issuer = "https://id.example"

    def let_in(subject: str, email: str, *, verified: bool = True) -> int | None:
        with writing(engine) as session:
            found = by_identity(session, issuer, subject, email, verified=verified, now=NOW)
            return found.id if found else None

    assert let_in("1", "ola@example.org", verified=False) is None
    assert let_in("9", "stranger@example.org") is None
    assert let_in("1", "Ola@example.org") == ola
    assert let_in("1", "renamed@example.org") == ola
    assert let_in("2", "ola@example.org") is None, "another person with the same address"


def test_ops_may_what_managers_may_and_agents_may_not() -> None:
    from monitor.accounts import Person

    def somebody(access: Access) -> Person:
        return Person(account_id=1, login="x", access=access, agent_id=None)

    assert [somebody(kind).may(Access.MANAGER) for kind in Access] == [False, True, True]
    assert [somebody(kind).may(Access.OPS) for kind in Access] == [False, False, True]
