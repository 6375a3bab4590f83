"""Numbers of the page of causes, and which threads a manager is shown first."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session

from models import CaseState, How, Level, Shift
from models.base import id_of
from monitor import cases
from monitor.answer_times import read_answer_times, read_uncovered
from monitor.case_list import TOP, Wanted, list_cases
from monitor.cases import Actor
from monitor.trends import Share, read_places, read_topics, read_trends
from tests.monitor.scene import NOW, Scene, hours

WEEK = NOW - timedelta(days=7)
WARSAW = ZoneInfo("Europe/Warsaw")


@pytest.fixture
def scene(session: Session) -> Scene:
    return Scene(session)


def test_a_share_of_few_posts_comes_with_the_range_that_holds_the_true_one() -> None:
    low, high = Share(8, 10).interval  # Wilson 1927, as in Brown, Cai and DasGupta 2001
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert Share(0, 20).interval[0] == 0
    assert Share(0, 0).value is None
    assert (Share(0, 99).small, Share(0, 100).small) == (True, False)


def test_trends_count_a_brand_by_day_beside_the_week_before(scene: Scene) -> None:
    thread = scene.thread(scene.source("Grosz"), "T")
    for days, unhappy in ((0.5, "sure"), (0.5, "no"), (3, "likely"), (9, "sure")):
        at = NOW - timedelta(days=days)
        scene.post(thread, "Nordvia", at=at, negative=0.9, unhappy=unhappy)
    (trend,) = read_trends(scene.session, WEEK, NOW, WARSAW)
    assert (trend.brand, trend.total.mentions, trend.total.negative) == ("Nordvia", 3, 2)
    assert (trend.before.mentions, trend.before.negative) == (1, 1)
    assert len(trend.buckets) == 8  # two halves of a day, and six between them
    assert [one.mentions for one in trend.buckets if one.mentions] == [1, 2]
    (topic,) = read_topics(scene.session, WEEK, NOW)
    assert (topic.topic, topic.now, topic.before) == ("other", 2, 1)
    (place,) = read_places(scene.session, WEEK, NOW)
    assert (place.name, place.mentions, place.share) == ("Grosz", 3, Share(2, 3))
    assert read_trends(scene.session, WEEK, NOW, WARSAW, brand=99) == ()


def test_a_wait_is_measured_from_the_post_with_its_noticing_apart(scene: Scene) -> None:
    marta = scene.agent("Marta")
    marta.team = "Alfa"
    scene.add(Shift(agent_id=marta.id, weekday=6, start=6 * 60, end=9 * 60))  # a Sunday, as NOW
    thread = scene.thread(scene.source(), "T")
    for opened in (NOW - hours(3), NOW - hours(0.4)):
        post = scene.post(thread, "Nordvia", at=opened - hours(0.5))
        thread = scene.thread(scene.source(), "U")
        history = (("contacted", 0.25),)
        state = CaseState.CONTACTED
        scene.case(post, state=state, agent=marta, opened_at=opened, history=history)
    times = read_answer_times(scene.session, WEEK, NOW)
    assert times.whole is not None
    assert (times.whole.noticed, times.whole.answered) == (hours(0.5), hours(0.25))
    assert times.whole.whole == times.whole.slow == hours(0.75)
    assert times.in_hours is not None
    assert times.out_of_hours is not None
    assert (times.in_hours.number, times.out_of_hours.number) == (1, 1)
    assert [(team.name, team.number) for team in times.teams] == [("Alfa", 2)]


@pytest.mark.parametrize("by_a_person", [False, True])
def test_a_reopened_case_is_a_wait_of_its_own(scene: Scene, by_a_person: bool) -> None:
    session, marta = scene.session, scene.agent("Marta")
    thread = scene.thread(scene.source(), "T")
    begin = NOW - hours(120)
    case = scene.case(scene.post(thread, "Nordvia", at=begin - hours(1)), opened_at=begin)
    actor, again = Actor(marta.id, How.WEB), begin + hours(100)
    cases.claim(session, id_of(case), actor, begin + hours(1))
    for verb in (cases.contacted, cases.solved):  # at one moment: it is counted once
        verb(session, id_of(case), actor, begin + hours(2))
    cases.reopen(session, id_of(case), actor, again, reason="it broke again")
    if not by_a_person:  # the risk job has found another's complaint
        case.post_id = id_of(scene.post(thread, "Nordvia", author="other", at=again - hours(0.5)))
        session.flush()
    cases.claim(session, id_of(case), actor, again + hours(1))
    cases.contacted(session, id_of(case), actor, again + hours(3))
    first = read_answer_times(session, begin, begin + hours(50)).whole
    assert first is not None
    assert (first.number, first.noticed, first.answered) == (1, hours(1), hours(2))
    second = read_answer_times(session, begin + hours(50), NOW).whole
    assert second is not None
    noticed = hours(0) if by_a_person else hours(0.5)
    assert (second.number, second.noticed, second.answered) == (1, noticed, hours(3))


def test_hours_without_an_agent_are_those_between_the_shifts(scene: Scene) -> None:
    day = datetime(2026, 11, 22, tzinfo=UTC)
    assert not read_uncovered(scene.session, day, day + hours(24)).told
    marta, oleg = scene.agent("Marta"), scene.agent("Oleg")
    scene.add(Shift(agent_id=marta.id, weekday=6, start=8 * 60, end=16 * 60))
    scene.add(Shift(agent_id=oleg.id, weekday=6, start=12 * 60, end=20 * 60))
    found = read_uncovered(scene.session, day, day + hours(24))
    assert found.total == hours(12)
    assert found.longest == (day, day + hours(8))


def test_a_manager_is_shown_seven_threads_at_most_decisions_first(scene: Scene) -> None:
    source, marta = scene.source(), scene.agent()

    def case(title: str, level: Level, state: CaseState, age: float = 2.0) -> None:
        post = scene.post(scene.thread(source, title), "Nordvia")
        owner = marta if state is CaseState.CLAIMED else None
        scene.case(post, level, state=state, agent=owner, opened_at=NOW - hours(age))

    case("calm", Level.WATCH, CaseState.NEW, 90)
    case("young", Level.REACH_OUT, CaseState.NEW)
    case("left alone", Level.REACH_OUT, CaseState.NEW, 30)
    case("taken", Level.URGENT, CaseState.CLAIMED)
    case("written to", Level.URGENT, CaseState.CONTACTED)
    case("urgent", Level.URGENT, CaseState.NEW)
    case("decide", Level.REACH_OUT, CaseState.ESCALATED)
    listing = list_cases(scene.session, Wanted(since=WEEK, until=NOW), NOW)
    told = [row.case.title for row in listing.top]
    assert told == ["decide", "urgent", "taken", "left alone"]
    for number in range(TOP):
        case(f"more {number}", Level.URGENT, CaseState.NEW)
    listing = list_cases(scene.session, Wanted(since=WEEK, until=NOW), NOW)
    assert (len(listing.top), listing.top_total) == (TOP, TOP + 4)
