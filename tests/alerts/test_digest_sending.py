"""A digest on its way: as a Slack message with its charts, and as a mail."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from alerts.base import DeliveryError
from alerts.channels import slack_files
from alerts.channels.email import EmailChannel, MailServer
from alerts.channels.slack import SlackChannel
from alerts.digest import Digest, Entry, Figure, Part, Picture
from alerts.dispatch import Target, deliver_due
from alerts.outbox import enqueue_digest
from models import Delivery, DeliveryState, Level
from models.database import reading, writing
from tests.alerts.conftest import NOON, Clock
from tests.mail_server import Mailbox
from tests.slack_server import FakeSlack, Mischief, control_sequences, message_error

C1: Target = ("slack", "C1")
PNG = b"\x89PNG\r\n\x1a\n"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9"/></svg>'
HOSTILE = "<!channel> *free* & <https://evil.test|bank>"


def a_digest(**changes: Any) -> Digest:
    entry = Entry(
        case_id=4,
        level=Level.URGENT,
        level_words="Urgent",
        title="Router dies every night",
        url="https://quietword.test/case/4",
        quote="Third router & nobody answers",
        language="en",
        why="an author is clearly unhappy",
        facts="Nordvia · Forum",
    )
    fields: dict[str, Any] = {
        "key": "digest morning day 2026-11-23",
        "made_at": NOON.isoformat(),
        "list_id": "morning",
        "language": "en",
        "title": "Daily digest: Nordvia",
        "span": "22 Nov, 08:00 – 23 Nov, 08:00 (UTC)",
        "lead": "1 thread needs a person now.",
        "entries_heading": "Needs a manager",
        "entries": (entry,),
        "figures_heads": ("", "this time", "before", "change"),
        "figures": (Figure(name="Unhappy posts", value="7", before="3", change="+4", worse=True),),
        "parts": (Part(heading="Where we looked", lines=("51 posts",)),),
        "pictures": (Picture(name="trend-1", title="Nordvia", alt="7 unhappy posts", svg=SVG),),
        "link": "https://quietword.test/?since=2026-11-22&until=2026-11-23",
        "link_words": "Open the digest",
        "foot": "Sent by Quietword",
    }
    return Digest(**fields | changes)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_files, "WAITS_S", (0.0, 0.0, 0.0))


def images(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [block for block in message["blocks"] if block["type"] == "image"]


def test_a_chart_is_uploaded_to_nobody_and_shown_by_the_one_message(
    slack: FakeSlack, channel_to: Callable[..., SlackChannel]
) -> None:
    channel_to().send_digest(a_digest())
    [message] = slack.posted
    [image] = images(message)
    assert slack.files[image["slack_file"]["id"]].startswith(PNG)
    assert image["alt_text"] == "7 unhappy posts"
    [shared] = slack.calls("files.completeUploadExternal")
    assert not shared.get("channel_id")
    shown = json.dumps(message["blocks"], ensure_ascii=False)
    for words in ("Router dies every night", "Third router & nobody answers", "7 (before: 3, +4)"):
        assert words in shown
    assert "1 thread needs a person now." in message["text"]


@pytest.mark.usefixtures("hurried")
def test_slack_may_need_some_time_to_know_a_file(
    slack: FakeSlack, channel_to: Callable[..., SlackChannel]
) -> None:
    slack.file_delay = 2
    channel_to().send_digest(a_digest())
    [message] = slack.posted
    assert images(message)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("trouble", ["never known", "no scope"])
def test_without_its_charts_a_digest_goes_out_all_the_same(
    slack: FakeSlack, channel_to: Callable[..., SlackChannel], trouble: str
) -> None:
    if trouble == "no scope":
        slack.scopes = "chat:write"
    else:
        slack.file_delay = 99
    channel_to().send_digest(a_digest())
    [message] = slack.posted
    assert images(message) == []
    assert "Router dies every night" in json.dumps(message["blocks"])


def test_a_chart_that_cannot_be_drawn_is_left_out(
    slack: FakeSlack, channel_to: Callable[..., SlackChannel]
) -> None:
    broken = Picture(name="b", title="b", alt="b", svg="<nonsense")
    channel_to().send_digest(a_digest(pictures=(broken,)))
    assert images(slack.posted[0]) == []


@pytest.mark.parametrize(
    ("trick", "retry_after"),
    [
        (Mischief(status=429, error="ratelimited", headers={"Retry-After": "30"}), 30.0),
        (Mischief(status=503, error="unavailable"), None),
    ],
)
def test_trouble_with_files_is_tried_again_and_leaves_no_doubt(
    slack: FakeSlack,
    channel_to: Callable[..., SlackChannel],
    trick: Mischief,
    retry_after: float | None,
) -> None:
    slack.file_mischief.append(trick)
    with pytest.raises(DeliveryError) as caught:
        channel_to().send_digest(a_digest())
    error = caught.value
    assert (error.retry_after, error.permanent, error.in_doubt) == (retry_after, False, False)
    assert slack.posted == []


def test_a_lost_answer_does_not_send_a_digest_twice(
    engine: Engine,
    slack: FakeSlack,
    channel_to: Callable[..., SlackChannel],
    clock: Clock,
) -> None:
    with writing(engine) as session:
        assert enqueue_digest(session, a_digest(), [C1], NOON)
    channels = {C1: channel_to()}
    slack.mischief.append(Mischief(cut_after=True))
    assert deliver_due(engine, channels, now=clock).retried == 1
    clock.forward(600)
    assert deliver_due(engine, channels, now=clock).found == 1
    assert len(slack.posted) == 1
    with reading(engine) as session:
        [delivery] = session.exec(select(Delivery))
    assert (delivery.state, delivery.receipt) == (DeliveryState.SENT, slack.posted[0]["ts"])


def test_another_installation_in_the_same_room_is_not_taken_for_this_one(
    channel_to: Callable[..., SlackChannel],
) -> None:
    ours, later = a_digest(), (NOON + timedelta(seconds=1)).isoformat()
    channel_to().send_digest(replace(ours, made_at=later))
    assert channel_to().find_digest(ours) is None
    ts = channel_to().send_digest(ours)
    assert channel_to().find_digest(ours) == ts


def test_forum_text_pings_nobody_and_disguises_no_link(
    slack: FakeSlack, channel_to: Callable[..., SlackChannel]
) -> None:
    entry = replace(a_digest().entries[0], title=HOSTILE, quote=HOSTILE, facts=HOSTILE)
    channel_to().send_digest(a_digest(entries=(entry,), lead=HOSTILE, span=HOSTILE, foot=HOSTILE))
    [message] = slack.posted
    assert control_sequences({**message, "blocks": without_rich_text(message["blocks"])}) == []
    links = [one["url"] for one in walk(message["blocks"]) if one.get("type") == "link"]
    assert all(url.startswith("https://quietword.test/") for url in links)


def without_rich_text(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [block for block in blocks if block["type"] != "rich_text"]


def walk(thing: Any) -> list[dict[str, Any]]:
    if isinstance(thing, list):
        return [found for part in thing for found in walk(part)]
    if isinstance(thing, dict):
        return [thing, *(found for part in thing.values() for found in walk(part))]
    return []


def test_the_longest_digest_fits_into_one_message(
    slack: FakeSlack, channel_to: Callable[..., SlackChannel]
) -> None:
    long = "&" * 180
    entry = replace(a_digest().entries[0], title=long, quote=long, why=long * 3, facts=long)
    part = Part(heading=long, lines=(long,) * 6, alarming=True)
    digest = a_digest(entries=(entry,) * 7, parts=(part,) * 5, title=long, lead=long)
    channel_to().send_digest(digest)
    [message] = slack.posted
    assert message_error(message) is None
    assert "blocks" in message


@pytest.fixture
def mail(port: int) -> Callable[..., EmailChannel]:
    def build(room: str = "boss@example.org") -> EmailChannel:
        server = MailServer(host="127.0.0.1", port=port, tls=False)
        return EmailChannel(server, room, sender="quietword@example.org")

    return build


def test_a_mail_has_text_and_html_with_its_charts_inside(
    mailbox: Mailbox, mail: Callable[..., EmailChannel]
) -> None:
    receipt = mail().send_digest(a_digest())
    [got] = mailbox.mails
    assert got["Message-ID"] == receipt
    assert got["List-ID"] == "Quietword digest <morning.digest.quietword.example.org>"
    assert got["Subject"] == "Daily digest: Nordvia · 1 thread needs a person now."
    text, html = got.get_body(("plain",)), got.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "“Third router & nobody answers”" in text.get_content()
    page = html.get_content()
    assert "Third router &amp; nobody answers" in page
    [image] = [part for part in got.walk() if part.get_content_type() == "image/png"]
    assert image.get_content().startswith(PNG)
    assert f'src="cid:{image["Content-ID"].strip("<>")}"' in page
    assert 'alt="7 unhappy posts"' in page


def test_a_mail_fetches_nothing_and_runs_nothing(
    mailbox: Mailbox, mail: Callable[..., EmailChannel]
) -> None:
    entry = replace(a_digest().entries[0], title="<script>x</script><img src=http://evil.test>")
    mail().send_digest(a_digest(entries=(entry,), title="Hi\r\nBcc: all@example.org"))
    [got] = mailbox.mails
    assert got["Bcc"] is None
    html = got.get_body(("html",))
    assert html is not None
    page = html.get_content()
    for forbidden in ("<script", "<img src=http", "<link", "<style", "url(", 'src="http'):
        assert forbidden not in page


def test_a_reader_who_wants_no_more_writes_to_ops(
    mailbox: Mailbox, mail: Callable[..., EmailChannel]
) -> None:
    mail().send_digest(a_digest(stop="ops@example.org"))
    mail().send_digest(a_digest())
    wanted = "<mailto:ops@example.org?subject=unsubscribe%20morning%20boss%40example.org>"
    asked, silent = (got["List-Unsubscribe"] for got in mailbox.mails)
    assert (asked.strip(), silent) == (wanted, None)


def test_a_mail_is_named_by_subscription_period_and_address(
    mail: Callable[..., EmailChannel],
) -> None:
    same, other = a_digest(), a_digest(key="digest morning day 2026-11-24")
    first, again = mail().send_digest(same), mail().send_digest(same)
    assert first == again
    assert len({first, mail().send_digest(other), mail("ceo@example.org").send_digest(same)}) == 3
