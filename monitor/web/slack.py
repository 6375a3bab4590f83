"""Slack's requests over HTTP, for installations that Slack can reach by an address of their own.

Everything without a fresh, right signature over its raw bytes is answered with 401 and read no
further. Pages and their logins are not touched: this stands before them.
"""

import hmac
import logging
import re
from collections.abc import Callable
from datetime import datetime

from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from slack_sdk.signature import SignatureVerifier
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from models.base import utc_now
from monitor.slack_app import SlackDesk

logger = logging.getLogger(__name__)
PATH = "/slack/events"
LARGEST = 1_000_000
"""Bytes of a request; Slack's are a tenth of that."""
_STAMP = re.compile(r"[0-9]{1,12}")
FRESH_S = 300
"""A request older or newer than this may be a captured one that is sent again."""


class SlackDoor:
    """An ASGI application that takes ``PATH`` for Slack and leaves the rest to ``pages``."""

    def __init__(
        self,
        pages: ASGIApp,
        desk: SlackDesk,
        signing_secret: str,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._pages = pages
        self._app = desk.app
        self._now = now
        self._verifier = SignatureVerifier(signing_secret)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = str(scope.get("path", "")).removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or path != PATH:
            await self._pages(scope, receive, send)
            return
        request = Request(scope, receive)
        await (await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(status_code=401)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST:
                return _refused("it is too large")
        try:
            text = body.decode("utf-8")
            genuine = self._is_genuine(request, text)
        except ValueError:  # a time that is no number, bytes that are no text
            return _refused("it is malformed")
        if not genuine:
            return _refused("its signature is wrong or old")
        try:
            asked = to_bolt_request(request, bytes(body))
        except (ValueError, TypeError, AttributeError):  # signed, and still no JSON object
            return _refused("it is malformed")
        return to_starlette_response(await run_in_threadpool(self._app.dispatch, asked))

    def _is_genuine(self, request: Request, body: str) -> bool:
        stamp = request.headers.getlist("x-slack-request-timestamp")
        signature = request.headers.getlist("x-slack-signature")
        if len(stamp) != 1 or len(signature) != 1:
            return False
        if not (_STAMP.fullmatch(stamp[0]) and signature[0].isascii()):
            return False
        if abs(self._now().timestamp() - int(stamp[0])) > FRESH_S:
            return False
        wanted = self._verifier.generate_signature(timestamp=stamp[0], body=body)
        return wanted is not None and hmac.compare_digest(wanted, signature[0])


def _refused(why: str) -> Response:
    logger.warning("a request in Slack's name was refused: %s", why)
    return Response(status_code=401)
