"""The concentrate for a manager: what burns, what was caught, what causes it, what was read.

Everything in it is read from the database, and every number comes with the threads it counts.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from io import StringIO
from statistics import median
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text
from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from models import CLOSED, Case, CaseEvent, CaseState, Level
from models.errors import QuietwordError
from monitor import wording
from monitor.coverage import Coverage, SourceHealth, read_coverage, read_sources
from monitor.flagged import Flagged, read_flagged
from monitor.growing import GROWTH_WINDOW, Growing, read_activity, read_growing
from monitor.undelivered import Undelivered, read_undelivered

UNWRITTEN = (CaseState.NEW, CaseState.CLAIMED, CaseState.SNOOZED, CaseState.ESCALATED)
"""States in which nobody may count on a word with the customer."""


class DigestError(QuietwordError):
    """A digest was asked for that cannot be made; the message says what to ask for instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many cases of the digest have this level and state."""

    level: Level
    state: CaseState
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What customers complain of, with the cases behind the number."""

    topic: str | None
    cases: tuple[int, ...]
    """Ids, weightiest first; dismissed cases are not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One period, from ``since`` up to but not including ``until``, as it stands at ``made_at``."""

    since: datetime
    until: datetime
    made_at: datetime
    growth_window: timedelta
    cases: tuple[Flagged, ...]
    """Unfinished cases whatever their age, and those to which something happened in the period;
    weightiest first."""
    counts: tuple[Count, ...]
    growing: tuple[Growing, ...]
    causes: tuple[Cause, ...]
    undelivered: tuple[Undelivered, ...]
    sources: tuple[SourceHealth, ...]
    coverage: Coverage

    def _in(self, *states: CaseState) -> tuple[Flagged, ...]:
        return tuple(case for case in self.cases if case.state in states)

    @property
    def burning(self) -> tuple[Flagged, ...]:
        """Return the cases in which nobody has written to the customer yet."""
        waiting = self._in(*UNWRITTEN)
        return tuple(case for case in waiting if case.level is not Level.WATCH)

    @property
    def watched(self) -> tuple[Flagged, ...]:
        """Return the cases that need no person yet."""
        waiting = self._in(*UNWRITTEN)
        return tuple(case for case in waiting if case.level is Level.WATCH)

    @property
    def caught(self) -> tuple[Flagged, ...]:
        """Return the cases in which the customer was written to, or that are settled."""
        return self._in(CaseState.CONTACTED, CaseState.SOLVED)

    @property
    def dismissed(self) -> tuple[Flagged, ...]:
        """Return the cases that a person found not to be one."""
        return self._in(CaseState.DISMISSED)

    @property
    def median_answer(self) -> timedelta | None:
        """Return the median of ``answered_after`` over the cases caught."""
        waits = [case.answered_after for case in self.caught if case.answered_after is not None]
        return timedelta(seconds=median(wait.total_seconds() for wait in waits)) if waits else None

    @property
    def silent(self) -> tuple[SourceHealth, ...]:
        """Return the sources that should have been read and were not."""
        return tuple(source for source in self.sources if source.silent_since is not None)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values: times in ISO 8601, lengths of time in seconds."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), default=_plain))
        return plain


def build_digest(session: Session, *, since: datetime, until: datetime, now: datetime) -> Digest:
    """Return the digest of the posts and cases from ``since`` up to ``until``.

    All three are aware. States, owners and the health of sources are those of ``now``: the
    database keeps no earlier ones. Raises ``DigestError`` for a period that ends before it begins.
    """
    if since >= until:
        raise DigestError(
            f"the period from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} is empty; "
            "let it begin before it ends"
        )
    window = min(GROWTH_WINDOW, until - since)
    chosen = select(col(Case.id)).where(cases_of(since, until))
    lately = read_activity(session, until - window, until)
    before = read_activity(session, until - 2 * window, until - window)
    cases = read_flagged(session, chosen, lately)
    sources = read_sources(session, since=since, until=until, now=now)
    tally = Counter((case.level, case.state) for case in cases)
    return Digest(
        since=since,
        until=until,
        made_at=now,
        growth_window=window,
        cases=cases,
        counts=tuple(
            Count(level=level, state=state, cases=tally[level, state])
            for level in reversed(Level)
            for state in CaseState
            if tally[level, state]
        ),
        growing=read_growing(session, lately, before),
        causes=_causes(cases),
        undelivered=read_undelivered(session),
        sources=sources,
        coverage=read_coverage(session, sources, since=since, until=until),
    )


def _plain(value: object) -> str | float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a digest")


def cases_of(since: datetime, until: datetime) -> ColumnElement[bool]:
    """Return the condition for the cases of a period: see ``Digest.cases``."""
    happened = col(Case.id).in_(  # by time: most cases are old, and nothing happens to them
        select(CaseEvent.case_id).where(col(CaseEvent.at) >= since, col(CaseEvent.at) < until)
    )
    unfinished = and_(col(Case.state).not_in(CLOSED), col(Case.level) != Level.WATCH)
    return and_(
        col(Case.opened_at) < until, or_(unfinished, col(Case.opened_at) >= since, happened)
    )


