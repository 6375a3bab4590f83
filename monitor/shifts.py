"""Who is at work when: shifts by the clock on each agent's wall, right on the nights it jumps.

A shift is told as weekday and minutes after midnight in the agent's zone, so nine o'clock stays
nine o'clock in summer and winter. An hour that a spring night leaves out begins where the clock
goes on; an hour that an autumn night has twice belongs to a shift both times.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from models import Agent, AgentRole, DayOff, Shift
from models.base import id_of
from models.errors import QuietwordError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
LOOK_AHEAD_DAYS = 15

Hours = tuple[int, int, int]
"""Weekday from 0 (Monday), begin and end in minutes after midnight; end > 1440: the next day."""


class HoursError(QuietwordError):
    """Working hours were not understood; the message shows the form that is."""


@dataclass(frozen=True, slots=True)
class Worker:
    """An agent with all that says when they work."""

    agent: Agent
    hours: tuple[Hours, ...]
    off: frozenset[date]

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """Return begin and end (UTC) of the shifts that begin on a date of the agent's zone."""
        if day in self.off:
            return []
        zone = ZoneInfo(self.agent.timezone)
        return [
            (wall_clock(day, start, zone), wall_clock(day, end, zone, late=True))
            for weekday, start, end in self.hours
            if weekday == day.weekday()
        ]

    def works(self, at: datetime) -> bool:
        """Return whether the agent is at work; always, where no shift was ever told."""
        if not self.agent.active or _paused(self.agent, at):
            return False
        if not self.hours:
            return at.astimezone(ZoneInfo(self.agent.timezone)).date() not in self.off
        today = at.astimezone(ZoneInfo(self.agent.timezone)).date()
        days = (today - timedelta(days=1), today)
        return any(begin <= at < end for day in days for begin, end in self.spans(day))

    def next_begin(self, after: datetime) -> datetime | None:
        """Return the first moment from ``after`` on at which the agent works.

        The begin of a shift, or the end of a pause or of days off in the middle of one; ``None``
        where that is more than two weeks away, not counting a pause.
        """
        if not self.agent.active:
            return None
        ready = after
        if self.agent.paused_until is not None:
            ready = max(after, self.agent.paused_until)
        zone = ZoneInfo(self.agent.timezone)
        today = ready.astimezone(zone).date()
        days = [today + timedelta(days=ahead) for ahead in range(-1, LOOK_AHEAD_DAYS)]
        spans = [span for day in days for span in self.spans(day)]
        if not self.hours:
            midnights = [wall_clock(day, 0, zone) for day in days]
            spans = [
                (begin, end)
                for day, begin, end in zip(days, midnights, midnights[1:], strict=False)
                if day not in self.off
            ]
        return min((max(begin, ready) for begin, end in spans if end > ready), default=None)

    def next_shift(self, after: datetime) -> datetime | None:
        """Return when a shift next begins, the one that goes on left out; ``None`` for no hours."""
        today = after.astimezone(ZoneInfo(self.agent.timezone)).date()
        days = [today + timedelta(days=ahead) for ahead in range(-1, LOOK_AHEAD_DAYS)]
        begins = [begin for day in days for begin, _ in self.spans(day) if begin > after]
        return min(begins, default=None)

    def speaks(self, language: str | None) -> bool:
        """Return whether the agent writes in ``language``; an empty list means any."""
        return not self.agent.languages or language in self.agent.languages


def _paused(agent: Agent, at: datetime) -> bool:
    return agent.paused_until is not None and at < agent.paused_until


@lru_cache(maxsize=4096)  # asked for the same few shifts of each customer of a month
def wall_clock(day: date, minutes: int, zone: ZoneInfo, *, late: bool = False) -> datetime:
    """Return the moment (UTC) at which a wall clock shows ``minutes`` after midnight of ``day``.

    Where it shows them twice, the first time, or the second with ``late``.
    """
    days, rest = divmod(minutes, DAY)
    day += timedelta(days=days)
    local = datetime(
        day.year, day.month, day.day, rest // 60, rest % 60, tzinfo=zone, fold=int(late)
    )
    if late and local.replace(fold=0).utcoffset() == local.utcoffset():
        local = local.replace(fold=0)
    return local.astimezone(UTC)


