"""Alerts by e-mail, against a real mail server on this machine."""

from collections.abc import Callable

import pytest

from alerts.base import DeliveryError, Message
from alerts.channels.email import EmailChannel
from alerts.notice import Entry, Notice
from alerts.registry import build_channel
from models import Level
from tests.mail_server import Mailbox


@pytest.fixture
def channel(port: int) -> Callable[..., EmailChannel]:
    def build(address: str = "", room: str = "support@example.org") -> EmailChannel:
        made = build_channel(
            "email",
            room=room,
            address=address or f"smtp://127.0.0.1:{port}",
            sender="quietword@example.org",
        )
        assert isinstance(made, EmailChannel)
        return made

    return build


def test_an_alert_is_a_mail_with_everything_in_it(
    mailbox: Mailbox, channel: Callable[..., EmailChannel], a_message: Callable[..., Message]
) -> None:
    receipt = channel().send(a_message(quote="Żółć & <b>nobody</b> answers"))
    [mail] = mailbox.mails
    assert mail["To"] == "support@example.org"
    assert mail["Message-ID"] == receipt
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Router dies every night" in mail["Subject"]
    text = mail.get_content()
    assert "Żółć & <b>nobody</b> answers" in text
    assert "Write privately: https://forum.test/pm?to=5" in text
    assert "Why: 3 authors negative in 2 h" in text


def test_a_thread_title_cannot_add_a_header(
    mailbox: Mailbox, channel: Callable[..., EmailChannel], a_message: Callable[..., Message]
) -> None:
    channel().send(a_message(thread_title="Hi\r\nBcc: all@example.org\r\n\r\nbody"))
    [mail] = mailbox.mails
    assert mail["Bcc"] is None
    assert "Hi Bcc:" in mail["Subject"]


def test_the_same_alert_has_the_same_id_and_mails_of_a_case_belong_together(
    mailbox: Mailbox, channel: Callable[..., EmailChannel], a_message: Callable[..., Message]
) -> None:
    one, urgent = a_message(level=Level.REACH_OUT), a_message()
    entry = Entry(case_id=1, level=Level.URGENT)
    notice = Notice(key="n", kind="reminder", title="nobody has taken it", entries=(entry,))
    ids = [channel().send(one), channel().send(one), channel().send(urgent)]
    channel().send_notice(notice)
    assert ids[0] == ids[1] != ids[2]
    assert len({mail["References"] for mail in mailbox.mails}) == 1


@pytest.mark.parametrize(
    ("answer", "permanent", "stops", "in_doubt"),
    [
        ("451 try later", False, False, False),
        ("552 too large", True, False, False),
        ("drop", False, False, True),
    ],
)
def test_what_the_server_says_decides_what_is_done_next(
    mailbox: Mailbox,
    channel: Callable[..., EmailChannel],
    a_message: Callable[..., Message],
    answer: str,
    permanent: bool,
    stops: bool,
    in_doubt: bool,
) -> None:
    mailbox.answer = answer
    with pytest.raises(DeliveryError) as caught:
        channel().send(a_message())
    error = caught.value
    assert (error.permanent, error.channel, error.in_doubt) == (permanent, stops, in_doubt)


def test_a_refused_login_or_recipient_stops_the_channel_without_the_password_in_the_reason(
    mailbox: Mailbox,
    port: int,
    channel: Callable[..., EmailChannel],
    a_message: Callable[..., Message],
) -> None:
    with pytest.raises(DeliveryError) as login:
        channel(f"smtp://anna:wrong@127.0.0.1:{port}").send(a_message())
    assert (login.value.permanent, login.value.channel) == (True, True)
    assert "wrong" not in str(login.value)
    channel(f"smtp://anna:right@127.0.0.1:{port}").send(a_message())
    assert len(mailbox.mails) == 1
    mailbox.to_recipient = "550 no such user"
    with pytest.raises(DeliveryError) as recipient:
        channel().send(a_message())
    assert (recipient.value.permanent, recipient.value.channel) == (True, True)


def test_a_server_that_is_down_is_tried_again(
    channel: Callable[..., EmailChannel], a_message: Callable[..., Message]
) -> None:
    with pytest.raises(DeliveryError) as caught:
        channel("smtp://127.0.0.1:9").send(a_message())
    assert (caught.value.permanent, caught.value.in_doubt) == (False, False)
