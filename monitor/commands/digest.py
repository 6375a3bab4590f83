"""``quietword digest ...``: print the digest, and have it sent by Slack or e-mail."""

import base64
import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli_options import Since

if TYPE_CHECKING:
    from alerts.digest import Digest
    from models import DigestSubscription
    from monitor.jobs import Runtime

EXAMPLE = "preview@example.org"
app = typer.Typer(help="The digest: printed here, or sent on a schedule.")
Name = Annotated[str, typer.Argument(help="What the digest is called.")]
Brand = Annotated[str | None, typer.Option(help="Only this brand; all by default.")]
How = Annotated[str, typer.Option("--every", help="day, week (Mondays) or month (the 1st).")]
At = Annotated[str, typer.Option(help="When, by the clock in its zone.")]
Zone = Annotated[
    str | None, typer.Option("--timezone", help="Its zone; QUIETWORD_TIMEZONE by default.")
]
Language = Annotated[str, typer.Option(help="en, pl or ru.")]
Of = Annotated[
    str | None, typer.Option("--of", help="Day that it was due on (2026-11-23); the newest.")
]


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    since: Since = "24h",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the flagged threads, with reasons and links, and what was read."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console

    from models.database import reading
    from monitor.digest import build_digest, render
    from monitor.periods import moment_before

    runtime = _runtime()
    now = runtime.now()
    with reading(runtime.engine) as session:
        result = build_digest(session, since=moment_before(since or "24h", now), until=now, now=now)
    if as_json:
        sys.stdout.write(json.dumps(result.as_json(), ensure_ascii=False, default=str) + "\n")
    else:
        Console().print(render(result, zone=runtime.settings.timezone))


@app.command()
def add(
    name: Name,
    to: Annotated[list[str], typer.Option(help="Id of a Slack channel or e-mail address.")],
    brand: Brand = None,
    every: How = "day",
    at: At = "08:00",
    timezone: Zone = None,
    language: Language = "en",
) -> None:
    """Have a digest sent; the one of that name is changed."""
    from models.database import writing
    from monitor.digest_forms import read_form, save_digest
    from monitor.digests import next_due

    runtime = _runtime()
    form = read_form(
        name=name,
        to=to,
        brand=brand,
        every=every,
        at=at,
        timezone=timezone,
        language=language,
    )
    with writing(runtime.engine) as session:
        row = save_digest(session, runtime, form, runtime.now())
    due = _told(row, next_due(row, runtime.now()))
    typer.echo(f"{name} is sent next on {due} to {', '.join(row.rooms)}")


