"""The product on one page: what is done on a schedule, each step safe to run again."""

import logging
import os
import platform
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, or_, select

from alerts.base import Channel
from alerts.dispatch import DispatchReport, deliver_due
from models import CrawlRun, Source
from models.base import id_of, utc_now
from models.database import reading, writing
from models.errors import QuietwordError
from monitor.brands import rematch
from monitor.config import Settings
from monitor.crawling import GRACE_S, CrawlFailed, CrawlOrder, run_crawl
from monitor.judging import Judged, judge
from monitor.retention import Swept, policy_of, sweep
from monitor.scoring import score_new
from sentiment.base import Scorer
from spiders.outcome import Outcome

logger = logging.getLogger(__name__)
TOKEN = secrets.token_hex(4)
"""Tells this process from an earlier one with the same number."""
WELL = frozenset({Outcome.OK, Outcome.EMPTY})
BACK_OFF = timedelta(hours=1)
"""How long a site that refused us is left alone when it names no time itself; doubles each time."""
LONGEST_BACK_OFF = timedelta(hours=24)


class SourceBusy(QuietwordError):
    """Another process is crawling this source; wait for it to end."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the jobs work with. Built once and passed down; tests build their own."""

    settings: Settings
    engine: Engine
    channels: Mapping[tuple[str, str], Channel]
    """The (channel, room) pairs every alert goes to, with what sends them."""
    scorer: Callable[[], Scorer]
    """Gives the scorer, loading it at the first call."""
    now: Callable[[], datetime] = utc_now


def prune(runtime: Runtime) -> Swept:
    """Erase what is older than the settings keep."""
    return sweep(runtime.engine, policy_of(runtime.settings), runtime.now())


def due_sources(runtime: Runtime) -> list[int]:
    """Return the ids of the sources whose time has come, longest waiting first."""
    now = runtime.now()
    with reading(runtime.engine) as session:
        sources = session.exec(
            select(Source)
            .where(
                Source.enabled,
                or_(col(Source.not_before).is_(None), col(Source.not_before) <= now),
            )
            .order_by(col(Source.last_run_at).asc().nulls_first(), col(Source.id))
        ).all()
    return [
        id_of(source)
        for source in sources
        if not _is_held(source, now)
        and (
            source.last_run_at is None
            or source.last_run_at + timedelta(minutes=source.every_minutes) <= now
        )
    ]


def crawl_source(
    runtime: Runtime,
    source_id: int,
    *,
    since: datetime | None = None,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    stop: threading.Event | None = None,
) -> CrawlRun:
    """Crawl one source in a child process, store what it reads, and return the run.

    ``since`` reads back to that moment again, past what is known. Raises ``SourceBusy`` when
    another process crawls it. A run that is killed leaves whole threads or nothing of them; its
    hold on the source ends by itself.
    """
    settings = runtime.settings
    source, run_id = _begin_run(runtime, source_id)
    by_hand = since is not None
    order = CrawlOrder(
        address=source.address,
        engine=source.engine,
        timezone=source.timezone,
        date_order=source.date_order,
        language=source.language,
        since=since or source.first_since,
        contact=settings.contact,
        allow_private_addresses=settings.allow_private_addresses,
        delay_s=source.delay_s,
        max_pages=0 if by_hand else settings.crawl_max_pages,
        max_seconds=settings.crawl_max_seconds,
        again=by_hand,
        behind=source.behind or by_hand,
        database_url=settings.database_url.get_secret_value(),
        source_id=source_id,
    )
    try:
        report = run_crawl(order, on_event=on_event, stop=stop)
    except CrawlFailed as error:
        report = {"outcome": Outcome.INTERRUPTED, "message": str(error)}
    except BaseException:  # Ctrl-C too: the source must not stay held
        _end_run(runtime, run_id, {"outcome": Outcome.INTERRUPTED, "message": "broken off"})
        raise
    # A look back that does not reach as far as the backlog leaves the backlog.
    falls_short = since is not None and (source.first_since is None or since > source.first_since)
    return _end_run(runtime, run_id, report, still_behind=source.behind and falls_short)


