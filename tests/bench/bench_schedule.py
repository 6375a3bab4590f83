"""A day of scheduled crawling of twelve forums on one machine, on a simulated clock.

    python -m tests.bench.bench_schedule [--hours 24] [--every 60] [--forums FOLDER]

The schedule's own decisions (``due_sources``, ``hot_sources``, ``crawl_source``) are asked at every
simulated ten seconds; crawls are the real child processes, two side by side, against servers on
this machine. A crawl takes as long on the simulated clock as it took in truth. Forums are the
recorded ones of ``../shared/forums`` where they are, each as often as it takes, or our own.
"""

import argparse
import importlib.util
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlmodel import select

from models import CrawlRun, Post, Source
from models.base import id_of
from models.database import make_engine, reading, upgrade, writing
from monitor.brands import BrandSpec, save_brand
from monitor.config import Settings
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


def simulate(
    runtime: Runtime, clock: Clock, hours: float, forums: dict[int, Any]
) -> tuple[dict[int, list[tuple[datetime, datetime, bool]]], dict[int, Counter[int]]]:
    """Let the schedule work for so many hours; return runs and hourly requests by source."""
    runs: dict[int, list[tuple[datetime, datetime, bool]]] = defaultdict(list)
    hourly: dict[int, Counter[int]] = defaultdict(Counter)
    end = START + timedelta(hours=hours)
    busy: dict[int, tuple[Future[Any], datetime, float, bool, int]] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while clock.now < end or busy:
            for source_id, (work, began, real, hot, before) in list(busy.items()):
                if not work.done():
                    continue
                work.result()
                took = timedelta(seconds=time.monotonic() - real)
                runs[source_id].append((began, began + took, hot))
                hour = int((began - START).total_seconds() // 3600)
                hourly[source_id][hour] += requests_of(forums[source_id]) - before
                del busy[source_id]
            if clock.now < end:
                due = dict.fromkeys(hot_sources(runtime), True)
                due |= dict.fromkeys(due_sources(runtime), False)
                for source_id, hot in due.items():
                    if source_id in busy or len(busy) >= AT_ONCE:
                        continue
                    before = requests_of(forums[source_id])
                    work = pool.submit(crawl_source, runtime, source_id, hot=hot)
                    busy[source_id] = (work, clock.now, time.monotonic(), hot, before)
            if busy:
                before_wait = time.monotonic()
                while not any(work.done() for work, *_ in busy.values()):
                    time.sleep(0.02)
                clock.now += timedelta(seconds=time.monotonic() - before_wait)
            else:
                clock.now += timedelta(seconds=LOOK_S)
    return runs, hourly


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
        runs, hourly = simulate(runtime, clock, asked.hours, forums)
        with reading(engine) as session:
            stored = session.exec(select(CrawlRun)).all()
            ids = session.exec(select(Post.source_id, Post.external_id)).all()
        engine.dispose()
    interval = timedelta(minutes=asked.every)
    table = Table("forum", "runs", "longest gap", "first", "then, an hour", "most", "not well")
    missed = doubled = 0
    for source_id, its in runs.items():
        planned = [one for one in its if not one[2]]
        gaps = [b[0] - a[1] for a, b in pairwise(planned)]
        late = [gap for gap in gaps if gap > interval + timedelta(minutes=5)]
        missed += len(late)
        every = sorted(its)
        doubled += sum(b[0] < a[1] for a, b in pairwise(every))
        hours = hourly[source_id]
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
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    total = sum(map(len, runs.values()))
    wanted = int(asked.hours * 60 / asked.every) * len(names)
    console.print(
        f"{total} runs in {asked.hours:.0f} simulated hours ({time.monotonic() - began:.0f} s), at "
        f"least {wanted} wanted; {missed} missed by more than 5 minutes, {doubled} doubled; "
        f"{len(ids)} posts kept, {len(ids) - len(set(ids))} twice. Peak memory: {own:.0f} MB and "
        f"{child:.0f} MB for each of {AT_ONCE} crawls side by side."
    )
    sys.exit(1 if missed or doubled or len(ids) != len(set(ids)) else 0)


if __name__ == "__main__":
    main()
