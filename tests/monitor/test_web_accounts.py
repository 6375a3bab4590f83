"""Logging in with a password or through a provider, and what each role may do."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import select

from models import (
    Access,
    Agent,
    AgentRole,
    Audit,
    Brand,
    BrokenChannel,
    Case,
    CaseEvent,
    Contact,
    DigestSubscription,
    How,
    Level,
    Post,
    Source,
)
from models.base import id_of
from models.database import reading, writing
from monitor import cases
from monitor.accounts import TRIES_OF_A_NAME, change, named
from monitor.case_rules import Actor
from monitor.config import Settings
from monitor.team import save_agent
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from monitor.web.ops_page import next_runs
from tests.identity_provider import Provider, serving
from tests.monitor.scene import NOW, Scene
from tests.monitor.web_world import WORDS, account, csrf, enter

BASE = "https://quietword.example"


@pytest.fixture
def database_url(sqlite: Path, tmp_path: Path) -> str:
    """One kind of database is enough: the accounts themselves are tested on both."""
    return f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}"


@pytest.fixture
def login() -> OneTimeLogin:
    return OneTimeLogin("a key of more than thirty-two characters", now=lambda: NOW)


@pytest.fixture
def client(engine: Engine, login: OneTimeLogin) -> Iterator[TestClient]:
    app = create_app(engine, login=login, now=lambda: NOW, https_only=True)
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        yield client


def a_case(engine: Engine) -> int:
    with writing(engine) as session:
        scene = Scene(session)
        thread = scene.thread(scene.source(), "No payout")
        post = scene.post(thread, text="Nordvia, write to me at ann@example.org")
        case = Case(
            thread_id=id_of(thread),
            brand_id=id_of(scene.brand()),
            post_id=id_of(post),
            level=Level.URGENT,
            score=70,
        )
        return id_of(scene.add(case))


def test_a_password_lets_in_and_a_wrong_one_does_not(client: TestClient, engine: Engine) -> None:
    account(engine, "ola", Access.MANAGER)
    assert enter(client, "ola", "wrong") == 403
    assert client.get("/").status_code == 303
    assert enter(client, "ola") == 303
    assert client.get("/").status_code == 200


def test_a_login_from_another_site_is_refused(client: TestClient, engine: Engine) -> None:
    account(engine, "ola", Access.MANAGER)
    csrf(client)
    answer = client.post("/login", data={"csrf": "forged", "login": "ola", "password": WORDS})
    assert answer.status_code == 403
    assert client.get("/").status_code == 303


def test_the_session_of_before_the_login_is_not_the_one_after_it(
    client: TestClient, engine: Engine
) -> None:
    account(engine, "ola", Access.MANAGER)
    before = csrf(client)
    assert enter(client, "ola") == 303
    assert csrf(client, "/") != before


def test_guessing_is_stopped(client: TestClient, engine: Engine) -> None:
    account(engine, "ola", Access.MANAGER)
    for _ in range(TRIES_OF_A_NAME):
        assert enter(client, "ola", "guess") == 403
    assert enter(client, "ola") == 429


def test_an_account_that_is_switched_off_is_out_at_once(client: TestClient, engine: Engine) -> None:
    account(engine, "ola", Access.MANAGER)
    enter(client, "ola")
    with writing(engine) as session:
        change(session, named(session, "ola"), active=False)
    assert client.get("/").headers["location"] == "/login"


def test_the_first_link_makes_the_first_account_and_no_other(
    client: TestClient, login: OneTimeLogin
) -> None:
    into = client.get(login.new_link(BASE).removeprefix(BASE))
    assert into.headers["location"] == "/welcome"
    form = {"csrf": csrf(client, "/welcome"), "login": "ola", "password": "short"}
    assert client.post("/welcome", data=form).status_code == 400
    assert client.post("/welcome", data=form | {"password": WORDS}).status_code == 303
    assert client.get("/").status_code == 200
    again = {"csrf": csrf(client, "/"), "login": "eve", "password": WORDS}
    client.post("/welcome", data=again)
    client.cookies.clear()
    assert enter(client, "eve") == 403
    assert enter(client, "ola") == 303


def test_an_account_acts_as_its_own_agent_whoever_the_form_names(
    client: TestClient, engine: Engine
) -> None:
    account(engine, "tom", Access.AGENT, agent="Tom")
    with writing(engine) as session:
        other = Agent(name="Marta")
        session.add(other)
        session.flush()
        other_id = id_of(other)
    case_id = a_case(engine)
    enter(client, "tom")
    form = {"csrf": csrf(client, "/"), "me": str(other_id)}
    client.post(f"/case/{case_id}/take", data=form)
    with reading(engine) as session:
        owner = session.get_one(Agent, session.get_one(Case, case_id).agent_id)
        assert owner.name == "Tom"


@pytest.mark.parametrize(
    ("access", "takes", "status"),
    [(Access.AGENT, False, 403), (Access.AGENT, True, 200), (Access.MANAGER, False, 200)],
)
def test_a_masked_text_is_shown_to_its_owner_and_to_managers_and_noted(
    client: TestClient, engine: Engine, access: Access, takes: bool, status: int
) -> None:
    account(engine, "tom", access, agent="Tom")
    case_id = a_case(engine)
    enter(client, "tom")
    form = {"csrf": csrf(client, "/")}
    if takes:
        client.post(f"/case/{case_id}/take", data=form)
    answer = client.post(f"/case/{case_id}/reveal", data=form | {"post": "1"})
    assert answer.status_code == status
    assert ("ann@example.org" in answer.text) is (status == 200)
    with reading(engine) as session:
        lines = [(line.who, line.action) for line in session.exec(select(Audit))]
    assert lines == ([("tom", "revealed")] if status == 200 else [])


def anna_has_written(engine: Engine) -> None:
    """Let Anna have written to the author of the first post, about a case of its own."""
    with writing(engine) as session:
        scene = Scene(session, count=50)
        scene.brands["Nordvia"] = session.exec(select(Brand)).one()
        anna = id_of(scene.agent("Anna"))
        post = scene.post(scene.thread(scene.source(), "Earlier"), "Nordvia is late")
        post.author_id = session.get_one(Post, 1).author_id
        earlier = id_of(scene.case(post))
        actor = Actor(anna, How.SLACK)
        cases.claim(session, earlier, actor, NOW - timedelta(days=3))
        cases.contacted(session, earlier, actor, NOW - timedelta(days=3))


@pytest.mark.parametrize("role", [AgentRole.AGENT, AgentRole.LEAD])
def test_a_lead_may_take_a_case_all_the_same_and_says_why(
    client: TestClient, engine: Engine, role: AgentRole
) -> None:
    account(engine, "tom", Access.AGENT, agent="Tom")
    case_id = a_case(engine)
    anna_has_written(engine)
    with writing(engine) as session:
        save_agent(session, "Tom", role=role)
    enter(client, "tom")
    form = {"csrf": csrf(client, "/")}
    offered = "Take it all the same" in client.get(f"/case/{case_id}").text
    assert offered is (role == AgentRole.LEAD)
    for more in ({}, {"anyway": "1"}, {"anyway": "1", "note": " "}):
        client.post(f"/case/{case_id}/take", data=form | more)
        with reading(engine) as session:
            assert session.get_one(Case, case_id).agent_id is None
    client.post(f"/case/{case_id}/take", data=form | {"anyway": "1", "note": "Anna is ill"})
    with reading(engine) as session:
        owner = session.get_one(Case, case_id).agent_id
        notes = session.exec(select(CaseEvent.note).where(CaseEvent.case_id == case_id)).all()
    assert (owner is not None, "Anna is ill" in notes) == (offered, offered)


def test_a_manager_may_hand_over_all_the_same_and_says_why(
    client: TestClient, engine: Engine
) -> None:
    account(engine, "ola", Access.MANAGER)
    case_id = a_case(engine)
    anna_has_written(engine)
    with writing(engine) as session:
        bartek = id_of(Scene(session).agent("Bartek"))
    enter(client, "ola")
    form = {"csrf": csrf(client, "/"), "to": str(bartek)}
    for more in ({"note": "Anna is ill"}, {"anyway": "1"}):
        client.post(f"/case/{case_id}/hand_over", data=form | more)
        with reading(engine) as session:
            assert session.get_one(Case, case_id).agent_id is None
    client.post(f"/case/{case_id}/hand_over", data=form | {"anyway": "1", "note": "Anna is ill"})
    with reading(engine) as session:
        assert session.get_one(Case, case_id).agent_id == bartek


@pytest.mark.parametrize("days", [2, 4])
def test_the_cap_of_the_settings_holds_on_the_pages(
    engine: Engine, login: OneTimeLogin, days: int
) -> None:
    account(engine, "tom", Access.AGENT, agent="Tom")
    case_id = a_case(engine)
    with writing(engine) as session:
        anna = id_of(Scene(session).agent("Anna"))
        author = session.get_one(Post, 1).author_id
        scene = Scene(session, count=70)
        scene.brands["Nordvia"] = session.exec(select(Brand)).one()
        other = scene.case(scene.post(scene.thread(scene.source(), "Earlier"), "Nordvia"))
        wrote = NOW - timedelta(days=3)
        scene.add(Contact(author_id=author, case_id=id_of(other), agent_id=anna, at=wrote))
    app = create_app(engine, login=login, now=lambda: NOW, settings=Settings(contact_cap_days=days))
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        enter(client, "tom")
        client.post(f"/case/{case_id}/take", data={"csrf": csrf(client, "/")})
    with reading(engine) as session:
        assert (session.get_one(Case, case_id).agent_id is not None) is (days == 2)


@pytest.mark.parametrize("post", ["2", "999", "", "x"])
def test_a_post_of_another_thread_is_not_revealed_through_this_case_nor_noted(
    client: TestClient, engine: Engine, post: str
) -> None:
    account(engine, "ola", Access.MANAGER)
    case_id = a_case(engine)
    with writing(engine) as session:
        scene = Scene(session, count=50)
        scene.brands["Nordvia"] = session.exec(select(Brand)).one()
        scene.post(scene.thread(scene.source(), "Other"), "write to eve@example.org", mention=None)
    enter(client, "ola")
    form = {"csrf": csrf(client, "/"), "post": post}
    answer = client.post(f"/case/{case_id}/reveal", data=form)
    assert answer.status_code == 404
    assert "eve@example.org" not in answer.text
    with reading(engine) as session:
        assert session.exec(select(Audit)).all() == []


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving() as provider:
        provider.person = {"sub": "77", "email": "ola@example.org", "email_verified": True}
        yield provider


@pytest.fixture
def sso(engine: Engine, login: OneTimeLogin, provider: Provider) -> Iterator[TestClient]:
    settings = Settings(
        oidc_issuer=provider.url, oidc_client_id="qw", oidc_client_secret=SecretStr("s")
    )
    app = create_app(
        engine, login=login, now=lambda: NOW, https_only=True, settings=settings, address=BASE
    )
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        yield client


def through(client: TestClient, provider: Provider) -> int:
    sent = client.get("/login/provider").headers["location"]
    return client.get(provider.authorize(sent).removeprefix(BASE)).status_code


def test_the_provider_lets_in_whom_ops_have_added(
    sso: TestClient, provider: Provider, engine: Engine
) -> None:
    assert "/login/provider" in sso.get("/login").text
    assert through(sso, provider) == 403, "nobody has made an account yet"
    account(engine, "ola@example.org", Access.MANAGER)
    assert through(sso, provider) == 303
    assert sso.get("/").status_code == 200


@pytest.mark.parametrize(
    "lies",
    [
        {"nonce": "another"},
        {"aud": "somebody else"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"key": RSAKey.generate_key(2048, {"kid": "1"})},
    ],
    ids=["nonce", "audience", "issuer", "expired", "signature"],
)
def test_a_token_that_does_not_fit_lets_nobody_in(
    sso: TestClient, provider: Provider, engine: Engine, lies: dict[str, object]
) -> None:
    account(engine, "ola@example.org", Access.MANAGER)
    provider.lies = lies
    assert through(sso, provider) == 403
    assert sso.get("/").status_code == 303


def test_an_answer_to_a_login_begun_elsewhere_is_refused(
    sso: TestClient, provider: Provider, engine: Engine
) -> None:
    account(engine, "ola@example.org", Access.MANAGER)
    back = provider.authorize(sso.get("/login/provider").headers["location"]).removeprefix(BASE)
    sso.cookies.clear()
    assert sso.get(back).status_code == 403
    assert sso.get("/").status_code == 303


def test_a_provider_that_is_down_is_named_to_ops_and_lets_nobody_in(
    engine: Engine, login: OneTimeLogin
) -> None:
    settings = Settings(
        oidc_issuer="http://127.0.0.1:9", oidc_client_id="qw", oidc_client_secret=SecretStr("s")
    )
    app = create_app(engine, login=login, now=lambda: NOW, settings=settings, address=BASE)
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        assert client.get("/login/provider").status_code == 502


@pytest.mark.parametrize(
    ("access", "opens"), [(Access.AGENT, False), (Access.MANAGER, False), (Access.OPS, True)]
)
def test_operations_are_for_ops(
    client: TestClient, engine: Engine, access: Access, opens: bool
) -> None:
    account(engine, "tom", access)
    a_case(engine)
    enter(client, "tom")
    token = csrf(client, "/")
    assert client.get("/ops").status_code == (200 if opens else 403)
    assert ('href="/ops"' in client.get("/").text) is opens
    answer = client.post("/ops/source/1/pause", data={"csrf": token})
    assert answer.status_code == (303 if opens else 403)
    with reading(engine) as session:
        assert session.get_one(Source, 1).enabled is not opens


def test_operations_show_the_digests_with_their_next_time(
    client: TestClient, engine: Engine
) -> None:
    account(engine, "eve", Access.OPS)
    enter(client, "eve")
    assert "quietword digest add" in client.get("/ops").text
    with writing(engine) as session:
        session.add(
            DigestSubscription(
                name="morning",
                channel="slack",
                rooms=["C1"],
                timezone="Europe/Warsaw",
                added_at=NOW,
            )
        )
    page = client.get("/ops").text
    for words in ("morning", "slack C1", "2026-11-23T07:00:00+00:00", "08:00 Europe/Warsaw"):
        assert words in page


def test_a_source_is_run_at_once_when_asked(client: TestClient, engine: Engine) -> None:
    account(engine, "eve", Access.OPS)
    a_case(engine)
    enter(client, "eve")
    client.post("/ops/source/1/run", data={"csrf": csrf(client, "/ops")})
    with reading(engine) as session:
        assert next_runs(session.get_one(Source, 1), NOW)[0] == NOW


@pytest.mark.parametrize("what", ["post", "author", "objection"])
def test_a_manager_erases_what_the_author_asks_for(
    client: TestClient, engine: Engine, what: str
) -> None:
    account(engine, "ola", Access.MANAGER)
    case_id = a_case(engine)
    enter(client, "ola")
    form = {"csrf": csrf(client, f"/case/{case_id}"), "post": "1", "what": what}
    assert client.post(f"/case/{case_id}/erase", data=form).status_code == 303
    page = client.get(f"/case/{case_id}").text
    assert "write to me" not in page
    with reading(engine) as session:
        assert session.exec(select(Audit)).first() is not None


def test_an_agent_erases_nothing(client: TestClient, engine: Engine) -> None:
    account(engine, "tom", Access.AGENT)
    case_id = a_case(engine)
    enter(client, "tom")
    form = {"csrf": csrf(client, "/"), "post": "1", "what": "author"}
    assert client.post(f"/case/{case_id}/erase", data=form).status_code == 403
    assert "write to me" in client.get(f"/case/{case_id}").text


def test_a_post_of_another_thread_is_not_erased_through_this_case(
    client: TestClient, engine: Engine
) -> None:
    account(engine, "ola", Access.MANAGER)
    case_id = a_case(engine)
    with writing(engine) as session:
        scene = Scene(session, count=50, brands={"Nordvia": session.exec(select(Brand)).one()})
        thread = scene.thread(scene.source(address="https://other.example/"), "Other")
        other = id_of(scene.post(thread, text="leave me alone"))
    enter(client, "ola")
    form = {"csrf": csrf(client, "/"), "post": str(other), "what": "post"}
    assert client.post(f"/case/{case_id}/erase", data=form).status_code == 404


def test_a_channel_that_has_stopped_is_told_on_every_page(
    client: TestClient, engine: Engine
) -> None:
    account(engine, "ola", Access.MANAGER)
    enter(client, "ola")
    assert "have stopped" not in client.get("/").text
    with writing(engine) as session:
        session.add(BrokenChannel(channel="slack", room="C1", reason="<b>token_revoked"))
    for path in ("/", "/sources", "/why"):
        page = client.get(path).text
        assert "Messages to slack C1 have stopped: &lt;b&gt;token_revoked" in page
