"""A real HTTP server on loopback that answers by script and remembers what it was asked."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the server says to one request."""

    body: str | bytes | Iterable[bytes] = ""
    """Pieces of an iterable are sent as they come, without a length."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0
    """Before the first byte."""


@dataclass(kw_only=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    """With the query."""
    headers: dict[str, str]
    began: float
    """On the monotonic clock, in seconds."""
    ended: float | None = None


Script = Answer | Callable[[Asked], Answer]

NOT_FOUND = Answer(status=404, body="<html><title>no such page</title></html>")


class WebServer:
    """Answers each path by ``pages``, or by the script given for ``*``, or with a 404."""

    def __init__(self, port: int = 0) -> None:
        """Listen on ``port``, by default on one that is free."""
        self.pages: dict[str, Script] = {}
        self.asked: list[Asked] = []
        self.sent = 0
        """Bytes of bodies that went out."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                outer._answer(self)

            do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = do_GET

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                """A client that hangs up is part of the test."""

        self._server = Server(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in order, robots.txt left out."""
        return [one.path for one in self.asked if one.path != "/robots.txt"]

    @property
    def most_at_once(self) -> int:
        """The greatest number of requests that were under way at one moment."""
        spans = [(one.began, one.ended or time.monotonic()) for one in self.asked]
        return max(
            (sum(began <= moment < ended for began, ended in spans) for moment, _ in spans),
            default=0,
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = Asked(
            method=handler.command,
            path=handler.path,
            headers={name.lower(): value for name, value in handler.headers.items()},
            began=time.monotonic(),
        )
        self.asked.append(asked)
        handler.rfile.read(int(asked.headers.get("content-length", "0")))
        script = self.pages.get(handler.path) or self.pages.get("*") or NOT_FOUND
        answer = script if isinstance(script, Answer) else script(asked)
        if answer.wait_s:
            time.sleep(answer.wait_s)
        try:
            self._send(handler, answer)
        except OSError:
            handler.close_connection = True  # the reader has hung up
        finally:
            asked.ended = time.monotonic()

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        handler.send_response(answer.status)
        headers = {"Content-Type": "text/html; charset=utf-8"} | answer.headers
        if isinstance(body, bytes):
            headers.setdefault("Content-Length", str(len(body)))
        else:
            headers["Connection"] = "close"
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        for piece in [body] if isinstance(body, bytes) else body:
            handler.wfile.write(piece)
            self.sent += len(piece)
