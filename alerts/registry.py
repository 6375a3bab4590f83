"""The kinds of channel there are, and how each is built from plain settings."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from slack_sdk import WebClient

from alerts.base import Channel, Message
from alerts.channels.console import ConsoleChannel
from alerts.channels.email import EmailChannel, MailServer
from alerts.channels.slack import SlackChannel
from alerts.channels.webhook import WebhookChannel, host_of
from alerts.tongue import tongue
from models.errors import QuietwordError

SLACK_API = "https://slack.com/api/"
SLACK_TIMEOUT_S = 10

_TOKEN = re.compile(r"xox[a-z]-[\x21-\x7e]+|xoxe\.[\x21-\x7e]+")
_ROOM = re.compile(r"[CDGUW][A-Z0-9]+")
"""A channel, or a user, who is then written to directly."""


class ChannelError(QuietwordError):
    """A channel cannot be built from the settings; the message names the one to mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Plain settings of a channel; each kind takes its own."""

    room: str = ""
    token: str = ""
    """Slack: the bot token. Webhook: the key that bodies are signed with."""
    slack_api: str = SLACK_API
    address: str = ""
    """E-mail: the mail server. Webhook: where to post to."""
    sender: str = ""
    """E-mail: whom mails come from."""


def build_channel(
    kind: str,
    *,
    room: str = "",
    token: str = "",
    slack_api: str = SLACK_API,
    address: str = "",
    sender: str = "",
    language: str = "en",
    buttons: bool = False,
    earlier: Callable[[Message], str | None] = lambda _: None,
    standing: Callable[[Collection[int]], Mapping[int, tuple[str, str]]] = lambda _: {},
    pages: str | None = None,
) -> Channel:
    """Return the channel of ``kind`` for ``room``; connects to nothing yet.

    ``slack_api`` is the address of Slack's Web API, ending in a slash; ``language`` that of mails
    and messages on Slack; ``buttons``, ``earlier`` and ``standing`` are those of ``SlackChannel``;
    ``pages`` is where readers reach the pages. Raises ``ChannelError`` for an unknown kind and for
    settings that cannot work; never with a secret in it.
    """
    try:
        build = KINDS[kind]
    except KeyError:
        raise ChannelError(
            f"there is no channel {kind!r}; use one of: {', '.join(sorted(KINDS))}"
        ) from None
    plain = Plain(room=room, token=token, slack_api=slack_api, address=address, sender=sender)
    channel = build(plain)
    channel.speech = tongue(language)
    if isinstance(channel, SlackChannel):
        channel = SlackChannel(
            channel.client,
            room,
            speech=channel.speech,
            buttons=buttons,
            earlier=earlier,
            standing=standing,
        )
    channel.pages = pages
    return channel


def _console(plain: Plain) -> Channel:
    if plain.room:
        raise ChannelError(f"the console has no rooms; leave out {plain.room!r}")
    return ConsoleChannel()


def _email(plain: Plain) -> Channel:
    if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", plain.room):
        raise ChannelError(f"{plain.room!r} is no e-mail address; QUIETWORD_MAIL_TO takes one")
    if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", plain.sender):
        raise ChannelError("alerts by e-mail need a sender; set QUIETWORD_MAIL_FROM to an address")
    server = MailServer.read(plain.address)
    if server is None:
        raise ChannelError(
            "the mail server is not told rightly; write QUIETWORD_SMTP_URL as "
            "smtp://user:password@host:587 or smtps://user:password@host:465"
        )
    return EmailChannel(server, plain.room, sender=plain.sender)


def _webhook(plain: Plain) -> Channel:
    host = host_of(plain.address)
    if host is None:
        raise ChannelError("QUIETWORD_WEBHOOK_URL is no web address; write https://host/path")
    if len(plain.token) < 16:
        raise ChannelError(
            "a webhook needs a key of 16 characters or more to sign with; put one into "
            "QUIETWORD_WEBHOOK_SECRET"
        )
    return WebhookChannel(plain.address, plain.room or host, secret=plain.token)


def _slack(plain: Plain) -> Channel:
    room, token = plain.room, plain.token
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
        token.strip(), base_url=plain.slack_api, timeout=SLACK_TIMEOUT_S, retry_handlers=[]
    )
    return SlackChannel(client, room)


KINDS: Mapping[str, Callable[[Plain], Channel]] = MappingProxyType(
    {
        ConsoleChannel.kind: _console,
        EmailChannel.kind: _email,
        SlackChannel.kind: _slack,
        WebhookChannel.kind: _webhook,
    }
)
"""Kind of channel -> what builds it from plain settings."""
