"""What is kept of what a crawl reads."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from models import (
    Activity,
    Author,
    Board,
    Brand,
    Mention,
    Post,
    PostRevision,
    Quote,
    Source,
    Thread,
)
from models.base import id_of
from models.database import reading, writing
from monitor.brands import BrandError, BrandSpec, rematch, save_brand
from monitor.mentions import Alias, MentionRuleError
from monitor.store import Store
from spiders.base import PostItem
from spiders.base import Quote as QuoteItem
from spiders.crawl import ThreadItem, ThreadMark
from spiders.known import LeftOut, ListMark
from tests.monitor.scene import Scene

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
AGES_AGO = START - timedelta(days=7)


def post(number: int, text: str, **more: object) -> PostItem:
    fields: dict[str, object] = {
        "post_id": str(100 + number),
        "number": number,
        "url": f"https://f.test/p{number}",
        "author": f"author{number % 3}",
        "author_id": str(number % 3),
        "posted_at": START + timedelta(hours=number),
        "edited": False,
        "text": text,
        "private_message_url": None,
    }
    return PostItem(**(fields | more))


def walk(*posts: PostItem, title: str = "A thread", whole: bool = True) -> ThreadItem:
    return ThreadItem(
        board_id="3",
        board_title="Providers",
        thread_id="7",
        thread_title=title,
        thread_url="https://f.test/t7",
        engine="phpbb",
        posts=posts,
        whole=whole,
        mark=ThreadMark(
            last_post_id=posts[-1].post_id,
            last_posted_at=posts[-1].posted_at,
            posts=posts[-1].number,
        ),
        language="en",
    )


@pytest.fixture
def store(engine: Engine) -> Store:
    with writing(engine) as session:
        save_brand(session, BrandSpec(name="Nordvia", rivals=("Baltfon",)))
        source = Source(address="https://f.test/", engine="phpbb", name="f")
        session.add(source)
        session.flush()
        source_id = id_of(source)
    return Store(engine, source_id, now=lambda: START + timedelta(days=1))


def rows(engine: Engine) -> dict[str, list[object]]:
    with reading(engine) as session:
        return {
            "texts": list(session.exec(select(Post.text).order_by(col(Post.external_id)))),
            "mentions": list(
                session.exec(
                    select(Mention.place, Mention.matched).order_by(
                        col(Mention.place), col(Mention.post_id), col(Mention.start)
                    )
                )
            ),
            "hours": list(session.exec(select(Activity.posts).order_by(col(Activity.hour)))),
            "quotes": list(session.exec(select(Quote.text))),
            "revisions": list(session.exec(select(PostRevision.text))),
            "gone": list(
                session.exec(select(Post.external_id).where(col(Post.gone_at).is_not(None)))
            ),
        }


def test_a_thread_that_names_the_brand_is_kept_with_its_context(
    engine: Engine, store: Store
) -> None:
    new = store.save(walk(post(1, "Nordvia is down"), post(2, "mine too")))
    assert new == 2
    assert rows(engine) == {
        "texts": ["Nordvia is down", "mine too"],
        "mentions": [("text", "Nordvia")],
        "hours": [1, 1],
        "quotes": [],
        "revisions": [],
        "gone": [],
    }
    mark = store.mark("7")
    assert mark == ThreadMark(
        last_post_id="102", last_posted_at=START + timedelta(hours=2), posts=2
    )
    assert store.posts("7") == {"101", "102"}


def test_of_any_other_thread_only_the_mark_and_counts_are_kept(
    engine: Engine, store: Store
) -> None:
    assert store.save(walk(post(1, "My cat"), post(2, "Baltfon is bad"), title="Cats")) == 2
    with reading(engine) as session:
        thread = session.exec(select(Thread)).one()
        assert session.exec(select(Author)).all() == []
    assert (thread.title, thread.watched) == ("", False)
    assert rows(engine)["texts"] == []
    assert rows(engine)["hours"] == [1, 1]
    assert store.posts("7") == {"102"}


def test_saving_the_same_walk_again_changes_nothing(engine: Engine, store: Store) -> None:
    item = walk(post(1, "Nordvia is down", quotes=(QuoteItem(author="x", text="it works"),)))
    store.save(item)
    before = rows(engine)
    assert store.save(item) == 0
    assert rows(engine) == before


def test_posts_of_an_unwatched_thread_are_not_counted_twice(engine: Engine, store: Store) -> None:
    store.save(walk(post(1, "cats"), post(2, "dogs")))
    assert store.save(walk(post(2, "dogs"), post(3, "birds"))) == 1
    assert rows(engine)["hours"] == [1, 1, 1]


def test_a_rival_alone_opens_no_thread_but_is_known_beside_the_brand(
    engine: Engine, store: Store
) -> None:
    store.save(walk(post(1, "Nordvia or Baltfon?")))
    assert rows(engine)["mentions"] == [("rival", "Baltfon"), ("text", "Nordvia")]


def test_a_mention_in_a_quote_is_known_as_such(engine: Engine, store: Store) -> None:
    store.save(walk(post(1, "So true", quotes=(QuoteItem(author="x", text="Nordvia lies"),))))
    assert rows(engine)["mentions"] == [("quote", "Nordvia")]


def test_an_edit_keeps_what_was_said_before(engine: Engine, store: Store) -> None:
    store.save(walk(post(1, "Nordvia is great"), post(2, "ok")))
    store.save(walk(post(1, "Nordvia is awful", edited=True), post(2, "ok")))
    store.save(walk(post(1, "Nordvia is great", edited=True), post(2, "ok")))
    store.save(walk(post(1, "Nordvia is awful", edited=True), post(2, "ok")))
    assert rows(engine)["texts"] == ["Nordvia is awful", "ok"]
    assert sorted(map(str, rows(engine)["revisions"])) == ["Nordvia is awful", "Nordvia is great"]


def test_a_post_missing_from_a_page_read_in_full_is_gone_until_it_is_back(
    engine: Engine, store: Store
) -> None:
    first, second, third = post(11, "Nordvia"), post(12, "rude"), post(13, "end")
    store.save(walk(first, second, third))
    store.save(walk(first, third, whole=False))
    assert rows(engine)["gone"] == ["112"]
    store.save(walk(first, second, third))
    assert rows(engine)["gone"] == []
    store.save(walk(third, whole=False))
    assert rows(engine)["gone"] == []


def test_of_a_post_deleted_at_its_source_only_the_ids_stay(engine: Engine, store: Store) -> None:
    quoted = (QuoteItem(author="x", text="it works"),)
    first, second = post(1, "Nordvia is fine"), post(2, "Nordvia is awful", quotes=quoted)
    store.save(walk(first, second))
    store.save(
        walk(first, replace(second, text="Nordvia is bad", private_message_url="https://f.test/pm"))
    )
    store.save(walk(first))
    assert rows(engine) | {"mentions": None, "hours": None} == {
        "texts": ["Nordvia is fine", ""],
        "mentions": None,
        "hours": None,
        "quotes": [],
        "revisions": [],
        "gone": ["102"],
    }
    with reading(engine) as session:
        kept = session.exec(select(Post).where(Post.external_id == "102")).one()
    assert (kept.private_message_url, kept.url, kept.number) == (None, "https://f.test/p2", 2)
    store.save(walk(first, second))
    assert rows(engine)["texts"] == ["Nordvia is fine", "Nordvia is awful"]
    assert rows(engine)["gone"] == []


def test_a_thread_deleted_at_its_source_is_dropped_and_read_anew_when_it_is_back(
    engine: Engine, store: Store
) -> None:
    whole = walk(post(1, "Nordvia is down"), post(2, "mine too"))
    store.save(whole)
    nothing = ThreadMark(last_post_id=None, last_posted_at=None, posts=None)
    store.save(replace(whole, posts=(), mark=nothing, thread_title=None))
    assert (rows(engine)["texts"], rows(engine)["gone"]) == (["", ""], ["101", "102"])
    assert store.mark("7") == nothing
    assert store.posts("7") == set(), "nothing to stop at: all of it is to be read anew"
    with reading(engine) as session:
        assert session.exec(select(Thread)).one().title == "A thread"
    store.save(whole)
    assert (rows(engine)["texts"], rows(engine)["gone"]) == (["Nordvia is down", "mine too"], [])


def test_threads_between_two_others_are_known_by_the_numbers_of_their_ids(store: Store) -> None:
    for number in (9, 10, 11, 100):
        thread = replace(walk(post(number, "Nordvia is down")), thread_id=f"news/{number}")
        store.save(thread)
    found = [row.thread_id for row in store.between("news/9", "news/100")]
    assert sorted(found) == ["news/10", "news/11"]
    assert store.between("other/9", "other/100") == []


def test_a_thread_with_an_open_case_is_looked_at_once_a_day(engine: Engine, store: Store) -> None:
    store.save(walk(post(1, "Nordvia is down")))
    with writing(engine) as session:
        thread = session.exec(select(Thread)).one()
        assert thread.read_at is not None
        thread.read_at -= timedelta(hours=25)
        kept = thread.model_copy()
    assert store.left_out() == [], "nobody has a case about it"
    with writing(engine) as session:
        brand = session.exec(select(Brand)).one()
        Scene(session, brands={brand.name: brand}).case(session.exec(select(Post)).one())
    assert [(row.thread_id, row.url) for row in store.left_out()] == [("7", kept.url)]
    store.save(walk(post(1, "Nordvia is down")))
    assert store.left_out() == []


def test_a_thread_left_out_is_wanted_for_a_week_and_gets_its_board_when_it_is_read(
    engine: Engine, store: Store
) -> None:
    whole = walk(post(1, "Nordvia is down"))
    left = LeftOut(gone=True, since=START)
    nothing = ThreadMark(last_post_id=None, last_posted_at=None, posts=None, left_out=left)
    unread = replace(whole, posts=(), whole=False, mark=nothing, board_id=None, board_title=None)
    store.save(unread)
    assert (store.mark("7"), store.posts("7")) == (nothing, set())
    assert [(row.thread_id, row.url) for row in store.left_out()] == [("7", "https://f.test/t7")]
    store.save(replace(unread, mark=replace(nothing, left_out=replace(left, since=AGES_AGO))))
    assert store.left_out() == []
    store.save(whole)
    assert store.mark("7") == whole.mark
    with reading(engine) as session:
        board = session.exec(select(Board).join(Thread)).one()
    assert (board.external_id, board.title) == ("3", "Providers")


@pytest.mark.usefixtures("store")
def test_a_list_is_believed_for_a_day_and_its_backlog_wanted_for_a_week(engine: Engine) -> None:
    at = START
    store = Store(engine, 1, now=lambda: at)
    store.keep_list("https://f.test/a", ListMark(stamp="7"))
    store.keep_list("https://f.test/b", ListMark(behind=True))
    assert store.list_mark("https://f.test/a") == ListMark(stamp="7")
    at += timedelta(days=2)
    assert store.list_mark("https://f.test/a") is None
    assert store.list_mark("https://f.test/b") == ListMark(behind=True)
    at += timedelta(days=6)
    assert store.list_mark("https://f.test/b") is None


def test_a_row_that_knows_only_a_message_finds_the_thread_that_holds_it(
    engine: Engine, store: Store
) -> None:
    assert store.mark("post:102") is None
    item = walk(post(1, "Nordvia is down"), post(2, "mine too"))
    store.save(item)
    assert store.mark("post:102") == store.mark("7")
    assert store.posts("post:102") == {"101", "102"}
    store.save(replace(item, thread_id="post:102", posts=(*item.posts, post(3, "and mine"))))
    with reading(engine) as session:
        assert [thread.external_id for thread in session.exec(select(Thread))] == ["7"]


def test_a_new_spelling_is_found_in_what_is_stored(engine: Engine, store: Store) -> None:
    store.save(walk(post(1, "Nordvia, or NRDV as we say"), post(2, "NRDV is slow")))
    with writing(engine) as session:
        save_brand(session, BrandSpec(name="Nordvia", aliases=(Alias(text="NRDV"),)))
    assert rematch(engine) == 2
    assert rematch(engine) == 0
    assert [matched for _, matched in rows(engine)["mentions"]] == ["Nordvia", "NRDV", "NRDV"]


def test_a_very_long_post_is_kept_whole(engine: Engine, store: Store) -> None:
    text = "Nordvia " + "ż" * 200_000
    store.save(walk(post(1, text)))
    assert rows(engine)["texts"] == [text]


def test_what_no_column_can_hold_is_made_to_fit(engine: Engine, store: Store) -> None:
    odd = post(
        1,
        "Nordvia \0 \ud800 again",
        author="a" * 900,
        author_id="i" * 900,
        author_posts=2**40,
        quotes=(QuoteItem(author="q" * 900, text="\udfff"),),
        private_message_url="https://f.test/" + "x" * 3000,
        profile_url="https://f.test/" + "x" * 3000,
    )
    item = replace(walk(odd, title="t\ud800" * 600), board_id="доска" * 100, thread_id="9" * 900)
    store.save(item)
    store.save(item)
    with reading(engine) as session:
        stored = session.exec(select(Post)).one()
        author = session.exec(select(Author)).one()
    assert stored.text == "Nordvia  ? again"
    assert stored.private_message_url is None
    assert len(author.name) == 300
    assert author.posts_shown is None
    assert author.profile_url is None
    assert store.mark("9" * 900) is not None


def test_a_repeated_first_message_does_not_hide_the_pages_between(
    engine: Engine, store: Store
) -> None:
    thread = [post(number, f"Nordvia {number}") for number in range(1, 30)]
    store.save(walk(*thread))
    store.save(walk(thread[0], *thread[20:], post(30, "new"), whole=False))
    assert rows(engine)["gone"] == []


def test_an_unreadable_message_is_not_a_missing_one(engine: Engine, store: Store) -> None:
    first, second, third = post(1, "Nordvia"), post(2, "rude"), post(3, "end")
    store.save(walk(first, second, third))
    store.save(replace(walk(first, third), unreadable=1))
    assert rows(engine)["gone"] == []


def test_a_brand_added_while_a_crawl_runs_is_found_by_it(engine: Engine, store: Store) -> None:
    with writing(engine) as session:
        save_brand(session, BrandSpec(name="Acme"))
    store.save(walk(post(1, "Acme is down")))
    assert rows(engine)["mentions"] == [("text", "Acme")]


def test_looking_again_takes_threads_without_a_brand_for_unknown(
    engine: Engine, store: Store
) -> None:
    store.save(walk(post(1, "cats")))
    again = Store(engine, 1, again=True)
    assert store.mark("7") is not None
    assert again.mark("7") is None
    assert again.posts("7") == set()
    with writing(engine) as session:
        save_brand(session, BrandSpec(name="cats"))
    again.save(walk(post(1, "cats")))
    assert rows(engine)["mentions"] == [("text", "cats")]
    assert rows(engine)["hours"] == [1], "counted once"


@pytest.mark.parametrize(
    "spec",
    [
        BrandSpec(name="Good", rivals=("!!!",)),
        BrandSpec(name="???"),
        BrandSpec(name="Good", aliases=(Alias(text="..."),)),
    ],
)
def test_a_word_nothing_is_found_by_is_refused_and_harms_no_other_brand(
    engine: Engine, store: Store, spec: BrandSpec
) -> None:
    with pytest.raises(MentionRuleError), writing(engine) as session:
        save_brand(session, spec)
    store.save(walk(post(1, "Nordvia is down")))
    assert rows(engine)["mentions"] == [("text", "Nordvia")]


def test_a_name_too_long_for_its_column_is_refused(engine: Engine) -> None:
    with pytest.raises(BrandError, match="at most 200"), writing(engine) as session:
        save_brand(session, BrandSpec(name="x" * 201))


def test_the_page_of_an_author_is_kept_with_the_author_until_the_site_names_another(
    engine: Engine, store: Store
) -> None:
    def page() -> str | None:
        with reading(engine) as session:
            return session.exec(select(Author.profile_url)).one()

    first = post(1, "Nordvia is down", profile_url="https://f.test/u/1")
    store.save(walk(first))
    assert page() == "https://f.test/u/1"
    store.save(walk(replace(first, profile_url=None)))
    assert page() == "https://f.test/u/1", "a page that does not tell takes nothing away"
    store.save(walk(replace(first, profile_url="https://f.test/u/one")))
    assert page() == "https://f.test/u/one"
