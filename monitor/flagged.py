"""A case with all that a person needs to judge it, as the digest and its page show it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from alerts.words import (
    NAME_LIMIT,
    POLICY_WORDS,
    REASON_LIMIT,
    clean,
    cut,
    mask,
    shown,
    way_of,
    web_link,
)
from models import (
    Agent,
    Author,
    Brand,
    Case,
    CaseEvent,
    CaseState,
    Level,
    Mention,
    Outreach,
    Post,
    Source,
    Thread,
    Verdict,
)
from monitor.contacts import opted_out, wishes
from monitor.privacy import page_to_show

QUOTE_LIMIT = 320
"""Characters of a post that a digest quotes; the page of the case shows all of it."""
TITLE_LIMIT = 200
NOTE_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of a case's history.

    ``by`` is the agent's name, or the login that acts for none; ``None`` for the machine, and for
    ops at the terminal.
    """

    at: datetime
    kind: str
    level: str
    score: float
    reasons: tuple[str, ...]
    by: str | None
    to: str | None = None
    """Whose the case is after it."""
    reason: str = ""
    """A ``Dismissal``, or the role a case was escalated to."""
    note: str = ""
    until: datetime | None = None
    """How long it was snoozed."""
    how: str | None = None
    """A ``How``; ``None`` for the risk job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """A case with all that a reader needs to judge it; addresses are http(s) or ``None``."""

    id: int
    thread_id: int
    level: Level
    state: CaseState
    score: float
    """Thread risk, 0 to 100."""
    reasons: tuple[str, ...]
    brand: str
    topic: str | None
    owner: str | None
    title: str
    thread_url: str | None
    source: str
    language: str | None
    quote: str
    """Start of the flagged post, e-mail addresses and telephone numbers masked."""
    quote_url: str | None
    author: str
    private_url: str | None
    """Where to write to the author; ``None`` as well where the place's policy is against it."""
    profile_url: str | None
    """The author's page, where there is no ``private_url`` and the place is not closed to us."""
    silent: bool
    """The author asked not to be written to: there is neither."""
    outreach: str
    """The place's policy in words, with its note."""
    policy: Outreach
    policy_note: str
    posts: int
    posts_lately: int
    """Posts within the growth window."""
    first_post_at: datetime | None
    last_post_at: datetime | None
    opened_at: datetime
    events: tuple[Happening, ...]
    """Oldest first."""

    def first(self, kind: str) -> datetime | None:
        """Return when ``kind`` first happened to the case."""
        return next((event.at for event in self.events if event.kind == kind), None)

    @property
    def answered_after(self) -> timedelta | None:
        """Return the time from the case's opening to the word with the customer."""
        contacted = self.first(CaseState.CONTACTED)
        return None if contacted is None else contacted - self.opened_at


def policy_words(source: Source) -> str:
    """Return how the place wants to be approached, in words, with the note of ops."""
    words = POLICY_WORDS[Outreach(source.outreach)]
    return f"{words} {shown(source.outreach_note, NOTE_LIMIT, empty='')}".strip()


