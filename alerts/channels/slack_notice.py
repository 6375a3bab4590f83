"""A notice as a Slack message: forum text in ``plain_text`` only, our own links as markup."""

import hashlib
import json
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from alerts import words
from alerts.notice import ENTRIES_SHOWN, Entry, Notice, body, entry_line, headline, rest_line
from alerts.slack_blocks import links, markup

EVENT_TYPE = "quietword_notice"
SECTION_LIMIT = 2_900
"""Characters of one section; Slack allows 3000, counted after escaping."""
TOTAL_LIMIT = 11_000
"""Characters of all blocks; Slack refuses messages somewhere near 13,000."""


def metadata(notice: Notice) -> dict[str, Any]:
    """Return what names the notice in Slack; the digest tells two installations apart."""
    fields = json.dumps(notice.as_json(), sort_keys=True).encode()
    digest = hashlib.sha256(fields).hexdigest()[:16]
    return {"event_type": EVENT_TYPE, "event_payload": {"key": notice.key, "digest": digest}}


def fallback(notice: Notice) -> str:
    """Return the sentence for notifications and screen readers."""
    return fit(" ".join(filter(None, [headline(notice), body(notice)])))


def blocks(
    notice: Notice, places: Callable[[Entry], Mapping[str, str | None]] = lambda _: {}
) -> list[dict[str, Any]]:
    """Return the notice as blocks: its words, then a line with links for each case.

    ``places`` gives where else a case is found: the key of the words for it, and an address.
    """
    made = [_section("\n".join(filter(None, [headline(notice), body(notice)])))]
    used = len(str(made))
    for entry in notice.entries[:ENTRIES_SHOWN]:
        line: list[dict[str, Any]] = [_plain(entry_line(entry, notice.speech))]
        if led := links({**places(entry), "open_post": entry.url}, notice.speech):
            line.append(markup(led))
        block = {"type": "context", "elements": line}
        if used + len(str(block)) > TOTAL_LIMIT:
            block = {"type": "context", "elements": line[:1]}
        used += len(str(block))
        made.append(block)
    if rest := rest_line(notice):
        made.append(_section(rest))
    return made


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text)}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": fit(text), "emoji": False}


def fit(text: str, limit: int = SECTION_LIMIT) -> str:
    """Return ``text`` escaped, cut before that to what will fit into ``limit`` characters."""
    room = limit
    while len(escaped := escape(words.cut(text, room), quote=False)) > limit:
        room = min(room, len(text)) - max(1, (len(escaped) - limit) // 5)
    return escaped
