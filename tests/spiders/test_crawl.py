"""How a crawl behaves toward a site, and what it reports, against a real server."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from spiders.base import Kind
from spiders.crawl import ContactMissing, ThreadItem, crawl
from spiders.detect import UnknownEngine
from spiders.outcome import Outcome
from tests.plain_forum import Forum, Memory, finish, page, run, spec_for, start
from tests.webserver import Answer, Asked, Script, WebServer


@pytest.fixture
def forum() -> Forum:
    forum = Forum()
    for thread in range(3):
        for message in range(4):
            forum.write("help", f"t{thread}", "hello", minutes=60 * thread + message)
    return forum


@pytest.fixture
def server(forum: Forum) -> Iterator[WebServer]:
    with WebServer() as server:
        forum.serve(server)
        yield server


def in_turn(*answers: Answer | None, then: Script) -> Script:
    """Give each of ``answers`` once, ``None`` standing for ``then``, and ``then`` ever after."""
    left = list(answers)

    def answer(asked: Asked) -> Answer:
        one = left.pop(0) if left else None
        return one or (then if isinstance(then, Answer) else then(asked))

    return answer


def test_a_board_is_read_and_reported(server: WebServer) -> None:
    crawled = run(spec_for(server))
    report = crawled.report
    assert report.outcome is Outcome.OK
    assert crawled.ids == {f"t{t}": [f"t{t}.{n}" for n in range(1, 5)] for t in (2, 1, 0)}
    assert (report.engine, report.kind, report.title) == ("plain", Kind.BOARD, "Help")
    assert (report.pages, report.threads, report.posts) == (7, 3, 12)
    assert (report.listed, report.unreadable, report.behind) == (3, 0, False)
    assert report.bytes > 1000


def test_an_unchanged_board_costs_one_page_at_the_second_crawl(server: WebServer) -> None:
    memory = Memory()
    memory.keep(run(spec_for(server)).items)
    server.asked.clear()
    report = run(spec_for(server), memory).report
    assert server.paths == ["/board?id=help"]
    assert report.outcome is Outcome.OK
    assert (report.threads, report.skipped_unchanged) == (0, 3)


def test_a_site_sees_one_polite_guest(server: WebServer) -> None:
    for path in ("/board?id=help", "/thread?id=t1&page=2"):
        server.pages[path] = Answer(
            body=server.pages["*"](Asked(method="GET", path=path, headers={}, began=0)).body,  # type: ignore[operator]
            headers={"Set-Cookie": "session=1"},
            wait_s=0.05,
        )
    run(spec_for(server, contact="ops@nordvia.example"))
    assert server.most_at_once == 1
    assert {one.method for one in server.asked} == {"GET"}
    agents = {one.headers["user-agent"] for one in server.asked}
    assert len(agents) == 1
    agent = agents.pop()
    assert agent.startswith("Quietword/")
    assert agent.endswith(" (+ops@nordvia.example)")
    for one in server.asked:
        assert not {"cookie", "authorization", "referer", "from"} & set(one.headers)


def test_requests_keep_their_distance_when_the_site_is_not_this_machine(server: WebServer) -> None:
    server.pages["/robots.txt"] = Answer(body="User-agent: *\nCrawl-delay: 0.3")
    run(spec_for(server, "/thread?id=t0"))
    began = [one.began for one in server.asked]
    assert len(began) == 3
    assert min(b - a for a, b in pairwise(began)) > 0.28


def test_a_public_site_is_not_read_without_a_contact(server: WebServer) -> None:
    spec = spec_for(server)
    with pytest.raises(ContactMissing, match="QUIETWORD_CONTACT or --contact"):
        crawl(replace(spec, address="http://8.8.8.8/", engine=None), known=Memory(), sink=full)


@pytest.mark.parametrize(
    "contact", ["", "me", "a@b.example\r\nX-Evil: 1", "жалобы@nordvia.example"]
)
def test_a_contact_that_is_none_is_refused(server: WebServer, contact: str) -> None:
    with pytest.raises(ContactMissing):
        crawl(spec_for(server, contact=contact, engine=None), known=Memory(), sink=full)
    assert server.asked == []


def test_an_engine_that_is_not_there_is_named(server: WebServer) -> None:
    with pytest.raises(UnknownEngine, match="no engine is called 'phpnuke'"):
        crawl(spec_for(server, engine="phpnuke"), known=Memory(), sink=full)


def test_a_page_of_no_forum_is_reported(server: WebServer) -> None:
    server.pages["/shop"] = Answer(body="<html><title>Shop</title><p>Shoes</p></html>")
    report = run(spec_for(server, "/shop", engine=None)).report
    assert report.outcome is Outcome.UNKNOWN_ENGINE
    assert f"{server.address}/shop" in report.message


def test_the_first_page_alone_tells_what_an_address_is(server: WebServer) -> None:
    crawled = run(spec_for(server, only_first_page=True))
    assert server.paths == ["/board?id=help"]
    assert crawled.items == []
    report = crawled.report
    assert (report.outcome, report.kind, report.title) == (Outcome.OK, Kind.BOARD, "Help")
    assert (report.listed, report.boards) == (3, 0)


@pytest.mark.parametrize("kind", ["board", "index"])
def test_a_board_without_threads_is_empty_not_fine(server: WebServer, kind: str) -> None:
    server.pages["/board?id=help"] = Answer(body=page(kind, "no topics yet"))
    assert run(spec_for(server)).report.outcome is Outcome.EMPTY


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(status=404), Outcome.GONE),
        (Answer(status=403), Outcome.BLOCKED),
        (Answer(status=503), Outcome.UNREACHABLE),
        (Answer(body="<form><input type=password></form>"), Outcome.LOGIN_WALL),
        (Answer(status=302, headers={"Location": "/ucp.php?mode=login"}), Outcome.LOGIN_WALL),
        (
            Answer(status=429, headers={"cf-mitigated": "challenge", "Retry-After": "0"}),
            Outcome.BLOCKED,
        ),
        (Answer(body="<html><p>A new design</p></html>"), Outcome.MARKUP_CHANGED),
        (Answer(status=429), Outcome.RATE_LIMITED),
        (Answer(status=429, headers={"Retry-After": "soon"}), Outcome.RATE_LIMITED),
    ],
)
def test_a_start_page_that_is_no_board_has_a_name_and_advice(
    server: WebServer, answer: Answer, outcome: Outcome
) -> None:
    server.pages["/board?id=help"] = answer
    report = run(spec_for(server, max_wait_s=2)).report
    assert report.outcome is outcome
    assert outcome.advice in report.message
    times = 2 if outcome in {Outcome.GONE, Outcome.UNREACHABLE, Outcome.RATE_LIMITED} else 1
    assert server.paths == ["/board?id=help"] * times, "nothing else is asked for"


def test_a_thread_about_walls_and_logins_is_not_taken_for_one(
    server: WebServer, forum: Forum
) -> None:
    forum.write(
        "help",
        "t9",
        'Just a moment... <title>Just a moment...</title> window._cf_chl_opt = {} "cf-mitigated" '
        '<script src="/_Incapsula_Resource"> anubis_challenge ddos-guard <input type=password>',
        minutes=999,
    )
    crawled = run(spec_for(server))
    assert crawled.report.outcome is Outcome.OK
    assert "t9" in crawled.ids


def test_the_first_bot_wall_ends_the_crawl_and_keeps_what_was_read(server: WebServer) -> None:
    server.pages["/thread?id=t1&page=2"] = Answer(
        status=403, body="<title>Just a moment...</title>"
    )
    crawled = run(spec_for(server))
    assert crawled.report.outcome is Outcome.BLOCKED
    assert list(crawled.ids) == ["t2"]
    assert crawled.report.behind
    assert server.paths[-1] == "/thread?id=t1&page=2"


def test_messages_that_cannot_be_read_turn_the_run_red(server: WebServer) -> None:
    for thread in range(3):
        server.pages[f"/thread?id=t{thread}&page=2"] = Answer(
            body=page("thread", "<article>?</article><article>?</article>", thread=f"t{thread}")
        )
    report = run(spec_for(server)).report
    assert report.outcome is Outcome.MARKUP_CHANGED
    assert report.unreadable == 6
    assert "6 of 6 messages" in report.message


def test_threads_in_new_markup_turn_the_run_red_though_the_board_is_fine(server: WebServer) -> None:
    for thread in range(3):
        server.pages[f"/thread?id=t{thread}&page=2"] = Answer(body="<html>new look</html>")
    report = run(spec_for(server)).report
    assert report.outcome is Outcome.MARKUP_CHANGED
    assert report.threads == 0


def test_a_short_wait_that_is_asked_for_is_waited(server: WebServer, forum: Forum) -> None:
    busy = Answer(status=429, headers={"Retry-After": "1"})
    server.pages["/thread?id=t2&page=2"] = in_turn(busy, then=forum.answer)
    crawled = run(spec_for(server))
    assert crawled.report.outcome is Outcome.OK
    assert len(crawled.items) == 3
    first, second = (one for one in server.asked if one.path == "/thread?id=t2&page=2")
    assert second.began - first.began > 0.95


def test_a_wait_given_as_a_date_and_a_503_are_waited_too(server: WebServer, forum: Forum) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    down = Answer(status=503, headers={"Retry-After": until})
    server.pages["/board?id=help"] = in_turn(down, then=forum.answer)
    assert run(spec_for(server)).report.outcome is Outcome.OK
    assert server.paths[:2] == ["/board?id=help"] * 2


def test_a_refusal_that_names_no_time_is_rested_for_all_the_same(
    server: WebServer, forum: Forum
) -> None:
    server.pages["/thread?id=t2&page=2"] = in_turn(Answer(status=429), then=forum.answer)
    crawled = run(spec_for(server, max_wait_s=4))
    assert crawled.report.outcome is Outcome.OK
    assert len(crawled.items) == 3
    first, second = (one for one in server.asked if one.path == "/thread?id=t2&page=2")
    assert second.began - first.began > 0.95


def test_each_plea_for_rest_is_granted_while_the_site_answers_after_it(
    server: WebServer, forum: Forum
) -> None:
    for thread in ("t2", "t1"):
        busy = Answer(status=429, headers={"Retry-After": "0"})
        server.pages[f"/thread?id={thread}&page=2"] = in_turn(busy, then=forum.answer)
    crawled = run(spec_for(server))
    assert crawled.report.outcome is Outcome.OK
    assert len(crawled.items) == 3


def test_a_plea_for_rest_right_after_a_rest_ends_the_crawl(server: WebServer) -> None:
    busy = Answer(status=429, headers={"Retry-After": "0"})
    busier = Answer(status=429, headers={"Retry-After": "60"})
    server.pages["/thread?id=t1&page=2"] = in_turn(busy, then=lambda _: busier)
    crawled = run(spec_for(server))
    assert crawled.report.outcome is Outcome.RATE_LIMITED
    assert crawled.report.retry_after_s == 60
    assert list(crawled.ids) == ["t2"]
    assert server.paths[-1] == "/thread?id=t1&page=2"


def test_a_plea_for_rest_right_after_a_failure_is_rested_for(
    server: WebServer, forum: Forum
) -> None:
    busy = Answer(status=503, headers={"Retry-After": "0"})
    path = "/thread?id=t1&page=2"
    server.pages[path] = in_turn(Answer(status=404), busy, then=forum.answer)
    crawled = run(spec_for(server))
    assert (crawled.report.outcome, crawled.report.threads) == (Outcome.OK, 3)
    assert server.paths.count(path) == 3


def test_an_error_of_the_server_that_passes_costs_nothing(server: WebServer, forum: Forum) -> None:
    for path in ("/board?id=help", "/thread?id=t1&page=2"):
        server.pages[path] = in_turn(Answer(status=502), then=forum.answer)
    crawled = run(spec_for(server))
    assert crawled.report.outcome is Outcome.OK
    assert len(crawled.items) == 3


def test_an_answer_that_broke_off_is_asked_for_once_more(server: WebServer, forum: Forum) -> None:
    half = Answer(body="<html>", headers={"Content-Length": "900", "Connection": "close"})
    server.pages["/thread?id=t1&page=2"] = in_turn(half, then=forum.answer)
    crawled = run(spec_for(server))
    assert crawled.report.notes == ()
    assert len(crawled.items) == 3
    assert server.paths.count("/thread?id=t1&page=2") == 2


def test_threads_below_a_page_of_a_list_that_failed_are_looked_for_next_time(
    server: WebServer, forum: Forum
) -> None:
    for thread in range(3, 8):
        forum.write("help", f"t{thread}", "early", minutes=-thread)
    below = "/board?id=help&page=2"
    server.pages[below] = in_turn(*[Answer(status=404)] * 2, then=forum.answer)
    first = run(spec_for(server, "/"))
    assert (first.report.outcome, first.report.behind) == (Outcome.OK, True)
    memory = Memory()
    memory.keep(first.items)
    crawled = run(spec_for(server, "/", behind=first.report.behind), memory)
    assert len(first.items) + len(crawled.items) == 8


def test_a_dead_link_to_the_newest_message_does_not_lose_the_thread(
    server: WebServer, forum: Forum
) -> None:
    dead = [Answer(status=404)] * 2
    server.pages["/thread?id=t1&page=2"] = in_turn(*dead, then=forum.answer)
    crawled = run(spec_for(server))
    assert crawled.report.outcome is Outcome.OK
    assert len(crawled.items) == 3
    assert "/thread?id=t1" in server.paths


def test_a_long_wait_ends_the_crawl_at_once(server: WebServer) -> None:
    server.pages["/board?id=help"] = Answer(status=503, headers={"Retry-After": "7200"})
    report = run(spec_for(server)).report
    assert report.outcome is Outcome.RATE_LIMITED
    assert report.retry_after_s == 7200
    assert server.paths == ["/board?id=help"]


def test_one_page_out_of_reach_leaves_its_thread_for_the_next_crawl(server: WebServer) -> None:
    server.pages["/thread?id=t1&page=1"] = Answer(status=502)
    crawled = run(spec_for(server))
    assert crawled.report.outcome is Outcome.OK
    assert crawled.ids["t1"] == [], "no half of it"
    assert [len(posts) for posts in crawled.ids.values()] == [4, 0, 4]
    assert "502" in crawled.report.notes[0]


def test_the_page_limit_ends_a_crawl_between_threads(server: WebServer) -> None:
    crawled = run(spec_for(server, max_pages=4))
    assert crawled.report.outcome is Outcome.OK
    assert crawled.report.pages == 4
    assert list(crawled.ids) == ["t2"]
    assert crawled.report.behind
    assert "goes on" in crawled.report.message


def test_the_time_limit_ends_a_crawl_that_drags_on(server: WebServer) -> None:
    server.pages["/thread?id=t1&page=2"] = Answer(wait_s=5)
    crawled = run(spec_for(server, max_seconds=1))
    assert crawled.report.outcome is Outcome.INTERRUPTED
    assert list(crawled.ids) == ["t2"]
    assert crawled.report.behind


def test_sigterm_ends_a_crawl_with_what_it_has(server: WebServer) -> None:
    server.pages["/thread?id=t1&page=2"] = Answer(wait_s=8)
    child, pipe = start(spec_for(server))
    while "/thread?id=t1&page=2" not in server.paths:
        assert child.is_alive()
        time.sleep(0.02)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGTERM)
    crawled = finish(child, pipe)
    assert crawled.report.outcome is Outcome.INTERRUPTED
    assert list(crawled.ids) == ["t2"]


class DiskFull(Exception):
    """What a store might raise."""


def full(_: ThreadItem) -> None:
    raise DiskFull("no space left")


def test_a_store_that_fails_ends_the_crawl_with_its_own_error(server: WebServer) -> None:
    with pytest.raises(DiskFull):
        run(spec_for(server), sink=full)
    assert server.paths == ["/board?id=help", "/thread?id=t2&page=2", "/thread?id=t2&page=1"]


def test_a_site_that_is_not_there_is_out_of_reach() -> None:
    with WebServer() as server:
        spec = spec_for(server)
    report = run(spec).report
    assert report.outcome is Outcome.UNREACHABLE
    nowhere = replace(spec, address="http://forum.invalid/", engine=None)
    report = crawl(nowhere, known=Memory(), sink=full)
    assert report.outcome is Outcome.UNREACHABLE
    assert "forum.invalid has no address" in report.message
