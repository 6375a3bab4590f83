"""What is known when a change of a case is asked for, and who may ask."""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from alerts.tongue import Clock, Phrase, Tongue, phrase, tongue
from models import Agent, AgentRole, Case, CaseChange, CaseEvent, CaseState, How
from models.errors import QuietwordError

MACHINE = (CaseChange.OPENED, CaseChange.RAISED, CaseChange.LOWERED, CaseChange.JOINED)
"""Events of the risk job, which change no state."""


class CaseRefused(QuietwordError):
    """A change of a case is not legal now; ``why`` says it to the person who asked."""

    def __init__(self, case_id: int, why: Phrase) -> None:
        self.case_id = case_id
        self.why = why
        super().__init__(f"case {case_id} stays as it is: {why.told(tongue())}")

    def sentence(self, speech: Tongue | None = None) -> str:
        """Return why, in the language of the person who asked; in English if left out."""
        return self.why.sentence(speech or tongue())


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for a change, and from where.

    ``agent_id`` is ``None`` for a timer, for ops at the terminal, and for managers and ops on
    the pages whose ``account`` acts for no agent; they may do to any case what a lead may, but
    cannot take one.
    """

    agent_id: int | None
    how: How
    account: str = ""
    """Login of who has no agent on the pages, for the history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What came of a request."""

    case: Case
    """As it is now."""
    event: CaseEvent
    """What tells of the change."""
    repeated: bool
    """The same request had been granted before; nothing was changed now."""
    warnings: tuple[Phrase, ...] = ()
    """What the person should mind, although the change was made."""

    def warning(self, speech: Tongue | None = None) -> str:
        """Return the warnings as sentences; English where no language is given."""
        return " ".join(one.sentence(speech or tongue()) for one in self.warnings)


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
            raise CaseRefused(case_id, phrase("no_such_case"))
        agent = session.get(Agent, actor.agent_id) if actor.agent_id is not None else None
        if actor.agent_id is not None and (agent is None or not agent.active):
            raise CaseRefused(case_id, phrase("not_an_agent"))
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
        if self.last is None or (self.last.agent_id, self.last.account) != (
            self.actor.agent_id,
            self.actor.account,
        ):
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
            raise self.refused(phrase("agents_only"))
        return self.agent

    def must_be_mine(self) -> None:
        """Raise ``CaseRefused`` where the case is another's and the actor is no lead."""
        theirs = self.owner is not None and self.owner.id != self.actor.agent_id
        if theirs and not self.senior:
            raise self.refused(self.owner_words())

    def must_be_open(self) -> None:
        """Raise ``CaseRefused`` where the case is closed."""
        if self.state.closed:
            raise self.refused(phrase("reopen_first", last=self.last_words()))

    def must_be_in(self, *states: CaseState) -> None:
        """Raise ``CaseRefused`` where the case stands elsewhere."""
        if self.state not in states:
            raise self.refused(self.last_words())

    def refused(self, why: Phrase) -> CaseRefused:
        """Return the refusal to raise."""
        return CaseRefused(self.case.id or 0, why)

    def owner_words(self) -> Phrase:
        """Return whose the case is: ``Anna took it at 10:04``."""
        since = self._clock(self.case.owned_since)
        if self.owner is None:
            return phrase("nobody_has_it")
        if self.owner.id == self.actor.agent_id:
            return phrase("yours_since", at=since)
        given = self.last is not None and self.last.kind == CaseChange.HANDED_OVER
        return phrase("has_it_since" if given else "took_it_at", owner=self.owner.name, at=since)

    def last_words(self) -> Phrase:
        """Return what was done to the case last: ``Anna solved it at 10:04``."""
        if self.last is None:
            return phrase("still", state=phrase(f"state_{self.state}"))
        by: Phrase | str
        if self.last_by is not None:
            mine = self.last_by.id == self.actor.agent_id
            by = phrase("you") if mine else self.last_by.name
        else:
            machine = phrase("timer" if self.last.how == How.TIMER else "somebody")
            by = self.last.account or machine
        return phrase(f"did_{self.last.kind}", by=by, at=self._clock(self.last.at))

    def _clock(self, at: datetime | None) -> Clock:
        """Return a moment by the actor's wall clock."""
        return Clock(at, ZoneInfo(self.agent.timezone if self.agent else "UTC"), self.now)
