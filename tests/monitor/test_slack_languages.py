"""Each person is spoken to in their own language, in a channel that has another."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from alerts.notice import Notice, entry_line, rest_line
from models import Agent, Alert, AlertKind, Case, Level
from models.database import make_engine, reading, writing
from monitor import jobs
from monitor.team import language_of, save_agent
from tests.monitor.slack_scene import ANNA, BARTEK, STRANGER, Office, office
from tests.slack_server import actions, reader_sees
from tests.slack_workspace import command, eventually, press, submit


@pytest.fixture
def one_engine(sqlite: Path, tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}")
    yield engine
    engine.dispose()


@pytest.fixture
def at(one_engine: Engine) -> Iterator[Office]:
    """An English channel with a Pole, a Russian and a stranger from Russia."""
    with office(one_engine, listening=True) as place:
        place.slack.emails[ANNA] = "anna@nordvia.test"
        place.slack.locales = {ANNA: "pl-PL", BARTEK: "ru-RU", STRANGER: "ru-RU"}
        yield place


def whispered(at: Office, count: int) -> str:
    eventually(lambda: len(at.slack.whispers) >= count)
    return str(at.slack.whispers[count - 1]["text"])


def answered(at: Office, text: str, user: str = ANNA) -> str:
    before = len(at.slack.answers)
    assert at.socket
    at.socket.send(command(text, user, at.slack), "slash_commands")
    eventually(lambda: len(at.slack.answers) > before)
    return str(at.slack.answers[-1]["text"])


def test_refusals_forms_and_answers_are_in_the_language_of_who_pressed(at: Office) -> None:
    first, second = at.open_cases(2)
    at.deliver()
    assert at.socket
    at.socket.send(press(at.post(first), "case.take", STRANGER))
    assert whispered(at, 1).startswith("Мы ещё не знакомы.")
    at.socket.send(press(at.post(first), "case.take", BARTEK))
    eventually(lambda: "Taken by *Bartek Lis*" in reader_sees(at.post(first)))
    post = at.post(second)
    at.socket.send(press(post, "case.snooze", ANNA))
    eventually(lambda: at.slack.views)
    view = at.slack.views[0]
    assert view["title"]["text"] == f"Odłóż sprawę {second}"
    assert view["submit"]["text"] == "Zapisz"
    at.socket.send(press(post, "case.take", BARTEK))
    eventually(lambda: at.case(second).agent_id == at.agent_id("Bartek Lis"))
    at.socket.send(submit(view, ANNA, until="4"))
    assert whispered(at, 2).startswith("Nic się nie zmieniło: Sprawą zajmuje się *Bartek Lis*, od")
    assert answered(at, "my cases") == "Nie masz żadnej sprawy."
    assert "Wzięta · 🔴 Pilne" in answered(at, f"case {second}")
    assert answered(at, "take 4711") == "Nic się nie zmieniło: Nie ma takiej sprawy."
    assert answered(at, "pause 2h").startswith("Masz przerwę do <!date^")
    assert answered(at, "mine", BARTEK).count("Взято · 🔴 Срочно") == 2
    assert actions(at.post(second))["case.contacted"]["text"]["text"] == "Message sent"
    with reading(at.engine) as session:
        locales = dict(session.exec(select(Agent.name, Agent.slack_locale)).all())
    assert locales == {"Anna Nowak": "pl-PL", "Bartek Lis": "ru-RU"}


def test_a_language_that_was_chosen_goes_before_that_of_slack(at: Office) -> None:
    at.open_cases()
    assert answered(at, "mine") == "Nie masz żadnej sprawy."
    assert answered(at, "language xx").startswith("Podaj który:")
    assert answered(at, "language ru") == "Теперь я говорю с вами по-русски."
    assert answered(at, "mine") == "У вас нет дел."
    assert answered(at, "language auto").startswith("Mówię do Ciebie w języku Twojego Slacka")
    with writing(at.engine) as session:
        save_agent(session, "Anna Nowak", speech="en")
    assert answered(at, "mine") == "You have no case."
    before = len(at.slack.calls("users.info"))
    assert answered(at, "mine") == "You have no case."
    assert len(at.slack.calls("users.info")) == before, "Slack is asked once"
    assert language_of(None, "pl") == "pl"


def test_a_case_handed_over_with_nobody_there_is_said_so(at: Office) -> None:
    [number] = at.open_cases()
    at.deliver()
    with writing(at.engine) as session:
        save_agent(session, "Bartek Lis", active=False)
    assert at.socket
    at.socket.send(press(at.post(number), "case.more", ANNA, choice="hand_over"))
    assert whispered(at, 1) == "Nie ma komu przekazać."


def test_an_author_who_wants_peace_is_recorded_from_slack_and_all_their_cases_close(
    at: Office,
) -> None:
    first, second = at.open_cases(2)
    at.deliver()
    with writing(at.engine) as session:
        one, two = session.get_one(Case, first), session.get_one(Case, second)
        two.post_id = one.post_id
    assert at.socket
    at.socket.send(press(at.post(first), "case.take", ANNA))
    eventually(lambda: "case.contacted" in actions(at.post(first)))
    at.socket.send(press(at.post(first), "case.contacted", ANNA))
    eventually(lambda: "case.contacted" not in actions(at.post(first)))
    at.socket.send(press(at.post(first), "case.more", ANNA, choice="opt_out"))
    eventually(lambda: at.slack.views)
    assert at.slack.views[0]["title"]["text"] == f"Bez kontaktu: {first}"
    at.socket.send(submit(at.slack.views[0], ANNA, note="Odpisał: proszę nie pisać"))
    assert whispered(at, 1) == ("Do autora night_owl już nikt nie napisze; zamknięto 2 sprawy.")
    at.deliver()
    for number in (first, second):
        eventually(lambda number=number: "no contact allowed" in reader_sees(at.post(number)))
        assert at.case(number).state == "dismissed"
        assert {"write_privately", "case.more", "case.words"} & set(
            actions(at.post(number))
        ) == set()
    [third] = at.open_cases()
    at.deliver()
    at.socket.send(press(at.post(third), "case.more", ANNA, choice="dismiss"))
    eventually(lambda: len(at.slack.views) == 2)
    at.socket.send(submit(at.slack.views[1], ANNA, reason="opt_out"))
    eventually(lambda: at.case(third).state == "dismissed")
    assert at.events(third) == ["opened", "dismissed"]


def notices(at: Office) -> list[Notice]:
    with reading(at.engine) as session:
        kept = session.exec(
            select(Alert).where(Alert.kind == AlertKind.NOTICE).order_by(col(Alert.id))
        ).all()
    return [Notice.from_json(one.content) for one in kept]


def test_reminders_and_escalations_are_in_the_language_of_who_is_told(
    one_engine: Engine,
) -> None:
    with office(one_engine, language="ru") as at:
        with writing(at.engine) as session:
            save_agent(session, "Maria", role="manager", slack_user_id="UMARIA", speech="pl")
            save_agent(session, "Bartek Lis", active=False)
        settings = at.runtime.settings.model_copy(update={"slack_language": "ru"})
        object.__setattr__(at.runtime, "settings", settings)
        object.__setattr__(at.runtime, "personal", ("slack",))
        at.slack.emails = {"UMARIA": "m@n.test", ANNA: "a@n.test"}
        at.slack.locales = {ANNA: "pl-PL"}
        at.open_cases(2)
        for _ in range(10):
            at.later(minutes=10)
            jobs.timers_due(at.runtime)
        told = {(one.kind, one.person): one for one in notices(at)}
        assert set(told) == {("route", "Anna Nowak"), ("reminder", None), ("escalation", "Maria")}
        route, reminder, up = told.values()
        assert route.title == "2 sprawy czekają, aż je weźmiesz", "Slack told Anna's language"
        assert reminder.title == "уже 30 мин или дольше никто не берёт 2 дела"
        assert up.title == "2 sprawy czekają na Twoją decyzję"
        assert entry_line(reminder.entries[0], reminder.speech).startswith("🔴 #1 Срочно · Nordvia")
        [third] = at.open_cases(level=Level.REACH_OUT)
        for _ in range(7):
            at.later(minutes=10)
            jobs.timers_due(at.runtime)
        alone = notices(at)[-1]
        assert alone.title == f"sprawa {third} czeka na Twoją decyzję"
        assert alone.text.startswith("Odezwać się (50 na 100), Nordvia, jakość, Forum Test: ")
        assert "autor jest wyraźnie niezadowolony (prawdopodobieństwo 0,93)" in alone.text
        assert "Zegar: eskalacja, decyduje lider. „nikt jej nie wziął od 1 godz." in alone.text
        assert rest_line(alone) == ""


def test_a_storm_and_the_end_of_quiet_hours_are_told_in_the_channels_language(
    one_engine: Engine,
) -> None:
    with office(one_engine, language="pl", storm=3) as at:
        at.open_cases(5)
        at.deliver()
        [summary] = at.slack.roots()
        assert reader_sees(summary).startswith("5 wątków naraz czeka na człowieka")
        assert "Otwórz post" in reader_sees(summary)
        assert summary["text"] == "5 wątków naraz czeka na człowieka"