@app.command(name="list")
def list_() -> None:
    """List the digests that are sent, with their next run."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from models.database import reading
    from monitor.digests import standings

    runtime = _runtime()
    table = Table("digest", "of", "every", "language", "to", "next", "last")
    with reading(runtime.engine) as session:
        for one in standings(session, runtime.now()):
            row = one.subscription
            last = ", ".join(f"{count} {state}" for state, count in one.last.items())
            table.add_row(
                escape(row.name),
                escape(one.brand or "all brands"),
                row.every,
                row.language,
                escape(f"{row.channel}: {', '.join(row.rooms)}"),
                _told(row, one.next_at),
                escape(f"{one.last_day} {last} {one.error}".strip()) or "none yet",
            )
    Console().print(table)


@app.command()
def remove(name: Name) -> None:
    """Have a digest sent no more."""
    from models.database import writing
    from monitor.commands import open_database
    from monitor.digests import named

    with writing(open_database()) as session:
        session.delete(named(session, name))
    typer.echo(f"{name} is not sent any more")


@app.command()
def preview(
    name: Annotated[str | None, typer.Argument(help="One that is set up; or the options.")] = None,
    brand: Brand = None,
    every: How = "day",
    at: At = "08:00",
    timezone: Zone = None,
    language: Language = "en",
    of: Of = None,
    shape: Annotated[
        str, typer.Option("--as", help="text, html, eml (a whole mail) or slack (its blocks).")
    ] = "text",
    into: Annotated[Path | None, typer.Option(help="Write to this file.")] = None,
    *,
    now: Annotated[
        bool, typer.Option("--now", help="The time until now, in place of the newest period.")
    ] = False,
) -> None:
    """Show a digest as it would be sent; nothing is sent or recorded."""
    from models import DigestSubscription
    from models.database import reading
    from monitor.digest_forms import fill_in, read_form
    from monitor.digests import latest_turn, make, named, turn_on, until_now

    runtime = _runtime()
    with reading(runtime.engine) as session:
        if name is not None:
            row = named(session, name)
        else:
            form = read_form(
                name="preview",
                to=[EXAMPLE],
                brand=brand,
                every=every,
                at=at,
                timezone=timezone,
                language=language,
            )
            row = DigestSubscription(name=form.name, channel=form.kind)
            fill_in(session, runtime.settings, form, row)
    turn = latest_turn(row, runtime.now())
    if of is not None:
        turn = turn_on(row, _day(of))
    elif now:
        turn = until_now(row, runtime.now())
    page = _shaped(make(runtime, row, turn), shape, row.rooms[0], runtime.settings.mail_from)
    if into is not None:
        into.write_bytes(page)
    else:
        sys.stdout.write(page.decode("utf-8"))


@app.command()
def send(
    name: Name,
    of: Of = None,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Although this period was sent before.")
    ] = False,
) -> None:
    """Send the digest of a period now; one that was sent before is not sent again."""
    from models.database import reading
    from monitor import jobs
    from monitor.digests import latest_turn, named, queue, turn_on

    runtime = _runtime()
    with reading(runtime.engine) as session:
        row = named(session, name)
    turn = turn_on(row, _day(of)) if of is not None else latest_turn(row, runtime.now())
    if not queue(runtime, row, turn, again=again):
        typer.echo(f"the digest {name} of {turn.day} was sent before; once more: --again")
        return
    report = jobs.deliver(runtime)
    typer.echo(
        f"the digest {name} of {turn.day}: {report.sent} messages sent, {report.retried} to be "
        f"tried again, {report.failed} given up, {report.waiting} waiting"
    )


def _shaped(digest: "Digest", shape: str, room: str, sender: str | None) -> bytes:
    """Return a digest as text, HTML, a whole mail, or Slack's blocks."""
    from alerts.channels import email_digest, slack_digest
    from alerts.channels.email import EmailChannel, MailServer
    from alerts.digest import lines
    from alerts.pictures import png

    if shape == "html":
        images = {one.name: png(one) or b"" for one in digest.pictures}
        inline = {
            name: f"data:image/png;base64,{base64.b64encode(image).decode()}"
            for name, image in images.items()
        }
        return email_digest.html(digest, inline).encode()
    if shape == "eml":
        nowhere = MailServer(host="localhost", port=25, tls=False)
        channel = EmailChannel(
            nowhere, room if "@" in room else EXAMPLE, sender=sender or "quietword@example.org"
        )
        return channel.digest_mail(digest).as_bytes()
    if shape == "slack":
        files = {one.name: "F0EXAMPLE" for one in digest.pictures}
        blocks = slack_digest.blocks(digest, files)
        return (json.dumps({"blocks": blocks}, ensure_ascii=False, indent=1) + "\n").encode()
    if shape != "text":
        raise typer.BadParameter(f"{shape!r} is none of text, html, eml, slack")
    return ("\n".join(lines(digest)) + "\n").encode()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day; write 2026-11-23") from error


def _runtime() -> "Runtime":
    from rich.console import Console

    from monitor.config import load_settings
    from monitor.runtime import make_runtime

    return make_runtime(load_settings(), Console())


def _told(row: "DigestSubscription", at: datetime) -> str:
    """Return a moment by the clock of a subscription."""
    from zoneinfo import ZoneInfo

    return f"{at.astimezone(ZoneInfo(row.timezone)):%a %d %b, %H:%M} {row.timezone}"
