"""Alerts on a terminal."""

import io

import pytest

from alerts.base import DeliveryError
from alerts.channels.console import ConsoleChannel
from models import Outreach

EVIL = "\x1b[2J\x1b]8;;https://evil.test\x07click\x1b]8;;\x07 \x9b31m \u202eabc [red]x[/red] :fire:"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(message, stream=None) -> str:
    stream = stream or io.StringIO()
    assert ConsoleChannel(stream, width=100).send(message) is None
    return stream.getvalue()


def test_the_panel_tells_the_same_as_slack_without_a_terminal(a_message) -> None:
    shown = written(a_message(outreach_note="Sign with your name."))
    flat = " ".join(shown.replace("│", " ").split())
    for part in (
        "🔴 Urgent · Nordvia · “Router dies every night and support is silent”",
        "Why: 3 authors negative in 2 h · no answer for 5 h",
        "“Third router in a month & nobody answers.”",
        "— night_owl · new here",
        "Forum Test · phpbb · en · 14 posts (+6 new)",
        "thread since 2026-11-20 09:30 UTC",
        "Private contact is welcome here.",
        "Note: Sign with your name.",
        "Open the post: https://forum.test/t/7#p42",
        "Write privately: https://forum.test/pm?to=5",
    ):
        assert part in flat
    assert "\x1b" not in shown


def test_no_control_sequence_of_the_forum_reaches_a_terminal(a_message, monkeypatch) -> None:
    names = ("thread_title", "author", "quote", "source_name", "outreach_note", "topic", "brand")
    hostile = a_message(
        **dict.fromkeys(names, EVIL), reasons=(EVIL,), post_url=f"https://forum.test/{EVIL}"
    )
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = written(hostile, Terminal())
    harmless = written(hostile)
    assert "\x1b[" in coloured
    assert "\x1b]" not in coloured
    assert "\x1b[2J" not in coloured
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(harmless)
    assert "[red]x[/red] :fire:" in " ".join(harmless.replace("│", " ").split())


def test_a_long_address_stays_on_one_line_so_that_it_can_be_copied(a_message) -> None:
    link = "https://forum.test/" + "x" * 300
    assert f"Open thread: {link}\n" in written(a_message(thread_url=link))


def test_a_forbidden_private_contact_is_not_offered(a_message) -> None:
    assert "Write privately:" not in written(a_message(outreach=Outreach.NONE))


def test_a_terminal_that_knows_no_unicode_still_gets_the_alert(a_message) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    ConsoleChannel(stream, width=80).send(a_message(quote="nie działa"))
    assert b"nie dzia?a" in raw.getvalue()


def test_a_closed_pipe_is_a_failure_to_deliver(a_message) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:  # noqa: ARG002
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(DeliveryError, match="Broken pipe"):
        ConsoleChannel(Closed()).send(a_message())
