"""Threads that are heating up, by the hourly counts of their posts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func
from sqlmodel import Session, col, select

from alerts.words import NAME_LIMIT, shown, web_link
from models import Activity, Case, Source, Tally, Thread
from monitor.flagged import TITLE_LIMIT

GROWTH_WINDOW = timedelta(hours=24)
"""Growth compares this last stretch of the period, or all of a shorter one, with the one before."""
GROWING_FROM = 3
"""Posts in the window from which a thread can count as growing; and twice those before it."""
GROWING_LISTED = 10
ASKED_AT_ONCE = 200
"""Threads that grew of which is asked together whether they are watched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """A thread that got twice as many posts in the growth window as in the one before it."""

    thread_id: int
    title: str
    url: str | None
    source: str
    case_id: int | None
    posts: int
    posts_before: int


def read_activity(session: Session, since: datetime, until: datetime) -> dict[int, int]:
    """Return posts by thread in the hours that began from ``since`` up to ``until``."""
    query = (
        select(Activity.thread_id, func.sum(Activity.posts))
        .where(col(Activity.hour) >= since, col(Activity.hour) < until)
        .group_by(col(Activity.thread_id))
    )
    return {thread: int(posts) for thread, posts in session.exec(query)}


def read_growing(
    session: Session, lately: dict[int, int], before: dict[int, int], brand: int | None = None
) -> tuple[Growing, ...]:
    """Return the watched threads that grew most; given are posts by thread, lately and before.

    With ``brand`` those in which a post names it; a case is then the one of that brand.
    """
    theirs = (
        [select(Tally.id).where(Tally.thread_id == Thread.id, Tally.brand_id == brand).exists()]
        if brand is not None
        else []
    )
    same = [col(Case.brand_id) == brand] if brand is not None else []
    grown = {
        thread: posts
        for thread, posts in lately.items()
        if posts >= max(GROWING_FROM, 2 * before.get(thread, 0))
    }
    most = sorted(grown, key=lambda thread: (before.get(thread, 0) - grown[thread], thread))
    first: list[int] = []
    for start in range(0, len(most), ASKED_AT_ONCE):
        some = most[start : start + ASKED_AT_ONCE]
        watched = set(
            session.exec(
                select(Thread.id).where(col(Thread.id).in_(some), col(Thread.watched), *theirs)
            )
        )
        first += [thread for thread in some if thread in watched]
        if len(first) >= GROWING_LISTED:
            break
    query = (
        select(Thread, Source.name, func.min(Case.id))
        .join(Source, col(Source.id) == col(Thread.source_id))
        .outerjoin(Case, and_(col(Case.thread_id) == col(Thread.id), *same))
        .where(col(Thread.id).in_(first[:GROWING_LISTED]))
        .group_by(col(Thread.id), col(Source.name))
    )
    found = [
        Growing(
            thread_id=thread.id,
            title=shown(thread.title, TITLE_LIMIT, empty="(no title)"),
            url=web_link(thread.url),
            source=shown(source, NAME_LIMIT, empty="(no name)"),
            case_id=case_id,
            posts=grown[thread.id],
            posts_before=before.get(thread.id, 0),
        )
        for thread, source, case_id in session.exec(query)
        if thread.id is not None
    ]
    return tuple(sorted(found, key=lambda one: first.index(one.thread_id)))
