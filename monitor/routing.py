"""Who is told, and when: shifts, languages, ranks, quiet hours."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from alerts.outbox import Target
from models import CLOSED, Agent, AgentRole, Case, Level
from monitor.config import Settings
from monitor.shifts import DAY, Worker, wall_clock, workers


@dataclass(frozen=True, slots=True)
class Places:
    """Where words can be sent: the rooms that everybody reads, and kinds that reach one person."""

    rooms: tuple[Target, ...]
    personal: tuple[str, ...] = ()
    """``slack`` or ``email``, the best first."""

    def of(self, agent: Agent) -> tuple[Target, ...]:
        """Return where to tell one agent; the rooms, where nothing reaches them alone."""
        addresses = {"slack": agent.slack_user_id, "email": agent.email}
        own = [(kind, addresses[kind]) for kind in self.personal]
        reached = next(((kind, room) for kind, room in own if room), None)
        return (reached,) if reached is not None else self.rooms


class Duty:
    """The team at one moment; read once for a whole run."""

    def __init__(self, session: Session, settings: Settings, now: datetime) -> None:
        self._session = session
        self._settings = settings
        self.now = now
        self.team: Sequence[Worker] = workers(session)
        self.given: Counter[int | None] = Counter()
        """Cases that agents were asked to take in this run, by the agent's id."""

    def quiet_until(self) -> datetime | None:
        """Return when the quiet hours end, ``None`` outside them.

        Quiet are the hours that the settings name, and those in which agents have shifts but
        none is at work. Where no shift begins within two weeks, nothing is held back.
        """
        at, end = self.now, None
        for _ in range(100):
            until = self._window_end(at) or self._shift_begin(at)
            if until is None:
                return end
            at = end = until
        return end

    def hold(self, level: Level) -> datetime | None:
        """Return until when an alert waits; urgent ones wait only where the settings say so."""
        if level is Level.URGENT and self._settings.quiet_urgent:
            return None
        return self.quiet_until()

    def _window_end(self, at: datetime) -> datetime | None:
        if not self._settings.quiet_hours:
            return None
        begin, end = (
            int(part[:2]) * 60 + int(part[3:]) for part in self._settings.quiet_hours.split("-")
        )
        zone = self._settings.timezone
        today = at.astimezone(zone).date()
        for day in (today - timedelta(days=1), today):
            opens = wall_clock(day, begin, zone)
            closes = wall_clock(day, end if end > begin else end + DAY, zone, late=True)
            if opens <= at < closes:
                return closes
        return None

    def _shift_begin(self, at: datetime) -> datetime | None:
        if not any(one.hours for one in self.team) or any(one.works(at) for one in self.team):
            return None
        begins = [begin for one in self.team if (begin := one.next_begin(at)) is not None]
        return min(begins, default=None)

    def worker(self, agent_id: int | None) -> Worker | None:
        """Return an active agent."""
        return next((one for one in self.team if one.agent.id == agent_id), None)

    def takers(self, language: str | None) -> list[Agent]:
        """Return who should take a case in ``language`` now, the one with the fewest first.

        Whoever is at work and writes in it; else whoever is at work; else who is on call.
        """
        at_work = [one for one in self.team if one.works(self.now)]
        on_call = [one for one in self.team if one.agent.on_call]
        chosen = (
            [one.agent for one in at_work if one.speaks(language)]
            or [one.agent for one in at_work]
            or [one.agent for one in on_call if one.speaks(language)]
            or [one.agent for one in on_call]
        )
        load = Counter(self._load()) + self.given
        # A case is an agent's before it is a lead's.
        return sorted(
            chosen,
            key=lambda agent: (AgentRole(agent.role).rank, load[agent.id], agent.id or 0),
        )

    def _load(self) -> dict[int | None, int]:
        rows = self._session.exec(
            select(Case.agent_id, func.count())
            .where(col(Case.agent_id).is_not(None), col(Case.state).not_in(CLOSED))
            .group_by(col(Case.agent_id))
        )
        return dict(rows.all())

    def deciders(self, rank: AgentRole) -> list[Agent]:
        """Return whom a case escalated to ``rank`` is told to.

        Leads: those at work, else on call, else all; managers all. Where there are none of a
        rank, the next higher one; an empty list where there is nobody.
        """
        for wanted in [one for one in AgentRole if one.rank >= rank.rank]:
            people = [one for one in self.team if one.agent.role == wanted]
            if wanted is AgentRole.LEAD:
                people = (
                    [one for one in people if one.works(self.now)]
                    or [one for one in people if one.agent.on_call]
                    or people
                )
            if people:
                return [one.agent for one in people]
        return []