def _begin_run(runtime: Runtime, source_id: int) -> tuple[Source, int]:
    now = runtime.now()
    until = now + timedelta(seconds=runtime.settings.crawl_max_seconds + 2 * GRACE_S)
    with writing(runtime.engine) as session:
        source = session.get(Source, source_id, with_for_update=True)
        if source is None:
            raise QuietwordError(f"there is no source {source_id}; see: quietword sources")
        if _is_held(source, now):
            raise SourceBusy(f"{source.address} is being crawled already; try again later")
        source.crawling_until, source.crawling_by = until, _this_process()
        for run in session.exec(
            select(CrawlRun).where(
                CrawlRun.source_id == source_id, col(CrawlRun.finished_at).is_(None)
            )
        ):
            run.finished_at, run.outcome = now, Outcome.INTERRUPTED
            run.message = "ended without a report: killed, or the machine went down"
        run = CrawlRun(source_id=source_id, started_at=now)
        session.add(run)
        session.flush()
        session.expunge(source)
        return source, id_of(run)


def _this_process() -> str:
    return f"{platform.node()} {os.getpid()} {TOKEN}"


def _is_held(source: Source, now: datetime) -> bool:
    """Return whether a crawl is under way; a holder on this machine that is gone holds nothing."""
    if source.crawling_until is None or source.crawling_until <= now:
        return False
    host, process, token = [*(source.crawling_by or "").split(" "), "", ""][:3]
    if host != platform.node() or not process.isdigit():
        return True
    if int(process) == os.getpid():
        return token == TOKEN  # in a container that was started again we have our old number
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _end_run(
    runtime: Runtime, run_id: int, report: Mapping[str, Any], *, still_behind: bool = False
) -> CrawlRun:
    """Record how a run ended and what it says of the source's health."""
    now = runtime.now()
    with writing(runtime.engine) as session:
        run = session.get_one(CrawlRun, run_id)
        source = session.get_one(Source, run.source_id)
        run.finished_at = now
        run.outcome = str(report["outcome"])
        told = [str(report.get("message", "")), *report.get("notes", ())[:3]]
        run.message = " ".join(filter(None, told))[:1000]
        for name in ("pages", "threads", "posts", "unreadable", "bytes"):
            setattr(run, name, report.get(name, 0))
        run.skipped = report.get("skipped_unchanged", 0)
        run.retry_after_s = report.get("retry_after_s")
        source.last_run_at = now
        source.last_outcome, source.last_message = run.outcome, run.message
        source.crawling_until = source.crawling_by = None
        if run.outcome in WELL:
            source.last_ok_at, source.failures, source.not_before = now, 0, None
            source.behind = bool(report["behind"]) or still_behind
        else:
            source.failures += 1
            source.behind = True
            source.not_before = now + _pause(run, source.failures)
    level = logging.INFO if run.outcome in WELL else logging.WARNING
    logger.log(
        level,
        "crawl of source %d: %s, %d pages, %d threads, %d posts%s",
        run.source_id,
        run.outcome,
        run.pages,
        run.threads,
        run.posts,
        f"; {run.message}" if level == logging.WARNING else "",
    )
    return run


def _pause(run: CrawlRun, failures: int) -> timedelta:
    if run.retry_after_s is not None:
        return timedelta(seconds=run.retry_after_s)
    if run.outcome == Outcome.INTERRUPTED:
        return timedelta(0)
    return min(BACK_OFF * (1 << min(failures - 1, 10)), LONGEST_BACK_OFF)


def score(
    runtime: Runtime,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Find brands again where their words changed, then judge what has no verdict yet."""
    rematch(runtime.engine)
    return score_new(
        runtime.engine, runtime.scorer(), now=runtime.now, progress=progress, stop=stop
    )


def judge_threads(runtime: Runtime) -> Judged:
    """Assess the threads with complaints, keep their cases, queue alerts."""
    return judge(
        runtime.engine,
        checkpoint=runtime.scorer().checkpoint,
        targets=list(runtime.channels),
        now=runtime.now(),
        alert_max_age=timedelta(hours=runtime.settings.alert_max_age_hours),
    )


def deliver(runtime: Runtime) -> DispatchReport:
    """Send the alerts that are due."""
    return deliver_due(runtime.engine, runtime.channels, now=runtime.now)
