"""The product on one page: what is done on a schedule, each step safe to run again."""

import contextlib
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
from alerts.registry import ChannelError
from models import WAITING, CrawlRun, Delivery, Source
from models.base import id_of, utc_now
from models.database import reading, writing
from models.errors import QuietwordError
from monitor import slack_cards, timers
from monitor.brands import rematch
from monitor.config import Settings
from monitor.crawling import GRACE_S, Child, CrawlFailed, CrawlOrder, run_crawl
from monitor.health import WELL, hot_trouble, judge_health
from monitor.hot import hot_interval, hot_threads
from monitor.judging import Judged, judge
from monitor.retention import Swept, policy_of, sweep
from monitor.routing import Places
from monitor.scoring import score_new
from monitor.slack_people import learn_locales
from sentiment.base import Scorer
from spiders.outcome import FATAL, Outcome

logger = logging.getLogger(__name__)
TOKEN = secrets.token_hex(4)
"""Tells this process from an earlier one with the same number."""
BACK_OFF = timedelta(hours=1)
"""How long a site that refused us is left alone when it names no time itself; doubles each time."""
FIGURES = (
    "pages",
    "threads",
    "posts",
    "unreadable",
    "bytes",
    "listed",
    "list_pages",
    "authors",
    "dated",
)
"""What a crawl's report tells of it and its run keeps, by the same name."""
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
    reach: Callable[[str, str], Channel] | None = None
    """Builds the channel of a kind to one person; raises ``ChannelError`` where it cannot."""
    personal: tuple[str, ...] = ()
    """Kinds of channel by which one person can be told, the best first."""


def prune(runtime: Runtime) -> Swept:
    """Erase what is older than the settings keep."""
    settings = runtime.settings
    folder = settings.evidence_folder
    return sweep(runtime.engine, policy_of(settings), runtime.now(), evidence=folder)


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


def hot_sources(runtime: Runtime) -> list[int]:
    """Return the ids of the sources with heated threads that should be read before their crawl."""
    now = runtime.now()
    found = []
    with reading(runtime.engine) as session:
        for source in session.exec(select(Source).where(Source.enabled)).all():
            interval, last = hot_interval(source), source.last_run_at
            if interval is None or last is None or _is_held(source, now):
                continue
            if source.not_before is not None and source.not_before > now:
                continue
            due = max(last, source.hot_run_at or last) + interval
            if due <= now and hot_threads(session, id_of(source), now):
                found.append(id_of(source))
    return found


def crawl_source(
    runtime: Runtime,
    source_id: int,
    *,
    since: datetime | None = None,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    stop: threading.Event | None = None,
    hot: bool = False,
    start: Callable[[], Child] | None = None,
) -> CrawlRun:
    """Crawl one source in a child process, store what it reads, and return the run.

    ``since`` reads back to that moment again, past what is known; ``hot`` reads only the threads
    that are heating up; ``start`` gives the child process. Raises ``SourceBusy`` when another
    process crawls it. A run that is killed leaves whole threads or nothing of them; its
    hold on the source ends by itself.
    """
    settings = runtime.settings
    source, run_id = _begin_run(runtime, source_id, hot=hot)
    with reading(runtime.engine) as session:
        threads = tuple(hot_threads(session, source_id, runtime.now())) if hot else ()
    if hot and not threads:
        done = {"outcome": Outcome.OK, "message": "no thread is hot any more", "behind": False}
        return _end_run(runtime, run_id, done)
    by_hand = since is not None
    order = CrawlOrder(
        address=source.address,
        engine=source.engine,
        timezone=source.timezone if _zone_is_known(source) else None,
        zone_evidence=tuple((at, minutes) for at, minutes in source.timezone_evidence),
        zone_open=bool(source.timezone_evidence),
        selectors=source.selectors,
        threads=threads,
        evidence_folder=str(settings.evidence_folder),
        date_order=source.date_order,
        language=source.language,
        since=since or source.first_since,
        contact=settings.contact,
        allow_private_addresses=settings.allow_private_addresses,
        keys=settings.source_keys(),
        delay_s=source.delay_s,
        max_pages=0 if by_hand else settings.crawl_max_pages,
        max_seconds=settings.crawl_max_seconds,
        timeout_s=settings.crawl_timeout_s,
        again=by_hand,
        behind=source.behind or by_hand,
        database_url=settings.database_url.get_secret_value(),
        source_id=source_id,
    )
    try:
        report = run_crawl(order, on_event=on_event, stop=stop, start=start)
    except CrawlFailed as error:
        report = {"outcome": Outcome.INTERRUPTED, "message": str(error)}
    except BaseException:  # Ctrl-C too: the source must not stay held
        _end_run(runtime, run_id, {"outcome": Outcome.INTERRUPTED, "message": "broken off"})
        raise
    # A look back that does not reach as far as the backlog leaves the backlog.
    falls_short = since is not None and (source.first_since is None or since > source.first_since)
    return _end_run(runtime, run_id, report, still_behind=source.behind and falls_short)


