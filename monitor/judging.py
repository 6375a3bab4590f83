"""The risk job: from verdicts to cases, and from cases to alerts in the outbox."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from alerts.base import Message
from alerts.dispatch import enqueue
from models import (
    CLOSED,
    Activity,
    Alert,
    AlertKind,
    Author,
    Brand,
    Case,
    CaseChange,
    CaseEvent,
    Level,
    Mention,
    Outreach,
    Post,
    Source,
    Thread,
    Unhappy,
    Verdict,
)
from models.base import id_of
from models.database import reading, writing
from monitor.brands import staff_names
from monitor.config import Settings
from monitor.feedback import is_quiet, threshold
from monitor.privacy import page_to_show
from monitor.risk import JudgedPost, Risk, assess
from monitor.routing import Duty
from monitor.taking_up import is_with_somebody, note_newcomer, take_up_again

logger = logging.getLogger(__name__)
USUAL_DAYS = 28
USUAL_LEAST = 5
"""Active thread-days a board must have shown before growth is measured against it."""
QUIET_AFTER = timedelta(days=30)
"""A thread without a complaint for so long is not looked at again."""
QUOTE_LENGTH = 280


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one run of the risk job did."""

    threads: int = 0
    opened: int = 0
    raised: int = 0
    alerts: int = 0


def judge(
    engine: Engine,
    *,
    checkpoint: str,
    targets: Sequence[tuple[str, str]],
    now: datetime,
    alert_max_age: timedelta,
    quiet_after: timedelta | None = QUIET_AFTER,
    settings: Settings | None = None,
) -> Judged:
    """Assess every thread with an unhappy author; open, raise and lower cases; queue alerts.

    ``targets`` are the (channel, room) pairs an alert goes to. An alert is queued in the
    transaction that opens or raises its case, once for each case and level; a complaint older
    than ``alert_max_age`` opens its case in silence, one older than ``quiet_after`` opens none
    (``None``: all open). In the quiet hours of ``settings`` alerts wait in the outbox. A closed
    case is reopened by a newer complaint that is weighty enough (``monitor.taking_up``). Threads
    are assessed without a lock; one is taken where there is news.
    """
    usual: dict[int, float | None] = {}
    events: Counter[str | None] = Counter()
    alerts = 0
    pairs = _to_assess(engine, checkpoint, None if quiet_after is None else now - quiet_after)
    for thread_id, brand_id in pairs:
        with reading(engine) as session:
            thread = session.get_one(Thread, thread_id)
            if thread.board_id not in usual:
                usual[thread.board_id] = usual_a_day(session, thread.board_id, now)
            posts = judged_posts(session, thread, brand_id, checkpoint)
            risk = assess(posts, usual_a_day=usual[thread.board_id], now=now)
            case = _case(session, thread_id, brand_id)
            alerting = case is not None and _alerts(session, case, targets, now, alert_max_age)
        if not alerting and not _is_news(case, risk):
            continue
        with writing(engine) as session:
            session.get_one(Thread, thread_id, with_for_update=True)  # one worker at a time
            case = _case(session, thread_id, brand_id)
            case, event = _keep_case(session, case, thread_id, brand_id, risk, checkpoint, now)
            if _alerts(session, case, targets, now, alert_max_age):
                duty = Duty(session, settings, now) if settings is not None else None
                alerts += enqueue(
                    session,
                    case,
                    message_for(session, case, now=now),
                    targets,
                    now,
                    again=len(_reopenings(session, case)),
                    hold_until=duty.hold(Level(case.level)) if duty is not None else None,
                )
        events[event] += 1
    if events["opened"] or events["raised"]:
        logger.info(
            "%d cases opened, %d raised, %d alerts queued",
            events["opened"],
            events["raised"],
            alerts,
        )
    return Judged(
        threads=len(pairs), opened=events["opened"], raised=events["raised"], alerts=alerts
    )


def _to_assess(engine: Engine, checkpoint: str, since: datetime | None) -> list[tuple[int, int]]:
    """Return (thread id, brand id) of threads with complaints, and of cases still above watch."""
    complaints = (
        select(Post.thread_id, Verdict.brand_id)
        .join(Post, onclause=col(Post.id) == Verdict.post_id)
        .where(
            Verdict.checkpoint == checkpoint,
            Verdict.unhappy != Unhappy.NO,
            Verdict.text_hash == Post.text_hash,
            col(Post.gone_at).is_(None),
        )
        .distinct()
    )
    if since is not None:
        complaints = complaints.where(
            func.coalesce(col(Post.posted_at), col(Post.fetched_at)) > since
        )
    burning = select(Case.thread_id, Case.brand_id).where(
        Case.level != Level.WATCH,
        col(Case.state).not_in(CLOSED),
    )
    with reading(engine) as session:
        return sorted({*session.exec(complaints), *session.exec(burning)})


