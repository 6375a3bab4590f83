"""Recorded forums, crawled by the real command, against what is known to be in them.

For each: the share of posts found and of authors, times and texts exactly right; and what the
crawl and a second, unchanged one asked of the site, with and without the site failing.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlmodel import select

from models import Post, Source, Thread
from models.base import id_of
from models.database import make_engine, reading, upgrade, writing
from monitor.brands import BrandSpec, save_brand
from monitor.config import Settings
from monitor.jobs import Runtime, crawl_source
from spiders.detect import engines

FAULTS = ("429:10:Retry-After=2", "500:10")
LISTS = {
    "bbpress": ("/forums/",),
    "nodebb": ("/categories",),
    "mastodon_mock": tuple(
        f"/api/v1/timelines/tag/{tag}?limit=40" for tag in ("internet", "hosting", "offtopic")
    ),
}
"""Where a forum's lists are, when they are not at the root."""


@dataclass
class Score:
    """Shares of one forum."""

    name: str
    wanted: int = 0
    found: int = 0
    extra: int = 0
    whole: int = 0
    """Threads of which every post was found, through all their pages."""
    threads: int = 0
    right: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("author", "time", "text"), 0)
    )
    requests: dict[str, str] = field(default_factory=dict)
    zone: str = ""
    note: str = ""
    faults: list[str] = field(default_factory=list)
    """The first wrong values, to look at."""


def replay_module(folder: Path) -> ModuleType:
    """Return the server of recorded forums that lies beside them."""
    spec = importlib.util.spec_from_file_location("replay", folder / "replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["replay"] = module
    spec.loader.exec_module(module)
    return module


def truth_of(file: Path) -> dict[str, dict[str, Any]]:
    """Return what must be read, by the engine's own post id."""
    known = json.loads(file.read_text("utf-8"))
    return {str(post["id"]): post for thread in known["threads"] for post in thread["posts"]}


def plain(text: str | None) -> str:
    """Return a text with one space between words: where lines end is the browser's affair."""
    return " ".join((text or "").split())


def same_time(read: str | None, post: dict[str, Any]) -> bool:
    """Return whether a time is right, to the precision that the page shows."""
    if not read:
        return False
    one = datetime.fromisoformat(read.replace("Z", "+00:00")).astimezone(UTC)
    two = datetime.fromisoformat(post["posted_at"].replace("Z", "+00:00"))
    fine = post.get("machine_time") is not None or post.get("shown_precision") != "minute"
    form = "%Y-%m-%d %H:%M:%S" if fine and one.second else "%Y-%m-%d %H:%M"
    return one.strftime(form) == two.strftime(form)


def read_all(url: str) -> list[dict[str, Any]]:
    """Return every record of ``quietword read`` for a whole forum, with nothing told about it."""
    command = [sys.executable, "-m", "monitor.cli", "read", url, "--jsonl", "--delay", "0"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=600,
        check=False,
    )
    said = done.stderr.strip().splitlines()
    if said:
        sys.stderr.write(f"    {said[-1][:200]}\n")
    return [json.loads(line) for line in done.stdout.splitlines()]


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "QUIETWORD_ALLOW_PRIVATE_ADDRESSES": "1",
        "QUIETWORD_CONTACT": "acceptance@example.org",
    }


