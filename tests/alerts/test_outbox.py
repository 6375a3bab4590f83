"""Storms and quiet hours: many alerts become one message, and none is lost."""

from datetime import timedelta

from sqlmodel import select

from alerts.dispatch import deliver_due, retry_failed
from alerts.notice import ENTRIES_SHOWN, Notice, lines
from alerts.outbox import enqueue_notice
from models import Alert, AlertKind, Delivery, DeliveryState, Level
from models.database import reading, writing
from tests.alerts.conftest import NOON
from tests.slack_server import TOKEN, FakeSlack

C1 = ("slack", "C1")


def states(engine) -> list[str]:
    with reading(engine) as session:
        return list(session.exec(select(Delivery.state)).all())


def summaries(engine) -> list[Notice]:
    with reading(engine) as session:
        kept = session.exec(select(Alert).where(Alert.kind == AlertKind.SUMMARY))
        return [Notice.from_json(alert.content) for alert in kept]


def test_a_storm_becomes_one_summary_that_names_every_case(
    engine, slack: FakeSlack, channel_to, open_case, clock
) -> None:
    calm = [open_case([C1], level=Level.REACH_OUT) for _ in range(8)]
    urgent = [open_case([C1]) for _ in range(3)]
    report = deliver_due(engine, {C1: channel_to()}, now=clock, storm_limit=10)
    assert report.sent == 1
    assert len(slack.posted) == 1
    [summary] = summaries(engine)
    assert [entry.case_id for entry in summary.entries] == [*urgent, *calm]
    assert "11 threads need a person at once" in slack.posted[0]["text"]
    assert set(states(engine)) == {DeliveryState.SENT}
    open_case([C1])
    assert deliver_due(engine, {C1: channel_to()}, now=clock, storm_limit=10).sent == 1
    assert len(slack.posted) == 2


def test_alerts_up_to_the_limit_come_one_by_one(
    engine, slack: FakeSlack, channel_to, open_case, clock
) -> None:
    for _ in range(10):
        open_case([C1])
    assert deliver_due(engine, {C1: channel_to()}, now=clock, storm_limit=10).sent == 10
    assert len(slack.posted) == 10


def test_a_day_without_slack_loses_none_of_200_cases(
    engine, slack: FakeSlack, channel_to, open_case, clock
) -> None:
    slack.token = "xoxb-another"
    cases = []
    for hour in range(24):
        cases += [open_case([C1], at=clock()) for _ in range(9 if hour < 8 else 8)]
        deliver_due(engine, {C1: channel_to()}, now=clock, storm_limit=10)
        clock.forward(3_600)
    assert len(cases) == 200
    assert slack.posted == []
    slack.token = TOKEN
    with writing(engine) as session:
        retry_failed(session, clock())
    deliver_due(engine, {C1: channel_to()}, now=clock, storm_limit=10)
    named = {entry.case_id for one in summaries(engine) for entry in one.entries}
    alone = [
        post["metadata"]["event_payload"]["case_id"]
        for post in slack.posted
        if "case_id" in post["metadata"]["event_payload"]
    ]
    assert len(summaries(engine)) == 1
    assert named.isdisjoint(alone)
    assert named | set(alone) == set(cases)
    assert len(slack.posted) <= 11
    assert set(states(engine)) == {DeliveryState.SENT}


def test_what_quiet_hours_held_back_comes_as_one_message_weightiest_first(
    engine, slack: FakeSlack, channel_to, open_case, clock
) -> None:
    morning = NOON + timedelta(hours=8)
    calm = open_case([C1], level=Level.REACH_OUT, hold_until=morning)
    urgent = open_case([C1], hold_until=morning)
    assert deliver_due(engine, {C1: channel_to()}, now=clock, storm_limit=10).sent == 0
    clock.forward(8 * 3_600)
    assert deliver_due(engine, {C1: channel_to()}, now=clock, storm_limit=10).sent == 1
    [summary] = summaries(engine)
    assert (summary.kind, [entry.case_id for entry in summary.entries]) == (
        "catch_up",
        [urgent, calm],
    )
    assert len(slack.posted) == 1


def test_one_alert_that_was_held_back_comes_as_itself(
    engine, slack: FakeSlack, channel_to, open_case, clock
) -> None:
    case_id = open_case([C1], hold_until=NOON + timedelta(hours=8))
    clock.forward(8 * 3_600)
    deliver_due(engine, {C1: channel_to()}, now=clock, storm_limit=10)
    assert [post["metadata"]["event_payload"]["case_id"] for post in slack.posted] == [case_id]
    assert summaries(engine) == []


def test_a_notice_whose_answer_was_lost_is_not_sent_twice(
    engine, slack: FakeSlack, channel_to, clock
) -> None:
    with writing(engine) as session:
        notice = Notice(key="k", kind="reminder", title="nobody has taken case 7")
        assert enqueue_notice(session, notice, [C1], clock())
        assert not enqueue_notice(session, notice, [C1], clock())
    channel = channel_to()
    channel.send_notice(notice)  # a sender that died before it could write it down
    with writing(engine) as session:
        delivery = session.exec(select(Delivery)).one()
        delivery.state, delivery.leased_until = DeliveryState.SENDING, clock()
    clock.forward(1)
    report = deliver_due(engine, {C1: channel}, now=clock)
    assert (report.found, report.sent) == (1, 0)
    assert len(slack.posted) == 1


def test_a_long_summary_tells_the_rest_by_number(open_case, channel_to, engine, clock) -> None:
    numbers = [open_case([C1], thread_title="<!channel> & " * 20) for _ in range(40)]
    deliver_due(engine, {C1: channel_to()}, now=clock, storm_limit=10)
    [summary] = summaries(engine)
    told = "\n".join(lines(summary))
    assert f"and {40 - ENTRIES_SHOWN} more" in told
    assert all(f"#{number}" in told for number in numbers)
    assert set(states(engine)) == {DeliveryState.SENT}
