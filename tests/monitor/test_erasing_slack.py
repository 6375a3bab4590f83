"""What was erased here does not stay on Slack, and nothing is sent because of it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import func, select

from models import Author, Case, Delivery, Dismissal, How, Post
from models.base import id_of
from models.database import make_engine, reading, writing
from monitor import cases
from monitor.cases import Actor
from monitor.privacy import ERASED, erase_posts, forget, objected
from monitor.retention import Policy, sweep
from monitor.slack_cards import CALM_S
from tests.monitor.slack_scene import Office, office
from tests.slack_server import Mischief, reader_sees

AUTHOR, TEXT = "night_owl", "third router in a month"


@pytest.fixture
def at(sqlite: Path, tmp_path: Path) -> Iterator[Office]:
    engine = make_engine(f"sqlite:///{shutil.copy(sqlite, tmp_path / 'quietword.db')}")
    with office(engine) as place:
        yield place
    engine.dispose()


def erase(at: Office, number: int, how: str) -> None:
    with writing(at.engine) as session:
        post = session.get_one(Post, session.get_one(Case, number).post_id)
        author = session.get_one(Author, post.author_id)
        if how == "post":
            erase_posts(session, [id_of(post)], at.now)
        elif how == "author":
            forget(session, author, who="ola", now=at.now)
        else:
            objected(session, author, who="ola", now=at.now)


def held_by_slack(at: Office) -> str:
    """Return everything that Slack holds now, blocks, fallback texts and metadata."""
    return json.dumps(at.slack.posted)


def deliveries(at: Office) -> int:
    with reading(at.engine) as session:
        return session.exec(select(func.count()).select_from(Delivery)).one()


@pytest.mark.parametrize("how", ["post", "author", "objection"])
@pytest.mark.parametrize("settled", [False, True], ids=["open case", "dismissed case"])
def test_an_erased_text_leaves_slack_with_the_next_comparison(
    at: Office, how: str, settled: bool
) -> None:
    [number] = at.open_cases()
    at.deliver()
    assert TEXT in reader_sees(at.post(number))
    assert AUTHOR in held_by_slack(at)
    if settled:
        actor = Actor(agent_id=at.agent_id("Anna Nowak"), how=How.WEB)
        with writing(at.engine) as session:
            cases.dismiss(session, number, actor, at.now, reason=Dismissal.ALREADY_HANDLED, note="")
        at.deliver()
    before = deliveries(at)
    at.later(seconds=CALM_S + 1)
    erase(at, number, how)
    at.later(seconds=CALM_S + 1)
    at.deliver()

    left = held_by_slack(at)
    assert TEXT not in left
    assert "mode=compose" not in left
    assert (AUTHOR in left) is (how == "post"), "a single post goes without its author"
    assert len(at.slack.roots()) == 1, "it was changed where it stands"
    assert deliveries(at) == before

    calls = len(at.slack.requests)
    at.later(seconds=CALM_S + 1)
    at.deliver()
    assert len(at.slack.requests) == calls, "and then left alone"


def test_an_alert_that_has_not_gone_out_yet_goes_without_what_was_erased(at: Office) -> None:
    [number] = at.open_cases()
    erase(at, number, "author")
    at.deliver()
    assert len(at.slack.roots()) == 1
    assert TEXT not in held_by_slack(at)
    assert AUTHOR not in held_by_slack(at)
    assert ERASED in held_by_slack(at)


def test_an_erasure_while_slack_is_away_reaches_it_later(at: Office) -> None:
    [number] = at.open_cases()
    at.deliver()
    at.later(seconds=CALM_S + 1)
    at.slack.update_mischief.append(Mischief(error="ratelimited", status=429))
    erase(at, number, "author")
    at.deliver()
    assert TEXT in held_by_slack(at)
    at.later(hours=2)
    at.deliver()
    assert TEXT not in held_by_slack(at)


def test_what_retention_erases_leaves_slack_too(at: Office) -> None:
    [number] = at.open_cases()
    at.deliver()
    actor = Actor(agent_id=at.agent_id("Anna Nowak"), how=How.WEB)
    with writing(at.engine) as session:
        cases.dismiss(session, number, actor, at.now, reason=Dismissal.ALREADY_HANDLED, note="")
    at.deliver()
    at.later(days=181)
    sweep(at.engine, Policy(closed=180), at.now)
    at.later(minutes=5)
    at.deliver()
    assert TEXT not in held_by_slack(at)
