"""Who a Slack user is to us, and in which language to answer."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from alerts.base import Channel
from alerts.tongue import Tongue, spoken, tongue
from models import Agent
from models.database import reading, writing
from monitor.slack_cards import slack_rooms
from monitor.team import language_of

logger = logging.getLogger(__name__)
UNREACHABLE = (SlackClientError, OSError)
AT_ONCE = 5
"""Agents whose language is asked for in one run."""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody in Slack: the agent they are, if any, and how to speak to them."""

    agent: Agent | None
    speech: Tongue


@dataclass(frozen=True, slots=True)
class Profile:
    """What Slack tells of a user; empty where it tells nothing."""

    email: str = ""
    locale: str = ""


def who_is(engine: Engine, client: WebClient, user: str, otherwise: Tongue) -> Known:
    """Return who Slack user ``user`` is; ``otherwise`` is spoken where their language is unknown.

    An agent is known by the id, else by the e-mail address that Slack holds, whose id is then
    kept. A name is never trusted: anybody may choose it.
    """
    with reading(engine) as session:
        agent = _active(session, user)
    locale = ""
    if agent is None or _silent_on_language(agent):
        profile = _profile(client, user)
        if profile is not None:
            locale = profile.locale
            with writing(engine) as session:
                agent = _active(session, user) or _by_address(session, user, profile.email)
                if agent is not None:
                    agent.slack_locale = locale
                    session.add(agent)
    if agent is None:
        return Known(None, tongue(spoken(locale) or otherwise.code))
    return Known(agent, tongue(language_of(agent, otherwise.code)))


def learn_locales(engine: Engine, channels: Mapping[tuple[str, str], Channel]) -> None:
    """Ask Slack for the language of agents who have pressed nothing there yet."""
    rooms = list(slack_rooms(channels).values())
    if not rooms:
        return
    with reading(engine) as session:
        silent = session.exec(
            select(Agent.slack_user_id)
            .where(
                Agent.active,
                col(Agent.slack_user_id).is_not(None),
                col(Agent.speech).is_(None),
                col(Agent.slack_locale).is_(None),
            )
            .limit(AT_ONCE)
        ).all()
    for user in silent:
        profile = _profile(rooms[0].client, user or "")
        if profile is None:
            return
        with writing(engine) as session:
            agent = _active(session, user or "")
            if agent is not None:
                agent.slack_locale = profile.locale
                session.add(agent)


def _silent_on_language(agent: Agent) -> bool:
    return agent.speech is None and agent.slack_locale is None


def _profile(client: WebClient, user: str) -> Profile | None:
    """Return what Slack tells of a person; ``None`` where Slack does not answer."""
    try:
        told = client.users_info(user=user, include_locale=True).get("user") or {}
    except SlackApiError as error:
        logger.info("Slack does not tell who %s is: %s", user, error.response.get("error"))
        return None if error.response.status_code in {429, 500, 502, 503, 504} else Profile()
    except UNREACHABLE as error:
        logger.warning("Slack does not tell who %s is: %s", user, error)
        return None
    if told.get("deleted") or told.get("is_bot"):
        return Profile()
    email = str((told.get("profile") or {}).get("email") or "")
    return Profile(email=email, locale=str(told.get("locale") or "")[:16])


def _by_address(session: Session, user: str, email: str) -> Agent | None:
    if not email:
        return None
    agent = session.exec(
        select(Agent).where(
            func.lower(Agent.email) == email.lower(),
            col(Agent.slack_user_id).is_(None),
            Agent.active,
        )
    ).first()
    if agent is not None:
        agent.slack_user_id = user
        session.add(agent)
    return agent


def _active(session: Session, user: str) -> Agent | None:
    return session.exec(select(Agent).where(Agent.slack_user_id == user, Agent.active)).first()
