"""The digest: what needs a manager, every flagged thread, and what was read."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from models import CaseState, Level
from models.database import reading
from monitor.case_list import Group, Sort, Wanted, list_cases, options
from monitor.coverage import read_coverage, read_sources
from monitor.growing import GROWTH_WINDOW, read_activity, read_growing
from monitor.undelivered import read_undelivered
from monitor.web.site import LARGEST_ID, Site
from sentiment.topics import Topic

PERIODS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
LANGUAGES_OFFERED = ("en", "pl", "ru", "uk", "de")
WORDS_LIMIT = 200
PAGE_LIMIT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The span a page is about, and how it stands in the address."""

    since: datetime
    until: datetime
    name: str
    """A key of ``PERIODS``, or ``span`` for two dates."""
    first: str = ""
    last: str = ""
    """The two dates as given; empty but for a span."""

    @property
    def query(self) -> dict[str, str]:
        """Return it as it stands in an address."""
        if self.name == "span":
            return {"since": self.first, "until": self.last}
        return {"period": self.name}


def read_period(request: Request, now: datetime, zone: tzinfo, usual: str = "day") -> Period:
    """Return the period an address asks for: whole days from ``since`` to ``until``, or a name.

    What cannot be understood counts as not asked for.
    """
    asked = request.query_params
    first, last = _date(asked.get("since")), _date(asked.get("until"))
    if first or last:
        today = now.astimezone(zone).date()
        last = min(last or today, today)
        first = min(first or last, last)
        return Period(
            since=datetime.combine(first, time(), zone),
            until=min(now, datetime.combine(last + timedelta(days=1), time(), zone)),
            name="span",
            first=first.isoformat(),
            last=last.isoformat(),
        )
    name = asked.get("period", usual)
    name = name if name in PERIODS else usual
    return Period(since=now - PERIODS[name], until=now, name=name)


def _date(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2200 else None


def number(text: str | None, most: int = LARGEST_ID) -> int | None:
    """Return a whole number from an address, ``None`` for anything else."""
    if not text or not text.isascii() or not text.isdigit() or int(text[:12]) > most:
        return None
    return int(text[:12])


def read_wanted(request: Request, period: Period) -> Wanted:
    """Return what an address asks for; unknown values count as not asked for."""
    asked = request.query_params

    def one_of(name: str, *allowed: str) -> str | None:
        return value if (value := asked.get(name)) in allowed else None

    return Wanted(
        since=period.since,
        until=period.until,
        brand=number(asked.get("brand")),
        source=number(asked.get("source")),
        language=one_of("language", *LANGUAGES_OFFERED, "und"),
        topic=one_of("topic", *Topic),
        state=one_of("state", *CaseState, *Group),
        level=one_of("level", *Level),
        owner=number(asked.get("owner")),
        words=asked.get("q", "")[:WORDS_LIMIT].replace("\x00", ""),
        sort=Sort(one_of("sort", *Sort) or Sort.WEIGHT),
        page=number(asked.get("page"), PAGE_LIMIT) or 1,
    )


def as_query(wanted: Wanted, period: Period) -> dict[str, Any]:
    """Return the address of a page: only what was asked for, so that it can be shared."""
    return period.query | {
        "brand": wanted.brand,
        "source": wanted.source,
        "language": wanted.language,
        "topic": wanted.topic,
        "state": wanted.state,
        "level": wanted.level,
        "owner": wanted.owner,
        "q": wanted.words,
        "sort": wanted.sort if wanted.sort is not Sort.WEIGHT else None,
    }


def routes(site: Site) -> APIRouter:
    """Return the first page."""
    pages = APIRouter()

    @pages.get("/")
    def digest(request: Request) -> HTMLResponse:
        now = site.now()
        period = read_period(request, now, site.zone)
        wanted = read_wanted(request, period)
        asked = as_query(wanted, period)
        window = min(GROWTH_WINDOW, period.until - period.since)
        with reading(site.engine) as session:
            listing = list_cases(session, wanted, now)
            sources = read_sources(session, since=period.since, until=period.until, now=now)
            lately = read_activity(session, period.until - window, period.until)
            before = read_activity(session, period.until - 2 * window, period.until - window)
            found: dict[str, Any] = {
                "listing": listing,
                "sources": sources,
                "coverage": read_coverage(
                    session,
                    sources,
                    since=period.since,
                    until=period.until,
                    brand=wanted.brand,
                ),
                "growing": read_growing(session, lately, before, wanted.brand),
                "undelivered": read_undelivered(session),
                "choices": options(session),
            }
        return site.page(
            request,
            "digest.html",
            period=period,
            window=window,
            wanted=wanted,
            asked=asked,
            narrowed=any(asked[name] for name in asked.keys() - period.query.keys() - {"sort"}),
            silent=[source for source in sources if source.silent_since],
            levels=list(reversed(Level)),
            states=list(CaseState),
            topics=list(Topic),
            spoken=LANGUAGES_OFFERED,
            **found,
        )

    return pages
