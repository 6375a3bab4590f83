"""Recorded forums that fail in many ways: in the end all must be stored as in good weather.

    python -m tests.acceptance.weather [FOLDER] [--only NAME] [--fault KIND]

A kind is a fault of the recorded forums' own server (``429:10``), or one of ``reset``,
``truncated``, ``half``, ``loop`` and ``slow``: every seventh answer is a closed connection, half a
page of a told length, half a page that does not say so, a redirect to itself, or comes after the
time-out. In ``mixed`` weather a quarter of the answers fail, in ways that dice choose (the same
each time). A forum is crawled as the schedule would, until a
crawl has nothing left to do. A ``403`` is not among them: it means us, ends a crawl, and is
respected.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlmodel import col, select

from models import Post, Source, Thread
from models.database import reading
from monitor.crawl_forks import AVAILABLE, CrawlForks
from monitor.jobs import Runtime, crawl_source
from spiders.detect import engines
from tests.acceptance.replays import LISTS, installation, replay_module

KINDS = ("429:10", "429:10:Retry-After=1", "404:10", "500:3", "503:7:Retry-After=1")
KINDS += ("503:7", "reset", "truncated", "half", "loop", "slow", "mixed")
EVERY = 7
MIXED = ("404", "500", "reset", "truncated", "half", "loop")
MIXED_SHARE = 0.25
TIMEOUT_S = 3.0
MOST_CRAWLS = 12


@contextmanager
def stormy(module: ModuleType, archive: Path, kind: str) -> Iterator[Any]:
    """Give a recorded forum that fails like this; in good weather for an empty ``kind``."""
    own = kind[:1].isdigit()
    forum = module.Replay(archive, faults=(kind,) if own else ())
    dice = random.Random(archive.name)  # noqa: S311  (no secret)
    if kind and not own:
        handler = forum._server.RequestHandlerClass

        class Failing(handler):  # type: ignore[misc, valid-type]
            half = False

            def _recorded(self, target: str) -> None:
                if kind == "mixed":
                    fails, how = dice.random() < MIXED_SHARE, dice.choice(MIXED)
                else:
                    fails, how = forum.stats["requests"] % EVERY == 0, kind
                if not fails:
                    super()._recorded(target)
                elif how == "slow":
                    time.sleep(TIMEOUT_S + 1)
                    super()._recorded(target)
                elif how == "half":
                    self.half = self.close_connection = True
                    super()._recorded(target)
                elif how == "loop":
                    self._finish(target, 302, {"Location": target}, b"")
                elif how.isdigit():
                    self._finish(target, int(how), self._text(), b"bad weather\n")
                else:
                    self.close_connection = True
                    if how == "truncated":
                        self.send_response(200)
                        self.send_header("Content-Type", "text/html; charset=utf-8")
                        self.send_header("Content-Length", "9000")
                        self.end_headers()
                        self.wfile.write(b"<html><body>" + b"half a page " * 300)
                        self.wfile.flush()

            def _send(self, status: int, headers: Any, body: bytes, cookies: Any = ()) -> None:
                if not self.half:
                    super()._send(status, headers, body, cookies)
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body[: len(body) // 2])

        forum._server.RequestHandlerClass = Failing
    with forum:
        yield forum


Rows = AbstractSet[tuple[object, ...]]


@dataclass
class Endured:
    """What came of crawling a forum until nothing was left."""

    outcomes: list[str] = field(default_factory=list)
    posts: Rows = field(default_factory=set)
    threads: Rows = field(default_factory=set)
    """How far they have been read."""
    left: Rows = field(default_factory=set)
    """Threads that could not be read."""
    requests: int = 0
    rested: timedelta = timedelta(0)
    """What the schedule lets a site that failed rest between two crawls."""


def stored(runtime: Runtime) -> tuple[Rows, Rows, Rows]:
    """Return what is known of a forum: its messages, its threads, and those left out."""
    with reading(runtime.engine) as session:
        posts = session.exec(
            select(Post.external_id, Post.text, Post.posted_at, Post.number, Post.edited)
        ).all()
        threads = session.exec(select(Thread.external_id, Thread.mark_last_post_id)).all()
        left = session.exec(
            select(Thread.external_id, Thread.source_id).where(col(Thread.left_out_at).is_not(None))
        ).all()
    return set(posts), set(threads), set(left)


def endure(
    module: ModuleType, archive: Path, kind: str, start: Any, never: Rows = frozenset()
) -> Endured:
    """Crawl until nothing is left but the threads that can ``never`` be read."""
    name = archive.name.removesuffix(".jsonl.gz")
    done = Endured()
    with stormy(module, archive, kind) as forum:
        address = forum.url + LISTS.get(name, "/")
        with installation(address, name, TIMEOUT_S) as (runtime, number):
            for _ in range(MOST_CRAWLS):
                run = crawl_source(runtime, number, start=start)
                done.outcomes.append(f"{run.outcome} {run.posts}")
                with reading(runtime.engine) as session:
                    source = session.get_one(Source, number)
                    if source.not_before and source.last_run_at:
                        done.rested += source.not_before - source.last_run_at
                    behind = source.behind
                done.posts, done.threads, done.left = stored(runtime)
                wanted = done.left - never if kind else None
                if run.outcome == "OK" and not (run.posts or behind or wanted):
                    break
        done.requests = int(forum.stats["requests"])
    return done


def main() -> None:
    """Crawl in all weathers and print; exit 1 when something is missing in the end."""
    parser = argparse.ArgumentParser(prog="weather")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("../shared/forums"))
    parser.add_argument("--only", help="one recorded forum by its name")
    parser.add_argument("--fault", action="append", help="one kind of weather (repeatable)")
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 150)
    if not (asked.folder / "replay.py").exists():
        console.print(f"{asked.folder} is not there, so there is nothing to crawl.")
        return
    module = replay_module(asked.folder)
    forks = CrawlForks() if AVAILABLE else None
    start = forks.start if forks else None
    table = Table("forum", "weather", "posts", "threads", "requests", "rests", "crawls")
    worse = 0
    for archive in sorted(asked.folder.glob("*.jsonl.gz")):
        name = archive.name.removesuffix(".jsonl.gz")
        if name not in engines() or asked.only not in {None, name}:
            continue
        good = endure(module, archive, "", start)
        table.add_row(
            name, "good", str(len(good.posts)), str(len(good.threads)), str(good.requests), "", ""
        )
        for kind in asked.fault or KINDS:
            bad = endure(module, archive, kind, start, never=good.left)
            worse += (bad.posts, bad.threads) != (good.posts, good.threads)
            table.add_row(
                name,
                kind,
                f"{len(bad.posts & good.posts)} of {len(good.posts)}",
                f"{len(bad.threads & good.threads)} of {len(good.threads)}",
                str(bad.requests),
                f"{bad.rested.total_seconds() / 3600:.1f} h",
                ", ".join(bad.outcomes),
            )
            sys.stderr.write(f"{name} {kind}: {bad.requests}, {bad.outcomes}\n")
    if forks:
        forks.stop()
    console.print(table)
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