def _zone_is_known(source: Source) -> bool:
    return source.timezone_how is not None or source.timezone != "UTC"


def _begin_run(runtime: Runtime, source_id: int, *, hot: bool) -> tuple[Source, int]:
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
        run = CrawlRun(source_id=source_id, started_at=now, hot=hot)
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
        for name in FIGURES:
            setattr(run, name, report.get(name, 0))
        run.skipped = report.get("skipped_unchanged", 0)
        run.retry_after_s = report.get("retry_after_s")
        source.crawling_until = source.crawling_by = None
        if run.hot:
            source.hot_run_at = now
            if run.outcome in FATAL:  # meant for us, not for these threads
                source.not_before = now + max(_pause(run, 1), BACK_OFF)
            if (health := hot_trouble(source, run)) is not None:
                source.health, source.health_note = health.colour, health.note[:600]
            return _told(run)
        source.last_run_at = now
        source.last_outcome, source.last_message = run.outcome, run.message
        _take_habits(source, report.get("habits") or {})
        if run.outcome in WELL:
            source.last_ok_at, source.failures, source.not_before = now, 0, None
            source.behind = bool(report["behind"]) or still_behind
        else:
            source.failures += 1
            source.behind = True
            # One that got somewhere before it was stopped goes on without the wait growing.
            source.not_before = now + _pause(run, 1 if run.threads else source.failures)
        session.flush()
        health = judge_health(session, source, run)
        source.health, source.health_note = health.colour, health.note[:600]
    return _told(run)


def _take_habits(source: Source, habits: Mapping[str, Any]) -> None:
    """Keep what a crawl found out of how the site writes its times; a person's word stands."""
    if source.date_order is None and habits.get("date_order"):
        source.date_order = habits["date_order"]
        source.date_order_how = "from days above 12 on its pages"
    how = habits.get("timezone_how")
    if how is None or (_zone_is_known(source) and not source.timezone_evidence):
        return
    zone = habits.get("timezone") or source.timezone
    if source.timezone_how is None or zone != source.timezone:
        source.timezone, source.timezone_how = zone, how[:200]
    source.timezone_evidence = [
        [str(one["at"]), one["minutes"]] for one in habits.get("evidence", ())
    ] or source.timezone_evidence


def _told(run: CrawlRun) -> CrawlRun:
    """Return ``run``, having told the log how it ended."""
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
    after_some: Callable[[], None] = lambda: None,
) -> int:
    """Find brands again where their words changed, then judge what has no verdict yet."""
    rematch(runtime.engine)
    return score_new(
        runtime.engine,
        runtime.scorer(),
        now=runtime.now,
        progress=progress,
        stop=stop,
        after_some=after_some,
    )


def judge_threads(runtime: Runtime) -> Judged:
    """Assess the threads with complaints, keep their cases, queue alerts."""
    return judge(
        runtime.engine,
        checkpoint=runtime.scorer().checkpoint,
        targets=list(runtime.channels),
        now=runtime.now(),
        alert_max_age=timedelta(hours=runtime.settings.alert_max_age_hours),
        settings=runtime.settings,
    )


def timers_due(runtime: Runtime) -> timers.Fired:
    """Remind, escalate, wake and follow up: whatever is due by now."""
    learn_locales(runtime.engine, runtime.channels)
    places = Places(tuple(runtime.channels), runtime.personal)
    return timers.timers_due(runtime.engine, runtime.settings, places, runtime.now())


def digests_due(runtime: Runtime) -> int:
    """Put the digests that are due into the outbox, take back what was erased; return how many."""
    from monitor.digests import queue_due, take_back  # the pages' words: only where they are used

    take_back(runtime)
    return queue_due(runtime)


def deliver(runtime: Runtime) -> DispatchReport:
    """Send the messages that are due; bring Slack's messages in step with their cases."""
    report = deliver_due(
        runtime.engine,
        {**_asked_for(runtime), **runtime.channels},
        now=runtime.now,
        storm_limit=runtime.settings.storm_limit,
        rooms=tuple(runtime.channels),
    )
    slack_cards.sync(runtime.engine, runtime.channels, runtime.now())
    return report


def _asked_for(runtime: Runtime) -> dict[tuple[str, str], Channel]:
    """Return channels to the persons and the rooms of digests that something waits for."""
    if runtime.reach is None or not runtime.personal:
        return {}
    with reading(runtime.engine) as session:
        wanted = session.exec(
            select(Delivery.channel, Delivery.room)
            .where(col(Delivery.state).in_(WAITING), col(Delivery.channel).in_(runtime.personal))
            .distinct()
        ).all()
    found = {}
    for kind, room in wanted:
        if (kind, room) not in runtime.channels:
            with contextlib.suppress(ChannelError):  # `check` tells what waits for it
                found[kind, room] = runtime.reach(kind, room)
    return found
