"""No author is approached by two agents, or against their wish."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models import CLOSED, Agent, Author, Case, CaseState, Contact, OptOut, Post
from models.base import id_of

CAP = timedelta(days=30)
"""How long nobody else writes to an author whom one agent has written to."""


@dataclass(frozen=True, slots=True)
class Clearance:
    """Whether an author may be written to, in words where not, or not without a thought."""

    final: str = ""
    """The author asked not to be written to; nothing overrules it."""
    refusal: str = ""
    """Another agent has the word with this author; can be overruled on purpose."""
    warning: str = ""


def author_of(session: Session, case: Case, *, lock: bool = False) -> Author:
    """Return whom the case is about: who wrote the post that it quotes.

    With ``lock`` two agents who take two cases of one author do so one after the other.
    """
    post = session.get_one(Post, case.post_id)
    return session.get_one(Author, post.author_id, with_for_update=lock)


def clearance(
    session: Session, case: Case, agent_id: int, now: datetime, cap: timedelta = CAP
) -> Clearance:
    """Return whether the agent may write to the case's author now.

    Looks at every case of the author, of whatever brand: who was in touch within ``cap``, and
    who else has one under way.
    """
    author = author_of(session, case, lock=True)
    wish = session.exec(
        select(OptOut).where(
            OptOut.source_id == author.source_id, OptOut.external_id == author.external_id
        )
    ).first()
    if wish is not None:
        return Clearance(
            final=f"{author.name} asked on {_day(wish.at)} not to be written to; dismiss the case "
            "with no_contact_allowed"
        )
    last = session.exec(
        select(Contact)
        .where(
            Contact.author_id == author.id,
            Contact.case_id != case.id,
            Contact.at > now - cap,
        )
        .order_by(col(Contact.at).desc())
    ).first()
    if last is not None:
        name = _name(session, last.agent_id)
        words = f"wrote to {author.name} on {_day(last.at)} about case {last.case_id}"
        if last.agent_id == agent_id:
            return Clearance(warning=f"You {words}; do not repeat yourself.")
        return Clearance(refusal=f"{name} {words}; ask {name} to take this one, too")
    busy = session.exec(
        select(Case)
        .join(Post, col(Post.id) == col(Case.post_id))
        .where(
            Post.author_id == author.id,
            Case.id != case.id,
            col(Case.agent_id).is_not(None),
            Case.agent_id != agent_id,
            col(Case.state).not_in([*CLOSED, CaseState.NEW]),
        )
        .order_by(col(Case.id))
    ).first()
    if busy is not None:
        name = _name(session, busy.agent_id)
        words = f"{name} has case {busy.id} of the same author, {author.name}"
        return Clearance(refusal=f"{words}; ask {name} to take this one, too")
    return Clearance()


def opted_out(session: Session, case: Case) -> bool:
    """Return whether the case's author asked not to be written to."""
    author = author_of(session, case)
    wish = select(OptOut.id).where(
        OptOut.source_id == author.source_id, OptOut.external_id == author.external_id
    )
    return session.exec(wish).first() is not None


def record(session: Session, case: Case, agent_id: int | None, now: datetime) -> None:
    """Note that the case's author was written to."""
    author = author_of(session, case)
    session.add(Contact(author_id=id_of(author), case_id=id_of(case), agent_id=agent_id, at=now))


def opt_out(
    session: Session, case: Case, agent_id: int | None, now: datetime, *, note: str = ""
) -> str:
    """Note that the case's author does not want to be written to, ever; return the name."""
    author = author_of(session, case, lock=True)
    same = select(OptOut.id).where(
        OptOut.source_id == author.source_id, OptOut.external_id == author.external_id
    )
    if session.exec(same).first() is None:
        session.add(
            OptOut(
                source_id=author.source_id,
                external_id=author.external_id,
                agent_id=agent_id,
                note=" ".join(note.split())[:1_000],
                at=now,
            )
        )
        session.flush()
    return author.name


def _name(session: Session, agent_id: int | None) -> str:
    agent = session.get(Agent, agent_id) if agent_id is not None else None
    return agent.name if agent else "somebody"


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b %Y}"
