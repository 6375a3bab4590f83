"""SlackChannel against a Slack that runs on this machine."""

import json
import logging
import re
import traceback
from dataclasses import fields

import pytest
from slack_sdk import WebClient

from alerts.base import DeliveryError, Message
from alerts.channels.slack import SlackChannel
from alerts.slack_blocks import TOTAL_LIMIT, blocks
from models import Outreach
from tests.slack_server import (
    TOKEN,
    Mischief,
    buttons,
    control_sequences,
    message_error,
    reader_sees,
    texts,
)

NASTY = {
    "ping": "<!channel> <!here> <@U024BE7LH> <#C1> @here",
    "script": "<script>alert(1)</script>",
    "link": "<https://evil.test|your bank> https://evil.test/?a=1&b=2",
    "format": "*bold* _it_ ~gone~ `code` ```x``` :fire: > quote",
    "bidi": "\u202egnol\u2066 \u200b\u200b\ufeff e" + "\u0301" * 100,
    "long": "słowo " * 3_400,
    "ampersands": "&" * 20_000,
    "entities": "&lt;!channel&gt; &amp;amp;",
    "control": "\x1b[31m\x00\r\n\x07",
    "surrogate": "a\ud83d",
    "empty": "",
    "blank": " \n\u200b",
}
TEXT_FIELDS = sorted(field.name for field in fields(Message) if field.type in {str, str | None})


def test_an_alert_tells_an_agent_all_that_is_needed_to_act(slack, channel_to, a_message) -> None:
    receipt = channel_to("C1").send(a_message())
    [post] = slack.posted
    assert receipt == post["ts"]
    assert post["channel"] == "C1"
    assert reader_sees(post) == (
        "🔴 Urgent · Nordvia · “Router dies every night and support is silent”\n"
        "Why: 3 authors negative in 2 h · no answer for 5 h\n"
        "“Third router in a month & nobody answers.”\n"
        "— night_owl · new here\n"
        "Forum Test · phpbb · en · 14 posts (+6 new) · negative 0.91 (quietword-small) · "
        "topic: hardware\n"
        "thread since <!date^1795167000^{date_short_pretty} {time}|2026-11-20>\n"
        "<https://forum.test/t/7#p42|Open the post>\n"
        "How to reach out: Private contact is welcome here. Write with your own name.\n"
        "Open thread\n"
        "Write privately"
    )
    assert buttons(post) == {
        "Open thread": "https://forum.test/t/7",
        "Write privately": "https://forum.test/pm?to=5",
    }
    assert post["text"] == "Urgent: Nordvia complaint on Forum Test, 3 authors negative in 2 h."
    assert post["metadata"]["event_payload"]["case_id"] == 1
    assert (post["unfurl_links"], post["unfurl_media"]) == (False, False)
    assert (post["parse"], post["link_names"]) == ("none", False)


def test_no_private_message_is_offered_where_the_community_forbids_it(
    slack, channel_to, a_message
) -> None:
    channel_to().send(a_message(outreach=Outreach.DECLARED_PUBLIC_ONLY))
    assert buttons(slack.posted[0]) == {"Open thread": "https://forum.test/t/7"}
    assert "No private messages here." in reader_sees(slack.posted[0])


@pytest.mark.parametrize("name", TEXT_FIELDS)
@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY)
def test_nasty_text_in_any_field_is_shown_and_does_nothing(
    slack, channel_to, a_message, name: str, nasty: str
) -> None:
    channel_to().send(a_message(**{name: nasty}))
    [post] = slack.posted
    assert "blocks" in post
    assert_harmless(post)


@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY)
def test_nasty_text_in_every_field_at_once_still_makes_a_message(
    slack, channel_to, a_message, nasty: str
) -> None:
    message = a_message(**dict.fromkeys(TEXT_FIELDS, nasty), reasons=(nasty,) * 40)
    channel_to().send(message)
    [post] = slack.posted
    assert "blocks" in post
    assert_harmless(post)


def assert_harmless(post: dict) -> None:
    """Nothing in ``post`` acts but our own dates and links, and nothing in it is invisible."""
    for sequence in control_sequences(post):
        assert re.fullmatch(
            r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|[\d-]+>|"
            r"<https?://[^<>|\s]+\|Open the post>",
            sequence,
        )
    for text in texts(post):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u200b\u202a-\u202e\u2066-\u2069]", text["text"])
        if text["type"] == "plain_text":
            assert not re.search(r"[<>]|&(?!(?:amp|lt|gt);)", text["text"])
            assert text["emoji"] is False


def test_addresses_as_long_as_the_database_holds_do_not_burst_the_message(a_message) -> None:
    start = "https://forum.test/?"
    link = start + "&" * (2_000 - len(start))
    message = a_message(
        **dict.fromkeys(TEXT_FIELDS, NASTY["ampersands"])
        | {"thread_url": link, "post_url": link, "private_message_url": link}
    )
    rendered = blocks(message)
    assert len(json.dumps(rendered, ensure_ascii=False)) <= TOTAL_LIMIT
    assert message_error({"text": "x", "blocks": rendered}) is None
    assert buttons({"blocks": rendered})["Open thread"] == link


