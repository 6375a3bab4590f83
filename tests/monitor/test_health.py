"""What makes a source yellow or red, which threads are hot, and what is kept for a person."""

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from rich.console import Console
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import CaseState, CrawlRun, Source
from models.base import id_of, utc_now
from models.database import reading, writing
from monitor.config import Settings
from monitor.crawling import CrawlOrder
from monitor.demo import DemoForum
from monitor.evidence import cleaned, exhibits
from monitor.health import GREEN, RED, YELLOW, Health, judge_health
from monitor.hot import LISTED_ONLY, hot_interval, hot_threads
from monitor.inspecting import show_source
from monitor.jobs import Runtime, crawl_source, hot_sources
from monitor.recording import NotRecorded, record_page
from spiders.detect import engines
from tests.monitor.scene import NOW, Scene, hours
from tests.webserver import Answer, WebServer

CHALLENGE = "<html><head><title>Just a moment...</title></head><body>checking</body></html>"


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with writing(engine) as session:
        yield session


@pytest.fixture
def runtime(engine: Engine, database_url: str, tmp_path: Path) -> Runtime:
    settings = Settings(
        database_url=SecretStr(database_url),
        contact="ops@quietword.test",
        allow_private_addresses=True,
        evidence_folder=tmp_path / "evidence",
    )
    return Runtime(settings=settings, engine=engine, channels={}, scorer=lambda: sys.exit("none"))


def a_run(session: Session, source: Source, **given: Any) -> CrawlRun:
    fields: dict[str, Any] = {
        "source_id": id_of(source),
        "started_at": NOW,
        "finished_at": NOW,
        "outcome": "OK",
        "posts": 40,
        "authors": 40,
        "dated": 40,
        "threads": 10,
        "listed": 20,
        "list_pages": 1,
    }
    run = CrawlRun(**fields | given)
    session.add(run)
    session.flush()
    return run


def after(session: Session, runs: list[dict[str, Any]], failures: int = 0) -> Health:
    """Return how a source fares after these runs."""
    address = f"https://{uuid4().hex}.example/"
    source = Scene(session).source(address=address, last_ok_at=None, failures=failures)
    for given in runs[:-1]:
        a_run(session, source, **given)
    return judge_health(session, source, a_run(session, source, **runs[-1]))


def test_a_source_that_gives_what_it_gave_is_green(session: Session) -> None:
    assert after(session, [{}] * 6) == Health(GREEN)


@pytest.mark.parametrize(("name", "word"), [("authors", "their author"), ("dated", "their time")])
def test_a_fall_of_a_third_in_what_messages_tell_is_yellow(
    session: Session, name: str, word: str
) -> None:
    assert after(session, [{}] * 5 + [{name: 29}]).colour == GREEN
    health = after(session, [{}] * 5 + [{name: 27}])
    assert health.colour == YELLOW
    assert word in health.note
    assert "68%" in health.note
    assert "quietword inspect" in health.note


def test_small_crawls_are_judged_together(session: Session) -> None:
    small = {"posts": 3, "authors": 3, "dated": 0}
    assert after(session, [{}] * 5 + [small]).colour == GREEN
    assert after(session, [{}] * 5 + [small] * 7).colour == YELLOW


def test_messages_without_times_from_the_first_crawl_on_are_told(session: Session) -> None:
    health = after(session, [{"dated": 0}])
    assert health.colour == YELLOW
    assert "only 0% of its messages tell their time" in health.note


def test_boards_that_list_fewer_threads_twice_are_yellow(session: Session) -> None:
    assert after(session, [{}] * 6 + [{"listed": 6}]).colour == GREEN
    health = after(session, [{}] * 6 + [{"listed": 6}, {"listed": 6}])
    assert health.colour == YELLOW
    assert "lists 6 threads, 20 before" in health.note


def test_threads_that_give_fewer_messages_for_a_day_are_yellow(session: Session) -> None:
    usual = {"skipped": 5, "started_at": NOW - timedelta(days=3)}
    assert after(session, [usual] * 3 + [{"skipped": 5, "posts": 30}]).colour == GREEN
    fewer = {"skipped": 5, "posts": 20, "authors": 20, "dated": 20}
    health = after(session, [usual] * 3 + [fewer])
    assert health.colour == YELLOW
    assert "gives 2.0 messages, 4.0 before" in health.note


