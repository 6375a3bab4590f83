"""Draw a digest as it comes by e-mail and by Slack: ``python -m tests.render_digest``.

Writes docs/digests/. The mail is the very HTML that is sent, at the width of a screen and of a
telephone; Slack's blocks are drawn from the JSON that is sent (tests/render_slack.py).
"""

import base64
import html
import tempfile
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from alerts.channels import email_digest, slack_digest
from alerts.digest import Digest
from alerts.pictures import png
from models import CaseState, Level
from models.database import make_engine, upgrade, writing
from monitor.config import Settings
from monitor.digest_forms import fill_in, read_form
from monitor.digests import DigestSubscription, latest_turn, make
from monitor.jobs import Runtime
from tests.monitor.scene import NOW, Scene, hours
from tests.render_slack import IMAGE, STYLE, block
from tests.slack_rules import message_error

OUT = Path(__file__).parents[1] / "docs" / "digests"
SCREEN, TELEPHONE = 760, 390
THREADS = (
    (
        "Nordvia keeps my deposit",
        "Six weeks, four promises, no money. I am done being polite.",
        "en",
    ),
    ("Nordvia: internet pada co wieczór", "Trzeci router w miesiąc, a infolinia milczy.", "pl"),
    ("Нордвия не отвечает на письма", "Пишу третью неделю, Nordvia молчит. Ухожу.", "ru"),
)
REASONS = (
    "an author is clearly unhappy (probability 0.96)",
    "3 different authors are unhappy",
    "no answer from us for 5 hours",
)


def scene(at: Scene) -> None:
    """Write a day at a small telephone company."""
    marta = at.agent("Marta Lis")
    forum, other = at.source("forum.example.org"), at.source("grosz.example")
    at.source("shut.example", failures=4, last_ok_at=NOW - hours(9), last_outcome="BLOCKED")
    for number, (title, words, language) in enumerate(THREADS):
        thread = at.thread(forum if number % 2 else other, title)
        for step in range(5 - number):
            post = at.post(
                thread,
                f"Nordvia. {words}",
                at=NOW - hours(2 + 3 * step + number),
                negative=0.95 if step % 2 == 0 else 0.1,
                unhappy="sure" if step % 2 == 0 else "no",
                language=language,
            )
        at.case(
            post,
            Level.URGENT if number < 2 else Level.REACH_OUT,
            score=80 - number,
            topic=("payout_or_payment", "outage_or_fault", "support")[number],
            reasons=REASONS[: 3 - number],
            opened_at=NOW - hours(30 if number == 2 else 4),
        )
    for number in range(4):
        thread = at.thread(forum, f"Settled {number}")
        said = NOW - hours(5 * number + 6)
        post = at.post(thread, "Nordvia is slow", at=said, negative=0.9, unhappy="sure")
        history = (("contacted", 0.5 + number / 3),)
        at.case(
            post,
            state=CaseState.CONTACTED,
            agent=marta,
            opened_at=said + hours(0.2),
            history=history,
        )
    for number in range(14):
        thread = at.thread(other, f"Chat {number}")
        at.post(thread, "I use Nordvia", at=NOW - hours(1.7 * number + 0.5), negative=0.1)


def digests() -> list[Digest]:
    """Return the same digest in every language."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/digest.db")
        upgrade(engine)
        with writing(engine) as session:
            scene(Scene(session))
        settings = Settings(web_address="https://quietword.example.org")
        runtime = Runtime(settings, engine, {}, scorer=lambda: None, now=lambda: NOW)  # type: ignore[arg-type,return-value]
        made = []
        for code in ("en", "pl", "ru"):
            fields = {"name": "morning", "to": ["C1"], "brand": "Nordvia", "language": code}
            form = read_form(**fields, at="10:30", timezone="Europe/Warsaw")
            row = DigestSubscription(name=form.name, channel=form.kind)
            with writing(engine) as session:
                fill_in(session, settings, form, row)
            made.append(make(runtime, row, latest_turn(row, NOW + timedelta(minutes=1))))
        engine.dispose()
    return made


def inline(digest: Digest) -> dict[str, str]:
    """Return the charts as addresses that hold them."""
    return {
        one.name: f"data:image/png;base64,{base64.b64encode(png(one) or b'').decode()}"
        for one in digest.pictures
    }


def slack(digest: Digest) -> str:
    """Return the message as Slack lays it out."""
    made = slack_digest.blocks(digest, {one.name: "F00000001" for one in digest.pictures})
    text = slack_digest.fallback(digest)
    error = message_error({"text": text, "blocks": made})
    assert error is None, error
    shown = "".join(map(block, made))
    for picture, address in zip(digest.pictures, inline(digest).values(), strict=True):
        image = f'<img src="{address}" alt="{html.escape(picture.alt)}">'
        shown = shown.replace(IMAGE, image, 1)
    told = f'<div class="fallback"><b>text:</b> {html.escape(html.unescape(text))}</div>'
    who = '<div class="who">quietword <small>APP 10:30</small></div>'
    page = f'<div class="one">{who}{shown}{told}</div>'
    return f"<meta charset=utf-8><style>{STYLE}body{{width:720px}}</style>{page}"


def draw(browser: Browser, page: str, width: int, file: str) -> None:
    """Write a page as a picture."""
    tab = browser.new_page(viewport={"width": width, "height": 600})
    tab.set_content(page)
    tab.locator("body > *").last.screenshot(path=OUT / file)
    tab.close()


def main() -> None:
    """Write the pictures."""
    OUT.mkdir(exist_ok=True)
    options = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=options)
        for digest in digests():
            code = digest.language
            draw(browser, email_digest.html(digest, inline(digest)), SCREEN, f"mail-{code}.png")
            draw(browser, slack(digest), SCREEN, f"slack-{code}.png")
            if code == "en":
                mail = email_digest.html(digest, inline(digest))
                draw(browser, mail, TELEPHONE, "mail-telephone.png")
        browser.close()


if __name__ == "__main__":
    main()
