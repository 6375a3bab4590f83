"""Slack's requests over HTTP: only what is signed, fresh and whole gets in."""

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest
import uvicorn
from pydantic import SecretStr

from models.database import make_engine
from monitor.service import with_slack
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from tests.monitor.slack_scene import ANNA, BARTEK, Office, office
from tests.slack_server import actions
from tests.slack_workspace import SECRET, as_form, command, eventually, press, signed


@pytest.fixture
def at(sqlite: Path, tmp_path: Path) -> Iterator[Office]:
    engine = make_engine(f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}")
    with office(engine) as place:
        yield place
    engine.dispose()


@pytest.fixture
def door(at: Office) -> Iterator[str]:
    """The address of the pages with Slack's door before them, really served."""
    settings = at.runtime.settings.model_copy(update={"slack_signing_secret": SecretStr(SECRET)})
    # Freshness goes by the real clock: that is what the requests here are stamped with.
    runtime = replace(at.runtime, settings=settings, now=lambda: datetime.now(UTC))
    web = create_app(at.engine, login=OneTimeLogin("x" * 40))
    listener, pages = with_slack(runtime, web)
    assert listener is None, "without an app token there is no Socket Mode"
    server = uvicorn.Server(uvicorn.Config(pages, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/slack/events"
    server.should_exit = True
    thread.join()


def a_press(at: Office, name: str = "case.take", user: str = ANNA) -> bytes:
    if not at.slack.roots():
        at.open_cases()
        at.deliver()
    return as_form(press(at.slack.roots()[0], name, user))


def test_a_signed_press_takes_the_case(at: Office, door: str) -> None:
    assert signed(door, a_press(at)) == 200
    eventually(lambda: at.all_cases()[0].state == "claimed")


def test_a_signed_command_is_answered(at: Office, door: str) -> None:
    assert signed(door, as_form(command("mine", ANNA, at.slack))) == 200
    eventually(lambda: at.slack.answers)
    assert at.slack.answers[0]["text"] == "You have no case."


def test_slacks_question_whether_we_listen_is_answered(door: str) -> None:
    challenge = b'{"type": "url_verification", "challenge": "abc", "team_id": "T1"}'
    assert signed(door, challenge) == 200


@pytest.mark.parametrize(
    "oddity",
    [
        {"signature": "v0=" + "0" * 64},
        {"signature": ""},
        {"signature": "v0=żółć".encode().decode("latin-1")},
        {"signature": "v1=abc"},
        {"secret": "another-secret"},
        {"stamp": str(int(time.time()) - 3600)},
        {"stamp": str(int(time.time()) + 3600)},
        {"stamp": "soon"},
        {"stamp": "-1"},
        {"stamp": "1e9"},
        {"stamp": ""},
        {"stamp": "²"},
        {"stamp": "9" * 40},
        {"leave_out": ("X-Slack-Signature",)},
        {"leave_out": ("X-Slack-Request-Timestamp",)},
        {"leave_out": ("X-Slack-Signature", "X-Slack-Request-Timestamp")},
    ],
    ids=[
        "signature of zeros",
        "no signature",
        "letters",
        "v1",
        "another secret",
        "an hour old",
        "an hour ahead",
        "word",
        "negative",
        "exponent",
        "no time",
        "superscript",
        "huge",
        "signature left out",
        "time left out",
        "both left out",
    ],
)
def test_anything_odd_is_refused_with_401_and_changes_nothing(
    at: Office, door: str, oddity: dict
) -> None:
    assert signed(door, a_press(at), **oddity) == 401
    assert signed(door, a_press(at, "case.take", BARTEK)) == 200
    eventually(lambda: at.all_cases()[0].state == "claimed")
    assert at.all_cases()[0].agent_id == at.agent_id("Bartek Lis")


def test_a_captured_request_is_of_no_use_twice_or_later(at: Office, door: str) -> None:
    body, stamp = a_press(at), str(int(time.time()) - 200)
    assert signed(door, body, stamp=stamp) == 200
    eventually(lambda: at.all_cases()[0].state == "claimed")
    number = at.all_cases()[0].id or 0
    eventually(lambda: "case.release" in actions(at.slack.roots()[0]))
    assert signed(door, a_press(at, "case.release")) == 200
    eventually(lambda: "case.take" in actions(at.slack.roots()[0]))
    assert signed(door, body, stamp=stamp) == 200, "fresh still, so acknowledged"
    assert signed(door, body, stamp=str(int(stamp) - 200)) == 401
    assert signed(door, a_press(at, "case.take", BARTEK)) == 200
    eventually(lambda: at.all_cases()[0].state == "claimed")
    assert at.events(number) == ["opened", "claimed", "released", "claimed"]
    assert at.all_cases()[0].agent_id == at.agent_id("Bartek Lis")


@pytest.mark.parametrize("body", [b"\xff\xfe", b"x" * 1_000_001], ids=["no text", "too large"])
def test_a_body_that_is_no_text_or_too_large_is_refused_unread(door: str, body: bytes) -> None:
    assert signed(door, body) == 401


@pytest.mark.parametrize(
    "body", [b"payload=not json", b"payload=[]", b"payload={}", b"", b"a=b", b"{", b"[]"], ids=repr
)
def test_a_signed_body_without_sense_breaks_nothing(at: Office, door: str, body: bytes) -> None:
    assert signed(door, body) in {401, 404}
    assert signed(door, a_press(at)) == 200
    eventually(lambda: at.all_cases()[0].state == "claimed")


def test_a_press_of_another_workspace_is_refused(at: Office, door: str) -> None:
    at.open_cases()
    at.deliver()
    foreign = press(at.slack.roots()[0], "case.take", ANNA, team="T666")
    assert signed(door, as_form(foreign)) == 401
    assert at.all_cases()[0].state == "new"


def test_the_pages_keep_their_login_behind_the_door(door: str) -> None:
    with urlopen(door.replace("/slack/events", "/"), timeout=10) as answer:
        assert answer.url.endswith("/login")
