"""Decisions are labels: precision, quiet aliases, thresholds."""

import random
from datetime import timedelta

import pytest
from sqlmodel import select

from models import (
    Agent,
    Brand,
    Case,
    CaseState,
    Delivery,
    Dismissal,
    How,
    Label,
    Thread,
    Threshold,
    Unhappy,
)
from models.base import id_of
from models.database import reading, writing
from monitor import cases, feedback
from monitor.brands import BrandSpec, save_brand
from monitor.cases import Actor
from monitor.feedback import FeedbackError, learn_threshold, wilson
from monitor.mentions import Alias
from tests.monitor.test_judging import CHECKPOINT, NOW, Forum


@pytest.fixture
def forum(engine) -> Forum:
    made = Forum(engine)
    with writing(engine) as session:
        save_brand(session, BrandSpec(name="Nordvia", aliases=(Alias(text="Nord"),)))
        session.add(Agent(name="Anna"))
    return made


def decide(forum: Forum, verb, **given) -> None:
    with writing(forum.engine) as session:
        case = session.exec(select(Case)).one()
        anna = session.exec(select(Agent)).one()
        verb(session, id_of(case), Actor(anna.id, How.SLACK), NOW, **given)


def labels(forum: Forum) -> list[Label]:
    with reading(forum.engine) as session:
        return list(session.exec(select(Label).order_by(Label.id)).all())


def test_a_dismissal_is_a_label_of_the_exact_post_and_brand(forum: Forum) -> None:
    post = forum.post("ewa", Unhappy.SURE, text="Again Nord is silent", negative=0.93)
    forum.judge()
    decide(forum, cases.dismiss, reason=Dismissal.NOT_ABOUT_US)
    [label] = labels(forum)
    assert (label.post_id, label.brand_id, label.verdict) == (post, forum.brand_id, "not_about_us")
    assert (label.alias, label.negative, label.checkpoint, label.language) == (
        "Nord",
        0.93,
        CHECKPOINT,
        "en",
    )


def test_a_reopened_case_takes_its_label_back_and_a_word_with_the_customer_is_a_right_one(
    forum: Forum,
) -> None:
    forum.post("ewa", Unhappy.SURE)
    forum.judge()
    decide(forum, cases.dismiss, reason=Dismissal.NOT_NEGATIVE)
    decide(forum, cases.reopen, reason="a slip of the mouse")
    decide(forum, cases.claim)
    decide(forum, cases.contacted)
    told = [(label.verdict, label.withdrawn_at is None) for label in labels(forum)]
    assert told == [("not_negative", False), ("right", True)]
    with reading(forum.engine) as session:
        shares = {(one.of, one.name): one.share for one in feedback.precision(session)}
    assert shares == {("brand", "Nordvia"): 1, ("alias", "Nordvia"): 1, ("source", "f"): 1}


def add_votes(forum: Forum, alias: str, right: int, wrong: int) -> None:
    with writing(forum.engine) as session:
        case = session.exec(select(Case)).first()
        assert case is not None
        for number in range(right + wrong):
            session.add(
                Label(
                    post_id=case.post_id,
                    brand_id=case.brand_id,
                    case_id=id_of(case),
                    source_id=forum.source_id,
                    verdict="right" if number < right else "not_about_us",
                    alias=alias,
                    text_hash="1",
                    at=NOW,
                )
            )


@pytest.mark.parametrize(
    ("right", "wrong", "proposed"), [(7, 13, True), (8, 12, False), (7, 12, False), (0, 20, True)]
)
def test_an_alias_under_forty_per_cent_after_twenty_votes_is_proposed(
    forum: Forum, right: int, wrong: int, proposed: bool
) -> None:
    forum.post("ewa", Unhappy.SURE)
    forum.judge()
    add_votes(forum, "Nord", right, wrong)
    with reading(forum.engine) as session:
        found = {one.name: one.proposed for one in feedback.precision(session) if one.of == "alias"}
    assert found == {"Nord": proposed}


def test_a_quiet_alias_opens_cases_and_alerts_nobody_until_it_is_undone(forum: Forum) -> None:
    forum.post("ewa", Unhappy.SURE, text="Nord is silent")
    with writing(forum.engine) as session:
        brand = session.exec(select(Brand)).one()
        session.get_one(Thread, forum.thread_id).title = "Help"
    forum.judge(age=timedelta(0))  # too old to alert: a case to vote on
    add_votes(forum, "Nord", 1, 19)
    with writing(forum.engine) as session:
        row = feedback.set_quiet(session, brand, "nord", NOW)
        assert (row.alias, row.right, row.votes) == ("Nord", 1, 20)
        with pytest.raises(FeedbackError, match="quiet for Nordvia already"):
            feedback.set_quiet(session, brand, "NORD", NOW)
    assert forum.judge().alerts == 0
    with writing(forum.engine) as session:
        feedback.set_loud(session, brand, "Nord", NOW)
    assert forum.judge().alerts == 1
    with reading(forum.engine) as session:
        assert len(session.exec(select(Delivery)).all()) == 1