def _causes(cases: tuple[Flagged, ...]) -> tuple[Cause, ...]:
    behind: dict[str | None, list[int]] = defaultdict(list)
    for case in cases:
        if case.state is not CaseState.DISMISSED:
            behind[case.topic].append(case.id)
    causes = [Cause(topic=topic, cases=tuple(ids)) for topic, ids in behind.items()]
    return tuple(sorted(causes, key=lambda cause: (-len(cause.cases), cause.topic or "~")))


def as_text(digest: Digest, *, zone: tzinfo = UTC, width: int = 100) -> str:
    """Return the digest as plain text, ``width`` characters wide, times in ``zone``."""
    console = Console(file=StringIO(), width=width, color_system=None)
    with console.capture() as captured:
        console.print(render(digest, zone=zone))
    return captured.get()


def render(digest: Digest, *, zone: tzinfo = UTC) -> RenderableType:
    """Return the digest for a terminal, times in ``zone``; forum text is never read as markup."""

    def at(when: datetime) -> str:
        return wording.moment(when, zone=zone, now=digest.made_at)

    seen = digest.coverage
    parts: list[RenderableType] = [
        Text(f"{at(digest.since)} to {at(digest.until)}", style="dim"),
        Text(
            f"{wording.counted(seen.posts, 'post')} in "
            f"{wording.counted(seen.threads, 'thread')} seen, {seen.mentions} with a watched "
            f"brand; {seen.sources_read} of {wording.counted(seen.sources, 'source')} read"
        ),
    ]
    for one in digest.undelivered:
        what = f"the alert for case {one.case_id}" if one.case_id else f"“{one.title}”"
        words = f"{one.channel} {'gave up on' if one.given_up else 'is retrying'} {what}"
        parts.append(Text(f"! {words}: {one.error}", style="red"))
    for source in digest.silent:
        since = at(source.last_ok_at) if source.last_ok_at else "it was added"
        words = f"! {source.name} is silent since {since}: {source.last_message or source.health}"
        parts.append(Text(words, style="yellow"))
    if not digest.cases:
        parts.append(Text("\nNothing to report: no thread needs a person."))
    for head, cases in (
        ("Burning", digest.burning),
        ("Caught in time", digest.caught),
        ("On watch", digest.watched),
        ("Dismissed", digest.dismissed),
    ):
        if cases:
            parts.append(Text(f"\n{head} ({len(cases)})", style="bold"))
            parts += [Padding(_lines(case, at), (0, 0, 1, 2)) for case in cases]
    if digest.causes:
        parts.append(Text("What they complain of", style="bold"))
        for cause in digest.causes:
            ids = ", ".join(f"#{number}" for number in cause.cases)
            parts.append(Text(f"  {wording.topic_words(cause.topic)}: {len(cause.cases)} ({ids})"))
    if digest.growing:
        parts.append(Text("\nGrowing", style="bold"))
        for thread in digest.growing:
            words = f"  {thread.posts} posts after {thread.posts_before}: {thread.title}"
            parts.append(Text(f"{words}, {thread.source}\n    {thread.url or ''}".rstrip()))
    return Group(*parts)


def _lines(case: Flagged, at: Callable[[datetime], str]) -> Text:
    """Return one case on a terminal: what, why, who, where."""
    colour = {Level.URGENT: "bold red", Level.REACH_OUT: "yellow", Level.WATCH: "cyan"}
    answered = case.answered_after
    facts = [
        case.source,
        case.brand,
        wording.topic_words(case.topic),
        wording.language_words(case.language),
        wording.counted(case.posts, "post")
        + (f" (+{case.posts_lately})" * (case.posts_lately > 0)),
        f"last {at(case.last_post_at)}" if case.last_post_at else "",
        f"answered after {wording.lasting(answered)}" if answered is not None else "",
    ]
    lines = [
        (f"{wording.level_words(case.level)} {case.score:.0f}", colour[case.level]),
        (f"  #{case.id}  {wording.state_words(case.state, case.owner)}\n", "dim"),
        (f"{case.title}\n", "bold"),
        (" · ".join(fact for fact in facts if fact) + "\n", "dim"),
        (f"“{case.quote}” — {case.author}\n" if case.quote else f"by {case.author}\n", ""),
        *((f"- {reason}\n", "") for reason in case.reasons),
        (f"thread   {case.thread_url}\n" if case.thread_url else "", ""),
        (f"private  {case.private_url}\n" if case.private_url else "", ""),
        (f"profile  {case.profile_url}\n" if case.profile_url else "", ""),
        (case.outreach, "dim"),
    ]
    return Text.assemble(*lines)
