"""Fit temperatures and negative thresholds on dev rows.

A temperature divides the logits so that probabilities mean what they say; a threshold is the
least P(negative) at which a stated share of the posts flagged as negative really is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentiment.training.scores import calibration_error, macro_f1, softmax

PRECISIONS = (0.80, 0.90)
FEW = 150  # rows; a language with fewer is given the temperature of all
FEW_FLAGGED = 20  # a precision measured on fewer flagged rows means nothing
SLACK = 0.005  # nats of cross-entropy
DRAWS = 50
TEMPERATURES = np.geomspace(0.4, 3.0, 80)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Logits (n, 3) with the gold label and the language of each row."""

    logits: NDArray[np.float32]
    gold: NDArray[np.int64]
    languages: NDArray[np.str_]

    def of(self, chosen: NDArray[np.bool_]) -> "Measured":
        """Return the rows where ``chosen`` is true."""
        return Measured(
            logits=self.logits[chosen],
            gold=self.gold[chosen],
            languages=self.languages[chosen],
        )


def temperature(logits: NDArray[np.float32], gold: NDArray[np.int64]) -> float:
    """Return the best temperature, from 0.4 to 3.

    Cross-entropy is flat around its least value, calibration error is not: of the temperatures
    whose cross-entropy is within ``SLACK`` of the least, the one with the least error is taken.
    """
    rows = np.arange(len(gold))
    labels = gold.tolist()
    tried = [(float(value), softmax(logits, float(value))) for value in TEMPERATURES]
    losses = [-float(np.log(likely[rows, gold] + 1e-12).mean()) for _, likely in tried]
    close = [one for one, loss in zip(tried, losses, strict=True) if loss <= min(losses) + SLACK]
    return round(min(close, key=lambda one: calibration_error(one[1], labels))[0], 3)


def error_by_chance(likely: NDArray[np.float64]) -> float:
    """Return the calibration error, on average, if the probabilities ``likely`` were exact.

    Bins of few rows never match by chance: under this value nothing can be told apart.
    """
    draw = np.random.default_rng(5)
    steps = likely.cumsum(axis=1)
    labels = [
        (draw.random((len(likely), 1)) > steps[:, :-1]).sum(axis=1).tolist() for _ in range(DRAWS)
    ]
    return float(np.mean([calibration_error(likely, drawn) for drawn in labels]))


def negative_threshold(
    negative: NDArray[np.float64], gold: NDArray[np.int64], precision: float
) -> float | None:
    """Return the least P(negative) above which ``precision`` of the rows are negative.

    None when no threshold with at least 20 flagged rows reaches it.
    """
    order = np.argsort(-negative, kind="stable")
    right = np.cumsum(gold[order] == 0) / np.arange(1, len(order) + 1)
    reached = np.flatnonzero((right >= precision) & (np.arange(len(order)) + 1 >= FEW_FLAGGED))
    return round(float(negative[order[reached[-1]]]), 3) if len(reached) else None


def by_language(measured: Measured) -> dict[str, Measured]:
    """Return the rows of each language that has enough of them, and all under ``default``."""
    groups = {"default": measured}
    for language in sorted(set(measured.languages.tolist())):
        chosen = measured.languages == language
        if int(chosen.sum()) >= FEW:
            groups[language] = measured.of(chosen)
    return groups


def calibration(measured: Measured) -> dict[str, object]:
    """Return the ``quietword`` section of a checkpoint's config.

    A precision that a language cannot reach on its dev rows is left out of the table and named
    under ``unreached_precision``.
    """
    groups = by_language(measured)
    temperatures = {name: temperature(rows.logits, rows.gold) for name, rows in groups.items()}
    thresholds: dict[str, dict[str, float]] = {}
    unreached: dict[str, list[str]] = {}
    for precision in PRECISIONS:
        key = f"{precision:.2f}"
        thresholds[key] = {}
        for name, rows in groups.items():
            negative = softmax(rows.logits, temperatures[name])[:, 0]
            found = negative_threshold(negative, rows.gold, precision)
            if found is None:
                unreached.setdefault(key, []).append(name)
            else:
                thresholds[key][name] = found
    return {
        "temperature": temperatures,
        "negative_threshold": thresholds,
        "unreached_precision": unreached,
        "dev": {name: _on_dev(rows, temperatures[name]) for name, rows in groups.items()},
    }


def _on_dev(rows: Measured, divisor: float) -> dict[str, float]:
    """Return the figures of one language."""
    likely = softmax(rows.logits, divisor)
    return {
        "n": len(rows.gold),
        "macro_f1": round(macro_f1(rows.gold.tolist(), _labels(rows.logits)), 3),
        "ece": round(calibration_error(likely, rows.gold.tolist()), 3),
        "ece_by_chance": round(error_by_chance(likely), 3),
    }


def _labels(logits: NDArray[np.float32]) -> Sequence[int]:
    found: list[int] = logits.argmax(axis=1).tolist()
    return found
