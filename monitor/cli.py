"""The command line. Every command loads only what it needs, so that ``--help`` answers at once."""

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from monitor.commands import (
    agent,
    case,
    digest,
    feedback,
    intake,
    looking,
    opening,
    privacy,
    slack,
    speed,
    user,
)

if TYPE_CHECKING:
    from rich.console import Console

    from monitor.crawling import CrawlOrder

app = typer.Typer(
    name="quietword",
    help="Find unhappy customers in public forums; have an agent write to them privately.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
opening.register(app)
brand_app = typer.Typer(help="The brands that are listened for.", no_args_is_help=True)
app.add_typer(brand_app, name="brand")
app.add_typer(case.app, name="case")
privacy.register(app)
app.add_typer(user.app, name="user")
app.add_typer(agent.app, name="agent")
app.add_typer(digest.app, name="digest")
app.add_typer(slack.app, name="slack")
app.add_typer(feedback.app, name="feedback")
intake.register(app)
speed.register(app)


def main() -> None:
    """Run the command line; an error Quietword raises on purpose is one clear message."""
    try:
        app()
    except Exception as error:
        from models.errors import QuietwordError  # loads every table: not for --help

        if not isinstance(error, QuietwordError):
            raise
        sys.stderr.write(f"quietword: {error}\n")
        sys.exit(1)


@app.callback()
def prepare(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell what is done.")] = False,
) -> None:
    """Set up logging for every command."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    if not verbose:
        return
    for noisy in ("apscheduler", "httpx", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _console(*, stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr)


def _write_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


@app.command()
def init() -> None:
    """Make the database, or bring it to this version; make the key that signs logins."""
    from models.database import make_engine, upgrade
    from monitor.config import load_settings
    from monitor.service import make_secret

    settings = load_settings()
    engine = make_engine(settings.database_url.get_secret_value())
    upgrade(engine)
    make_secret(settings.web_secret_file)
    place = engine.url.render_as_string(hide_password=True)
    _console().print(
        f"The database {place} is ready.\n"
        "Next: quietword brand add NAME, then quietword add ADDRESS, then quietword run"
    )


@app.command()
def add(
    address: Annotated[str, typer.Argument(help="Address of a forum, a board or a thread.")],
    name: Annotated[str | None, typer.Option(help="What to call it; its host by default.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Minutes between two crawls.")] = 30,
    delay: Annotated[float, typer.Option(min=0, help="Least seconds between requests.")] = 5.0,
    since: Since = "30d",
    timezone: Timezone = None,
    date_order: DateOrder = None,
    language: Language = None,
    engine: EngineName = None,
    selector: Selectors = None,
    outreach: Annotated[
        str,
        typer.Option(
            help="How the community wants to be approached: private, private_for_personal_data, "
            "declared_public_only, ask_moderator, none."
        ),
    ] = "private",
    note: Annotated[str, typer.Option(help="A line about that, shown in every alert.")] = "",
    contact: Contact = None,
) -> None:
    """Recognise a forum from one page, say what a crawl would fetch, and watch it."""
    from monitor import sources

    order = _order(
        address,
        contact=contact,
        timezone=timezone,
        date_order=date_order,
        language=language,
        engine=engine,
        selector=selector,
        since=since,
        delay=delay,
    )
    sources.add(
        _runtime(),
        order,
        name=name,
        every_minutes=every,
        outreach=outreach,
        note=note,
        console=_console(),
    )


@app.command()
def sources() -> None:
    """List what is read, when, and how it goes."""
    from monitor import sources as listing

    _console().print(listing.table(_runtime()))


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="TOML file with [[source]] and [[brand]] tables.")],
) -> None:
    """Take sources and brands from a TOML file; what it does not name stays as it is."""
    from monitor import sources as listing

    listing.apply_file(_runtime(), file, console=_console())


@brand_app.command("add")
def brand_add(
    name: Annotated[str, typer.Argument(help="The brand's name; an existing one is replaced.")],
    alias: Annotated[list[str] | None, typer.Option(help="Another spelling.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="A phrase that is not it.")] = None,
    context: Annotated[
        list[str] | None, typer.Option(help="A word of which one must stand near the name.")
    ] = None,
    rival: Annotated[list[str] | None, typer.Option(help="A rival's name.")] = None,
    staff: Annotated[
        list[str] | None, typer.Option(help="A handle under which our people write in public.")
    ] = None,
    *,
    case_sensitive: Annotated[
        bool, typer.Option("--case-sensitive", help="Only as written: Play, not play.")
    ] = False,
    inflect: Annotated[bool, typer.Option(help="Find Polish and Russian cases too.")] = True,
) -> None:
    """Listen for a brand."""
    from monitor import sources as listing
    from monitor.brands import BrandSpec
    from monitor.mentions import Alias

    spec = BrandSpec(
        name=name,
        aliases=tuple(
            Alias(text=text, case_sensitive=case_sensitive, inflect=inflect) for text in alias or ()
        ),
        exclusions=tuple(exclude or ()),
        context=tuple(context or ()),
        rivals=tuple(rival or ()),
        staff=tuple(staff or ()),
        case_sensitive=case_sensitive,
        inflect=inflect,
    )
    listing.add_brand(_runtime(), spec, console=_console())


@brand_app.command("list")
def brand_list() -> None:
    """List the brands with their words."""
    from monitor import sources as listing

    _console().print(listing.brand_table(_runtime()))


@app.command()
def crawl(
    source: Annotated[
        list[int] | None, typer.Argument(help="Ids from `quietword sources`; all by default.")
    ] = None,
    since: Since = None,
) -> None:
    """Crawl now, whatever the schedule says."""
    from monitor import sources as listing
    from monitor.periods import moment_before

    runtime = _runtime()
    back_to = moment_before(since, runtime.now()) if since else None
    if not listing.crawl_now(runtime, source or [], back_to, console=_console(stderr=True)):
        raise typer.Exit(1)


@app.command()
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

    runtime = _runtime(checkpoint=checkpoint)
    with counted(_console(stderr=True), "Judging posts") as progress:
        done = jobs.score(runtime, progress)
    judged = jobs.judge_threads(runtime)
    summary = {
        "judged": done,
        "opened": judged.opened,
        "raised": judged.raised,
        "alerts": judged.alerts,
    }
    if as_json:
        _write_json(summary)
    else:
        _console().print(
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
    with counted(_console(stderr=True), "Judging") as progress:
        result = evaluate(scorer, examples, lambda done: progress(done, len(examples)))
    if as_json:
        _write_json(result.as_json())
    else:
        _console().print(evaluation_table(result.as_json()))


@app.command()
def run() -> None:
    """Crawl, judge and deliver on schedule, and serve the digest; until Ctrl-C."""
    from monitor.service import serve

    logging.getLogger().setLevel(logging.INFO)
    for noisy in ("uvicorn.access", "httpx", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # the schedule words its errors
    serve(_runtime(), _console())


@app.command()
def deliver(
    *,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what was given up.")
    ] = False,
) -> None:
    """Send the alerts that are due, now."""
    from alerts.dispatch import retry_failed as put_back
    from models.database import writing
    from monitor import jobs

    runtime = _runtime()
    if retry_failed:
        with writing(runtime.engine) as session:
            put_back(session, runtime.now())
    report = jobs.deliver(runtime)
    _console(stderr=True).print(
        f"{report.sent} alerts sent, {report.found} had arrived before, {report.retried} to be "
        f"tried again, {report.failed} given up, {report.waiting} waiting"
    )


@app.command()
def login() -> None:
    """Print a link that opens the digest once, for the running service."""
    from monitor.config import load_settings
    from monitor.service import login_link

    _console().print(login_link(load_settings()), soft_wrap=True)


@app.command()
def check() -> None:
    """Look for whatever keeps this installation from working; exit 1 if there is something."""
    from monitor.checking import check_installation

    if not check_installation(_console()):
        raise typer.Exit(1)


@app.command()
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

    order = _order(
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
    settings = _settings(checkpoint=checkpoint)
    with crawl_then_judge(_console(stderr=True)) as (on_event, on_scored):
        result = look(
            order,
            spec,
            scorer=lambda: load_scorer(settings),
            keep=keep,
            on_event=on_event,
            on_scored=on_scored,
        )
    if as_json:
        _write_json(result.as_json())
    else:
        result.show(_console())
    if not result.ended_well:
        raise typer.Exit(1)


@app.command()
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
            console=_console(),
        )
        return
    order = _order(
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
    if not look.read_forum(order, as_json=jsonl or as_json, console=_console()):
        raise typer.Exit(1)


@app.command()
def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Show the whole way once, print a summary and end.")
    ] = False,
) -> None:
    """Run the real thing on a small forum of our own, served on this machine."""
    from monitor.demo.tour import tour

    tour(once=once, console=_console())


def _settings(**changes: Any) -> Any:
    from monitor.config import load_settings

    given = {name: value for name, value in changes.items() if value is not None}
    return load_settings().model_copy(update=given)


def _runtime(**changes: Any) -> Any:
    from monitor.runtime import make_runtime

    return make_runtime(_settings(**changes), _console())


def _order(
    address: str,
    *,
    contact: str | None,
    timezone: str | None,
    date_order: str | None,
    language: str | None,
    engine: str | None,
    selector: list[str] | None,
    since: str | None,
    delay: float,
    max_pages: int = 0,
) -> "CrawlOrder":
    from models.base import utc_now
    from monitor.crawling import CrawlOrder, named_selectors
    from monitor.periods import moment_before

    settings = _settings()
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
    )


looking.register(app)


if __name__ == "__main__":
    main()