def excerpt(text: str, word: str | None) -> str:
    """Return at most ``QUOTE_LIMIT`` characters of ``text``, masked, with ``word`` among them."""
    line = mask(clean(text))
    at = line.find(word) if word else -1
    if at > QUOTE_LIMIT * 2 // 3:
        start = line.find(" ", at - QUOTE_LIMIT // 3) + 1
        return "… " + cut(line[min(start, at) :], QUOTE_LIMIT - 2)
    return cut(line, QUOTE_LIMIT)


def read_flagged(
    session: Session, chosen: SelectOfScalar[int | None], lately: Mapping[int, int]
) -> tuple[Flagged, ...]:
    """Return the cases whose ids ``chosen`` selects, weightiest first.

    ``lately`` gives the posts within the growth window by thread id.
    """
    language = (  # ordered by time: max(id) makes SQLite walk all verdicts on the brand
        select(Verdict.language)
        .where(
            col(Verdict.post_id) == col(Post.id),
            col(Verdict.brand_id) == col(Case.brand_id),
            col(Verdict.text_hash) == col(Post.text_hash),
        )
        .order_by(col(Verdict.scored_at).desc(), col(Verdict.id).desc())
        .limit(1)
        .correlate(Post, Case)
        .scalar_subquery()
    )
    named = (
        select(Mention.matched)
        .where(
            col(Mention.post_id) == col(Post.id),
            col(Mention.brand_id) == col(Case.brand_id),
            col(Mention.place) == "text",
        )
        .order_by(col(Mention.start))
        .limit(1)
        .correlate(Post, Case)
        .scalar_subquery()
    )
    query = (
        select(  # type: ignore[call-overload]  # more columns than its overloads know
            Case, Thread, Source, Post, Author, Brand.name, Agent.name, language, named
        )
        .join(Thread, col(Thread.id) == col(Case.thread_id))
        .join(Source, col(Source.id) == col(Thread.source_id))
        .join(Post, col(Post.id) == col(Case.post_id))
        .join(Author, col(Author.id) == col(Post.author_id))
        .join(Brand, col(Brand.id) == col(Case.brand_id))
        .outerjoin(Agent, col(Agent.id) == col(Case.agent_id))
        .where(col(Case.id).in_(chosen))
    )
    histories = read_histories(session, chosen)
    spans = _spans(session, chosen)
    asked = wishes(session)  # few ever do
    found = []
    for case, thread, source, post, author, brand, owner, spoken, word in session.exec(query):
        stored, first, last = spans.get(thread.id, (0, None, None))
        silent = asked(source.address, author.external_id) and opted_out(session, case)
        way = None
        if not silent:
            way = way_of(
                Outreach(source.outreach),
                write=post.private_message_url,
                profile=page_to_show(author, post),
                post=post.url,
            )
        found.append(
            Flagged(
                id=case.id,
                thread_id=thread.id,
                level=Level(case.level),
                state=CaseState(case.state),
                score=case.score,
                reasons=_fit(case.reasons),
                brand=brand,
                topic=case.topic,
                owner=owner,
                title=shown(thread.title, TITLE_LIMIT, empty="(no title)"),
                thread_url=web_link(thread.url),
                source=shown(source.name, NAME_LIMIT, empty="(no name)"),
                language=spoken or source.language,
                quote=excerpt(post.text, word),
                quote_url=web_link(post.url),
                author=shown(author.name, NAME_LIMIT, empty="(no name)"),
                private_url=way.link if way and way.name == "write" else None,
                profile_url=way.link if way and way.name == "profile" else None,
                silent=silent,
                outreach=policy_words(source),
                policy=Outreach(source.outreach),
                policy_note=shown(source.outreach_note, NOTE_LIMIT, empty=""),
                posts=max(stored, thread.mark_posts or 0),
                posts_lately=lately.get(thread.id, 0),
                first_post_at=first,
                last_post_at=last,
                opened_at=case.opened_at,
                events=histories.get(case.id, ()),
            )
        )
    return tuple(sorted(found, key=lambda case: (-case.level.rank, -case.score, case.id)))


def read_histories(
    session: Session, chosen: SelectOfScalar[int | None]
) -> dict[int, tuple[Happening, ...]]:
    """Return what happened to each of the ``chosen`` cases, oldest first, by case id."""
    heir = aliased(Agent)
    query = (
        select(CaseEvent, Agent.name, heir.name)
        .outerjoin(Agent, col(Agent.id) == col(CaseEvent.agent_id))
        .outerjoin(heir, col(heir.id) == col(CaseEvent.to_agent_id))
        .where(col(CaseEvent.case_id).in_(chosen))
        .order_by(col(CaseEvent.at), col(CaseEvent.id))
    )
    histories: dict[int, list[Happening]] = defaultdict(list)
    for event, name, to in session.exec(query):
        histories[event.case_id].append(
            Happening(
                at=event.at,
                kind=event.kind,
                level=event.level,
                score=event.score,
                reasons=_fit(event.reasons),
                by=name or event.account or None,
                to=to,
                reason=event.reason,
                note=shown(event.note, NOTE_LIMIT, empty=""),
                until=event.until,
                how=event.how,
            )
        )
    return {case_id: tuple(events) for case_id, events in histories.items()}


def _spans(
    session: Session, chosen: SelectOfScalar[int | None]
) -> dict[int, tuple[int, datetime | None, datetime | None]]:
    """Return stored posts, first and last post of each thread that has a case."""
    at = func.coalesce(Post.posted_at, Post.fetched_at)
    query = (
        select(Post.thread_id, func.count(), func.min(at), func.max(at))
        .join(Case, col(Case.thread_id) == col(Post.thread_id))
        .where(col(Case.id).in_(chosen))
        .group_by(col(Post.thread_id), col(Case.id))
    )
    return {thread: (posts, first, last) for thread, posts, first, last in session.exec(query)}


def _fit(reasons: Sequence[str]) -> tuple[str, ...]:
    return tuple(_reason(reason) for reason in reasons)


@lru_cache(maxsize=4096)  # the risk job says the same few things of every case
def _reason(words: str) -> str:
    return shown(words, REASON_LIMIT)
