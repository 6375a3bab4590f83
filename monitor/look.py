"""Looking into a forum without any set-up: ``quietword watch`` and what it prints."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text
from sqlalchemy import Engine
from sqlmodel import col, select

from alerts.base import Message
from alerts.channels.console import ConsoleChannel
from alerts.words import clean
from models import Case, Post, Source
from models.base import id_of, utc_now
from models.database import make_engine, reading, upgrade, writing
from models.errors import QuietwordError
from monitor.brands import BrandSpec, save_brand
from monitor.crawling import CrawlOrder, run_crawl
from monitor.health import WELL
from monitor.judging import judge, message_for
from monitor.scoring import score_new
from sentiment.base import Scorer
from spiders.outcome import Outcome


class KeptAlready(QuietwordError):
    """The file to keep a look in exists: two looks in one would answer for each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """One thread that needs a person."""

    score: float
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look into a forum found."""

    address: str
    brand: str
    since: datetime | None
    report: dict[str, Any]
    judged: int
    """Posts that named the brand, or answered in a thread about it."""
    flagged: tuple[Flagged, ...]
    """The highest score first."""

    @property
    def ended_well(self) -> bool:
        """Whether the forum could be read."""
        return self.report["outcome"] in WELL

    def as_json(self) -> dict[str, Any]:
        """Return the documented object of ``quietword watch --json``."""
        report = {
            name: self.report.get(name)
            for name in ("engine", "outcome", "message", "pages", "threads", "posts", "unreadable")
        }
        return {
            "format": 1,
            "address": self.address,
            "brand": self.brand,
            "since": self.since.isoformat() if self.since else None,
            **report,
            "judged": self.judged,
            "flagged": [{"score": one.score, **one.message.as_json()} for one in self.flagged],
        }

    def show(self, console: Console) -> None:
        """Print what a person reads in the terminal: each thread as its alert would look."""
        report = self.report
        lines = Text(
            f"{self.address}: {report['engine'] or 'engine not recognised'}, {report['outcome']}. "
            f"Read {report['posts']} posts in {report['threads']} threads from {report['pages']} "
            f"pages; {self.judged} concern {self.brand}; {len(self.flagged)} "
            f"{'thread needs' if len(self.flagged) == 1 else 'threads need'} a person."
        )
        for note in filter(None, (report["message"], *report["notes"])):
            lines.append(f"\n{clean(note)}", style="yellow")
        console.print(lines, soft_wrap=True)
        channel = ConsoleChannel(console.file)
        for one in self.flagged:
            channel.send(one.message)


def watch(
    order: CrawlOrder,
    brand: BrandSpec,
    *,
    scorer: Callable[[], Scorer],
    keep: Path | None = None,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    on_scored: Callable[[int, int], None] | None = None,
    now: Callable[[], datetime] = utc_now,
) -> Look:
    """Crawl a forum, judge what it says of a brand, and return the threads that need a person.

    The work is done in a database of its own which is deleted at the end, or stays as ``keep``.
    Ctrl-C ends the crawl, and what it has read is judged.
    """
    if keep is not None and keep.exists():
        raise KeptAlready(f"{keep} exists; --keep takes the name of a new file")
    with tempfile.TemporaryDirectory(prefix="quietword-") as folder:
        url = f"sqlite:///{keep or Path(folder) / 'watch.db'}"
        engine = make_engine(url)
        try:
            upgrade(engine)
            with writing(engine) as session:
                save_brand(session, brand)
                source = Source(address=order.address, engine="", name=order.address[:200])
                session.add(source)
                session.flush()
                source_id = id_of(source)
            report = _crawl(order.storing_into(url, source_id), on_event)
            with writing(engine) as session:
                session.get_one(Source, source_id).engine = report["engine"] or ""
            judged = _judge(engine, scorer, now, on_scored)
            with reading(engine) as session:
                cases = session.exec(
                    select(Case).order_by(col(Case.score).desc(), col(Case.id))
                ).all()
                flagged = tuple(
                    Flagged(score=case.score, message=message_for(session, case, now=now()))
                    for case in cases
                )
        finally:
            engine.dispose()
    return Look(
        address=order.address,
        brand=brand.name,
        since=order.since,
        report=report,
        judged=judged,
        flagged=flagged,
    )


def _judge(
    engine: Engine,
    scorer: Callable[[], Scorer],
    now: Callable[[], datetime],
    on_scored: Callable[[int, int], None] | None,
) -> int:
    """Judge what was stored and open its cases; return how many posts concern the brand."""
    with reading(engine) as session:
        if session.exec(select(Post.id).limit(1)).first() is None:
            return 0  # the checkpoint need not be loaded
    model = scorer()
    judged = score_new(engine, model, now=now, progress=on_scored)
    judge(
        engine,
        checkpoint=model.checkpoint,
        targets=(),
        now=now(),
        alert_max_age=timedelta(0),
        quiet_after=None,
    )
    return judged


def _crawl(order: CrawlOrder, on_event: Callable[[dict[str, Any]], None] | None) -> dict[str, Any]:
    """Return the crawl's report; one that was interrupted tells how far it had come."""
    so_far = {"pages": 0, "threads": 0, "posts": 0}

    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "progress":
            so_far.update((name, event[name]) for name in so_far)
        if on_event is not None:
            on_event(event)

    try:
        return run_crawl(order, on_event=listen)
    except KeyboardInterrupt:
        return so_far | {
            "outcome": Outcome.INTERRUPTED,
            "message": "stopped by you; what had been read was judged",
            "engine": order.engine,
            "unreadable": 0,
            "notes": [],
        }
