"""What a reader chooses for themselves: language, and light or dark."""

from fastapi import APIRouter, Request, Response

from monitor.web.site import CHOICE_LASTS_S, THEMES, Site, root
from monitor.web.speech import LANGUAGES


def routes(site: Site) -> APIRouter:
    """Return the form's receiver; a choice is kept in a cookie for a year."""
    pages = APIRouter()

    @pages.post("/look")
    async def choose(request: Request) -> Response:
        fields = await site.form(request)
        response = site.back(request, str(fields.get("back", "/")))
        for name, allowed in (("language", tuple(LANGUAGES)), ("theme", THEMES)):
            value = fields.get(name)
            if value in allowed:
                response.set_cookie(
                    name,
                    str(value),
                    max_age=CHOICE_LASTS_S,
                    path=root(request) or "/",
                    httponly=True,
                    samesite="lax",
                    secure=site.https_only,
                )
        return response

    return pages
