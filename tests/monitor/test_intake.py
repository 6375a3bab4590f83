"""``quietword add-thread``, ``import`` and ``engines`` as a person types them."""

import json
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from models import Thread
from models.database import make_engine, writing
from monitor.brands import BrandSpec, save_brand
from spiders.thread_walk import DOUBT
from tests.monitor.test_cli import Shell
from tests.webserver import Answer, WebServer

pytestmark = pytest.mark.timeout(400)
"""Each command is a process of its own, and a crawl a further one."""

STATUS = {
    "id": "12",
    "created_at": "2026-11-03T10:00:00Z",
    "in_reply_to_id": None,
    "visibility": "public",
    "content": "<p>Nordvia cut me off and nobody answers. I am furious.</p>",
    "replies_count": 0,
    "edited_at": None,
    "account": {"id": "1", "acct": "ola", "display_name": "Ola"},
    "url": "https://social.example/@ola/12",
}


@pytest.fixture
def shell(tmp_path: Path, sqlite: Path) -> Shell:
    engine = make_engine(f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}")
    with writing(engine) as session:
        save_brand(session, BrandSpec(name="Nordvia"))
    engine.dispose()
    return Shell(tmp_path, {"QUIETWORD_ALLOW_PRIVATE_ADDRESSES": "1"})


def test_one_thread_is_watched_and_dropped_when_it_is_deleted(shell: Shell) -> None:
    with WebServer() as server:
        headers = {"Content-Type": "application/json"}
        server.pages["/api/v1/statuses/12"] = Answer(body=json.dumps(STATUS), headers=headers)
        address = f"{server.address}/@ola/12"
        added = shell.run("add-thread", address, "--engine", "mastodon", "--name", "Ola")
        assert "one thread" in added.stdout
        shell.run("crawl", "1")
        assert _texts(shell) == ["Nordvia cut me off and nobody answers. I am furious."]
        server.pages["/api/v1/statuses/12"] = Answer(status=404, body="{}", headers=headers)
        assert "GONE" in shell.run("crawl", "1", code=1).stderr
        assert _texts(shell) == ["Nordvia cut me off and nobody answers. I am furious."]
        _wait(shell, DOUBT)
        assert "GONE" in shell.run("crawl", "1", code=1).stderr
    assert _texts(shell) == [""]


def test_a_page_of_many_threads_is_not_taken_for_one(shell: Shell) -> None:
    with WebServer() as server:
        server.pages["/api/v1/timelines/public?limit=40"] = Answer(
            body=json.dumps([STATUS]), headers={"Content-Type": "application/json"}
        )
        address = f"{server.address}/public"
        refused = shell.run("add-thread", address, "--engine", "mastodon", code=1)
    assert "not one thread" in refused.stderr


def _wait(shell: Shell, time: timedelta) -> None:
    """Let so much time pass since threads were left out."""
    engine = make_engine(f"sqlite:///{shell.folder / 'quietword.db'}")
    with writing(engine) as session:
        for thread in session.exec(select(Thread).where(col(Thread.left_out_at).is_not(None))):
            assert thread.left_out_at is not None
            thread.left_out_at -= time
    engine.dispose()


def _texts(shell: Shell) -> list[str]:
    with sqlite3.connect(shell.folder / "quietword.db") as connection:
        return [text for (text,) in connection.execute("SELECT text FROM post")]


def test_a_file_is_imported_and_its_bad_lines_are_told(shell: Shell) -> None:
    file = shell.folder / "old.jsonl"
    good = {"post_id": "1", "author": "mia", "text": "Nordvia cut me off"}
    file.write_text(json.dumps(good) + "\n{}\n", "utf-8")
    done = shell.run("import", "old.jsonl", code=1)
    assert "old.jsonl, line 2: post_id is missing" in done.stderr
    assert "1 of 2 lines taken" in " ".join(done.stderr.split())
    assert (shell.folder / "old.jsonl.rejected").read_text() == "{}\n"
    file.write_text(json.dumps(good) + "\n", "utf-8")
    assert "0 posts are new" in " ".join(shell.run("import", "old.jsonl").stderr.split())
    assert _texts(shell) == ["Nordvia cut me off"]


def test_the_table_of_engines_is_printed(shell: Shell) -> None:
    printed = shell.run("engines", "--markdown").stdout
    assert printed == (Path(__file__).parents[2] / "docs" / "engines.md").read_text("utf-8")
    assert "mastodon" in shell.run("engines").stdout


def test_a_key_may_stand_in_a_file(shell: Shell) -> None:
    (shell.folder / "key").write_text("s3cret\n")
    shell.settings["QUIETWORD_YOUTUBE_KEY_FILE"] = "key"
    shell.settings["QUIETWORD_CONTACT"] = "ops@example.org"
    with WebServer() as server:
        server.pages["*"] = Answer(
            body='{"kind": "youtube#commentThreadListResponse", "items": []}',
            headers={"Content-Type": "application/json"},
        )
        address = f"{server.address}/youtube/v3/commentThreads?videoId=x"
        shell.run("read", address, "--engine", "youtube", "--jsonl")
        assert any("key=s3cret" in path for path in server.paths)
        del shell.settings["QUIETWORD_YOUTUBE_KEY_FILE"]
        told = shell.run("read", address, "--engine", "youtube", "--jsonl", code=1)
        assert "QUIETWORD_YOUTUBE_KEY" in told.stderr
        assert "console.cloud.google.com" in told.stderr
