"""Draw the message of every state, in every language: ``python -m tests.render_slack``.

Writes docs/slack/. Blocks are drawn as Slack lays them out (docs.slack.dev/reference/block-kit),
from the very JSON that is sent, by the rules of the fake Slack fit to be.
"""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from babel.dates import format_datetime
from playwright.sync_api import sync_playwright

from alerts.base import Message
from alerts.card import Card
from alerts.slack_blocks import blocks, fallback_text
from alerts.tongue import Tongue, tongue, tongues
from models import Agent, CaseState, Dismissal, Level, Outreach
from monitor.slack_inbox import Place
from monitor.slack_modals import form, words_view
from tests.slack_rules import message_error, view_error

OUT = Path(__file__).parents[1] / "docs" / "slack"
NOON = datetime(2026, 11, 22, 12, 4, tzinfo=UTC)
WIDTH = 1000
IMAGE = "<!-- the image -->"
"""Stands where a picture goes; whoever draws the message puts it there."""

TEXTS = {
    "en": (
        "Router dies every night and support is silent",
        "Third router in a month & nobody answers. <b>Nordvia</b>, is anyone there?",
        "Hi night_owl,\n\nI'm Anna Nowak from Nordvia SA. I read your post …",
    ),
    "pl": (
        "Router pada co noc, a obsługa milczy",
        "Trzeci router w miesiąc & nikt nie odpowiada. <b>Nordvia</b>, jest tam kto?",
        "Cześć night_owl,\n\ntu Anna Nowak z Nordvia SA. Piszę po lekturze Twojego wpisu …",
    ),
    "ru": (
        "Роутер падает каждую ночь, поддержка молчит",
        "Третий роутер за месяц & никто не отвечает. <b>Nordvia</b>, есть кто живой?",
        "Привет, night_owl!\n\nЭто Anna Nowak из Nordvia SA. Пишу про твоё сообщение …",
    ),
}

STYLE = """
*{box-sizing:border-box} body{margin:0;padding:16px;background:#fff;width:1000px;zoom:.9;
font:15px/1.45 Lato,'Noto Sans','DejaVu Sans','Noto Color Emoji',sans-serif;color:#1d1c1d}
.grid{columns:2;column-gap:18px}.one{break-inside:avoid;margin:0 0 14px;padding:10px 14px;
border:1px solid #ddd;border-radius:8px}.who{font-weight:700;margin-bottom:2px}
.who small{font-weight:400;color:#616061}.header{font-size:18px;font-weight:700;margin:4px 0}
.section{white-space:pre-wrap;margin:4px 0}.context{color:#616061;font-size:13px;margin:4px 0}
.context span{margin-right:8px}.actions{margin:8px 0 2px;display:flex;flex-wrap:wrap;gap:8px}
.b{border:1px solid #bbb;border-radius:4px;padding:3px 11px;font-weight:700;font-size:13px}
.b.primary{background:#007a5a;color:#fff;border-color:#007a5a}.fallback{color:#616061;font-size:12px;
border-top:1px dashed #ddd;margin-top:8px;padding-top:5px}.fallback b{color:#1d1c1d}
a{color:#1264a3;text-decoration:none}.menu{border:1px solid #ddd;border-radius:6px;padding:4px 0;
margin-top:6px;width:max-content;font-size:13px}.menu div{padding:2px 14px}
.label{font-weight:700;margin:8px 0 3px}.hint{color:#616061;font-size:12px;margin-top:3px}
.input{border:1px solid #999;border-radius:4px;min-height:30px}
.input{padding:4px 8px;white-space:pre-wrap;color:#444}.modal{background:#fafafa}
.rich{white-space:pre-wrap;margin:4px 0}.rich ul{margin:2px 0;padding-left:22px}
.rich blockquote{margin:4px 0;padding-left:10px;border-left:4px solid #ddd}
hr{border:0;border-top:1px solid #ddd;margin:10px 0}.image img{display:block;width:480px;
margin-top:4px;border:1px solid #ddd;border-radius:8px}.image{margin:8px 0}
.fields{display:grid;grid-template-columns:1fr 1fr;gap:8px 16px;white-space:pre-wrap;margin:8px 0}
.foot{text-align:right;margin-top:10px;display:flex;gap:8px;justify-content:flex-end}
"""


