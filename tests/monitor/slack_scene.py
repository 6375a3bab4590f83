"""A Slack, a team and their cases, all wired together as ``quietword run`` does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_sdk import WebClient
from sqlalchemy import Engine
from sqlmodel import col, select

from alerts.channels.slack import SlackChannel
from alerts.dispatch import enqueue
from alerts.tongue import tongue
from models import Agent, Brand, Case, CaseEvent, Level
from models.base import id_of
from models.database import reading, writing
from monitor import jobs
from monitor.config import Settings
from monitor.jobs import Runtime
from monitor.judging import message_for
from monitor.slack_app import SlackDesk
from monitor.slack_cards import earlier_message
from monitor.slack_listener import SlackListener
from tests.monitor.scene import Scene
from tests.slack_server import APP_TOKEN, TOKEN, FakeSlack
from tests.slack_workspace import SocketMode, eventually

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ANNA, BARTEK, STRANGER = "UANNA", "UBARTEK", "USTRANGER"
ROOM = ("slack", "C1")


@dataclass
class Office:
    """Everything a test needs to play people in Slack against the cases."""

    engine: Engine
    slack: FakeSlack
    runtime: Runtime
    channel: SlackChannel
    clock: list[datetime]
    socket: SocketMode | None = None

    @property
    def now(self) -> datetime:
        return self.clock[0]

    def later(self, **span: float) -> None:
        self.clock[0] += timedelta(**span)

    def open_cases(
        self, count: int = 1, *, level: Level = Level.URGENT, enqueued: bool = True
    ) -> list[int]:
        """Store cases with their alerts; return their numbers."""
        numbers = []
        with writing(self.engine) as session:
            scene = Scene(session, count=1000 * len(self.all_cases()))
            brand = session.exec(select(Brand)).first()
            if brand is not None:
                scene.brands["Nordvia"] = brand
            source = scene.source("Forum Test")
            for _ in range(count):
                thread = scene.thread(source, "Router dies & <!channel> nobody answers")
                post = scene.post(
                    thread,
                    "Hey guys, third router in a month from Nordvia, support is a joke lol",
                    author="night_owl",
                    negative=0.91,
                    unhappy="sure",
                    at=self.now - timedelta(hours=3),
                )
                case = scene.case(post, level, topic="quality", opened_at=self.now)
                numbers.append(id_of(case))
                if enqueued:
                    message = message_for(session, case, now=self.now)
                    assert enqueue(session, case, message, [ROOM], self.now)
        return numbers

    def raise_case(self, number: int) -> None:
        """Let the risk job find a case worse than before."""
        with writing(self.engine) as session:
            case = session.get_one(Case, number)
            case.level, case.updated_at = Level.URGENT, self.now
            session.add(
                CaseEvent(case_id=number, at=self.now, kind="raised", level=case.level, score=80.0)
            )
            session.flush()
            message = message_for(session, case, now=self.now)
            assert enqueue(session, case, message, [ROOM], self.now)

    def all_cases(self) -> list[Case]:
        with reading(self.engine) as session:
            return list(session.exec(select(Case).order_by(col(Case.id))))

    def case(self, number: int) -> Case:
        with reading(self.engine) as session:
            return session.get_one(Case, number)

    def events(self, number: int) -> list[str]:
        """Return the kinds of what happened to a case, oldest first."""
        with reading(self.engine) as session:
            query = select(CaseEvent.kind).where(CaseEvent.case_id == number)
            return list(session.exec(query.order_by(col(CaseEvent.id))))

    def deliver(self) -> None:
        """Run the delivery job once, as the schedule does."""
        jobs.deliver(self.runtime)

    def post(self, number: int) -> dict[str, Any]:
        """Return the message that stands for a case."""
        posts = [
            post
            for post in self.slack.roots()
            if post["metadata"]["event_payload"].get("case_id") == number
        ]
        [post] = posts
        return post

    def agent_id(self, name: str) -> int:
        with reading(self.engine) as session:
            return id_of(session.exec(select(Agent).where(Agent.name == name)).one())


@contextmanager
def office(
    engine: Engine,
    *,
    listening: bool = False,
    language: str = "en",
    storm: int = 10,
    cap_days: int = 30,
) -> Iterator[Office]:
    """Give an office with two agents; ``listening`` connects it by Socket Mode."""
    clock = [NOON]
    with FakeSlack(rooms=("C1",)) as slack, SocketMode(slack) as socket:
        channel = make_channel(engine, slack, language=language)
        runtime = Runtime(
            settings=Settings(
                firm="Nordvia SA",
                slack_api_url=slack.url,
                storm_limit=storm,
                contact_cap_days=cap_days,
            ),
            engine=engine,
            channels={ROOM: channel},
            scorer=lambda: None,  # type: ignore[arg-type, return-value]
            now=lambda: clock[0],
        )
        with writing(engine) as session:
            session.add(Agent(name="Anna Nowak", slack_user_id=ANNA))
            session.add(Agent(name="Bartek Lis", email="Bartek@Nordvia.test"))
        slack.emails = {BARTEK: "bartek@nordvia.test", STRANGER: "other@nordvia.test"}
        place = Office(
            engine=engine,
            slack=slack,
            runtime=runtime,
            channel=channel,
            clock=clock,
            socket=socket,
        )
        if not listening:
            yield place
            return
        listener = SlackListener(SlackDesk(runtime), APP_TOKEN, slack.url)
        listener.start()
        try:
            assert socket.connected.wait(10)
            eventually(lambda: listener.connected)
            yield place
        finally:
            listener.stop()


def make_channel(
    engine: Engine, slack: FakeSlack, *, language: str = "en", timeout_s: int = 5
) -> SlackChannel:
    """Return an unhurried channel with buttons, as the runtime builds it."""
    client = WebClient(TOKEN, base_url=slack.url, timeout=timeout_s, retry_handlers=[])
    channel = SlackChannel(
        client,
        "C1",
        speech=tongue(language),
        buttons=True,
        earlier=lambda message: earlier_message(engine, "C1", message),
    )
    channel.pause_s = 0.0
    return channel
