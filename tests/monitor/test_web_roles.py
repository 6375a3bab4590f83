"""Every route there is, asked by everybody: who may is declared here, and nothing else is there."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import select
from starlette.routing import Mount, Route

from models import Access, Account, Audit, Author, BrandTerm, Case, CaseEvent, How, Post, Source
from models.base import id_of
from models.database import reading, writing
from monitor import cases
from monitor.case_rules import Actor
from monitor.case_views import history
from monitor.config import Settings
from monitor.team import by_name, save_agent
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from tests.monitor.scene import NOW, Scene
from tests.monitor.web_world import account, csrf, enter

BASE = "https://quietword.example"
AGENT, MANAGER, OPS = Access.AGENT, Access.MANAGER, Access.OPS
ALL = (AGENT, MANAGER, OPS)
MANAGERS = (MANAGER, OPS)
OPS_ONLY = (OPS,)


@dataclass(frozen=True, kw_only=True)
class Door:
    """Who may pass, what a stranger gets, what they get who may, and what is sent."""

    who: tuple[Access, ...] = ALL
    stranger: int = 303
    status: int = 200
    at: str = ""
    """Where the route is asked for; the route itself by default."""
    form: dict[str, str] = field(default_factory=dict)


DOORS: dict[tuple[str, str], Door] = {
    ("GET", "/"): Door(),
    ("GET", "/why"): Door(),
    ("GET", "/sources"): Door(),
    ("GET", "/case/{case_id:int}"): Door(at="/case/1"),
    ("POST", "/case/{case_id:int}/reveal"): Door(
        at="/case/1/reveal", who=MANAGERS, form={"post": "1"}
    ),
    ("POST", "/case/{case_id:int}/erase"): Door(
        at="/case/1/erase", who=MANAGERS, status=303, form={"post": "1", "what": "post"}
    ),
    ("POST", "/case/{case_id:int}/{change}"): Door(at="/case/1/take", status=303),
    ("GET", "/authors"): Door(who=MANAGERS),
    ("POST", "/authors"): Door(who=MANAGERS, form={"name": "nobody"}),
    ("POST", "/author/{author_id:int}/export"): Door(at="/author/1/export", who=MANAGERS),
    ("POST", "/author/{author_id:int}/erase"): Door(
        at="/author/1/erase", who=MANAGERS, status=303, form={"what": "objection"}
    ),
    ("POST", "/look"): Door(status=303, form={"theme": "dark", "back": "/why"}),
    ("GET", "/ops"): Door(who=OPS_ONLY),
    ("GET", "/ops/source/{source_id:int}"): Door(at="/ops/source/1", who=OPS_ONLY),
    ("POST", "/ops/source/{source_id:int}/{change}"): Door(
        at="/ops/source/1/pause", who=OPS_ONLY, status=303
    ),
    ("GET", "/ops/brands"): Door(who=OPS_ONLY),
    ("GET", "/ops/brand/{brand_id:int}"): Door(at="/ops/brand/1", who=OPS_ONLY),
    ("POST", "/ops/brand/{brand_id:int}"): Door(at="/ops/brand/1", who=OPS_ONLY),
    ("POST", "/ops/brand/{brand_id:int}/save"): Door(
        at="/ops/brand/1/save", who=OPS_ONLY, status=303
    ),
    ("GET", "/ops/accounts"): Door(who=OPS_ONLY),
    ("POST", "/ops/accounts"): Door(
        who=OPS_ONLY, form={"login": "eve@example.org", "access": "agent"}
    ),
    ("POST", "/ops/accounts/{account_id:int}/{what}"): Door(
        at="/ops/accounts/1/link", who=OPS_ONLY
    ),
    ("GET", "/ops/add"): Door(who=OPS_ONLY),
    ("POST", "/ops/add"): Door(who=OPS_ONLY, status=400, form={"timezone": "Mars/Base"}),
    ("POST", "/ops/add/save"): Door(who=OPS_ONLY, status=400),
    ("GET", "/export.csv"): Door(who=MANAGERS, stranger=401),
    ("GET", "/export.json"): Door(who=MANAGERS, stranger=401),
    ("GET", "/feed.atom"): Door(stranger=401),
    ("GET", "/metrics"): Door(stranger=401),
    ("GET", "/api/v1/cases"): Door(stranger=401),
    ("GET", "/api/v1/cases/{case_id}"): Door(at="/api/v1/cases/1", stranger=401),
    ("GET", "/api/v1/sources"): Door(stranger=401),
    ("GET", "/api/v1/openapi.json"): Door(stranger=200),
    ("GET", "/healthz"): Door(stranger=200),
    ("GET", "/login"): Door(stranger=200),
    ("POST", "/login"): Door(stranger=403, status=403, form={"login": "x", "password": "y"}),
    ("GET", "/login/provider"): Door(stranger=502, status=502),
    ("GET", "/login/provider/back"): Door(stranger=403, status=403),
    ("GET", "/welcome"): Door(status=303),
    ("POST", "/welcome"): Door(status=303, form={"login": "x", "password": "y" * 20}),
    ("GET", "/join"): Door(stranger=403, status=403),
    ("POST", "/join"): Door(stranger=403, status=403, form={"token": "x", "password": "y" * 20}),
    ("POST", "/logout"): Door(status=303),
}
"""Every route. ``stranger`` is what who is not logged in gets: 303 leads to the login page."""
FORMS = [door for door in DOORS if door[0] == "POST"]


@pytest.fixture
def database_url(sqlite: Path, tmp_path: Path) -> str:
    """One kind of database is enough: who may do what is decided before it."""
    return f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}"


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> FastAPI:
    with writing(engine) as session:
        scene = Scene(session)
        post = scene.post(scene.thread(scene.source(), "T"), "Nordvia, mail me@example.org")
        scene.case(post)
    for access in ALL:
        account(engine, str(access), access, agent=f"Agent {access}")
    account(engine, "no-agent", AGENT)
    account(engine, "left", AGENT, agent="Who left")
    account(engine, "manager-alone", MANAGER)
    account(engine, "ops-alone", OPS)
    with writing(engine) as session:
        save_agent(session, "Who left", active=False)
        save_agent(session, "Anna")
    settings = Settings(
        oidc_issuer="http://127.0.0.1:9",
        oidc_client_id="qw",
        oidc_client_secret=SecretStr("s"),
        evidence_folder=tmp_path,
    )
    login = OneTimeLogin("a key of more than thirty-two characters", now=lambda: NOW)
    return create_app(
        engine, login=login, now=lambda: NOW, https_only=True, settings=settings, address=BASE
    )


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        yield client


def routes_of(app: FastAPI | APIRouter, below: str = "") -> set[tuple[str, str]]:
    """Return method and path of every route, those of mounted applications included."""
    found = set()
    for route in app.routes:
        if isinstance(router := getattr(route, "original_router", None), APIRouter):
            found |= routes_of(router, below)
        elif isinstance(route, Mount):
            if isinstance(route.app, FastAPI):
                found |= routes_of(route.app, below + route.path)
            else:
                assert route.path == "/static"
        else:
            assert isinstance(route, Route)
            found |= {(method, below + route.path) for method in (route.methods or ())}
    return {(method, path) for method, path in found if method != "HEAD"}


def test_every_route_is_declared(app: FastAPI) -> None:
    assert routes_of(app) == set(DOORS)


PEOPLE = {str(access): access for access in ALL} | {
    "no-agent": AGENT,
    "left": AGENT,
    "manager-alone": MANAGER,
    "ops-alone": OPS,
}
"""Accounts of the three roles, with an agent, without one, and with one who has left."""


@pytest.mark.parametrize("who", ["stranger", *PEOPLE])
def test_everybody_gets_what_is_declared_and_no_more(client: TestClient, who: str) -> None:
    if who != "stranger":
        assert enter(client, who) == 303
    for (method, path), door in DOORS.items():
        if path == "/logout":
            continue
        allowed = PEOPLE.get(who) in door.who
        wanted = door.status if allowed else door.stranger if who == "stranger" else 403
        form = door.form | {"csrf": csrf(client, "/login")} if method == "POST" else None
        answer = client.request(method, door.at or path, data=form)
        assert answer.status_code == wanted, (who, method, path, answer.text[:300])
        if not allowed:
            assert "me@example.org" not in answer.text


CHANGES: dict[str, dict[str, str]] = {
    "dismiss": {"reason": "not_negative"},
    "release": {},
    "solved": {},
    "snooze": {"days": "3"},
    "hand_over": {"to": "1"},
    "escalate": {"note": "a refund over the limit"},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("who", PEOPLE)
def test_the_case_of_another_is_for_leads_and_the_history_names_who(
    client: TestClient, engine: Engine, who: str, change: str
) -> None:
    with writing(engine) as session:
        anna = id_of(by_name(session, "Anna"))
        cases.claim(session, 1, Actor(anna, How.SLACK), NOW)
    enter(client, who)
    form = CHANGES[change] | {"csrf": csrf(client, "/")}
    page = client.get("/case/1").text
    client.post(f"/case/1/{change}", data=form)
    with reading(engine) as session:
        events = session.exec(select(CaseEvent).where(CaseEvent.how == "web")).all()
        found = session.get_one(Case, 1)
        told = " ".join(line.what for line in history(session, 1))
    if who in {"manager-alone", "ops-alone"}:
        assert [event.account for event in events] == [who]
        assert f"by {who}" in told
        assert who in client.get("/case/1").text
        assert "Who are you?" not in page, "an account cannot say who it is"
    else:
        assert events == []
        assert (found.state, found.agent_id) == ("claimed", anna)
    if who in {"no-agent", "left"}:
        assert "/case/1/dismiss" not in page, "nor is it offered"


@pytest.mark.parametrize("who", ["no-agent", "left"])
def test_an_account_that_acts_for_nobody_changes_no_case_that_nobody_has(
    client: TestClient, engine: Engine, who: str
) -> None:
    enter(client, who)
    before = everything(engine)
    for change in ("take", "opt_out", *CHANGES):
        form = CHANGES.get(change, {}) | {"csrf": csrf(client, "/"), "me": "1"}
        client.post(f"/case/1/{change}", data=form)
        assert "ask ops to link it to one" in client.get("/case/1").text
    assert everything(engine) == before


def everything(engine: Engine) -> str:
    """Return what the database holds that a form could change."""
    tables = (Source, BrandTerm, Case, CaseEvent, Post, Author, Audit, Account)
    with reading(engine) as session:
        return "\n".join(
            row.model_dump_json() for table in tables for row in session.exec(select(table))
        )


@pytest.mark.parametrize("given", [None, "", "forged"], ids=["none", "empty", "forged"])
def test_no_form_of_another_site_changes_anything(
    client: TestClient, engine: Engine, given: str | None
) -> None:
    enter(client, OPS)
    before = everything(engine)
    for method, path in FORMS:
        door = DOORS[method, path]
        form = door.form if given is None else door.form | {"csrf": given}
        answer = client.post(door.at or path, data=form)
        assert answer.status_code == 403, path
        assert "nothing was changed" in answer.text
    assert everything(engine) == before
    assert client.get("/").status_code == 200, "nor was anybody logged out"


def test_the_token_of_another_login_opens_no_form(client: TestClient, app: FastAPI) -> None:
    with TestClient(app, base_url=BASE, follow_redirects=False) as other:
        enter(other, OPS)
        taken = csrf(other, "/ops")
    enter(client, MANAGER)
    answer = client.post("/case/1/take", data={"csrf": taken})
    assert answer.status_code == 403


def test_no_route_changes_anything_when_it_is_only_asked_for(
    client: TestClient, engine: Engine
) -> None:
    enter(client, OPS)
    before = everything(engine)
    for method, path in DOORS:
        door = DOORS[method, path]
        answer = client.get(door.at or path, params=door.form if method == "POST" else None)
        assert answer.status_code < 600
    assert everything(engine) == before
