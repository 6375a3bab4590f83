"""A Slack that runs on this machine: a real HTTP server with the parts Quietword uses.

It checks the bearer token and the room, refuses messages that break Block Kit's limits
(docs.slack.dev/reference/block-kit, and the limits in slack_sdk's own model classes), keeps what
it accepted, and misbehaves on request, in the ways networks do.
"""

import json
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

from tests.slack_rules import message_error, view_error

__all__ = ["APP_TOKEN", "TOKEN", "FakeSlack", "Mischief", "message_error"]

TOKEN = "xoxb-fake-token"
APP_TOKEN = "xapp-fake-token"
TEAM = "T1"
SCOPES = (
    "chat:write,files:write,commands,channels:history,groups:history,channels:read,groups:read,users:read,"
    "users:read.email,im:write,im:history"
)

_CONTROL = re.compile(r"<[^>]*>")


@dataclass(frozen=True, kw_only=True)
class Mischief:
    """What goes wrong with one ``chat.postMessage``, in the order of its fields."""

    hang_before: bool = False
    """Take the request and never act on it; the connection stays open."""
    status: int | None = None
    """Answer with this status instead of posting."""
    error: str = ""
    """Refuse with this code; with ``status`` 200 if none is given."""
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    """Answer with this instead of JSON, after posting."""
    hang_after: bool = False
    """Post the message, then never answer."""
    cut_after: bool = False
    """Post the message, then close the connection without an answer."""


