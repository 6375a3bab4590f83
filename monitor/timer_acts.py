"""What each kind of timer does, and when it had better wait."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from alerts.notice import Entry
from alerts.outbox import Target
from models import (
    Agent,
    AgentRole,
    Brand,
    Case,
    CaseState,
    How,
    Level,
    Post,
    Source,
    Thread,
    Verdict,
)
from models.base import id_of
from monitor import cases, wording
from monitor.case_rules import Actor, CaseRefused
from monitor.case_views import history
from monitor.config import Settings
from monitor.routing import Duty, Places

CLOCK = Actor(None, How.TIMER)
HISTORY_SHOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Something to say about one case; several of a kind become one message."""

    kind: str
    title: str
    many: str
    """The title for several; ``{number}`` is how many."""
    text: str = ""
    person: str = ""
    targets: tuple[Target, ...]
    entry: Entry


@dataclass(frozen=True, slots=True)
class Act:
    """What a timer does with its case, once ``when`` says that it need not wait."""

    do: Callable[[Case], tuple[str, list[Told]]]
    when: Callable[[Case], datetime | None] = lambda _: None
    patience: timedelta = timedelta()
    """How long after the wait."""


def acts(session: Session, settings: Settings, places: Places, duty: Duty) -> Mapping[str, Act]:
    """Return the act of every kind of timer, for one run."""
    now = duty.now

    def to_people(
        case: Case, kind: str, people: list[Agent], title: str, many: str, text: str = ""
    ) -> list[Told]:
        """Tell each of ``people``; the rooms where there is nobody."""
        entry = entry_of(session, case)
        told = [
            Told(
                kind=kind,
                title=title,
                many=many,
                text=text,
                person=person.name,
                targets=places.of(person),
                entry=entry,
            )
            for person in people
        ]
        return told or [
            Told(kind=kind, title=title, many=many, text=text, targets=places.rooms, entry=entry)
        ]

    def owner(case: Case) -> list[Agent]:
        worker = duty.worker(case.agent_id)
        if worker is not None:
            return [worker.agent]
        return duty.deciders(AgentRole.LEAD)

    def until_quiet_ends(case: Case) -> datetime | None:
        return duty.hold(Level(case.level))

    def until_owner_works(case: Case) -> datetime | None:
        worker = duty.worker(case.agent_id)
        return None if worker is None or worker.works(now) else worker.next_begin(now)

    def minutes(number: int) -> str:
        return wording.lasting(timedelta(minutes=number))

    def route(case: Case) -> tuple[str, list[Told]]:
        if not duty.team:
            return "no agents", []
        takers = duty.takers(_language(session, case))
        if not takers:
            return "nobody at work or on call", []
        duty.given[takers[0].id] += 1
        title = f"case {case.id} is for you to take"
        told = to_people(case, "route", takers[:1], title, "{number} cases are for you to take")
        return f"told {takers[0].name}", told

    def remind(case: Case) -> tuple[str, list[Told]]:
        waits = minutes(settings.remind_minutes)
        title = f"nobody has taken case {case.id} for {waits}"
        many = "nobody has taken {number} cases for " + f"{waits} or more"
        return "reminded", to_people(case, "reminder", [], title, many)

    def up(to: AgentRole, after: int) -> Callable[[Case], tuple[str, list[Told]]]:
        def escalate(case: Case) -> tuple[str, list[Told]]:
            reason = f"nobody took it for {minutes(after)}"
            try:
                cases.escalate(session, id_of(case), CLOCK, now, reason=reason, to=to)
            except CaseRefused as refusal:
                return refusal.sentence, []
            return f"to a {to}", []

        return escalate

    def decide(kind: str) -> Callable[[Case], tuple[str, list[Told]]]:
        def tell(case: Case) -> tuple[str, list[Told]]:
            people = duty.deciders(AgentRole(case.escalated_to or AgentRole.LEAD))
            title = f"case {case.id} waits for your decision"
            many = "{number} cases wait for your decision"
            told = to_people(case, kind, people, title, many, concentrate(session, case))
            return f"told {', '.join(one.name for one in people) or 'the room'}", told

        return tell

    def write(case: Case) -> tuple[str, list[Told]]:
        since = minutes(settings.contact_minutes)
        title = f"case {case.id} is yours for {since}: write to the customer"
        many = "{number} cases are yours, and the customers wait for a word"
        return "reminded", to_people(case, "write", owner(case), title, many)

    def release(case: Case) -> tuple[str, list[Told]]:
        told = to_people(
            case,
            "released",
            owner(case),
            f"case {case.id} is anybody's again: the customer was not written to",
            "{number} cases are anybody's again: the customers were not written to",
        )
        note = f"{minutes(2 * settings.contact_minutes)} without a word to the customer"
        try:
            cases.release(session, id_of(case), CLOCK, now, note=note)
        except CaseRefused as refusal:
            return refusal.sentence, []
        return "released", told

    def follow_up(case: Case) -> tuple[str, list[Told]]:
        title = f"case {case.id}: ask the customer how it goes, and tell what was done"
        many = "{number} customers wait for a second word"
        return "reminded", to_people(case, "follow_up", owner(case), title, many)

    def solved(case: Case) -> tuple[str, list[Told]]:
        title = f"case {case.id} is solved: tell the customer, and ask whether it holds"
        many = "{number} cases are solved: tell the customers, and ask whether it holds"
        return "reminded", to_people(case, "solved", owner(case), title, many)

    def wake(case: Case) -> tuple[str, list[Told]]:
        try:
            woken = cases.wake(session, id_of(case), CLOCK, now, note="its time has come").case
        except CaseRefused as refusal:
            return refusal.sentence, []
        people = owner(case) if woken.state != CaseState.NEW and woken.agent_id else []
        title = f"case {case.id} is back: its time has come"
        return "woken", to_people(case, "woken", people, title, "{number} cases are back")

    def given(case: Case) -> tuple[str, list[Told]]:
        title = f"case {case.id} was handed over to you"
        lines = history(session, id_of(case))
        text = lines[-1].what if lines else ""
        many = "{number} cases were handed over to you"
        return "told", to_people(case, "given", owner(case), title, many, text)

    def spell(number: int) -> timedelta:
        return timedelta(minutes=number)

    return {
        "route": Act(route, until_quiet_ends),
        "remind": Act(remind, until_quiet_ends, spell(settings.remind_minutes)),
        "to_lead": Act(
            up(AgentRole.LEAD, settings.escalate_minutes),
            until_quiet_ends,
            spell(settings.escalate_minutes),
        ),
        "to_manager": Act(
            up(AgentRole.MANAGER, settings.manager_minutes),
            until_quiet_ends,
            spell(settings.manager_minutes),
        ),
        "told": Act(decide("escalation"), until_quiet_ends),
        "remind_manager": Act(decide("escalation"), until_quiet_ends),
        "write": Act(write, until_owner_works),
        "release": Act(release, until_quiet_ends, spell(settings.contact_minutes)),
        "follow_up": Act(follow_up, until_owner_works),
        "solved": Act(solved, until_owner_works),
        "wake": Act(wake),
        "given": Act(given, until_owner_works),
    }


