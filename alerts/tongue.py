"""The languages that alerts, their buttons and refusals speak: a catalogue each in ``tongues/``.

A catalogue's ids are names, so that English is a language like the others. What is said before
its reader's language is known is a ``Phrase``.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path

from babel.dates import format_date
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import get_decimal_symbol
from babel.units import format_unit

from models.errors import QuietwordError

FOLDER = Path(__file__).with_name("tongues")

_SPAN = r"(?P<span>(?:\d+ (?:d|h|min) ?)+)"
_KNOWN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), key)
    for pattern, key in (
        (r"an author is clearly unhappy \(probability (?P<p>.+)\)", "reason_clearly"),
        (r"an author is probably unhappy \(probability (?P<p>.+)\)", "reason_probably"),
        (r"one author, (?P<count>\d+) complaints", "reason_one_author"),
        (r"(?P<count>\d+) different authors are unhappy", "reason_authors"),
        (
            r"(?P<count>\d+) posts in 24 hours, (?P<times>\d+) times what a thread of this board "
            "usually gets",
            "reason_growth",
        ),
        (r"no answer from us for (?P<count>\d+) hours", "reason_hours"),
        (r"no answer from us for (?P<count>\d+) days", "reason_days"),
        (
            r"our own people wrote here (?P<count>\d+) times and the customer is still unhappy: "
            "stop answering in public",
            "reason_staff",
        ),
        (r"an unhappy author is new here \((?P<count>\d+) posts? so far\)", "reason_new_posts"),
        (r"an unhappy author is new here \(joined (?P<count>\d+) days before\)", "reason_new_days"),
        (rf"nobody took it for {_SPAN}", "note_not_taken"),
        (rf"{_SPAN} without a word to the customer", "note_no_word"),
        (r"its time has come", "note_its_time"),
        (r"(?P<name>.+) does not work here any more", "note_left"),
        (r"somebody in the thread complained after it was solved", "note_again"),
        (r"the thread got worse after it was dismissed", "note_flared"),
    )
)
"""What the machine writes down in English, and the key of the same in every language."""

_MASK = re.compile(r"\[(e-mail|phone|number|bank account|card number)\]")
"""What ``alerts.words.mask`` puts in the place of personal data, in English."""


class TongueError(QuietwordError):
    """There is no such language; the message names those there are."""


class Worded(ABC):
    """Something that is put into words once its reader's language is known."""

    @abstractmethod
    def told(self, speech: "Tongue") -> str:
        """Return it in the language ``speech``."""