def judge_replay(module: ModuleType, archive: Path) -> Score:
    """Crawl one recorded forum and compare it with its truth."""
    name = archive.name.removesuffix(".jsonl.gz")
    score = Score(name)
    wanted = truth_of(archive.with_name(f"{name}.truth.json"))
    with module.Replay(archive) as forum:
        records = [one for path in LISTS.get(name, ("/",)) for one in read_all(forum.url + path)]
    found = {str(record["post_id"]): record for record in records}
    score.wanted = len(wanted)
    score.found = len(wanted.keys() & found.keys())
    score.extra = len(found.keys() - wanted.keys())
    threads = json.loads(archive.with_name(f"{name}.truth.json").read_text("utf-8"))["threads"]
    score.threads = len(threads)
    score.whole = sum(all(str(one["id"]) in found for one in each["posts"]) for each in threads)
    for post_id in wanted.keys() & found.keys():
        record, post = found[post_id], wanted[post_id]
        checks = {
            "author": record["author"] == post["author"],
            "time": same_time(record["posted_at"], post),
            "text": plain(record["text"]) == plain(post["text"]),
        }
        for what, right in checks.items():
            score.right[what] += right
            if not right and len(score.faults) < 3:
                value = "posted_at" if what == "time" else what
                read, known = str(record[value])[:70], str(post[value])[:70]
                score.faults.append(f"{what} of {post_id}: {read!r}, not {known!r}")
    return score


@contextmanager
def installation(
    url: str, engine: str | None, timeout_s: float = 20
) -> Iterator[tuple[Runtime, int]]:
    """Give a Quietword of its own that watches one forum."""
    with tempfile.TemporaryDirectory(prefix="quietword-acceptance-") as folder:
        database = f"sqlite:///{folder}/it.db"
        store = make_engine(database)
        upgrade(store)
        settings = Settings.model_validate(
            {
                "database_url": database,
                "contact": "acceptance@example.org",
                "allow_private_addresses": True,
                "crawl_max_pages": 0,
                "crawl_timeout_s": timeout_s,
                "evidence_folder": Path(folder) / "evidence",
            }
        )
        with writing(store) as session:
            save_brand(session, BrandSpec(name="Nordvia"))
            source = Source(address=url, engine=engine or "", name="replay", delay_s=0.0)
            session.add(source)
            session.flush()
            number = id_of(source)
        yield Runtime(settings=settings, engine=store, channels={}, scorer=_no_scorer), number
        store.dispose()


def _no_scorer() -> Any:
    raise RuntimeError("nothing is judged here")


def count_requests(module: ModuleType, archive: Path, score: Score) -> None:
    """Crawl as the schedule does, twice, in good weather and in bad, and note what was asked."""
    name = archive.name.removesuffix(".jsonl.gz")
    for label, faults in (("", ()), *((fault.split(":")[0], (fault,)) for fault in FAULTS)):
        with module.Replay(archive, faults=faults) as forum:
            paths = LISTS.get(name, ("/",))
            with installation(forum.url + paths[0], score_engine(score)) as (runtime, number):
                numbers = [
                    number,
                    *(_beside(runtime, number, forum.url + one) for one in paths[1:]),
                ]
                asked = []
                for _ in range(3 if label else 2):
                    forum.reset()
                    well = [crawl_source(runtime, one).outcome == "OK" for one in numbers]
                    asked.append(f"{forum.stats['requests']}{'' if all(well) else '!'}")
                    missed = len(forum.stats["missed"])
                if not label:
                    score.note = f"{missed} of the second crawl not recorded" if missed else ""
                    with reading(runtime.engine) as session:
                        source = session.get_one(Source, number)
                        score.zone = f"{source.timezone} ({source.timezone_how})"
                        stored = session.exec(select(Post.id)).all()
                        threads = session.exec(select(Thread.id)).all()
                        score.requests["stored"] = f"{len(stored)} posts, {len(threads)} threads"
                score.requests[label or "well"] = " then ".join(asked)


def _beside(runtime: Runtime, number: int, url: str) -> int:
    """Return one more source like ``number``, for another list of the same site."""
    with writing(runtime.engine) as session:
        engine = session.get_one(Source, number).engine
        source = Source(address=url, engine=engine, name="replay", delay_s=0.0)
        session.add(source)
        session.flush()
        return id_of(source)


def score_engine(score: Score) -> str | None:
    """Return the engine for a recording's name, or ``None`` to have it recognised."""
    name = score.name.removesuffix("_mock")
    return name if name in engines() else None
