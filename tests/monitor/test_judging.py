"""From verdicts to cases and alerts, on rows written by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from models import (
    Activity,
    Alert,
    Author,
    Board,
    Case,
    CaseEvent,
    CaseState,
    Contact,
    Delivery,
    Dismissal,
    How,
    Mention,
    Post,
    Source,
    Thread,
    Unhappy,
    Verdict,
)
from models.base import id_of
from models.database import reading, writing
from monitor import cases
from monitor.brands import BrandSpec, save_brand
from monitor.case_rules import Actor
from monitor.case_views import history
from monitor.judging import Judged, judge, message_for, quote_of
from monitor.team import save_agent

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CHECKPOINT = "by-hand@1"


@dataclass
class Forum:
    """A board with one thread about Nordvia, to which judged posts are added."""

    engine: Engine
    brand_id: int = 0
    source_id: int = 0
    board_id: int = 0
    thread_id: int = 0
    posts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        with writing(self.engine) as session:
            brand = save_brand(session, BrandSpec(name="Nordvia", staff=("Nordvia_Support",)))
            source = Source(address="https://f.test/", engine="phpbb", name="f")
            session.add(source)
            session.flush()
            board = Board(source_id=id_of(source), external_id="1", title="b")
            session.add(board)
            session.flush()
            thread = Thread(
                source_id=id_of(source),
                board_id=id_of(board),
                external_id="7",
                title="Nordvia again",
                url="https://f.test/t7",
                watched=True,
            )
            session.add(thread)
            session.flush()
            self.brand_id, self.source_id = id_of(brand), id_of(source)
            self.board_id, self.thread_id = id_of(board), id_of(thread)

    def post(
        self,
        author: str,
        unhappy: Unhappy | None,
        *,
        hours_ago: float = 1.0,
        text: str = "Nordvia is silent",
        negative: float = 0.95,
    ) -> int:
        with writing(self.engine) as session:
            who = session.exec(
                select(Author).where(Author.external_id == author)
            ).first() or Author(source_id=self.source_id, external_id=author, name=author)
            session.add(who)
            session.flush()
            number = len(self.posts) + 1
            post = Post(
                source_id=self.source_id,
                thread_id=self.thread_id,
                author_id=id_of(who),
                external_id=str(number),
                number=number,
                url=f"https://f.test/p{number}",
                private_message_url=f"https://f.test/pm{number}",
                posted_at=NOW - timedelta(hours=hours_ago),
                text=text,
                text_hash="1",
            )
            session.add(post)
            session.flush()
            if unhappy is not None:
                session.add(
                    Verdict(
                        post_id=id_of(post),
                        brand_id=self.brand_id,
                        checkpoint=CHECKPOINT,
                        text_hash="1",
                        polarity="negative",
                        negative=negative,
                        neutral=1 - negative,
                        positive=0.0,
                        unhappy=unhappy,
                        language="en",
                        topic="support",
                    )
                )
            self.posts.append(id_of(post))
        return self.posts[-1]

    def by_hand(self, verb: Callable[..., Any], *, at: datetime = NOW, **given: Any) -> None:
        """Let Anna change the case."""
        with writing(self.engine) as session:
            anna = save_agent(session, "Anna")[0]
            verb(session, 1, Actor(anna.id, How.SLACK), at, **given)

    def kinds(self) -> list[str]:
        with reading(self.engine) as session:
            return list(session.exec(select(CaseEvent.kind).order_by(col(CaseEvent.id))))

    def judge(self, *, at: datetime = NOW, age: timedelta = timedelta(days=3)) -> Judged:
        return judge(
            self.engine,
            checkpoint=CHECKPOINT,
            targets=[("console", "")],
            now=at,
            alert_max_age=age,
        )

    def case(self) -> Case:
        with reading(self.engine) as session:
            return session.exec(select(Case)).one()

    def alerts(self) -> list[str]:
        with reading(self.engine) as session:
            return list(session.exec(select(Alert.level).order_by(col(Alert.id))))


@pytest.fixture
def forum(engine: Engine) -> Forum:
    return Forum(engine)


def test_a_sure_complaint_opens_a_case_with_reasons_and_queues_one_alert(forum: Forum) -> None:
    worst = forum.post("ann", Unhappy.SURE)
    assert forum.judge() == Judged(threads=1, opened=1, raised=0, alerts=1)
    case = forum.case()
    assert (case.level, case.post_id, case.topic) == ("reach_out", worst, "support")
    assert case.reasons == ["an author is clearly unhappy (probability 0.95)"]
    with reading(forum.engine) as session:
        [delivery] = session.exec(select(Delivery)).all()
    assert (delivery.channel, delivery.state) == ("console", "pending")


def test_judging_again_changes_nothing_and_alerts_nobody(forum: Forum) -> None:
    forum.post("ann", Unhappy.SURE)
    forum.judge()
    before = forum.case()
    assert forum.judge() == Judged(threads=1, opened=0, raised=0, alerts=0)
    assert forum.case() == before


def test_a_case_that_gets_worse_is_raised_and_says_so_once(forum: Forum) -> None:
    forum.post("ann", Unhappy.SURE, hours_ago=3)
    forum.judge()
    for author in ("bob", "cat", "dan"):
        forum.post(author, Unhappy.SURE)
    assert forum.judge() == Judged(threads=1, opened=0, raised=1, alerts=1)
    assert forum.alerts() == ["reach_out", "urgent"]
    with reading(forum.engine) as session:
        message = message_for(session, session.exec(select(Case)).one(), now=NOW)
        kinds = session.exec(select(CaseEvent.kind).order_by(col(CaseEvent.id))).all()
    assert message.raised_from == "reach_out"
    assert kinds == ["opened", "raised"]


def test_a_case_that_calms_down_is_no_news(forum: Forum) -> None:
    authors = [forum.post(name, Unhappy.SURE, hours_ago=3) for name in ("ann", "bob", "cat", "dan")]
    forum.judge()
    assert forum.alerts() == ["urgent"]
    with writing(forum.engine) as session:
        for post_id in authors[1:]:
            session.get_one(Post, post_id).gone_at = NOW
    forum.judge()
    assert forum.case().level == "reach_out"
    assert forum.alerts() == ["urgent"]


def test_a_likely_complaint_is_watched_without_an_alert(forum: Forum) -> None:
    forum.post("ann", Unhappy.LIKELY, negative=0.6)
    assert forum.judge().alerts == 0
    assert forum.case().level == "watch"


def test_an_old_complaint_opens_its_case_in_silence(forum: Forum) -> None:
    forum.post("ann", Unhappy.SURE, hours_ago=24 * 10)
    assert forum.judge() == Judged(threads=1, opened=1, raised=0, alerts=0)
    forum.post("ann", Unhappy.SURE, hours_ago=1)
    assert forum.judge().alerts == 1


def test_a_complaint_of_long_ago_opens_nothing(forum: Forum) -> None:
    forum.post("ann", Unhappy.SURE, hours_ago=24 * 40)
    assert forum.judge() == Judged()


@pytest.mark.parametrize("state", [CaseState.DISMISSED, CaseState.SOLVED])
def test_a_closed_case_alerts_nobody(forum: Forum, state: CaseState) -> None:
    forum.post("ann", Unhappy.SURE, hours_ago=3)
    forum.judge()
    with writing(forum.engine) as session:
        session.exec(select(Case)).one().state = state
    for author in ("bob", "cat", "dan"):
        forum.post(author, Unhappy.SURE)
    assert forum.judge().alerts == 0


def test_our_own_people_are_known_by_their_handles(forum: Forum) -> None:
    forum.post("nordvia_support", Unhappy.SURE)
    assert forum.judge().opened == 0


def test_a_verdict_on_an_older_text_or_by_another_checkpoint_does_not_count(forum: Forum) -> None:
    post_id = forum.post("ann", Unhappy.SURE)
    with writing(forum.engine) as session:
        session.get_one(Post, post_id).text_hash = "2"
    assert forum.judge() == Judged()
    assert (
        judge(
            forum.engine, checkpoint="other", targets=(), now=NOW, alert_max_age=timedelta(days=1)
        ).opened
        == 0
    )


def test_growth_is_measured_against_the_other_threads_of_the_board(forum: Forum) -> None:
    with writing(forum.engine) as session:
        for n in range(6):
            other = Thread(
                source_id=forum.source_id,
                board_id=forum.board_id,
                external_id=f"x{n}",
                url=f"https://f.test/x{n}",
            )
            session.add(other)
            session.flush()
            hour = NOW - timedelta(days=n + 1)
            session.add(Activity(thread_id=id_of(other), hour=hour, posts=1))
    for n in range(8):
        forum.post(f"a{n}", None, text="me too", hours_ago=n + 1)
    forum.post("ann", Unhappy.SURE)
    forum.judge()
    assert any("9 posts in 24 hours, 9 times" in reason for reason in forum.case().reasons)


def test_the_quote_stands_around_the_mention(forum: Forum) -> None:
    text = "word " * 200 + "Nordvia never answers. " + "more " * 200
    post_id = forum.post("ann", Unhappy.SURE, text=text)
    with writing(forum.engine) as session:
        session.add(
            Mention(
                post_id=post_id,
                brand_id=forum.brand_id,
                place="text",
                start=text.index("Nordvia"),
                end=text.index("Nordvia") + 7,
                matched="Nordvia",
            )
        )
    with reading(forum.engine) as session:
        quote = quote_of(session, session.get_one(Post, post_id), forum.brand_id)
    assert "Nordvia never answers." in quote
    assert quote.startswith("… ")
    assert quote.endswith(" …")
    assert len(quote) <= 290


def test_a_complaint_that_disappears_lowers_its_case(forum: Forum) -> None:
    post_id = forum.post("ann", Unhappy.SURE)
    forum.judge()
    with writing(forum.engine) as session:
        session.get_one(Post, post_id).gone_at = NOW
    forum.judge()
    case = forum.case()
    assert (case.level, case.score, case.reasons) == ("watch", 0.0, [])
    assert forum.alerts() == ["reach_out"]


def test_the_author_of_a_case_stays_while_somebody_has_it(forum: Forum) -> None:
    first = forum.post("first", Unhappy.SURE, hours_ago=5, negative=0.90)
    forum.judge()
    forum.by_hand(cases.claim)
    forum.post("second", Unhappy.SURE, hours_ago=2, negative=0.97)
    forum.judge()
    assert forum.case().post_id == first
    forum.post("second", Unhappy.SURE, hours_ago=1.5, negative=0.98)
    forum.judge()
    assert forum.kinds().count("joined") == 1, "one author is told of once"
    forum.by_hand(cases.contacted)
    forum.post("third", Unhappy.SURE, negative=0.99)
    forum.judge()
    assert forum.case().post_id == first
    assert forum.kinds().count("joined") == 2
    with reading(forum.engine) as session:
        [name] = session.exec(
            select(Author.name).join(Contact, col(Contact.author_id) == col(Author.id))
        )
        message = message_for(session, forum.case(), now=NOW)
        lines = [line.what for line in history(session, 1)]
    assert (name, message.author) == ("first", "first")
    assert lines.count("somebody else in the thread is unhappy, too") == 2


def test_a_case_that_nobody_has_follows_the_weightiest_complaint(forum: Forum) -> None:
    forum.post("first", Unhappy.SURE, hours_ago=5, negative=0.90)
    forum.judge()
    forum.by_hand(cases.claim)
    second = forum.post("second", Unhappy.SURE, hours_ago=2, negative=0.97)
    forum.judge()
    forum.by_hand(cases.release)
    forum.post("third", Unhappy.SURE, hours_ago=1, negative=0.91)
    forum.judge()
    assert forum.case().post_id == second


def test_a_solved_case_that_is_taken_up_again_is_about_who_complained_since(forum: Forum) -> None:
    forum.post("first", Unhappy.SURE, hours_ago=9, negative=0.90)
    forum.judge()
    for verb in (cases.claim, cases.contacted, cases.solved):
        forum.by_hand(verb, at=NOW - timedelta(hours=3))
    second = forum.post("second", Unhappy.SURE, hours_ago=1, negative=0.97)
    forum.judge()
    case = forum.case()
    assert (case.state, case.post_id, case.agent_id) == ("new", second, None)


FLARES = [
    # dismissed for, where the newer posts name the brand, after which the case is
    (Dismissal.NOT_NEGATIVE, True, "new"),
    (Dismissal.NOT_NEGATIVE, False, "new"),
    (Dismissal.ALREADY_HANDLED, False, "new"),
    (Dismissal.NOT_ABOUT_US, True, "new"),
    (Dismissal.NOT_ABOUT_US, False, "dismissed"),
    (Dismissal.OTHER_BRAND, True, "new"),
    (Dismissal.OTHER_BRAND, False, "dismissed"),
    (Dismissal.NO_CONTACT_ALLOWED, True, "dismissed"),
]


@pytest.mark.parametrize(("reason", "named", "state"), FLARES)
def test_a_dismissed_thread_that_flares_up_is_taken_up_again(
    forum: Forum, reason: Dismissal, named: bool, state: str
) -> None:
    first = forum.post("ann", Unhappy.SURE, hours_ago=9)
    forum.judge()
    assert forum.case().level == "reach_out"
    forum.by_hand(cases.dismiss, at=NOW - timedelta(hours=4), reason=reason)
    assert forum.judge().alerts == 0
    assert forum.case().state == "dismissed", "what was known then takes nothing up"
    for author in ("bob", "cat", "dan"):
        number = forum.post(author, Unhappy.SURE, hours_ago=1)
        if named:
            with writing(forum.engine) as session:
                session.add(
                    Mention(
                        post_id=number,
                        brand_id=forum.brand_id,
                        place="text",
                        start=0,
                        end=7,
                        matched="Nordvia",
                    )
                )
    alerts = forum.judge().alerts
    case = forum.case()
    assert (case.level, case.state) == ("urgent", state)
    assert (alerts, case.post_id != first) == ((1, True) if state == "new" else (0, False))
    forum.judge()
    assert forum.kinds().count("reopened") == (state == "new"), "once"


def test_a_thread_dismissed_at_its_worst_stays_dismissed(forum: Forum) -> None:
    for author in ("ann", "bob", "cat", "dan"):
        forum.post(author, Unhappy.SURE, hours_ago=9)
    forum.judge()
    assert forum.case().level == "urgent"
    forum.by_hand(cases.dismiss, at=NOW - timedelta(hours=4), reason=Dismissal.ALREADY_HANDLED)
    forum.post("eve", Unhappy.SURE, hours_ago=1)
    assert forum.judge().alerts == 0
    assert forum.case().state == "dismissed"