def test_a_week_much_quieter_than_any_before_is_yellow(session: Session) -> None:
    scene = Scene(session)
    source = scene.source()
    thread = scene.thread(source, "busy")
    for week in range(1, 5):
        at = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(weeks=week, days=1)
        scene.count_posts(thread, at, 100)
    scene.count_posts(thread, NOW.replace(minute=0, second=0, microsecond=0) - hours(5), 60)
    health = judge_health(session, source, a_run(session, source))
    assert (health.colour, "60 messages were written in a week" in health.note) == (YELLOW, True)


@pytest.mark.parametrize(
    ("outcome", "failures", "colour"),
    [
        ("LOGIN_WALL", 1, RED),
        ("BLOCKED", 1, RED),
        ("MARKUP_CHANGED", 1, RED),
        ("GONE", 1, RED),
        ("UNREACHABLE", 1, YELLOW),
        ("RATE_LIMITED", 2, YELLOW),
        ("UNREACHABLE", 3, RED),
    ],
)
def test_a_failure_says_what_to_do_and_is_red_when_only_a_person_can_mend_it(
    session: Session, outcome: str, failures: int, colour: str
) -> None:
    health = after(session, [{}, {"outcome": outcome}], failures)
    assert health.colour == colour
    assert health.note.startswith(outcome)
    assert len(health.note) > 40


def test_a_list_that_was_full_and_is_empty_is_red(session: Session) -> None:
    health = after(session, [{}, {"outcome": "EMPTY", "listed": 0}])
    assert health.colour == RED
    assert "though it did before" in health.note


def test_a_thread_is_hot_with_an_open_case_or_five_messages_in_three_hours(
    session: Session,
) -> None:
    scene = Scene(session)
    source = scene.source()
    now = NOW.replace(minute=30)
    fast, case, done, quiet = (
        scene.thread(source, name) for name in ("fast", "case", "done", "quiet")
    )
    scene.count_posts(fast, NOW.replace(minute=0, second=0, microsecond=0), 5)
    scene.case(scene.post(case, "Nordvia is down", at=now - hours(6)))
    scene.case(scene.post(done, "Nordvia is down", at=now - hours(6)), state=CaseState.SOLVED)
    scene.post(quiet, "Nordvia is fine", at=now - hours(6))
    found = [name for name, _ in hot_threads(session, id_of(source), now)]
    assert found == [fast.external_id, case.external_id]
    assert hot_threads(session, id_of(source), now + hours(30)) == []


def test_hot_threads_are_looked_at_more_often_but_never_within_five_minutes() -> None:
    def interval(minutes: int) -> timedelta | None:
        return hot_interval(Source(address="a", engine="e", name="n", every_minutes=minutes))

    assert interval(60) == timedelta(minutes=10)
    assert interval(15) == timedelta(minutes=5)
    assert interval(5) is None


def test_between_two_crawls_only_heated_threads_are_read(runtime: Runtime) -> None:
    with DemoForum() as forum:
        forum.grow()
        with writing(runtime.engine) as session:
            scene = Scene(session)
            source = scene.source(
                address=forum.phpbb_url,
                last_run_at=utc_now() - timedelta(minutes=20),
                every_minutes=60,
                delay_s=0.0,
            )
            url = f"{forum.phpbb_url.partition('viewforum')[0]}viewtopic.php?t=1"
            thread = scene.thread(source, "hot", url=url)
            now = utc_now().replace(minute=0, second=0, microsecond=0)
            scene.count_posts(thread, now, 5)
            number, before = id_of(source), source.last_run_at
        assert hot_sources(runtime) == [number]
        asked = forum.requests.copy()
        run = crawl_source(runtime, number, hot=True)
        assert run.hot
        assert not any("viewforum" in path for path in forum.requests - asked)
        assert hot_sources(runtime) == []
        with reading(runtime.engine) as session:
            kept = session.get_one(Source, number)
        assert kept.last_run_at == before, "the source's own turn comes when it would have"
        assert kept.hot_run_at == run.finished_at


