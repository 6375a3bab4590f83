"""The outbox: every alert arrives, once where nobody dies, and in the right order."""

import logging
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlmodel import Session, select

from alerts.base import Channel, DeliveryError
from alerts.dispatch import OutboxError, deliver_due, enqueue, retry_failed
from alerts.trouble import broken, trouble
from models import Alert, Delivery, DeliveryState, Level
from models.database import reading, writing
from tests.slack_server import TOKEN, Mischief, reader_sees

C1, C2, CONSOLE = ("slack", "C1"), ("slack", "C2"), ("console", "")
ROOT = Path(__file__).parents[2]


def deliveries(engine) -> list[Delivery]:
    with reading(engine) as session:
        return list(session.exec(select(Delivery).order_by(Delivery.id)))


def case_ids(slack) -> list[int]:
    return [post["metadata"]["event_payload"]["case_id"] for post in slack.posted]


@pytest.fixture
def run(engine, channel_to, clock):
    """Give a function that runs the dispatcher once, by default for both rooms of the Slack."""

    def once(channels=None, **options):
        channels = {C1: channel_to("C1"), C2: channel_to("C2")} if channels is None else channels
        return deliver_due(engine, channels, now=clock, **options)

    return once


def test_a_due_alert_is_sent_and_its_receipt_kept(engine, slack, run, open_case, clock) -> None:
    case_id = open_case([C1])
    report = run()
    [delivery] = deliveries(engine)
    assert case_ids(slack) == [case_id]
    assert (delivery.state, delivery.receipt) == (DeliveryState.SENT, slack.posted[0]["ts"])
    assert (delivery.sent_at, delivery.leased_until, delivery.attempts) == (clock(), None, 1)
    assert (report.sent, report.retried, report.failed, report.waiting) == (1, 0, 0, 0)
    assert (report.found, report.repeated, report.unconfigured) == (0, 0, ())
    assert run().sent == 0
    assert len(slack.posted) == 1


def test_an_alert_is_put_into_the_outbox_once_per_case_and_level(
    engine, store_case, a_message, clock
) -> None:
    def offer(session, case, level: Level) -> bool:
        message = a_message(case_id=case.id, level=level)
        return enqueue(session, case, message, [C1, CONSOLE, C1], clock())

    with writing(engine) as session:
        case = store_case(session, 1)
        assert offer(session, case, Level.REACH_OUT) is True
        assert offer(session, case, Level.REACH_OUT) is False
    with writing(engine) as session:
        assert offer(session, case, Level.REACH_OUT) is False
        assert offer(session, case, Level.URGENT) is True
    with reading(engine) as session:
        assert [alert.level for alert in session.exec(select(Alert))] == ["reach_out", "urgent"]
    assert [(d.channel, d.room) for d in deliveries(engine)] == [C1, CONSOLE, C1, CONSOLE]