class FakeSlack:
    """Start with ``with FakeSlack() as slack``; point a ``WebClient`` at ``slack.url``."""

    def __init__(self, *, rooms: tuple[str, ...] = ("C1",), token: str = TOKEN) -> None:
        self.rooms = set(rooms)
        self.token = token
        self.may_read_history = True
        self.mischief: deque[Mischief] = deque()
        """Taken one by one by the coming posts; when empty, all goes well."""
        self.posted: list[dict[str, Any]] = []
        """Messages in their rooms, oldest first: what a reader would see."""
        self.requests: list[tuple[str, dict[str, Any]]] = []
        """Every call, refused ones included: method and arguments."""
        self.received = threading.Semaphore(0)
        """Released once per ``chat.postMessage`` that has come in (and been posted, if at all)."""
        self.update_mischief: deque[Mischief] = deque()
        """The same for the coming ``chat.update`` calls."""
        self.files: dict[str, bytes] = {}
        """What was uploaded to the end, by id."""
        self.file_mischief: deque[Mischief] = deque()
        """The same for the coming ``files.`` calls."""
        self.file_delay = 0
        """So many messages that name a file are refused before Slack knows new files."""
        self.profile_mischief: deque[Mischief] = deque()
        """The same for the coming ``users.info`` calls."""
        self.revoked = False
        """The token is refused, whatever is asked."""
        self.scopes = SCOPES
        self.member = True
        """The app is in its rooms."""
        self.clock_s = 0.0
        """Seconds that its clock is ahead."""
        self.people: dict[str, str] = {}
        """User id -> why Slack does not let the app write to them; empty: it does."""
        self.emails: dict[str, str] = {}
        """Slack user id -> e-mail address."""
        self.locales: dict[str, str] = {}
        """Slack user id -> locale."""
        self.whispers: list[dict[str, Any]] = []
        """Ephemeral messages: who alone sees what."""
        self.views: list[dict[str, Any]] = []
        """Modals that were opened, with their ``trigger_id``."""
        self.answers: list[dict[str, Any]] = []
        """What came to a ``response_url``."""
        self.socket_url = ""
        """Where Socket Mode listens; empty: not at all."""
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._uploads: dict[str, bytes] = {}
        self._clock = 1_700_000_000.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_answerer())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def calls(self, method: str) -> list[dict[str, Any]]:
        """Return the arguments of every call of ``method``, in order."""
        return [arguments for name, arguments in self.requests if name == method]

    def _make_answerer(self) -> type[BaseHTTPRequestHandler]:
        slack = self

        class Answerer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path.startswith("/upload/"):
                    slack._take_upload(self, body)
                    return
                arguments = _arguments(self.headers.get("Content-Type") or "", body)
                slack._answer(self, arguments)

            do_GET = do_POST

            def reply(self, status: int, headers: dict[str, str], body: str) -> None:
                self.send_response_only(status)
                self.send_header("Date", formatdate(time.time() + slack.clock_s, usegmt=True))
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args: object) -> None:
                pass

        return Answerer

    def _answer(self, request: Any, arguments: dict[str, Any]) -> None:
        if request.path.startswith("/hooks/"):
            self.answers.append(arguments)
            request.reply(200, {}, "ok")
            return
        method, _, query = request.path.removeprefix("/api/").partition("?")
        arguments = {name: values[-1] for name, values in parse_qs(query).items()} | arguments
        with self._lock:
            self.requests.append((method, arguments))
            posting = method == "chat.postMessage"
            tricks = {
                "chat.postMessage": self.mischief,
                "chat.update": self.update_mischief,
                "users.info": self.profile_mischief,
            }
            queue = self.file_mischief if method.startswith("files.") else tricks.get(method)
            trick = queue.popleft() if queue else Mischief()
            refused = self._refusal(request, method, arguments)
            answer: dict[str, Any] = {"ok": False, "error": refused or trick.error}
            if not (refused or trick.error or trick.status or trick.hang_before):
                answer = getattr(self, "_" + re.sub(r"[A-Z.]", _snake, method))(arguments)
        if posting:
            self.received.release()
        if trick.hang_before or trick.hang_after:
            self._closing.wait()
        if trick.hang_before or trick.hang_after or trick.cut_after:
            request.close_connection = True
            return
        body = trick.body if trick.body is not None else json.dumps(answer)
        headers = {"x-oauth-scopes": self.scopes} if method == "auth.test" else {}
        request.reply(trick.status or 200, headers | trick.headers, body)

    def _refusal(self, request: Any, method: str, arguments: dict[str, Any]) -> str | None:
        authorization = request.headers.get("Authorization") or ""
        if not authorization:
            return "not_authed"
        wanted = APP_TOKEN if method == "apps.connections.open" else self.token
        if authorization != f"Bearer {wanted}":
            return "invalid_auth"
        if self.revoked:
            return "token_revoked"
        if method in {"auth.test", "apps.connections.open"}:
            return None
        if method == "users.info":
            return None if arguments.get("user") in self.emails else "user_not_found"
        if method.startswith("files."):
            return None if "files:write" in self.scopes.split(",") else "missing_scope"
        if method == "views.open":
            return view_error(_as_json(arguments.get("view")))
        if method == "conversations.open":
            if "im:write" not in self.scopes.split(","):
                return "missing_scope"
            return self.people.get(arguments.get("users", ""), "user_not_found")
        if method not in _IN_A_ROOM:
            return "unknown_method"
        reads = {"conversations.history", "conversations.replies"}
        if method in reads and not self.may_read_history:
            return "missing_scope"
        if unfit := self._room_error(method, str(arguments.get("channel") or "")):
            return unfit
        if method in {"chat.update", "chat.getPermalink"} and self._found(arguments) is None:
            return "message_not_found"
        if method == "conversations.replies" and self._found(arguments) is None:
            return "thread_not_found"
        if method in {"chat.postMessage", "chat.update", "chat.postEphemeral"}:
            return message_error(arguments) or self._file_error(arguments)
        return None

    def _room_error(self, method: str, room: str) -> str | None:
        """Refuse a room that is not there; a person's id is one for a new message only."""
        if method == "chat.postMessage" and room in self.people:
            return self.people[room] or None
        if room in map(conversation_of, self.people):
            reads = method in {"conversations.history", "conversations.replies"}
            lacks = reads and "im:history" not in self.scopes.split(",")
            return "missing_scope" if lacks else None
        return None if room in self.rooms else "channel_not_found"

    def _file_error(self, arguments: dict[str, Any]) -> str | None:
        """Refuse a message that names a file which is not known (yet)."""
        blocks = arguments.get("blocks") or []
        named = [one["slack_file"]["id"] for one in blocks if one["type"] == "image"]
        if named and self.file_delay:
            self.file_delay -= 1
            return "invalid_blocks"
        return None if all(one in self.files for one in named) else "invalid_blocks"

    def _take_upload(self, request: Any, body: bytes) -> None:
        number = request.path.rpartition("/")[2]
        with self._lock:
            known = number in self._uploads
            if known:
                self._uploads[number] = body
        request.reply(200 if known else 404, {"Content-Type": "text/plain"}, f"OK - {len(body)}")

    def _files_get_upload_u_r_l_external(self, _: dict[str, Any]) -> dict[str, Any]:
        number = f"F{len(self._uploads) + 1:08d}"
        self._uploads[number] = b""
        address = self.url.replace("/api/", f"/upload/v1/{number}")
        return {"ok": True, "upload_url": address, "file_id": number}

    def _files_complete_upload_external(self, arguments: dict[str, Any]) -> dict[str, Any]:
        wanted = _as_json(arguments["files"])
        for one in wanted:
            self.files[one["id"]] = self._uploads[one["id"]]
        return {"ok": True, "files": [{"id": one["id"], "title": one["title"]} for one in wanted]}

    def _found(self, arguments: dict[str, Any]) -> dict[str, Any] | None:
        ts = arguments.get("ts") or arguments.get("message_ts")
        here = (post for post in self.posted if post["channel"] == arguments["channel"])
        return next((post for post in here if post["ts"] == ts), None)

    def delete(self, ts: str) -> None:
        """Delete a message as a person does, by hand."""
        with self._lock:
            self.posted[:] = [post for post in self.posted if post["ts"] != ts]

    def roots(self) -> list[dict[str, Any]]:
        """Return the messages that stand in a room by themselves, oldest first."""
        return [post for post in self.posted if not post.get("thread_ts")]

    def thread(self, ts: str) -> list[str]:
        """Return the texts of the replies to a message, oldest first."""
        return [post["text"] for post in self.posted if post.get("thread_ts") == ts]

    def _chat_post_message(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._clock += 1
        ts, room = f"{self._clock:.6f}", arguments["channel"]
        room = conversation_of(room) if room in self.people else room
        self.posted.append(arguments | {"channel": room, "ts": ts, "received_at": time.monotonic()})
        return {"ok": True, "channel": room, "ts": ts}

    def _conversations_open(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "channel": {"id": conversation_of(arguments["users"])}}

    def _chat_update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        post = self._found(arguments)
        assert post is not None
        post.update(arguments)
        return {"ok": True, "channel": arguments["channel"], "ts": post["ts"]}

    def _chat_post_ephemeral(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.whispers.append(arguments)
        return {"ok": True, "message_ts": "1.0"}

    def _chat_get_permalink(self, arguments: dict[str, Any]) -> dict[str, Any]:
        place = f"{arguments['channel']}/p{arguments['message_ts'].replace('.', '')}"
        return {"ok": True, "permalink": f"https://fake.slack.test/archives/{place}"}

    def _views_open(self, arguments: dict[str, Any]) -> dict[str, Any]:
        view = _as_json(arguments["view"])
        number = f"V{len(self.views) + 1}"
        self.views.append(view | {"id": number, "trigger_id": arguments.get("trigger_id")})
        return {"ok": True, "view": view | {"id": number}}

    def _users_info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        user = arguments["user"]
        told = {"id": user, "profile": {"email": self.emails[user]}}
        if _true(arguments.get("include_locale")) and user in self.locales:
            told["locale"] = self.locales[user]
        return {"ok": True, "user": told}

    def _auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        ours = {"team": "Fake", "team_id": TEAM, "user": "quietword", "user_id": "UBOT"}
        return {"ok": True, "url": "https://fake.slack.test/", "bot_id": "B1"} | ours

    def _apps_connections_open(self, _: dict[str, Any]) -> dict[str, Any]:
        if not self.socket_url:
            return {"ok": False, "error": "socket_mode_disabled"}
        return {"ok": True, "url": self.socket_url}

    def _conversations_info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        room = arguments["channel"]
        return {"ok": True, "channel": {"id": room, "name": "alerts", "is_member": self.member}}

    def _conversations_replies(self, arguments: dict[str, Any]) -> dict[str, Any]:
        ts = arguments["ts"]
        shown = [post for post in self.posted if ts in {post["ts"], post.get("thread_ts")}]
        messages = [_visible(post, arguments) for post in shown]
        return {"ok": True, "messages": messages[: int(arguments.get("limit", 1000))]}

    def _conversations_history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        limit = int(arguments.get("limit", 100))
        here = [
            post
            for post in self.posted
            if post["channel"] == arguments["channel"]
            and (not post.get("thread_ts") or _true(post.get("reply_broadcast")))
        ]
        messages = [_visible(post, arguments) for post in reversed(here)]
        return {"ok": True, "messages": messages[:limit], "has_more": len(messages) > limit}


_IN_A_ROOM = frozenset(
    {
        "chat.postMessage",
        "chat.update",
        "chat.postEphemeral",
        "chat.getPermalink",
        "conversations.history",
        "conversations.replies",
        "conversations.info",
    }
)


def conversation_of(user: str) -> str:
    """Return the id of the conversation between the app and a person."""
    return "D" + user[1:]


def _snake(match: re.Match[str]) -> str:
    return "_" if match[0] == "." else "_" + match[0].lower()


def _true(value: Any) -> bool:
    return str(value).lower() in {"1", "true"}


def _as_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _visible(post: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    names = ["ts", "text", "blocks", "thread_ts"]
    if _true(arguments.get("include_all_metadata")):
        names.append("metadata")
    return {name: post[name] for name in names if name in post}


def _arguments(content_type: str, body: bytes) -> dict[str, Any]:
    if content_type.startswith("application/json"):
        arguments = json.loads(body or b"{}")
        return arguments if isinstance(arguments, dict) else {}
    form: dict[str, Any] = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
    for name in ("blocks", "metadata"):
        if name in form:
            form[name] = json.loads(form[name])
    return form


def texts(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every text object of ``message``, its fallback text as ``mrkdwn`` among them."""
    found = [{"type": "mrkdwn", "text": message.get("text", "")}]

    def walk(thing: Any) -> None:
        if isinstance(thing, list):
            for part in thing:
                walk(part)
        elif isinstance(thing, dict):
            if thing.get("type") in {"plain_text", "mrkdwn"}:
                found.append(thing)
            else:
                walk(list(thing.values()))

    walk(message.get("blocks"))
    return found


def control_sequences(message: dict[str, Any]) -> list[str]:
    """Return every ``<...>`` that Slack would act upon: mentions, links, dates."""
    return [found for text in texts(message) for found in _CONTROL.findall(text["text"])]


def reader_sees(message: dict[str, Any]) -> str:
    """Return the blocks' text as a reader sees it, one line per text object, entities decoded."""
    lines = [text["text"] for text in texts(message)[1:]]
    decoded = "\n".join(lines).replace("&lt;", "<").replace("&gt;", ">")
    return decoded.replace("&amp;", "&")


def buttons(message: dict[str, Any]) -> dict[str, str]:
    """Return label -> address of the buttons of ``message``."""
    return {
        element["text"]["text"]: element["url"]
        for block in message.get("blocks", [])
        if block["type"] == "actions"
        for element in block["elements"]
        if "url" in element
    }


def actions(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return action id -> element of what can be pressed on ``message``."""
    return {
        element["action_id"]: element
        for block in message.get("blocks", [])
        if block["type"] == "actions"
        for element in block["elements"]
    }
