"""A manager at work on the pages, in a real browser."""

import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import Engine
from sqlmodel import select

from models import Access, Case, CaseState, Level
from models.database import make_engine, reading, writing
from monitor.accounts import create
from monitor.config import Settings
from monitor.demo import DemoForum
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from monitor.web.speech import LANGUAGES
from tests.monitor.scene import NOW, Scene, hours

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HARMLESS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip

PATHS = (
    "/?level=urgent", "/case/1", "/why", "/sources", "/ops", "/ops/source/2", "/ops/add",
    "/ops/brands", "/ops/brand/1", "/ops/accounts", "/authors", "/login",
)  # fmt: skip
SCREENS = (("light", 1280), ("dark", 390), ("dark", 1280), ("light", 390))
"""Any three in a row have both colours and both widths."""
WORDS = "correct horse battery staple"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=HARMLESS)
        yield browser
        browser.close()


@pytest.fixture
def database_url(sqlite: Path, tmp_path: Path) -> str:
    """One kind of database is enough to look at the pages."""
    return f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}"


@contextmanager
def served(engine: Engine, folder: Path) -> Iterator[str]:
    """Serve the pages over a database; give a login link."""
    login = OneTimeLogin("a key of more than thirty-two characters", now=lambda: NOW)
    settings = Settings(
        evidence_folder=folder / "evidence",
        allow_private_addresses=True,
        contact="ops@quietword.test",
    )
    app = create_app(engine, login=login, now=lambda: NOW, settings=settings)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield login.new_link(address)
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        engine.dispose()


@pytest.fixture
def entry(database_url: str, tmp_path: Path) -> Iterator[str]:
    """Serve the pages over a small world; give a login link."""
    engine = make_engine(database_url)
    with writing(engine) as session:
        fill(Scene(session))
        create(session, "ola", Access.OPS, password=WORDS)
        create(session, "mia", Access.MANAGER, password=WORDS)
    with served(engine, tmp_path) as link:
        yield link


def fill(scene: Scene) -> None:
    grosz, moto = scene.source("Grosz"), scene.source("Moto", failures=2, last_outcome="BLOCKED")
    marta = scene.agent("Marta")
    marta.team = "Alfa"
    thread = scene.thread(grosz, "No payout since Monday")
    post = scene.post(
        thread,
        "Nordvia owes me 40 zł, write to me@example.org",
        negative=0.95,
        unhappy="sure",
        language="en",
    )
    scene.post(thread, "Same here with Nordvia", at=NOW - hours(1), negative=0.9, unhappy="likely")
    scene.case(post, Level.URGENT, score=82, topic="payout_or_payment")
    other = scene.post(scene.thread(moto, "Odd charge"), "Nordvia charged me twice", negative=0.9)
    scene.case(other, Level.REACH_OUT, topic="billing", opened_at=NOW - timedelta(hours=5))
    done = scene.post(scene.thread(grosz, "All well again"), "Nordvia was slow", negative=0.9)
    scene.case(done, state=CaseState.CONTACTED, agent=marta, history=(("contacted", 0.5),))


