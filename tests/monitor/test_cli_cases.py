"""Cases, agents, feedback and digests on the command line."""

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
from tests.slack_server import TOKEN, FakeSlack

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
    off = ("agent", "shift", "Anna", "--off", "2026-12-24", "--off", "2026-12-25")
    assert "off 2026-12-24, 2026-12-25" in " ".join(run(*off).split())
    on = " ".join(run("agent", "shift", "Anna", "--on", "2026-12-24").split())
    assert "; off 2026-12-25 (" in on
    assert "2026-12-24" not in run("agent", "list")
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


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    with FakeSlack() as slack:
        monkeypatch.setenv("QUIETWORD_SLACK_TOKEN", TOKEN)
        monkeypatch.setenv("QUIETWORD_SLACK_ROOM", "C1")
        monkeypatch.setenv("QUIETWORD_SLACK_API_URL", slack.url)
        monkeypatch.setenv("QUIETWORD_SMTP_URL", "smtp://127.0.0.1:9")
        monkeypatch.setenv("QUIETWORD_MAIL_FROM", "quietword@example.org")
        yield slack


def test_a_digest_from_its_first_look_to_its_end(
    engine: Engine, run: Run, channels: FakeSlack
) -> None:
    with writing(engine) as session:
        Scene(session).brand("Nordvia")
    assert "no thread needs a person" in run("digest").lower()
    assert "Nie ma o czym" in run("digest", "preview", "--language", "pl")
    told = run(
        *("digest", "add", "ranek", "--to", "C1", "--brand", "Nordvia", "--language", "pl"),
        *("--at", "07:30", "--timezone", "Europe/Warsaw"),
    )
    assert "07:30 Europe/Warsaw to C1" in told
    assert "none yet" in run("digest", "list")
    assert "Przegląd dnia: Nordvia" in run("digest", "preview", "ranek")
    assert "1 messages sent" in run("digest", "send", "ranek")
    assert "was sent before" in run("digest", "send", "ranek")
    assert "1 messages sent" in run("digest", "send", "ranek", "--again")
    assert "1 messages sent" in run("digest", "send", "ranek", "--of", "2026-11-01")
    assert len(channels.posted) == 3
    assert "1 sent" in run("digest", "list")
    run("digest", "remove", "ranek")
    with pytest.raises(QuietwordError, match="none yet"):
        run("digest", "remove", "ranek")


@pytest.mark.parametrize(
    ("shape", "begin"), [("html", "<!doctype html>"), ("eml", "From: "), ("slack", '{\n "blocks"')]
)
def test_a_digest_can_be_seen_as_it_would_be_sent(
    run: Run, tmp_path: Path, shape: str, begin: str
) -> None:
    file = tmp_path / "digest"
    run("digest", "preview", "--now", "--as", shape, "--into", str(file))
    assert file.read_text("utf-8").startswith(begin)


@pytest.mark.usefixtures("channels")
def test_digests_stand_in_the_file_of_sources(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "watch.toml"
    file.write_text(
        '[[brand]]\nname = "Nordvia"\n[[digest]]\nname = "board"\nevery = "week"\n'
        'brand = "Nordvia"\nto = ["boss@example.org", "ceo@example.org"]\n',
        "utf-8",
    )
    for _ in range(2):
        assert "1 digests" in run("apply", str(file))
    listed = run("digest", "list")
    assert listed.count("board") == 1
    assert "boss@example.org, ceo@example.org" in " ".join(listed.split())
    file.write_text('[[digest]]\nname = "board"\nto = ["C1"]\nevry = "week"\n', "utf-8")
    with pytest.raises(QuietwordError, match="evry"):
        run("apply", str(file))


def test_an_authors_wish_for_no_contact_is_passed_on_at_the_terminal(
    engine: Engine, run: Run
) -> None:
    with writing(engine) as session:
        scene = Scene(session)
        post = scene.post(scene.thread(scene.source(), "Router"), "Nordvia is silent")
        number = str(id_of(scene.case(post)))
    run("agent", "add", "Anna", "--speech", "pl")
    said = run("case", "opt-out", number, "--as", "Anna", "--note", "by phone")
    assert "it is dismissed now" in said
    assert "Ewa_k is not written to any more; 1 case was closed." in said
    shown = json.loads(run("case", "show", number, "--json"))
    assert shown["history"][-1]["what"] == "dismissed by Anna (no contact allowed): by phone"
    with pytest.raises(QuietwordError, match="messages cannot be in 'xx'; use one of: en, pl, ru"):
        run("agent", "add", "Anna", "--speech", "xx")
