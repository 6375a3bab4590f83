"""The outbox: from a stored alert to a message in a room, at least once.

``enqueue`` writes an alert and its deliveries in the transaction that opens or raises the case.
``deliver_due`` takes each delivery by a lease, sends it and records what came of it: three
steps, two short transactions, and no network inside either. A sender that dies leaves the lease
to run out, and another one sends. This is the only place that tries again.

``leased_until`` tells two things: while it lies ahead, somebody is sending; where it lies behind,
an attempt began and nobody knows how it ended, so the room is searched before the next one.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy import Engine, and_, case, false, func, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from alerts.base import Channel, DeliveryError, Message, MessageError
from models import Alert, Case, Delivery, DeliveryState, Level
from models.base import utc_now
from models.database import reading, writing
from models.errors import QuietwordError

logger = logging.getLogger(__name__)

Target = tuple[str, str]
"""Kind of channel and room, such as ``("slack", "C0123ABCD")`` or ``("console", "")``."""

LEASE_S = 60.0
"""How long a sender may take; three calls to Slack of 10 s each fit in."""
BATCH = 50
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0
LONGEST_RETRY_AFTER_S = 3_600.0
"""A channel that asks for a longer rest is tried again after this one all the same."""
SEARCHES = 3
"""Attempts that wait for a room that cannot be searched just now; then the alert goes out."""
ERROR_LIMIT = 1_000


class OutboxError(QuietwordError):
    """An alert cannot be put into the outbox; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchReport:
    """What one run of ``deliver_due`` did; counts are deliveries."""

    sent: int
    """Newly sent and taken by the channel, ``repeated`` ones included."""
    found: int
    """Recorded as sent without sending: an earlier attempt had arrived after all."""
    repeated: int
    """Sent although an earlier attempt may have arrived: readers may see these twice."""
    retried: int
    """Tried in vain; to be tried again."""
    failed: int
    """Given up until a person acts."""
    waiting: int
    """Pending at the end and not tried in this run."""
    unconfigured: tuple[Target, ...]
    """Where deliveries wait for a channel that is not configured (any more)."""


