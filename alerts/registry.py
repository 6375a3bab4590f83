"""The kinds of channel there are, and how each is built from plain settings."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from slack_sdk import WebClient

from alerts.base import Channel, Message
from alerts.channels.console import ConsoleChannel
from alerts.channels.slack import SlackChannel
from alerts.tongue import tongue
from models.errors import QuietwordError

SLACK_API = "https://slack.com/api/"
SLACK_TIMEOUT_S = 10

_TOKEN = re.compile(r"xox[a-z]-[\x21-\x7e]+|xoxe\.[\x21-\x7e]+")
_ROOM = re.compile(r"[CDG][A-Z0-9]+")


class ChannelError(QuietwordError):
    """A channel cannot be built from the settings; the message names the one to mend."""


def build_channel(
    kind: str,
    *,
    room: str = "",
    token: str = "",
    slack_api: str = SLACK_API,
    language: str = "en",
    buttons: bool = False,
    earlier: Callable[[Message], str | None] = lambda _: None,
) -> Channel:
    """Return the channel of ``kind`` for ``room``; connects to nothing yet.

    ``slack_api`` is the address of Slack's Web API, ending in a slash; ``language``, ``buttons``
    and ``earlier`` are those of ``SlackChannel``. Raises ``ChannelError`` for an unknown kind and
    for settings that cannot work; never with the token in it.
    """
    try:
        build = KINDS[kind]
    except KeyError:
        raise ChannelError(
            f"there is no channel {kind!r}; use one of: {', '.join(sorted(KINDS))}"
        ) from None
    channel = build(room, token, slack_api)
    if isinstance(channel, SlackChannel):
        return SlackChannel(
            channel.client, room, speech=tongue(language), buttons=buttons, earlier=earlier
        )
    return channel


def _console(room: str, token: str, slack_api: str) -> Channel:  # noqa: ARG001
    if room:
        raise ChannelError(f"the console has no rooms; leave out {room!r}")
    return ConsoleChannel()


def _slack(room: str, token: str, slack_api: str) -> Channel:
    if not token:
        raise ChannelError("Slack needs a bot token; put it (xoxb-...) into QUIETWORD_SLACK_TOKEN")
    if not _TOKEN.fullmatch(token.strip()):
        raise ChannelError(
            "the Slack token does not look like one; QUIETWORD_SLACK_TOKEN takes a bot token "
            "(xoxb-...), without quotes or spaces"
        )
    if not _ROOM.fullmatch(room):
        raise ChannelError(
            f"{room!r} is not the id of a Slack channel; open the channel's details in Slack and "
            "copy the id at their foot, such as C0123ABCD"
        )
    # No retry handlers: they would sleep in the sender and send twice after a lost answer.
    client = WebClient(
        token.strip(), base_url=slack_api, timeout=SLACK_TIMEOUT_S, retry_handlers=[]
    )
    return SlackChannel(client, room)


KINDS: Mapping[str, Callable[[str, str, str], Channel]] = MappingProxyType(
    {ConsoleChannel.kind: _console, SlackChannel.kind: _slack}
)
"""Kind of channel -> what builds it from room, token and the address of Slack's API."""
