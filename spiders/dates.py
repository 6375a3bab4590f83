"""Moments as forums print them, turned into aware UTC or into nothing: never a guess."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import dateparser  # type: ignore[import-untyped]  # has no types of its own

from spiders.base import ReadOptions

EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
"""No forum message is older; an earlier reading is another calendar or a mistake."""
AHEAD = timedelta(days=1)
"""How far past the fetch a clock in another time zone may honestly stand."""
_LONGEST = 100  # characters; a longer text is no date, and a slow one to parse

_NUMBERS = re.compile(r"(?<![\d./:-])(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})\b")
_YEAR_FIRST = re.compile(r"\W*\d{4}[./-]\d")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_EPOCH = re.compile(r"\d{9,13}(?:\.\d+)?")
_FIRST_WORD = re.compile(r"\W*[^\W\d]+[.,]?\s+(.*\d.*)", re.DOTALL)
# Spellings that dateparser does not know (1.3 and 1.4 tried), by language.
_SPELLINGS = {
    "cs": [
        (re.compile(r"^před minutou", re.IGNORECASE), "před 1 minutou"),
        (re.compile(r"^(?:před chvílí|právě teď)$", re.IGNORECASE), "před 0 minutami"),
    ],
    "de": [
        (re.compile(r"weniger als einer minute", re.IGNORECASE), "1 Minute"),
        (re.compile(r"^(?:gerade eben|soeben)$", re.IGNORECASE), "vor 0 Minuten"),
        (re.compile(r"^(\d+ \w+) zuvor$", re.IGNORECASE), r"vor \1"),
    ],
    "en": [(re.compile(r"^a moment ago$", re.IGNORECASE), "just now")],
    "fr": [(re.compile(r"(\d )mar\.?(?= \d{4})", re.IGNORECASE), r"\1mars")],
    "pl": [
        (re.compile(r"^(?:mniej niż )?minutę temu", re.IGNORECASE), "1 minutę temu"),
        (re.compile(r"^godzinę temu", re.IGNORECASE), "1 godzinę temu"),
        (re.compile(r"^pół godziny temu$", re.IGNORECASE), "30 minut temu"),
        (re.compile(r"^(?:przed chwilą|chwilę temu)$", re.IGNORECASE), "0 minut temu"),
    ],
    "ru": [
        (re.compile(r"^(?:менее|меньше) минуты назад", re.IGNORECASE), "1 минуту назад"),
        (re.compile(r"^только что$", re.IGNORECASE), "0 минут назад"),
    ],
    "uk": [
        (re.compile(r"^(?:щойно|тільки що)$", re.IGNORECASE), "0 хвилин тому"),
        (re.compile(r"^(сьогодні|вчора)[,]? (?:в|у) ", re.IGNORECASE), r"\1 о "),
    ],
}
# Days of the week, Monday first, by the beginnings of their names in all cases.
_WEEKDAYS = {
    "cs": "pond úter střed čtvrt pát sobot neděl",
    "de": "montag dienstag mittwoch donnerstag freitag (?:samstag|sonnabend) sonntag",
    "en": "mon(?:day)?$ tue(?:sday)?$ wed(?:nesday)?$ thu(?:rsday)?$ fri(?:day)?$ "
    "sat(?:urday)?$ sun(?:day)?$",
    "pl": "poniedz wtor środ czwart piąt sobot niedziel",
    "ru": "понедельник вторник сред четверг пятниц суббот воскресен",
    "uk": "понеділ вівтор серед четвер п.ятниц субот неділ",
}
_WEEKDAY = re.compile(
    r"(?:(?:w|we|v|ve|in|am|on|в|во|у|last)\s+)?([^\W\d]+(?:['’ʼ][^\W\d]+)?)[.,]?\s+"
    r"(?:(?:at|um|o|v|ve|в|о|об)\s+)?(\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:\s*[ap]\.?m\.?)?)"
    r"(?:\s+uhr)?",
    re.IGNORECASE,
)
"""A day of the past week, such as "Friday at 5:12 PM" or "w piątek o 17:12"."""


def machine_time(value: str | float | None, options: ReadOptions) -> datetime | None:
    """Return the moment in an attribute or JSON field: ISO 8601, or epoch seconds or milliseconds.

    A time without an offset, or a bare day (which counts from its midnight), is in the
    forum's zone. Gives ``None`` for anything else and for moments that cannot be.
    """
    text = str(value).strip() if value is not None else ""
    try:
        if _EPOCH.fullmatch(text):
            seconds = float(text)
            when = datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, tz=UTC)
        else:
            when = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return _believable(when, options)


def shown_time(text: str | None, options: ReadOptions, language: str | None) -> datetime | None:
    """Return the moment that a page shows to people as ``text``, such as "Wczoraj, 21:14".

    Read in ``options.language`` or else the page's ``language``, then in English, in the
    forum's zone and against the moment of the fetch. Day, month and year must all be told
    (or follow from "yesterday"); "3 months ago" is too rough. English pages write 5/4 both ways
    round, so without ``options.date_order`` such a date gives ``None`` unless one number is
    above 12 or a weekday stands beside it.
    """
    text = " ".join((text or "").split())
    if not text or len(text) > _LONGEST or text[0] in "-\u2212":
        return None
    base = None
    if not _YEAR.search(text):
        base = options.fetched_at.astimezone(ZoneInfo(options.timezone)).replace(tzinfo=None)
    for tongue in dict.fromkeys(filter(None, (options.language or language, "en"))):
        if base is not None and (weekday := _this_week(text, tongue, base)):
            text, base = weekday, None
        when = _parse(text, tongue, options.date_order, base)
        if when is not None and base is not None and _rough(when, base):
            return None
        if when is not None:
            return _believable(when, options)
    return None


def django_clock(text: str) -> str:
    """Return ``text`` with hours as Django writes them, "noon" and "8 p.m.", in the usual way."""
    text = re.sub(r"\bnoon\b", "12:00", re.sub(r"\bmidnight\b", "00:00", text))
    return re.sub(r"\b([ap])\.m\.", r"\1m", text)


def order_by_ids(read: Callable[[str], Iterable[tuple[int, datetime | None]]]) -> str | None:
    """Return the order of day and month under which a page's messages follow one another.

    ``read`` gives each message's id and its moment under an order. Later messages have higher ids,
    and none is of the future; ``None`` unless exactly one order fits.
    """
    fitting = []
    for order in ("DMY", "MDY"):
        times = [when for _, when in sorted(read(order), key=lambda told: told[0])]
        known = [when for when in times if when is not None]
        if known and len(known) == len(times) and known == sorted(known):
            fitting.append(order)
    return fitting[0] if len(fitting) == 1 else None


def _this_week(text: str, language: str, base: datetime) -> str | None:
    """Return "Friday at 5:12 PM" with its date, that of the last Friday before ``base``'s day."""
    found = _WEEKDAY.fullmatch(text)
    if found is None:
        return None
    for number, name in enumerate(_WEEKDAYS.get(language, "").split()):
        if re.match(name, found[1].lower()):
            back = (base.weekday() - number) % 7 or 7
            return f"{(base - timedelta(days=back)):%Y-%m-%d} {found[2]}"
    return None


