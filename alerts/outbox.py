"""Putting things into the outbox, and several of them into one message.

``enqueue`` writes an alert and its deliveries in the transaction that opens or raises the case;
``enqueue_notice`` a word about cases, in the transaction of the timer that gives it;
``enqueue_digest`` what a subscription asked for, once for each period. ``fold``
makes one summary of what quiet hours held back, and of more alerts than a room should get at
once; every case stands in it, and its own delivery is sent when the summary is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from alerts.base import Channel, Message, MessageError
from alerts.digest import Digest
from alerts.notice import Entry, Notice
from models import Alert, AlertKind, Case, Delivery, DeliveryState, Level
from models.base import id_of
from models.database import reading, writing
from models.errors import QuietwordError

Target = tuple[str, str]
"""Kind of channel and room, such as ``("slack", "C0123ABCD")`` or ``("console", "")``."""


class OutboxError(QuietwordError):
    """An alert cannot be put into the outbox; the message says what is wrong with it."""


def enqueue(
    session: Session,
    case: Case,
    message: Message,
    targets: Sequence[Target],
    now: datetime,
    *,
    again: int = 0,
    hold_until: datetime | None = None,
) -> bool:
    """Put ``message`` into the outbox, once per case and level, in the caller's transaction.

    Adds an ``Alert`` and one ``Delivery`` per target. Returns ``False``, adding nothing, where
    the case has had an alert of this level already; ``again`` counts how often the case was
    reopened, which makes each of its levels news once more. With ``hold_until`` it waits for
    the end of quiet hours. Raises ``OutboxError`` when ``message`` belongs to another case, or
    when ``targets`` is empty, since nobody would hear of it.
    """
    if case.id is None or message.case_id != case.id:
        raise OutboxError(f"an alert of case {message.case_id} was offered for case {case.id}")
    if not targets:
        raise OutboxError(
            f"case {case.id} has no channel to be told on; configure one, console or slack"
        )
    alert = Alert(
        key=f"case {case.id} {message.level}" + (f" again {again}" if again else ""),
        case_id=case.id,
        level=message.level,
        content=message.as_json(),
        created_at=now,
    )
    return _put(session, alert, targets, now, hold_until)


def enqueue_notice(
    session: Session,
    notice: Notice,
    targets: Sequence[Target],
    now: datetime,
    *,
    case_id: int | None = None,
) -> bool:
    """Put ``notice`` into the outbox, once per key, in the caller's transaction."""
    if not targets:
        raise OutboxError(f"the notice {notice.key!r} has no channel to be told on")
    alert = Alert(
        key=notice.key,
        kind=AlertKind.NOTICE,
        case_id=case_id,
        level=notice.level,
        content=notice.as_json(),
        created_at=now,
    )
    return _put(session, alert, targets, now, None)


def enqueue_digest(
    session: Session, digest: Digest, targets: Sequence[Target], now: datetime
) -> bool:
    """Put ``digest`` into the outbox, once per key, in the caller's transaction."""
    if not targets:
        raise OutboxError(f"the digest {digest.key!r} has nowhere to go")
    alert = Alert(
        key=digest.key,
        kind=AlertKind.DIGEST,
        level=Level.WATCH,  # alerts of cases go first
        content=digest.as_json(),
        created_at=now,
    )
    return _put(session, alert, targets, now, None)


def _put(
    session: Session,
    alert: Alert,
    targets: Sequence[Target],
    now: datetime,
    hold_until: datetime | None,
) -> bool:
    known = select(Alert.id).where(Alert.key == alert.key)
    if session.exec(known).first() is not None:
        return False
    try:
        with session.begin_nested():
            session.add(alert)
    except IntegrityError:  # on PostgreSQL another worker may have come first
        if session.exec(known).first() is None:
            raise
        return False
    session.add_all(
        Delivery(
            alert_id=id_of(alert),
            channel=channel,
            room=room,
            not_before=hold_until or now,
            held=hold_until is not None,
        )
        for channel, room in dict.fromkeys(targets)
    )
    session.flush()
    return True


