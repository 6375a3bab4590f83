"""What a site's pages tell of its clock: the time zone it shows to guests, and its order of dates.

Evidence is a moment that is known both ways: as the site shows it and in UTC. Pages give it where
a machine-readable time stands beside the displayed one or the page prints its own clock; feeds
give it for messages whose displayed time was read. Nothing here fetches.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo, available_timezones

from scrapy.http import TextResponse

from spiders.addresses import same_site
from spiders.base import Engine, PageChanged, Reading, ReadOptions
from spiders.body import is_json
from spiders.dates import shown_time

QUARTER = timedelta(minutes=15)
"""Every zone in use lies a whole number of these from UTC."""
LAX = timedelta(seconds=90)
"""How far a displayed minute and a clock may be off."""
MOST_KEPT = 8
"""Evidence that is kept with a source: the extremes are what decides."""

_ZONE_HINT = re.compile(
    r"(?:all times are|times are in|time ?zone|alle zeiten sind|zeitzone|strefa czasowa|"
    r"wszystkie czasy|часовой пояс|часовий пояс|время указано|časové pásmo|všechny časy)"
    r"[^.\d+\-\u2212]{0,40}?\b(?:GMT|UTC)\b\s*"
    r"(?:([+\-\u2212])\s*(\d{1,2})(?::?(\d\d))?)?([^.\n]{0,20})",
    re.IGNORECASE,
)
_CLOCK_NOW = re.compile(
    r"(?:the time now is|it is currently|current time(?: is)?|time now|server time|"
    r"aktuelle zeit(?: ist)?|aktuelle uhrzeit|es ist jetzt|aktualny czas(?: to)?|"
    r"obecny czas(?: to)?|teraz jest|текущее время|сейчас|часовой пояс gmt[^,.]{0,12}, время|"
    r"поточний час|зараз|právě je|aktuální čas(?: je)?|teď je)\s*:?\s*"
    r"([^\n]{0,40}?(?<![\d:.])(\d{1,2}):(\d\d)(?::\d\d)?\s*(?:([ap])\.?m\b)?)",
    re.IGNORECASE,
)
_EDGE = 4_000  # characters at either end of a page, where the clock and the zone are printed
_ENTRY_ID = re.compile(r"(?:msg|post|reply|comment|entry|pid|p)[-_=]?(\d+)", re.IGNORECASE)
_ABSOLUTE = re.compile(r"(?:GMT|UTC|Z|[+-]\d\d:?\d\d)\s*$")
_DAY_NUMBERS = re.compile(
    r"\W*(?:[^\W\d]{2,9}[.,]?\s+){0,2}(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})"
    r"(?:\W+(?:[^\W\d]{1,4}\s+)?\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:\s*[apAP]\.?[mM]\.?)?)?\W*(?:uhr)?"
)
_LIKELY = {
    "cs": ("Europe/Prague",),
    "de": ("Europe/Berlin",),
    "pl": ("Europe/Warsaw",),
    "ru": ("Europe/Moscow", "Europe/Samara", "Asia/Yekaterinburg"),
    "uk": ("Europe/Kyiv",),
}
_COMMON = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Athens",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Halifax",
    "America/Sao_Paulo",
    "America/Santiago",
    "Asia/Jerusalem",
    "Australia/Sydney",
    "Australia/Adelaide",
    "Pacific/Auckland",
)
_HALF_HOURS = {
    -210: "America/St_Johns",
    210: "Asia/Tehran",
    270: "Asia/Kabul",
    330: "Asia/Kolkata",
    345: "Asia/Kathmandu",
    390: "Asia/Yangon",
    570: "Australia/Darwin",
}
"""Zones without summer time that lie part of an hour from UTC, by minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """At ``at`` (UTC) the site's clock stood ``minutes`` ahead of UTC."""

    at: datetime
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneFound:
    """The zone that all evidence agrees with."""

    zone: str
    sure: bool
    """The evidence tells it from every zone whose summer time differs."""


def told(shown: datetime, at: datetime) -> Told | None:
    """Return the evidence of one moment: ``shown`` is what the site shows, taken for UTC.

    ``None`` when no zone on Earth lies so far away, as when the two are not one moment.
    """
    apart = shown - at
    steps = round(apart / QUARTER)
    if abs(apart - steps * QUARTER) > LAX or not -12 * 4 <= steps <= 14 * 4:
        return None
    return Told(at=at, minutes=steps * 15)


