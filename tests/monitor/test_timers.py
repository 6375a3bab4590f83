"""Reminders, escalations, follow-ups: what happens to a case by itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from alerts.notice import Notice
from alerts.outbox import enqueue
from models import (
    Agent,
    Alert,
    AlertKind,
    Brand,
    Case,
    CaseEvent,
    Delivery,
    Dismissal,
    How,
    Level,
    Timer,
)
from models.base import id_of
from models.database import make_engine, reading, writing
from monitor import cases, shifts, timer_acts
from monitor.case_list import Wanted, list_cases
from monitor.cases import Actor
from monitor.checking import _timers
from monitor.config import Settings
from monitor.judging import message_for
from monitor.routing import Duty, Places
from monitor.team import save_agent
from monitor.timers import TRIES, broken_timers, timers_due
from tests.monitor.scene import Scene

MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
ROOM = ("slack", "C1")
PLACES = Places(rooms=(ROOM,), personal=("slack", "email"))


@dataclass
class Office:
    """A clock, a team and cases; ``pass_time`` lets the timers run now and then."""

    engine: Engine
    now: datetime = MONDAY
    options: dict[str, Any] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings(_env_file=None, **self.options)  # type: ignore[call-arg]

    def hire(self, name: str, hours: str = "", **given: Any) -> int:
        with writing(self.engine) as session:
            given = {"timezone": "Europe/Warsaw", "slack_user_id": f"U{name.upper()}"} | given
            agent, _ = save_agent(session, name, **given)
            if hours:
                shifts.set_shifts(session, agent, shifts.read_hours(hours.split()))
            self.people[name] = id_of(agent)
        return self.people[name]

    def open_case(self, level: Level = Level.REACH_OUT, language: str = "pl") -> int:
        with writing(self.engine) as session:
            scene = Scene(session)
            scene.count = len(session.exec(select(Case.id)).all()) * 100
            scene.brands = {brand.name: brand for brand in session.exec(select(Brand))}
            post = scene.post(
                scene.thread(scene.source(), "Router"),
                "Nordvia is silent",
                negative=0.95,
                unhappy="sure",
                language=language,
            )
            case = scene.case(post, level, opened_at=self.now)
            duty = Duty(session, self.settings, self.now)
            message = message_for(session, case, now=self.now)
            hold = duty.hold(level)
            assert enqueue(session, case, message, [ROOM], self.now, hold_until=hold)
            return id_of(case)

    def do(self, verb: Callable[..., Any], case_id: int, name: str, **given: Any) -> None:
        with writing(self.engine) as session:
            verb(session, case_id, Actor(self.people[name], How.SLACK), self.now, **given)

    def pass_time(self, **span: float) -> None:
        end = self.now + timedelta(**span)
        step = timedelta(minutes=60 if "days" in span else 10)
        while self.now < end:
            self.now = min(end, self.now + step)
            timers_due(self.engine, self.settings, PLACES, self.now)

    def told(self) -> list[tuple[str, str, str]]:
        """Return (minutes after Monday ten o'clock, kind, room) of what was queued, in order."""
        with reading(self.engine) as session:
            rows = session.exec(
                select(Alert, Delivery)
                .join(Delivery, col(Delivery.alert_id) == col(Alert.id))
                .where(Alert.kind == AlertKind.NOTICE)
                .order_by(col(Alert.id))
            ).all()
        return [
            (
                str(int((alert.created_at - MONDAY) / timedelta(minutes=1))),
                Notice.from_json(alert.content).kind,
                delivery.room,
            )
            for alert, delivery in rows
        ]

    def notice(self, number: int = -1) -> Notice:
        with reading(self.engine) as session:
            kept = session.exec(
                select(Alert).where(Alert.kind == AlertKind.NOTICE).order_by(col(Alert.id))
            ).all()
        return Notice.from_json(kept[number].content)

    def case(self, case_id: int) -> Case:
        with reading(self.engine) as session:
            return session.get_one(Case, case_id)


@pytest.fixture
def office(engine: Engine) -> Office:
    return Office(engine)


@pytest.fixture
def small_office(sqlite: Any, tmp_path: Any) -> Iterator[Office]:
    """On SQLite alone: rules of time, the same on both databases."""
    import shutil

    engine = make_engine(f"sqlite:///{shutil.copy(sqlite, tmp_path / 'q.db')}")
    yield Office(engine)
    engine.dispose()


def test_a_case_nobody_takes_is_routed_repeated_and_goes_up_to_the_manager(office: Office) -> None:
    office.hire("Anna", "mon-fri 08:00-20:00", languages=["pl"])
    office.hire("Boris", "mon-fri 08:00-20:00", languages=["ru"])
    office.hire("Lena", "mon-fri 08:00-20:00", role="lead", languages=["en"])
    office.hire("Maria", "mon-fri 08:00-20:00", role="manager", languages=["en"])
    case_id = office.open_case(language="pl")
    office.pass_time(hours=5)
    assert office.told() == [
        ("10", "route", "UANNA"),
        ("30", "reminder", "C1"),
        ("60", "escalation", "ULENA"),
        ("180", "escalation", "UMARIA"),
    ]
    case = office.case(case_id)
    assert (case.state, case.escalated_to, case.agent_id) == ("escalated", "manager", None)
    paragraph = office.notice().text
    assert "nobody took it for 1 h" in paragraph
    assert "an author is clearly unhappy" in paragraph
    assert "\n" not in paragraph
    office.pass_time(days=1)
    assert office.told()[-1][1:] == ("escalation", "UMARIA")  # day after day, until she decides
    office.do(cases.claim, case_id, "Maria")
    before = len(office.told())
    office.pass_time(hours=0.5)
    assert len(office.told()) == before


def test_the_owner_is_reminded_to_write_and_then_loses_the_case(small_office: Office) -> None:
    office = small_office
    office.hire("Anna", "mon-fri 08:00-20:00")
    case_id = office.open_case()
    office.do(cases.claim, case_id, "Anna")
    office.pass_time(hours=2.3)
    assert office.told()[:2] == [("60", "write", "UANNA"), ("120", "released", "UANNA")]
    case = office.case(case_id)
    assert (case.state, case.agent_id) == ("new", None)
    with reading(office.engine) as session:
        event = session.exec(select(CaseEvent).where(CaseEvent.kind == "released")).one()
    assert (event.how, event.note) == ("timer", "2 h without a word to the customer")


def test_after_a_first_word_and_after_a_solution_the_owner_is_asked_to_write_again(
    small_office: Office,
) -> None:
    office = small_office
    office.hire("Anna", "mon-sun 08:00-20:00")
    case_id = office.open_case()
    office.do(cases.claim, case_id, "Anna")
    office.do(cases.contacted, case_id, "Anna")
    office.pass_time(days=3, hours=1)
    office.do(cases.solved, case_id, "Anna")
    office.pass_time(days=4)
    day = 24 * 60
    assert office.told() == [
        (str(3 * day), "follow_up", "UANNA"),
        (str(5 * day + 60), "solved", "UANNA"),
    ]


def test_a_snooze_that_ends_while_nothing_runs_ends_when_it_runs_again(office: Office) -> None:
    office.hire("Anna", "mon-fri 08:00-20:00")
    case_id = office.open_case()
    office.do(cases.claim, case_id, "Anna")
    office.do(cases.snooze, case_id, "Anna", until=MONDAY + timedelta(hours=1))
    office.pass_time(minutes=10)
    office.now += timedelta(hours=5)  # the machine is off
    office.pass_time(minutes=10)
    assert office.case(case_id).state == "claimed"
    assert [kind for _, kind, _ in office.told()] == ["woken"]


def test_a_run_that_dies_after_any_step_repeats_nothing(small_office: Office) -> None:
    office = small_office
    office.hire("Anna", "mon-fri 08:00-20:00")
    office.open_case()
    for _ in range(3):  # a new process each time, at the same moment and later
        office.engine.dispose()
        for _ in range(2):
            timers_due(office.engine, office.settings, PLACES, office.now)
        office.now += timedelta(minutes=31)
    kinds = [kind for _, kind, _ in office.told()]
    assert kinds == ["route", "reminder", "escalation"]
    with reading(office.engine) as session:
        keys = [(t.case_id, t.turn, t.kind, t.step) for t in session.exec(select(Timer)).all()]
    assert len(keys) == len(set(keys))


def test_two_processes_fire_each_timer_once(office: Office) -> None:
    from concurrent.futures import ThreadPoolExecutor

    office.hire("Anna", "mon-fri 08:00-20:00")
    for _ in range(8):
        office.open_case()
    office.now += timedelta(minutes=5)

    def run(_: int) -> int:
        engine = make_engine(office.engine.url.render_as_string(hide_password=False))
        try:
            return timers_due(engine, office.settings, PLACES, office.now).fired
        except Exception:  # noqa: BLE001 - both may set a timer; one is told so, and comes again
            return 0
        finally:
            engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(8)))
    timers_due(office.engine, office.settings, PLACES, office.now)
    with reading(office.engine) as session:
        done = session.exec(select(Timer).where(Timer.kind == "route")).all()
    assert len(done) == 8
    assert {timer.outcome for timer in done} == {"told Anna"}
    named = [
        entry.case_id
        for number in range(len(office.told()))
        for entry in office.notice(number).entries
    ]
    assert len(named) == len(set(named)) == 8


