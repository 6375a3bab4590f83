"""A digest as a Slack message.

Forum text stands in ``rich_text``, where nothing in it is markup, and in escaped fallback text.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import Any

from alerts import words
from alerts.channels.slack_notice import SECTION_LIMIT, TOTAL_LIMIT, fit
from alerts.digest import Digest, Entry, Figure, compared, lines, quoted, subject

EVENT_TYPE = "quietword_digest"
HEADER_LIMIT = 150
ALT_LIMIT = 2_000
PLAIN_LIMIT = 10_000

Block = dict[str, Any]


def metadata(digest: Digest) -> dict[str, Any]:
    """Return what names the digest in Slack."""
    payload = {"key": digest.key, "made_at": digest.made_at}
    return {"event_type": EVENT_TYPE, "event_payload": payload}


def fallback(digest: Digest) -> str:
    """Return the sentence for notifications and screen readers."""
    return fit(subject(digest))


def plain(digest: Digest) -> str:
    """Return the whole digest as text, for a Slack that takes no blocks."""
    return fit("\n".join(lines(digest)), PLAIN_LIMIT)


def blocks(digest: Digest, files: Mapping[str, str]) -> list[Block]:
    """Return the digest as blocks with the charts in ``files`` (name -> Slack's id).

    Quotes go first where it would be too long for one message, then the least urgent threads and
    the ends of lists.
    """
    bare = replace(digest, entries=tuple(replace(one, quote="") for one in digest.entries))
    parts = tuple(replace(part, lines=part.lines[:3]) for part in digest.parts)
    for kept in (digest, bare, replace(bare, entries=bare.entries[:3], parts=parts)):
        made = _blocks(kept, files)
        if len(json.dumps(made, ensure_ascii=False)) <= TOTAL_LIMIT:
            break
    return made


def _blocks(digest: Digest, files: Mapping[str, str]) -> list[Block]:
    made: list[Block] = [
        {"type": "header", "text": _text(digest.title, HEADER_LIMIT)},
        {"type": "context", "elements": [_text(digest.span)]},
        _rich([_section(_bold(digest.lead))]),
    ]
    if digest.entries:
        made += [{"type": "divider"}, _rich([_section(_bold(digest.entries_heading))])]
        made += [_rich(_entry(entry)) for entry in digest.entries]
    if digest.entries_rest:
        made.append({"type": "context", "elements": [_text(digest.entries_rest)]})
    if digest.figures:
        fields = [_figure(digest, one) for one in digest.figures[:10]]
        made += [{"type": "divider"}, {"type": "section", "fields": fields}]
    made += [
        {
            "type": "image",
            "slack_file": {"id": files[picture.name]},
            "alt_text": words.cut(picture.alt, ALT_LIMIT),
        }
        for picture in digest.pictures
        if picture.name in files
    ]
    for part in digest.parts:
        bullets = [_section({"type": "text", "text": line}) for line in part.lines]
        listing = {"type": "rich_text_list", "style": "bullet", "elements": bullets}
        mark = "⚠️ " if part.alarming else ""
        made.append(_rich([_section(_bold(mark + part.heading)), listing]))
    if digest.link:
        made.append(_rich([_section(_link(digest.link, digest.link_words))]))
    if digest.foot:
        made.append({"type": "context", "elements": [_text(digest.foot)]})
    return made


def _entry(entry: Entry) -> list[Block]:
    head = [_bold(f"{words.LEVEL_MARKS[entry.level]} {entry.level_words} · {entry.title}")]
    if entry.url:
        head += [{"type": "text", "text": "  "}, _link(entry.url, "↗")]
    parts = [_section(*head)]
    if entry.quote:
        quote = {"type": "text", "text": quoted(entry)}
        parts.append({"type": "rich_text_quote", "elements": [quote]})
    told = "\n".join(filter(None, [entry.why, entry.facts]))
    return [*parts, _section({"type": "text", "text": told})] if told else parts


def _figure(digest: Digest, figure: Figure) -> Block:
    value = escape(figure.value + compared(digest, figure), quote=False)
    name = escape(figure.name, quote=False)
    return {"type": "mrkdwn", "text": f"{name}\n*{value}*", "verbatim": True}


def _rich(elements: list[Block]) -> Block:
    return {"type": "rich_text", "elements": elements}


def _section(*elements: Block) -> Block:
    return {"type": "rich_text_section", "elements": list(elements)}


def _bold(text: str) -> Block:
    return {"type": "text", "text": text, "style": {"bold": True}}


def _link(url: str, text: str) -> Block:
    return {"type": "link", "url": url, "text": text}


def _text(text: str, limit: int = SECTION_LIMIT) -> Block:
    return {"type": "plain_text", "text": fit(text, limit), "emoji": False}
