"""Quietword against a Spirit forum that really runs: ``make test-real-forum``.

``QUIETWORD_REAL_FORUM`` names the Python of an environment with django-spirit in it; the forum is
made anew in a temporary folder, filled through its own models and served on loopback.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

PYTHON = os.environ.get("QUIETWORD_REAL_FORUM")
SEED = Path(__file__).with_name("seed_spirit.py")

pytestmark = [
    pytest.mark.skipif(
        PYTHON is None, reason="needs a forum of its own: run `make test-real-forum`"
    ),
    pytest.mark.timeout(900),
]


@dataclass(frozen=True, kw_only=True)
class Forum:
    url: str
    told: list[dict[str, Any]]


def run(command: list[str], folder: Path, env: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def forum(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forum]:
    assert PYTHON is not None
    home = tmp_path_factory.mktemp("spirit")
    tools = Path(PYTHON).absolute().parent
    env = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8"}
    run([str(tools / "spirit"), "startproject", "plotki"], home, env)
    site = home / "plotki"
    run(["python", "manage.py", "spiritinstall"], site, env)
    seeding = f"exec(compile(open({str(SEED)!r}).read(), 'seed', 'exec'), {{}})"
    told = run(["python", "manage.py", "shell", "-c", seeding], site, env).strip().splitlines()[-1]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = ["python", "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(serve, cwd=site, env=env, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}/"
            for _ in range(120):
                try:
                    urlopen(url, timeout=5).close()
                    break
                except URLError:
                    assert server.poll() is None, (home / "server.log").read_text()
                    time.sleep(0.25)
            yield Forum(url=url, told=json.loads(told))
        finally:
            server.terminate()
            server.wait(timeout=30)


def read(address: str, folder: Path) -> list[dict[str, Any]]:
    env = os.environ | {"QUIETWORD_ALLOW_PRIVATE_ADDRESSES": "true"}
    command = [sys.executable, "-m", "monitor.cli", "read", address, "--jsonl"]
    command += ["--delay", "0", "--contact", "tests@example.com"]
    env["PYTHONPATH"] = str(Path(__file__).parents[2])
    return [json.loads(line) for line in run(command, folder, env).splitlines()]


def test_a_forum_that_really_runs_is_read_to_the_last_message(forum: Forum, tmp_path: Path) -> None:
    found = {post["post_id"]: post for post in read(forum.url, tmp_path)}
    assert set(found) == {post["post_id"] for post in forum.told}
    for post in forum.told:
        got = found[post["post_id"]]
        assert got["engine"] == "spirit"
        names = [quote["author"] for quote in got["quotes"]]
        assert {name: got[name] for name in post if name != "quotes"} | {"quotes": names} == post
        assert got["private_message_url"] == (
            f"{forum.url}topic/private/publish/{post['author_id']}/"
        )
        assert got["url"] == f"{forum.url}comment/{post['post_id']}/find/"


def test_one_thread_of_three_pages_is_read_by_its_own_address(forum: Forum, tmp_path: Path) -> None:
    title = "Which router, please?"
    wanted = [post["post_id"] for post in forum.told if post["thread_title"] == title]
    listed = read(forum.url, tmp_path)
    address = next(post["thread_url"] for post in listed if post["thread_title"] == title)
    assert [post["post_id"] for post in read(address, tmp_path)] == wanted