def test_outside_all_shifts_alerts_wait_for_the_next_one_and_urgent_ones_go_on_call(
    small_office: Office,
) -> None:
    office = small_office
    office.now = MONDAY + timedelta(hours=12)  # 23:00 in Warsaw
    office.hire("Anna", "mon-fri 08:00-16:00")
    office.hire("Cezary", "mon-fri 08:00-16:00", on_call=True)
    calm, burning = office.open_case(), office.open_case(Level.URGENT)
    with reading(office.engine) as session:
        waits = dict(
            session.exec(
                select(Alert.case_id, Delivery.not_before).join(
                    Delivery, col(Delivery.alert_id) == col(Alert.id)
                )
            ).all()
        )
    morning = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    assert waits == {calm: morning, burning: office.now}
    office.pass_time(minutes=20)
    assert [(kind, room) for _, kind, room in office.told()] == [("route", "UCEZARY")]
    office.pass_time(hours=10)
    routed = [(room, at) for at, kind, room in office.told() if kind == "route"][1:]
    assert routed == [("UANNA", str(21 * 60))]


@pytest.mark.parametrize("night", [date(2026, 3, 29), date(2026, 10, 25)])
def test_quiet_hours_end_by_the_clock_on_the_nights_it_jumps(
    small_office: Office, night: date
) -> None:
    office = small_office
    office.options = {"quiet_hours": "22:00-07:00", "timezone": "Europe/Warsaw"}
    office.now = datetime(night.year, night.month, night.day, 0, 30, tzinfo=UTC)
    with reading(office.engine) as session:
        end = Duty(session, office.settings, office.now).quiet_until()
        awake = Duty(session, office.settings, end).quiet_until() if end else None
    hour = 5 if night.month == 3 else 6
    assert end == datetime(night.year, night.month, night.day, hour, 0, tzinfo=UTC)
    assert awake is None


