"""What Slack takes and what it refuses: Block Kit's limits, and slack_sdk's own model classes.

The limits are those of docs.slack.dev/reference/block-kit. A block must pass both: ours, which
count as Slack does, and the validation of the class that slack_sdk has for it.
"""

import json
import re
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

BLOCKS = 50
SECTION = 3_000
HEADER = 150
CONTEXT_ELEMENTS = 10
ACTION_ELEMENTS = 25
BUTTON_TEXT = 75
BUTTON_URL = 3_000
NAME = 255
TOTAL = 13_000
TEXT = 40_000
MODAL_TITLE = 24

_ENTITY = r"&(?:amp|lt|gt);"
_BARE = re.compile(rf"{_ENTITY}|[&<>]")


def message_error(message: dict[str, Any]) -> str | None:
    """Return Slack's code for what is wrong with ``message``, or ``None`` when it may be posted."""
    text, blocks = message.get("text"), message.get("blocks")
    if not text and not blocks:
        return "no_text"
    if len(text or "") > TEXT:
        return "msg_too_long"
    metadata = message.get("metadata")
    if metadata is not None and not _is_metadata(metadata):
        return "invalid_metadata_format"
    if blocks is None:
        return None
    if not isinstance(blocks, list) or len(blocks) > BLOCKS:
        return "invalid_blocks"
    if not all(isinstance(block, dict) and _is_block(block) for block in blocks):
        return "invalid_blocks"
    if not all(_passes_sdk(block) for block in blocks):
        return "invalid_blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) > TOTAL:
        return "msg_blocks_too_long"
    return None


def view_error(view: Any) -> str | None:
    """Return what is wrong with a modal, or ``None`` when it may be opened."""
    if not isinstance(view, dict) or view.get("type") != "modal":
        return "invalid_arguments"
    for name in ("title", "submit", "close"):
        if name in view and not _is_text(view[name], MODAL_TITLE, kinds=("plain_text",)):
            return "invalid_arguments"
    blocks = view.get("blocks")
    if not isinstance(blocks, list) or not 1 <= len(blocks) <= 100:
        return "invalid_blocks"
    if not all(isinstance(block, dict) and _is_block(block) for block in blocks):
        return "invalid_blocks"
    if any(block["type"] == "input" for block in blocks) and view.get("callback_id") is None:
        return "missing_callback_id"
    if len(view.get("private_metadata") or "") > 3_000:
        return "invalid_arguments"
    try:
        View(**view).validate_json()
    except SlackObjectFormationError:
        return "invalid_blocks"
    return None


def _passes_sdk(block: dict[str, Any]) -> bool:
    try:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()
    except SlackObjectFormationError:
        return False
    return True


def _is_metadata(metadata: Any) -> bool:
    return (
        isinstance(metadata, dict)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    )


def _is_block(block: dict[str, Any]) -> bool:
    elements = block.get("elements")
    match block.get("type"):
        case "divider":
            return True
        case "header":
            return _is_text(block.get("text"), HEADER, kinds=("plain_text",))
        case "section":
            fields = block.get("fields")
            if fields is not None:
                return 1 <= len(fields) <= 10 and all(_is_text(one, 2_000) for one in fields)
            return _is_text(block.get("text"), SECTION)
        case "image":
            return (
                set(block) == {"type", "slack_file", "alt_text"}
                and re.fullmatch(r"F[A-Z0-9]{8,}", block["slack_file"].get("id", "")) is not None
                and 1 <= len(block.get("alt_text") or "") <= 2_000
            )
        case "rich_text":
            return isinstance(elements, list) and all(_is_rich(one) for one in elements)
        case "context":
            return (
                isinstance(elements, list)
                and 1 <= len(elements) <= CONTEXT_ELEMENTS
                and all(_is_text(element, SECTION) for element in elements)
            )
        case "actions":
            return (
                isinstance(elements, list)
                and 1 <= len(elements) <= ACTION_ELEMENTS
                and all(_is_button(element) or _is_overflow(element) for element in elements)
                and len({element.get("action_id") for element in elements}) == len(elements)
            )
        case "input":
            return (
                set(block) <= {"type", "label", "element", "block_id", "optional", "hint"}
                and _is_text(block.get("label"), 2_000, kinds=("plain_text",))
                and _is_input(block.get("element"))
            )
    return False


def _is_rich(thing: Any) -> bool:
    """Return whether a part of ``rich_text`` has only what we may send: no mention of anybody."""
    inner = thing.get("elements") or []
    match thing.get("type"):
        case "rich_text_list":
            return bool(inner) and all(one["type"] == "rich_text_section" for one in inner)
        case "rich_text_section" | "rich_text_quote":
            return bool(inner) and all(
                one["type"] in {"text", "link"} and bool(one.get("text")) for one in inner
            )
    return False


def _is_overflow(thing: Any) -> bool:
    return (
        isinstance(thing, dict)
        and thing.get("type") == "overflow"
        and 1 <= len(thing.get("action_id") or "") <= NAME
        and 1 <= len(thing.get("options") or []) <= 5
        and all(_is_option(option) for option in thing["options"])
    )


def _is_option(thing: Any) -> bool:
    return (
        isinstance(thing, dict)
        and _is_text(thing.get("text"), BUTTON_TEXT, kinds=("plain_text",))
        and 1 <= len(thing.get("value") or "") <= 150
    )


def _is_input(thing: Any) -> bool:
    if not isinstance(thing, dict) or not 1 <= len(thing.get("action_id") or "") <= NAME:
        return False
    if thing.get("type") == "static_select":
        options = thing.get("options") or []
        return 1 <= len(options) <= 100 and all(_is_option(option) for option in options)
    return (
        thing.get("type") == "plain_text_input"
        and len(thing.get("initial_value") or "") <= 3_000
        and 1 <= thing.get("max_length", 3_000) <= 3_000
    )


def _is_text(thing: Any, limit: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> bool:
    if not isinstance(thing, dict) or thing.get("type") not in kinds:
        return False
    allowed = {"plain_text": {"type", "text", "emoji"}, "mrkdwn": {"type", "text", "verbatim"}}
    text = thing.get("text")
    return (
        set(thing) <= allowed[thing["type"]]
        and isinstance(text, str)
        and bool(text.strip())
        and len(_stored(text)) <= limit
    )


def _stored(text: str) -> str:
    """Return ``text`` as Slack counts it: bare ``&``, ``<`` and ``>`` as entities."""
    entities = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    return _BARE.sub(lambda match: entities.get(match[0], match[0]), text)


def _is_button(thing: Any) -> bool:
    if not isinstance(thing, dict) or thing.get("type") != "button":
        return False
    url = thing.get("url")
    return (
        _is_text(thing.get("text"), BUTTON_TEXT, kinds=("plain_text",))
        and 1 <= len(thing.get("action_id") or "") <= NAME
        and (
            url is None
            or (len(url) <= BUTTON_URL and re.match(r"https?://[^\s/]", url) is not None)
        )
    )
