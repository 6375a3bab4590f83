"""No author is approached by two agents, or against their wish."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from models import Agent, Brand, Case, Contact, How
from models.base import id_of
from models.database import reading, writing
from monitor import cases
from monitor.cases import Actor, CaseRefused, Change
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
    assert taken.warning.startswith("You wrote to ewa_k on 22 Nov 2026")
    do(engine, cases.release, two, "Anna", later)
    after = do(engine, cases.claim, two, "Bartek", NOON + timedelta(days=31))
    assert (after.repeated, after.warning) == (False, "")


def test_two_agents_do_not_work_on_one_author_at_once(
    engine: Engine, pair: tuple[int, int]
) -> None:
    one, two = pair
    do(engine, cases.claim, one, "Anna", NOON)
    with pytest.raises(CaseRefused, match=f"Anna has case {one} of the same author, ewa_k"):
        do(engine, cases.claim, two, "Bartek", NOON)
    anyway = do(engine, cases.claim, two, "Bartek", NOON, anyway=True)
    assert f"Anna has case {one}" in anyway.warning
    written = do(engine, cases.contacted, two, "Bartek", NOON)
    assert f"Anna has case {one}" in written.warning  # it has happened: kept, and said
    with reading(engine) as session:
        assert len(session.exec(select(Contact)).all()) == 1


def test_an_author_who_asked_for_peace_is_left_in_peace_for_good(
    engine: Engine, pair: tuple[int, int]
) -> None:
    one, two = pair
    do(engine, cases.claim, one, "Anna", NOON)
    with writing(engine) as session:
        actor = Actor(None, How.CLI)
        assert cases.opt_out(session, one, actor, NOON, note="by mail") == "ewa_k"
        cases.opt_out(session, two, actor, NOON)  # once is enough
    years = NOON + timedelta(days=4_000)
    for case_id, verb in ((one, cases.contacted), (two, cases.claim)):
        given = {} if verb is cases.contacted else {"anyway": True}
        with pytest.raises(CaseRefused, match="ewa_k asked on 22 Nov 2026 not to be written to"):
            do(engine, verb, case_id, "Anna", years, **given)
    with reading(engine) as session:
        assert session.exec(select(Contact)).all() == []


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