def test_workers_that_raise_the_same_case_at_once_make_one_alert_of_each_level(
    engine, store_case, a_message, clock
) -> None:
    with writing(engine) as session:
        case = store_case(session, 1)
    workers = 4
    start = threading.Barrier(workers)
    made: list[Level] = []

    def raise_case() -> None:
        for level in Level:
            with writing(engine) as session:
                start.wait()
                message = a_message(case_id=case.id, level=level)
                if enqueue(session, case, message, [C1], clock()):
                    made.append(level)

    threads = [threading.Thread(target=raise_case) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == list(Level)
    assert len(deliveries(engine)) == 3


def test_an_alert_is_there_only_if_the_caller_commits(engine, store_case, a_message, clock) -> None:
    with Session(engine) as session:
        case = store_case(session, 1)
        enqueue(session, case, a_message(case_id=case.id), [C1], clock())
        session.rollback()
    assert deliveries(engine) == []


def test_an_alert_that_nobody_would_hear_of_is_refused(
    engine, store_case, a_message, clock
) -> None:
    with writing(engine) as session:
        case = store_case(session, 1)
        with pytest.raises(OutboxError, match="no channel"):
            enqueue(session, case, a_message(case_id=case.id), [], clock())
        with pytest.raises(OutboxError, match="was offered for case"):
            enqueue(session, case, a_message(case_id=999), [C1], clock())


def test_urgent_alerts_go_first_and_the_oldest_first_among_them(slack, run, open_case, clock):
    made = clock()
    late = open_case([C1], level=Level.URGENT, at=made - timedelta(minutes=1))
    mild = open_case([C1], level=Level.REACH_OUT, at=made - timedelta(hours=9))
    early = open_case([C1], level=Level.URGENT, at=made - timedelta(minutes=5))
    faint = open_case([C1], level=Level.WATCH, at=made - timedelta(hours=99))
    assert run(limit=1).sent == 1
    assert run().sent == 3
    assert case_ids(slack) == [early, late, mild, faint]


def test_an_urgent_alert_does_not_wait_for_the_end_of_a_backlog(
    run, channel_to, slack, open_case
) -> None:
    watched = [open_case([C1], level=Level.WATCH) for _ in range(3)]
    channel, urgent = channel_to("C1"), []
    channel.pause_s = 30.0

    def pause(seconds: float) -> None:
        assert 0 < seconds <= channel.pause_s
        if not urgent:
            urgent.append(open_case([C1], level=Level.URGENT))

    assert run({C1: channel}, sleep=pause).sent == 4
    assert case_ids(slack) == [watched[0], *urgent, *watched[1:]]


def test_one_room_in_trouble_does_not_hold_up_another(slack, run, open_case) -> None:
    slack.mischief.append(Mischief(status=500, error="internal_error"))
    cases = [open_case([C1, C2]) for _ in range(2)]
    report = run()
    assert (report.sent, report.retried, report.waiting) == (2, 1, 1)
    assert [(post["channel"]) for post in slack.posted] == ["C2", "C2"]
    assert case_ids(slack) == cases


def test_a_failure_pushes_the_next_attempt_further_and_further_up_to_five_minutes(
    engine, slack, run, open_case, clock
) -> None:
    open_case([C1])
    for bound in (5, 10, 20, 40, 80, 160, 300, 300):
        slack.mischief.append(Mischief(error="a_code_of_tomorrow"))
        slack.may_read_history = False
        assert run().retried == 1
        [delivery] = deliveries(engine)
        wait = (delivery.not_before - clock()).total_seconds()
        assert bound / 2 <= wait <= bound
        clock.forward(wait - 0.5)
        assert (run().retried, run().waiting) == (0, 1)
        clock.forward(1)
    assert delivery.error == "Slack refused: a_code_of_tomorrow"
    assert run().sent == 1
    assert deliveries(engine)[0].error == ""


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry-After": "30"}, 30), ({}, 10), ({"Retry-After": "999999999999"}, 3_600)],
)
def test_a_channel_that_asks_for_patience_gets_it_for_the_whole_room(
    slack, run, open_case, clock, headers, seconds
) -> None:
    slack.mischief.append(Mischief(status=429, error="ratelimited", headers=headers))
    for _ in range(3):
        open_case([C1])
    other = open_case([C2])
    report = run()
    assert (report.sent, report.retried, report.waiting) == (1, 1, 2)
    assert case_ids(slack) == [other]
    clock.forward(seconds - 1)
    assert run().sent == 0
    assert len(slack.calls("chat.postMessage")) == 2
    clock.forward(1)
    assert run().sent == 3
    assert slack.calls("conversations.history") == []  # a refusal for haste leaves no doubt


def test_a_revoked_token_stops_the_room_tells_ops_and_loses_nothing(
    engine, slack, run, open_case, clock, caplog
) -> None:
    slack.token = "xoxb-another"
    cases = [open_case([C1]) for _ in range(3)]
    report = run()
    assert (report.retried, report.failed, report.waiting) == (1, 0, 2)
    [logged] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "invalid_auth" in logged.getMessage()
    with reading(engine) as session:
        [stopped] = broken(session)
    assert (stopped.target, stopped.waiting, stopped.since) == (C1, 3, clock())
    assert "QUIETWORD_SLACK_TOKEN" in stopped.words
    asked = len(slack.requests)
    clock.forward(300)
    assert run().waiting == 3
    assert len(slack.requests) == asked  # a broken channel is left alone
    clock.forward(300)
    assert run().retried == 1  # but for one delivery now and then
    assert len(slack.requests) == asked + 1
    slack.token = TOKEN
    with writing(engine) as session:
        retry_failed(session, clock())
    assert run().sent == 3
    assert sorted(case_ids(slack)) == cases
    with reading(engine) as session:
        assert trouble(session, [C1]) == []
        assert broken(session) == []


