"""A day of scheduled crawling of twelve forums on one machine, on a simulated clock.

    python -m tests.bench.bench_schedule [--hours 24] [--every 60] [--forums FOLDER]

The schedule's own decisions (``due_sources``, ``hot_sources``, ``crawl_source``) are asked at every
simulated ten seconds; crawls are the real child processes, two side by side, against servers on
this machine. A crawl takes as long on the simulated clock as it took in truth, so a loaded machine
makes for a harder day. Forums are the recorded ones of ``../shared/forums`` where they are, each as
often as it takes, or our own.
"""

import argparse
import importlib.util
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from sqlmodel import select

from models import CrawlRun, Post, Source
from models.base import id_of
from models.database import make_engine, reading, upgrade, writing
from monitor.brands import BrandSpec, save_brand
from monitor.config import Settings
from monitor.crawl_forks import AVAILABLE, CrawlForks
from monitor.demo import DemoForum
from monitor.jobs import Runtime, crawl_source, due_sources, hot_sources
from monitor.schedule import LOOK_S
from spiders.detect import engines

SITES = 12
AT_ONCE = 2
START = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
NOT_AT_ROOT = {"bbpress": "/forums/", "nodebb": "/categories"}


class Clock:
    """The simulated time: stands still while something is decided."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def sites(folder: Path) -> Iterator[list[tuple[str, str, str, Any]]]:
    """Give name, address and engine of twelve forums that are being served, and what counts."""
    archives = [
        archive
        for archive in sorted(folder.glob("*.jsonl.gz"))
        if archive.name.removesuffix(".jsonl.gz") in engines()
    ]
    with ExitStack() as stack:
        found: list[tuple[str, str, str, Any]] = []
        if archives:
            spec = importlib.util.spec_from_file_location("replay", folder / "replay.py")
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules["replay"] = module
            spec.loader.exec_module(module)
            for number in range(SITES):
                archive = archives[number % len(archives)]
                name = archive.name.removesuffix(".jsonl.gz")
                forum = stack.enter_context(module.Replay(archive))
                url = forum.url + NOT_AT_ROOT.get(name, "/")
                found.append((f"{name} {number + 1}", url, name, forum))
        else:
            for number in range(SITES):
                own = stack.enter_context(DemoForum())
                own.grow()
                found.append((f"own {number + 1}", own.phpbb_url, "phpbb", own))
        yield found


def requests_of(forum: Any) -> int:
    """Return how many requests a forum has answered."""
    stats = getattr(forum, "stats", None)
    return int(stats["requests"]) if stats is not None else sum(forum.requests.values())


@dataclass(slots=True)
class Day:
    """What happened while the schedule worked."""

    due: Counter[int] = field(default_factory=Counter)
    """How often a source's time came."""
    runs: dict[int, list[tuple[datetime, datetime, bool]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Begin and end of each run of a source, and whether it was for heated threads."""
    hourly: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """Requests of a source by hour."""
    memory: int = 0
    """Most bytes that we and all our children held at once, shared ones counted once."""


def memory_held() -> int:
    """Return the bytes that this process and all below it hold."""
    total = 0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total


def simulate(runtime: Runtime, clock: Clock, hours: float, forums: dict[int, Any]) -> Day:
    """Let the schedule work for so many hours."""
    day = Day()
    end = START + timedelta(hours=hours)
    busy: dict[int, tuple[Future[Any], datetime, float, bool, int]] = {}
    waiting: set[int] = set()
    forks = CrawlForks() if AVAILABLE else None
    start = forks.start if forks else None
    told = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while clock.now < end or busy:
            for source_id, (work, began, real, hot, before) in list(busy.items()):
                if not work.done():
                    continue
                work.result()
                took = timedelta(seconds=time.monotonic() - real)
                day.runs[source_id].append((began, began + took, hot))
                hour = int((began - START).total_seconds() // 3600)
                day.hourly[source_id][hour] += requests_of(forums[source_id]) - before
                del busy[source_id]
            if clock.now < end:
                planned = {one for one in due_sources(runtime) if one not in busy}
                day.due.update(planned - waiting)
                due = dict.fromkeys(hot_sources(runtime), True) | dict.fromkeys(planned, False)
                for source_id, hot in due.items():
                    if source_id in busy or len(busy) >= AT_ONCE:
                        continue
                    before = requests_of(forums[source_id])
                    work = pool.submit(crawl_source, runtime, source_id, hot=hot, start=start)
                    busy[source_id] = (work, clock.now, time.monotonic(), hot, before)
                waiting = planned - busy.keys()
            if busy:
                before_wait = time.monotonic()
                day.memory = max(day.memory, memory_held())
                while not any(work.done() for work, *_ in busy.values()):
                    time.sleep(0.02)
                clock.now += timedelta(seconds=time.monotonic() - before_wait)
            else:
                clock.now += timedelta(seconds=LOOK_S)
            if (passed := int((clock.now - START).total_seconds() // 3600)) > told:
                told = passed
                sys.stderr.write(f"hour {told}: {sum(map(len, day.runs.values()))} runs\n")
    if forks:
        forks.stop()
    return day


def main() -> None:
    """Simulate, check, print."""
    parser = argparse.ArgumentParser(prog="bench_schedule")
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--every", type=int, default=60, help="minutes between two crawls")
    parser.add_argument("--forums", type=Path, default=Path("../shared/forums"))
    asked = parser.parse_args()
    console = Console(width=120)
    clock = Clock()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="quietword-bench-") as folder,
        sites(asked.forums) as all_,
    ):
        database = f"sqlite:///{folder}/it.db"
        engine = make_engine(database)
        upgrade(engine)
        given = {
            "database_url": database,
            "contact": "bench@example.org",
            "allow_private_addresses": True,
            "evidence_folder": Path(folder) / "evidence",
        }
        settings = Settings.model_validate(given)
        forums: dict[int, Any] = {}
        names: dict[int, str] = {}
        with writing(engine) as session:
            save_brand(session, BrandSpec(name="Nordvia"))
            for name, url, kind, forum in all_:
                source = Source(
                    address=url, engine=kind, name=name, delay_s=0.0, every_minutes=asked.every
                )
                session.add(source)
                session.flush()
                forums[id_of(source)], names[id_of(source)] = forum, name
        runtime = Runtime(
            settings=settings,
            engine=engine,
            channels={},
            scorer=lambda: sys.exit("none"),
            now=clock,
        )
        day = simulate(runtime, clock, asked.hours, forums)
        with reading(engine) as session:
            stored = session.exec(select(CrawlRun)).all()
            ids = session.exec(select(Post.source_id, Post.external_id)).all()
        engine.dispose()
    interval = timedelta(minutes=asked.every)
    table = Table("forum", "runs", "longest gap", "first", "then, an hour", "most", "not well")
    missed = doubled = 0
    for source_id, its in day.runs.items():
        planned = [one for one in its if not one[2]]
        gaps = [b[0] - a[1] for a, b in pairwise(planned)]
        late = [gap for gap in gaps if gap > interval + timedelta(minutes=5)]
        missed += len(late)
        every = sorted(its)
        doubled += sum(b[0] < a[1] for a, b in pairwise(every))
        hours = day.hourly[source_id]
        later = [hours[hour] for hour in range(1, int(asked.hours))]
        bad = sum(run.outcome != "OK" for run in stored if run.source_id == source_id)
        table.add_row(
            names[source_id],
            str(len(its)),
            f"{max(gaps, default=timedelta()).total_seconds() / 60:.1f} min",
            str(hours[0]),
            f"{sum(later) / max(1, len(later)):.1f}",
            str(max(later, default=0)),
            str(bad),
        )
    console.print(table)
    done = sum(map(len, day.runs.values()))
    hot = sum(one[2] for its in day.runs.values() for one in its)
    console.print(
        f"{asked.hours:.0f} simulated hours in {time.monotonic() - began:.0f} s: "
        f"{day.due.total()} runs due, {done - hot} done and {hot} for heated threads; "
        f"{missed} late by more than 5 minutes, {doubled} doubled; "
        f"{len(ids)} posts kept, {len(ids) - len(set(ids))} twice. Most memory at once, this "
        f"process with the served forums and up to {AT_ONCE} crawls: {day.memory >> 20} MB."
    )
    missed += day.due.total() - (done - hot)
    sys.exit(1 if missed or doubled or len(ids) != len(set(ids)) else 0)


if __name__ == "__main__":
    main()
