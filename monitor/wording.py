"""How times, spans and the words of the tables are put to a reader."""

from datetime import datetime, timedelta, tzinfo

from alerts.words import LEVEL_WORDS
from models import CaseState, Level
from monitor.flagged import Happening

LANGUAGES = {"pl": "Polish", "ru": "Russian", "en": "English", "uk": "Ukrainian", "de": "German"}


def offset(at: datetime, zone: tzinfo) -> str:
    """Return how far ``zone`` is from UTC at that moment: ``UTC``, ``UTC+1``, ``UTC+5:30``."""
    minutes = round((at.astimezone(zone).utcoffset() or timedelta()).total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    sign = "+" if minutes > 0 else "−"
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


def moment(at: datetime, *, zone: tzinfo, now: datetime) -> str:
    """Return ``at`` in ``zone`` with its offset; the year only where it is not that of ``now``."""
    local = at.astimezone(zone)
    year = "" if local.year == now.astimezone(zone).year else f" {local.year}"
    return f"{local.day} {local:%b}{year}, {local:%H:%M} {offset(at, zone)}"


def lasting(span: timedelta) -> str:
    """Return a length of time as people say it: ``42 min``, ``3 h 10 min``, ``2 d 4 h``."""
    minutes = max(0, int(span.total_seconds() // 60))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h" if hours and days < 7 else f"{days} d"
    if hours:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{rest} min"


def ago(at: datetime, now: datetime) -> str:
    """Return how long before ``now`` something was, rounded down to its largest unit."""
    minutes = int((now - at).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 2880 else f"{minutes // 1440} d ago"


def level_words(level: str) -> str:
    """Return a level as a reader sees it."""
    return LEVEL_WORDS[Level(level)]


def topic_words(topic: str | None) -> str:
    """Return what is complained of; posts whose topic was not recognised are ``other``."""
    return (topic or "other").replace("_", " ")


def language_words(code: str | None) -> str:
    """Return a language's English name, or its code where we know none."""
    return LANGUAGES.get(code, code) if code and code != "und" else "language unknown"


def outcome_words(outcome: str | None) -> str:
    """Return how a crawl ended."""
    return (outcome or "not finished").replace("_", " ").lower()


def state_words(state: CaseState, owner: str | None) -> str:
    """Return where a case stands and with whom."""
    if state is CaseState.NEW:
        return "nobody's yet"
    joint = "for" if state is CaseState.SNOOZED else "by"
    return f"{state.value} {joint} {owner}" if owner else state.value


def event_words(event: Happening) -> str:
    """Return one line of a case's history, without its reasons."""
    if event.kind in ("opened", "raised", "lowered"):
        joint = "as" if event.kind == "opened" else "to"
        words = f"{event.kind} {joint} “{level_words(event.level)}”, risk {event.score:.0f}"
    else:
        words = event.kind.replace("_", " ")
    return f"{words} by {event.by}" if event.by else words


def counted(number: int, one: str, many: str = "") -> str:
    """Return ``1 post``, ``2 posts``; ``many`` where it is not ``one`` with an s."""
    return f"{number} {one}" if number == 1 else f"{number} {many or one + 's'}"
