"""A case in Block Kit, and the sentence that says the same where blocks are not shown.

Whatever comes from outside stands in ``plain_text`` objects, where no formatting, mention or
link can arise; ``mrkdwn`` holds our own words, with names escaped.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from alerts import words
from alerts.base import Message
from alerts.card import BUTTONS, LINKS, MAIN, MORE, STATE_MARKS, Card
from alerts.tongue import Tongue, tongue
from models import CaseState

HEADER_LIMIT = 150
SECTION_LIMIT = 3_000
CONTEXT_LIMIT = 1_000
LINK_LIMIT = 1_000
"""Characters of an address inside a text, escaped; a button's address is not escaped."""
BUTTON_LIMIT = 75
TOTAL_LIMIT = 10_000
"""Characters of all blocks as JSON; Slack refuses messages somewhere near 13,000."""
ACTION = "case."
"""Begins the action ids of buttons that change something."""
LINK_ACTIONS = {
    "open": "open_thread",
    "write": "write_privately",
    "profile": "open_profile",
}
"""Action ids of buttons that lead somewhere."""
MORE_ACTION = "case.more"

Block = dict[str, Any]


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


def blocks(shown: Card | Message, speech: Tongue | None = None) -> list[Block]:
    """Return a case as blocks of ``TOTAL_LIMIT`` characters at most.

    A message alone is a new case whose buttons are links.
    """
    card = shown if isinstance(shown, Card) else Card(message=shown)
    speech, message = speech or tongue(), card.message
    fixed = [
        {"type": "header", "text": plain(headline(card, speech), HEADER_LIMIT)},
        *([_markup_section(standing(card, speech))] if card.state is not CaseState.NEW else []),
        _section(f"{speech.say('why')}: {words.why(message, speech)}"),
        _section(f"{words.quotation(message, speech)}\n{words.byline(message, speech)}"),
        {"type": "context", "elements": _context(card, speech)},
        {"type": "context", "elements": [plain(_policy(card, speech), CONTEXT_LIMIT)]},
    ]
    buttons = _buttons(card, speech)
    # The thread's address comes first and goes last; what changes a case holds no address.
    long = [one for one in buttons if "url" in one]
    while long and _size([*fixed, _actions(buttons)]) > TOTAL_LIMIT:
        buttons.remove(long.pop())
    return [*fixed, _actions(buttons)] if buttons else fixed


def headline(card: Card, speech: Tongue) -> str:
    """Return the state (for a new case, its level), the brand and the title on one line."""
    if card.state is CaseState.NEW:
        return words.headline(card.message, HEADER_LIMIT, speech)
    start = f"{STATE_MARKS[card.state]} {speech.say(f'state_{card.state}')}"
    return words.titled(start, card.message, HEADER_LIMIT, speech)


def standing(card: Card, speech: Tongue, *, markup: bool = True) -> str:
    """Return where a case stands and with whom, in a sentence of mrkdwn, or of plain text."""
    owner = words.shown(card.owner or speech.say("somebody"), words.NAME_LIMIT)
    if markup:
        owner = f"*{escape(owner)}*"
    key = f"told_{card.state}"
    if card.state is CaseState.SNOOZED and card.owner:
        key = "told_snoozed_for"
    reason = card.reason
    return speech.say(
        key,
        owner=owner,
        since=_moment(card.since, markup),
        until=_moment(card.until, markup),
        reason=speech.either(f"dismissal_{reason}", reason),
        rank=speech.either(f"rank_{reason}", reason),
    )


def _moment(at: datetime | None, markup: bool) -> str:
    return ("?" if at is None else date(at)) if markup else f"{at:%Y-%m-%d %H:%M} UTC" if at else ""


def date(at: datetime) -> str:
    """Return a moment that Slack shows by its reader's own clock."""
    otherwise = f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{otherwise}>"


