"""Digests that are sent by themselves: when, what, to whom, and once."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from alerts.base import Channel
from alerts.digest import Digest
from alerts.registry import ChannelError, build_channel
from models import (
    Alert,
    AlertKind,
    Author,
    BrokenChannel,
    Case,
    CaseState,
    Delivery,
    DeliveryState,
    DigestSubscription,
    Level,
    Post,
)
from models.base import utc_now
from models.database import reading, writing
from monitor import jobs
from monitor.config import Settings
from monitor.digest_forms import read_form, save_digest
from monitor.digests import (
    DigestRefused,
    key_of,
    latest_turn,
    make,
    next_due,
    queue,
    queue_due,
    standings,
    take_back,
    turn_on,
)
from monitor.jobs import Runtime
from monitor.privacy import ERASED, forget
from monitor.retention import Policy, sweep
from monitor.schedule import Schedule
from tests.forked import Forked
from tests.monitor.scene import NOW, Scene, hours
from tests.monitor.step import work
from tests.slack_server import TOKEN, FakeSlack, Mischief

WARSAW = ZoneInfo("Europe/Warsaw")


@dataclass
class World:
    """A database, a Slack, and a clock that ops can turn."""

    engine: Engine
    slack: FakeSlack
    moment: datetime = NOW
    settings: Settings = field(default_factory=lambda: Settings(contact="ops@quietword.test"))

    def runtime(self) -> Runtime:
        def reach(kind: str, room: str) -> Channel:
            if kind != "slack":
                raise ChannelError(f"{kind} is not configured")
            channel = build_channel(kind, room=room, token=TOKEN, slack_api=self.slack.url)
            channel.pause_s = 0.0
            return channel

        return Runtime(
            settings=self.settings,
            engine=self.engine,
            channels={},
            scorer=lambda: pytest.fail("a digest asks for no scorer"),
            now=lambda: self.moment,
            reach=reach,
            personal=("slack",),
        )

    def subscribe(self, name: str = "morning", **given: object) -> DigestSubscription:
        fields = {"name": name, "to": ["C1"], "at": "08:00", "timezone": "Europe/Warsaw"} | given
        with writing(self.engine) as session:
            return save_digest(session, self.runtime(), read_form(**fields), self.moment)

    def run(self) -> int:
        queued = queue_due(self.runtime())
        jobs.deliver(self.runtime())
        return queued

    def digests(self) -> list[Alert]:
        with reading(self.engine) as session:
            found = select(Alert).where(Alert.kind == AlertKind.DIGEST).order_by(col(Alert.id))
            return list(session.exec(found))

    def told(self) -> list[str]:
        return [post["metadata"]["event_payload"]["key"] for post in self.slack.posted]


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    with FakeSlack(rooms=("C1", "C2")) as slack:
        yield World(engine, slack)


def complaint(scene: Scene, number: int, **given: object) -> Case:
    thread = scene.thread(scene.source(f"Forum {number}"), f"Nordvia, thread {number}")
    text = "Nordvia is silent. Call 600 700 800"
    post = scene.post(thread, text, author=f"angry_{number}", negative=0.95, unhappy="sure")
    given.setdefault("opened_at", NOW - hours(2.75))
    return scene.case(post, Level.URGENT, **given)  # type: ignore[arg-type]


def subscription(**given: object) -> DigestSubscription:
    fields = {"name": "n", "channel": "slack", "rooms": ["C1"], "timezone": "Europe/Warsaw"}
    return DigestSubscription(**fields | given)


@pytest.mark.parametrize("every", ["day", "week", "month"])
@pytest.mark.parametrize("minute", [0, 150, 480, 1439])
@pytest.mark.parametrize("zone", ["Europe/Warsaw", "America/Santiago", "Asia/Kolkata", "UTC"])
def test_periods_follow_each_other_without_a_gap_whatever_the_clocks_do(
    every: str, minute: int, zone: str
) -> None:
    plan = subscription(every=every, minute=minute, timezone=zone)
    at, turns = datetime(2026, 1, 15, tzinfo=UTC), []
    while at.year == 2026:
        due = next_due(plan, at)
        assert at < due
        turn = latest_turn(plan, due)
        assert turn.until == due
        assert latest_turn(plan, due - timedelta(seconds=1)).until < due
        assert turn_on(plan, turn.day) == turn
        turns.append(turn)
        at = due
    for one, after in itertools.pairwise(turns):
        assert one.until == after.since
    assert len({key_of(plan, turn) for turn in turns}) == len(turns)


@pytest.mark.parametrize(
    ("day", "length"),
    [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 10, 26), 24)],
)
def test_eight_oclock_stays_eight_oclock_on_the_days_the_clock_jumps(
    day: date, length: int
) -> None:
    turn = turn_on(subscription(minute=480), day)
    assert [at.astimezone(WARSAW).hour for at in (turn.since, turn.until)] == [8, 8]
    assert turn.until - turn.since == hours(length)


def test_weeks_begin_on_monday_and_months_on_their_first() -> None:
    at = datetime(2026, 11, 26, 12, tzinfo=UTC)  # a Thursday
    week = latest_turn(subscription(every="week"), at)
    month = latest_turn(subscription(every="month"), at)
    assert (week.since.astimezone(WARSAW).date(), week.day) == (
        date(2026, 11, 16),
        date(2026, 11, 23),
    )
    assert (month.since.astimezone(WARSAW).date(), month.day) == (
        date(2026, 10, 1),
        date(2026, 11, 1),
    )


def test_a_digest_is_sent_when_it_is_due_and_once(world: World) -> None:
    world.subscribe()
    assert world.run() == 0, "what was due before it was set up is not sent"
    world.moment = datetime(2026, 11, 23, 6, 59, tzinfo=UTC)
    assert world.run() == 0
    world.moment += timedelta(minutes=1)
    assert world.run() == 1
    assert world.run() == 0
    assert world.told() == ["digest morning day 2026-11-23"]


def test_the_schedule_sends_what_is_due(world: World) -> None:
    world.moment = utc_now() - timedelta(days=3)
    world.subscribe()
    schedule = Schedule(replace(world.runtime(), now=utc_now))
    schedule.start()
    try:
        assert world.slack.received.acquire(timeout=100)
    finally:
        schedule.stop()
    assert len(world.told()) == 1


def test_after_three_days_down_the_newest_is_sent_and_says_so(world: World) -> None:
    world.subscribe()
    world.moment = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    world.run()
    world.moment += timedelta(days=3, hours=5)
    assert world.run() == 1
    assert world.run() == 0
    assert world.told()[1:] == ["digest morning day 2026-11-26"]
    last = Digest.from_json(world.digests()[-1].content)
    assert "2 digests before this one were not sent" in str(last.parts)


def test_two_workers_at_once_send_one_digest(world: World) -> None:
    world.subscribe(to=["C1", "C2"])
    world.moment = NOW + timedelta(days=1)
    together = threading.Barrier(2)
    queued: list[int] = []

    def work() -> None:
        together.wait()
        queued.append(queue_due(world.runtime()))
        jobs.deliver(world.runtime())

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(queued) == 1
    assert len(world.digests()) == 1
    assert sorted(post["channel"] for post in world.slack.posted) == ["C1", "C2"]


@pytest.mark.parametrize("moment", ["while a chart is uploaded", "after Slack took it"])
def test_killed_in_the_middle_the_next_run_sends_no_second_one(
    world: World, database_url: str, moment: str
) -> None:
    with writing(world.engine) as session:
        complaint(Scene(session), 1)
    world.moment = NOW - timedelta(days=1)
    world.subscribe(at="10:30")
    world.moment = NOW
    assert queue_due(world.runtime()) == 1
    hanging = "chat.postMessage"
    if moment == "after Slack took it":
        world.slack.mischief.append(Mischief(hang_after=True))
    else:
        world.slack.file_mischief.append(Mischief(hang_before=True))
        hanging = "files.getUploadURLExternal"
    told = {
        "database_url": database_url,
        "now": world.moment.isoformat(),
        "slack_url": world.slack.url,
        "slack_token": TOKEN,
        "ahead": (world.moment - utc_now()) / hours(1) + 1,
    }
    with Forked(work, "deliver", told) as child:
        deadline = time.monotonic() + 120
        while not world.slack.calls(hanging) and time.monotonic() < deadline:
            time.sleep(0.05)
        child.kill()
    world.moment += timedelta(days=1)
    jobs.deliver(world.runtime())
    [post] = world.slack.posted
    assert "image" in [block["type"] for block in post["blocks"]]
    with reading(world.engine) as session:
        [delivery] = session.exec(select(Delivery))
    assert (delivery.state, delivery.attempts) == (DeliveryState.SENT, 2)


def test_an_empty_period_says_what_was_read(world: World) -> None:
    with writing(world.engine) as session:
        scene = Scene(session)
        thread = scene.thread(scene.source("Grosz"), "Holidays", watched=False)
        scene.post(thread, "Where do you go?", mention=None)
        scene.source("Shut", failures=3, last_ok_at=None, last_outcome="BLOCKED")
    plan = world.subscribe()
    world.moment = NOW
    digest = make(world.runtime(), plan, turn_on(plan, date(2026, 11, 23)))
    assert digest.lead == "Nothing to report."
    assert digest.entries == digest.pictures == ()
    words = {part.heading: part.lines for part in digest.parts}
    assert words["Where we looked"][-1] == "1 of 2 sources read"
    [silent] = [part for part in digest.parts if part.alarming]
    assert silent.heading.startswith("1 source is silent")
    assert "blocked" in silent.lines[0]


def test_at_most_seven_threads_masked_and_without_names(world: World) -> None:
    with writing(world.engine) as session:
        scene = Scene(session)
        for number in range(9):
            complaint(scene, number)
    plan = world.subscribe()
    digest = make(world.runtime(), plan, turn_on(plan, date(2026, 11, 22)))
    assert len(digest.entries) == 7
    assert digest.entries_rest == "2 more like these"
    assert digest.entries[0].quote == "Nordvia is silent. Call [phone]"
    assert "angry_" not in json.dumps(digest.as_json())


def test_numbers_stand_beside_those_of_the_period_before(world: World) -> None:
    with writing(world.engine) as session:
        scene = Scene(session)
        marta = scene.agent()
        early = NOW - timedelta(days=1, hours=5)
        complaint(scene, 1, opened_at=early)
        complaint(scene, 2, state=CaseState.CONTACTED, agent=marta, history=(("contacted", 0.5),))
        complaint(scene, 3)
    plan = world.subscribe(at="10:30")  # 9:30 UTC, which is NOW
    digest = make(world.runtime(), plan, latest_turn(plan, NOW))
    found = {one.name: (one.value, one.before, one.change, one.worse) for one in digest.figures}
    assert found["Flagged threads"] == ("2", "1", "+1", True)
    assert found["Customers written to"] == ("1", "0", "+1", None)
    assert found["Waiting for a word"] == ("2", "", "", None)
    assert found["Unhappy posts"] == ("3", "0", "+3", True)
    assert found["From the post to a private word, median"][0] == "45 min"
    assert "unhappy ones: 3" in digest.pictures[0].alt
    assert digest.pictures[0].svg.count("bar-bad") > 1


@pytest.mark.parametrize(
    ("language", "lead", "level"),
    [
        ("en", "1 thread needs a person now.", "Urgent"),
        ("pl", "1 wątek potrzebuje teraz człowieka.", "Pilne"),
        ("ru", "1 теме сейчас нужен человек.", "Срочно"),
    ],
)
def test_a_digest_speaks_the_language_of_its_subscription(
    world: World, language: str, lead: str, level: str
) -> None:
    with writing(world.engine) as session:
        complaint(Scene(session), 1)
    plan = world.subscribe(language=language)
    digest = make(world.runtime(), plan, turn_on(plan, date(2026, 11, 22)))
    assert (digest.language, digest.lead, digest.entries[0].level_words) == (language, lead, level)


def test_a_digest_of_one_brand_leaves_the_others_out(world: World) -> None:
    with writing(world.engine) as session:
        scene = Scene(session)
        scene.brand("Other")
        complaint(scene, 1)
    nordvia, other = (world.subscribe(name, brand=name) for name in ("Nordvia", "Other"))
    turn = turn_on(nordvia, date(2026, 11, 22))
    assert len(make(world.runtime(), nordvia, turn).entries) == 1
    assert make(world.runtime(), other, turn).entries == ()


def test_links_lead_to_the_pages_where_readers_can_reach_them(world: World) -> None:
    with writing(world.engine) as session:
        case = complaint(Scene(session), 1)
        post = session.get_one(Post, case.post_id)
    plan = world.subscribe()
    turn = turn_on(plan, date(2026, 11, 22))
    digest = make(world.runtime(), plan, turn)
    assert (digest.link, digest.entries[0].url) == (None, post.url)
    world.settings = world.settings.model_copy(update={"web_address": "https://q.test/sub/"})
    digest = make(world.runtime(), plan, turn)
    assert digest.link == "https://q.test/sub/?since=2026-11-21&until=2026-11-22"
    assert digest.entries[0].url == f"https://q.test/sub/case/{case.id}"


def test_a_broken_channel_keeps_its_digest_and_no_other(world: World) -> None:
    world.subscribe("lost", to=["C9"])
    world.subscribe("fine", to=["C2"])
    world.moment = NOW + timedelta(days=1)
    assert world.run() == 2
    assert [post["channel"] for post in world.slack.posted] == ["C2"]
    with reading(world.engine) as session:
        assert session.exec(select(BrokenChannel.room)).all() == ["C9"]
        lost = next(one for one in standings(session, world.moment) if one.last == {"pending": 1})
    assert (lost.subscription.name, "channel_not_found" in lost.error) == ("lost", True)
    world.slack.rooms.add("C9")
    world.moment += timedelta(minutes=30)
    world.run()
    assert [post["channel"] for post in world.slack.posted] == ["C2", "C9"]


def test_slack_that_asks_for_patience_gets_it(world: World) -> None:
    world.subscribe()
    world.moment = NOW + timedelta(days=1)
    world.slack.mischief.append(
        Mischief(status=429, error="ratelimited", headers={"Retry-After": "90"})
    )
    world.run()
    world.moment += timedelta(seconds=80)
    world.run()
    assert world.slack.posted == []
    world.moment += timedelta(seconds=20)
    world.run()
    assert len(world.slack.posted) == 1


def test_one_that_breaks_keeps_no_other_back(world: World) -> None:
    world.subscribe("broken")
    world.subscribe("fine", to=["C2"])
    with writing(world.engine) as session:
        session.exec(
            select(DigestSubscription).where(DigestSubscription.name == "broken")
        ).one().language = "xx"
    world.moment = NOW + timedelta(days=1)
    assert world.run() == 1
    assert world.told() == ["digest fine day 2026-11-23"]


def test_a_period_is_sent_again_only_when_asked_to(world: World) -> None:
    plan = world.subscribe()
    turn = turn_on(plan, date(2026, 11, 20))
    sent = [queue(world.runtime(), plan, turn, again=again) for again in (False, False, True)]
    assert sent == [True, False, True]
    jobs.deliver(world.runtime())
    key = "digest morning day 2026-11-20"
    assert sorted(world.told()) == [key, f"{key} again 1"]


def test_what_an_author_wrote_is_taken_from_digests_and_from_slack(world: World) -> None:
    with writing(world.engine) as session:
        scene = Scene(session)
        complaint(scene, 1)
        complaint(scene, 2)
    plan = world.subscribe(to=["C1", "C2"])
    queue(world.runtime(), plan, turn_on(plan, date(2026, 11, 22)))
    jobs.deliver(world.runtime())
    with writing(world.engine) as session:
        author = session.exec(select(Author).where(Author.name == "angry_1")).one()
        forget(session, author, who="test", now=NOW)
    [kept] = world.digests()
    quotes = [entry.quote for entry in Digest.from_json(kept.content).entries]
    assert sorted(quotes) == sorted([ERASED, "Nordvia is silent. Call [phone]"])
    world.slack.update_mischief.append(Mischief(status=503, error="unavailable"))
    for _ in range(3):
        jobs.digests_due(world.runtime())
    assert len(world.slack.calls("chat.update")) == 3, "one was tried again, none for nothing"
    for post in world.slack.posted:
        shown = json.dumps(post["blocks"], ensure_ascii=False)
        assert (shown.count(ERASED), shown.count("Nordvia is silent")) == (1, 1)


def test_a_message_that_somebody_deleted_needs_no_change(world: World) -> None:
    with writing(world.engine) as session:
        complaint(Scene(session), 1)
    plan = world.subscribe()
    queue(world.runtime(), plan, turn_on(plan, date(2026, 11, 22)))
    jobs.deliver(world.runtime())
    world.slack.delete(world.slack.posted[0]["ts"])
    with writing(world.engine) as session:
        author = session.exec(select(Author).where(Author.name == "angry_1")).one()
        forget(session, author, who="test", now=NOW)
    assert [take_back(world.runtime()) for _ in range(2)] == [1, 0]


def test_old_digests_are_swept_away(world: World) -> None:
    plan = world.subscribe()
    queue(world.runtime(), plan, turn_on(plan, date(2026, 11, 22)))
    assert sweep(world.engine, Policy(), NOW + timedelta(days=89)).digests == 0
    assert sweep(world.engine, Policy(), NOW + timedelta(days=91)).digests == 1
    assert world.digests() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"at": "25:00"}, "at: "),
        ({"every": "hour"}, "every: "),
        ({"timezone": "Mars/Olympus"}, "timezone: "),
        ({"language": "de"}, "language: "),
        ({"to": []}, "to: "),
        ({"brand": "Nobody"}, "which is not listened for"),
        ({"to": ["C1", "boss@example.org"]}, "make it two"),
        ({"to": ["boss@example.org"]}, "email is not configured"),
    ],
)
def test_a_digest_that_could_not_work_is_refused(
    world: World, changes: dict[str, object], words: str
) -> None:
    with pytest.raises((DigestRefused, ChannelError), match=words):
        world.subscribe(**changes)
    with reading(world.engine) as session:
        assert session.exec(select(DigestSubscription.id)).all() == []


def test_a_digest_is_changed_by_its_name(world: World) -> None:
    first = world.subscribe()
    again = world.subscribe(at="09:15", every="week", to=["C2"])
    assert first.id == again.id
    assert (again.minute, again.every, again.rooms) == (555, "week", ["C2"])


def test_another_time_on_the_same_day_sends_no_second_one(world: World) -> None:
    world.subscribe()
    world.moment = NOW + timedelta(days=1)
    world.run()
    world.subscribe(at="11:00")
    world.moment += timedelta(hours=3)
    assert world.run() == 0
    world.moment += timedelta(days=1)
    assert world.run() == 1
    assert "were not sent" not in str(world.digests()[-1].content)
