"""A Slack on this machine, cases in the database, and alerts to send."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slack_sdk import WebClient
from sqlalchemy import Engine

from alerts.base import Message
from alerts.channels.slack import SlackChannel
from alerts.dispatch import Target, enqueue
from models import Author, Board, Brand, Case, Level, Outreach, Post, Source, Thread
from models.database import writing
from tests.mail_server import Mailbox, serving
from tests.slack_server import TOKEN, FakeSlack

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that stands still until told to move."""

    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack(rooms=("C1", "C2")) as fake:
        yield fake


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def port(mailbox: Mailbox) -> Iterator[int]:
    """The port of a mail server that fills ``mailbox``."""
    with serving(mailbox) as free:
        yield free


@pytest.fixture
def channel_to(slack: FakeSlack) -> Callable[..., SlackChannel]:
    """Give a function that builds an unhurried channel to a room of ``slack``."""

    def build(room: str = "C1", *, token: str = TOKEN, timeout_s: int = 5) -> SlackChannel:
        client = WebClient(token, base_url=slack.url, timeout=timeout_s, retry_handlers=[])
        channel = SlackChannel(client, room)
        channel.pause_s = 0.0
        return channel

    return build


@pytest.fixture
def a_message() -> Callable[..., Message]:
    def build(**changes: Any) -> Message:
        fields: dict[str, Any] = {
            "case_id": 1,
            "level": Level.URGENT,
            "brand": "Nordvia",
            "thread_title": "Router dies every night and support is silent",
            "thread_url": "https://forum.test/t/7",
            "post_url": "https://forum.test/t/7#p42",
            "private_message_url": "https://forum.test/pm?to=5",
            "author": "night_owl",
            "author_newcomer": True,
            "quote": "Third router in a month & nobody answers.",
            "reasons": ("3 authors negative in 2 h", "no answer for 5 h"),
            "source_name": "Forum Test",
            "engine": "phpbb",
            "language": "en",
            "posts": 14,
            "new_posts": 6,
            "thread_since": datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
            "negative": 0.912,
            "topic": "hardware",
            "outreach": Outreach.PRIVATE,
            "checkpoint": "quietword-small",
        }
        return Message(**(fields | changes))

    return build


@pytest.fixture
def open_case(engine: Engine, a_message: Callable[..., Message]) -> Callable[..., int]:
    """Give a function that opens a case with an alert in the outbox and returns its id."""
    count = 0

    def build(
        targets: list[Target],
        *,
        level: Level = Level.URGENT,
        at: datetime = NOON,
        hold_until: datetime | None = None,
        **changes: Any,
    ) -> int:
        nonlocal count
        count += 1
        with writing(engine) as session:
            case = a_case(session, count, level)
            assert case.id is not None
            fields = {"thread_title": f"Thread {count}"} | changes
            message = a_message(case_id=case.id, level=level, **fields)
            assert enqueue(session, case, message, targets, at, hold_until=hold_until)
            return case.id

    return build


def a_case(session: Any, number: int, level: Level = Level.URGENT) -> Case:
    """Store one post on a board of its own, and the case about it."""

    def stored(row: Any) -> Any:
        session.add(row)
        session.flush()
        return row

    source = stored(
        Source(address=f"https://forum.test/{number}", engine="phpbb", name=f"Forum {number}")
    )
    board = stored(Board(source_id=source.id, external_id="1", title="Help"))
    thread = stored(
        Thread(source_id=source.id, board_id=board.id, external_id="1", url="https://forum.test/1")
    )
    author = stored(Author(source_id=source.id, external_id="1", name="night_owl"))
    post = stored(
        Post(
            source_id=source.id,
            thread_id=thread.id,
            author_id=author.id,
            external_id="1",
            url="https://forum.test/1#1",
            text="No router.",
            text_hash="0",
        )
    )
    brand = stored(Brand(name=f"Nordvia {number}"))
    case = stored(
        Case(thread_id=thread.id, brand_id=brand.id, post_id=post.id, level=level, score=80.0)
    )
    assert isinstance(case, Case)
    return case


@pytest.fixture
def store_case() -> Callable[..., Case]:
    """Give the function that stores a case without an alert, in the caller's session."""
    return a_case
