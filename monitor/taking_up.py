"""Whose case a thread's case is: when a closed one is taken up again, and who else came to it."""

import contextlib
from datetime import datetime

from sqlmodel import Session, col, func, select

from models import (
    Case,
    CaseChange,
    CaseEvent,
    CaseState,
    Dismissal,
    How,
    Level,
    Mention,
    Post,
    Unhappy,
    Verdict,
)
from models.base import id_of
from monitor.case_rules import Actor, CaseRefused
from monitor.cases import reopen

AFTER = {
    CaseState.SOLVED: "somebody in the thread complained after it was solved",
    CaseState.DISMISSED: "the thread got worse after it was dismissed",
}
NOT_OURS = frozenset({Dismissal.NOT_ABOUT_US, Dismissal.OTHER_BRAND})


def take_up_again(session: Session, case: Case, checkpoint: str, now: datetime) -> bool:
    """Reopen a closed case whose thread holds a newer complaint; return whether it was.

    A solved case needs no more than that. A dismissed one must be worse than when it was
    dismissed, and the complaint must itself name the brand where the dismissal said that the
    thread is not about it. Where no contact is allowed, nothing is reopened.
    """
    newest, closed = case.newest_complaint_at, case.closed_at
    if (
        not CaseState(case.state).closed
        or newest is None
        or closed is None
        or newest <= closed
        or Level(case.level).rank < Level.REACH_OUT.rank
    ):
        return False
    if case.state == CaseState.DISMISSED and not _is_worse(session, case, checkpoint, closed):
        return False
    with contextlib.suppress(CaseRefused):  # a person was faster
        words = AFTER[CaseState(case.state)]
        reopen(session, id_of(case), Actor(None, How.TIMER), now, reason=words)
        return True
    return False


def _is_worse(session: Session, case: Case, checkpoint: str, closed: datetime) -> bool:
    dismissal = session.exec(
        select(CaseEvent)
        .where(CaseEvent.case_id == case.id, CaseEvent.kind == CaseChange.DISMISSED)
        .order_by(col(CaseEvent.id).desc())
    ).first()
    if (
        dismissal is None
        or dismissal.reason == Dismissal.NO_CONTACT_ALLOWED
        or Level(case.level).rank <= Level(dismissal.level).rank
    ):
        return False
    if dismissal.reason not in NOT_OURS:
        return True
    named = (
        select(Post.id)
        .join(Mention, col(Mention.post_id) == col(Post.id))
        .join(Verdict, col(Verdict.post_id) == col(Post.id))
        .where(
            Post.thread_id == case.thread_id,
            col(Post.gone_at).is_(None),
            func.coalesce(col(Post.posted_at), col(Post.fetched_at)) > closed,
            Mention.brand_id == case.brand_id,
            Mention.place == "text",
            Verdict.brand_id == case.brand_id,
            Verdict.checkpoint == checkpoint,
            Verdict.text_hash == Post.text_hash,
            Verdict.unhappy != Unhappy.NO,
        )
    )
    return session.exec(named).first() is not None


def is_with_somebody(case: Case) -> bool:
    """Return whether an agent has the author in hand, who is then not exchanged for another."""
    return case.agent_id is not None or case.contacted_at is not None


def note_newcomer(session: Session, case: Case, post_id: int | None, now: datetime) -> None:
    """Tell in the history that another author is unhappy in the thread; once for each of them.

    Names nobody, so that there is nothing to erase: ``reason`` holds the post's number.
    """
    if post_id is None or post_id == case.post_id:
        return
    known = session.exec(
        select(CaseEvent.reason).where(
            CaseEvent.case_id == case.id, CaseEvent.kind == CaseChange.JOINED
        )
    )
    posts = [case.post_id, *(int(number) for number in known)]
    authors = session.exec(select(Post.author_id).where(col(Post.id).in_(posts))).all()
    if session.get_one(Post, post_id).author_id in authors:
        return
    session.add(
        CaseEvent(
            case_id=id_of(case),
            at=now,
            kind=CaseChange.JOINED,
            level=case.level,
            score=case.score,
            reason=str(post_id),
        )
    )
