"""How long customers wait, from their post to a private word; and when nobody is at work."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median, quantiles
from typing import Any

from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from models import Agent, Case, CaseChange, CaseEvent, Label, Post
from monitor.shifts import Worker, workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One customer's wait: until the post was noticed, then until they were written to."""

    noticed: timedelta
    answered: timedelta
    team: str
    in_hours: bool
    """Somebody was on shift when the case was opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """The waits of a team or of a part of the day; never of one person."""

    name: str
    number: int
    noticed: timedelta
    """Median from post to case."""
    answered: timedelta
    """Median from case to the word with the customer."""
    whole: timedelta
    """Median from post to that word."""
    slow: timedelta
    """Nine in ten customers waited no longer than this in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTimes:
    """The waits of customers who were written to in a period."""

    whole: Waits | None
    in_hours: Waits | None
    out_of_hours: Waits | None
    teams: tuple[Waits, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncovered:
    """When nobody was on shift."""

    total: timedelta
    longest: tuple[datetime, datetime] | None
    told: bool
    """Anybody has shifts; without them nothing can be said."""


def read_answer_times(
    session: Session, since: datetime, until: datetime, brand: int | None = None
) -> AnswerTimes:
    """Return the waits of customers written to from ``since`` up to ``until``.

    A case that was reopened before is a new wait, which began with the complaint that reopened
    it; at the reopening itself, where a person saw that an old one was not settled.
    """
    rows = session.exec(
        select(  # type: ignore[call-overload]  # more columns than its overloads know
            func.coalesce(Post.posted_at, Post.fetched_at),
            Case.opened_at,
            _last_before(CaseChange.REOPENED),
            _last_before(CaseChange.SOLVED, CaseChange.DISMISSED),
            CaseEvent.at,
            Agent.team,
        )
        .select_from(CaseEvent)
        .join(Case, col(Case.id) == col(CaseEvent.case_id))
        .join(Post, col(Post.id) == func.coalesce(_post_of_then(), col(Case.post_id)))
        .outerjoin(Agent, col(Agent.id) == col(CaseEvent.agent_id))
        .where(
            col(CaseEvent.kind) == CaseChange.CONTACTED,
            col(CaseEvent.at) >= since,
            col(CaseEvent.at) < until,
            *([col(Case.brand_id) == brand] if brand else []),
        )
    ).all()
    staff = [one for one in workers(session) if one.agent.active]
    waits = []
    for posted, first_opened, reopened, closed, at, team in rows:
        opened = reopened or first_opened
        begun = opened if reopened and closed and posted <= closed else posted
        waits.append(
            Wait(
                noticed=max(timedelta(), opened - begun),
                answered=max(timedelta(), at - opened),
                team=team or "",
                in_hours=any(one.works(opened) for one in staff),
            )
        )
    teams: dict[str, list[Wait]] = defaultdict(list)
    for wait in waits:
        teams[wait.team].append(wait)
    return AnswerTimes(
        whole=_waits("", waits),
        in_hours=_waits("", [wait for wait in waits if wait.in_hours]),
        out_of_hours=_waits("", [wait for wait in waits if not wait.in_hours]),
        teams=tuple(
            told for name in sorted(teams) if (told := _waits(name, teams[name])) is not None
        ),
    )


def _last_before(*kinds: CaseChange) -> Any:
    """Return when one of ``kinds`` last happened to the case before the event."""
    earlier = aliased(CaseEvent)
    return (
        select(func.max(earlier.at))
        .where(
            col(earlier.case_id) == col(CaseEvent.case_id),
            col(earlier.id) < col(CaseEvent.id),
            col(earlier.kind).in_(kinds),
        )
        .correlate(CaseEvent)
        .scalar_subquery()
    )


def _post_of_then() -> Any:
    """Return the post whose author was written to; the case may be about another by now."""
    return (
        select(Label.post_id)
        .where(col(Label.case_id) == col(CaseEvent.case_id), col(Label.at) == col(CaseEvent.at))
        .order_by(col(Label.id))
        .limit(1)
        .correlate(CaseEvent)
        .scalar_subquery()
    )


def _waits(name: str, waits: list[Wait]) -> Waits | None:
    if not waits:
        return None
    whole = [(wait.noticed + wait.answered).total_seconds() for wait in waits]
    slow = quantiles(whole, n=10, method="inclusive")[-1] if len(whole) > 1 else whole[0]
    return Waits(
        name=name,
        number=len(waits),
        noticed=_median([wait.noticed for wait in waits]),
        answered=_median([wait.answered for wait in waits]),
        whole=timedelta(seconds=median(whole)),
        slow=timedelta(seconds=slow),
    )


def _median(spans: list[timedelta]) -> timedelta:
    return timedelta(seconds=median(span.total_seconds() for span in spans))


def read_uncovered(session: Session, since: datetime, until: datetime) -> Uncovered:
    """Return how long nobody was on shift; pauses are not looked at, days off are."""
    staff = workers(session)
    if not any(one.hours for one in staff):
        return Uncovered(total=timedelta(), longest=None, told=False)
    total, longest, done = timedelta(), None, since
    for begin, end in sorted([*_at_work(staff, since, until), (until, until)]):
        gap = begin - done
        if gap > timedelta():
            total += gap
            if longest is None or gap > longest[1] - longest[0]:
                longest = (done, begin)
        done = max(done, end)
    return Uncovered(total=total, longest=longest, told=True)


def _at_work(
    staff: list[Worker], since: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    """Return the stretches of the period in which each of the staff works."""
    found = []
    for one in staff:
        day = (since - timedelta(days=2)).date()
        while day <= (until + timedelta(days=1)).date():
            found += [
                (max(begin, since), min(end, until))
                for begin, end in one.spans(day)
                if end > since and begin < until
            ]
            day += timedelta(days=1)
    return found
