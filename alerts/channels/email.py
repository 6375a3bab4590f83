"""Alerts by e-mail, one mail each, through the team's own mail server.

A mail says at once what a channel would: facts as plain text, addresses on lines of their own.
Its ``Message-ID`` is made from what it tells, so a mail that was sent twice after a lost answer
is one to most mail programs; a mailbox cannot be searched.
"""

import hashlib
import json
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlsplit

from alerts import words
from alerts.base import Channel, DeliveryError, Message
from alerts.channels.email_digest import fill
from alerts.digest import Digest, subject
from alerts.notice import Notice, headline, lines
from alerts.tongue import Tongue
from models.base import utc_now

TIMEOUT_S = 20.0
SUBJECT_LIMIT = 150
HERE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int
    tls: bool
    """Encrypted from the first byte (smtps); else by STARTTLS where the server offers it."""
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Return it without the password."""
        return f"MailServer({self.host}:{self.port})"

    @staticmethod
    def read(url: str) -> "MailServer | None":
        """Return the server that ``smtp[s]://[user:password@]host[:port]`` names, or ``None``."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return None
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            return None
        tls = parts.scheme == "smtps"
        return MailServer(
            host=parts.hostname,
            port=port or (465 if tls else 587),
            tls=tls,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )


class EmailChannel(Channel):
    """Mail to one address, ``room``."""

    kind: ClassVar[str] = "email"
    pause_s = 0.2

    def __init__(
        self, server: MailServer, room: str, *, sender: str, speech: Tongue | None = None
    ) -> None:
        super().__init__(room, speech=speech)
        self._server = server
        self._sender = sender

    def send(self, message: Message) -> str | None:
        """Hand in a mail about ``message``; return its ``Message-ID``."""
        speech = self.speech
        links = [
            (speech.say("mail_post"), words.web_link(message.post_url)),
            (speech.say("mail_thread"), words.web_link(message.thread_url)),
        ]
        if way := words.way_to(message):
            links.append((speech.say(way.name), way.link))
        links.append((speech.say("open_page"), words.web_link(self.page_of(message.case_id))))
        text = [
            words.headline(message, speech=speech),
            "",
            f"{speech.say('why')}: {words.why(message, speech)}",
            "",
            words.quotation(message, speech),
            words.byline(message, speech),
            "",
            words.context(message, speech),
            words.policy(message, speech),
            "",
            *(f"{label}: {link}" for label, link in links if link),
        ]
        fields = message.as_json()
        name = f"case-{message.case_id}-{message.level}"
        return self._hand_in(
            words.headline(message, speech=speech), text, name, fields, message.case_id
        )

    def send_notice(self, notice: Notice) -> str | None:
        """Hand in a mail with ``notice``; return its ``Message-ID``."""
        case_id = notice.entries[0].case_id if len(notice.entries) == 1 else None
        text = lines(notice, self.page_of)
        return self._hand_in(headline(notice), text, "notice", notice.as_json(), case_id)

    def send_digest(self, digest: Digest) -> str | None:
        """Hand in a mail with ``digest``, as text and as HTML with its charts in it."""
        mail = self.digest_mail(digest)
        self._deliver(mail)
        return str(mail["Message-ID"])

    def digest_mail(self, digest: Digest) -> EmailMessage:
        """Return the mail with ``digest``; its id is that of subscription, period and address."""
        mail = self._envelope(subject(digest), "digest", [digest.key, digest.made_at, self.room])
        domain = self._sender.rpartition("@")[2]
        mail["List-ID"] = f"Quietword digest <{digest.list_id}.digest.quietword.{domain}>"
        if digest.stop:
            subject_of_stop = quote(f"unsubscribe {digest.list_id} {self.room}")
            mail["List-Unsubscribe"] = f"<mailto:{digest.stop}?subject={subject_of_stop}>"
        fill(mail, digest)
        return mail

    def _hand_in(
        self, subject: str, text: list[str], name: str, fields: dict[str, Any], case_id: int | None
    ) -> str:
        mail = self._envelope(subject, name, [fields, self.room])
        if case_id is not None:  # mail programs show the mails of one case together
            mail["References"] = f"<case-{case_id}@{self._sender.rpartition('@')[2]}>"
        mail.set_content("\n".join(text) + "\n")
        self._deliver(mail)
        return str(mail["Message-ID"])

    def _envelope(self, subject: str, name: str, identity: list[Any]) -> EmailMessage:
        """Return a mail without a body, whose id is made from ``identity``."""
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]
        mail = EmailMessage()
        mail["From"], mail["To"] = self._sender, self.room
        mail["Subject"] = words.cut(words.clean(subject), SUBJECT_LIMIT)
        mail["Date"] = format_datetime(utc_now())
        mail["Message-ID"] = f"<{name}-{digest}@{self._sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        return mail

    def _deliver(self, mail: EmailMessage) -> None:
        try:
            client = self._connect()
        except smtplib.SMTPAuthenticationError as error:
            raise _stopped(
                f"the mail server does not take the login ({error.smtp_code}); correct "
                "QUIETWORD_SMTP_URL"
            ) from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(f"the mail server cannot be used: {_said(error)}") from error
        try:
            client.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code, said = error.recipients[self.room]
            raise DeliveryError(
                f"the mail server refuses {self.room}: {code} {_plain(said)}",
                permanent=code >= 500,
                channel=code >= 500,
                recipient=True,
            ) from error
        except smtplib.SMTPSenderRefused as error:
            raise _stopped(
                f"the mail server refuses the sender: {error.smtp_code} "
                f"{_plain(error.smtp_error)}; correct QUIETWORD_MAIL_FROM",
                temporary=error.smtp_code < 500,
            ) from error
        except smtplib.SMTPResponseException as error:
            raise DeliveryError(
                f"the mail server refuses the mail: {error.smtp_code} {_plain(error.smtp_error)}",
                permanent=error.smtp_code >= 500,
            ) from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(
                f"the mail server did not answer: {_said(error)}", in_doubt=True
            ) from error
        finally:
            client.close()  # the mail is in: a QUIT that fails must not say otherwise

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        # A password never travels in the open, unless it stays on this machine.
        encrypt = bool(server.user) and server.host not in HERE
        safe = ssl.create_default_context()
        if server.tls:
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=TIMEOUT_S, context=safe
            )
        else:
            client = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
        try:
            client.ehlo()
            if not server.tls and (encrypt or client.has_extn("starttls")):
                client.starttls(context=safe)  # raises where the server offers none
            if server.user:
                client.login(server.user, server.password)
        except BaseException:
            client.close()
            raise
        return client


def _stopped(reason: str, *, temporary: bool = False) -> DeliveryError:
    return DeliveryError(reason, permanent=not temporary, channel=not temporary)


def _plain(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return words.cut(words.clean(text), 200)


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_plain(error.smtp_error)}"
    return f"{type(error).__name__} {_plain(str(error))}".rstrip()
