"""The signed webhook, against a real server on this machine."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from alerts.base import DeliveryError, Message
from alerts.channels.webhook import WebhookChannel
from alerts.notice import Entry, Notice
from alerts.registry import build_channel
from models import Level

SECRET = "a key that both sides know"


def is_ours(headers: Any, body: bytes, secret: str, now: float) -> bool:
    """The receiver of docs/channels.md."""
    timestamp = headers.get("X-Quietword-Timestamp", "")
    if not timestamp.isdigit() or abs(now - int(timestamp)) > 300:
        return False
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    given = headers.get("X-Quietword-Signature", "")
    return hmac.compare_digest(f"v1={signed.hexdigest()}".encode(), given.encode())


class Receiver:
    """Keeps what is posted, and answers with ``status`` and ``headers``."""

    def __init__(self) -> None:
        self.got: list[tuple[Any, bytes]] = []
        self.status = 204
        self.headers: dict[str, str] = {}
        receiver = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.headers, body))
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?key=hidden"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = Thread(target=made.server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def channel(receiver: Receiver) -> WebhookChannel:
    made = build_channel("webhook", address=receiver.url, token=SECRET)
    assert isinstance(made, WebhookChannel)
    return made


def test_an_alert_arrives_signed_and_the_documented_receiver_accepts_it(
    receiver: Receiver, channel: WebhookChannel, a_message: Callable[..., Message]
) -> None:
    receipt = channel.send(a_message(quote="Żółć"))
    channel.send(a_message(quote="Żółć"))
    channel.send_notice(Notice(key="k", kind="reminder", title="nobody has taken it"))
    (headers, body), (again, _), (noticed, told) = receiver.got
    assert is_ours(headers, body, SECRET, time.time())
    assert headers["X-Quietword-Id"] == again["X-Quietword-Id"] == receipt
    assert json.loads(body)["alert"]["quote"] == "Żółć"
    assert json.loads(told)["notice"]["title"] == "nobody has taken it"
    assert noticed["X-Quietword-Id"] != receipt
    assert channel.room == "127.0.0.1"  # what is stored and shown: never the address


def test_no_address_or_number_of_a_person_leaves(
    receiver: Receiver, channel: WebhookChannel, a_message: Callable[..., Message]
) -> None:
    said = "write to jan.nowak@example.org or call +48 601 222 333"
    channel.send(a_message(quote=said, thread_title=f"Help, {said}"))
    entry = Entry(case_id=1, level=Level.URGENT, title=said)
    channel.send_notice(Notice(key="k", kind="storm", title=said, text=said, entries=(entry,)))
    for _, body in receiver.got:
        assert b"jan.nowak" not in body
        assert b"222 333" not in body
        assert b"[e-mail]" in body
    _, notice = receiver.got
    assert notice[1].count(b"[e-mail]") == 3


def test_the_documented_receiver_refuses_forged_and_replayed_requests(
    receiver: Receiver, channel: WebhookChannel, a_message: Callable[..., Message]
) -> None:
    channel.send(a_message())
    [(headers, body)] = receiver.got
    assert not is_ours(headers, body + b" ", SECRET, time.time())
    assert not is_ours(headers, body, "another key of some length", time.time())
    assert not is_ours(headers, body, SECRET, time.time() + 301)
    moved = {
        "X-Quietword-Timestamp": str(int(time.time()) + 1),
        "X-Quietword-Signature": headers["X-Quietword-Signature"],
    }
    assert not is_ours(moved, body, SECRET, time.time())
    assert not is_ours({}, body, SECRET, time.time())


@pytest.mark.parametrize(
    ("status", "headers", "permanent", "stops", "in_doubt", "retry_after"),
    [
        (429, {"Retry-After": "7"}, False, False, False, 7.0),
        (429, {}, False, False, False, None),
        (503, {"Retry-After": "soon"}, False, False, False, None),
        (500, {}, False, False, True, None),
        (413, {}, True, False, False, None),
        (401, {}, True, True, False, None),
        (410, {}, True, True, False, None),
        (302, {"Location": "http://127.0.0.1:9/"}, True, True, False, None),
    ],
)
def test_what_the_receiver_answers_decides_what_is_done_next(
    receiver: Receiver,
    channel: WebhookChannel,
    a_message: Callable[..., Message],
    status: int,
    headers: dict[str, str],
    permanent: bool,
    stops: bool,
    in_doubt: bool,
    retry_after: float | None,
) -> None:
    receiver.status, receiver.headers = status, headers
    with pytest.raises(DeliveryError) as caught:
        channel.send(a_message())
    error = caught.value
    assert (error.permanent, error.channel, error.in_doubt, error.retry_after) == (
        permanent,
        stops,
        in_doubt,
        retry_after,
    )
    assert "hidden" not in str(error)
    assert len(receiver.got) == 1


def test_a_receiver_that_is_down_is_tried_again(a_message: Callable[..., Message]) -> None:
    channel = build_channel("webhook", address="http://127.0.0.1:9/", token=SECRET)
    with pytest.raises(DeliveryError) as caught:
        channel.send(a_message())
    assert (caught.value.permanent, caught.value.in_doubt) == (False, False)
