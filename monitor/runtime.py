"""Putting the parts together from the settings."""

import functools
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from pydantic import SecretStr
from rich.console import Console
from sqlalchemy import Engine

from alerts.base import Channel, Message
from alerts.channels.console import ConsoleChannel
from alerts.registry import build_channel
from alerts.words import admit_own_server
from models.database import check_schema, make_engine
from monitor.config import Settings, SettingsError
from monitor.jobs import Runtime

if TYPE_CHECKING:
    from sentiment.transformer import TransformerScorer


def load_scorer(settings: Settings) -> "TransformerScorer":
    """Return the configured scorer; loads torch, so only where posts are judged."""
    from sentiment.sources import SHIPPED
    from sentiment.transformer import TransformerScorer

    return TransformerScorer(settings.checkpoint or SHIPPED)


def make_channels(
    settings: Settings, console: Console, engine: Engine | None = None
) -> dict[tuple[str, str], Channel]:
    """Return what alerts go to: every channel that is configured, or else this console.

    With ``engine`` a case that gets worse is told of in the thread of its own Slack message.
    """
    channels: list[Channel] = []
    if (settings.slack_token is None) != (settings.slack_room is None):
        raise SettingsError(
            "Slack needs both QUIETWORD_SLACK_TOKEN (a bot token, xoxb-...) and "
            "QUIETWORD_SLACK_ROOM (a channel id, C...); set the other one or unset both"
        )
    if settings.slack_room is not None:
        channels.append(_channel(settings, "slack", settings.slack_room, engine))
    if settings.mail_to is not None:
        channels.append(_channel(settings, "email", settings.mail_to))
    if settings.webhook_url is not None:
        channels.append(_channel(settings, "webhook", ""))
    if not channels:
        channels.append(ConsoleChannel(console.file))
        channels[0].pages = settings.web_address
    return {(channel.kind, channel.room): channel for channel in channels}


def personal_kinds(settings: Settings) -> tuple[str, ...]:
    """Return the kinds of channel by which a single person can be told, the best first."""
    kinds = []
    if settings.slack_token is not None and settings.slack_room is not None:
        kinds.append("slack")
    if settings.smtp_url is not None and settings.mail_from is not None:
        kinds.append("email")
    return tuple(kinds)


def _channel(settings: Settings, kind: str, room: str, engine: Engine | None = None) -> Channel:
    def secret(value: SecretStr | None) -> str:
        return value.get_secret_value() if value is not None else ""

    return build_channel(
        kind,
        room=room,
        token=secret(settings.slack_token if kind == "slack" else settings.webhook_secret),
        slack_api=settings.slack_api_url,
        address=secret(settings.smtp_url if kind == "email" else settings.webhook_url),
        sender=settings.mail_from or "",
        language=settings.slack_language,
        buttons=bool(settings.slack_app_token or settings.slack_signing_secret),
        earlier=_earlier(engine, room),
        standing=_standing(engine),
        pages=settings.web_address,
    )


def _earlier(engine: Engine | None, room: str) -> Callable[[Message], str | None]:
    if engine is None:
        return lambda _: None
    from monitor.slack_cards import earlier_message

    return functools.partial(earlier_message, engine, room)


def _standing(
    engine: Engine | None,
) -> Callable[[Collection[int]], Mapping[int, tuple[str, str]]]:
    if engine is None:
        return lambda _: {}
    from monitor.slack_cards import standing

    return functools.partial(standing, engine)


def make_runtime(settings: Settings, console: Console) -> Runtime:
    """Return the runtime on a database that is ready; raise ``DatabaseError`` on another."""
    engine = make_engine(settings.database_url.get_secret_value())
    check_schema(engine)
    if settings.mastodon_instance:
        admit_own_server(settings.mastodon_instance)
    return Runtime(
        settings=settings,
        engine=engine,
        channels=make_channels(settings, console, engine),
        reach=functools.cache(functools.partial(_channel, settings, engine=engine)),
        personal=personal_kinds(settings),
        scorer=functools.cache(lambda: load_scorer(settings)),
    )
