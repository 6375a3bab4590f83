"""What a crawl leaves on its source and its run, however it ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import urlopen

import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import select

from models import CrawlRun, Post, Source
from models.base import id_of, utc_now
from models.database import reading, writing
from monitor.brands import BrandSpec, save_brand
from monitor.config import Settings
from monitor.crawling import CrawlFailed, CrawlOrder, run_crawl
from monitor.demo import DemoForum
from monitor.jobs import Runtime, SourceBusy, crawl_source, due_sources
from tests.forked import Forked
from tests.monitor.step import work
from tests.webserver import Answer, Asked, WebServer


@pytest.fixture(scope="module")
def forum() -> Iterator[DemoForum]:
    with DemoForum() as forum:
        forum.grow()
        yield forum


@pytest.fixture
def runtime(engine: Engine, database_url: str) -> Runtime:
    with writing(engine) as session:
        save_brand(session, BrandSpec(name="Nordvia"))
    settings = Settings(
        database_url=SecretStr(database_url),
        contact="ops@quietword.test",
        allow_private_addresses=True,
    )
    return Runtime(settings=settings, engine=engine, channels={}, scorer=lambda: sys.exit("none"))


def add(engine: Engine, address: str, **more: Any) -> int:
    with writing(engine) as session:
        source = Source(address=address, engine="phpbb", name="f", delay_s=0, **more)
        session.add(source)
        session.flush()
        return id_of(source)


def the_source(engine: Engine) -> Source:
    with reading(engine) as session:
        return session.exec(select(Source)).one()


def test_a_good_crawl_is_recorded_and_makes_the_source_wait_its_turn(
    runtime: Runtime, forum: DemoForum
) -> None:
    source_id = add(runtime.engine, forum.phpbb_url)
    assert due_sources(runtime) == [source_id]
    run = crawl_source(runtime, source_id)
    assert (run.outcome, run.posts, run.threads) == ("OK", 47, 9)
    source = the_source(runtime.engine)
    assert (source.failures, source.behind, source.crawling_by) == (0, False, None)
    assert source.last_ok_at == run.finished_at
    assert due_sources(runtime) == []


def test_a_second_crawl_of_an_unchanged_forum_costs_the_board_pages_only(
    runtime: Runtime, forum: DemoForum
) -> None:
    source_id = add(runtime.engine, forum.phpbb_url)
    crawl_source(runtime, source_id)
    asked = forum.requests.copy()
    run = crawl_source(runtime, source_id)
    assert (run.posts, run.threads) == (0, 0)
    assert not any("viewtopic" in path for path in forum.requests - asked)


def test_a_site_that_refuses_is_left_alone_for_as_long_as_it_says(runtime: Runtime) -> None:
    with WebServer() as site:
        site.pages["/forum"] = Answer(status=429, headers={"Retry-After": "4000"})
        source_id = add(runtime.engine, f"{site.address}/forum")
        run = crawl_source(runtime, source_id)
    source = the_source(runtime.engine)
    assert run.outcome == "RATE_LIMITED"
    assert source.failures == 1
    assert source.not_before is not None
    assert run.finished_at is not None
    assert source.not_before - run.finished_at == timedelta(seconds=4000)
    assert due_sources(runtime) == []


@pytest.mark.parametrize(("pages", "hours"), [(0, 8), (4, 1)])
def test_the_wait_grows_with_each_refusal_unless_something_was_read(
    runtime: Runtime, forum: DemoForum, pages: int, hours: int
) -> None:
    left = iter(range(pages))

    def answer(asked: Asked) -> Answer:
        if asked.path == "/robots.txt":
            return Answer(status=404)
        if next(left, None) is None:
            return Answer(status=403)
        with urlopen(urljoin(forum.phpbb_url, asked.path)) as page:
            return Answer(body=page.read())

    with WebServer() as site:
        site.pages["*"] = answer
        address = site.address + urlsplit(forum.phpbb_url).path
        source_id = add(runtime.engine, address, failures=3)
        run = crawl_source(runtime, source_id)
    source = the_source(runtime.engine)
    assert (run.outcome, run.threads > 0, source.failures) == ("BLOCKED", pages > 0, 4)
    assert run.finished_at is not None
    assert source.not_before == run.finished_at + timedelta(hours=hours)


def test_two_crawls_of_one_source_never_run_at_once(runtime: Runtime, forum: DemoForum) -> None:
    source_id = add(
        runtime.engine,
        forum.phpbb_url,
        crawling_until=utc_now() + timedelta(hours=1),
        crawling_by="another-host 1",
    )
    with pytest.raises(SourceBusy):
        crawl_source(runtime, source_id)
    assert due_sources(runtime) == []


def test_a_holder_that_is_gone_holds_nothing(runtime: Runtime, forum: DemoForum) -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    source_id = add(
        runtime.engine,
        forum.phpbb_url,
        crawling_until=utc_now() + timedelta(hours=1),
        crawling_by=f"{os.uname().nodename} {gone} abcd",
    )
    with writing(runtime.engine) as session:
        session.add(CrawlRun(source_id=source_id))
    assert due_sources(runtime) == [source_id]
    crawl_source(runtime, source_id)
    with reading(runtime.engine) as session:
        outcomes = session.exec(select(CrawlRun.outcome).order_by(CrawlRun.id)).all()  # type: ignore[arg-type]
    assert outcomes == ["INTERRUPTED", "OK"]


def test_a_new_brand_is_found_by_looking_back(runtime: Runtime, forum: DemoForum) -> None:
    source_id = add(runtime.engine, forum.phpbb_url)
    crawl_source(runtime, source_id)
    with writing(runtime.engine) as session:
        save_brand(session, BrandSpec(name="Baltfon"))
    with reading(runtime.engine) as session:
        before = len(session.exec(select(Post)).all())
    assert crawl_source(runtime, source_id).posts == 0
    crawl_source(runtime, source_id, since=utc_now() - timedelta(days=3650))
    with reading(runtime.engine) as session:
        assert len(session.exec(select(Post)).all()) > before


def test_a_service_told_to_stop_ends_its_crawl_at_once() -> None:
    stop = threading.Event()
    with WebServer() as site:
        site.pages["/forum"] = Answer(wait_s=10)
        order = CrawlOrder(
            address=f"{site.address}/forum",
            allow_private_addresses=True,
            contact="ops@quietword.test",
        )
        threading.Timer(3, stop.set).start()
        began = time.monotonic()
        with pytest.raises(CrawlFailed, match="was stopped"):
            run_crawl(order, stop=stop)
    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("new_processes")
def test_folders_named_as_ours_where_it_is_started_are_not_ours(
    forum: DemoForum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models.py").write_text("raise SystemExit('foreign code')")
    monkeypatch.chdir(tmp_path)
    order = CrawlOrder(
        address=forum.phpbb_url,
        allow_private_addresses=True,
        contact="ops@quietword.test",
        only_first_page=True,
    )
    assert run_crawl(order)["outcome"] == "OK"


@pytest.mark.usefixtures("new_processes")
def test_a_stuck_child_is_killed_with_its_group(forum: DemoForum) -> None:
    stopped: list[int] = []

    def stop_it(_: dict[str, Any]) -> None:
        if not stopped:
            [child] = [
                process
                for process in psutil.Process().children()
                if "monitor.crawl_child" in process.cmdline()
            ]
            stopped.append(child.pid)
            child.send_signal(signal.SIGSTOP)

    order = CrawlOrder(
        address=forum.phpbb_url,
        allow_private_addresses=True,
        contact="ops@quietword.test",
        max_seconds=25,
        delay_s=0,
    )
    with pytest.raises(CrawlFailed, match="ended without a report"):
        run_crawl(order, on_event=stop_it, grace_s=0.5)
    assert not psutil.pid_exists(stopped[0])


def test_a_child_whose_parent_is_killed_ends_by_itself(runtime: Runtime, database_url: str) -> None:
    with WebServer() as site:
        site.pages["/forum"] = Answer(wait_s=15)
        source_id = add(runtime.engine, f"{site.address}/forum")
        told = {
            "database_url": database_url,
            "now": datetime.now(UTC).isoformat(),
            "sources": [source_id],
            "checkpoint": "",
            "slack_url": "http://127.0.0.1:9/api/",
            "slack_token": "xoxb-1",
        }
        with Forked(work, "crawl", told) as parent:
            children = wait_for_children(parent.pid)
            parent.kill()
        gone, alive = psutil.wait_procs(children, timeout=30)
    assert gone
    assert alive == []
    with reading(runtime.engine) as session:
        assert session.exec(select(Post)).all() == []


def wait_for_children(pid: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if children := psutil.Process(pid).children(recursive=True):
            return children
        time.sleep(0.1)
    pytest.fail("no crawl child was started")
