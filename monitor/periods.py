"""Spans of time as people type them."""

import re
from datetime import UTC, datetime, timedelta

from models.errors import QuietwordError

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class PeriodError(QuietwordError):
    """A span or moment was not understood; the message shows the forms that are."""


def moment_before(text: str, now: datetime) -> datetime:
    """Return the moment that ``text`` names: ``30d``, ``12h``, ``2w`` before ``now``, or a date.

    Dates are ISO 8601, taken as UTC where they name no offset.
    """
    if (length := _span(text)) is not None:
        return now - length
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise PeriodError(
            f"{text!r} is not a span of time; write 45m, 12h, 30d, 2w or a date such as 2026-11-01"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def span(text: str) -> timedelta:
    """Return the length of time that ``text`` names: ``45m``, ``12h``, ``30d``, ``2w``."""
    if (length := _span(text)) is None:
        raise PeriodError(f"{text!r} is not a length of time; write 45m, 12h, 30d or 2w")
    return length


def _span(text: str) -> timedelta | None:
    match = re.fullmatch(r"(\d{1,5})\s*([mhdw])", text.strip().lower())
    return timedelta(**{UNITS[match[2]]: int(match[1])}) if match else None
