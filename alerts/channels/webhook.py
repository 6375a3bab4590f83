"""Alerts as signed JSON, posted to an address of the team's own.

The signature is the HMAC-SHA256 of ``timestamp.body`` with the shared key, in hexadecimal; the
receiver compares it in constant time, refuses old timestamps, and passes over an id it has seen.
docs/channels.md shows the headers and a receiver. Personal data in texts is masked, as everywhere
that a text leaves for another program.
"""

import hashlib
import hmac
import json
import math
import urllib.request
from dataclasses import replace
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, ClassVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from alerts import words
from alerts.base import Channel, DeliveryError, Message
from alerts.notice import Notice
from models.base import utc_now

TIMEOUT_S = 10.0
GONE = frozenset({401, 403, 404, 405, 410})
"""Answers that no message can change: a person must look at address or key."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would send the alert, signed, to a place that nobody configured."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def host_of(url: str) -> str | None:
    """Return the host of a web address, as the channel is called; ``None`` if it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.scheme in {"http", "https"} else None


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what ``X-Quietword-Signature`` holds for a body sent at ``timestamp``."""
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1={signed.hexdigest()}"


class WebhookChannel(Channel):
    """Post to one address; ``room`` is what it is called, since the address may hold a secret."""

    kind: ClassVar[str] = "webhook"

    def __init__(self, url: str, room: str, *, secret: str) -> None:
        super().__init__(room)
        self._url = url
        self._secret = secret
        # No proxy from the environment, and no redirects: exactly this address.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)

    def send(self, message: Message) -> str | None:
        """Post ``message``; return the id that was sent with it."""
        masked = replace(
            message,
            thread_title=words.mask(message.thread_title),
            quote=words.mask(message.quote),
        )
        return self._post("alert", masked.as_json())

    def send_notice(self, notice: Notice) -> str | None:
        """Post ``notice``; return the id that was sent with it."""
        masked = replace(
            notice,
            title=words.mask(notice.title),
            text=words.mask(notice.text),
            entries=tuple(replace(one, title=words.mask(one.title)) for one in notice.entries),
        )
        return self._post("notice", masked.as_json())

    def _post(self, kind: str, fields: dict[str, Any]) -> str:
        name = hashlib.sha256(json.dumps([kind, fields], sort_keys=True).encode()).hexdigest()[:32]
        body = json.dumps({"type": kind, "id": name, kind: fields}, ensure_ascii=False).encode()
        timestamp = str(int(utc_now().timestamp()))
        request = urllib.request.Request(  # noqa: S310 - http(s) only, see the registry
            self._url,
            data=body,
            method="POST",
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "Quietword",
                "X-Quietword-Id": name,
                "X-Quietword-Timestamp": timestamp,
                "X-Quietword-Signature": signature(self._secret, timestamp, body),
            },
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S):
                return name
        except HTTPError as error:
            with error:
                raise _refusal(error) from error
        except URLError as error:
            raise DeliveryError(
                f"{self.room} could not be reached: {words.clean(str(error.reason))}"
            ) from error
        except (OSError, HTTPException) as error:
            raise DeliveryError(
                f"{self.room} did not answer: {type(error).__name__}", in_doubt=True
            ) from error


def _refusal(error: HTTPError) -> DeliveryError:
    said = f"the webhook answered {error.code}"
    if error.code in {429, 503}:
        return DeliveryError(said, retry_after=_retry_after(error.headers.get("Retry-After")))
    if error.code >= 500 or error.code == 408:
        return DeliveryError(said, in_doubt=True)
    if error.code in GONE or error.code < 400:
        advice = "look at QUIETWORD_WEBHOOK_URL and QUIETWORD_WEBHOOK_SECRET"
        return DeliveryError(f"{said}; {advice}", permanent=True, channel=True)
    return DeliveryError(said, permanent=True)


def _retry_after(named: str | None) -> float | None:
    """Return the seconds of a ``Retry-After``, which may be a date; ``None`` without one."""
    if not named:
        return None
    try:
        seconds = float(named)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(named) - utc_now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
