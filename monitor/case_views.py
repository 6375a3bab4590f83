"""Cases on a terminal: a list, and one with its history."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from sqlmodel import Session, col, select

from alerts.tongue import phrase
from models import CLOSED, Agent, Case, CaseChange, CaseEvent, CaseState
from monitor import team, wording
from monitor.cases import CaseRefused
from monitor.flagged import Flagged, read_flagged


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was done to a case, in words."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A case with everything that happened to it."""

    case: Flagged
    history: tuple[Line, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return _plain(self.case) | {
            "history": [{"at": line.at.isoformat(), "what": line.what} for line in self.history]
        }

    def rendered(self) -> RenderableType:
        """Return it for a terminal; forum text is never read as markup."""
        case = self.case
        owner = case.owner or "nobody"
        head = [
            (f"#{case.id}  {wording.level_words(case.level)} {case.score:.0f}  ", "bold"),
            (f"{case.state}, {owner}\n", ""),
            (f"{case.title}\n", "bold"),
            (f"{case.source} · {case.brand} · {wording.topic_words(case.topic)}\n", "dim"),
            (f"“{case.quote}” — {case.author}\n", ""),
            *((f"- {reason}\n", "") for reason in case.reasons),
            (f"thread   {case.thread_url}\n" if case.thread_url else "", ""),
            (f"private  {case.private_url}\n" if case.private_url else "", ""),
            (f"profile  {case.profile_url}\n" if case.profile_url else "", ""),
            (f"{case.outreach}\n", "dim"),
        ]
        lines = [Text(f"{line.at:%Y-%m-%d %H:%M} UTC  {line.what}") for line in self.history]
        return Group(Text.assemble(*head), *lines)


def listed(
    session: Session, *, states: Sequence[str], owner: str | None, closed: bool
) -> list["Row"]:
    """Return the cases asked for, weightiest first; the open ones where nothing is asked."""
    query = select(col(Case.id))
    if states:
        wanted = [team.as_choice(CaseState, state) for state in states]
        query = query.where(col(Case.state).in_(wanted))
    elif not closed:
        query = query.where(col(Case.state).not_in(CLOSED))
    if owner is not None:
        query = query.where(Case.agent_id == team.by_name(session, owner).id)
    return [Row(case) for case in read_flagged(session, query, {})]


@dataclass(frozen=True, slots=True)
class Row:
    """One case of a list."""

    case: Flagged

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return _plain(self.case)


def _plain(case: Flagged) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(case), default=str))
    plain.pop("events")
    return plain


def table(rows: Sequence[Row]) -> RenderableType:
    """Return a list of cases for a terminal."""
    if not rows:
        return Text("No case: nobody needs a word just now.")
    grid = Table(box=None, header_style="bold", pad_edge=False)
    for head in ("#", "Level", "State", "Owner", "Brand", "Thread"):
        grid.add_column(head, overflow="fold")
    for row in rows:
        case = row.case
        level = f"{wording.level_words(case.level)} {case.score:.0f}"
        owner, title = Text(case.owner or ""), Text(case.title)
        grid.add_row(str(case.id), level, case.state, owner, Text(case.brand), title)
    return grid


def whole(session: Session, case_id: int) -> Whole:
    """Return one case; raise ``CaseRefused`` where there is none."""
    found = read_flagged(session, select(col(Case.id)).where(Case.id == case_id), {})
    if not found:
        raise CaseRefused(case_id, phrase("no_such_case"))
    return Whole(case=found[0], history=history(session, case_id))


def history(session: Session, case_id: int) -> tuple[Line, ...]:
    """Return what happened to a case, in words, oldest first."""
    names: dict[int | None, str] = dict(session.exec(select(Agent.id, Agent.name)).all())
    events = session.exec(
        select(CaseEvent).where(CaseEvent.case_id == case_id).order_by(col(CaseEvent.id))
    )
    return tuple(Line(event.at, event_line(event, names)) for event in events)


def event_line(event: CaseEvent, names: dict[int | None, str]) -> str:
    """Return one event in words; ``names`` holds the agents' names by id."""
    if event.kind == CaseChange.JOINED:
        return "somebody else in the thread is unhappy, too"
    if event.to_state is None:
        return f"{event.kind.replace('_', ' ')}: {wording.level_words(event.level)} " + (
            f"{event.score:.0f}"
        )
    machine = "a timer" if event.how == "timer" else "ops"
    by = names.get(event.agent_id) or event.account or machine
    words = f"{event.kind.replace('_', ' ')} by {by}"
    if event.to_agent_id is not None and event.to_agent_id not in {
        event.agent_id,
        event.from_agent_id,
    }:
        words += f" to {names.get(event.to_agent_id, '?')}"
    if event.until is not None:
        words += f" until {event.until:%Y-%m-%d %H:%M} UTC"
    if event.reason:
        words += f" ({event.reason.replace('_', ' ')})"
    return words + (f": {event.note}" if event.note else "")
