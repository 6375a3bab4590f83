"""A made-up year of forums, as large as asked for, written straight into the tables."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, insert, text
from sqlmodel import SQLModel

from models import (
    Activity,
    Agent,
    Author,
    Board,
    Brand,
    Case,
    CaseEvent,
    CrawlRun,
    Mention,
    Post,
    Shift,
    Source,
    Tally,
    Thread,
    Verdict,
)

Row = TypeVar("Row")
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
AT_ONCE = 20_000
LARGE = (Activity, Author, CrawlRun, Mention, Post, Tally, Thread, Verdict)
"""Tables whose rows are given whole."""
BRANDS = ("Nordvia", "Baltfon", "Zorza Energia")
PLACES = (
    "Grosz i Reszta", "Moto Kącik", "Домашний форум", "Side Income Board", "Energia w Domu",
    "Pogaduchy", "Кошелёк", "Broadband Talk", "Nowe Osiedle", "Гаражи", "Warsztat", "Tariff Watch",
)  # fmt: skip
TEXTS = {
    "pl": (
        "czekam na wypłatę już trzeci dzień i nikt nie odpowiada na zgłoszenia",
        "znowu awaria na całym osiedlu a infolinia mówi że wszystko działa",
        "naliczyli mi opłatę za usługę której nigdy nie zamawiałem",
        "u mnie wszystko działa bez zarzutu od roku polecam spróbować",
        "konto zablokowane bez słowa wyjaśnienia proszę o kontakt",
    ),
    "ru": (
        "жду выплату третий день и никто не отвечает на обращения",
        "опять авария во всём районе а на горячей линии говорят что всё работает",
        "списали деньги за услугу которую я никогда не заказывал",
        "у меня всё работает без нареканий уже год советую попробовать",
        "аккаунт заблокирован без объяснений прошу связаться",
    ),
    "en": (
        "still waiting for the payout after three days and nobody answers the ticket",
        "another outage in the whole district while the hotline says all is well",
        "they charged me for a service that I have never ordered",
        "works without a hitch here for a year now worth trying",
        "account locked without a word of explanation please get in touch",
    ),
}
TOPICS = ("payout_or_payment", "outage_or_fault", "billing", "", "account_or_ban")
TITLES = {
    "pl": ("Kiedy wypłata?", "Awaria, znowu", "Dziwna opłata na fakturze", "Opinie po roku"),
    "ru": ("Когда выплата?", "Авария, опять", "Странное списание в счёте", "Отзывы через год"),
    "en": ("When is the payout?", "Down again", "Odd charge on the bill", "After a year"),
}
NAMES = ("Marta", "Oleg", "Ania", "Piotr", "Vera", "Tom", "Kasia", "Igor")
STATES = ("new", "claimed", "contacted", "solved", "dismissed", "snoozed", "escalated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is made."""

    threads: int
    posts: int
    cases: int


def build(engine: Engine, size: Size, seed: int = 6) -> None:
    """Fill an empty, migrated database; the same ``seed`` makes the same world."""
    with engine.begin() as connection:
        triggers = _without_triggers(connection)
        _frame(connection)
        lengths = _lengths(size)
        chance = random.Random(seed)  # noqa: S311
        starts = [NOW - YEAR * chance.random() ** 0.8 for _ in range(size.threads)]
        _fill(connection, Thread, _threads(starts, lengths))
        _fill(connection, Author, _authors(size.threads))
        for table, rows in _posts(starts, lengths, seed):
            _fill(connection, table, iter(rows))
        _cases(connection, size, starts, lengths, seed)
        if triggers:
            connection.exec_driver_sql("INSERT INTO post_search(post_search) VALUES ('rebuild')")
        for trigger in triggers:
            connection.exec_driver_sql(trigger)
    if engine.dialect.name == "postgresql":  # as its autovacuum does; SQLite does it for nobody
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _without_triggers(connection: Connection) -> list[str]:
    """Take away what keeps SQLite's search, to be put back in one go; return how it was made."""
    if connection.dialect.name != "sqlite":
        return []
    found = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    ).all()
    for name, _ in found:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    return [made for _, made in found]


_RUN = CrawlRun(source_id=0, outcome="OK", pages=5).model_dump(exclude={"id"})


def _batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    left = iter(rows)
    while some := list(islice(left, size)):
        yield some


def _lengths(size: Size) -> list[int]:
    """Return posts by thread: most threads are short, a few very long."""
    each = size.posts // size.threads
    lengths = [max(1, each // 2 + number % each) for number in range(size.threads)]
    lengths[0] += max(0, size.posts - sum(lengths)) if sum(lengths) < size.posts else 0
    return lengths


def _fill(connection: Connection, model: type[SQLModel], rows: Iterator[dict[str, Any]]) -> None:
    table: Table = model.__table__  # type: ignore[attr-defined]
    for some in _batches(rows, AT_ONCE):
        if model not in LARGE:
            connection.execute(insert(table), some)
            continue
        names = list(some[0])
        columns = ", ".join(f'"{name}"' for name in names)
        if connection.dialect.name == "postgresql":
            plain = connection.connection.cursor()
            with plain.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:  # type: ignore[attr-defined]
                for row in some:
                    copy.write_row([row[name] for name in names])
            continue
        marks = ", ".join("?" * len(names))
        connection.exec_driver_sql(  # several times as fast as the ORM's way
            f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})',  # noqa: S608
            [tuple(_plain(row[name]) for name in names) for row in some],
        )