def fold(
    engine: Engine, channels: Mapping[Target, Channel], now: datetime, *, storm_limit: int | None
) -> int:
    """Make one summary of what would be too many messages; return how many alerts went into one.

    For each channel: two or more alerts that quiet hours held back, whose time has come, and all
    waiting alerts when there are more than ``storm_limit`` of them (``None``: no limit). A
    summary that still waits, since the channel is down, takes the new ones in.
    """
    with reading(engine) as session:
        crowded = [
            target
            for target in channels
            if (found := _waiting(session, target, now)) and _why(found, storm_limit)
        ]
    folded = 0
    for target in crowded:
        with writing(engine) as session:
            found = _waiting(session, target, now, lock=True)
            kind = _why(found, storm_limit)
            if kind == "catch_up":
                found = [one for one in found if one[0].held]
            if kind:
                _summarise(session, channels[target], found, kind, now)
                folded += len(found)
    return folded


_Waiting = list[tuple[Delivery, Alert]]


def _waiting(session: Session, target: Target, now: datetime, *, lock: bool = False) -> _Waiting:
    query = (
        select(Delivery, Alert)
        .join(Alert, col(Alert.id) == col(Delivery.alert_id))
        .where(
            Delivery.channel == target[0],
            Delivery.room == target[1],
            Delivery.state == DeliveryState.PENDING,
            Alert.kind == AlertKind.ALERT,
            col(Delivery.summary_id).is_(None),
            # What is held is told when its time has come; what only waits for another try counts.
            (col(Delivery.held).is_(False)) | (col(Delivery.not_before) <= now),
        )
        .order_by(col(Delivery.id))
    )
    return list(session.exec(query.with_for_update(of=Delivery) if lock else query).all())


def _why(found: _Waiting, storm_limit: int | None) -> str:
    if storm_limit is not None and len(found) > storm_limit:
        return "storm"
    return "catch_up" if sum(delivery.held for delivery, _ in found) > 1 else ""


def _summarise(
    session: Session, channel: Channel, found: _Waiting, kind: str, now: datetime
) -> None:
    target, speech = (channel.kind, channel.room), channel.speech
    readable = [(member, entry) for member, alert in found if (entry := _entry(alert))]
    entries = [entry for _, entry in readable]
    summary = _open_summary(session, target)
    if summary is not None:
        delivery, alert = summary
        old = Notice.from_json(alert.content)
        entries, kind, key = [*old.entries, *entries], old.kind, alert.key
    else:
        delivery, key = None, f"summary {target[0]} {found[0][0].id} {found[-1][0].id}"
    newest: dict[int, Entry] = {entry.case_id: entry for entry in entries}
    ordered = tuple(sorted(newest.values(), key=lambda entry: (-entry.level.rank, entry.case_id)))
    title = speech.say(f"notices_{kind}", count=len(ordered))
    notice = Notice(key=key, kind=kind, title=title, language=speech.code, entries=ordered)
    if delivery is None:
        alert = Alert(key=key, kind=AlertKind.SUMMARY, level=notice.level, created_at=now)
        alert.content = notice.as_json()
        session.add(alert)
        session.flush()
        delivery = Delivery(
            alert_id=id_of(alert), channel=target[0], room=target[1], not_before=now
        )
        session.add(delivery)
        session.flush()
    else:
        alert.content, alert.level = notice.as_json(), notice.level
        session.add(alert)
    session.exec(
        update(Delivery)
        .where(col(Delivery.id).in_([member.id for member, _ in readable]))
        .values(summary_id=delivery.id)
    )


def _open_summary(session: Session, target: Target) -> tuple[Delivery, Alert] | None:
    """Return the summary to a target that nobody has begun to send, if there is one."""
    return session.exec(
        select(Delivery, Alert)
        .join(Alert, col(Alert.id) == col(Delivery.alert_id))
        .where(
            Delivery.channel == target[0],
            Delivery.room == target[1],
            Delivery.state == DeliveryState.PENDING,
            Alert.kind == AlertKind.SUMMARY,
        )
        .order_by(col(Delivery.id).desc())
        .limit(1)
        .with_for_update(of=Delivery)
    ).first()


def _entry(alert: Alert) -> Entry | None:
    """Return an alert as a line of a summary; ``None`` where it cannot be read, and fails alone."""
    try:
        message = Message.from_json(alert.content)
    except MessageError:
        return None
    return Entry(
        case_id=message.case_id,
        level=Level(alert.level),
        brand=message.brand,
        title=message.thread_title,
        url=message.post_url,
    )
