"""One step of the pipeline as a process of its own, to be killed: ``step.py STEP JSON``."""

import json
import sys
from datetime import datetime, timedelta

from pydantic import SecretStr

from alerts.registry import build_channel
from models.database import make_engine
from monitor import jobs
from monitor.config import Settings
from monitor.jobs import Runtime
from monitor.judging import judge
from monitor.scoring import score_new
from sentiment.sources import SHIPPED


def main() -> None:
    """Run the step that the first argument names on what the second one describes."""
    step, told = sys.argv[1], json.loads(sys.argv[2])
    now = datetime.fromisoformat(told["now"])
    engine = make_engine(told["database_url"])
    channel = build_channel(
        "slack", room="C1", token=told["slack_token"], slack_api=told["slack_url"]
    )
    channels = {(channel.kind, channel.room): channel}
    if step == "crawl":
        settings = Settings(
            database_url=SecretStr(told["database_url"]),
            contact="ops@quietword.test",
            allow_private_addresses=True,
        )
        runtime = Runtime(
            settings=settings,
            engine=engine,
            channels=channels,
            scorer=lambda: sys.exit("a crawl asks for no scorer"),
        )
        for source_id in told["sources"]:
            jobs.crawl_source(runtime, source_id)
    elif step == "score":
        from sentiment.transformer import TransformerScorer

        scorer = TransformerScorer(SHIPPED)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        score_new(engine, scorer, now=lambda: now, batch_size=4)
    elif step == "judge":
        judge(
            engine,
            checkpoint=told["checkpoint"],
            targets=list(channels),
            now=now,
            alert_max_age=timedelta(days=3650),
        )
    elif step == "deliver":
        from alerts.dispatch import deliver_due

        deliver_due(engine, channels, lease_s=0.2)
    engine.dispose()


if __name__ == "__main__":
    main()
