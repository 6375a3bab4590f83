"""Logging in and out."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from monitor.web.auth import LINK_LASTS, OneTimeLogin
from monitor.web.site import SESSION_LASTS, Site, root

HOW = (
    "On the machine that runs Quietword, this command prints a link that logs one person in, "
    "once, within %(lasting)s:",
    "quietword login",
)


def routes(site: Site, login: OneTimeLogin) -> APIRouter:
    """Return the ways in and out."""
    pages = APIRouter()

    @pages.get("/login")
    def enter(request: Request, token: str | None = None) -> Response:
        lasting = site.speech(request).lasting(LINK_LASTS)
        if token is None:
            return site.message(request, "Log in with a link", *HOW, status=200, lasting=lasting)
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
        request.session.clear()  # nothing that was set before the login lives on after it
        request.session["until"] = (site.now() + SESSION_LASTS).timestamp()
        return RedirectResponse(f"{root(request)}/", status_code=303)

    @pages.post("/logout")
    async def leave(request: Request) -> Response:
        await site.form(request)
        request.session.clear()
        return RedirectResponse(f"{root(request)}/login", status_code=303)

    return pages
