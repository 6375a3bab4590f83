"""The schedule passes work on at once: nothing waits for a clock that has something to do."""

import threading
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from slack_sdk import WebClient
from sqlalchemy import Engine
from sqlmodel import select

from alerts.channels.slack import SlackChannel
from models import CaseEvent, Source
from models.database import reading, writing
from monitor import schedule as module
from monitor.brands import BrandSpec, save_brand
from monitor.config import Settings
from monitor.demo import DemoForum
from monitor.jobs import Runtime
from monitor.runtime import load_scorer
from monitor.schedule import Schedule
from tests.slack_server import TOKEN, FakeSlack


@pytest.fixture
def runtime(engine: Engine, database_url: str) -> Iterator[tuple[Runtime, FakeSlack, DemoForum]]:
    with FakeSlack() as slack, DemoForum() as forum:
        forum.grow()
        with writing(engine) as session:
            save_brand(session, BrandSpec(name="Nordvia"))
            session.add(Source(address=forum.phpbb_url, engine="phpbb", name="f", delay_s=0))
        settings = Settings(
            database_url=SecretStr(database_url),
            contact="ops@quietword.test",
            allow_private_addresses=True,
            alert_max_age_hours=24 * 365 * 50,
        )
        scorer = load_scorer(settings)
        channel = SlackChannel(WebClient(TOKEN, base_url=slack.url, retry_handlers=[]), "C1")
        yield (
            Runtime(
                settings=settings,
                engine=engine,
                channels={("slack", "C1"): channel},
                scorer=lambda: scorer,
            ),
            slack,
            forum,
        )


def test_what_a_crawl_found_is_judged_and_told_without_waiting_for_the_next_tick(
    runtime: tuple[Runtime, FakeSlack, DemoForum], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, slack, _ = runtime
    for name in ("WORK_S", "DELIVER_S", "TIMERS_S", "DIGESTS_S", "LOOK_S"):
        monkeypatch.setattr(module, name, 3600)  # every job looks once, at the start, at nothing
    schedule = Schedule(run)
    schedule.start()
    try:
        assert slack.received.acquire(timeout=240)
    finally:
        schedule.stop()
    with reading(run.engine) as session:
        assert session.exec(select(CaseEvent)).first() is not None


def test_who_wakes_a_job_at_work_has_it_done_once_more(
    runtime: tuple[Runtime, FakeSlack, DemoForum], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _, _ = runtime
    for name in ("WORK_S", "DELIVER_S", "TIMERS_S", "DIGESTS_S", "LOOK_S"):
        monkeypatch.setattr(module, name, 3600)
    begun, go_on, rounds = threading.Semaphore(0), threading.Event(), []

    def deliver(_: Runtime) -> None:
        rounds.append(1)
        begun.release()
        go_on.wait(60)

    monkeypatch.setattr(module.jobs, "deliver", deliver)
    monkeypatch.setattr(module.jobs, "due_sources", lambda _: [])
    schedule = Schedule(run)
    schedule.start()
    try:
        assert begun.acquire(timeout=60)
        for _ in range(3):
            schedule.wake("deliver")
        go_on.set()
        assert begun.acquire(timeout=60), "what came meanwhile is not left to the next tick"
    finally:
        go_on.set()
        schedule.stop()
