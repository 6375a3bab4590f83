"""Alerts that were raised and have not reached anybody."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from alerts.words import shown
from models import WAITING, Alert, Case, Delivery, DeliveryState, Thread
from monitor.flagged import TITLE_LIMIT

ERROR_LIMIT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """An alert that has not reached its channel though it was tried."""

    case_id: int
    title: str
    channel: str
    given_up: bool
    error: str
    since: datetime


def read_undelivered(session: Session) -> tuple[Undelivered, ...]:
    """Return the alerts that were tried and refused, whatever their age, the oldest first."""
    stuck = or_(
        col(Delivery.state) == DeliveryState.FAILED,
        and_(
            col(Delivery.state).in_(WAITING),
            col(Delivery.attempts) > 0,
            col(Delivery.error) != "",
        ),
    )
    query = (
        select(Delivery, Alert, Case, Thread.title)
        .join(Alert, col(Alert.id) == col(Delivery.alert_id))
        .join(Case, col(Case.id) == col(Alert.case_id))
        .join(Thread, col(Thread.id) == col(Case.thread_id))
        .where(stuck)
        .order_by(col(Alert.created_at))
    )
    return tuple(
        Undelivered(
            case_id=case.id or 0,
            title=shown(title, TITLE_LIMIT, empty="(no title)"),
            channel=delivery.channel,
            given_up=delivery.state == DeliveryState.FAILED,
            error=shown(delivery.error, ERROR_LIMIT, empty=""),
            since=alert.created_at,
        )
        for delivery, alert, case, title in session.exec(query)
    )
