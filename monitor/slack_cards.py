"""Keeping the messages on Slack in step with their cases: one message a case, edited in place.

Nothing is remembered but rows: a message is compared with its case and, where they differ,
changed; its thread gets the events it has not told. So any run may be killed, and after an
outage of a day every message is changed once, to how things stand then. What a person did is
shown at once; what the machine finds is gathered for ``CALM_S`` first.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, exists, func, or_
from sqlmodel import Session, col, delete, select

from alerts.base import Channel, Message
from alerts.channels.slack import SlackChannel
from models import (
    Alert,
    AlertKind,
    Case,
    CaseEvent,
    Delivery,
    DeliveryState,
    SlackCard,
    SlackPress,
)
from models.base import id_of
from models.database import reading, writing
from monitor.slack_show import show

CALM_S = 30.0
"""How often a message is changed at most for the machine's sake, in seconds."""
BATCH = 40
"""Messages changed in one run; Slack takes some fifty changes a minute."""
PRESSES_KEPT = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one run did; counts are messages."""

    updated: int = 0
    told: int = 0
    """Threads that got new lines."""
    again: int = 0
    """Deleted by hand while nobody had the case: its alert is sent anew."""
    failed: int = 0


def slack_rooms(channels: Mapping[tuple[str, str], Channel]) -> dict[str, SlackChannel]:
    """Return the Slack channels among ``channels`` by room."""
    return {
        room: channel
        for (_, room), channel in channels.items()
        if isinstance(channel, SlackChannel)
    }


def earlier_message(engine: Engine, room: str, message: Message) -> str | None:
    """Return the ``ts`` under which the case of ``message`` stands in ``room`` already."""
    with reading(engine) as session:
        return session.exec(
            select(SlackCard.ts).where(
                SlackCard.case_id == message.case_id,
                SlackCard.room == room,
                col(SlackCard.gone).is_(False),
            )
        ).first()


def standing(engine: Engine, cases: Collection[int]) -> dict[int, tuple[str, str]]:
    """Return room and ``ts`` of the messages of ``cases`` on Slack, of those that have one."""
    with reading(engine) as session:
        rows = session.exec(
            select(SlackCard.case_id, SlackCard.room, SlackCard.ts)
            .where(col(SlackCard.case_id).in_(cases), col(SlackCard.gone).is_(False))
            .order_by(col(SlackCard.id))
        )
        return {case_id: (room, ts) for case_id, room, ts in rows}


def sync(engine: Engine, channels: Mapping[tuple[str, str], Channel], now: datetime) -> Shown:
    """Bring every message that is behind its case up to date, longest behind first."""
    rooms = slack_rooms(channels)
    if not rooms:
        return Shown()
    _adopt(engine, rooms, now)
    counts = {"updated": 0, "told": 0, "again": 0, "failed": 0}
    tired: set[str] = set()
    for card_id, room in _behind(engine, rooms, now):
        if room in tired:
            continue
        for what in show(engine, rooms[room], card_id, now):
            counts[what] += 1
            if what == "failed":
                tired.add(room)  # an outage costs one timeout, not one a message
    return Shown(**counts)


def show_case(
    engine: Engine, channels: Mapping[tuple[str, str], Channel], case_id: int, now: datetime
) -> None:
    """Bring the messages of one case up to date at once: a person has just changed it."""
    rooms = slack_rooms(channels)
    with reading(engine) as session:
        cards = session.exec(
            select(SlackCard.id, SlackCard.room).where(
                SlackCard.case_id == case_id,
                col(SlackCard.room).in_(list(rooms)),
                col(SlackCard.not_before) <= now,
            )
        ).all()
    for card_id, room in cards:
        if card_id is not None:
            list(show(engine, rooms[room], card_id, now))


def send_alone(session: Session, case_id: int, room: str, now: datetime) -> None:
    """Have a case that only a summary told of sent as a message of its own, in this transaction."""
    stands = select(SlackCard.id).where(SlackCard.case_id == case_id, SlackCard.room == room)
    delivery = session.exec(
        select(Delivery)
        .join(Alert, col(Alert.id) == col(Delivery.alert_id))
        .where(
            Alert.case_id == case_id,
            Alert.kind == AlertKind.ALERT,
            Delivery.channel == SlackChannel.kind,
            Delivery.room == room,
        )
        .order_by(col(Delivery.id).desc())
    ).first()
    if session.exec(stands).first() is not None or delivery is None:
        return
    if delivery.summary_id is not None and delivery.state == DeliveryState.SENT:
        delivery.state, delivery.summary_id, delivery.held = DeliveryState.PENDING, None, False
        delivery.not_before, delivery.sent_at, delivery.attempts = now, None, 0
        session.add(delivery)


def _adopt(engine: Engine, rooms: Mapping[str, SlackChannel], now: datetime) -> None:
    """Note the message of each case whose first alert has arrived; forget old presses."""
    arrived = (
        select(Delivery, Alert)
        .join(Alert, col(Alert.id) == col(Delivery.alert_id))
        .where(
            col(Delivery.channel) == SlackChannel.kind,
            col(Delivery.room).in_(list(rooms)),
            col(Delivery.state) == DeliveryState.SENT,
            col(Delivery.receipt).is_not(None),
            col(Delivery.summary_id).is_(None),
            Alert.kind == AlertKind.ALERT,
            ~exists().where(
                col(SlackCard.case_id) == col(Alert.case_id),
                col(SlackCard.room) == col(Delivery.room),
            ),
        )
        .order_by(col(Delivery.sent_at), col(Delivery.id))
    )
    with reading(engine) as session:
        if session.exec(arrived).first() is None:
            return
    with writing(engine) as session:
        seen: set[tuple[int, str]] = set()
        for delivery, alert in session.exec(arrived).all():
            if alert.case_id is None or (alert.case_id, delivery.room) in seen:
                continue
            seen.add((alert.case_id, delivery.room))
            told = session.exec(
                select(func.max(CaseEvent.id)).where(
                    CaseEvent.case_id == alert.case_id,
                    CaseEvent.at <= alert.created_at,
                    col(CaseEvent.how).is_(None),
                )
            ).one()
            session.add(
                SlackCard(
                    case_id=alert.case_id,
                    delivery_id=id_of(delivery),
                    room=delivery.room,
                    ts=delivery.receipt or "",
                    shown_at=alert.created_at,
                    told_event_id=told or 0,
                    not_before=now,
                )
            )
        session.exec(delete(SlackPress).where(col(SlackPress.at) < now - PRESSES_KEPT))


def _behind(
    engine: Engine, rooms: Mapping[str, SlackChannel], now: datetime
) -> list[tuple[int, str]]:
    """Return id and room of the messages to be changed now."""
    newer = (
        exists()
        .where(
            col(CaseEvent.case_id) == col(Case.id),
            col(CaseEvent.id) > col(SlackCard.told_event_id),
        )
        .correlate(Case, SlackCard)
    )
    by_person = newer.where(col(CaseEvent.how).is_not(None))
    calm = col(SlackCard.shown_at) <= now - timedelta(seconds=CALM_S)
    query = (
        select(SlackCard.id, SlackCard.room)
        .join(Case, col(Case.id) == col(SlackCard.case_id))
        .where(
            col(SlackCard.room).in_(list(rooms)),
            col(SlackCard.gone).is_(False),
            col(SlackCard.not_before) <= now,
            or_(
                by_person,
                calm & or_(newer, col(Case.updated_at) > col(SlackCard.shown_at)),
            ),
        )
        .order_by(col(SlackCard.shown_at), col(SlackCard.id))
        .limit(BATCH)
    )
    with reading(engine) as session:
        return [(number, room) for number, room in session.exec(query) if number is not None]
