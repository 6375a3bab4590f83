"""Posts are found by their words, until they are erased."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlmodel import select

from models import Brand, Post
from models.base import id_of
from models.database import reading, writing
from monitor.post_search import forget_words, threads_with
from monitor.privacy import erase_posts
from tests.monitor.scene import Scene

SECRET = "qzvivaldiq"


def written(engine: Engine, *texts: str) -> list[int]:
    """Store posts, each in a thread and a transaction of its own; return the threads."""
    found, brands = [], dict[str, Brand]()
    for number, words in enumerate(texts):
        with writing(engine) as session:
            scene = Scene(session, count=1000 * number, brands=brands)
            thread = scene.thread(scene.source(), "thread")
            scene.post(thread, words, mention=None)
            found.append(id_of(thread))
    return found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("wypłat", [0]),
        ("WYPŁATĘ", [0]),
        ("wypłata", []),
        ("czekam wypłatę", [0]),
        ("czekam выплату", []),
        ("выплат", [1]),
        ("ЖДУ выплату", [1]),
        ("платить", []),
        ("вы", []),
        ("no", [2]),
        ("nobody", []),
        ("it's", [2]),
        ('payout" OR "x', []),
        ("payout & !", [2]),
        ("...", []),
    ],
)
def test_words_and_beginnings_are_found_in_every_language(
    engine: Engine, asked: str, found: list[int]
) -> None:
    threads = written(
        engine,
        "czekam na wypłatę trzeci dzień",
        "жду выплату третий день",
        "it's no payout for the third day",
    )
    with reading(engine) as session:
        assert threads_with(session, asked) == [threads[number] for number in found]


def test_an_edit_is_found_by_its_new_words_alone(engine: Engine) -> None:
    [thread] = written(engine, "wypłata przyszła")
    with writing(engine) as session:
        post = session.exec(select(Post)).one()
        post.text = "wypłaty nie ma"
        session.add(post)
    with reading(engine) as session:
        assert threads_with(session, "wypłaty") == [thread]
        assert threads_with(session, "przyszła") == []


def test_an_erased_word_is_in_no_file_of_the_search(engine: Engine) -> None:
    written(engine, *[f"a word like {SECRET if n == 7 else n}" for n in range(20)])
    assert SECRET.encode() in files_of_the_search(engine)
    with writing(engine) as session:
        post = session.exec(select(Post).where(Post.text.contains(SECRET))).one()  # type: ignore[attr-defined]
        erase_posts(session, [id_of(post)], datetime.now(UTC))
    with reading(engine) as session:
        assert threads_with(session, SECRET) == []
    forget_words(engine)
    assert SECRET.encode() not in files_of_the_search(engine)
    with reading(engine) as session:
        assert len(threads_with(session, "word like")) == 19
    forget_words(engine)  # nothing is left to do


def files_of_the_search(engine: Engine) -> bytes:
    """Return the bytes of the whole SQLite database, or of PostgreSQL's index."""
    if engine.dialect.name == "sqlite":
        database = Path(engine.url.database or "")
        return b"".join(one.read_bytes() for one in database.parent.glob(f"{database.name}*"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT gin_clean_pending_list('post_search')"))
        connection.execute(text("CHECKPOINT"))
        index = "pg_read_binary_file(pg_relation_filepath('post_search'))"
        return bytes(connection.scalar(text(f"SELECT {index}")))
