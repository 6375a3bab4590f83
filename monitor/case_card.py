"""A case as its message on Slack shows it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session

from alerts.card import Card
from models import Agent, Case, CaseChange, CaseEvent, CaseState
from monitor.contacts import opted_out
from monitor.judging import message_for


def card_of(
    session: Session,
    case: Case,
    events: Sequence[CaseEvent],
    agents: Mapping[int, Agent],
    *,
    buttons: bool,
    now: datetime,
) -> Card:
    """Return what the message of ``case`` shows; ``events`` are its own, oldest first."""
    by_people = [event for event in events if event.to_state is not None]
    last: CaseEvent | None = by_people[-1] if by_people else None
    state = CaseState(case.state)
    owner = agents.get(case.agent_id) if case.agent_id else None
    if owner is None and state.closed and last and last.agent_id:
        owner = agents.get(last.agent_id)
    moments = {
        CaseState.CLAIMED: case.owned_since,
        CaseState.CONTACTED: case.contacted_at,
        CaseState.SOLVED: case.closed_at,
        CaseState.DISMISSED: case.closed_at,
    }
    told = {
        CaseState.DISMISSED: last.reason if last and last.kind == CaseChange.DISMISSED else "",
        CaseState.ESCALATED: case.escalated_to or "",
    }
    return Card(
        message=message_for(session, case, now=now),
        state=state,
        owner=owner.name if owner else None,
        since=moments.get(state),
        until=case.snoozed_until,
        reason=told.get(state, ""),
        silent=opted_out(session, case),
        buttons=buttons,
    )