class _Outcome(Enum):
    SENT = auto()
    REPEATED = auto()
    FOUND = auto()
    RETRIED = auto()
    FAILED = auto()
    TAKEN = auto()
    """Somebody else sends it, or did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    """A delivery that is ours to send until ``until``."""

    delivery: Delivery
    alert: Alert
    until: datetime
    in_doubt: bool
    """An earlier attempt may have arrived."""

    @property
    def target(self) -> Target:
        return self.delivery.channel, self.delivery.room


def enqueue(
    session: Session, case: Case, message: Message, targets: Sequence[Target], now: datetime
) -> bool:
    """Put ``message`` into the outbox, once per case and level, in the caller's transaction.

    Adds an ``Alert`` and one ``Delivery`` per target. Returns ``False``, adding nothing, where
    the case has had an alert of this level already. Raises ``OutboxError`` when ``message``
    belongs to another case, or when ``targets`` is empty, since nobody would hear of it.
    """
    if case.id is None or message.case_id != case.id:
        raise OutboxError(f"an alert of case {message.case_id} was offered for case {case.id}")
    if not targets:
        raise OutboxError(
            f"case {case.id} has no channel to be told on; configure one, console or slack"
        )
    alert = Alert(case_id=case.id, level=message.level, content=message.as_json(), created_at=now)
    if _has_alert(session, alert):
        return False
    try:
        with session.begin_nested():
            session.add(alert)
    except IntegrityError:  # on PostgreSQL another worker may have come first
        if not _has_alert(session, alert):
            raise
        return False
    assert alert.id is not None  # noqa: S101
    session.add_all(
        Delivery(alert_id=alert.id, channel=channel, room=room, not_before=now)
        for channel, room in dict.fromkeys(targets)
    )
    session.flush()
    return True


def _has_alert(session: Session, alert: Alert) -> bool:
    same = select(Alert.id).where(Alert.case_id == alert.case_id, Alert.level == alert.level)
    return session.exec(same).first() is not None


def deliver_due(
    engine: Engine,
    channels: Mapping[Target, Channel],
    *,
    now: Callable[[], datetime] = utc_now,
    lease_s: float = LEASE_S,
    limit: int = BATCH,
    sleep: Callable[[float], None] = time.sleep,
) -> DispatchReport:
    """Send up to ``limit`` due deliveries, urgent first, then oldest first; say what came of it.

    Any number of processes may run this at once: a delivery is sent by whoever gets its lease.
    Each room is given its channel's ``pause_s`` between two messages. After a failure the room
    is left alone for the rest of the run, so that an outage costs one timeout, and the delivery
    waits 5, 10, 20, ... 300 s, of which a random part up to half is taken off, so that senders
    do not march in step. A channel that names a time to wait rests for all of its room.
    """
    queue = _due(engine, channels, now(), limit)
    ready_at: dict[Target, float] = {}
    outcomes: Counter[_Outcome] = Counter()
    while queue:
        soonest = min(queue, key=lambda due: ready_at.get(due[1], 0.0))  # the first of equals
        delivery_id, target = next(
            (due for due in queue if ready_at.get(due[1], 0.0) <= time.monotonic()), soonest
        )
        queue.remove((delivery_id, target))
        sleep(max(0.0, ready_at.get(target, 0.0) - time.monotonic()))
        outcome = _deliver(engine, channels[target], delivery_id, now, lease_s)
        outcomes[outcome] += 1
        if outcome in {_Outcome.SENT, _Outcome.REPEATED}:
            ready_at[target] = time.monotonic() + channels[target].pause_s
        elif outcome in {_Outcome.RETRIED, _Outcome.FAILED}:
            queue = [due for due in queue if due[1] != target]
    return _report(engine, channels, outcomes)


def _due(
    engine: Engine, channels: Mapping[Target, Channel], now: datetime, limit: int
) -> list[tuple[int, Target]]:
    """Return ids and targets of what may be sent now to ``channels``, in the order to send."""
    urgency = case({level.value: level.rank for level in Level}, value=col(Alert.level), else_=0)
    due = (
        select(col(Delivery.id), Delivery.channel, Delivery.room)
        .join(Alert, col(Alert.id) == col(Delivery.alert_id))
        .where(
            col(Delivery.state) == DeliveryState.PENDING,
            col(Delivery.not_before) <= now,
            or_(col(Delivery.leased_until).is_(None), col(Delivery.leased_until) < now),
            or_(
                false(),
                *(
                    and_(col(Delivery.channel) == kind, col(Delivery.room) == room)
                    for kind, room in channels
                ),
            ),
        )
        .order_by(urgency.desc(), col(Alert.created_at), col(Delivery.id))
        .limit(limit)
    )
    with reading(engine) as session:
        return [(number, (kind, room)) for number, kind, room in session.exec(due) if number]


def _deliver(
    engine: Engine,
    channel: Channel,
    delivery_id: int,
    now: Callable[[], datetime],
    lease_s: float,
) -> _Outcome:
    """Take, send and record one delivery."""
    lease = _take(engine, delivery_id, now(), lease_s)
    if lease is None:
        return _Outcome.TAKEN
    try:
        outcome, receipt = _send(channel, lease)
    except MessageError as error:
        return _record_failure(engine, lease, DeliveryError(str(error), permanent=True), now())
    except DeliveryError as error:
        return _record_failure(engine, lease, error, now())
    except Exception as error:
        logger.exception("delivery %s: channel %s broke", delivery_id, lease.target)
        broken = DeliveryError(f"the channel broke: {type(error).__name__}", in_doubt=True)
        return _record_failure(engine, lease, broken, now())
    _record_sent(engine, lease, receipt, now())
    return outcome


def _take(engine: Engine, delivery_id: int, now: datetime, lease_s: float) -> _Lease | None:
    """Lease one delivery; ``None`` when somebody else has it or has done it."""
    wanted = (
        select(Delivery, Alert)
        .join(Alert, col(Alert.id) == col(Delivery.alert_id))
        .where(col(Delivery.id) == delivery_id)
    )
    with writing(engine) as session:
        row = session.exec(wanted).one_or_none()
        if row is None:  # erased meanwhile
            return None
        delivery, alert = row
        seen, until = delivery.leased_until, now + timedelta(seconds=lease_s)
        if seen is not None and seen >= now:
            return None
        taken = session.exec(
            update(Delivery)
            .where(
                col(Delivery.id) == delivery_id,
                col(Delivery.state) == DeliveryState.PENDING,
                col(Delivery.not_before) <= now,
                col(Delivery.leased_until).is_not_distinct_from(seen),
            )
            .values(leased_until=until, attempts=col(Delivery.attempts) + 1)
            .execution_options(synchronize_session=False)
        )
        if taken.rowcount != 1:
            return None
        session.refresh(delivery)
        return _Lease(delivery=delivery, alert=alert, until=until, in_doubt=seen is not None)


def _send(channel: Channel, lease: _Lease) -> tuple[_Outcome, str | None]:
    """Send the leased message, unless an earlier attempt turns out to have arrived."""
    message = Message.from_json(lease.alert.content)
    if not lease.in_doubt:
        return _Outcome.SENT, channel.send(message)
    try:
        receipt = channel.find(message)
    except DeliveryError as error:
        if not error.permanent and lease.delivery.attempts <= SEARCHES:
            raise
        return _Outcome.REPEATED, channel.send(message)
    if receipt is not None:
        return _Outcome.FOUND, receipt
    return _Outcome.SENT, channel.send(message)


def _record_sent(engine: Engine, lease: _Lease, receipt: str | None, now: datetime) -> None:
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
    if recorded.rowcount != 1:
        logger.warning("delivery %s to %s arrived twice", delivery.id, lease.target)
    else:
        logger.info(
            "case %s: %s alert is in %s after %d attempt(s)",
            lease.alert.case_id,
            lease.alert.level,
            lease.target,
            delivery.attempts,
        )


def _record_failure(engine: Engine, lease: _Lease, error: DeliveryError, now: datetime) -> _Outcome:
    """Write down why an attempt failed, and when the next one may be made, if any.

    Does nothing when the lease has run out and another sender took over.
    """
    delivery, reason = lease.delivery, str(error)[:ERROR_LIMIT]
    wait = timedelta(seconds=_pause_s(error, delivery.attempts))
    state = DeliveryState.FAILED if error.permanent else DeliveryState.PENDING
    with writing(engine) as session:
        recorded = session.exec(
            update(Delivery)
            .where(
                col(Delivery.id) == delivery.id,
                col(Delivery.state) == DeliveryState.PENDING,
                col(Delivery.leased_until) == lease.until,
            )
            .values(
                state=state,
                error=reason,
                not_before=now + wait,
                # A moment that has passed keeps the doubt; see the module's docstring.
                leased_until=now if error.in_doubt or lease.in_doubt else None,
            )
        )
        if error.retry_after is not None:
            session.exec(
                update(Delivery)
                .where(
                    col(Delivery.channel) == delivery.channel,
                    col(Delivery.room) == delivery.room,
                    col(Delivery.state) == DeliveryState.PENDING,
                    col(Delivery.not_before) < now + wait,
                )
                .values(not_before=now + wait)
            )
    if recorded.rowcount != 1:
        return _Outcome.TAKEN
    if error.permanent:
        logger.error(
            "case %s: %s alert cannot be sent to %s: %s",
            lease.alert.case_id,
            lease.alert.level,
            lease.target,
            reason,
        )
        return _Outcome.FAILED
    logger.warning(
        "delivery %s to %s failed, next attempt in %.0f s: %s",
        delivery.id,
        lease.target,
        wait.total_seconds(),
        reason,
    )
    return _Outcome.RETRIED


def _pause_s(error: DeliveryError, attempts: int) -> float:
    """Return the seconds until the next attempt."""
    if error.retry_after is not None:
        return min(error.retry_after, LONGEST_RETRY_AFTER_S)
    pause = min(FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 10), LONGEST_PAUSE_S)
    return pause * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret


def _report(
    engine: Engine, channels: Mapping[Target, Channel], outcomes: Counter[_Outcome]
) -> DispatchReport:
    pending = (
        select(Delivery.channel, Delivery.room, func.count())
        .where(col(Delivery.state) == DeliveryState.PENDING)
        .group_by(Delivery.channel, Delivery.room)
        .order_by(Delivery.channel, Delivery.room)
    )
    with reading(engine) as session:
        counts = {(kind, room): number for kind, room, number in session.exec(pending)}
    return DispatchReport(
        sent=outcomes[_Outcome.SENT] + outcomes[_Outcome.REPEATED],
        found=outcomes[_Outcome.FOUND],
        repeated=outcomes[_Outcome.REPEATED],
        retried=outcomes[_Outcome.RETRIED],
        failed=outcomes[_Outcome.FAILED],
        waiting=max(0, sum(counts.values()) - outcomes[_Outcome.RETRIED]),
        unconfigured=tuple(target for target in counts if target not in channels),
    )


def retry_failed(session: Session, now: datetime) -> int:
    """Put every failed delivery back into the outbox after its cause was mended; count them."""
    put_back = session.exec(
        update(Delivery)
        .where(col(Delivery.state) == DeliveryState.FAILED)
        .values(state=DeliveryState.PENDING, attempts=0, not_before=now)
    )
    return int(put_back.rowcount)
