"""What every page needs: the database, the clock, the language asked for, forms that are ours."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from alerts.trouble import Broken, broken
from models import Access, Account, BrokenChannel
from models.database import reading
from monitor import wording
from monitor.accounts import Person, person
from monitor.web.charts import CHARTS
from monitor.web.speech import LANGUAGES, Speech, preferred

HERE = Path(__file__).parent
SESSION_LASTS = timedelta(hours=12)
LARGEST_ID = 2**31 - 1
CHOICE_LASTS_S = 365 * 24 * 3600
THEMES = ("system", "light", "dark")
BY_LINK = Person(account_id=0, login="one-time link", access=Access.OPS, agent_id=None)
"""Whoever came in by a link that was made on the machine itself."""


@dataclass(frozen=True)
class Site:
    """One running set of pages; times are shown in ``zone``."""

    engine: Engine
    now: Callable[[], datetime]
    zone: tzinfo
    https_only: bool = False
    extras: dict[str, Any] = field(default_factory=dict)
    """What other parts of the product hand to every template."""

    @cached_property
    def _templates(self) -> dict[str, Environment]:
        return {code: _templates(Speech(code, self.zone, self.now)) for code in LANGUAGES}

    def language(self, request: Request) -> str:
        """Return the language the reader chose, or the one the browser asks for."""
        chosen = request.cookies.get("language", "")
        header = request.headers.get("accept-language", "")
        return chosen if chosen in LANGUAGES else preferred(header)

    def speech(self, request: Request) -> Speech:
        """Return the voice of the pages in the reader's language."""
        return Speech(self.language(request), self.zone, self.now)

    def page(self, request: Request, name: str, *, status: int = 200, **given: Any) -> HTMLResponse:
        """Return the page that template ``name`` makes of ``given``, in the reader's language."""
        html = self._template(request, name).render(**self._context(request), **given)
        language = self.language(request)
        return HTMLResponse(html, status_code=status, headers={"Content-Language": language})

    def stream(self, request: Request, name: str, **given: Any) -> StreamingResponse:
        """Return a page that is sent while ``given`` comes into being, for work that takes long.

        Who closes the page closes the iterators that the template goes through.
        """
        pieces = self._template(request, name).generate(**self._context(request), **given)
        headers = {"Content-Language": self.language(request), "X-Accel-Buffering": "no"}
        return StreamingResponse(pieces, media_type="text/html", headers=headers)

    def _template(self, request: Request, name: str) -> Template:
        return self._templates[self.language(request)].get_template(name)

    def _context(self, request: Request) -> dict[str, Any]:
        """Return what every template is given."""
        theme = request.cookies.get("theme", "")
        known = self.known(request)
        return {
            "now": self.now(),
            "zone": self.zone,
            "root": root(request),
            "path": request.url.path,
            "here_again": here(request),
            "language_code": self.language(request),
            "theme": theme if theme in THEMES else "system",
            "known": known,
            "person": self.person(request),
            "stopped": self.stopped() if known else [],
            "csrf": csrf_token(request) if known else "",
            "flash": request.session.pop("flash", None) if known else None,
            **self.extras,
        }

    def message(
        self, request: Request, title: str, *text: str, status: int, **values: str
    ) -> HTMLResponse:
        """Return a page that says something in plain words; both are looked up and filled in."""
        speech = self.speech(request)
        said = [speech.text(line) % values if values else speech.text(line) for line in text]
        return self.page(
            request, "message.html", status=status, title=speech.text(title), text=said
        )

    def known(self, request: Request) -> bool:
        """Return whether the visitor is logged in."""
        return self.person(request) is not None

    def person(self, request: Request) -> Person | None:
        """Return who is logged in, as the accounts are now; ``None``: nobody."""
        if not hasattr(request.state, "person"):
            request.state.person = self._person(request.session)
        found: Person | None = request.state.person
        return found

    def _person(self, kept: dict[str, Any]) -> Person | None:
        until = kept.get("until")
        if not isinstance(until, float) or self.now().timestamp() >= until:
            return None
        account, epoch = kept.get("account"), kept.get("epoch")
        if not isinstance(account, int) or not isinstance(epoch, int):
            return BY_LINK
        try:
            with reading(self.engine) as session:
                return person(session, account, epoch)
        except SQLAlchemyError:
            return None  # the page that is asked for says that the database does not answer

    def stopped(self) -> list[Broken]:
        """Return the channels that only a person can mend, for the banner on every page."""
        try:
            with reading(self.engine) as session:
                if session.exec(select(BrokenChannel.id).limit(1)).first() is None:
                    return []
                return broken(session)
        except SQLAlchemyError:
            return []

    def only(self, request: Request, *kinds: Access) -> Person:
        """Return who is logged in; refuse those whose account is none of ``kinds``."""
        found = self.person(request)
        if found is None or not found.may(*kinds):
            raise HTTPException(403, "role")
        return found

    def begin(self, request: Request, account: Account | None) -> None:
        """Begin a login: nothing that was set before it lives on after it."""
        request.session.clear()
        request.session["until"] = (self.now() + SESSION_LASTS).timestamp()
        if account is not None:
            request.session["account"], request.session["epoch"] = account.id, account.epoch
        if hasattr(request.state, "person"):
            del request.state.person

    async def form(self, request: Request) -> FormData:
        """Return the fields that were sent, if the form was one of ours; else refuse."""
        fields = await request.form(max_files=0)  # no form of ours sends one
        sent, kept = fields.get("csrf"), request.session.get("csrf")
        if not (isinstance(sent, str) and kept and secrets.compare_digest(sent, kept)):
            raise HTTPException(403, "form")
        return fields

    def back(self, request: Request, path: str, flash: str | None = None) -> RedirectResponse:
        """Send the browser to ``path`` of these pages, where ``flash`` is said once."""
        if flash is not None:
            request.session["flash"] = flash[:500]
        return RedirectResponse(root(request) + inside(path), status_code=303)


