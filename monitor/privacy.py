"""What we hold on an author: shown, erased, and not collected again.

Erasing covers the author's posts with their earlier versions, what other posts quote of them, the
stored content of alerts, notices and digests, and what agents noted. A case stays, so that
statistics stay true, and says that its post was erased. Rows keep the engine's ids of posts: they
are what stops a crawl from counting them anew.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import Session, col, delete, or_, select, update

from models import (
    Alert,
    AlertKind,
    Audit,
    Author,
    Case,
    CaseEvent,
    Delivery,
    DeliveryState,
    How,
    Mention,
    Objection,
    OptOut,
    Post,
    PostRevision,
    Quote,
    Source,
    Thread,
    Verdict,
)
from models.base import id_of
from models.errors import QuietwordError

ERASED = "[erased]"
ERASED_HASH = "erased"
"""Stands as ``Post.text_hash`` of an erased post: the store then leaves it alone."""
TO_BE_CHANGED = "its quotes were erased; the message is to be changed"
"""Stands as the error of a sent digest until ``monitor.digests`` has changed it in Slack."""
IN_ONE_QUERY = 500


class NobodyFound(QuietwordError):
    """No stored author fits what was asked for; the message says what was looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How much one erasure took away."""

    posts: int = 0
    quotes: int = 0
    alerts: int = 0

    def __str__(self) -> str:
        """Return it in words."""
        told = {"post": self.posts, "quote": self.quotes, "alert": self.alerts}
        return ", ".join(f"{n} {what if n == 1 else what + 's'}" for what, n in told.items())


def find_authors(session: Session, name: str, *, host: str | None = None) -> list[Author]:
    """Return the stored authors called ``name`` (or with that engine id), on ``host`` if given.

    Raises ``NobodyFound``.
    """
    rows = session.exec(
        select(Author, Source.address)
        .join(Source, onclause=col(Source.id) == Author.source_id)
        .where(or_(Author.name == name, Author.external_id == name))
        .order_by(col(Author.id))
    ).all()
    found = [author for author, address in rows if host is None or host_of(address) == host]
    if not found:
        where = f" on {host}" if host else ""
        raise NobodyFound(
            f"nobody called {name!r}{where} is stored; names are compared letter by letter. "
            "Nothing was changed"
        )
    return found


def everywhere(session: Session, author: Author) -> list[Author]:
    """Return an author's rows, ``author`` first: one for each source of the same site."""
    host = host_of(session.get_one(Source, author.source_id).address)
    rows = session.exec(
        select(Author, Source.address)
        .join(Source, onclause=col(Source.id) == Author.source_id)
        .where(Author.external_id == author.external_id, Author.id != author.id)
        .order_by(col(Author.id))
    ).all()
    return [author, *(one for one, address in rows if host_of(address) == host)]


def host_of(address: str) -> str:
    """Return the host of a source's address, without ``www.``."""
    return (urlsplit(address).hostname or "").removeprefix("www.")


def forget(session: Session, author: Author, *, who: str, now: datetime) -> Erased:
    """Erase everything of an author; what they write later is stored (see ``objected``)."""
    author_id = id_of(author)
    quotes = _forget_quotes(session, author)
    _forget_wish_note(session, author)
    ids = list(session.exec(select(Post.id).where(Post.author_id == author_id)))
    erased = erase_posts(session, [found for found in ids if found is not None], now)
    author.name = ERASED
    author.external_id = f"erased:{author_id}"
    author.posts_shown = author.joined_at = author.profile_url = None
    session.add(author)
    result = Erased(posts=erased.posts, quotes=quotes, alerts=erased.alerts)
    record(session, who, "forgotten", f"author {author_id}", str(result), now)
    return result


def objected(session: Session, author: Author, *, who: str, now: datetime) -> Erased:
    """Erase everything of an author and never store a post of theirs on that site again.

    Only salted hashes of the engine's id and of the name are kept.
    """
    host = host_of(session.get_one(Source, author.source_id).address)
    salt = salt_of(session)
    for key in {author.external_id, f"name:{author.name}"}:
        known = hash_of(salt, host, key)
        if session.exec(select(Objection.id).where(Objection.author_hash == known)).first() is None:
            session.add(Objection(author_hash=known, salt=salt, at=now))
    record(session, who, "objected", f"author {id_of(author)}", "", now)
    return forget(session, author, who=who, now=now)


def page_to_show(author: Author, post: Post) -> str | None:
    """Return the author's own page, unless what they wrote was taken back or erased."""
    return author.profile_url if post.text_hash not in {"", ERASED_HASH} else None


def erase_posts(session: Session, post_ids: Sequence[int], now: datetime) -> Erased:
    """Take text, quotes, earlier versions, mentions and verdicts from posts; keep their rows.

    The cases that quote them count as changed, so that their messages on Slack follow.
    """
    alerts = 0
    for ids in in_parts(list(post_ids)):
        for table in (Quote, PostRevision, Mention, Verdict):
            session.exec(delete(table).where(col(table.post_id).in_(ids)))
        session.exec(
            update(Post)
            .where(col(Post.id).in_(ids))
            .values(text="", text_hash=ERASED_HASH, private_message_url=None)
        )
        threads = select(Post.thread_id).where(col(Post.id).in_(ids))
        session.exec(
            update(Thread)
            .where(col(Thread.id).in_(threads))
            .values(version=Thread.version + 1)
            .execution_options(synchronize_session=False)
        )
        session.exec(
            update(Case)
            .where(col(Case.post_id).in_(ids))
            .values(updated_at=now)
            .execution_options(synchronize_session=False)
        )
        _blank_notes(session, ids)
        rows = session.exec(
            select(Alert)
            .join(Case, onclause=col(Case.id) == Alert.case_id)
            .where(col(Case.post_id).in_(ids))
        )
        alerts += _blank(rows)
        alerts += _blank_digests(session, list(session.exec(threads)))
    return Erased(posts=len(post_ids), alerts=alerts)


