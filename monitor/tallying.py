"""Counting what a thread says about each brand, hour by hour."""

from collections import defaultdict
from datetime import datetime

from sqlmodel import Session, col, delete, select

from models import Mention, Post, Source, Tally, Unhappy, Verdict
from monitor.brands import RIVAL

_Key = tuple[int, datetime, str, str]


def keep_tallies(session: Session, thread_id: int) -> None:
    """Count a thread's posts anew; posts that are gone from the site still count."""
    posts = session.exec(
        select(  # type: ignore[call-overload]  # more columns than its overloads know
            Post.id, Post.posted_at, Post.fetched_at, Post.text_hash, Source.language, Source.id
        )
        .join(Source, col(Source.id) == col(Post.source_id))
        .where(Post.thread_id == thread_id)
    ).all()
    session.exec(delete(Tally).where(col(Tally.thread_id) == thread_id))
    if not posts:
        return
    ids = select(Post.id).where(Post.thread_id == thread_id)
    places: dict[tuple[int, int], set[str]] = defaultdict(set)
    for post_id, brand_id, place in session.exec(
        select(Mention.post_id, Mention.brand_id, Mention.place)
        .where(col(Mention.post_id).in_(ids))
        .distinct()
    ):
        places[post_id, brand_id].add(place)
    verdicts: dict[tuple[int, int, str], Verdict] = {}
    for verdict in session.exec(
        select(Verdict).where(col(Verdict.post_id).in_(ids)).order_by(col(Verdict.id))
    ):
        verdicts[verdict.post_id, verdict.brand_id, verdict.text_hash] = verdict  # the newest stays
    rows: dict[_Key, Tally] = {}
    brands = {brand for _, brand in places} | {brand for _, brand, _ in verdicts}
    for post_id, posted_at, fetched_at, text_hash, spoken, source_id in posts:
        for brand_id in brands:
            named = places.get((post_id or 0, brand_id), set())
            opinion = verdicts.get((post_id or 0, brand_id, text_hash))
            if not named and opinion is None:
                continue
            unhappy = opinion is not None and opinion.unhappy != Unhappy.NO
            hour = (posted_at or fetched_at).replace(minute=0, second=0, microsecond=0)
            language = opinion.language if opinion else spoken or "und"
            topic = (opinion.topic or "") if opinion and unhappy else ""
            row = rows.setdefault(
                (brand_id, hour, language, topic),
                Tally(
                    thread_id=thread_id,
                    brand_id=brand_id,
                    source_id=source_id or 0,
                    hour=hour,
                    language=language,
                    topic=topic,
                ),
            )
            row.mentions += bool(named & {"text", "title"})
            row.judged += opinion is not None
            row.negative += unhappy
            row.rivals += RIVAL in named
    session.add_all(rows.values())
    session.flush()
