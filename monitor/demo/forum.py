"""Serve the demo's two sites on the loopback interface, in threads of this process."""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

from models.base import utc_now
from monitor.demo.discourse import DiscoursePages
from monitor.demo.pages import Answer, Pages, Question
from monitor.demo.phpbb import PhpbbPages
from monitor.demo.story import Brand, DemoError, Site, Timeline, load_story

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
_LAST_PORT = 65534


class DemoForum:
    """Two forums that talk about the demo's brand; a context manager.

    pace: how many times faster than written the growing thread grows; above 0.
    port: the phpBB side's port, the Discourse side takes the next one; 0 takes any two free.
    clock: gives the present moment; post times are counted from its value on entering.
    Raises ``DemoError`` for a pace or port that cannot be used. ``phpbb_url`` and
    ``discourse_url`` (with a closing slash) are set on entering. ``requests`` counts what was
    asked of either side: path and query as sent, without phpBB's ``sid``.
    """

    def __init__(
        self, *, pace: float = 1.0, port: int = 0, clock: Callable[[], datetime] = utc_now
    ) -> None:
        if not pace > 0:
            raise DemoError(f"the demo's pace is {pace}; give a number above 0, 1 is as written")
        if not 0 <= port <= _LAST_PORT:
            raise DemoError(f"the demo's port is {port}; give 0 for any, or 1 to {_LAST_PORT}")
        self.pace = pace
        self.port = port
        self.clock = clock
        self.story = load_story()
        self.phpbb_url = ""
        self.discourse_url = ""
        self.requests: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._timeline = Timeline(clock(), pace)
        self._servers: list[_Server] = []
        self._threads: list[threading.Thread] = []

    @property
    def brand(self) -> Brand:
        """Return the brand that both sites talk about."""
        return self.story.brand

    def __enter__(self) -> Self:
        """Start both sites; post times are counted from this moment."""
        self._timeline = Timeline(self.clock(), self.pace)
        try:
            self.phpbb_url = self._serve(self.story.phpbb, PhpbbPages, self.port)
            second = self.port + 1 if self.port else 0
            self.discourse_url = self._serve(self.story.discourse, DiscoursePages, second)
        except DemoError:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop both sites and close their ports."""
        self._stop()

    def grow(self) -> None:
        """Show all scheduled posts at once; those not yet due carry the present moment."""
        self._timeline.grow(self.clock())

    def _serve(
        self, site: Site, pages_of: Callable[[Site, Timeline, str], Pages], port: int
    ) -> str:
        try:
            server = _Server((HOST, port), _Visitor)
        except OSError as error:
            raise DemoError(
                f"the demo cannot listen on {HOST}:{port} ({error.strerror}); "
                "stop what uses the port, or choose port 0 for any free one"
            ) from error
        url = f"http://{HOST}:{server.server_address[1]}/"
        pages = pages_of(site, self._timeline, url)

        def ask(target: str, question: Question) -> Answer:
            with self._lock:
                self.requests[_without_sid(target)] += 1
            return pages.answer(question, self.clock())

        server.ask = ask
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, name=f"demo-{site.name}"
        )
        thread.daemon = True
        thread.start()
        self._servers.append(server)
        self._threads.append(thread)
        return url

    def _stop(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()
        self._servers.clear()
        self._threads.clear()


class _Server(ThreadingHTTPServer):
    """A listening socket that knows which site answers on it."""

    daemon_threads = True
    ask: Callable[[str, Question], Answer]


class _Visitor(BaseHTTPRequestHandler):
    """One connection; speaks HTTP/1.0 so that no idle connection outlives the forum."""

    server: _Server
    timeout = 10
    server_version = "demo"
    sys_version = ""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        question = Question(
            path=unquote(parts.path),
            query=parse_qs(parts.query),
            cookie=self.headers.get("Cookie", ""),
        )
        self._send(self.server.ask(self.path, question))

    do_HEAD = do_GET

    def __getattr__(self, name: str) -> Callable[[], None]:
        # The base class looks for do_<METHOD>: whatever is not defined above is refused.
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        plain = "text/plain; charset=utf-8"
        text = "This forum can only be read.\n"
        self._send(
            Answer(status=405, body=text, content_type=plain, headers={"Allow": "GET, HEAD"})
        )

    def _send(self, answer: Answer) -> None:
        body = answer.body.encode()
        with suppress(ConnectionError):  # the reader went away: nothing of ours is lost
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-cache")
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        logger.debug(format, *args)


def _without_sid(target: str) -> str:
    parts = urlsplit(target)
    fields = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "sid"]
    return unquote(parts.path) + ("?" + urlencode(fields, safe="[]") if fields else "")
