"""robots.txt is obeyed as RFC 9309 has it, against a real server."""

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from scrapy.http import Response

from spiders.outcome import Outcome, PageFailed
from spiders.robots import LONGEST_FILE, PRODUCT, judge, parse, pause_s
from tests.plain_forum import Forum, run, spec_for
from tests.webserver import Answer, Script, WebServer


@pytest.fixture
def server() -> Iterator[WebServer]:
    forum = Forum()
    forum.write("help", "t0", "hello", minutes=0)
    with WebServer() as server:
        forum.serve(server)
        yield server


def rules(text: str) -> Answer:
    return Answer(body=text, headers={"Content-Type": "text/plain"})


def test_rules_are_asked_for_once_and_before_anything_else(server: WebServer) -> None:
    server.pages["/robots.txt"] = rules("User-agent: *\nDisallow: /private\n")
    assert run(spec_for(server)).report.outcome is Outcome.OK
    assert [one.path for one in server.asked] == [
        "/robots.txt",
        "/board?id=help",
        "/thread?id=t0&page=1",
    ]


def test_a_forbidden_page_is_not_fetched(server: WebServer) -> None:
    server.pages["/robots.txt"] = rules("User-agent: Quietword\nDisallow: /board\n")
    report = run(spec_for(server)).report
    assert report.outcome is Outcome.REFUSED
    assert "robots.txt forbids" in report.message
    assert server.paths == []


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("User-agent: *\nDisallow: /\n", False),
        ("User-agent: Quietword\nDisallow: /board\n\nUser-agent: *\nAllow: /\n", False),
        ("\ufeffuser-agent: quietword\ndisallow: /\n", False),
        ("User-agent: *\nDisallow: /*id=help\n", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Quietword\nAllow: /\n", True),
        ("User-agent: Googlebot\nDisallow: /\n", True),
        ("User-agent: *\nDisallow: /\nAllow: /board\n", True),
        ("User-agent: *\nDisallow:\n", True),
    ],
)
def test_the_most_particular_rule_wins(text: str, allowed: bool) -> None:
    read = parse(text.encode())
    assert read.can_fetch("http://forum.test/board?id=help", PRODUCT) is allowed


def test_threads_that_are_forbidden_are_left_out_and_said(server: WebServer) -> None:
    server.pages["/robots.txt"] = rules("User-agent: *\nDisallow: /thread\n")
    report = run(spec_for(server)).report
    assert report.outcome is Outcome.REFUSED
    assert server.paths == ["/board?id=help"]


def test_a_site_without_rules_is_read(server: WebServer) -> None:
    server.pages["/robots.txt"] = Answer(status=404, body="User-agent: *\nDisallow: /")
    assert run(spec_for(server)).report.outcome is Outcome.OK


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(status=403), Outcome.REFUSED),
        (Answer(status=500, body="User-agent: *\nAllow: /"), Outcome.UNREACHABLE),
        (Answer(status=302, headers={"Location": "file:///etc/passwd"}), Outcome.UNREACHABLE),
        (Answer(status=302, headers={"Location": "/robots.txt"}), Outcome.UNREACHABLE),
        (Answer(status=403, headers={"cf-mitigated": "challenge"}), Outcome.BLOCKED),
    ],
)
def test_rules_that_cannot_be_read_forbid_everything(
    server: WebServer, answer: Answer, outcome: Outcome
) -> None:
    server.pages["/robots.txt"] = answer
    report = run(spec_for(server)).report
    assert report.outcome is outcome
    assert "robots.txt" in report.message
    assert server.paths == []


def test_rules_are_found_behind_five_redirects(server: WebServer) -> None:
    steps: dict[str, Script] = {
        f"/r{n}": Answer(status=301, headers={"Location": f"/r{n + 1}"}) for n in range(1, 5)
    }
    server.pages |= steps
    server.pages["/robots.txt"] = Answer(status=301, headers={"Location": "/r1"})
    server.pages["/r5"] = rules("User-agent: *\nDisallow: /")
    report = run(spec_for(server)).report
    assert report.outcome is Outcome.REFUSED
    assert server.paths == ["/r1", "/r2", "/r3", "/r4", "/r5"]


