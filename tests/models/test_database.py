"""What the database layer promises, on SQLite and on PostgreSQL."""

import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import SQLModel, select

from models import Alert, Board, Case, CaseEvent, OptOut, Source
from models.database import (
    DatabaseError,
    alembic_config,
    check_schema,
    make_engine,
    reading,
    upgrade,
    writing,
)
from monitor.privacy import hash_of

READ = datetime(2026, 11, 19, 10, 0, tzinfo=timezone(timedelta(hours=2)))


def a_source(**changes: object) -> Source:
    return Source(**({"address": "https://f.test/", "engine": "phpbb", "name": "f"} | changes))


def a_table_of_ours(name: str | None, kind: str, _parents: object) -> bool:
    return not (kind in {"table", "index"} and (name or "").startswith("post_search"))


def test_migrations_and_tables_agree(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": a_table_of_ours}
        )
        assert compare_metadata(context, SQLModel.metadata) == []


def test_upgrading_again_keeps_what_is_there(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(a_source())
    upgrade(engine)
    check_schema(engine)
    with reading(engine) as session:
        assert session.exec(select(Source.name)).all() == ["f"]


def test_cases_of_the_first_version_keep_their_alerts_and_get_their_new_states(
    tmp_path: object,
) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/q.db")
    command.upgrade(alembic_config(engine), "0001")
    with contextlib.closing(sqlite3.connect(f"{tmp_path}/q.db")) as old:  # minds no foreign keys
        for number, state in enumerate(("open", "resolved", "contacted"), start=1):
            given = {"n": number, "state": state, "day": "2026-11-02"}
            old.execute(
                'INSERT INTO "case" (id, thread_id, brand_id, post_id, level, score, reasons, '
                "state, opened_at, updated_at) "
                "VALUES (:n, 1, :n, 1, 'urgent', 70, '[]', :state, :day, :day)",
                given,
            )
            old.execute(
                "INSERT INTO case_event (case_id, at, kind, level, score, reasons) "
                "VALUES (:n, :day, :state, 'urgent', 70, '[]')",
                given,
            )
            old.execute(
                "INSERT INTO alert (case_id, level, content, created_at) "
                "VALUES (:n, 'urgent', '{}', :day)",
                given,
            )
        old.commit()
    upgrade(engine)
    with reading(engine) as session:
        states = session.exec(select(Case.state, Case.contacted_at, Case.closed_at)).all()
        alerts = session.exec(select(Alert.case_id)).all()
        kinds = session.exec(select(CaseEvent.kind)).all()
    engine.dispose()
    day = datetime(2026, 11, 2, tzinfo=UTC)
    assert states == [("new", None, None), ("solved", None, day), ("contacted", day, None)]
    assert alerts == [1, 2, 3]
    assert kinds == ["new", "solved", "contacted"]


def test_moments_come_back_aware_and_in_utc(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(a_source(last_ok_at=READ))
    with reading(engine) as session:
        moment = session.exec(select(Source.last_ok_at)).one()
    assert moment == READ
    assert moment is not None
    assert moment.tzinfo is UTC


def test_a_naive_moment_is_refused(engine: Engine) -> None:
    with pytest.raises(StatementError, match="naive datetime"), writing(engine) as session:
        session.add(a_source(last_ok_at=datetime(2026, 1, 1)))


def test_the_same_address_is_stored_once(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.add_all([a_source(), a_source(name="again")])


def test_foreign_keys_hold(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.add(Board(source_id=99, external_id="1", title="nowhere"))


def test_an_exception_leaves_nothing_of_its_transaction(engine: Engine) -> None:
    def half_a_job() -> None:
        with writing(engine) as session:
            session.add(a_source())
            session.flush()
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half_a_job()
    with reading(engine) as session:
        assert session.exec(select(Source)).all() == []


def test_reading_does_not_wait_for_a_writer(engine: Engine) -> None:
    with writing(engine) as busy:
        busy.add(a_source())
        busy.flush()
        with reading(engine) as session:
            assert session.exec(select(Source)).all() == []


def test_sqlite_writes_ahead_and_waits(tmp_path: object) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/q.db")
    with engine.connect() as connection:
        settings = [
            connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
    engine.dispose()
    assert settings == ["wal", 1, 30_000]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("no address", "is not a database address"),
        ("mysql://localhost/q", "mysql is not supported"),
        ("sqlite:////no/such/folder/q.db", "/no/such/folder does not exist"),
    ],
)
def test_an_address_that_cannot_work_says_why(url: str, said: str) -> None:
    with pytest.raises(DatabaseError, match=said):
        make_engine(url)


def test_a_database_without_tables_names_the_command(tmp_path: object) -> None:
    missing = make_engine(f"sqlite:///{tmp_path}/missing.db")
    with pytest.raises(DatabaseError, match="run: quietword init"):
        check_schema(missing)
    empty = make_engine(f"sqlite:///{tmp_path}/empty.db")
    with empty.connect():
        pass
    with pytest.raises(DatabaseError, match=r"is empty; run: quietword init"):
        check_schema(empty)
    empty.dispose()


def test_an_unreachable_server_is_one_clear_message() -> None:
    engine = make_engine("postgresql://nobody:secret@127.0.0.1:9/q")
    with pytest.raises(DatabaseError, match="cannot be opened") as caught:
        check_schema(engine)
    assert "secret" not in str(caught.value)


def test_wishes_for_no_contact_become_hashes_with_the_salt_of_the_objections(
    tmp_path: Path,
) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/q.db")
    command.upgrade(alembic_config(engine), "0037")
    with contextlib.closing(sqlite3.connect(f"{tmp_path}/q.db")) as old:
        old.execute(
            "INSERT INTO opt_out (source_id, external_id, note, at) "
            "VALUES (1, 'klara', 'by mail', '2026-11-02')"
        )
        old.execute("INSERT INTO objection (author_hash, salt, at) VALUES ('h', 's', '2026-11-02')")
        columns = [row[1] for row in old.execute("PRAGMA table_info(source)") if row[3]]
        given = {"id": 1, "address": "https://www.f.test/board/"}
        told = {name: given.get(name, "0") for name in {*columns, *given}}
        old.execute(
            f"INSERT INTO source ({', '.join(told)}) VALUES ({', '.join('?' * len(told))})",  # noqa: S608
            list(told.values()),
        )
        old.commit()
    upgrade(engine)
    with reading(engine) as session:
        [wish] = session.exec(select(OptOut))
        assert wish.author_hash == hash_of("s", "f.test", "klara")
        assert (wish.salt, wish.note) == ("s", "by mail")
    with contextlib.closing(sqlite3.connect(f"{tmp_path}/q.db")) as now:
        assert "klara" not in str(now.execute("SELECT * FROM opt_out").fetchall())
    engine.dispose()
