"""Alerts as Slack messages, sent with a bot token that has ``chat:write``.

With ``channels:history`` (``groups:history`` for a private channel) as well, a message whose
sending ended without an answer is looked for before it is sent again.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable
from http.client import HTTPException
from typing import Any, ClassVar
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from alerts import words
from alerts.base import Channel, DeliveryError, Message
from alerts.card import Card
from alerts.channels import slack_digest, slack_files, slack_notice
from alerts.digest import Digest
from alerts.notice import Notice
from alerts.slack_blocks import blocks, fallback_text, plain_text
from alerts.tongue import Tongue

LOOK_BACK = 100
"""Newest messages of a room that are looked through for one of ours."""
RETRY_AFTER_S = 10.0
"""Pause after a refusal for haste that does not say how long."""
EVENT_TYPE = "quietword_case"
HISTORY_TYPE = "quietword_history"

_TOKEN_ADVICE = "put a valid bot token into QUIETWORD_SLACK_TOKEN"  # noqa: S105
_SCOPE_ADVICE = "give the Slack app the scope chat:write and install it again"
_ROOM_ADVICE = "correct the channel's id in the settings, or invite the app to the channel"
_POLICY_ADVICE = "ask an administrator of the workspace to let the app post there"
PERMANENT = {
    "not_authed": _TOKEN_ADVICE,
    "invalid_auth": _TOKEN_ADVICE,
    "token_revoked": _TOKEN_ADVICE,
    "token_expired": _TOKEN_ADVICE,
    "account_inactive": _TOKEN_ADVICE,
    "not_allowed_token_type": _TOKEN_ADVICE,
    "missing_scope": _SCOPE_ADVICE,
    "no_permission": _SCOPE_ADVICE,
    "channel_not_found": _ROOM_ADVICE,
    "not_in_channel": _ROOM_ADVICE,
    "is_archived": "name another channel in the settings, or unarchive this one",
    "restricted_action": _POLICY_ADVICE,
    "restricted_action_read_only_channel": _POLICY_ADVICE,
    "access_denied": _POLICY_ADVICE,
    "ekm_access_denied": _POLICY_ADVICE,
    "team_access_not_granted": _POLICY_ADVICE,
    "enterprise_is_restricted": _POLICY_ADVICE,
}
"""Refusals that only a person can mend, and how."""
TOO_FAST = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
UNFIT = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
    }
)
"""Refusals of the form of a message, not of the message."""


FROZEN = frozenset({"cant_update_message", "edit_window_closed"})
GONE = frozenset({"message_not_found", "thread_not_found"})


class MessageGone(DeliveryError):
    """Somebody deleted the message that was to be changed or answered."""


class MessageFrozen(DeliveryError):
    """The workspace does not let this message be changed (any more)."""


class SlackChannel(Channel):
    """Post to one Slack channel; ``room`` is its id, such as ``C0123ABCD``.

    The client should have a timeout and no retry handlers of its own: ``alerts.dispatch`` is
    the one place that tries again. With ``buttons`` presses are listened for. ``earlier`` gives
    the ``ts`` under which a case was posted before: its next alert goes into that thread, shown
    to the whole room, so that one case is one message.
    """

    kind: ClassVar[str] = "slack"
    pause_s = 1.0  # docs.slack.dev/apis/web-api/rate-limits: one message a second per channel

    def __init__(
        self,
        client: WebClient,
        room: str,
        *,
        speech: Tongue | None = None,
        buttons: bool = False,
        earlier: Callable[[Message], str | None] = lambda _: None,
    ) -> None:
        super().__init__(room, speech=speech)
        self._client = client
        self.buttons = buttons
        self._earlier = earlier

    @property
    def client(self) -> WebClient:
        """What calls Slack."""
        return self._client

    def send(self, message: Message) -> str | None:
        """Post ``message``; return its ``ts``.

        When Slack dislikes the form, the same facts go out once more as two plain lines: an
        alert is never lost to formatting.
        """
        metadata = {"event_type": EVENT_TYPE, "event_payload": identity(message)}
        card = Card(message=message, buttons=self.buttons)
        if (root := self._earlier(message)) is not None:
            worse = self.speech.say(
                "history_raised",
                level=words.level(message, self.speech),
                why=words.why(message, self.speech),
            )
            try:
                return self.reply(root, words.cut(worse, 2_000), broadcast=True, metadata=metadata)
            except MessageGone:
                pass  # somebody deleted it: the case gets a new message
        try:
            return self._post(
                text=fallback_text(card, self.speech),
                blocks=blocks(card, self.speech),
                metadata=metadata,
            )
        except _Unfit as unfit:
            kept = {} if "metadata" in str(unfit) else {"metadata": metadata}
        try:
            return self._post(text=plain_text(card, self.speech), **kept)
        except _Unfit as error:
            raise DeliveryError(
                f"Slack refused even the plain form of the alert: {error}; report this with the "
                "number of the case",
                permanent=True,
            ) from error

    def find(self, message: Message) -> str | None:
        """Return the ``ts`` of ``message`` if it is among the newest ``LOOK_BACK`` of the room."""
        answer = self._call(
            self._client.conversations_history, limit=LOOK_BACK, include_all_metadata=True
        )
        return _with_metadata(answer, EVENT_TYPE, identity(message))

    def update(self, ts: str, card: Card, sent: Message) -> None:
        """Make the message ``ts``, which went out as ``sent``, show ``card``.

        Raises ``MessageGone`` or ``MessageFrozen`` where that cannot be, ``DeliveryError`` else.
        Doing it twice changes nothing.
        """
        text = fallback_text(card, self.speech)
        # chat.update's own default for parse is not that of chat.postMessage.
        quiet = {"ts": ts, "text": text, "parse": "none", "link_names": False}
        try:
            self._call(
                self._client.chat_update,
                blocks=blocks(card, self.speech),
                metadata={"event_type": EVENT_TYPE, "event_payload": identity(sent)},
                **quiet,
            )
        except _Unfit:
            plain = plain_text(card, self.speech)
            self._strictly(self._client.chat_update, **(quiet | {"text": plain, "blocks": []}))

    def reply(
        self,
        ts: str,
        text: str,
        *,
        broadcast: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> str | None:
        """Write ``text``, mrkdwn of our own making, into the thread of ``ts``; return its ``ts``.

        Slack takes a reply to a deleted message as a new one, so that is looked at first.
        """
        if self._deleted(ts):
            raise MessageGone("Slack refused: thread_not_found")
        answer = self._strictly(
            self._client.chat_postMessage,
            thread_ts=ts,
            reply_broadcast=broadcast,
            text=text,
            parse="none",
            link_names=False,
            unfurl_links=False,
            unfurl_media=False,
            **({"metadata": metadata} if metadata else {}),
        )
        return str(answer.get("ts") or "") or None

    def find_reply(self, ts: str, payload: dict[str, Any]) -> str | None:
        """Return the ``ts`` of the history line with ``payload`` in the thread of ``ts``."""
        answer = self._call(
            self._client.conversations_replies, ts=ts, limit=LOOK_BACK, include_all_metadata=True
        )
        return _with_metadata(answer, HISTORY_TYPE, payload)

    def tell(self, user: str, text: str) -> None:
        """Show ``text``, mrkdwn of our own making, in the room to one user only."""
        self._strictly(self._client.chat_postEphemeral, user=user, text=text)

    def permalink(self, ts: str) -> str | None:
        """Return the address of the message ``ts`` in Slack."""
        answer = self._strictly(self._client.chat_getPermalink, message_ts=ts)
        return words.web_link(str(answer.get("permalink") or ""))

    def _deleted(self, ts: str) -> bool:
        try:
            answer = self._call(self._client.conversations_replies, ts=ts, limit=1)
        except MessageGone:
            return True
        except DeliveryError as error:
            if error.permanent:  # the token may not read: Slack will say what it thinks
                return False
            raise
        return not any(
            found.get("ts") == ts and found.get("subtype") != "tombstone"
            for found in answer.get("messages") or []
        )

    def _strictly(self, method: Callable[..., SlackResponse], **arguments: Any) -> dict[str, Any]:
        try:
            return self._call(method, **arguments)
        except _Unfit as error:
            raise DeliveryError(f"Slack refused: {error}", permanent=True) from error

    def _post(self, **content: Any) -> str | None:
        answer = self._call(
            self._client.chat_postMessage,
            mrkdwn=False,
            parse="none",
            link_names=False,
            unfurl_links=False,  # else Slack fetches the thread, and tells the site of us
            unfurl_media=False,
            **content,
        )
        ts = answer.get("ts")
        return str(ts) if ts else None

    def send_notice(self, notice: Notice) -> str | None:
        """Post a word about cases, to the room or, where that is a user, to that user alone."""
        try:
            return self._post(
                text=slack_notice.fallback(notice),
                blocks=slack_notice.blocks(notice),
                metadata=slack_notice.metadata(notice),
            )
        except _Unfit:
            return self._post(text=slack_notice.fallback(notice))

    def find_notice(self, notice: Notice) -> str | None:
        """Return the ``ts`` of ``notice`` if it is among the newest ``LOOK_BACK`` of the room."""
        wanted = slack_notice.metadata(notice)
        answer = self._call(
            self._client.conversations_history, limit=LOOK_BACK, include_all_metadata=True
        )
        for found in answer.get("messages") or []:
            if found.get("metadata") == wanted:
                return str(found["ts"])
        return None

    def send_digest(self, digest: Digest) -> str | None:
        """Post a digest with its charts in it; return its ``ts``.

        A chart is uploaded first, to nobody, and then shown by the one message: a sender that
        dies in between leaves nothing that anybody sees. Slack may need some seconds until it
        knows a new file; where it never does, the message goes out without charts.
        """
        content = {
            "text": slack_digest.fallback(digest),
            "metadata": slack_digest.metadata(digest),
        }
        files = slack_files.upload(self._client, digest.pictures, _refusal)
        for wait_s in slack_files.WAITS_S if files else ():
            time.sleep(wait_s)
            try:
                return self._post(blocks=slack_digest.blocks(digest, files), **content)
            except _Unfit:
                continue
        try:
            return self._post(blocks=slack_digest.blocks(digest, {}), **content)
        except _Unfit:
            return self._post(**content | {"text": slack_digest.plain(digest)})

    def update_digest(self, ts: str, digest: Digest) -> None:
        """Make the message ``ts`` show ``digest`` as it is now, without its charts."""
        self._strictly(
            self._client.chat_update,
            ts=ts,
            text=slack_digest.fallback(digest),
            blocks=slack_digest.blocks(digest, {}),
            metadata=slack_digest.metadata(digest),
            parse="none",
            link_names=False,
        )

    def find_digest(self, digest: Digest) -> str | None:
        """Return the ``ts`` of ``digest`` if it is among the newest ``LOOK_BACK`` of the room."""
        wanted = slack_digest.metadata(digest)
        answer = self._call(
            self._client.conversations_history, limit=LOOK_BACK, include_all_metadata=True
        )
        return _with_metadata(answer, wanted["event_type"], wanted["event_payload"])

    def _call(self, method: Callable[..., SlackResponse], **arguments: Any) -> dict[str, Any]:
        try:
            response = method(channel=self.room, **arguments)
        except SlackApiError as error:
            raise _refusal(error) from error
        except URLError as error:  # failed before the request was out
            raise DeliveryError(f"Slack could not be reached: {error.reason}") from error
        except (OSError, HTTPException) as error:  # failed while waiting for the answer
            raise DeliveryError(
                f"Slack did not answer: {type(error).__name__} {error}".rstrip(), in_doubt=True
            ) from error
        return response.data if isinstance(response.data, dict) else {}


def _with_metadata(answer: dict[str, Any], kind: str, payload: dict[str, Any]) -> str | None:
    for found in answer.get("messages") or []:
        metadata = found.get("metadata") or {}
        if metadata.get("event_type") == kind and metadata.get("event_payload") == payload:
            return str(found["ts"])
    return None


class _Unfit(Exception):
    """Slack refused the form of a message; the text is Slack's code."""


