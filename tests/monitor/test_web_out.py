"""What programs get: exports, feed, API, figures; and that they get no more than that."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from models import Access, Case, Level
from models.base import id_of
from models.database import writing
from monitor import case_list
from monitor.accounts import change, create, named
from monitor.web import out
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from monitor.web.out import cell
from monitor.web.tokens import token_for
from tests.monitor.scene import NOW, Scene, hours

if TYPE_CHECKING:
    import schemathesis

BASE = "https://quietword.example"
KEY = "a session key for tests alone, long enough"
EVIL = '=HYPERLINK("http://evil.example")<script>alert(1)</script>'


@pytest.fixture
def database_url(sqlite: Path, tmp_path: Path) -> str:
    """One kind of database is enough: the lists themselves are tested on both."""
    return f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}"


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    login = OneTimeLogin("a key of more than thirty-two characters", now=lambda: NOW)
    app = create_app(engine, login=login, now=lambda: NOW, session_secret=KEY, address=BASE)
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        yield client


@pytest.fixture
def case_id(engine: Engine) -> int:
    with writing(engine) as session:
        scene = Scene(session)
        thread = scene.thread(scene.source(), EVIL)
        post = scene.post(thread, text=f"{EVIL} Nordvia, mail ann@example.org")
        case = Case(
            thread_id=id_of(thread),
            brand_id=id_of(scene.brand()),
            post_id=id_of(post),
            level=Level.URGENT,
            score=70,
            opened_at=NOW - hours(1),
        )
        return id_of(scene.add(case))


def token(engine: Engine, access: Access = Access.MANAGER) -> str:
    with writing(engine) as session:
        return token_for(KEY, create(session, f"robot-{access}", access))


def headers(engine: Engine, access: Access = Access.MANAGER) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(engine, access)}"}


PATHS = (
    "/export.csv",
    "/export.json",
    "/feed.atom",
    "/metrics",
    "/api/v1/cases",
    "/api/v1/sources",
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("given", ["", "nonsense", "WzEsMF0.c2lnbmVk"])
def test_nothing_is_given_without_a_valid_token(client: TestClient, path: str, given: str) -> None:
    answer = client.get(path, headers={"Authorization": f"Bearer {given}"} if given else {})
    assert answer.status_code == 401


def test_a_token_ends_with_its_account(client: TestClient, engine: Engine) -> None:
    sent = headers(engine)
    assert client.get("/api/v1/cases", headers=sent).status_code == 200
    with writing(engine) as session:
        change(session, named(session, "robot-manager"), active=False)
    assert client.get("/api/v1/cases", headers=sent).status_code == 401


@pytest.mark.parametrize("path", ["/export.csv", "/export.json"])
def test_an_agent_may_not_take_everything_away(
    client: TestClient, engine: Engine, path: str
) -> None:
    assert client.get(path, headers=headers(engine, Access.AGENT)).status_code == 403


@pytest.mark.usefixtures("case_id")
def test_a_spreadsheet_gets_no_formula_and_no_address(client: TestClient, engine: Engine) -> None:
    answer = client.get("/export.csv", headers=headers(engine))
    assert answer.headers["content-disposition"].startswith("attachment")
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert row["title"].startswith("'=HYPERLINK")
    assert "ann@example.org" not in answer.text
    assert row["level"] == "urgent"


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_every_beginning_of_a_formula_is_disarmed(value: str) -> None:
    assert cell(value) == "'" + value


@pytest.mark.usefixtures("case_id")
def test_the_export_has_what_the_filter_asks_for(client: TestClient, engine: Engine) -> None:
    sent = headers(engine)
    assert len(client.get("/export.json?level=urgent", headers=sent).json()) == 1
    assert client.get("/export.json?level=watch", headers=sent).json() == []


def test_all_cases_come_in_their_order_whatever_is_read_and_sent_at_once(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(engine) as session:
        scene = Scene(session)
        for score in (61, 65, 63, 62, 64):
            post = scene.post(scene.thread(scene.source(), f"thread {score}"), "Nordvia")
            scene.case(post, Level.URGENT, score=score)
    sent = headers(engine)
    whole = {path: client.get(path, headers=sent).text for path in ("/export.csv", "/export.json")}
    assert [case["score"] for case in json.loads(whole["/export.json"])] == [65, 64, 63, 62, 61]
    rows = csv.DictReader(io.StringIO(whole["/export.csv"]))
    assert [float(row["score"]) for row in rows] == [65, 64, 63, 62, 61]
    monkeypatch.setattr(case_list, "READ_AT_ONCE", 2)
    monkeypatch.setattr(out, "SENT_AT_ONCE", 1)
    for path, text in whole.items():
        with client.stream("GET", path, headers=sent) as answer:
            assert "".join(answer.iter_text()) == text


def test_an_export_of_nothing_is_whole(client: TestClient, engine: Engine) -> None:
    sent = headers(engine)
    assert client.get("/export.json", headers=sent).json() == []
    assert client.get("/export.csv", headers=sent).text.startswith("id,brand,level")


def test_a_feed_reader_gets_well_formed_atom_by_a_token_in_the_address(
    client: TestClient, engine: Engine, case_id: int
) -> None:
    answer = client.get(f"/feed.atom?token={token(engine, Access.AGENT)}")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = Xml.fromstring(answer.content)  # noqa: S314  # our own
    name = "{http://www.w3.org/2005/Atom}"
    [entry] = feed.findall(f"{name}entry")
    assert entry.findtext(f"{name}id") == f"{BASE}/case/{case_id}"
    assert "<script>" in (entry.findtext(f"{name}title") or "")
    assert b"<script>" not in answer.content


@pytest.mark.usefixtures("case_id")
def test_prometheus_reads_cases_deliveries_and_sources(client: TestClient, engine: Engine) -> None:
    text = client.get("/metrics", headers=headers(engine, Access.AGENT)).text
    assert 'quietword_cases{level="urgent",state="new"} 1.0' in text
    assert "quietword_source_seconds_since_good_run{source=" in text


def test_a_case_that_is_not_there_is_404(client: TestClient, engine: Engine) -> None:
    assert client.get("/api/v1/cases/99", headers=headers(engine)).status_code == 404


@pytest.mark.usefixtures("case_id")
def test_the_api_keeps_its_description_whatever_it_is_asked(
    client: TestClient, engine: Engine
) -> None:
    import schemathesis  # here: it takes seconds to load, in every worker that collects this file
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    sent = headers(engine)
    described = client.get("/api/v1/openapi.json", headers=sent).json()
    assert set(described["paths"]) == {"/cases", "/cases/{case_id}", "/sources"}
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(described)))
    checks = [
        not_a_server_error,
        response_schema_conformance,
        status_code_conformance,
        content_type_conformance,
    ]
    tried = 0
    refused = 0
    for operation in schema.get_all_operations():
        known = operation.ok()
        asked = _examples(known.as_strategy(), 25)
        if known.query or known.path_parameters:  # else there is nothing to say wrongly
            asked += _examples(known.as_strategy(generation_mode=GenerationMode.NEGATIVE), 25)
        for one in asked:
            answer = client.request(
                one.method,
                "/api/v1" + one.formatted_path,
                params=one.query or None,
                headers=sent,
            )
            wrapped = schemathesis.Response.from_httpx(answer, verify=True)
            one.validate_response(wrapped, checks=checks)
            tried += 1
            refused += answer.status_code in {404, 422}
    assert tried >= 100
    assert refused >= 20, "what is invalid is refused"


def _examples(strategy: object, count: int) -> list["schemathesis.Case"]:
    from hypothesis import HealthCheck, Phase, given, settings

    found: list[schemathesis.Case] = []

    @given(strategy)  # type: ignore[arg-type]
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def collect(one: "schemathesis.Case") -> None:
        found.append(one)

    collect()
    return found
