"""JSON that a forum answers with, or that its page carries, taken with care for its shape."""

import json
from typing import Any

from scrapy.http import TextResponse

from spiders.base import PageChanged
from spiders.text import fit

Record = dict[str, Any]


def answer(page: TextResponse) -> Record:
    """Return the JSON object that ``page`` is; ``{}`` for JSON of another shape.

    Raises ``PageChanged`` for what begins as JSON and is none.
    """
    try:
        found = page.json()
    except (ValueError, RecursionError) as error:
        raise PageChanged(f"not the JSON it begins as ({type(error).__name__})") from error
    return found if isinstance(found, dict) else {}


def carried(page: TextResponse, selector: str) -> Record:
    """Return the JSON object in the first element that ``selector`` finds; ``{}`` when none."""
    for node in page.css(selector):
        try:
            found = json.loads("".join(node.root.itertext()))
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return {}


def records(found: object) -> list[Record]:
    """Return the objects in a list; an empty list for anything else."""
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def record(found: object) -> Record:
    """Return ``found`` if it is an object, else ``{}``."""
    return found if isinstance(found, dict) else {}


def word(found: object) -> str:
    """Return a string or number on one line; empty for anything else."""
    if isinstance(found, bool) or not isinstance(found, str | int):
        return ""
    return " ".join(fit(str(found)).split())


def whole(found: object) -> int | None:
    """Return a whole number, also one written as text; ``None`` for anything else."""
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    if isinstance(found, str) and found.isdecimal() and len(found) < 16:
        return int(found)
    return None
