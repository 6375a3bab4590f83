"""Channels are built from plain settings, or refused with the setting to mend."""

import pytest

from alerts.channels.console import ConsoleChannel
from alerts.registry import KINDS, ChannelError, build_channel
from tests.slack_server import TOKEN, FakeSlack


def test_a_slack_channel_built_from_settings_reaches_slack(slack: FakeSlack, a_message) -> None:
    channel = build_channel("slack", room="C1", token=f" {TOKEN}\n", slack_api=slack.url)
    channel.send(a_message())
    assert [post["channel"] for post in slack.posted] == ["C1"]
    assert channel.pause_s == 1.0


def test_the_console_needs_no_settings() -> None:
    assert isinstance(build_channel("console"), ConsoleChannel)


@pytest.mark.parametrize(
    ("kind", "settings", "complaint"),
    [
        ("pager", {}, "there is no channel 'pager'; use one of: console, email, slack, webhook"),
        ("console", {"room": "C1"}, "the console has no rooms"),
        ("slack", {"room": "C1"}, "put it .* into QUIETWORD_SLACK_TOKEN"),
        ("slack", {"room": "#care", "token": TOKEN}, "'#care' is not the id of a Slack channel"),
        ("slack", {"room": "", "token": TOKEN}, "'' is not the id of a Slack channel"),
        ("slack", {"room": "C1", "token": "secret"}, "does not look like one"),
        ("slack", {"room": "C1", "token": "xoxb-secret\nX: y"}, "does not look like one"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_the_secret(
    kind: str, settings: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ChannelError, match=complaint) as caught:
        build_channel(kind, **settings)
    assert "secret" not in str(caught.value)


def test_every_kind_is_named_after_its_channel() -> None:
    assert set(KINDS) == {"console", "email", "slack", "webhook"}
