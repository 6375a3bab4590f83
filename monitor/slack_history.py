"""The story of a case, as its thread on Slack tells it, and in plain text."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo

from alerts.slack_blocks import date, fit, links
from alerts.tongue import Clock, Tongue
from alerts.words import shown
from models import Agent, CaseChange, CaseEvent, How
from models.base import id_of
from monitor.case_rules import MACHINE

NOT_TOLD = frozenset({CaseChange.OPENED, CaseChange.RAISED})
"""The message itself tells of these: it is posted, or answered for all to see."""
LINES = 15
NOTE_LIMIT = 500


def untold(events: Iterable[CaseEvent], told: int) -> list[CaseEvent]:
    """Return the events after number ``told`` that the thread should tell."""
    return [one for one in events if id_of(one) > told and one.kind not in NOT_TOLD]


def history_text(
    events: Sequence[CaseEvent],
    agents: Mapping[int, Agent],
    speech: Tongue,
    *,
    page: str | None = None,
) -> str:
    """Return the events as mrkdwn, one a line, the newest ``LINES`` of them; empty for none.

    ``page`` has them all.

    Only who is handed a case is pinged, and never by themselves.
    """
    lines = [line(event, agents, speech) for event in events]
    if len(lines) > LINES:
        left_out = speech.say("history_more", count=len(lines) - LINES)
        begin = " ".join(filter(None, [fit(left_out, 200), links({"open_page": page}, speech)]))
        lines = [begin, *lines[-LINES:]]
    return "\n".join(lines)


def line(
    event: CaseEvent,
    agents: Mapping[int, Agent],
    speech: Tongue,
    *,
    zone: tzinfo | None = None,
) -> str:
    """Return one event as mrkdwn; as plain text by the clock of ``zone`` where one is given."""
    if event.kind in MACHINE and zone is not None:
        level = speech.say(f"level_{event.level}")
        return speech.say(f"story_{event.kind}", level=level, score=f"{event.score:.0f}")
    actor = agents.get(event.agent_id) if event.agent_id else None
    heir = agents.get(event.to_agent_id) if event.to_agent_id else None
    to = heir.name if heir else "?"
    if zone is None:
        to = escaped(to)
        if heir and heir.slack_user_id and event.to_agent_id != event.agent_id:
            to += f" (<@{heir.slack_user_id}>)"
    if name := actor.name if actor else event.account:
        by = name if zone else f"*{escaped(name)}*"
    else:
        by = speech.say("timer" if event.how == How.TIMER else "somebody")
        by = by[:1].upper() + by[1:]
    key = f"history_{event.kind}"
    if key not in speech.keys:
        return f"{by}: {escaped(event.kind.replace('_', ' '))}"
    until: object = ""
    if event.until:
        until = Clock(event.until, zone, event.at) if zone else date(event.until)
    said = speech.say(
        key,
        by=by,
        to=to,
        until=until,
        reason=speech.either(f"dismissal_{event.reason}", event.reason),
        rank=speech.either(f"rank_{event.reason}", event.reason),
        level=speech.say(f"level_{event.level}"),
        why="",
    )
    if event.note:
        # A person's own words stay as they are.
        note = event.note if name else speech.reason(event.note)
        note = shown(note, NOTE_LIMIT)
        said = speech.say(
            "history_note", line=said, note=note if zone else fit(note, 2 * NOTE_LIMIT)
        )
    return said


def escaped(name: str) -> str:
    """Return one of our own names fit for mrkdwn."""
    return fit(shown(name, 80), 200)
