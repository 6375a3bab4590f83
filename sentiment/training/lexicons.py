"""Judge texts by lexicons: simple ways that a checkpoint is compared with.

English: the package vaderSentiment. Polish: the word list of the wheel ``polvader`` 1.0.1 (MIT),
in all its grammatical forms, with the package's factor for negated words and its way to a score
between -1 and 1. Its other rules need a spaCy pipeline that PyPI does not carry.
"""

import io
import pickle
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentiment.training.base import TrainingError, fetched_wheels
from sentiment.training.corpus import Row

POLVADER = "polvader==1.0.1"
FORMS = "polvader/lexicons/derivative_grammatical_forms_of_terms_in_the_final_lexicon.dat"
NEGATIONS = frozenset({"nie", "bez", "ani", "nigdy", "żaden", "żadna", "żadne"})
NEGATED = -0.74
REACH = 3  # words after a negation that it turns
FLATNESS = 20  # of the way from a sum of valences to -1..1
CUT = 0.05  # a score nearer to 0 is neutral, as VADER's authors have it


def verdicts(scores: Sequence[float]) -> NDArray[np.float32]:
    """Return one-hot verdicts (n, 3) of scores between -1 and 1."""
    compound = np.asarray(scores)
    classes = [compound <= -CUT, np.abs(compound) < CUT, compound >= CUT]
    return np.stack(classes, axis=1).astype(np.float32)


def vader(rows: Sequence[Row]) -> NDArray[np.float32]:
    """Return the verdicts of VADER, (n, 3)."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # type: ignore[import-not-found,import-untyped,unused-ignore]  # extra

    analyser = SentimentIntensityAnalyzer()
    return verdicts([analyser.polarity_scores(row.text)["compound"] for row in rows])


class _Plain(pickle.Unpickler):
    """Read dictionaries of words and numbers, and nothing that could run."""

    def find_class(self, module: str, name: str) -> object:
        raise TrainingError(f"the word list asks for {module}.{name}: another wheel version?")


def polish_valences(work: Path) -> dict[str, float]:
    """Return the valence of each word form, about -3.6 to 3.6; downloads the wheel once."""
    (wheel,) = fetched_wheels(work / "lexicons", (POLVADER,))
    with zipfile.ZipFile(wheel) as archive:
        valences: dict[str, float] = _Plain(io.BytesIO(archive.read(FORMS))).load()
    return valences


def polish(rows: Sequence[Row], valences: dict[str, float]) -> NDArray[np.float32]:
    """Return the verdicts of the Polish word list, (n, 3)."""
    return verdicts([_score(row.text, valences) for row in rows])


def _score(text: str, valences: dict[str, float]) -> float:
    words = re.findall(r"\w+", text.lower())
    total = 0.0
    for place, word in enumerate(words):
        negated = not NEGATIONS.isdisjoint(words[max(0, place - REACH) : place])
        total += valences.get(word, 0.0) * (NEGATED if negated else 1.0)
    return total / float(np.sqrt(total * total + FLATNESS))
