"""A crawl finds out how a site writes its times, and asks for no list that has not changed."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from spiders.base import ReadOptions, ThreadRef
from spiders.crawl import Told
from spiders.outcome import Outcome
from spiders.settling import NOT_NEEDED
from tests.plain_forum import DAWN, Crawled, Forum, Memory, run, spec_for
from tests.webserver import Answer, Asked, WebServer

DAY = 24 * 60


@pytest.fixture
def forum() -> Forum:
    """A message of winter and two of summer time, written in Warsaw."""
    forum = Forum(zone="Europe/Warsaw", per_page=5)
    forum.write("help", "winter", "cold", minutes=0)
    for day in (60, 61):
        forum.write("help", "summer", "warm", minutes=day * DAY)
    return forum


@pytest.fixture
def server(forum: Forum) -> Iterator[WebServer]:
    with WebServer() as server:
        forum.serve(server)
        yield server


def moments(crawled: Crawled) -> dict[str, datetime | None]:
    return {post.post_id: post.posted_at for item in crawled.items for post in item.posts}


def written(forum: Forum) -> dict[str, datetime]:
    threads = [thread for board in forum.boards.values() for thread in board.values()]
    return {message.post_id: message.at for thread in threads for message in thread}


def add_clock(forum: Forum) -> None:
    now = datetime.now(UTC)
    forum.head += (
        f'<time datetime="{now:%Y-%m-%dT%H:%M:%SZ}">{forum.local(now):%b %d, %Y, %I:%M %p}</time>'
    )


def add_feed(forum: Forum, server: WebServer, ids: set[str]) -> None:
    forum.head += '<link rel="alternate" type="application/rss+xml" href="/feed">'
    items = "".join(
        f"<item><link>{server.address}/thread#post{name}</link>"
        f"<pubDate>{format_datetime(at, usegmt=True)}</pubDate></item>"
        for name, at in written(forum).items()
        if name in ids
    )
    body = f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>'
    server.pages["/feed"] = Answer(body=body, headers={"Content-Type": "application/rss+xml"})


def numbered(forum: Forum) -> None:
    """Give messages ids that are numbers, as engines have."""
    number = 0
    for board in forum.boards.values():
        for thread in board.values():
            for message in thread:
                number += 1
                message.post_id = str(number)


def test_a_feed_in_utc_from_both_seasons_gives_the_zone(forum: Forum, server: WebServer) -> None:
    numbered(forum)
    add_feed(forum, server, set(written(forum)))
    crawled = run(spec_for(server, settle=True))
    assert crawled.report.habits.timezone == "Europe/Berlin"  # the same as Warsaw, on English pages
    assert crawled.report.habits.timezone_how == "from its feed"
    assert moments(crawled) == written(forum)
    assert server.paths.count("/feed") == 1


def test_a_language_that_is_told_picks_the_likelier_zone(forum: Forum, server: WebServer) -> None:
    numbered(forum)
    add_feed(forum, server, set(written(forum)))
    spec = spec_for(server, settle=True, options=ReadOptions(language="pl"))
    assert run(spec).report.habits.timezone == "Europe/Warsaw"


def test_a_clock_alone_gives_a_fixed_offset_and_says_so(forum: Forum, server: WebServer) -> None:
    forum.zone = "Asia/Kolkata"
    add_clock(forum)
    crawled = run(spec_for(server, settle=True))
    assert crawled.report.habits.timezone == "Asia/Kolkata"
    assert moments(crawled) == written(forum)


def test_what_the_clock_says_later_completes_what_is_known(forum: Forum, server: WebServer) -> None:
    add_clock(forum)
    now = datetime.now(UTC)
    here = forum.local(now).utcoffset()
    assert here is not None
    other = 60 if here == timedelta(hours=2) else 120
    half_a_year_ago = Told(at=now - timedelta(days=182), minutes=other)
    crawled = run(spec_for(server, settle=True, told=(half_a_year_ago,)))
    assert crawled.report.habits.timezone == "Europe/Berlin"
    assert moments(crawled) == written(forum)
    assert "/feed" not in server.paths


def test_machine_readable_times_need_no_zone_and_no_request(
    forum: Forum, server: WebServer
) -> None:
    forum.zone = None
    add_feed(forum, server, set(written(forum)))
    crawled = run(spec_for(server, settle=True))
    assert crawled.report.habits.timezone_how == NOT_NEEDED
    assert "/feed" not in server.paths
    assert len(server.paths) == crawled.report.pages == 3


def test_pages_that_were_read_for_the_zone_are_not_asked_for_again(server: WebServer) -> None:
    run(spec_for(server, "/", settle=True))
    assert len(server.paths) == len(set(server.paths))


def test_without_evidence_times_are_in_utc_and_that_is_said(server: WebServer) -> None:
    habits = run(spec_for(server, settle=True)).report.habits
    assert habits.timezone is None
    assert habits.timezone_how is not None
    assert habits.timezone_how.startswith("assumed")


def test_a_zone_that_a_person_names_is_not_looked_for(forum: Forum, server: WebServer) -> None:
    add_feed(forum, server, set(written(forum)))
    crawled = run(spec_for(server, options=ReadOptions(timezone="Europe/Warsaw")))
    assert moments(crawled) == written(forum)
    assert "/feed" not in server.paths


def test_the_order_of_dates_is_learnt_from_a_day_above_twelve(
    forum: Forum, server: WebServer
) -> None:
    forum.zone, forum.date_form = "UTC", "%m/%d/%Y %H:%M"
    forum.head = "<p>04/25/2026 10:00</p>"
    crawled = run(spec_for(server, settle=True))
    assert crawled.report.habits.date_order == "MDY"
    assert moments(crawled) == written(forum)
    assert (crawled.report.posts, crawled.report.dated) == (3, 3)


def test_an_order_that_cannot_be_told_leaves_times_out_and_counts_them(
    forum: Forum, server: WebServer
) -> None:
    forum.boards = {}
    forum.write("help", "t", "March or April?", minutes=3 * DAY)
    forum.zone, forum.date_form = "UTC", "%m/%d/%Y %H:%M"
    report = run(spec_for(server, settle=True)).report
    assert (report.posts, report.dated, report.authors) == (1, 0, 1)


def versions(forum: Forum, server: WebServer) -> None:
    """Have the server tell versions, and answer 304 to who knows them."""

    def answer(asked: Asked) -> Answer:
        plain = forum.answer(asked)
        tag = f'"{hash(plain.body)}"'
        if asked.headers.get("if-none-match") == tag:
            return Answer(status=304, headers={"ETag": tag})
        return replace(plain, headers={"ETag": tag})

    server.pages["*"] = answer


def known(crawled: Crawled) -> Memory:
    memory = Memory(lists=crawled.lists)
    memory.keep(crawled.items)
    return memory


def test_a_board_that_is_as_it_was_is_answered_without_its_page(
    forum: Forum, server: WebServer
) -> None:
    versions(forum, server)
    memory = known(run(spec_for(server)))
    server.asked.clear()
    report = run(spec_for(server), memory).report
    assert (report.outcome, report.posts, report.lists_unchanged) == (Outcome.OK, 0, 1)
    assert server.paths == ["/board?id=help"]


def test_news_change_the_version_and_are_read(forum: Forum, server: WebServer) -> None:
    versions(forum, server)
    memory = known(run(spec_for(server)))
    forum.write("help", "summer", "still warm", minutes=62 * DAY)
    crawled = run(spec_for(server), memory)
    assert crawled.ids == {"summer": ["summer.1", "summer.2", "summer.3"]}


def test_a_crawl_that_left_something_asks_for_the_page_itself(
    forum: Forum, server: WebServer
) -> None:
    versions(forum, server)
    memory = known(run(spec_for(server)))
    server.asked.clear()
    run(spec_for(server, behind=True), memory)
    assert "if-none-match" not in server.asked[-1].headers


def test_a_list_with_a_thread_that_could_not_be_read_is_not_remembered(
    forum: Forum, server: WebServer
) -> None:
    server.pages["/thread?id=winter&page=1"] = Answer(body="<p>a new design</p>")
    versions(forum, server)
    assert run(spec_for(server)).lists == {}


@pytest.mark.parametrize("told_by", ["board_times", "board_stamps"])
def test_boards_whose_newest_message_is_known_are_not_opened(
    forum: Forum, server: WebServer, told_by: str
) -> None:
    forum.zone = None
    setattr(forum, told_by, True)
    forum.write("talk", "chat", "hello", minutes=0)
    memory = known(run(spec_for(server, "/")))
    server.asked.clear()
    report = run(spec_for(server, "/"), memory).report
    assert (server.paths, report.lists_unchanged) == (["/"], 2)
    forum.write("talk", "chat", "anybody there?", minutes=5)
    server.asked.clear()
    crawled = run(spec_for(server, "/"), memory)
    assert crawled.ids == {"chat": ["chat.1", "chat.2"]}
    assert server.paths == ["/", "/board?id=talk", "/thread?id=chat&page=1"]


def test_heated_threads_are_read_without_their_boards(forum: Forum, server: WebServer) -> None:
    forum.zone = None
    memory = known(run(spec_for(server)))
    forum.write("help", "summer", "and hot", minutes=62 * DAY)
    server.asked.clear()
    row = ThreadRef(thread_id="summer", title="", url=f"{server.address}/thread?id=summer")
    crawled = run(spec_for(server, threads=(row,)), memory)
    assert server.paths == ["/thread?id=summer"]
    (item,) = crawled.items
    assert item.mark.last_post_id == "summer.3"
    assert item.mark.posts == 3
    memory.keep(crawled.items)
    server.asked.clear()
    assert run(spec_for(server), memory).report.threads == 0, "the board tells nothing new"
    assert item.posts[-1].posted_at > DAWN  # type: ignore[operator]


def test_a_forum_that_changes_is_read_to_its_last_message_at_every_crawl(server: WebServer) -> None:
    forum = Forum(board_stamps=True, rows=3, per_page=2)
    chance = random.Random(4)  # noqa: S311
    memory, clock = Memory(), 0
    forum.serve(server)
    for crawl in range(9):
        for _ in range(chance.choice((0, 1, 6))) if crawl else range(12):
            clock += chance.randrange(2)  # two messages may share a minute
            board, thread = chance.choice("abc"), chance.randrange(5)
            forum.write(board, f"{board}{thread}", "news", minutes=clock)
        server.asked.clear()
        crawled = run(spec_for(server, "/"), memory)
        memory.keep(crawled.items)
        memory.lists = crawled.lists
        wanted = {name: posts for board in forum.boards.values() for name, posts in board.items()}
        assert memory.ids == {
            name: {post.post_id for post in posts} for name, posts in wanted.items()
        }
        if crawled.report.posts == 0:
            assert server.paths == ["/"]
