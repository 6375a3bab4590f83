"""No author is approached by two agents, or against their wish."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from alerts.tongue import Day, Phrase, phrase
from alerts.words import shown
from models import CLOSED, Agent, Author, Case, CaseState, Contact, OptOut, Post, Source
from models.base import id_of
from monitor import privacy
from monitor.case_rules import Actor

NAME_LIMIT = 80
CAP = timedelta(days=30)
"""How long nobody else writes to an author whom one agent has written to."""


@dataclass(frozen=True, slots=True)
class Clearance:
    """Whether an author may be written to, in words where not, or not without a thought."""

    final: Phrase | None = None
    """The author asked not to be written to; nothing overrules it."""
    refusal: Phrase | None = None
    """Another agent has the word with this author; can be overruled on purpose."""
    warning: Phrase | None = None


def author_of(session: Session, case: Case, *, lock: bool = False) -> Author:
    """Return whom the case is about: who wrote the post that it quotes.

    With ``lock`` two agents who take two cases of one author do so one after the other.
    """
    post = session.get_one(Post, case.post_id)
    return session.get_one(Author, post.author_id, with_for_update=lock)


def clearance(
    session: Session,
    case: Case,
    agent_id: int,
    now: datetime,
    cap: timedelta = CAP,
    *,
    lock: bool = True,
) -> Clearance:
    """Return whether the agent may write to the case's author now.

    Looks at every case of the author, of whatever brand: who was in touch within ``cap``, and
    who else has one under way. ``lock`` as in ``author_of``, for who acts on the answer.
    """
    author = author_of(session, case, lock=lock)
    name = shown(author.name, NAME_LIMIT)
    wish = wish_of(session, author)
    if wish is not None:
        return Clearance(final=phrase("asked_for_peace", author=name, day=Day(wish.at)))
    last = session.exec(
        select(Contact)
        .where(
            col(Contact.author_id).in_(_same(session, author)),
            Contact.case_id != case.id,
            Contact.at > now - cap,
        )
        .order_by(col(Contact.at).desc())
    ).first()
    if last is not None:
        told = {"author": name, "day": Day(last.at), "case": last.case_id}
        if last.agent_id == agent_id:
            return Clearance(warning=phrase("you_wrote", **told))
        agent = _name(session, last.agent_id)
        return Clearance(refusal=phrase("other_wrote", agent=agent, **told))
    busy = session.exec(
        select(Case)
        .join(Post, col(Post.id) == col(Case.post_id))
        .where(
            col(Post.author_id).in_(_same(session, author)),
            Case.id != case.id,
            col(Case.agent_id).is_not(None),
            Case.agent_id != agent_id,
            col(Case.state).not_in([*CLOSED, CaseState.NEW]),
        )
        .order_by(col(Case.id))
    ).first()
    if busy is not None:
        agent = _name(session, busy.agent_id)
        told = {"agent": agent, "case": busy.id, "author": name}
        return Clearance(refusal=phrase("other_has", **told))
    return Clearance()


def opted_out(session: Session, case: Case) -> bool:
    """Return whether the case's author asked not to be written to."""
    return wish_of(session, author_of(session, case)) is not None


def wishes(session: Session) -> Callable[[str, str], bool]:
    """Return what tells of a source's address and an author's id whether there may be a wish.

    For lists of many cases: where it says so, ``opted_out`` knows.
    """
    rows = session.exec(select(OptOut.author_hash, OptOut.salt)).all()
    known, salts = {found for found, _ in rows}, {salt for _, salt in rows}

    def perhaps(address: str, external_id: str) -> bool:
        host = privacy.host_of(address)
        return any(privacy.hash_of(salt, host, external_id) in known for salt in salts)

    return perhaps


def wish_of(session: Session, author: Author) -> OptOut | None:
    """Return the author's wish not to be written to, if they said so."""
    host = privacy.host_of(session.get_one(Source, author.source_id).address)
    salts = session.exec(select(OptOut.salt).distinct())
    return session.exec(
        select(OptOut).where(
            col(OptOut.source_id).in_(_site(session, author.source_id)),
            col(OptOut.author_hash).in_(
                [privacy.hash_of(salt, host, author.external_id) for salt in salts]
            ),
        )
    ).first()


def _same(session: Session, author: Author) -> Sequence[int | None]:
    """Return the author's rows: one for each source of the same site."""
    return session.exec(
        select(Author.id).where(
            col(Author.source_id).in_(_site(session, author.source_id)),
            Author.external_id == author.external_id,
        )
    ).all()


def _site(session: Session, source_id: int) -> list[int | None]:
    """Return the sources on the host of a source: one board each, with the same authors."""
    own = session.get_one(Source, source_id)
    place = urlsplit(own.address).netloc
    near = session.exec(
        select(Source.id, Source.address, Source.engine).where(
            col(Source.address).contains(f"://{place}/", autoescape=True)
        )
    )
    return [source_id] + [
        number
        for number, address, engine in near
        if number != source_id and engine == own.engine and urlsplit(address).netloc == place
    ]


def record(session: Session, case: Case, agent_id: int | None, now: datetime) -> None:
    """Note that the case's author was written to."""
    author = author_of(session, case)
    session.add(Contact(author_id=id_of(author), case_id=id_of(case), agent_id=agent_id, at=now))


def opt_out(
    session: Session, case: Case, actor: Actor, now: datetime, *, note: str = ""
) -> tuple[str, list[Case]]:
    """Note that the case's author does not want to be written to, ever.

    Returns the name and the author's cases that are still open, this one first.
    """
    author = author_of(session, case, lock=True)
    if wish_of(session, author) is None:
        salt = privacy.salt_of(session)
        host = privacy.host_of(session.get_one(Source, author.source_id).address)
        session.add(
            OptOut(
                source_id=author.source_id,
                author_hash=privacy.hash_of(salt, host, author.external_id),
                salt=salt,
                agent_id=actor.agent_id,
                note=" ".join(note.split())[:1_000],
                at=now,
            )
        )
        by = _name(session, actor.agent_id)
        who = by if isinstance(by, str) else actor.account or "ops"
        privacy.record(session, who, "opted_out", f"author {author.id}", f"case {case.id}", now)
        session.flush()
    open_cases = session.exec(
        select(Case)
        .join(Post, col(Post.id) == col(Case.post_id))
        .where(
            col(Post.author_id).in_(_same(session, author)),
            col(Case.state).not_in(CLOSED),
        )
        .order_by((col(Case.id) != case.id), col(Case.id))
    ).all()
    return shown(author.name, NAME_LIMIT), list(open_cases)


def _name(session: Session, agent_id: int | None) -> str | Phrase:
    agent = session.get(Agent, agent_id) if agent_id is not None else None
    return agent.name if agent else phrase("someone")
