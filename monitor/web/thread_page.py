"""One case: the conversation, why it is here, what was done, and what can be done now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import Session, col, select
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from alerts.tongue import Phrase, phrase
from models import CLOSED, Access, Agent, AgentRole, Case, Dismissal, How, Level, Post
from models.base import id_of
from models.database import reading, writing
from monitor import cases
from monitor.accounts import Person
from monitor.cases import Actor, CaseRefused, Change
from monitor.contacts import clearance
from monitor.flagged import Flagged
from monitor.opening import Opening, OpeningError
from monitor.privacy import record
from monitor.risk import LEVELS
from monitor.web.digest_page import number
from monitor.web.site import BY_LINK, LARGEST_ID, Site
from monitor.web.thread import CasePage, read_case

SNOOZE_DAYS = (1, 3, 7, 14, 30)
NOTE_LIMIT = 1_000
Suggest = Callable[[Session, Case, str], Opening]
"""Makes a message to the author of a case, signed by the agent named."""


def acting(site: Site, request: Request, session: Session) -> Agent | None:
    """Return the agent for whom this login acts; ``None``: one who cannot take a case.

    An account acts as its own agent; who came in by a one-time link says as whom.
    """
    person = site.person(request)
    by_link = person is BY_LINK
    chosen = request.session.get("agent") if by_link else person and person.agent_id
    agent = session.get(Agent, chosen) if isinstance(chosen, int) else None
    return agent if agent is not None and agent.active else None


def risk_line(case: Flagged, until: datetime) -> tuple[tuple[float, float], ...]:
    """Return the risk since the case was opened: (share of the time to ``until``, score)."""
    begin = min([event.at for event in case.events] or [case.opened_at])
    span = max((until - begin).total_seconds(), 1.0)
    return tuple(
        (max(0.0, min(1.0, (event.at - begin).total_seconds() / span)), event.score)
        for event in case.events
    )


def routes(site: Site, suggest: Suggest, cap: timedelta) -> APIRouter:
    """Return the page of a case and what its buttons do.

    Nobody else writes to an author within ``cap`` of a word with them, unless a lead says so.
    """
    pages = APIRouter()

    def show(request: Request, case_id: int, reveal: int | None = None) -> HTMLResponse:
        if case_id > LARGEST_ID:
            raise HTTPException(404)
        with reading(site.engine) as session:
            found = read_case(session, case_id, reveal=reveal)
            if found is None:
                raise HTTPException(404)
            me = acting(site, request, session)
            agents = session.exec(
                select(Agent).where(col(Agent.active)).order_by(col(Agent.name))
            ).all()
            row = session.get_one(Case, case_id)
            opening = _opening(session, row, me, suggest)
            author_id = session.get_one(Post, row.post_id).author_id
            taken = _taken_care_of(session, row, me, site.now(), cap)
        return site.page(
            request,
            "case.html",
            shown=found,
            case=found.case,
            row=row,
            author_id=author_id,
            me=me,
            by_link=site.person(request) is BY_LINK,
            agents=agents,
            opening=opening,
            lead=_may_overrule(site.person(request), me),
            taken=taken and taken.sentence(site.speech(request).tongue),
            mine=me is not None and row.agent_id == me.id,
            closed=row.state in CLOSED,
            risk=risk_line(found.case, site.now()),
            marks=LEVELS,
            levels=list(Level),
            dismissals=list(Dismissal),
            days=SNOOZE_DAYS,
            ranks=[AgentRole.LEAD, AgentRole.MANAGER],
            complaints=_complaints(found),
        )

    @pages.get("/case/{case_id:int}")
    def case(request: Request, case_id: int) -> HTMLResponse:
        return show(request, case_id)

    @pages.post("/case/{case_id:int}/reveal")
    async def reveal(request: Request, case_id: int) -> HTMLResponse:
        fields = await site.form(request)
        post = number(str(fields.get("post", "")))
        with writing(site.engine) as session:
            row = session.get(Case, case_id) if case_id <= LARGEST_ID else None
            me = acting(site, request, session)
            owner = row is not None and me is not None and row.agent_id == me.id
            who = site.person(request) if owner else site.only(request, Access.MANAGER)
            shown = session.get(Post, post) if post is not None and post <= LARGEST_ID else None
            if row is None or shown is None or shown.thread_id != row.thread_id:
                raise HTTPException(404)
            name = who.login if who else ""
            record(session, name, "revealed", f"post {post}", f"case {case_id}", site.now())
        request.state.again = f"/case/{case_id}"
        return show(request, case_id, post)

    @pages.post("/case/{case_id:int}/{change}")
    async def act(request: Request, case_id: int, change: str) -> Response:
        fields = await site.form(request)
        if case_id > LARGEST_ID:
            raise HTTPException(404)
        speech = site.speech(request)
        try:
            with writing(site.engine) as session:
                if session.get(Case, case_id) is None:
                    raise HTTPException(404)
                if change == "take" and site.person(request) is BY_LINK:
                    request.session["agent"] = number(str(fields.get("me", "")))
                me = acting(site, request, session)
                person = site.person(request)
                actor = _actor(person, me, case_id)
                asked = Asked(fields, cap, lead=_may_overrule(person, me))
                done = _do(session, change, case_id, actor, site.now(), asked)
        except CaseRefused as error:
            words = f"{speech.text('Nothing was changed.')} {error.sentence(speech.tongue)}"
        else:
            words = f"{speech.text('Done.')} {done.warning(speech.tongue)}".strip()
        return site.back(request, f"/case/{case_id}", words)

    return pages


def _actor(person: Person | None, me: Agent | None, case_id: int) -> Actor:
    """Return who changes a case; raise ``CaseRefused`` for an account that has nobody to act as.

    Without an agent managers and ops may what a lead may, and the history names their login.
    """
    if me is not None:
        return Actor(me.id, How.WEB)
    if person is None or not person.may(Access.MANAGER):
        raise CaseRefused(case_id, phrase("account_without_agent"))
    return Actor(None, How.WEB, person.login)


def _may_overrule(person: Person | None, me: Agent | None) -> bool:
    """Return whether somebody may have an author written to by a second agent: leads and above."""
    if me is not None:
        return me.role != AgentRole.AGENT
    return person is not None and person.may(Access.MANAGER)


def _taken_care_of(
    session: Session, case: Case, me: Agent | None, now: datetime, cap: timedelta
) -> Phrase | None:
    """Return who is in touch with the author already, where ``me`` could overrule that."""
    if me is None or case.agent_id is not None or not _may_overrule(None, me):
        return None
    told = clearance(session, case, id_of(me), now, cap, lock=False)
    return None if told.final else told.refusal


@dataclass(frozen=True, slots=True)
class Asked:
    """A form that was sent; ``lead``: by somebody who may overrule the cap."""

    fields: FormData
    cap: timedelta
    lead: bool

    def word(self, name: str) -> str:
        """Return one field, cut to a note's length."""
        return str(self.fields.get(name, ""))[:NOTE_LIMIT]

    def anyway(self, case_id: int) -> bool:
        """Return whether the cap is overruled; raise ``CaseRefused`` where no reason is given."""
        if not (self.lead and self.word("anyway")):
            return False
        if not self.word("note").strip():
            raise CaseRefused(case_id, phrase("say_why_anyway"))
        return True


