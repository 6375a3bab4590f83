"""Threads that could not be read: asked for again, and deleted only when they stay away."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from spiders.outcome import Outcome
from spiders.thread_walk import DOUBT
from tests.plain_forum import Crawled, Forum, Memory, run, spec_for
from tests.webserver import Answer, Asked, Script, WebServer

MISSING = Answer(status=404)


@pytest.fixture
def forum() -> Forum:
    """Two pages of threads, of which t0 is the last one on the second, with three pages."""
    forum = Forum(board_stamps=True)
    for thread in range(8):
        for message in range(7 if thread == 0 else 2):
            forum.write("help", f"t{thread}", "hello", minutes=60 * thread + message)
    return forum


@pytest.fixture
def server(forum: Forum) -> Iterator[WebServer]:
    with WebServer() as server:
        forum.serve(server)
        yield server


@pytest.fixture
def memory() -> Memory:
    return Memory()


def crawl(server: WebServer, memory: Memory, path: str = "/") -> Crawled:
    """Crawl with what is remembered, and remember what was read."""
    server.asked.clear()
    crawled = run(spec_for(server, path), memory)
    memory.keep(crawled.items)
    memory.lists.update(crawled.lists)
    return crawled


def fail(server: WebServer, thread: str, answer: Answer = MISSING) -> None:
    for end in ("", "&page=1", "&page=2", "&page=3"):
        server.pages[f"/thread?id={thread}{end}"] = answer


def mend(server: WebServer) -> None:
    for path in list(server.pages):
        if path != "*":
            del server.pages[path]


def wait(memory: Memory, time: timedelta = DOUBT) -> None:
    """Let so much time pass since threads were left out."""
    for thread, mark in memory.marks.items():
        if left := mark.left_out:
            memory.marks[thread] = replace(mark, left_out=replace(left, since=left.since - time))


@pytest.mark.parametrize("status", [404, 410, 502])
def test_a_new_thread_that_failed_is_asked_for_by_the_next_crawl_alone(
    server: WebServer, memory: Memory, status: int
) -> None:
    fail(server, "t0", Answer(status=status))
    first = crawl(server, memory)
    assert (first.report.outcome, first.report.threads) == (Outcome.OK, 7)
    assert not first.report.behind, "the lists need not be gone through for it"
    mend(server)
    second = crawl(server, memory)
    assert second.ids == {"t0": [f"t0.{n}" for n in range(1, 8)]}
    assert [path for path in server.paths if "thread" not in path] == ["/"], "boards are as before"
    third = crawl(server, memory)
    assert (server.paths, third.items) == (["/"], [])


def test_one_that_is_not_there_once_loses_nothing(
    server: WebServer, memory: Memory, forum: Forum
) -> None:
    crawl(server, memory)
    forum.write("help", "t0", "me too", minutes=5000)
    fail(server, "t0")
    (item,) = crawl(server, memory).items
    assert (item.posts, item.whole, item.mark.last_post_id) == ((), False, "t0.7")
    mend(server)
    second = crawl(server, memory)
    assert second.ids == {"t0": ["t0.7", "t0.8"]}, "from its newest page back to what is known"


def test_one_that_stays_away_is_deleted_and_read_anew_when_it_is_back(
    server: WebServer, memory: Memory, forum: Forum
) -> None:
    crawl(server, memory)
    forum.write("help", "t0", "me too", minutes=5000)
    fail(server, "t0")
    crawl(server, memory)
    wait(memory, DOUBT / 2)
    assert crawl(server, memory).items == [], "two looks at one moment are no proof"
    wait(memory)
    (item,) = crawl(server, memory).items
    assert (item.thread_id, item.posts, item.whole) == ("t0", (), True)
    assert memory.left_out() == []
    mend(server)
    forum.write("help", "t0", "we are back", minutes=5001)
    assert len(crawl(server, memory).ids["t0"]) == 9


def test_a_failure_of_another_kind_is_no_proof_that_a_thread_is_deleted(
    server: WebServer, memory: Memory, forum: Forum
) -> None:
    crawl(server, memory)
    forum.write("help", "t0", "me too", minutes=5000)
    fail(server, "t0", Answer(status=502))
    crawl(server, memory)
    wait(memory)
    fail(server, "t0")
    (item,) = crawl(server, memory).items
    assert not item.whole


def test_a_page_inside_a_thread_that_stays_away_is_read_around(
    server: WebServer, memory: Memory
) -> None:
    server.pages["/thread?id=t0&page=2"] = MISSING
    assert not crawl(server, memory).ids["t0"], "no half of it, as long as there is hope"
    wait(memory)
    second = crawl(server, memory)
    assert second.ids == {"t0": ["t0.7"]}
    assert not second.items[0].whole
    assert "page=2 is not there" in second.report.notes[0]
    crawl(server, memory)
    assert server.paths == ["/"]


def test_a_lone_thread_without_its_newest_page_is_read_from_its_first(
    server: WebServer, memory: Memory
) -> None:
    server.pages["/thread?id=t0&page=3"] = MISSING
    assert crawl(server, memory, "/thread?id=t0").report.outcome is Outcome.GONE
    wait(memory)
    second = crawl(server, memory, "/thread?id=t0")
    assert second.report.outcome is Outcome.OK
    assert second.ids == {"t0": [f"t0.{n}" for n in range(1, 7)]}


def test_threads_that_fail_for_ever_do_not_speak_for_the_site(
    server: WebServer, memory: Memory, forum: Forum
) -> None:
    for thread in ("t0", "t2", "t4", "t6"):
        fail(server, thread, Answer(status=500))
    assert crawl(server, memory).report.threads == 4
    assert len(memory.left_out()) == 4
    forum.write("help", "t7", "me too", minutes=5000)
    report = crawl(server, memory).report
    assert (report.outcome, report.threads) == (Outcome.OK, 1)


def test_a_plea_for_rest_ends_the_crawl_and_leaves_the_thread_as_it_was(
    server: WebServer, memory: Memory
) -> None:
    def refuse(_: Asked) -> Answer:
        return Answer(status=429, headers={"Retry-After": "4000"})

    server.pages["/thread?id=t7&page=1"] = refuse
    crawled = crawl(server, memory)
    assert crawled.report.outcome is Outcome.RATE_LIMITED
    assert crawled.items == []


def test_a_page_that_is_not_there_is_asked_for_twice(
    server: WebServer, memory: Memory, forum: Forum
) -> None:
    for path in ("/", "/board?id=help", "/board?id=help&page=2", "/thread?id=t0&page=2"):
        answers = iter((MISSING,))
        server.pages[path] = lambda asked, answers=answers: next(answers, forum.answer(asked))
    crawled = crawl(server, memory)
    assert (crawled.report.outcome, crawled.report.notes) == (Outcome.OK, ())
    assert (crawled.report.threads, crawled.report.posts) == (8, 21)


def test_a_page_that_takes_too_long_is_asked_for_once_more(
    server: WebServer, memory: Memory, forum: Forum
) -> None:
    waits = iter((2.0,))

    def answer(asked: Asked) -> Answer:
        return replace(forum.answer(asked), wait_s=next(waits, 0))

    server.pages["/thread?id=t0&page=2"] = answer
    crawled = run(spec_for(server, "/", timeout_s=1), memory)
    assert (crawled.report.outcome, crawled.report.notes) == (Outcome.OK, ())
    assert crawled.report.threads == 8


def halves(forum: Forum, times: int) -> Script:
    """Give a page without its second half, and without saying so, so many times."""
    left = iter(range(times))

    def answer(asked: Asked) -> Answer:
        whole = forum.answer(asked)
        if next(left, None) is None:
            return whole
        body = str(whole.body)
        return Answer(body=[body[: body.index("</li>" if "</li>" in body else "</art")].encode()])

    return answer


@pytest.mark.parametrize("path", ["/board?id=help", "/thread?id=t7&page=1"])
def test_half_a_page_is_asked_for_once_more(
    server: WebServer, memory: Memory, forum: Forum, path: str
) -> None:
    server.pages[path] = halves(forum, 1)
    crawled = crawl(server, memory)
    assert (crawled.report.threads, crawled.report.notes) == (8, ())
    assert server.paths.count(path) == 2


def test_half_a_page_deletes_nothing_and_is_read_by_the_next_crawl(
    server: WebServer, memory: Memory, forum: Forum
) -> None:
    crawl(server, memory)
    forum.write("help", "t7", "me too", minutes=5000)
    server.pages["/thread?id=t7&page=1"] = halves(forum, 2)
    (item,) = crawl(server, memory).items
    assert (item.posts, item.whole) == ((), False)
    assert crawl(server, memory).ids == {"t7": ["t7.1", "t7.2", "t7.3"]}


@pytest.mark.parametrize("behind", [False, True])
def test_threads_below_half_a_list_are_looked_for_by_the_next_crawl(
    server: WebServer, memory: Memory, forum: Forum, behind: bool
) -> None:
    server.pages["/board?id=help"] = halves(forum, 2)
    first = run(spec_for(server, "/", behind=behind), memory)
    memory.keep(first.items)
    assert first.report.threads < 8
    second = run(spec_for(server, "/", behind=first.report.behind), memory)
    assert first.report.threads + second.report.threads == 8


def test_a_site_that_never_closes_its_pages_is_read_all_the_same(
    server: WebServer, memory: Memory, forum: Forum
) -> None:
    def unclosed(asked: Asked) -> Answer:
        answer = forum.answer(asked)
        return replace(answer, body=str(answer.body).replace("</body></html>", ""))

    server.pages["*"] = unclosed
    read = set(crawl(server, memory).ids) - {row.thread_id for row in memory.left_out()}
    assert len(server.paths) == 1 + 2 + 7 + 3 + 3, "three are asked for twice, then no more"
    read |= set(crawl(server, memory).ids) - {row.thread_id for row in memory.left_out()}
    assert len(read) == 8


def test_a_board_that_is_not_there_for_a_while_keeps_its_backlog(
    server: WebServer, memory: Memory
) -> None:
    first = run(spec_for(server, "/", max_pages=4), memory)
    memory.keep(first.items)
    assert first.report.behind
    assert len(memory.marks) < 8
    server.pages["/board?id=help"] = MISSING
    second = run(spec_for(server, "/", behind=True), memory)
    memory.lists.update(second.lists)
    assert (second.items, second.report.behind) == ([], False)
    assert not crawl(server, memory).items, "and still it is not there"
    mend(server)
    assert len(crawl(server, memory).items) + len(first.items) == 8, "from both of its pages"
    assert not memory.lists[f"{server.address}/board?id=help"].behind
    assert crawl(server, memory).report.lists_unchanged == 1
