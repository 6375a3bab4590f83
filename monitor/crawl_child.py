"""What runs in a crawl's child process; see ``monitor.crawling`` for the other end."""

import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from typing import Any

from models.database import make_engine, reading
from models.errors import QuietwordError
from monitor.brands import Finder
from monitor.crawling import CrawlOrder
from monitor.store import Store
from spiders.base import ReadOptions
from spiders.crawl import CrawlReport, CrawlSpec, Progress, ThreadItem, ThreadMark, crawl
from spiders.reading import post_record


class _NothingKnown:
    """A crawl without a database reads everything."""

    def mark(self, thread_id: str) -> ThreadMark | None:  # noqa: ARG002
        return None

    def posts(self, thread_id: str) -> set[str]:  # noqa: ARG002
        return set()


def say(event: str, **values: Any) -> None:
    """Write one event to the parent, which must be reading."""
    line = json.dumps({"event": event, **values}, ensure_ascii=False, default=str)
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


def run(order: CrawlOrder) -> CrawlReport:
    """Crawl as ordered: into the database if one is named, to the parent otherwise."""
    spec = CrawlSpec(
        address=order.address,
        engine=order.engine,
        options=ReadOptions(
            timezone=order.timezone, date_order=order.date_order, language=order.language
        ),
        since=order.since,
        contact=order.contact,
        allow_private_addresses=order.allow_private_addresses,
        delay_s=order.delay_s,
        max_pages=order.max_pages,
        max_seconds=order.max_seconds,
        only_first_page=order.only_first_page,
        behind=order.behind,
    )

    def tell(progress: Progress) -> None:
        say("progress", **asdict(progress))

    if order.database_url is None or order.source_id is None:
        return crawl(spec, known=_NothingKnown(), sink=send_posts, progress=tell)
    engine = make_engine(order.database_url)
    with reading(engine) as session:
        finder = Finder(session)
    store = Store(engine, order.source_id, finder)

    def keep(item: ThreadItem) -> None:
        say("stored", thread=item.thread_id, new=store.save(item))

    try:
        return crawl(spec, known=store, sink=keep, progress=tell)
    finally:
        engine.dispose()


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
    say("report", **asdict(report))


if __name__ == "__main__":
    main()
