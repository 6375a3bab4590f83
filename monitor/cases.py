"""The life of a case: one function for each change, whoever asks for it and from wherever.

Slack, pages, command line and timers all call these. Each reads the case, asks whether the
change is legal, and makes it with an ``UPDATE`` that names the state, owner and turn it has read;
when somebody else came first, no row fits and the question is asked again of what is there now.
The event goes into the same transaction, which belongs to the caller: who opens a session commits.

The same request twice (a double click, a retried call) gives the same answer and one event. A
change that is not legal raises ``CaseRefused`` with a sentence for the person who asked.
docs/cases.md draws the states.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select, update

from alerts.tongue import Phrase, phrase
from models import (
    Agent,
    AgentRole,
    Case,
    CaseChange,
    CaseEvent,
    CaseState,
    Dismissal,
)
from models.base import id_of
from monitor import contacts, labels
from monitor.case_rules import Actor, CaseRefused, Change, Situation, Wish
from monitor.contacts import CAP

__all__ = [
    "Actor",
    "CaseRefused",
    "Change",
    "claim",
    "contacted",
    "dismiss",
    "escalate",
    "hand_over",
    "opt_out",
    "release",
    "reopen",
    "snooze",
    "solved",
    "wake",
]

TRIES = 20
"""How often a change is tried that others forestall; each means that somebody's went through."""
LONGEST_SNOOZE = timedelta(days=30)
NOTE_LIMIT = 1_000

Values = Mapping[str, Any]


def claim(
    session: Session,
    case_id: int,
    actor: Actor,
    now: datetime,
    *,
    note: str = "",
    anyway: bool = False,
    cap: timedelta = CAP,
) -> Change:
    """Make a case nobody has the actor's own.

    Refused where the author asked not to be written to, and where another agent is in touch with
    the author or was within ``cap``, unless it is to be done ``anyway``.
    """
    warnings: list[Phrase] = []

    def decide(found: Situation) -> Values:
        me = found.person()
        if found.state.closed:
            raise found.refused(phrase("reopen_first", last=found.last_words()))
        if found.case.agent_id not in {None, me.id}:
            raise found.refused(found.owner_words())
        _clear(session, found, id_of(me), cap, warnings, anyway=anyway)
        return {
            "state": CaseState.CONTACTED if found.case.contacted_at else CaseState.CLAIMED,
            "agent_id": me.id,
            "owned_since": now,
            "snoozed_until": None,
            "held_state": None,
        }

    change = _change(session, case_id, actor, now, Wish(CaseChange.CLAIMED, note=note), decide)
    return replace(change, warnings=tuple(warnings))


def release(
    session: Session, case_id: int, actor: Actor, now: datetime, *, note: str = ""
) -> Change:
    """Give a case back to whoever takes it next; refused once the customer was written to."""

    def decide(found: Situation) -> Values:
        found.must_be_in(CaseState.CLAIMED, CaseState.SNOOZED)
        if found.case.agent_id is None:
            raise found.refused(phrase("nobody_has_it"))
        found.must_be_mine()
        if found.case.contacted_at:
            raise found.refused(phrase("written_already"))
        return _nobodys()

    return _change(session, case_id, actor, now, Wish(CaseChange.RELEASED, note=note), decide)


def contacted(
    session: Session,
    case_id: int,
    actor: Actor,
    now: datetime,
    *,
    note: str = "",
    cap: timedelta = CAP,
) -> Change:
    """Record that the owner has written to the customer.

    Refused where the author asked not to be written to; where another agent was in touch within
    ``cap`` it is recorded, since it has happened, with a warning.
    """
    warnings: list[Phrase] = []

    def decide(found: Situation) -> Values:
        me = found.person()
        if found.case.agent_id is None and not found.state.closed:
            raise found.refused(phrase("take_first"))
        found.must_be_in(CaseState.CLAIMED)
        if found.case.agent_id != me.id:
            raise found.refused(found.owner_words())
        _clear(session, found, id_of(me), cap, warnings, anyway=True)
        return {"state": CaseState.CONTACTED, "contacted_at": now}

    wish = Wish(CaseChange.CONTACTED, note=note)
    change = _change(session, case_id, actor, now, wish, decide)
    if not change.repeated:
        contacts.record(session, change.case, actor.agent_id, now)
    return replace(change, warnings=tuple(warnings))


