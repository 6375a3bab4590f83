"""The checkpoint that comes with Quietword, as users get it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sentiment.base import Polarity, Query
from sentiment.behaviour import CASES, FLOOR, failures, pass_rates, read_cases, table
from sentiment.packing import unpacked
from sentiment.sources import SHIPPED, content_hash
from sentiment.transformer import TransformerScorer

NEG, POS = Polarity.NEGATIVE, Polarity.POSITIVE


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unpacked")


@pytest.fixture(scope="module")
def scorer(cache: Path) -> TransformerScorer:
    return TransformerScorer(cache=cache)


def polarities(scorer: TransformerScorer, queries: Sequence[Query]) -> list[Polarity]:
    return [opinion.polarity for opinion in scorer.score(queries)]


@pytest.mark.parametrize(
    ("language", "negative", "neutral", "positive"),
    [
        (
            "pl",
            "Beznadziejna obsługa, nie polecam nikomu.",
            "Oddział jest czynny w soboty od dziewiątej.",
            "Jestem bardzo zadowolona, polecam!",
        ),
        (
            "ru",
            "Ужасное обслуживание, никому не советую.",
            "Офис открыт по субботам с девяти.",
            "Очень довольна, всем рекомендую!",
        ),
        (
            "en",
            "Terrible service, I would avoid them.",
            "The branch is open on Saturdays from nine.",
            "Very happy with them, highly recommended!",
        ),
    ],
)
def test_plain_posts_are_understood(
    scorer: TransformerScorer, language: str, negative: str, neutral: str, positive: str
) -> None:
    queries = [Query(text, language=language) for text in (negative, neutral, positive)]
    told = polarities(scorer, queries)
    assert (told[0], told[2]) == (NEG, POS)
    assert told[1] != NEG, "a matter-of-fact post alarms nobody"


@pytest.mark.parametrize("language", ["pl", "ru", "en"])
def test_a_complaint_in_a_long_friendly_post_is_found_where_the_brand_is_named(
    scorer: TransformerScorer, language: str
) -> None:
    kind, complaint, brand = {
        "pl": ("Pogoda piękna, wycieczka udana. ", "Nordvia to oszuści i złodzieje. ", "Nordvia"),
        "ru": ("Погода чудесная, поездка удалась. ", "Нордвия это обман и воровство. ", "Нордвия"),
        "en": ("Lovely weather, a great trip. ", "Nordvia are thieves and liars. ", "Nordvia"),
    }[language]
    text = kind * 30 + complaint + kind * 30
    at = text.index(brand)
    unaware, aware = scorer.score(
        [
            Query(text, target=brand, language=language),
            Query(text, target=brand, spans=((at, at + len(brand)),), language=language),
        ]
    )
    assert aware.negative > unaware.negative


def test_it_runs_in_plain_transformers_as_well(scorer: TransformerScorer, cache: Path) -> None:
    from transformers import pipeline

    texts = ["Nie działa i nikt nie odpisuje", "Всё отлично, спасибо", "It opens at nine"]
    classify = pipeline("text-classification", model=str(unpacked(SHIPPED, cache)), top_k=None)
    told: list[Any] = classify(texts)
    for text, answers in zip(texts, told, strict=True):
        [opinion] = scorer.score([Query(text)])
        scores = {answer["label"]: answer["score"] for answer in answers}
        assert max(scores, key=scores.__getitem__) == opinion.polarity


def test_stored_verdicts_are_keyed_by_its_content(scorer: TransformerScorer) -> None:
    assert scorer.checkpoint == f"default@{content_hash(SHIPPED)}"


@pytest.mark.parametrize("language", ["pl", "ru", "en", "und"])
def test_stricter_precision_asks_for_surer_verdicts(
    scorer: TransformerScorer, language: str
) -> None:
    cuts = [scorer.negative_threshold(language, p / 100) for p in range(50, 100)]
    assert cuts == sorted(cuts)
    assert 0 < cuts[0] <= cuts[-1] <= 1


def test_no_language_does_worse_on_the_behavioural_suite_than_recorded(
    scorer: TransformerScorer,
) -> None:
    """After a new checkpoint: ``python -m sentiment.behaviour --record``, then read the change."""
    floor = json.loads((CASES / FLOOR).read_text("utf-8"))["pass_rate"]
    cases = read_cases()
    rates = pass_rates(cases, failures(scorer, cases))
    assert set(rates) == set(floor) == {"pl", "ru", "en"}
    for language, of_language in rates.items():
        passed, total = of_language[""]
        assert passed / total >= floor[language] - 1e-9, table(rates)
