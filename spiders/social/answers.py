"""What the readers of JSON answers share: getting at values that may be anything."""

import html
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from scrapy.http import TextResponse

from spiders.base import PageChanged, PostItem, ThreadRef
from spiders.body import is_json
from spiders.text import fit

TITLE = 120
"""Characters of a message that stand for a title where the source has none."""


def answer(page: TextResponse) -> Any:
    """Return the JSON of ``page``, or ``None`` when it is none."""
    if not is_json(page):
        return None
    try:
        return page.json()
    except (ValueError, RecursionError):
        return None


def required(page: TextResponse) -> Any:
    """Return the JSON of ``page``; raise ``PageChanged`` when it is none."""
    found = answer(page)
    if found is None:
        raise PageChanged("the answer is no JSON, or is cut short")
    return found


def dig(value: Any, *steps: str) -> Any:
    """Return what stands in nested objects under ``steps``, or ``None``."""
    for step in steps:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def rows(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list; nothing of anything else."""
    for one in value if isinstance(value, list) else []:
        if isinstance(one, dict):
            yield one


def words(value: Any) -> str:
    """Return a text on one line, without what breaks a terminal; empty for anything else."""
    return " ".join(fit(value).split()) if isinstance(value, str) else ""


def unescaped(value: Any) -> str:
    """Return a text on one line with its entities resolved."""
    return words(html.unescape(value)) if isinstance(value, str) else ""


def ident(value: Any) -> str | None:
    """Return an id as text; ``None`` for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return fit(str(value)).strip() or None


def count(value: Any) -> int | None:
    """Return a whole number of at least 0, or ``None``."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def host_of(value: Any) -> str | None:
    """Return the host of an address, or ``None`` for what is none."""
    try:
        return urlsplit(value).hostname if isinstance(value, str) else None
    except ValueError:
        return None


def title_of(text: str) -> str:
    """Return what stands for a title: the first line, cut at a word."""
    line = text.strip().partition("\n")[0].strip()
    if len(line) <= TITLE:
        return line
    return line[:TITLE].rpartition(" ")[0].rstrip() + "…"


def with_query(url: str, **changes: str | int | None) -> str:
    """Return ``url`` with parameters set, or taken away by ``None``; the others stay in order."""
    parts = urlsplit(url)
    kept = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k not in changes]
    kept += [(name, fit(str(value))) for name, value in changes.items() if value is not None]
    return urlunsplit(parts._replace(query=urlencode(kept, quote_via=quote), fragment=""))


def query_of(url: str, name: str) -> str | None:
    """Return the first value of a parameter of ``url``."""
    return next((v for k, v in parse_qsl(urlsplit(url).query) if k == name), None)


def threads_of(posts: Iterable[PostItem], made: dict[str, ThreadRef]) -> tuple[ThreadRef, ...]:
    """Return the rows in ``made`` of the threads of ``posts``, in the order they first appear."""
    order = dict.fromkeys(post.thread.thread_id for post in posts if post.thread)
    return tuple(made[thread_id] for thread_id in order if thread_id in made)