def _case(session: Session, thread_id: int, brand_id: int) -> Case | None:
    return session.exec(
        select(Case).where(Case.thread_id == thread_id, Case.brand_id == brand_id)
    ).first()


def _is_news(case: Case | None, risk: Risk) -> bool:
    """Return whether a risk differs from what its case says."""
    if case is None:
        return risk.level is not None
    return (case.level, case.score, case.reasons, case.newest_complaint_at) != (
        risk.level or Level.WATCH,
        risk.score,
        list(risk.reasons),
        risk.newest_complaint,
    )


def _alerts(
    session: Session,
    case: Case,
    targets: Sequence[tuple[str, str]],
    now: datetime,
    alert_max_age: timedelta,
) -> bool:
    """Return whether a person must hear of this case at its level, and has not yet."""
    if (
        not targets
        or case.state in CLOSED
        or Level(case.level).rank < Level.REACH_OUT.rank
        or case.newest_complaint_at is None
        or now - case.newest_complaint_at > alert_max_age
    ):
        return False
    known = select(Alert.level).where(Alert.case_id == case.id, Alert.kind == AlertKind.ALERT)
    if reopened := _reopenings(session, case):
        known = known.where(Alert.created_at >= max(reopened))
    told = session.exec(known).all()
    # A case that calms down is no news: people know of worse.
    if any(Level(level).rank >= Level(case.level).rank for level in told):
        return False
    return not is_quiet(session, case)


def _reopenings(session: Session, case: Case) -> Sequence[datetime]:
    """Return when a case was reopened: what was told before is news once more."""
    return session.exec(
        select(CaseEvent.at).where(
            CaseEvent.case_id == case.id, CaseEvent.kind == CaseChange.REOPENED
        )
    ).all()


def judged_posts(
    session: Session, thread: Thread, brand_id: int, checkpoint: str
) -> list[JudgedPost]:
    """Return the posts of a thread with their current verdicts towards a brand."""
    ours = staff_names(session, brand_id)
    least = threshold(session, brand_id, checkpoint)
    rows = session.exec(
        select(Post, Author, Verdict)
        .join(Author, onclause=col(Author.id) == Post.author_id)
        .join(
            Verdict,
            onclause=(col(Verdict.post_id) == Post.id)
            & (col(Verdict.brand_id) == brand_id)
            & (col(Verdict.checkpoint) == checkpoint)
            & (col(Verdict.text_hash) == Post.text_hash),
            isouter=True,
        )
        .where(Post.thread_id == thread.id, col(Post.gone_at).is_(None))
    ).all()
    return [
        JudgedPost(
            post_id=id_of(post),
            author=author.external_id,
            at=post.posted_at or post.fetched_at,
            ours=author.name.casefold() in ours,
            unhappy=Unhappy(verdict.unhappy)
            if verdict and verdict.negative >= least
            else Unhappy.NO,
            negative=verdict.negative if verdict else 0.0,
            author_posts=author.posts_shown,
            author_joined=author.joined_at,
        )
        for post, author, verdict in rows
    ]


def usual_a_day(session: Session, board_id: int, now: datetime) -> float | None:
    """Return how many posts an active thread of a board gets in a day, by the mean.

    Counts the last 28 days; ``None`` below five active thread-days.
    """
    day = func.date(col(Activity.hour))
    days = (
        select(func.sum(Activity.posts).label("posts"))
        .join(Thread, onclause=col(Thread.id) == Activity.thread_id)
        .where(Thread.board_id == board_id, Activity.hour > now - timedelta(days=USUAL_DAYS))
        .group_by(col(Activity.thread_id), day)
        .subquery()
    )
    count, mean = session.exec(select(func.count(), func.avg(days.c.posts)).select_from(days)).one()
    return float(mean) if count >= USUAL_LEAST else None


