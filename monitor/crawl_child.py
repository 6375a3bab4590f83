"""What runs in a crawl's child process; see ``monitor.crawling`` for the other end."""

import functools
import json
import os
import signal
import sys
import threading
import traceback
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from scrapy.http import TextResponse
from sqlalchemy.exc import DataError, StatementError

from models.database import make_engine
from models.errors import QuietwordError
from monitor.crawling import CrawlOrder
from monitor.evidence import EvidenceKeeper
from monitor.store import Store
from spiders.base import ThreadRef
from spiders.crawl import CrawlReport, CrawlSpec, Progress, ThreadItem, ThreadMark, Told, crawl
from spiders.reading import post_record


class _NothingKnown:
    """A crawl without a database reads everything."""

    def mark(self, thread_id: str) -> ThreadMark | None:  # noqa: ARG002
        return None

    def posts(self, thread_id: str) -> set[str]:  # noqa: ARG002
        return set()

    def between(self, first: str, last: str) -> list[ThreadRef]:  # noqa: ARG002
        return []

    def left_out(self) -> list[ThreadRef]:
        return []


def say(event: str, **values: Any) -> None:
    """Write one event to the parent, which must be reading."""
    line = json.dumps({"event": event, **values}, default=str)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def send_posts(item: ThreadItem) -> None:
    """Send each post of a walked thread to the parent as a ``format: 1`` record."""
    for post in item.posts:
        record = post_record(
            post,
            engine=item.engine,
            board=item.board_title,
            thread_id=item.thread_id,
            thread_title=item.thread_title,
            thread_url=item.thread_url,
        )
        say("post", record=record)


def write_page(file: Path, page: TextResponse) -> None:
    """Write a page to ``file`` as it came, and its address beside it."""
    file.write_bytes(page.body)
    file.with_suffix(".url").write_text(page.url, "utf-8")


def run(order: CrawlOrder) -> CrawlReport:
    """Crawl as ordered: into the database if one is named, to the parent otherwise."""
    spec = CrawlSpec(
        address=order.address,
        engine=order.engine,
        options=order.read_options(),
        settle=order.timezone is None or order.zone_open,
        told=tuple(
            Told(at=datetime.fromisoformat(at), minutes=minutes)
            for at, minutes in order.zone_evidence
        ),
        threads=tuple(
            ThreadRef(thread_id=thread_id, title="", url=url) for thread_id, url in order.threads
        ),
        since=order.since,
        contact=order.contact,
        keys=order.keys,
        allow_private_addresses=order.allow_private_addresses,
        delay_s=order.delay_s,
        max_pages=order.max_pages,
        max_seconds=order.max_seconds,
        timeout_s=order.timeout_s,
        only_first_page=order.only_first_page,
        behind=order.behind,
    )

    def tell(progress: Progress) -> None:
        say("progress", **asdict(progress))

    folder = Path(order.evidence_folder) if order.evidence_folder else None
    trouble = None
    if folder is not None and order.source_id is not None:
        trouble = EvidenceKeeper(folder, order.source_id, order.selectors).keep
    if order.database_url is None or order.source_id is None:
        seen = functools.partial(write_page, Path(order.record_into)) if order.record_into else None
        return crawl(spec, known=_NothingKnown(), sink=send_posts, progress=tell, start_page=seen)
    engine = make_engine(order.database_url)
    store = Store(engine, order.source_id, again=order.again)
    refused: list[str] = []

    def keep(item: ThreadItem) -> None:
        try:
            store.save(item)
        except (DataError, StatementError, ValueError) as error:
            # One thread that the database will not take must not cost all the others.
            traceback.print_exc()
            refused.append(f"{item.thread_url} could not be stored ({first_line(error)})")

    try:
        report = crawl(spec, known=store, sink=keep, progress=tell, lists=store, trouble=trouble)
    finally:
        engine.dispose()
    return replace(
        report,
        notes=(*refused, *report.notes),
        behind=report.behind or bool(refused),
        unreadable=report.unreadable + len(refused),
    )


def first_line(error: Exception) -> str:
    """Return an error's kind and the first line of what it says."""
    said = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {said}"


def _end_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Read one order from standard input, crawl, and write the report."""
    order = CrawlOrder.from_line(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        report = run(order)
    except QuietwordError as error:
        say("failed", message=str(error))
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  (whatever it is, the parent must hear of it)
        traceback.print_exc()  # the parent keeps it for its log
        say("failed", message=f"the crawl broke off: {first_line(error)}")
        sys.exit(1)
    say("report", **asdict(report))


if __name__ == "__main__":
    main()
