"""What a digest that is sent says: the pages' own questions to the database, in one language."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from sqlmodel import Session, col, func, select

from alerts.digest import Digest, Entry, Figure, Part
from alerts.words import NAME_LIMIT, cut, shown
from models import Brand, Case, Level
from monitor.answer_times import AnswerTimes, read_answer_times
from monitor.case_list import Group, Listing, Row, Wanted, list_cases
from monitor.coverage import Coverage, SourceHealth, read_coverage, read_sources
from monitor.digest_pictures import trend_pictures
from monitor.trends import TopicChange, Trend, read_topics, read_trends
from monitor.undelivered import read_undelivered
from monitor.web.speech import Speech

QUOTE_LIMIT = 180
REASONS = 3
TOPICS = 5
SILENT = 6
_ADDRESS = re.compile(r"[^@\s,;:<>?&]+@[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which digest to put together."""

    key: str
    name: str
    """Of the subscription."""
    title: str
    since: datetime
    until: datetime
    brand_id: int | None = None
    contact: str | None = None
    """How ops are reached."""
    pages: str | None = None
    """Address of the pages, where readers reach them."""
    missed: int = 0
    """Digests before this one that were never sent."""


def compose(session: Session, order: Order, speech: Speech) -> Digest:
    """Return the digest of a period; states and owners are those of now.

    Texts of posts are masked and cut, and no author is named.
    """
    now, brand = speech.now(), order.brand_id
    span = (order.since, order.until)
    length = order.until - order.since
    wanted = Wanted(since=order.since, until=order.until, brand=brand)
    listing = list_cases(session, wanted, now)
    trends = read_trends(session, *span, speech.zone, brand)
    times = read_answer_times(session, *span, brand)
    before = read_answer_times(session, order.since - length, order.since, brand)
    flagged = (
        _flagged(session, *span, brand),
        _flagged(session, order.since - length, order.since, brand),
    )
    sources = read_sources(session, since=order.since, until=order.until, now=now)
    coverage = read_coverage(session, sources, since=order.since, until=order.until, brand=brand)
    say = _Sayings(speech)
    parts = [
        say.undelivered(len(read_undelivered(session))),
        say.silent(sources),
        say.topics(read_topics(session, *span, brand)),
        say.waits(times),
        say.read(coverage, order, one_brand=brand is not None),
    ]
    rest = listing.top_total - len(listing.top)
    return Digest(
        key=order.key,
        made_at=now.isoformat(),
        list_id=_letters(order.name),
        language=speech.code,
        title=f"{order.title}: {_brand(session, brand, speech)}",
        span=f"{speech.moment(order.since)} – {speech.moment(order.until)} ({speech.zone})",
        lead=say.lead(listing),
        entries_heading=speech.text("Needs a manager"),
        entries=tuple(_entry(row, order.pages, say) for row in listing.top),
        entries_rest=say.counted("%(n)s more like these", "%(n)s more like these", rest)
        if rest
        else "",
        figures_heads=(
            "",
            speech.text("this time"),
            speech.text("the time before"),
            speech.text("change"),
        ),
        figures=say.figures(listing, trends, flagged, (times, before)),
        parts=tuple(part for part in parts if part is not None),
        pictures=trend_pictures(trends, speech),
        stop=order.contact if order.contact and _ADDRESS.fullmatch(order.contact) else None,
        link=_link(order, speech),
        link_words=speech.text("Open the digest"),
        foot=speech.text(
            "Sent by Quietword, which never writes to a forum. E-mail addresses and numbers in "
            "posts are masked. Ops change what is sent: quietword digest list"
        ),
    )


def _brand(session: Session, brand: int | None, speech: Speech) -> str:
    found = session.get(Brand, brand) if brand is not None else None
    return shown(found.name, NAME_LIMIT) if found else speech.text("all brands")


def _flagged(session: Session, since: datetime, until: datetime, brand: int | None) -> int:
    """Return how many cases that need a person were opened."""
    return session.exec(
        select(func.count())
        .select_from(Case)
        .where(
            col(Case.opened_at) >= since,
            col(Case.opened_at) < until,
            col(Case.level) != Level.WATCH,
            *([col(Case.brand_id) == brand] if brand is not None else []),
        )
    ).one()


