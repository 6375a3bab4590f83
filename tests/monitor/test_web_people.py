"""Accounts made and changed on the pages; what is held on an author, handed out and erased."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from parsel import Selector
from sqlalchemy import Engine
from sqlmodel import select
from typer.testing import CliRunner

from models import Access, Account, Agent, Audit, Author, Objection, Post
from models.base import id_of
from models.database import reading, writing
from monitor.accounts import AccountError, named
from monitor.cli import app
from monitor.privacy import Erased, record
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from monitor.web.invitations import LASTS
from tests.monitor.scene import NOW, Scene
from tests.monitor.web_world import WORDS, Clock, account, csrf, enter

BASE = "https://quietword.example"
ADDRESS = "https://quietword.example"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(engine: Engine, clock: Clock) -> Iterator[TestClient]:
    login = OneTimeLogin("a key of more than thirty-two characters", now=clock)
    web = create_app(engine, login=login, now=clock, https_only=True, address=ADDRESS)
    with TestClient(web, base_url=BASE, follow_redirects=False) as client:
        yield client


def stranger(client: TestClient) -> TestClient:
    """Return somebody else's browser before the same pages."""
    return TestClient(client.app, base_url=BASE, follow_redirects=False)


def invite(client: TestClient, login: str = "Tom@Example.org", **given: str) -> str:
    """Add an account as ops and return the path of the link that is shown."""
    form = {"csrf": csrf(client, "/ops/accounts"), "login": login, "access": "agent"} | given
    return link_in(client.post("/ops/accounts", data=form).text)


def link_in(text: str) -> str:
    [link] = Selector(text).css("code.address::text").getall()
    assert link.startswith(f"{ADDRESS}/join?token=")
    return str(link).removeprefix(ADDRESS)


def join(client: TestClient, path: str, password: str = WORDS) -> int:
    """Follow a link and choose a password."""
    page = client.get(path)
    if page.status_code != 200:
        return page.status_code
    form = {
        name: Selector(page.text).css(f"[name={name}]::attr(value)").get("")
        for name in ("csrf", "token")
    }
    return client.post("/join", data=form | {"password": password}).status_code


def audit(engine: Engine) -> list[tuple[str, str, str, str]]:
    with reading(engine) as session:
        rows = session.exec(select(Audit).order_by(Audit.id))  # type: ignore[arg-type]
        return [(one.who, one.action, one.what, one.detail) for one in rows]


def test_ops_add_an_account_and_its_owner_chooses_the_password_by_a_link_that_works_once(
    client: TestClient, engine: Engine
) -> None:
    account(engine, "ola", Access.OPS)
    with writing(engine) as session:
        session.add(Agent(name="Tom"))
        session.flush()
        tom = id_of(session.exec(select(Agent)).one())
    enter(client, "ola")
    path = invite(client, agent=str(tom))
    made = Selector(client.get("/ops/accounts").text)
    assert "no password chosen yet" in " ".join(made.css(".people ::text").getall())
    assert not made.css("code.address"), "the link is shown once"

    with stranger(client) as guest:
        assert enter(guest, "tom@example.org") == 403, "there is no password yet"
        assert "tom@example.org" in guest.get(path).text
        assert join(guest, path, "too short") == 400
        assert join(guest, path) == 303
        assert guest.get("/").status_code == 200
        assert guest.get("/ops/accounts").status_code == 403
        assert guest.get(path).status_code == 403
    with stranger(client) as guest:
        assert join(guest, path) == 403
        assert enter(guest, "tom@example.org") == 303
    with reading(engine) as session:
        assert named(session, "tom@example.org").agent_id == tom
        number = named(session, "tom@example.org").id
    assert audit(engine) == [("ola", "account added", f"account {number}", "agent")]


@pytest.mark.parametrize("end", ["late", "disable", "save", "forged", "another"])
def test_a_link_ends_with_time_and_with_any_change_of_its_account(
    client: TestClient, engine: Engine, clock: Clock, end: str
) -> None:
    account(engine, "ola", Access.OPS)
    enter(client, "ola")
    path = invite(client)
    with reading(engine) as session:
        number = named(session, "tom@example.org").id
    if end == "late":
        clock.time += LASTS
    elif end == "forged":
        path = path[:-9] + ("A" if path[-9] != "A" else "B") + path[-8:]
    elif end == "another":
        path = path.replace("/join?", "/join?x=1&")
    else:
        form = {"csrf": csrf(client, "/ops/accounts"), "access": "manager"}
        assert client.post(f"/ops/accounts/{number}/{end}", data=form).status_code == 303
    with stranger(client) as guest:
        assert join(guest, path) == (303 if end == "another" else 403)


