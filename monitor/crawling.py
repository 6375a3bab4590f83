"""Crawls as child processes: started with a time limit, watched line by line, killed as a group.

The child gets one JSON line on its standard input and writes one JSON object a line on its
standard output. Its input stays open while this process lives, so that a child whose parent was
killed sees the end of it and stops by itself.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from models.errors import QuietwordError

GRACE_S = 20.0
"""How much longer than its own limit a child may take to end before its group is killed."""


class CrawlFailed(QuietwordError):
    """A crawl could not be started or ended without a report; the message says what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlOrder:
    """What a crawl child is told. Times are ISO 8601 in UTC."""

    address: str
    engine: str | None = None
    timezone: str = "UTC"
    date_order: str | None = None
    language: str | None = None
    since: datetime | None = None
    contact: str | None = None
    allow_private_addresses: bool = False
    delay_s: float = 5.0
    max_pages: int = 0
    max_seconds: int = 1800
    only_first_page: bool = False
    behind: bool = False
    """The last crawl was cut short: go on past threads that are known to older ones."""
    database_url: str | None = field(default=None, repr=False)
    """Where to store; without one each post is sent back as a record."""
    source_id: int | None = None

    def as_line(self) -> str:
        """Return the order as one line of JSON."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(values, default=lambda moment: moment.isoformat()) + "\n"

    def one_page(self) -> "CrawlOrder":
        """Return the same order for its first page only."""
        return replace(self, only_first_page=True, max_seconds=120)

    def storing_into(self, database_url: str, source_id: int) -> "CrawlOrder":
        """Return the same order with its posts going to a database."""
        return replace(self, database_url=database_url, source_id=source_id)

    @classmethod
    def from_line(cls, line: str) -> "CrawlOrder":
        """Return the order written by ``as_line``."""
        values = json.loads(line)
        if values["since"] is not None:
            values["since"] = datetime.fromisoformat(values["since"])
        return cls(**values)


def run_crawl(
    order: CrawlOrder,
    *,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    stop: threading.Event | None = None,
    grace_s: float = GRACE_S,
) -> dict[str, Any]:
    """Run one crawl in a child process and return its report as a dictionary.

    ``on_event`` is given every other object the child writes: ``{"event": "progress", ...}`` and
    ``{"event": "post", "record": {...}}``. When ``stop`` is set, or the child overruns its time,
    its whole process group is killed. Raises ``CrawlFailed`` when there is no report.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", "monitor.crawl_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    assert child.stdin is not None  # noqa: S101
    assert child.stdout is not None  # noqa: S101
    assert child.stderr is not None  # noqa: S101
    overdue = threading.Timer(order.max_seconds + grace_s, _kill_group, [child])
    overdue.daemon = True
    overdue.start()
    errors: list[str] = []
    listener = threading.Thread(target=_keep_last_lines, args=(child.stderr, errors), daemon=True)
    listener.start()
    report: dict[str, Any] | None = None
    try:
        try:
            child.stdin.write(order.as_line())
            child.stdin.flush()
        except BrokenPipeError:
            pass  # it died at once; what it said is in ``errors``
        for line in child.stdout:
            event = json.loads(line)
            if event["event"] == "report":
                report = event
            elif event["event"] == "failed":
                raise CrawlFailed(event["message"])
            elif on_event is not None:
                on_event(event)
            if stop is not None and stop.is_set():
                break
    finally:
        if report is None:
            _kill_group(child)
        child.stdin.close()
        child.wait()
        overdue.cancel()
        listener.join(timeout=5)
        child.stdout.close()
        child.stderr.close()
    if report is None:
        if stop is not None and stop.is_set():
            raise CrawlFailed(f"the crawl of {order.address} was stopped")
        said = errors[-1] if errors else f"exit code {child.returncode}"
        raise CrawlFailed(
            f"the crawl of {order.address} ended without a report ({said}); what it had stored "
            "is kept, the next crawl goes on from there"
        )
    return report


def _kill_group(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def _keep_last_lines(stream: Any, kept: list[str]) -> None:
    for line in stream:
        if text := line.strip():
            kept.append(text)
            del kept[:-20]