def test_an_agent_who_is_off_is_reminded_when_the_next_shift_begins(small_office: Office) -> None:
    office = small_office
    office.hire("Anna", "mon-fri 08:00-12:00")
    office.hire("Zofia", "mon-fri 08:00-24:00")
    case_id = office.open_case()
    office.do(cases.claim, case_id, "Anna")
    office.do(cases.contacted, case_id, "Anna")
    office.do(cases.hand_over, case_id, "Anna", to_agent_id=office.people["Zofia"])
    office.now = MONDAY + timedelta(hours=3)
    office.do(cases.hand_over, case_id, "Zofia", to_agent_id=office.people["Anna"])
    office.pass_time(hours=20)
    assert office.told() == [(str(21 * 60), "given", "UANNA")]


def test_a_pause_holds_alerts_until_it_ends_and_reminders_too(small_office: Office) -> None:
    office = small_office
    office.hire("Anna", "mon-fri 08:00-16:00")
    with writing(office.engine) as session:
        anna = session.get_one(Agent, office.people["Anna"])
        anna.paused_until = MONDAY + timedelta(minutes=30)  # it is eleven in Warsaw
        session.add(anna)
    with reading(office.engine) as session:
        duty = Duty(session, office.settings, MONDAY)
        assert duty.quiet_until() == MONDAY + timedelta(minutes=30)
    office.open_case()
    with reading(office.engine) as session:
        assert session.exec(select(Delivery.not_before)).one() == MONDAY + timedelta(minutes=30)


def test_who_has_no_hours_and_pauses_is_reminded_when_the_pause_ends(small_office: Office) -> None:
    office = small_office
    office.options["contact_minutes"] = 700
    office.hire("Anna")
    case_id = office.open_case()
    office.do(cases.claim, case_id, "Anna")
    with writing(office.engine) as session:
        anna = session.get_one(Agent, office.people["Anna"])
        anna.paused_until = MONDAY + timedelta(hours=20)
        session.add(anna)
    office.pass_time(hours=21)
    assert office.told() == [("1200", "write", "UANNA")]


