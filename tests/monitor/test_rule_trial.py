"""A brand's words, tried before they are saved."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from parsel import Selector
from sqlalchemy import Engine
from sqlmodel import select

from models import Access, Audit, BrandTerm, Role
from models.base import id_of
from models.database import reading, writing
from monitor.brands import BrandSpec, save_brand, saved_spec
from monitor.mentions import Alias
from monitor.rule_trial import WhyNot, one_letter_off, try_words
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from tests.monitor.scene import NOW, Scene
from tests.monitor.web_world import account, csrf, enter

BASE = "https://quietword.example"
TEXTS = {
    "named": "Nordvia owes me money",
    "inflected": "w Nordvii nic nie działa",
    "excluded": "the Nordvia Arena was full",
    "capitals": "NOVA is slow today",
    "inside": "my Nordviabank card",
    "misspelt": "Nordvai never answers",
    "address": "see https://x.example/nordvia for more",
    "other": "nothing to see here",
}


@pytest.fixture
def database_url(sqlite: Path, tmp_path: Path) -> str:
    """One kind of database is enough: words are tried outside it."""
    return f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}"


@pytest.fixture
def posts(engine: Engine) -> dict[int, str]:
    """Store ``TEXTS``; return their names by the posts' ids."""
    with writing(engine) as session:
        scene = Scene(session)
        thread = scene.thread(scene.source("Grosz"), "Help")
        stored = {name: scene.post(thread, text, mention=None) for name, text in TEXTS.items()}
        return {id_of(post): name for name, post in stored.items()}


SPEC = BrandSpec(
    name="Nordvia",
    aliases=(Alias(text="Nova", case_sensitive=True),),
    exclusions=("Nordvia Arena",),
)


def test_a_trial_tells_what_is_found_and_why_the_rest_is_not(
    engine: Engine, posts: dict[int, str]
) -> None:
    with reading(engine) as session:
        trial = try_words(session, SPEC)
    assert {posts[one.post_id] for one in trial.hits} == {"named", "inflected"}
    assert {posts[one.post_id]: one.why_not for one in trial.near} == {
        "excluded": WhyNot.EXCLUSION,
        "capitals": WhyNot.CAPITALS,
        "inside": WhyNot.INSIDE,
        "misspelt": WhyNot.SPELLING,
        "address": WhyNot.ADDRESS,
    }
    assert trial.looked == len(TEXTS)


def test_a_context_word_that_is_missing_is_named(engine: Engine, posts: dict[int, str]) -> None:
    with reading(engine) as session:
        trial = try_words(session, BrandSpec(name="Nordvia", context=("money",)))
    assert {posts[one.post_id] for one in trial.hits} == {"named"}
    why = {posts[one.post_id]: one.why_not for one in trial.near}
    assert why["inflected"] == WhyNot.NO_CONTEXT


def test_a_trial_says_what_changes_against_the_saved_words(
    engine: Engine, posts: dict[int, str]
) -> None:
    with reading(engine) as session:
        trial = try_words(
            session,
            BrandSpec(name="Nordvia", exclusions=("owes me",), aliases=(Alias(text="Nordvai"),)),
            saved=BrandSpec(name="Nordvia"),
            own="call Nordvia on 600 700 800",
        )
    assert {posts[one.post_id] for one in trial.hits if one.new} == {"misspelt"}
    assert trial.lost_count == 0, "an exclusion must overlap the name"
    assert trial.own is not None
    assert [spot.matched for spot in trial.own.in_text] == ["Nordvia"]


@pytest.mark.parametrize(
    ("word", "off"),
    [("nordvia", False), ("nordia", True), ("nordvvia", True), ("nordvai", True),
     ("nordbia", True), ("norbdia", False), ("ordvia", True), ("nordviabc", False)],
)  # fmt: skip
def test_one_letter_off_is_one_letter(word: str, off: bool) -> None:
    assert one_letter_off(word, "nordvia") is off


def test_a_saved_brand_is_described_as_it_was_given(engine: Engine) -> None:
    spec = BrandSpec(
        name="Nordvia",
        aliases=(Alias(text="Nova", case_sensitive=True), Alias(text="NV", inflect=False)),
        exclusions=("Nordvia Arena",),
        context=("internet",),
        rivals=("Zefir",),
        staff=("nordvia_help",),
        case_sensitive=True,
        inflect=False,
    )
    with writing(engine) as session:
        brand = save_brand(session, spec)
        assert saved_spec(session, brand) == spec


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    login = OneTimeLogin("a key of more than thirty-two characters", now=lambda: NOW)
    app = create_app(engine, login=login, now=lambda: NOW, https_only=True)
    account(engine, "eve", Access.OPS)
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        enter(client, "eve")
        yield client


@pytest.mark.usefixtures("posts")
def test_only_what_was_tried_is_saved_and_as_the_command_line_would(
    client: TestClient, engine: Engine
) -> None:
    form = {
        "csrf": csrf(client, "/ops/brand/0"),
        "name": "Nordvia",
        "alias": ["Nova", "NV", ""],
        "exact": ["0"],
        "fixed": ["1"],
        "exclusions": "Nordvia Arena\r\n\r\n",
        "rivals": "Zefir",
        "own": "<script>alert(1)</script> Nordvia, mail me@example.org",
    }
    tried = client.post("/ops/brand/0", data=form)
    page = Selector(tried.text)
    assert "2 posts are found" in tried.text
    assert page.css("mark::text").getall().count("Nordvia") >= 2
    assert "it is written in other capitals" in tried.text
    assert "<script>alert(1)" not in tried.text
    assert "[e-mail]" in tried.text
    with reading(engine) as session:
        assert session.exec(select(BrandTerm)).all() == []
    sealed = page.css("[name=tried]::attr(value)").get() or ""
    refused = client.post("/ops/brand/0/save", data={"csrf": form["csrf"], "tried": sealed[1:]})
    assert refused.headers["location"] == "/ops/brand/0"
    done = client.post("/ops/brand/0/save", data={"csrf": form["csrf"], "tried": sealed})
    assert done.headers["location"] == "/ops/brand/1"
    with reading(engine) as session:
        terms = [
            (one.role, one.text, one.case_sensitive, one.inflect)
            for one in session.exec(select(BrandTerm))
        ]
        [line] = session.exec(select(Audit))
    assert terms == [
        (Role.ALIAS, "Nordvia", False, True),
        (Role.ALIAS, "Nova", True, True),
        (Role.ALIAS, "NV", False, False),
        (Role.EXCLUSION, "Nordvia Arena", False, True),
        (Role.RIVAL, "Zefir", False, True),
    ]
    assert (line.who, line.action, line.what) == ("eve", "words saved", "brand 1")
    again = Selector(client.get("/ops/brand/1").text)
    assert again.css("[name=alias]::attr(value)").getall()[:2] == ["Nova", "NV"]
    assert "Nordvia" in client.get("/ops/brands").text


def test_a_word_that_nothing_can_be_found_by_is_refused_with_a_reason(client: TestClient) -> None:
    form = {"csrf": csrf(client, "/ops/brand/0"), "name": "!!!"}
    answer = client.post("/ops/brand/0", data=form)
    assert answer.status_code == 400
    assert "cannot be searched for" in answer.text
    assert client.get("/ops/brand/77").status_code == 404
