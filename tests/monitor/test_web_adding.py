"""Adding a source on the pages: what would be read is shown first, and only that can be saved."""

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from parsel import Selector
from sqlalchemy import Engine
from sqlmodel import select

from models import Access, Audit, Outreach, Source
from models.database import reading
from monitor.config import Settings
from monitor.crawling import CrawlOrder
from monitor.demo.forum import DemoForum
from monitor.preview import Look, Preview
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from tests.monitor.web_world import account, csrf, enter
from tests.webserver import Answer, WebServer

BASE = "https://quietword.example"
FORM = {
    "name": "", "every": "45", "delay": "0", "since": "2020-01-01", "timezone": "",
    "language": "", "outreach": "ask_moderator", "note": "Ask first.",
}  # fmt: skip
HOSTILE = "&lt;script&gt;alert(1)&lt;/script&gt;"
PAGE = Path(__file__).parents[1] / "pages" / "phpbb" / "thread.html"


@pytest.fixture
def database_url(sqlite: Path, tmp_path: Path) -> str:
    """One kind of database is enough: a source is one row."""
    return f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}"


def serve(engine: Engine, folder: Path, *, private: bool) -> TestClient:
    settings = Settings(
        contact="ops@quietword.example",
        allow_private_addresses=private,
        evidence_folder=folder / "evidence",
    )
    login = OneTimeLogin("a key of more than thirty-two characters")
    app = create_app(engine, login=login, settings=settings, https_only=True)
    account(engine, "eve", Access.OPS)
    return TestClient(app, base_url=BASE, follow_redirects=False)


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with serve(engine, tmp_path, private=True) as client:
        assert enter(client, "eve") == 303
        yield client


def look(client: TestClient, address: str, **given: str) -> tuple[int, Selector]:
    form = FORM | {"csrf": csrf(client, "/ops/add"), "address": address} | given
    answer = client.post("/ops/add", data=form)
    return answer.status_code, Selector(answer.text)


def words(page: Selector, css: str) -> str:
    return " ".join(" ".join(page.css(f"{css} ::text").getall()).split())


def sources(engine: Engine) -> list[Source]:
    with reading(engine) as session:
        return list(session.exec(select(Source)))


def test_a_forum_is_shown_as_it_would_be_read_and_then_saved(
    client: TestClient, engine: Engine
) -> None:
    with DemoForum() as forum:
        status, page = look(client, forum.phpbb_url)
        assert status == 200
        fetched = page.css(".fetched li::text").getall()
        assert any("viewtopic.php" in one for one in fetched)
        assert "phpbb" in words(page, "#h-result")
        facts = words(page, ".facts")
        assert "a whole forum" in facts
        assert "machine-readable" in facts
        assert "an address for" in facts
        seen = page.css(".seen")
        assert seen.css("a[href*='mode=compose']")
        assert seen.css("time")
        assert sources(engine) == []

        sealed = page.css("[name=seen]::attr(value)").get() or ""
        form = {"csrf": csrf(client, "/ops"), "seen": sealed}
        assert client.post("/ops/add/save", data=form | {"seen": sealed[:-1]}).status_code == 400
        saved = client.post("/ops/add/save", data=form)
        assert saved.headers["location"] == "/ops/source/1"
        assert client.post("/ops/add/save", data=form).status_code == 400, "it is watched already"
    [source] = sources(engine)
    assert (source.address, source.engine) == (forum.phpbb_url, "phpbb")
    assert (source.every_minutes, source.outreach_note) == (45, "Ask first.")
    assert source.outreach == Outreach.ASK_MODERATOR
    assert source.last_run_at is None, "the first crawl is due at once"
    with reading(engine) as session:
        assert [(one.who, one.action) for one in session.exec(select(Audit))] == [("eve", "added")]
    shown = Selector(client.get("/ops/source/1").text)
    assert len(shown.css(".facts dd:first-of-type time")) >= 5