def _blank_notes(session: Session, post_ids: Sequence[int]) -> None:
    """Take what people noted on the cases of posts; what timers noted is of nobody."""
    cases = select(Case.id).where(col(Case.post_id).in_(post_ids))
    session.exec(
        update(CaseEvent)
        .where(
            col(CaseEvent.case_id).in_(cases),
            col(CaseEvent.note) != "",
            col(CaseEvent.how).is_distinct_from(How.TIMER),
        )
        .values(note=ERASED)
        .execution_options(synchronize_session=False)
    )


def _forget_wish_note(session: Session, author: Author) -> None:
    """Take what was noted when the author asked not to be written to; the wish stays."""
    host = host_of(session.get_one(Source, author.source_id).address)
    salts = session.exec(select(OptOut.salt).distinct())
    session.exec(
        update(OptOut)
        .where(
            col(OptOut.author_hash).in_([hash_of(salt, host, author.external_id) for salt in salts])
        )
        .values(note="")
    )


def _blank(alerts: Iterable[Alert]) -> int:
    """Take the author's words and name from stored alerts; return how many had any."""
    count = 0
    for alert in alerts:
        blank = {
            "author": ERASED,
            "quote": ERASED,
            "private_message_url": None,
            "profile_url": None,
            "post_url": alert.content.get("thread_url"),
            "text": "",  # of a notice: its paragraph tells what was noted on the case
        }
        told = {**alert.content, **{k: v for k, v in blank.items() if k in alert.content}}
        if told != alert.content:
            alert.content = told
            count += 1
    return count


def _blank_digests(session: Session, threads: Sequence[int]) -> int:
    """Take what stored digests quote of cases about ``threads``; return how many had any."""
    cases = set(session.exec(select(Case.id).where(col(Case.thread_id).in_(threads))))
    count = 0
    for alert in session.exec(select(Alert).where(Alert.kind == AlertKind.DIGEST)) if cases else ():
        told = [
            {**one, "quote": ERASED} if one["case_id"] in cases and one["quote"] else one
            for one in alert.content["entries"]
        ]
        if told != alert.content["entries"]:
            alert.content = {**alert.content, "entries": told}
            count += 1
            session.exec(
                update(Delivery)
                .where(
                    col(Delivery.alert_id) == alert.id,
                    col(Delivery.channel) == "slack",
                    col(Delivery.state) == DeliveryState.SENT,
                )
                .values(error=TO_BE_CHANGED)
            )
    return count


def quotes_of(statement: Any, author: Author, session: Session) -> Any:
    """Narrow a statement on ``Quote`` to quotes of ``author`` on the same site."""
    host = host_of(session.get_one(Source, author.source_id).address)
    sources = [
        source.id for source in session.exec(select(Source)) if host_of(source.address) == host
    ]
    posts = select(Post.id).where(col(Post.source_id).in_(sources))
    return statement.where(Quote.author == author.name, col(Quote.post_id).in_(posts))


def _forget_quotes(session: Session, author: Author) -> int:
    ids = list(session.exec(quotes_of(select(Quote.id), author, session)))
    for part in in_parts(ids):
        session.exec(update(Quote).where(col(Quote.id).in_(part)).values(author=None, text=ERASED))
    return len(ids)


def record(session: Session, who: str, action: str, what: str, detail: str, now: datetime) -> None:
    """Write one line of the audit, in the caller's transaction."""
    session.add(Audit(who=who[:200], action=action, what=what, detail=detail[:300], at=now))


def salt_of(session: Session) -> str:
    """Return the salt of this installation's hashes of authors; a new one where it has none."""
    known = (select(Objection.salt), select(OptOut.salt))
    found = (session.exec(one.limit(1)).first() for one in known)
    return next(filter(None, found), None) or secrets.token_hex(16)


def hash_of(salt: str, host: str, key: str) -> str:
    """Return the salted name of an author (64 hex digits)."""
    return hashlib.sha256(f"{salt}\x1f{host}\x1f{key}".encode()).hexdigest()


class Objections:
    """Who objected, as a crawl of one source asks it."""

    def __init__(self, session: Session, address: str) -> None:
        rows = session.exec(select(Objection.author_hash, Objection.salt)).all()
        self._hashes = {known for known, _ in rows}
        self._salts = {salt for _, salt in rows}
        self._host = host_of(address)

    def covers(self, *keys: str) -> bool:
        """Return whether any of ``keys``, an engine's id or ``name:`` and the name, objected."""
        return any(
            hash_of(salt, self._host, key) in self._hashes for salt in self._salts for key in keys
        )


def in_parts(ids: list[Any]) -> Iterable[list[Any]]:
    """Give ``ids`` in parts that fit into one query."""
    for start in range(0, len(ids), IN_ONE_QUERY):
        yield ids[start : start + IN_ONE_QUERY]
