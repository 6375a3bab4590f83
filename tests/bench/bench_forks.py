"""Processor time of a crawl that finds nothing new: in a process of its own, and forked.

    python -m tests.bench.bench_forks [--forums FOLDER] [--times 5]

Forums are the recorded ones of ``../shared/forums`` where they are, or one of our own. Each is
crawled once before it is measured. Time is user and system time of the child, the least of some.
"""

import argparse
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from monitor.crawl_forks import CrawlForks, Forked
from monitor.demo import DemoForum
from monitor.jobs import Runtime, crawl_source
from spiders.detect import engines
from tests.acceptance.replays import LISTS, installation, replay_module

OFTEN_S = 0.005


def forums(folder: Path, stack: ExitStack) -> Iterator[tuple[str, str]]:
    """Give engine and address of every forum that is served until ``stack`` closes."""
    archives = [
        one
        for one in sorted(folder.glob("*.jsonl.gz"))
        if one.name.removesuffix(".jsonl.gz") in engines()
    ]
    if not archives:
        own = stack.enter_context(DemoForum())
        own.grow()
        yield "phpbb", own.phpbb_url
        return
    module = replay_module(folder)
    for archive in archives:
        name = archive.name.removesuffix(".jsonl.gz")
        forum = stack.enter_context(module.Replay(archive))
        yield name, forum.url + LISTS.get(name, "/")


def of_its_own(runtime: Runtime, number: int) -> float:
    """Return the seconds that a crawl costs in a new process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = crawl_source(runtime, number)
    assert (run.outcome, run.posts) == ("OK", 0), run.message
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def forked(runtime: Runtime, number: int, start: Callable[[], Forked]) -> float:
    """Return the seconds that a crawl costs in a forked process, looked at until it ends."""
    spent = 0.0
    watchers: list[threading.Thread] = []

    def watch(process: psutil.Process) -> None:
        nonlocal spent
        ended = threading.Event()
        while not ended.wait(OFTEN_S):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                return
            spent = times.user + times.system

    def watched() -> Forked:
        child = start()
        watchers.append(threading.Thread(target=watch, args=(psutil.Process(child.pid),)))
        watchers[-1].start()
        return child

    run = crawl_source(runtime, number, start=watched)
    assert (run.outcome, run.posts) == ("OK", 0), run.message
    for watcher in watchers:
        watcher.join()
    return spent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench_forks")
    parser.add_argument("--forums", type=Path, default=Path("../shared/forums"))
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    table = Table("forum", "in a process of its own", "forked")
    forks = CrawlForks()
    with ExitStack() as stack:
        for name, address in forums(asked.forums, stack):
            with installation(address, name) as (runtime, number):
                while crawl_source(runtime, number, start=forks.start).posts:
                    pass
                alone = min(of_its_own(runtime, number) for _ in range(asked.times))
                quick = min(forked(runtime, number, forks.start) for _ in range(asked.times))
            table.add_row(name, f"{alone:.2f} s", f"{quick:.2f} s")
    forks.stop()
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
