"""Crawl children that are forked from a process that has loaded everything."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from monitor.crawl_forks import AVAILABLE, CrawlForks, Forked
from monitor.crawling import CrawlFailed, CrawlOrder, run_crawl
from monitor.demo import DemoForum
from tests.webserver import Answer, WebServer

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="children are forked on Linux alone")

SLOW = Answer(wait_s=15)
ALONE = """
import sys, time
from monitor.crawl_forks import CrawlForks
child = CrawlForks().start()
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def forum() -> Iterator[DemoForum]:
    with DemoForum() as forum:
        forum.grow()
        yield forum


@pytest.fixture
def forks() -> Iterator[CrawlForks]:
    others = set(below())  # of all tests in common
    forks = CrawlForks()
    yield forks
    forks.stop()
    assert set(below()) == others


def below() -> list[psutil.Process]:
    """Return what lives of the processes that fork and of those they forked."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # on its way out, or a zombie
            if "monitor.crawl_forks" in child.cmdline():
                found.append(child)
    return found


def forker(forks: CrawlForks) -> psutil.Process:
    """Return the process that forks."""
    assert forks._process is not None
    return psutil.Process(forks._process.pid)


def wake(forks: CrawlForks) -> None:
    """Have a child forked that is given no order, and wait for its end."""
    child = forks.start()
    child.stdin.close()
    assert child.stdout.read() == ""
    assert "JSONDecodeError" in child.stderr.read()
    child.wait()
    child.stdout.close()
    child.stderr.close()


def order(address: str, **more: Any) -> CrawlOrder:
    return CrawlOrder(
        address=address,
        allow_private_addresses=True,
        contact="ops@quietword.test",
        delay_s=0,
        **more,
    )


@pytest.mark.usefixtures("new_processes")
def test_forked_children_read_what_new_processes_read(forks: CrawlForks, forum: DemoForum) -> None:
    def crawl(address: str, start: Any) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        report = run_crawl(order(address), on_event=events.append, start=start)
        assert report["outcome"] == "OK"
        return [event["record"] for event in events if event["event"] == "post"]

    addresses = [forum.phpbb_url, forum.discourse_url] * 2
    with ThreadPoolExecutor(4) as pool:  # side by side: no child may hold another's pipes
        forked = list(pool.map(lambda address: crawl(address, forks.start), addresses))
    assert [len(posts) > 10 for posts in forked] == [True] * 4
    assert forked[:2] == forked[2:] == [crawl(address, None) for address in addresses[:2]]


def test_a_forked_child_is_killed_when_the_service_stops(forks: CrawlForks) -> None:
    stop = threading.Event()
    with WebServer() as site:
        site.pages["/forum"] = SLOW
        wake(forks)  # the first child is slow to come
        threading.Timer(2, stop.set).start()
        began = time.monotonic()
        with pytest.raises(CrawlFailed, match="was stopped"):
            run_crawl(order(f"{site.address}/forum"), stop=stop, start=forks.start)
        assert time.monotonic() - began < 12
        _, alive = psutil.wait_procs(
            forker(forks).children(), timeout=30
        )  # killed, but not yet buried
        assert alive == []


def test_a_killed_child_costs_its_own_crawl_alone(forks: CrawlForks, forum: DemoForum) -> None:
    children: list[Forked] = []

    def start() -> Forked:
        children.append(forks.start())
        return children[-1]

    def kill(_: dict[str, Any]) -> None:
        os.kill(children[0].pid, signal.SIGKILL)

    with pytest.raises(CrawlFailed, match=r"ended without a report \(killed\)"):
        run_crawl(order(forum.phpbb_url), on_event=kill, start=start)
    assert run_crawl(order(forum.phpbb_url), start=start)["outcome"] == "OK"
    assert children[0].poll() == 0


def test_a_new_process_forks_when_the_old_one_was_killed(
    forks: CrawlForks, forum: DemoForum
) -> None:
    wake(forks)
    old = forker(forks)
    old.kill()
    old.wait()
    report = run_crawl(order(forum.phpbb_url, only_first_page=True), start=forks.start)
    assert report["outcome"] == "OK"


def test_what_is_forked_ends_with_whoever_asked_for_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ALONE],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        fork = child.parent()
        assert fork is not None
        parent.kill()
    _, alive = psutil.wait_procs([child, fork], timeout=30)
    assert alive == []
