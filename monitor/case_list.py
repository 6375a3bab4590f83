"""The cases of a period, filtered, sorted and page by page; and the few that need a manager."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, case, exists, func, or_, true
from sqlmodel import Session, col, select

from models import (
    CLOSED,
    Activity,
    Agent,
    Brand,
    Case,
    CaseState,
    Level,
    Source,
    Tally,
    Thread,
)
from monitor.digest import UNWRITTEN, cases_of
from monitor.flagged import Flagged, read_flagged
from monitor.growing import GROWTH_WINDOW
from monitor.post_search import as_rows, threads_with

PAGE = 25
"""Cases on one page."""
READ_AT_ONCE = 500
"""Cases that are read together where all of them are wanted."""
TOP = 7
"""Threads that the head of a digest names at most."""
BUCKETS = 24
"""Points of the line that shows a thread's growth."""
LEFT_ALONE = timedelta(hours=24)
"""A case that nobody took for so long needs a manager, however calm it is."""
LEFT_OPEN = timedelta(days=21)
"""And so does one whose customer was written to so long ago, and which is not closed."""
OTHER = "other"
"""The topic of cases whose topic was not recognised."""
NOBODY = 0
"""In place of an agent's id: cases without an owner."""


class Sort(StrEnum):
    """In which order cases are listed; finished ones always come last."""

    WEIGHT = "weight"
    NEWEST = "newest"
    OLDEST = "oldest"
    GROWTH = "growth"


class Group(StrEnum):
    """States that a manager thinks of as one."""

    WAITING = "waiting"
    CAUGHT = "caught"
    WATCHED = "watched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a reader asks for; ``None`` and empty words leave nothing out."""

    since: datetime
    until: datetime
    brand: int | None = None
    source: int | None = None
    language: str | None = None
    topic: str | None = None
    state: str | None = None
    """A ``CaseState`` or a ``Group``."""
    level: str | None = None
    owner: int | None = None
    words: str = ""
    sort: Sort = Sort.WEIGHT
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A case with the posts its thread got in each of ``BUCKETS`` equal stretches."""

    case: Flagged
    posts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of the cases that were asked for, and what there is beside it."""

    rows: tuple[Row, ...]
    total: int
    pages: int
    top: tuple[Row, ...]
    """The few that need a manager, whatever state and level were asked for."""
    top_total: int
    counts: dict[str, int]
    """Cases of the period by ``Group``, and ``dismissed``; state and level not asked."""
    topics: tuple[tuple[str, int], ...]
    """Topic and cases, most first; dismissed ones are not counted."""
    stretch: timedelta
    """How long one of the ``BUCKETS`` is."""


