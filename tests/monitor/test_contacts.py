"""No author is approached by two agents, or against their wish."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from models import (
    Agent,
    Audit,
    Author,
    Brand,
    Case,
    CaseEvent,
    Contact,
    Dismissal,
    How,
    OptOut,
)
from models.base import id_of
from models.database import reading, writing
from monitor import cases
from monitor.cases import Actor, CaseRefused, Change
from monitor.contacts import opted_out
from tests.monitor.scene import Scene

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def pair(engine: Engine) -> tuple[int, int]:
    """Two cases about one author, the second of another brand."""
    with writing(engine) as session:
        scene = Scene(session)
        source = scene.source()
        first = scene.post(scene.thread(source, "Router"), "Nordvia is silent", author="ewa_k")
        second = scene.post(scene.thread(source, "Again"), "Nordvia, still", author="other")
        second.author_id = first.author_id
        one, two = scene.case(first), scene.case(second)
        two.brand_id = id_of(scene.add(Brand(name="Baltfon")))
        scene.agent("Anna")
        scene.agent("Bartek")
        session.flush()
        return id_of(one), id_of(two)


def do(
    engine: Engine, verb: Callable[..., Any], case_id: int, name: str, at: datetime, **given: Any
) -> Change:
    with writing(engine) as session:
        agent = session.exec(select(Agent).where(Agent.name == name)).one()
        change: Change = verb(session, case_id, Actor(agent.id, How.WEB), at, **given)
        return change


def test_who_wrote_to_an_author_keeps_the_word_for_a_while(
    engine: Engine, pair: tuple[int, int]
) -> None:
    one, two = pair
    do(engine, cases.claim, one, "Anna", NOON)
    do(engine, cases.contacted, one, "Anna", NOON)
    do(engine, cases.solved, one, "Anna", NOON)
    later = NOON + timedelta(days=5)
    said = f"Anna wrote to ewa_k on 22 Nov 2026 about case {one}; ask Anna to take this one, too"
    with pytest.raises(CaseRefused, match=said):
        do(engine, cases.claim, two, "Bartek", later)
    taken = do(engine, cases.claim, two, "Anna", later)
    assert taken.warning().startswith("You wrote to ewa_k on 22 Nov 2026")
    do(engine, cases.release, two, "Anna", later)
    after = do(engine, cases.claim, two, "Bartek", NOON + timedelta(days=31))
    assert (after.repeated, after.warning()) == (False, "")


def test_two_agents_do_not_work_on_one_author_at_once(
    engine: Engine, pair: tuple[int, int]
) -> None:
    one, two = pair
    do(engine, cases.claim, one, "Anna", NOON)
    with pytest.raises(CaseRefused, match=f"Anna has case {one} of the same author, ewa_k"):
        do(engine, cases.claim, two, "Bartek", NOON)
    anyway = do(engine, cases.claim, two, "Bartek", NOON, anyway=True)
    assert f"Anna has case {one}" in anyway.warning()
    written = do(engine, cases.contacted, two, "Bartek", NOON)
    assert f"Anna has case {one}" in written.warning()  # it has happened: kept, and said
    with reading(engine) as session:
        assert len(session.exec(select(Contact)).all()) == 1


def test_a_hand_over_goes_round_neither_the_cap_nor_the_wish_for_peace(
    engine: Engine, pair: tuple[int, int]
) -> None:
    one, two = pair
    do(engine, cases.claim, one, "Anna", NOON)
    do(engine, cases.contacted, one, "Anna", NOON)
    do(engine, cases.solved, one, "Anna", NOON)
    later = NOON + timedelta(days=5)
    with reading(engine) as session:
        bartek = session.exec(select(Agent.id).where(Agent.name == "Bartek")).one()
        anna = session.exec(select(Agent.id).where(Agent.name == "Anna")).one()
    for giver in ("Anna", "Bartek"):
        with pytest.raises(CaseRefused, match="Anna wrote to ewa_k on 22 Nov 2026"):
            do(engine, cases.hand_over, two, giver, later, to_agent_id=bartek)
    with pytest.raises(CaseRefused, match="Anna wrote to ewa_k"):
        do(engine, cases.hand_over, two, "Anna", later, to_agent_id=bartek, cap=timedelta(days=6))
    to_anna = do(engine, cases.hand_over, two, "Bartek", later, to_agent_id=anna)
    assert (to_anna.case.agent_id, to_anna.warning()) == (anna, ""), "nobody but Anna wrote"
    anyway = do(engine, cases.hand_over, two, "Anna", later, to_agent_id=bartek, anyway=True)
    assert anyway.warning().startswith("Anna wrote to ewa_k")
    do(engine, cases.opt_out, two, "Anna", later)
    do(engine, cases.reopen, two, "Anna", later, reason="a new matter")
    for capped in (True, False):
        with pytest.raises(CaseRefused, match="ewa_k asked on 27 Nov 2026 not to be written to"):
            do(
                engine,
                cases.hand_over,
                two,
                "Anna",
                later + timedelta(days=90),
                to_agent_id=bartek,
                anyway=not capped,
            )


def test_an_author_who_asked_for_peace_is_left_in_peace_for_good(
    engine: Engine, pair: tuple[int, int]
) -> None:
    one, two = pair
    do(engine, cases.claim, one, "Anna", NOON)
    made = do(engine, cases.opt_out, two, "Bartek", NOON, note="by mail")
    assert made.warning() == "Ewa_k is not written to any more; 2 cases were closed."
    with reading(engine) as session:
        told = [
            (event.case_id, event.agent_id, event.reason, event.note)
            for event in session.exec(select(CaseEvent).where(CaseEvent.kind == "dismissed"))
        ]
        [noted] = session.exec(select(Audit)).all()
        states = set(session.exec(select(Case.state)).all())
    bartek = made.event.agent_id
    reason = Dismissal.NO_CONTACT_ALLOWED
    assert told == [(two, bartek, reason, "by mail"), (one, bartek, reason, "by mail")]
    assert states == {"dismissed"}, "Anna's, too: whoever works on one of them"
    assert (noted.who, noted.action, noted.detail) == ("Bartek", "opted_out", f"case {two}")
    assert "ewa_k" not in noted.what
    again = do(engine, cases.opt_out, one, "Anna", NOON)  # once is enough
    assert again.repeated
    assert again.warning() == "Ewa_k is not written to any more; 0 cases were closed."
    years = NOON + timedelta(days=4_000)
    do(engine, cases.reopen, two, "Anna", years, reason="a new matter")
    with pytest.raises(CaseRefused, match="ewa_k asked on 22 Nov 2026 not to be written to"):
        do(engine, cases.claim, two, "Anna", years, anyway=True)
    with reading(engine) as session:
        assert session.exec(select(Contact)).all() == []
        assert len(session.exec(select(OptOut)).all()) == 1
        assert len(session.exec(select(Audit)).all()) == 1


def test_the_wish_holds_on_every_board_of_the_site_and_nowhere_else(engine: Engine) -> None:
    with writing(engine) as session:
        scene = Scene(session)
        scene.agent("Anna")
        boards = [
            scene.source("Help", address="https://forum.test/viewforum.php?f=1"),
            scene.source("Talk", address="https://forum.test/viewforum.php?f=2"),
            scene.source("Other", address="https://other.test/viewforum.php?f=1"),
        ]
        numbers = []
        for source in boards:
            post = scene.post(scene.thread(source, "Router"), "Nordvia is silent")
            session.get_one(Author, post.author_id).external_id = "77"
            numbers.append(id_of(scene.case(post)))
    do(engine, cases.opt_out, numbers[0], "Anna", NOON)
    with reading(engine) as session:
        states = [session.get_one(Case, number).state for number in numbers]
        silent = [opted_out(session, session.get_one(Case, number)) for number in numbers]
    assert states == ["dismissed", "dismissed", "new"]
    assert silent == [True, True, False]


def test_two_agents_who_race_for_two_cases_of_one_author_get_one(engine: Engine) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    with writing(engine) as session:
        scene = Scene(session)
        people = [id_of(scene.agent(name)) for name in ("Anna", "Bartek")]
        rounds: list[list[int]] = []
        for _ in range(10):
            source = scene.source()
            posts = [scene.post(scene.thread(source, "t"), "Nordvia") for _ in range(2)]
            posts[1].author_id = posts[0].author_id
            rounds.append([id_of(scene.case(post)) for post in posts])
    start = Barrier(2)

    def run(number: int) -> list[bool]:
        won = []
        for pair in rounds:
            start.wait(timeout=60)
            try:
                with writing(engine) as session:
                    actor = Actor(people[number], How.SLACK)
                    cases.claim(session, pair[number], actor, NOON)
                won.append(True)
            except CaseRefused:
                won.append(False)
        return won

    with ThreadPoolExecutor(2) as pool:
        answers = list(zip(*pool.map(run, range(2)), strict=True))
    assert [sorted(pair) for pair in answers] == [[False, True]] * 10
    with reading(engine) as session:
        owners = session.exec(select(Case.agent_id)).all()
    assert sum(owner is not None for owner in owners) == 10
