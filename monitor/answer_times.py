"""How long customers wait, from their post to a private word; and when nobody is at work."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median, quantiles

from sqlalchemy import func
from sqlmodel import Session, col, select

from models import Agent, Case, CaseChange, CaseEvent, Post
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
    """Return the waits of customers first written to from ``since`` up to ``until``."""
    rows = session.exec(
        select(
            func.coalesce(Post.posted_at, Post.fetched_at),
            Case.opened_at,
            CaseEvent.at,
            Agent.team,
        )
        .select_from(CaseEvent)
        .join(Case, col(Case.id) == col(CaseEvent.case_id))
        .join(Post, col(Post.id) == col(Case.post_id))
        .outerjoin(Agent, col(Agent.id) == col(CaseEvent.agent_id))
        .where(
            col(CaseEvent.kind) == CaseChange.CONTACTED,
            col(CaseEvent.at) >= since,
            col(CaseEvent.at) < until,
            *([col(Case.brand_id) == brand] if brand else []),
        )
    ).all()
    staff = [one for one in workers(session) if one.agent.active]
    waits = [
        Wait(
            noticed=max(timedelta(), opened - posted),
            answered=max(timedelta(), at - opened),
            team=team or "",
            in_hours=any(one.works(opened) for one in staff),
        )
        for posted, opened, at, team in rows
    ]
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
