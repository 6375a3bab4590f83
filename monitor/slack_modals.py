"""The forms that Slack opens where a reason, a time or a note is needed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from alerts.slack_blocks import plain
from alerts.tongue import Tongue
from models import Agent, Dismissal
from models.base import id_of
from monitor.slack_inbox import Place

FORMS = ("dismiss", "snooze", "hand_over", "escalate", "reopen", "opt_out", "take_anyway")
"""Action and callback ids of the forms."""
REASONS = (*Dismissal, "opt_out")
"""What a case is closed for; the last is for good."""
HOURS = (1, 4, 18, 72, 168)
OVER_NIGHT = 18
"""Stands where the next shift does for who has shifts."""
NEXT_SHIFT = "shift"
NOTE_LIMIT = 1_000
TITLE_LIMIT = 24
OPTIONS = 100
MENU_LIMIT = 75

View = dict[str, Any]


def form(
    kind: str,
    place: Place,
    speech: Tongue,
    agents: Sequence[Agent] = (),
    told: str = "",
    *,
    shifts: bool = False,
) -> View:
    """Return the form ``kind`` of ``FORMS``.

    ``agents`` are whom a case may be handed to; ``told`` is what speaks against taking one;
    ``shifts``: who asks has shifts, so a case can be laid aside until the next.
    """
    note = _text(speech, "note", optional=True)
    inputs = {
        "dismiss": [
            _menu(speech, "reason", [(d, speech.say(f"dismissal_{d}")) for d in REASONS]),
            note,
        ],
        "snooze": [
            _menu(
                speech,
                "until",
                [
                    (NEXT_SHIFT, speech.say("until_shift"))
                    if shifts and hours == OVER_NIGHT
                    else (str(hours), speech.say(f"hours_{hours}"))
                    for hours in HOURS
                ],
            ),
            note,
        ],
        "hand_over": [_heirs(speech, agents), note],
        "escalate": [_text(speech, "decision", optional=False)],
        "reopen": [_text(speech, "reopen", optional=False)],
        "take_anyway": [
            *([{"type": "section", "text": plain(told, 2_000)}] if told else []),
            _text(speech, "anyway", optional=False),
        ],
        "opt_out": [note | {"hint": plain(speech.say("hint_opt_out"), 2_000)}],
    }[kind]
    return {
        "type": "modal",
        "callback_id": kind,
        "private_metadata": place.packed(),
        "title": plain(speech.say(f"title_{kind}", case=place.case_id), TITLE_LIMIT),
        "submit": plain(speech.say("save"), TITLE_LIMIT),
        "close": plain(speech.say("cancel"), TITLE_LIMIT),
        "blocks": inputs,
    }


def words_view(case_id: int, text: str, speech: Tongue) -> View:
    """Return the window that offers a private message to be copied; it has nothing to submit."""
    return {
        "type": "modal",
        "callback_id": "words",
        "title": plain(speech.say("title_words", case=case_id), TITLE_LIMIT),
        "close": plain(speech.say("close"), TITLE_LIMIT),
        "blocks": [
            {
                "type": "input",
                "optional": True,
                "block_id": "words",
                "label": plain(speech.say("ask_words"), 2_000),
                "element": {
                    "type": "plain_text_input",
                    "action_id": "words",
                    "multiline": True,
                    "initial_value": text,
                },
            }
        ],
    }


def snoozed_until(hours: str, now: datetime) -> datetime:
    """Return the moment that a choice of the form names; ``ValueError`` for none of them."""
    if not hours.isdecimal() or int(hours) not in HOURS:
        raise ValueError(f"{hours!r} is none of the form's choices")
    return now + timedelta(hours=int(hours))


def _heirs(speech: Tongue, agents: Sequence[Agent]) -> View:
    """Return the menu of whom a case may be handed to; it says how many it has no room for."""
    menu = _menu(speech, "to", [(str(id_of(agent)), agent.name) for agent in agents])
    rest = len(agents) - OPTIONS
    if rest > 0:
        menu["hint"] = plain(speech.say("hint_heirs", count=rest, most=OPTIONS), 2_000)
    return menu


def _menu(speech: Tongue, name: str, choices: Sequence[tuple[str, str]]) -> View:
    return {
        "type": "input",
        "block_id": name,
        "label": plain(speech.say(f"ask_{name}"), 2_000),
        "element": {
            "type": "static_select",
            "action_id": name,
            "options": [
                {"text": plain(text, MENU_LIMIT), "value": value}
                for value, text in choices[:OPTIONS]
            ],
        },
    }


def _text(speech: Tongue, name: str, *, optional: bool) -> View:
    return {
        "type": "input",
        "block_id": name,
        "optional": optional,
        "label": plain(speech.say(f"ask_{name}"), 2_000),
        "element": {
            "type": "plain_text_input",
            "action_id": name,
            "multiline": True,
            "max_length": NOTE_LIMIT,
        },
    }
