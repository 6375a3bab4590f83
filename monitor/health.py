"""How a source fares, judged after every crawl: green, yellow or red, with a sentence for ops.

A crawl that ends well may still be blind: fewer messages, authors or times than the same source
gave before mean that its pages have changed, not that its people have.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import func
from sqlmodel import Session, col, select

from models import Activity, CrawlRun, Source, Thread
from models.base import id_of
from spiders.outcome import Outcome

GREEN, YELLOW, RED = "green", "yellow", "red"
WELL = frozenset({Outcome.OK, Outcome.EMPTY})
FALL = 0.3
"""Share by which a figure must fall against the source's own history to be told."""
HISTORY = 20
"""Crawls that count as a source's history."""
ENOUGH_POSTS = 20
ENOUGH_THREADS = 10
ENOUGH_WEEKLY = 50
"""Posts a week below which a quiet week says nothing."""
RED_AFTER = 3
"""Failures in a row from which what may pass by itself has not."""
_PERSON_NEEDED = frozenset(
    {
        Outcome.LOGIN_WALL,
        Outcome.BLOCKED,
        Outcome.GONE,
        Outcome.UNKNOWN_ENGINE,
        Outcome.MARKUP_CHANGED,
        Outcome.REFUSED,
    }
)
LOOK = "See what came: quietword inspect {id}; then look at the source's engine and selectors."


@dataclass(frozen=True, slots=True)
class Health:
    """A colour and, unless it is green, what is wrong and what to do."""

    colour: str
    note: str = ""


def judge_health(session: Session, source: Source, run: CrawlRun) -> Health:
    """Return how ``source`` fares after ``run``, which has ended; ``source.failures`` counts it."""
    outcome = Outcome(run.outcome or Outcome.INTERRUPTED)
    if outcome not in WELL:
        bad = outcome in _PERSON_NEEDED or source.failures >= RED_AFTER
        often = f" ({source.failures} crawls in a row)" if source.failures > 1 else ""
        return Health(RED if bad else YELLOW, f"{outcome}{often}: {outcome.advice}")
    history = _history(session, source, run)
    if outcome is Outcome.EMPTY:
        if any(one.listed for one in history):
            what = "It lists no threads any more, though it did before"
            return Health(RED, f"{what}: {outcome.advice}")
        return Health(YELLOW, outcome.advice)
    falls = list(filter(None, (look(session, source, run, history) for look in _LOOKS)))
    if not falls:
        return Health(GREEN)
    return Health(YELLOW, f"{'; '.join(falls)}. {LOOK.format(id=source.id)}")


def hot_trouble(source: Source, run: CrawlRun) -> Health | None:
    """Return what ``run``, which read heated threads alone, tells of ``source``, if anything.

    Crawls judge it again. Threads that are gone say nothing of their source.
    """
    outcome = Outcome(run.outcome or Outcome.INTERRUPTED)
    if outcome in WELL or outcome in {Outcome.GONE, Outcome.INTERRUPTED} or source.health == RED:
        return None
    colour = RED if outcome is Outcome.BLOCKED else YELLOW
    return Health(colour, f"Its heated threads could not be read: {outcome}. {run.message}")


def _history(session: Session, source: Source, run: CrawlRun) -> list[CrawlRun]:
    """Return the earlier crawls that ended well, newest first."""
    return list(
        session.exec(
            select(CrawlRun)
            .where(
                CrawlRun.source_id == id_of(source),
                CrawlRun.outcome == Outcome.OK,
                col(CrawlRun.hot).is_(False),
                col(CrawlRun.id) < id_of(run),
            )
            .order_by(col(CrawlRun.id).desc())
            .limit(HISTORY)
        )
    )


def _share(history: Sequence[CrawlRun], name: str) -> float | None:
    posts = sum(one.posts for one in history)
    return sum(getattr(one, name) for one in history) / posts if posts >= ENOUGH_POSTS else None