def _do(
    session: Session, change: str, case_id: int, actor: Actor, now: datetime, asked: Asked
) -> Change:
    """Make the change that a button names; raise ``CaseRefused`` or 404."""
    word = asked.word
    note = word("note")
    if change == "take":
        anyway = asked.anyway(case_id)
        return cases.claim(session, case_id, actor, now, note=note, anyway=anyway, cap=asked.cap)
    if change == "dismiss":
        if word("reason") not in list(Dismissal):
            raise CaseRefused(case_id, phrase("say_why_dismiss"))
        reason = Dismissal(word("reason"))
        return cases.dismiss(session, case_id, actor, now, reason=reason, note=note)
    if change == "snooze":
        until = now + timedelta(days=number(word("days"), 365) or 0)
        return cases.snooze(session, case_id, actor, now, until=until, note=note)
    if change == "hand_over":
        to = number(word("to")) or 0
        return cases.hand_over(
            session,
            case_id,
            actor,
            now,
            to_agent_id=to,
            note=note,
            anyway=asked.anyway(case_id),
            cap=asked.cap,
        )
    if change == "contacted":
        return cases.contacted(session, case_id, actor, now, note=note, cap=asked.cap)
    if change == "escalate":
        rank = AgentRole(word("rank")) if word("rank") in ("lead", "manager") else None
        return cases.escalate(session, case_id, actor, now, reason=note, to=rank)
    if change == "reopen":
        return cases.reopen(session, case_id, actor, now, reason=note)
    plain: dict[str, Callable[..., Change]] = {
        "opt_out": cases.opt_out,
        "solved": cases.solved,
        "release": cases.release,
        "wake": cases.wake,
    }
    if change not in plain:
        raise HTTPException(404)
    return plain[change](session, case_id, actor, now, note=note)


def _opening(session: Session, case: Case, me: Agent | None, suggest: Suggest) -> Opening | None:
    if me is None or case.state in CLOSED:
        return None
    try:
        return suggest(session, case, me.name)
    except OpeningError:
        return None  # the site wants no private message, or there is no template


def _complaints(shown: CasePage) -> int:
    """Return how many of the posts shown are complaints."""
    return sum(
        1 for post in shown.posts if post.judgement is not None and post.judgement.unhappy != "no"
    )