def _plain(value: Any) -> Any:
    """Return a value as ``UtcDateTime`` puts it into SQLite."""
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")[:26]
    return value


def _frame(connection: Connection) -> None:
    brands = [{"id": n, "name": name} for n, name in enumerate(BRANDS, 1)]
    _fill(connection, Brand, iter(brands))
    sources = [
        {
            "id": n,
            "name": name,
            "address": f"https://forum-{n}.example/",
            "engine": "phpbb",
            "last_run_at": NOW - timedelta(minutes=n),
            "last_ok_at": NOW - timedelta(minutes=n) if n != 4 else NOW - timedelta(days=2),
            "last_outcome": "OK" if n != 4 else "LOGIN_WALL",
            "failures": 0 if n != 4 else 5,
        }
        for n, name in enumerate(PLACES, 1)
    ]
    _fill(connection, Source, iter(_whole(Source, sources)))
    boards = [
        {"id": n, "source_id": n, "external_id": str(n), "title": "Board"}
        for n in range(1, len(PLACES) + 1)
    ]
    _fill(connection, Board, iter(boards))
    agents = [
        {"id": n, "name": name, "team": "Alfa" if n % 2 else "Beta", "timezone": "Europe/Warsaw"}
        for n, name in enumerate(NAMES, 1)
    ]
    _fill(connection, Agent, iter(_whole(Agent, agents)))
    shifts = [
        {"agent_id": n, "weekday": day, "start": 480 if n % 2 else 840, "end": 960 + 360 * (n > 4)}
        for n in range(1, len(NAMES) + 1)
        for day in range(5)
    ]
    _fill(connection, Shift, iter(shifts))
    runs = (
        _RUN | {"source_id": n, "started_at": NOW - timedelta(minutes=30 * back)}
        for n in range(1, len(PLACES) + 1)
        for back in range(48 * 60)
    )
    _fill(connection, CrawlRun, runs)


