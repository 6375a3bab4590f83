"""Putting the parts together from the settings."""

import functools
from typing import TYPE_CHECKING

from rich.console import Console

from alerts.base import Channel
from alerts.channels.console import ConsoleChannel
from alerts.registry import build_channel
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


def make_channels(settings: Settings, console: Console) -> dict[tuple[str, str], Channel]:
    """Return what alerts go to: Slack when it is configured, this console otherwise."""
    if settings.slack_token is None and settings.slack_room is None:
        channel: Channel = ConsoleChannel(console.file)
    elif settings.slack_token is None or settings.slack_room is None:
        raise SettingsError(
            "Slack needs both QUIETWORD_SLACK_TOKEN (a bot token, xoxb-...) and "
            "QUIETWORD_SLACK_ROOM (a channel id, C...); set the other one or unset both"
        )
    else:
        channel = build_channel(
            "slack",
            room=settings.slack_room,
            token=settings.slack_token.get_secret_value(),
            slack_api=settings.slack_api_url,
        )
    return {(channel.kind, channel.room): channel}


def make_runtime(settings: Settings, console: Console) -> Runtime:
    """Return the runtime on a database that is ready; raise ``DatabaseError`` on another."""
    engine = make_engine(settings.database_url.get_secret_value())
    check_schema(engine)
    return Runtime(
        settings=settings,
        engine=engine,
        channels=make_channels(settings, console),
        scorer=functools.cache(lambda: load_scorer(settings)),
    )