def list_cases(session: Session, wanted: Wanted, now: datetime) -> Listing:
    """Return the page of cases that ``wanted`` describes; states are those of ``now``."""
    about = _about(session, wanted)
    standing, pressing = _standing(wanted), _pressing(now)
    rows = session.exec(
        select(  # type: ignore[call-overload]  # more columns than its overloads know
            Case.level,
            Case.state,
            Case.topic,
            func.count(),
            func.sum(case((and_(true(), *standing), 1), else_=0)),
            func.sum(case((pressing, 1), else_=0)),
        )
        .where(*about)
        .group_by(col(Case.level), col(Case.state), col(Case.topic))
    ).all()
    counts: Counter[str] = Counter()
    topics: Counter[str] = Counter()
    total = top_total = 0
    for level, state, topic, number, wanted_ones, pressing_ones in rows:
        counts[_group(level, state)] += number
        total += int(wanted_ones)
        top_total += int(pressing_ones)
        if state != CaseState.DISMISSED:
            topics[topic or OTHER] += number
    fits = [*about, *standing]
    pages = max(1, -(-total // PAGE))
    page = min(max(1, wanted.page), pages)
    ids = session.exec(
        select(Case.id).where(*fits).order_by(*_order(wanted)).offset((page - 1) * PAGE).limit(PAGE)
    ).all()
    top = session.exec(
        select(Case.id).where(*about, pressing).order_by(*_urgency()).limit(TOP)
    ).all()
    found, stretch = _read(session, {*ids, *top}, wanted)
    return Listing(
        rows=tuple(found[one] for one in ids if one in found),
        total=total,
        pages=pages,
        top=tuple(found[one] for one in top if one in found),
        top_total=top_total,
        counts=dict(counts),
        topics=tuple(sorted(topics.items(), key=lambda one: (-one[1], one[0]))),
        stretch=stretch,
    )


def each_case(session: Session, wanted: Wanted) -> Iterator[Flagged]:
    """Yield every case that ``wanted`` describes, in its order; holds few of them at a time."""
    fits = [*_about(session, wanted), *_standing(wanted)]
    ids = session.exec(select(Case.id).where(*fits).order_by(*_order(wanted))).all()
    for start in range(0, len(ids), READ_AT_ONCE):
        some = ids[start : start + READ_AT_ONCE]
        found, _ = _read(session, set(some), wanted)
        yield from (found[one].case for one in some if one in found)


def _about(session: Session, wanted: Wanted) -> list[Any]:
    """Return the conditions on everything but state and level."""
    fits: list[Any] = [cases_of(wanted.since, wanted.until)]
    if wanted.brand is not None:
        fits.append(col(Case.brand_id) == wanted.brand)
    if wanted.source is not None:
        here = select(Thread.id).where(col(Thread.source_id) == wanted.source)
        fits.append(col(Case.thread_id).in_(here))
    if wanted.language is not None:
        fits.append(
            exists().where(
                col(Tally.thread_id) == col(Case.thread_id),
                col(Tally.brand_id) == col(Case.brand_id),
                col(Tally.language) == wanted.language,
            )
        )
    if wanted.topic is not None:
        named = col(Case.topic) == wanted.topic
        fits.append(or_(named, col(Case.topic).is_(None)) if wanted.topic == OTHER else named)
    if wanted.owner is not None:
        owner = wanted.owner if wanted.owner != NOBODY else None
        fits.append(col(Case.agent_id).is_not_distinct_from(owner))
    if wanted.words.strip():
        hits = as_rows(session, threads_with(session, wanted.words))
        title = (  # as a value of the case: PostgreSQL looks through all titles for an EXISTS
            select(Thread.title)
            .where(col(Thread.id) == col(Case.thread_id))
            .correlate(Case)
            .scalar_subquery()
        )
        named = title.icontains(wanted.words.strip(), autoescape=True)
        fits.append(or_(col(Case.thread_id).in_(hits), named))
    return fits


def _standing(wanted: Wanted) -> list[Any]:
    """Return the conditions on state and level."""
    watch = col(Case.level) == Level.WATCH
    unwritten = col(Case.state).in_(UNWRITTEN)
    groups: dict[str, Any] = {
        Group.WAITING: and_(unwritten, ~watch),
        Group.WATCHED: and_(unwritten, watch),
        Group.CAUGHT: col(Case.state).in_((CaseState.CONTACTED, CaseState.SOLVED)),
    }
    fits = []
    if wanted.state in groups:
        fits.append(groups[wanted.state])
    elif wanted.state:
        fits.append(col(Case.state) == wanted.state)
    if wanted.level:
        fits.append(col(Case.level) == wanted.level)
    return fits


def _group(level: str, state: str) -> str:
    if state == CaseState.DISMISSED:
        return str(CaseState.DISMISSED)
    if state not in UNWRITTEN:
        return Group.CAUGHT
    return Group.WATCHED if level == Level.WATCH else Group.WAITING


_RANK = case((col(Case.level) == Level.URGENT, 2), (col(Case.level) == Level.REACH_OUT, 1), else_=0)


def _order(wanted: Wanted) -> list[Any]:
    finished = col(Case.state).in_(CLOSED)
    weight = [_RANK.desc(), col(Case.score).desc(), col(Case.id)]
    if wanted.sort is Sort.NEWEST:
        return [finished, col(Case.opened_at).desc(), col(Case.id).desc()]
    if wanted.sort is Sort.OLDEST:
        return [finished, col(Case.opened_at), col(Case.id)]
    if wanted.sort is Sort.GROWTH:
        lately = (
            select(func.coalesce(func.sum(Activity.posts), 0))
            .where(
                col(Activity.thread_id) == col(Case.thread_id),
                col(Activity.hour) >= wanted.until - GROWTH_WINDOW,
                col(Activity.hour) < wanted.until,
            )
            .correlate(Case)
            .scalar_subquery()
        )
        return [finished, lately.desc(), *weight]
    return [finished, *weight]


def _pressing(now: datetime) -> Any:
    """Return the condition for a case that needs a manager.

    Somebody asked for a decision; or it is urgent and nobody has written to the customer; or
    it should be answered and nobody has taken it for a day; or it was left open for weeks after a
    word with the customer.
    """
    return or_(
        col(Case.state) == CaseState.ESCALATED,
        and_(col(Case.level) == Level.URGENT, col(Case.state).in_(UNWRITTEN)),
        and_(
            col(Case.level) == Level.REACH_OUT,
            col(Case.state) == CaseState.NEW,
            col(Case.opened_at) < now - LEFT_ALONE,
        ),
        and_(
            col(Case.state) == CaseState.CONTACTED,
            col(Case.contacted_at) < now - LEFT_OPEN,
        ),
    )


def _urgency() -> list[Any]:
    escalated = case((col(Case.state) == CaseState.ESCALATED, 0), else_=1)
    taken = case((col(Case.agent_id).is_(None), 0), else_=1)
    return [escalated, _RANK.desc(), taken, col(Case.score).desc(), col(Case.id)]


def _read(
    session: Session, ids: set[int | None], wanted: Wanted
) -> tuple[dict[int | None, Row], timedelta]:
    chosen = select(col(Case.id)).where(col(Case.id).in_(ids))
    span = max(wanted.until - wanted.since, 2 * GROWTH_WINDOW)
    begin = wanted.until - span
    stretch = span / BUCKETS
    threads = select(Case.thread_id).where(col(Case.id).in_(ids))
    lines: dict[int, list[int]] = {}
    lately: Counter[int] = Counter()
    for thread, hour, posts in session.exec(
        select(Activity.thread_id, Activity.hour, Activity.posts).where(
            col(Activity.thread_id).in_(threads),
            col(Activity.hour) >= begin,
            col(Activity.hour) < wanted.until,
        )
    ):
        line = lines.setdefault(thread, [0] * BUCKETS)
        line[min(BUCKETS - 1, int((hour - begin) / stretch))] += posts
        if hour >= wanted.until - GROWTH_WINDOW:
            lately[thread] += posts
    return {
        one.id: Row(case=one, posts=tuple(lines.get(one.thread_id, [0] * BUCKETS)))
        for one in read_flagged(session, chosen, lately)
    }, stretch


def options(session: Session) -> dict[str, Sequence[Any]]:
    """Return what the filters offer: (id, name) of brands, sources and agents."""

    def named(table: Any) -> Sequence[Any]:
        return session.exec(select(table.id, table.name).order_by(table.name)).all()

    return {"brands": named(Brand), "sources": named(Source), "owners": named(Agent)}
