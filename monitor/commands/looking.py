"""Commands for looking closely: what came from a source, and a page for those who add an engine."""

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli_options import Contact, DateOrder, EngineName, Language, Selectors, Timezone
from monitor.commands import console, runtime_with
from monitor.commands.forum import crawl_order


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(inspect)
    app.command()(record)


def inspect(
    source: Annotated[int, typer.Argument(help="Id from `quietword sources`.")],
) -> None:
    """Show how a source fares and, where a page could not be read, what came instead."""
    from monitor.inspecting import show_source

    show_source(runtime_with(), source, console())


def record(
    address: Annotated[str, typer.Argument(help="Where the page is, or was saved from.")],
    into: Annotated[Path, typer.Option(help="Folder for it: tests/pages/<engine>/.")],
    name: Annotated[
        str | None, typer.Option(help="board, thread_polish... ; its kind by default.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A page that was saved before.")] = None,
    engine: EngineName = None,
    timezone: Timezone = None,
    date_order: DateOrder = None,
    language: Language = None,
    selector: Selectors = None,
    contact: Contact = None,
    *,
    anonymise: Annotated[
        bool, typer.Option("--anonymise", help="Put neutral words in place of names and texts.")
    ] = False,
) -> None:
    """Save a page and what is read from it, as a case for the tests of an engine."""
    from monitor.recording import record_page

    order = crawl_order(
        address,
        contact=contact,
        timezone=timezone,
        date_order=date_order,
        language=language,
        engine=engine,
        selector=selector,
    )
    record_page(order, into, name=name, file=file, anonymise=anonymise, console=console())
