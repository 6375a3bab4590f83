"""``quietword speed``: which way of computing verdicts is the quickest on this machine."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


def speed(
    checkpoint: Annotated[
        str | None,
        typer.Option(help="default, fast, a folder or a hub id; the configured one by default."),
    ] = None,
) -> None:
    """Measure the backends (torch, ONNX Runtime) on this machine and use the quickest from now on.

    Run it once after installing, and again after `pip install 'quietword[onnx]'`.
    """
    from monitor.config import load_settings
    from monitor.runtime import load_scorer
    from sentiment.backends import AGREEMENT
    from sentiment.samples import sample_texts

    settings = load_settings()
    if checkpoint:
        settings = settings.model_copy(update={"checkpoint": checkpoint})
    console = Console()
    scorer = load_scorer(settings)
    with console.status(f"Measuring {scorer.checkpoint} on this machine"):
        speeds = scorer.choose_backend(sample_texts())
    table = Table("backend", "posts/s, one thread", "same label as torch", "")
    for one in speeds:
        note = "used from now on" if one.backend == scorer.backend else ""
        if one.agreement < AGREEMENT:
            note = f"changes more than {1 - AGREEMENT:.0%} of the labels"
        table.add_row(one.backend, f"{one.posts_per_second:.0f}", f"{one.agreement:.1%}", note)
    console.print(table)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(speed)
