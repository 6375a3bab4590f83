"""Making a source of an address: the same row from the command line, a file, or the pages."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlmodel import Session, select

from models import Outreach, Source
from models.errors import QuietwordError
from monitor.crawling import CrawlOrder
from monitor.health import WELL

NAME_LENGTH = 200
NOTE_LENGTH = 500
AS_YOU_SAY = "as you say"
NOT_YET = "the first crawl finds out"


class SourceError(QuietwordError):
    """A source cannot be added or found as asked; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """What a person says of a source, besides how it is read."""

    name: str | None = None
    """What to call it; its host by default."""
    every_minutes: int = 30
    outreach: str = Outreach.PRIVATE
    note: str = ""


def refuse_what_cannot_be(session: Session, order: CrawlOrder, new: NewSource) -> None:
    """Raise ``SourceError`` for what no look at the site could mend."""
    if new.name and len(new.name) > NAME_LENGTH:
        raise SourceError(f"the name has {len(new.name)} characters; at most {NAME_LENGTH} fit")
    if new.outreach not in list(Outreach):
        raise SourceError(
            f"{new.outreach!r} is no outreach policy; choose from {', '.join(Outreach)}"
        )
    try:
        ZoneInfo(order.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SourceError(
            f"there is no time zone {order.timezone!r}; write it as in Europe/Warsaw"
        ) from None
    if order.language and not re.fullmatch("[a-z]{2}", order.language):
        raise SourceError(f"{order.language!r} is no language; write two letters, such as pl or en")
    known = session.exec(select(Source).where(Source.address == order.address)).first()
    if known is not None:
        raise SourceError(f"{order.address} is watched already, as source {known.id}")


def can_be_read(report: dict[str, Any]) -> bool:
    """Return whether a look came to an end that a source may be made of."""
    return report["outcome"] in WELL and bool(report["engine"])


def save_source(session: Session, order: CrawlOrder, engine: str, new: NewSource) -> Source:
    """Store the source and return it with its id; the first crawl is due at once."""
    refuse_what_cannot_be(session, order, new)
    source = Source(
        address=order.address,
        engine=engine,
        name=new.name or urlsplit(order.address).netloc,
        timezone=order.timezone or "UTC",
        timezone_how=AS_YOU_SAY if order.timezone else None,
        date_order=order.date_order,
        date_order_how=AS_YOU_SAY if order.date_order else None,
        language=order.language,
        selectors=order.selectors,
        every_minutes=new.every_minutes,
        delay_s=order.delay_s,
        outreach=new.outreach,
        outreach_note=new.note[:NOTE_LENGTH],
        first_since=order.since,
    )
    session.add(source)
    session.flush()
    return source


def zone_words(order: CrawlOrder, habits: dict[str, Any]) -> tuple[str, str]:
    """Return in which zone the site's times will be read, and who says so."""
    if order.timezone is not None:
        return order.timezone, AS_YOU_SAY
    return habits["timezone"] or "UTC", habits["timezone_how"] or NOT_YET
