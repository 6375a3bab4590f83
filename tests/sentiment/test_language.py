"""Which language a post is taken for."""

import subprocess
import sys

import pytest

from sentiment.language import UNKNOWN, identify


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Gdzie są moje pieniądze?", "pl"),
        ("oddajcie kase, zlodzieje", "pl"),
        ("Где мои деньги?", "ru"),
        ("у тебя МТС?", "ru"),
        ("Still waiting for my money", "en"),
        ("Чому гроші ще не прийшли?", "uk"),
        ("Kde jsou moje peníze? Už týden čekám", "cs"),
        ("Wo bleibt mein Geld, ich warte seit Wochen", "de"),
        ("NIGDY WIĘCEJ TEJ FIRMY", "pl"),
    ],
)
def test_forum_sentences_are_recognised(text: str, language: str) -> None:
    assert identify(text) == language


@pytest.mark.parametrize("text", ["", "👍👍", "???", "ok", "+1", "thx"])
def test_what_cannot_be_told_takes_the_language_of_its_thread(text: str) -> None:
    assert identify(text, fallback="pl") == "pl"
    assert identify(text) == UNKNOWN


def test_a_clear_text_overrules_its_thread() -> None:
    assert identify("Still waiting for my money since last week", fallback="pl") == "en"


def test_a_ukrainian_thread_keeps_its_short_posts() -> None:
    assert identify("ага, так", fallback="uk") == "uk"


def test_nothing_is_loaded_before_the_first_question() -> None:
    program = (
        "import sys, sentiment.language, sentiment.transformer, sentiment.evaluate,"
        " sentiment.behaviour, sentiment.topics;"
        "print(sorted({'torch', 'transformers', 'py3langid', 'numpy'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"