def entry_of(session: Session, case: Case) -> Entry:
    """Return a case as a line of a notice."""
    post = session.get_one(Post, case.post_id)
    return Entry(
        case_id=id_of(case),
        level=Level(case.level),
        brand=session.get_one(Brand, case.brand_id).name,
        title=session.get_one(Thread, case.thread_id).title,
        url=post.url,
    )


def concentrate(session: Session, case: Case) -> str:
    """Return one paragraph from which somebody can decide: what, why, and what was tried."""
    thread = session.get_one(Thread, case.thread_id)
    source = session.get_one(Source, thread.source_id)
    brand = session.get_one(Brand, case.brand_id).name
    lines = history(session, id_of(case))[-HISTORY_SHOWN:]
    tried = "; ".join(f"{line.at:%d %b %H:%M} UTC {line.what}" for line in lines)
    why = "; ".join(case.reasons)
    head = f"{wording.level_words(case.level)} ({case.score:.0f} of 100)"
    where = f"{brand}, {wording.topic_words(case.topic)}, {source.name}"
    return f"{head}, {where}: {why}. So far: {tried}."


def _language(session: Session, case: Case) -> str | None:
    return session.exec(
        select(Verdict.language)
        .where(Verdict.post_id == case.post_id, Verdict.brand_id == case.brand_id)
        .order_by(col(Verdict.scored_at).desc())
        .limit(1)
    ).first()
