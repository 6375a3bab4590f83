"""What is said and why: trends, topics, places, answer times, and what was not read."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from models import Access
from models.database import reading
from monitor.answer_times import read_answer_times, read_uncovered
from monitor.case_list import options
from monitor.coverage import read_sources
from monitor.feedback import precision
from monitor.trends import read_places, read_topics, read_trends
from monitor.web.digest_page import number, read_period
from monitor.web.site import Site


def routes(site: Site) -> APIRouter:
    """Return the page of causes."""
    pages = APIRouter()

    @pages.get("/why")
    def why(request: Request) -> HTMLResponse:
        now = site.now()
        period = read_period(request, now, site.zone, usual="week")
        brand = number(request.query_params.get("brand"))
        who = site.person(request)
        managing = who is not None and who.may(Access.MANAGER)
        span = (period.since, period.until)
        with reading(site.engine) as session:
            found: dict[str, Any] = {
                "trends": read_trends(session, *span, site.zone, brand),
                "topics": read_topics(session, *span, brand),
                "places": read_places(session, *span, brand),
                "times": read_answer_times(session, *span, brand),
                "uncovered": read_uncovered(session, *span),
                "sources": read_sources(session, since=span[0], until=span[1], now=now),
                "choices": options(session),
                "decided": precision(session, brand) if managing else [],
            }
        return site.page(
            request,
            "why.html",
            period=period,
            brand=brand,
            asked=period.query | {"brand": brand},
            hourly=(period.until - period.since).days <= 2,
            **found,
        )

    return pages