def solved(
    session: Session, case_id: int, actor: Actor, now: datetime, *, note: str = ""
) -> Change:
    """Close a case whose trouble is mended."""

    def decide(found: Situation) -> Values:
        if found.case.agent_id is None and not found.state.closed:
            raise found.refused(phrase("take_first"))
        found.must_be_in(CaseState.CLAIMED, CaseState.CONTACTED)
        found.must_be_mine()
        return {"state": CaseState.SOLVED, "closed_at": now}

    return _change(session, case_id, actor, now, Wish(CaseChange.SOLVED, note=note), decide)


def snooze(
    session: Session,
    case_id: int,
    actor: Actor,
    now: datetime,
    *,
    until: datetime,
    note: str = "",
) -> Change:
    """Lay a case aside until a moment at most 30 days ahead; a timer wakes it."""

    def decide(found: Situation) -> Values:
        found.must_be_open()
        found.must_be_mine()
        if not now < until <= now + LONGEST_SNOOZE:
            raise found.refused(phrase("snooze_limit", count=LONGEST_SNOOZE.days))
        held = found.case.held_state if found.state is CaseState.SNOOZED else found.state
        return {"state": CaseState.SNOOZED, "held_state": held, "snoozed_until": until}

    wish = Wish(CaseChange.SNOOZED, note=note, until=until)
    return _change(session, case_id, actor, now, wish, decide)


def wake(session: Session, case_id: int, actor: Actor, now: datetime, *, note: str = "") -> Change:
    """Put a snoozed case back to where it was."""

    def decide(found: Situation) -> Values:
        found.must_be_in(CaseState.SNOOZED)
        found.must_be_mine()
        held = found.case.held_state or CaseState.NEW
        return {"state": held, "held_state": None, "snoozed_until": None}

    return _change(session, case_id, actor, now, Wish(CaseChange.WOKEN, note=note), decide)


def hand_over(
    session: Session,
    case_id: int,
    actor: Actor,
    now: datetime,
    *,
    to_agent_id: int,
    note: str = "",
    anyway: bool = False,
    cap: timedelta = CAP,
) -> Change:
    """Give a case to another agent; a lead may give away anybody's.

    Refused, as ``claim`` is, where the one who gets it is not to write to the author.
    """
    warnings: list[Phrase] = []

    def decide(found: Situation) -> Values:
        found.must_be_open()
        found.must_be_mine()
        heir = session.get(Agent, to_agent_id)
        if heir is None or not heir.active:
            raise found.refused(phrase("no_such_agent"))
        if found.case.agent_id == to_agent_id:
            raise found.refused(phrase("theirs_already", owner=heir.name))
        _clear(session, found, to_agent_id, cap, warnings, anyway=anyway)
        return {
            "state": CaseState.CONTACTED if found.case.contacted_at else CaseState.CLAIMED,
            "agent_id": to_agent_id,
            "owned_since": now,
            "snoozed_until": None,
            "held_state": None,
        }

    wish = Wish(CaseChange.HANDED_OVER, note=note, to_agent_id=to_agent_id)
    change = _change(session, case_id, actor, now, wish, decide)
    return replace(change, warnings=tuple(warnings))


def escalate(
    session: Session,
    case_id: int,
    actor: Actor,
    now: datetime,
    *,
    reason: str,
    to: AgentRole | None = None,
) -> Change:
    """Ask a lead, or a manager, to decide; the case is nobody's until one of the team takes it.

    ``to`` is the next rank above the actor's if left out. Refused where it waits for that rank
    or a higher one already.
    """
    rank = to or _next_rank(session, actor)

    def decide(found: Situation) -> Values:
        found.must_be_open()
        found.must_be_mine()
        if not reason.strip():
            raise found.refused(phrase("say_what"))
        waits = found.case.escalated_to
        if found.state is CaseState.ESCALATED and waits and AgentRole(waits).rank >= rank.rank:
            rank_words = phrase(f"rank_{waits}")
            raise found.refused(phrase("waits_for", last=found.last_words(), rank=rank_words))
        return _nobodys() | {"state": CaseState.ESCALATED, "escalated_to": rank}

    wish = Wish(CaseChange.ESCALATED, note=reason, reason=rank)
    return _change(session, case_id, actor, now, wish, decide)


def dismiss(
    session: Session,
    case_id: int,
    actor: Actor,
    now: datetime,
    *,
    reason: Dismissal,
    note: str = "",
) -> Change:
    """Close a case that needs nobody; the reason is a label that the thresholds learn from."""

    def decide(found: Situation) -> Values:
        found.must_be_open()
        found.must_be_mine()
        return {"state": CaseState.DISMISSED, "closed_at": now}

    wish = Wish(CaseChange.DISMISSED, note=note, reason=reason)
    return _change(session, case_id, actor, now, wish, decide)


