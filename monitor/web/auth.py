"""Logging in by a link that works once."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from urllib.parse import quote

from itsdangerous import BadData, URLSafeSerializer

from models.base import utc_now
from models.errors import QuietwordError

LINK_LASTS = timedelta(minutes=15)
LEAST_SECRET = 32
"""Characters; ``secrets.token_urlsafe`` gives 43."""


class LoginError(QuietwordError):
    """The key for login links cannot be used; the message says how to make one."""


class OneTimeLogin:
    """Makes login links and lets each of them in once, within ``LINK_LASTS`` of its making.

    A link is signed, so any process that knows ``secret`` can make one for the server. Which
    links were used is remembered by the server alone; one made before the server's object is
    refused, so that a restart lets no used link in again. Safe for use by several threads.
    Raises ``LoginError`` for a secret of fewer than 32 characters.
    """

    def __init__(self, secret: str, *, now: Callable[[], datetime] = utc_now) -> None:
        if len(secret) < LEAST_SECRET:
            raise LoginError(
                f"the key for login links has {len(secret)} characters and needs {LEAST_SECRET}; "
                "remove the file named by QUIETWORD_WEB_SECRET_FILE and run: quietword init"
            )
        self._signer = URLSafeSerializer(secret, salt="quietword.login")
        self._now = now
        self._began = now().timestamp()
        self._used: dict[str, float] = {}
        self._lock = Lock()

    def new_link(self, base_url: str) -> str:
        """Return an address below ``base_url``, the page's own, that logs its first visitor in."""
        token = self._signer.dumps([secrets.token_urlsafe(16), self._now().timestamp()])
        text = token.decode() if isinstance(token, bytes) else token
        return f"{base_url.rstrip('/')}/login?token={quote(text)}"

    def admit(self, token: str) -> bool:
        """Return whether ``token`` may come in, and let it in no more."""
        try:
            nonce, made = self._signer.loads(token)  # compared in constant time
        except (BadData, TypeError, ValueError):
            return False
        present = self._now().timestamp()
        oldest = present - LINK_LASTS.total_seconds()
        with self._lock:
            self._used = {seen: at for seen, at in self._used.items() if at >= oldest}
            if nonce in self._used or not max(oldest, self._began) <= made <= present:
                return False
            self._used[nonce] = made
        return True
