"""Every step is killed at random moments; what is left at the end is the same as without."""

import logging
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from models import Alert, Case, CrawlRun, Delivery, DeliveryState, Post, Source, Thread, Verdict
from models.base import id_of
from models.database import make_engine, reading, upgrade, writing
from monitor.brands import BrandSpec, save_brand
from monitor.demo import NORDVIA, DemoForum
from monitor.mentions import Alias
from tests.forked import Forked
from tests.monitor.step import work
from tests.slack_server import TOKEN, FakeSlack

logger = logging.getLogger(__name__)
OFTEN = int(os.environ.get("KILLS", "1"))
"""How many times as often as each run of the tests does; see ARCHITECTURE.md."""
KILLS = {
    "sqlite": {"crawl": 4 * OFTEN, "score": 3 * OFTEN, "deliver": 4 * OFTEN},
    "postgresql": {"crawl": 3 * OFTEN, "score": 2 * OFTEN, "deliver": 2 * OFTEN},
}
LONGEST_S = {"crawl": 3.0, "score": 1.5, "deliver": 2.0}
"""A step is killed at a random moment of so many seconds after it began its work."""
NOW = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture(scope="module")
def forum() -> Iterator[DemoForum]:
    with DemoForum() as forum:
        forum.grow()
        yield forum


@dataclass
class World:
    """One database with the demo's brand and sources, and a Slack of its own."""

    engine: Engine
    url: str
    slack: FakeSlack
    sources: list[int]

    def start(self, step: str) -> Forked:
        told = {
            "database_url": self.url,
            "now": NOW.isoformat(),
            "sources": self.sources,
            "checkpoint": self.checkpoint(),
            "slack_url": self.slack.url,
            "slack_token": TOKEN,
        }
        return Forked(work, step, told)

    def run(self, step: str) -> None:
        with self.start(step) as child:
            child.communicate(timeout=120)
        assert child.returncode == 0

    def kill(self, step: str, after_s: float) -> bool:
        """Start a step and kill it; return whether it was still running."""
        with self.start(step) as child:
            assert child.stdout.readline() == "ready\n"
            time.sleep(after_s)
            running = child.poll() is None
            child.kill()
        return running

    def checkpoint(self) -> str:
        with reading(self.engine) as session:
            return session.exec(select(Verdict.checkpoint)).first() or ""

    def left(self) -> dict[str, Any]:
        """Return what the steps have left, without the ids and times of this database."""
        with reading(self.engine) as session:
            posts = session.exec(select(Post.external_id, Post.text, Post.posted_at)).all()
            verdicts = session.exec(
                select(Post.external_id, Verdict.unhappy, Verdict.negative, Verdict.topic).join(
                    Post, onclause=col(Post.id) == Verdict.post_id
                )
            ).all()
            cases = session.exec(
                select(Thread.external_id, Case.level, Case.score, Case.reasons).join(
                    Thread, onclause=col(Thread.id) == Case.thread_id
                )
            ).all()
            threads = session.exec(
                select(Thread.external_id, Thread.watched, Thread.mark_last_post_id)
            ).all()
        return {
            "posts": sorted(map(tuple, posts), key=str),
            "verdicts": sorted(
                (post, unhappy, round(negative, 4), topic)
                for post, unhappy, negative, topic in verdicts
            ),
            "cases": sorted((t, level, score, tuple(why)) for t, level, score, why in cases),
            "threads": sorted(map(tuple, threads), key=str),
        }


def make_world(engine: Engine, url: str, forum: DemoForum, slack: FakeSlack) -> World:
    with writing(engine) as session:
        save_brand(
            session,
            BrandSpec(
                name=NORDVIA.name,
                aliases=tuple(Alias(text=text) for text in NORDVIA.aliases),
                rivals=tuple(rival.name for rival in NORDVIA.rivals),
                staff=NORDVIA.staff_authors,
            ),
        )
        sources = [
            Source(address=forum.phpbb_url, engine="phpbb", name="phpbb", delay_s=0),
            Source(address=forum.discourse_url, engine="discourse", name="discourse", delay_s=0),
        ]
        session.add_all(sources)
        session.flush()
    return World(engine, url, slack, [id_of(source) for source in sources])


@pytest.mark.timeout(900)
def test_kills_at_random_moments_change_nothing_and_lose_no_alert(
    engine: Engine, database_url: str, forum: DemoForum, tmp_path: Path
) -> None:
    calm_url = f"sqlite:///{tmp_path / 'calm.db'}"
    calm_engine = make_engine(calm_url)
    upgrade(calm_engine)
    dice = random.Random(20261122)  # noqa: S311
    with FakeSlack() as slack, FakeSlack() as calm_slack:
        calm = make_world(calm_engine, calm_url, forum, calm_slack)
        for step in ("crawl", "score", "judge", "deliver"):
            calm.run(step)
        world = make_world(engine, database_url, forum, slack)
        cut_short = Counter[str]()
        kills = KILLS[engine.dialect.name]
        for step, times in kills.items():
            for _ in range(times):
                cut_short[step] += world.kill(step, dice.uniform(0.0, LONGEST_S[step]))
            world.run(step)
            if step == "score":
                world.run("judge")
        settle(world)

        assert world.left() == calm.left()
        assert world.left()["cases"], "the demo's complaints must open cases"
        assert cut_short.total() * 2 >= sum(kills.values()), "too few kills hit a step at work"
        with reading(engine) as session:
            alerts = session.exec(select(Alert.case_id, Alert.level)).all()
            states = set(session.exec(select(Delivery.state)).all())
            unfinished = session.exec(
                select(CrawlRun.id).where(col(CrawlRun.finished_at).is_(None))
            ).all()
        told = Counter(message["metadata"]["event_payload"]["case_id"] for message in slack.posted)
        assert states == {DeliveryState.SENT}
        assert set(told) == {case_id for case_id, _ in alerts}
        assert len(calm_slack.posted) == len(alerts)
        assert unfinished == []
        logger.info(
            "kills at work %s; alerts %d, told %d times", dict(cut_short), len(alerts), told.total()
        )
    calm_engine.dispose()


def settle(world: World) -> None:
    """Deliver until nothing is pending; leases of the killed run out in between."""
    for _ in range(40):
        with reading(world.engine) as session:
            if not session.exec(
                select(Delivery.id).where(Delivery.state != DeliveryState.SENT)
            ).all():
                return
        world.run("deliver")
    pytest.fail("alerts are still pending after 40 more runs")
