"""Which posts are judged, towards whom, and when again; by a real checkpoint of random weights."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from models import Brand, Post, Source, Verdict
from models.base import id_of
from models.database import reading, writing
from monitor.brands import BrandSpec, save_brand
from monitor.scoring import score_new, unhappiness
from monitor.store import Store
from sentiment.base import Opinion, Polarity
from sentiment.transformer import TransformerScorer
from spiders.base import PostItem, Quote
from spiders.crawl import ThreadItem, ThreadMark
from tests.sentiment.conftest import build

WHEN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> TransformerScorer:
    return TransformerScorer(build(tmp_path_factory.mktemp("tiny") / "checkpoint"))


def keep(engine: Engine, title: str, *texts: str, quotes: tuple[Quote, ...] = ()) -> None:
    """Store a thread whose posts say ``texts``; ``quotes`` stand in the last one."""
    with writing(engine) as session:
        source = session.exec(select(Source)).first()
        if source is None:
            save_brand(session, BrandSpec(name="Nordvia", rivals=("Baltfon",)))
            save_brand(session, BrandSpec(name="Acme"))
            source = Source(address="https://f.test/", engine="phpbb", name="f")
            session.add(source)
            session.flush()
        source_id = id_of(source)
    posts = tuple(
        PostItem(
            post_id=f"{title}{number}",
            number=number,
            url="https://f.test/p",
            author="ann",
            author_id="1",
            posted_at=WHEN,
            edited=False,
            text=text,
            quotes=quotes if number == len(texts) else (),
            private_message_url=None,
        )
        for number, text in enumerate(texts, 1)
    )
    Store(engine, source_id).save(
        ThreadItem(
            board_id="1",
            board_title="b",
            thread_id=title,
            thread_title=title,
            thread_url="https://f.test/t",
            engine="phpbb",
            posts=posts,
            whole=True,
            mark=ThreadMark(last_post_id=posts[-1].post_id, last_posted_at=WHEN, posts=len(posts)),
            language="en",
        )
    )


def judged(engine: Engine) -> list[tuple[str, str]]:
    """Return (text, brand) of every verdict."""
    with reading(engine) as session:
        return list(
            session.exec(
                select(Post.text, Brand.name)
                .join(Verdict, onclause=col(Verdict.post_id) == Post.id)
                .join(Brand, onclause=col(Brand.id) == Verdict.brand_id)
                .order_by(col(Verdict.id))
            )
        )


def test_a_post_is_judged_towards_each_brand_it_names(
    engine: Engine, scorer: TransformerScorer
) -> None:
    keep(engine, "thread", "hello", "Nordvia pays late, Acme does not")
    assert score_new(engine, scorer) == 2
    text = "Nordvia pays late, Acme does not"
    assert judged(engine) == [(text, "Nordvia"), (text, "Acme")]


def test_answers_in_a_thread_about_the_brand_are_judged_but_not_those_about_a_rival(
    engine: Engine, scorer: TransformerScorer
) -> None:
    keep(engine, "support", "Nordvia is silent", "mine too", "Baltfon is worse", "")
    score_new(engine, scorer)
    assert judged(engine) == [("Nordvia is silent", "Nordvia"), ("mine too", "Nordvia")]


def test_a_thread_titled_after_the_brand_is_about_it(
    engine: Engine, scorer: TransformerScorer
) -> None:
    keep(engine, "Nordvia down?", "anybody else?")
    score_new(engine, scorer)
    assert judged(engine) == [("anybody else?", "Nordvia")]


def test_an_answer_to_a_quoted_complaint_is_judged(
    engine: Engine, scorer: TransformerScorer
) -> None:
    keep(engine, "cats", "my cat", "so true", quotes=(Quote(author="x", text="Nordvia lies"),))
    score_new(engine, scorer)
    assert judged(engine) == [("so true", "Nordvia")]


def test_nothing_is_judged_twice_until_its_text_changes(
    engine: Engine, scorer: TransformerScorer
) -> None:
    keep(engine, "thread", "Nordvia pays late")
    assert score_new(engine, scorer) == 1
    assert score_new(engine, scorer) == 0
    keep(engine, "thread", "Nordvia paid, thanks")
    assert score_new(engine, scorer) == 1
    with reading(engine) as session:
        assert len(session.exec(select(Verdict)).all()) == 2


def test_another_checkpoint_judges_everything_again_beside_the_first(
    engine: Engine, scorer: TransformerScorer, tmp_path: Path
) -> None:
    keep(engine, "thread", "Nordvia pays late")
    score_new(engine, scorer)
    other = TransformerScorer(build(tmp_path / "other", seed=7))
    assert score_new(engine, other) == 1
    with reading(engine) as session:
        assert set(session.exec(select(Verdict.checkpoint))) == {
            scorer.checkpoint,
            other.checkpoint,
        }


def test_progress_counts_to_the_end(engine: Engine, scorer: TransformerScorer) -> None:
    keep(engine, "thread", *(f"Nordvia {number}" for number in range(10)))
    told: list[tuple[int, int]] = []
    score_new(engine, scorer, progress=lambda *counts: told.append(counts), batch_size=4)
    assert told == [(4, 10), (8, 10), (10, 10)]


@pytest.mark.parametrize(
    ("negative", "names_brand", "expected"),
    [(0.999, False, "sure"), (0.999, True, "sure"), (0.01, True, "no")],
)
def test_only_a_sure_verdict_counts_for_a_post_that_does_not_name_the_brand(
    scorer: TransformerScorer, negative: float, *, names_brand: bool, expected: str
) -> None:
    opinion = Opinion(
        polarity=Polarity.NEGATIVE if negative > 0.5 else Polarity.NEUTRAL,
        negative=negative,
        neutral=1 - negative,
        positive=0.0,
        language="en",
        windows=1,
    )
    assert unhappiness(opinion, scorer, names_brand=names_brand) == expected


def test_a_likely_verdict_counts_only_where_the_brand_is_named(scorer: TransformerScorer) -> None:
    likely = scorer.negative_threshold("en", 0.80)
    assert likely < scorer.negative_threshold("en", 0.90)
    opinion = Opinion(
        polarity=Polarity.NEGATIVE,
        negative=likely,
        neutral=1 - likely,
        positive=0.0,
        language="en",
        windows=1,
    )
    assert unhappiness(opinion, scorer, names_brand=True) == "likely"
    assert unhappiness(opinion, scorer, names_brand=False) == "no"
