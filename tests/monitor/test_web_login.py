"""Who gets to see the pages."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from itsdangerous import URLSafeSerializer
from parsel import Selector
from sqlalchemy import Engine

from models.database import make_engine, writing
from monitor.web.app import create_app
from monitor.web.auth import LoginError, OneTimeLogin
from tests.monitor.scene import NOW, Scene, hours
from tests.monitor.web_world import Clock

SECRET = "a key of more than thirty-two characters"
BASE = "https://quietword.example"


@pytest.fixture
def database_url(sqlite: Path, tmp_path: Path) -> str:
    """One kind of database is enough: logging in reads no table."""
    return f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def login(clock: Clock) -> OneTimeLogin:
    return OneTimeLogin(SECRET, now=clock)


@pytest.fixture
def client(engine: Engine, login: OneTimeLogin, clock: Clock) -> Iterator[TestClient]:
    app = create_app(engine, login=login, now=clock, https_only=True)
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/?period=7d", "/case/1", "/sources", "/no/such/page"])
def test_nothing_is_shown_without_a_login(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert answer.content == b""


def test_a_visitor_is_told_how_to_get_in(client: TestClient) -> None:
    answer = client.get("/login")
    assert answer.status_code == 200
    assert "quietword login" in answer.text
    assert "Log out" not in answer.text


def test_a_link_logs_one_person_in_once(client: TestClient, login: OneTimeLogin) -> None:
    link = login.new_link(BASE + "/")
    answer = client.get(link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/welcome")
    cookie = answer.headers["set-cookie"].lower()
    assert {"httponly", "samesite=lax", "secure", "max-age=43200"} <= set(cookie.split("; "))
    assert client.get("/").status_code == 200

    client.cookies.clear()
    again = client.get(link)
    assert again.status_code == 403
    assert "no longer works" in again.text
    assert client.get("/").status_code == 303


def test_a_link_made_by_another_process_is_accepted(client: TestClient, clock: Clock) -> None:
    clock.time += hours(1)
    elsewhere = OneTimeLogin(SECRET, now=clock)
    assert client.get(elsewhere.new_link(BASE)).status_code == 303
    assert client.get("/sources").status_code == 200


def test_a_link_expires_after_a_quarter_of_an_hour(
    client: TestClient, login: OneTimeLogin, clock: Clock
) -> None:
    early, late = login.new_link(BASE), login.new_link(BASE)
    clock.time += timedelta(minutes=15)
    assert client.get(early).status_code == 303
    clock.time += timedelta(seconds=1)
    assert client.get(late).status_code == 403


def test_a_used_link_stays_used_when_the_server_is_restarted(clock: Clock) -> None:
    before = OneTimeLogin(SECRET, now=clock)
    token = before.new_link("").partition("token=")[2]
    assert before.admit(token)
    clock.time += timedelta(minutes=1)
    assert not OneTimeLogin(SECRET, now=clock).admit(token)


def test_a_used_link_is_remembered_until_it_has_expired(login: OneTimeLogin, clock: Clock) -> None:
    used = login.new_link("").partition("token=")[2]
    assert login.admit(used)
    for _ in range(3):
        clock.time += timedelta(minutes=5)
        assert login.admit(login.new_link("").partition("token=")[2])
        assert not login.admit(used)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "WzEsMl0.notasignature",
        OneTimeLogin("another key of thirty-two characters", now=lambda: NOW)
        .new_link("")
        .partition("token=")[2],
        str(URLSafeSerializer(SECRET, salt="something else").dumps(["a", NOW.timestamp()])),
        str(URLSafeSerializer(SECRET, salt="quietword.login").dumps("not two parts")),
        str(URLSafeSerializer(SECRET, salt="quietword.login").dumps(["future", 9e12])),
        "é" * 5000,
    ],
    ids=[
        "empty",
        "a letter",
        "no signature",
        "another key",
        "another purpose",
        "not two parts",
        "from the future",
        "endless",
    ],
)
def test_a_forged_link_lets_nobody_in(client: TestClient, token: str) -> None:
    assert client.get("/login", params={"token": token}).status_code == 403
    assert client.get("/").status_code == 303


def test_a_tampered_link_lets_nobody_in(client: TestClient, login: OneTimeLogin) -> None:
    link = login.new_link(BASE)
    end = "A" if link[-1] != "A" else "B"
    assert client.get(link[:-2] + end + link[-1]).status_code == 403
    assert client.get(link).status_code == 303  # the true one was not spent


def test_a_login_ends_after_twelve_hours_however_busy(
    client: TestClient, login: OneTimeLogin, clock: Clock
) -> None:
    client.get(login.new_link(BASE))
    for _ in range(11):
        clock.time += hours(1)
        assert client.get("/").status_code == 200
    clock.time += hours(1)
    assert client.get("/").status_code == 303


def test_logging_out_ends_the_login(client: TestClient, login: OneTimeLogin) -> None:
    client.get(login.new_link(BASE))
    assert client.post("/logout").status_code == 403  # not from our form
    found = Selector(client.get("/").text).css("[name=csrf]::attr(value)").get()
    assert client.post("/logout", data={"csrf": found}).status_code == 303
    assert client.get("/").status_code == 303


def test_a_cookie_signed_with_another_key_is_worthless(
    engine: Engine, client: TestClient, login: OneTimeLogin, clock: Clock
) -> None:
    client.get(login.new_link(BASE))
    other = create_app(engine, login=login, now=clock)  # a key of its own
    with TestClient(other, base_url=BASE, follow_redirects=False) as restarted:
        restarted.cookies.update(client.cookies)
        assert restarted.get("/").status_code == 303


def test_health_is_open_to_all_and_tells_no_secret(client: TestClient) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"ok": True, "database": "answers"}


def test_health_says_when_the_database_cannot_be_used(tmp_path: Path, login: OneTimeLogin) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'never-prepared.db'}")
    with TestClient(create_app(engine, login=login), base_url=BASE) as client:
        answer = client.get("/healthz")
    engine.dispose()
    assert answer.status_code == 503
    assert answer.json() == {"ok": False, "database": "does not answer"}
    assert "never-prepared" not in answer.text


def test_a_page_says_so_when_the_database_does_not_answer(
    tmp_path: Path, login: OneTimeLogin, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'never-prepared.db'}")
    app = create_app(engine, login=login, now=clock)
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.get(login.new_link("http://localhost"))
    engine.dispose()
    assert answer.status_code == 503
    assert "Nothing is lost" in answer.text
    assert "never-prepared" not in answer.text
    assert "no such table" in caplog.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed_without_a_form_of_ours(
    engine: Engine, client: TestClient, login: OneTimeLogin, method: str
) -> None:
    with writing(engine) as session:
        scene = Scene(session)
        case = scene.case(scene.post(scene.thread(scene.source(), "T"), "Nordvia")).id
    client.get(login.new_link(BASE))
    for path in ("/", f"/case/{case}", "/sources", "/ops"):
        assert client.request(method, path).status_code == 405
    for path in (
        "/login",
        "/welcome",
        "/logout",
        "/look",
        f"/case/{case}/take",
        f"/case/{case}/reveal",
    ):
        refused = 403 if method == "POST" else 405
        assert client.request(method, path).status_code == refused
    assert client.get(f"/case/{case}").status_code == 200


def test_a_short_key_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(LoginError, match="quietword init"):
        OneTimeLogin("short")
