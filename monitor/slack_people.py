"""Who a Slack user is to us, and what was taken from Slack already."""

import logging
from datetime import datetime

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError
from sqlalchemy import Engine, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from models import Agent, SlackPress
from models.database import reading, writing

logger = logging.getLogger(__name__)
UNREACHABLE = (SlackClientError, OSError)


def agent_of(engine: Engine, client: WebClient, user: str) -> Agent | None:
    """Return the agent that Slack user ``user`` is, ``None`` for somebody we do not know.

    Known by the id, else by the e-mail address that Slack holds, whose id is then kept. A name
    is never trusted: anybody may choose it.
    """
    with reading(engine) as session:
        found = _active(session, user)
        waiting = session.exec(
            select(Agent.id).where(Agent.email != None, Agent.slack_user_id == None)  # noqa: E711
        ).first()
    if found or waiting is None:
        return found
    try:
        profile = client.users_info(user=user).get("user") or {}
    except UNREACHABLE as error:
        logger.warning("Slack does not tell who %s is: %s", user, error)
        return None
    address = (profile.get("profile") or {}).get("email")
    if not address or profile.get("deleted") or profile.get("is_bot"):
        return None
    with writing(engine) as session:
        agent = session.exec(
            select(Agent).where(
                func.lower(Agent.email) == address.lower(),
                Agent.slack_user_id == None,  # noqa: E711
                Agent.active,
            )
        ).first()
        if agent is not None:
            agent.slack_user_id = user
            session.add(agent)
        return agent


def _active(session: Session, user: str) -> Agent | None:
    return session.exec(select(Agent).where(Agent.slack_user_id == user, Agent.active)).first()


def first_time(engine: Engine, name: str, now: datetime) -> bool:
    """Note that ``name`` (moment, user, action) was taken; ``False`` if it had been before."""
    try:
        with writing(engine) as session:
            session.add(SlackPress(name=name[:200], at=now))
    except IntegrityError:
        return False
    return True
