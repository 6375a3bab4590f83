"""Deliveries that ops must look at; what ``quietword check`` shows of the outbox."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlmodel import Session, col, select

from models import Alert, Delivery, DeliveryState, Level

STUCK_AFTER = 5
"""Attempts after which a delivery that is still being tried is worth a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One delivery that is not where it should be."""

    delivery_id: int
    case_id: int
    level: Level
    target: tuple[str, str]
    """Kind of channel and room."""
    attempts: int
    failed: bool
    """``True``: waits for ``retry_failed``; ``False``: goes out by itself once it can."""
    reason: str


def trouble(session: Session, configured: Collection[tuple[str, str]]) -> list[Trouble]:
    """Return the deliveries that ops must look at, oldest first.

    Those are the failed ones, those that wait for a channel and room not in ``configured``,
    and those still being tried after ``STUCK_AFTER`` attempts.
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
            level=Level(alert.level),
            target=(delivery.channel, delivery.room),
            attempts=delivery.attempts,
            failed=delivery.state == DeliveryState.FAILED,
            reason=reason,
        )
        for delivery, alert in session.exec(unsent)
        if (reason := _reason(delivery, configured)) is not None
    ]


def _reason(delivery: Delivery, configured: Collection[tuple[str, str]]) -> str | None:
    if delivery.state == DeliveryState.FAILED:
        return delivery.error
    if (delivery.channel, delivery.room) not in configured:
        place = " ".join(filter(None, (delivery.channel, delivery.room)))
        return f"{place} is not configured; the alert waits until it is"
    if delivery.attempts >= STUCK_AFTER:
        return delivery.error or "every sender so far died before it could say how it went"
    return None