def test_a_mended_channel_is_found_out_by_itself(slack, run, open_case, clock) -> None:
    slack.token = "xoxb-another"
    cases = [open_case([C1]) for _ in range(3)]
    run()
    slack.token = TOKEN
    clock.forward(601)
    assert run().sent == 1  # the one that was tried
    assert run().sent == 2
    assert sorted(case_ids(slack)) == cases


def test_a_delivery_for_a_channel_no_longer_configured_waits_and_is_reported(
    engine, run, open_case, channel_to
) -> None:
    open_case([C2])
    report = run({C1: channel_to("C1")})
    assert (report.sent, report.waiting, report.unconfigured) == (0, 1, (C2,))
    with reading(engine) as session:
        [stranded] = trouble(session, [C1])
    assert (stranded.target, stranded.failed) == (C2, False)
    assert stranded.reason == "slack C2 is not configured; the alert waits until it is"
    assert run({}).unconfigured == (C2,)
    assert run().sent == 1


def test_a_delivery_still_being_tried_after_five_attempts_is_reported(
    engine, slack, run, open_case, clock
) -> None:
    open_case([C1])
    for _ in range(5):
        with reading(engine) as session:
            assert trouble(session, [C1]) == []
        slack.mischief.append(Mischief(status=500, error="internal_error"))
        run()
        clock.forward(600)
    with reading(engine) as session:
        [stuck] = trouble(session, [C1])
    assert (stuck.attempts, stuck.failed) == (5, False)
    assert stuck.reason == "Slack is in trouble: internal_error"


def test_a_stored_alert_that_cannot_be_read_is_put_aside_with_the_reason(
    engine, slack, run, open_case
) -> None:
    open_case([C1])
    with writing(engine) as session:
        alert = session.exec(select(Alert)).one()
        alert.content = {"case_id": 1}
    assert run().failed == 1
    assert "cannot be read" in deliveries(engine)[0].error
    assert slack.requests == []


def test_a_channel_that_breaks_does_not_stop_the_others(
    engine, run, open_case, channel_to, caplog
) -> None:
    class Broken(Channel):
        kind = "console"

        def send(self, message) -> str | None:
            raise KeyError(message.case_id)

    open_case([CONSOLE, C1])
    report = run({CONSOLE: Broken(""), C1: channel_to("C1")})
    assert (report.sent, report.retried) == (1, 1)
    assert deliveries(engine)[0].error == "the channel broke: KeyError"
    assert "KeyError" in caplog.text


def test_a_message_whose_answer_was_lost_is_found_and_not_sent_again(
    engine, slack, run, open_case, clock, channel_to
) -> None:
    open_case([C1])
    slack.mischief.append(Mischief(hang_after=True))
    assert run({C1: channel_to(timeout_s=1)}).retried == 1
    clock.forward(10)
    report = run()
    assert (report.sent, report.found, report.repeated) == (0, 1, 0)
    assert len(slack.posted) == 1
    assert deliveries(engine)[0].receipt == slack.posted[0]["ts"]
    assert deliveries(engine)[0].state == DeliveryState.SENT


def test_a_message_whose_answer_was_lost_before_it_arrived_is_sent(
    slack, run, open_case, clock, channel_to
) -> None:
    open_case([C1])
    slack.mischief.append(Mischief(hang_before=True))
    assert run({C1: channel_to(timeout_s=1)}).retried == 1
    clock.forward(10)
    report = run()
    assert (report.sent, report.found, report.repeated) == (1, 0, 0)
    assert len(slack.posted) == 1


def test_where_the_room_may_not_be_searched_the_message_comes_twice_and_is_counted(
    slack, run, open_case, clock
) -> None:
    slack.may_read_history = False
    open_case([C1])
    slack.mischief.append(Mischief(cut_after=True))
    assert run().retried == 1
    clock.forward(10)
    report = run()
    assert (report.sent, report.found, report.repeated) == (1, 0, 1)
    assert len(slack.posted) == 2


