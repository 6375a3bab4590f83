"""Picture every page: both widths, both colours, three languages, and what is wrong with them.

``python -m tests.render_pages --into FOLDER`` serves the pages over a small world and photographs
them in headless Chromium. It prints what overflows and what words a language leaves in English;
somebody still has to look at the pictures (``sheet-*.png`` hold many at once). With
``--docs docs/pages`` it makes the small overviews that the docs show.
"""

import argparse
import json
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from models import BrokenChannel
from models.database import writing
from tests.render_world import PASSWORD, World, fill, served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"]

LANGUAGES = {"en": "en-GB", "pl": "pl-PL", "ru": "ru-RU"}
WIDTHS = {"desktop": 1280, "phone": 390}
SCHEMES = ("light", "dark")
SHOWN = (("en", "desktop", "light"), ("pl", "phone", "dark"), ("ru", "desktop", "dark"))
"""What the docs show of the pages: each language, width and colour at least once."""
CHIEF = (
    "digest-week", "case", "why", "sources", "ops", "source", "add-preview", "brand-trial",
    "authors", "accounts", "login", "digest-empty",
)  # fmt: skip


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


SHEET = """body{font:12px sans-serif;display:flex;flex-wrap:wrap;gap:8px;background:#999}
figure{margin:0;overflow:hidden}"""


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
                files = sorted(into.glob(f"[!s]*-{code}-{shape}-{scheme}.png"))
                files += sorted(into.glob(f"s[!h]*-{code}-{shape}-{scheme}.png"))
                if not files:
                    continue
                wide = 460 if shape == "desktop" else 230
                cells = "".join(
                    f'<figure style="width:{wide}px;max-height:{2 * wide}px">'
                    f"<figcaption>{one.stem}</figcaption>"
                    f'<img src="{one.as_uri()}" style="width:100%"></figure>'
                    for one in files
                )
                sheet = into / f"sheet-{code}-{shape}-{scheme}.html"
                sheet.write_text(f"<style>{SHEET}</style>{cells}", "utf-8")
                page.goto(sheet.as_uri())
                page.screenshot(path=sheet.with_suffix(".png"), full_page=True)
                sheet.unlink()


def overviews(browser: Browser, into: Path, docs: Path) -> None:
    """Make one small sheet of the chief pages in each language, for the docs."""
    docs.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(viewport={"width": 1240, "height": 800})
    for code, shape, scheme in SHOWN:
        wide = 400 if shape == "desktop" else 200
        cells = "".join(
            f'<figure style="width:{wide}px;height:420px;overflow:hidden">'
            f"<figcaption>{name}</figcaption>"
            f'<img src="{file.as_uri()}" style="width:100%"></figure>'
            for name in CHIEF
            if (file := into / f"{name}-{code}-{shape}-{scheme}.png").exists()
        )
        sheet = into / "overview.html"
        sheet.write_text(f"<style>{SHEET}</style>{cells}", "utf-8")
        page.goto(sheet.as_uri())
        picture = docs / f"{code}-{shape}-{scheme}.jpg"
        page.screenshot(path=picture, full_page=True, type="jpeg", quality=50)
        sheet.unlink()


def main() -> int:
    """Take the pictures; return 1 when something overflows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--only", default="", help="regular expression for names of pages")
    parser.add_argument("--docs", type=Path, help="folder for small overviews")
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
        if options.docs:
            overviews(browser, options.into, options.docs)
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