def _keep_case(
    session: Session,
    case: Case | None,
    thread_id: int,
    brand_id: int,
    risk: Risk,
    checkpoint: str,
    now: datetime,
) -> tuple[Case, str | None]:
    level = risk.level or Level.WATCH
    event: str | None = None
    if case is None:
        assert risk.post_id is not None  # noqa: S101  (a level comes with a post)
        case = Case(
            thread_id=thread_id,
            brand_id=brand_id,
            post_id=risk.post_id,
            level=level,
            score=risk.score,
            opened_at=now,
        )
        event = "opened"
    elif level != case.level:
        event = "raised" if level.rank > Level(case.level).rank else "lowered"
    elif not _is_news(case, risk):
        return case, None
    if event != "opened" and is_with_somebody(case) and case.state not in CLOSED:
        note_newcomer(session, case, risk.post_id, now)
    case.level, case.score, case.reasons = level, risk.score, list(risk.reasons)
    case.newest_complaint_at = risk.newest_complaint
    case.updated_at = now
    session.add(case)
    session.flush()
    take_up_again(session, case, checkpoint, now)
    if not is_with_somebody(case) and case.state not in CLOSED:
        case.post_id = risk.post_id or case.post_id
    case.topic = session.exec(
        select(Verdict.topic).where(
            Verdict.post_id == case.post_id,
            Verdict.brand_id == brand_id,
            Verdict.checkpoint == checkpoint,
            col(Verdict.topic).is_not(None),
        )
    ).first()
    session.flush()
    if event is not None:
        session.add(
            CaseEvent(
                case_id=id_of(case),
                at=now,
                kind=event,
                level=level,
                score=case.score,
                reasons=case.reasons,
            )
        )
    return case, event


def message_for(session: Session, case: Case, *, now: datetime) -> Message:
    """Return everything an alert about ``case`` says, as of ``now``."""
    thread = session.get_one(Thread, case.thread_id)
    source = session.get_one(Source, thread.source_id)
    post = session.get_one(Post, case.post_id)
    author = session.get_one(Author, post.author_id)
    verdict = session.exec(
        select(Verdict)
        .where(
            Verdict.post_id == post.id,
            Verdict.brand_id == case.brand_id,
            Verdict.text_hash == post.text_hash,
        )
        .order_by(col(Verdict.scored_at).desc())
    ).first()
    times = session.exec(
        select(Post.posted_at, Post.fetched_at).where(
            Post.thread_id == thread.id, col(Post.gone_at).is_(None)
        )
    ).all()
    moments = [posted or fetched for posted, fetched in times]
    previous = session.exec(
        select(CaseEvent.level)
        .where(CaseEvent.case_id == case.id)
        .order_by(col(CaseEvent.id).desc())
        .offset(1)
    ).first()
    return Message(
        case_id=id_of(case),
        level=Level(case.level),
        raised_from=Level(previous) if previous and previous != case.level else None,
        brand=session.get_one(Brand, case.brand_id).name,
        thread_title=thread.title,
        thread_url=thread.url,
        post_url=post.url,
        private_message_url=post.private_message_url,
        profile_url=page_to_show(author, post),
        author=author.name,
        author_newcomer=any("new here" in reason for reason in case.reasons) or None,
        quote=quote_of(session, post, case.brand_id),
        reasons=tuple(case.reasons),
        source_name=source.name,
        engine=source.engine,
        language=verdict.language if verdict else "und",
        posts=len(moments),
        new_posts=sum(now - moment < timedelta(hours=24) for moment in moments),
        thread_since=min(moments, default=None),
        negative=verdict.negative if verdict else 0.0,
        topic=case.topic,
        outreach=Outreach(source.outreach),
        outreach_note=source.outreach_note,
        checkpoint=verdict.checkpoint if verdict else "",
    )


def quote_of(session: Session, post: Post, brand_id: int) -> str:
    """Return at most 280 characters of a post, around its first mention of the brand."""
    text = " ".join(post.text.split())
    if len(text) <= QUOTE_LENGTH:
        return text
    start = session.exec(
        select(Mention.start)
        .where(Mention.post_id == post.id, Mention.brand_id == brand_id, Mention.place == "text")
        .order_by(col(Mention.start))
    ).first()
    before = len(" ".join(post.text[: start or 0].split()))
    begin = max(0, min(before - QUOTE_LENGTH // 3, len(text) - QUOTE_LENGTH))
    if begin:
        begin = text.find(" ", begin) + 1 or begin
    piece = text[begin : begin + QUOTE_LENGTH].strip()
    return ("… " if begin else "") + piece + (" …" if begin + QUOTE_LENGTH < len(text) else "")