def test_who_has_a_day_off_and_no_hours_is_reminded_the_day_after(small_office: Office) -> None:
    office = small_office
    office.options["contact_minutes"] = 60 * 20
    office.hire("Anna")
    with writing(office.engine) as session:
        anna = session.get_one(Agent, office.people["Anna"])
        shifts.add_day_off(session, anna, date(2026, 11, 24))
    case_id = office.open_case()
    office.do(cases.claim, case_id, "Anna")
    office.pass_time(hours=38)
    midnight = 37 * 60  # from eleven on Monday to Wednesday, in Warsaw
    assert office.told() == [(str(midnight), "write", "UANNA")]


DAY = 24 * 60


def test_a_case_that_was_written_to_is_asked_for_until_it_is_closed(office: Office) -> None:
    office.hire("Anna")
    office.hire("Lena", role="lead")
    case_id = office.open_case()
    office.do(cases.claim, case_id, "Anna")
    office.do(cases.contacted, case_id, "Anna")
    office.pass_time(days=20)
    assert office.told() == [
        (str(3 * DAY), "follow_up", "UANNA"),
        (str(6 * DAY), "check", "UANNA"),
        (str(9 * DAY), "check", "UANNA"),
        (str(12 * DAY), "unsettled", "ULENA"),
        (str(19 * DAY), "unsettled", "ULENA"),
    ]
    assert "an author is clearly unhappy" in office.notice().text
    with reading(office.engine) as session:
        wanted = Wanted(since=MONDAY - timedelta(days=1), until=office.now)
        assert list_cases(session, wanted, MONDAY + timedelta(days=20)).top_total == 0
        assert list_cases(session, wanted, MONDAY + timedelta(days=22)).top_total == 1
    office.do(cases.solved, case_id, "Anna")
    before = len(office.told())
    office.pass_time(days=9)
    assert [kind for _, kind, _ in office.told()[before:]] == ["solved"]


def test_a_long_snooze_after_a_word_with_the_customer_loses_no_follow_up(office: Office) -> None:
    office.hire("Anna")
    office.hire("Lena", role="lead")
    case_id = office.open_case()
    office.do(cases.claim, case_id, "Anna")
    office.do(cases.contacted, case_id, "Anna")
    office.do(cases.snooze, case_id, "Anna", until=MONDAY + timedelta(days=14))
    office.pass_time(days=40)
    told = office.told()
    assert told[:4] == [
        (str(14 * DAY), "woken", "UANNA"),
        (str(14 * DAY), "follow_up", "UANNA"),
        (str(17 * DAY), "check", "UANNA"),
        (str(20 * DAY), "check", "UANNA"),
    ]
    assert [kind for _, kind, _ in told[4:]] == ["unsettled"] * 3
    assert office.case(case_id).state == "contacted"


@pytest.mark.parametrize("late", [11, 30])
def test_who_is_handed_a_case_late_is_asked_once_and_not_to_write_again(
    small_office: Office, late: int
) -> None:
    office = small_office
    office.hire("Anna")
    office.hire("Bartek")
    case_id = office.open_case()
    office.do(cases.claim, case_id, "Anna")
    office.do(cases.contacted, case_id, "Anna")
    office.pass_time(days=late)
    before = len(office.told())
    office.do(cases.hand_over, case_id, "Anna", to_agent_id=office.people["Bartek"])
    office.pass_time(hours=1)
    assert [(kind, room) for _, kind, room in office.told()[before:]] == [
        ("given", "UBARTEK"),
        ("check", "UBARTEK"),
    ]


def test_a_follow_up_that_is_late_after_an_outage_comes_once(small_office: Office) -> None:
    office = small_office
    office.hire("Anna")
    case_id = office.open_case()
    office.do(cases.claim, case_id, "Anna")
    office.do(cases.contacted, case_id, "Anna")
    office.pass_time(minutes=10)
    office.now += timedelta(days=30)  # the machine is off
    office.pass_time(hours=3)
    assert [kind for _, kind, _ in office.told()] == ["follow_up"]


def test_a_snooze_ends_on_time_and_is_told_at_the_owners_next_shift(office: Office) -> None:
    office.hire("Anna", "mon-fri 08:00-16:00")
    office.hire("Boris", "mon-sun 00:00-24:00")
    taken, free = office.open_case(), office.open_case()
    office.do(cases.claim, taken, "Anna")
    night = MONDAY + timedelta(hours=14)  # one o'clock in Warsaw
    office.do(cases.snooze, taken, "Anna", until=night)
    office.pass_time(hours=15)
    assert office.case(taken).state == "claimed"
    assert "woken" not in [kind for _, kind, _ in office.told()]
    office.pass_time(hours=8)
    eight = str(21 * 60)
    assert (eight, "woken", "UANNA") in office.told()
    assert (str(22 * 60), "write", "UANNA") in office.told(), "she has as long as ever"
    assert office.case(free).state == "escalated"


