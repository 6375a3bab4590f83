"""The outbox: from a stored alert to a message in a room, at least once.

``alerts.outbox`` puts things in. ``deliver_due`` takes each delivery by a lease, sends it and
records what came of it: three steps, two short transactions, and no network inside either. A
sender that dies leaves the lease to run out, and another one sends. This is the only place that
tries again.

``pending`` -> ``sending`` (leased) -> ``sent``, ``failed``, ``pending`` again, or ``unknown``: an
attempt ended without an answer. That, or a lease that ran out, means that nobody knows how it
went, so the room is searched before the next attempt. A channel that refuses everything (token,
room) is written down as broken: its queue waits, and one delivery is tried now and then.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, and_, case, false, func, or_
from sqlmodel import Session, col, delete, select, update

from alerts.base import Channel, DeliveryError, Message, MessageError
from alerts.digest import Digest
from alerts.notice import Notice
from alerts.outbox import OutboxError, Target, enqueue, fold
from alerts.recording import Lease, Outcome, record_failure, record_sent
from models import WAITING, Alert, AlertKind, BrokenChannel, Delivery, DeliveryState, Level
from models.base import utc_now
from models.database import reading, writing

__all__ = [
    "DispatchReport",
    "OutboxError",
    "Target",
    "deliver_due",
    "enqueue",
    "retry_failed",
]

logger = logging.getLogger(__name__)

LEASE_S = 60.0
"""How long a sender may take; three calls to Slack of 10 s each fit in."""
BATCH = 50
SEARCHES = 3
"""Attempts that wait for a room that cannot be searched just now; then the alert goes out."""


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


def deliver_due(
    engine: Engine,
    channels: Mapping[Target, Channel],
    *,
    now: Callable[[], datetime] = utc_now,
    lease_s: float = LEASE_S,
    limit: int = BATCH,
    storm_limit: int | None = None,
    rooms: Sequence[Target] = (),
    sleep: Callable[[float], None] = time.sleep,
) -> DispatchReport:
    """Send up to ``limit`` due deliveries, urgent first, then oldest first; say what came of it.

    Any number of processes may run this at once: a delivery is sent by whoever gets its lease.
    Each room is given its channel's ``pause_s`` between two messages, after which the queue is
    looked at anew: an urgent alert does not wait for the end of a backlog. After a failure the room
    is left alone for the rest of the run, so that an outage costs one timeout, and the delivery
    waits 5, 10, 20, ... 300 s, of which a random part up to half is taken off, so that senders
    do not march in step. A channel that names a time to wait rests for all of its room. More
    than ``storm_limit`` waiting alerts of a room become one summary. A word to one person that
    their channel will never take goes to ``rooms`` instead, where it says whom it is for.
    """
    fold(engine, channels, now(), storm_limit=storm_limit)
    queue = _due(engine, channels, now(), limit)
    ready_at: dict[Target, float] = {}
    tired: set[Target] = set()
    outcomes: Counter[Outcome] = Counter()
    while queue and outcomes.total() < limit:
        soonest = min(queue, key=lambda due: ready_at.get(due[1], 0.0))  # the first of equals
        delivery_id, target = next(
            (due for due in queue if ready_at.get(due[1], 0.0) <= time.monotonic()), soonest
        )
        if (wait := ready_at.get(target, 0.0) - time.monotonic()) > 0:
            sleep(wait)
            ready_at[target] = 0.0
            # What is more urgent has perhaps come in meanwhile.
            queue = [due for due in _due(engine, channels, now(), limit) if due[1] not in tired]
            continue
        queue.remove((delivery_id, target))
        outcome = _deliver(engine, channels[target], delivery_id, now, lease_s, rooms)
        outcomes[outcome] += 1
        if outcome in {Outcome.SENT, Outcome.REPEATED}:
            ready_at[target] = time.monotonic() + channels[target].pause_s
        elif outcome in {Outcome.RETRIED, Outcome.FAILED}:
            tired.add(target)
            queue = [due for due in queue if due[1] != target]
    return _report(engine, channels, outcomes)


def _due(
    engine: Engine, channels: Mapping[Target, Channel], now: datetime, limit: int
) -> list[tuple[int, Target]]:
    """Return ids and targets of what may be sent now to ``channels``, in the order to send."""
    urgency = case({level.value: level.rank for level in Level}, value=col(Alert.level), else_=0)
    with reading(engine) as session:
        broken = {
            (one.channel, one.room): one.try_at for one in session.exec(select(BrokenChannel))
        }
        usable = [target for target in channels if broken.get(target, now) <= now]
        due = (
            select(col(Delivery.id), Delivery.channel, Delivery.room)
            .join(Alert, col(Alert.id) == col(Delivery.alert_id))
            .where(
                col(Delivery.state).in_(WAITING),
                col(Delivery.summary_id).is_(None),
                col(Delivery.not_before) <= now,
                or_(col(Delivery.leased_until).is_(None), col(Delivery.leased_until) < now),
                or_(
                    false(),
                    *(
                        and_(col(Delivery.channel) == kind, col(Delivery.room) == room)
                        for kind, room in usable
                    ),
                ),
            )
            .order_by(urgency.desc(), col(Alert.created_at), col(Delivery.id))
            .limit(limit)
        )
        found = [(number, (kind, room)) for number, kind, room in session.exec(due) if number]
    probes = {target: number for number, target in reversed(found) if target in broken}
    return [one for one in found if one[1] not in broken or probes[one[1]] == one[0]]


def _deliver(
    engine: Engine,
    channel: Channel,
    delivery_id: int,
    now: Callable[[], datetime],
    lease_s: float,
    rooms: Sequence[Target],
) -> Outcome:
    """Take, send and record one delivery."""
    lease = _take(engine, delivery_id, now(), lease_s)
    if lease is None:
        return Outcome.TAKEN
    try:
        outcome, receipt = _send(channel, lease)
    except MessageError as error:
        return record_failure(engine, lease, DeliveryError(str(error), permanent=True), now())
    except DeliveryError as error:
        return record_failure(engine, lease, error, now(), rooms)
    except Exception as error:
        logger.exception("delivery %s: channel %s broke", delivery_id, lease.target)
        broken = DeliveryError(f"the channel broke: {type(error).__name__}", in_doubt=True)
        return record_failure(engine, lease, broken, now())
    record_sent(engine, lease, receipt, now())
    return outcome


def _take(engine: Engine, delivery_id: int, now: datetime, lease_s: float) -> Lease | None:
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
        before = delivery.state
        if before not in WAITING or (seen is not None and seen >= now):
            return None
        taken = session.exec(
            update(Delivery)
            .where(
                col(Delivery.id) == delivery_id,
                col(Delivery.state) == before,
                col(Delivery.summary_id).is_(None),
                col(Delivery.not_before) <= now,
                col(Delivery.leased_until).is_not_distinct_from(seen),
            )
            .values(
                state=DeliveryState.SENDING,
                leased_until=until,
                attempts=col(Delivery.attempts) + 1,
            )
            .execution_options(synchronize_session=False)
        )
        if taken.rowcount != 1:
            return None
        session.refresh(delivery)
        # A summary may have taken in more alerts since it was read.
        session.refresh(alert)
        in_doubt = before != DeliveryState.PENDING
        return Lease(delivery=delivery, alert=alert, until=until, in_doubt=in_doubt)


def _send(channel: Channel, lease: Lease) -> tuple[Outcome, str | None]:
    """Send the leased message, unless an earlier attempt turns out to have arrived."""
    send, find = _ways(channel, lease.alert)
    if not lease.in_doubt:
        return Outcome.SENT, send()
    try:
        receipt = find()
    except DeliveryError as error:
        if not error.permanent and lease.delivery.attempts <= SEARCHES:
            raise
        return Outcome.REPEATED, send()
    if receipt is not None:
        return Outcome.FOUND, receipt
    return Outcome.SENT, send()


_Way = Callable[[], str | None]


def _ways(channel: Channel, alert: Alert) -> tuple[_Way, _Way]:
    """Return what sends the alert, digest or notice, and what looks for it in the room."""
    if alert.kind == AlertKind.ALERT:
        message = Message.from_json(alert.content)
        return lambda: channel.send(message), lambda: channel.find(message)
    if alert.kind == AlertKind.DIGEST:
        digest = Digest.from_json(alert.content)
        return lambda: channel.send_digest(digest), lambda: channel.find_digest(digest)
    notice = Notice.from_json(alert.content)
    return lambda: channel.send_notice(notice), lambda: channel.find_notice(notice)


def _report(
    engine: Engine, channels: Mapping[Target, Channel], outcomes: Counter[Outcome]
) -> DispatchReport:
    pending = (
        select(Delivery.channel, Delivery.room, func.count())
        .where(col(Delivery.state).in_(WAITING))
        .group_by(Delivery.channel, Delivery.room)
        .order_by(Delivery.channel, Delivery.room)
    )
    with reading(engine) as session:
        counts = {(kind, room): number for kind, room, number in session.exec(pending)}
    return DispatchReport(
        sent=outcomes[Outcome.SENT] + outcomes[Outcome.REPEATED],
        found=outcomes[Outcome.FOUND],
        repeated=outcomes[Outcome.REPEATED],
        retried=outcomes[Outcome.RETRIED],
        failed=outcomes[Outcome.FAILED],
        waiting=max(0, sum(counts.values()) - outcomes[Outcome.RETRIED]),
        unconfigured=tuple(target for target in counts if target not in channels),
    )


def retry_failed(session: Session, now: datetime) -> int:
    """Put every failed delivery back into the outbox after its cause was mended; count them.

    Broken channels are tried at once.
    """
    session.exec(delete(BrokenChannel))
    put_back = session.exec(
        update(Delivery)
        .where(col(Delivery.state) == DeliveryState.FAILED)
        .values(state=DeliveryState.PENDING, attempts=0, not_before=now)
    )
    return int(put_back.rowcount)
