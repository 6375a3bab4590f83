"""Bringing one message on Slack up to date: edited where it stands, its thread told what is new.

Whatever is about to be said in a thread is noted first, so that who dies in the call leaves a doubt
behind that the next one settles.
"""

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Engine, or_
from sqlmodel import Session, col, delete, select, update

from alerts.base import DeliveryError, Message
from alerts.card import Card
from alerts.channels.slack import HISTORY_TYPE, MessageFrozen, MessageGone, SlackChannel
from alerts.slack_blocks import blocks
from models import Agent, Alert, Case, CaseEvent, CaseState, Delivery, DeliveryState, SlackCard
from models.base import id_of
from models.database import reading, writing
from monitor.case_card import card_of
from monitor.slack_history import history_text, untold

logger = logging.getLogger(__name__)
LEASE_S = 60.0
RETRY_S = 30.0
MEND_S = 300.0
"""Pause after a refusal that only a person can mend."""
LONGEST_RETRY_AFTER_S = 3_600.0
ROUNDS = 5
"""How often a message is looked at again because its case changed meanwhile."""


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


def show(engine: Engine, channel: SlackChannel, card_id: int, now: datetime) -> list[str]:
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
    text = history_text(work.events, work.agents, channel.speech, page=channel.page_of(case_id))
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
        card=replace(
            card_of(session, case, events, agents, buttons=channel.buttons, now=now),
            page=channel.page_of(row.case_id),
        ),
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
