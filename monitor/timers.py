"""What happens to a case by itself: reminders, escalations, follow-ups, the end of a snooze.

``plan`` gives every case the timers of its present turn; ``fire`` does what is due. A timer is a
row with a key of its own, so each is set once and fires once, whatever is killed in between; one
whose case has moved on does nothing. docs/cases.md lists them with their times.
"""

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlmodel import Session, col, exists, or_, select

from alerts.notice import Entry, Notice
from alerts.outbox import Target, enqueue_notice
from models import (
    Alert,
    AlertKind,
    Case,
    CaseChange,
    CaseEvent,
    CaseState,
    How,
    Timer,
)
from models.base import id_of
from models.database import writing
from monitor.case_rules import MACHINE
from monitor.config import Settings
from monitor.routing import Duty, Places
from monitor.shifts import wall_clock
from monitor.timer_acts import Act, Told, acts

logger = logging.getLogger(__name__)
BATCH = 200
FOLLOW_UPS = 3
"""How often the owner is asked how a customer is doing, before a lead is."""
UNSETTLED_DAYS = 7
"""How often a lead is told of a case that its follow-ups did not settle."""
TOO_LATE = timedelta(days=7)
"""What is to be asked after a case was solved is left out when overdue by more, after a long outage
or an upgrade. A follow-up is not: its case is open."""
TRIES = 8
"""How often an act is tried that breaks; over some fourteen hours."""
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
"""Between two tries; each wait is four times the one before."""
BROKE = "broke: "
"""Begins the outcome of an act that broke."""
ROUNDS = 5
"""One run goes on while what it does makes something else due, such as telling a lead."""


@dataclass(frozen=True, slots=True)
class Fired:
    """What one run did."""

    planned: int = 0
    fired: int = 0
    notices: int = 0


def timers_due(engine: Engine, settings: Settings, places: Places, now: datetime) -> Fired:
    """Set the timers that are missing and do what is due."""
    planned = fired = notices = 0
    for _ in range(ROUNDS):
        with writing(engine) as session:
            planned += plan(session, settings, now)
        with writing(engine) as session:
            done, told = fire(session, settings, places, now)
        fired, notices = fired + done, notices + told
        if not done:
            break
    if notices:
        logger.info("%d timers fired, %d notices queued", fired, notices)
    return Fired(planned, fired, notices)