def rss(title: str) -> Answer:
    return Answer(
        body='<?xml version="1.0"?><rss version="2.0"><channel><title>Letters</title><item>'
        f"<guid>a</guid><title>{title}</title><link>/article</link></item></channel></rss>",
        headers={"Content-Type": "application/rss+xml"},
    )


def a_hot_source(runtime: Runtime, address: str, engine: str, url: str) -> int:
    """Return a source that was crawled a while ago and has a thread with much to read."""
    with writing(runtime.engine) as session:
        scene = Scene(session)
        source = scene.source(
            address=address,
            engine=engine,
            last_run_at=utc_now() - timedelta(minutes=20),
            every_minutes=60,
            delay_s=0.0,
        )
        now = utc_now().replace(minute=0, second=0, microsecond=0)
        scene.count_posts(scene.thread(source, "hot", external_id="a", url=url), now, 5)
        return id_of(source)


def test_what_only_its_list_shows_waits_for_the_next_crawl(runtime: Runtime) -> None:
    with WebServer() as site:
        site.pages["/feed"] = rss("Nordvia is down")
        number = a_hot_source(runtime, f"{site.address}/feed", "feed", f"{site.address}/article")
        assert hot_sources(runtime) == []
        run = crawl_source(runtime, number, hot=True)
        assert run.outcome == "OK"
        assert site.paths == []
    with reading(runtime.engine) as session:
        assert session.get_one(Source, number).not_before is None
    alone = {name for name, one in engines().items() if one.again("1", "u", "s") is None}
    assert set(LISTED_ONLY) == alone


@pytest.mark.parametrize(
    ("status", "outcome", "colour", "waits"),
    [
        (200, "MARKUP_CHANGED", YELLOW, False),
        (404, "GONE", GREEN, False),
        (403, "BLOCKED", RED, True),
        (429, "RATE_LIMITED", YELLOW, True),
    ],
)
def test_heated_threads_that_cannot_be_read_hold_back_no_crawl_unless_we_were_refused(
    runtime: Runtime, status: int, outcome: str, colour: str, waits: bool
) -> None:
    with WebServer() as site:
        body = CHALLENGE if outcome == "BLOCKED" else "<p>no forum</p>"
        headers = {"Retry-After": "9000"} if status == 429 else {}
        site.pages["/t"] = Answer(body=body, status=status, headers=headers)
        number = a_hot_source(runtime, f"{site.address}/forum", "phpbb", f"{site.address}/t")
        assert crawl_source(runtime, number, hot=True).outcome == outcome
    with reading(runtime.engine) as session:
        source = session.get_one(Source, number)
    assert (source.not_before is not None) is waits
    assert source.hot_run_at is not None
    assert source.health == colour
    assert (outcome in source.health_note) is (colour != GREEN)


def test_what_a_crawl_finds_out_of_the_times_is_kept_and_a_persons_word_stands(
    runtime: Runtime,
) -> None:
    with DemoForum() as forum:
        forum.grow()
        for given, how in (
            ({}, "its pages carry machine-readable times"),
            ({"timezone": "Europe/Warsaw", "timezone_how": "as you say"}, "as you say"),
        ):
            with writing(runtime.engine) as session:
                for old in session.exec(select(Source)):
                    session.delete(old)
                session.flush()
                source = Source(
                    address=forum.phpbb_url, engine="phpbb", name="f", delay_s=0, **given
                )
                session.add(source)
                session.flush()
                number = id_of(source)
            crawl_source(runtime, number)
            with reading(runtime.engine) as session:
                assert session.get_one(Source, number).timezone_how == how


def test_a_wall_turns_the_source_red_and_leaves_its_page_for_inspection(runtime: Runtime) -> None:
    with WebServer() as site:
        site.pages["/forum"] = Answer(body=CHALLENGE, status=403)
        with writing(runtime.engine) as session:
            source = Source(address=f"{site.address}/forum", engine="phpbb", name="f", delay_s=0)
            session.add(source)
            session.flush()
            number = id_of(source)
        crawl_source(runtime, number)
    (kept,) = exhibits(runtime.settings.evidence_folder, number)
    assert kept.about["outcome"] == "BLOCKED"
    assert "checking" in kept.file.read_text("utf-8")
    console = Console(record=True, width=200)
    show_source(runtime, number, console)
    said = console.export_text()
    assert "red: BLOCKED" in said
    assert str(kept.file) in said.replace("\n", "")


