"""The flagged threads for programs: CSV, JSON, Atom, a read-only API, figures for Prometheus."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Annotated, Any
from xml.etree import ElementTree as Xml

from fastapi import APIRouter, FastAPI, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel
from sqlmodel import Session, col, func, select
from starlette.exceptions import HTTPException

from models import Case, CaseState, Delivery, Level, Post, Source
from models.database import reading
from monitor.case_list import Wanted, each_case, list_cases
from monitor.coverage import read_sources
from monitor.flagged import Flagged, read_flagged
from monitor.web.digest_page import PERIODS, read_period, read_wanted
from monitor.web.site import LARGEST_ID, Site
from monitor.web.tokens import asking, managing

FEED_ROWS = 50
SENT_AT_ONCE = 32_768
"""Characters of an export that are gathered before they are sent."""
ATOM = "http://www.w3.org/2005/Atom"
RISKY = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a cell for a formula."""


class CaseOut(BaseModel):
    """One flagged thread; e-mail addresses and numbers in its texts are masked."""

    id: int
    brand: str
    level: Level
    state: CaseState
    score: float
    topic: str | None
    title: str
    source: str
    language: str | None
    author: str
    quote: str
    reasons: list[str]
    owner: str | None
    thread_url: str | None
    post_url: str | None
    posts: int
    posts_lately: int
    opened_at: datetime
    last_post_at: datetime | None


class CasesOut(BaseModel):
    """One page of flagged threads."""

    total: int
    page: int
    pages: int
    cases: list[CaseOut]


class SourceOut(BaseModel):
    """How a source is doing."""

    id: int
    name: str
    address: str
    engine: str
    health: str
    last_run_at: datetime | None
    last_outcome: str | None


class Refusal(BaseModel):
    """Why nothing was given."""

    detail: str


def as_out(case: Flagged) -> CaseOut:
    """Return a case as programs get it."""
    return CaseOut(
        id=case.id,
        brand=case.brand,
        level=case.level,
        state=case.state,
        score=case.score,
        topic=case.topic,
        title=case.title,
        source=case.source,
        language=case.language,
        author=case.author,
        quote=case.quote,
        reasons=list(case.reasons),
        owner=case.owner,
        thread_url=case.thread_url,
        post_url=case.quote_url,
        posts=case.posts,
        posts_lately=case.posts_lately,
        opened_at=case.opened_at,
        last_post_at=case.last_post_at,
    )


def cell(value: object) -> str:
    """Return a value for a spreadsheet: never a formula."""
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(RISKY) else text


