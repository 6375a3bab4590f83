"""How good a scorer is on texts whose polarity people have decided."""

import gzip
import json
import math
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import QuietwordError
from sentiment.base import Opinion, Polarity, Query, Scorer
from sentiment.card import WORDS, plain
from sentiment.prepare import literal_spans

BINS = 15


class EvaluationError(QuietwordError):
    """A file of labelled texts cannot be used; the message names the line and what it lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One text with the polarity people gave it, towards ``target`` if there is one."""

    text: str
    label: Polarity
    target: str | None = None
    language: str | None = None

    def query(self) -> Query:
        """Return the question to ask a scorer; literal occurrences of the target are mentions."""
        spans = literal_spans(self.text, self.target) if self.target else ()
        return Query(self.text, target=self.target, spans=spans, language=self.language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How often and how surely a scorer is right.

    ``f1`` holds None for a polarity no text is labelled with; the macro means are over those
    that occur. ``ece`` is the expected calibration error: the mean distance of the top
    probability from the share that is right, over 15 bins of equal width, by their size.
    """

    n: int
    accuracy: float
    f1: Mapping[Polarity, float | None]
    ece: float
    posts_per_second: float

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the polarities that occur among the labels."""
        return self._mean(Polarity)

    @property
    def macro_f1_negative_positive(self) -> float:
        """The mean F1 of negative and positive, as far as they occur among the labels."""
        return self._mean((Polarity.NEGATIVE, Polarity.POSITIVE))

    def _mean(self, polarities: Iterable[Polarity]) -> float:
        present = [f1 for polarity in polarities if (f1 := self.f1[polarity]) is not None]
        return sum(present) / len(present) if present else math.nan

    def as_json(self) -> dict[str, Any]:
        """Return plain numbers for ``json.dumps``; a mean over nothing is None."""
        pair = self.macro_f1_negative_positive
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "macro_f1_negative_positive": None if math.isnan(pair) else pair,
            "f1": {polarity.value: self.f1[polarity] for polarity in Polarity},
            "ece": self.ece,
            "posts_per_second": self.posts_per_second,
        }


def read_labelled(path: Path, *, skip_unknown: bool = False) -> list[Labelled]:
    """Return the texts in ``path``, JSON lines, gzipped or not.

    A line is an object with ``text`` and ``label`` (negative, neutral, positive, or another of
    ``card.WORDS``, in any case) and, if wanted, ``target`` and ``lang``; other keys are ignored,
    blank lines and empty targets too. ``skip_unknown`` leaves out lines with another label, such
    as ``mixed``. Raises ``EvaluationError`` naming the line.
    """
    rows: list[Labelled] = []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            given = json.loads(line)
        except ValueError as error:
            raise EvaluationError(f"{place} is not JSON ({error}); one object per line") from error
        if not isinstance(given, dict) or not isinstance(given.get("text"), str):
            raise EvaluationError(f'{place} has no "text"; expected {{"text": ..., "label": ...}}')
        for key in ("target", "lang"):
            if not isinstance(given.get(key), str | None):
                raise EvaluationError(f'{place}: "{key}" must be a string or left out')
        said = given.get("label")
        label = WORDS.get(plain(said)) if isinstance(said, str) else None
        if label is None:
            if skip_unknown and isinstance(said, str):
                continue
            raise EvaluationError(
                f"{place} has label {said!r}; known are {', '.join(Polarity)} (numbers mean "
                "different things in different sets). Correct it, or leave lines with other words "
                "out with --skip-unknown"
            )
        rows.append(
            Labelled(
                text=given["text"],
                label=label,
                target=given.get("target") or None,
                language=given.get("lang"),
            )
        )
    if not rows:
        raise EvaluationError(f"{path} holds no labelled text; there is nothing to measure")
    return rows


def _lines(path: Path) -> list[str]:
    try:
        raw = path.read_bytes()
        if raw.startswith(b"\x1f\x8b"):
            raw = gzip.decompress(raw)
        return raw.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path} is not UTF-8 ({error}); convert it") from error
    except (OSError, EOFError, zlib.error) as error:
        raise EvaluationError(f"{path} cannot be read ({error})") from error


def evaluate(
    scorer: Scorer, rows: Sequence[Labelled], progress: Callable[[int], None] | None = None
) -> Evaluation:
    """Return how well and how fast ``scorer`` answers for ``rows``.

    Speed leaves out what the first answer loads. Raises ``EvaluationError`` without rows.
    """
    if not rows:
        raise EvaluationError("there are no labelled texts to measure on")
    queries = [row.query() for row in rows]
    scorer.score(queries[:1])
    begun = time.perf_counter()
    opinions = scorer.score(queries, progress)
    seconds = time.perf_counter() - begun
    return measured([row.label for row in rows], opinions, seconds)


def measured(labels: Sequence[Polarity], opinions: Sequence[Opinion], seconds: float) -> Evaluation:
    """Return the figures for ``opinions`` given in ``seconds`` on posts that are ``labels``."""
    right = [opinion.polarity is label for label, opinion in zip(labels, opinions, strict=True)]
    return Evaluation(
        n=len(labels),
        accuracy=sum(right) / len(labels),
        f1={polarity: _f1(polarity, labels, opinions) for polarity in Polarity},
        ece=_calibration_error(right, [opinion.confidence for opinion in opinions]),
        posts_per_second=len(labels) / max(seconds, 1e-9),
    )


def _f1(
    polarity: Polarity, labels: Sequence[Polarity], opinions: Sequence[Opinion]
) -> float | None:
    said = sum(opinion.polarity is polarity for opinion in opinions)
    true = sum(label is polarity for label in labels)
    if not true:
        return None
    both = sum(
        label is opinion.polarity is polarity
        for label, opinion in zip(labels, opinions, strict=True)
    )
    return 2 * both / (said + true)


def _calibration_error(right: Sequence[bool], confidence: Sequence[float]) -> float:
    """Return sum over bins of |right - sum of confidence| / n; bins are (0, 1/15], (1/15, ..."""
    gaps = [0.0] * BINS
    for hit, sure in zip(right, confidence, strict=True):
        gaps[min(BINS - 1, max(0, math.ceil(sure * BINS) - 1))] += hit - sure
    return sum(map(abs, gaps)) / len(right)