def page_tells(page: TextResponse, options: ReadOptions, language: str | None) -> list[Told]:
    """Return what a page's own clocks tell: machine times beside shown ones, the time it prints.

    A zone that the page states in words ("All times are GMT +1") counts as the offset of the
    moment, and only where no clock is printed.
    """
    if is_json(page):
        return []
    plain = replace(options, timezone="UTC", fetched_at=options.fetched_at + timedelta(days=1))
    found = []
    for node in page.css("time[datetime]"):
        at = _absolute(node.attrib["datetime"])
        text = " ".join(node.css("::text").getall())
        if at is None or not re.search(r"\d[:.]\d\d", text) or not re.search(r"\d{4}", text):
            continue
        shown = shown_time(text, plain, language)
        if shown is not None and (one := told(shown, at)):
            found.append(one)
    now = _answered_at(page, options)
    edges = _edges(page)
    for clock in _CLOCK_NOW.finditer(edges):
        shown = shown_time(clock[1].strip(" :,"), plain, language)
        if shown is not None and re.search(r"\d{4}", clock[1]):
            one = told(shown, now)  # a page out of some cache shows another day
        else:
            one = _by_clock(int(clock[2]), int(clock[3]), clock[4], now)
        if one is not None:
            return [*found, one]
    if not found and (stated := _ZONE_HINT.search(edges)):
        sign = -1 if stated[1] in {"-", "\u2212"} else 1
        minutes = sign * (int(stated[2] or 0) * 60 + int(stated[3] or 0))
        if "DST" in stated[4].upper():
            minutes += 60
        if -720 <= minutes <= 840:
            found.append(Told(at=now, minutes=minutes))
    return found


def named_zone(page: TextResponse) -> str | None:
    """Return the IANA zone that a page names beside "UTC+1", as phpBB's footer does."""
    if is_json(page):
        return None
    for node in page.css("[title*='/']"):
        name = node.attrib["title"].strip()
        text = "".join(node.css("::text").getall())
        if len(text) < 20 and re.match(r"\s*(?:UTC|GMT)", text) and name in available_timezones():
            return name
    return None


def feed_links(page: TextResponse) -> list[str]:
    """Return the feeds of its own site that a page links to, RSS first, each once."""
    if is_json(page):
        return []
    found = []
    for kind in ("rss", "atom"):
        for link in page.css(f"link[rel=alternate][type='application/{kind}+xml']"):
            url = page.urljoin(link.attrib.get("href", ""))
            if same_site(url, page.url):
                found.append(url)
    return list(dict.fromkeys(found))


def longer_feed(url: str) -> str | None:
    """Return the address under which a feed reaches further back, where its kind has one."""
    head, found, _ = url.partition("action=.xml")
    return f"{head}action=.xml;type=rss2;sa=recent;limit=255" if found else None


def feed_moments(body: bytes) -> dict[str, datetime]:
    """Return when the messages of an RSS or Atom feed were written (UTC), by the engine's id.

    Entries without a message's id, or whose time names no offset, are left out.
    """
    import feedparser  # type: ignore[import-untyped]  # wanted at a first crawl only

    found: dict[str, datetime] = {}
    for entry in feedparser.parse(body).entries[:1000]:
        said = str(entry.get("published") or entry.get("updated") or "")
        at = _absolute(said)
        ids = _ENTRY_ID.findall(f"{entry.get('link', '')} {entry.get('id', '')}")
        if at is not None and ids:
            found[ids[-1]] = at
    return found


def feed_tells(moments: dict[str, datetime], reading: Reading) -> list[Told]:
    """Return what messages tell that stand in a feed and, with a shown time, on a page.

    ``reading`` must have been read in UTC.
    """
    shown = {post.post_id: post.posted_at for post in reading.posts}
    shown |= {row.last_post_id or "": row.last_posted_at for row in reading.threads}
    pairs = ((when, moments.get(name)) for name, when in shown.items())
    found = [told(when, at) for when, at in pairs if when is not None and at is not None]
    return [one for one in found if one is not None]


def needs_zone(engine: Engine, page: TextResponse, options: ReadOptions) -> bool | None:
    """Return whether the times of ``page`` depend on the zone.

    ``None`` when it shows none, or only such as "2 hours ago", which say nothing of other pages.
    """
    here = _times(engine, page, replace(options, timezone="UTC"))
    if here != _times(engine, page, replace(options, timezone="Asia/Bangkok")):
        return True
    later = replace(options, fetched_at=options.fetched_at + timedelta(hours=1))
    return False if any(here) and here == _times(engine, page, later) else None


