"""Posts from a file: JSONL or CSV with the columns of ``docs/format.md``, into the usual store.

Every line is taken or named: what cannot be taken is reported with its number and written to
``FILE.rejected`` as it stood. Importing a file again adds nothing.
"""

import contextlib
import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import DataError, StatementError
from sqlmodel import select

from models import Source, Thread
from models.base import id_of
from models.database import reading, writing
from models.errors import QuietwordError
from monitor.jobs import Runtime
from monitor.store import Store
from spiders.base import PostItem, Quote
from spiders.crawl import ThreadItem, ThreadMark
from spiders.text import fit

ENGINE = "import"
LONGEST_FIELD = 10_000_000
"""Characters in one CSV field; longer ones are a broken quotation mark."""


class ImportFileError(QuietwordError):
    """A file cannot be imported at all; the message says why."""


class _Fault(ValueError):
    """What is wrong with one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """How an import went."""

    faults: tuple[str, ...]
    """One sentence for each line that was not taken, with its number."""
    summary: str
    taken: int
    new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    number: int
    raw: str
    """As it stood in the file; bytes that are no UTF-8 are escaped surrogates."""
    record: Mapping[str, Any] | None
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    line: _Line
    thread_id: str
    title: str | None
    url: str
    board: str | None
    post: PostItem


def import_posts(runtime: Runtime, file: Path, *, name: str | None = None) -> Imported:
    """Store the posts in ``file``; return what was taken and what is wrong with the rest.

    ``name`` names the source they belong to, the file's name (without its ending) by default; a
    post is known by that source and its ``post_id``. Raises ``ImportFileError`` for a file
    that cannot be read or is neither JSONL nor CSV with a header.
    """
    try:
        text = file.read_bytes().decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    except OSError as error:
        raise ImportFileError(f"{file} cannot be read: {error.strerror}") from error
    tabular = not text.lstrip().startswith("{")
    if not text.strip():
        raise ImportFileError(f"{file} is empty")
    lines = list(_csv_lines(text, file) if tabular else _json_lines(text))
    taken: list[_Taken] = []
    bad: list[tuple[_Line, str]] = []
    for line in lines:
        try:
            taken.append(_take(line))
        except _Fault as fault:
            bad.append((line, str(fault)))
    source_id = _source(runtime, (name or file.stem)[:200])
    store = Store(runtime.engine, source_id, now=runtime.now)
    new = 0
    threads = _by_thread(taken)
    for thread in threads:
        try:
            new += store.save(_item(thread, store))
        except (DataError, StatementError, ValueError) as error:
            said = str(error).partition("\n")[0]
            bad += [(one.line, f"the database does not take it ({said})") for one in thread]
    bad.sort(key=lambda one: one[0].number)
    with reading(runtime.engine) as session:
        watched = len(
            session.exec(
                select(Thread.id).where(Thread.source_id == source_id, Thread.watched)
            ).all()
        )
    summary = (
        f"{len(lines) - len(bad)} of {len(lines)} lines taken, in {len(threads)} threads; {new} "
        f"posts are new. {watched} threads of this source name a brand and are kept with their "
        "texts. Now: quietword score, or leave it to quietword run"
    )
    if bad:
        rejected = file.with_name(file.name + ".rejected")
        head = text.splitlines(keepends=True)[0].rstrip("\r\n") + "\n" if tabular else ""
        body = head + "".join(line.raw.rstrip("\r\n") + "\n" for line, _ in bad)
        try:
            rejected.write_bytes(body.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise ImportFileError(
                f"{rejected} cannot be written ({error.strerror}); the lines that could be taken "
                "are stored"
            ) from error
        summary = f"{summary}. {len(bad)} lines were not taken and stand in {rejected}"
    return Imported(
        faults=tuple(f"{file}, line {line.number}: {what}" for line, what in bad),
        summary=summary,
        taken=len(lines) - len(bad),
        new=new,
    )


def _json_lines(text: str) -> Iterator[_Line]:
    for number, raw in enumerate(text.split("\n"), 1):
        if not raw.strip():
            continue
        try:
            record = json.loads(raw)
        except (ValueError, RecursionError) as error:
            yield _Line(number=number, raw=raw, record=None, fault=f"is no JSON ({error})")
            continue
        if isinstance(record, dict):
            yield _Line(number=number, raw=raw, record=record)
        else:
            yield _Line(number=number, raw=raw, record=None, fault="is no JSON object")


class _Kept:
    """Lines for the CSV reader, each kept until its row is complete."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.row = ""

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.row += line
            yield line


def _csv_lines(text: str, file: Path) -> Iterator[_Line]:
    csv.field_size_limit(LONGEST_FIELD)
    first = text.splitlines()[0]
    separator = max(",;\t", key=first.count)
    kept = _Kept(text)
    rows = csv.reader(kept, delimiter=separator, strict=True)
    try:
        head = [name.strip().lower() for name in next(rows)]
    except csv.Error as error:
        raise ImportFileError(f"{file} is no CSV: its first line {error}") from error
    if missing := {"post_id", "author", "text"} - set(head):
        raise ImportFileError(
            f"{file} is neither JSONL nor CSV with a header: its first line lacks the columns "
            f"{', '.join(sorted(missing))} (see docs/format.md)"
        )
    while True:
        kept.row, number = "", rows.line_num + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield _Line(number=number, raw=kept.row, record=None, fault=f"is no CSV ({error})")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(head):
            fault = f"has {len(cells)} columns, the header {len(head)}"
            yield _Line(number=number, raw=kept.row, record=None, fault=fault)
            continue
        record: dict[str, Any] = {
            name: cell for name, cell in zip(head, cells, strict=False) if cell.strip()
        }
        record.setdefault("text", "" if "text" in head else None)
        yield _Line(number=number, raw=kept.row, record=_typed(record))


