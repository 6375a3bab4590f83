"""Words to one person alone: told once, and to the room where nothing reaches that person."""

import pytest
from sqlmodel import select

from alerts.channels.email import EmailChannel, MailServer
from alerts.dispatch import deliver_due
from alerts.notice import Notice
from alerts.outbox import enqueue_notice
from models import BrokenChannel, Delivery, DeliveryState
from models.database import reading, writing
from monitor.undelivered import read_undelivered
from tests.slack_server import Mischief, reader_sees

ANNA, ROOM = ("slack", "UANNA"), ("slack", "C1")


@pytest.fixture
def tell(engine, clock):
    """Queue a word to Anna."""

    def one(**changes) -> None:
        fields = {"key": "k", "kind": "escalation", "title": "Case 7 waits", "person": "Anna"}
        with writing(engine) as session:
            assert enqueue_notice(session, Notice(**fields | changes), [ANNA], clock())

    return one


@pytest.fixture
def run(engine, channel_to, clock):
    """Deliver what is due, twice; the second time long after the first."""
    channels = {place: channel_to(place[1]) for place in (ANNA, ROOM)}

    def twice() -> None:
        for _ in range(2):
            deliver_due(engine, channels, now=clock, rooms=[ROOM])
            clock.forward(1_000)

    return twice


def states(engine) -> dict[tuple[str, str], str]:
    with reading(engine) as session:
        return {(one.channel, one.room): one.state for one in session.exec(select(Delivery))}


@pytest.mark.parametrize(
    "lost", [Mischief(cut_after=True), Mischief(status=503), Mischief(error="internal_error")]
)
def test_a_lost_answer_is_looked_for_in_the_conversation_with_the_person(
    engine, slack, tell, run, lost
) -> None:
    slack.people["UANNA"] = ""
    slack.mischief.append(lost)
    tell()
    run()
    assert [post["channel"] for post in slack.posted] == ["DANNA"]
    assert states(engine) == {ANNA: DeliveryState.SENT}


def test_an_app_that_may_not_open_conversations_still_writes_to_a_person(
    engine, slack, tell, run
) -> None:
    slack.people["UANNA"] = ""
    slack.scopes = "chat:write"
    slack.mischief.append(Mischief(cut_after=True))
    tell()
    run()
    assert len(slack.posted) == 2, "it cannot look for the first, and rather comes twice than never"
    assert states(engine) == {ANNA: DeliveryState.SENT}


@pytest.mark.parametrize("scopes", ["chat:write", "chat:write,im:write,im:history"])
@pytest.mark.parametrize(
    "refusal",
    ["user_disabled", "cannot_dm_bot", "user_not_found", "channel_not_found", "restricted_action"],
)
def test_what_a_person_cannot_be_told_the_room_is_told_with_their_name(
    engine, slack, tell, run, refusal, scopes
) -> None:
    slack.people["UANNA"], slack.scopes = refusal, scopes
    tell()
    run()
    [post] = slack.posted
    assert (post["channel"], reader_sees(post)) == ("C1", "Anna: Case 7 waits")
    assert states(engine) == {ANNA: DeliveryState.FAILED, ROOM: DeliveryState.SENT}
    with reading(engine) as session:
        assert not session.exec(select(BrokenChannel)).all()
        assert not read_undelivered(session), "it has reached somebody"
        error = session.exec(select(Delivery.error).where(Delivery.room == "UANNA")).one()
    assert error.startswith(f"Slack refused: {refusal}; nobody is written to there")


def test_a_revoked_token_keeps_a_word_to_a_person_for_that_person(engine, slack, tell, run) -> None:
    slack.people["UANNA"] = ""
    slack.revoked = True
    tell()
    run()
    assert states(engine) == {ANNA: DeliveryState.PENDING}
    slack.revoked = False
    run()
    assert [post["channel"] for post in slack.posted] == ["DANNA"]


def test_a_word_for_nobody_in_particular_is_given_up_and_stands_among_the_undelivered(
    engine, slack, tell, run
) -> None:
    slack.people["UANNA"] = "user_disabled"
    tell(person=None, title="12 cases at once")
    run()
    assert states(engine) == {ANNA: DeliveryState.FAILED}
    with reading(engine) as session:
        [one] = read_undelivered(session)
    assert (one.case_id, one.title, one.given_up) == (None, "12 cases at once", True)
    assert slack.posted == []


def test_a_mailbox_that_is_gone_stops_nobody_else_and_the_room_is_told(
    engine, slack, mailbox, port, channel_to, clock
) -> None:
    mailbox.to_recipient = "550 no such user"
    place = ("email", "anna@nordvia.test")
    server = MailServer.read(f"smtp://127.0.0.1:{port}")
    channels = {
        place: EmailChannel(server, place[1], sender="quietword@nordvia.test"),
        ROOM: channel_to(),
    }
    notice = Notice(key="k", kind="escalation", title="Case 7 waits", person="Anna")
    with writing(engine) as session:
        assert enqueue_notice(session, notice, [place], clock())
    for _ in range(2):
        deliver_due(engine, channels, now=clock, rooms=[ROOM])
    assert [reader_sees(post) for post in slack.posted] == ["Anna: Case 7 waits"]
    assert states(engine) == {place: DeliveryState.FAILED, ROOM: DeliveryState.SENT}
