"""A small world for the pictures of the pages: long words, three languages, every state."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import uvicorn
from sqlalchemy import Engine

from models import Access, CaseState, CrawlRun, Level, Outreach
from models.base import id_of
from models.database import make_engine, upgrade, writing
from monitor.accounts import create
from monitor.brands import BrandSpec, save_brand
from monitor.config import Settings
from monitor.demo.forum import DemoForum
from monitor.mentions import Alias
from monitor.privacy import record
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from tests.monitor.scene import NOW, Scene, hours

PASSWORD = "correct horse battery staple"
LONG = "A_word_that_nobody_would_ever_write_but_somebody_did_" * 3


STORIES: list[tuple[str, str, str, str | None]] = [
    (
        "Nie wypłacają mi pieniędzy od poniedziałku",
        "Nordvia jest mi winna 40 zł i milczy, pisałem na biuro@nordvia.example "
        "i dzwoniłem na 600 700 800.",
        "pl",
        "payout_or_payment",
    ),
    (
        "Третий день без интернета",
        "Нордвия обещает мастера третий день, Nordvia не отвечает.",
        "ru",
        "outage_or_fault",
    ),
    (
        "Third router in a month",
        "Nordvia sent me the third router. Support is a joke.",
        "en",
        "quality",
    ),
    (LONG, f"Nordvia {LONG}", "en", None),
]
"""Title, text, language and topic of the threads."""


@dataclass(frozen=True)
class World:
    """Where the pages are served, and the ways in."""

    engine: Engine
    address: str
    login: OneTimeLogin
    forum: str


def fill(engine: Engine) -> None:
    """Write a small world with long words, three languages and every state."""
    with writing(engine) as session:
        scene = Scene(session)
        brand = save_brand(
            session,
            BrandSpec(
                name="Nordvia",
                aliases=(Alias(text="Nova", case_sensitive=True), Alias(text="NV", inflect=False)),
                exclusions=("Nordvia Arena",),
                rivals=("Zefir", "Orbita"),
                staff=("nordvia_help",),
            ),
        )
        scene.brands["Nordvia"] = brand
        scene.brands["Zefir"] = save_brand(session, BrandSpec(name="Zefir", context=("internet",)))
        grosz = scene.source(
            "Grosz: forum o pieniądzach", timezone="Europe/Warsaw", timezone_how="its pages name it"
        )
        moto = scene.source(
            "Moto",
            failures=3,
            last_outcome="BLOCKED",
            last_ok_at=NOW - hours(50),
            health="red",
            last_message="https://forum-2.example/ answered 403 to three requests in a row.",
            health_note="The site turns automatic readers away; ask its owner, or remove it.",
        )
        scene.source(
            "Связь и сервис",
            outreach=Outreach.ASK_MODERATOR,
            timezone="Asia/Yekaterinburg",
            outreach_note="Write to the moderator first.",
        )
        scene.source("Paused", enabled=False)
        for source in (grosz, moto):
            for back in range(12):
                good = source is grosz or back > 3
                scene.add(
                    CrawlRun(
                        source_id=id_of(source),
                        started_at=NOW - hours(back + 1),
                        finished_at=NOW - hours(back + 1) + timedelta(seconds=95),
                        outcome="OK" if good else "BLOCKED",
                        message="" if good else source.last_message,
                        pages=7,
                        threads=5,
                        posts=41,
                        authors=41,
                        dated=39 + back % 3,
                    )
                )
        marta, tomek = scene.agent("Marta"), scene.agent("Tomasz Wiśniewski-Kowalski")
        marta.team = tomek.team = "Alfa"
        for at, (title, text, language, topic) in enumerate(STORIES * 3):
            thread = scene.thread(grosz if at % 2 else moto, title)
            for reply in range(4):
                scene.post(
                    thread,
                    text if reply == 1 else f"Nordvia, {reply}. {text[:60]}",
                    author=("night_owl", "halina_k", "o" * 70, "Ольга")[reply],
                    at=NOW - hours(20 - at - reply),
                    negative=(0.2, 0.95, 0.7, 0.9)[reply],
                    unhappy=("no", "sure", "likely", "sure")[reply],
                    language=language,
                    posts_shown=reply,
                    quotes=(("night_owl", text[:80]),) if reply == 3 else (),
                )
            flagged = scene.post(
                thread,
                text,
                author="night_owl",
                at=NOW - hours(2),
                negative=0.95,
                unhappy="sure",
                language=language,
            )
            state = list(CaseState)[at % len(CaseState)]
            case = scene.case(
                flagged,
                list(Level)[2 - at % 3],
                score=90 - 5 * at,
                state=state,
                agent=None if state is CaseState.NEW else (marta, tomek)[at % 2],
                topic=topic,
                reasons=(
                    "an author is clearly unhappy (probability 0.95)",
                    "3 different authors are unhappy",
                ),
                opened_at=NOW - hours(1 + at),
                history=() if state is CaseState.NEW else (("claimed", 0.5), (str(state), 0.9)),
            )
            states = ("sent", "pending", "failed")
            scene.delivery(
                case,
                room="C024BE91L",
                state=states[at % 3],
                attempts=at % 4,
                error="" if at % 3 == 0 else "channel_not_found; invite the app to the channel",
            )
        for login, access in (("eve@example.org", "ops"), ("ola", "manager"), ("tom", "agent")):
            create(session, login, Access(access), password=PASSWORD)
        for action in ("revealed", "exported", "forgotten", "words saved"):
            record(session, "ola", action, "post 12", "1 post, 2 quotes, 1 alert", NOW - hours(3))


@contextmanager
def served(fill: Callable[[Engine], object]) -> Iterator[World]:
    """Serve the pages over the world that ``fill`` writes, beside the demo's forum."""
    with tempfile.TemporaryDirectory() as folder, DemoForum() as forum:
        engine = make_engine(f"sqlite:///{folder}/pages.db")
        upgrade(engine)
        fill(engine)
        login = OneTimeLogin("a key of more than thirty-two characters", now=lambda: NOW)
        settings = Settings(
            allow_private_addresses=True,
            contact="ops@example.org",
            evidence_folder=Path(folder) / "evidence",
        )
        app = create_app(
            engine, login=login, now=lambda: NOW, zone=ZoneInfo("Europe/Warsaw"), settings=settings
        )
        app.add_api_route("/broken", lambda: [][0])
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", ws="none"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield World(engine, f"http://127.0.0.1:{port}", login, forum.phpbb_url)
        server.should_exit = True
        thread.join(timeout=60)
        engine.dispose()