def test_a_login_link_is_no_invitation_and_a_programs_token_is_none(
    client: TestClient, engine: Engine
) -> None:
    account(engine, "ola", Access.OPS)
    enter(client, "ola")
    token = re.split("token=", invite(client))[1]
    with stranger(client) as guest:
        assert guest.get(f"/login?token={token}").status_code == 403
        headers = {"Authorization": f"Bearer {token}"}
        assert guest.get("/api/v1/cases", headers=headers).status_code == 401


def test_another_role_another_agent_and_switching_off_take_effect_at_once(
    client: TestClient, engine: Engine
) -> None:
    account(engine, "ola", Access.OPS)
    account(engine, "tom", Access.AGENT, agent="Tom")
    with writing(engine) as session:
        eve = Agent(name="Eve")
        session.add(eve)
        session.flush()
        eve_id, tom = id_of(eve), id_of(named(session, "tom"))
    enter(client, "ola")

    def press(what: str, **fields: str) -> None:
        form = {"csrf": csrf(client, "/ops/accounts")} | fields
        assert client.post(f"/ops/accounts/{tom}/{what}", data=form).status_code == 303

    with stranger(client) as guest:
        enter(guest, "tom")
        press("save", access="agent", agent=str(eve_id))
        assert guest.get("/").status_code == 200, "whose cases it takes is no reason to log out"
        press("save", access="manager", agent=str(eve_id))
        assert guest.get("/").status_code == 303
        enter(guest, "tom")
        assert guest.get("/authors").status_code == 200
        press("disable")
        assert guest.get("/").status_code == 303
        assert enter(guest, "tom") == 403
        press("enable")
        assert enter(guest, "tom") == 303
    with reading(engine) as session:
        assert (named(session, "tom").access, named(session, "tom").agent_id) == ("manager", eve_id)
    assert [line[1:] for line in audit(engine)] == [
        ("account changed", f"account {tom}", f"agent, agent {eve_id}"),
        ("account changed", f"account {tom}", f"manager, agent {eve_id}"),
        ("account changed", f"account {tom}", "disable"),
        ("account changed", f"account {tom}", "enable"),
    ]


@pytest.mark.parametrize(("what", "fields"), [("disable", {}), ("save", {"access": "agent"})])
def test_nobody_locks_themselves_out(
    client: TestClient, engine: Engine, what: str, fields: dict[str, str]
) -> None:
    account(engine, "ola", Access.OPS)
    enter(client, "ola")
    with reading(engine) as session:
        own = named(session, "ola").id
    form = {"csrf": csrf(client, "/ops/accounts")} | fields
    assert client.post(f"/ops/accounts/{own}/{what}", data=form).status_code == 303
    told = client.get("/ops/accounts").text
    assert "Your own account stays as it is" in told
    assert audit(engine) == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "there is an account ola already"),
        ("pl", "konto ola już istnieje"),
        ("ru", "учётная запись ola уже есть"),
    ],
)
def test_what_cannot_be_is_said_in_the_readers_language(
    client: TestClient, engine: Engine, language: str, words: str
) -> None:
    account(engine, "ola", Access.OPS)
    enter(client, "ola")
    client.headers["accept-language"] = language
    form = {"csrf": csrf(client, "/ops/accounts"), "login": "OLA", "access": "ops"}
    answer = client.post("/ops/accounts", data=form)
    assert answer.status_code == 400
    assert words in answer.text
    assert client.post("/ops/accounts", data=form | {"access": "god"}).status_code == 400
    with reading(engine) as session:
        assert len(session.exec(select(Account)).all()) == 1


KLARA = "Klara 1987"


def two_boards(engine: Engine) -> int:
    """Store posts of one author in two boards of a site, and one of a namesake elsewhere."""
    with writing(engine) as session:
        scene = Scene(session)
        here = [scene.source(f"board {n}", address=f"https://forum.example/b{n}/") for n in (1, 2)]
        away = scene.source("away", address="https://other.example/")
        for source, text in zip([*here, away], ("money", "modem", "elsewhere"), strict=True):
            post = scene.post(scene.thread(source, "T"), f"Nordvia {text}", author=KLARA)
            session.get_one(Author, post.author_id).external_id = "77"
        first = session.exec(select(Post)).first()
        assert first
        scene.case(first)
        return first.author_id


def search(client: TestClient, name: str) -> Selector:
    answer = client.post("/authors", data={"csrf": csrf(client, "/authors"), "name": name})
    assert answer.status_code == 200
    return Selector(answer.text)