def _entry(row: Row, pages: str | None, say: "_Sayings") -> Entry:
    case, speech = row.case, say.speech
    reasons = [speech.reason(reason) for reason in case.reasons[:REASONS]]
    facts = [
        case.brand,
        case.source,
        speech.topic(case.topic),
        f"{speech.text('case opened')} {speech.ago(case.opened_at)}",
        speech.standing(case.state, case.owner),
    ]
    return Entry(
        case_id=case.id,
        level=case.level,
        level_words=speech.level(case.level),
        title=speech.tongue.masks(case.title),
        url=f"{pages.rstrip('/')}/case/{case.id}" if pages else case.quote_url or case.thread_url,
        quote=speech.tongue.masks(cut(case.quote, QUOTE_LIMIT)),
        language=case.language if case.language != "und" else None,
        why="; ".join(reasons),
        facts=" · ".join(facts),
    )


def _link(order: Order, speech: Speech) -> str | None:
    if not order.pages:
        return None
    days = {
        "since": order.since.astimezone(speech.zone).date().isoformat(),
        "until": order.until.astimezone(speech.zone).date().isoformat(),
        **({"brand": order.brand_id} if order.brand_id is not None else {}),
    }
    return f"{order.pages.rstrip('/')}/?{urlencode(days)}"


def _letters(name: str) -> str:
    """Return a name in the letters that a mail's header may have."""
    kept = "".join(one if one.isascii() and one.isalnum() else "-" for one in name.lower())
    return kept.strip("-") or "digest"


