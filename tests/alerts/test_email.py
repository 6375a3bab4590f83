"""Alerts by e-mail, against a real mail server on this machine."""

import socket
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from alerts.base import DeliveryError, Message
from alerts.channels.email import EmailChannel
from alerts.notice import Entry, Notice
from alerts.registry import build_channel
from models import Level


class Mailbox:
    """Keeps what arrives; ``answer`` is said instead of taking a mail."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answer = ""
        self.to_recipient = ""

    async def handle_RCPT(self, _s: Any, _e: Any, envelope: Any, address: str, _o: Any) -> str:
        if self.to_recipient:
            return self.to_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        if self.answer == "drop":
            server.transport.close()
            return "250 never heard"
        if self.answer:
            return self.answer
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def port(mailbox: Mailbox) -> Iterator[int]:
    def login(_s: Any, _e: Any, _m: Any, _mechanism: Any, data: Any) -> AuthResult:
        return AuthResult(success=data.password == b"right", handled=False)

    with socket.create_server(("127.0.0.1", 0)) as probe:  # it cannot choose one itself
        free = probe.getsockname()[1]
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=free,
        authenticator=login,
        auth_require_tls=False,
    )
    controller.start()
    yield free
    controller.stop()


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
