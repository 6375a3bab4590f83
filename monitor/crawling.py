"""Crawls as child processes: started with a time limit, watched line by line, killed as a group.

The child gets one JSON line on its standard input and writes one JSON object a line on its
standard output. Its input stays open while this process lives, so that a child whose parent was
killed sees the end of it and stops by itself.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Protocol

from models.errors import QuietwordError

if TYPE_CHECKING:
    from spiders.base import ReadOptions

logger = logging.getLogger(__name__)
GRACE_S = 20.0
"""How much longer than its own limit a child may take to end before its group is killed."""


class CrawlFailed(QuietwordError):
    """A crawl could not be started or ended without a report; the message says what it said."""


class Child(Protocol):
    """A process that crawls, as ``subprocess.Popen`` or ``monitor.crawl_forks`` give it.

    It leads a process group of its own.
    """

    pid: int
    stdin: IO[str] | None
    stdout: IO[str] | None
    stderr: IO[str] | None
    returncode: int | None
    """``None`` also where it cannot be known."""

    def poll(self) -> int | None:
        """Return ``None`` while it lives."""

    def wait(self) -> int:
        """Wait for its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlOrder:
    """What a crawl child is told. Times are ISO 8601 in UTC."""

    address: str
    engine: str | None = None
    timezone: str | None = None
    """IANA zone of the site's times; ``None`` finds it out."""
    zone_evidence: tuple[tuple[str, int], ...] = ()
    """What earlier crawls found out: pairs of a moment (ISO 8601) and minutes ahead of UTC."""
    zone_open: bool = False
    """The zone was inferred, not given: see whether the site's clock still agrees with it."""
    date_order: str | None = None
    language: str | None = None
    selectors: dict[str, str] = field(default_factory=dict)
    """CSS selectors in place of the engine's own, by their names."""
    threads: tuple[tuple[str, str], ...] = ()
    """Ids and addresses of threads to read again, and nothing else."""
    evidence_folder: str | None = None
    """Where a page that cannot be read is kept, cleaned, for a person to look at."""
    record_into: str | None = None
    """File for the start page as it came; its address goes beside it, as ``.url``."""
    since: datetime | None = None
    contact: str | None = None
    allow_private_addresses: bool = False
    delay_s: float = 5.0
    max_pages: int = 0
    max_seconds: int = 1800
    timeout_s: float = 20
    """Longest a page may take."""
    only_first_page: bool = False
    again: bool = False
    """Read threads again that were read before without finding a brand."""
    behind: bool = False
    """The last crawl was cut short: go on past threads that are known to older ones."""
    database_url: str | None = field(default=None, repr=False)
    """Where to store; without one each post is sent back as a record."""
    source_id: int | None = None
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    """Keys for sources that ask for one, by the name of their setting."""

    def as_line(self) -> str:
        """Return the order as one line of JSON."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(values, default=lambda moment: moment.isoformat()) + "\n"

    def read_options(self) -> "ReadOptions":
        """Return what a person, or an earlier crawl, says of the site."""
        from spiders.base import ReadOptions  # loads Scrapy: only where a page is read

        return ReadOptions(
            timezone=self.timezone or "UTC",
            date_order=self.date_order,
            language=self.language,
            selectors=self.selectors,
        )

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


def named_selectors(given: list[str] | None) -> dict[str, str]:
    """Return ``NAME=CSS`` pairs as a dictionary; raise ``CrawlFailed`` for what is none."""
    found = {}
    for pair in given or ():
        name, equals, css = pair.partition("=")
        if not equals or not name.strip().isidentifier() or not css.strip():
            raise CrawlFailed(
                f"{pair!r} is no selector; write the engine's name for it, '=', and CSS: "
                "text=div.message"
            )
        found[name.strip()] = css.strip()
    return found


def run_crawl(
    order: CrawlOrder,
    *,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    stop: threading.Event | None = None,
    grace_s: float = GRACE_S,
    start: Callable[[], Child] | None = None,
) -> dict[str, Any]:
    """Run one crawl in a child process and return its report as a dictionary.

    ``on_event`` is given every other object the child writes: ``{"event": "progress", ...}`` and
    ``{"event": "post", "record": {...}}``. When ``stop`` is set, or the child overruns its time,
    its whole process group is killed. ``start`` gives the child; by default it is a new process.
    Raises ``CrawlFailed`` when there is no report.
    """
    child = (start or _start)()
    assert child.stdin is not None  # noqa: S101
    assert child.stdout is not None  # noqa: S101
    assert child.stderr is not None  # noqa: S101
    ended = threading.Event()
    errors: list[str] = []
    watchers = [
        threading.Thread(target=_keep_last_lines, args=(child.stderr, errors), daemon=True),
        threading.Thread(
            target=_end_in_time, args=(child, order.max_seconds + grace_s, ended, stop), daemon=True
        ),
    ]
    for watcher in watchers:
        watcher.start()
    report: dict[str, Any] | None = None
    try:
        with contextlib.suppress(BrokenPipeError):  # it died at once; ``errors`` tells why
            child.stdin.write(order.as_line())
            child.stdin.flush()
        for line in child.stdout:
            event = _event(line, order)
            if event["event"] == "report":
                report = event
            elif event["event"] == "failed":
                raise CrawlFailed(event["message"])
            elif on_event is not None:
                on_event(event)
    finally:
        if report is None:
            _kill_group(child)
        ended.set()
        child.stdin.close()
        child.wait()
        for watcher in watchers:
            watcher.join(timeout=5)
        child.stdout.close()
        child.stderr.close()
        if errors:
            logger.debug("the crawl of %s said:\n%s", order.address, "\n".join(errors))
    if report is None:
        if stop is not None and stop.is_set():
            raise CrawlFailed(f"the crawl of {order.address} was stopped")
        code = child.returncode
        said = errors[-1] if errors else f"exit code {code}" if code is not None else "killed"
        raise CrawlFailed(
            f"the crawl of {order.address} ended without a report ({said}); what it had stored "
            "is kept, the next crawl goes on from there"
        )
    return report


def _start() -> "subprocess.Popen[str]":
    try:
        return subprocess.Popen(
            # -P: the working directory may hold folders called as ours
            [sys.executable, "-P", "-X", "utf8", "-m", "monitor.crawl_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise CrawlFailed(f"no process could be started for a crawl: {error.strerror}") from error


def _event(line: str, order: CrawlOrder) -> dict[str, Any]:
    try:
        event = json.loads(line)
        event["event"]
    except (ValueError, TypeError, KeyError) as error:
        raise CrawlFailed(f"the crawl of {order.address} said {line[:80]!r}, no event") from error
    return dict(event)


def _end_in_time(
    child: Child,
    seconds: float,
    ended: threading.Event,
    stop: threading.Event | None,
) -> None:
    """Kill the child's group when its time is over or when it is told to stop."""
    deadline = time.monotonic() + seconds
    while not ended.wait(0.2):
        if time.monotonic() > deadline or (stop is not None and stop.is_set()):
            _kill_group(child)
            return


def _kill_group(child: Child) -> None:
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
