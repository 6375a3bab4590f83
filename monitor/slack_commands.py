"""``/quietword`` in Slack: my cases, one case, who is on shift, a pause, one's language."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from alerts import words
from alerts.base import DeliveryError
from alerts.channels.slack import SlackChannel
from alerts.slack_blocks import date, escape, fit, standing
from alerts.tongue import Tongue, tongue, tongues
from models import CLOSED, Agent, Case, CaseEvent, How, SlackCard
from models.base import id_of
from models.database import reading, writing
from monitor import cases
from monitor.case_card import card_of
from monitor.case_rules import Actor, CaseRefused
from monitor.contacts import CAP
from monitor.shifts import on_shift
from monitor.slack_cards import send_alone, show_case
from monitor.slack_history import escaped, history_text, untold
from monitor.team import language_of

SHOWN = 20
"""Cases in a list, lines in a history."""
LONGEST_PAUSE = timedelta(days=30)
LARGEST_ID = 2**31 - 1
LIMIT = 8_000
"""Characters of an answer."""


@dataclass(frozen=True, slots=True)
class Command:
    """What was typed after ``/quietword``, by whom, and in which language to answer."""

    text: str
    agent: Agent
    speech: Tongue
    now: datetime
    cap: timedelta = CAP
    """How long nobody else writes to an author whom one agent has written to."""


def answer(engine: Engine, channel: SlackChannel, asked: Command) -> str:
    """Do what is asked and return mrkdwn for the one who asked; help for what is not known."""
    said = " ".join(asked.text.lower().split())
    if said in {"my cases", "mine", "cases", "my"}:
        with reading(engine) as session:
            return _mine(session, asked)
    if match := re.fullmatch(r"(?:take|claim) #?(\d{1,9})", said):
        return _take(engine, channel, asked, int(match[1]))
    if match := re.fullmatch(r"(?:case )?#?(\d{1,12})", said):
        return _one(engine, channel, asked, int(match[1]))
    if said in {"on shift", "shift", "who is on shift", "who", "on call"}:
        with reading(engine) as session:
            names = [escaped(agent.name) for agent in on_shift(session, asked.now)]
        if not names:
            return asked.speech.say("nobody_on_shift")
        return asked.speech.say("on_shift", names=", ".join(names))
    if said.split(" ")[0] == "language":
        return _speak(engine, channel, asked, said.removeprefix("language").strip())
    if said.split(" ")[0] == "pause":
        return _pause(engine, asked, said.removeprefix("pause").strip())
    return escape(asked.speech.say("help"))


def _take(engine: Engine, channel: SlackChannel, asked: Command, number: int) -> str:
    """Take a case; one that only a summary told of gets a message of its own."""
    actor = Actor(agent_id=id_of(asked.agent), how=How.SLACK)
    try:
        with writing(engine) as session:
            cases.claim(session, number, actor, asked.now, cap=asked.cap)
            send_alone(session, number, channel.room, asked.now)
    except CaseRefused as refused:
        return asked.speech.say("refused", why=fit(refused.sentence(asked.speech), 2_000))
    show_case(engine, {(channel.kind, channel.room): channel}, number, asked.now)
    return asked.speech.say("yours", case=number)


def _mine(session: Session, asked: Command) -> str:
    mine = session.exec(
        select(Case)
        .where(Case.agent_id == asked.agent.id, col(Case.state).not_in(CLOSED))
        .order_by(col(Case.score).desc())
        .limit(SHOWN)
    ).all()
    lines = [_headline(session, case, asked) for case in mine]
    return "\n".join(lines) or asked.speech.say("no_cases")


def _headline(session: Session, case: Case, asked: Command) -> str:
    card = card_of(session, case, [], {}, buttons=False, now=asked.now)
    link = words.web_link(card.message.post_url)
    number = f"<{escape(link)}|#{case.id}>" if link else f"#{case.id}"
    state = asked.speech.say(f"state_{case.state}")
    return f"{number} {fit(f'{state} · {words.headline(card.message, 150, asked.speech)}', 400)}"


def _one(engine: Engine, channel: SlackChannel, asked: Command, number: int) -> str:
    speech = asked.speech
    with reading(engine) as session:
        case = session.get(Case, number) if number <= LARGEST_ID else None
        if case is None:
            return speech.say("no_case", case=number)
        events = session.exec(
            select(CaseEvent).where(CaseEvent.case_id == number).order_by(col(CaseEvent.id))
        ).all()
        agents = {id_of(agent): agent for agent in session.exec(select(Agent))}
        card = card_of(session, case, events, agents, buttons=False, now=asked.now)
        head = _headline(session, case, asked)
        ts = session.exec(
            select(SlackCard.ts).where(SlackCard.case_id == number, SlackCard.room == channel.room)
        ).first()
    # Without user ids: looking at a history pings nobody.
    named = {number: Agent(name=agent.name) for number, agent in agents.items()}
    story = history_text(untold(events, 0), named, speech, page=channel.page_of(number))
    why = f"{speech.say('why')}: {words.why(card.message, speech)}"
    parts = [head, standing(card, speech), fit(why, 2_000), story, _permalink(channel, ts)]
    return "\n".join(part for part in parts if part)[:LIMIT]


def _permalink(channel: SlackChannel, ts: str | None) -> str:
    if ts is None:
        return ""
    try:
        link = channel.permalink(ts)
    except DeliveryError:  # deleted, or Slack is busy: the rest of the answer stands
        return ""
    return f"<{escape(link)}>" if link else ""


def _speak(engine: Engine, channel: SlackChannel, asked: Command, code: str) -> str:
    """Speak another language to the one who asked; that of their Slack for ``auto``."""
    if code != "auto" and code not in tongues():
        return asked.speech.say("bad_language")
    with writing(engine) as session:
        agent = session.get_one(Agent, asked.agent.id)
        agent.speech = None if code == "auto" else code
        session.add(agent)
        speech = tongue(language_of(agent, channel.speech.code))
    return speech.say("language_unset" if code == "auto" else "language_is")


def _pause(engine: Engine, asked: Command, how_long: str) -> str:
    now, speech = asked.now, asked.speech
    if how_long in {"", "off", "end", "stop"}:
        until = None
    else:
        match = re.fullmatch(r"(\d{1,4}) ?(m|min|h|d)", how_long)
        unit = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}
        length = timedelta(**{unit[match[2]]: int(match[1])}) if match else timedelta()
        if not timedelta() < length <= LONGEST_PAUSE:
            return speech.say("bad_pause")
        until = now + length
    with writing(engine) as session:
        agent = session.get_one(Agent, asked.agent.id)
        if how_long != "":
            agent.paused_until = until
            session.add(agent)
        until = agent.paused_until
    if until is None or until <= now:
        return speech.say("unpaused")
    return speech.say("paused", until=date(until))
