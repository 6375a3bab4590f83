"""Cases, agents and feedback on the command line."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from models.base import id_of
from models.database import make_engine, writing
from models.errors import QuietwordError
from monitor.cli import app
from tests.monitor.scene import Scene

Run = Callable[..., str]


@pytest.fixture
def engine(sqlite: Path, tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{shutil.copy(sqlite, tmp_path / 'q.db')}")
    yield engine
    engine.dispose()


@pytest.fixture
def run(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs a command; what it refuses is raised as it would be printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUIETWORD_DATABASE_URL", str(engine.url))
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> str:
        done = CliRunner().invoke(app, arguments)
        if isinstance(done.exception, QuietwordError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return command


def test_a_case_from_its_first_owner_to_its_dismissal(engine: Engine, run: Run) -> None:
    with writing(engine) as session:
        scene = Scene(session)
        post = scene.post(scene.thread(scene.source(), "Router [bold]"), "Nordvia is silent")
        number = str(id_of(scene.case(post)))
    run("agent", "add", "Anna", "--language", "pl", "--timezone", "Europe/Warsaw")
    run("agent", "add", "Bartek", "--email", "b@example.org")
    assert "mon 09:00-17:00" in run("agent", "shift", "Anna", "mon-fri", "09:00-17:00")
    assert "Europe/Warsaw" in run("agent", "list")
    assert "Router [bold]" in run("case", "list", "--state", "new")
    assert "it is claimed now" in run("case", "claim", number, "--as", "anna")
    assert "was so already" in run("case", "claim", number, "--as", "Anna")
    with pytest.raises(QuietwordError, match="Anna took it at"):
        run("case", "claim", number, "--as", "Bartek")
    run("case", "hand-over", number, "--to", "Bartek", "--as", "Anna", "--note", "my bus")
    run("case", "dismiss", number, "--reason", "not-about-us", "--as", "Bartek")
    shown = json.loads(run("case", "show", number, "--json"))
    assert (shown["state"], shown["title"]) == ("dismissed", "Router [bold]")
    assert [line["what"] for line in shown["history"]] == [
        "opened: Reach out 50",
        "claimed by Anna",
        "handed over by Anna to Bartek: my bus",
        "dismissed by Bartek (not about us)",
    ]
    assert "No case" in run("case", "list")
    assert "0 of 1" in run("feedback")
    with pytest.raises(QuietwordError, match="no post about Nordvia has been judged yet"):
        run("feedback", "calibrate")
    with pytest.raises(QuietwordError, match="is none of: not_negative, not_about_us"):
        run("case", "dismiss", number, "--reason", "boring")