def _refusal(error: SlackApiError) -> DeliveryError | _Unfit:
    response = error.response
    said = response.data if isinstance(response.data, dict) else {}
    code = words.cut(words.clean(str(said.get("error") or f"HTTP {response.status_code}")), 200)
    if code in GONE:
        return MessageGone(f"Slack refused: {code}")
    if code in FROZEN:
        return MessageFrozen(f"Slack refused: {code}")
    if response.status_code == 429 or code in TOO_FAST:
        return DeliveryError(
            f"Slack asks for patience: {code}", retry_after=_retry_after(response.headers)
        )
    if response.status_code >= 500:
        return DeliveryError(f"Slack is in trouble: {code}", in_doubt=True)
    if code in UNFIT:
        return _Unfit(code)
    if code in PERMANENT:
        return DeliveryError(
            f"Slack refused: {code}; {PERMANENT[code]}", permanent=True, channel=True
        )
    # A body that is no JSON comes as an unknown code too, and may follow an accepted message.
    return DeliveryError(f"Slack refused: {code}", in_doubt=True)


def _retry_after(headers: dict[str, Any]) -> float:
    """Return the seconds that Slack names, ``RETRY_AFTER_S`` where it names none or nonsense."""
    named = next((headers[name] for name in headers if name.lower() == "retry-after"), "")
    try:
        seconds = float(named)
    except (TypeError, ValueError):
        return RETRY_AFTER_S
    return seconds if math.isfinite(seconds) and seconds > 0 else RETRY_AFTER_S


def identity(message: Message) -> dict[str, Any]:
    """Return what names ``message`` in Slack: its case, its level, and a digest of its fields.

    The digest tells apart two installations that post to one room.
    """
    fields = json.dumps(message.as_json(), sort_keys=True).encode()
    return {
        "case_id": message.case_id,
        "level": message.level.value,
        "digest": hashlib.sha256(fields).hexdigest()[:16],
    }