def as_csv(cases: Iterator[CaseOut]) -> Iterator[str]:
    """Yield the pieces of a CSV file (RFC 4180) with a head line."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(CaseOut.model_fields)
    for case in cases:
        writer.writerow(cell(value) for value in case.model_dump(mode="json").values())
        if buffer.tell() >= SENT_AT_ONCE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def as_json(cases: Iterator[CaseOut]) -> Iterator[str]:
    """Yield the pieces of a JSON array."""
    piece = "["
    for number, case in enumerate(cases):
        piece += ",\n" * bool(number) + case.model_dump_json()
        if len(piece) >= SENT_AT_ONCE:
            yield piece
            piece = ""
    yield piece + "]"


def as_atom(cases: list[CaseOut], *, address: str, now: datetime) -> bytes:
    """Return an Atom feed of ``cases`` (RFC 4287); ``address`` is where these pages are."""
    feed = Xml.Element("feed", xmlns=ATOM)

    def add(parent: Xml.Element, name: str, text: str | None = None, **given: str) -> Xml.Element:
        child = Xml.SubElement(parent, name, given)
        child.text = text
        return child

    add(feed, "id", address)
    add(feed, "title", "Quietword: flagged threads")
    add(feed, "updated", max([case.opened_at for case in cases], default=now).isoformat())
    add(feed, "link", href=address, rel="alternate")
    for case in cases:
        entry = add(feed, "entry")
        link = f"{address.rstrip('/')}/case/{case.id}"
        add(entry, "id", link)
        add(entry, "title", f"{case.brand}: {case.title}")
        add(entry, "updated", case.opened_at.isoformat())
        add(entry, "link", href=link, rel="alternate")
        add(entry, "category", term=case.level)
        add(add(entry, "author"), "name", case.source or "?")
        add(entry, "summary", "\n".join([f"“{case.quote}”", *case.reasons]), type="text")
    body: bytes = Xml.tostring(feed, encoding="utf-8", xml_declaration=True)
    return body


def routes(site: Site, secret: str, address: str) -> APIRouter:
    """Return the exports, the feed and the figures."""
    pages = APIRouter()

    def wanted(request: Request) -> Wanted:
        return read_wanted(request, read_period(request, site.now(), site.zone))

    def cases_of(asked: Wanted) -> Iterator[CaseOut]:
        with reading(site.engine) as session:
            for case in each_case(session, asked):
                yield as_out(case)

    @pages.get("/export.csv")
    def export_csv(request: Request) -> StreamingResponse:
        managing(site, secret, request)
        asked = wanted(request)
        name = f"attachment; filename=quietword-{asked.until:%Y-%m-%d}.csv"
        headers = {"Content-Disposition": name}
        lines = as_csv(cases_of(asked))
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)

    @pages.get("/export.json")
    def export_json(request: Request) -> StreamingResponse:
        managing(site, secret, request)
        pieces = as_json(cases_of(wanted(request)))
        return StreamingResponse(pieces, media_type="application/json")

    @pages.get("/feed.atom")
    def feed(request: Request) -> Response:
        asking(site, secret, request)
        asked = read_wanted(request, read_period(request, site.now(), site.zone, "week"))
        found = list(islice(cases_of(asked), FEED_ROWS))
        where = address or str(request.base_url)
        body = as_atom(found, address=where, now=site.now())
        return Response(body, media_type="application/atom+xml; charset=utf-8")

    @pages.get("/metrics")
    def metrics(request: Request) -> Response:
        from prometheus_client import CONTENT_TYPE_LATEST

        asking(site, secret, request)
        with reading(site.engine) as session:
            return Response(figures(session, site.now()), media_type=CONTENT_TYPE_LATEST)

    return pages


def figures(session: Session, now: datetime) -> bytes:
    """Return what Prometheus scrapes."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def gauge(name: str, words: str, *labels: str) -> Gauge:
        return Gauge(f"quietword_{name}", words, labels, registry=registry)

    cases = gauge("cases", "Cases by state and level", "state", "level")
    for state, level, number in session.exec(
        select(Case.state, Case.level, func.count()).group_by(Case.state, Case.level)
    ):
        cases.labels(state, level).set(number)
    deliveries = gauge("deliveries", "Messages by channel and state", "channel", "state")
    for channel, state, number in session.exec(
        select(Delivery.channel, Delivery.state, func.count()).group_by(
            Delivery.channel, Delivery.state
        )
    ):
        deliveries.labels(channel, state).set(number)
    posts = session.exec(select(func.max(Post.id))).one() or 0
    gauge("posts_stored", "Number of the newest stored post").set(posts)
    fresh = gauge("source_seconds_since_good_run", "Age of the last good crawl", "source")
    failures = gauge("source_failures_in_a_row", "Crawls in a row that did not end well", "source")
    for source in session.exec(select(Source).where(Source.enabled)):
        good = source.last_ok_at or source.added_at
        fresh.labels(source.name).set(round((now - good).total_seconds()))
        failures.labels(source.name).set(source.failures)
    return generate_latest(registry)


def api(site: Site, secret: str) -> FastAPI:
    """Return the read-only API, to be mounted at ``/api/v1``; it describes itself."""
    app = FastAPI(
        title="Quietword",
        version="1",
        description="Flagged threads and sources, read-only. Send `Authorization: Bearer TOKEN`; "
        "`quietword user token LOGIN` prints one.",
        docs_url=None,
        redoc_url=None,
        responses={401: {"model": Refusal}},
    )

    @app.exception_handler(HTTPException)
    def refused(_request: Request, error: HTTPException) -> JSONResponse:
        words = {401: "send a token", 403: "your account may not", 404: "there is no such case"}
        return JSONResponse(
            {"detail": words.get(error.status_code, str(error.detail))}, error.status_code
        )

    @app.get("/cases", operation_id="cases")
    def cases(
        request: Request,
        period: Annotated[str, Query(pattern="^(day|week|month)$")] = "week",
        level: Level | None = None,
        state: CaseState | None = None,
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> CasesOut:
        """List flagged threads of a period, weightiest first, 25 a page."""
        asking(site, secret, request)
        now = site.now()
        asked = Wanted(since=now - PERIODS[period], until=now, level=level, state=state, page=page)
        with reading(site.engine) as session:
            found = list_cases(session, asked, now)
        return CasesOut(
            total=found.total,
            page=min(page, found.pages),
            pages=found.pages,
            cases=[as_out(row.case) for row in found.rows],
        )

    @app.get("/cases/{case_id}", operation_id="case", responses={404: {"model": Refusal}})
    def case(request: Request, case_id: Annotated[int, Path(ge=1, le=LARGEST_ID)]) -> CaseOut:
        """Return one flagged thread."""
        asking(site, secret, request)
        with reading(site.engine) as session:
            found = read_flagged(session, select(col(Case.id)).where(Case.id == case_id), {})
        if not found:
            raise HTTPException(404)
        return as_out(found[0])

    @app.get("/sources", operation_id="sources")
    def sources(request: Request) -> list[SourceOut]:
        """List the sources with their health."""
        asking(site, secret, request)
        now = site.now()
        with reading(site.engine) as session:
            found: Any = read_sources(session, since=now - PERIODS["day"], until=now, now=now)
        return [
            SourceOut(
                id=one.id,
                name=one.name,
                address=one.address,
                engine=one.engine,
                health=one.health,
                last_run_at=one.last_run_at,
                last_outcome=one.last_outcome,
            )
            for one in found
        ]

    return app
