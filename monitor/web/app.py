"""The pages: digest, one case in context, sources. They show; nothing can be changed there."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware

from models import Source
from models.base import utc_now
from models.database import reading
from monitor import wording
from monitor.coverage import read_sources
from monitor.digest import build_digest
from monitor.web.auth import LINK_LASTS, OneTimeLogin
from monitor.web.pages import read_case

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent
SESSION_LASTS = timedelta(hours=12)
LARGEST_ID = 2**31 - 1
PERIODS = {
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
}
OPEN_TO_ALL = frozenset({"/login", "/healthz"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Sent with every answer: no script runs, nothing is loaded from elsewhere."""


def create_app(
    engine: Engine,
    *,
    login: OneTimeLogin,
    now: Callable[[], datetime] = utc_now,
    zone: tzinfo = UTC,
    session_secret: str | None = None,
    https_only: bool = False,
) -> FastAPI:
    """Return the application; times are shown in ``zone``.

    Without ``session_secret`` a new one is made, and a restart logs everybody out.
    ``https_only`` keeps the cookie from plain HTTP: for a page that is reached over TLS.
    """
    app = FastAPI(title="Quietword", docs_url=None, redoc_url=None, openapi_url=None)
    templates = _templates(zone)

    def page(name: str, *, status: int = 200, **content: Any) -> HTMLResponse:
        html = templates.get_template(name).render(now=now(), zone=zone, **content)
        return HTMLResponse(html, status_code=status)

    def message(title: str, *text: str, status: int, known: bool = False) -> HTMLResponse:
        return page("message.html", status=status, title=title, text=text, known=known)

    @app.middleware("http")
    async def guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        path = request.url.path
        static = path.startswith("/static/")
        if static or path in OPEN_TO_ALL or _known(request, now()):
            response = await go_on(request)
        else:
            response = RedirectResponse("/login", status_code=303)
        response.headers.update(HEADERS)
        response.headers["Cache-Control"] = "no-cache" if static else "no-store"
        return response

    app.add_middleware(
        SessionMiddleware,
        secret_key=session_secret or secrets.token_urlsafe(32),
        session_cookie="quietword",
        max_age=int(SESSION_LASTS.total_seconds()),
        same_site="lax",
        https_only=https_only,
    )
    app.mount("/static", StaticFiles(directory=HERE / "static"))

    @app.get("/")
    def digest(period: str = "24h") -> HTMLResponse:
        chosen = period if period in PERIODS else "24h"
        until = now()
        with reading(engine) as session:
            found = build_digest(session, since=until - PERIODS[chosen][1], until=until, now=until)
        by_id = {case.id: case for case in found.cases}
        return page("digest.html", digest=found, by_id=by_id, periods=PERIODS, chosen=chosen)

    @app.get("/case/{case_id:int}")
    def case(case_id: int) -> HTMLResponse:
        with reading(engine) as session:
            found = read_case(session, case_id) if case_id <= LARGEST_ID else None
        if found is None:
            raise HTTPException(404)
        return page("case.html", shown=found, case=found.case)

    @app.get("/sources")
    def sources() -> HTMLResponse:
        until = now()
        since = until - timedelta(hours=24)
        with reading(engine) as session:
            found = read_sources(session, since=since, until=until, now=until)
        return page("sources.html", sources=found)

    @app.get("/login")
    def enter(request: Request, token: str | None = None) -> Response:
        if token is None:
            return message("Log in with a link", *_how_to_log_in(), status=200)
        if not login.admit(token):
            return message(
                "This link no longer works",
                "It was used already, is older than "
                f"{wording.lasting(LINK_LASTS)}, or was made before the server was last started.",
                *_how_to_log_in(),
                status=403,
            )
        request.session.clear()
        request.session["until"] = (now() + SESSION_LASTS).timestamp()
        return RedirectResponse("/", status_code=303)

    @app.get("/logout")
    def leave(request: Request) -> Response:
        request.session.clear()
        return RedirectResponse("/login", status_code=303)

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        try:
            with reading(engine) as session:
                session.exec(select(col(Source.id)).limit(1)).first()
        except SQLAlchemyError:
            return JSONResponse({"ok": False, "database": "does not answer"}, status_code=503)
        return JSONResponse({"ok": True, "database": "answers"})

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> HTMLResponse:
        known = _known(request, now())
        if error.status_code == 404:
            words = "There is no such page, or its case was erased."
            return message("Nothing here", words, status=404, known=known)
        words = "This page can only be read."
        return message("Not possible", words, status=error.status_code, known=known)

    @app.exception_handler(SQLAlchemyError)
    def broken(request: Request, error: SQLAlchemyError) -> HTMLResponse:
        logger.error("the database did not answer %s", request.url.path, exc_info=error)
        words = (
            "The database does not answer. Nothing is lost; see the log, or run: quietword check"
        )
        return message("No answer", words, status=503, known=_known(request, now()))

    return app


def _known(request: Request, present: datetime) -> bool:
    until = request.session.get("until")
    return isinstance(until, float) and present.timestamp() < until


def _how_to_log_in() -> tuple[str, ...]:
    return (
        "On the machine that runs Quietword, this command prints a link that logs one "
        f"person in, once, within {wording.lasting(LINK_LASTS)}:",
        "quietword login",
    )


def _templates(zone: tzinfo) -> Environment:
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,  # forum text is hostile
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        moment=partial(wording.moment, zone=zone),
        ago=wording.ago,
        lasting=wording.lasting,
        level=wording.level_words,
        topic=wording.topic_words,
        language=wording.language_words,
        outcome=wording.outcome_words,
        event=wording.event_words,
        counted=wording.counted,
    )
    templates.globals.update(state_words=wording.state_words, offset=wording.offset)
    return templates