def test_an_alert_whose_form_slack_dislikes_goes_out_plain(slack, channel_to, a_message) -> None:
    slack.mischief.append(Mischief(error="invalid_blocks"))
    assert channel_to().send(a_message(brand="<!channel> & co")) == slack.posted[0]["ts"]
    [post] = slack.posted
    assert "blocks" not in post
    assert post["text"] == (
        "Urgent: &lt;!channel&gt; &amp; co complaint on Forum Test, 3 authors negative in 2 h.\n"
        "How to reach out: Private contact is welcome here. Write with your own name.\n"
        "<https://forum.test/t/7#p42>"
    )
    assert post["metadata"]["event_payload"]["case_id"] == 1


def test_an_alert_whose_metadata_slack_dislikes_goes_out_without_it(
    slack, channel_to, a_message
) -> None:
    slack.mischief.append(Mischief(error="invalid_metadata_schema"))
    channel_to().send(a_message())
    assert "metadata" not in slack.posted[0]


def test_a_form_refused_twice_waits_for_a_person(slack, channel_to, a_message) -> None:
    slack.mischief.extend([Mischief(error="invalid_blocks"), Mischief(error="msg_too_long")])
    with pytest.raises(DeliveryError, match="msg_too_long") as caught:
        channel_to().send(a_message())
    assert caught.value.permanent
    assert len(slack.requests) == 2


RATE = {"error": "ratelimited", "status": 429}


@pytest.mark.parametrize(
    ("mischief", "expected"),
    [
        (Mischief(**RATE, headers={"Retry-After": "30"}), (False, 30.0, False)),
        (Mischief(**RATE, headers={"retry-after": "7"}), (False, 7.0, False)),
        (Mischief(**RATE), (False, 10.0, False)),
        (Mischief(**RATE, headers={"Retry-After": "soon"}), (False, 10.0, False)),
        (Mischief(**RATE, headers={"Retry-After": "nan"}), (False, 10.0, False)),
        (Mischief(**RATE, headers={"Retry-After": "86400"}), (False, 86_400.0, False)),
        (Mischief(error="message_limit_exceeded"), (False, 10.0, False)),
        (Mischief(status=500, error="internal_error"), (False, None, True)),
        (Mischief(status=503, body="<html>busy</html>"), (False, None, True)),
        (Mischief(body="<html>not Slack</html>"), (False, None, True)),
        (Mischief(cut_after=True), (False, None, True)),
        (Mischief(error="a_code_of_tomorrow"), (False, None, True)),
        (Mischief(error="is_archived"), (True, None, False)),
        (Mischief(error="token_revoked"), (True, None, False)),
        (Mischief(error="missing_scope"), (True, None, False)),
    ],
)
def test_a_refusal_says_whether_to_try_again_when_and_whether_it_may_have_arrived(
    slack, channel_to, a_message, mischief, expected
) -> None:
    slack.mischief.append(mischief)
    with pytest.raises(DeliveryError) as caught:
        channel_to().send(a_message())
    error = caught.value
    assert (error.permanent, error.retry_after, error.in_doubt) == expected


def test_a_silence_after_slack_accepted_leaves_the_matter_in_doubt(
    slack, channel_to, a_message
) -> None:
    slack.mischief.append(Mischief(hang_after=True))
    with pytest.raises(DeliveryError, match="did not answer") as caught:
        channel_to(timeout_s=1).send(a_message())
    assert caught.value.in_doubt
    assert len(slack.posted) == 1


def test_a_slack_that_cannot_be_reached_certainly_has_nothing(a_message) -> None:
    nowhere = WebClient(TOKEN, base_url="http://127.0.0.1:9/", timeout=2, retry_handlers=[])
    with pytest.raises(DeliveryError, match="could not be reached") as caught:
        SlackChannel(nowhere, "C1").send(a_message())
    assert (caught.value.permanent, caught.value.in_doubt) == (False, False)


def test_a_wrong_room_says_what_to_mend(channel_to, a_message) -> None:
    with pytest.raises(DeliveryError, match=r"channel_not_found; correct the channel's id"):
        channel_to("C404").send(a_message())


def test_a_message_is_found_again_by_case_level_and_content(channel_to, a_message) -> None:
    channel = channel_to()
    channel.send(a_message(case_id=1))
    ts = channel.send(a_message(case_id=2))
    channel.send(a_message(case_id=3))
    assert channel.find(a_message(case_id=2)) == ts
    assert channel.find(a_message(case_id=4)) is None
    assert channel.find(a_message(case_id=2, quote="from another installation")) is None
    assert channel_to("C2").find(a_message(case_id=2)) is None


def test_a_token_that_may_not_read_the_room_says_so(slack, channel_to, a_message) -> None:
    slack.may_read_history = False
    with pytest.raises(DeliveryError, match="missing_scope") as caught:
        channel_to().find(a_message())
    assert caught.value.permanent


def test_the_token_is_in_no_error_and_no_log(slack, channel_to, a_message, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    slack.mischief.extend([Mischief(status=500), Mischief(cut_after=True), Mischief(body="x")])
    secret = "xoxb-very-secret"
    slack.token = secret
    told = ""
    for token in (secret, secret, secret, "xoxb-other-secret"):
        with pytest.raises(DeliveryError) as caught:
            channel_to(token=token).send(a_message())
        told += repr(caught.value) + "".join(traceback.format_exception(caught.value))
    assert "invalid_auth" in told
    assert "secret" not in told + caplog.text
