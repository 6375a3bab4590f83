"""Alerts as Slack messages, sent with a bot token that has ``chat:write``.

With ``channels:history`` as well (``groups:history`` for a private channel; ``im:write`` and
``im:history`` for one person), a message whose sending ended without an answer is looked for
before it is sent again.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Collection, Mapping
from http.client import HTTPException
from typing import Any, ClassVar
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from alerts import words
from alerts.base import Channel, DeliveryError, Message
from alerts.card import Card
from alerts.channels import slack_digest, slack_files, slack_notice
from alerts.channels.slack_refusals import (
    PERMANENT,
    MessageFrozen,
    MessageGone,
    NoScope,
    Unfit,
    refusal,
)
from alerts.digest import Digest
from alerts.notice import ENTRIES_SHOWN, Entry, Notice
from alerts.slack_blocks import blocks, fallback_text, plain_text
from alerts.tongue import Tongue

__all__ = ["HISTORY_TYPE", "PERMANENT", "MessageFrozen", "MessageGone", "SlackChannel"]

LOOK_BACK = 100
"""Newest messages of a room that are looked through for one of ours."""
EVENT_TYPE = "quietword_case"
HISTORY_TYPE = "quietword_history"


class SlackChannel(Channel):
    """Post to one Slack channel; ``room`` is its id, such as ``C0123ABCD``, or that of a person.

    The client should have a timeout and no retry handlers of its own: ``alerts.dispatch`` is
    the one place that tries again. With ``buttons`` presses are listened for. ``earlier`` gives
    the ``ts`` under which a case was posted before: its next alert goes into that thread, shown
    to the whole room, so that one case is one message. ``standing`` gives room and ``ts`` of the
    messages of cases, wherever they are, so that a word about them links there.
    """

    kind: ClassVar[str] = "slack"
    pause_s = 1.0  # docs.slack.dev/apis/web-api/rate-limits: one message a second per channel

    def __init__(
        self,
        client: WebClient,
        room: str,
        *,
        speech: Tongue | None = None,
        buttons: bool = False,
        earlier: Callable[[Message], str | None] = lambda _: None,
        standing: Callable[[Collection[int]], Mapping[int, tuple[str, str]]] = lambda _: {},
    ) -> None:
        super().__init__(room, speech=speech)
        self._client = client
        self.buttons = buttons
        self._earlier = earlier
        self._standing = standing
        self._workspace = ""
        """The address of the workspace, once it is known."""
        self._opened = ""
        """The conversation with the person that ``room`` is."""

    @property
    def client(self) -> WebClient:
        """What calls Slack."""
        return self._client

    def send(self, message: Message) -> str | None:
        """Post ``message``; return its ``ts``.

        When Slack dislikes the form, the same facts go out once more as two plain lines: an
        alert is never lost to formatting.
        """
        metadata = {"event_type": EVENT_TYPE, "event_payload": identity(message)}
        card = Card(message=message, page=self.page_of(message.case_id), buttons=self.buttons)
        if (root := self._earlier(message)) is not None:
            worse = self.speech.say(
                "history_raised",
                level=words.level(message, self.speech),
                why=words.why(message, self.speech),
            )
            try:
                return self.reply(root, words.cut(worse, 2_000), broadcast=True, metadata=metadata)
            except MessageGone:
                pass  # somebody deleted it: the case gets a new message
        try:
            return self._post(
                text=fallback_text(card, self.speech),
                blocks=blocks(card, self.speech),
                metadata=metadata,
            )
        except Unfit as unfit:
            kept = {} if "metadata" in str(unfit) else {"metadata": metadata}
        try:
            return self._post(text=plain_text(card, self.speech), **kept)
        except Unfit as error:
            raise DeliveryError(
                f"Slack refused even the plain form of the alert: {error}; report this with the "
                "number of the case",
                permanent=True,
            ) from error

    def find(self, message: Message) -> str | None:
        """Return the ``ts`` of ``message`` if it is among the newest ``LOOK_BACK`` of the room."""
        answer = self._call(
            self._client.conversations_history, limit=LOOK_BACK, include_all_metadata=True
        )
        return _with_metadata(answer, EVENT_TYPE, identity(message))

    def update(self, ts: str, card: Card, sent: Message) -> None:
        """Make the message ``ts``, which went out as ``sent``, show ``card``.

        Raises ``MessageGone`` or ``MessageFrozen`` where that cannot be, ``DeliveryError`` else.
        Doing it twice changes nothing.
        """
        text = fallback_text(card, self.speech)
        # chat.update's own default for parse is not that of chat.postMessage.
        quiet = {"ts": ts, "text": text, "parse": "none", "link_names": False}
        try:
            self._call(
                self._client.chat_update,
                blocks=blocks(card, self.speech),
                metadata={"event_type": EVENT_TYPE, "event_payload": identity(sent)},
                **quiet,
            )
        except Unfit:
            plain = plain_text(card, self.speech)
            self._strictly(self._client.chat_update, **(quiet | {"text": plain, "blocks": []}))

    def reply(
        self,
        ts: str,
        text: str,
        *,
        broadcast: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> str | None:
        """Write ``text``, mrkdwn of our own making, into the thread of ``ts``; return its ``ts``.

        Slack takes a reply to a deleted message as a new one, so that is looked at first.
        """
        if self._deleted(ts):
            raise MessageGone("Slack refused: thread_not_found")
        answer = self._strictly(
            self._client.chat_postMessage,
            thread_ts=ts,
            reply_broadcast=broadcast,
            text=text,
            parse="none",
            link_names=False,
            unfurl_links=False,
            unfurl_media=False,
            **({"metadata": metadata} if metadata else {}),
        )
        return str(answer.get("ts") or "") or None

    def find_reply(self, ts: str, payload: dict[str, Any]) -> str | None:
        """Return the ``ts`` of the history line with ``payload`` in the thread of ``ts``."""
        answer = self._call(
            self._client.conversations_replies, ts=ts, limit=LOOK_BACK, include_all_metadata=True
        )
        return _with_metadata(answer, HISTORY_TYPE, payload)

    def tell(self, user: str, text: str) -> None:
        """Show ``text``, mrkdwn of our own making, in the room to one user only."""
        self._strictly(self._client.chat_postEphemeral, user=user, text=text)

    def permalink(self, ts: str) -> str | None:
        """Return the address of the message ``ts`` in Slack."""
        answer = self._strictly(self._client.chat_getPermalink, message_ts=ts)
        return words.web_link(str(answer.get("permalink") or ""))

    def _deleted(self, ts: str) -> bool:
        try:
            answer = self._call(self._client.conversations_replies, ts=ts, limit=1)
        except MessageGone:
            return True
        except DeliveryError as error:
            if error.permanent:  # the token may not read: Slack will say what it thinks
                return False
            raise
        return not any(
            found.get("ts") == ts and found.get("subtype") != "tombstone"
            for found in answer.get("messages") or []
        )

    def _strictly(self, method: Callable[..., SlackResponse], **arguments: Any) -> dict[str, Any]:
        try:
            return self._call(method, **arguments)
        except Unfit as error:
            raise DeliveryError(f"Slack refused: {error}", permanent=True) from error

    def _post(self, **content: Any) -> str | None:
        answer = self._call(
            self._client.chat_postMessage,
            mrkdwn=False,
            parse="none",
            link_names=False,
            unfurl_links=False,  # else Slack fetches the thread, and tells the site of us
            unfurl_media=False,
            **content,
        )
        ts = answer.get("ts")
        return str(ts) if ts else None

    def _post_plain(self, text: str, **content: Any) -> str | None:
        try:
            return self._post(text=text, **content)
        except Unfit as error:
            raise DeliveryError(
                f"Slack refused even plain text: {error}", permanent=True
            ) from error

    def send_notice(self, notice: Notice) -> str | None:
        """Post a word about cases, to the room or, where that is a user, to that user alone."""
        try:
            return self._post(
                text=slack_notice.fallback(notice),
                blocks=slack_notice.blocks(notice, self._places(notice)),
                metadata=slack_notice.metadata(notice),
            )
        except Unfit:
            return self._post_plain(slack_notice.fallback(notice))

    def _places(self, notice: Notice) -> Callable[[Entry], Mapping[str, str | None]]:
        """Return what tells the address of a case's message and that of its page."""
        told = self._standing([entry.case_id for entry in notice.entries[:ENTRIES_SHOWN]])
        if told and not self._workspace:
            with contextlib.suppress(DeliveryError, Unfit):  # the word goes out without
                self._workspace = str(self._ask(self._client.auth_test).get("url") or "")
        where = f"{self._workspace.rstrip('/')}/archives" if self._workspace else ""

        def places(entry: Entry) -> Mapping[str, str | None]:
            room, ts = told.get(entry.case_id, ("", ""))
            message = f"{where}/{room}/p{ts.replace('.', '')}" if where and ts else None
            return {"open_message": message, "open_page": self.page_of(entry.case_id)}

        return places

    def find_notice(self, notice: Notice) -> str | None:
        """Return the ``ts`` of ``notice`` if it is among the newest ``LOOK_BACK`` of the room."""
        wanted = slack_notice.metadata(notice)
        answer = self._call(
            self._client.conversations_history, limit=LOOK_BACK, include_all_metadata=True
        )
        for found in answer.get("messages") or []:
            if found.get("metadata") == wanted:
                return str(found["ts"])
        return None

    def send_digest(self, digest: Digest) -> str | None:
        """Post a digest with its charts in it; return its ``ts``.

        A chart is uploaded first, to nobody, and then shown by the one message: a sender that
        dies in between leaves nothing that anybody sees. Slack may need some seconds until it
        knows a new file; where it never does, the message goes out without charts.
        """
        content = {
            "text": slack_digest.fallback(digest),
            "metadata": slack_digest.metadata(digest),
        }
        files = slack_files.upload(self._client, digest.pictures, refusal)
        for wait_s in slack_files.WAITS_S if files else ():
            time.sleep(wait_s)
            try:
                return self._post(blocks=slack_digest.blocks(digest, files), **content)
            except Unfit:
                continue
        try:
            return self._post(blocks=slack_digest.blocks(digest, {}), **content)
        except Unfit:
            return self._post_plain(slack_digest.plain(digest), metadata=content["metadata"])

    def update_digest(self, ts: str, digest: Digest) -> None:
        """Make the message ``ts`` show ``digest`` as it is now, without its charts."""
        self._strictly(
            self._client.chat_update,
            ts=ts,
            text=slack_digest.fallback(digest),
            blocks=slack_digest.blocks(digest, {}),
            metadata=slack_digest.metadata(digest),
            parse="none",
            link_names=False,
        )

    def find_digest(self, digest: Digest) -> str | None:
        """Return the ``ts`` of ``digest`` if it is among the newest ``LOOK_BACK`` of the room."""
        wanted = slack_digest.metadata(digest)
        answer = self._call(
            self._client.conversations_history, limit=LOOK_BACK, include_all_metadata=True
        )
        return _with_metadata(answer, wanted["event_type"], wanted["event_payload"])

    def _call(self, method: Callable[..., SlackResponse], **arguments: Any) -> dict[str, Any]:
        return self._ask(method, channel=self._conversation(method), **arguments)

    def _conversation(self, method: Callable[..., SlackResponse]) -> str:
        """Return the id of the room, or of the conversation with the person whose id it is.

        Slack takes a person's id for a new message alone, and needs no ``im:write`` for that.
        """
        if self._opened or not self._person:
            return self._opened or self.room
        try:
            opened = self._ask(self._client.conversations_open, users=self.room).get("channel")
            self._opened = str((opened or {}).get("id") or "")
        except NoScope as error:
            if method == self._client.chat_postMessage:
                return self.room
            raise DeliveryError(
                f"{error}; messages to one person alone need im:write and im:history, too",
                permanent=True,
            ) from error
        return self._opened or self.room

    @property
    def _person(self) -> bool:
        return self.room.startswith(("U", "W"))

    def _ask(self, method: Callable[..., SlackResponse], **arguments: Any) -> dict[str, Any]:
        try:
            response = method(**arguments)
        except SlackApiError as error:
            raise refusal(error, person=self._person) from error
        except URLError as error:  # failed before the request was out
            raise DeliveryError(f"Slack could not be reached: {error.reason}") from error
        except (OSError, HTTPException) as error:  # failed while waiting for the answer
            raise DeliveryError(
                f"Slack did not answer: {type(error).__name__} {error}".rstrip(), in_doubt=True
            ) from error
        return response.data if isinstance(response.data, dict) else {}


def _with_metadata(answer: dict[str, Any], kind: str, payload: dict[str, Any]) -> str | None:
    for found in answer.get("messages") or []:
        metadata = found.get("metadata") or {}
        if metadata.get("event_type") == kind and metadata.get("event_payload") == payload:
            return str(found["ts"])
    return None


def identity(message: Message) -> dict[str, Any]:
    """Return what names ``message`` in Slack: its case, its level, and a digest of its fields.

    The digest tells apart two installations that post to one room.
    """
    fields = json.dumps(message.as_json(), sort_keys=True).encode()
    return {
        "case_id": message.case_id,
        "level": message.level.value,
        "digest": hashlib.sha256(fields).hexdigest()[:16],
    }
