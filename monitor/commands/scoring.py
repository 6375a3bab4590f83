"""The command that judges posts, or measures a checkpoint on labelled ones."""

from pathlib import Path
from typing import Annotated

import typer

from monitor.commands import console, runtime_with, write_json


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(score)


def score(
    evaluate: Annotated[
        Path | None, typer.Option("--eval", help="Judge a labelled JSONL(.gz) file instead.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out lines with another label.")
    ] = False,
    checkpoint: Annotated[
        str | None, typer.Option(help="Folder or hub id; the configured one by default.")
    ] = None,
) -> None:
    """Judge the posts that have no verdict yet, and keep the cases; or measure a checkpoint."""
    if evaluate is not None:
        _evaluate(evaluate, checkpoint, as_json=as_json, skip_unknown=skip_unknown)
        return
    from monitor import jobs
    from monitor.progress import counted

    runtime = runtime_with(checkpoint=checkpoint)
    with counted(console(stderr=True), "Judging posts") as progress:
        done = jobs.score(runtime, progress)
    judged = jobs.judge_threads(runtime)
    summary = {
        "judged": done,
        "opened": judged.opened,
        "raised": judged.raised,
        "alerts": judged.alerts,
    }
    if as_json:
        write_json(summary)
    else:
        console().print(
            f"{done} posts judged, {judged.opened} cases opened, {judged.raised} raised, "
            f"{judged.alerts} alerts queued"
        )


def _evaluate(file: Path, checkpoint: str | None, *, as_json: bool, skip_unknown: bool) -> None:
    from monitor.config import load_settings
    from monitor.progress import counted, evaluation_table
    from monitor.runtime import load_scorer
    from sentiment.evaluate import evaluate, read_labelled

    settings = load_settings()
    if checkpoint:
        settings = settings.model_copy(update={"checkpoint": checkpoint})
    examples = read_labelled(file, skip_unknown=skip_unknown)
    scorer = load_scorer(settings)
    with counted(console(stderr=True), "Judging") as progress:
        result = evaluate(scorer, examples, lambda done: progress(done, len(examples)))
    if as_json:
        write_json(result.as_json())
    else:
        console().print(evaluation_table(result.as_json()))
