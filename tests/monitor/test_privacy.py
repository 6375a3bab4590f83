"""What people asked us to forget is gone, everywhere, and does not come back."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from models import (
    Activity,
    Alert,
    Audit,
    Author,
    Case,
    Objection,
    Post,
    PostRevision,
    Quote,
    Source,
    Thread,
)
from models.base import id_of
from models.database import reading, writing
from monitor.held import held_on
from monitor.privacy import ERASED, NobodyFound, find_authors, forget, objected
from monitor.retention import Policy, Swept, sweep
from monitor.store import Store
from spiders.base import PostItem
from spiders.base import Quote as QuoteRead
from spiders.crawl import ThreadItem, ThreadMark
from tests.monitor.scene import NOW, Scene

KLARA = "Klara_77"


def post(number: int, author: str, text: str, *quotes: QuoteRead) -> PostItem:
    return PostItem(
        post_id=str(number),
        number=number,
        url=f"https://forum.example/p{number}",
        author=author,
        author_id=None,
        posted_at=NOW - timedelta(hours=10 - number),
        edited=False,
        text=text,
        quotes=quotes,
        private_message_url=f"https://forum.example/pm?to={author}",
        profile_url=f"https://forum.example/u/{author}",
    )


def walk(*posts: PostItem) -> ThreadItem:
    return ThreadItem(
        board_id="1",
        board_title="Help",
        thread_id="7",
        thread_title="Nordvia and my money",
        thread_url="https://forum.example/t7",
        engine="phpbb",
        posts=posts,
        whole=True,
        mark=ThreadMark(last_post_id=posts[-1].post_id, last_posted_at=None, posts=len(posts)),
        language="en",
    )


POSTS = (
    post(1, KLARA, "Nordvia has my money since May"),
    post(2, "tom", "same with Nordvia here", QuoteRead(author=KLARA, text="my money since May")),
)


@pytest.fixture
def source_id(engine: Engine) -> int:
    with writing(engine) as session:
        scene = Scene(session)
        scene.brand()
        found = id_of(scene.source(address="https://forum.example/"))
    Store(engine, found, now=lambda: NOW).save(walk(*POSTS))
    edited = replace(POSTS[0], text="Nordvia has my money since June", edited=True)
    Store(engine, found, now=lambda: NOW).save(walk(edited, POSTS[1]))
    return found


def everything_stored(session: Session) -> str:
    tables = (Author, Post, PostRevision, Quote, Thread, Alert, Audit, Objection)
    return "\n".join(
        row.model_dump_json() for table in tables for row in session.exec(select(table))
    )


def case_with_alert(session: Session) -> None:
    [first] = session.exec(select(Post).where(Post.external_id == "1"))
    case = Case(
        thread_id=first.thread_id, brand_id=1, post_id=id_of(first), level="urgent", score=70
    )
    session.add(case)
    session.flush()
    content = {
        "author": KLARA,
        "quote": first.text,
        "private_message_url": first.private_message_url,
        "profile_url": f"https://forum.example/u/{KLARA}",
        "post_url": first.url,
        "thread_url": "https://forum.example/t7",
    }
    session.add(Alert(key="1", case_id=id_of(case), level="urgent", content=content))


@pytest.mark.usefixtures("source_id")
def test_a_forgotten_author_is_gone_from_posts_quotes_revisions_and_alerts(engine: Engine) -> None:
    with writing(engine) as session:
        case_with_alert(session)
    with writing(engine) as session:
        [author] = find_authors(session, KLARA, host="forum.example")
        done = forget(session, author, who="ola", now=NOW)
    assert (done.posts, done.quotes, done.alerts) == (1, 1, 1)
    with reading(engine) as session:
        left = everything_stored(session)
        for trace in (KLARA, "money since", "pm?to=Klara", "/u/Klara"):
            assert trace not in left
        assert "same with Nordvia here" in left
        assert session.exec(select(func.count()).select_from(Case)).one() == 1
        [line] = session.exec(select(Audit))
        assert (line.who, line.action) == ("ola", "forgotten")


def test_a_crawl_does_not_bring_an_erased_post_back(engine: Engine, source_id: int) -> None:
    with writing(engine) as session:
        forget(session, find_authors(session, KLARA)[0], who="ola", now=NOW)
    Store(engine, source_id, now=lambda: NOW).save(walk(*POSTS))
    with reading(engine) as session:
        [first] = session.exec(select(Post).where(Post.external_id == "1"))
        assert first.text == ""
        assert first.private_message_url is None


def test_who_objected_is_never_stored_again_not_even_quoted(engine: Engine, source_id: int) -> None:
    with writing(engine) as session:
        objected(session, find_authors(session, KLARA)[0], who="ola", now=NOW)
    new = post(3, KLARA, "Nordvia, still waiting")
    echo = post(4, "tom", "yes Nordvia", QuoteRead(author=KLARA, text="still waiting"))
    Store(engine, source_id, now=lambda: NOW).save(walk(*POSTS, new, echo))
    with reading(engine) as session:
        left = everything_stored(session)
        assert KLARA not in left
        assert "still waiting" not in left
        assert "yes Nordvia" in left


@pytest.mark.usefixtures("source_id")
def test_an_objection_holds_on_its_site_only(engine: Engine) -> None:
    with writing(engine) as session:
        objected(session, find_authors(session, KLARA)[0], who="ola", now=NOW)
        other = id_of(Scene(session).source(address="https://elsewhere.example/"))
    Store(engine, other, now=lambda: NOW).save(walk(*POSTS))
    with reading(engine) as session:
        assert [author.source_id for author in find_authors(session, KLARA)] == [other]


@pytest.mark.usefixtures("source_id")
def test_what_is_held_on_an_author_is_told_whole(engine: Engine) -> None:
    with reading(engine) as session:
        held = held_on(session, find_authors(session, KLARA)[0])
    assert json.loads(json.dumps(held)) == held
    [told] = held["posts"]
    assert told["text"] == "Nordvia has my money since June"
    assert told["earlier_texts"] == ["Nordvia has my money since May"]
    assert held["quoted_by_others"] == ["my money since May"]
    assert held["site"] == "https://forum.example/"


@pytest.mark.usefixtures("source_id")
def test_nobody_of_that_name_is_an_error_that_says_so(engine: Engine) -> None:
    with reading(engine) as session, pytest.raises(NobodyFound, match="klara"):
        find_authors(session, "klara")


def test_threads_without_a_case_go_after_their_time_and_stay_known(
    engine: Engine, source_id: int
) -> None:
    policy = Policy(unflagged=30)
    assert sweep(engine, policy, NOW + timedelta(days=29)) == Swept()
    later = NOW + timedelta(days=31)
    assert sweep(engine, policy, later, dry=True).posts == 2
    assert sweep(engine, policy, later) == Swept(threads=1, posts=2)
    assert sweep(engine, policy, later) == Swept()
    with reading(engine) as session:
        assert session.exec(select(Post)).all() == []
        assert session.exec(select(Author)).all() == []
        [thread] = session.exec(select(Thread))
        assert (thread.title, thread.mark_last_post_id) == ("", "2")
    assert Store(engine, source_id).mark("7") is not None


@pytest.mark.parametrize(("state", "kept"), [("claimed", True), ("solved", False)])
@pytest.mark.usefixtures("source_id")
def test_texts_of_a_case_go_after_it_was_closed_and_its_numbers_stay(
    engine: Engine, state: str, kept: bool
) -> None:
    with writing(engine) as session:
        case_with_alert(session)
        [case] = session.exec(select(Case))
        case.state, case.closed_at = state, NOW
        session.add(case)
    swept = sweep(engine, Policy(closed=180), NOW + timedelta(days=181))
    assert swept.closed == (0 if kept else 1)
    with reading(engine) as session:
        texts = [one.text for one in session.exec(select(Post).order_by(col(Post.id)))]
        assert len(texts) == 2
        assert all(texts) is kept
        [alert] = session.exec(select(Alert))
        assert (alert.content["author"] == ERASED) is not kept
        assert session.exec(select(func.count()).select_from(Case)).one() == 1


@pytest.mark.usefixtures("source_id")
def test_comments_of_youtube_go_after_30_days_unless_they_were_read_again(engine: Engine) -> None:
    with writing(engine) as session:
        case_with_alert(session)
        source, thread = session.exec(select(Source)).one(), session.exec(select(Thread)).one()
        source.engine, thread.read_at = "youtube", NOW + timedelta(days=5)
    assert sweep(engine, Policy(), NOW + timedelta(days=34)).unread == 0
    assert sweep(engine, Policy(), NOW + timedelta(days=36)).unread == 1
    with reading(engine) as session:
        assert not any(one.text for one in session.exec(select(Post)))
        assert session.exec(select(func.count()).select_from(Case)).one() == 1
    with writing(engine) as session:
        session.exec(select(Source)).one().engine = "phpbb"
    assert sweep(engine, Policy(), NOW + timedelta(days=37)).unread == 0


@pytest.mark.usefixtures("source_id")
def test_old_counts_go_with_the_records_of_crawls(engine: Engine) -> None:
    with writing(engine) as session:
        case_with_alert(session)
    sweep(engine, Policy(runs=90), NOW + timedelta(days=91))
    with reading(engine) as session:
        assert session.exec(select(Activity)).all() == []
