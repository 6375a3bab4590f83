"""``quietword slack check``: whatever would keep Slack's side from working, in words."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy import Engine
from sqlmodel import col, select

from alerts.channels.slack import PERMANENT
from models import Agent
from models.base import utc_now
from models.database import reading
from monitor.checking import Finding
from monitor.config import Settings
from monitor.slack_people import UNREACHABLE

NEEDED = {
    "chat:write": "alerts cannot be posted",
    "commands": "/quietword does not work",
    "files:write": "digests come without their charts",
    "im:write": "after a lost answer a word to one agent may come twice",
    "im:history": "the same",
    "users:read.email": "agents are known by their Slack id only",
}
"""Scope -> what does not work without it."""
HISTORY = ("channels:history", "groups:history")
CLOCK_S = 60
"""Seconds by which the clock may differ; Slack's signatures are good for 300."""


def slack_findings(settings: Settings, engine: Engine | None) -> Iterator[Finding]:
    """Give every finding about Slack; ``engine`` is looked through for agents, if given."""
    if settings.slack_token is None or settings.slack_room is None:
        yield Finding("bad", "QUIETWORD_SLACK_TOKEN and QUIETWORD_SLACK_ROOM are not both set")
        return
    client = _client(settings.slack_token.get_secret_value(), settings)
    try:
        told = client.auth_test()
    except (SlackApiError, *UNREACHABLE) as error:
        yield Finding("bad", f"the bot token does not work: {_why(error)}")
        return
    yield Finding("ok", f"the bot token is that of {told['user']} in {told['team']}")
    headers = {name.lower(): str(value) for name, value in (told.headers or {}).items()}
    yield from _scopes(headers.get("x-oauth-scopes", ""))
    yield _clock(headers.get("date", ""))
    yield _channel(client, settings.slack_room)
    yield _buttons(settings)
    if engine is not None:
        yield from _agents(engine)


def _client(token: str, settings: Settings) -> WebClient:
    return WebClient(token, base_url=settings.slack_api_url, timeout=10, retry_handlers=[])


def _why(error: Any) -> str:
    if isinstance(error, SlackApiError):
        code = str(error.response.get("error") if error.response else error)
        return f"{code}; {PERMANENT[code]}" if code in PERMANENT else code
    return str(error)


def _scopes(granted: str) -> Iterator[Finding]:
    have = {scope.strip() for scope in granted.split(",")}
    missing = [f"{scope} ({why})" for scope, why in NEEDED.items() if scope not in have]
    if not have & set(HISTORY):
        missing.append(
            f"{HISTORY[0]} or {HISTORY[1]} (after a lost answer an alert may come twice)"
        )
    if missing:
        mark = "bad" if "chat:write" not in have else "look"
        yield Finding(mark, f"scopes are missing: {', '.join(missing)}; add them and reinstall")
    else:
        yield Finding("ok", "the scopes suffice")


def _clock(date: str) -> Finding:
    try:
        apart = (utc_now() - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return Finding("look", "Slack did not tell the time; the clock could not be compared")
    if abs(apart) > CLOCK_S:
        return Finding("bad", f"the clock is {apart:+.0f} s off Slack's; set it (NTP)")
    return Finding("ok", "the clock agrees with Slack's")


def _channel(client: WebClient, room: str) -> Finding:
    try:
        found = client.conversations_info(channel=room).get("channel") or {}
    except (SlackApiError, *UNREACHABLE) as error:
        why = _why(error)
        if why.startswith("missing_scope"):
            return Finding("look", f"channel {room} cannot be looked at without channels:read")
        return Finding("bad", f"channel {room} cannot be used: {why}")
    name = f"#{found.get('name', room)}"
    if found.get("is_archived"):
        return Finding("bad", f"{name} is archived; name another channel")
    if not found.get("is_member"):
        return Finding("bad", f"the app is not in {name}; write there: /invite @quietword")
    return Finding("ok", f"alerts go to {name}")


def _buttons(settings: Settings) -> Finding:
    if settings.slack_app_token is None:
        if settings.slack_signing_secret is not None:
            return Finding("ok", "presses are taken by HTTP at /slack/events")
        return Finding(
            "look",
            "messages have links only: set QUIETWORD_SLACK_APP_TOKEN (xapp-...) for buttons",
        )
    try:
        token = settings.slack_app_token.get_secret_value()
        _client(token, settings).apps_connections_open(app_token=token)
    except (SlackApiError, *UNREACHABLE) as error:
        return Finding("bad", f"presses cannot be taken by Socket Mode: {_why(error)}")
    return Finding("ok", "presses are taken by Socket Mode")


def _agents(engine: Engine) -> Iterator[Finding]:
    with reading(engine) as session:
        agents = session.exec(select(Agent).where(Agent.active).order_by(col(Agent.name))).all()
    if not agents:
        yield Finding("bad", "there are no agents; run: quietword agent add NAME --email ADDRESS")
    lost = [agent.name for agent in agents if not (agent.slack_user_id or agent.email)]
    if lost:
        yield Finding(
            "look",
            f"nobody in Slack can be {', '.join(lost)}; give their e-mail address or Slack id: "
            "quietword agent add NAME --email ADDRESS",
        )
    elif agents:
        yield Finding("ok", f"{len(agents)} agents can be known in Slack")