def cards(code: str) -> list[Card]:
    """Return one card for each state."""
    title, quote, _ = TEXTS[code]
    message = Message(
        case_id=12,
        level=Level.URGENT,
        raised_from=None,
        brand="Nordvia",
        thread_title=title,
        thread_url="https://forum.example.org/t/7",
        post_url="https://forum.example.org/t/7#p42",
        private_message_url="https://forum.example.org/pm?to=5",
        author="night_owl",
        author_newcomer=True,
        quote=quote,
        reasons=(
            "an author is clearly unhappy (probability 0.93)",
            "3 different authors are unhappy",
            "no answer from us for 5 hours",
            "an unhappy author is new here (2 posts so far)",
        ),
        source_name="forum.example.org",
        engine="phpbb",
        language=code,
        posts=14,
        new_posts=6,
        thread_since=NOON - timedelta(days=2, hours=3),
        negative=0.93,
        topic="support",
        outreach=Outreach.PRIVATE,
        checkpoint="quietword-small",
    )
    owned: dict[str, Any] = {"owner": "Anna Nowak", "since": NOON, "buttons": True}
    page_only = replace(
        message,
        private_message_url=None,
        profile_url="https://forum.example.org/users/night_owl/",
    )
    return [
        Card(message=message, buttons=True),
        Card(message=message, state=CaseState.CLAIMED, **owned),
        Card(message=message, state=CaseState.CONTACTED, **owned),
        Card(message=message, state=CaseState.SNOOZED, until=NOON + timedelta(hours=4), **owned),
        Card(message=message, state=CaseState.ESCALATED, reason="lead", buttons=True),
        Card(message=message, state=CaseState.SOLVED, **owned),
        Card(message=message, state=CaseState.DISMISSED, reason=Dismissal.NOT_ABOUT_US, **owned),
        Card(message=page_only, state=CaseState.CLAIMED, **owned),
    ]


def drawn(text: dict[str, Any]) -> str:
    """Return a text object as HTML, as Slack would show it."""
    shown = html.escape(html.unescape(text["text"]))
    if text["type"] == "plain_text":
        return shown
    shown = text["text"]
    shown = re.sub(r"<!date\^(\d+)\^[^|]*\|[^>]*>", _date, shown)
    shown = re.sub(r"<(https?://[^|>]+)\|([^>]+)>", r'<a href="\1">\2</a>', shown)
    return re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", shown)


def _date(match: re.Match[str]) -> str:
    return f"<time>{match[1]}</time>"


def dated(shown: str, code: str) -> str:
    """Return a page with its moments as somebody with a Slack in that language sees them."""

    def at(match: re.Match[str]) -> str:
        moment = datetime.fromtimestamp(int(match[1]), UTC)
        return format_datetime(moment, "d MMM, HH:mm", locale=code)

    return re.sub(r"<time>(\d+)</time>", at, shown)


def block(one: dict[str, Any]) -> str:
    """Return one block as HTML."""
    match one["type"]:
        case "divider":
            return "<hr>"
        case "image":
            return f'<div class="image">{IMAGE}</div>'
        case "rich_text":
            return f'<div class="rich">{"".join(map(rich, one["elements"]))}</div>'
        case "section" if "fields" in one:
            fields = "".join(f"<div>{drawn(field)}</div>" for field in one["fields"])
            return f'<div class="fields">{fields}</div>'
        case "header" | "section":
            return f'<div class="{one["type"]}">{drawn(one["text"])}</div>'
        case "context":
            parts = "".join(f"<span>{drawn(text)}</span>" for text in one["elements"])
            return f'<div class="context">{parts}</div>'
        case "actions":
            return f'<div class="actions">{"".join(map(button, one["elements"]))}</div>'
        case "input":
            element = one["element"]
            options = element.get("options")
            held = (
                options[0]["text"]["text"] + " ▾" if options else element.get("initial_value", "")
            )
            hint = f'<div class="hint">{drawn(one["hint"])}</div>' if "hint" in one else ""
            return (
                f'<div class="label">{drawn(one["label"])}</div>'
                f'<div class="input">{html.escape(held)}</div>{hint}'
            )
    raise ValueError(one["type"])


