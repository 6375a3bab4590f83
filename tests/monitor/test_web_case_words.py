"""What the page of a case says in its reader's language, and an author's wish for no contact."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from alerts.channels.slack_refusals import PERMANENT
from alerts.tongue import tongue
from models import Access, Agent, BrokenChannel, Case, CaseEvent, How, Label, OptOut, Source
from models.base import id_of
from models.database import make_engine, reading, writing
from monitor.accounts import create
from monitor.checking import aliases
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from tests.monitor.scene import NOW, Scene

WORDS = "a long enough phrase of nonsense"


@pytest.fixture
def page(sqlite: Path, tmp_path: Path) -> Iterator[TestClient]:
    """Anna's browser, which likes Polish, and a case that Bartek has."""
    engine = make_engine(f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}")
    with writing(engine) as session:
        scene = Scene(session)
        anna, bartek = scene.agent("Anna"), scene.agent("Bartek")
        post = scene.post(scene.thread(scene.source(), "Router"), "Nordvia is silent")
        case = scene.case(post)
        case.state, case.agent_id, case.owned_since = "claimed", bartek.id, NOW
        create(session, "anna", Access.AGENT, password=WORDS, agent=session.get_one(Agent, anna.id))
        number = id_of(case)
    app = create_app(
        engine, login=OneTimeLogin("k" * 40, now=lambda: NOW), now=lambda: NOW, https_only=True
    )
    with TestClient(app, base_url="https://quietword.test") as client:
        client.headers["Accept-Language"] = "pl"
        client.number, client.engine = number, engine  # type: ignore[attr-defined]
        form = {"csrf": csrf(client, "/login"), "login": "anna", "password": WORDS}
        assert client.post("/login", data=form).status_code == 200
        yield client
    engine.dispose()


def csrf(client: TestClient, path: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def do(page: TestClient, change: str, **fields: str) -> str:
    place = f"/case/{page.number}"  # type: ignore[attr-defined]
    return page.post(f"{place}/{change}", data={"csrf": csrf(page, place), **fields}).text


def test_a_refusal_is_in_the_language_of_the_page(page: TestClient) -> None:
    told = do(page, "solved")
    assert "Nic się nie zmieniło. Prowadzi ją Bartek, od 09:30." in told


def test_an_authors_wish_is_passed_on_from_the_page(page: TestClient) -> None:
    assert "Prosi, by nie pisać" in page.get(f"/case/{page.number}").text  # type: ignore[attr-defined]
    told = do(page, "opt_out", note="napisał na forum")
    assert "Do autora ewa_k już nikt nie napisze; zamknięto 1 sprawę." in told
    with reading(page.engine) as session:  # type: ignore[attr-defined]
        assert session.exec(select(Case.state)).all() == ["dismissed"]
        assert session.exec(select(OptOut.note)).all() == ["napisał na forum"]


def test_a_timer_is_called_one_and_its_note_is_in_the_language_of_the_page(
    page: TestClient,
) -> None:
    with writing(page.engine) as session:  # type: ignore[attr-defined]
        for note, how, account in (
            ("nobody took it for 1 h", How.TIMER, ""),
            ("nobody took it for 2 h", How.WEB, "ola"),
        ):
            session.add(
                CaseEvent(
                    case_id=page.number,  # type: ignore[attr-defined]
                    at=NOW,
                    kind="escalated",
                    level="urgent",
                    score=70,
                    how=how,
                    account=account,
                    reason="lead",
                    note=note,
                )
            )
    told = page.get(f"/case/{page.number}").text  # type: ignore[attr-defined]
    assert "Zegar: " in told
    assert f"“{tongue('pl').reason('nobody took it for 1 h')}”" in told
    assert "nobody took it for 1 h" not in told
    assert "“nobody took it for 2 h”" in told, "a person's own words stay"


def test_why_a_channel_has_stopped_is_in_the_language_of_the_page(page: TestClient) -> None:
    with writing(page.engine) as session:  # type: ignore[attr-defined]
        reason = f"Slack refused: token_revoked; {PERMANENT['token_revoked']}"
        session.add(BrokenChannel(channel="slack", room="C1", reason=reason))
    told = page.get("/").text
    assert "stoją: Slack odmawia: token_revoked; wpisz ważny token bota do QUIETWORD" in told


def test_managers_see_how_often_alerts_are_right_and_what_is_proposed(page: TestClient) -> None:
    with writing(page.engine) as session:  # type: ignore[attr-defined]
        case = session.exec(select(Case)).one()
        source = session.exec(select(Source.id)).one()
        for right in (True, *[False] * 20):
            session.add(
                Label(
                    post_id=case.post_id,
                    brand_id=case.brand_id,
                    case_id=id_of(case),
                    source_id=source,
                    verdict="right" if right else "not_about_us",
                    alias="Nord",
                    text_hash="x",
                )
            )
        create(session, "ola", Access.OPS, password=WORDS)
        pages = ("/why", f"/ops/brand/{case.brand_id}")
    assert "Jak często" not in page.get("/why").text, "not for agents"
    page.post("/logout", data={"csrf": csrf(page, "/")})
    form = {"csrf": csrf(page, "/login"), "login": "ola", "password": WORDS}
    assert page.post("/login", data=form).status_code == 200
    for path in pages:
        told = page.get(path).text
        assert "Jak często alerty były trafne" in told
        assert "<bdi>Nord</bdi>" in told
        assert "znalezione po “Nord”" in told.replace("„", "“").replace("”", "”")
    assert _aliases_of(page) == [
        "alerts that 'Nord' of Nordvia finds are right in 1 of 21 decisions; for the digest only: "
        "quietword feedback quiet 'Nord' --brand 'Nordvia'"
    ]


def _aliases_of(page: TestClient) -> list[str]:
    with reading(page.engine) as session:  # type: ignore[attr-defined]
        return [found.text for found in aliases(session)]
