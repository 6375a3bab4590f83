"""Opening the database: SQLite by default, PostgreSQL by URL, and its migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlmodel import Session, create_engine

import models
from models.errors import QuietwordError

if TYPE_CHECKING:  # Alembic is loaded where it is used: a crawl or a page needs none of it
    from alembic.config import Config

BUSY_TIMEOUT_MS = 30_000
"""How long a SQLite writer waits for another one."""


class DatabaseError(QuietwordError):
    """The database cannot be used as it is; the message says which command mends it."""


def make_engine(url: str) -> Engine:
    """Return an engine for ``url``, such as ``sqlite:///file.db``; connects to nothing yet.

    SQLite gets write-ahead logging, a busy timeout and foreign keys, and every transaction
    that may write takes its lock at once, since a lock taken late cannot wait in this mode.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseError(
            "QUIETWORD_DATABASE_URL is not a database address; write sqlite:///quietword.db or "
            "postgresql://user:password@host/database"
        ) from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if backend != "sqlite":
        raise DatabaseError(f"{backend} is not supported; use SQLite or PostgreSQL")
    if parsed.database and parsed.database != ":memory:":
        folder = Path(parsed.database).resolve().parent
        if not folder.is_dir():
            raise DatabaseError(f"{folder} does not exist; create it or name another file")
    engine = create_engine(parsed, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:  # noqa: ARG001
    connection.isolation_level = None  # transactions are begun by _begin_sqlite
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "secure_delete=ON",  # what is erased leaves no trace in the file
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("quietword_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Give a session whose work is committed at the end, or rolled back by an exception."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Give a session for looking only; on SQLite it never waits for a writer."""
    with (
        engine.connect().execution_options(quietword_reading=True) as connection,
        Session(connection, expire_on_commit=False) as session,
    ):
        yield session


def alembic_config(engine: Engine) -> "Config":
    """Return Alembic's configuration for our migrations on ``engine``."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(models.__file__).parent / "migrations"))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest schema, from empty or from any earlier version."""
    from alembic import command

    try:
        command.upgrade(alembic_config(engine), "head")
    except OperationalError as error:
        raise DatabaseError(
            f"the database {engine.url.render_as_string(hide_password=True)} cannot be opened: "
            f"{error.orig}"
        ) from error


def check_schema(engine: Engine) -> None:
    """Raise ``DatabaseError`` unless the database has the newest schema."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    place = engine.url.render_as_string(hide_password=True)
    if engine.url.get_backend_name() == "sqlite" and not Path(engine.url.database or "").exists():
        raise DatabaseError(f"there is no database at {place}; run: quietword init")
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    except OperationalError as error:
        raise DatabaseError(f"the database {place} cannot be opened: {error.orig}") from error
    head = ScriptDirectory.from_config(alembic_config(engine)).get_current_head()
    if current != head:
        state = "is empty" if current is None else f"has the older schema {current}"
        raise DatabaseError(f"the database {place} {state}; run: quietword init")
