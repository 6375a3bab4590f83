"""A brand's words: tried on stored posts before they are saved."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from models import Access, Brand, BrandTerm, Role
from models.base import id_of
from models.database import reading, writing
from models.errors import QuietwordError
from monitor.brands import BrandSpec, save_brand, saved_spec
from monitor.feedback import precision
from monitor.mentions import Alias
from monitor.privacy import record
from monitor.rule_trial import POSTS, Spot, Trial, try_words
from monitor.web.site import LARGEST_ID, Site
from monitor.web.thread import Piece, marked, readable

TRIED_LASTS_S = 3600
SALT = "quietword.words"
BLANK_ROWS = 3
MOST_WORDS = 200
OWN_LIMIT = 4_000
AROUND = 140
"""Characters shown on either side of a word that was found."""
EMPTY = BrandSpec(name="")


def spec_of(fields: FormData, name: str | None) -> BrandSpec:
    """Return the words as they were sent; ``name`` is that of a brand which has one already."""
    exact, fixed = set(fields.getlist("exact")), set(fields.getlist("fixed"))
    rows = [str(text).strip().replace("\x00", "") for text in fields.getlist("alias")]

    def lines(field: str) -> tuple[str, ...]:
        given = str(fields.get(field, "")).replace("\x00", "").splitlines()
        return tuple(filter(None, (line.strip() for line in given)))[:MOST_WORDS]

    return BrandSpec(
        name=name or str(fields.get("name", "")).strip().replace("\x00", ""),
        aliases=tuple(
            Alias(text=text, case_sensitive=str(at) in exact, inflect=str(at) not in fixed)
            for at, text in enumerate(rows[:MOST_WORDS])
            if text
        ),
        exclusions=lines("exclusions"),
        context=lines("context"),
        rivals=lines("rivals"),
        staff=lines("staff"),
        case_sensitive="exact_name" in fields,
        inflect="fixed_name" not in fields,
    )


def unsealed(kept: dict[str, Any]) -> BrandSpec:
    """Return the words that were sealed after a trial."""
    many = {name: tuple(kept[name]) for name in ("exclusions", "context", "rivals", "staff")}
    aliases = tuple(Alias(**one) for one in kept["aliases"])
    return BrandSpec(**(kept | many | {"aliases": aliases}))


def extract(text: str, spots: Sequence[Spot]) -> tuple[Piece, ...]:
    """Return masked ``text`` with the words marked, cut down to what stands around them."""
    pieces = list(marked(readable(text), spots))
    for at, piece in enumerate(pieces):
        if piece.mention or len(piece.text) <= 2 * AROUND:
            continue
        head = piece.text[:AROUND] + "… " if at or len(pieces) == 1 else "… "
        tail = " …" + piece.text[-AROUND:] if at < len(pieces) - 1 else ""
        pieces[at] = Piece(text=head.rstrip() + tail if tail or at else head)
    return tuple(pieces)


def routes(site: Site, key: str) -> APIRouter:
    """Return the list of brands, the trial of a brand's words, and their saving."""
    pages = APIRouter()
    signer = URLSafeTimedSerializer(key, salt=SALT)

    def show(
        request: Request,
        brand: Brand | None,
        spec: BrandSpec,
        *,
        trial: Trial | None = None,
        own: str = "",
        wrong: str = "",
    ) -> HTMLResponse:
        sealed: Any = ""
        if trial is not None:
            sealed = signer.dumps([brand.id if brand else 0, asdict(spec)])
        with reading(site.engine) as session:
            decided = precision(session, brand.id) if brand else []
        return site.page(
            request,
            "brand.html",
            decided=decided,
            status=400 if wrong else 200,
            brand=brand,
            spec=spec,
            blank=range(len(spec.aliases), len(spec.aliases) + BLANK_ROWS),
            trial=trial,
            posts_tried=POSTS,
            own=own,
            wrong=wrong,
            sealed=sealed.decode() if isinstance(sealed, bytes) else sealed,
            extract=extract,
        )

    def known(session: Session, brand_id: int) -> Brand | None:
        """Return a brand by its number, ``None`` for 0; 404 for any other that is not there."""
        brand = session.get(Brand, brand_id) if 0 < brand_id <= LARGEST_ID else None
        if brand is None and brand_id:
            raise HTTPException(404)
        return brand

    @pages.get("/ops/brands")
    def brands(request: Request) -> HTMLResponse:
        site.only(request, Access.OPS)
        with reading(site.engine) as session:
            counts = Counter(session.exec(select(BrandTerm.brand_id, BrandTerm.role)).all())
            found = session.exec(select(Brand).order_by(col(Brand.name))).all()
            return site.page(request, "brands.html", brands=found, counts=counts, roles=list(Role))

    @pages.get("/ops/brand/{brand_id:int}")
    def brand(request: Request, brand_id: int) -> HTMLResponse:
        site.only(request, Access.OPS)
        with reading(site.engine) as session:
            found = known(session, brand_id)
            spec = saved_spec(session, found) if found else EMPTY
            return show(request, found, spec)

    @pages.post("/ops/brand/{brand_id:int}")
    async def try_on(request: Request, brand_id: int) -> Response:
        fields = await site.form(request)
        site.only(request, Access.OPS)
        own = str(fields.get("own", ""))[:OWN_LIMIT].replace("\x00", "")

        def tried() -> HTMLResponse:
            with reading(site.engine) as session:
                found = known(session, brand_id)
                spec = spec_of(fields, found.name if found else None)
                saved = saved_spec(session, found) if found else None
                try:
                    trial = try_words(session, spec, saved=saved, own=own)
                except QuietwordError as error:
                    return show(request, found, spec, own=own, wrong=str(error))
                return show(request, found, spec, trial=trial, own=own)

        return await run_in_threadpool(tried)

    @pages.post("/ops/brand/{brand_id:int}/save")
    async def save(request: Request, brand_id: int) -> Response:
        fields = await site.form(request)
        who = site.only(request, Access.OPS).login
        speech = site.speech(request)
        try:
            tried, kept = signer.loads(str(fields.get("tried", "")), max_age=TRIED_LASTS_S)
            spec = unsealed(kept)
        except (BadData, TypeError, ValueError, KeyError):
            tried, spec = -1, EMPTY
        if tried != brand_id:
            return site.back(
                request, f"/ops/brand/{brand_id}", speech.text("Try the words first, then save.")
            )
        try:
            with writing(site.engine) as session:
                saved_id = id_of(save_brand(session, spec))
                record(session, who, "words saved", f"brand {saved_id}", "", site.now())
        except QuietwordError as error:
            with reading(site.engine) as session:
                return show(request, known(session, brand_id), spec, wrong=str(error))
        done = speech.text("Saved. Stored posts are looked through again within half a minute.")
        return site.back(request, f"/ops/brand/{saved_id}", done)

    return pages