def conclude(evidence: Iterable[Told], language: str | None) -> ZoneFound | None:
    """Return the zone in which every piece of ``evidence`` is true, or ``None``.

    Where the offset changed, it is an IANA zone that changed then; among equals, the one that is
    likely for ``language``. Where it did not, it is the fixed offset, and ``sure`` when summer
    time would have shown.
    """
    known = list(evidence)
    if not known:
        return None
    likely = (*_LIKELY.get(language or "", ()), *_COMMON)
    offsets = {one.minutes for one in known}
    if len(offsets) == 1:
        (minutes,) = offsets
        zone = _HALF_HOURS.get(minutes) if minutes % 60 else _fixed(minutes // 60)
        summer = any(_agrees(name, known) and _changes(name, known[0].at) for name in likely)
        return ZoneFound(zone=zone, sure=not summer) if zone else None
    rest = sorted(available_timezones() - set(likely))
    for name in (*likely, *(name for name in rest if "/" in name)):
        if _agrees(name, known):
            return ZoneFound(zone=name, sure=True)
    return None


def extremes(evidence: Iterable[Told]) -> list[Told]:
    """Return the first and the last piece of evidence for every offset, oldest first."""
    by_offset: dict[int, list[Told]] = {}
    for one in sorted(evidence, key=lambda one: one.at):
        by_offset.setdefault(one.minutes, []).append(one)
    kept = {each for same in by_offset.values() for each in (same[0], same[-1])}
    return sorted(kept, key=lambda one: one.at)[-MOST_KEPT:]


def date_order(page: TextResponse) -> str | None:
    """Return DMY, MDY or YMD where the dates of a page tell, or ``None``.

    They do when a number above 12 stands in one place only. Looks at short texts that are a date
    and nothing else, so that what people write about decides nothing.
    """
    if is_json(page):
        return None
    texts = page.xpath("//body//text()[not(ancestor::script or ancestor::style)]").getall()
    votes: set[str] = set()
    for text in {" ".join(text.split()) for text in texts if len(text) < 80}:
        found = _DAY_NUMBERS.fullmatch(text) if text else None
        if found is None:
            continue
        first, _, second, third = found.groups()
        if len(first) == 4:
            votes.add("YMD")
        elif len(first) <= 2 and len(third) in {2, 4} and int(first) > 12 >= int(second):
            if len(third) == 4:
                votes.add("DMY")
        elif len(third) in {2, 4} and int(second) > 12 >= int(first):
            votes.add("MDY")
    return votes.pop() if len(votes) == 1 else None


def _times(engine: Engine, page: TextResponse, options: ReadOptions) -> list[datetime | None]:
    try:
        reading = engine.read(page, options)
    except PageChanged:
        return []
    return [
        *(post.posted_at for post in reading.posts),
        *(row.last_posted_at for row in reading.threads),
        *(board.last_posted_at for board in reading.boards),
    ]


def _absolute(text: str) -> datetime | None:
    """Return a moment that names its offset, in UTC."""
    text = text.strip()
    if not _ABSOLUTE.search(text):
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except ValueError:
            return None
    try:
        return when.astimezone(UTC) if when.tzinfo else None
    except OverflowError:
        return None


def _answered_at(page: TextResponse, options: ReadOptions) -> datetime:
    """Return when the site sent the page, by its own ``Date``, else when it was fetched."""
    said = _absolute((page.headers.get("Date") or b"").decode("latin-1"))
    return said or options.fetched_at


def _edges(page: TextResponse) -> str:
    pieces = page.xpath("//body//text()[not(ancestor::script or ancestor::style)]").getall()
    text = "\n".join(filter(None, (" ".join(piece.split()) for piece in pieces)))
    text = re.sub(r"\n(?=[\d:+\-\u2212UG]|\S{0,12}\d)", " ", text)
    return text if len(text) < 2 * _EDGE else f"{text[:_EDGE]}\n{text[-_EDGE:]}"


def _by_clock(hour: int, minute: int, half: str | None, now: datetime) -> Told | None:
    if half:
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    if hour > 23 or minute > 59:
        return None
    shown = now.replace(hour=hour, minute=minute)
    around = [told(shown + timedelta(days=days), now) for days in (-1, 0, 1)]
    fitting = [one for one in around if one is not None]
    return fitting[0] if len(fitting) == 1 else None


def _fixed(hours: int) -> str:
    """Return the zone that is always ``hours`` ahead of UTC; its name has the sign reversed."""
    return f"Etc/GMT{-hours:+d}" if hours else "UTC"


def _agrees(zone: str, evidence: Iterable[Told]) -> bool:
    info = ZoneInfo(zone)
    return all(
        one.at.astimezone(info).utcoffset() == timedelta(minutes=one.minutes) for one in evidence
    )


def _changes(zone: str, around: datetime) -> bool:
    """Return whether a zone's offset differs between winter and summer of the year."""
    info = ZoneInfo(zone)
    return len({around.replace(month=m, day=15).astimezone(info).utcoffset() for m in (1, 7)}) > 1