def test_a_manager_hands_out_all_that_is_held_on_an_author(
    client: TestClient, engine: Engine
) -> None:
    author = two_boards(engine)
    account(engine, "max", Access.MANAGER)
    enter(client, "max")
    for name in (KLARA, "77"):
        found = search(client, name)
        assert found.css("article h3 bdi::text").getall() == [KLARA, KLARA]
        assert found.css("article .meta span::text").getall() == [
            "forum.example", "ID 77", "2 posts", "other.example", "ID 77", "1 post",
        ]  # fmt: skip
    assert not search(client, "klara").css("article"), "letter by letter"
    path = search(client, KLARA).css("article form[action$=export]::attr(action)").get("")
    assert path == f"/author/{author}/export"
    for page in ("/authors", "/case/1"):
        answer = client.post(path, data={"csrf": csrf(client, page)})
        held = json.loads(answer.text)
        assert [post["text"] for one in held for post in one["posts"]] == [
            "Nordvia money", "Nordvia modem",
        ]  # fmt: skip
        assert "attachment" in answer.headers["content-disposition"]
    assert f'action="{path}"' in client.get("/case/1").text
    lines = audit(engine)
    assert {line[:2] for line in lines} == {("max", "exported")}
    assert len(lines) == 4
    assert KLARA not in str(lines)


@pytest.mark.parametrize("what", ["author", "objection"])
@pytest.mark.parametrize("page", ["/authors", "/case/1"])
def test_an_author_is_erased_from_every_board_of_the_site_and_from_no_other(
    client: TestClient, engine: Engine, what: str, page: str
) -> None:
    author = two_boards(engine)
    account(engine, "max", Access.MANAGER)
    enter(client, "max")
    form = {"csrf": csrf(client, page), "what": what, "post": "1"}
    path = f"/author/{author}/erase" if page == "/authors" else "/case/1/erase"
    assert client.post(path, data=form).status_code == 303
    with reading(engine) as session:
        assert session.exec(select(Post.text).order_by(Post.id)).all() == [  # type: ignore[arg-type]
            "", "", "Nordvia elsewhere",
        ]  # fmt: skip
        assert len(session.exec(select(Author).where(Author.name == KLARA)).all()) == 1
        assert bool(session.exec(select(Objection)).all()) == (what == "objection")
    assert {line[1] for line in audit(engine)} == (
        {"forgotten", "objected"} if what == "objection" else {"forgotten"}
    )
    assert search(client, KLARA).css("article .meta span::text").getall()[0] == "other.example"


def test_an_author_who_is_not_there_is_not_found(client: TestClient, engine: Engine) -> None:
    account(engine, "max", Access.MANAGER)
    enter(client, "max")
    token = csrf(client, "/authors")
    for number in (5, 2**40):
        for what in ("export", "erase"):
            form = {"csrf": token, "what": "author"}
            assert client.post(f"/author/{number}/{what}", data=form).status_code == 404
    assert client.post("/author/1/erase", data={"csrf": token, "what": "all"}).status_code == 404


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_command_line_makes_and_changes_accounts_and_notes_it(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUIETWORD_DATABASE_URL", database_url)

    def user(*command: str, says: str = WORDS + "\n") -> str:
        result = CliRunner().invoke(app, ["user", *command], input=says)
        assert result.exit_code == 0, result.output
        return result.output

    assert "tom may log in as agent" in user("add", "Tom")
    user("role", "tom", "manager")
    user("password", "tom")
    user("disable", "tom")
    assert "switched off" in user("list")
    user("enable", "tom")
    with reading(engine) as session:
        tom = named(session, "tom")
        assert (tom.access, tom.active) == ("manager", True)
    assert audit(engine) == [
        ("command line", "account added", f"account {tom.id}", "agent"),
        ("command line", "account changed", f"account {tom.id}", "manager"),
        ("command line", "account changed", f"account {tom.id}", "password"),
        ("command line", "account changed", f"account {tom.id}", "disable"),
        ("command line", "account changed", f"account {tom.id}", "enable"),
    ]
    refused = CliRunner().invoke(app, ["user", "add", "tom"], input=WORDS + "\n")
    assert isinstance(refused.exception, AccountError)
    assert str(refused.exception) == "there is an account tom already"


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "en",
            [
                "swept: old data", "never to be stored again: author 3",
                "erased: author 3 (1 post, 2 quotes, 0 alerts)", "shown unmasked: post 8 (case 1)",
            ],
        ),
        ("pl", ["uprzątnięto: stare dane", "nigdy więcej nie zapisywać: autor 3"]),
        ("ru", ["вычищено: старые данные", "больше никогда не хранить: автор 3"]),
    ],
)  # fmt: skip
def test_the_audit_is_told_in_the_readers_language(
    client: TestClient, engine: Engine, language: str, lines: list[str]
) -> None:
    account(engine, "ola", Access.OPS)
    with writing(engine) as session:
        record(session, "mia", "revealed", "post 8", "case 1", NOW)
        record(session, "mia", "forgotten", "author 3", str(Erased(posts=1, quotes=2)), NOW)
        record(session, "mia", "objected", "author 3", "", NOW)
        record(session, "retention", "pruned", "old data", "", NOW)
    enter(client, "ola")
    page = Selector(client.get("/ops", headers={"Accept-Language": language}).text)
    cells = page.css("section[aria-labelledby=h-audit] td:last-child")
    told = [" ".join("".join(cell.css("::text").getall()).split()) for cell in cells]
    assert told[: len(lines)] == lines
