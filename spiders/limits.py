"""What an answer's headers say of how much more may be asked for."""

import math
from datetime import datetime

from scrapy.http import Response

from models.base import utc_now

_EPOCH = 1_000_000_000
"""A reset beyond this many seconds is a moment, not a span."""


def spent_rest_s(page: Response) -> float:
    """Return the seconds until more may be asked for, 0 while something is left.

    Understands ``X-RateLimit-Remaining`` and ``-Reset`` (Mastodon: a date, Reddit: seconds) and
    ``RateLimit-Remaining`` and ``-Reset`` (Bluesky: seconds since 1970).
    """
    for prefix in ("X-RateLimit", "RateLimit"):
        left = _number(_header(page, f"{prefix}-Remaining"))
        if left is not None and left < 1:
            return _until(_header(page, f"{prefix}-Reset"))
    return 0.0


def _until(reset: str) -> float:
    seconds = _number(reset)
    if seconds is None:
        try:
            moment = datetime.fromisoformat(reset)
        except ValueError:
            return 0.0
        if moment.tzinfo is None:
            return 0.0
        return max(0.0, (moment - utc_now()).total_seconds())
    if seconds > _EPOCH:
        return max(0.0, seconds - utc_now().timestamp())
    return max(0.0, seconds)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _header(page: Response, name: str) -> str:
    return (page.headers.get(name) or b"").decode("latin-1").strip()
