"""Vanilla's pages of 2023 and later, which carry what a script is to draw as data of its API.

The data is found by its shape, wherever a page's layout puts it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from scrapy.http import TextResponse

from spiders.addresses import same_site
from spiders.answers import Record, record, records, whole, word
from spiders.base import Kind, PostItem, Reading, ReadOptions
from spiders.engines.vanilla_api import item, row
from spiders.html_place import Place

_ACTIONS = re.compile(r"window(?:\.__ACTIONS__|\[[\"']__ACTIONS__[\"']\])\s*=\s*(?=\[)")
_PAGE = re.compile(r"/p\d+(?=/?(?:[?#]|$))")


def records_in(page: TextResponse) -> list[Record]:
    """Return every record in the data of ``page``, in its order; none when it carries no data."""
    found = _ACTIONS.search(page.text)
    if not found:
        return []
    try:
        data, _ = json.JSONDecoder().raw_decode(page.text, found.end())
    except (ValueError, RecursionError):
        return []
    return list(_records(data))


def _records(data: Any) -> Iterator[Record]:
    todo = [data]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            yield one
            todo.extend(reversed(one.values()))
        elif isinstance(one, list):
            todo.extend(reversed(one))


def read_layout(page: TextResponse, options: ReadOptions, place: Place | None) -> Reading | None:
    """Return what the data of ``page``, which shows ``place``, tells of a thread or a list."""
    shows_thread = place is not None and place.kind is Kind.THREAD
    number = place.number if place is not None else None
    thread = number if shows_thread else None
    root = (place.folder if place is not None else page.urljoin("/")).rstrip("/")
    found = records_in(page)
    paging = next((paged for each in found if (paged := _paging(each, thread))), {})
    here, pages = whole(paging.get("currentPage")) or 1, whole(paging.get("pageCount")) or 1
    first = _PAGE.sub("", page.url)

    def at(wanted: int) -> str | None:
        if not 1 <= wanted <= pages or wanted == here:
            return None
        return first if wanted == 1 else f"{first.rstrip('/')}/p{wanted}"

    around = Reading(kind=Kind.THREAD, previous_page=at(here - 1), next_page=at(here + 1))
    titled = [each for each in found if "discussionID" in each and "insertUserID" in each]
    if thread is None:
        rows = {
            ref.thread_id: replace(ref, url=_own_url(each, page) or ref.url)
            for each in titled
            if "commentID" not in each and each.get("name")
            for ref in [row(each, root, options)]
        }
        if not rows:
            return None
        return replace(around, kind=Kind.BOARD, board_id=number, threads=tuple(rows.values()))
    own = [each for each in titled if word(each["discussionID"]) == thread]
    items: dict[str, PostItem] = {}
    for each in own:
        if post := item(each, root, options):
            items.setdefault(post.post_id, post)
    if not items:
        return None
    opening = next((each for each in own if "commentID" not in each and each.get("name")), {})
    board = record(opening.get("category"))
    return replace(
        around,
        board_id=word(board.get("urlcode")) or word(board.get("urlCode")) or None,
        board_title=word(board.get("name")) or None,
        thread_id=thread,
        thread_title=word(opening.get("name")) or None,
        thread_url=_own_url(opening, page) or first,
        posts=tuple(items.values()),
        last_page=at(pages) if pages > here else None,
    )


def _paging(found: Record, thread: str | None) -> Record:
    """Return which page ``found`` is of what it lists, if that is the page's own list."""
    listed = next(filter(None, map(records, found.values())), None)
    wanted = "discussionID" if thread is None else "commentID"
    return record(found.get("paging")) if listed and wanted in listed[0] else {}


def _own_url(found: Record, page: TextResponse) -> str | None:
    url = found.get("canonicalUrl") or found.get("url")
    return url if isinstance(url, str) and same_site(url, page.url) else None