def test_a_page_that_changed_is_kept_with_how_often_each_selector_matches(
    runtime: Runtime,
) -> None:
    with WebServer() as site:
        site.pages["*"] = Answer(body="<html><body><p class=post>new look</p></body></html>")
        with writing(runtime.engine) as session:
            source = Source(
                address=f"{site.address}/index.php?board=1.0",
                engine="smf",
                name="f",
                delay_s=0,
                selectors={"post": "p.post"},
            )
            session.add(source)
            session.flush()
            number = id_of(source)
        for _ in range(4):
            crawl_source(runtime, number)
    kept = exhibits(runtime.settings.evidence_folder, number)
    assert kept[0].about["outcome"] == "MARKUP_CHANGED"
    assert kept[0].about["selectors"]["post"] == {"p.post": 1}
    assert kept[0].about["selectors"]["thread_row"]
    assert len(kept) <= 5


def test_a_kept_page_can_do_nothing() -> None:
    text = (
        "<html><script>alert(1)</script><body onload='x()'><img src='http://track.test/a.gif'>"
        "<form action='/post'><input name=q></form><a href='javascript:x()' class='c'>text</a>"
        "<iframe src='//evil.test'></iframe><p id=here style='background:url(//evil.test)'>words"
    )
    body = cleaned(text)
    for bad in ("alert", "onload", "track.test", "<form", "<input", "javascript", "evil.test"):
        assert bad not in body
    assert '<p id="here">words' in body
    assert 'class="c"' in body


def test_a_page_is_recorded_with_what_is_read_from_it(tmp_path: Path) -> None:
    console = Console(record=True, width=200)
    with DemoForum() as forum:
        forum.grow()
        order = CrawlOrder(
            address=forum.phpbb_url, allow_private_addresses=True, contact="ops@quietword.test"
        )
        page, case = record_page(
            order, tmp_path, name=None, file=None, anonymise=False, console=console
        )
        with pytest.raises(NotRecorded, match="another --name"):
            record_page(order, tmp_path, name=None, file=None, anonymise=False, console=console)
    assert (page.name, case.name) == ("index.html", "index.json")
    assert '"engine": "phpbb"' in case.read_text("utf-8")
    assert "own words" in console.export_text()


def test_a_recorded_page_can_be_made_anonymous(tmp_path: Path) -> None:
    console = Console(record=True, width=200)
    saved = Path(__file__).parents[1] / "pages" / "phpbb" / "thread.html"
    known = saved.with_suffix(".json").read_text("utf-8")
    case = json.loads(known)
    order = CrawlOrder(address=case["url"])
    page, told = record_page(
        order, tmp_path, name="thread_neutral", file=saved, anonymise=True, console=console
    )
    before, after_ = (
        case["reading"]["posts"],
        json.loads(told.read_text("utf-8"))["reading"]["posts"],
    )
    assert [post["post_id"] for post in before] == [post["post_id"] for post in after_]
    assert [post["posted_at"] for post in before] == [post["posted_at"] for post in after_]
    text = page.read_text("utf-8")
    for post in before:
        assert post["author"] not in text
        assert not any(line in text for line in post["text"].splitlines() if len(line) > 20)


@pytest.mark.parametrize("file", ["board_rss.xml", "board_atom.xml"])
def test_a_feed_is_recorded_as_xml_with_neutral_words(tmp_path: Path, file: str) -> None:
    page, case = record_page(
        CrawlOrder(address="https://blog.example/feed.xml"),
        tmp_path,
        name=None,
        file=Path("tests/pages/feed") / file,
        anonymise=True,
        console=Console(record=True),
    )
    assert page.name == "board.xml"
    kept = json.loads(case.read_text("utf-8"))
    assert kept["engine"] == "feed"
    assert kept["reading"]["posts"]
    written = page.read_text("utf-8")
    assert "Mia K." not in written
    assert "Twice billed" not in written
    again, _ = record_page(
        CrawlOrder(address="https://blog.example/feed.xml"),
        tmp_path / "again",
        name=None,
        file=page,
        anonymise=False,
        console=Console(record=True),
    )
    assert again.name == "board.xml"
