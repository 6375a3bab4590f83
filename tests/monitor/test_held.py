"""What agents left on an author: shown to who asks, erased with them, and not kept for ever."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, col, select

from models import Agent, Author, Case, CaseEvent, Contact, How, Label, Objection, OptOut, Post
from models.base import id_of
from models.database import reading, writing
from monitor import cases
from monitor.case_rules import Actor
from monitor.contacts import opted_out
from monitor.held import held_on
from monitor.privacy import ERASED, forget, objected
from monitor.retention import Policy, Swept, sweep
from tests.monitor.scene import NOW, Scene

NAME, NOTE = "Klara_77", "Klara_77 called from 600 700 800"


@pytest.fixture
def case_id(engine: Engine) -> int:
    """A case on which an agent wrote to the author, who then asked for peace."""
    with writing(engine) as session:
        scene = Scene(session)
        agent = scene.agent("Anna")
        thread = scene.thread(scene.source(), "T")
        post = scene.post(thread, "Nordvia, why?", author=NAME, private_message_url="https://f/pm")
        session.get_one(Author, post.author_id).external_id = "member-77"
        case = scene.case(post)
        anna = Actor(id_of(agent), How.WEB)
        number = id_of(case)
        cases.claim(session, number, anna, NOW)
        cases.contacted(session, number, anna, NOW, note=NOTE)
        cases.opt_out(session, number, anna, NOW, note=NOTE)
        session.add(
            CaseEvent(
                case_id=number,
                at=NOW,
                kind="woken",
                level="urgent",
                score=1,
                how="timer",
                note="1 h",
            )
        )
    return number


def author_of(session: Session) -> Author:
    return session.exec(select(Author)).one()


def everything(session: Session) -> str:
    rows = [
        session.connection().execute(table.select()).all()
        for table in SQLModel.metadata.sorted_tables
    ]
    return repr(rows)


def test_what_agents_noted_and_did_is_in_the_export(engine: Engine, case_id: int) -> None:
    with reading(engine) as session:
        held = held_on(session, author_of(session))
    assert json.loads(json.dumps(held)) == held
    [post], [case] = held["posts"], held["cases"]
    assert post["private_message_url"] == "https://f/pm"
    assert {label["verdict"] for label in post["labels"]} == {"right"}
    assert NOTE in [one["note"] for one in case["history"]]
    assert held["written_to"] == [{"at": NOW.isoformat(), "case": case_id}]
    assert held["asked_not_to_be_written_to"] == {"at": NOW.isoformat(), "note": NOTE}


@pytest.mark.usefixtures("case_id")
def test_a_wish_names_nobody(engine: Engine) -> None:
    with reading(engine) as session:
        [wish] = session.exec(select(OptOut))
        wish.note = ""
        assert NAME.lower() not in wish.model_dump_json().lower()
        assert author_of(session).external_id.lower() not in wish.model_dump_json().lower()


@pytest.mark.usefixtures("case_id")
@pytest.mark.parametrize("erase", [forget, objected])
def test_an_erasure_leaves_no_word_on_the_author_anywhere(engine: Engine, erase) -> None:
    with writing(engine) as session:
        known = author_of(session).external_id
        erase(session, author_of(session), who="ola", now=NOW)
    with reading(engine) as session:
        left = everything(session)
        notes = set(session.exec(select(CaseEvent.note).where(CaseEvent.note != "")))
    assert known not in left
    for trace in (NAME, "600 700 800", "Nordvia, why"):
        assert trace not in left
    assert notes == {ERASED, "1 h"}, "what a timer noted is of nobody"


def test_a_wish_outlives_the_erasure_of_who_had_it(engine: Engine, case_id: int) -> None:
    with writing(engine) as session:
        author = author_of(session)
        again = {"source_id": author.source_id, "external_id": author.external_id, "name": NAME}
        forget(session, author, who="ola", now=NOW)
        session.flush()
        author = Author(**again)
        session.add(author)
        session.flush()
        case = session.get_one(Case, case_id)
        session.get_one(Post, case.post_id).author_id = id_of(author)
        session.flush()
        assert opted_out(session, case)


@pytest.mark.usefixtures("case_id")
def test_one_salt_serves_wishes_and_objections(engine: Engine) -> None:
    with writing(engine) as session:
        [wish] = session.exec(select(OptOut))
        objected(session, author_of(session), who="ola", now=NOW)
        assert set(session.exec(select(Objection.salt))) == {wish.salt}
        assert wish.author_hash in set(session.exec(select(Objection.author_hash)))


@pytest.mark.usefixtures("case_id")
def test_each_class_goes_after_its_time(engine: Engine, tmp_path: Path) -> None:
    for day in ("20261101", "20261130"):
        (tmp_path / "1").mkdir(exist_ok=True)
        for kind in ("html", "json"):
            (tmp_path / "1" / f"{day}T120000-1.{kind}").write_text("{}")
    policy = Policy(unflagged=30, closed=40, audit=50, contacts=60, labels=70)

    def after(days: int, *, dry: bool = False) -> Swept:
        return sweep(engine, policy, NOW + timedelta(days=days), dry=dry, evidence=tmp_path)

    assert after(1) == Swept()
    assert (after(20, dry=True).pages, after(20).pages, after(20).pages) == (1, 1, 0)
    assert sorted(file.name for file in (tmp_path / "1").iterdir()) == [
        "20261130T120000-1.html",
        "20261130T120000-1.json",
    ]
    with reading(engine) as session:
        assert NOTE in set(session.exec(select(CaseEvent.note)))
    assert after(41).closed == 1
    with reading(engine) as session:
        assert NOTE not in set(session.exec(select(CaseEvent.note)))
        assert session.exec(select(OptOut.note)).all() == [NOTE]
    assert (after(51).wishes, after(51).wishes) == (1, 0)
    assert after(61).contacts == 1
    assert after(71).labels > 0
    with reading(engine) as session:
        for table in (Contact, Label):
            assert session.exec(select(table)).all() == []
        assert len(session.exec(select(OptOut)).all()) == 1, "the wish is final"
        assert session.exec(select(col(Agent.name))).all() == ["Anna"]
