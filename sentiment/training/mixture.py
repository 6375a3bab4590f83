"""Draw the training examples: which rows, in which order, with which small disturbances.

The stream is a pure function of the seed and the position, so a killed run goes on exactly
where it stopped with nothing but a round number on disk.
"""

import random
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sentiment.training.composed import composed
from sentiment.training.corpus import (
    COMPOSED_SHARE,
    Row,
    Source,
    dev_rows,
    fingerprint,
    train_rows,
    without_target,
)

ROUND = 3_200  # examples; each round holds every set in its share
PLAIN_LATIN = str.maketrans("łŁøØđĐßı", "lLoOdDsi")
TRANSLITERATED = dict(zip("абвгдезийклмнопрстуфхцыэ", "abvgdeziyklmnoprstufhcye", strict=True)) | {
    "ё": "e",
    "ж": "zh",
    "ч": "ch",
    "ш": "sh",
    "щ": "sch",
    "ю": "yu",
    "я": "ya",
    "ь": "",
    "ъ": "",
}
MARKED = 0.9  # share of targeted rows with marks: a name that is not found literally has none
WEIGHT_POWER = 0.4  # between none (0) and a fully balanced loss (1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The rows of one set with the weights of its classes and its share of a round."""

    name: str
    rows: list[Row]
    weights: tuple[float, float, float, float]
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A row as it is shown once, with its weight in the loss."""

    row: Row
    weight: float


def class_weights(rows: Sequence[Row]) -> tuple[float, float, float, float]:
    """Return loss weights that lift rare classes; 1 on average over the rows."""
    counts = np.bincount([row.label for row in rows], minlength=4).astype(float)
    present = counts > 0
    raw = np.zeros(4)
    raw[present] = (counts.sum() / (present.sum() * counts[present])) ** WEIGHT_POWER
    raw = np.clip(raw, 0.0, 2.5)
    raw /= float((raw * counts).sum() / counts.sum())
    return float(raw[0]), float(raw[1]), float(raw[2]), float(raw[3])


def pools(
    data: Path, sources: Iterable[Source], composed_share: float = COMPOSED_SHARE
) -> list[Pool]:
    """Read the sets; texts that stand in any dev sample are left out of training.

    What the shares leave of each round, ``composed_share`` of it, is put together by ``composed``.
    """
    sources = list(sources)
    kept_apart = {fingerprint(row.text) for source in sources for row in dev_rows(data, source)}
    result = []
    for source in sources:
        rows = [
            row
            for row in train_rows(data, source)
            if len(row.text) < 12 or fingerprint(row.text) not in kept_apart
        ]
        plain = source.share * source.single
        result.append(
            Pool(
                name=source.name, rows=rows, weights=class_weights(rows), share=source.share - plain
            )
        )
        if plain:
            texts = without_target(rows)
            result.append(
                Pool(
                    name=f"{source.name} (text)",
                    rows=texts,
                    weights=class_weights(texts),
                    share=plain,
                )
            )
    total = sum(pool.share for pool in result) + composed_share
    return [replace(pool, share=pool.share / total) for pool in result]


def disturbed(text: str, language: str, draw: random.Random) -> str:
    """Return the text as a hurried writer would type it, now and then; mostly unchanged."""
    dice = draw.random()
    if dice < 0.04:
        return text.lower()
    if dice < 0.05:
        return text.upper()
    if language in ("pl", "cs", "es", "fr", "it", "pt") and dice < 0.12:
        bare = unicodedata.normalize("NFD", text.translate(PLAIN_LATIN))
        return "".join(c for c in bare if unicodedata.category(c) != "Mn")
    if language == "ru" and dice < 0.06:
        return "".join(TRANSLITERATED.get(c, c) for c in text.lower())
    if dice > 0.97 and len(text) > 12:
        at = draw.randrange(1, len(text) - 1)
        swapped = text[at + 1] + text[at]
        return (
            text[:at]
            + draw.choice((swapped, text[at], text[at] * 2 + text[at + 1]))
            + (text[at + 2 :])
        )
    return text


def round_examples(mix: Sequence[Pool], number: int, seed: int) -> list[Example]:
    """Return the examples of one round, unordered; the same for the same arguments."""
    draw = random.Random(f"{seed}:{number}")  # noqa: S311 - not for secrets
    examples = []
    for pool in mix:
        start, end = (int(pool.share * ROUND * (number + step)) for step in (0, 1))
        turns: dict[int, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
        for position in range(start, end):
            turn, index = divmod(position, len(pool.rows))
            if turn not in turns:
                rng = np.random.default_rng([seed, turn, len(pool.rows)])
                turns[turn] = rng.permutation(len(pool.rows))
            row = pool.rows[int(turns[turn][index])]
            text = disturbed(row.text, row.language, draw)
            row = replace(row, text=text, marks=draw.random() < MARKED)
            examples.append(Example(row=row, weight=pool.weights[row.label]))
    while len(examples) < ROUND:
        examples.append(Example(row=composed(draw), weight=1.0))
    return examples
