"""What is too old to keep: one sweep a day, in small transactions, safe to kill and run again.

Texts go, counts stay: marks of threads are kept, so that nothing old is alerted on again.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Engine
from sqlmodel import Session, SQLModel, col, delete, func, or_, select, update

from models import (
    Activity,
    Alert,
    AlertKind,
    Audit,
    Author,
    Case,
    CaseState,
    Contact,
    CrawlRun,
    Label,
    OptOut,
    Post,
    Source,
    Thread,
)
from models.database import reading, writing
from monitor.config import Settings
from monitor.evidence import drop_old
from monitor.post_search import forget_words
from monitor.privacy import erase_posts, record

AT_ONCE = 50
"""Threads in one transaction."""
KEPT_UNREAD = {"youtube": 30}
"""Days that the terms of a source's API let its texts be kept without reading them again."""
ENDS = (CaseState.SOLVED, CaseState.DISMISSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long each class of data is kept, in days."""

    unflagged: int = 30
    """Threads that never became a case, after their newest post; pages kept as evidence."""
    closed: int = 180
    """Texts of threads whose cases are all closed, and the cases' notes, after the last was."""
    runs: int = 90
    """Records of crawls, hourly counts, and digests that were sent."""
    audit: int = 365
    """The record of reveals and erasures, and what was noted of wishes for no contact."""
    contacts: int = 365
    """Who was written to by whom."""
    labels: int = 730
    """Agents' decisions, to learn from."""


def policy_of(settings: Settings) -> Policy:
    """Return what the settings keep."""
    return Policy(
        unflagged=settings.keep_unflagged_days,
        closed=settings.keep_closed_days,
        runs=settings.keep_runs_days,
        audit=settings.keep_audit_days,
        contacts=max(settings.keep_audit_days, settings.contact_cap_days),
        labels=settings.keep_labels_days,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one sweep took away."""

    threads: int = 0
    """Unflagged threads whose posts were deleted."""
    closed: int = 0
    """Threads of closed cases whose texts were erased."""
    unread: int = 0
    """Threads that were not read again for as long as their source's terms allow."""
    posts: int = 0
    runs: int = 0
    hours: int = 0
    digests: int = 0
    audits: int = 0
    contacts: int = 0
    labels: int = 0
    wishes: int = 0
    """Notes of wishes for no contact; the wishes stay."""
    pages: int = 0
    """Kept as evidence of why they could not be read."""


def sweep(
    engine: Engine,
    policy: Policy,
    now: datetime,
    *,
    dry: bool = False,
    evidence: Path | None = None,
) -> Swept:
    """Take away what ``policy`` does not keep any longer; ``dry`` only counts.

    ``evidence`` is the folder of pages that could not be read.
    """
    with reading(engine) as session:
        unflagged = _unflagged(session, now - timedelta(days=policy.unflagged))
        closed = _closed(session, now - timedelta(days=policy.closed))
        unread = sorted(set(_unread(session, now)) - {*unflagged, *closed})
    posts = 0
    for ids, keep_rows in ((unflagged, False), (closed, True), (unread, True)):
        for start in range(0, len(ids), AT_ONCE):
            part = ids[start : start + AT_ONCE]
            if dry:
                with reading(engine) as session:
                    posts += len(_posts_of(session, part))
                continue
            with writing(engine) as session:
                posts += _empty(session, part, now, keep_rows=keep_rows)
    counts = _sweep_rows(engine, policy, now, dry=dry)
    if evidence is not None:
        before = now - timedelta(days=policy.unflagged)
        counts["pages"] = drop_old(evidence, before, dry=dry)
    if not dry:
        forget_words(engine)
    swept = Swept(
        threads=len(unflagged), closed=len(closed), unread=len(unread), posts=posts, **counts
    )
    if not dry and swept != Swept():
        with writing(engine) as session:
            told = ", ".join(f"{count} {name}" for name, count in asdict(swept).items() if count)
            record(session, "retention", "pruned", "old data", told, now)
    return swept


def _sweep_rows(engine: Engine, policy: Policy, now: datetime, *, dry: bool) -> dict[str, int]:
    """Delete rows that are too old by themselves; return how many of each."""

    def before(days: int) -> datetime:
        return now - timedelta(days=days)

    sent = col(Alert.kind) == AlertKind.DIGEST
    stale: dict[str, tuple[type[SQLModel], ColumnElement[bool]]] = {
        "runs": (CrawlRun, col(CrawlRun.started_at) < before(policy.runs)),
        "hours": (Activity, col(Activity.hour) < before(policy.runs)),
        "digests": (Alert, sent & (col(Alert.created_at) < before(policy.runs))),
        "audits": (Audit, col(Audit.at) < before(policy.audit)),
        "contacts": (Contact, col(Contact.at) < before(policy.contacts)),
        "labels": (Label, col(Label.at) < before(policy.labels)),
        "wishes": (OptOut, (col(OptOut.note) != "") & (col(OptOut.at) < before(policy.audit))),
    }
    counts = {}
    for name, (table, condition) in stale.items():
        with reading(engine) as session:
            counts[name] = session.exec(
                select(func.count()).select_from(table).where(condition)
            ).one()
        if counts[name] and not dry:
            with writing(engine) as session:
                if table is OptOut:
                    session.exec(update(OptOut).where(condition).values(note=""))
                else:
                    session.exec(delete(table).where(condition))
    return counts


def _unflagged(session: Session, before: datetime) -> list[int]:
    """Return watched threads that are no case and whose newest post is older than ``before``."""
    newest = func.max(func.coalesce(Post.posted_at, Post.fetched_at))
    flagged = select(Case.thread_id)
    rows = session.exec(
        select(Post.thread_id)
        .where(col(Post.thread_id).not_in(flagged))
        .group_by(col(Post.thread_id))
        .having(newest < before)
    )
    return list(rows)


def _closed(session: Session, before: datetime) -> list[int]:
    """Return threads with texts whose cases were all closed before ``before``."""
    still = select(Case.thread_id).where(
        or_(
            col(Case.state).not_in(ENDS),
            func.coalesce(Case.closed_at, Case.updated_at) >= before,
        )
    )
    rows = session.exec(
        select(Case.thread_id)
        .join(Post, onclause=col(Post.thread_id) == Case.thread_id)
        .where(col(Case.thread_id).not_in(still), Post.text != "")
        .distinct()
    )
    return list(rows)


def _unread(session: Session, now: datetime) -> list[int]:
    """Return threads with texts that their source's terms let be kept no longer unread."""
    found: list[int] = []
    for engine, days in KEPT_UNREAD.items():
        last = func.coalesce(Thread.read_at, func.max(Post.fetched_at))
        found += session.exec(
            select(Post.thread_id)
            .join(Thread, onclause=col(Thread.id) == Post.thread_id)
            .join(Source, onclause=col(Source.id) == Thread.source_id)
            .where(Source.engine == engine, Post.text != "")
            .group_by(col(Post.thread_id), col(Thread.read_at))
            .having(last < now - timedelta(days=days))
        )
    return found


def _posts_of(session: Session, threads: list[int]) -> list[int]:
    rows = session.exec(select(Post.id).where(col(Post.thread_id).in_(threads)))
    return [found for found in rows if found is not None]


def _empty(session: Session, threads: list[int], now: datetime, *, keep_rows: bool) -> int:
    """Erase the posts of threads, and their rows where no case points at them."""
    posts = _posts_of(session, threads)
    erase_posts(session, posts, now)
    if not keep_rows:
        session.exec(delete(Post).where(col(Post.thread_id).in_(threads)))
        for thread in session.exec(select(Thread).where(col(Thread.id).in_(threads))):
            thread.title, thread.watched, thread.judged = "", False, None
            session.add(thread)
        session.flush()
        nobody = ~select(Post.id).where(Post.author_id == Author.id).exists()
        session.exec(delete(Author).where(nobody))
    return len(posts)
