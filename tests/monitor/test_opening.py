"""The private message that is suggested for a case."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from typer.testing import CliRunner

from models import Case, Outreach
from models.database import writing
from monitor.cli import app
from monitor.opening import OpeningError, suggest
from sentiment.register import Register
from sentiment.topics import Topic
from tests.monitor.scene import Scene

CASES = {
    ("pl", "formal"): "Dzień dobry, proszę o informację, kiedy Nordvia zrealizuje wypłatę.",
    ("pl", "informal"): "Hej, ktoś wie czemu Nordvia olewa wypłaty? Masakra.",
    ("ru", "formal"): "Здравствуйте, прошу Вас сообщить, когда Nordvia выполнит выплату.",
    ("ru", "informal"): "ребят, Nordvia кинула с выплатой, жесть",
    ("en", "formal"): "Dear team, could you please tell me when Nordvia will send my payout?",
    ("en", "informal"): "hey guys, Nordvia still owes me my payout lol",
}
DEAR = {
    ("pl", "formal"): "Dzień dobry",
    ("pl", "informal"): "Cześć night_owl",
    ("ru", "formal"): "Здравствуйте",
    ("ru", "informal"): "Привет, night_owl",
    ("en", "formal"): "Hello",
    ("en", "informal"): "Hi night_owl",
}


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with writing(engine) as session:
        yield session


@pytest.fixture
def make_case(session: Session) -> Callable[..., Case]:
    scene = Scene(session)

    def build(text: str, language: str = "en", **source: Any) -> Case:
        thread = scene.thread(scene.source("Forum Test", **source), "Where is my money?")
        post = scene.post(
            thread, text, author="night_owl", negative=0.9, unhappy="sure", language=language
        )
        return scene.case(post, topic="payout_or_payment")

    return build


@pytest.mark.parametrize(("language", "register"), CASES)
def test_the_message_is_in_the_authors_language_and_manner(
    session: Session, make_case: Callable[..., Case], language: str, register: str
) -> None:
    case = make_case(CASES[language, register], language)
    said = suggest(session, case, agent="Anna Nowak", firm="Nordvia SA", contact="+48 22 100")
    assert (said.language, said.register, said.topic) == (
        language,
        Register(register),
        Topic.PAYOUT_OR_PAYMENT,
    )
    assert said.text.startswith(DEAR[language, register])
    assert said.text.rstrip().endswith("+48 22 100")
    for part in ("Anna Nowak", "Nordvia SA", "Forum Test", "Where is my money?"):
        assert part in said.text
    refusal = {"pl": "„nie”", "ru": "«нет»", "en": "“no”"}[language]
    assert refusal in said.text, "the author must be told how to object"


def test_every_trouble_has_words_of_its_own(
    session: Session, make_case: Callable[..., Case]
) -> None:
    for (language, _), text in CASES.items():
        case = make_case(text, language)
        messages = set()
        for topic in Topic:
            case.topic = topic
            messages.add(suggest(session, case, agent="A").text)
        assert len(messages) == len(Topic)


def test_an_author_of_another_language_is_written_to_in_english(
    session: Session, make_case: Callable[..., Case]
) -> None:
    said = suggest(session, make_case("Nordvia zahlt nicht!", "de"), agent="Anna Nowak")
    assert (said.language, said.spoken, said.register) == ("en", "de", Register.FORMAL)


@pytest.mark.parametrize("outreach", [Outreach.NONE, Outreach.DECLARED_PUBLIC_ONLY])
def test_nothing_is_suggested_where_the_site_wants_no_private_messages(
    session: Session, make_case: Callable[..., Case], outreach: Outreach
) -> None:
    case = make_case(CASES["en", "formal"], outreach=outreach)
    with pytest.raises(OpeningError, match="wants no private messages"):
        suggest(session, case, agent="Anna Nowak")


def test_a_team_changes_one_sentence_for_one_brand(
    session: Session, make_case: Callable[..., Case], tmp_path: Path
) -> None:
    (tmp_path / "nordvia").mkdir()
    (tmp_path / "nordvia" / "en.toml").write_text(
        '[formal.topics.payout_or_payment]\ntrouble = "Our bank is late, {{ firm }} is sorry."\n'
    )
    said = suggest(
        session, make_case(CASES["en", "formal"]), agent="A", firm="NSA", folder=tmp_path
    )
    assert "Our bank is late, NSA is sorry. I would like to find out" in said.text


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("[formal]\nmessage = 'Buy now'", "leaves out"),
        ("[formal]\nnotice = ''", "empty notice"),
        ("[formal]\nmessage = '{{ nobody }}'", "'nobody' is undefined"),
        ("[formal]\nmessage = '{{ agent.__class__.__mro__ }}'", "unsafe"),
        ("[formal]\nmessage = '{% for i in range(10**9) %}x{% endfor %}'", "cannot be used"),
        ("[formal]\nmessage = '{{ notice }}' ; x", "cannot be read"),
        ("formal = 3", "cannot be used"),
    ],
)
def test_a_template_at_fault_is_named_and_does_no_harm(
    session: Session, make_case: Callable[..., Case], tmp_path: Path, template: str, why: str
) -> None:
    (tmp_path / "en.toml").write_text(template)
    with pytest.raises(OpeningError, match=why):
        suggest(session, make_case(CASES["en", "formal"]), agent="A", folder=tmp_path)


def test_template_code_in_a_thread_title_stays_text(
    session: Session,
) -> None:
    scene = Scene(session)
    thread = scene.thread(scene.source("F {{ agent }}"), "{{ 7 * 7 }} {% raw %}")
    post = scene.post(thread, "Nordvia is late", negative=0.9, author="{{ firm }}")
    said = suggest(session, scene.case(post), agent="A").text
    assert "{{ 7 * 7 }} {% raw %}" in said


def test_the_command_prints_a_message_to_be_copied(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with writing(engine) as session:
        scene = Scene(session)
        thread = scene.thread(scene.source("Forum Test"), "Late")
        post = scene.post(thread, CASES["en", "informal"], negative=0.9, unhappy="sure")
        number = scene.case(post).id
    monkeypatch.chdir(tmp_path)
    address = engine.url.set(drivername=engine.url.get_backend_name())
    monkeypatch.setenv("QUIETWORD_DATABASE_URL", address.render_as_string(hide_password=False))
    monkeypatch.setenv("QUIETWORD_FIRM", "Nordvia SA")
    options = ["opening", "--case", str(number), "--agent", "Anna Nowak", "--json"]
    told = json.loads(CliRunner().invoke(app, options, catch_exceptions=False).stdout)
    assert told["register"] == "informal"
    assert "I'm Anna Nowak from Nordvia SA" in told["text"]


def test_the_command_measures_a_labelled_table() -> None:
    table = Path(__file__).parents[1] / "sentiment" / "register.jsonl"
    told = CliRunner().invoke(app, ["opening", "--measure", str(table), "--json"])
    assert {language: of for language, (_, of) in json.loads(told.stdout).items()} == {
        "pl": 60,
        "ru": 60,
        "en": 60,
    }
