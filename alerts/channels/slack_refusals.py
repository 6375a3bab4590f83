"""What a refusal of Slack's means, and what is to be done about it."""

import math
from typing import Any

from slack_sdk.errors import SlackApiError

from alerts import words
from alerts.base import DeliveryError

RETRY_AFTER_S = 10.0
"""Pause after a refusal for haste that does not say how long."""

_TOKEN_ADVICE = "put a valid bot token into QUIETWORD_SLACK_TOKEN"  # noqa: S105
_SCOPE_ADVICE = "give the Slack app the scopes of docs/slack-manifest.yaml and install it again"
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
NO_SCOPE = frozenset({"missing_scope", "no_permission"})
FOR_ALL = frozenset(
    code for code, advice in PERMANENT.items() if advice in {_TOKEN_ADVICE, _SCOPE_ADVICE}
)
"""Those that hold wherever a message goes, to a channel or to one person."""
NOT_THEM = frozenset(
    {
        "cannot_dm_bot",
        "invalid_user_combination",
        "is_inactive",
        "messages_tab_disabled",
        "method_not_supported_for_channel_type",
        "not_enough_users",
        "user_disabled",
        "user_not_found",
        "user_not_visible",
        "users_not_found",
    }
)
"""Refusals of a message to one person, beside those of ``PERMANENT``: others are reached."""
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


class NoScope(DeliveryError):
    """The app lacks a scope for what was asked."""


class Unfit(Exception):
    """Slack refused the form of a message; the text is Slack's code."""


def refusal(error: SlackApiError, *, person: bool = False) -> DeliveryError | Unfit:
    """Return what ``error`` means; ``person``: the message was for one person alone."""
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
        return Unfit(code)
    if person and code in NOT_THEM | PERMANENT.keys() - FOR_ALL:
        return DeliveryError(
            f"Slack refused: {code}; nobody is written to there: correct the person's Slack id, or "
            "switch the agent off",
            permanent=True,
        )
    if code in PERMANENT:
        kind = NoScope if code in NO_SCOPE else DeliveryError
        return kind(f"Slack refused: {code}; {PERMANENT[code]}", permanent=True, channel=True)
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
