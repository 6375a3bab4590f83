"""How often brands are named and complained of over time, by topic and by place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from math import sqrt
from typing import Any

from sqlalchemy import Select, func
from sqlalchemy import select as plain_select
from sqlmodel import Session, col, select

from alerts.words import NAME_LIMIT, shown
from models import Brand, Case, CaseState, Source, Tally
from monitor.digest import cases_of
from monitor.flagged import Flagged, read_flagged

Z95 = 1.959964
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""
SMALL = 100
"""Judged posts below which a share is shown with its interval."""
HOURLY_UP_TO = timedelta(days=2)
DAILY_UP_TO = timedelta(days=62)
QUOTES = 6


@dataclass(frozen=True, slots=True)
class Share:
    """A share of posts, with the interval that holds the true one in 95 of 100 cases."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """Return the share from 0 to 1, ``None`` of nothing."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        """Return Wilson's score interval, (0, 1) of nothing."""
        if not self.whole:
            return 0.0, 1.0
        n, p = self.whole, self.part / self.whole
        middle = p + Z95**2 / (2 * n)
        spread = Z95 * sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n))
        scale = 1 + Z95**2 / n
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)

    @property
    def small(self) -> bool:
        """Return whether there are so few posts that the interval must be shown."""
        return self.whole < SMALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One hour, day or week of a trend."""

    begin: datetime
    mentions: int = 0
    rivals: int = 0
    judged: int = 0
    negative: int = 0

    @property
    def share(self) -> Share:
        """Return the share of judged posts that are unhappy."""
        return Share(self.negative, self.judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One brand over a period, beside its rivals and the period before."""

    brand_id: int
    brand: str
    buckets: tuple[Bucket, ...]
    total: Bucket
    before: Bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicChange:
    """Unhappy posts about a topic in a period and in as long before, with a case to quote."""

    topic: str
    now: int
    before: int
    case: Flagged | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What was said on one source."""

    source_id: int
    name: str
    mentions: int
    share: Share


def read_trends(
    session: Session, since: datetime, until: datetime, zone: tzinfo, brand: int | None = None
) -> tuple[Trend, ...]:
    """Return the trend of each brand, the most named first; days and weeks are those of ``zone``.

    A period of at most two days is told by the hour, one of at most 62 by the day, else by
    the week.
    """
    begins = _begins(since, until, zone)
    span = until - since
    names: dict[int, str] = {one.id or 0: one.name for one in session.exec(select(Brand))}
    sums: dict[int, list[list[int]]] = {}

    def rows_of(brand_id: int) -> list[list[int]]:
        if brand_id not in sums:
            sums[brand_id] = [[0] * 4 for _ in range(len(begins) + 1)]
        return sums[brand_id]

    earlier = _counted(since - span, since, brand, Tally.brand_id)
    for brand_id, *numbers in session.exec(earlier):  # type: ignore[call-overload]  # of plain SQLAlchemy
        rows_of(brand_id)[-1] = [int(number) for number in numbers]
    place = 0
    hourly = _counted(since, until, brand, Tally.hour, Tally.brand_id).order_by(col(Tally.hour))
    for hour, brand_id, *numbers in session.exec(hourly):  # type: ignore[call-overload]  # of plain SQLAlchemy
        while place + 1 < len(begins) and hour >= begins[place + 1]:
            place += 1
        rows = rows_of(brand_id)
        rows[place] = [
            told + int(number) for told, number in zip(rows[place], numbers, strict=True)
        ]
    found = []
    for brand_id, rows in sums.items():
        total = [sum(column) for column in zip(*rows[:-1], strict=True)]
        found.append(
            Trend(
                brand_id=brand_id,
                brand=shown(names.get(brand_id, ""), NAME_LIMIT),
                buckets=tuple(_bucket(at, row) for at, row in zip(begins, rows[:-1], strict=True)),
                total=_bucket(since, total),
                before=_bucket(since - span, rows[-1]),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.total.mentions, one.brand)))


def _counted(since: datetime, until: datetime, brand: int | None, *by: Any) -> Select[Any]:
    """Return the query for the four counts of a period, one row for each of ``by``."""
    counts = (Tally.mentions, Tally.rivals, Tally.judged, Tally.negative)
    return (
        plain_select(*by, *(func.sum(one) for one in counts))
        .where(
            col(Tally.hour) >= since,
            col(Tally.hour) < until,
            *([col(Tally.brand_id) == brand] if brand else []),
        )
        .group_by(*by)
    )


def _bucket(begin: datetime, numbers: Sequence[int]) -> Bucket:
    mentions, rivals, judged, negative = numbers
    return Bucket(begin=begin, mentions=mentions, rivals=rivals, judged=judged, negative=negative)


def _begins(since: datetime, until: datetime, zone: tzinfo) -> list[datetime]:
    """Return where the hours, days or weeks of a period begin; the first with the period."""
    span = until - since
    if span <= HOURLY_UP_TO:
        hours = int(span / timedelta(hours=1)) + 1
        whole = since.replace(minute=0, second=0, microsecond=0)
        return [max(since, whole + timedelta(hours=n)) for n in range(hours)]
    step = timedelta(days=1 if span <= DAILY_UP_TO else 7)
    begins = [since]
    day = since.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    while (day := day + step) < until:
        begins.append(day)
    return begins


def read_topics(
    session: Session, since: datetime, until: datetime, brand: int | None = None
) -> tuple[TopicChange, ...]:
    """Return what unhappy posts are about, most first, each with its weightiest open case."""
    counts: dict[str, list[int]] = {}
    span = until - since
    for index, begin in enumerate((since, since - span)):
        rows = session.exec(
            select(Tally.topic, func.sum(Tally.negative))
            .where(
                col(Tally.hour) >= begin,
                col(Tally.hour) < begin + span,
                *([col(Tally.brand_id) == brand] if brand else []),
            )
            .group_by(col(Tally.topic))
        ).all()
        for topic, number in rows:
            if number:
                counts.setdefault(topic or "other", [0, 0])[index] += int(number)
    quotes = _weightiest(session, since, until, brand)
    found = [
        TopicChange(topic=topic, now=now, before=before, case=quotes.get(topic))
        for topic, (now, before) in counts.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.now, -one.before, one.topic)))


def _weightiest(
    session: Session, since: datetime, until: datetime, brand: int | None
) -> dict[str, Flagged]:
    """Return the weightiest case of each topic that was opened in the period."""
    topic = func.coalesce(Case.topic, "other")
    ranked = (
        select(
            Case.id,
            func.row_number()
            .over(partition_by=topic, order_by=(col(Case.score).desc(), col(Case.id)))
            .label("place"),
        )
        .where(
            cases_of(since, until),
            col(Case.opened_at) >= since,
            col(Case.state) != CaseState.DISMISSED,
            *([col(Case.brand_id) == brand] if brand else []),
        )
        .subquery()
    )
    first = session.exec(select(ranked.c.id).where(ranked.c.place == 1)).all()
    cases = read_flagged(session, select(col(Case.id)).where(col(Case.id).in_(first)), {})
    return {case.topic or "other": case for case in cases}


def read_places(
    session: Session, since: datetime, until: datetime, brand: int | None = None
) -> tuple[Place, ...]:
    """Return where a brand is spoken of, most first."""
    rows = session.exec(
        select(
            Tally.source_id,
            func.sum(Tally.mentions),
            func.sum(Tally.judged),
            func.sum(Tally.negative),
        )
        .where(
            col(Tally.hour) >= since,
            col(Tally.hour) < until,
            *([col(Tally.brand_id) == brand] if brand else []),
        )
        .group_by(col(Tally.source_id))
    ).all()
    names: dict[int, str] = {one.id or 0: one.name for one in session.exec(select(Source))}
    found = [
        Place(
            source_id=source_id,
            name=shown(names.get(source_id, ""), NAME_LIMIT, empty="(no name)"),
            mentions=int(mentions),
            share=Share(int(negative), int(judged)),
        )
        for source_id, mentions, judged, negative in rows
    ]
    return tuple(sorted(found, key=lambda one: (-one.share.part, -one.mentions, one.name)))
