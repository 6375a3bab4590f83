"""Writing down what came of an attempt to send, and when the next one may be made."""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select, update

from alerts.base import DeliveryError
from alerts.outbox import Target
from models import WAITING, Alert, AlertKind, BrokenChannel, Delivery, DeliveryState
from models.database import writing

logger = logging.getLogger(__name__)
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0
LONGEST_RETRY_AFTER_S = 3_600.0
"""A channel that asks for a longer rest is tried again after this one all the same."""
ERROR_LIMIT = 1_000
BROKEN_PAUSE_S = 600.0
"""How long a broken channel is left alone before one delivery is tried."""


class Outcome(Enum):
    """What came of one attempt."""

    SENT = auto()
    REPEATED = auto()
    FOUND = auto()
    RETRIED = auto()
    FAILED = auto()
    TAKEN = auto()
    """Somebody else sends it, or did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A delivery that is ours to send until ``until``."""

    delivery: Delivery
    alert: Alert
    until: datetime
    in_doubt: bool
    """An earlier attempt may have arrived."""

    @property
    def target(self) -> Target:
        """Return where it goes."""
        return self.delivery.channel, self.delivery.room


def record_sent(engine: Engine, lease: Lease, receipt: str | None, now: datetime) -> None:
    """Write down that the message has arrived, whoever holds the lease by now."""
    delivery = lease.delivery
    with writing(engine) as session:
        recorded = session.exec(
            update(Delivery)
            .where(col(Delivery.id) == delivery.id, col(Delivery.state) != DeliveryState.SENT)
            .values(
                state=DeliveryState.SENT,
                receipt=receipt,
                sent_at=now,
                leased_until=None,
                error="",
            )
        )
        session.exec(  # those that the summary tells of
            update(Delivery)
            .where(
                col(Delivery.summary_id) == delivery.id, col(Delivery.state) != DeliveryState.SENT
            )
            .values(state=DeliveryState.SENT, sent_at=now, leased_until=None, error="")
        )
        session.exec(
            delete(BrokenChannel).where(
                col(BrokenChannel.channel) == delivery.channel,
                col(BrokenChannel.room) == delivery.room,
            )
        )
    if recorded.rowcount != 1:
        logger.warning("delivery %s to %s arrived twice", delivery.id, lease.target)
    else:
        logger.info(
            "%s: is in %s after %d attempt(s)", lease.alert.key, lease.target, delivery.attempts
        )


def record_failure(
    engine: Engine,
    lease: Lease,
    error: DeliveryError,
    now: datetime,
    rooms: Sequence[Target] = (),
) -> Outcome:
    """Write down why an attempt failed, and when the next one may be made, if any.

    A word to one person that failed for good is queued for ``rooms``, in the same transaction.
    Does nothing when the lease has run out and another sender took over.
    """
    delivery, reason = lease.delivery, str(error)[:ERROR_LIMIT]
    wait = timedelta(seconds=_pause_s(error, delivery.attempts))
    in_doubt = error.in_doubt or (lease.in_doubt and not error.permanent)
    state = DeliveryState.UNKNOWN if in_doubt else DeliveryState.PENDING
    stops = error.channel and not (error.recipient and _for_one_person(lease) and rooms)
    if stops:
        wait = timedelta()
    elif error.permanent:
        state = DeliveryState.FAILED
    with writing(engine) as session:
        recorded = session.exec(
            update(Delivery)
            .where(
                col(Delivery.id) == delivery.id,
                col(Delivery.state) == DeliveryState.SENDING,
                col(Delivery.leased_until) == lease.until,
            )
            .values(state=state, error=reason, not_before=now + wait, leased_until=None)
        )
        if state == DeliveryState.FAILED and recorded.rowcount == 1:
            _tell_rooms(session, lease, rooms, now)
        if stops:
            _mark_broken(session, delivery, reason, now)
        if error.retry_after is not None:
            session.exec(
                update(Delivery)
                .where(
                    col(Delivery.channel) == delivery.channel,
                    col(Delivery.room) == delivery.room,
                    col(Delivery.state).in_(WAITING),
                    col(Delivery.not_before) < now + wait,
                )
                .values(not_before=now + wait)
            )
    if recorded.rowcount != 1:
        return Outcome.TAKEN
    if stops:
        logger.error("%s stops: %s; its queue waits", lease.target, reason)
        return Outcome.RETRIED
    if error.permanent:
        logger.error("%s: cannot be sent to %s: %s", lease.alert.key, lease.target, reason)
        return Outcome.FAILED
    logger.warning(
        "delivery %s to %s failed, next attempt in %.0f s: %s",
        delivery.id,
        lease.target,
        wait.total_seconds(),
        reason,
    )
    return Outcome.RETRIED


def _for_one_person(lease: Lease) -> bool:
    return lease.alert.kind == AlertKind.NOTICE and bool(lease.alert.content.get("person"))


def _tell_rooms(session: Session, lease: Lease, rooms: Sequence[Target], now: datetime) -> None:
    """Queue a word that did not reach its one person for ``rooms``, once."""
    alert_id = lease.delivery.alert_id
    if not _for_one_person(lease):
        return
    known = session.exec(
        select(Delivery.channel, Delivery.room).where(Delivery.alert_id == alert_id)
    ).all()
    session.add_all(
        Delivery(alert_id=alert_id, channel=channel, room=room, not_before=now)
        for channel, room in dict.fromkeys(rooms)
        if (channel, room) not in known
    )


def _mark_broken(session: Session, delivery: Delivery, reason: str, now: datetime) -> None:
    try_at = now + timedelta(seconds=BROKEN_PAUSE_S)
    same = (BrokenChannel.channel == delivery.channel, BrokenChannel.room == delivery.room)
    known = session.exec(select(BrokenChannel).where(*same)).first()
    if known is None:
        try:
            with session.begin_nested():
                session.add(
                    BrokenChannel(
                        channel=delivery.channel,
                        room=delivery.room,
                        reason=reason,
                        since=now,
                        try_at=try_at,
                    )
                )
        except IntegrityError:  # another sender has found it out, too
            return
    else:
        known.reason, known.try_at = reason, try_at


def _pause_s(error: DeliveryError, attempts: int) -> float:
    """Return the seconds until the next attempt."""
    if error.retry_after is not None:
        return min(error.retry_after, LONGEST_RETRY_AFTER_S)
    pause = min(FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 10), LONGEST_PAUSE_S)
    return pause * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
