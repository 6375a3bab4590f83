"""Measuring a scorer: the file that is read and the figures that come out."""

import gzip
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sentiment.base import Opinion, Polarity, Query, ScoringError
from sentiment.evaluate import EvaluationError, evaluate, measured, read_labelled
from sentiment.transformer import TransformerScorer

NEG, NEU, POS = Polarity
LINES = [
    {"text": "Nordvia pays late", "label": "negative", "target": "nordvia", "lang": "en"},
    {"text": "спасибо за помощь", "label": "positive", "id": 7},
]


def opinion(polarity: Polarity, sure: float = 0.8) -> Opinion:
    rest = (1 - sure) / 2
    return Opinion(
        polarity=polarity,
        negative=sure if polarity is NEG else rest,
        neutral=sure if polarity is NEU else rest,
        positive=sure if polarity is POS else rest,
        language="en",
        windows=1,
    )


def written(path: Path, lines: Sequence[object]) -> Path:
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n", "utf-8")
    return path


def test_plain_and_gzipped_files_read_alike(tmp_path: Path) -> None:
    plain = written(tmp_path / "rows.jsonl", LINES)
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes() + b"\n\n"))
    first, second = rows = read_labelled(plain)
    assert rows == read_labelled(packed)
    assert first.query() == Query(
        "Nordvia pays late", target="nordvia", spans=((0, 7),), language="en"
    )
    assert (second.label, second.query()) == (POS, Query("спасибо за помощь"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2 is not JSON"),
        ("[]", 'line 2 has no "text"'),
        ('{"label": "neutral"}', 'line 2 has no "text"'),
        ('{"text": "a"}', "line 2 has label None; known are negative, neutral, positive"),
        ('{"text": "a", "label": "mixed"}', "line 2 has label 'mixed'"),
        ('{"text": "a", "label": 1}', "line 2 has label 1"),
        ('{"text": "a", "label": ["neutral"]}', "line 2 has label"),
        ('{"text": "a", "label": "neutral", "lang": 3}', '"lang" must be a string'),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "fine", "label": "neutral"}\n' + line + "\n", "utf-8")
    with pytest.raises(EvaluationError) as caught:
        read_labelled(path)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("said", "meant"), [("Negative", NEG), (" NEU ", NEU), ("very_positive", POS)]
)
def test_a_label_may_be_spelt_as_other_sets_do(tmp_path: Path, said: str, meant: Polarity) -> None:
    [row] = read_labelled(
        written(tmp_path / "rows.jsonl", [{"text": "a", "label": said, "target": ""}])
    )
    assert (row.label, row.query()) == (meant, Query("a"))


def test_other_labels_are_skipped_only_when_asked(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", [*LINES, {"text": "so so", "label": "mixed"}])
    assert len(read_labelled(path, skip_unknown=True)) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no labelled text"),
        (b"\x1f\x8bbroken", "cannot be read"),
        (gzip.compress(b"{}" * 500, mtime=0)[:-9], "cannot be read"),
        ('{"text": "zażółć"}'.encode("cp1250"), "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(EvaluationError, match=reason):
        read_labelled(path)
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_labelled(tmp_path / "missing.jsonl")


def test_figures_worked_out_by_hand() -> None:
    labels = [NEG, NEG, NEG, NEU, NEU, POS]
    said = [NEG, NEG, NEU, NEU, POS, POS]
    figures = measured(labels, [opinion(polarity) for polarity in said], seconds=2)
    f1 = {NEG: 2 * 2 / (2 + 3), NEU: 2 * 1 / (2 + 2), POS: 2 * 1 / (2 + 1)}
    assert figures.n == 6
    assert figures.accuracy == pytest.approx(4 / 6)
    assert figures.f1 == pytest.approx(f1)
    assert figures.macro_f1 == pytest.approx(sum(f1.values()) / 3)
    assert figures.macro_f1_negative_positive == pytest.approx((f1[NEG] + f1[POS]) / 2)
    assert figures.ece == pytest.approx(abs(4 / 6 - 0.8))
    assert figures.posts_per_second == 3


def test_calibration_is_measured_bin_by_bin() -> None:
    """Two bins that err in opposite directions must not cancel out."""
    surely_wrong, unsurely_right = opinion(NEG, 0.9), opinion(NEG, 0.5)
    figures = measured([POS, NEG], [surely_wrong, unsurely_right], seconds=1)
    assert figures.ece == pytest.approx((0.9 + 0.5) / 2)


def test_two_classes_are_averaged_over_two() -> None:
    figures = measured([NEG, POS], [opinion(NEG), opinion(NEU)], seconds=1)
    assert figures.f1 == {NEG: 1.0, NEU: None, POS: 0.0}
    assert figures.macro_f1 == 0.5


def test_only_neutral_texts_leave_no_mean_over_the_others() -> None:
    figures = measured([NEU], [opinion(NEU)], seconds=1)
    assert math.isnan(figures.macro_f1_negative_positive)
    assert figures.as_json()["macro_f1_negative_positive"] is None


def test_a_real_scorer_is_measured_on_a_real_file(tiny: Path, tmp_path: Path) -> None:
    rows = read_labelled(written(tmp_path / "rows.jsonl", LINES * 5))
    told: list[int] = []
    figures = evaluate(TransformerScorer(tiny), rows, told.append).as_json()
    assert list(figures) == [
        "n",
        "accuracy",
        "macro_f1",
        "macro_f1_negative_positive",
        "f1",
        "ece",
        "posts_per_second",
    ]
    assert list(figures["f1"]) == ["negative", "neutral", "positive"]
    assert figures["n"] == told[-1] == 10
    assert figures["posts_per_second"] > 0
    json.dumps(figures, allow_nan=False)


def test_nothing_to_measure_is_said(make_checkpoint: Callable[..., Path]) -> None:
    with pytest.raises(EvaluationError, match="no labelled texts"):
        evaluate(TransformerScorer(make_checkpoint()), [])


def test_a_checkpoint_that_answers_nothing_numeric_is_said(
    make_checkpoint: Callable[..., Path],
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = make_checkpoint()
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"] = torch.full((3,), float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ScoringError, match="do not sum to 1"):
        TransformerScorer(folder).score([Query("Nordvia")])
