"""What is held on an author: found by name, handed out, erased; each time noted."""

import json

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import Session, func, select
from starlette.exceptions import HTTPException

from models import Access, Author, Post, Source
from models.base import id_of
from models.database import reading, writing
from monitor.held import held_on
from monitor.privacy import (
    NobodyFound,
    everywhere,
    find_authors,
    forget,
    host_of,
    objected,
    record,
)
from monitor.web.site import LARGEST_ID, Site

NAME_LIMIT = 300


def _found(session: Session, name: str) -> list[tuple[Author, str, int]]:
    """Return the authors called ``name``, each once a site, with site and number of posts."""
    shown: dict[tuple[str, str], tuple[Author, str, int]] = {}
    try:
        authors = find_authors(session, name) if name else []
    except NobodyFound:
        return []
    for author in authors:
        site = host_of(session.get_one(Source, author.source_id).address)
        posts = session.exec(
            select(func.count()).select_from(Post).where(Post.author_id == author.id)
        ).one()
        first, _, before = shown.get((site, author.external_id), (author, site, 0))
        shown[site, author.external_id] = (first, site, before + posts)
    return list(shown.values())


def routes(site: Site) -> APIRouter:
    """Return the search for an author and what may be done with what it finds.

    A name is sent by a form, so that it stands in no address and in no log.
    """
    pages = APIRouter()

    def show(request: Request, name: str | None = None) -> HTMLResponse:
        with reading(site.engine) as session:
            found = _found(session, name) if name else []
            request.state.again = "/authors"
            return site.page(request, "authors.html", asked=name, found=found)

    def known(session: Session, author_id: int) -> list[Author]:
        author = session.get(Author, author_id) if author_id <= LARGEST_ID else None
        if author is None:
            raise HTTPException(404)
        return everywhere(session, author)

    @pages.get("/authors")
    def authors(request: Request) -> HTMLResponse:
        site.only(request, Access.MANAGER)
        return show(request)

    @pages.post("/authors")
    async def search(request: Request) -> HTMLResponse:
        fields = await site.form(request)
        site.only(request, Access.MANAGER)
        name = str(fields.get("name", "")).strip()[:NAME_LIMIT].replace("\x00", "")
        return show(request, name)

    @pages.post("/author/{author_id:int}/export")
    async def export(request: Request, author_id: int) -> Response:
        await site.form(request)
        who = site.only(request, Access.MANAGER).login
        with writing(site.engine) as session:
            rows = known(session, author_id)
            held = [held_on(session, author) for author in rows]
            for author in rows:
                record(session, who, "exported", f"author {id_of(author)}", "", site.now())
        return Response(
            json.dumps(held, ensure_ascii=False, indent=1),
            media_type="application/json; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="author-{author_id}.json"'},
        )

    @pages.post("/author/{author_id:int}/erase")
    async def erase(request: Request, author_id: int) -> Response:
        fields = await site.form(request)
        who = site.only(request, Access.MANAGER).login
        what = str(fields.get("what", ""))
        if what not in {"author", "objection"}:
            raise HTTPException(404)
        remove = objected if what == "objection" else forget
        with writing(site.engine) as session:
            for author in known(session, author_id):
                remove(session, author, who=who, now=site.now())
        return site.back(request, "/authors", site.speech(request).text("Erased."))

    return pages