def test_words_of_a_forum_stay_words_and_what_is_missing_is_told(client: TestClient) -> None:
    body = re.sub(r"<time[^>]*>.*?</time>", "", PAGE.read_text("utf-8"), flags=re.DOTALL)
    body = re.sub(r'(<div class="content">)', rf"\1{HOSTILE} ", body)
    with WebServer() as server:
        server.pages["/robots.txt"] = Answer(status=404)
        server.pages["/viewtopic.php?t=1"] = Answer(body=body)
        _, page = look(client, f"{server.address}/viewtopic.php?t=1")
    assert "<script>alert(1)</script>" in words(page, ".seen")
    assert page.css("script::attr(src)").getall() == ["/static/keys.js"]
    assert "Posts whose time cannot be read" in words(page, ".notice.warn")


def test_a_site_that_forbids_it_is_not_read_and_not_added(
    client: TestClient, engine: Engine
) -> None:
    with WebServer() as server:
        server.pages["/robots.txt"] = Answer(body="User-agent: *\nDisallow: /\n")
        _, page = look(client, f"{server.address}/")
        assert server.paths == []
    assert "robots.txt forbids" in words(page, ".notice.bad")
    assert not page.css("[name=seen]")
    assert sources(engine) == []


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:{port}/", "http://[::1]:{port}/", "http://169.254.169.254/latest/meta-data",
     "file:///etc/passwd", "http://user@forum.example/", "gopher://127.0.0.1/"],
)  # fmt: skip
def test_nothing_on_our_own_network_is_asked(engine: Engine, tmp_path: Path, address: str) -> None:
    with WebServer() as server, serve(engine, tmp_path, private=False) as client:
        enter(client, "eve")
        _, page = look(client, address.format(port=server.port))
        assert server.asked == []
    assert page.css(".notice.bad")
    assert not page.css("[name=seen]")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"timezone": "Mars/Base"}, "no time zone"),
        ({"since": "long ago"}, "not a span of time"),
        ({"outreach": "shout"}, "no outreach policy"),
        ({"language": "Polish"}, "no language"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_fetched(
    client: TestClient, wrong: dict[str, str], told: str
) -> None:
    status, page = look(client, "https://forum.example/", **wrong)
    assert status == 400
    assert told in words(page, "[role=alert]")
    assert page.css("[name=address]::attr(value)").get() == "https://forum.example/"


def test_only_ops_look_and_save(client: TestClient, engine: Engine) -> None:
    account(engine, "ola", Access.MANAGER)
    client.cookies.clear()
    enter(client, "ola")
    form = FORM | {"csrf": csrf(client, "/"), "address": "https://forum.example/"}
    assert client.get("/ops/add").status_code == 403
    assert client.post("/ops/add", data=form).status_code == 403
    assert client.post("/ops/add/save", data=form).status_code == 403


def test_a_look_that_nobody_waits_for_ends_its_child() -> None:
    gone = threading.Event()
    with WebServer() as server:
        server.pages["*"] = Answer(body="<html></html>", wait_s=150)
        watched = Look(CrawlOrder(address=server.address, allow_private_addresses=True))
        watched.start(gone.set)
        progress = iter(watched)
        next(progress)
        progress.close()  # type: ignore[attr-defined]
        assert gone.wait(60)


def test_the_pages_load_neither_a_model_nor_a_reactor() -> None:
    heavy = "{'torch', 'transformers', 'scrapy.crawler', 'twisted.internet.reactor'}"
    code = f"import sys, monitor.web.app; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_look_tells_forms_to_write_with_from_pages_of_authors() -> None:
    found = Preview()
    place = {"thread_id": "7", "thread_title": "T", "thread_url": "https://bb.test/t/7"}
    said = {"author": "may", "posted_at": None, "text": "Nordvia", "url": "https://bb.test/t/7#1"}
    page = "https://bb.test/users/may/"
    for write, profile in (("https://bb.test/pm/may", page), (page, page), (None, page)):
        found.take(place | said | {"private_message_url": write, "profile_url": profile})
    found.take(place | said | {"private_message_url": None, "profile_url": None})
    assert (found.posts, found.private, found.profiles) == (4, 1, 2)
    shown = [post.way for post in found.threads["7"].posts]
    assert [way.name if way else None for way in shown] == ["write", "profile", "profile"]
