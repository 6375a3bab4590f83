"""How much a thread needs a person, and what it says about why."""

from datetime import UTC, datetime, timedelta

import pytest

from models import Level, Unhappy
from monitor.risk import JudgedPost, assess

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def post(number: int, author: str = "ann", *, hours: float = 1.0, **more: object) -> JudgedPost:
    fields = {"post_id": number, "author": author, "ours": False}
    return JudgedPost(**(fields | {"at": NOW - timedelta(hours=hours)} | more))


def angry(number: int, author: str = "ann", *, hours: float = 1.0, **more: object) -> JudgedPost:
    return post(number, author, hours=hours, **({"unhappy": Unhappy.SURE, "negative": 0.95} | more))


def test_a_thread_without_an_unhappy_author_is_no_risk_however_busy() -> None:
    busy = [post(n, f"author{n}", hours=0.1) for n in range(50)]
    risk = assess(busy, usual_a_day=2.0, now=NOW)
    assert (risk.score, risk.level, risk.reasons, risk.post_id) == (0.0, None, (), None)


def test_one_sure_fresh_complaint_asks_for_a_private_message() -> None:
    risk = assess([post(1, hours=2), angry(2)], usual_a_day=None, now=NOW)
    assert risk.level == Level.REACH_OUT
    assert risk.post_id == 2
    assert risk.reasons == ("an author is clearly unhappy (probability 0.95)",)


def test_a_likely_complaint_is_watched() -> None:
    likely = angry(1, unhappy=Unhappy.LIKELY, negative=0.6)
    risk = assess([likely], usual_a_day=None, now=NOW)
    assert (risk.level, risk.score) == (Level.WATCH, 22.0)


def test_a_growing_row_of_several_people_without_an_answer_is_urgent() -> None:
    row = [angry(n, f"author{n}", hours=n / 2) for n in range(1, 7)]
    risk = assess(row, usual_a_day=1.5, now=NOW)
    assert risk.level == Level.URGENT
    assert risk.reasons == (
        "an author is clearly unhappy (probability 0.95)",
        "6 different authors are unhappy",
        "6 posts in 24 hours, 4 times what a thread of this board usually gets",
        "no answer from us for 3 hours",
    )


def test_the_same_person_complaining_twice_is_one_author() -> None:
    once = assess([angry(1)], usual_a_day=None, now=NOW)
    twice = assess([angry(1), angry(2)], usual_a_day=None, now=NOW)
    assert twice.score == once.score


@pytest.mark.parametrize(
    ("authors", "points"), [(1, 0), (2, 10), (3, 17), (4, 21), (5, 25), (9, 25)]
)
def test_each_further_author_adds_what_the_table_says(authors: int, points: float) -> None:
    alone = assess([angry(1)], usual_a_day=None, now=NOW)
    row = assess([angry(n, f"a{n}") for n in range(authors)], usual_a_day=None, now=NOW)
    assert row.score - alone.score == pytest.approx(points)


@pytest.mark.parametrize(("hours", "points"), [(1.9, 0), (2, 4), (5.9, 4), (6, 7), (24, 10)])
def test_waiting_adds_what_the_table_says(hours: float, points: float) -> None:
    fresh = assess([angry(1, hours=0)], usual_a_day=None, now=NOW)
    waiting = assess([angry(1, hours=hours)], usual_a_day=None, now=NOW)
    assert waiting.score - fresh.score == pytest.approx(points)


def test_an_answer_from_us_ends_the_waiting() -> None:
    answered = [angry(1, hours=30), post(2, "support", hours=20, ours=True)]
    assert not any(
        "no answer" in reason for reason in assess(answered, usual_a_day=None, now=NOW).reasons
    )
    again = [*answered, angry(3, hours=7)]
    assert "no answer from us for 7 hours" in assess(again, usual_a_day=None, now=NOW).reasons


def test_our_own_people_arguing_raise_the_risk_and_are_told_to_stop() -> None:
    thread = [
        angry(1, hours=6),
        post(2, "support", hours=5, ours=True),
        angry(3, hours=4),
        post(4, "support", hours=3, ours=True),
    ]
    calm = assess(thread, usual_a_day=None, now=NOW)
    assert not any("stop answering" in reason for reason in calm.reasons)
    dispute = assess([*thread, angry(5, hours=1)], usual_a_day=None, now=NOW)
    assert dispute.score - calm.score == pytest.approx(15)
    assert any("wrote here 2 times" in reason for reason in dispute.reasons)


def test_our_own_people_are_never_the_unhappy_customer() -> None:
    assert assess([angry(1, ours=True)], usual_a_day=None, now=NOW).level is None


def test_a_newcomer_weighs_more_not_less() -> None:
    regular = assess([angry(1, author_posts=400)], usual_a_day=None, now=NOW)
    newcomer = assess([angry(1, author_posts=1)], usual_a_day=None, now=NOW)
    joined = assess([angry(1, author_joined=NOW - timedelta(days=3))], usual_a_day=None, now=NOW)
    assert newcomer.score - regular.score == pytest.approx(8)
    assert joined.score == newcomer.score
    assert "an unhappy author is new here (1 post so far)" in newcomer.reasons


def test_the_order_of_posts_does_not_matter() -> None:
    row = [angry(n, f"a{n % 3}", hours=n) for n in range(6)]
    assert assess(row, usual_a_day=1, now=NOW) == assess(row[::-1], usual_a_day=1, now=NOW)


def test_the_score_stays_within_100() -> None:
    row = [angry(n, f"a{n}", negative=1.0, author_posts=0, hours=n) for n in range(30)]
    ours = [post(90 + n, "us", ours=True, hours=40 + n) for n in range(3)]
    assert assess([*row, *ours], usual_a_day=1, now=NOW).score <= 100
