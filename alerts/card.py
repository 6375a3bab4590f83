"""One case as a Slack message: its facts, where it stands, and what may be done next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.base import Message
from models import CaseState

STATE_MARKS = {
    CaseState.CLAIMED: "🔵",
    CaseState.CONTACTED: "🟣",
    CaseState.SNOOZED: "💤",
    CaseState.ESCALATED: "🔺",
    CaseState.SOLVED: "🟢",
    CaseState.DISMISSED: "⚪",
}
"""Before the words of a state; a new case has its level's mark."""

BUTTONS: dict[CaseState, Sequence[str]] = {
    CaseState.NEW: ("take", "open", "write", "snooze"),
    CaseState.ESCALATED: ("take", "open", "write", "snooze"),
    CaseState.CLAIMED: ("contacted", "write", "words", "solved", "release"),
    CaseState.CONTACTED: ("solved", "write", "words", "snooze"),
    CaseState.SNOOZED: ("wake", "open"),
    CaseState.SOLVED: ("reopen", "open"),
    CaseState.DISMISSED: ("reopen", "open"),
}
MORE: dict[CaseState, Sequence[str]] = {
    CaseState.NEW: ("not_about_us", "not_negative", "dismiss", "hand_over", "escalate"),
    CaseState.ESCALATED: ("not_about_us", "not_negative", "dismiss", "hand_over", "opt_out"),
    CaseState.CLAIMED: ("snooze", "hand_over", "escalate", "not_about_us", "dismiss"),
    CaseState.CONTACTED: ("hand_over", "escalate", "opt_out", "dismiss"),
    CaseState.SNOOZED: ("take", "hand_over", "escalate", "opt_out", "dismiss"),
    CaseState.SOLVED: ("opt_out",),
}
"""Behind the three dots; Slack shows five at most."""
LINKS = frozenset({"open", "write"})
MAIN = frozenset({"take", "contacted"})
"""Shown as the button to press."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a case's message shows. ``owner`` and the moments are ours; ``message`` is hostile."""

    message: Message
    state: CaseState = CaseState.NEW
    owner: str | None = None
    """Whose it is, or who closed it."""
    since: datetime | None = None
    """When it came into this state."""
    until: datetime | None = None
    """When a snoozed case comes back."""
    reason: str = ""
    """A ``Dismissal``, or the role an escalated case waits for."""
    silent: bool = False
    """The author asked not to be written to: no way to do so is offered."""
    page: str | None = None
    """The address of its page, where readers reach it."""
    buttons: bool = False
    """Presses are listened for; without, only links are offered."""
