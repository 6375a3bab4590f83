"""What agents decide, kept as labels of the exact post and brand."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from sqlmodel import Session, col, select, update

from models import Case, CaseChange, CaseEvent, Dismissal, Label, Post, Quote, Thread, Verdict
from monitor.brands import aliases_in

RIGHT = "right"
WRONG = frozenset({Dismissal.NOT_NEGATIVE, Dismissal.NOT_ABOUT_US, Dismissal.OTHER_BRAND})
"""Dismissals that say the alert was a mistake; the others say that it was right."""

_SAYS: Mapping[str, str] = MappingProxyType(
    {reason.value: reason.value if reason in WRONG else RIGHT for reason in Dismissal}
)


def learn(session: Session, case: Case, event: CaseEvent) -> None:
    """Keep what ``event`` says of the case's post, in the transaction of the event.

    A word with the customer, a solution and some dismissals say that the alert was right; being
    reopened takes the last label back.
    """
    if event.kind == CaseChange.REOPENED:
        _withdraw(session, case, event.at)
        return
    if event.kind in {CaseChange.CONTACTED, CaseChange.SOLVED}:
        verdict = RIGHT
    elif event.kind == CaseChange.DISMISSED:
        verdict = _SAYS[event.reason]
    else:
        return
    _withdraw(session, case, event.at)  # one word a case: the newest
    post = session.get_one(Post, case.post_id)
    judged = session.exec(
        select(Verdict)
        .where(
            Verdict.post_id == post.id,
            Verdict.brand_id == case.brand_id,
            Verdict.text_hash == post.text_hash,
        )
        .order_by(col(Verdict.scored_at).desc(), col(Verdict.id).desc())
    ).first()
    title = session.get_one(Thread, case.thread_id).title
    quotes = session.exec(select(Quote.text).where(Quote.post_id == post.id)).all()
    aliases = aliases_in(session, case.brand_id, title=title, text=post.text, quotes=quotes)
    session.add(
        Label(
            post_id=case.post_id,
            brand_id=case.brand_id,
            case_id=event.case_id,
            source_id=post.source_id,
            agent_id=event.agent_id,
            verdict=verdict,
            alias=aliases[0] if aliases else "",
            text_hash=post.text_hash,
            checkpoint=judged.checkpoint if judged else "",
            language=judged.language if judged else "und",
            negative=judged.negative if judged else None,
            at=event.at,
        )
    )


def _withdraw(session: Session, case: Case, at: datetime) -> None:
    session.exec(
        update(Label)
        .where(col(Label.case_id) == case.id, col(Label.withdrawn_at).is_(None))
        .values(withdrawn_at=at)
    )
