"""For ops: pause and run sources, the last crawls, what waits to be told; erasing on request."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import Session, col, func, select
from starlette.exceptions import HTTPException

from models import (
    Access,
    Alert,
    Audit,
    Author,
    Case,
    CrawlRun,
    Delivery,
    DeliveryState,
    Post,
    Source,
)
from models.base import id_of
from models.database import reading, writing
from monitor.config import Settings
from monitor.coverage import read_sources
from monitor.digests import standings
from monitor.evidence import exhibits
from monitor.privacy import erase_posts, everywhere, forget, objected, record
from monitor.web.digest_page import number
from monitor.web.site import LARGEST_ID, Site

RUNS = 50
RUNS_OF_ALL = 20
AUDITS = 50
UNSENT = 20
LATELY = timedelta(hours=24)
NEXT = 5


def next_runs(source: Source, now: datetime) -> list[datetime]:
    """Return the next five times at which a source is due; none while it is paused."""
    if not source.enabled:
        return []
    pause = timedelta(minutes=source.every_minutes)
    first = max(now, (source.last_run_at + pause) if source.last_run_at else now)
    first = max(first, source.not_before or first)
    return [first + place * pause for place in range(NEXT)]


def zone_of(source: Source) -> tzinfo:
    """Return the zone in which a site shows its times; what it tells is written by its clocks."""
    try:
        return ZoneInfo(source.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _source(session: Session, source_id: int) -> Source:
    found = session.get(Source, source_id) if source_id <= LARGEST_ID else None
    if found is None:
        raise HTTPException(404)
    return found


def _kept(settings: Settings | None, source_id: int) -> list[dict[str, Any]]:
    """Return what is noted of the pages that were kept of a source."""
    if settings is None:
        return []
    return [exhibit.about for exhibit in exhibits(settings.evidence_folder, source_id)]


def routes(site: Site, settings: Settings | None = None) -> APIRouter:
    """Return the pages of operations and what their buttons do.

    ``settings`` tell where pages that could not be read are kept; without them no source is added.
    """
    pages = APIRouter()

    @pages.get("/ops")
    def ops(request: Request) -> HTMLResponse:
        site.only(request, Access.OPS)
        now = site.now()
        with reading(site.engine) as session:
            sources = session.exec(select(Source).order_by(col(Source.name))).all()
            runs = session.exec(
                select(CrawlRun, Source.name)
                .join(Source, onclause=col(Source.id) == CrawlRun.source_id)
                .order_by(col(CrawlRun.id).desc())
                .limit(RUNS_OF_ALL)
            ).all()
            queue = session.exec(
                select(Delivery.channel, Delivery.room, Delivery.state, func.count())
                .group_by(Delivery.channel, Delivery.room, Delivery.state)
                .order_by(Delivery.channel, Delivery.room, Delivery.state)
            ).all()
            unsent = session.exec(
                select(Delivery, Alert)
                .join(Alert, onclause=col(Alert.id) == col(Delivery.alert_id))
                .where(col(Delivery.state) != DeliveryState.SENT)
                .order_by(col(Delivery.id))
                .limit(UNSENT)
            ).all()
            audits = session.exec(select(Audit).order_by(col(Audit.id).desc()).limit(AUDITS)).all()
            return site.page(
                request,
                "ops.html",
                sources=[(source, next_runs(source, now), zone_of(source)) for source in sources],
                adding=settings is not None,
                runs=runs,
                queue=queue,
                digests=standings(session, now),
                unsent=unsent,
                audits=audits,
            )

    @pages.get("/ops/source/{source_id:int}")
    def one_source(request: Request, source_id: int) -> HTMLResponse:
        site.only(request, Access.OPS)
        now = site.now()
        with reading(site.engine) as session:
            source = _source(session, source_id)
            [health] = [
                one
                for one in read_sources(session, since=now - LATELY, until=now, now=now)
                if one.id == source_id
            ]
            runs = session.exec(
                select(CrawlRun)
                .where(CrawlRun.source_id == source_id)
                .order_by(col(CrawlRun.id).desc())
                .limit(RUNS)
            ).all()
            return site.page(
                request,
                "source.html",
                source=source,
                health_of=health,
                times=next_runs(source, now),
                source_zone=zone_of(source),
                runs=runs,
                kept=_kept(settings, source_id),
            )

    @pages.post("/ops/source/{source_id:int}/{change}")
    async def change_source(request: Request, source_id: int, change: str) -> Response:
        fields = await site.form(request)
        site.only(request, Access.OPS)
        with writing(site.engine) as session:
            source = _source(session, source_id)
            if change == "pause":
                source.enabled = False
            elif change == "resume":
                source.enabled = True
            elif change == "run":
                # A site that asked to be left alone is left alone all the same.
                source.last_run_at = None
            else:
                raise HTTPException(404)
            session.add(source)
        here = f"/ops/source/{source_id}" if fields.get("from") == "source" else "/ops"
        return site.back(request, here, site.speech(request).text("Done."))

    @pages.post("/case/{case_id:int}/erase")
    async def erase(request: Request, case_id: int) -> Response:
        fields = await site.form(request)
        who = site.only(request, Access.MANAGER).login
        what = str(fields.get("what", ""))
        post_id = number(str(fields.get("post", "")))
        with writing(site.engine) as session:
            case = session.get(Case, case_id) if case_id <= LARGEST_ID else None
            post = session.get(Post, post_id) if post_id else None
            if case is None or post is None or post.thread_id != case.thread_id:
                raise HTTPException(404)
            now = site.now()
            if what == "post":
                done = erase_posts(session, [id_of(post)], now)
                record(session, who, "erased", f"post {post.id}", str(done), now)
            elif what in {"author", "objection"}:
                remove = objected if what == "objection" else forget
                for author in everywhere(session, session.get_one(Author, post.author_id)):
                    remove(session, author, who=who, now=now)
            else:
                raise HTTPException(404)
        return site.back(request, f"/case/{case_id}", site.speech(request).text("Erased."))

    return pages
