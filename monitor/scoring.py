"""The scoring job: every post that speaks to or of a brand gets a verdict, once a version."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, String, and_, cast, exists, func, literal, or_
from sqlmodel import Session, col, select

from models import Brand, Mention, Post, Source, Thread, Unhappy, Verdict
from models.base import utc_now
from models.database import reading, writing
from monitor.tallying import keep_tallies
from sentiment.base import Opinion, Polarity, Query, Scorer, ScoringError
from sentiment.language import identify
from sentiment.topics import complaint

logger = logging.getLogger(__name__)
BATCH = 128
"""Posts between two commits: what a kill costs is at most this much scoring again."""
THREADS_AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    post_id: int
    brand_id: int
    text: str
    text_hash: str
    brand: str
    language: str
    """Of the post; of its thread's title or the site where the post is too short to tell."""
    spans: tuple[tuple[int, int], ...]


def score_new(
    engine: Engine,
    scorer: Scorer,
    *,
    now: Callable[[], datetime] = utc_now,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    after_some: Callable[[], None] = lambda: None,
    batch_size: int = BATCH,
) -> int:
    """Judge every post that has no verdict by this checkpoint yet; return how many were judged.

    Looks at threads that changed since they were last gone through, a few at a time. ``progress``
    is told how many posts are done and how many there are; ``after_some`` is called whenever the
    threads gone through so far are complete. A run that is killed, or told to
    ``stop``, has kept all batches but its last; two runs at once keep one verdict for each post.
    A post that cannot be judged is logged and left out until its thread changes.
    """
    total = _count(engine, scorer.checkpoint) if progress is not None else 0
    done = 0
    while threads := _changed_threads(engine, scorer.checkpoint):
        pending = _pending(engine, scorer.checkpoint, [thread_id for thread_id, _ in threads])
        for start in range(0, len(pending), batch_size):
            if stop():
                return done
            batch = pending[start : start + batch_size]
            _judge(engine, scorer, batch, now)
            done += len(batch)
            if progress is not None:
                progress(done, max(total, done))
        with writing(engine) as session:
            for thread_id, version in threads:
                session.get_one(Thread, thread_id).judged = f"{scorer.checkpoint}#{version}"
                keep_tallies(session, thread_id)
        after_some()
    if done:
        logger.info("judged %d posts with %s", done, scorer.checkpoint)
    return done


def _is_changed(checkpoint: str) -> Any:
    """Return the condition for a thread that was not gone through in its present version."""
    judged = literal(f"{checkpoint}#") + cast(col(Thread.version), String)
    return and_(col(Thread.watched), col(Thread.judged).is_distinct_from(judged))


def _changed_threads(engine: Engine, checkpoint: str) -> list[tuple[int, int]]:
    """Return (id, version) of the first few threads to go through."""
    with reading(engine) as session:
        rows = session.exec(
            select(Thread.id, Thread.version)
            .where(_is_changed(checkpoint))
            .order_by(col(Thread.id))
            .limit(THREADS_AT_ONCE)
        ).all()
    return [(thread_id or 0, version) for thread_id, version in rows]


def _unjudged(checkpoint: str) -> Any:
    """Select (Post, Brand) of what a verdict is missing for.

    Those are posts that name the brand, quote somebody who does, or stand in a thread whose
    title or opening post does; but not those that name only a rival.
    """
    opener = Post.__table__.alias()  # type: ignore[attr-defined]
    opening_post = (
        select(opener.c.id)
        .where(opener.c.thread_id == Post.thread_id, opener.c.number == 1)
        .limit(1)
        .correlate(Post)
        .scalar_subquery()
    )

    def mentioned(post_id: Any, *places: str) -> Any:
        mention = Mention.__table__.alias()  # type: ignore[attr-defined]
        return exists().where(
            mention.c.post_id == post_id,
            mention.c.brand_id == Brand.id,
            mention.c.place.in_(places),
        )

    judged = exists().where(
        col(Verdict.post_id) == Post.id,
        col(Verdict.brand_id) == Brand.id,
        col(Verdict.checkpoint) == checkpoint,
        col(Verdict.text_hash) == Post.text_hash,
    )
    return (
        select(Post, Brand)
        .join(Brand, onclause=and_(True))
        .join(Thread, onclause=col(Thread.id) == Post.thread_id)
        .where(
            Post.text != "",
            _is_changed(checkpoint),
            ~judged,
            or_(
                mentioned(Post.id, "text", "quote", "title"),
                mentioned(opening_post, "text", "title"),
            ),
            or_(mentioned(Post.id, "text"), ~mentioned(Post.id, "rival")),
        )
        .order_by(col(Post.id), col(Brand.id))
    )


