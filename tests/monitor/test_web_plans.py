"""How the database answers what the pages ask."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event

from models import Level
from models.database import make_engine, writing
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from tests.monitor.scene import NOW, Scene

BASE = "http://127.0.0.1"
PAGES = (
    "/",
    "/?period=month",
    "/?q=nordvia",
    "/?brand=1&source=1&language=en&level=urgent&owner=0&topic=billing&sort=growth&state=waiting",
    "/case/1",
    "/why?period=month",
    "/why?brand=1&since=2026-01-01&until=2026-11-22",
    "/sources",
    "/export.csv?since=2026-01-01",
    "/export.json?q=nordvia&source=1",
    "/feed.atom",
    "/api/v1/cases?period=month",
    "/api/v1/cases/1",
    "/metrics",
)
LARGE = ("post", "mention", "verdict", "quote")
"""Tables that hold a row or more for each post."""
FEW_VALUES = ("(brand_id=?)", "(source_id=?)")
"""What SQLite says of an index by which it walks a good part of such a table."""


@pytest.mark.parametrize("path", PAGES)
def test_no_page_reads_all_posts(engine: Engine, path: str) -> None:
    with writing(engine) as session:
        scene = Scene(session)
        post = scene.post(
            scene.thread(scene.source(), "No payout"), "Nordvia", negative=0.9, unhappy="sure"
        )
        scene.case(post, Level.URGENT, history=(("contacted", 1.0),))
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            asked.append((statement, values))

    login = OneTimeLogin("a key of more than thirty-two characters", now=lambda: NOW)
    app = create_app(engine, login=login, now=lambda: NOW)
    with TestClient(app, base_url=BASE) as client:
        client.get(login.new_link(BASE))
        event.listen(engine, "before_cursor_execute", note)
        assert client.get(path).status_code == 200
        event.remove(engine, "before_cursor_execute", note)
    assert asked
    for statement, values in asked:
        plan = explain(engine, statement, values)
        for table in LARGE:
            assert not scans(plan, table), f"{statement}\n{plan}"


def explain(engine: Engine, statement: str, values: Any) -> list[str]:
    """Return the plan; of PostgreSQL the one it would choose if reading a whole table were dear."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            return [str(row[3]) for row in rows]
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return [str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {statement}", values)]


def scans(plan: list[str], table: str) -> bool:
    """Return whether a plan reads every row of ``table``, or of one of its indexes."""
    for line in plan:
        words = line.replace("->", "").split()
        if words[:2] == ["SEARCH", table] and line.endswith(FEW_VALUES):
            return True
        if words[:2] == ["SCAN", table] or words[:4] == ["Seq", "Scan", "on", table]:
            return True
    return False


def test_a_plan_that_reads_all_posts_is_noticed(engine: Engine) -> None:
    plan = explain(engine, "SELECT sum(length(text)) FROM post", ())
    assert scans(plan, "post")


def test_a_plan_that_walks_all_verdicts_on_a_brand_is_noticed(database_url: str) -> None:
    if not database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL chooses by statistics, which a small database lacks")
    engine = make_engine(database_url)
    asked = "SELECT * FROM verdict WHERE post_id IN (1, 2) AND brand_id = 1 ORDER BY id"
    assert scans(explain(engine, asked, ()), "verdict")
    engine.dispose()