class _Sayings:
    """The sentences of a digest."""

    def __init__(self, speech: Speech) -> None:
        self.speech = speech

    def counted(self, one: str, many: str, number: int) -> str:
        """Return the plural form for ``number``, with it filled in as ``n`` and ``told``."""
        told = self.speech.number(number)
        return self.speech.plural(one, many, number) % {"n": told, "told": told}

    def lead(self, listing: Listing) -> str:
        """Return how things stand, as the digest's page says it."""
        waiting = listing.counts.get(Group.WAITING, 0)
        if waiting:
            return self.counted(
                "%(told)s thread needs a person now.",
                "%(told)s threads need a person now.",
                waiting,
            )
        if listing.counts.get(Group.CAUGHT, 0):
            return self.speech.text("Nobody is left waiting.")
        if sum(listing.counts.values()):
            return self.speech.text("Nothing needs a person now.")
        return self.speech.text("Nothing to report.")

    def figures(
        self,
        listing: Listing,
        trends: tuple[Trend, ...],
        flagged: tuple[int, int],
        times: tuple[AnswerTimes, AnswerTimes],
    ) -> tuple[Figure, ...]:
        """Return the numbers of the period beside those of the one before."""
        text, number = self.speech.text, self.speech.number
        now, before = (one.whole for one in times)
        waiting = listing.counts.get(Group.WAITING, 0)
        found = [
            Figure(name=text("Waiting for a word"), value=number(waiting)),
            self._figure(text("Flagged threads"), *flagged, bad=True),
            self._figure(
                text("Customers written to"),
                now.number if now else 0,
                before.number if before else 0,
            ),
            self._figure(
                text("Posts that name the brand"),
                sum(one.total.mentions for one in trends),
                sum(one.before.mentions for one in trends),
            ),
            self._figure(
                text("Unhappy posts"),
                sum(one.total.negative for one in trends),
                sum(one.before.negative for one in trends),
                bad=True,
            ),
        ]
        if now:
            found.append(
                Figure(
                    name=text("From the post to a private word, median"),
                    value=self.speech.lasting(now.whole),
                    before=self.speech.lasting(before.whole) if before else "",
                )
            )
        return tuple(found)

    def _figure(self, name: str, now: int, before: int, *, bad: bool = False) -> Figure:
        number = self.speech.number
        sign = "+" if now > before else "−"
        return Figure(
            name=name,
            value=number(now),
            before=number(before),
            change=f"{sign}{number(abs(now - before))}" if now != before else "",
            worse=now > before if bad and now != before else None,
        )

    def topics(self, topics: tuple[TopicChange, ...]) -> Part | None:
        """Return what unhappy posts are about, with the change."""
        named = [one for one in topics if one.now][:TOPICS]
        if not named:
            return None
        before = self.speech.text("before:")
        number = self.speech.number
        lines = [
            f"{_capital(self.speech.topic(one.topic))}: {number(one.now)} "
            f"({before} {number(one.before)})"
            for one in named
        ]
        return Part(heading=self.speech.text("What they complain of"), lines=tuple(lines))

    def waits(self, times: AnswerTimes) -> Part | None:
        """Return how long customers waited; never by person."""
        if times.whole is None:
            return None
        lasting = self.speech.lasting
        rows = [
            (self.speech.text("All"), times.whole),
            (self.speech.text("Opened while somebody was on shift"), times.in_hours),
            (self.speech.text("Opened while nobody was"), times.out_of_hours),
        ]
        sentence = self.speech.text(
            "%(who)s: %(noticed)s until noticed, then %(answered)s until written to; nine in ten "
            "within %(slow)s"
        )
        lines = [
            sentence
            % {
                "who": name,
                "noticed": lasting(waits.noticed),
                "answered": lasting(waits.answered),
                "slow": lasting(waits.slow),
            }
            for name, waits in rows
            if waits is not None
        ]
        if len(lines) == 2:  # all of them were of one kind
            lines = lines[:1]
        return Part(heading=self.speech.text("How long customers wait"), lines=tuple(lines))

    def undelivered(self, number: int) -> Part | None:
        """Return that alerts have not arrived."""
        if not number:
            return None
        head = self.counted(
            "%(n)s alert has not reached anybody",
            "%(n)s alerts have not reached anybody",
            number,
        )
        return Part(heading=head, lines=(self.speech.text("See: quietword check"),), alarming=True)

    def silent(self, sources: tuple[SourceHealth, ...]) -> Part | None:
        """Return the sources that should have been read and were not."""
        silent = [source for source in sources if source.silent_since is not None]
        if not silent:
            return None
        head = self.counted(
            "%(n)s source is silent: what is written there now is not in this digest",
            "%(n)s sources are silent: what is written there now is not in this digest",
            len(silent),
        )
        lines = [self._silence(source) for source in silent[:SILENT]]
        if len(silent) > SILENT:
            rest = self.speech.number(len(silent) - SILENT)
            lines.append(self.speech.text("and %(n)s more") % {"n": rest})
        return Part(heading=head, lines=tuple(lines), alarming=True)

    def _silence(self, source: SourceHealth) -> str:
        text = self.speech.text
        if source.last_ok_at:
            words = f"{text('last read')} {self.speech.ago(source.last_ok_at)}"
        else:
            since = source.silent_since or self.speech.now()
            words = f"{text('never read since it was added,')} {self.speech.ago(since)}"
        why = ""
        if source.failures and source.last_outcome:
            why = f": {self.speech.outcome(source.last_outcome)}"
        return f"{source.name}, {words}{why}"

    def read(self, seen: Coverage, order: Order, *, one_brand: bool) -> Part:
        """Return what was looked at, so that a quiet digest can be told from a blind one."""
        posts = self.counted("%(told)s post", "%(told)s posts", seen.posts)
        threads = self.counted("%(told)s thread", "%(told)s threads", seen.threads)
        named = self.counted(
            "%(told)s post names a watched brand",
            "%(told)s posts name a watched brand",
            seen.mentions,
        )
        if one_brand:
            threads = f"{threads} ({self.speech.text('all brands')})"
            named = self.counted(
                "%(told)s post names this brand",
                "%(told)s posts name this brand",
                seen.mentions,
            )
        read = self.speech.plural(
            "%(read)s of %(n)s source read", "%(read)s of %(n)s sources read", seen.sources
        ) % {"read": seen.sources_read, "n": seen.sources}
        lines = [f"{posts}, {threads}", named, read]
        if order.missed:
            lines.append(
                self.counted(
                    "%(n)s digest before this one was not sent: Quietword was not running.",
                    "%(n)s digests before this one were not sent: Quietword was not running.",
                    order.missed,
                )
            )
        return Part(heading=self.speech.text("Where we looked"), lines=tuple(lines))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
