"""Messages on Slack stay in step with their cases, whatever Slack or the network does."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console
from sqlalchemy import Engine
from sqlmodel import select

from alerts.dispatch import enqueue, retry_failed
from alerts.notice import Entry, Notice
from alerts.outbox import enqueue_notice
from alerts.trouble import broken
from models import Agent, Case, Delivery, DeliveryState, How, Level, SlackCard
from models.database import make_engine, reading, writing
from monitor import cases, jobs
from monitor.cases import Actor
from monitor.config import Settings
from monitor.contacts import CAP, opt_out
from monitor.judging import message_for
from monitor.opening import OpeningError, suggest
from monitor.routing import Duty
from monitor.runtime import make_channels
from monitor.slack_cards import CALM_S
from monitor.slack_commands import Command, answer
from tests.monitor.slack_scene import ROOM, Office, make_channel, office
from tests.slack_server import TOKEN, Mischief, actions, control_sequences, reader_sees

STORM = Settings.model_fields["storm_limit"].default
RATE = {"error": "ratelimited", "status": 429}


@pytest.fixture
def at(sqlite: Path, tmp_path: Path) -> Iterator[Office]:
    engine = make_engine(f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}")
    with office(engine) as place:
        yield place
    engine.dispose()


@pytest.fixture
def at_either(engine: Engine) -> Iterator[Office]:
    with office(engine) as place:
        yield place


def did(at: Office, number: int, do: Callable[..., object], name: str = "Anna Nowak") -> None:
    """Let an agent change a case elsewhere than in Slack."""
    actor = Actor(agent_id=at.agent_id(name), how=How.WEB)
    with writing(at.engine) as session:
        do(session, number, actor, at.now)


def restarted(at: Office, *, timeout_s: int = 5) -> None:
    """Go on as a new process would: with nothing but the rows."""
    channel = make_channel(at.engine, at.slack, timeout_s=timeout_s)
    at.runtime = replace(at.runtime, channels={ROOM: channel})


def calls(at: Office, *methods: str) -> list[str]:
    return [name for name, _ in at.slack.requests if name in methods]


def payload(post: dict[str, Any]) -> dict[str, Any]:
    return dict(post["metadata"]["event_payload"])


def one_case(at: Office, level: Level = Level.URGENT) -> int:
    [number] = at.open_cases(level=level)
    at.deliver()
    return number


def test_what_the_machine_finds_changes_a_message_twice_a_minute_at_most(at: Office) -> None:
    number = one_case(at)
    at.later(seconds=CALM_S)
    for authors in range(60, 70):
        at.later(seconds=1)
        with writing(at.engine) as session:
            case = session.get_one(Case, number)
            case.reasons, case.updated_at = [f"{authors} different authors are unhappy"], at.now
        at.deliver()
    assert len(calls(at, "chat.update")) == 1
    assert "60 different authors" in reader_sees(at.post(number))
    at.later(seconds=CALM_S)
    at.deliver()
    at.deliver()
    assert len(calls(at, "chat.update")) == 2
    assert "69 different authors" in reader_sees(at.post(number))


def test_what_a_person_does_is_shown_at_once(at: Office) -> None:
    number = one_case(at)
    did(at, number, cases.claim)
    at.deliver()
    did(at, number, cases.contacted)
    at.deliver()
    assert "wrote to the customer" in reader_sees(at.post(number))


def test_a_case_that_gets_worse_stays_one_message_and_the_room_hears_of_it(at: Office) -> None:
    number = one_case(at, Level.REACH_OUT)
    at.later(minutes=5)
    at.raise_case(number)
    at.deliver()
    assert len(at.slack.roots()) == 1
    [reply] = [post for post in at.slack.posted if post.get("thread_ts")]
    assert reply["text"].startswith("It got worse: Urgent (was reach out).")
    assert reply["reply_broadcast"] in {True, "true", "1"}
    at.later(minutes=1)
    at.deliver()
    assert "🔴 Urgent (was reach out)" in reader_sees(at.post(number))
    assert at.slack.thread(at.post(number)["ts"]) == [reply["text"]]


@pytest.mark.parametrize(
    ("headers", "wait"), [({"Retry-After": "7"}, 7), ({}, 10), ({"Retry-After": "90000"}, 3600)]
)
def test_a_slack_that_asks_for_patience_gets_it_when_posting_and_when_changing(
    at: Office, headers: dict[str, str], wait: int
) -> None:
    at.slack.mischief.append(Mischief(**RATE, headers=headers))
    [number] = at.open_cases()
    at.deliver()
    at.later(seconds=wait - 1)
    at.deliver()
    assert len(calls(at, "chat.postMessage")) == 1
    at.later(seconds=1)
    at.deliver()
    assert len(at.slack.roots()) == 1
    did(at, number, cases.claim)
    at.slack.update_mischief.append(Mischief(**RATE, headers=headers))
    before = len(calls(at, "chat.update"))
    at.deliver()
    at.later(seconds=wait - 1)
    at.deliver()
    assert len(calls(at, "chat.update")) == before + 1
    at.later(seconds=1)
    at.deliver()
    assert "Taken by" in reader_sees(at.post(number))


@pytest.mark.parametrize("lost", [Mischief(hang_after=True), Mischief(cut_after=True)], ids=str)
def test_an_answer_lost_after_slack_accepted_makes_no_second_message(
    at_either: Office, lost: Mischief
) -> None:
    at = at_either
    restarted(at, timeout_s=1)
    at.slack.mischief.append(lost)
    [number] = at.open_cases()
    at.deliver()
    restarted(at)
    for _ in range(3):
        at.later(minutes=2)
        at.deliver()
    assert len(at.slack.roots()) == 1
    did(at, number, cases.claim)
    at.deliver()
    assert "Taken by" in reader_sees(at.post(number))


@pytest.mark.parametrize("lost", [Mischief(hang_after=True), Mischief(cut_after=True)], ids=str)
def test_an_answer_lost_to_a_line_of_the_thread_makes_no_second_line(
    at: Office, lost: Mischief
) -> None:
    number = one_case(at)
    restarted(at, timeout_s=1)
    did(at, number, cases.claim)
    at.slack.mischief.append(lost)
    at.deliver()
    restarted(at)
    at.later(minutes=2)
    did(at, number, cases.contacted)
    at.deliver()
    assert at.slack.thread(at.post(number)["ts"]) == [
        "*Anna Nowak* took it.",
        "*Anna Nowak* wrote to the customer.",
    ]


def test_a_change_whose_answer_was_lost_is_made_again(at: Office) -> None:
    number = one_case(at)
    restarted(at, timeout_s=1)
    did(at, number, cases.claim)
    at.slack.update_mischief.append(Mischief(cut_after=True))
    at.deliver()
    restarted(at)
    at.later(minutes=1)
    at.deliver()
    assert "Taken by" in reader_sees(at.post(number))
    assert len(at.slack.thread(at.post(number)["ts"])) == 1


def test_a_revoked_token_stops_sending_keeps_everything_and_is_reported(at: Office) -> None:
    number = one_case(at)
    at.slack.revoked = True
    did(at, number, cases.claim)
    waiting = at.open_cases(3)
    for _ in range(4):
        at.deliver()
        at.later(minutes=10)
    with reading(at.engine) as session:
        [stopped] = broken(session)
        assert "token_revoked" in stopped.words
        states = session.exec(select(Delivery.state).where(Delivery.sent_at == None)).all()  # noqa: E711
        assert (len(states), set(states)) == (len(waiting), {DeliveryState.PENDING})
        [error] = session.exec(select(SlackCard.error)).all()
    assert "token_revoked" in error
    assert len(calls(at, "chat.postMessage")) <= 1 + 4 + 1, "not once for each that waits"
    at.slack.revoked = False
    with writing(at.engine) as session:
        retry_failed(session, at.now)
    at.later(minutes=10)
    for _ in range(2):
        at.deliver()
    assert len(at.slack.roots()) == 4
    assert "Taken by" in reader_sees(at.post(number))


def test_a_message_deleted_by_hand_comes_back_while_nobody_has_the_case(at: Office) -> None:
    number = one_case(at)
    first = at.post(number)["ts"]
    at.slack.delete(first)
    at.later(minutes=1)
    with writing(at.engine) as session:
        session.get_one(Case, number).updated_at = at.now
        session.get_one(Case, number).reasons = ["4 different authors are unhappy"]
    at.deliver()
    at.deliver()
    assert at.post(number)["ts"] != first
    assert len(at.slack.roots()) == 1


def test_a_message_deleted_by_hand_is_left_alone_once_somebody_has_the_case(at: Office) -> None:
    number = one_case(at)
    did(at, number, cases.claim)
    at.deliver()
    at.slack.delete(at.post(number)["ts"])
    did(at, number, cases.contacted)
    for _ in range(3):
        at.later(minutes=1)
        at.deliver()
    assert at.slack.roots() == []
    assert at.case(number).state == "contacted"


def test_a_case_gets_a_new_message_when_it_grows_worse_after_the_old_was_deleted(
    at: Office,
) -> None:
    number = one_case(at, Level.REACH_OUT)
    at.slack.delete(at.post(number)["ts"])
    at.raise_case(number)
    at.later(minutes=1)
    at.deliver()
    assert "🔴 Urgent" in reader_sees(at.post(number))


def test_a_workspace_that_forbids_changes_hears_the_story_in_the_thread(at: Office) -> None:
    number = one_case(at)
    at.later(minutes=1)
    did(at, number, cases.claim)
    at.slack.update_mischief.append(Mischief(error="edit_window_closed"))
    at.deliver()
    assert at.slack.thread(at.post(number)["ts"]) == ["*Anna Nowak* took it."]


def test_a_form_that_slack_dislikes_is_shown_plain(at: Office) -> None:
    number = one_case(at)
    did(at, number, cases.claim)
    at.slack.update_mischief.append(Mischief(error="invalid_blocks"))
    at.deliver()
    post = at.post(number)
    assert post["text"].startswith("Taken by Anna Nowak")


def test_nothing_is_lost_in_a_day_without_slack(at: Office) -> None:
    known = one_case(at)
    begun = at.now
    url = at.channel.client.base_url
    at.channel.client.base_url = "http://127.0.0.1:9/"  # nothing listens there
    numbers: list[int] = []
    for hour in range(24):
        numbers += at.open_cases(8 if hour else 16, level=list(Level)[1 + hour % 2])
        if hour == 3:
            did(at, known, cases.claim)
        at.deliver()
        at.later(hours=1)
    assert len(numbers) == 200
    assert len(at.slack.roots()) == 1
    restarted(at)
    at.channel.client.base_url = url
    for _ in range(12):
        at.deliver()
        at.later(minutes=6)
    with reading(at.engine) as session:
        states = session.exec(select(Delivery.state)).all()
        alone = set(session.exec(select(SlackCard.case_id)).all())
    assert set(states) == {DeliveryState.SENT}
    summaries = [post for post in at.slack.roots() if "case_id" not in payload(post)]
    [seen] = [reader_sees(post) for post in summaries]
    told = [int(number) for number in re.findall(r"#(\d+)", seen)]
    assert sorted([*told, *alone]) == [known, *numbers], "each case once, none lost"
    assert len(at.slack.roots()) <= 2 + STORM, "a storm is one message"
    urgent = [number for number in told if at.case(number).level == Level.URGENT]
    assert told == [*urgent, *sorted(set(told) - set(urgent))], (
        "the weightiest first, then the oldest"
    )
    assert urgent == sorted(urgent)
    assert "Taken by" in reader_sees(at.post(known))
    assert len(calls(at, "chat.update")) == 1, "a message that says it all is not changed"
    assert at.now - begun < timedelta(hours=26)


def test_a_history_of_hundreds_of_changes_makes_one_readable_line_of_each_of_the_last(
    at: Office,
) -> None:
    number = one_case(at)
    for _ in range(40):
        did(at, number, cases.claim)
        did(at, number, cases.release)
    at.deliver()
    [text] = at.slack.thread(at.post(number)["ts"])
    assert len(text.splitlines()) == 16
    assert text.startswith("… and 65 earlier changes")


def test_two_processes_do_not_tell_a_change_twice(at_either: Office) -> None:
    at = at_either
    numbers = at.open_cases(10)
    at.deliver()
    for number in numbers:
        did(at, number, cases.claim)
    workers = [Thread(target=at.deliver) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    at.deliver()
    for number in numbers:
        assert at.slack.thread(at.post(number)["ts"]) == ["*Anna Nowak* took it."]


def test_a_snooze_that_ends_while_nothing_runs_ends_at_the_next_start(at: Office) -> None:
    number = one_case(at)
    until = at.now + timedelta(hours=2)
    did(at, number, partial(cases.snooze, until=until))
    at.deliver()
    assert "Snoozed until" in reader_sees(at.post(number))
    at.later(hours=9)
    restarted(at)
    jobs.timers_due(at.runtime)
    at.deliver()
    assert "🔴 Urgent" in reader_sees(at.post(number))
    assert at.events(number) == ["opened", "snoozed", "woken"]
    jobs.timers_due(at.runtime)
    at.deliver()
    assert at.events(number) == ["opened", "snoozed", "woken"]
    assert at.slack.thread(at.post(number)["ts"])[-1].startswith("A timer woke it.")


@pytest.mark.parametrize(
    ("evening", "morning"),
    [
        ("2026-10-24T23:00+02:00", "2026-10-25T07:00+01:00"),
        ("2026-03-28T23:00+01:00", "2026-03-29T07:00+02:00"),
    ],
    ids=["autumn", "spring"],
)
def test_on_the_night_the_clock_jumps_alerts_wait_until_seven_by_the_wall(
    at: Office, evening: str, morning: str
) -> None:
    at.clock[0], seven = datetime.fromisoformat(evening), datetime.fromisoformat(morning)
    settings = at.runtime.settings.model_copy(
        update={"quiet_hours": "22:00-07:00", "timezone": ZoneInfo("Europe/Warsaw")}
    )
    numbers = at.open_cases(3, level=Level.REACH_OUT, enqueued=False)
    with writing(at.engine) as session:
        hold = Duty(session, settings, at.now).hold(Level.REACH_OUT)
        for number in numbers:
            case = session.get_one(Case, number)
            message = message_for(session, case, now=at.now)
            assert enqueue(session, case, message, [ROOM], at.now, hold_until=hold)
    at.clock[0] = seven - timedelta(minutes=1)
    at.deliver()
    assert at.slack.roots() == []
    at.later(minutes=1)
    restarted(at)
    at.deliver()
    [summary] = at.slack.roots()
    assert re.findall(r"#(\d+)", reader_sees(summary)) == [str(number) for number in numbers]


def test_a_case_that_only_a_summary_told_of_gets_its_message_when_somebody_takes_it(
    at: Office,
) -> None:
    numbers = at.open_cases(STORM + 1)
    at.deliver()
    assert len(at.slack.roots()) == 1
    with reading(at.engine) as session:
        anna = session.exec(select(Agent).where(Agent.name == "Anna Nowak")).one()
    said = f"take {numbers[4]}"
    asked = Command(said, anna, at.channel.speech, at.now, CAP)
    told = answer(at.engine, at.channel, asked)
    assert told == f"Case {numbers[4]} is yours; its message is in the channel."
    at.deliver()
    assert "Taken by *Anna Nowak*" in reader_sees(at.post(numbers[4]))
    assert len(at.slack.roots()) == 2
    at.deliver()
    assert len(at.slack.roots()) == 2


def test_an_author_who_asked_for_peace_cannot_be_written_to_from_the_message(at: Office) -> None:
    number = one_case(at)
    did(at, number, cases.claim)
    with writing(at.engine) as session:
        opt_out(session, session.get_one(Case, number), Actor(None, How.CLI), at.now)
    at.deliver()
    assert "asked not to be written to" in reader_sees(at.post(number))
    offered = set(actions(at.post(number)))
    assert {"write_privately", "open_profile", "case.words"} & offered == set()
    with (
        reading(at.engine) as session,
        pytest.raises(OpeningError, match="asked not to be written to"),
    ):
        suggest(session, session.get_one(Case, number), agent="Anna Nowak")


def test_messages_histories_and_words_about_cases_lead_to_page_and_message(at: Office) -> None:
    settings = Settings(
        slack_token=TOKEN,
        slack_room="C1",
        slack_api_url=at.slack.url,
        web_address="https://q.test/",
    )
    channels = make_channels(settings, Console(), at.engine)
    at.runtime = replace(at.runtime, channels=channels, settings=settings)
    [number] = at.open_cases()
    at.deliver()
    page = f"<https://q.test/case/{number}|Page of the case>"
    assert page in control_sequences(at.post(number))
    for _ in range(10):
        did(at, number, cases.claim)
        did(at, number, cases.release)
    at.deliver()
    assert page in control_sequences(at.post(number)), "it stays when the message is changed"
    [told] = at.slack.thread(at.post(number)["ts"])
    assert told.splitlines()[0].endswith(page), "what is left out there is on the page"
    entry = Entry(case_id=number, level=Level.URGENT)
    with writing(at.engine) as session:
        notice = Notice(key="k", kind="woken", title="T", entries=(entry,))
        assert enqueue_notice(session, notice, [ROOM], at.now)
    at.deliver()
    ts = at.post(number)["ts"].replace(".", "")
    assert control_sequences(at.slack.roots()[-1]) == [
        f"<https://fake.slack.test/archives/C1/p{ts}|Message of the case>",
        page,
    ]