def reopen(session: Session, case_id: int, actor: Actor, now: datetime, *, reason: str) -> Change:
    """Take up a closed case again: it is new, and nobody's."""

    def decide(found: Situation) -> Values:
        found.must_be_in(CaseState.SOLVED, CaseState.DISMISSED)
        if not reason.strip():
            raise found.refused(phrase("say_why_reopen"))
        return _nobodys() | {"contacted_at": None, "closed_at": None, "escalated_to": None}

    return _change(session, case_id, actor, now, Wish(CaseChange.REOPENED, note=reason), decide)


def opt_out(
    session: Session, case_id: int, actor: Actor, now: datetime, *, note: str = ""
) -> Change:
    """Note that the case's author asked never to be written to; close their open cases.

    Final, and for every brand: whoever works on one of them, it is dismissed, since no contact is
    allowed, and a later one can only be dismissed. Anybody may pass the wish on.
    """
    found = Situation.read(session, case_id, actor, now)
    author, still_open = contacts.opt_out(session, found.case, actor, now, note=note)

    def decide(found: Situation) -> Values:
        found.must_be_open()
        return {"state": CaseState.DISMISSED, "closed_at": now}

    wish = Wish(CaseChange.DISMISSED, note=note, reason=Dismissal.NO_CONTACT_ALLOWED)
    made = [_change(session, id_of(case), actor, now, wish, decide) for case in still_open]
    kept = (phrase("peace_kept", author=author, count=len(made)),)
    if made and made[0].case.id == case_id:
        return replace(made[0], warnings=kept)
    if found.last is None:  # closed before histories were kept
        raise found.refused(phrase("peace"))
    return Change(case=found.case, event=found.last, repeated=not made, warnings=kept)


def _clear(
    session: Session,
    found: Situation,
    agent_id: int,
    cap: timedelta,
    warnings: list[Phrase],
    *,
    anyway: bool,
) -> None:
    """Raise ``CaseRefused`` where the author is not to be written to; collect what to mind."""
    told = contacts.clearance(session, found.case, agent_id, found.now, cap)
    if told.final or (told.refusal and not anyway):
        raise found.refused(told.final or told.refusal)  # type: ignore[arg-type]
    mine = told.warning if agent_id == found.actor.agent_id else None
    warnings[:] = filter(None, [told.refusal, mine])


def _nobodys() -> dict[str, Any]:
    return {
        "state": CaseState.NEW,
        "agent_id": None,
        "owned_since": None,
        "snoozed_until": None,
        "held_state": None,
    }


def _next_rank(session: Session, actor: Actor) -> AgentRole:
    agent = session.get(Agent, actor.agent_id) if actor.agent_id is not None else None
    senior = agent is not None and agent.role != AgentRole.AGENT
    return AgentRole.MANAGER if senior else AgentRole.LEAD


def _change(
    session: Session,
    case_id: int,
    actor: Actor,
    now: datetime,
    wish: Wish,
    decide: Callable[[Situation], Values],
) -> Change:
    """Make one change, or say that it was made already; raise ``CaseRefused`` if it cannot be."""
    wish = wish.fitting(NOTE_LIMIT)
    for _ in range(TRIES):
        found = Situation.read(session, case_id, actor, now)
        if found.repeats(wish):
            assert found.last is not None  # noqa: S101
            return Change(case=found.case, event=found.last, repeated=True)
        before = found.case
        values = decide(found)
        made = session.exec(
            update(Case)
            .where(
                col(Case.id) == case_id,
                col(Case.turn) == before.turn,
                col(Case.state) == before.state,
                col(Case.agent_id).is_not_distinct_from(before.agent_id),
            )
            .values(turn=before.turn + 1, updated_at=now, **values)
            .execution_options(synchronize_session=False)
        )
        if made.rowcount != 1:
            continue  # somebody came first
        event = CaseEvent(
            case_id=case_id,
            at=now,
            kind=wish.kind,
            level=before.level,
            score=before.score,
            agent_id=actor.agent_id,
            how=actor.how,
            account=actor.account,
            from_state=before.state,
            to_state=values["state"],
            from_agent_id=before.agent_id,
            to_agent_id=values.get("agent_id", before.agent_id),
            reason=wish.reason,
            note=wish.note,
            until=wish.until,
        )
        session.add(event)
        session.flush()
        labels.learn(session, before, event)
        case = session.exec(
            select(Case).where(Case.id == case_id).execution_options(populate_existing=True)
        ).one()
        return Change(case=case, event=event, repeated=False)
    raise CaseRefused(id_of(before), phrase("others_change_it"))
