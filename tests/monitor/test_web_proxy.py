"""The pages behind a proxy that serves them below a path, read without any script."""

import http.client
import shutil
import threading
import time
from collections.abc import Iterator
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
import uvicorn
from parsel import Selector
from sqlalchemy import Engine
from sqlmodel import select

from models import Access, Case, CaseState, Level
from models.database import reading, writing
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from monitor.web.prefix import Below, prefix_of
from tests.monitor.scene import NOW, Scene
from tests.monitor.web_world import WORDS, account

PREFIX = "/support/quietword"


@pytest.fixture
def database_url(sqlite: Path, tmp_path: Path) -> str:
    """One kind of database is enough: this is about addresses."""
    return f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}"


def proxy(port: int, *, cuts: bool) -> ThreadingHTTPServer:
    """Return a proxy that passes what lies below ``PREFIX`` on, and answers all else itself."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(PREFIX):
                self.send_error(418, "another application of this host")
                return
            path = self.path.removeprefix(PREFIX) or "/" if cuts else self.path
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            inner = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            inner.request(self.command, path, body, dict(self.headers.items()))
            answer = inner.getresponse()
            told = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)
            inner.close()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture(params=[True, False], ids=["prefix cut off", "prefix handed on"])
def address(request: pytest.FixtureRequest, engine: Engine) -> Iterator[str]:
    with writing(engine) as session:
        scene = Scene(session)
        post = scene.post(scene.thread(scene.source(), "No payout"), "Nordvia, me@example.org")
        scene.case(post, Level.URGENT)
    account(engine, "eve", Access.OPS, agent="Eve")
    public = f"http://127.0.0.1:1{PREFIX}/"
    app = create_app(
        engine,
        login=OneTimeLogin("a key of more than thirty-two characters", now=lambda: NOW),
        now=lambda: NOW,
        address=public,
    )
    pages = Below(app, prefix_of(public))
    server = uvicorn.Server(uvicorn.Config(pages, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    front = proxy(server.servers[0].sockets[0].getsockname()[1], cuts=request.param)
    threading.Thread(target=front.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{front.server_port}{PREFIX}/"
    front.shutdown()
    front.server_close()
    server.should_exit = True
    thread.join(timeout=60)


def test_everything_works_below_a_path_and_without_scripts(address: str, engine: Engine) -> None:
    jar = CookieJar()
    browser = build_opener(HTTPCookieProcessor(jar))

    def ask(path: str, **form: str) -> tuple[str, Selector]:
        data = urlencode(form).encode() if form else None
        with browser.open(urljoin(address, path), data, timeout=120) as answer:
            return answer.url, Selector(answer.read().decode(), type="html")

    def token(page: Selector) -> str:
        return page.css("[name=csrf]::attr(value)").get() or ""

    where, page = ask("")
    assert where == address + "login"
    where, page = ask(
        page.css("form::attr(action)").get() or "", csrf=token(page), login="eve", password=WORDS
    )
    assert where == address
    assert {cookie.path for cookie in jar} == {PREFIX}

    seen: set[str] = set()
    waiting = [where]
    while waiting:
        place = waiting.pop(0)
        path = urlsplit(place).path.removeprefix(PREFIX)
        if path in seen or path.startswith("/static/"):
            continue
        seen.add(path)
        _, page = ask(place)
        if path.startswith(("/export.", "/feed.")):
            continue  # for programs
        assert page.css("h1"), path
        for link in page.css("a[href]:not([target]), link[rel], script[src], img"):
            found = urljoin(place, link.attrib.get("href") or link.attrib.get("src", ""))
            assert found.startswith(address), (place, found)
            waiting.append(found)
        for form in page.css("form"):
            assert urljoin(place, form.attrib["action"]).startswith(address), place
    wanted = {"/", "/why", "/sources", "/ops", "/case/1", "/ops/source/1", "/ops/brands"}
    assert wanted | {"/export.csv", "/export.json", "/feed.atom"} <= seen
    for asset in ("static/style.css", "static/pages.css", "static/keys.js", "static/icon.svg"):
        with browser.open(address + asset, timeout=120) as answer:
            assert answer.status == 200

    _, page = ask("case/1")
    where, page = ask("case/1/take", csrf=token(page))
    assert where == address + "case/1"
    assert page.css("[role=status]::text").get() == "Done."
    where, page = ask("look", csrf=token(page), language="pl", back="/case/1")
    assert where == address + "case/1"
    assert page.css("html::attr(lang)").get() == "pl"
    with reading(engine) as session:
        assert session.exec(select(Case.state)).one() == CaseState.CLAIMED
    where, _ = ask("logout", csrf=token(page))
    assert where == address + "login"