def workers(session: Session) -> list[Worker]:
    """Return every active agent with shifts and days off, by id."""
    agents = session.exec(select(Agent).where(Agent.active).order_by(col(Agent.id))).all()
    shifts = session.exec(select(Shift).order_by(col(Shift.weekday), col(Shift.start))).all()
    off = session.exec(select(DayOff)).all()
    return [
        Worker(
            agent=agent,
            hours=tuple((s.weekday, s.start, s.end) for s in shifts if s.agent_id == agent.id),
            off=frozenset(one.day for one in off if one.agent_id == agent.id),
        )
        for agent in agents
    ]


def on_shift(
    session: Session,
    now: datetime,
    *,
    language: str | None = None,
    least: AgentRole = AgentRole.AGENT,
) -> list[Agent]:
    """Return who is at work now, of rank ``least`` or higher, and writes in ``language``."""
    return [
        one.agent
        for one in workers(session)
        if one.works(now)
        and AgentRole(one.agent.role).rank >= least.rank
        and (language is None or one.speaks(language))
    ]


def next_shift_of(session: Session, agent_id: int | None, now: datetime) -> datetime | None:
    """Return when an agent's next shift begins; ``None`` for who has none within two weeks."""
    found = next((one for one in workers(session) if one.agent.id == agent_id), None)
    return found.next_shift(now) if found else None


def read_hours(words: Sequence[str]) -> list[Hours]:
    """Return the shifts that ``["mon-fri", "09:00-17:00", "sat", "22:00-06:00"]`` names.

    An end at or before the begin lies on the next day. Raises ``HoursError``.
    """
    parts = " ".join(words).lower().replace(",", " ").split()
    if not parts or len(parts) % 2:
        raise HoursError("write days and hours in pairs, such as mon-fri 09:00-17:00")
    hours: list[Hours] = []
    for days, times in zip(parts[::2], parts[1::2], strict=True):
        begin, end = _times(times)
        hours += [(day, begin, end) for day in _days(days)]
    if len({(day, begin) for day, begin, _ in hours}) != len(hours):
        raise HoursError("two shifts begin at the same time of the same day")
    return sorted(hours)


def _days(text: str) -> list[int]:
    first, _, last = text.partition("-")
    last = last or first
    if first not in DAYS or last not in DAYS:
        raise HoursError(f"{text!r} names no days; write {', '.join(DAYS)} or mon-fri")
    begin, end = DAYS.index(first), DAYS.index(last)
    return [day % 7 for day in range(begin, end + 1 + 7 * (end < begin))]


def _times(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]|24):([0-5]\d)", text)
    if match is None:
        raise HoursError(f"{text!r} are no hours; write 09:00-17:00")
    begin = int(match[1]) * 60 + int(match[2])
    end = int(match[3]) * 60 + int(match[4])
    if end > DAY:
        raise HoursError(f"{text!r} ends after midnight; write 24:00 at most")
    return begin, end if end > begin else end + DAY


def hours_words(hours: Sequence[Hours]) -> str:
    """Return shifts as a person writes them; ``always`` where there are none."""
    told = [
        f"{DAYS[day]} {begin // 60:02}:{begin % 60:02}-{end % DAY // 60:02}:{end % 60:02}"
        for day, begin, end in hours
    ]
    return ", ".join(told) or "always"


def set_shifts(session: Session, agent: Agent, hours: Sequence[Hours]) -> None:
    """Replace an agent's shifts."""
    for old in session.exec(select(Shift).where(Shift.agent_id == agent.id)):
        session.delete(old)
    session.flush()
    for day, begin, end in hours:
        session.add(Shift(agent_id=id_of(agent), weekday=day, start=begin, end=end))
    session.flush()


def add_day_off(session: Session, agent: Agent, day: date) -> None:
    """Note a date on which an agent does not work; twice is once."""
    if (
        session.exec(select(DayOff).where(DayOff.agent_id == agent.id, DayOff.day == day)).first()
        is None
    ):
        session.add(DayOff(agent_id=id_of(agent), day=day))
        session.flush()


def remove_day_off(session: Session, agent: Agent, day: date) -> None:
    """Take a day off back; one that was none is no matter."""
    for old in session.exec(select(DayOff).where(DayOff.agent_id == agent.id, DayOff.day == day)):
        session.delete(old)
    session.flush()
