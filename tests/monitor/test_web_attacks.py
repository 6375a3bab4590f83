"""What somebody tries who means harm; docs/security.md says which test stands against what."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from models import Access
from models.database import writing
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from tests.monitor.scene import NOW, Scene
from tests.monitor.web_world import account, csrf, enter

BASE = "https://quietword.example"


@pytest.fixture
def database_url(sqlite: Path, tmp_path: Path) -> str:
    """One kind of database is enough: none of this reaches it."""
    return f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}"


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    with writing(engine) as session:
        scene = Scene(session)
        scene.case(scene.post(scene.thread(scene.source(), "T"), "Nordvia"))
    account(engine, "eve", Access.OPS)
    login = OneTimeLogin("a key of more than thirty-two characters", now=lambda: NOW)
    app = create_app(engine, login=login, now=lambda: NOW, https_only=True, address=BASE)
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize(
    "back",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example",
     "javascript:alert(1)", "/%0d%0aSet-Cookie:%20x=1", "/\r\nSet-Cookie: x=1", "", "why"],
)  # fmt: skip
def test_no_address_leads_away_from_these_pages(client: TestClient, back: str) -> None:
    enter(client, "eve")
    form = {"csrf": csrf(client, "/"), "theme": "dark", "back": back}
    answer = client.post("/look", data=form)
    place = answer.headers["location"]
    assert place.startswith("/")
    assert not place.startswith(("//", "/\\"))
    assert "x=1" not in " ".join(answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize("chosen", ["pl\r\nSet-Cookie: x=1", "../../etc/passwd", "<script>"])
def test_what_a_reader_chooses_is_one_of_what_is_offered(client: TestClient, chosen: str) -> None:
    enter(client, "eve")
    form = {"csrf": csrf(client, "/"), "language": chosen, "theme": chosen}
    cookies = " ".join(client.post("/look", data=form).headers.get_list("set-cookie"))
    assert "language=" not in cookies
    assert "theme=" not in cookies
    client.cookies.set("language", chosen.replace("\r\n", ""))
    assert client.get("/").headers["content-language"] == "en"


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/%2e%2e%2fapp.py",
     "/static/....//app.py", "/static//etc/passwd", "/static/%00", "/static/..%5capp.py"],
)  # fmt: skip
def test_no_file_beside_our_own_is_served(client: TestClient, path: str) -> None:
    enter(client, "eve")
    answer = client.get(path)
    assert answer.status_code in (404, 303)
    assert "create_app" not in answer.text
    assert "root:" not in answer.text


def test_no_path_slips_past_the_login(client: TestClient) -> None:
    for path in (
        "/static/../ops",
        "/static/%2e%2e/ops",
        "/login/../ops",
        "//ops",
        "/healthz/../ops",
    ):
        answer = client.get(path)
        assert answer.status_code in (303, 404), path
        assert "Pause" not in answer.text


def test_a_false_host_or_prefix_stands_nowhere_in_an_answer(client: TestClient) -> None:
    lies = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil.example",
        "X-Forwarded-Proto": "http",
        "Forwarded": "host=evil.example",
        "X-Original-URL": "/ops",
    }
    stranger = client.get("/", headers=lies)
    assert stranger.headers["location"] == "/login"
    enter(client, "eve")
    for path in ("/", "/case/1", "/feed.atom", "/ops", "/none"):
        answer = client.get(path, headers=lies)
        assert "evil.example" not in answer.text + str(answer.headers), path


def test_a_form_that_is_no_form_is_refused(client: TestClient) -> None:
    enter(client, "eve")
    for body, kind in (
        (b'{"csrf": "x"}', "application/json"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"csrf=x&csrf=y", "application/x-www-form-urlencoded"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
    ):
        answer = client.post("/case/1/take", content=body, headers={"Content-Type": kind})
        assert answer.status_code in (400, 403), (kind, answer.status_code)


def test_a_file_in_place_of_a_word_is_refused(client: TestClient) -> None:
    enter(client, "eve")
    sent = {"csrf": (None, csrf(client, "/")), "note": ("x.txt", b"words")}
    assert client.post("/case/1/dismiss", files=sent).status_code == 400


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999", "1e3", "١", "1%00"])
def test_odd_numbers_find_nothing_and_break_nothing(client: TestClient, number: str) -> None:
    enter(client, "eve")
    for path in (f"/case/{number}", f"/ops/source/{number}", f"/api/v1/cases/{number}"):
        assert client.get(path).status_code in (404, 422), path
    assert client.get(f"/?brand={number}&page={number}&source={number}").status_code == 200


def test_the_cookie_of_a_login_is_kept_from_scripts_and_other_sites(client: TestClient) -> None:
    form = {"csrf": csrf(client), "login": "eve", "password": "correct horse battery staple"}
    [cookie] = client.post("/login", data=form).headers.get_list("set-cookie")
    flags = {part.strip().lower() for part in cookie.split(";")}
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= flags


def test_what_was_set_before_a_login_does_not_live_on_after_it(client: TestClient) -> None:
    token = csrf(client)
    planted = client.cookies.get("quietword")
    assert enter(client, "eve") == 303
    assert client.cookies.get("quietword") != planted
    assert client.post("/look", data={"csrf": token, "theme": "dark"}).status_code == 403
    client.cookies.clear()
    client.cookies.set("quietword", planted or "")
    assert client.get("/").status_code == 303
