"""Alerts, words about cases and digests that have not reached anybody."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from alerts.words import shown
from models import WAITING, Alert, AlertKind, Case, Delivery, DeliveryState, Thread
from monitor.flagged import TITLE_LIMIT

ERROR_LIMIT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """Something that has not reached its channel though it was tried."""

    case_id: int | None
    """``None``: a word about several cases, or a digest."""
    title: str
    channel: str
    given_up: bool
    error: str
    since: datetime


def read_undelivered(session: Session) -> tuple[Undelivered, ...]:
    """Return what was tried and refused, whatever its age, the oldest first.

    What a summary tells of stands there, and a word to one person that was passed on to the rooms
    where they wait, if they do.
    """
    other = aliased(Delivery)
    passed_on = (
        select(other.id)
        .where(other.alert_id == Delivery.alert_id, other.id != Delivery.id)
        .exists()
    )
    stuck = or_(
        col(Delivery.state) == DeliveryState.FAILED,
        and_(
            col(Delivery.state).in_(WAITING),
            col(Delivery.attempts) > 0,
            col(Delivery.error) != "",
        ),
    )
    query = (
        select(Delivery, Alert, Thread.title)
        .join(Alert, col(Alert.id) == col(Delivery.alert_id))
        .outerjoin(Case, col(Case.id) == col(Alert.case_id))
        .outerjoin(Thread, col(Thread.id) == col(Case.thread_id))
        .where(stuck, col(Delivery.summary_id).is_(None))
        .where(~and_(col(Alert.kind) == AlertKind.NOTICE, passed_on))
        .order_by(col(Alert.created_at))
    )
    return tuple(
        Undelivered(
            case_id=alert.case_id,
            title=shown(_title(alert, title), TITLE_LIMIT, empty="(no title)"),
            channel=delivery.channel,
            given_up=delivery.state == DeliveryState.FAILED,
            error=shown(delivery.error, ERROR_LIMIT, empty=""),
            since=alert.created_at,
        )
        for delivery, alert, title in session.exec(query)
    )


def _title(alert: Alert, thread_title: str | None) -> str:
    if thread_title is not None:
        return thread_title
    return str(alert.content.get("title") or alert.key)
