"""Keeping the messages on Slack in step with their cases: one message a case, edited in place.

Nothing is remembered but rows: a message is compared with its case and, where they differ,
changed; its thread gets the events it has not told. So any run may be killed, and after an
outage of a day every message is changed once, to how things stand then. What a person did is
shown at once; what the machine finds is gathered for ``CALM_S`` first.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, exists, func, or_
from sqlmodel import Session, col, delete, select, update

from alerts.base import Channel, DeliveryError, Message
from alerts.card import Card
from alerts.channels.slack import HISTORY_TYPE, MessageFrozen, MessageGone, SlackChannel
from alerts.slack_blocks import blocks
from models import (
    Agent,
    Alert,
    AlertKind,
    Case,
    CaseEvent,
    CaseState,
    Delivery,
    DeliveryState,
    SlackCard,
    SlackPress,
)
from models.base import id_of
from models.database import reading, writing
from monitor.case_card import card_of
from monitor.slack_history import history_text, untold

logger = logging.getLogger(__name__)
CALM_S = 30.0
"""How often a message is changed at most for the machine's sake, in seconds."""
LEASE_S = 60.0
RETRY_S = 30.0
MEND_S = 300.0
"""Pause after a refusal that only a person can mend."""
LONGEST_RETRY_AFTER_S = 3_600.0
BATCH = 40
"""Messages changed in one run; Slack takes some fifty changes a minute."""
ROUNDS = 5
"""How often a message is looked at again because its case changed meanwhile."""
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
        for what in _show(engine, rooms[room], card_id, now):
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
            list(_show(engine, rooms[room], card_id, now))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What one message should show, read in one transaction."""

    row: SlackCard
    case: Case
    sent: Message
    card: Card
    events: list[CaseEvent]
    newest: int
    agents: dict[int, Agent]
    doubtful: int | None


def _show(engine: Engine, channel: SlackChannel, card_id: int, now: datetime) -> list[str]:
    """Change one message and tell its thread, until nothing is new; return what was done.

    Who finds the message held by another leaves it to them: they look again when they let go.
    """
    done: list[str] = []
    for _ in range(ROUNDS):
        done += _show_once(engine, channel, card_id, now)
        with reading(engine) as session:
            news = session.exec(
                select(CaseEvent.id)
                .join(SlackCard, col(SlackCard.case_id) == col(CaseEvent.case_id))
                .where(
                    col(SlackCard.id) == card_id,
                    col(SlackCard.gone).is_(False),
                    col(SlackCard.not_before) <= now,
                    col(CaseEvent.id) > col(SlackCard.told_event_id),
                    or_(col(SlackCard.leased_until).is_(None), col(SlackCard.leased_until) < now),
                )
            ).first()
        if news is None:
            break
    return done


def _show_once(engine: Engine, channel: SlackChannel, card_id: int, now: datetime) -> list[str]:
    if not _lease(engine, card_id, now):
        return []
    try:
        with reading(engine) as session:
            work = _read(session, card_id, channel, now)
        return _catch_up(engine, channel, work, now)
    except MessageGone:
        return _gone(engine, work, now)
    except DeliveryError as error:
        _record(engine, card_id, error=str(error)[:1000], not_before=now + _pause(error))
        log = logger.error if error.permanent else logger.warning
        log("the message of case %s is not up to date: %s", work.case.id, error)
        return ["failed"]
    finally:
        _record(engine, card_id, leased_until=None)


def _catch_up(engine: Engine, channel: SlackChannel, work: _Work, now: datetime) -> list[str]:
    done = []
    digest = _digest(channel, work.card)
    if digest != work.row.shown_hash:
        try:
            channel.update(work.row.ts, work.card, work.sent)
            done.append("updated")
        except MessageFrozen as error:
            logger.info("case %s: %s; its thread goes on telling", work.case.id, error)
    _record(engine, id_of(work.row), shown_hash=digest, shown_at=now, error="")
    if work.events and _tell(engine, channel, work):
        done.append("told")
    _record(engine, id_of(work.row), told_event_id=work.newest, doubtful_event_id=None)
    return done


def _tell(engine: Engine, channel: SlackChannel, work: _Work) -> bool:
    """Write the new events into the thread, unless an earlier attempt turns out to have arrived."""
    case_id = id_of(work.case)
    if work.doubtful is not None:
        payload = {"case_id": case_id, "upto": work.doubtful}
        if channel.find_reply(work.row.ts, payload) is not None:
            work.events[:] = [event for event in work.events if id_of(event) > work.doubtful]
    text = history_text(work.events, work.agents, channel.speech)
    if not text:
        return False
    payload = {"case_id": case_id, "upto": work.newest}
    # Written before the call: whoever dies in it leaves the doubt behind.
    _record(engine, id_of(work.row), doubtful_event_id=work.newest)
    try:
        channel.reply(
            work.row.ts, text, metadata={"event_type": HISTORY_TYPE, "event_payload": payload}
        )
    except DeliveryError as error:
        if not error.in_doubt:
            _record(engine, id_of(work.row), doubtful_event_id=work.doubtful)
        raise
    return True


def _gone(engine: Engine, work: _Work, now: datetime) -> list[str]:
    """Somebody deleted the message: an unowned case is told of anew, an owned one left alone."""
    waits = work.case.state in {CaseState.NEW, CaseState.ESCALATED}
    with writing(engine) as session:
        if waits:
            session.exec(
                update(Delivery)
                .where(col(Delivery.id) == work.row.delivery_id)
                .values(
                    state=DeliveryState.PENDING,
                    receipt=None,
                    sent_at=None,
                    not_before=now,
                    attempts=0,
                    leased_until=None,
                )
            )
            session.exec(delete(SlackCard).where(col(SlackCard.id) == work.row.id))
        else:
            session.exec(
                update(SlackCard).where(col(SlackCard.id) == work.row.id).values(gone=True)
            )
    logger.warning(
        "the message of case %s was deleted in Slack%s",
        work.case.id,
        "; nobody has the case, so it is sent again" if waits else "",
    )
    return ["again"] if waits else []


def _lease(engine: Engine, card_id: int, now: datetime) -> bool:
    free = or_(col(SlackCard.leased_until).is_(None), col(SlackCard.leased_until) < now)
    with writing(engine) as session:
        taken = session.exec(
            update(SlackCard)
            .where(col(SlackCard.id) == card_id, free)
            .values(leased_until=now + timedelta(seconds=LEASE_S))
            .execution_options(synchronize_session=False)
        )
    return bool(taken.rowcount == 1)


def _record(engine: Engine, card_id: int, **values: object) -> None:
    with writing(engine) as session:
        session.exec(update(SlackCard).where(col(SlackCard.id) == card_id).values(**values))


def _read(session: Session, card_id: int, channel: SlackChannel, now: datetime) -> _Work:
    row = session.get_one(SlackCard, card_id)
    case = session.get_one(Case, row.case_id)
    alert = session.exec(
        select(Alert)
        .join(Delivery, col(Delivery.alert_id) == col(Alert.id))
        .where(col(Delivery.id) == row.delivery_id)
    ).one()
    events = session.exec(
        select(CaseEvent).where(CaseEvent.case_id == row.case_id).order_by(col(CaseEvent.id))
    ).all()
    agents = {id_of(agent): agent for agent in session.exec(select(Agent))}
    return _Work(
        row=row,
        case=case,
        sent=Message.from_json(alert.content),
        card=card_of(session, case, events, agents, buttons=channel.buttons, now=now),
        events=untold(events, row.told_event_id),
        newest=max((id_of(event) for event in events), default=0),
        agents=agents,
        doubtful=row.doubtful_event_id,
    )


def _digest(channel: SlackChannel, card: Card) -> str:
    shown = json.dumps(blocks(card, channel.speech), sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()[:32]


def _pause(error: DeliveryError) -> timedelta:
    if error.retry_after is not None:
        return timedelta(seconds=min(error.retry_after, LONGEST_RETRY_AFTER_S))
    return timedelta(seconds=MEND_S if error.permanent else RETRY_S)
