"""A small world of forums for the digest and the pages, written row by row."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlmodel import Session, SQLModel, select

from models import (
    Activity,
    Agent,
    Alert,
    Author,
    Board,
    Brand,
    Case,
    CaseEvent,
    CaseState,
    CrawlRun,
    Delivery,
    Level,
    Mention,
    Outreach,
    Post,
    Quote,
    Source,
    Thread,
    Verdict,
)
from monitor.tallying import keep_tallies

Row = TypeVar("Row", bound=SQLModel)
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


@dataclass
class Scene:
    """Adds rows to ``session`` and gives them sensible defaults, ``NOW`` being the present."""

    session: Session
    count: int = 0
    brands: dict[str, Brand] = field(default_factory=dict)

    def add(self, row: Row) -> Row:
        self.session.add(row)
        self.session.flush()
        return row

    def number(self) -> str:
        self.count += 1
        return str(self.count)

    def brand(self, name: str = "Nordvia") -> Brand:
        if name not in self.brands:
            self.brands[name] = self.add(Brand(name=name))
        return self.brands[name]

    def agent(self, name: str = "Marta") -> Agent:
        return self.add(Agent(name=name))

    def source(self, name: str = "Forum", **given: Any) -> Source:
        fields: dict[str, Any] = {
            "address": f"https://forum-{self.number()}.example/",
            "engine": "phpbb",
            "name": name,
            "outreach": Outreach.PRIVATE,
            "last_run_at": NOW - hours(0.2),
            "last_ok_at": NOW - hours(0.2),
            "last_outcome": "OK",
            "added_at": NOW - timedelta(days=40),
        }
        source = self.add(Source(**fields | given))
        if source.last_ok_at:
            ended = source.last_ok_at
            self.add(CrawlRun(source_id=source.id, started_at=ended, outcome="OK", pages=7))
        return source

    def thread(self, source: Source, title: str, **given: Any) -> Thread:
        number = self.number()
        board = self.add(Board(source_id=source.id, external_id=number, title="Board"))
        fields: dict[str, Any] = {
            "source_id": source.id,
            "board_id": board.id,
            "external_id": number,
            "title": title,
            "url": f"{source.address}viewtopic.php?t={number}",
            "watched": True,
        }
        return self.add(Thread(**fields | given))

    def post(
        self,
        thread: Thread,
        text: str,
        *,
        author: str = "ewa_k",
        at: datetime | None = None,
        mention: str | None = "Nordvia",
        quotes: tuple[tuple[str | None, str], ...] = (),
        negative: float | None = None,
        unhappy: str = "no",
        language: str = "en",
        posts_shown: int | None = None,
        **given: Any,
    ) -> Post:
        number = self.number()
        source = self.session.get_one(Source, thread.source_id)
        writer = self.add(
            Author(
                source_id=thread.source_id,
                external_id=number,
                name=author,
                posts_shown=posts_shown,
            )
        )
        fields: dict[str, Any] = {
            "source_id": thread.source_id,
            "thread_id": thread.id,
            "author_id": writer.id,
            "external_id": number,
            "url": f"{source.address}viewtopic.php?p={number}#p{number}",
            "private_message_url": f"{source.address}ucp.php?i=pm&mode=compose&u={number}",
            "posted_at": at or NOW - hours(3),
            "text": text,
            "text_hash": number,
        }
        post = self.add(Post(**fields | given))
        hour = (post.posted_at or post.fetched_at).replace(minute=0, second=0)
        self.count_posts(thread, hour, 1)
        for position, (name, words) in enumerate(quotes):
            self.add(Quote(post_id=post.id, position=position, author=name, text=words))
        brand = self.brand()
        if mention and (start := text.find(mention)) >= 0:
            self.add(
                Mention(
                    post_id=post.id,
                    brand_id=brand.id,
                    place="text",
                    start=start,
                    end=start + len(mention),
                    matched=mention,
                )
            )
        if negative is not None:
            self.verdict(post, negative, unhappy, language)
        keep_tallies(self.session, post.thread_id)
        return post

    def verdict(self, post: Post, negative: float, unhappy: str, language: str = "en") -> Verdict:
        rest = 1 - negative
        return self.add(
            Verdict(
                post_id=post.id,
                brand_id=self.brand().id,
                checkpoint=f"checkpoint@{self.number()}",
                text_hash=post.text_hash,
                polarity="negative" if negative >= 0.5 else "neutral",
                negative=negative,
                neutral=rest * 0.8,
                positive=rest * 0.2,
                unhappy=unhappy,
                language=language,
            )
        )

    def count_posts(self, thread: Thread, hour: datetime, posts: int) -> None:
        row = self.session.exec(
            select(Activity).where(Activity.thread_id == thread.id, Activity.hour == hour)
        ).first()
        if row is None:
            self.add(Activity(thread_id=thread.id, hour=hour, posts=posts))
        else:
            row.posts += posts
            self.session.flush()

    def case(
        self,
        post: Post,
        level: Level = Level.REACH_OUT,
        *,
        score: float = 50.0,
        state: CaseState = CaseState.NEW,
        agent: Agent | None = None,
        topic: str | None = None,
        reasons: tuple[str, ...] = ("an author is clearly unhappy (probability 0.93)",),
        opened_at: datetime = NOW - timedelta(hours=2),
        history: tuple[tuple[str, float], ...] = (),
    ) -> Case:
        """Add a case; ``history`` holds (kind, hours after its opening) of later events."""
        case = self.add(
            Case(
                thread_id=post.thread_id,
                brand_id=self.brand().id,
                post_id=post.id,
                level=level,
                score=score,
                reasons=list(reasons),
                topic=topic,
                state=state,
                agent_id=agent.id if agent else None,
                opened_at=opened_at,
                updated_at=opened_at,
            )
        )
        for kind, after in (("opened", 0.0), *history):
            by_hand = kind in list(CaseState) and kind != "opened"
            self.add(
                CaseEvent(
                    case_id=case.id,
                    at=opened_at + hours(after),
                    kind=kind,
                    level=level,
                    score=score,
                    reasons=list(reasons) if not by_hand else [],
                    agent_id=agent.id if agent and by_hand else None,
                )
            )
        return case

    def delivery(self, case: Case, **given: Any) -> Delivery:
        alert = self.add(
            Alert(
                key=f"case {case.id} {case.level}",
                case_id=case.id,
                level=case.level,
                created_at=case.opened_at,
            )
        )
        return self.add(Delivery(alert_id=alert.id, channel="slack", **given))