def test_a_snooze_of_nobodys_case_that_ends_in_quiet_hours_is_told_after_them(
    small_office: Office,
) -> None:
    office = small_office
    office.options.update(quiet_hours="22:00-07:00", timezone="Europe/Warsaw")
    office.hire("Anna")
    case_id = office.open_case()
    office.do(cases.snooze, case_id, "Anna", until=MONDAY + timedelta(hours=14))
    office.pass_time(hours=15)
    assert (office.case(case_id).state, office.told()) == ("new", [])
    office.pass_time(hours=6)
    assert (str(20 * 60), "woken", "C1") in office.told()


def test_an_act_that_breaks_is_tried_again_and_listed_until_it_is_given_up(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.hire("Anna")
    office.open_case()

    def full(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(timer_acts, "entry_of", full)
        office.pass_time(minutes=40)
        with reading(office.engine) as session:
            listed = {timer.kind: timer for timer in broken_timers(session)}
        assert set(listed) == {"route", "remind"}
        assert (listed["route"].outcome, listed["route"].done_at) == ("broke: OSError", None)
        assert listed["route"].tries > 1
        assert office.told() == []
    office.pass_time(hours=2)
    assert ("route", "UANNA") in [(kind, room) for _, kind, room in office.told()]
    assert "reminder" in [kind for _, kind, _ in office.told()]
    with reading(office.engine) as session:
        assert broken_timers(session) == []


def test_an_act_that_goes_on_breaking_is_given_up_and_still_listed(
    small_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = small_office
    office.options.update(remind_minutes=60 * 90, escalate_minutes=60 * 100)
    office.hire("Anna")
    office.open_case()

    def full(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(timer_acts, "entry_of", full)
    office.pass_time(days=2)
    with reading(office.engine) as session:
        [timer] = broken_timers(session)
        [finding] = _timers(session)
    assert (timer.tries, timer.done_at is not None) == (TRIES, True)
    assert finding.mark == "bad"
    assert "timer route of case 1 broke: OSError, 8 times; given up" in finding.text


def test_a_dismissed_case_is_left_in_peace(small_office: Office) -> None:
    office = small_office
    office.hire("Anna", "mon-fri 08:00-20:00")
    case_id = office.open_case()
    office.do(cases.dismiss, case_id, "Anna", reason=Dismissal.NOT_ABOUT_US)
    office.pass_time(days=6)
    assert office.told() == []


def test_without_agents_the_room_is_reminded_and_told_what_waits(small_office: Office) -> None:
    office = small_office
    office.open_case()
    office.pass_time(hours=2)
    assert [(kind, room) for _, kind, room in office.told()] == [
        ("reminder", "C1"),
        ("escalation", "C1"),
    ]


def test_cases_that_come_together_are_shared_out(small_office: Office) -> None:
    office = small_office
    for name in ("Anna", "Bartek"):
        office.hire(name, "mon-fri 08:00-20:00")
    for _ in range(4):
        office.open_case()
    office.pass_time(minutes=10)
    assert [(kind, room) for _, kind, room in office.told()] == [
        ("route", "UANNA"),
        ("route", "UBARTEK"),
    ]
    assert [len(office.notice(number).entries) for number in range(2)] == [2, 2]


def test_many_reminders_at_once_are_one_message(small_office: Office) -> None:
    office = small_office
    for _ in range(12):
        office.open_case()
    office.pass_time(minutes=40)
    [(_, kind, _)] = office.told()
    notice = office.notice()
    assert kind == "reminder"
    assert notice.title == "nobody has taken 12 cases for 30 min or more"
    assert len(notice.entries) == 12


def test_the_cases_of_who_leaves_are_not_lost(small_office: Office) -> None:
    office = small_office
    office.hire("Anna")
    taken, written = office.open_case(), office.open_case()
    for case_id in (taken, written):
        office.do(cases.claim, case_id, "Anna")
    office.do(cases.contacted, written, "Anna")
    with writing(office.engine) as session:
        save_agent(session, "Anna", active=False, now=office.now)
    assert office.case(taken).state == "new"
    assert office.case(written).state == "escalated"
