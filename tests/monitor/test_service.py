"""``quietword run``: everything in one process, from the first line it prints to SIGTERM."""

import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from models import Case, CrawlRun, Source
from models.database import make_engine, reading, upgrade, writing
from monitor.brands import BrandSpec, save_brand
from monitor.demo import NORDVIA, DemoForum
from monitor.mentions import Alias
from monitor.service import make_secret

PATIENCE_S = 150


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A working directory that is set up to read the demo forum."""
    engine = make_engine(f"sqlite:///{tmp_path / 'quietword.db'}")
    upgrade(engine)
    make_secret(tmp_path / "quietword.secret")
    with DemoForum() as forum:
        forum.grow()
        with writing(engine) as session:
            aliases = tuple(Alias(text=text) for text in NORDVIA.aliases)
            save_brand(session, BrandSpec(name=NORDVIA.name, aliases=aliases))
            session.add(
                Source(address=forum.discourse_url, engine="discourse", name="Demo", delay_s=0)
            )
        engine.dispose()
        yield tmp_path


@pytest.mark.timeout(PATIENCE_S + 60)
def test_the_service_crawls_judges_serves_the_digest_and_ends_cleanly(folder: Path) -> None:
    settings = {
        "QUIETWORD_ALLOW_PRIVATE_ADDRESSES": "1",
        "QUIETWORD_CONTACT": "ops@quietword.test",
        "QUIETWORD_WEB_PORT": "0",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONUNBUFFERED": "1",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "monitor.cli", "run"],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith("QUIETWORD_")} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            assert service.stdout is not None
            printed = ""
            while "login?token=" not in printed:
                line = service.stdout.readline()
                assert line, f"ended early: {printed}"
                printed += line
            link = re.search(r"http://\S+", printed)
            assert link is not None
            address = link[0].split("login?")[0]
            assert read_json(address + "healthz")["ok"] is True
            wait_for_cases(folder)
            browser = urllib.request.build_opener(
                urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
            )
            assert "Welcome" in browser.open(link[0], timeout=30).read().decode()
            page = browser.open(address, timeout=30).read().decode()
            assert "Nordvia" in page
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(link[0], timeout=30)
        finally:
            service.send_signal(signal.SIGTERM)
            _, errors = service.communicate(timeout=60)
    assert service.returncode == 0
    assert "Traceback" not in errors


def read_json(address: str) -> dict[str, object]:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return dict(json.load(answer))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def wait_for_cases(folder: Path) -> None:
    engine = make_engine(f"sqlite:///{folder / 'quietword.db'}")
    deadline = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < deadline:
            with reading(engine) as session:
                if session.exec(select(Case)).first():
                    assert session.exec(select(CrawlRun.outcome)).first() == "OK"
                    return
            time.sleep(0.5)
    finally:
        engine.dispose()
    pytest.fail("no case was opened")
