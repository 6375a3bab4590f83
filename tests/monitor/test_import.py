"""Posts from a file, through the store that crawled posts go through."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from models import Author, Mention, Post, PostRevision, Source, Thread
from models.database import reading, writing
from monitor.brands import BrandSpec, save_brand
from monitor.config import Settings
from monitor.importing import ImportFileError, import_posts
from monitor.jobs import Runtime, due_sources


@pytest.fixture
def runtime(engine: Engine) -> Runtime:
    with writing(engine) as session:
        save_brand(session, BrandSpec(name="Nordvia"))

    def scorer() -> Any:
        raise AssertionError("nothing is judged here")

    return Runtime(settings=Settings(), engine=engine, channels={}, scorer=scorer)


def record(post: str, text: str, **more: object) -> dict[str, object]:
    return {"post_id": post, "author": "mia", "text": text} | more


def written(folder: Path, *records: object, name: str = "posts.jsonl") -> Path:
    file = folder / name
    lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def texts(engine: Engine) -> dict[str, str]:
    with reading(engine) as session:
        rows = session.exec(select(Post.external_id, Post.text).order_by(col(Post.id))).all()
        return dict(rows)


def test_posts_are_stored_matched_and_never_crawled(runtime: Runtime, tmp_path: Path) -> None:
    file = written(
        tmp_path,
        record("2", "mine too", thread_id="9", posted_at="2026-11-03T10:00:00Z"),
        record(
            "1",
            "Nordvia is down",
            format=1,
            thread_id="9",
            thread_title="Outage",
            thread_url="https://f.test/t/9",
            url="https://f.test/t/9#1",
            posted_at="2026-11-03T09:00:00+01:00",
            quotes=[{"author": None, "text": "all green"}],
            private_message_url="https://f.test/pm/mia",
            profile_url="https://f.test/u/mia",
            unknown_key=1,
        ),
        record("3", "cats"),
    )
    result = import_posts(runtime, file)
    assert (result.taken, result.new, result.faults) == (3, 3, ())
    assert texts(runtime.engine) == {"1": "Nordvia is down", "2": "mine too"}
    with reading(runtime.engine) as session:
        watched = session.exec(select(Thread).where(Thread.watched)).one()
        assert (watched.title, watched.url) == ("Outage", "https://f.test/t/9")
        assert session.exec(select(Mention.matched)).all() == ["Nordvia"]
        assert "https://f.test/u/mia" in session.exec(select(Author.profile_url)).all()
        source = session.exec(select(Source)).one()
    assert (source.address, source.name, source.enabled) == ("import:posts", "posts", False)
    assert due_sources(runtime) == []
    assert not file.with_name("posts.jsonl.rejected").exists()


def test_importing_again_adds_nothing_and_another_text_is_an_edit(
    runtime: Runtime, tmp_path: Path
) -> None:
    both = (record("1", "Nordvia is down", thread_id="9"), record("2", "yes", thread_id="9"))
    file = written(tmp_path, *both)
    import_posts(runtime, file)
    assert import_posts(runtime, file).new == 0
    import_posts(runtime, written(tmp_path, record("2", "no", thread_id="9")))
    assert texts(runtime.engine) == {"1": "Nordvia is down", "2": "no"}
    with reading(runtime.engine) as session:
        assert session.exec(select(PostRevision.text)).all() == ["yes"]
        assert session.exec(select(Post).where(col(Post.gone_at).is_not(None))).all() == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{not json", "is no JSON"),
        ("[1]", "is no JSON object"),
        (record("", "x"), "post_id is missing"),
        ({"post_id": "1", "text": "x"}, "author is missing"),
        ({"post_id": "1", "author": "mia"}, "text is missing"),
        (record("1", "x", posted_at="yesterday"), "posted_at is 'yesterday'"),
        (record("1", "x", posted_at=17), "posted_at is '17'"),
        (record("1", "x", url="javascript:alert(1)"), "no web address"),
        (record("1", "x", private_message_url="//f.test"), "no web address"),
        (record("1", "x", profile_url="mia"), "no web address"),
        (record("1", "x", edited="maybe"), "neither true nor false"),
        (record("1", "x", number="first"), "not a whole number"),
        (record("1", "x", quotes=["x"]), "objects with author and text"),
        (record("1", "x", format=2), "format is 2"),
    ],
)
def test_a_line_that_cannot_be_taken_is_named_and_kept(
    runtime: Runtime, tmp_path: Path, line: object, fault: str
) -> None:
    file = written(tmp_path, record("7", "Nordvia"), line, record("8", "Nordvia"))
    result = import_posts(runtime, file)
    (said,) = result.faults
    assert said.startswith(f"{file}, line 2: ")
    assert fault in said
    assert texts(runtime.engine) == {"7": "Nordvia", "8": "Nordvia"}
    raw = line if isinstance(line, str) else json.dumps(line)
    assert file.with_name("posts.jsonl.rejected").read_text("utf-8") == raw + "\n"


def test_csv_of_a_spreadsheet_is_taken_with_its_empty_cells(
    runtime: Runtime, tmp_path: Path
) -> None:
    file = tmp_path / "posts.csv"
    file.write_bytes(
        "\ufeffpost_id;author;text;thread_id;posted_at;edited;number;quotes\r\n"
        '1;Łucja;"Nordvia; znowu\r\nnie działa";9;2026-11-03 09:00;true;1;\r\n'
        '2;tom;"""nic""";9;;;;"[{""author"": ""Łucja"", ""text"": ""znowu""}]"\r\n'
        "3;;x;9;;;;\r\n"
        "\r\n"
        "4;mia;x;9;;;;;;\r\n".encode()
        + "5;mia;\xff;9;;;;\r\n".encode("latin-1")
    )
    result = import_posts(runtime, file, name="desk")
    assert [fault.partition("posts.csv, ")[2] for fault in result.faults] == [
        "line 5: author is missing",
        "line 7: has 10 columns, the header 8",
        "line 8: is not in UTF-8",
    ]
    assert texts(runtime.engine) == {"1": "Nordvia; znowu\r\nnie działa", "2": '"nic"'}
    rejected = file.with_name("posts.csv.rejected").read_bytes().splitlines()
    assert rejected[0].startswith("\ufeff".encode() * 0 + b"post_id;author")
    assert rejected[1:] == [b"3;;x;9;;;;", b"4;mia;x;9;;;;;;", b"5;mia;\xff;9;;;;"]
    with reading(runtime.engine) as session:
        assert set(session.exec(select(Author.name))) == {"Łucja", "tom"}
        assert session.exec(select(Source.name)).one() == "desk"


def test_a_file_that_is_neither_is_refused_with_what_it_lacks(
    runtime: Runtime, tmp_path: Path
) -> None:
    with pytest.raises(ImportFileError, match="lacks the columns author, text"):
        import_posts(runtime, written(tmp_path, "post_id,words", "1,x"))
    with pytest.raises(ImportFileError, match="is empty"):
        import_posts(runtime, written(tmp_path, ""))
    with pytest.raises(ImportFileError, match="cannot be read"):
        import_posts(runtime, tmp_path / "none.jsonl")


def test_what_quietword_reads_it_also_imports(runtime: Runtime, tmp_path: Path) -> None:
    from spiders.base import ReadOptions
    from spiders.reading import page_record, read_file

    page = Path(__file__).parents[1] / "pages" / "lemmy" / "board_community.body.json"
    found = page_record(*read_file(page, "https://lemmy.example/api/v3/post/list", ReadOptions()))
    result = import_posts(runtime, written(tmp_path, *found["posts"]))
    assert result.faults == ()
    assert texts(runtime.engine) == {"21": found["posts"][1]["text"]}