def test_a_post_that_a_loud_alias_finds_too_alerts(forum: Forum) -> None:
    forum.post("ewa", Unhappy.SURE, text="Nord is silent, that is Nordvia")
    forum.judge(age=timedelta(0))
    add_votes(forum, "Nord", 1, 19)
    with writing(forum.engine) as session:
        feedback.set_quiet(session, feedback.brand_of(session, None), "Nord", NOW)
    assert forum.judge().alerts == 1


def test_a_threshold_is_the_lowest_that_reaches_the_target() -> None:
    sure = [(0.95, True)] * 20
    mixed = [(0.80, True)] * 8 + [(0.80, False)] * 2
    poor = [(0.70, True)] * 2 + [(0.70, False)] * 18
    learnt = learn_threshold([*sure, *mixed, *poor], 0.80)
    assert (learnt.negative, learnt.right, learnt.votes, learnt.labels) == (0.80, 28, 30, 50)
    assert learn_threshold([*sure, *mixed], 0.80).negative is None  # the checkpoint's own will do
    assert learn_threshold(poor * 2, 0.80).negative is None  # nothing reaches it
    few = learn_threshold(sure + mixed[:9], 0.80)
    assert (few.negative, few.why) == (None, "29 labels are too few; 30 are needed")
    surest = learn_threshold([(0.999, True)] * 15 + [(0.998, False)] * 15, 0.80)
    assert surest.negative == 0.99  # the surest complaints always alert


def test_a_learnt_threshold_reaches_its_target_on_posts_it_has_not_seen() -> None:
    chance = random.Random(11)  # noqa: S311 - the same posts every time

    def post() -> tuple[float, bool]:
        score = chance.uniform(0.6, 1.0)
        return score, chance.random() < 0.4 + 1.4 * (score - 0.6)

    learnt = learn_threshold([post() for _ in range(600)], 0.80)
    assert learnt.negative is not None
    unseen = [good for score, good in (post() for _ in range(5_000)) if score >= learnt.negative]
    assert sum(unseen) / len(unseen) >= 0.78
    every = [good for _, good in (post() for _ in range(5_000))]
    assert sum(every) / len(every) < 0.72


def test_calibration_changes_what_alerts_and_can_be_undone(forum: Forum) -> None:
    forum.post("ewa", Unhappy.SURE, negative=0.90)
    forum.judge(age=timedelta(0))
    with writing(forum.engine) as session:
        brand = feedback.brand_of(session, "nordvia")
        case = session.exec(select(Case)).one()
        for number in range(40):
            session.add(
                Label(
                    post_id=case.post_id,
                    brand_id=case.brand_id,
                    case_id=id_of(case),
                    source_id=forum.source_id,
                    verdict="right" if number < 20 else "not_negative",
                    text_hash="1",
                    checkpoint=CHECKPOINT,
                    negative=0.97 if number < 20 else 0.91,
                    at=NOW,
                )
            )
        assert feedback.present_checkpoint(session, brand) == CHECKPOINT
        learnt = feedback.calibrate(session, brand, CHECKPOINT, NOW)
    assert learnt.negative == 0.97
    assert forum.judge().alerts == 0
    with reading(forum.engine) as session:
        assert session.exec(select(Case.level)).one() == "watch"
    with writing(forum.engine) as session:
        feedback.undo_threshold(session, brand, NOW)
        with pytest.raises(FeedbackError, match="has no threshold of its own"):
            feedback.undo_threshold(session, brand, NOW)
    assert forum.judge().alerts == 1
    with reading(forum.engine) as session:
        [kept] = session.exec(select(Threshold)).all()
        assert session.exec(select(Case.state)).one() == CaseState.NEW
    assert (kept.negative, kept.undone_at, kept.figures["votes"]) == (0.97, NOW, 20)


def test_a_wilson_interval_is_the_textbook_one() -> None:
    low, high = wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_solved_case_is_reopened_by_a_newer_complaint_and_alerts_again(forum: Forum) -> None:
    forum.post("ewa", Unhappy.SURE)
    assert forum.judge().alerts == 1
    for verb in (cases.claim, cases.contacted, cases.solved):
        decide(forum, verb)
    assert forum.judge().alerts == 0
    forum.post("ewa", Unhappy.SURE, hours_ago=-2)
    assert forum.judge(at=NOW + timedelta(hours=3)).alerts == 1
    with reading(forum.engine) as session:
        assert session.exec(select(Case.state)).one() == CaseState.NEW