def root(request: Request) -> str:
    """Return the path under which a proxy serves the pages, without a slash at its end."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def here(request: Request) -> str:
    """Return path and query of the page that is shown, below ``root``.

    The answer to a form is no page that can be asked for again: who gives one names another as
    ``request.state.again``.
    """
    if again := getattr(request.state, "again", ""):
        return str(again)
    path = request.url.path.removeprefix(root(request)) or "/"
    return f"{path}?{request.url.query}" if request.url.query else path


def inside(path: str) -> str:
    """Return ``path`` if it lies on these pages, else the first page: no open redirect."""
    parts = urlsplit(path)
    odd = parts.scheme or parts.netloc or not path.startswith("/") or path.startswith("//")
    if odd or "\\" in path or any(ord(character) < 33 for character in path):
        return "/"
    return path


def csrf_token(request: Request) -> str:
    """Return the secret that the forms of this login carry."""
    token = request.session.get("csrf")
    if not isinstance(token, str):
        token = request.session["csrf"] = secrets.token_urlsafe(24)
    return token


def query(given: dict[str, Any], **changes: Any) -> str:
    """Return a query string of ``given`` with ``changes``; what is empty is left out."""
    merged = {key: value for key, value in (given | changes).items() if value not in ("", None)}
    return "?" + urlencode(merged) if merged else "?"


def _templates(speech: Speech) -> Environment:
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,  # forum text is hostile
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    templates.install_gettext_callables(  # type: ignore[attr-defined]
        speech.text, speech.plural, newstyle=True
    )
    templates.filters.update(
        moment=speech.moment,
        moment_in=speech.moment_in,
        day=speech.day,
        ago=speech.ago,
        lasting=speech.lasting,
        num=speech.number,
        percent=speech.percent,
        level=speech.level,
        topic=speech.topic,
        state=speech.state,
        reason=speech.reason,
        masks=speech.tongue.masks,
        dismissal=speech.dismissal,
        rank=speech.rank,
        language=speech.language,
        outcome=speech.outcome,
        event=speech.event,
        note=speech.note,
        trouble=speech.trouble,
    )
    templates.globals.update(
        standing=speech.standing,
        policy=speech.policy,
        peace=speech.peace,
        offset=wording.offset,
        languages=LANGUAGES,
        themes=THEMES,
        query=query,
        charts=CHARTS,
    )
    return templates
