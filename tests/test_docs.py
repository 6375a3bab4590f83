"""The documents name everything a user can set, run and read."""

import re
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest
import typer
from sqlmodel import SQLModel

import models  # noqa: F401
from alerts.registry import KINDS
from monitor.cli import app
from monitor.config import PREFIX, Settings
from monitor.engine_table import as_markdown
from spiders.detect import engines

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DOCS = README + "".join(file.read_text("utf-8") for file in sorted((ROOT / "docs").glob("*.md")))


def test_readme_lists_every_setting_with_its_default() -> None:
    for name, field in Settings.model_fields.items():
        default = field.default
        if hasattr(default, "get_secret_value"):
            default = default.get_secret_value()
        shown = "" if default is None else f"`{default}`"
        row = f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |"
        assert row in README, f"add to README: {row}"


def test_the_table_of_engines_is_the_one_that_the_engines_give() -> None:
    written = (ROOT / "docs" / "engines.md").read_text("utf-8")
    assert written == as_markdown(), "run: quietword engines --markdown > docs/engines.md"


@pytest.mark.parametrize("engine", sorted(engines()))
def test_the_table_of_engines_says_all_there_is_to_say_of_each(engine: str) -> None:
    gives = asdict(engines()[engine].gives)
    assert all(gives[name] for name in gives if name != "product")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_readme_names_every_channel(kind: str) -> None:
    assert kind in README.lower()


def test_the_documents_show_every_command() -> None:
    group = typer.main.get_command(app)
    commands = set(group.commands)  # type: ignore[attr-defined]
    missing = {name for name in commands if f"quietword {name}" not in DOCS and name != "demo"}
    assert missing == set()


def test_architecture_lists_every_table() -> None:
    architecture = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    missing = {name for name in SQLModel.metadata.tables if f"`{name}`" not in architecture}
    assert missing == set()


def test_every_link_between_documents_leads_somewhere() -> None:
    for file in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", file.read_text("utf-8")):
            if "://" not in target:
                assert (file.parent / target).exists(), f"{file.name}: {target}"


def test_every_test_that_the_security_page_names_is_there() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    files = {file.name: file.read_text("utf-8") for file in ROOT.glob("tests/*/test_*.py")}
    named = re.findall(r"`(?:tests/\w+/)?(test_\w+\.py)(?:::(test_\w+))?`", page)
    assert len(named) > 20
    for file, test in named:
        assert not test or f"def {test}(" in files[file], f"{file}: {test}"
    everything = "".join(files.values())
    for test in re.findall(r"`(test_\w+)`", page):
        assert f"def {test}(" in everything, test


def test_every_dependency_is_pinned_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = {
        re.sub(r"[-_.]+", "-", line.split("==")[0]).lower()
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if "==" in line
    }
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(want for extra in extras for want in extra)]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~ ]", want)[0]).lower() for want in wanted}
    assert names - pinned == set()
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