def fallback_text(shown: Card | Message, speech: Tongue | None = None) -> str:
    """Return the sentence for notifications and screen readers, escaped."""
    card = shown if isinstance(shown, Card) else Card(message=shown)
    speech = speech or tongue()
    said = words.fallback(card.message, speech)
    if card.state is not CaseState.NEW:
        said = f"{standing(card, speech, markup=False)} {said}"
    elif card.buttons:
        said = f"{said} {speech.say('told_new')} {speech.say('act')}"
    return fit(said, SECTION_LIMIT)


def plain_text(shown: Card | Message, speech: Tongue | None = None) -> str:
    """Return the least that an agent needs, without blocks: one sentence and an address."""
    message = shown.message if isinstance(shown, Card) else shown
    link = words.web_link(message.post_url) or words.web_link(message.thread_url)
    policy = words.policy(message, speech or tongue())
    said = f"{fallback_text(shown, speech)}\n{fit(policy, CONTEXT_LIMIT)}"
    return said + (f"\n<{escape(link)}>" if link else "")


def _policy(card: Card, speech: Tongue) -> str:
    return speech.say("opted_out") if card.silent else words.policy(card.message, speech)


def _context(card: Card, speech: Tongue) -> list[Block]:
    message = card.message
    elements = [plain(words.context(message, speech), CONTEXT_LIMIT)]
    if since := message.thread_since:
        # A reader's own clock; the words after | are for clients that cannot tell it.
        when = f"<!date^{int(since.timestamp())}^{{date_short_pretty}} {{time}}|{since:%Y-%m-%d}>"
        elements.append(markup(speech.say("since", date=when)))
    if led := links({"open_post": message.post_url, "open_page": card.page}, speech):
        elements.append(markup(led))
    return elements


def links(addresses: Mapping[str, str | None], speech: Tongue) -> str:
    """Return links as mrkdwn on one line: the key of the words for each, and where it leads."""
    fit_for_it = {name: escape(words.web_link(to) or "") for name, to in addresses.items()}
    return " · ".join(
        f"<{link}|{escape(speech.say(name))}>"
        for name, link in fit_for_it.items()
        if 0 < len(link) <= LINK_LIMIT
    )


def _buttons(card: Card, speech: Tongue) -> list[Block]:
    way = None if card.silent else words.way_to(card.message)
    addresses = {
        "open": words.web_link(card.message.thread_url),
        "write": way.link if way else None,
    }
    names = BUTTONS[card.state] if card.buttons else ("open", "write")
    found = []
    for name in names:
        if (name in LINKS and not addresses[name]) or (name == "words" and card.silent):
            continue
        called = way.name if way and name == "write" else name
        button: Block = {
            "type": "button",
            "text": plain(speech.say(called), BUTTON_LIMIT),
            "action_id": _action_id(called),
        }
        if name in LINKS:
            button["url"] = addresses[name]
        else:
            button["value"] = str(card.message.case_id)
        if name in MAIN:
            button["style"] = "primary"
        found.append(button)
    more = [name for name in MORE.get(card.state, ()) if name != "opt_out" or not card.silent]
    more = more if card.buttons else []
    return [*found, _overflow(card, more, speech)] if more else found


def _action_id(name: str) -> str:
    return LINK_ACTIONS.get(name, ACTION + name)


def _overflow(card: Card, names: Any, speech: Tongue) -> Block:
    return {
        "type": "overflow",
        "action_id": MORE_ACTION,
        "options": [
            {
                "text": plain(speech.say(name), BUTTON_LIMIT),
                "value": f"{name}:{card.message.case_id}",
            }
            for name in names
        ],
    }


def _actions(buttons: list[Block]) -> Block:
    return {"type": "actions", "elements": buttons}


def _section(text: str) -> Block:
    return {"type": "section", "text": plain(text, SECTION_LIMIT)}


def _markup_section(text: str) -> Block:
    return {"type": "section", "text": markup(text)}


def plain(text: str, limit: int) -> Block:
    """Return a text object in which nothing acts."""
    return {"type": "plain_text", "text": fit(text, limit), "emoji": False}


def markup(text: str) -> Block:
    """Return a text object of our own words."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _size(rendered: list[Block]) -> int:
    return len(json.dumps(rendered, ensure_ascii=False))
