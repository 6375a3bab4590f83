"""Digests that are sent by themselves: who gets them, when they are due, what was sent.

A digest is due by the clock on a wall, and covers the time since it was due before. Whatever was
due while nothing ran is made up for by one digest, of the newest period. The alert that it becomes
has a key of subscription and period, so two workers, or one that was killed, send it once.
"""

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from alerts.base import DeliveryError, MessageError
from alerts.channels.slack import MessageFrozen, MessageGone, SlackChannel
from alerts.digest import Digest
from alerts.outbox import Target, enqueue_digest
from alerts.registry import ChannelError
from models import Alert, AlertKind, Brand, Delivery, DeliveryState, DigestSubscription, Every
from models.base import id_of
from models.database import reading, writing
from models.errors import QuietwordError
from monitor.digest_message import Order, compose
from monitor.jobs import Runtime
from monitor.privacy import TO_BE_CHANGED
from monitor.shifts import wall_clock
from monitor.web.speech import Speech

logger = logging.getLogger(__name__)
TITLES = {
    Every.DAY: "Daily digest",
    Every.WEEK: "Weekly digest",
    Every.MONTH: "Monthly digest",
}
LENGTHS = {
    Every.DAY: timedelta(days=1),
    Every.WEEK: timedelta(days=7),
    Every.MONTH: timedelta(days=30),
}
MOST_MISSED = 60
"""Missed digests that are counted, at most."""


class DigestRefused(QuietwordError):
    """A digest cannot be set up or sent as asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One period of a subscription: the day it is due on, and the time (UTC) it covers."""

    day: date
    since: datetime
    until: datetime


def latest_turn(subscription: DigestSubscription, now: datetime) -> Turn:
    """Return the newest period that was due by ``now``."""
    every, zone = Every(subscription.every), ZoneInfo(subscription.timezone)
    day = _begin(every, now.astimezone(zone).date())
    if wall_clock(day, subscription.minute, zone) > now:
        day = _begin(every, day - timedelta(days=1))
    return turn_on(subscription, day)


def turn_on(subscription: DigestSubscription, day: date) -> Turn:
    """Return the period that is due on ``day`` (or on the last fit day before it)."""
    every, zone = Every(subscription.every), ZoneInfo(subscription.timezone)
    day = _begin(every, day)
    before = _begin(every, day - timedelta(days=1))
    return Turn(
        day=day,
        since=wall_clock(before, subscription.minute, zone),
        until=wall_clock(day, subscription.minute, zone),
    )


def next_due(subscription: DigestSubscription, now: datetime) -> datetime:
    """Return when a digest is due next after ``now``."""
    zone = ZoneInfo(subscription.timezone)
    day = latest_turn(subscription, now).day + timedelta(days=1)
    while _begin(Every(subscription.every), day) != day:
        day += timedelta(days=1)
    return wall_clock(day, subscription.minute, zone)


def _begin(every: Every, day: date) -> date:
    """Return the last day, ``day`` or before it, on which such a digest is due."""
    if every is Every.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if every is Every.MONTH else day


def until_now(subscription: DigestSubscription, now: datetime) -> Turn:
    """Return the last day, week or month up to now, for a look that is not sent."""
    day = now.astimezone(ZoneInfo(subscription.timezone)).date()
    return Turn(day=day, since=now - LENGTHS[Every(subscription.every)], until=now)


def key_of(subscription: DigestSubscription, turn: Turn) -> str:
    """Return what names a period of a subscription in the outbox."""
    return f"digest {subscription.name} {subscription.every} {turn.day.isoformat()}"


def targets_of(subscription: DigestSubscription) -> list[Target]:
    """Return where a subscription's digests go."""
    return [(subscription.channel, room) for room in subscription.rooms]


def make(
    runtime: Runtime, subscription: DigestSubscription, turn: Turn, *, missed: int = 0
) -> Digest:
    """Put together the digest of one period."""
    zone = ZoneInfo(subscription.timezone)
    speech = Speech(subscription.language, zone, runtime.now)
    order = Order(
        key=key_of(subscription, turn),
        name=subscription.name,
        title=speech.text(TITLES[Every(subscription.every)]),
        since=turn.since,
        until=turn.until,
        brand_id=subscription.brand_id,
        contact=runtime.settings.contact,
        pages=runtime.settings.web_address,
        missed=missed,
    )
    with reading(runtime.engine) as session:
        return compose(session, order, speech)


def queue_due(runtime: Runtime) -> int:
    """Put what is due into the outbox; return how many digests. Safe to run anywhere at once."""
    queued = 0
    with reading(runtime.engine) as session:
        subscriptions = session.exec(
            select(DigestSubscription).order_by(col(DigestSubscription.id))
        ).all()
        due = [
            (one, turn)
            for one in subscriptions
            if (turn := latest_turn(one, runtime.now())).until > one.added_at
            and (one.told_until is None or turn.until > one.told_until)
            and not _known(session, key_of(one, turn))
        ]
    for subscription, turn in due:
        try:
            queued += queue(runtime, subscription, turn)
        except Exception:  # one that breaks keeps no other back
            logger.exception("the digest %s cannot be made", subscription.name)
    return queued


