"""Measure predictions: macro-F1, calibration error, thresholds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BINS = 15


def f1_per_class(gold: Sequence[int], found: Sequence[int], classes: int = 3) -> list[float]:
    """Return the F1 of each class; 0 for a class that is neither there nor found."""
    truth, guess = np.asarray(gold), np.asarray(found)
    result = []
    for label in range(classes):
        hit = int(((truth == label) & (guess == label)).sum())
        wrong = int(((truth == label) ^ (guess == label)).sum())
        result.append(2 * hit / (2 * hit + wrong) if hit else 0.0)
    return result


def macro_f1(gold: Sequence[int], found: Sequence[int]) -> float:
    """Return the mean F1 over the classes that the gold labels have."""
    present = sorted(set(gold))
    scores = f1_per_class(gold, found)
    return float(np.mean([scores[label] for label in present])) if present else 0.0


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return probabilities of logits (n, 3) after division by a temperature."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    raised = np.exp(scaled)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def calibration_error(probabilities: NDArray[np.float64], gold: Sequence[int]) -> float:
    """Return the expected calibration error of the top class over 15 equal bins, 0-1."""
    top = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == np.asarray(gold)
    bins = np.minimum((top * BINS).astype(int), BINS - 1)
    gaps = [
        abs(float(right[bins == b].mean()) - float(top[bins == b].mean())) * (bins == b).sum()
        for b in range(BINS)
        if (bins == b).any()
    ]
    return float(sum(gaps) / len(top))
