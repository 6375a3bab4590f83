"""What ops do with sources and brands: add, list, apply a file, crawl now."""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlmodel import Session, col, select

from models import Brand, BrandTerm, Outreach, Role, Source
from models.base import id_of
from models.database import reading, writing
from monitor.brands import BrandSpec, save_brand
from monitor.crawling import CrawlOrder, run_crawl
from monitor.digest_forms import DigestForm, save_digest
from monitor.health import WELL
from monitor.jobs import Runtime, SourceBusy, crawl_source
from monitor.mentions import Alias, warnings
from monitor.new_source import (
    AS_YOU_SAY,
    NOT_YET,
    NewSource,
    SourceError,
    can_be_read,
    refuse_what_cannot_be,
    save_source,
    zone_words,
)
from monitor.periods import moment_before
from monitor.progress import crawling
from spiders.base import Kind
from spiders.detect import engine_named


class SourceForm(BaseModel):
    """A ``[[source]]`` table of a sources file."""

    model_config = ConfigDict(extra="forbid")

    address: str = Field(max_length=2000)
    name: str | None = Field(None, max_length=200)
    engine: str | None = None
    every_minutes: int = Field(30, ge=1)
    delay_s: float = Field(5.0, ge=0)
    since: str = "30d"
    timezone: ZoneInfo | None = None
    date_order: str | None = Field(None, pattern="^(DMY|MDY|YMD)$")
    language: str | None = Field(None, pattern="^[a-z]{2}$")
    selectors: dict[str, str] = {}
    enabled: bool = True
    outreach: Outreach = Outreach.PRIVATE
    outreach_note: str = Field("", max_length=500)


class AliasForm(BaseModel):
    """An alias with rules of its own."""

    model_config = ConfigDict(extra="forbid")

    text: str
    case_sensitive: bool = False
    inflect: bool = True


class BrandForm(BaseModel):
    """A ``[[brand]]`` table of a sources file."""

    model_config = ConfigDict(extra="forbid")

    name: str
    aliases: list[str | AliasForm] = []
    exclusions: list[str] = []
    context: list[str] = []
    rivals: list[str] = []
    staff: list[str] = []
    case_sensitive: bool = False
    inflect: bool = True

    def as_spec(self) -> BrandSpec:
        """Return what is saved."""
        forms = [AliasForm(text=a) if isinstance(a, str) else a for a in self.aliases]
        return BrandSpec(
            name=self.name,
            aliases=tuple(
                Alias(text=form.text, case_sensitive=form.case_sensitive, inflect=form.inflect)
                for form in forms
            ),
            exclusions=tuple(self.exclusions),
            context=tuple(self.context),
            rivals=tuple(self.rivals),
            staff=tuple(self.staff),
            case_sensitive=self.case_sensitive,
            inflect=self.inflect,
        )


class SourcesFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    source: list[SourceForm] = []
    brand: list[BrandForm] = []
    digest: list[DigestForm] = []


def add(
    runtime: Runtime,
    order: CrawlOrder,
    *,
    name: str | None,
    every_minutes: int,
    outreach: str,
    note: str,
    console: Console,
    only_thread: bool = False,
) -> None:
    """Read one page of ``order.address``, say what was recognised, and save the source.

    With ``only_thread`` anything but a single thread is refused.
    """
    new = NewSource(name=name, every_minutes=every_minutes, outreach=outreach, note=note)
    with reading(runtime.engine) as session:
        refuse_what_cannot_be(session, order, new)
    found = _recognise(order, console)
    if only_thread and found["kind"] != Kind.THREAD:
        raise SourceError(
            f"{order.address} is a {found['kind']} page, not one thread; to watch all of it: "
            f"quietword add {order.address}"
        )
    with writing(runtime.engine) as session:
        number = save_source(session, order, found["engine"], new).id
    console.print(
        f"Added as source {number}, to be read every {every_minutes} minutes. "
        f"Now: quietword crawl {number}"
    )


def _recognise(order: CrawlOrder, console: Console) -> dict[str, Any]:
    """Fetch one page; print what it is; raise ``SourceError`` when it cannot be read."""
    with crawling(Console(stderr=True), "Looking at one page") as tell:
        report = run_crawl(order.one_page(), on_event=tell)
    if not can_be_read(report):
        raise SourceError(
            f"{order.address} was not added: {report['outcome']}. {report['message']}"
        )
    evidence = "; ".join(hint["hint"] for hint in report["evidence"]) or "as you say"
    console.print(f"{order.address}: {report['engine']} ({escape(evidence)})", soft_wrap=True)
    if report["kind"] == "thread":
        console.print("This is one thread; a crawl reads it and nothing else.")
    else:
        console.print(
            f"The {report['kind']} page links to {report['boards']} boards and shows "
            f"{report['listed']} threads; a crawl reads those with news since {order.since}."
        )
    _tell_habits(order, report["habits"], console)
    return report


def _tell_habits(order: CrawlOrder, habits: dict[str, Any], console: Console) -> None:
    """Say in which zone and order of dates the site's times will be read, and why."""
    zone, how = zone_words(order, habits)
    dates = order.date_order or habits["date_order"]
    console.print(
        f"Times are read in {zone} ({how})" + (f", dates as {dates}." if dates else "."),
        soft_wrap=True,
    )


