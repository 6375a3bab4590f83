"""Picture every page: both widths, both colours, three languages, and what is wrong with them.

``python -m tests.render_pages --into FOLDER`` serves the pages over a small world and photographs
them in headless Chromium. It prints what overflows and what words a language leaves in English;
somebody still has to look at the pictures (``sheet-*.png`` hold many at once).
"""

import argparse
import json
import re
import shutil
import sys
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
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import Engine

from models import (
    Access,
    BrokenChannel,
    CaseState,
    CrawlRun,
    Level,
    Outreach,
)
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

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"]
PASSWORD = "correct horse battery staple"
LANGUAGES = {"en": "en-GB", "pl": "pl-PL", "ru": "ru-RU"}
WIDTHS = {"desktop": 1280, "phone": 390}
SCHEMES = ("light", "dark")
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
        "outage",
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
            record(session, "ola", action, "post 12", "1 posts, 2 quotes, 1 alerts", NOW - hours(3))


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


def enter(page: Page, world: World, name: str, password: str = PASSWORD) -> None:
    """Log in through the form."""
    page.goto(world.address + "/login")
    page.fill("[name=login]", name)
    page.fill("[name=password]", password)
    page.click("form.stack button")


def look_at_forum(page: Page, world: World) -> None:
    """Ask for what would be read of the demo's forum."""
    page.goto(world.address + "/ops/add")
    page.fill("[name=address]", world.forum)
    page.fill("[name=delay]", "0")
    page.click("form.stack button.main")
    page.wait_for_selector("#result, .notice.bad", timeout=300_000)


def try_words(page: Page, world: World) -> None:
    """Try other words of a brand."""
    page.goto(world.address + "/ops/brand/1")
    page.fill("[name=exclusions]", "Nordvia sent\nNordvia Arena")
    page.fill("[name=own]", "My Nordvai card, call 600 700 800")
    page.click(".wide-form .actions button")
    page.wait_for_selector("#h-trial")


Go = Callable[[Page, World], object]


def at(path: str) -> Go:
    """Return how to get to a page that has an address."""
    return lambda page, world: page.goto(world.address + path)


def first_account(page: Page, _: World) -> None:
    """Make the first account under a name that will not do."""
    page.fill("[name=login]", "two words")
    page.fill("[name=password]", PASSWORD)
    page.click("form.stack button")


def invited(page: Page, world: World) -> None:
    """Follow the link of an account that has just been made."""
    page.goto(world.address + "/ops/accounts")
    page.fill(".stack [name=login]", f"new{time.time_ns()}@example.org")
    page.click(".stack button.main")
    page.goto(world.address + page.inner_text("code.address"))


def an_author(page: Page, world: World) -> None:
    """Look for an author."""
    page.goto(world.address + "/authors")
    page.fill("[name=name]", "halina_k")
    page.click("form.stack button")
    page.wait_for_selector("#h-found")


FIRST: dict[str, Go] = {
    "welcome": lambda page, world: page.goto(world.login.new_link(world.address)),
    "welcome-wrong": first_account,
}
"""While nobody has an account."""
STRANGER: dict[str, Go] = {
    "login": at("/login"),
    "login-wrong": lambda page, world: enter(page, world, "nobody", "wrong"),
    "login-429": lambda page, world: [enter(page, world, "guessed", "wrong") for _ in range(6)],
    "link-used": at("/login?token=x"),
}
AGENT: dict[str, Go] = {"error-403": at("/ops"), "case-agent": at("/case/2")}
OPS: dict[str, Go] = {
    "digest-day": at("/"),
    "digest-week": at("/?period=week"),
    "digest-month": at("/?period=month&level=urgent"),
    "digest-empty": at("/?since=2026-01-01&until=2026-01-02"),
    "digest-no-fit": at("/?q=zzz"),
    "case": at("/case/1"),
    "case-long": at("/case/4"),
    "why": at("/why"),
    "sources": at("/sources"),
    "ops": at("/ops"),
    "source": at("/ops/source/2"),
    "add": at("/ops/add"),
    "add-preview": look_at_forum,
    "brands": at("/ops/brands"),
    "brand": at("/ops/brand/1"),
    "brand-trial": try_words,
    "accounts": at("/ops/accounts"),
    "authors": an_author,
    "error-404": at("/none"),
    "error-500": at("/broken"),
    "join": invited,
}
LATER: dict[str, Go] = {"stopped-channel": at("/sources")}
"""When Slack takes no message any more."""
Group = tuple[str, dict[str, Go]]
GROUPS: list[Group] = [("", STRANGER), ("tom", AGENT), ("eve@example.org", OPS)]
"""Who looks, and at what."""

WIDE = """() => [...document.querySelectorAll('main *, header *, footer *')].filter((e) => {
  const r = e.getBoundingClientRect();
  return r.width && r.right > innerWidth + 1 && !e.closest('.scroll, pre, .hidden, .skip');
}).slice(0, 3).map((e) => e.outerHTML.slice(0, 120))"""
CLIPPED = """() => [
  ...document.querySelectorAll('button, a, .badge, h1, h2, th, summary')].filter((e) =>
  e.scrollWidth > e.clientWidth + 1 && e.clientWidth && getComputedStyle(e).display !== 'inline'
  && !e.closest('.hidden, .skip')).slice(0, 3).map((e) => e.outerHTML.slice(0, 120))"""
