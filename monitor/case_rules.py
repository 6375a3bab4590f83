"""What is known when a change of a case is asked for, and who may ask."""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from models import Agent, AgentRole, Case, CaseChange, CaseEvent, CaseState, How
from models.errors import QuietwordError

MACHINE = (CaseChange.OPENED, CaseChange.RAISED, CaseChange.LOWERED)
"""Events of the risk job, which change no state."""

_DID = {
    CaseChange.CLAIMED: "took it",
    CaseChange.RELEASED: "released it",
    CaseChange.CONTACTED: "wrote to the customer",
    CaseChange.SOLVED: "solved it",
    CaseChange.SNOOZED: "snoozed it",
    CaseChange.WOKEN: "woke it",
    CaseChange.HANDED_OVER: "handed it over",
    CaseChange.ESCALATED: "escalated it",
    CaseChange.DISMISSED: "dismissed it",
    CaseChange.REOPENED: "reopened it",
}


class CaseRefused(QuietwordError):
    """A change of a case is not legal now; ``sentence`` says why, to the person who asked."""

    def __init__(self, case_id: int, sentence: str) -> None:
        self.case_id = case_id
        self.sentence = sentence[:1].upper() + sentence[1:] + "."
        super().__init__(f"case {case_id} stays as it is: {sentence}")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for a change, and from where.

    ``agent_id`` is ``None`` for a timer, and for ops at the terminal, who may do to any case
    what a lead may, but cannot take one.
    """

    agent_id: int | None
    how: How


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What came of a request."""

    case: Case
    """As it is now."""
    event: CaseEvent
    """What tells of the change."""
    repeated: bool
    """The same request had been granted before; nothing was changed now."""
    warning: str = ""
    """A sentence the person should read, although the change was made."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A change that is asked for, as its event will tell of it."""

    kind: CaseChange
    note: str = ""
    reason: str = ""
    until: datetime | None = None
    to_agent_id: int | None = None

    def fitting(self, limit: int) -> "Wish":
        """Return the same with a note of at most ``limit`` characters."""
        return replace(self, note=" ".join(self.note.split())[:limit])


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A case as read just now, and who wants to change it."""

    case: Case
    owner: Agent | None
    actor: Actor
    agent: Agent | None
    """The actor's row."""
    last: CaseEvent | None
    """The newest event by a person or a timer."""
    last_by: Agent | None
    now: datetime

    @staticmethod
    def read(session: Session, case_id: int, actor: Actor, now: datetime) -> "Situation":
        """Return how things stand; raise ``CaseRefused`` for a case or an actor there is not."""
        fresh = {"populate_existing": True}
        case = session.exec(
            select(Case).where(Case.id == case_id).execution_options(**fresh)
        ).first()
        if case is None:
            raise CaseRefused(case_id, "there is no such case")
        agent = session.get(Agent, actor.agent_id) if actor.agent_id is not None else None
        if actor.agent_id is not None and (agent is None or not agent.active):
            raise CaseRefused(case_id, "you are not an agent at work; ask ops to add you")
        last = session.exec(
            select(CaseEvent)
            .where(CaseEvent.case_id == case_id, col(CaseEvent.kind).not_in(MACHINE))
            .order_by(col(CaseEvent.id).desc())
            .limit(1)
        ).first()
        # As copies, so that a second look does not change what this one saw.
        return Situation(
            case=Case(**case.model_dump()),
            owner=session.get(Agent, case.agent_id) if case.agent_id is not None else None,
            actor=actor,
            agent=agent,
            last=last,
            last_by=session.get(Agent, last.agent_id) if last and last.agent_id else None,
            now=now,
        )

    @property
    def state(self) -> CaseState:
        """Return where the case stands."""
        return CaseState(self.case.state)

    @property
    def senior(self) -> bool:
        """Return whether the actor may change the cases of others."""
        return self.agent is None or self.agent.role != AgentRole.AGENT

    def repeats(self, wish: Wish) -> bool:
        """Return whether the newest event already grants what is asked for, to the same actor."""
        if self.last is None or self.last.agent_id != self.actor.agent_id:
            return False
        if wish.kind is CaseChange.CLAIMED and self._is_mine_and_open():
            return True
        return (
            self.last.kind == wish.kind
            and (self.last.reason, self.last.note, self.last.until)
            == (wish.reason, wish.note, wish.until)
            and wish.to_agent_id in {None, self.last.to_agent_id}
        )

    def _is_mine_and_open(self) -> bool:
        mine = self.agent is not None and self.case.agent_id == self.agent.id
        return mine and self.state in {CaseState.CLAIMED, CaseState.CONTACTED}

    def person(self) -> Agent:
        """Return the agent who asks; raise ``CaseRefused`` where it is none."""
        if self.agent is None:
            raise self.refused("only an agent can do that; name one")
        return self.agent

    def must_be_mine(self) -> None:
        """Raise ``CaseRefused`` where the case is another's and the actor is no lead."""
        theirs = self.owner is not None and self.owner.id != self.actor.agent_id
        if theirs and not self.senior:
            raise self.refused(self.owner_words())

    def must_be_open(self) -> None:
        """Raise ``CaseRefused`` where the case is closed."""
        if self.state.closed:
            raise self.refused(f"{self.last_words()}; reopen it first")

    def must_be_in(self, *states: CaseState) -> None:
        """Raise ``CaseRefused`` where the case stands elsewhere."""
        if self.state not in states:
            raise self.refused(self.last_words())

    def refused(self, sentence: str) -> CaseRefused:
        """Return the refusal to raise."""
        return CaseRefused(self.case.id or 0, sentence)

    def owner_words(self) -> str:
        """Return whose the case is: ``Anna took it at 10:04``."""
        if self.owner is None:
            return "nobody has it"
        if self.owner.id == self.actor.agent_id:
            return f"you have it since {self.clock(self.case.owned_since)}"
        verb = "has had it since" if self._was_given() else "took it at"
        return f"{self.owner.name} {verb} {self.clock(self.case.owned_since)}"

    def _was_given(self) -> bool:
        return self.last is not None and self.last.kind == CaseChange.HANDED_OVER

    def last_words(self) -> str:
        """Return what was done to the case last: ``Anna solved it at 10:04``."""
        if self.last is None:
            return f"it is {self.state}: nobody has it"
        by = self.last_by.name if self.last_by else "ops"
        if self.last_by is not None and self.last_by.id == self.actor.agent_id:
            by = "you"
        if self.last_by is None and self.last.how == How.TIMER:
            by = "a timer"
        return f"{by} {_DID[CaseChange(self.last.kind)]} at {self.clock(self.last.at)}"

    def clock(self, at: datetime | None) -> str:
        """Return a moment by the actor's wall clock, with the date where it is another day's."""
        if at is None:
            return "some time"
        zone = ZoneInfo(self.agent.timezone if self.agent else "UTC")
        local, today = at.astimezone(zone), self.now.astimezone(zone).date()
        day = "" if local.date() == today else f" on {local.day} {local:%b}"
        return f"{local:%H:%M}{day}"
