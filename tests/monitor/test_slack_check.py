"""What ``quietword slack check`` finds."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from alerts.dispatch import enqueue
from models import Agent, Level
from models.base import utc_now
from models.database import make_engine, writing
from monitor.cli import app
from monitor.config import load_settings
from monitor.judging import message_for
from tests.monitor.scene import Scene
from tests.slack_server import APP_TOKEN, SCOPES, TOKEN, FakeSlack

MANIFEST = Path(__file__).parents[2] / "docs" / "slack-manifest.yaml"


@pytest.fixture
def slack(sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    file = shutil.copy(sqlite, tmp_path / "quietword.db")
    engine = make_engine(f"sqlite:///{file}")
    with writing(engine) as session:
        session.add(Agent(name="Anna Nowak", email="anna@nordvia.test"))
    engine.dispose()
    monkeypatch.chdir(tmp_path)
    with FakeSlack() as fake:
        fake.socket_url = "ws://127.0.0.1:1/"
        for name, value in {
            "DATABASE_URL": f"sqlite:///{file}",
            "SLACK_TOKEN": TOKEN,
            "SLACK_APP_TOKEN": APP_TOKEN,
            "SLACK_ROOM": "C1",
            "SLACK_API_URL": fake.url,
        }.items():
            monkeypatch.setenv(f"QUIETWORD_{name}", value)
        yield fake


def check() -> tuple[int, str]:
    result = CliRunner().invoke(app, ["slack", "check"], env={"COLUMNS": "300"})
    return result.exit_code, result.output


def test_a_set_up_that_works_is_called_well(slack: FakeSlack) -> None:  # noqa: ARG001
    code, told = check()
    assert code == 0
    assert told.splitlines() == [
        "  ok the bot token is that of quietword in Fake",
        "  ok the scopes suffice",
        "  ok the clock agrees with Slack's",
        "  ok alerts go to #alerts",
        "  ok presses are taken by Socket Mode",
        "  ok 1 agents can be known in Slack",
    ]


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        ({"revoked": True}, 1, "the bot token does not work: token_revoked; put a valid"),
        ({"token": "xoxb-new"}, 1, "the bot token does not work: invalid_auth"),
        (
            {"scopes": SCOPES.replace(",users:read.email", "")},
            0,
            "scopes are missing: users:read.em",
        ),
        ({"scopes": SCOPES.replace(",im:history", "")}, 0, "scopes are missing: im:history"),
        ({"scopes": "commands"}, 1, "chat:write (alerts cannot be posted)"),
        ({"rooms": set()}, 1, "channel C1 cannot be used: channel_not_found"),
        ({"member": False}, 1, "the app is not in #alerts; write there: /invite @quietword"),
        ({"socket_url": ""}, 1, "cannot be taken by Socket Mode: socket_mode_disabled"),
        ({"clock_s": -3600.0}, 1, "the clock is +36"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_with_what_to_do(
    slack: FakeSlack, spoil: dict[str, Any], code: int, words: str
) -> None:
    for name, value in spoil.items():
        setattr(slack, name, value)
    got, told = check()
    assert (got, words in told) == (code, True), told


def test_the_token_is_never_printed(slack: FakeSlack) -> None:
    slack.revoked = True
    assert TOKEN not in check()[1]


def test_the_manifest_asks_for_every_scope_that_is_used_and_no_other() -> None:
    manifest = yaml.safe_load(MANIFEST.read_text("utf-8"))
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == set(SCOPES.split(","))
    assert manifest["settings"]["socket_mode_enabled"] is True
    [command] = manifest["features"]["slash_commands"]
    assert command["command"] == "/quietword"


def test_check_names_a_channel_that_has_stopped_until_it_is_mended(slack: FakeSlack) -> None:
    engine = make_engine(load_settings().database_url.get_secret_value())
    with writing(engine) as session:
        scene = Scene(session)
        post = scene.post(scene.thread(scene.source(), "T"), "Nordvia, why?", negative=0.9)
        case = scene.case(post, Level.URGENT)
        message = message_for(session, case, now=utc_now())
        assert enqueue(session, case, message, [("slack", "C1")], utc_now())
    engine.dispose()

    def run(*command: str) -> str:
        return CliRunner().invoke(app, list(command), env={"COLUMNS": "400"}).output

    slack.revoked = True
    run("deliver")
    assert slack.posted == []
    [stopped] = [line for line in run("check").splitlines() if "has taken nothing since" in line]
    assert stopped.startswith(" bad slack C1 has taken nothing since ")
    assert "token_revoked" in stopped
    assert stopped.endswith("1 message waits. Mend it, then: quietword deliver --retry-failed")

    slack.revoked = False
    run("deliver", "--retry-failed")
    assert len(slack.posted) == 1
    assert "has taken nothing" not in run("check")
