"""The life of a case, on SQLite and PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from models import AgentRole, Case, CaseEvent, CaseState, Dismissal, How
from models.base import id_of
from models.database import reading, writing
from monitor import cases
from monitor.cases import Actor, CaseRefused, Change
from monitor.team import save_agent
from tests.monitor.scene import Scene

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
Verb = Callable[[Session, int, Actor, datetime], Change]


@dataclass
class Desk:
    """One case, and four people who may want it."""

    engine: Engine
    case_id: int
    people: dict[str, int]

    def actor(self, name: str | None, how: How = How.WEB) -> Actor:
        return Actor(None if name is None else self.people[name], how)

    def do(self, verb: Verb, name: str | None, at: datetime = NOON) -> Change:
        with writing(self.engine) as session:
            return verb(session, self.case_id, self.actor(name), at)

    def events(self) -> list[CaseEvent]:
        with reading(self.engine) as session:
            return list(
                session.exec(
                    select(CaseEvent)
                    .where(CaseEvent.case_id == self.case_id, CaseEvent.kind != "opened")
                    .order_by(col(CaseEvent.id))
                )
            )


def a_desk(engine: Engine) -> Desk:
    with writing(engine) as session:
        scene = Scene(session)
        post = scene.post(scene.thread(scene.source(), "Router"), "Nordvia is silent")
        case_id = id_of(scene.case(post))
        people = {
            name: id_of(save_agent(session, name, role=role, timezone="Europe/Warsaw")[0])
            for name, role in (
                ("Anna", "agent"),
                ("Bartek", "agent"),
                ("Lena", "lead"),
                ("Maria", "manager"),
            )
        }
    return Desk(engine, case_id, people)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return a_desk(engine)


def hand_over_to(name: str) -> Callable[[Desk], Verb]:
    return lambda desk: lambda *given: cases.hand_over(*given, to_agent_id=desk.people[name])


def plain(verb: Verb) -> Callable[[Desk], Verb]:
    return lambda _desk: verb


VERBS: dict[str, Callable[[Desk], Verb]] = {
    "claim": plain(cases.claim),
    "release": plain(cases.release),
    "contacted": plain(cases.contacted),
    "solved": plain(cases.solved),
    "snooze": plain(lambda *given: cases.snooze(*given, until=LATER + timedelta(hours=3))),
    "wake": plain(cases.wake),
    "hand_over": hand_over_to("Bartek"),
    "escalate": plain(lambda *given: cases.escalate(*given, reason="A refund over the limit")),
    "dismiss": plain(lambda *given: cases.dismiss(*given, reason=Dismissal.NOT_ABOUT_US)),
    "reopen": plain(lambda *given: cases.reopen(*given, reason="It broke again")),
}
WAYS: dict[str, tuple[str, ...]] = {
    "new": (),
    "claimed": ("claim",),
    "contacted": ("claim", "contacted"),
    "snoozed": ("snooze",),
    "snoozed by its owner": ("claim", "snooze"),
    "snoozed after contact": ("claim", "contacted", "snooze"),
    "escalated": ("claim", "escalate"),
    "escalated after contact": ("claim", "contacted", "escalate"),
    "solved": ("claim", "contacted", "solved"),
    "dismissed": ("dismiss",),
}
"""How Anna brings a case to where it stands."""
NO = "refused"
TABLE: dict[str, dict[str, tuple[str, str]]] = {
    # what Anna (who owns it, if anybody does) and then Bartek come to
    "new": {
        "claim": ("claimed", "claimed"),
        "release": (NO, NO),
        "contacted": (NO, NO),
        "solved": (NO, NO),
        "snooze": ("snoozed", "snoozed"),
        "wake": (NO, NO),
        "hand_over": ("claimed", "claimed"),
        "escalate": ("escalated", "escalated"),
        "dismiss": ("dismissed", "dismissed"),
        "reopen": (NO, NO),
    },
    "claimed": {
        "claim": ("claimed", NO),
        "release": ("new", NO),
        "contacted": ("contacted", NO),
        "solved": ("solved", NO),
        "snooze": ("snoozed", NO),
        "wake": (NO, NO),
        "hand_over": ("claimed", NO),
        "escalate": ("escalated", NO),
        "dismiss": ("dismissed", NO),
        "reopen": (NO, NO),
    },
    "contacted": {
        "claim": ("contacted", NO),
        "release": (NO, NO),
        "contacted": ("contacted", NO),
        "solved": ("solved", NO),
        "snooze": ("snoozed", NO),
        "wake": (NO, NO),
        "hand_over": ("contacted", NO),
        "escalate": ("escalated", NO),
        "dismiss": ("dismissed", NO),
        "reopen": (NO, NO),
    },
    "snoozed": {
        "claim": ("claimed", "claimed"),
        "release": (NO, NO),
        "contacted": (NO, NO),
        "solved": (NO, NO),
        "snooze": ("snoozed", "snoozed"),
        "wake": ("new", "new"),
        "hand_over": ("claimed", "claimed"),
        "escalate": ("escalated", "escalated"),
        "dismiss": ("dismissed", "dismissed"),
        "reopen": (NO, NO),
    },
    "snoozed by its owner": {
        "claim": ("claimed", NO),
        "release": ("new", NO),
        "contacted": (NO, NO),
        "solved": (NO, NO),
        "snooze": ("snoozed", NO),
        "wake": ("claimed", NO),
        "hand_over": ("claimed", NO),
        "escalate": ("escalated", NO),
        "dismiss": ("dismissed", NO),
        "reopen": (NO, NO),
    },
    "snoozed after contact": {
        "claim": ("contacted", NO),
        "release": (NO, NO),
        "wake": ("contacted", NO),
        "hand_over": ("contacted", NO),
    },
    "escalated": {
        "claim": ("claimed", "claimed"),
        "release": (NO, NO),
        "contacted": (NO, NO),
        "solved": (NO, NO),
        "snooze": ("snoozed", "snoozed"),
        "wake": (NO, NO),
        "hand_over": ("claimed", "claimed"),
        "escalate": ("escalated", NO),
        "dismiss": ("dismissed", "dismissed"),
        "reopen": (NO, NO),
    },
    "escalated after contact": {"claim": ("contacted", "contacted"), "solved": (NO, NO)},
    "solved": {
        **dict.fromkeys(VERBS, (NO, NO)),
        "solved": ("solved", NO),
        "reopen": ("new", "new"),
    },
    "dismissed": {
        **dict.fromkeys(VERBS, (NO, NO)),
        "dismiss": ("dismissed", NO),
        "reopen": ("new", "new"),
    },
}


@pytest.mark.parametrize(
    ("start", "verb", "who", "end"),
    [
        (start, verb, who, end)
        for start, row in TABLE.items()
        for verb, ends in row.items()
        for who, end in zip(("Anna", "Bartek"), ends, strict=True)
    ],
)
def test_a_change_is_made_or_refused_as_the_table_says(
    sqlite_desk: Desk, start: str, verb: str, who: str, end: str
) -> None:
    desk = sqlite_desk
    for step in WAYS[start]:
        desk.do(VERBS[step](desk), "Anna")
    before = len(desk.events())
    if end == NO:
        with pytest.raises(CaseRefused) as caught:
            desk.do(VERBS[verb](desk), who, LATER)
        assert caught.value.sentence().endswith(".")
        assert len(desk.events()) == before
        return
    change = desk.do(VERBS[verb](desk), who, LATER)
    assert change.case.state == end
    assert len(desk.events()) == before + (not change.repeated)
    if not change.repeated:
        event = desk.events()[-1]
        assert (event.agent_id, event.at, event.how) == (desk.people[who], LATER, "web")
        assert (event.from_state, event.to_state) == (start.split()[0], end)


@pytest.fixture
def sqlite_desk(sqlite: Any, tmp_path: Any) -> Any:
    """A case on SQLite only: the table is about rules, not about databases."""
    import shutil

    from models.database import make_engine

    engine = make_engine(f"sqlite:///{shutil.copy(sqlite, tmp_path / 'q.db')}")
    yield a_desk(engine)
    engine.dispose()


def test_the_table_covers_every_state_and_every_change() -> None:
    assert {start.split()[0] for start in TABLE} == set(CaseState)
    assert all(set(TABLE[state]) == set(VERBS) for state in CaseState)


@pytest.mark.parametrize("verb", ["release", "solved", "hand_over", "escalate", "dismiss"])
def test_a_lead_may_move_the_case_of_another(sqlite_desk: Desk, verb: str) -> None:
    sqlite_desk.do(cases.claim, "Anna")
    change = sqlite_desk.do(VERBS[verb](sqlite_desk), "Lena", LATER)
    assert not change.repeated
    assert change.event.agent_id == sqlite_desk.people["Lena"]


def test_only_the_owner_can_say_that_the_customer_was_written_to(desk: Desk) -> None:
    desk.do(cases.claim, "Anna")
    with pytest.raises(CaseRefused, match="Anna took it at 13:00"):
        desk.do(cases.contacted, "Lena", LATER)


def test_of_two_agents_who_race_for_a_case_exactly_one_wins(engine: Engine) -> None:
    rounds = 50
    with writing(engine) as session:
        scene = Scene(session)
        people = [id_of(scene.agent(name)) for name in ("Anna", "Bartek")]
        thread = scene.thread(scene.source(), "Router")
        numbers = []
        for _ in range(rounds):
            post = scene.post(scene.thread(scene.source(), "Router"), "Nordvia is silent")
            numbers.append(id_of(scene.case(post)))
        assert thread.id
    start = Barrier(2)

    def run(agent_id: int) -> list[str]:
        told = []
        for case_id in numbers:
            start.wait(timeout=60)
            try:
                with writing(engine) as session:
                    cases.claim(session, case_id, Actor(agent_id, How.SLACK), NOON)
                told.append("won")
            except CaseRefused as refusal:
                told.append(refusal.sentence())
        return told

    with ThreadPoolExecutor(2) as pool:
        answers = list(zip(*pool.map(run, people), strict=True))
    assert len(answers) == rounds
    losers = {"Anna took it at 12:00.", "Bartek took it at 12:00."}
    assert all(sorted(pair)[1] == "won" and sorted(pair)[0] in losers for pair in answers)
    with reading(engine) as session:
        owners = session.exec(
            select(CaseEvent.case_id, CaseEvent.agent_id).where(CaseEvent.kind == "claimed")
        ).all()
        stored = session.exec(select(Case.id, Case.agent_id)).all()
    assert sorted(owners) == sorted(stored)


def test_a_double_click_is_one_event_even_at_the_same_moment(desk: Desk) -> None:
    start = Barrier(4)

    def click(_: int) -> tuple[bool, int | None]:
        start.wait(timeout=60)
        made = desk.do(cases.claim, "Anna")
        return made.repeated, made.event.id

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(click, range(4)))
    assert sorted(repeated for repeated, _ in answers) == [False, True, True, True]
    assert len({event for _, event in answers}) == 1
    assert [event.kind for event in desk.events()] == ["claimed"]


def test_a_release_and_a_hand_over_tell_from_whom_and_to_whom(desk: Desk) -> None:
    desk.do(cases.claim, "Anna")
    desk.do(VERBS["hand_over"](desk), "Anna")
    desk.do(lambda *given: cases.release(*given, note="going  home"), "Bartek")
    anna, bartek = desk.people["Anna"], desk.people["Bartek"]
    assert [(e.kind, e.from_agent_id, e.to_agent_id, e.note) for e in desk.events()] == [
        ("claimed", None, anna, ""),
        ("handed_over", anna, bartek, ""),
        ("released", bartek, None, "going home"),
    ]


def test_an_escalated_case_goes_on_to_the_manager_and_no_further(desk: Desk) -> None:
    up = VERBS["escalate"](desk)
    desk.do(up, "Anna")
    case = desk.do(up, "Lena").case
    assert (case.state, case.escalated_to, case.agent_id) == ("escalated", "manager", None)
    with pytest.raises(CaseRefused, match="it waits for a manager"):
        desk.do(up, "Maria")


def test_a_reopened_case_is_as_good_as_new(desk: Desk) -> None:
    for verb in (cases.claim, cases.contacted, cases.solved):
        desk.do(verb, "Anna")
    case = desk.do(VERBS["reopen"](desk), "Bartek").case
    assert (case.state, case.agent_id, case.contacted_at, case.closed_at) == (
        "new",
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda *g: cases.snooze(*g, until=NOON), "not into the past"),
        (lambda *g: cases.snooze(*g, until=NOON + timedelta(days=31)), "30 days at most"),
        (lambda *g: cases.escalate(*g, reason=" ", to=AgentRole.LEAD), "say in a sentence"),
        (lambda *g: cases.hand_over(*g, to_agent_id=999), "no such agent"),
        (lambda s, _c, a, n: cases.claim(s, 999, a, n), "no such case"),
        (lambda s, c, _a, n: cases.claim(s, c, Actor(999, How.SLACK), n), "not an agent at work"),
        (lambda s, c, _a, n: cases.claim(s, c, Actor(None, How.CLI), n), "only an agent"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_words(
    sqlite_desk: Desk, change: Verb, said: str
) -> None:
    with pytest.raises(CaseRefused, match=said):
        sqlite_desk.do(change, "Anna")
    assert sqlite_desk.events() == []


def test_who_has_left_takes_no_case(desk: Desk) -> None:
    with writing(desk.engine) as session:
        save_agent(session, "anna", active=False)
    with pytest.raises(CaseRefused, match="ask ops to add you"):
        desk.do(cases.claim, "Anna")