def test_a_room_that_cannot_be_searched_for_the_moment_is_waited_for_but_not_for_ever(
    run, open_case, clock
) -> None:
    class Deaf(Channel):
        kind = "console"
        sent = 0

        def send(self, message) -> str | None:  # noqa: ARG002
            self.sent += 1
            if self.sent == 1:
                raise DeliveryError("lost", in_doubt=True)
            return None

        def find(self, message) -> str | None:  # noqa: ARG002
            raise DeliveryError("not now")

    open_case([CONSOLE])
    channels = {CONSOLE: Deaf("")}
    reports = []
    for _ in range(4):
        reports.append(run(channels))
        clock.forward(600)
    assert [(report.retried, report.repeated) for report in reports] == [
        (1, 0),
        (1, 0),
        (1, 0),
        (0, 1),
    ]
    assert channels[CONSOLE].sent == 2


def test_messages_to_one_room_keep_their_distance_and_other_rooms_are_served_meanwhile(
    slack, run, open_case, channel_to
) -> None:
    slow, quick = channel_to("C1"), channel_to("C2")
    slow.pause_s = 0.4
    for _ in range(3):
        open_case([C1])
    open_case([C2])
    assert run({C1: slow, C2: quick}).sent == 4
    assert [post["channel"] for post in slack.posted] == ["C1", "C2", "C1", "C1"]
    times = [post["received_at"] for post in slack.posted if post["channel"] == "C1"]
    assert all(later - sooner >= 0.39 for sooner, later in pairwise(times))


def test_several_dispatchers_at_once_send_each_alert_exactly_once(
    engine, slack, open_case, channel_to, clock
) -> None:
    cases = [open_case([C1, C2]) for _ in range(15)]
    start = threading.Barrier(4)
    reports = []

    def dispatch() -> None:
        channels = {C1: channel_to("C1"), C2: channel_to("C2")}
        start.wait()
        reports.append(deliver_due(engine, channels, now=clock))

    threads = [threading.Thread(target=dispatch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.sent for report in reports) == 30
    assert sorted(case_ids(slack)) == sorted(cases * 2)
    assert {delivery.attempts for delivery in deliveries(engine)} == {1}


def test_a_lease_is_respected_while_it_lasts(engine, run, open_case, clock) -> None:
    open_case([C1])
    with writing(engine) as session:
        delivery = session.exec(select(Delivery)).one()
        delivery.leased_until = clock() + timedelta(seconds=60)
    assert (run().sent, run().waiting) == (0, 1)
    clock.forward(59)
    assert run().sent == 0
    clock.forward(2)
    assert run().sent == 1


def test_a_sender_that_was_overtaken_does_not_undo_what_its_successor_did(
    engine, run, open_case, clock, caplog
) -> None:
    class Sluggish(Channel):
        kind = "console"
        overtaken = False

        def send(self, message) -> str | None:
            if self.overtaken:
                return "second"
            self.overtaken = True
            clock.forward(61)
            assert run({CONSOLE: self}).repeated == 1
            if message.quote == "fails":
                raise DeliveryError("too late", permanent=True)
            return "first"

    open_case([CONSOLE])
    run({CONSOLE: Sluggish("")})
    assert "arrived twice" in caplog.text
    open_case([CONSOLE], quote="fails")
    assert run({CONSOLE: Sluggish("")}).failed == 0
    assert [(d.state, d.receipt, d.error) for d in deliveries(engine)] == [
        ("sent", "second", ""),
        ("sent", "second", ""),
    ]


def test_a_sender_that_was_overtaken_does_not_end_the_lease_of_its_successor(
    engine, run, open_case, clock
) -> None:
    second_sends, first_is_done = threading.Event(), threading.Event()

    class First(Channel):
        kind = "console"

        def send(self, message) -> str | None:  # noqa: ARG002
            clock.forward(61)
            successor.start()
            assert second_sends.wait(30)
            raise DeliveryError("too late", permanent=True)

    class Second(Channel):
        kind = "console"

        def send(self, message) -> str | None:  # noqa: ARG002
            second_sends.set()
            assert first_is_done.wait(30)
            return "second"

    open_case([CONSOLE])
    successor = threading.Thread(target=run, args=({CONSOLE: Second("")},))
    assert run({CONSOLE: First("")}).failed == 0
    [delivery] = deliveries(engine)
    assert (delivery.state, delivery.error) == ("sending", "")
    assert delivery.leased_until == clock() + timedelta(seconds=60)
    first_is_done.set()
    successor.join()
    [delivery] = deliveries(engine)
    assert (delivery.state, delivery.receipt) == ("sent", "second")


SENDER = """
import sys
from slack_sdk import WebClient
from alerts.channels.slack import SlackChannel
from alerts.dispatch import deliver_due
from models.database import make_engine
from datetime import datetime

url, slack, token, now = sys.argv[1:]
channel = SlackChannel(WebClient(token, base_url=slack, timeout=60, retry_handlers=[]), "C1")
channel.pause_s = 0.0
deliver_due(make_engine(url), {("slack", "C1"): channel}, now=lambda: datetime.fromisoformat(now))
"""


def kill_a_sender_when(engine, slack, clock, calls: int) -> None:
    """Run a dispatcher in a process of its own and kill it after its ``calls``-th request."""
    url = engine.url.render_as_string(hide_password=False)
    arguments = [sys.executable, "-c", SENDER, url, slack.url, TOKEN, clock().isoformat()]
    sender = subprocess.Popen(arguments, cwd=ROOT)
    try:
        for _ in range(calls):
            assert slack.received.acquire(timeout=30)
    finally:
        sender.send_signal(signal.SIGKILL)
        assert sender.wait(timeout=30) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("mischief", "may_search", "sent", "found", "repeated", "posts"),
    [
        (Mischief(hang_after=True), True, 2, 1, 0, 4),
        (Mischief(hang_after=True), False, 3, 0, 1, 5),
        (Mischief(hang_before=True), True, 3, 0, 0, 4),
        (Mischief(hang_before=True), False, 3, 0, 1, 4),
    ],
)
def test_what_a_killed_dispatcher_had_in_hand_arrives_all_the_same(
    engine, slack, run, open_case, clock, mischief, may_search, sent, found, repeated, posts
) -> None:
    slack.may_read_history = may_search
    cases = [open_case([C1]) for _ in range(4)]
    slack.mischief.extend([Mischief(), mischief])
    kill_a_sender_when(engine, slack, clock, calls=2)
    assert run().sent == 2  # the third and fourth; the second is still leased
    clock.forward(61)
    report = run()
    assert (report.sent + 2, report.found, report.repeated) == (sent, found, repeated)
    assert len(slack.posted) == posts
    assert set(case_ids(slack)) == set(cases)
    assert {delivery.state for delivery in deliveries(engine)} == {DeliveryState.SENT}