def plan(session: Session, settings: Settings, now: datetime) -> int:
    """Set the timers of every case that has none in its present turn; return how many."""
    planned = exists().where(col(Timer.case_id) == col(Case.id), col(Timer.turn) == col(Case.turn))
    alerted = exists().where(col(Alert.case_id) == col(Case.id), col(Alert.kind) == AlertKind.ALERT)
    cases = session.exec(
        select(Case)
        .where(
            ~planned,
            Case.state != CaseState.DISMISSED,
            or_(Case.state != CaseState.NEW, alerted),
        )
        .order_by(col(Case.id))
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    count = 0
    for case in cases:
        last = _last_event(session, case)
        told = _alerted(session, case)
        moments = [case.opened_at, last.at if last else None, told]
        base = max(moment for moment in moments if moment is not None)
        wanted = _wanted(session, case, base, settings)
        for kind, step, due in wanted or [("none", 0, now)]:
            timer = Timer(case_id=id_of(case), turn=case.turn, kind=kind, step=step, due_at=due)
            if kind == "none":
                timer.done_at = now
            session.add(timer)
            count += kind != "none"
    session.flush()
    return count


def _last_event(session: Session, case: Case) -> CaseEvent | None:
    return session.exec(
        select(CaseEvent)
        .where(CaseEvent.case_id == case.id, col(CaseEvent.kind).not_in(MACHINE))
        .order_by(col(CaseEvent.id).desc())
        .limit(1)
    ).first()


def _alerted(session: Session, case: Case) -> datetime | None:
    return session.exec(
        select(Alert.created_at)
        .where(Alert.case_id == case.id, Alert.kind == AlertKind.ALERT)
        .order_by(col(Alert.id))
        .limit(1)
    ).first()


def _wanted(
    session: Session, case: Case, base: datetime, settings: Settings
) -> list[tuple[str, int, datetime]]:
    """Return kind, step and moment of the timers that a case needs in its present turn."""

    def after(minutes: int) -> datetime:
        return base + timedelta(minutes=minutes)

    last = _last_event(session, case)
    told: list[tuple[str, int, datetime]] = []
    if last is not None and last.kind == CaseChange.HANDED_OVER and last.agent_id != case.agent_id:
        told = [("given", 0, base)]
    elif last is not None and last.kind == CaseChange.WOKEN and last.how == How.TIMER:
        told = [("woken", 0, base)]
        # A snooze that ends at night takes the case from nobody before they are back.
        worker = Duty(session, settings, base).worker(case.agent_id)
        base = (worker and worker.next_begin(base)) or base
    state = CaseState(case.state)
    if state is CaseState.NEW:
        return [
            *told,
            ("route", 0, base),
            ("remind", 0, after(settings.remind_minutes)),
            ("to_lead", 0, after(settings.escalate_minutes)),
        ]
    if state is CaseState.CLAIMED:
        return [
            *told,
            ("write", 0, after(settings.contact_minutes)),
            ("release", 0, after(2 * settings.contact_minutes)),
        ]
    if state is CaseState.CONTACTED:
        begin, zone = case.contacted_at or base, _zone(session, case, settings)
        due = days_later(begin, settings.follow_up_days, zone)
        return [*told, ("follow_up", 0, max(due, base))]
    if state is CaseState.SNOOZED:
        return [("wake", 0, case.snoozed_until or base)]
    if state is CaseState.ESCALATED:
        up = ("to_manager", 0, after(settings.manager_minutes))
        again = ("remind_manager", 0, after(24 * 60))
        return [*told, ("told", 0, base), again if case.escalated_to == "manager" else up]
    if state is CaseState.SOLVED and case.contacted_at is not None:
        begin, zone = case.closed_at or base, _zone(session, case, settings)
        return [("solved", 0, days_later(begin, settings.solved_follow_up_days, zone))]
    return []


def _zone(session: Session, case: Case, settings: Settings) -> ZoneInfo:
    worker = Duty(session, settings, case.updated_at).worker(case.agent_id)
    return ZoneInfo(worker.agent.timezone) if worker else settings.timezone


def days_later(begin: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the moment ``days`` later at which a wall clock in ``zone`` shows the same time."""
    local = begin.astimezone(zone)
    return wall_clock(local.date() + timedelta(days=days), local.hour * 60 + local.minute, zone)


def fire(session: Session, settings: Settings, places: Places, now: datetime) -> tuple[int, int]:
    """Do what is due, in the caller's transaction; return timers done and notices queued."""
    due = session.exec(
        select(Timer)
        .where(col(Timer.done_at).is_(None), Timer.due_at <= now)
        .order_by(col(Timer.due_at), col(Timer.id))
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    duty = Duty(session, settings, now)
    doing = acts(session, settings, places, duty)
    told: list[tuple[Timer, Told]] = []
    done = 0
    for timer in due:
        case = session.get_one(Case, timer.case_id, populate_existing=True)
        later = None
        if case.turn != timer.turn:
            timer.outcome = "overtaken"
        elif timer.kind == "solved" and now - timer.due_at > TOO_LATE:
            timer.outcome = "too late"
        else:
            act: Act = doing[timer.kind]
            came = _do(session, act, timer, case)
            if isinstance(came, datetime):
                later = came
            elif came is not None:
                told += [(timer, one) for one in came]
                _repeat(session, settings, timer, now)
            elif timer.tries < TRIES:
                later = now + min(FIRST_WAIT * 4 ** (timer.tries - 1), LONGEST_WAIT)
        if later is not None:
            timer.due_at = later
        else:
            timer.done_at = now
            done += 1
        session.add(timer)
    session.flush()
    return done, _tell(session, told, settings, now)


def _do(session: Session, act: Act, timer: Timer, case: Case) -> datetime | list[Told] | None:
    """Do one act, and return what is to be told; or return until when it had better wait.

    One that breaks takes back what it did, stops no other, and gives ``None``.
    """
    try:
        with session.begin_nested():
            if (later := act.when(case)) is not None:
                # By the time everybody is back they have as long as ever.
                return later + act.patience
            outcome, told = act.do(case)
    except Exception as error:
        logger.exception("timer %s of case %s broke", timer.kind, timer.case_id)
        timer.tries += 1
        timer.outcome = f"{BROKE}{type(error).__name__}"
        return None
    timer.outcome = outcome[:200]
    return told


def broken_timers(session: Session) -> list[Timer]:
    """Return the timers whose act breaks, of cases that still stand where they did."""
    return list(
        session.exec(
            select(Timer)
            .join(Case, col(Case.id) == col(Timer.case_id))
            .where(Timer.tries > 0, col(Timer.outcome).startswith(BROKE), Case.turn == Timer.turn)
            .order_by(col(Timer.due_at))
        )
    )


def _repeat(session: Session, settings: Settings, timer: Timer, now: datetime) -> None:
    """Set a timer again that goes on until somebody acts."""
    kind = timer.kind
    if timer.kind == "remind_manager":
        due = now + timedelta(hours=24)
    elif timer.kind == "follow_up":
        due = days_later(now, settings.follow_up_days, settings.timezone)
        if timer.step + 1 == FOLLOW_UPS:
            kind = "unsettled"
    elif timer.kind == "unsettled":
        due = days_later(now, UNSETTLED_DAYS, settings.timezone)
    else:
        return
    session.add(
        Timer(
            case_id=timer.case_id,
            turn=timer.turn,
            kind=kind,
            step=timer.step + 1,
            due_at=due,
        )
    )


def _tell(
    session: Session, told: list[tuple[Timer, Told]], settings: Settings, now: datetime
) -> int:
    """Queue what the run has to say: one message for a place, a person and a subject."""
    groups: dict[tuple[str, str, tuple[Target, ...]], list[tuple[Timer, Told]]] = defaultdict(list)
    for timer, one in told:
        groups[one.kind, one.person, one.targets].append((timer, one))
    queued = 0
    for (kind, person, targets), members in groups.items():
        if kind == "route" and len(members) > settings.storm_limit:
            continue  # a summary tells of them; nobody is told so many things to do at once
        entries = sorted((one.entry for _, one in members), key=_weight)
        (timer, first), many = members[0], len(members) > 1
        notice = Notice(
            key=f"{kind} {timer.id} {members[-1][0].id} {targets[0][0]} {person}"[:120],
            kind=kind,
            title=first.title(len(members)),
            text="" if many else first.text,
            language=first.speech.code,
            person=person or None,
            entries=tuple(entries),
        )
        one_case = None if many else timer.case_id
        queued += enqueue_notice(session, notice, targets, now, case_id=one_case)
    return queued


def _weight(entry: Entry) -> tuple[int, int]:
    return -entry.level.rank, entry.case_id
