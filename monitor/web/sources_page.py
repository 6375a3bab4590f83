"""How every source is read."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from models.database import reading
from monitor.coverage import read_sources
from monitor.web.site import Site


def routes(site: Site) -> APIRouter:
    """Return the page of sources."""
    pages = APIRouter()

    @pages.get("/sources")
    def sources(request: Request) -> HTMLResponse:
        until = site.now()
        since = until - timedelta(hours=24)
        with reading(site.engine) as session:
            found = read_sources(session, since=since, until=until, now=until)
        return site.page(request, "sources.html", sources=found)

    return pages