def test_no_alert_is_lost_in_a_storm_of_every_kind_of_failure(
    engine, slack, run, open_case, clock
) -> None:
    """Three of four attempts fail somehow; all alerts arrive, and the report owns up to doubles."""
    chance = random.Random(7)  # noqa: S311 - a repeatable storm
    kinds = [
        Mischief(status=429, error="ratelimited", headers={"Retry-After": "3"}),
        Mischief(status=500, error="internal_error"),
        Mischief(cut_after=True),
        Mischief(body="<html>"),
        Mischief(error="invalid_blocks"),
        Mischief(),
    ]
    cases = [open_case([C1]) for _ in range(12)]
    sent = found = 0
    for _ in range(400):
        if len(slack.mischief) < 2:
            slack.mischief.append(chance.choice(kinds))
        report = run()
        sent, found = sent + report.sent, found + report.found
        if not (report.retried or report.waiting):
            break
        clock.forward(30)
    assert sent + found == 12
    assert sorted(case_ids(slack)) == cases  # each once: every doubt was cleared by searching
    assert {delivery.state for delivery in deliveries(engine)} == {DeliveryState.SENT}


def test_what_is_sent_is_what_was_put_into_the_outbox(slack, run, open_case) -> None:
    open_case([C1], thread_title="Нордвия не платит", quote="Жду три недели")
    run()
    assert "“Нордвия не платит”" in reader_sees(slack.posted[0])
    assert "“Жду три недели”" in reader_sees(slack.posted[0])


def test_sending_holds_no_transaction(engine, run, open_case) -> None:
    class Writer(Channel):
        kind = "console"

        def send(self, message) -> str | None:
            started = time.monotonic()
            with writing(engine) as session:  # would wait 30 s if the sender held the database
                session.exec(select(Alert).where(Alert.case_id == message.case_id)).one()
            assert time.monotonic() - started < 5
            return None

    open_case([CONSOLE])
    assert run({CONSOLE: Writer("")}).sent == 1
