"""What is understood of a checkpoint's config."""

import pytest

from sentiment.base import Opinion, Polarity, Query, ScoringError
from sentiment.card import Card, polarities

NEG, NEU, POS = Polarity


@pytest.mark.parametrize(
    ("labels", "understood"),
    [
        (["negative", "neutral", "positive"], [NEG, NEU, POS]),
        (["POS", "NEG", "NEU"], [POS, NEG, NEU]),
        (["LABEL_0", "LABEL_1", "LABEL_2"], [NEG, NEU, POS]),
        (["neg", "pos"], [NEG, POS]),
        (["1 star", "2 stars", "3 stars", "4 stars", "5 stars"], [NEG, NEG, NEU, POS, POS]),
        (
            ["Very Negative", "Negative", "Neutral", "Positive", "VERY_POSITIVE"],
            [NEG, NEG, NEU, POS, POS],
        ),
    ],
)
def test_usual_labels_are_understood(labels: list[str], understood: list[Polarity]) -> None:
    assert polarities(dict(enumerate(labels)), "c") == understood


@pytest.mark.parametrize(
    "labels",
    [["LABEL_0", "LABEL_1"], ["joy", "anger"], ["negative", "neutral"], ["1", "2", "3"], []],
)
def test_other_labels_are_refused_by_name(labels: list[str]) -> None:
    with pytest.raises(ScoringError, match="checkpoint some/name answers"):
        polarities(dict(enumerate(labels)), "some/name")


def test_labels_are_read_in_the_order_of_their_numbers() -> None:
    assert polarities({"1": "neg", "0": "pos"}, "c") == [POS, NEG]


CARD = Card.read(
    {
        "targeted": True,
        "temperature": {"default": 1.2, "pl": 2},
        "negative_threshold": {
            "0.80": {"pl": 0.6, "ru": 0.95, "default": 0.84},
            "0.90": {"pl": 0.8},
        },
    },
    "c",
)


def test_temperature_is_by_language_then_default() -> None:
    assert [CARD.temperature_for(code) for code in ("pl", "xx")] == [2.0, 1.2]
    assert Card().temperature_for("pl") == 1.0


@pytest.mark.parametrize(
    ("language", "precision", "threshold"),
    [
        ("pl", 0.8, 0.6),  # measured
        ("pl", 0.85, 0.7),  # between two measured
        ("pl", 0.95, 0.95),  # beyond: calibrated probability, never below what 0.9 took
        ("pl", 0.5, 0.5),
        ("de", 0.8, 0.84),  # the default's, not below the precision
        ("de", 0.9, 0.9),  # nothing measured
        ("ru", 0.8, 0.95),
        ("ru", 0.9, 0.95),  # not reached in training: as strict as for less at least
        ("ru", 0.99, 0.99),
    ],
)
def test_threshold_for_a_wanted_precision(
    language: str, precision: float, threshold: float
) -> None:
    assert CARD.threshold_for(language, precision) == pytest.approx(threshold)


def test_a_checkpoint_without_figures_gets_the_precision_itself() -> None:
    assert Card.read(None, "c").threshold_for("pl", 0.8) == 0.8


@pytest.mark.parametrize("precision", [0, 1, 1.5, -1, float("nan")])
def test_an_impossible_precision_is_refused(precision: float) -> None:
    with pytest.raises(ScoringError, match="between 0 and 1"):
        CARD.threshold_for("pl", precision)


@pytest.mark.parametrize(
    "section",
    [
        "text",
        {"temperature": {"pl": 0}},
        {"temperature": {"pl": "warm"}},
        {"temperature": 2},
        {"negative_threshold": {"0.8": {"pl": 3}}},
        {"max_tokens": 2},
    ],
)
def test_a_broken_section_is_named(section: object) -> None:
    with pytest.raises(ScoringError, match=r"quietword.*checkpoint some/name"):
        Card.read(section, "some/name")


def test_a_mention_outside_its_text_is_refused() -> None:
    with pytest.raises(ScoringError, match=r"3\.\.9 lies outside a text of 5"):
        Query("short", spans=((3, 9),))


@pytest.mark.parametrize("broken", [float("nan"), 0.9])
def test_numbers_that_are_no_probabilities_are_refused(broken: float) -> None:
    with pytest.raises(ScoringError, match="do not sum to 1"):
        Opinion(polarity=NEG, negative=broken, neutral=0.3, positive=0.3, language="pl", windows=1)