def _by_weekday(text: str, numbers: re.Match[str]) -> str | None:
    """Return the order of ``numbers`` that the English weekday in ``text`` allows, if just one."""
    told = {
        number
        for word in re.findall(r"[a-z]+", text.lower())
        for number, name in enumerate(_WEEKDAYS["en"].split())
        if re.match(name, word)
    }
    first, second, year = int(numbers[1]), int(numbers[3]), int(numbers[4])
    year += 2000 if year < 100 else 0
    days = {"DMY": (second, first), "MDY": (first, second)}
    try:
        found = [order for order, day in days.items() if date(year, *day).weekday() in told]
    except ValueError:
        return None
    return found[0] if len(found) == 1 else None


def _rough(when: datetime, base: datetime) -> bool:
    """Tell whether ``when`` is "3 months ago": the hour of the fetch on another day."""
    return base - when.replace(tzinfo=None) >= timedelta(days=7) and when.time() == base.time()


@lru_cache(maxsize=8192)
def _parse(text: str, language: str, order: str | None, base: datetime | None) -> datetime | None:
    """Return what dateparser makes of ``text``; the same few dates recur on every page."""
    numbers = _NUMBERS.search(text)
    if order is None and numbers and language == "en":
        first, separator, second, _ = numbers.groups()
        if separator == ".":
            order = "DMY"
        elif int(first) != int(second) and int(first) <= 12 and int(second) <= 12:
            order = _by_weekday(text, numbers)
            if order is None:
                return None
    if _YEAR_FIRST.match(text):
        order = "YMD"
    for pattern, plain in _SPELLINGS.get(language, []):
        text = pattern.sub(plain, text)
    settings: dict[str, object] = {"REQUIRE_PARTS": ["day", "month", "year"]}
    if base:
        settings["RELATIVE_BASE"] = base
    if order:
        settings["DATE_ORDER"] = order
    candidates = [text]
    # The first word may be a weekday's short form that dateparser does not know.
    if after := _FIRST_WORD.fullmatch(text):
        candidates.append(after[1])
    for candidate in candidates:
        try:
            when: datetime | None = dateparser.parse(
                candidate, languages=[language], settings=settings
            )
        except (ValueError, OverflowError):  # a language dateparser has not got, or year 99999
            return None
        if when is not None:
            return when
    return None


def _believable(when: datetime, options: ReadOptions) -> datetime | None:
    try:
        if when.tzinfo is None:
            when = when.replace(tzinfo=ZoneInfo(options.timezone))
        when = when.astimezone(UTC)
    except OverflowError:
        return None
    return when if EARLIEST <= when <= options.fetched_at + AHEAD else None
