"""The wording of an alert, and forum text made fit to be shown.

Everything a channel shows passes through here: ``shown`` for text, ``web_link`` for addresses.
"""

import re
import unicodedata
from string import ascii_letters, digits
from typing import Literal, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

from rich.cells import split_graphemes

from alerts.base import Message
from alerts.tongue import Tongue, tongue
from models import Level, Outreach

ENGLISH = tongue("en")
LEVEL_WORDS = {level: ENGLISH.say(f"level_{level}") for level in Level}
LEVEL_MARKS = {Level.WATCH: "🟡", Level.REACH_OUT: "🟠", Level.URGENT: "🔴"}

POLICY_WORDS = {policy: ENGLISH.say(f"policy_{policy}") for policy in Outreach}
PRIVATE_CONTACT = frozenset({Outreach.PRIVATE, Outreach.PRIVATE_FOR_PERSONAL_DATA})
"""The policies under which an agent may open a private message."""

QUOTE_LIMIT = 300
NAME_LIMIT = 80
"""Characters kept of an author, a source, a brand, a topic."""
TITLE_LIMIT = 120
REASON_LIMIT = 160
REASONS_SHOWN = 6
NOTE_LIMIT = 400
RAW_LIMIT = 4_000
"""Characters of a text that are looked at; far more than any limit above."""
URL_LIMIT = 2_000
"""Characters of an address; longer ones are not offered (Slack takes 3000 for a button)."""
MARKS_LIMIT = 3
"""Combining marks kept on one letter; no living spelling needs more."""

_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_JOINER = "\u200d"
_UNRESERVED = ascii_letters + digits + "-._~%"
_URL_SAFE = _UNRESERVED + ":/?#@!$&'()*+,;="
_HOST = re.compile(r"[a-z0-9._-]{1,253}|[0-9a-f:.]{2,45}")

_PLAIN = re.compile("[ -~¡-¬®-ʯЀ-ҁҊ-ӿ‐-‧‰-⁞€№]*")
"""Text in which ``clean`` has nothing but runs of spaces to look for: most of all posts."""

_AT = r"(?:@|\s?[\[(]\s?(?:at|małpa|собака)\s?[\])]\s?)"
_EMAIL = re.compile(rf"[\w.+%-]{{1,64}}{_AT}[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}}", re.IGNORECASE)
_IBAN = re.compile(
    r"(?<![^\W_])[a-z]{2} ?\d{2}(?:[ -]?[a-z0-9]{4}){2,7}(?:[ -]?[a-z0-9]{1,3})?(?![^\W_])",
    re.IGNORECASE | re.ASCII,  # without ASCII, two odd letters pass for k and s
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:19|20)\d\d"
_DATE = re.compile(
    rf"(?<![\d./-])({_YEAR}[-./]{_MONTH}[-./]{_DAY}|{_DAY}[-./]{_MONTH}[-./]{_YEAR})(?!\d)"
)
_DIGIT = r"(?:\d|\(\d{1,5}\))"
_NUMBER = re.compile(rf"(?:\+ ?)?{_DIGIT}(?:[ .–/-]{{0,2}}{_DIGIT}){{6,}}")
_AMOUNT = re.compile(r"\d{1,2}(?:[ .]\d{3}){2}")


def clean(text: str) -> str:
    """Return ``text`` on one line, without anything that acts on the page around it.

    Control characters, direction overrides, zero-width characters and lone surrogates go, and
    so do combining marks piled on one letter; any white space becomes one space. Joiners stay
    inside emoji only. Looks at the first ``RAW_LIMIT`` characters.
    """
    if _PLAIN.fullmatch(text := text[:RAW_LIMIT]):
        return " ".join(text.split())
    kept: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if category in {"Cc", "Zl", "Zp", "Zs"} or character in _BLANK_LETTERS:
            kept.append(" ")
        elif category in {"Cf", "Cs"}:
            if character == _JOINER and kept and unicodedata.category(kept[-1]) in {"So", "Sk"}:
                kept.append(character)
        elif marks <= MARKS_LIMIT:
            kept.append(character)
    return " ".join("".join(kept).split())


def mask(text: str) -> str:
    """Return ``text`` with personal numbers and addresses replaced by what they are.

    E-mail addresses, bank accounts, payment cards, PESEL numbers, telephone numbers and any
    other run of seven digits or more, such as an order number, are masked; calendar dates and
    sums below a hundred million with their thousands set apart are not. Expects ``clean`` text:
    an invisible character inside a number would hide it.
    """
    masked = _IBAN.sub(_name_account, _EMAIL.sub("[e-mail]", text))
    pieces = _DATE.split(masked)  # every second piece is a date
    pieces[::2] = [_NUMBER.sub(_name_number, piece) for piece in pieces[::2]]
    return "".join(pieces)


