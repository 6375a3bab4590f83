"""The three languages of the pages."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from re import findall

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_python
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

import monitor.web
from alerts.channels.slack_refusals import PERMANENT
from monitor.digests import TITLES
from monitor.web.speech import FOLDER, Speech, preferred
from spiders.outcome import Outcome

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
WEB = Path(monitor.web.__file__).parent
JINJA = {
    "extensions": "jinja2.ext.i18n,jinja2.ext.do",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "silent": "false",  # a template that cannot be read has words all the same
}
Message = str | tuple[str, str]


def said_by_the_templates() -> set[Message]:
    found: set[Message] = set()
    for file in (WEB / "templates").glob("*.html"):
        with file.open("rb") as stream:
            for _, _, words, _ in babel_extract(stream, DEFAULT_KEYWORDS.keys(), [], JINJA):
                told = [words] if isinstance(words, str) else [one for one in words if one]
                found.add(told[0] if len(told) == 1 else (told[0], told[1]))
    return found


def said_by_the_code() -> set[Message]:
    found: set[Message] = {one.lower().replace("_", " ") for one in Outcome} | {"not finished"}
    found |= set(TITLES.values()) | set(PERMANENT.values())
    found |= {"look at QUIETWORD_WEBHOOK_URL and QUIETWORD_WEBHOOK_SECRET"}
    found |= {"correct QUIETWORD_MAIL_FROM", "correct QUIETWORD_SMTP_URL"}
    told_elsewhere = [WEB.parent / "accounts.py", *WEB.parent.glob("digest_*.py")]
    for file in [*WEB.glob("*.py"), *told_elsewhere]:
        with file.open("rb") as stream:
            keywords = ("text", "message", "plural", "counted", "AccountError")
            for _, name, words, _ in extract_python(stream, keywords, (), {}):
                told = [words] if isinstance(words, str) else words or ()
                if name in ("plural", "counted") and len(told) > 1 and told[0]:
                    found.add((told[0], str(told[1])))
                else:
                    found |= {one for one in told if one and not one.startswith("quietword ")}
    return found


@pytest.mark.parametrize("code", ["pl", "ru"])
def test_everything_the_pages_say_is_translated(code: str) -> None:
    with (FOLDER / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code)
    for words in said_by_the_templates() | said_by_the_code():
        message = catalogue.get(words if isinstance(words, str) else words[0])
        assert message is not None, words
        told = [message.string] if isinstance(message.string, str) else message.string
        assert len(told) == (1 if isinstance(words, str) else 3), words
        asked = set(findall(r"%\((\w+)\)s", words if isinstance(words, str) else words[1]))
        for one in told:
            assert one, words
            assert set(findall(r"%\((\w+)\)s", one)) == asked


@pytest.mark.parametrize(
    ("code", "number", "words"),
    [
        ("en", 1, "1 post"),
        ("pl", 1, "1 post"),
        ("pl", 3, "3 posty"),
        ("pl", 12, "12 postów"),
        ("pl", 22, "22 posty"),
        ("ru", 1, "1 сообщение"),
        ("ru", 4, "4 сообщения"),
        ("ru", 11, "11 сообщений"),
        ("ru", 21, "21 сообщение"),
    ],
)
def test_plurals_are_those_of_the_language(code: str, number: int, words: str) -> None:
    speech = Speech(code, UTC, lambda: NOW)
    form = speech.plural("%(told)s post", "%(told)s posts", number)
    assert form % {"told": number} == words


def test_dates_and_spans_are_those_of_the_language() -> None:
    speak = {code: Speech(code, UTC, lambda: NOW) for code in ("en", "pl", "ru")}
    at = NOW - timedelta(days=3, hours=2)
    assert [one.moment(at) for one in speak.values()] == [
        "19 Nov, 07:30", "19 lis, 07:30", "19 нояб., 07:30",
    ]  # fmt: skip
    assert speak["en"].moment(NOW.replace(year=2025)) == "22 Nov 2025, 09:30"
    assert [one.ago(at) for one in speak.values()] == ["3 days ago", "3 dni temu", "3 дня назад"]
    assert speak["pl"].ago(NOW - timedelta(minutes=119)) == "1 godzinę temu"
    assert speak["ru"].ago(NOW - timedelta(seconds=20)) == "только что"
    assert speak["pl"].lasting(timedelta(minutes=190)) == "3 godz. 10 min"
    assert speak["ru"].lasting(timedelta(days=5, hours=1)) == "5 дн. 1 ч"
    assert speak["pl"].number(1234567) == "1\xa0234\xa0567"
    assert speak["ru"].percent(0.125) == "12\xa0%"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("pl-PL,pl;q=0.9,en;q=0.8", "pl"),
        ("de,ru;q=0.5,en;q=0.4", "ru"),
        ("en;q=0.1,pl;q=nonsense,ru;q=0.2", "ru"),
        ("xx", "en"),
    ],
)
def test_the_browser_is_asked_which_language_it_likes(header: str, code: str) -> None:
    assert preferred(header) == code
