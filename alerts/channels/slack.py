"""Alerts as Slack messages, sent with a bot token that has ``chat:write``.

With ``channels:history`` (``groups:history`` for a private channel) as well, a message whose
sending ended without an answer is looked for before it is sent again.
"""

import hashlib
import json
import math
from collections.abc import Callable
from http.client import HTTPException
from typing import Any, ClassVar
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from alerts import words
from alerts.base import Channel, DeliveryError, Message
from alerts.channels import slack_notice
from alerts.notice import Notice

HEADER_LIMIT = 150
SECTION_LIMIT = 3_000
CONTEXT_LIMIT = 1_000
LINK_LIMIT = 1_000
"""Characters of an address inside a text, escaped; a button's address is not escaped."""
TOTAL_LIMIT = 10_000
"""Characters of all blocks as JSON; Slack refuses messages somewhere near 13,000."""
LOOK_BACK = 100
"""Newest messages of a room that are looked through for one of ours."""
RETRY_AFTER_S = 10.0
"""Pause after a refusal for haste that does not say how long."""
EVENT_TYPE = "quietword_case"

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


class SlackChannel(Channel):
    """Post to one Slack channel; ``room`` is its id, such as ``C0123ABCD``.

    The client should have a timeout and no retry handlers of its own: ``alerts.dispatch`` is
    the one place that tries again.
    """

    kind: ClassVar[str] = "slack"
    pause_s = 1.0  # docs.slack.dev/apis/web-api/rate-limits: one message a second per channel

    def __init__(self, client: WebClient, room: str) -> None:
        super().__init__(room)
        self._client = client

    def send(self, message: Message) -> str | None:
        """Post ``message``; return its ``ts``.

        When Slack dislikes the form, the same facts go out once more as two plain lines: an
        alert is never lost to formatting.
        """
        metadata = {"event_type": EVENT_TYPE, "event_payload": identity(message)}
        try:
            return self._post(
                text=fallback_text(message), blocks=blocks(message), metadata=metadata
            )
        except _Unfit as unfit:
            kept = {} if "metadata" in str(unfit) else {"metadata": metadata}
        try:
            return self._post(text=plain_text(message), **kept)
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
        for found in answer.get("messages") or []:
            metadata = found.get("metadata") or {}
            if metadata.get("event_type") == EVENT_TYPE and metadata.get(
                "event_payload"
            ) == identity(message):
                return str(found["ts"])
        return None

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


class _Unfit(Exception):
    """Slack refused the form of a message; the text is Slack's code."""


def _refusal(error: SlackApiError) -> DeliveryError | _Unfit:
    response = error.response
    said = response.data if isinstance(response.data, dict) else {}
    code = words.cut(words.clean(str(said.get("error") or f"HTTP {response.status_code}")), 200)
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


def escape(text: str) -> str:
    """Return ``text`` safe for Slack, so that a post saying ``<!channel>`` pings nobody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fit(text: str, limit: int) -> str:
    """Return ``text`` escaped and at most ``limit`` characters long, cut before it is escaped.

    Slack counts escaped characters: a text of ampersands grows fivefold.
    """
    room = limit
    while len(escaped := escape(words.cut(text, room))) > limit:
        room = min(room, len(text)) - max(1, (len(escaped) - limit) // 5)
    return escaped


def blocks(message: Message) -> list[dict[str, Any]]:
    """Return ``message`` as Block Kit blocks of ``TOTAL_LIMIT`` characters at most.

    Whatever comes from outside stands in ``plain_text`` objects, where no formatting, mention
    or link can arise; ``mrkdwn`` holds our own words only.
    """
    fixed = [
        {"type": "header", "text": _plain(words.headline(message), HEADER_LIMIT)},
        _section(f"Why: {words.why(message)}"),
        _section(f"{words.quotation(message)}\n{words.byline(message)}"),
        {"type": "context", "elements": _context(message)},
        {"type": "context", "elements": [_plain(words.policy(message), CONTEXT_LIMIT)]},
    ]
    buttons = _buttons(message)
    while buttons and _size([*fixed, _actions(buttons)]) > TOTAL_LIMIT:
        buttons.pop()  # the thread's address comes first and goes last
    return [*fixed, _actions(buttons)] if buttons else fixed


def _context(message: Message) -> list[dict[str, Any]]:
    elements = [_plain(words.context(message), CONTEXT_LIMIT)]
    if since := message.thread_since:
        # A reader's own clock; the words after | are for clients that cannot tell it.
        date = f"<!date^{int(since.timestamp())}^{{date_short_pretty}} {{time}}|{since:%Y-%m-%d}>"
        elements.append(_markup(f"thread since {date}"))
    link = escape(words.web_link(message.post_url) or "")
    if 0 < len(link) <= LINK_LIMIT:
        elements.append(_markup(f"<{link}|Open the post>"))
    return elements


def _buttons(message: Message) -> list[dict[str, Any]]:
    offers = [
        ("Open thread", "open_thread", words.web_link(message.thread_url)),
        ("Write privately", "write_privately", words.private_link(message)),
    ]
    return [
        {"type": "button", "text": _plain(label, 75), "action_id": action, "url": link}
        for label, action, link in offers
        if link
    ]


def _actions(buttons: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "actions", "elements": buttons}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text, SECTION_LIMIT)}


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": fit(text, limit), "emoji": False}


def _markup(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _size(rendered: list[dict[str, Any]]) -> int:
    return len(json.dumps(rendered, ensure_ascii=False))


def fallback_text(message: Message) -> str:
    """Return the sentence for notifications and screen readers, escaped."""
    return fit(words.fallback(message), SECTION_LIMIT)


def plain_text(message: Message) -> str:
    """Return the least that an agent needs, without blocks: one sentence and an address."""
    link = words.web_link(message.post_url) or words.web_link(message.thread_url)
    sentence = fallback_text(message)
    return f"{sentence}\n{fit(words.policy(message), CONTEXT_LIMIT)}" + (
        f"\n<{escape(link)}>" if link else ""
    )