def queue(
    runtime: Runtime, subscription: DigestSubscription, turn: Turn, *, again: bool = False
) -> bool:
    """Put one period into the outbox; return whether it was not there yet.

    With ``again`` it is put there once more.
    """
    digest = make(runtime, subscription, turn, missed=_missed(subscription, turn))
    with writing(runtime.engine) as session:
        if again:
            digest = replace(digest, key=_next_key(session, digest.key))
        current = session.get(DigestSubscription, id_of(subscription))
        if current is None:  # removed meanwhile
            return False
        new = enqueue_digest(session, digest, targets_of(current), runtime.now())
        if current.told_until is None or turn.until > current.told_until:
            current.told_until = turn.until
    return new


def take_back(runtime: Runtime) -> int:
    """Change the Slack messages whose quotes were erased since; return how many. Safe to repeat."""
    wanted = (
        select(Delivery, Alert)
        .join(Alert, onclause=col(Alert.id) == Delivery.alert_id)
        .where(
            Alert.kind == AlertKind.DIGEST,
            Delivery.state == DeliveryState.SENT,
            Delivery.error == TO_BE_CHANGED,
        )
    )
    with reading(runtime.engine) as session:
        stale = list(session.exec(wanted))
    changed = 0
    for delivery, alert in stale:
        try:
            channel = runtime.reach(delivery.channel, delivery.room) if runtime.reach else None
            if isinstance(channel, SlackChannel) and delivery.receipt:
                channel.update_digest(delivery.receipt, Digest.from_json(alert.content))
        except (MessageGone, MessageFrozen) as error:
            logger.warning("a digest in %s cannot be changed: %s", delivery.room, error)
        except (DeliveryError, ChannelError, MessageError) as error:
            logger.warning("a digest in %s is to be changed: %s", delivery.room, error)
            continue
        with writing(runtime.engine) as session:
            session.get_one(Delivery, id_of(delivery)).error = ""
        changed += 1
    return changed


def _known(session: Session, key: str) -> bool:
    return session.exec(select(Alert.id).where(Alert.key == key)).first() is not None


def _next_key(session: Session, key: str) -> str:
    """Return a key for sending the period of ``key`` once more."""
    keys = (f"{key} again {number}" if number else key for number in itertools.count())
    return next(one for one in keys if not _known(session, one))


def _missed(subscription: DigestSubscription, turn: Turn) -> int:
    """Return how many periods lie between the last one that was sent and ``turn``."""
    told, count, earlier = subscription.told_until, 0, turn
    told_on = told.astimezone(ZoneInfo(subscription.timezone)).date() if told else None
    while count < MOST_MISSED:
        earlier = turn_on(subscription, earlier.day - timedelta(days=1))
        if earlier.until <= subscription.added_at or (told_on and earlier.day <= told_on):
            break
        count += 1
    return count


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A subscription as ops see it."""

    subscription: DigestSubscription
    brand: str | None
    """``None``: all brands."""
    next_at: datetime
    last_day: str
    """The day of the newest digest, as its key tells; empty where there was none."""
    last: dict[str, int]
    """Deliveries of that digest by state."""
    error: str


def standings(session: Session, now: datetime) -> list[Standing]:
    """Return every subscription with its next run and how the last one went, by name."""
    rows = session.exec(
        select(DigestSubscription, Brand.name)
        .outerjoin(Brand, onclause=col(Brand.id) == DigestSubscription.brand_id)
        .order_by(col(DigestSubscription.name))
    ).all()
    return [_standing(session, subscription, brand, now) for subscription, brand in rows]


def _standing(
    session: Session, subscription: DigestSubscription, brand: str | None, now: datetime
) -> Standing:
    last_day, states, error = "", dict[str, int](), ""
    if subscription.told_until is not None:
        zone = ZoneInfo(subscription.timezone)
        turn = turn_on(subscription, subscription.told_until.astimezone(zone).date())
        last_day = turn.day.isoformat()
        deliveries = session.exec(
            select(Delivery)
            .join(Alert, onclause=col(Alert.id) == Delivery.alert_id)
            .where(Alert.key == key_of(subscription, turn))
        )
        for one in deliveries:
            states[one.state] = states.get(one.state, 0) + 1
            if one.state != DeliveryState.SENT:
                error = one.error or error
    return Standing(
        subscription=subscription,
        brand=brand,
        next_at=next_due(subscription, now),
        last_day=last_day,
        last=states,
        error=error,
    )


def named(session: Session, name: str) -> DigestSubscription:
    """Return the subscription called ``name``; raise ``DigestRefused``."""
    found = session.exec(select(DigestSubscription).where(DigestSubscription.name == name)).first()
    if found is None:
        names: Sequence[str] = session.exec(select(DigestSubscription.name)).all()
        raise DigestRefused(
            f"there is no digest {name!r}; there are: {', '.join(sorted(names)) or 'none yet'}"
        )
    return found
