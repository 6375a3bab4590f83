"""``quietword feedback``: how often alerts are right, and what is learnt from it."""

import json
import sys
from typing import Annotated

import typer

from monitor.commands.case import _engine_and_console

app = typer.Typer(help="How often alerts are right, and what is learnt from it.")

BrandName = Annotated[
    str | None, typer.Option("--brand", help="The brand; may be left out where there is one.")
]
Undo = Annotated[bool, typer.Option("--undo", help="Take it back.")]


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show the precision of every brand, alias and source, and what is proposed."""
    if context.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    from rich.table import Table
    from rich.text import Text

    from models.database import reading
    from monitor import feedback

    engine, console = _engine_and_console()
    with reading(engine) as session:
        found = feedback.precision(session)
    if as_json:
        for one in found:
            told = asdict(one) | {"precision": one.share, "proposed": one.proposed}
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return
    if not found:
        console.print("No agent has decided on a case yet.")
        return
    grid = Table(box=None, header_style="bold", pad_edge=False)
    for head in ("Brand", "Of", "Name", "Right", "Precision", "95 %"):
        grid.add_column(head, overflow="fold")
    for one in found:
        low, high = one.interval
        name = (one.name or "(its thread)") + (" (quiet)" if one.quiet else "")
        grid.add_row(
            Text(one.brand),
            one.of,
            Text(name),
            f"{one.right} of {one.votes}",
            f"{one.share:.2f}",
            f"{low:.2f}-{high:.2f}",
        )
    console.print(grid)
    for one in found:
        if one.proposed:
            console.print(
                f"{one.name} of {one.brand} is right {one.share:.0%} of the time. Let it be in "
                f"the digest only: quietword feedback quiet {one.name!r} --brand {one.brand!r}",
                markup=False,
            )


@app.command()
def quiet(
    alias: Annotated[str, typer.Argument(help="The alias, as `quietword feedback` shows it.")],
    brand: BrandName = None,
    *,
    undo: Undo = False,
) -> None:
    """Let an alias alert nobody: its cases stand in the digest only."""
    from models.base import utc_now
    from models.database import writing
    from monitor import feedback

    engine, console = _engine_and_console()
    with writing(engine) as session:
        one = feedback.brand_of(session, brand)
        if undo:
            feedback.set_loud(session, one, alias, utc_now())
            words = f"{alias} of {one.name} alerts again."
        else:
            row = feedback.set_quiet(session, one, alias, utc_now())
            words = f"{row.alias} of {one.name} is in the digest only (--undo takes it back)."
    console.print(words, markup=False)


@app.command()
def calibrate(
    brand: BrandName = None,
    target: Annotated[
        float, typer.Option(min=0.5, max=0.99, help="The precision that is wanted.")
    ] = 0.80,
    *,
    undo: Undo = False,
) -> None:
    """Learn from which probability a brand's posts alert; docs/cases.md says how."""
    from models.base import utc_now
    from models.database import writing
    from monitor import feedback

    engine, console = _engine_and_console()
    with writing(engine) as session:
        one = feedback.brand_of(session, brand)
        if undo:
            feedback.undo_threshold(session, one, utc_now())
            console.print(f"{one.name}: the checkpoint's own threshold holds.", markup=False)
            return
        checkpoint = feedback.present_checkpoint(session, one)
        learnt = feedback.calibrate(session, one, checkpoint, utc_now(), target=target)
    told = "the checkpoint's own" if learnt.negative is None else f"{learnt.negative:.3f}"
    console.print(f"{one.name}: threshold {told}; {learnt.why}.", markup=False)