def _name_account(match: re.Match[str]) -> str:
    account = re.sub("[ -]", "", match[0])
    letters_moved = account[4:] + account[:4]
    checks = int("".join(str(int(letter, 36)) for letter in letters_moved)) % 97 == 1
    many_digits = sum(letter.isdecimal() for letter in account) >= 12
    return "[bank account]" if checks or many_digits else match[0]


def _name_number(match: re.Match[str]) -> str:
    raw = match[0]
    number = [int(character) for character in raw if character.isdecimal()]
    if _AMOUNT.fullmatch(raw):
        return raw
    if len(number) == 26:
        return "[bank account]"
    if 13 <= len(number) <= 19 and _passes_luhn(number):
        return "[card number]"
    if len(number) == 11 and raw.isdecimal() and _passes_pesel(number):
        return "[PESEL]"
    if raw.startswith(("+", "00")) or "(" in raw or 9 <= len(number) <= 11:
        return "[phone]"
    return "[number]"


def _passes_luhn(number: list[int]) -> bool:
    doubled = [sum(divmod(2 * digit, 10)) for digit in number[-2::-2]]
    return (sum(doubled) + sum(number[::-2])) % 10 == 0


def _passes_pesel(number: list[int]) -> bool:
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    total = sum(weight * digit for weight, digit in zip(weights, number, strict=True))
    return total % 10 == 0


