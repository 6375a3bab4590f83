"""What complaints are taken to be about. complaints.jsonl holds our own sentences."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from sentiment.topics import LEXICON, Complaint, Topic, complaint

SENTENCES = [
    json.loads(line)
    for line in Path(__file__).with_name("complaints.jsonl").read_text("utf-8").splitlines()
]


def test_the_check_list_asks_for_every_topic() -> None:
    asked = Counter(case["topic"] for case in SENTENCES)
    assert set(asked) == set(Topic)
    assert min(asked.values()) >= 4
    assert len(SENTENCES) >= 90


@pytest.mark.parametrize("case", SENTENCES, ids=lambda case: case["text"])
def test_a_complaint_is_put_under_its_topic(case: dict[str, str]) -> None:
    assert complaint(case["text"]).topic == case["topic"]


def test_the_words_that_gave_the_topic_are_quoted_as_written() -> None:
    assert complaint("Trzeci tydzień WYPŁATY brak, a support… cisza; wypłata to mit") == Complaint(
        topic=Topic.PAYOUT_OR_PAYMENT, words=("WYPŁATY", "wypłata")
    )


def test_missing_diacritics_change_nothing() -> None:
    assert complaint("nie doszła wypłata").topic == complaint("nie doszla wyplata").topic


def test_one_word_may_stand_between_those_of_an_entry() -> None:
    assert complaint("он не всегда работает").words == ("не всегда работает",)


def test_a_pasted_log_is_searched_in_bounded_time() -> None:
    begun = time.perf_counter()
    complaint("wyplata nie dziala " * 20_000)
    assert time.perf_counter() - begun < 5


def test_every_entry_of_the_lexicon_gives_its_topic_some_text() -> None:
    """An entry with a capital or a diacritic would never match."""
    text = LEXICON.read_text("utf-8")
    entries = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert entries == entries.lower().replace("ł", "l").replace("ё", "е")


HARDER = [
    json.loads(line)
    for line in Path(__file__).with_name("topics.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("language", ["pl", "ru", "en"])
def test_the_topic_is_right_nineteen_times_in_twenty(language: str) -> None:
    rows = [row for row in HARDER if row["lang"] == language]
    right = sum(complaint(row["text"]).topic == row["topic"] for row in rows)
    assert len(rows) >= 70
    assert right / len(rows) >= 0.95