def _typed(record: dict[str, Any]) -> dict[str, Any]:
    """Return a CSV row with its numbers, truths and quotes as JSON has them, where they are."""
    for name in ("format", "number"):
        value = record.get(name)
        if isinstance(value, str) and value.strip().isdecimal():
            record[name] = int(value)
    truths = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    edited = record.get("edited")
    if isinstance(edited, str):
        record["edited"] = truths.get(edited.strip().lower(), edited)
    quotes = record.get("quotes")
    if isinstance(quotes, str):
        with contextlib.suppress(ValueError, RecursionError):  # named when it is taken
            record["quotes"] = json.loads(quotes)
    return record


def _take(line: _Line) -> _Taken:
    """Return the post of a line; raise ``_Fault`` in words when it cannot be one."""
    record = line.record
    if record is None:
        raise _Fault(line.fault or "cannot be read")
    if any("\udc80" <= letter <= "\udcff" for letter in line.raw):
        raise _Fault("is not in UTF-8")
    if record.get("format", 1) != 1:
        raise _Fault(f"format is {record['format']!r}; 1 is understood")
    post_id = _text(record, "post_id", needed=True)
    author = _text(record, "author", needed=True)
    text = record.get("text")
    if not isinstance(text, str):
        raise _Fault("text is missing" if text is None else "text is not a text")
    url = _address(record, "url")
    thread_id = _text(record, "thread_id") or _address(record, "thread_url") or post_id
    number = record.get("number")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
        raise _Fault(f"number is {number!r}, not a whole number")
    edited = record.get("edited", False)
    if not isinstance(edited, bool) and edited is not None:
        raise _Fault(f"edited is {edited!r}, neither true nor false")
    thread_url = _address(record, "thread_url") or url or ""
    post = PostItem(
        post_id=post_id,
        number=number,
        url=url or thread_url,
        author=author,
        author_id=_text(record, "author_id") or None,
        author_handle=_text(record, "author_handle") or None,
        posted_at=_moment(record.get("posted_at")),
        edited=bool(edited),
        text=fit(text),
        quotes=_quotes(record.get("quotes")),
        private_message_url=_address(record, "private_message_url"),
        profile_url=_address(record, "profile_url"),
    )
    return _Taken(
        line=line,
        thread_id=thread_id,
        title=_text(record, "thread_title") or None,
        url=thread_url,
        board=_text(record, "board") or None,
        post=post,
    )


def _text(record: Mapping[str, Any], name: str, *, needed: bool = False) -> str:
    value = record.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # an id that a spreadsheet took for a number
    if value is None or value == "":
        if needed:
            raise _Fault(f"{name} is missing")
        return ""
    if not isinstance(value, str) or not (shown := " ".join(fit(value).split())):
        raise _Fault(f"{name} is {value!r}, not a text")
    return shown


def _address(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    if value is None or value == "":
        return None
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _Fault(f"{name} is {str(value)[:100]!r}, no web address")
    return str(value)


def _moment(value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        when = datetime.fromisoformat(value)
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise _Fault(
            f"posted_at is {str(value)[:60]!r}; write it as in 2026-11-22T09:30:00Z"
        ) from None
    return when


def _quotes(value: Any) -> tuple[Quote, ...]:
    if value is None or value == "":
        return ()
    if not isinstance(value, list):
        raise _Fault("quotes is not a list of objects with author and text")
    found: list[Quote] = []
    for one in value:
        author = one.get("author") if isinstance(one, dict) else None
        if (
            not isinstance(one, dict)
            or not isinstance(one.get("text"), str)
            or not isinstance(author, str | None)
        ):
            raise _Fault("quotes holds something other than objects with author and text")
        found.append(Quote(author=fit(author) if author else None, text=fit(one["text"])))
    return tuple(found)


def _by_thread(taken: list[_Taken]) -> list[list[_Taken]]:
    threads: dict[str, list[_Taken]] = {}
    for one in taken:
        threads.setdefault(one.thread_id, []).append(one)
    return list(threads.values())


def _item(thread: list[_Taken], store: Store) -> ThreadItem:
    """Return some posts of a thread, oldest first; of a post given twice the later line counts."""
    posts = {one.post.post_id: one.post for one in thread}
    early = datetime.min.replace(tzinfo=UTC)
    ordered = sorted(posts.values(), key=lambda post: post.posted_at or early)
    mark = ThreadMark(
        last_post_id=ordered[-1].post_id, last_posted_at=ordered[-1].posted_at, posts=None
    )
    known = store.mark(thread[0].thread_id)
    when = known.last_posted_at if known else None
    if known and when and (mark.last_posted_at is None or when > mark.last_posted_at):
        mark = replace(mark, last_post_id=known.last_post_id, last_posted_at=when)
    newest = thread[-1]
    return ThreadItem(
        board_id=newest.board,
        board_title=newest.board,
        thread_id=newest.thread_id,
        thread_title=next((one.title for one in reversed(thread) if one.title), None),
        thread_url=next((one.url for one in thread if one.url), ""),
        engine=ENGINE,
        posts=tuple(ordered),
        whole=False,
        partial=True,
        mark=mark,
        language=None,
    )


def _source(runtime: Runtime, name: str) -> int:
    """Return the id of the source called ``name``; what holds imported posts is never crawled."""
    address = f"import:{name}"
    with writing(runtime.engine) as session:
        source = session.exec(select(Source).where(Source.address == address)).first()
        if source is None:
            source = Source(address=address, engine=ENGINE, name=name, enabled=False, behind=False)
            session.add(source)
            session.flush()
        return id_of(source)
