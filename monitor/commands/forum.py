"""Commands that read a forum once: every post of it, or who is unhappy with a brand there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli_options import (
    Contact,
    DateOrder,
    EngineName,
    Language,
    Pages,
    Selectors,
    Since,
    Timezone,
)
from monitor.commands import console, settings_with, write_json

if TYPE_CHECKING:
    from monitor.crawling import CrawlOrder


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(watch)
    app.command()(read)


def watch(
    address: Annotated[str, typer.Argument(help="Address of a forum, a board or a thread.")],
    brand: Annotated[str, typer.Option(help="The brand to listen for.")],
    alias: Annotated[list[str] | None, typer.Option(help="Another spelling.")] = None,
    rival: Annotated[list[str] | None, typer.Option(help="A rival's name.")] = None,
    staff: Annotated[list[str] | None, typer.Option(help="A handle of our own people.")] = None,
    since: Since = "30d",
    timezone: Timezone = None,
    date_order: DateOrder = None,
    language: Language = None,
    engine: EngineName = None,
    selector: Selectors = None,
    max_pages: Pages = 0,
    delay: Annotated[float, typer.Option(min=0, help="Least seconds between requests.")] = 5.0,
    contact: Contact = None,
    keep: Annotated[
        Path | None, typer.Option(help="Keep the database of this look in a file.")
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="Folder or hub id; the configured one by default.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look into a forum once, with no set-up: who is unhappy with a brand, and why."""
    from monitor.brands import BrandSpec
    from monitor.look import watch as look
    from monitor.mentions import Alias
    from monitor.progress import crawl_then_judge
    from monitor.runtime import load_scorer

    order = crawl_order(
        address,
        contact=contact,
        timezone=timezone,
        date_order=date_order,
        language=language,
        engine=engine,
        selector=selector,
        since=since,
        delay=delay,
        max_pages=max_pages,
    )
    spec = BrandSpec(
        name=brand,
        aliases=tuple(Alias(text=text) for text in alias or ()),
        rivals=tuple(rival or ()),
        staff=tuple(staff or ()),
    )
    settings = settings_with(checkpoint=checkpoint)
    with crawl_then_judge(console(stderr=True)) as (on_event, on_scored):
        result = look(
            order,
            spec,
            scorer=lambda: load_scorer(settings),
            keep=keep,
            on_event=on_event,
            on_scored=on_scored,
        )
    if as_json:
        write_json(result.as_json())
    else:
        result.show(console())
    if not result.ended_well:
        raise typer.Exit(1)


def read(
    address: Annotated[str | None, typer.Argument(help="A forum, a board or a thread.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read one saved page instead.")] = None,
    url: Annotated[str | None, typer.Option(help="Where the saved page came from.")] = None,
    since: Since = None,
    timezone: Timezone = None,
    date_order: DateOrder = None,
    language: Language = None,
    engine: EngineName = None,
    selector: Selectors = None,
    max_pages: Pages = 0,
    delay: Annotated[float, typer.Option(min=0, help="Least seconds between requests.")] = 5.0,
    contact: Contact = None,
    *,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a post.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object (with --file).")] = False,
) -> None:
    """Print every post of a forum, or of one saved page, as Quietword reads it."""
    from monitor import readout as look

    if (address is None) == (file is None):
        raise typer.BadParameter("give either an address or --file PAGE --url URL")
    if file is not None:
        if url is None:
            raise typer.BadParameter("--file needs --url: links and ids are read against it")
        look.read_page(
            file,
            url,
            look.options(timezone, date_order, language, selector),
            engine=engine,
            as_json=as_json,
            console=console(),
        )
        return
    order = crawl_order(
        address or "",
        contact=contact,
        timezone=timezone,
        date_order=date_order,
        language=language,
        engine=engine,
        selector=selector,
        since=since,
        delay=delay,
        max_pages=max_pages,
    )
    if not look.read_forum(order, as_json=jsonl or as_json, console=console()):
        raise typer.Exit(1)


def crawl_order(
    address: str,
    *,
    contact: str | None,
    timezone: str | None,
    date_order: str | None,
    language: str | None,
    engine: str | None,
    selector: list[str] | None,
    since: str | None = None,
    delay: float = 5.0,
    max_pages: int = 0,
) -> "CrawlOrder":
    """Return what to crawl and how, from options and the settings."""
    from models.base import utc_now
    from monitor.crawling import CrawlOrder, named_selectors
    from monitor.periods import moment_before

    settings = settings_with()
    return CrawlOrder(
        address=address,
        engine=engine,
        timezone=timezone,
        date_order=date_order,
        language=language,
        selectors=named_selectors(selector),
        since=moment_before(since, utc_now()) if since else None,
        contact=contact or settings.contact,
        allow_private_addresses=settings.allow_private_addresses,
        keys=settings.source_keys(),
        delay_s=delay,
        max_pages=max_pages,
        max_seconds=24 * 3600 if max_pages == 0 else settings.crawl_max_seconds,
        timeout_s=settings.crawl_timeout_s,
    )