WORDS = """() => { const out = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const n = walk.currentNode, p = n.parentElement;
    if (p && !p.closest('[lang=en], code, pre, bdi, .look, script, .words, blockquote, q, ' +
        'textarea, .fetched, .seen'))
      out.push(n.textContent.trim()); }
  for (const e of document.querySelectorAll('[aria-label], [placeholder], [title]'))
    for (const a of ['aria-label', 'placeholder', 'title'])
      if (e.hasAttribute(a) && !e.closest('[lang=en]'))
      out.push(e.getAttribute(a));
  return [...new Set(out)]; }"""


def photograph(page: Page, name: str, into: Path) -> list[str]:
    """Take the four pictures of the page that is open; return what is wrong with it."""
    wrong = []
    for shape, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=into / f"{name}-{shape}-{scheme}.png", full_page=True)
        wrong += [f"{name} {shape}: too wide: {one}" for one in page.evaluate(WIDE)]
        wrong += [f"{name} {shape}: clipped: {one}" for one in page.evaluate(CLIPPED)]
    return wrong


def visit(
    browser: Browser,
    world: World,
    groups: list[Group],
    code: str,
    only: str,
    into: Path,
    said: dict[str, set[str]],
) -> list[str]:
    """Photograph pages in one language."""
    wrong: list[str] = []
    for who, pages in groups:
        wanted = {name: go for name, go in pages.items() if re.search(only, name)}
        if not wanted:
            continue
        context = browser.new_context(locale=LANGUAGES[code])
        page = context.new_page()
        page.set_default_timeout(300_000)
        if who:
            enter(page, world, who)
        for name, go in wanted.items():
            page.set_viewport_size({"width": 1280, "height": 900})
            go(page, world)
            wrong += photograph(page, f"{name}-{code}", into)
            said.setdefault(f"{name}/{code}", set()).update(page.evaluate(WORDS))
            if name == "digest-week" and code == "en":
                page.emulate_media(media="print")
                page.pdf(path=into / "digest.pdf", format="A4")
                page.emulate_media(media="screen")
        context.close()
    return wrong


def untranslated(said: dict[str, set[str]]) -> list[str]:
    """Return words that a page shows in another language just as it does in English."""
    found = []
    for key, words in said.items():
        name, code = key.split("/")
        same = {} if code == "en" else words & said.get(f"{name}/en", set())
        found += [f"{key}: {one!r}" for one in sorted(same) if re.search(r"[a-z]{3}", one)]
    return found


def sheets(browser: Browser, into: Path) -> None:
    """Put the pictures of each language, width and colour on one sheet."""
    page = browser.new_page(viewport={"width": 1900, "height": 1000})
    for code in LANGUAGES:
        for shape in WIDTHS:
            for scheme in SCHEMES:
                files = sorted(into.glob(f"*-{code}-{shape}-{scheme}.png"))
                if not files:
                    continue
                wide = 460 if shape == "desktop" else 230
                cells = "".join(
                    f'<figure style="margin:0;width:{wide}px"><figcaption>{one.stem}</figcaption>'
                    f'<img src="{one.as_uri()}" style="width:100%"></figure>'
                    for one in files
                )
                sheet = into / f"sheet-{code}-{shape}-{scheme}.html"
                style = "font:12px sans-serif;display:flex;flex-wrap:wrap;gap:8px;background:#999"
                sheet.write_text(f'<body style="{style}">{cells}', "utf-8")
                page.goto(sheet.as_uri())
                page.screenshot(path=sheet.with_suffix(".png"), full_page=True)
                sheet.unlink()


def main() -> int:
    """Take the pictures; return 1 when something overflows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--only", default="", help="regular expression for names of pages")
    parser.add_argument("--languages", default=",".join(LANGUAGES))
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    said: dict[str, set[str]] = {}
    wrong: list[str] = []
    codes = options.languages.split(",")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)

        def look(world: World, groups: list[Group]) -> None:
            for code in codes:
                wrong.extend(visit(browser, world, groups, code, options.only, options.into, said))

        with served(lambda _: None) as world:
            look(world, [("", FIRST)])
        with served(fill) as world:
            look(world, GROUPS)
            with writing(world.engine) as session:
                reason = "Slack refused: token_revoked; make a new token"
                session.add(BrokenChannel(channel="slack", room="C024BE91L", reason=reason))
            look(world, [("eve@example.org", LATER)])
        sheets(browser, options.into)
        browser.close()
    for line in [*wrong, *untranslated(said)]:
        sys.stdout.write(line + "\n")
    (options.into / "words.json").write_text(
        json.dumps(
            {key: sorted(words) for key, words in said.items()}, ensure_ascii=False, indent=1
        )
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
