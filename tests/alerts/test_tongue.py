"""The catalogues of alerts, Slack and refusals: complete, in step with the code, in number."""

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

import alerts
import monitor
from alerts.tongue import (
    _KNOWN,
    FOLDER,
    Clock,
    Day,
    Lasting,
    TongueError,
    compiled,
    phrase,
    spoken,
    tongue,
    tongues,
)
from models import AgentRole, CaseChange, CaseState, Dismissal, Level, Outreach
from monitor.case_rules import MACHINE
from monitor.slack_inbox import Place
from monitor.slack_modals import FORMS, form, words_view
from tests.slack_rules import view_error

ENGLISH = tongue("en")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def forms(code: str) -> dict[str, tuple[str, ...]]:
    messages, _ = compiled(FOLDER / f"{code}.po", code)
    return {
        message.id if isinstance(message.id, str) else message.id[0]: (
            (message.string,) if isinstance(message.string, str) else tuple(message.string)
        )
        for message in messages
        if message.id
    }


def asked(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize(("code", "plurals"), [("en", 2), ("pl", 3), ("ru", 3)])
def test_every_language_says_everything_and_fills_in_the_same(code: str, plurals: int) -> None:
    english, own = forms("en"), forms(code)
    assert list(own) == list(english), "the same names, in the same order"
    for key, texts in own.items():
        assert len(texts) == (plurals if len(english[key]) > 1 else 1), key
        for text in texts:
            assert text.strip(), key
            assert asked(text) == asked(english[key][-1]), key


def constants() -> tuple[set[str], set[str]]:
    """Return every text in the code of both rooms, and how those with gaps begin."""
    whole, begun = set(), set()
    for room in (alerts, monitor):
        for file in Path(room.__file__ or "").parent.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                    begun.add(str(node.values[0].value))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    whole.add(node.value)
    return whole, {start for start in begun if re.fullmatch(r"[a-z]+_", start)}


def test_no_words_are_kept_that_nobody_says() -> None:
    whole, begun = constants()
    idle = [
        key
        for key in ENGLISH.keys
        if key not in whole and not any(key.startswith(start) for start in begun)
    ]
    assert idle == []


def test_everything_the_code_says_by_name_is_in_the_catalogue() -> None:
    said = set()
    for room in (alerts, monitor):
        for file in Path(room.__file__ or "").parent.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if not isinstance(node, ast.Call) or not node.args:
                    continue
                said_by = ast.unparse(node.func)
                first = node.args[0]
                if re.fullmatch(r"phrase|.+\.say", said_by) and isinstance(first, ast.Constant):
                    said.add(first.value)
    assert len(said) > 60
    assert said <= set(ENGLISH.keys)


def test_every_state_change_and_reason_has_its_words() -> None:
    by_people = [change for change in CaseChange if change not in MACHINE]
    wanted = {
        *(f"level_{one}" for one in Level),
        *(f"policy_{one}" for one in Outreach),
        *(f"{start}_{one}" for one in CaseState for start in ("state", "told")),
        *(f"dismissal_{one}" for one in Dismissal),
        *(f"rank_{one}" for one in AgentRole),
        *(f"{start}_{one}" for one in by_people for start in ("did", "history")),
        *(f"story_{one}" for one in MACHINE),
        *(f"title_{one}" for one in FORMS),
    }
    assert wanted <= set(ENGLISH.keys)


@pytest.mark.parametrize("code", ["pl", "ru"])
def test_what_the_machine_notes_is_known_again_in_every_language(code: str) -> None:
    values = {"p": "0.93", "count": 3, "times": "4", "name": "Anna", "span": "2 d 4 h"}
    for pattern, key in _KNOWN:
        english = ENGLISH.say(key, **values)
        assert pattern.fullmatch(english), (key, english)
        said = tongue(code).reason(english)
        assert said != english
        assert "{" not in said
    assert ENGLISH.reason("nobody took it for 1 h") == "nobody took it for 1 h"
    assert tongue(code).reason("an agent's own words") == "an agent's own words"


@pytest.mark.parametrize(
    ("code", "key", "count", "words"),
    [
        ("en", "notices_woken", 1, "1 case is back"),
        ("en", "notices_woken", 2, "2 cases are back"),
        ("pl", "notices_woken", 1, "wraca 1 sprawa"),
        ("pl", "notices_woken", 22, "wracają 22 sprawy"),
        ("pl", "notices_woken", 12, "wraca 12 spraw"),
        ("ru", "notices_woken", 21, "вернулось 21 дело"),
        ("ru", "notices_woken", 3, "вернулись 3 дела"),
        ("ru", "notices_woken", 111, "вернулось 111 дел"),
        ("pl", "snooze_limit", 30, "można ją odłożyć najwyżej na 30 dni, i nie wstecz"),
    ],
)
def test_plurals_are_those_of_the_language(code: str, key: str, count: int, words: str) -> None:
    assert tongue(code).say(key, count=count) == words


def test_moments_spans_and_phrases_wait_for_their_language() -> None:
    zone = ZoneInfo("Europe/Warsaw")
    late = phrase("took_it_at", owner="Anna", at=Clock(NOON - timedelta(days=1), zone, NOON))
    told = [phrase("reopen_first", last=late).sentence(tongue(code)) for code in ("en", "pl", "ru")]
    assert told == [
        "Anna took it at 13:00 on 21 Nov; reopen it first.",
        "Prowadzi ją Anna, od 13:00, 21 lis; najpierw otwórz ją ponownie.",
        "Его ведёт Anna, с 13:00, 21 нояб.; сначала откройте его снова.",
    ]
    assert Clock(NOON, zone, NOON).told(ENGLISH) == "13:00"
    assert Day(NOON).told(tongue("pl")) == "22 lis 2026"
    assert Lasting(timedelta(minutes=150)).told(tongue("pl")) == "2 godz. 30 min"


@pytest.mark.parametrize(
    ("locale", "code"),
    [("pl-PL", "pl"), ("ru", "ru"), ("en_GB", "en"), ("de-DE", None), ("", None), (None, None)],
)
def test_a_locale_is_heard_for_its_language(locale: str | None, code: str | None) -> None:
    assert spoken(locale) == code


def test_a_language_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(TongueError, match="use one of: en, pl, ru"):
        tongue("de")


@pytest.mark.parametrize("code", tongues())
def test_every_form_fits_slack_in_every_language(code: str) -> None:
    from models import Agent

    speech, place = tongue(code), Place("C1", "1.0", 99_999)
    views = [form(kind, place, speech, [Agent(id=2, name="Bartek")]) for kind in FORMS]
    for view in [*views, words_view(99_999, "…", speech)]:
        assert view_error(view) is None
        assert not view["title"]["text"].endswith("…"), "no title is cut"