def table(runtime: Runtime) -> Table:
    """Return the sources with their schedule and health."""
    listing = Table("id", "name", "address", "engine", "times", "every", "last run", "how it fares")
    with reading(runtime.engine) as session:
        for source in session.exec(select(Source).order_by(col(Source.id))).all():
            how = source.last_outcome or "not read yet"
            if source.health_note:
                how = f"{source.health}: {source.health_note}"
                if source.last_message and source.last_outcome not in WELL:
                    how += f" It was: {source.last_message}"
            if not source.enabled:
                how = f"switched off; {how}"
            listing.add_row(
                str(source.id),
                escape(source.name),
                escape(source.address),
                source.engine,
                escape(_times(source)),
                f"{source.every_minutes} min",
                f"{source.last_run_at:%Y-%m-%d %H:%M} UTC" if source.last_run_at else "never",
                escape(how),
            )
    return listing


def _times(source: Source) -> str:
    order = f", {source.date_order} ({source.date_order_how})" if source.date_order else ""
    return f"{source.timezone} ({source.timezone_how or NOT_YET}){order}"


def brand_table(runtime: Runtime) -> Table:
    """Return the brands with their words."""
    listing = Table("brand", "spellings", "not it", "needs near", "rivals", "our people")
    with reading(runtime.engine) as session:
        for brand in session.exec(select(Brand).order_by(col(Brand.id))).all():
            terms = session.exec(select(BrandTerm).where(BrandTerm.brand_id == brand.id)).all()
            listing.add_row(
                escape(brand.name),
                *(escape(", ".join(t.text for t in terms if t.role == role)) for role in Role),
            )
    return listing


def add_brand(runtime: Runtime, spec: BrandSpec, *, console: Console) -> None:
    """Save a brand and say what ops should know about its name."""
    with writing(runtime.engine) as session:
        save_brand(session, spec)
    console.print(f"Listening for {escape(spec.name)}.")
    _advise(spec, console)


def _advise(spec: BrandSpec, console: Console) -> None:
    for advice in warnings(spec.as_rule()):
        console.print(f"Note: {escape(advice)}", style="yellow")


def apply_file(runtime: Runtime, file: Path, *, console: Console) -> None:
    """Take sources and brands from a TOML file; all of it or, when something is wrong, nothing."""
    try:
        wanted = SourcesFile.model_validate(tomllib.loads(file.read_text("utf-8")))
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{file} is not valid TOML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_input=False)
        )
        raise SourceError(f"{file}: {faults}") from error
    with reading(runtime.engine) as session:
        known = {source.address: source.engine for source in session.exec(select(Source))}
    engines = {}
    for form in wanted.source:
        _order(runtime, form).read_options()  # refuses a selector that is none
        engine = form.engine or known.get(form.address)
        engine = engine or _recognise(_order(runtime, form), console)["engine"]
        engine_named(engine).refuse_selectors(form.selectors)
        engines[form.address] = engine
    with writing(runtime.engine) as session:
        for form in wanted.source:
            _save(session, form, engines[form.address], runtime.now())
        for brand in wanted.brand:
            save_brand(session, brand.as_spec())
        for digest in wanted.digest:
            save_digest(session, runtime, digest, runtime.now())
    for brand in wanted.brand:
        _advise(brand.as_spec(), console)
    console.print(
        f"{len(wanted.source)} sources, {len(wanted.brand)} brands and {len(wanted.digest)} "
        "digests applied."
    )


def _order(runtime: Runtime, form: SourceForm) -> CrawlOrder:
    return CrawlOrder(
        address=form.address,
        timezone=str(form.timezone) if form.timezone else None,
        selectors=form.selectors,
        date_order=form.date_order,
        language=form.language,
        contact=runtime.settings.contact,
        allow_private_addresses=runtime.settings.allow_private_addresses,
        keys=runtime.settings.source_keys(),
        delay_s=form.delay_s,
    )


def _save(session: Session, form: SourceForm, engine: str, now: datetime) -> None:
    source = session.exec(select(Source).where(Source.address == form.address)).first()
    named = form.model_fields_set  # of a source that is known, the rest stays as it is
    if source is None:
        source = Source(address=form.address, engine=engine, name=urlsplit(form.address).netloc)
        source.first_since = moment_before(form.since, now)
        session.add(source)
        named = set(SourceForm.model_fields)
    source.engine = engine
    source.name = form.name or source.name
    for field in (
        "every_minutes",
        "delay_s",
        "language",
        "selectors",
        "enabled",
        "outreach",
        "outreach_note",
    ):
        if field in named:
            setattr(source, field, getattr(form, field))
    if form.timezone is not None:
        source.timezone, source.timezone_how = str(form.timezone), AS_YOU_SAY
        source.timezone_evidence = []
    if form.date_order is not None:
        source.date_order, source.date_order_how = form.date_order, AS_YOU_SAY


def crawl_now(
    runtime: Runtime, ids: list[int], since: datetime | None, *, console: Console
) -> bool:
    """Crawl the named sources, or all that are switched on; return whether all ended well."""
    with reading(runtime.engine) as session:
        chosen = select(Source).where(col(Source.id).in_(ids) if ids else Source.enabled)
        sources = session.exec(chosen.order_by(col(Source.id))).all()
    if missing := set(ids) - {source.id for source in sources}:
        raise SourceError(
            f"there is no source {', '.join(map(str, sorted(missing)))}; see: quietword sources"
        )
    if not sources:
        raise SourceError("there is nothing to crawl; add a forum: quietword add ADDRESS")
    well = True
    for source in sources:
        try:
            with crawling(console, source.name) as tell:
                run = crawl_source(runtime, id_of(source), since=since, on_event=tell)
        except SourceBusy as error:
            console.print(f"{source.name}: {error}", style="yellow")
            well = False
            continue
        said = "" if run.outcome in WELL else f". {escape(run.message)}"
        console.print(
            f"{escape(source.name)}: {run.outcome}, {run.posts} posts in {run.threads} threads "
            f"from {run.pages} pages, {run.skipped} threads unchanged{said}",
            soft_wrap=True,
        )
        well = well and run.outcome in WELL
    return well
