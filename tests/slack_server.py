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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

TOKEN = "xoxb-fake-token"

BLOCKS = 50
SECTION = 3_000
HEADER = 150
CONTEXT_ELEMENTS = 10
ACTION_ELEMENTS = 25
BUTTON_TEXT = 75
BUTTON_URL = 3_000
NAME = 255
TOTAL = 13_000
TEXT = 40_000

_ENTITY = r"&(?:amp|lt|gt);"
_BARE = re.compile(rf"{_ENTITY}|[&<>]")
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
        self._lock = threading.Lock()
        self._closing = threading.Event()
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
                length = int(self.headers.get("Content-Length") or 0)
                arguments = _arguments(
                    self.headers.get("Content-Type") or "", self.rfile.read(length)
                )
                slack._answer(self, arguments)

            do_GET = do_POST

            def reply(self, status: int, headers: dict[str, str], body: str) -> None:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args: object) -> None:
                pass

        return Answerer

    def _answer(self, request: Any, arguments: dict[str, Any]) -> None:
        method, _, query = request.path.removeprefix("/api/").partition("?")
        arguments = {name: values[-1] for name, values in parse_qs(query).items()} | arguments
        with self._lock:
            self.requests.append((method, arguments))
            posting = method == "chat.postMessage"
            trick = self.mischief.popleft() if posting and self.mischief else Mischief()
            refused = self._refusal(request, method, arguments)
            answer: dict[str, Any] = {"ok": False, "error": refused or trick.error}
            acts = not (refused or trick.error or trick.status or trick.hang_before)
            if acts:
                answer = self._post(arguments) if posting else self._history(arguments)
        if posting:
            self.received.release()
        if trick.hang_before or trick.hang_after:
            self._closing.wait()
        if trick.hang_before or trick.hang_after or trick.cut_after:
            request.close_connection = True
            return
        body = trick.body if trick.body is not None else json.dumps(answer)
        request.reply(trick.status or 200, trick.headers, body)

    def _refusal(self, request: Any, method: str, arguments: dict[str, Any]) -> str | None:
        authorization = request.headers.get("Authorization") or ""
        if not authorization:
            return "not_authed"
        if authorization != f"Bearer {self.token}":
            return "invalid_auth"
        if method not in {"chat.postMessage", "conversations.history"}:
            return "unknown_method"
        if method == "conversations.history" and not self.may_read_history:
            return "missing_scope"
        if arguments.get("channel") not in self.rooms:
            return "channel_not_found"
        return message_error(arguments) if method == "chat.postMessage" else None

    def _post(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._clock += 1
        ts = f"{self._clock:.6f}"
        self.posted.append(arguments | {"ts": ts, "received_at": time.monotonic()})
        return {"ok": True, "channel": arguments["channel"], "ts": ts}

    def _history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        metadata = str(arguments.get("include_all_metadata")).lower() in {"1", "true"}
        limit = int(arguments.get("limit", 100))
        shown = ("ts", "text", "blocks", "metadata") if metadata else ("ts", "text", "blocks")
        here = [post for post in self.posted if post["channel"] == arguments["channel"]]
        messages = [{name: post[name] for name in shown if name in post} for post in reversed(here)]
        return {"ok": True, "messages": messages[:limit], "has_more": len(messages) > limit}


def _arguments(content_type: str, body: bytes) -> dict[str, Any]:
    if content_type.startswith("application/json"):
        arguments = json.loads(body)
        return arguments if isinstance(arguments, dict) else {}
    form: dict[str, Any] = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
    for name in ("blocks", "metadata"):
        if name in form:
            form[name] = json.loads(form[name])
    return form


def message_error(message: dict[str, Any]) -> str | None:
    """Return Slack's code for what is wrong with ``message``, or ``None`` when it may be posted."""
    text, blocks = message.get("text"), message.get("blocks")
    if not text and not blocks:
        return "no_text"
    if len(text or "") > TEXT:
        return "msg_too_long"
    metadata = message.get("metadata")
    if metadata is not None and not _is_metadata(metadata):
        return "invalid_metadata_format"
    if blocks is None:
        return None
    if not isinstance(blocks, list) or len(blocks) > BLOCKS:
        return "invalid_blocks"
    if not all(isinstance(block, dict) and _is_block(block) for block in blocks):
        return "invalid_blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) > TOTAL:
        return "msg_blocks_too_long"
    return None


def _is_metadata(metadata: Any) -> bool:
    return (
        isinstance(metadata, dict)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    )


def _is_block(block: dict[str, Any]) -> bool:
    elements = block.get("elements")
    match block.get("type"):
        case "divider":
            return True
        case "header":
            return _is_text(block.get("text"), HEADER, kinds=("plain_text",))
        case "section":
            return _is_text(block.get("text"), SECTION)
        case "context":
            return (
                isinstance(elements, list)
                and 1 <= len(elements) <= CONTEXT_ELEMENTS
                and all(_is_text(element, SECTION) for element in elements)
            )
        case "actions":
            return (
                isinstance(elements, list)
                and 1 <= len(elements) <= ACTION_ELEMENTS
                and all(_is_button(element) for element in elements)
                and len({element.get("action_id") for element in elements}) == len(elements)
            )
    return False


def _is_text(thing: Any, limit: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> bool:
    if not isinstance(thing, dict) or thing.get("type") not in kinds:
        return False
    allowed = {"plain_text": {"type", "text", "emoji"}, "mrkdwn": {"type", "text", "verbatim"}}
    text = thing.get("text")
    return (
        set(thing) <= allowed[thing["type"]]
        and isinstance(text, str)
        and bool(text.strip())
        and len(_stored(text)) <= limit
    )


def _stored(text: str) -> str:
    """Return ``text`` as Slack counts it: bare ``&``, ``<`` and ``>`` as entities."""
    entities = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    return _BARE.sub(lambda match: entities.get(match[0], match[0]), text)


def _is_button(thing: Any) -> bool:
    if not isinstance(thing, dict) or thing.get("type") != "button":
        return False
    url = thing.get("url")
    return (
        _is_text(thing.get("text"), BUTTON_TEXT, kinds=("plain_text",))
        and 1 <= len(thing.get("action_id") or "") <= NAME
        and (
            url is None
            or (len(url) <= BUTTON_URL and re.match(r"https?://[^\s/]", url) is not None)
        )
    )


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
    }
