"""Agents at work in Slack: buttons, forms and commands, over a real WebSocket."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from models import Agent, Case, CaseState, How, Post
from models.database import make_engine, reading, writing
from monitor import cases
from monitor.cases import Actor
from monitor.shifts import read_hours, set_shifts
from monitor.slack_cards import show_case
from monitor.team import by_name, save_agent
from tests.monitor.slack_scene import ANNA, BARTEK, STRANGER, Office, office
from tests.slack_server import actions, buttons, reader_sees, texts
from tests.slack_workspace import command, eventually, press, submit


@pytest.fixture
def one_engine(sqlite: Path, tmp_path: Path) -> Iterator[Engine]:
    """An engine on SQLite, where the kind of database is beside the point."""
    engine = make_engine(f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}")
    yield engine
    engine.dispose()


@pytest.fixture
def at(one_engine: Engine) -> Iterator[Office]:
    with office(one_engine, listening=True) as place:
        yield place


@pytest.fixture
def at_either(engine: Engine) -> Iterator[Office]:
    """The same on SQLite and on PostgreSQL, where two people meet."""
    with office(engine, listening=True, storm=100) as place:
        yield place


def one_case(at: Office) -> int:
    [number] = at.open_cases()
    at.deliver()
    return number


def pressed(at: Office, number: int, name: str, user: str = ANNA, **how: str) -> None:
    assert at.socket
    at.socket.send(press(at.post(number), name, user, **how))


def test_a_new_case_can_be_taken_opened_written_to_snoozed_and_more(at: Office) -> None:
    post = at.post(one_case(at))
    assert list(actions(post)) == [
        "case.take",
        "open_thread",
        "write_privately",
        "case.snooze",
        "case.more",
    ]
    more = [option["text"]["text"] for option in actions(post)["case.more"]["options"]]
    assert more == ["Not about us", "Not negative", "Another reason…", "Hand over…", "Escalate…"]
    assert set(buttons(post)) == {"Open thread", "Write privately"}
    assert post["text"].endswith("Nobody is on it. Open Slack to take it.")


def test_an_agent_takes_writes_and_solves_and_one_message_tells_it(at_either: Office) -> None:
    at = at_either
    number = one_case(at)
    pressed(at, number, "case.take")
    eventually(lambda: "Taken" in reader_sees(at.post(number)))
    assert (at.case(number).state, at.case(number).agent_id) == (
        "claimed",
        at.agent_id("Anna Nowak"),
    )
    assert "Taken by *Anna Nowak*" in reader_sees(at.post(number))
    assert at.post(number)["text"].startswith("Taken by Anna Nowak, 2026-11-22 12:00 UTC.")
    pressed(at, number, "case.contacted")
    eventually(lambda: "wrote to the customer" in reader_sees(at.post(number)))
    pressed(at, number, "case.solved")
    eventually(lambda: "🟢 Solved" in reader_sees(at.post(number)))
    assert list(actions(at.post(number))) == ["case.reopen", "open_thread", "case.more"]
    eventually(lambda: len(at.slack.thread(at.post(number)["ts"])) == 3)
    assert at.slack.thread(at.post(number)["ts"]) == [
        "*Anna Nowak* took it.",
        "*Anna Nowak* wrote to the customer.",
        "*Anna Nowak* solved it.",
    ]
    assert len(at.slack.roots()) == 1


def test_who_acts_is_never_pinged_and_the_heir_is_once(at: Office) -> None:
    number = one_case(at)
    pressed(at, number, "case.take")
    eventually(lambda: at.case(number).state == "claimed")
    eventually(lambda: "Taken" in reader_sees(at.post(number)))
    pressed(at, number, "case.contacted", BARTEK)  # makes him known by his address
    eventually(lambda: at.slack.whispers)
    pressed(at, number, "case.more", choice="hand_over")
    eventually(lambda: at.slack.views)
    bartek = str(at.agent_id("Bartek Lis"))
    assert at.socket
    at.socket.send(submit(at.slack.views[0], ANNA, to=bartek, note="You know <them> & me"))
    eventually(lambda: len(at.slack.thread(at.post(number)["ts"])) == 2)
    assert at.slack.thread(at.post(number)["ts"])[1] == (
        f"*Anna Nowak* handed it over to Bartek Lis (<@{BARTEK}>). “You know &lt;them&gt; &amp; me”"
    )
    assert f"<@{ANNA}>" not in str(at.slack.posted)
    assert at.case(number).agent_id == int(bartek)


@pytest.mark.timeout(120)
def test_of_two_agents_who_race_for_a_case_one_wins_and_the_other_is_told(
    at_either: Office,
) -> None:
    at = at_either
    numbers = at.open_cases(50)
    at.deliver()
    assert len(at.slack.roots()) == 50
    assert at.socket
    pressed(at, numbers[0], "case.take", BARTEK)
    eventually(lambda: at.case(numbers[0]).state == "claimed")  # he is known by now
    pressed(at, numbers[0], "case.take", ANNA)
    eventually(lambda: len(at.slack.whispers) == 1)
    for count, number in enumerate(numbers[1:], 2):
        post = at.post(number)
        first, second = (ANNA, BARTEK) if count % 2 else (BARTEK, ANNA)
        at.socket.send(press(post, "case.take", first))
        at.socket.send(press(post, "case.take", second))
        eventually(lambda count=count: len(at.slack.whispers) == count)
    for number, whisper in zip(numbers, at.slack.whispers, strict=True):
        assert at.events(number) == ["opened", "claimed"]
        owner = at.case(number).agent_id
        name, loser = (
            ("Anna Nowak", BARTEK)
            if owner == at.agent_id("Anna Nowak")
            else (
                "Bartek Lis",
                ANNA,
            )
        )
        assert whisper["user"] == loser
        assert re.match(rf"Nothing was changed: \*{name}\* has it since <!date", whisper["text"])


def test_a_double_click_and_a_repeated_request_are_one_press(at_either: Office) -> None:
    at = at_either
    number = one_case(at)
    assert at.socket
    once = press(at.post(number), "case.take", ANNA, moment="1700000000.000100")
    twice = press(at.post(number), "case.take", ANNA, moment="1700000000.000400")
    envelopes = [at.socket.send(body) for body in (once, once, twice)]
    eventually(lambda: set(envelopes) <= set(at.socket.acknowledged))
    eventually(lambda: at.slack.thread(at.post(number)["ts"]))
    at.socket.send(once)
    pressed(at, number, "case.release")
    eventually(lambda: at.case(number).state == "new")
    at.socket.send(once)  # once more, after the case was given back
    eventually(lambda: "case.take" in actions(at.post(number)))
    pressed(at, number, "case.more", choice="not_negative")
    eventually(lambda: at.case(number).state == "dismissed")
    assert at.events(number) == ["opened", "claimed", "released", "dismissed"]
    assert at.slack.whispers == []


def test_every_press_is_acknowledged_within_slacks_three_seconds(at: Office) -> None:
    number = one_case(at)
    assert at.socket
    names = ("open_thread", "write_privately", "case.take", "case.snooze")
    presses = [press(at.post(number), name, ANNA) for name in names]
    to_profile = press(at.post(number), "write_privately", ANNA)
    to_profile["actions"][0]["action_id"] = "open_profile"
    envelopes = [at.socket.send(one) for one in [*presses, to_profile]]
    eventually(lambda: set(envelopes) <= set(at.socket.acknowledged))
    assert max(at.socket.acknowledged.values()) < 3


def test_somebody_we_do_not_know_is_told_what_to_do_and_changes_nothing(at: Office) -> None:
    number = one_case(at)
    pressed(at, number, "case.take", STRANGER)
    eventually(lambda: at.slack.whispers)
    [whisper] = at.slack.whispers
    assert (whisper["user"], whisper["text"]) == (
        STRANGER,
        "I do not know you yet. Ask ops to run: quietword agent add NAME --slack USTRANGER",
    )
    assert at.case(number).state == CaseState.NEW


def test_an_agent_is_known_by_the_address_that_slack_holds(at: Office) -> None:
    number = one_case(at)
    pressed(at, number, "case.take", BARTEK)
    eventually(lambda: at.case(number).state == "claimed")
    with reading(at.engine) as session:
        assert session.get_one(Agent, at.case(number).agent_id).slack_user_id == BARTEK


def test_a_dismissal_is_one_press_or_a_form_with_a_reason(at: Office) -> None:
    first, second = at.open_cases(2)
    at.deliver()
    pressed(at, first, "case.more", choice="not_about_us")
    eventually(lambda: "Dismissed by *Anna Nowak*" in reader_sees(at.post(first)))
    assert "not about us" in reader_sees(at.post(first))
    pressed(at, second, "case.more", choice="dismiss")
    eventually(lambda: at.slack.views)
    assert at.socket
    [view] = at.slack.views
    at.socket.send(submit(view, ANNA, reason="already_handled", note="Marta wrote last week"))
    at.socket.send(submit(view, ANNA, reason="already_handled", note="Marta wrote last week"))
    eventually(lambda: "handled already" in reader_sees(at.post(second)))
    assert at.events(second) == ["opened", "dismissed"]


def test_a_snoozed_case_says_until_when_and_wakes(at: Office) -> None:
    number = one_case(at)
    pressed(at, number, "case.snooze")
    eventually(lambda: at.slack.views)
    assert at.socket
    at.socket.send(submit(at.slack.views[0], ANNA, until="4"))
    eventually(lambda: "Snoozed until" in reader_sees(at.post(number)))
    assert at.case(number).snoozed_until == at.now + timedelta(hours=4)
    pressed(at, number, "case.wake")
    eventually(lambda: "🔴 Urgent" in reader_sees(at.post(number)))


def test_a_case_can_be_laid_aside_until_ones_next_shift(at: Office) -> None:
    first, second = at.open_cases(2)
    at.deliver()
    with writing(at.engine) as session:  # Bartek has no shifts
        anna = by_name(session, "Anna Nowak")
        set_shifts(session, anna, read_hours(["mon-sun", "09:00-17:00"]))
    pressed(at, first, "case.snooze")
    eventually(lambda: at.slack.views)
    assert "At my next shift" in reader_sees(at.slack.views[0])
    assert at.socket
    at.socket.send(submit(at.slack.views[0], ANNA, until="shift"))
    eventually(lambda: at.case(first).state == "snoozed")
    assert at.case(first).snoozed_until == at.now + timedelta(hours=21)
    pressed(at, second, "case.snooze", BARTEK)
    eventually(lambda: len(at.slack.views) == 2)
    assert "At my next shift" not in reader_sees(at.slack.views[1])
    assert "In 18 hours" in reader_sees(at.slack.views[1])


def test_the_menu_of_heirs_has_those_at_work_first_and_says_who_is_missing(at: Office) -> None:
    number = one_case(at)
    with writing(at.engine) as session:
        hours = read_hours(["mon", "03:00-04:00"])  # none is at work
        for count in range(120):
            set_shifts(session, save_agent(session, f"Agent {count:03}")[0], hours)
        save_agent(session, "Zofia")
    pressed(at, number, "case.more", choice="hand_over")
    eventually(lambda: at.slack.views)
    [menu, _] = at.slack.views[0]["blocks"]
    names = [option["text"]["text"] for option in menu["element"]["options"]]
    assert (names[:3], len(names)) == (["Bartek Lis", "Zofia", "Agent 000"], 100)
    assert menu["hint"]["text"].startswith("22 more agents are not in this menu, which holds 100")


def test_an_escalated_case_waits_for_a_lead_and_a_closed_one_can_be_reopened(at: Office) -> None:
    number = one_case(at)
    pressed(at, number, "case.more", choice="escalate")
    eventually(lambda: at.slack.views)
    assert at.socket
    at.socket.send(submit(at.slack.views[0], ANNA, decision="A refund over the limit?"))
    eventually(lambda: "Waits for the decision of a lead" in reader_sees(at.post(number)))
    pressed(at, number, "case.more", choice="not_negative")
    eventually(lambda: "Dismissed" in reader_sees(at.post(number)))
    pressed(at, number, "case.reopen")
    eventually(lambda: len(at.slack.views) == 2)
    at.socket.send(submit(at.slack.views[1], ANNA, reopen="It is negative after all"))
    eventually(lambda: at.case(number).state == "new")
    eventually(lambda: "case.take" in actions(at.post(number)))


def test_a_form_sent_after_the_case_was_closed_changes_nothing_and_says_so(at: Office) -> None:
    number = one_case(at)
    pressed(at, number, "case.snooze")
    eventually(lambda: at.slack.views)
    pressed(at, number, "case.more", BARTEK, choice="not_negative")
    eventually(lambda: at.case(number).state == "dismissed")
    assert at.socket
    at.socket.send(submit(at.slack.views[0], ANNA, until="1"))
    eventually(lambda: at.slack.whispers)
    assert at.slack.whispers[0]["text"].startswith("Nothing was changed: ")
    assert at.events(number) == ["opened", "dismissed"]


def two_of_one_author(at: Office) -> tuple[int, int]:
    """Open two cases of one author; Anna has written about the first."""
    first, second = at.open_cases(2)
    with writing(at.engine) as session:
        one, two = (
            session.get_one(Post, session.get_one(Case, number).post_id)
            for number in (first, second)
        )
        two.author_id = one.author_id
        anna = Actor(agent_id=at.agent_id("Anna Nowak"), how=How.SLACK)
        cases.claim(session, first, anna, at.now)
        cases.contacted(session, first, anna, at.now)
        cases.solved(session, first, anna, at.now)
    at.deliver()
    return first, second


def test_a_lead_may_take_a_case_all_the_same_and_says_why(at: Office) -> None:
    _, second = two_of_one_author(at)
    pressed(at, second, "case.take", BARTEK)
    eventually(lambda: at.slack.whispers)
    assert "Anna Nowak wrote to night_owl" in at.slack.whispers[0]["text"]
    assert at.slack.views == [], "an agent is told whom to ask"
    with writing(at.engine) as session:
        save_agent(session, "Bartek Lis", role="lead")
    at.later(minutes=1)
    pressed(at, second, "case.take", BARTEK)
    eventually(lambda: at.slack.views)
    [view] = at.slack.views
    assert "Anna Nowak wrote to night_owl" in reader_sees(view)
    assert at.case(second).state == "new", "nothing is done before it is confirmed"
    assert at.socket
    at.socket.send(submit(view, BARTEK, anyway="Anna is away, the customer waits"))
    eventually(lambda: at.case(second).state == "claimed")
    eventually(lambda: "Anna is away" in " ".join(at.slack.thread(at.post(second)["ts"])))
    eventually(lambda: len(at.slack.whispers) == 2)


def test_the_form_for_leads_does_nothing_for_an_agent(at: Office) -> None:
    _, second = two_of_one_author(at)
    with writing(at.engine) as session:
        save_agent(session, "Bartek Lis", role="lead")
    pressed(at, second, "case.take", BARTEK)
    eventually(lambda: at.slack.views)
    with writing(at.engine) as session:
        save_agent(session, "Bartek Lis", role="agent")
    assert at.socket
    at.socket.send(submit(at.slack.views[0], BARTEK, anyway="because"))
    eventually(lambda: at.slack.whispers)
    assert at.case(second).state == "new"


def test_the_cap_of_the_settings_holds_for_buttons_and_commands(one_engine: Engine) -> None:
    with office(one_engine, listening=True, cap_days=2) as at:
        _, second = two_of_one_author(at)
        at.later(days=1)
        pressed(at, second, "case.take", BARTEK)
        eventually(lambda: at.slack.whispers)
        assert at.case(second).state == "new"
        at.later(days=1, minutes=1)
        pressed(at, second, "case.take", BARTEK)
        eventually(lambda: at.case(second).state == "claimed")
        _, fourth = two_of_one_author(at)
        at.later(days=2, minutes=1)
        assert at.socket
        at.socket.send(command(f"take {fourth}", BARTEK, at.slack), "slash_commands")
        eventually(lambda: at.case(fourth).state == "claimed")


def test_the_suggested_words_are_ready_to_be_copied(at: Office) -> None:
    number = one_case(at)
    pressed(at, number, "case.take")
    eventually(lambda: "case.words" in actions(at.post(number)))
    pressed(at, number, "case.words")
    eventually(lambda: at.slack.views)
    [view] = at.slack.views
    text = view["blocks"][0]["element"]["initial_value"]
    assert text.startswith("Hi night_owl,")
    assert "I'm Anna Nowak from Nordvia SA" in text
    assert "submit" not in view


@pytest.mark.parametrize(
    "spoil",
    [
        {"container": {"message_ts": "1.2", "channel_id": "C1"}},
        {"container": {"channel_id": "C9", "message_ts": "1.2"}},
        {"container": {}},
        {"actions": []},
        {"actions": [{"action_id": "case.take", "action_ts": "1", "value": "12; drop"}]},
        {"actions": [{"action_id": "case.take", "action_ts": "1", "value": "999"}]},
        {"actions": [{"action_id": "case.steal", "action_ts": "1", "value": "1"}]},
        {"team": {"id": "T666"}},
    ],
)
def test_a_press_that_is_not_of_our_making_changes_nothing(at: Office, spoil: dict) -> None:
    number = one_case(at)
    assert at.socket
    at.socket.send(press(at.post(number), "case.take", ANNA) | spoil)
    pressed(at, number, "case.more", BARTEK, choice="not_negative")
    eventually(lambda: at.case(number).state == "dismissed")
    assert at.events(number) == ["opened", "dismissed"]


def test_the_command_tells_my_cases_one_case_who_is_on_shift_and_pauses(at: Office) -> None:
    number = one_case(at)
    pressed(at, number, "case.take")
    eventually(lambda: at.case(number).state == "claimed")
    assert at.socket

    def asked(text: str, user: str = ANNA) -> str:
        before = len(at.slack.answers)
        assert at.socket
        at.socket.send(command(text, user, at.slack), "slash_commands")
        eventually(lambda: len(at.slack.answers) > before)
        answer = at.slack.answers[-1]
        assert answer["response_type"] == "ephemeral"
        return str(answer["text"])

    mine = asked("my cases")
    assert f"|#{number}> Taken · 🔴 Urgent · Nordvia" in mine
    assert "&lt;!channel&gt;" in mine
    told = asked(f"case {number}")
    assert "took it." in told
    assert "https://fake.slack.test/archives/C1/p" in told
    assert asked("case 4711") == "There is no case 4711."
    assert asked("case 99999999999") == "There is no case 99999999999."
    assert asked("on shift") == "On shift now: Anna Nowak, Bartek Lis"
    assert asked("pause 2h").startswith("You are paused until <!date^")
    assert asked("on shift") == "On shift now: Bartek Lis"
    assert asked("pause off") == "You are not paused."
    assert asked("pause 99d").startswith("Say how long")
    assert asked("what?").startswith("/quietword my cases")
    assert asked("mine", STRANGER).startswith("I do not know you yet.")
    assert asked("mine", BARTEK) == "You have no case."


def test_a_command_is_answered_at_slacks_own_address_only(at: Office) -> None:
    assert at.socket
    bad = command("mine", ANNA, at.slack) | {"response_url": "http://127.0.0.1:1/steal"}
    at.socket.send(bad, "slash_commands")
    at.socket.send(command("mine", ANNA, at.slack), "slash_commands")
    eventually(lambda: at.slack.answers)
    assert len(at.slack.answers) == 1


def test_a_dropped_connection_is_opened_again(at: Office) -> None:
    number = one_case(at)
    assert at.socket
    at.socket.drop()
    assert at.socket.connected.wait(20)
    pressed(at, number, "case.take")
    eventually(lambda: at.case(number).state == "claimed")


def test_what_a_person_does_elsewhere_shows_in_slack_too(at: Office) -> None:
    number = one_case(at)
    actor = Actor(agent_id=at.agent_id("Anna Nowak"), how=How.WEB)
    with writing(at.engine) as session:
        cases.claim(session, number, actor, at.now)
    at.deliver()
    assert "Taken by *Anna Nowak*" in reader_sees(at.post(number))
    before = len(at.slack.requests)
    at.deliver()
    show_case(at.engine, at.runtime.channels, number, at.now)
    assert [name for name, _ in at.slack.requests[before:]] == [], "nothing new, nothing sent"


@pytest.mark.parametrize(
    ("language", "word"), [("pl", "Biorę"), ("ru", "Беру"), ("en", "I take it")]
)
def test_buttons_and_states_speak_the_teams_language(
    one_engine: Engine, language: str, word: str
) -> None:
    with office(one_engine, listening=True, language=language) as at:
        number = one_case(at)
        assert actions(at.post(number))["case.take"]["text"]["text"] == word
        for name in ("case.take", "case.contacted", "case.solved"):
            pressed(at, number, name)
            eventually(lambda name=name: name not in actions(at.post(number)))
        assert all(
            "{" not in text["text"].replace("{date_short_pretty} {time}", "")
            for text in texts(at.post(number))
        )
