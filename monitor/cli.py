"""The command line. Every command loads only what it needs, so that ``--help`` answers at once."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli_options import (
    Contact,
    DateOrder,
    EngineName,
    Language,
    Selectors,
    Since,
    Timezone,
)
from monitor.commands import (
    agent,
    brand,
    case,
    console,
    digest,
    feedback,
    forum,
    intake,
    looking,
    opening,
    privacy,
    runtime_with,
    scoring,
    slack,
    speed,
    user,
)
from monitor.commands.forum import crawl_order

app = typer.Typer(
    name="quietword",
    help="Find unhappy customers in public forums; have an agent write to them privately.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
opening.register(app)
app.add_typer(brand.app, name="brand")
app.add_typer(case.app, name="case")
privacy.register(app)
app.add_typer(user.app, name="user")
app.add_typer(agent.app, name="agent")
app.add_typer(digest.app, name="digest")
app.add_typer(slack.app, name="slack")
app.add_typer(feedback.app, name="feedback")
intake.register(app)
looking.register(app)
speed.register(app)
scoring.register(app)
forum.register(app)


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
    console().print(
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
    )
    sources.add(
        runtime_with(),
        order,
        name=name,
        every_minutes=every,
        outreach=outreach,
        note=note,
        console=console(),
    )


@app.command()
def sources() -> None:
    """List what is read, when, and how it goes."""
    from monitor import sources as listing

    console().print(listing.table(runtime_with()))


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="TOML file with [[source]] and [[brand]] tables.")],
) -> None:
    """Take sources and brands from a TOML file; what it does not name stays as it is."""
    from monitor import sources as listing

    listing.apply_file(runtime_with(), file, console=console())


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

    runtime = runtime_with()
    back_to = moment_before(since, runtime.now()) if since else None
    if not listing.crawl_now(runtime, source or [], back_to, console=console(stderr=True)):
        raise typer.Exit(1)


@app.command()
def run() -> None:
    """Crawl, judge and deliver on schedule, and serve the digest; until Ctrl-C."""
    from monitor.service import serve

    logging.getLogger().setLevel(logging.INFO)
    for noisy in ("uvicorn.access", "httpx", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # the schedule words its errors
    serve(runtime_with(), console())


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

    runtime = runtime_with()
    if retry_failed:
        with writing(runtime.engine) as session:
            put_back(session, runtime.now())
    report = jobs.deliver(runtime)
    console(stderr=True).print(
        f"{report.sent} alerts sent, {report.found} had arrived before, {report.retried} to be "
        f"tried again, {report.failed} given up, {report.waiting} waiting"
    )


@app.command()
def login() -> None:
    """Print a link that opens the digest once, for the running service."""
    from monitor.config import load_settings
    from monitor.service import login_link

    console().print(login_link(load_settings()), soft_wrap=True)


@app.command()
def check() -> None:
    """Look for whatever keeps this installation from working; exit 1 if there is something."""
    from monitor.checking import check_installation

    if not check_installation(console()):
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

    tour(once=once, console=console())


if __name__ == "__main__":
    main()
