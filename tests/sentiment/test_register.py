"""How authors are found to address people. register.jsonl holds our own sentences."""

import json
from collections import Counter
from pathlib import Path

import pytest

from sentiment.register import Register, manner

TABLE = [
    json.loads(line)
    for line in Path(__file__).with_name("register.jsonl").read_text("utf-8").splitlines()
]


def test_the_table_asks_both_registers_of_every_language() -> None:
    asked = Counter((row["lang"], row["register"]) for row in TABLE)
    assert len(TABLE) >= 120
    assert len(asked) == 6
    assert min(asked.values()) >= 20


@pytest.mark.parametrize("language", ["pl", "ru", "en"])
def test_the_register_is_right_nineteen_times_in_twenty(language: str) -> None:
    rows = [row for row in TABLE if row["lang"] == language]
    right = sum(manner(row["text"], language).register == row["register"] for row in rows)
    assert right / len(rows) >= 0.95


@pytest.mark.parametrize(
    ("language", "text"),
    [("pl", "Trzy dni bez odpowiedzi."), ("ru", "Три дня без ответа."), ("en", "Three days.")],
)
def test_an_author_who_shows_no_manner_is_addressed_formally(language: str, text: str) -> None:
    found = manner(text, language)
    assert found.register is Register.FORMAL
    assert found.reasons == ()


def test_a_title_outweighs_a_smiley() -> None:
    assert manner("Szanowni Państwo, to trzeci raz :(", "pl").register is Register.FORMAL


def test_a_capital_vy_is_formal_and_a_small_one_among_slang_is_not() -> None:
    assert manner("Когда Вы ответите?", "ru").register is Register.FORMAL
    assert manner("вы там охренели, блин", "ru").register is Register.INFORMAL


def test_the_words_that_gave_the_register_are_told() -> None:
    assert manner("Hej, wiesz czemu to nie działa?", "pl").reasons == ("wiesz", "Hej")


def test_one_word_shouted_a_hundred_times_counts_three_times() -> None:
    text = "Szanowni Państwo, z poważaniem, uprzejmie proszę. " + "no " * 100
    assert manner(text, "pl").register is Register.FORMAL


def test_a_language_without_rules_is_addressed_formally() -> None:
    assert manner("hey dude", "de").register is Register.FORMAL
