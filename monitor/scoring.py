"""The scoring job: every post that speaks to or of a brand gets a verdict, once a version."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, Select, and_, exists, func, or_
from sqlmodel import Session, col, select

from models import Brand, Mention, Post, Source, Thread, Unhappy, Verdict
from models.base import utc_now
from models.database import reading, writing
from sentiment.base import Opinion, Polarity, Query, Scorer
from sentiment.language import identify
from sentiment.topics import complaint

logger = logging.getLogger(__name__)
BATCH = 128
"""Posts between two commits: what a kill costs is at most this much scoring again."""


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
    batch_size: int = BATCH,
) -> int:
    """Judge every post that has no verdict by this checkpoint yet; return how many were judged.

    ``progress`` is told how many are done and how many there are. A run that is killed has kept
    all batches but its last; two runs at once may judge a post twice but keep one verdict.
    """
    with reading(engine) as session:
        left = session.exec(
            select(func.count()).select_from(_unjudged(scorer.checkpoint).subquery())
        ).one()
    total, done = left, 0
    while batch := _batch(engine, scorer.checkpoint, batch_size):
        opinions = scorer.score(
            [
                Query(item.text, target=item.brand, spans=item.spans, language=item.language)
                for item in batch
            ]
        )
        with writing(engine) as session:
            for item, opinion in zip(batch, opinions, strict=True):
                _keep(session, item, opinion, scorer, now())
        done += len(batch)
        if progress is not None:
            progress(done, max(total, done))
    if done:
        logger.info("judged %d posts with %s", done, scorer.checkpoint)
    return done


def _unjudged(checkpoint: str) -> Select[tuple[int, int]]:
    """Select (post id, brand id) of what a verdict is missing for.

    Those are posts that name the brand, quote somebody who does, or stand in a thread whose
    title or opening post does; but not those that name only a rival.
    """
    opener, opening = Post.__table__.alias(), Mention.__table__.alias()  # type: ignore[attr-defined]
    own = Mention.__table__.alias()  # type: ignore[attr-defined]
    rival = Mention.__table__.alias()  # type: ignore[attr-defined]
    named = exists().where(
        own.c.post_id == Post.id,
        own.c.brand_id == Brand.id,
        own.c.place.in_(("text", "quote", "title")),
    )
    in_own_words = exists().where(
        own.c.post_id == Post.id, own.c.brand_id == Brand.id, own.c.place == "text"
    )
    opened = exists().where(
        opener.c.thread_id == Post.thread_id,
        opener.c.number == 1,
        opening.c.post_id == opener.c.id,
        opening.c.brand_id == Brand.id,
        opening.c.place.in_(("text", "title")),
    )
    of_a_rival = exists().where(
        rival.c.post_id == Post.id, rival.c.brand_id == Brand.id, rival.c.place == "rival"
    )
    judged = exists().where(
        col(Verdict.post_id) == Post.id,
        col(Verdict.brand_id) == Brand.id,
        col(Verdict.checkpoint) == checkpoint,
        col(Verdict.text_hash) == Post.text_hash,
    )
    return (
        select(Post.id, Brand.id)  # type: ignore[return-value]
        .select_from(Post)
        .join(Brand, onclause=and_(True))
        .where(Post.text != "", ~judged, or_(named, opened), or_(in_own_words, ~of_a_rival))
        .order_by(col(Post.id), col(Brand.id))
    )


def _batch(engine: Engine, checkpoint: str, size: int) -> list[_Pending]:
    with reading(engine) as session:
        pairs = session.exec(_unjudged(checkpoint).limit(size)).all()  # type: ignore[call-overload]
        return list(_pending(session, pairs))


def _pending(session: Session, pairs: Sequence[tuple[int, int]]) -> Iterator[_Pending]:
    for post_id, brand_id in pairs:
        post, brand = session.get_one(Post, post_id), session.get_one(Brand, brand_id)
        thread = session.get_one(Thread, post.thread_id)
        site = session.get_one(Source, post.source_id).language
        spans = session.exec(
            select(Mention.start, Mention.end).where(
                Mention.post_id == post_id, Mention.brand_id == brand_id, Mention.place == "text"
            )
        ).all()
        yield _Pending(
            post_id=post_id,
            brand_id=brand_id,
            text=post.text,
            text_hash=post.text_hash,
            brand=brand.name,
            language=identify(post.text, identify(thread.title, site)),
            spans=tuple((start, end) for start, end in spans),
        )


def _keep(session: Session, item: _Pending, opinion: Opinion, scorer: Scorer, at: datetime) -> None:
    same = select(Verdict.id).where(
        Verdict.post_id == item.post_id,
        Verdict.brand_id == item.brand_id,
        Verdict.checkpoint == scorer.checkpoint,
        Verdict.text_hash == item.text_hash,
    )
    if session.exec(same).first() is not None:
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
