"""The pages in English, Polish and Russian: words from catalogues, dates and plurals from Babel."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from gettext import NullTranslations
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_timedelta
from babel.numbers import format_decimal, format_percent

from alerts.tongue import compiled, tongue
from models import CaseState, How
from monitor import wording
from monitor.flagged import Happening

FOLDER = Path(__file__).with_name("locale")
LANGUAGES = {"en": "English", "pl": "Polski", "ru": "Русский"}
"""Each under its own name; English is what the templates hold, the others have a catalogue."""


@cache
def catalogue(code: str) -> NullTranslations:
    """Return the compiled catalogue of a language of ``LANGUAGES``."""
    if code == "en":
        return NullTranslations()
    return compiled(FOLDER / f"{code}.po", code)[1]


def preferred(header: str) -> str:
    """Return the language of ``LANGUAGES`` that an ``Accept-Language`` header likes best."""
    liked: list[tuple[float, str]] = []
    for part in header.split(","):
        name, _, weight = part.partition(";q=")
        try:
            liked.append((float(weight or 1), name.strip()[:2].lower()))
        except ValueError:
            continue
    ranked = sorted(liked, key=lambda one: -one[0])
    return next((code for _, code in ranked if code in LANGUAGES), "en")


# Babel takes tens of microseconds for each of these, a page says the same few hundreds of times.
_remembered = lru_cache(maxsize=20_000)


@_remembered
def _decimal(number: float, code: str) -> str:
    return format_decimal(number, locale=code)


@_remembered
def _percent(share: float, code: str) -> str:
    return format_percent(share, locale=code)


@_remembered
def _date(day: date, pattern: str, code: str) -> str:
    return format_date(day, pattern, locale=code)


@_remembered
def _ago(span: timedelta, code: str) -> str:
    return format_timedelta(span, add_direction=True, threshold=1, locale=code)


class Speech:
    """Puts everything the pages say into one language; times in ``zone``."""

    def __init__(self, code: str, zone: tzinfo, now: Callable[[], datetime]) -> None:
        self.code = code
        self.zone = zone
        self.now = now
        self._catalogue = catalogue(code)
        self._locale = Locale.parse(code)
        self.tongue = tongue(code)
        """What the words of cases and alerts are in."""

    def text(self, words: str) -> str:
        """Return the translation of ``words``."""
        return self._catalogue.gettext(words)

    def plural(self, one: str, many: str, number: int) -> str:
        """Return the form that goes with ``number``; the number itself is not filled in."""
        return self._catalogue.ngettext(one, many, number)

    def moment(self, at: datetime) -> str:
        """Return day and minute; the year only where it is not the present one."""
        return self.moment_in(at, self.zone)

    def moment_in(self, at: datetime, zone: tzinfo) -> str:
        """Return day and minute by the clocks of ``zone``."""
        local = at.astimezone(zone)
        return f"{self.day(local.date())}, {local:%H:%M}"

    def day(self, day: date) -> str:
        """Return day and month; the year only where it is not the present one."""
        year = "" if day.year == self.now().astimezone(self.zone).year else " y"
        return _date(day, f"d MMM{year}", self.code)

    def ago(self, at: datetime) -> str:
        """Return how long before now something was, rounded down to its largest unit."""
        seconds = int((self.now() - at).total_seconds())
        if abs(seconds) < 60:
            return self.text("just now")
        unit = next(unit for unit in (86400, 3600, 60) if abs(seconds) >= unit)
        whole = timedelta(seconds=-(abs(seconds) // unit * unit) * (1 if seconds > 0 else -1))
        return _ago(whole, self.code)

    def lasting(self, span: timedelta) -> str:
        """Return a length of time in its two largest units, such as ``1 hr 30 min``."""
        return self.tongue.lasting(span)

    def number(self, number: float) -> str:
        """Return a number with the language's own separators."""
        return _decimal(number, self.code)

    def percent(self, share: float) -> str:
        """Return a share from 0 to 1 in whole per cent."""
        return _percent(share, self.code)

    def level(self, level: str) -> str:
        """Return a level in words."""
        return self.tongue.say(f"level_{level}")

    def topic(self, topic: str | None) -> str:
        """Return what is complained of; ``other`` where the topic was not recognised."""
        return self.tongue.either(f"topic_{topic or 'other'}", (topic or "").replace("_", " "))

    def state(self, state: str) -> str:
        """Return where a case stands."""
        return self.tongue.say(f"state_{state}")

    def standing(self, state: CaseState, owner: str | None) -> str:
        """Return where a case stands and with whom."""
        if state is CaseState.NEW and not owner:
            return self.text("nobody's yet")
        return f"{self.state(state)}: {owner}" if owner else self.state(state)

    def reason(self, english: str) -> str:
        """Return a reason of the risk job."""
        return self.tongue.reason(english)

    def dismissal(self, reason: str) -> str:
        """Return why a case was dismissed."""
        return self.tongue.either(f"dismissal_{reason}", reason)

    def rank(self, role: str) -> str:
        """Return a role of the team."""
        return self.tongue.either(f"rank_{role}", role)

    def peace(self) -> str:
        """Return that an author asked not to be written to."""
        return self.tongue.say("opted_out")

    def policy(self, policy: str, note: str) -> str:
        """Return how a place wants to be approached, with the note of ops."""
        return f"{self.tongue.say(f'policy_{policy}')} {note}".strip()

    def language(self, code: str | None) -> str:
        """Return the name of the language ``code``."""
        if not code or code == "und":
            return self.text("language unknown")
        return str(self._locale.languages.get(code, code))

    def outcome(self, outcome: str | None) -> str:
        """Return how a crawl ended."""
        return self.text(wording.outcome_words(outcome))

    def event(self, event: Happening) -> str:
        """Return one line of a case's history, without its reasons."""
        if event.kind in ("opened", "raised", "lowered"):
            words = {
                "opened": self.text("opened as “%(level)s”, risk %(score)s"),
                "raised": self.text("raised to “%(level)s”, risk %(score)s"),
                "lowered": self.text("lowered to “%(level)s”, risk %(score)s"),
            }[event.kind]
            return words % {"level": self.level(event.level), "score": f"{event.score:.0f}"}
        by = event.by or self.tongue.say("timer" if event.how == How.TIMER else "somebody")
        by = by[:1].upper() + by[1:]
        words = self.tongue.either(f"history_{event.kind}", "")
        if not words:
            return f"{event.kind.replace('_', ' ')}: {by}"
        return words.format(
            by=by,
            until=self.moment(event.until) if event.until else "?",
            to=event.to or "?",
            rank=self.rank(event.reason),
            reason=self.dismissal(event.reason),
        )

    def note(self, event: Happening) -> str:
        """Return the note of an event: a person's own words, a timer's in this language."""
        return event.note if event.by else self.tongue.reason(event.note)

    def trouble(self, reason: str) -> str:
        """Return why a channel has stopped; what its own server said stays as it is."""
        said, gap, advice = reason.partition("; ")
        told = {
            "Slack refused: ": self.text("Slack refused: "),
            "the webhook answered ": self.text("the webhook answered "),
            "the mail server refuses the sender: ": self.text(
                "the mail server refuses the sender: "
            ),
            "the mail server does not take the login ": self.text(
                "the mail server does not take the login "
            ),
            "the mail server refuses ": self.text("the mail server refuses "),
        }
        begin = next((one for one in told if said.startswith(one)), "")
        return f"{told.get(begin, '')}{said.removeprefix(begin)}{gap}{advice and self.text(advice)}"

    def listing(self, parts: Sequence[str]) -> str:
        """Return parts in a row, as a label for people who hear the page."""
        return ", ".join(parts)
