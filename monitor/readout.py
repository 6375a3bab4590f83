"""What ``quietword read`` does: every post of a forum or of a saved page, as it is read."""

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerts.words import clean
from models.errors import QuietwordError
from monitor.crawling import CrawlOrder, named_selectors, run_crawl
from monitor.health import WELL
from monitor.progress import crawling
from spiders.base import ReadOptions
from spiders.reading import page_record, read_file


class PageUnreadable(QuietwordError):
    """A saved page could not be opened; the message says why."""


def options(
    timezone: str | None, date_order: str | None, language: str | None, selectors: list[str] | None
) -> ReadOptions:
    """Return what a person says of a site that its pages do not; ``selectors`` are NAME=CSS."""
    order = CrawlOrder(
        address="",
        timezone=timezone,
        date_order=date_order,
        language=language,
        selectors=named_selectors(selectors),
    )
    return order.read_options()


def read_page(
    file: Path, url: str, how: ReadOptions, *, engine: str | None, as_json: bool, console: Console
) -> None:
    """Print what one saved page tells: a JSON object, or a table for a person."""
    try:
        detection, reading = read_file(file, url, how, engine=engine)
    except OSError as error:
        raise PageUnreadable(f"{file} cannot be read: {error.strerror}") from error
    record = page_record(detection, reading)
    if as_json:
        sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
        return
    evidence = "; ".join(record["evidence"])
    console.print(f"{record['engine']} ({escape(evidence)}), {record['kind']} page")
    if record["thread_title"]:
        console.print(f"Thread: {escape(clean(record['thread_title']))}", soft_wrap=True)
    console.print(f"Next page: {escape(clean(record['next_page'] or 'none'))}", soft_wrap=True)
    console.print(_table(record["posts"]))


def read_forum(order: CrawlOrder, *, as_json: bool, console: Console) -> bool:
    """Print every post of a forum as it arrives; return whether the crawl ended well.

    JSON goes to standard output, one object a line; progress and the outcome to standard error.
    """
    aside = Console(stderr=True)
    records: list[dict[str, Any]] = []

    with crawling(aside, "Reading") as tell:

        def take(event: dict[str, Any]) -> None:
            if event["event"] != "post":
                tell(event)
            elif as_json:
                sys.stdout.write(json.dumps(event["record"], ensure_ascii=False) + "\n")
            else:
                records.append(event["record"])

        report = run_crawl(order, on_event=take)
    if not as_json:
        console.print(_table(records))
    sys.stdout.flush()
    aside.print(
        f"{report['engine'] or 'engine not recognised'}: {report['outcome']}, "
        f"{report['posts']} posts in {report['threads']} threads from {report['pages']} pages"
        + (f", {report['unreadable']} unreadable" if report["unreadable"] else "")
        + (f". {escape(clean(report['message']))}" if report["message"] else ""),
        soft_wrap=True,
    )
    for note in report["notes"]:
        aside.print(f"  {escape(clean(note))}", soft_wrap=True)
    return report["outcome"] in WELL


def _table(records: list[dict[str, Any]]) -> Table:
    table = Table("when (UTC)", "author", "thread", "text")
    for record in records:
        when = (record["posted_at"] or "?").replace("T", " ").removesuffix("Z")
        cells = (when, record["author"], record["thread_title"] or "", record["text"])
        table.add_row(*(escape(clean(cell)[:160]) for cell in cells))
    return table
