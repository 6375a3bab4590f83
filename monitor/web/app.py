"""The pages: who may see them, what is sent with every answer, and what is said when it fails."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware

from models import Case, Source
from models.base import utc_now
from models.database import reading
from monitor.config import Settings
from monitor.contacts import CAP
from monitor.opening import Opening, suggest
from monitor.web import (
    accounts_page,
    add_page,
    author_page,
    brand_page,
    digest_page,
    identity,
    look,
    ops_page,
    out,
    sources_page,
    thread_page,
    way_in,
    why_page,
)
from monitor.web.auth import OneTimeLogin
from monitor.web.prefix import prefix_of
from monitor.web.site import SESSION_LASTS, Site, root
from monitor.web.thread_page import Suggest

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent
OPEN_TO_ALL = frozenset({"/login", "/login/provider", "/login/provider/back", "/join", "/healthz"})
"""Pages that ask for a login themselves."""
BY_TOKEN = ("/api/v1/", "/feed.atom", "/metrics", "/export.csv", "/export.json")
"""Pages for programs: a token lets in as a login does."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Sent with every answer: no script but our own file runs, nothing is loaded from elsewhere."""


def create_app(
    engine: Engine,
    *,
    login: OneTimeLogin,
    now: Callable[[], datetime] = utc_now,
    zone: tzinfo = UTC,
    session_secret: str | None = None,
    https_only: bool = False,
    opening: Suggest | None = None,
    settings: Settings | None = None,
    address: str = "",
) -> FastAPI:
    """Return the application; times are shown in ``zone``.

    Without ``session_secret`` a new one is made, and a restart logs everybody out.
    ``https_only`` keeps the cookie from plain HTTP: for a page that is reached over TLS.
    ``opening`` suggests the words to a customer; the shipped templates if left out. ``settings``
    tell of an identity provider, which sends people back to ``address``.
    """
    app = FastAPI(title="Quietword", docs_url=None, redoc_url=None, openapi_url=None)
    key = session_secret or secrets.token_urlsafe(32)
    site = Site(engine, now, zone, https_only)

    @app.middleware("http")
    async def guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        path = request.url.path.removeprefix(root(request))
        static = path.startswith("/static/")
        response: Response
        if static or path in OPEN_TO_ALL or path.startswith(BY_TOKEN) or site.known(request):
            try:
                response = await go_on(request)
            except Exception:
                logger.exception("%s %s failed", request.method, path)
                response = site.message(
                    request,
                    "Something went wrong",
                    "This page could not be made; the log says why. Nothing is lost.",
                    status=500,
                )
        else:
            response = RedirectResponse(f"{root(request)}/login", status_code=303)
        response.headers.update(HEADERS)
        response.headers["Cache-Control"] = "no-cache" if static else "no-store"
        return response

    app.add_middleware(
        SessionMiddleware,
        secret_key=key,
        session_cookie="quietword",
        path=prefix_of(address) or "/",
        max_age=int(SESSION_LASTS.total_seconds()),
        same_site="lax",
        https_only=https_only,
    )
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    for part in (digest_page, why_page, sources_page, look):
        app.include_router(part.routes(site))
    cap = timedelta(days=settings.contact_cap_days) if settings else CAP
    app.include_router(ops_page.routes(site, settings))
    app.include_router(thread_page.routes(site, opening or partial(_suggest, zone=zone), cap))
    app.include_router(brand_page.routes(site, key))
    app.include_router(accounts_page.routes(site, key, address))
    app.include_router(author_page.routes(site))
    if settings is not None:
        app.include_router(add_page.routes(site, key, settings))
    app.include_router(out.routes(site, key, address))
    app.mount("/api/v1", out.api(site, key))
    sso = settings is not None and identity.configured(settings)
    app.include_router(way_in.routes(site, login, provider=sso))
    if settings is not None and sso:
        let_in = partial(way_in.enter_as, site)
        app.include_router(identity.routes(site, settings, let_in, address))

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        try:
            with reading(engine) as session:
                session.exec(select(col(Source.id)).limit(1)).first()
        except SQLAlchemyError:
            return JSONResponse({"ok": False, "database": "does not answer"}, status_code=503)
        return JSONResponse({"ok": True, "database": "answers"})

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return site.message(
                request,
                "Nothing here",
                "There is no such page, or its case was erased.",
                status=404,
            )
        if error.detail == "token":
            return PlainTextResponse(
                "Send a token: Authorization: Bearer ... (quietword user token LOGIN prints one)\n",
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        if error.detail == "role":
            return site.message(
                request,
                "Not for this account",
                "Your account may not do this. Ask ops for another role if your work needs it.",
                status=403,
            )
        if error.detail == "form":
            return site.message(
                request,
                "Not done",
                "The form came from another login or another site, so nothing was changed. "
                "Go back, load the page again and repeat it.",
                status=403,
            )
        return site.message(
            request,
            "Not possible",
            "This cannot be done here; nothing was changed.",
            status=error.status_code,
        )

    @app.exception_handler(SQLAlchemyError)
    def broken(request: Request, error: SQLAlchemyError) -> HTMLResponse:
        logger.error("the database did not answer %s", request.url.path, exc_info=error)
        return site.message(
            request,
            "No answer",
            "The database does not answer. Nothing is lost; see the log, or run: quietword check",
            status=503,
        )

    return app


def _suggest(session: Session, case: Case, agent: str, *, zone: tzinfo) -> Opening:
    return suggest(session, case, agent=agent, zone=zone)
