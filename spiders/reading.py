"""What a page says, as JSON that stays the same from release to release: ``"format": 1``.

Times are UTC in ISO 8601 with a ``Z``; fields without a value are ``null``. New fields may be added
within a format, none is renamed or taken away. ``quietword read`` prints these objects.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scrapy.http import HtmlResponse

from models.errors import QuietwordError
from spiders.base import (
    BoardRef,
    PageChanged,
    PostItem,
    Reading,
    ReadOptionError,
    ReadOptions,
    ThreadRef,
)
from spiders.detect import Detection, recognised
from spiders.outcome import STRANGE

FORMAT = 1


class UnreadableFile(QuietwordError):
    """A saved page cannot be read: correct the path or the address that it was saved from."""


def post_record(
    item: PostItem,
    *,
    engine: str,
    board: str | None,
    thread_id: str | None,
    thread_title: str | None,
    thread_url: str | None,
) -> dict[str, Any]:
    """Return one message as a JSON object.

    Keys: ``format``, ``engine``, ``board`` (its title), ``thread_id``, ``thread_title``,
    ``thread_url``, ``post_id``, ``number`` (position in the thread, from 1), ``url``, ``author``,
    ``author_id``, ``posted_at``, ``edited`` (true or false), ``text``, ``quotes`` (list of
    ``author`` and ``text``), ``private_message_url``, ``author_handle``, ``profile_url``.
    A page with messages of several threads gives each its own thread.
    """
    thread = item.thread
    return {
        "format": FORMAT,
        "engine": engine,
        "board": board,
        "thread_id": thread.thread_id if thread else thread_id,
        "thread_title": thread.title if thread else thread_title,
        "thread_url": thread.url if thread else thread_url,
        "post_id": item.post_id,
        "number": item.number,
        "url": item.url,
        "author": item.author,
        "author_id": item.author_id,
        "posted_at": _moment(item.posted_at),
        "edited": item.edited,
        "text": item.text,
        "quotes": [{"author": quote.author, "text": quote.text} for quote in item.quotes],
        "private_message_url": item.private_message_url,
        "author_handle": item.author_handle,
        "profile_url": item.profile_url,
    }


def page_record(detection: Detection, reading: Reading) -> dict[str, Any]:
    """Return a whole page as a JSON object.

    Keys: ``format``, ``engine``, ``evidence`` (list of what it was recognised by, in words),
    ``kind`` (index, board or thread), ``thread_title``, ``next_page``, ``posts`` (see
    ``post_record``); of a page that lists, also ``boards`` (``board_id``, ``title``, ``url``,
    ``last_posted_at``) and ``threads`` (``thread_id``, ``title``, ``url``, ``last_posted_at``,
    ``posts``, ``pinned``).
    """
    record: dict[str, Any] = {
        "format": FORMAT,
        "engine": detection.engine.name,
        "evidence": [hint.hint for hint in detection.evidence],
        "kind": reading.kind.value,
        "thread_title": reading.thread_title,
        "next_page": reading.next_page,
        "posts": [
            post_record(
                item,
                engine=detection.engine.name,
                board=reading.board_title,
                thread_id=reading.thread_id,
                thread_title=reading.thread_title,
                thread_url=reading.thread_url,
            )
            for item in reading.posts
        ],
    }
    if reading.threads or reading.boards or not reading.posts:
        record["boards"] = [_board(board) for board in reading.boards]
        record["threads"] = [_thread(thread) for thread in reading.threads]
    return record


def read_file(
    path: Path, url: str, options: ReadOptions, engine: str | None = None
) -> tuple[Detection, Reading]:
    """Return which engine the page saved at ``path`` is from, and what it says.

    ``url`` is the address the page was saved from: links are completed with it. "Yesterday" is
    read against the moment the file was last written, whatever ``options`` says of the fetch. A
    named ``engine`` reads the page whether or not it recognises it. Fetches nothing.
    Raises ``UnreadableFile`` for a missing file or an address that is not of the web,
    ``UnknownEngine`` when no engine recognises the page or has the name, ``PageChanged`` when
    the engine cannot read it, ``ReadOptionError`` for a selector that the engine has not.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UnreadableFile(
            f"{url!r} is no web address; give the one the page was saved from, such as "
            "https://forum.example/viewtopic.php?t=1"
        )
    try:
        body = path.read_bytes()
        saved_at = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read ({error.strerror}); check the path") from error
    page = HtmlResponse(url, body=body)
    detection = recognised(page, engine)
    detection.engine.refuse_selectors(options.selectors)
    try:
        return detection, detection.engine.read(page, replace(options, fetched_at=saved_at))
    except PageChanged as error:
        raise PageChanged(f"{path} ({detection.engine.name}): {error}") from error
    except STRANGE as error:
        if not options.selectors:
            raise
        told = ", ".join(options.selectors)
        raise ReadOptionError(
            f"{path} cannot be read with these selectors ({told}): what they pick is not what "
            f"{detection.engine.name} looks for ({type(error).__name__})"
        ) from error


def _moment(when: datetime | None) -> str | None:
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z") if when else None


def _board(board: BoardRef) -> dict[str, Any]:
    return {
        "board_id": board.board_id,
        "title": board.title,
        "url": board.url,
        "last_posted_at": _moment(board.last_posted_at),
    }


def _thread(thread: ThreadRef) -> dict[str, Any]:
    return {
        "thread_id": thread.thread_id,
        "title": thread.title,
        "url": thread.url,
        "last_posted_at": _moment(thread.last_posted_at),
        "posts": thread.posts,
        "pinned": thread.pinned,
    }