def _one(model: type[SQLModel], given: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the model's defaults for what is not given."""
    return model(**given).model_dump(exclude={"id"} if "id" not in given else set())


def _whole(model: type[SQLModel], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_one(model, row) for row in rows]


def _tongue(thread: int) -> str:
    return ("pl", "ru", "en")[thread % 3]


def _threads(starts: list[datetime], lengths: list[int]) -> Iterator[dict[str, Any]]:
    for n, start in enumerate(starts, 1):
        source = n % len(PLACES) + 1
        title = TITLES[_tongue(n)][n % 4]
        yield {
            "id": n,
            "source_id": source,
            "board_id": source,
            "external_id": str(n),
            "title": f"{BRANDS[n % 3]}: {title} ({n})",
            "url": f"https://forum-{source}.example/viewtopic.php?t={n}",
            "watched": True,
            "mark_posts": lengths[n - 1],
            "version": 1,
            "first_seen_at": start,
        }


def _authors(number: int) -> Iterator[dict[str, Any]]:
    for n in range(1, number + 1):
        yield {
            "id": n,
            "source_id": n % len(PLACES) + 1,
            "external_id": str(n),
            "name": f"user_{n}",
            "posts_shown": n % 900,
        }


def _posts(
    starts: list[datetime], lengths: list[int], seed: int
) -> Iterator[tuple[type[SQLModel], list[dict[str, Any]]]]:
    """Yield rows of the tables that hang on posts, a few thousand threads at a time."""
    chance = random.Random(seed + 1)  # noqa: S311
    number = 0
    for some in _batches(range(1, len(starts) + 1), 2_000):
        posts, mentions, verdicts = [], [], []
        hours: dict[tuple[int, datetime], int] = {}
        tallies: dict[tuple[int, datetime, str], list[int]] = {}
        for thread in some:
            spoken = _tongue(thread)
            brand = thread % 3 + 1
            name = BRANDS[brand - 1]
            at = starts[thread - 1]
            for place in range(lengths[thread - 1]):
                number += 1
                at = min(NOW - timedelta(minutes=1), at + timedelta(hours=chance.expovariate(0.2)))
                kind = chance.randrange(5)
                named = chance.random() < 0.4 or place == 0
                words = f"{name if named else 'oni'} {TEXTS[spoken][kind]} {number % 9973}"
                negative = named and kind != 3
                hour = at.replace(minute=0, second=0, microsecond=0)
                posts.append(
                    {
                        "id": number,
                        "source_id": thread % len(PLACES) + 1,
                        "thread_id": thread,
                        "author_id": number % len(starts) + 1,
                        "external_id": str(number),
                        "number": place + 1,
                        "url": f"https://forum-{thread % len(PLACES) + 1}.example/p{number}",
                        "posted_at": at,
                        "fetched_at": at + timedelta(minutes=20),
                        "edited": False,
                        "text": words,
                        "text_hash": str(number),
                    }
                )
                hours[thread, hour] = hours.get((thread, hour), 0) + 1
                if not named:
                    continue
                mentions.append(
                    {
                        "post_id": number,
                        "brand_id": brand,
                        "place": "text",
                        "start": 0,
                        "end": len(name),
                        "matched": name,
                    }
                )
                topic = TOPICS[kind] if negative else ""
                verdicts.append(
                    {
                        "post_id": number,
                        "brand_id": brand,
                        "checkpoint": "bench",
                        "text_hash": str(number),
                        "polarity": "negative" if negative else "neutral",
                        "negative": 0.9 if negative else 0.1,
                        "neutral": 0.08,
                        "positive": 0.02,
                        "unhappy": "sure" if negative else "no",
                        "language": spoken,
                        "topic": topic or None,
                        "truncated": False,
                        "scored_at": at + timedelta(minutes=21),
                    }
                )
                row = tallies.setdefault((thread, hour, topic), [0, 0, 0])
                row[0] += 1
                row[1] += negative
                row[2] += number % 3 == 0
        yield Post, posts
        yield Mention, mentions
        yield Verdict, verdicts
        yield (
            Activity,
            [{"thread_id": t, "hour": hour, "posts": n} for (t, hour), n in hours.items()],
        )
        yield (
            Tally,
            [
                {
                    "thread_id": t,
                    "brand_id": t % 3 + 1,
                    "source_id": t % len(PLACES) + 1,
                    "hour": hour,
                    "language": _tongue(t),
                    "topic": topic,
                    "mentions": named,
                    "judged": named,
                    "negative": bad,
                    "rivals": rivals,
                }
                for (t, hour, topic), (named, bad, rivals) in tallies.items()
            ],
        )


def _cases(
    connection: Connection, size: Size, starts: list[datetime], lengths: list[int], seed: int
) -> None:
    """Add cases on the youngest threads' first posts, most of the old ones closed."""
    chance = random.Random(seed + 2)  # noqa: S311
    first = [1]
    for length in lengths[:-1]:
        first.append(first[-1] + length)
    order = sorted(range(1, size.threads + 1), key=lambda n: starts[n - 1], reverse=True)
    step = max(1, size.threads // size.cases)
    cases, events = [], []
    for number, thread in enumerate(order[::step][: size.cases], 1):
        opened = min(NOW - timedelta(minutes=5), starts[thread - 1] + timedelta(hours=2))
        old = NOW - opened > timedelta(days=30)
        state = chance.choice(STATES[3:5] if old and chance.random() < 0.9 else STATES)
        owner = None if state in ("new", "escalated") else chance.randrange(len(NAMES)) + 1
        kind = chance.randrange(3)
        score = 25.0 + 25 * kind + chance.random() * 20
        level = ("watch", "reach_out", "urgent")[kind]
        contacted = opened + timedelta(minutes=chance.randrange(10, 600))
        reasons = [
            "an author is clearly unhappy (probability 0.93)",
            f"{2 + kind} different authors are unhappy",
            "no answer from us for 7 hours",
        ]
        cases.append(
            _one(
                Case,
                {
                    "id": number,
                    "thread_id": thread,
                    "brand_id": thread % 3 + 1,
                    "post_id": first[thread - 1],
                    "level": level,
                    "score": score,
                    "reasons": reasons,
                    "topic": TOPICS[number % 5] or None,
                    "state": state,
                    "agent_id": owner,
                    "opened_at": opened,
                    "updated_at": opened,
                    "snoozed_until": NOW + timedelta(days=2) if state == "snoozed" else None,
                    "contacted_at": contacted if state in ("contacted", "solved") else None,
                },
            )
        )
        told: list[tuple[str, datetime, float]] = [
            ("opened", opened, score / 2),
            ("raised", opened + timedelta(minutes=5), score),
        ]
        if state in ("contacted", "solved"):
            told += [("claimed", contacted - timedelta(minutes=4), score)]
            told += [("contacted", contacted, score)]
        if state not in ("new", "contacted"):
            told += [(state, contacted + timedelta(hours=1), score)]
        events += [
            _one(
                CaseEvent,
                {
                    "case_id": number,
                    "at": min(at, NOW),
                    "kind": kind_of,
                    "level": level,
                    "score": points,
                    "reasons": reasons if kind_of in ("opened", "raised") else [],
                    "agent_id": owner if kind_of not in ("opened", "raised") else None,
                    "reason": "not_about_us" if kind_of == "dismissed" else "",
                },
            )
            for kind_of, at, points in told
        ]
    _fill(connection, Case, iter(cases))
    _fill(connection, CaseEvent, iter(events))
    if connection.dialect.name == "postgresql":
        for name in ("brand", "source", "board", "agent", "thread", "author", "post", "case"):
            connection.execute(
                text(f"SELECT setval('{name}_id_seq', (SELECT max(id) FROM \"{name}\"))")  # noqa: S608
            )
