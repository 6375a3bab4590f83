"""Deliveries that ops must look at; what ``quietword check`` shows of the outbox."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from models import WAITING, Alert, BrokenChannel, Delivery, DeliveryState, Level

STUCK_AFTER = 5
"""Attempts after which a delivery that is still being tried is worth a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One delivery that is not where it should be."""

    delivery_id: int
    case_id: int | None
    """``None``: a summary of several, or a digest."""
    key: str
    level: Level
    target: tuple[str, str]
    """Kind of channel and room."""
    attempts: int
    failed: bool
    """``True``: waits for ``retry_failed``; ``False``: goes out by itself once it can."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A channel that takes nothing until a person has mended something."""

    target: tuple[str, str]
    reason: str
    since: datetime
    waiting: int
    """Messages in its queue."""

    @property
    def words(self) -> str:
        """Return it as a sentence, for the banner of the pages and ``quietword check``."""
        where = " ".join(self.target).strip()
        waits = "1 message waits" if self.waiting == 1 else f"{self.waiting} messages wait"
        since = f"{self.since:%Y-%m-%d %H:%M} UTC"
        return f"{where} has taken nothing since {since}: {self.reason}. {waits}"


def broken(session: Session) -> list[Broken]:
    """Return the channels that have stopped, longest first; empty when all is well."""
    counts = session.exec(
        select(Delivery.channel, Delivery.room, func.count())
        .where(col(Delivery.state).in_(WAITING))
        .group_by(Delivery.channel, Delivery.room)
    )
    waiting = {(kind, room): number for kind, room, number in counts}
    rows = session.exec(select(BrokenChannel).order_by(col(BrokenChannel.since)))
    return [
        Broken(
            target=(row.channel, row.room),
            reason=row.reason,
            since=row.since,
            waiting=waiting.get((row.channel, row.room), 0),
        )
        for row in rows
    ]


def trouble(
    session: Session, configured: Collection[tuple[str, str]], kinds: Collection[str] = ()
) -> list[Trouble]:
    """Return the deliveries that ops must look at, oldest first.

    Those are the failed ones, those that wait for a channel and room not in ``configured`` and
    of none of ``kinds``, by which any room is reached, and those still being tried after
    ``STUCK_AFTER`` attempts.
    """
    unsent = (
        select(Delivery, Alert)
        .join(Alert, col(Alert.id) == col(Delivery.alert_id))
        .where(col(Delivery.state) != DeliveryState.SENT)
        .order_by(col(Delivery.id))
    )
    return [
        Trouble(
            delivery_id=delivery.id or 0,
            case_id=alert.case_id,
            key=alert.key,
            level=Level(alert.level),
            target=(delivery.channel, delivery.room),
            attempts=delivery.attempts,
            failed=delivery.state == DeliveryState.FAILED,
            reason=reason,
        )
        for delivery, alert in session.exec(unsent)
        if (reason := _reason(delivery, configured, kinds)) is not None
    ]


def _reason(
    delivery: Delivery, configured: Collection[tuple[str, str]], kinds: Collection[str]
) -> str | None:
    if delivery.state == DeliveryState.FAILED:
        return delivery.error
    reached = delivery.channel in kinds or (delivery.channel, delivery.room) in configured
    if not reached:
        place = " ".join(filter(None, (delivery.channel, delivery.room)))
        return f"{place} is not configured; the alert waits until it is"
    if delivery.attempts >= STUCK_AFTER:
        return delivery.error or "every sender so far died before it could say how it went"
    return None