def _told(name: str, what: str) -> Callable[..., str | None]:
    """Return a look at the share of posts that tell ``what``."""

    def look(
        session: Session,  # noqa: ARG001
        source: Source,  # noqa: ARG001
        run: CrawlRun,
        history: Sequence[CrawlRun],
    ) -> str | None:
        recent = [run]
        earlier = list(history)
        while earlier and sum(one.posts for one in recent) < ENOUGH_POSTS:
            recent.append(earlier.pop(0))  # small crawls are judged together
        now, before = _share(recent, name), _share(earlier, name)
        if run.posts == 0 or now is None:
            return None
        if before is None:
            told = f"only {now:.0%} of its messages tell {what}"
            return told if now < 1 - FALL else None
        if now <= (1 - FALL) * before:
            return f"{now:.0%} of its messages tell {what}, {before:.0%} did before"
        return None

    return look


def _rows(
    session: Session,  # noqa: ARG001
    source: Source,  # noqa: ARG001
    run: CrawlRun,
    history: Sequence[CrawlRun],
) -> str | None:
    """Look at how many threads a page of a board lists: twice too few is no chance."""
    pages = [one.listed / one.list_pages for one in (run, *history) if one.list_pages]
    if not run.list_pages or len(pages) < 5:
        return None
    usual = median(pages[2:])
    if usual >= 5 and max(pages[:2]) <= (1 - FALL) * usual:
        return f"a page of its boards lists {pages[0]:.0f} threads, {usual:.0f} before"
    return None


def _messages(
    session: Session,
    source: Source,
    run: CrawlRun,
    history: Sequence[CrawlRun],  # noqa: ARG001
) -> str | None:
    """Look at how many messages a thread gives: those of a day against those of two weeks."""
    now = run.finished_at or run.started_at

    def between(start: datetime, end: datetime) -> tuple[int, int]:
        posts, threads = session.exec(
            select(func.sum(CrawlRun.posts), func.sum(CrawlRun.threads)).where(
                CrawlRun.source_id == id_of(source),
                col(CrawlRun.hot).is_(False),
                CrawlRun.started_at > start,
                CrawlRun.started_at <= end,
                CrawlRun.outcome == Outcome.OK,
                col(CrawlRun.skipped) > 0,  # the first crawl reads whole threads
            )
        ).one()
        return int(posts or 0), int(threads or 0)

    day = now - timedelta(days=1)
    posts, threads = between(day, now)
    posts_before, threads_before = between(now - timedelta(days=15), day)
    if threads < ENOUGH_THREADS or threads_before < ENOUGH_THREADS:
        return None
    each, each_before = posts / threads, posts_before / threads_before
    if each <= (1 - FALL) * each_before:
        return f"a thread that is read gives {each:.1f} messages, {each_before:.1f} before"
    return None


def _weekly(
    session: Session,
    source: Source,
    run: CrawlRun,
    history: Sequence[CrawlRun],  # noqa: ARG001
) -> str | None:
    """Look at how many messages were written in a week, against the four weeks before."""
    now = run.finished_at or run.started_at
    weeks = []
    for back in range(5):
        end = now - timedelta(weeks=back)
        posts = session.exec(
            select(func.sum(Activity.posts))
            .join(Thread, col(Thread.id) == col(Activity.thread_id))
            .where(
                Thread.source_id == id_of(source),
                Activity.hour >= end - timedelta(weeks=1),
                Activity.hour < end,
            )
        ).one()
        weeks.append(int(posts or 0))
    usual = median(weeks[1:])
    if min(weeks[1:]) >= ENOUGH_WEEKLY and weeks[0] <= (1 - FALL) * min(weeks[1:]):
        return f"{weeks[0]} messages were written in a week, {usual:.0f} usually"
    return None


_LOOKS: tuple[Callable[..., str | None], ...] = (
    _told("authors", "their author"),
    _told("dated", "their time"),
    _rows,
    _messages,
    _weekly,
)
