"""Logging in and out: with a password, through an identity provider, or by a one-time link."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from models import Access, Account
from models.database import reading, writing
from monitor.accounts import AccountError, WaitError, any_accounts, check, create
from monitor.web.auth import LINK_LASTS, OneTimeLogin
from monitor.web.site import BY_LINK, Site, csrf_token, root

HOW = (
    "On the machine that runs Quietword, this command prints a link that logs one person in, "
    "once, within %(lasting)s:",
    "quietword login",
)


def enter_as(site: Site, request: Request, account: Account) -> Response:
    """Begin the login of ``account`` and show the first page."""
    site.begin(request, account)
    return RedirectResponse(f"{root(request)}/", status_code=303)


def routes(site: Site, login: OneTimeLogin, *, provider: bool = False) -> APIRouter:
    """Return the ways in and out; ``provider``: an identity provider is offered, too."""
    pages = APIRouter()

    def ask(request: Request, *, status: int = 200, **given: Any) -> HTMLResponse:
        with reading(site.engine) as session:
            accounts = any_accounts(session)
        lasting = site.speech(request).lasting(LINK_LASTS)
        return site.page(
            request,
            "login.html",
            status=status,
            accounts=accounts,
            provider=provider,
            lasting=lasting,
            token=csrf_token(request),
            **({"wrong": None, "login": ""} | given),
        )

    @pages.get("/login")
    def enter(request: Request, token: str | None = None) -> Response:
        if token is None:
            return ask(request)
        lasting = site.speech(request).lasting(LINK_LASTS)
        if not login.admit(token):
            return site.message(
                request,
                "This link no longer works",
                "It was used already, is older than %(lasting)s, or was made before the server "
                "was last started.",
                *HOW,
                status=403,
                lasting=lasting,
            )
        site.begin(request, None)
        with reading(site.engine) as session:
            first = not any_accounts(session)
        return RedirectResponse(f"{root(request)}/{'welcome' if first else ''}", status_code=303)

    @pages.post("/login")
    async def check_password(request: Request) -> Response:
        fields = await site.form(request)
        name, password = (str(fields.get(key, "")) for key in ("login", "password"))
        address = request.client.host if request.client else ""
        speech = site.speech(request)
        wait: str | None = None
        account: Account | None = None
        with writing(site.engine) as session:
            try:
                account = check(session, name, password, address, site.now())
            except WaitError as error:
                wait = speech.lasting(error.wait)
        if wait is not None:
            wrong = speech.text("Too many logins failed. Try again in %(wait)s.") % {"wait": wait}
            return ask(request, status=429, wrong=wrong, login=name)
        if account is None:
            wrong = speech.text("Name and password do not fit together.")
            return ask(request, status=403, wrong=wrong, login=name)
        return enter_as(site, request, account)

    @pages.get("/welcome")
    def welcome(request: Request) -> Response:
        with reading(site.engine) as session:
            late = site.person(request) is not BY_LINK or any_accounts(session)
        if late:
            return site.back(request, "/")
        return site.page(request, "welcome.html", wrong=None, login="")

    @pages.post("/welcome")
    async def first_account(request: Request) -> Response:
        fields = await site.form(request)
        name = str(fields.get("login", ""))
        if site.person(request) is not BY_LINK:
            return site.back(request, "/")
        try:
            with writing(site.engine) as session:
                if any_accounts(session):
                    return site.back(request, "/")
                account = create(
                    session, name, Access.OPS, password=str(fields.get("password", ""))
                )
        except AccountError as error:
            wrong = site.speech(request).text(error.words) % error.values
            return site.page(request, "welcome.html", status=400, wrong=wrong, login=name)
        return enter_as(site, request, account)

    @pages.post("/logout")
    async def leave(request: Request) -> Response:
        await site.form(request)
        request.session.clear()
        return RedirectResponse(f"{root(request)}/login", status_code=303)

    return pages
