"""People in a fake Slack: they press buttons, fill in forms and type commands.

What they do reaches Quietword as Slack sends it: by Socket Mode over a real WebSocket, or by
HTTP, signed.
"""

import hashlib
import hmac
import itertools
import json
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from tests.slack_server import TEAM, FakeSlack, actions

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
_numbers = itertools.count(1)


def eventually(holds: Callable[[], object], *, within_s: float = 60.0) -> None:
    """Wait until ``holds()`` is true; fail when it is not in time."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)


class SocketMode:
    """The WebSocket end of a fake Slack: sends envelopes and hears them acknowledged."""

    def __init__(self, slack: FakeSlack) -> None:
        self.acknowledged: dict[str, float] = {}
        """Envelope id -> seconds until it was acknowledged."""
        self._sent: dict[str, float] = {}
        self._slack = slack
        self._connections: list[ServerConnection] = []
        self.connected = threading.Event()
        self._server: Server = serve(self._serve, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        port = self._server.socket.getsockname()[1]
        self._slack.socket_url = f"ws://127.0.0.1:{port}/?ticket=1"
        return self

    def __exit__(self, *exc_info: object) -> None:
        for connection in self._connections:
            connection.close()
        self._server.shutdown()
        self._thread.join()

    def _serve(self, connection: ServerConnection) -> None:
        self._connections.append(connection)
        connection.send(json.dumps({"type": "hello", "num_connections": 1}))
        self.connected.set()
        try:
            for message in connection:
                envelope = json.loads(message).get("envelope_id")
                if envelope in self._sent:
                    self.acknowledged[envelope] = time.monotonic() - self._sent[envelope]
        except ConnectionClosed:
            pass
        finally:
            self._connections.remove(connection)

    def send(self, payload: dict[str, Any], kind: str = "interactive") -> str:
        """Send one payload; return the id by which it will be acknowledged."""
        envelope = f"E{next(_numbers)}"
        self._sent[envelope] = time.monotonic()
        body = {
            "envelope_id": envelope,
            "type": kind,
            "accepts_response_payload": True,
            "payload": payload,
        }
        self._connections[-1].send(json.dumps(body))
        return envelope

    def drop(self) -> None:
        """Cut every connection, as Slack does now and then."""
        self.connected.clear()
        for connection in list(self._connections):
            connection.close()


def press(
    post: dict[str, Any],
    name: str,
    user: str,
    *,
    choice: str | None = None,
    moment: str | None = None,
    team: str = TEAM,
) -> dict[str, Any]:
    """Return what Slack sends when ``user`` presses ``name``, or picks ``choice`` behind ⋯."""
    element = actions(post)[name]
    action: dict[str, Any] = {
        "type": element["type"],
        "action_id": name,
        "block_id": "b1",
        "action_ts": moment or f"{time.time():.6f}",
    }
    if choice is not None:
        [option] = [one for one in element["options"] if one["value"].startswith(f"{choice}:")]
        action["selected_option"] = option
    elif "value" in element:
        action["value"] = element["value"]
    return {
        "type": "block_actions",
        "api_app_id": "A1",
        "token": "old-style",
        "team": {"id": team, "domain": "fake"},
        "user": {"id": user, "username": "somebody", "name": "somebody", "team_id": team},
        "container": {
            "type": "message",
            "message_ts": post["ts"],
            "channel_id": post["channel"],
            "is_ephemeral": False,
        },
        "channel": {"id": post["channel"], "name": "alerts"},
        "trigger_id": f"{next(_numbers)}.trigger",
        "actions": [action],
    }


def submit(view: dict[str, Any], user: str, **values: str) -> dict[str, Any]:
    """Return what Slack sends when ``user`` submits ``view`` filled in with ``values``."""
    state: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        name, element = block["block_id"], block["element"]
        given = values.get(name)
        if element["type"] == "static_select":
            option = next(one for one in element["options"] if one["value"] == given)
            state[name] = {name: {"type": "static_select", "selected_option": option}}
        else:
            state[name] = {name: {"type": "plain_text_input", "value": given}}
    return {
        "type": "view_submission",
        "api_app_id": "A1",
        "team": {"id": TEAM},
        "user": {"id": user, "team_id": TEAM},
        "view": view | {"state": {"values": state}},
    }


def command(text: str, user: str, slack: FakeSlack, room: str = "C1") -> dict[str, Any]:
    """Return what Slack sends when ``user`` types ``/quietword`` and ``text``."""
    return {
        "command": "/quietword",
        "text": text,
        "team_id": TEAM,
        "user_id": user,
        "channel_id": room,
        "api_app_id": "A1",
        "trigger_id": f"{next(_numbers)}.trigger",
        "response_url": slack.url.replace("/api/", "/hooks/") + "answer",
    }


def signed(
    address: str,
    body: bytes,
    *,
    stamp: str | None = None,
    signature: str | None = None,
    secret: str = SECRET,
    leave_out: tuple[str, ...] = (),
) -> int:
    """Send ``body`` as Slack does, with its signature; return the status of the answer."""
    stamp = stamp if stamp is not None else str(int(time.time()))
    base = b"v0:" + stamp.encode("latin-1") + b":" + body
    right = "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": right if signature is None else signature,
    }
    for name in leave_out:
        del headers[name]
    request = urllib.request.Request(address, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return int(error.code)


def as_form(payload: dict[str, Any]) -> bytes:
    """Return an interaction as the body that Slack sends by HTTP."""
    if "command" in payload:
        return urlencode(payload).encode()
    return urlencode({"payload": json.dumps(payload)}).encode()
