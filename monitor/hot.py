"""Threads that are heating up are read again sooner than their source's interval."""

from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, or_, select

from models import Activity, Case, CaseState, Source, Thread

SHARE = 6
"""So many times as often as the source, as far as ``LEAST`` allows."""
LEAST = timedelta(minutes=5)
"""However hot: between two looks at one source lies at least this."""
MOST_THREADS = 5
"""Threads of a source that are read between two crawls: a few pages, at the source's own pace."""
FAST_POSTS = 5
FAST_WITHIN = timedelta(hours=3)
ALIVE_WITHIN = timedelta(hours=24)
"""A thread with an open case that has been quiet for longer waits for the next crawl."""
LISTED_ONLY = ("appstore", "feed")
"""Engines whose threads stand on their list alone, so that only a crawl sees them again."""
OPEN = (CaseState.NEW, CaseState.CLAIMED, CaseState.CONTACTED)


def hot_interval(source: Source) -> timedelta | None:
    """Return how long the heated threads of ``source`` are left between two looks, if at all."""
    every = timedelta(minutes=source.every_minutes)
    return max(LEAST, every / SHARE) if every > LEAST else None


def hot_threads(session: Session, source_id: int, now: datetime) -> list[tuple[str, str]]:
    """Return ids and addresses of the source's heated threads, hottest first.

    Hot is a watched thread with an open case and a message within a day, or with five messages
    within three hours, where the source has an address for one thread.
    """
    lately = (
        select(Activity.thread_id, func.sum(Activity.posts).label("posts"))
        .where(Activity.hour > now - FAST_WITHIN, Activity.hour <= now)
        .group_by(col(Activity.thread_id))
        .subquery()
    )
    alive = select(Activity.thread_id).where(
        Activity.hour > now - ALIVE_WITHIN, Activity.hour <= now
    )
    cases = select(Case.thread_id).where(col(Case.state).in_(OPEN))
    posts = func.coalesce(lately.c.posts, 0)
    rows = session.exec(
        select(Thread.external_id, Thread.url)
        .join(Source, col(Source.id) == col(Thread.source_id))
        .outerjoin(lately, lately.c.thread_id == Thread.id)
        .where(
            Thread.source_id == source_id,
            Thread.watched,
            col(Source.engine).not_in(LISTED_ONLY),
            or_(
                posts >= FAST_POSTS,
                col(Thread.id).in_(cases) & col(Thread.id).in_(alive),
            ),
        )
        .order_by(posts.desc(), col(Thread.id).desc())
        .limit(MOST_THREADS)
    )
    return [(external_id, url) for external_id, url in rows]
