"""What each kind of timer does, and when it had better wait."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from alerts.notice import Entry
from alerts.outbox import Target
from alerts.tongue import Lasting, Tongue, tongue
from models import (
    Agent,
    AgentRole,
    Brand,
    Case,
    CaseEvent,
    How,
    Level,
    Post,
    Source,
    Thread,
    Timer,
    Verdict,
)
from models.base import id_of
from monitor import cases, wording
from monitor.case_rules import Actor, CaseRefused
from monitor.config import Settings
from monitor.routing import Duty, Places
from monitor.slack_history import line
from monitor.team import language_of

CLOCK = Actor(None, How.TIMER)
HISTORY_SHOWN = 6
REMINDED = {"follow_up": "asked to write again", "check": "asked to look and close"}
"""What came of a follow-up, by its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Something to say about one case; several of a kind become one message."""

    kind: str
    """Also names its words: ``notice_...`` for one case, ``notices_...`` for several."""
    speech: Tongue
    span: timedelta = timedelta()
    text: str = ""
    person: str = ""
    targets: tuple[Target, ...]
    entry: Entry

    def title(self, count: int) -> str:
        """Return the first line of a message about ``count`` cases, this one first."""
        span = Lasting(self.span)
        if count == 1:
            return self.speech.say(f"notice_{self.kind}", case=self.entry.case_id, span=span)
        return self.speech.say(f"notices_{self.kind}", count=count, span=span)


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
        case: Case,
        kind: str,
        people: list[Agent],
        *,
        minutes: int = 0,
        text: Callable[[Tongue, tzinfo], str] = lambda *_: "",
    ) -> list[Told]:
        """Tell each of ``people``, in their language; the rooms where there is nobody."""

        def told(person: Agent | None) -> Told:
            speech = tongue(language_of(person, settings.slack_language))
            zone = ZoneInfo(person.timezone) if person else settings.timezone
            return Told(
                kind=kind,
                speech=speech,
                span=spell(minutes),
                text=text(speech, zone),
                person=person.name if person else "",
                targets=places.of(person) if person else places.rooms,
                entry=entry_of(session, case),
            )

        return [told(person) for person in people] or [told(None)]

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

    def route(case: Case) -> tuple[str, list[Told]]:
        if not duty.team:
            return "no agents", []
        takers = duty.takers(_language(session, case))
        if not takers:
            return "nobody at work or on call", []
        duty.given[takers[0].id] += 1
        return f"told {takers[0].name}", to_people(case, "route", takers[:1])

    def remind(case: Case) -> tuple[str, list[Told]]:
        return "reminded", to_people(case, "reminder", [], minutes=settings.remind_minutes)

    def up(to: AgentRole, after: int) -> Callable[[Case], tuple[str, list[Told]]]:
        def escalate(case: Case) -> tuple[str, list[Told]]:
            reason = f"nobody took it for {wording.lasting(spell(after))}"
            try:
                cases.escalate(session, id_of(case), CLOCK, now, reason=reason, to=to)
            except CaseRefused as refusal:
                return refusal.sentence(), []
            return f"to a {to}", []

        return escalate

    def decide(kind: str) -> Callable[[Case], tuple[str, list[Told]]]:
        def tell(case: Case) -> tuple[str, list[Told]]:
            people = duty.deciders(AgentRole(case.escalated_to or AgentRole.LEAD))
            told = to_people(
                case,
                kind,
                people,
                text=lambda speech, zone: concentrate(session, case, speech, zone),
            )
            return f"told {', '.join(one.name for one in people) or 'the room'}", told

        return tell

    def write(case: Case) -> tuple[str, list[Told]]:
        return "reminded", to_people(case, "write", owner(case), minutes=settings.contact_minutes)

    def release(case: Case) -> tuple[str, list[Told]]:
        told = to_people(case, "released", owner(case))
        span = wording.lasting(spell(2 * settings.contact_minutes))
        note = f"{span} without a word to the customer"
        try:
            cases.release(session, id_of(case), CLOCK, now, note=note)
        except CaseRefused as refusal:
            return refusal.sentence(), []
        return "released", told

    def follow_up(case: Case) -> tuple[str, list[Told]]:
        # The author is asked to be written to once more at most, whoever has the case by then.
        kind = "check" if _followed_up(session, case) else "follow_up"
        return REMINDED[kind], to_people(case, kind, owner(case))

    def unsettled(case: Case) -> tuple[str, list[Told]]:
        people = duty.deciders(AgentRole.LEAD)

        def text(speech: Tongue, zone: tzinfo) -> str:
            return concentrate(session, case, speech, zone)

        return "told a lead", to_people(case, "unsettled", people, text=text)

    def solved(case: Case) -> tuple[str, list[Told]]:
        return "reminded", to_people(case, "solved", owner(case))

    def wake(case: Case) -> tuple[str, list[Told]]:
        try:
            cases.wake(session, id_of(case), CLOCK, now, note="its time has come")
        except CaseRefused as refusal:
            return refusal.sentence(), []
        return "woken", []  # told by a timer of the new turn, which may wait

    def woken(case: Case) -> tuple[str, list[Told]]:
        return "told", to_people(case, "woken", owner(case) if case.agent_id else [])

    def until_it_may_be_told(case: Case) -> datetime | None:
        return until_owner_works(case) if case.agent_id else until_quiet_ends(case)

    def given(case: Case) -> tuple[str, list[Told]]:
        return "told", to_people(
            case,
            "given",
            owner(case),
            text=lambda speech, zone: "; ".join(_story(session, case, speech, zone, 1)),
        )

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
        "unsettled": Act(unsettled, until_quiet_ends),
        "wake": Act(wake),
        "woken": Act(woken, until_it_may_be_told),
        "given": Act(given, until_owner_works),
    }


def _followed_up(session: Session, case: Case) -> bool:
    """Return whether an owner was asked to write again since the customer was first written to."""
    return (
        session.exec(
            select(Timer.id).where(
                Timer.case_id == case.id,
                Timer.kind == "follow_up",
                col(Timer.outcome).in_([REMINDED["follow_up"], "reminded"]),
                col(Timer.done_at) >= case.contacted_at,
            )
        ).first()
        is not None
    )


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


def concentrate(session: Session, case: Case, speech: Tongue, zone: tzinfo) -> str:
    """Return one paragraph from which somebody can decide: what, why, and what was tried."""
    thread = session.get_one(Thread, case.thread_id)
    source = session.get_one(Source, thread.source_id)
    brand = session.get_one(Brand, case.brand_id).name
    topic = speech.either(f"topic_{case.topic or 'other'}", case.topic or "")
    return speech.say(
        "concentrate",
        level=speech.say(f"level_{case.level}"),
        score=f"{case.score:.0f}",
        where=f"{brand}, {topic}, {source.name}",
        why="; ".join(map(speech.reason, case.reasons)),
        zone=wording.offset(case.updated_at, zone),
        tried="; ".join(_story(session, case, speech, zone, HISTORY_SHOWN)),
    )


def _story(
    session: Session, case: Case, speech: Tongue, zone: tzinfo, newest: int
) -> Iterator[str]:
    """Give the ``newest`` events of a case in plain words, oldest first."""
    events = session.exec(
        select(CaseEvent)
        .where(CaseEvent.case_id == case.id)
        .order_by(col(CaseEvent.id).desc())
        .limit(newest)
    ).all()
    agents = {id_of(agent): agent for agent in session.exec(select(Agent))}
    for event in reversed(events):
        local = event.at.astimezone(zone)
        words = line(event, agents, speech, zone=zone).rstrip(".")
        yield f"{speech.day(local)} {local:%H:%M} {words}"


def _language(session: Session, case: Case) -> str | None:
    return session.exec(
        select(Verdict.language)
        .where(Verdict.post_id == case.post_id, Verdict.brand_id == case.brand_id)
        .order_by(col(Verdict.scored_at).desc())
        .limit(1)
    ).first()
