"""What is held on an author, for whoever asks to see it."""

from typing import Any

from sqlmodel import Session, col, select

from models import (
    Author,
    Case,
    CaseEvent,
    Contact,
    Label,
    Post,
    PostRevision,
    Quote,
    Source,
    Thread,
    Verdict,
)
from models.base import id_of
from monitor.contacts import wish_of
from monitor.privacy import in_parts, quotes_of


def held_on(session: Session, author: Author) -> dict[str, Any]:
    """Return everything stored on an author as plain values, for an answer to an access request."""
    source = session.get_one(Source, author.source_id)
    posts = session.exec(
        select(Post, Thread.title)
        .join(Thread, onclause=col(Thread.id) == Post.thread_id)
        .where(Post.author_id == author.id)
        .order_by(col(Post.id))
    ).all()
    ids = [id_of(post) for post, _ in posts]
    wish = wish_of(session, author)
    return {
        "site": source.address,
        "name": author.name,
        "engine_id": author.external_id,
        "profile": author.profile_url,
        "posts_shown_by_the_site": author.posts_shown,
        "joined_at": author.joined_at.isoformat() if author.joined_at else None,
        "posts": [
            {
                "url": post.url,
                "thread": title,
                "posted_at": post.posted_at.isoformat() if post.posted_at else None,
                "fetched_at": post.fetched_at.isoformat(),
                "private_message_url": post.private_message_url,
                "text": post.text,
                "earlier_texts": list(
                    session.exec(select(PostRevision.text).where(PostRevision.post_id == post.id))
                ),
                "judged": [
                    {
                        "polarity": one.polarity,
                        "negative": one.negative,
                        "checkpoint": one.checkpoint,
                    }
                    for one in session.exec(select(Verdict).where(Verdict.post_id == post.id))
                ],
                "labels": [
                    {
                        "verdict": one.verdict,
                        "language": one.language,
                        "found_by": one.alias,
                        "negative": one.negative,
                        "at": one.at.isoformat(),
                    }
                    for one in session.exec(select(Label).where(Label.post_id == post.id))
                ],
            }
            for post, title in posts
        ],
        "quoted_by_others": list(
            session.exec(quotes_of(select(Quote.text), author, session).order_by(col(Quote.id)))
        ),
        "cases": [
            {
                "id": case.id,
                "state": case.state,
                "opened_at": case.opened_at.isoformat(),
                "history": [
                    {"at": one.at.isoformat(), "what": one.kind, "note": one.note}
                    for one in session.exec(
                        select(CaseEvent)
                        .where(CaseEvent.case_id == case.id)
                        .order_by(col(CaseEvent.id))
                    )
                ],
            }
            for part in in_parts(ids)
            for case in session.exec(select(Case).where(col(Case.post_id).in_(part)))
        ],
        "written_to": [
            {"at": one.at.isoformat(), "case": one.case_id}
            for one in session.exec(select(Contact).where(Contact.author_id == author.id))
        ],
        "asked_not_to_be_written_to": (
            {"at": wish.at.isoformat(), "note": wish.note} if wish is not None else None
        ),
    }
