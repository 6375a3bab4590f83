"""The list of agents, as ops keep it."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.table import Table
from rich.text import Text
from sqlmodel import Session, col, func, select

from alerts.tongue import spoken, tongue
from models import CLOSED, Agent, AgentRole, Case, How
from models.base import id_of, utc_now
from models.errors import QuietwordError
from monitor import cases
from monitor.case_rules import Actor
from monitor.shifts import hours_words, workers

Choice = TypeVar("Choice", bound=StrEnum)


class TeamError(QuietwordError):
    """An agent cannot be found or kept; the message says what to write instead."""


def as_choice(kind: type[Choice], text: str) -> Choice:
    """Return the member of ``kind`` that ``text`` names; raise ``TeamError`` with all of them."""
    try:
        return kind(text.strip().lower().replace(" ", "_").replace("-", "_"))
    except ValueError:
        raise TeamError(f"{text!r} is none of: {', '.join(kind)}") from None


def by_name(session: Session, name: str) -> Agent:
    """Return the agent of that name, in any case of letters; raise ``TeamError`` for none."""
    agents = session.exec(select(Agent)).all()
    for agent in agents:
        if agent.name.casefold() == name.strip().casefold():
            return agent
    raise TeamError(
        f"there is no agent {name!r}; add one: quietword agent add NAME --language pl"
        + (f" (there are: {', '.join(agent.name for agent in agents)})" if agents else "")
    )


def language_of(agent: Agent | None, default: str) -> str:
    """Return in which language to speak to an agent: what was chosen, else that of their Slack."""
    if agent is None:
        return default
    return spoken(agent.speech) or spoken(agent.slack_locale) or default


def save_agent(
    session: Session,
    name: str,
    *,
    languages: Sequence[str] | None = None,
    speech: str | None = None,
    slack_user_id: str | None = None,
    email: str | None = None,
    role: str | None = None,
    team: str | None = None,
    timezone: str | None = None,
    on_call: bool | None = None,
    active: bool | None = None,
    now: datetime | None = None,
) -> tuple[Agent, bool]:
    """Add an agent or change what is given of one; return the row and whether it is new.

    Who is made inactive gives up their cases. Raises ``TeamError`` for a zone or role there is
    not, and for another's Slack id or address.
    """
    name = " ".join(name.split())
    if not name:
        raise TeamError("an agent needs a name: customers are written to by a person")
    if timezone is not None:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise TeamError(f"{timezone!r} is no time zone; write Europe/Warsaw") from None
    found = session.exec(select(Agent).where(func.lower(Agent.name) == name.lower())).first()
    agent = found or Agent(name=name)
    given = {
        "languages": [code.strip().lower() for code in languages] if languages else None,
        "speech": speech and tongue(speech.strip().lower()).code,
        "slack_user_id": slack_user_id,
        "email": email,
        "role": as_choice(AgentRole, role) if role else None,
        "team": team,
        "timezone": timezone,
        "on_call": on_call,
        "active": active,
    }
    for field, value in given.items():
        if value is not None:
            setattr(agent, field, value)
    for field in ("slack_user_id", "email"):
        value = getattr(agent, field)
        taken = select(Agent.name).where(
            getattr(Agent, field) == value, col(Agent.name) != agent.name
        )
        if value and (other := session.exec(taken).first()):
            raise TeamError(f"{value} is {other}'s already")
    session.add(agent)
    session.flush()
    if active is False:
        _leave(session, agent, now or utc_now())
    return agent, found is None


def _leave(session: Session, agent: Agent, now: datetime) -> None:
    """Give up the cases of somebody who leaves: to anybody, or to a lead after a first word."""
    ops = Actor(None, How.CLI)
    reason = f"{agent.name} does not work here any more"
    for case in session.exec(
        select(Case).where(Case.agent_id == agent.id, col(Case.state).not_in(CLOSED))
    ).all():
        if case.contacted_at is not None:
            cases.escalate(session, id_of(case), ops, now, reason=reason, to=AgentRole.LEAD)
        else:
            cases.release(session, id_of(case), ops, now, note=reason)


def table(session: Session, now: datetime) -> Table:
    """Return the agents for a terminal, those at work first said so."""
    grid = Table(box=None, header_style="bold", pad_edge=False)
    for head in ("Agent", "Role", "Languages", "Zone", "Hours", "Now"):
        grid.add_column(head, overflow="fold")
    for one in workers(session):
        agent = one.agent
        off = sorted(day for day in one.off if day >= now.date())
        grid.add_row(
            Text(agent.name + (f" ({agent.team})" if agent.team else "")),
            agent.role + (", on call" if agent.on_call else ""),
            Text(" ".join(agent.languages) or "any"),
            agent.timezone,
            hours_words(one.hours) + (f"; off {', '.join(map(str, off))}" if off else ""),
            "at work" if one.works(now) else "off",
        )
    return grid
