"""Measure post stored -> message accepted by Slack, played on this machine: ``make bench-slack``.

The real thing in between: the schedule of ``quietword run``, woken as a crawl wakes it, the shipped
checkpoint, thread risk, the outbox, the sender at Slack's pace of one message a second, HTTP on
loopback. The processor time of it all stands beside the figures, since a busy machine stretches
the rest.
"""

import logging
import os
import shutil
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from sqlmodel import select

from models import Brand
from models.base import utc_now
from models.database import make_engine, upgrade, writing
from monitor.config import Settings
from monitor.jobs import Runtime
from monitor.runtime import load_scorer
from monitor.schedule import Schedule
from sentiment.base import Scorer
from tests.monitor.scene import Scene
from tests.monitor.slack_scene import ROOM, make_channel
from tests.slack_server import FakeSlack, reader_sees

COMPLAINTS = (
    "Nordvia to oszuści, trzeci raz pobrali podwójną opłatę i nikt nie odpowiada. Koszmar.",
    "Nordvia znowu nie działa, trzeci dzień bez internetu, a infolinia nie odbiera. Dramat.",
    "Nordvia опять не работает, третий день без интернета, поддержка молчит. Ужас.",
)
SINGLE_ROUNDS = 10
MANY = 100
SETTLE_S = 1.0
"""For the first look of every job, which finds nothing."""


def main() -> None:
    """Print p50 and p95 in seconds for one case, and for a hundred at once."""
    logging.disable(logging.ERROR)
    console = Console()
    scorer = load_scorer(Settings())
    console.print(f"load of the machine: {os.getloadavg()[0]:.0f}, cores: {os.cpu_count()}")
    measure(1, scorer, storm=10)  # the checkpoint is loaded by its first question
    begun, single = time.process_time(), []
    for _ in range(SINGLE_ROUNDS):
        single += measure(1, scorer, storm=10)
    console.print(line("1 case", single))
    used = (time.process_time() - begun) / SINGLE_ROUNDS
    console.print(f"{'':32} of processor time {used:.2f} s, with Slack's side and the set-up")
    console.print(line(f"{MANY} at once, as one summary", measure(MANY, scorer, storm=10)))
    console.print(line(f"{MANY} at once, a message each", measure(MANY, scorer, storm=10_000)))


def line(name: str, spans: list[float]) -> str:
    """Return one line of figures."""
    cuts = statistics.quantiles(spans, n=20, method="inclusive") if len(spans) > 1 else spans * 19
    return f"{name:32} p50 {statistics.median(spans):6.2f} s   p95 {cuts[18]:6.2f} s"


def measure(count: int, scorer: Scorer, *, storm: int) -> list[float]:
    """Return for each of ``count`` posts stored at once the seconds until Slack has its case."""
    folder = Path(tempfile.mkdtemp(prefix="quietword-bench-"))
    engine = make_engine(f"sqlite:///{folder}/bench.db")
    upgrade(engine)
    try:
        with FakeSlack() as slack:
            channel = make_channel(engine, slack)
            channel.pause_s = type(channel).pause_s
            runtime = Runtime(
                settings=Settings(storm_limit=storm, slack_api_url=slack.url),
                engine=engine,
                channels={ROOM: channel},
                scorer=lambda: scorer,
            )
            schedule = Schedule(runtime)
            schedule.start()
            try:
                time.sleep(SETTLE_S)
                store(runtime, count)
                begun = time.monotonic()
                schedule.wake("judge")
                return arrivals(slack, count, begun)
            finally:
                schedule.stop()
    finally:
        engine.dispose()
        shutil.rmtree(folder)


def arrivals(slack: FakeSlack, count: int, begun: float) -> list[float]:
    """Wait until Slack has all cases; return after how many seconds it had each."""
    while True:
        arrived = [
            post["received_at"] - begun
            for post in slack.roots()
            for _ in range(cases_of(post, count))
        ]
        if len(arrived) >= count:
            return arrived
        time.sleep(0.01)


def store(runtime: Runtime, count: int) -> None:
    """Write ``count`` threads with one complaint each, in one transaction."""
    with writing(runtime.engine) as session:
        scene = Scene(session)
        source = scene.source("Forum Test")
        for number in range(count):
            thread = scene.thread(source, f"Thread {number}")
            text = COMPLAINTS[number % len(COMPLAINTS)]
            scene.post(thread, text, at=utc_now() - timedelta(hours=2))
        assert session.exec(select(Brand)).one()


def cases_of(post: dict[str, object], count: int) -> int:
    """Return how many cases a message tells of: one, or all those of a summary."""
    payload = post["metadata"]["event_payload"]  # type: ignore[index]
    if "case_id" in payload:
        return 1
    told = reader_sees(post)
    return min(count, told.count("#"))


if __name__ == "__main__":
    main()
