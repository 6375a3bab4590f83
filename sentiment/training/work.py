"""What the steps of training have in common: the work folder's results, and which weights count."""

import json
import random
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from sentiment.training import corpus, distil, network, shipping, vocabulary
from sentiment.training.base import Base, TrainingError

if TYPE_CHECKING:
    from transformers import BertForSequenceClassification


class Size(StrEnum):
    """The two checkpoints: all layers, or few of them taught by the larger."""

    DEFAULT = "default"
    FAST = "fast"


class Choice(TypedDict):
    """Which weights of which runs a checkpoint is: ``weights`` (the last) or ``averaged``."""

    runs: list[str]
    weights: str


TUNE, DISTIL = "tune", "distil"
RUN = {Size.DEFAULT: TUNE, Size.FAST: DISTIL}
FACTS, SEEDS = "facts.json", "seeds.json"
CALIBRATION = {Size.DEFAULT: "calibration.json", Size.FAST: "calibration-fast.json"}
FIGURES = {Size.DEFAULT: "figures.json", Size.FAST: "figures-fast.json"}
DEV_SAMPLE, MAIN_DEV_SAMPLE = 60, 200  # rows per language and task while training


def sources_of(unstated: bool, only: list[str] | None = None) -> list[corpus.Source]:
    """Return the sets to learn from: with those of unstated licence or not, or ``only`` a few."""
    if missing := {*(only or ())} - {source.name for source in corpus.SOURCES}:
        raise TrainingError(f"no set is called {', '.join(sorted(missing))}")
    return [
        source
        for source in corpus.SOURCES
        if (unstated or source.stated) and (not only or source.name in only)
    ]


def result_of(work: Path, name: str, step: str) -> dict[str, Any]:
    """Return what ``step`` has left in a file of the work folder."""
    path = work / name
    if not path.is_file():
        raise TrainingError(f"{path} is missing: run the step '{step}' first")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def base_of(work: Path, size: Size) -> Base:
    """Return the base that a run of ``size`` began with."""
    pruned = network.stored_base(work / "pruned", "prune")
    return pruned if size is Size.DEFAULT else distil.pupil_base(pruned)


def tuned_by(work: Path, size: Size, choice: Choice) -> "BertForSequenceClassification":
    """Return the network of one run, or the mean of several."""
    frozen = network.FROZEN_LAYERS if size is Size.DEFAULT else 0
    folders = [work / run for run in choice["runs"]]
    return shipping.tuned_network(folders, base_of(work, size), choice["weights"], frozen)


def candidates_of(runs: list[str]) -> list[Choice]:
    """Return what the final weights may be: a run's last or averaged ones, or the mean of runs."""
    together = [[run] for run in runs] + ([runs] if len(runs) > 1 else [])
    return [
        Choice(runs=chosen, weights=kind) for chosen in together for kind in ("weights", "averaged")
    ]


def lines_of(data: Path, sources: list[corpus.Source]) -> Iterator[tuple[str, float]]:
    """Yield every training text and target, then the word lists."""
    for source in sources:
        for row in corpus.train_rows(data, source):
            yield row.text, 1.0
            if row.target:
                yield row.target, 0.2
    yield from vocabulary.word_lines()


def dev_samples(data: Path, sources: list[corpus.Source]) -> dict[str, list[corpus.Row]]:
    """Return small dev samples, one per language and task."""
    samples: dict[str, list[corpus.Row]] = {}
    for source in sources:
        for row in corpus.dev_rows(data, source):
            kind = "towards" if row.target else "text"
            samples.setdefault(f"{row.language} {kind}", []).append(row)
    draw = random.Random(1)  # noqa: S311  # no secret
    for rows in samples.values():
        draw.shuffle(rows)
        del rows[MAIN_DEV_SAMPLE if rows[0].language in ("pl", "ru", "en") else DEV_SAMPLE :]
    return samples