def rich(part: dict[str, Any]) -> str:
    """Return one part of ``rich_text`` as HTML."""
    if part["type"] == "rich_text_list":
        return f"<ul>{''.join(f'<li>{rich(one)}</li>' for one in part['elements'])}</ul>"
    told = ""
    for one in part["elements"]:
        words = html.escape(one["text"])
        if one["type"] == "link":
            words = f'<a href="{html.escape(one["url"])}">{words}</a>'
        told += f"<b>{words}</b>" if one.get("style") else words
    tag = "blockquote" if part["type"] == "rich_text_quote" else "div"
    return f"<{tag}>{told}</{tag}>"


def button(element: dict[str, Any]) -> str:
    """Return a button, or the three dots."""
    if element["type"] == "overflow":
        return '<span class="b">⋯</span>'
    arrow = " ↗" if "url" in element else ""
    style = element.get("style", "")
    return f'<span class="b {style}">{drawn(element["text"])}{arrow}</span>'


def message(card: Card, speech: Tongue) -> str:
    """Return one message with the sentence that telephones and screen readers give instead."""
    shown, text = blocks(card, speech), fallback_text(card, speech)
    error = message_error({"text": text, "blocks": shown})
    assert error is None, error
    menu = menu_of(shown) if card.state in {CaseState.NEW, CaseState.CONTACTED} else ""
    return (
        '<div class="one"><div class="who">quietword <small>APP 12:04</small></div>'
        + "".join(map(block, shown))
        + menu
        + f'<div class="fallback"><b>text:</b> {html.escape(html.unescape(text))}</div></div>'
    )


def menu_of(shown: list[dict[str, Any]]) -> str:
    """Return what opens behind the three dots."""
    elements = [one for part in shown if part["type"] == "actions" for one in part["elements"]]
    options = [option for one in elements for option in one.get("options", [])]
    lines = "".join(f"<div>{drawn(option['text'])}</div>" for option in options)
    return f'<div class="menu">{lines}</div>'


def modal(view: dict[str, Any]) -> str:
    """Return a form."""
    error = view_error(view)
    assert error is None, error
    ends = "".join(
        f'<span class="b {"primary" if name == "submit" else ""}">{drawn(view[name])}</span>'
        for name in ("close", "submit")
        if name in view
    )
    body = "".join(map(block, view["blocks"]))
    title = f'<div class="header">{drawn(view["title"])}</div>'
    return f'<div class="one modal">{title}{body}<div class="foot">{ends}</div></div>'


def page(code: str) -> str:
    """Return all states and two forms in one language."""
    speech, place = tongue(code), Place("C1", "1.0", 12)
    forms = [
        form("dismiss", place, speech),
        form("opt_out", place, speech),
        form("hand_over", place, speech, [Agent(id=2, name="Bartek Lis")]),
        words_view(12, TEXTS[code][2], speech),
    ]
    shown = [message(card, speech) for card in cards(code)] + [modal(view) for view in forms]
    whole = f"<meta charset=utf-8><style>{STYLE}</style><div class=grid>{''.join(shown)}</div>"
    return dated(whole, code)


def main() -> None:
    """Write one PNG for each language."""
    options = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=options)
        for code in tongues():
            tab = browser.new_page(viewport={"width": WIDTH, "height": 800})
            tab.set_content(page(code))
            tab.locator(".grid").screenshot(path=OUT / f"{code}.png")
        browser.close()


if __name__ == "__main__":
    main()