def _count(engine: Engine, checkpoint: str) -> int:
    with reading(engine) as session:
        return session.exec(
            select(func.count()).select_from(
                _unjudged(checkpoint).with_only_columns(Post.id, Brand.id).subquery()
            )
        ).one()


def _pending(engine: Engine, checkpoint: str, threads: Sequence[int]) -> list[_Pending]:
    with reading(engine) as session:
        rows = session.exec(_unjudged(checkpoint).where(col(Thread.id).in_(threads))).all()
        return [_as_pending(session, post, brand) for post, brand in rows]


def _as_pending(session: Session, post: Post, brand: Brand) -> _Pending:
    spans = session.exec(
        select(Mention.start, Mention.end).where(
            Mention.post_id == post.id, Mention.brand_id == brand.id, Mention.place == "text"
        )
    ).all()
    title = session.get_one(Thread, post.thread_id).title
    site = session.get_one(Source, post.source_id).language
    return _Pending(
        post_id=post.id or 0,
        brand_id=brand.id or 0,
        text=post.text,
        text_hash=post.text_hash,
        brand=brand.name,
        language=identify(post.text, identify(title, site)),
        spans=tuple((start, end) for start, end in spans if end <= len(post.text)),
    )


def _judge(
    engine: Engine, scorer: Scorer, batch: Sequence[_Pending], now: Callable[[], datetime]
) -> None:
    """Judge a batch and keep the verdicts; one that fails as a whole is judged one by one."""
    try:
        opinions: list[Opinion | None] = [*scorer.score([_query(item) for item in batch])]
    except ScoringError:
        opinions = [_alone(scorer, item) for item in batch]
    with writing(engine) as session:
        for item, opinion in zip(batch, opinions, strict=True):
            if opinion is not None:
                _keep(session, item, opinion, scorer, now())


def _query(item: _Pending) -> Query:
    return Query(item.text, target=item.brand, spans=item.spans, language=item.language)


def _alone(scorer: Scorer, item: _Pending) -> Opinion | None:
    try:
        [opinion] = scorer.score([_query(item)])
    except ScoringError as error:
        logger.error("post %d cannot be judged: %s", item.post_id, error)  # noqa: TRY400
        return None
    return opinion


def _keep(session: Session, item: _Pending, opinion: Opinion, scorer: Scorer, at: datetime) -> None:
    # Two workers may judge the same post: the post's row makes the second one wait and see.
    post = session.get(Post, item.post_id, with_for_update=True)
    same = select(Verdict.id).where(
        Verdict.post_id == item.post_id,
        Verdict.brand_id == item.brand_id,
        Verdict.checkpoint == scorer.checkpoint,
        Verdict.text_hash == item.text_hash,
    )
    if post is None or session.exec(same).first() is not None:
        return
    negative = opinion.polarity == Polarity.NEGATIVE
    session.add(
        Verdict(
            post_id=item.post_id,
            brand_id=item.brand_id,
            checkpoint=scorer.checkpoint,
            text_hash=item.text_hash,
            polarity=opinion.polarity,
            negative=opinion.negative,
            neutral=opinion.neutral,
            positive=opinion.positive,
            unhappy=unhappiness(opinion, scorer, names_brand=bool(item.spans)),
            language=opinion.language,
            topic=complaint(item.text).topic if negative else None,
            truncated=opinion.truncated,
            scored_at=at,
        )
    )


def unhappiness(opinion: Opinion, scorer: Scorer, *, names_brand: bool) -> Unhappy:
    """Return how far the checkpoint stands behind calling this author unhappy with the brand.

    A post that does not name the brand itself (it answers in a thread about it) counts only when
    the checkpoint is sure.
    """
    if opinion.negative >= scorer.negative_threshold(opinion.language, 0.90):
        return Unhappy.SURE
    if names_brand and opinion.negative >= scorer.negative_threshold(opinion.language, 0.80):
        return Unhappy.LIKELY
    return Unhappy.NO