def test_a_site_that_hangs_up_on_robots_is_not_read(server: WebServer) -> None:
    def hang_up(_: object) -> Answer:
        raise ConnectionError

    server.pages["/robots.txt"] = hang_up
    report = run(spec_for(server)).report
    assert report.outcome is Outcome.UNREACHABLE
    assert server.paths == []


@pytest.mark.parametrize(
    "text", ["User-agent: *\nCrawl-delay: 0.4\n", "User-agent: Quietword\nRequest-rate: 5/2s\n"]
)
def test_the_pause_that_a_site_asks_for_is_kept(server: WebServer, text: str) -> None:
    server.pages["/robots.txt"] = rules(text)
    run(spec_for(server))
    began = [one.began for one in server.asked]
    pauses = [later - earlier for earlier, later in pairwise(began)]
    assert len(pauses) == 2
    assert min(pauses) > 0.3  # as the server sees them: a late arrival shortens the next


def test_a_site_too_slow_to_poll_is_left_alone(server: WebServer) -> None:
    server.pages["/robots.txt"] = rules("User-agent: *\nCrawl-delay: 300\n")
    report = run(spec_for(server)).report
    assert report.outcome is Outcome.REFUSED
    assert "300 s between requests, too slow to poll" in report.message
    assert server.paths == []


def test_a_file_of_any_length_is_read_to_its_limit_and_no_further(server: WebServer) -> None:
    line = b"# filling, filling, filling, filling, filling, filling, filling\n"
    head = line * (500 * 1024 // len(line))

    def body() -> Iterator[bytes]:
        yield head + b"User-agent: *\nDisallow: /board\n"
        for _ in range(400):
            yield line * 1600

    server.pages["/robots.txt"] = Answer(body=body(), headers={"Content-Type": "text/plain"})
    began = time.monotonic()
    report = run(spec_for(server)).report
    assert report.outcome is Outcome.REFUSED
    assert "forbids" in report.message
    assert time.monotonic() - began < 10
    assert report.bytes < 2 * LONGEST_FILE


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe\x00\x01\x80garbage" * 50,
        "User-agent: *\nDisallow: /x".encode("utf-16"),
        b"<html><title>Forum</title><p>User-agent: *</html>",
        b"\x00" * 10_000,
        b"User-agent\nDisallow\n:::\nCrawl-delay: soon\nRequest-rate: 1/0\n",
    ],
)
def test_rubbish_in_place_of_rules_forbids_nothing_and_breaks_nothing(body: bytes) -> None:
    read = parse(body)
    assert read.can_fetch("http://forum.test/board", PRODUCT)
    assert pause_s(read) == 0


def test_a_rule_cut_in_half_at_the_limit_is_not_used() -> None:
    body = b"User-agent: *\nDisallow: /private\n".ljust(LONGEST_FILE - 12, b"#") + b"\n"
    read = parse(body + b"Disallow: /board\n")
    assert not read.can_fetch("http://forum.test/private", PRODUCT)
    assert read.can_fetch("http://forum.test/d", PRODUCT)


@pytest.mark.parametrize("status", [301, 304, 401, 403, 500, 503])
def test_a_status_that_is_no_permission_is_taken_for_none(status: int) -> None:
    with pytest.raises(PageFailed):
        judge(Response("http://forum.test/robots.txt", status=status))


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_status_that_says_there_are_no_rules_forbids_nothing(status: int) -> None:
    answer = Response(
        "http://forum.test/robots.txt", status=status, body=b"User-agent: *\nDisallow: /"
    )
    assert judge(answer).can_fetch("http://forum.test/", PRODUCT)
