"""Real processes, killed in the middle of their work with Slack, and what a new one makes of it.

Whatever the moment: nothing is lost, nothing is told twice, and the message shows how things are.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from alerts.dispatch import enqueue
from models import Alert, AlertKind, Case, Delivery, DeliveryState, How, Level, SlackPress
from models.database import make_engine, reading, writing
from monitor import cases
from monitor.cases import Actor
from monitor.config import Settings
from monitor.judging import message_for
from monitor.routing import Duty
from tests.forked import Forked
from tests.monitor import slack_step
from tests.monitor.slack_scene import ANNA, BARTEK, ROOM, Office, office
from tests.slack_server import APP_TOKEN, TOKEN, Mischief, reader_sees
from tests.slack_workspace import eventually, press

NEVER_ACTS, NEVER_ANSWERS = Mischief(hang_before=True), Mischief(hang_after=True)
moments = pytest.mark.parametrize(
    "lost", [NEVER_ACTS, NEVER_ANSWERS], ids=["before-slack-acted", "after-slack-accepted"]
)


class World(Office):
    """An office whose sender and app are processes of their own."""

    url: str
    options: dict[str, Any]

    def start(self, role: str) -> Forked:
        settings = {
            "database_url": self.url,
            "slack_token": TOKEN,
            "slack_app_token": APP_TOKEN,
            "slack_room": "C1",
            "slack_api_url": self.slack.url,
            "remind_minutes": 100_000,
            "escalate_minutes": 100_000,
        }
        told = {"role": role, "now": self.now.isoformat(), "settings": settings | self.options}
        child = Forked(slack_step.work, told)
        assert child.stdout.readline() == "ready\n"
        return child

    def run(self, role: str = "sender") -> None:
        """Let a sender do its work in peace, two minutes later: no lease outlives that."""
        self.later(minutes=2)
        with self.start(role) as child:
            child.wait(timeout=300)
        assert child.returncode == 0

    def kill(self, when: Callable[[], object], role: str = "sender") -> None:
        """Start a sender and kill it as soon as ``when`` holds."""
        with self.start(role) as child:
            eventually(when, within_s=200)
            assert child.poll() is None, "it must be in the middle of its work"
            child.kill()

    @contextmanager
    def app(self) -> Iterator[Forked]:
        """Give the app, connected; it is killed at the end."""
        assert self.socket
        self.socket.connected.clear()
        with self.start("app") as child:
            try:
                eventually(self.socket.connected.is_set, within_s=200)
                yield child
            finally:
                child.kill()

    def called(self, method: str, times: int = 1) -> bool:
        return len(self.slack.calls(method)) >= times

    def told(self) -> list[int]:
        """Return the cases that the channel tells of, in its order."""
        found: list[int] = []
        for post in self.slack.roots():
            payload = post["metadata"]["event_payload"]
            one = payload.get("case_id")
            found += [one] if one else [int(n) for n in re.findall(r"#(\d+)", reader_sees(post))]
        return found

    def unsent(self) -> int:
        with reading(self.engine) as session:
            states = session.exec(select(Delivery.state)).all()
        return sum(state != DeliveryState.SENT for state in states)


both = pytest.mark.parametrize("world", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def world(request: pytest.FixtureRequest, sqlite: Path, tmp_path: Path) -> Iterator[World]:
    """An office on SQLite; on PostgreSQL, too, for a test that asks for ``both``."""
    if getattr(request, "param", "sqlite") == "postgresql":
        url = request.getfixturevalue("postgres").fresh()
    else:
        url = f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}"
    engine: Engine = make_engine(url)
    with office(engine) as place:
        place.slack.emails[ANNA] = "anna@nordvia.test"
        place.slack.people = {ANNA: "", BARTEK: ""}
        here = World(**vars(place))
        here.url, here.options = url, {}
        yield here
    engine.dispose()


@both
@pytest.mark.timeout(600)
@moments
def test_a_sender_killed_between_the_claim_of_an_alert_and_its_mark(
    world: World, lost: Mischief
) -> None:
    numbers = world.open_cases(3)
    world.slack.mischief.extend([Mischief(), lost])
    world.kill(lambda: world.called("chat.postMessage", 2))
    assert len(world.slack.roots()) == (2 if lost is NEVER_ANSWERS else 1)
    world.run()
    assert sorted(world.told()) == numbers
    assert world.unsent() == 0


@pytest.mark.timeout(600)
@moments
def test_a_sender_killed_in_a_storm_tells_all_of_it_in_one_summary(
    world: World, lost: Mischief
) -> None:
    numbers = world.open_cases(14)
    world.slack.mischief.append(lost)
    world.kill(lambda: world.called("chat.postMessage"))
    late = world.open_cases(2)
    world.run()
    assert sorted(world.told()) == [*numbers, *late]
    assert len([post for post in world.slack.roots() if "key" in str(post["metadata"])]) == 1
    assert world.unsent() == 0


@pytest.mark.timeout(600)
def test_a_sender_killed_in_an_outage_with_200_cases_queued_loses_none(world: World) -> None:
    numbers: list[int] = []
    for level in (Level.REACH_OUT, Level.URGENT):
        numbers += world.open_cases(100, level=level)
        world.slack.mischief.append(NEVER_ACTS)
        calls = len(world.slack.calls("chat.postMessage"))
        world.kill(lambda calls=calls: world.called("chat.postMessage", calls + 1))
        world.later(minutes=5)
    assert world.slack.roots() == []
    world.slack.mischief.append(Mischief(status=503))
    world.run()
    world.later(minutes=10)
    world.run()
    told = world.told()
    assert sorted(told) == numbers, "each once"
    assert told == [*numbers[100:], *numbers[:100]], "the weightiest first, then the oldest"
    assert world.unsent() == 0


@both
@pytest.mark.timeout(600)
def test_an_app_killed_after_it_acknowledged_a_press_acts_upon_it_after_the_start(
    world: World,
) -> None:
    [number] = world.open_cases()
    world.run()
    assert world.socket
    world.slack.profile_mischief.append(NEVER_ACTS)
    with world.app() as child:
        envelope = world.socket.send(press(world.post(number), "case.take", BARTEK))
        eventually(lambda: world.called("users.info"), within_s=200)
        assert envelope in world.socket.acknowledged
        child.kill()
    assert world.events(number) == ["opened"]
    assert world.case(number).state == "new"
    with world.app():
        eventually(lambda: "Taken by *Bartek Lis*" in reader_sees(world.post(number)), within_s=200)
        eventually(lambda: world.slack.thread(world.post(number)["ts"]), within_s=200)
    assert world.events(number) == ["opened", "claimed"]
    assert world.slack.thread(world.post(number)["ts"]) == ["*Bartek Lis* took it."]
    with reading(world.engine) as session:
        assert session.exec(select(SlackPress.body)).all() == [None], "what was asked is forgotten"


@pytest.mark.timeout(600)
@moments
def test_an_app_killed_after_the_change_and_before_the_message_shows_it(
    world: World, lost: Mischief
) -> None:
    [number] = world.open_cases()
    world.run()
    assert world.socket
    world.slack.update_mischief.append(lost)
    with world.app() as child:
        world.socket.send(press(world.post(number), "case.take", ANNA))
        eventually(lambda: world.called("chat.update"), within_s=200)
        assert world.case(number).state == "claimed"
        child.kill()
    world.slack.mischief.append(NEVER_ANSWERS)  # and once more, in the line of the thread
    world.later(minutes=2)
    world.kill(lambda: world.slack.thread(world.post(number)["ts"]))
    world.run()
    assert "Taken by *Anna Nowak*" in reader_sees(world.post(number))
    assert world.slack.thread(world.post(number)["ts"]) == ["*Anna Nowak* took it."]
    assert world.events(number) == ["opened", "claimed"]


@pytest.mark.timeout(600)
@moments
def test_a_sender_killed_while_a_snooze_runs_out_wakes_the_case_once(
    world: World, lost: Mischief
) -> None:
    [number] = world.open_cases()
    world.run()
    with writing(world.engine) as session:
        anna = Actor(world.agent_id("Anna Nowak"), How.SLACK)
        cases.snooze(session, number, anna, world.now, until=world.now + timedelta(hours=1))
    world.run()
    assert "Snoozed until" in reader_sees(world.post(number))
    world.later(hours=3)
    sent = len(world.slack.calls("chat.postMessage"))
    world.slack.mischief.append(lost)
    world.kill(lambda: world.called("chat.postMessage", sent + 1), "clock")
    world.run("clock")
    assert world.events(number) == ["opened", "snoozed", "woken"]
    assert "🔴 Urgent" in reader_sees(world.post(number))
    back = [post for post in world.slack.roots() if "is back" in post["text"]]
    assert len(back) == 1
    assert world.unsent() == 0


@pytest.mark.timeout(600)
@moments
def test_a_sender_killed_while_it_writes_to_one_agent_tells_them_once(
    world: World, lost: Mischief
) -> None:
    [number] = world.open_cases()
    world.run()
    with writing(world.engine) as session:
        cases.claim(session, number, Actor(world.agent_id("Anna Nowak"), How.SLACK), world.now)
    world.run("clock")  # a word on whom the case goes to, before it was taken
    told = len(world.slack.roots())
    world.later(minutes=70)
    world.slack.mischief.append(lost)
    sent = len(world.slack.calls("chat.postMessage"))
    world.kill(lambda: world.called("chat.postMessage", sent + 1), "clock")
    world.run("clock")
    [told_now] = world.slack.roots()[told:]
    assert told_now["channel"] == "DANNA"
    assert told_now["text"].startswith("Anna Nowak: ")
    assert world.unsent() == 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("evening", "morning"),
    [
        ("2026-10-24T23:00+02:00", "2026-10-25T07:00+01:00"),
        ("2026-03-28T23:00+01:00", "2026-03-29T07:00+02:00"),
    ],
    ids=["autumn", "spring"],
)
def test_a_sender_killed_in_the_night_the_clock_jumps_catches_up_once_at_seven(
    world: World, evening: str, morning: str
) -> None:
    world.options = {"quiet_hours": "22:00-07:00", "timezone": "Europe/Warsaw"}
    world.clock[0] = datetime.fromisoformat(evening)
    numbers = world.open_cases(3, level=Level.REACH_OUT, enqueued=False)
    settings = Settings(_env_file=None, **world.options)  # type: ignore[call-arg]
    with writing(world.engine) as session:
        hold = Duty(session, settings, world.now).hold(Level.REACH_OUT)
        for number in numbers:
            case = session.get_one(Case, number)
            message = message_for(session, case, now=world.now)
            assert enqueue(session, case, message, [ROOM], world.now, hold_until=hold)
    seven = datetime.fromisoformat(morning)
    world.clock[0] = seven - timedelta(minutes=3)
    world.run()
    assert world.slack.posted == [], "one minute before seven by the wall"
    world.clock[0] = seven
    world.slack.mischief.append(NEVER_ANSWERS)
    world.kill(lambda: world.slack.roots())
    world.run()
    assert world.told() == numbers
    assert len(world.slack.roots()) == 1
    with reading(world.engine) as session:
        kinds = session.exec(select(Alert.kind)).all()
    assert kinds.count(AlertKind.SUMMARY) == 1
