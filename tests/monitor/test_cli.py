"""The command line as a person uses it: each command in a process of its own, forked.

The demo's tour and the service are started as a person starts them, in their own tests.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from monitor.demo import NORDVIA, DemoForum
from tests.forked import ROOT, Forked, quietword
from tests.slack_server import TOKEN, FakeSlack


@dataclass
class Shell:
    """A working directory in which commands are run."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        kept = {k: v for k, v in os.environ.items() if not k.startswith("QUIETWORD_")}
        env = kept | {"PYTHONPATH": str(ROOT)} | self.settings
        with Forked(quietword, *arguments, cwd=self.folder, env=env) as child:
            said, wrong = child.communicate(150)
        assert child.returncode == code, f"{said}\n{wrong}"
        return subprocess.CompletedProcess(arguments, code, said, wrong)

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments).stdout)


@pytest.fixture(scope="module")
def forum() -> Iterator[DemoForum]:
    with DemoForum() as forum:
        forum.grow()
        yield forum


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"QUIETWORD_ALLOW_PRIVATE_ADDRESSES": "1"})


def test_help_loads_neither_torch_nor_scrapy_nor_the_tables(shell: Shell) -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, monitor.cli; print(*[m for m in ('torch', 'transformers', 'scrapy', "
            "'sqlalchemy', 'fastapi') if m in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert loaded.stdout.strip() == ""
    assert "Find unhappy customers" in shell.run("--help").stdout


@pytest.mark.timeout(600)
def test_the_whole_story_from_an_empty_folder_to_alerts_and_a_digest(
    shell: Shell, forum: DemoForum, database_url: str
) -> None:
    with FakeSlack() as slack:
        shell.settings |= {
            "QUIETWORD_DATABASE_URL": database_url,
            "QUIETWORD_SLACK_TOKEN": TOKEN,
            "QUIETWORD_SLACK_ROOM": "C1",
            "QUIETWORD_SLACK_API_URL": slack.url,
            "QUIETWORD_CONTACT": "ops@quietword.test",
        }
        shell.run("init")
        (shell.folder / "sources.toml").write_text(
            f"""
            [[brand]]
            name = "{NORDVIA.name}"
            aliases = {json.dumps(list(NORDVIA.aliases), ensure_ascii=False)}
            rivals = {json.dumps([rival.name for rival in NORDVIA.rivals])}
            staff = {json.dumps(list(NORDVIA.staff_authors))}

            [[source]]
            address = "{forum.discourse_url}"
            name = "Customers' corner"
            delay_s = 0
            outreach = "none"
            """,
            "utf-8",
        )
        shell.run("apply", "sources.toml")
        added = shell.run("add", forum.phpbb_url, "--delay", "0", "--name", "Board")
        assert "phpbb" in added.stdout
        first = shell.run("crawl").stderr
        assert "Board: " in first
        scored = shell.json("score", "--json")
        assert scored["judged"] > 40
        assert scored["alerts"] >= 3
        shell.run("deliver")
        assert len(slack.posted) == scored["alerts"]
        shell.run("deliver")
        assert len(slack.posted) == scored["alerts"], "an alert came twice"
        again = shell.run("crawl").stderr
        assert again.count("0 posts in 0 threads") == 2
        digest = shell.json("digest", "--since", "7d", "--json")
        assert digest["cases"]
        listing = shell.run("sources").stdout
        assert "Board" in listing
        assert shell.run("check").returncode == 0


def test_watch_needs_no_set_up_and_leaves_nothing_behind(shell: Shell, forum: DemoForum) -> None:
    look = shell.json(
        "watch",
        forum.phpbb_url,
        "--brand",
        "Nordvia",
        "--rival",
        "Baltfon",
        "--json",
        "--since",
        "3650d",
    )
    assert (look["format"], look["engine"], look["brand"]) == (1, "phpbb", "Nordvia")
    assert look["posts"] == 47
    [worst, *_] = look["flagged"]
    assert worst["reasons"]
    assert worst["private_message_url"].startswith(forum.phpbb_url)
    assert list(shell.folder.iterdir()) == []


def test_read_prints_one_object_a_post_in_the_documented_format(
    shell: Shell, forum: DemoForum
) -> None:
    lines = shell.run("read", forum.discourse_url, "--jsonl").stdout.splitlines()
    records = [json.loads(line) for line in lines]
    assert len({record["post_id"] for record in records}) == len(records) == 41
    for record in records:
        assert list(record) == [
            "format",
            "engine",
            "board",
            "thread_id",
            "thread_title",
            "thread_url",
            "post_id",
            "number",
            "url",
            "author",
            "author_id",
            "posted_at",
            "edited",
            "text",
            "quotes",
            "private_message_url",
            "author_handle",
            "profile_url",
        ]
        assert record["format"] == 1
        assert record["posted_at"].endswith("Z")


def test_read_reads_one_saved_page(shell: Shell) -> None:
    page = shell.folder / "page.html"
    page.write_text(
        """<html><head><script type="application/ld+json">{"@context": "https://schema.org",
        "@type": "DiscussionForumPosting", "headline": "No refund", "url": "https://f.test/t/1",
        "author": {"@type": "Person", "name": "ann"}, "datePublished": "2026-11-01T10:00:00Z",
        "text": "Still waiting."}</script></head><body></body></html>""",
        "utf-8",
    )
    read = shell.json("read", "--file", str(page), "--url", "https://f.test/t/1", "--json")
    assert read["engine"] == "schema_org"
    assert read["thread_title"] == "No refund"
    assert read["next_page"] is None
    assert [post["text"] for post in read["posts"]] == ["Still waiting."]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sources",), "run: quietword init"),
        (("watch", "https://forum.quietword.test/", "--brand", "x"), "QUIETWORD_CONTACT"),
        (("watch", "http://x/", "--brand", "x", "--since", "soon"), "not a span of time"),
        (("read", "--file", "missing.html", "--url", "https://f.test/"), "cannot be read"),
        (("score", "--eval", "missing.jsonl"), "missing.jsonl"),
        (("login",), "run: quietword init"),
    ],
)
def test_what_cannot_work_is_said_in_one_message(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = Shell(tmp_path).run(*arguments, code=1)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistaken_sources_file_changes_nothing(shell: Shell) -> None:
    shell.run("init")
    file = shell.folder / "sources.toml"
    file.write_text('[[brand]]\nname = "A"\n[[brand]]\nnmae = "B"\n', "utf-8")
    said = shell.run("apply", "sources.toml", code=1).stderr
    assert "brand.1.nmae" in said
    assert "A" not in shell.run("brand", "list").stdout


def test_check_names_a_misspelt_variable(shell: Shell) -> None:
    shell.run("init")
    shell.settings["QUIETWORD_CONTCAT"] = "ops"
    assert "QUIETWORD_CONTCAT matches no setting" in shell.run("check", code=1).stdout


def test_a_selector_that_an_engine_has_not_applies_nothing(shell: Shell) -> None:
    shell.run("init")
    (shell.folder / "sources.toml").write_text(
        '[[source]]\naddress = "https://f.test/b"\nengine = "discourse"\n'
        '[source.selectors]\nbody = "p"\n',
        "utf-8",
    )
    assert "reads by no selectors" in shell.run("apply", "sources.toml", code=1).stderr
    assert "f.test" not in shell.run("sources").stdout
