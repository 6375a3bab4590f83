"""How well every source is read, and how much was looked at."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func
from sqlmodel import Session, col, select

from alerts.words import NAME_LIMIT, shown, web_link
from models import Activity, CrawlRun, Outreach, Source, Tally, Thread
from monitor.flagged import NOTE_LIMIT, policy_words
from spiders.outcome import Outcome

LATE_AFTER = 3
"""A source is late when no crawl has ended well for this many of its own intervals."""
MESSAGE_LIMIT = 600


class Health(StrEnum):
    """How the reading of a source stands."""

    FINE = "fine"
    LATE = "late"
    FAILING = "failing"
    NEVER = "never read"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """How one source was read; ``silent_since`` is set when it should have been read and was not.

    ``runs``, ``pages``, ``threads`` and ``posts`` count within the digest's period; ``posts`` are
    those written in it, whether or not they name a brand, ``threads`` those they stand in.
    """

    id: int
    name: str
    address: str
    url: str | None
    engine: str
    every_minutes: int
    health: Health
    silent_since: datetime | None
    last_run_at: datetime | None
    last_ok_at: datetime | None
    last_outcome: str | None
    last_message: str
    colour: str
    """``green``, ``yellow`` or ``red``, as the last crawl left it."""
    advice: str
    """What is wrong and what to do; empty when nothing is."""
    times: str
    """In which zone its times are read, and who says so."""
    failures: int
    left_alone_until: datetime | None
    outreach: str
    policy: Outreach
    policy_note: str
    runs: int
    pages: int
    threads: int
    posts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much was looked at, so that an empty digest can be told from a blind one."""

    sources: int
    """Sources that are to be read; paused ones are left out."""
    sources_read: int
    """Of these, read to the end at least once within the period."""
    threads: int
    """Threads with a post written in the period."""
    posts: int
    """Posts written in the period that were seen."""
    mentions: int
    """Posts among them that name a watched brand, once for each brand; counted when judged."""


def read_sources(
    session: Session, *, since: datetime, until: datetime, now: datetime
) -> tuple[SourceHealth, ...]:
    """Return how every source was read in the period and stands ``now``, the worst first."""
    crawls = {
        source: (runs, pages)
        for source, runs, pages in session.exec(
            select(CrawlRun.source_id, func.count(), func.sum(CrawlRun.pages))
            .where(col(CrawlRun.started_at) >= since, col(CrawlRun.started_at) < until)
            .group_by(col(CrawlRun.source_id))
        )
    }
    seen = _seen(session, since, until)
    found = []
    for source in session.exec(select(Source)):
        health = _health(source, now)
        silent = health in (Health.LATE, Health.FAILING, Health.NEVER)
        runs, pages = crawls.get(source.id or 0, (0, 0))
        threads, posts = seen.get(source.id or 0, (0, 0))
        found.append(
            SourceHealth(
                id=source.id or 0,
                name=shown(source.name, NAME_LIMIT, empty="(no name)"),
                address=source.address,
                url=web_link(source.address),
                engine=source.engine,
                every_minutes=source.every_minutes,
                health=health,
                silent_since=(source.last_ok_at or source.added_at) if silent else None,
                last_run_at=source.last_run_at,
                last_ok_at=source.last_ok_at,
                last_outcome=source.last_outcome,
                last_message=shown(source.last_message, MESSAGE_LIMIT, empty=""),
                colour=source.health,
                advice=shown(
                    source.health_note or _advice(source.last_outcome), MESSAGE_LIMIT, empty=""
                ),
                times=f"{source.timezone} ({source.timezone_how})" if source.timezone_how else "",
                failures=source.failures,
                left_alone_until=(
                    source.not_before if source.not_before and source.not_before > now else None
                ),
                outreach=policy_words(source),
                policy=Outreach(source.outreach),
                policy_note=shown(source.outreach_note, NOTE_LIMIT, empty=""),
                runs=runs,
                pages=pages,
                threads=threads,
                posts=posts,
            )
        )
    worst = [Health.FAILING, Health.LATE, Health.NEVER, Health.FINE, Health.PAUSED]
    return tuple(sorted(found, key=lambda one: (worst.index(one.health), one.name, one.id)))


def _seen(session: Session, since: datetime, until: datetime) -> dict[int, tuple[int, int]]:
    """Return threads and posts seen in the period by source."""
    threads = (  # counted by thread first: a thread has many hours, and one source
        select(Activity.thread_id, func.sum(Activity.posts).label("posts"))
        .where(col(Activity.hour) >= since, col(Activity.hour) < until)
        .group_by(col(Activity.thread_id))
        .subquery()
    )
    query = (
        select(Thread.source_id, func.count(), func.sum(threads.c.posts))
        .join(threads, threads.c.thread_id == col(Thread.id))
        .group_by(col(Thread.source_id))
    )
    return {source: (number, int(posts)) for source, number, posts in session.exec(query)}


def _health(source: Source, now: datetime) -> Health:
    if not source.enabled:
        return Health.PAUSED
    if source.failures:
        return Health.FAILING
    if source.last_ok_at is None:
        return Health.NEVER
    due = source.last_ok_at + LATE_AFTER * timedelta(minutes=source.every_minutes)
    return Health.LATE if now > max(due, source.not_before or due) else Health.FINE


def _advice(outcome: str | None) -> str:
    known = next((one for one in Outcome if one == outcome), Outcome.OK)
    return "" if known is Outcome.OK else known.advice


def read_coverage(
    session: Session,
    sources: tuple[SourceHealth, ...],
    *,
    since: datetime,
    until: datetime,
    brand: int | None = None,
) -> Coverage:
    """Return how much of ``sources`` was seen from ``since`` up to ``until``.

    With ``brand`` the mentions are its own; posts and threads are read for all brands at once.
    """
    one = [Tally.brand_id == brand] if brand is not None else []
    mentions = session.exec(
        select(func.sum(Tally.mentions)).where(
            col(Tally.hour) >= since, col(Tally.hour) < until, *one
        )
    ).one()
    expected = [source for source in sources if source.health is not Health.PAUSED]
    return Coverage(
        sources=len(expected),
        sources_read=sum(
            1 for source in expected if source.last_ok_at and source.last_ok_at >= since
        ),
        threads=sum(source.threads for source in sources),
        posts=sum(source.posts for source in sources),
        mentions=int(mentions or 0),
    )
