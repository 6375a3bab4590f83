"""Adding a source by its address, with a look at what would be read before anything is saved."""

import threading
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.datastructures import FormData

from models import Access, Outreach
from models.base import id_of
from models.database import reading, writing
from models.errors import QuietwordError
from monitor.config import Settings
from monitor.crawling import CrawlOrder
from monitor.new_source import (
    NewSource,
    SourceError,
    refuse_what_cannot_be,
    save_source,
    zone_words,
)
from monitor.periods import moment_before
from monitor.preview import Look
from monitor.privacy import record
from monitor.web.digest_page import number
from monitor.web.site import Site

AT_ONCE = 2
"""Looks that are under way at the same time: each is a process, and a site that is asked."""
SEEN_LASTS_S = 3600
SALT = "quietword.preview"
EVERY = 30
DELAY_S = 5
LONGEST_EVERY = 60 * 24 * 7
FIELDS = {
    "address": "",
    "name": "",
    "every": str(EVERY),
    "delay": str(DELAY_S),
    "since": "30d",
    "timezone": "",
    "language": "",
    "outreach": str(Outreach.PRIVATE),
    "note": "",
}
"""The form as it stands at first."""


def filled_in(fields: FormData) -> dict[str, str]:
    """Return the form as it was sent, ``FIELDS`` where something is missing."""
    return {
        name: str(fields.get(name, usual)).strip()[:2000].replace("\x00", "")
        for name, usual in FIELDS.items()
    }


def order_of(given: dict[str, str], settings: Settings, now: datetime) -> CrawlOrder:
    """Return what a crawl child is told; raise ``PeriodError`` for a span that is none."""
    delay = number(given["delay"], 600)
    return CrawlOrder(
        address=given["address"],
        timezone=given["timezone"] or None,
        language=given["language"] or None,
        since=moment_before(given["since"] or FIELDS["since"], now),
        contact=settings.contact,
        allow_private_addresses=settings.allow_private_addresses,
        keys=settings.source_keys(),
        delay_s=float(DELAY_S if delay is None else delay),
    )


def new_of(given: dict[str, str]) -> NewSource:
    """Return what was said of the source besides how it is read."""
    return NewSource(
        name=given["name"] or None,
        every_minutes=number(given["every"], LONGEST_EVERY) or EVERY,
        outreach=given["outreach"],
        note=given["note"],
    )


def routes(site: Site, key: str, settings: Settings) -> APIRouter:
    """Return the form, the look at an address, and the saving of what was looked at."""
    pages = APIRouter()
    signer = URLSafeTimedSerializer(key, salt=SALT)
    free = threading.BoundedSemaphore(AT_ONCE)

    def form(
        request: Request, given: dict[str, str], wrong: str = "", status: int = 200
    ) -> Response:
        policies = list(Outreach)
        return site.page(
            request, "add.html", status=status, given=given, wrong=wrong, policies=policies
        )

    @pages.get("/ops/add")
    def add(request: Request) -> Response:
        site.only(request, Access.OPS)
        return form(request, FIELDS)

    @pages.post("/ops/add")
    async def look_at(request: Request) -> Response:
        fields = await site.form(request)
        site.only(request, Access.OPS)
        given = filled_in(fields)
        if "change" in fields:
            return form(request, given)
        try:
            order = order_of(given, settings, site.now())
            with reading(site.engine) as session:
                refuse_what_cannot_be(session, order, new_of(given))
        except QuietwordError as error:
            return form(request, given, str(error), 400)
        if not free.acquire(blocking=False):
            busy = site.speech(request).text(
                "Other addresses are being looked at just now. Try again in a minute."
            )
            return form(request, given, busy, 429)
        look = Look(order)
        look.start(free.release)

        def seal() -> str:
            """Return proof of what was looked at, for the form that saves it."""
            sealed: Any = signer.dumps([given, look.found.report["engine"]])
            return sealed.decode() if isinstance(sealed, bytes) else str(sealed)

        return site.stream(
            request,
            "add_preview.html",
            given=given,
            look=look,
            pages_read=look,
            seal=seal,
            zone_words=zone_words,
        )

    @pages.post("/ops/add/save")
    async def save(request: Request) -> Response:
        fields = await site.form(request)
        who = site.only(request, Access.OPS).login
        speech = site.speech(request)
        try:
            given, engine = signer.loads(str(fields.get("seen", "")), max_age=SEEN_LASTS_S)
        except (BadData, TypeError, ValueError):
            wrong = speech.text("Look at the address first: nothing is saved unseen.")
            return form(request, FIELDS, wrong, 400)
        try:
            order = order_of(given, settings, site.now())
            with writing(site.engine) as session:
                source_id = id_of(save_source(session, order, engine, new_of(given)))
                record(session, who, "added", f"source {source_id}", "", site.now())
        except SourceError as error:
            return form(request, given, str(error), 400)
        done = speech.text("Added. It is read within a minute.")
        return site.back(request, f"/ops/source/{source_id}", done)

    return pages
