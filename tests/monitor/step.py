"""One step of the pipeline as a process of its own, to be killed."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from models.base import utc_now
from models.database import make_engine

Told = dict[str, Any]


def crawl(told: Told) -> Callable[[], object]:
    """Return the crawl of every source."""
    from pydantic import SecretStr

    from monitor import jobs
    from monitor.config import Settings

    settings = Settings(
        database_url=SecretStr(told["database_url"]),
        contact="ops@quietword.test",
        allow_private_addresses=True,
    )
    runtime = jobs.Runtime(
        settings=settings,
        engine=make_engine(told["database_url"]),
        channels={},
        scorer=lambda: sys.exit("a crawl asks for no scorer"),
    )
    return lambda: [jobs.crawl_source(runtime, source) for source in told["sources"]]


def score(told: Told) -> Callable[[], object]:
    """Return the judging of what has no verdict, a few posts between two commits."""
    from monitor.scoring import score_new
    from sentiment.sources import SHIPPED
    from sentiment.transformer import TransformerScorer

    scorer = TransformerScorer(SHIPPED)
    now = datetime.fromisoformat(told["now"])
    engine = make_engine(told["database_url"])
    return lambda: score_new(engine, scorer, now=lambda: now, batch_size=4)


def judge(told: Told) -> Callable[[], object]:
    """Return the assessment of threads."""
    from monitor.judging import judge

    return lambda: judge(
        make_engine(told["database_url"]),
        checkpoint=told["checkpoint"],
        targets=[("slack", "C1")],
        now=datetime.fromisoformat(told["now"]),
        alert_max_age=timedelta(days=3650),
    )


def deliver(told: Told) -> Callable[[], object]:
    """Return the sending of what is due, with a lease that is soon over."""
    from alerts.dispatch import deliver_due
    from alerts.registry import build_channel

    channel = build_channel(
        "slack", room="C1", token=told["slack_token"], slack_api=told["slack_url"]
    )
    engine = make_engine(told["database_url"])

    def later() -> datetime:
        # Alerts are queued at ``told["now"]``, which is ahead.
        return utc_now() + timedelta(hours=told.get("ahead", 2))

    return lambda: deliver_due(engine, {("slack", "C1"): channel}, now=later, lease_s=0.2)


def work(step: str, told: Told) -> None:
    """Do a step; says ``ready`` when everything is loaded and the work begins."""
    steps = {"crawl": crawl, "score": score, "judge": judge, "deliver": deliver}
    done = steps[step](told)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    done()
