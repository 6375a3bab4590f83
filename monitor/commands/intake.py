"""``quietword add-thread``, ``import`` and ``engines``: what comes in besides whole forums."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("add-thread")(add_thread)
    app.command("import")(import_file)
    app.command("engines")(engines)


def add_thread(
    address: Annotated[str, typer.Argument(help="Address of one thread, post or question.")],
    name: Annotated[str | None, typer.Option(help="What to call it; its host by default.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Minutes between two readings.")] = 30,
    delay: Annotated[float, typer.Option(min=0, help="Least seconds between requests.")] = 5.0,
    since: Annotated[
        str | None, typer.Option(help="How far back (30d, a date); the whole thread by default.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="Zone in which the site shows times.")] = "UTC",
    date_order: Annotated[str | None, typer.Option(help="DMY, MDY or YMD.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of the site, ISO 639-1.")] = None,
    engine: Annotated[str | None, typer.Option(help="Read as this engine.")] = None,
    outreach: Annotated[
        str, typer.Option(help="How the community wants to be approached; see `quietword add`.")
    ] = "private",
    note: Annotated[str, typer.Option(help="A line about that, shown in every alert.")] = "",
    contact: Annotated[str | None, typer.Option(help="How a site's owner reaches you.")] = None,
) -> None:
    """Watch one thread, whatever else its site holds."""
    from rich.console import Console

    from models.base import utc_now
    from monitor import sources
    from monitor.config import load_settings
    from monitor.crawling import CrawlOrder
    from monitor.periods import moment_before
    from monitor.runtime import make_runtime

    settings = load_settings()
    console = Console()
    order = CrawlOrder(
        address=address,
        engine=engine,
        timezone=timezone,
        date_order=date_order,
        language=language,
        since=moment_before(since, utc_now()) if since else None,
        contact=contact or settings.contact,
        allow_private_addresses=settings.allow_private_addresses,
        keys=settings.source_keys(),
        delay_s=delay,
    )
    sources.add(
        make_runtime(settings, console),
        order,
        name=name,
        every_minutes=every,
        outreach=outreach,
        note=note,
        console=console,
        only_thread=True,
    )


def import_file(
    file: Annotated[Path, typer.Argument(help="JSONL or CSV with the columns of docs/format.md.")],
    name: Annotated[
        str | None,
        typer.Option(help="Source that the posts belong to; the file's name by default."),
    ] = None,
) -> None:
    """Take posts from a file; lines that cannot be taken go to FILE.rejected."""
    from rich.console import Console

    from monitor.config import load_settings
    from monitor.importing import import_posts
    from monitor.runtime import make_runtime

    console = Console(stderr=True)
    result = import_posts(make_runtime(load_settings(), console), file, name=name)
    for fault in result.faults[:20]:
        console.print(fault, markup=False, soft_wrap=True)
    if len(result.faults) > 20:
        console.print(f"and {len(result.faults) - 20} lines more")
    console.print(result.summary, markup=False, soft_wrap=True)
    if result.faults:
        raise typer.Exit(1)


def engines(
    *,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print docs/engines.md: all columns, and the keys.")
    ] = False,
) -> None:
    """List what can be read, and what each engine and source gives."""
    from monitor.engine_table import as_markdown, as_table

    if markdown:
        sys.stdout.write(as_markdown())
        return
    from rich.console import Console

    Console().print(as_table())
