"""The pages in a real browser, over a real server."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi.responses import HTMLResponse
from parsel import Selector
from sqlalchemy import Engine

from models import Access, Level
from models.database import writing
from monitor.accounts import create
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from tests.monitor.scene import NOW, Scene

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HARMLESS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--window-size=1280,1600",
]  # fmt: skip
ATTACK = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='too'\">"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture
def database_url(sqlite: Path, tmp_path: Path) -> str:
    """One kind of database is enough to look at the pages."""
    return f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}"


@pytest.fixture
def login() -> OneTimeLogin:
    return OneTimeLogin("a key of more than thirty-two characters", now=lambda: NOW)


@pytest.fixture
def address(engine: Engine, login: OneTimeLogin) -> Iterator[str]:
    """Serve the pages on a free port, with one more that holds a script, as if one got in."""
    app = create_app(engine, login=login, now=lambda: NOW)
    page = HTMLResponse(f"<!doctype html><title>calm</title><p>here</p>{ATTACK}")
    app.add_api_route("/infected", lambda: page, response_class=HTMLResponse)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=20)


def browse(profile: Path, *arguments: str) -> str:
    """Run the browser to its end and return what it printed; keeps its cookies in ``profile``."""
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, *HARMLESS, f"--user-data-dir={profile}", *arguments],
        capture_output=True,
        timeout=90,
        check=True,
        env=os.environ | {"HOME": str(profile)},
    )
    return done.stdout.decode()


def test_a_browser_shows_hostile_posts_and_runs_none_of_them(
    engine: Engine, login: OneTimeLogin, address: str, tmp_path: Path
) -> None:
    with writing(engine) as session:
        scene = Scene(session)
        post = scene.post(scene.thread(scene.source(ATTACK), ATTACK), f"Nordvia {ATTACK}")
        case = scene.case(post, Level.URGENT, reasons=(ATTACK,)).id
        create(session, "ola", Access.OPS, password="correct horse battery staple")
    profile = tmp_path / "profile"

    digest = Selector(browse(profile, "--dump-dom", login.new_link(address)))
    assert digest.css("title::text").get() == "1 waiting · Quietword"
    assert ATTACK.partition("</")[0] in (digest.css(".rows .row-head a ::text").get() or "")

    page = Selector(browse(profile, "--dump-dom", f"{address}/case/{case}"))
    assert page.css("article.post mark::text").get() == "Nordvia"
    assert page.css("title::text").get() == f"{ATTACK} · Quietword"
    assert not page.css("script:not([src]), article script, article img")

    infected = Selector(browse(profile, "--dump-dom", f"{address}/infected"))
    assert infected.css("p::text").get() == "here"
    assert infected.css("title::text").get() == "calm"  # the policy stopped the script

    picture = tmp_path / "digest.png"
    browse(profile, f"--screenshot={picture}", address)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000  # a blank page has 8 kB at this size


def test_a_browser_without_a_login_is_shown_the_way_in(address: str, tmp_path: Path) -> None:
    page = Selector(browse(tmp_path / "profile", "--dump-dom", f"{address}/sources"))
    assert page.css("pre code::text").get() == "quietword login"