def cut(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` characters, ending in … where something was left out.

    Never splits what a reader sees as one character; ends at a word where one is near.
    """
    if len(text) <= limit:
        return text
    head = ""
    spans, _ = split_graphemes(text[: limit + 1], "latest")
    for _start, end, _cells in spans:
        if end > limit - 1:
            break
        head = text[:end]
    flags = len(head) - len(head.rstrip("".join(map(chr, range(0x1F1E6, 0x1F200)))))
    if flags % 2:  # half a flag is a letter in a box
        head = head[:-1]
    by_word = head.rpartition(" ")[0]
    return (by_word if len(by_word) > 0.7 * limit else head).rstrip() + "…"


def shown(text: str, limit: int, *, empty: str = "(no text)") -> str:
    """Return forum text fit to be shown: clean, masked, cut; ``empty`` if nothing is left."""
    return cut(mask(clean(text)), limit) or empty


def web_link(url: str | None) -> str | None:
    """Return ``url`` as a plain ASCII web address, or ``None`` if it is not fit to be offered.

    Only http and https with a host and without a user name pass; whatever could end an
    address inside markup or on a terminal is percent-encoded.
    """
    if url is None or len(url) > URL_LIMIT:
        return None
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except ValueError:  # a bad port, bracket or host name
        return None
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or not _HOST.fullmatch(host):
        return None
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
    try:
        rest = [quote(part, safe=_URL_SAFE) for part in (parts.path, parts.query, parts.fragment)]
    except UnicodeEncodeError:  # a lone surrogate
        return None
    link = urlunsplit((parts.scheme, place, *rest))
    return link if len(link) <= URL_LIMIT else None


class Way(NamedTuple):
    """Where an agent goes to reach an author: to a form, or else to the author's page."""

    name: Literal["write", "profile"]
    """The key of the words for it."""
    link: str


def way_to(message: Message) -> Way | None:
    """Return the way to the author of ``message``, or ``None`` where none may be offered."""
    return way_of(
        message.outreach,
        write=message.private_message_url,
        profile=message.profile_url,
        post=message.post_url,
    )


def way_of(outreach: Outreach, *, write: str | None, profile: str | None, post: str) -> Way | None:
    """Return the form at ``write``, or the page at ``profile`` where there is no form for us.

    Some engines have no form: they give the page for both. Where nobody is to be contacted
    there is no way at all.
    """
    form = private_address(outreach, write, post)
    page = _on_site(profile, post) if outreach is not Outreach.NONE else None
    if form is not None and form != page:
        return Way("write", form)
    return Way("profile", page) if page is not None else None


_OURS: set[tuple[str, str | None, int]] = set()


def admit_own_server(address: str) -> None:
    """Let private links lead to the server at ``address``, which is our own, from any site."""
    link = web_link(address if "://" in address else f"https://{address}")
    if link is not None:
        _OURS.add(_origin(link))


def private_address(outreach: Outreach, private_url: str | None, post_url: str) -> str | None:
    """Return ``private_url`` as a link that may be offered, or ``None``.

    The site's policy must allow it, and the address must be on the site of the post, or on a
    server of our own: a page could otherwise send our agent anywhere.
    """
    return _on_site(private_url, post_url) if outreach in PRIVATE_CONTACT else None


def _on_site(url: str | None, post_url: str) -> str | None:
    """Return ``url`` as a link if it leads to the site of the post, or to a server of our own."""
    link, post = web_link(url), web_link(post_url)
    if link is None or post is None:
        return None
    return link if _origin(link) in {_origin(post), *_OURS} else None


def _origin(link: str) -> tuple[str, str | None, int]:
    parts = urlsplit(link)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def headline(message: Message, limit: int = 150, speech: Tongue = ENGLISH) -> str:
    """Return level, brand and title, such as ``🔴 Urgent · Nordvia · “No payout”``."""
    return titled(f"{LEVEL_MARKS[message.level]} {level(message, speech)}", message, limit, speech)


def titled(start: str, message: Message, limit: int, speech: Tongue = ENGLISH) -> str:
    """Return ``start``, the brand and the thread's title in at most ``limit`` characters."""
    start = f"{start} · {_brand(message, speech)} · "
    room = limit - len(start) - len(speech.say("quote", text=""))
    title = shown(message.thread_title, room, empty=speech.say("no_title"))
    return start + speech.say("quote", text=speech.masks(title))


def level(message: Message, speech: Tongue = ENGLISH) -> str:
    """Return the level in words, with the one before where it has risen."""
    now = speech.say(f"level_{message.level}")
    if message.raised_from is None:
        return now
    before = speech.say(f"level_{message.raised_from}").lower()
    return speech.say("was", now=now, before=before)


def _brand(message: Message, speech: Tongue) -> str:
    return shown(message.brand, 40, empty=speech.say("no_brand"))


def why(message: Message, speech: Tongue = ENGLISH) -> str:
    """Return the reasons on one line, weightiest first."""
    reasons = [shown(speech.reason(reason), REASON_LIMIT, empty="") for reason in message.reasons]
    told = [reason for reason in reasons if reason][:REASONS_SHOWN]
    return " · ".join(told) or speech.say("no_reason")


def quotation(message: Message, speech: Tongue = ENGLISH) -> str:
    """Return the author's words in quotation marks."""
    quote = shown(message.quote, QUOTE_LIMIT, empty=speech.say("no_text"))
    return speech.say("quote", text=speech.masks(quote))


def byline(message: Message, speech: Tongue = ENGLISH) -> str:
    """Return who wrote the quoted post, and whether they are new to the site if that is known."""
    name = f"— {shown(message.author, NAME_LIMIT, empty=speech.say('no_name'))}"
    if message.author_newcomer is None:
        return name
    return f"{name} · {speech.say('newcomer' if message.author_newcomer else 'regular')}"


def context(message: Message, speech: Tongue = ENGLISH) -> str:
    """Return where the thread is, how big, and what the checkpoint thought, on one line."""
    topic = speech.either(f"topic_{message.topic}", message.topic or "")
    facts = [
        shown(message.source_name, NAME_LIMIT, empty=speech.say("no_name")),
        shown(message.engine, NAME_LIMIT, empty=""),
        shown(message.language, NAME_LIMIT, empty=""),
        speech.say("posts", count=message.posts, new=message.new_posts),
        speech.say(
            "negative",
            share=speech.share(f"{message.negative:.2f}"),
            checkpoint=shown(message.checkpoint, NAME_LIMIT),
        ),
        speech.say("topic", topic=shown(topic, NAME_LIMIT)) if topic else "",
    ]
    return " · ".join(fact for fact in facts if fact)


def policy(message: Message, speech: Tongue = ENGLISH) -> str:
    """Return how this site wants to be approached, with the note ops left about it."""
    words = speech.say("outreach", policy=speech.say(f"policy_{message.outreach}"))
    way = way_to(message)
    if message.outreach in PRIVATE_CONTACT and (way is None or way.name == "profile"):
        words += f" {speech.say('no_address' if way is None else 'no_form')}"
    note = shown(message.outreach_note, NOTE_LIMIT, empty="")
    return f"{words} {speech.say('note', note=note)}" if note else words


def fallback(message: Message, speech: Tongue = ENGLISH) -> str:
    """Return the alert in one sentence, for a telephone's notification or a screen reader."""
    return speech.say(
        "fallback",
        level=level(message, speech),
        brand=_brand(message, speech),
        source=shown(message.source_name, NAME_LIMIT, empty=speech.say("no_name")),
        reason=why(message, speech).split(" · ")[0],
    )
