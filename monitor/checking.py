"""``quietword check``: whatever would keep an installation from doing its work, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from sqlmodel import Session, col, func, select

from alerts.trouble import broken, trouble
from models import Brand, Source
from models.base import utc_now
from models.database import check_schema, make_engine, reading
from models.errors import QuietwordError
from monitor.config import Settings, load_settings, unknown_variables
from monitor.feedback import precision
from monitor.health import GREEN, RED
from monitor.runtime import load_scorer, make_channels, personal_kinds
from monitor.service import read_secret
from monitor.timers import broken_timers
from sentiment.base import Query

STYLES = {"ok": "green", "look": "yellow", "bad": "red"}
SILENT_RUNS = 3
"""A source that has not been read well for so many of its intervals is called silent."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: well, worth a look, or in the way."""

    mark: str
    """``ok``, ``look`` or ``bad``."""
    text: str


def check_installation(console: Console) -> bool:
    """Print every finding; return whether nothing is in the way."""
    findings = list(_findings())
    for finding in findings:
        console.print(f"[{STYLES[finding.mark]}]{finding.mark:>4}[/] {escape(finding.text)}")
    return all(finding.mark != "bad" for finding in findings)


def _findings() -> Iterator[Finding]:
    for name in unknown_variables():
        yield Finding("look", f"{name} matches no setting and is not read; is it misspelt?")
    try:
        settings = load_settings()
    except QuietwordError as error:
        yield Finding("bad", str(error))
        return
    yield _contact(settings)
    yield from _database(settings)
    try:
        read_secret(settings.web_secret_file)
    except QuietwordError as error:
        yield Finding("bad", str(error))
    yield _checkpoint(settings)


def _contact(settings: Settings) -> Finding:
    if settings.contact:
        return Finding("ok", f"sites are told to reach you at {settings.contact}")
    return Finding(
        "bad",
        "QUIETWORD_CONTACT is not set: no public site is crawled until its owner can be told "
        "how to reach you (an e-mail address or a page)",
    )


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        engine = make_engine(settings.database_url.get_secret_value())
        check_schema(engine)
    except QuietwordError as error:
        yield Finding("bad", str(error))
        return
    yield Finding("ok", f"database {engine.url.render_as_string(hide_password=True)}")
    try:
        with reading(engine) as session:
            yield from _brands(session)
            yield from _sources(session)
            yield from aliases(session)
            yield from _deliveries(session, settings)
            yield from _timers(session)
    finally:
        engine.dispose()


def _brands(session: Session) -> Iterator[Finding]:
    brands = session.exec(select(func.count()).select_from(Brand)).one()
    if brands:
        yield Finding("ok", f"{brands} brands are listened for")
    else:
        yield Finding("bad", "no brand is listened for; run: quietword brand add NAME")


def _sources(session: Session) -> Iterator[Finding]:
    sources = session.exec(select(Source).order_by(col(Source.id))).all()
    if not sources:
        yield Finding("bad", "no forum is read; run: quietword add ADDRESS")
    now = utc_now()
    for source in sources:
        since = source.last_ok_at or source.added_at
        patience = timedelta(minutes=source.every_minutes * SILENT_RUNS)
        if not source.enabled:
            yield Finding("look", f"{source.name} is switched off")
        elif source.health != GREEN:
            mark = "bad" if source.health == RED else "look"
            yield Finding(mark, f"{source.name}: {source.health_note} ({source.last_message})")
        elif now - since > patience:
            hours = (now - since).total_seconds() / 3600
            yield Finding(
                "look", f"{source.name} has not been read for {hours:.0f} hours; is `run` running?"
            )
        else:
            yield Finding("ok", f"{source.name} is read every {source.every_minutes} minutes")


def _deliveries(session: Session, settings: Settings) -> Iterator[Finding]:
    try:
        configured = list(make_channels(settings, Console()))
    except QuietwordError as error:
        yield Finding("bad", str(error))
        return
    for kind, room in configured:
        if kind == "console":
            yield Finding("look", "Slack is not configured: alerts appear on the console only")
        else:
            yield Finding("ok", f"alerts go to {kind} {room}")
    for stopped in broken(session):
        yield Finding("bad", f"{stopped.words}. Mend it, then: quietword deliver --retry-failed")
    for one in trouble(session, configured, personal_kinds(settings)):
        where = " ".join(one.target).strip()
        other = one.key if one.key.startswith("digest ") else "a summary of alerts"
        what = f"the alert of case {one.case_id}" if one.case_id else other
        yield Finding(
            "bad",
            f"{what} has not reached {where}: {one.reason}"
            + (". Mend it, then: quietword deliver --retry-failed" if one.failed else ""),
        )


def _timers(session: Session) -> Iterator[Finding]:
    for timer in broken_timers(session):
        given_up = timer.done_at is not None
        next_try = "given up" if given_up else f"again at {timer.due_at:%H:%M} UTC"
        yield Finding(
            "bad" if given_up else "look",
            f"timer {timer.kind} of case {timer.case_id} {timer.outcome}, {timer.tries} times; "
            f"{next_try}; the log has the whole of it",
        )


def aliases(session: Session) -> Iterator[Finding]:
    """Give the aliases that had better be in the digest only."""
    for one in precision(session):
        if one.proposed:
            yield Finding(
                "look",
                f"alerts that {one.name!r} of {one.brand} finds are right in {one.right} of "
                f"{one.votes} decisions; for the digest only: quietword feedback quiet "
                f"{one.name!r} --brand {one.brand!r}",
            )


def _checkpoint(settings: Settings) -> Finding:
    try:
        scorer = load_scorer(settings)
        [opinion] = scorer.score([Query("Nie działa od trzech dni, nikt nie odpowiada.")])
    except QuietwordError as error:
        return Finding("bad", str(error))
    return Finding("ok", f"checkpoint {scorer.checkpoint} answers ({opinion.polarity})")
