"""``quietword record``: a page and what is read from it, as a case for an engine's tests."""

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lxml import etree  # type: ignore[import-untyped]  # has no types of its own
from lxml import html as markup
from rich.console import Console
from rich.markup import escape
from scrapy.http import HtmlResponse

from models.base import utc_now
from models.errors import QuietwordError
from monitor.crawling import CrawlOrder, run_crawl
from spiders.base import Reading
from spiders.body import is_json
from spiders.detect import recognised
from spiders.social.feeds import is_feed

NAMES: tuple[str, ...] = tuple(
    re.findall(r"\w+", "ann bob cyd dan eve fay gus hal ida jon kit lea max nia ole pia sue")
)
WORDS: tuple[str, ...] = tuple(
    re.findall(r"\w+", "the line was down again and nobody could say why it was so")
)
SHORTEST = 8
"""Characters from which a piece of a page counts as somebody's words."""
WARNING = (
    "Before you commit it: pages of a real site belong to it and name real people. Rewrite every "
    "name and text in your own words, cut the page down to a few messages, delete the 'reading' "
    "from the JSON, and let the test write it again."
)


class NotRecorded(QuietwordError):
    """A page could not be saved as a case; the message says why."""


def record_page(
    order: CrawlOrder,
    into: Path,
    *,
    name: str | None,
    file: Path | None,
    anonymise: bool,
    console: Console,
) -> tuple[Path, Path]:
    """Write ``<name>.html`` (or ``.body.json``, ``.xml``) and ``<name>.json`` into a folder.

    The page is fetched, one request beside robots.txt, or taken from ``file``. Raises
    ``NotRecorded``, and what recognising and reading raise.
    """
    url, body = (order.address, _bytes(file)) if file is not None else _fetch(order)
    page = HtmlResponse(url, body=body)
    detection = recognised(page, order.engine)
    options = replace(order.read_options(), fetched_at=utc_now())
    reading = detection.engine.read(page, options)
    if anonymise:
        page = HtmlResponse(url, body=neutral(page, reading).encode(), encoding="utf-8")
        reading = detection.engine.read(page, options)
    into.mkdir(parents=True, exist_ok=True)
    stem = name or reading.kind.value
    kind = "body.json" if is_json(page) else "xml" if is_feed(page) else "html"
    target = into / f"{stem}.{kind}"
    case = into / f"{stem}.json"
    if target.exists() or case.exists():
        raise NotRecorded(f"{target} or {case.name} exists; choose another --name")
    told = {} if order.timezone is None else {"timezone": order.timezone}
    said = {"url": url, **told, "engine": detection.engine.name, "reading": _full(asdict(reading))}
    target.write_bytes(page.body)
    case.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", "utf-8")
    console.print(
        f"Wrote {target} and {case.name}: {detection.engine.name}, {reading.kind.value} page with "
        f"{len(reading.posts)} messages, {len(reading.threads)} threads."
    )
    console.print(escape(WARNING), style="yellow", soft_wrap=True)
    return target, case


def neutral(page: HtmlResponse, reading: Reading) -> str:
    """Return ``page`` with neutral words in place of the names and texts that ``reading`` tells.

    What no engine reads, such as signatures and avatars, stays: a person must look it through.
    """
    people = {post.author for post in reading.posts}
    people |= {quote.author or "" for post in reading.posts for quote in post.quotes}
    known = [name for name in sorted(people, key=len, reverse=True) if len(name) > 2]
    names = {name: _name(number) for number, name in enumerate(known)}
    texts = [post.text for post in reading.posts]
    texts += [quote.text for post in reading.posts for quote in post.quotes]
    texts += [reading.thread_title or "", *(row.title for row in reading.threads)]
    said = "\n".join(" ".join(text.split()) for text in texts)

    def change(text: str) -> str:
        plain = " ".join(text.split())
        if len(plain) >= SHORTEST and plain in said:
            words = (WORDS[place % len(WORDS)] for place in range(len(plain.split())))
            return " ".join(words)
        for name, other in names.items():
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", other, text)
        return text

    if is_json(page):
        return json.dumps(_changed(json.loads(page.text), change), ensure_ascii=False)
    if is_feed(page):
        return _changed_feed(page.body, change)
    return _rewritten(page.text, change)


def _changed_feed(body: bytes, change: Any) -> str:
    """Return a feed with its texts changed; those with markup in them between their tags."""
    tree = etree.fromstring(body, etree.XMLParser(resolve_entities=False, recover=True))
    for node in tree.iter():
        node.text = _changed(node.text, change) if node.text and node.text.strip() else node.text
        node.tail = change(node.tail) if node.tail and node.tail.strip() else node.tail
    return '<?xml version="1.0" encoding="utf-8"?>\n' + str(
        etree.tostring(tree, encoding="unicode")
    )


def _rewritten(text: str, change: Any) -> str:
    tree = markup.document_fromstring(text)
    for node in tree.iter():
        if not isinstance(node.tag, str) or node.tag in {"script", "style"}:
            continue
        node.text = change(node.text) if node.text else node.text
        for attribute in ("title", "alt", "content", "data-author", "data-username"):
            if attribute in node.attrib:
                node.attrib[attribute] = change(node.attrib[attribute])
    for node in tree.iter():
        node.tail = change(node.tail) if node.tail else node.tail
    return str(markup.tostring(tree, encoding="unicode", doctype="<!doctype html>"))


def _changed(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {name: _changed(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [_changed(inner, change) for inner in value]
    if not isinstance(value, str):
        return value
    if "<" in value and ">" in value:
        pieces: Iterator[str] = iter(re.split(r"(<[^>]*>)", value))
        return "".join(piece if piece.startswith("<") else change(piece) for piece in pieces)
    return str(change(value))


def _name(number: int) -> str:
    turn, place = divmod(number, len(NAMES))
    return NAMES[place] + (str(turn + 1) if turn else "")


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotRecorded(f"{file} cannot be read: {error.strerror}") from error


def _fetch(order: CrawlOrder) -> tuple[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="quietword-") as folder:
        page = Path(folder) / "page"
        report = run_crawl(replace(order.one_page(), record_into=str(page)))
        if not page.exists():
            raise NotRecorded(f"{order.address}: {report['outcome']}. {report['message']}")
        address = page.with_suffix(".url").read_text("utf-8")
        return address, page.read_bytes()


def _full(value: Any) -> Any:
    """Return ``value`` without its empty fields, as the tests compare it."""
    if isinstance(value, dict):
        kept = {name: _full(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner not in (None, [], False, 0)}
    if isinstance(value, list | tuple):
        return [_full(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value