@pytest.fixture
def page(browser: Browser, entry: str) -> Iterator[Page]:
    """A reader who has just logged in. Nothing on a page may fail on its way or in its script."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(entry)
    yield page
    context.close()
    assert not wrong


def test_a_manager_finds_a_thread_takes_it_and_dismisses_another(page: Page) -> None:
    assert page.inner_text("h1") == "2 threads need a person now."

    page.keyboard.press("/")
    page.keyboard.type("charged")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?period=day&q=charged*")
    assert page.locator(".rows .row-head a").all_inner_texts() == ["Odd charge"]
    page.get_by_text("Filters and order").click()
    page.get_by_role("link", name="Without filters").click()
    page.wait_for_url("**/?period=day")
    page.get_by_text("Filters and order").click()
    page.select_option("select[name=level]", "urgent")
    page.locator(".filters .actions button").click()
    page.wait_for_url("**level=urgent**")
    shared = page.url

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/case/1")
    assert page.inner_text("h1") == "No payout since Monday"
    assert page.locator("mark").first.inner_text() == "Nordvia"
    assert "[e-mail]" in page.inner_text("#flagged")
    page.get_by_role("button", name="Something is masked").click()
    assert "me@example.org" in page.inner_text("#flagged")

    page.goto(page.url.replace("/reveal", ""))
    page.get_by_role("button", name="Take it").click()
    assert page.get_by_role("status").inner_text() == "Done."
    assert page.locator(".lead .owner").inner_text() == "Taken: Marta"
    assert "You act as Marta." in page.inner_text(".summary")
    page.get_by_text("Words to begin with").click()
    assert "Marta" in page.inner_text(".opening")
    assert "Marta took it." in page.inner_text(".history")

    page.goto(shared)
    assert page.locator(".rows .owner").all_inner_texts() == ["Taken: Marta"]
    page.goto(page.url.partition("?")[0] + "case/2")
    page.locator("summary", has_text="Dismiss").click()
    page.select_option("select[name=reason]", "not_about_us")
    page.locator("details.ask", has_text="Dismiss").get_by_role("button").click()
    assert page.locator(".lead .owner").inner_text().startswith("Dismissed")
    assert "not about us" in page.inner_text(".history")


def test_a_manager_logs_in_exports_what_is_shown_and_erases_a_post(page: Page, entry: str) -> None:
    base = entry.partition("/login")[0]
    page.get_by_role("button", name="Log out").click()
    page.fill("[name=login]", "mia")
    page.fill("[name=password]", WORDS)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(base + "/")
    page.goto(base + "/?level=urgent")
    with page.expect_download() as coming:
        page.get_by_role("link", name="CSV").click()
    lines = coming.value.path().read_text("utf-8").splitlines()
    assert len(lines) == 2
    assert "No payout since Monday" in lines[1]
    assert "me@example.org" not in lines[1]

    page.goto(base + "/case/1")
    assert "Nordvia owes me" in page.inner_text("#flagged")
    page.get_by_text("On request of the author").click()
    page.get_by_role("button", name="Erase the flagged post").click()
    assert page.get_by_role("status").inner_text() == "Erased."
    assert "Nordvia owes me" not in page.inner_text("main")


def test_ops_try_a_brands_words_and_save_them(page: Page) -> None:
    page.goto(page.url + "ops/brand/1")
    page.locator("[name=alias]").first.fill("Nova")
    page.fill("[name=exclusions]", "Nordvia was")
    page.fill("[name=own]", "nothing but Nordvai here")
    page.get_by_role("button", name="Try on stored posts").click()
    assert page.inner_text("#h-trial") == "3 posts are found"
    assert "one letter is different" in page.inner_text(".trial")
    assert page.locator(".trial mark").all_inner_texts()[:2] == ["Nordvai", "Nordvia"]
    page.get_by_role("button", name="Save these words").click()
    assert "Saved." in page.get_by_role("status").inner_text()
    assert page.locator("[name=alias]").first.input_value() == "Nova"


def test_the_reader_chooses_language_and_colours(page: Page) -> None:
    page.get_by_role("button", name="Polski").click()
    assert page.get_attribute("html", "lang") == "pl"
    assert page.inner_text("h1") == "2 wątki potrzebują teraz człowieka."
    page.get_by_role("button", name="Ciemne").click()
    page.wait_for_function("getComputedStyle(document.body).backgroundColor === 'rgb(20, 24, 27)'")
    page.get_by_role("button", name="Русский").click()
    assert page.inner_text("h1") == "2 темам сейчас нужен человек."


def fit_for_everybody(
    page: Page, where: str, screens: Sequence[tuple[str, int]] = SCREENS[:2]
) -> None:
    """See that the open page runs over no screen and shuts nobody out."""
    for scheme, width in screens:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, where
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        grave = [
            (one["id"], [node["html"][:160] for node in one["nodes"]])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert not grave, (where, scheme, grave)


def test_pages_are_fit_for_everybody_on_every_screen(page: Page, entry: str) -> None:
    """Each page in each language, both colours and both widths; all mixes over the pages."""
    base = entry.partition("/login")[0]
    seen = set()
    for first, path in enumerate(PATHS):
        for number, language in enumerate(LANGUAGES, first):
            page.context.add_cookies([{"name": "language", "value": language, "url": base}])
            screen = SCREENS[number % len(SCREENS)]
            answer = page.goto(base + path)
            assert answer is not None
            assert answer.ok, path
            assert page.get_attribute("html", "lang") == language
            fit_for_everybody(page, f"{path} {language}", [screen])
            seen.add((language, *screen))
    assert len(seen) == len(LANGUAGES) * len(SCREENS)


def test_pages_that_answer_a_form_are_fit_for_everybody(page: Page, entry: str) -> None:
    base = entry.partition("/login")[0]
    with DemoForum() as forum:
        page.goto(base + "/ops/add")
        page.fill("[name=address]", forum.phpbb_url)
        page.fill("[name=delay]", "0")
        page.click("form.stack button.main")
        page.wait_for_selector("#result", timeout=300_000)
    fit_for_everybody(page, "a source as it would be read")

    page.goto(base + "/ops/brand/1")
    page.fill("[name=own]", "My Nordvai card")
    page.get_by_role("button", name="Try on stored posts").click()
    page.wait_for_selector("#h-trial")
    fit_for_everybody(page, "words that were tried")

    page.goto(base + "/authors")
    page.fill("[name=name]", "ewa_k")
    page.get_by_role("button", name="Look").click()
    page.wait_for_selector("article.post")
    page.locator("article summary").first.click()
    fit_for_everybody(page, "an author")

    page.goto(base + "/ops/accounts")
    page.fill(".stack [name=login]", "eve@example.org")
    page.get_by_role("button", name="Add, and make a link").click()
    link = page.inner_text("code.address")
    fit_for_everybody(page, "a link for a new account")
    page.goto(base + link)
    fit_for_everybody(page, "choosing a password")


def test_pages_that_refuse_are_fit_for_everybody(browser: Browser, entry: str) -> None:
    base = entry.partition("/login")[0]
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(60_000)

    def enter(name: str, password: str) -> None:
        page.goto(base + "/login")
        page.fill("[name=login]", name)
        page.fill("[name=password]", password)
        page.get_by_role("button", name="Log in").click()

    def refused(path: str, status: int) -> None:
        answer = page.goto(base + path)
        assert answer is not None
        assert answer.status == status, path
        fit_for_everybody(page, path)

    for _ in range(6):
        enter("guessed", "wrong")
    assert "Too many logins failed" in page.inner_text("[role=alert]")
    fit_for_everybody(page, "too many logins")
    refused("/login?token=x", 403)
    refused("/join?token=x", 403)
    enter("mia", WORDS)
    refused("/ops", 403)
    refused("/none", 404)
    context.close()


def test_the_first_page_of_all_is_fit_for_everybody(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    with served(make_engine(database_url), tmp_path) as entry:
        page = browser.new_context(locale="pl-PL").new_page()
        page.goto(entry)
        page.wait_for_url("**/welcome")
        fit_for_everybody(page, "welcome")
        page.fill("[name=login]", "two words")
        page.fill("[name=password]", WORDS)
        page.locator("form.stack button").click()
        assert "to nie nazwa konta" in page.inner_text("[role=alert]")
        fit_for_everybody(page, "a name that will not do")
        page.context.close()


def test_what_was_done_is_in_the_database(page: Page, database_url: str) -> None:
    page.goto(page.url + "case/1")
    page.locator("summary", has_text="Snooze").click()
    page.locator("details.ask", has_text="Snooze").get_by_role("button").click()
    page.get_by_role("status").wait_for()
    engine = make_engine(database_url)
    with reading(engine) as session:
        case = session.exec(select(Case).where(Case.id == 1)).one()
    engine.dispose()
    assert case.state == CaseState.SNOOZED
    assert case.snoozed_until == NOW + timedelta(days=1)