@dataclass(frozen=True, slots=True)
class Tongue:
    """The words of one language."""

    code: str
    keys: Mapping[str, bool]
    """Name of every text -> whether it has plural forms, chosen by its value ``count``."""
    catalogue: GNUTranslations = field(repr=False)

    def say(self, key: str, **values: object) -> str:
        """Return the words for ``key`` with ``values`` filled in."""
        if self.keys[key]:
            count = values["count"]
            assert isinstance(count, int)  # noqa: S101
            words = self.catalogue.ngettext(key, key, count)
        else:
            words = self.catalogue.gettext(key)
        return words.format(
            **{
                name: value.told(self) if isinstance(value, Worded) else value
                for name, value in values.items()
            }
        )

    def either(self, key: str, otherwise: str) -> str:
        """Return the words for ``key``, or ``otherwise`` where there are none."""
        return self.catalogue.gettext(key) if key in self.keys else otherwise

    def reason(self, english: str) -> str:
        """Return a reason of the risk job, or a timer's note; as it is where it is not known."""
        if self.code == "en":
            return english
        for pattern, key in _KNOWN:
            if match := pattern.fullmatch(english):
                found: dict[str, object] = dict(match.groupdict())
                if "count" in found:
                    found["count"] = int(match["count"])
                if "p" in found:
                    found["p"] = self.share(match["p"])
                if "span" in found:
                    found["span"] = self.lasting(_span(match["span"]))
                return self.say(key, **found)
        return english

    def masks(self, text: str) -> str:
        """Return masked text with what stands for a number or an address in this language."""
        if self.code == "en" or "[" not in text:
            return text
        named = {"bank account": "bank_account", "card number": "card_number"}
        return _MASK.sub(lambda it: f"[{self.say(f'mask_{named.get(it[1], it[1])}')}]", text)

    def share(self, number: str) -> str:
        """Return a number between 0 and 1, such as ``0.93``, with the language's own point."""
        return number.replace(".", get_decimal_symbol(self.code))

    def lasting(self, span: timedelta) -> str:
        """Return a length of time in its two largest units, such as ``1 hr 30 min``."""
        minutes = max(0, int(span.total_seconds() // 60))
        days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
        if days:
            parts = [(days, "day"), (hours if days < 7 else 0, "hour")]
        else:
            parts = [(hours, "hour"), (rest, "minute")]
        return " ".join(self._unit(*part) for part in parts if part[0]) or self._unit(0, "minute")

    def _unit(self, number: int, unit: str) -> str:
        return format_unit(number, f"duration-{unit}", length="short", locale=self.code)

    def day(self, at: datetime, *, year: bool = False) -> str:
        """Return a day as it is written in this language."""
        return format_date(at, "d MMM y" if year else "d MMM", locale=self.code)


def _span(text: str) -> timedelta:
    names = {"d": "days", "h": "hours", "min": "minutes"}
    found = re.findall(r"(\d+) (d|h|min)", text)
    return timedelta(**{names[unit]: int(number) for number, unit in found})


@dataclass(frozen=True, slots=True)
class Phrase(Worded):
    """The words for ``key``, to be said later; made by ``phrase``."""

    key: str
    values: Mapping[str, object]

    def told(self, speech: Tongue) -> str:
        """Return it in the language ``speech``."""
        return speech.say(self.key, **self.values)

    def sentence(self, speech: Tongue) -> str:
        """Return it with a capital and a full stop."""
        words = self.told(speech)
        return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def phrase(key: str, /, **values: object) -> Phrase:
    """Return the words for ``key``, with ``values``, to be said later."""
    return Phrase(key, values)


@dataclass(frozen=True, slots=True)
class Clock(Worded):
    """A moment by a reader's wall clock, with the date where it is not that of ``now``."""

    at: datetime | None
    zone: tzinfo
    now: datetime

    def told(self, speech: Tongue) -> str:
        """Return it in the language ``speech``."""
        if self.at is None:
            return speech.say("some_time")
        local = self.at.astimezone(self.zone)
        if local.date() == self.now.astimezone(self.zone).date():
            return f"{local:%H:%M}"
        return speech.say("on_day", time=f"{local:%H:%M}", day=speech.day(local))


@dataclass(frozen=True, slots=True)
class Day(Worded):
    """A day of UTC, with its year."""

    at: datetime

    def told(self, speech: Tongue) -> str:
        """Return it in the language ``speech``."""
        return speech.day(self.at.astimezone(UTC), year=True)


@dataclass(frozen=True, slots=True)
class Lasting(Worded):
    """A length of time."""

    span: timedelta

    def told(self, speech: Tongue) -> str:
        """Return it in the language ``speech``."""
        return speech.lasting(self.span)


@cache
def tongue(code: str = "en") -> Tongue:
    """Return the language ``code``, such as ``pl``; raise ``TongueError`` for another."""
    if code not in tongues():
        raise TongueError(f"messages cannot be in {code!r}; use one of: {', '.join(tongues())}")
    messages, catalogue = compiled(FOLDER / f"{code}.po", code)
    keys = {
        message.id if isinstance(message.id, str) else message.id[0]: message.pluralizable
        for message in messages
        if message.id
    }
    return Tongue(code=code, keys=keys, catalogue=catalogue)


def compiled(file: Path, code: str) -> tuple[Catalog, GNUTranslations]:
    """Return the catalogue that ``file`` holds, and the same to be asked; nothing is written."""
    with file.open("rb") as stream:
        messages = read_po(stream, locale=code)
    binary = BytesIO()
    write_mo(binary, messages)
    binary.seek(0)
    return messages, GNUTranslations(binary)


@cache
def tongues() -> tuple[str, ...]:
    """Return the codes of the languages there are."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.po")))


def spoken(locale: str | None) -> str | None:
    """Return the language of a locale such as ``pl-PL``; ``None`` where it is none of ours."""
    code = re.split("[-_]", locale or "")[0].lower()
    return code if code in tongues() else None
