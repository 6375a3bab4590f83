"""Sites that mean harm, or are broken as if they did."""

import gzip
import socket
import time
from collections.abc import Iterator

import pytest

from spiders.crawl import CrawlSpec, crawl
from spiders.outcome import Outcome
from spiders.settings import LARGEST_PAGE
from tests.plain_forum import Forum, Memory, page, run, spec_for
from tests.webserver import Answer, WebServer


@pytest.fixture
def forum() -> Forum:
    forum = Forum()
    for thread in range(3):
        forum.write("help", f"t{thread}", "hello", minutes=thread)
    return forum


@pytest.fixture
def server(forum: Forum) -> Iterator[WebServer]:
    with WebServer() as server:
        forum.serve(server)
        yield server


def endless_page() -> Iterator[bytes]:
    yield page("thread", "").encode()
    for _ in range(1600):
        yield b"<p>more</p>\n" * 5461  # 64 KiB; 100 MiB in all


def test_a_page_of_a_hundred_megabytes_is_cut_off(server: WebServer) -> None:
    server.pages["/thread?id=t1&page=1"] = Answer(body=endless_page())
    crawled = run(spec_for(server))
    assert list(crawled.ids) == ["t2", "t0"]
    assert "larger than Quietword reads" in crawled.report.notes[0]
    assert server.sent < 4 * LARGEST_PAGE


def test_a_start_page_that_is_too_large_is_refused(server: WebServer) -> None:
    server.pages["/board?id=help"] = Answer(
        body=endless_page(), headers={"Content-Length": "104857600"}
    )
    report = run(spec_for(server)).report
    assert report.outcome is Outcome.REFUSED
    assert "larger than Quietword reads" in report.message


@pytest.mark.parametrize("layers", [1, 2])
def test_a_gzip_bomb_does_not_go_off(server: WebServer, layers: int) -> None:
    bomb = b"<p>" + b"\0" * (64 * 1024 * 1024)
    for _ in range(layers):
        bomb = gzip.compress(bomb, compresslevel=1)
    server.pages["/board?id=help"] = Answer(
        body=bomb, headers={"Content-Encoding": ", ".join(["gzip"] * layers)}
    )
    report = run(spec_for(server)).report
    assert report.outcome is Outcome.REFUSED
    assert "larger than Quietword reads" in report.message


def test_a_trickle_is_cut_off_in_time(server: WebServer) -> None:
    def trickle() -> Iterator[bytes]:
        while True:
            yield b"<"
            time.sleep(0.1)

    server.pages["/board?id=help"] = Answer(body=trickle())
    report = run(spec_for(server, timeout_s=1)).report
    assert report.outcome is Outcome.UNREACHABLE
    assert "took too long" in report.message


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/",
        "https://other.test/",
        "file:///etc/passwd",
        "//169.254.169.254/",
    ],
)
def test_a_redirect_away_from_the_site_is_not_followed(server: WebServer, target: str) -> None:
    server.pages["/board?id=help"] = Answer(status=302, headers={"Location": target})
    report = run(spec_for(server)).report
    assert report.outcome is Outcome.REFUSED
    assert server.paths == ["/board?id=help"]


def test_a_redirect_within_the_site_is_followed(server: WebServer) -> None:
    server.pages["/old"] = Answer(status=301, headers={"Location": "/board?id=help"})
    assert len(run(spec_for(server, "/old")).items) == 3


def test_redirects_in_a_circle_end(server: WebServer) -> None:
    server.pages["/a"] = Answer(status=302, headers={"Location": "/b"})
    server.pages["/b"] = Answer(status=302, headers={"Location": "/a"})
    report = run(spec_for(server, "/a")).report
    assert report.outcome is Outcome.UNREACHABLE
    assert len(server.paths) == 6


def test_a_refresh_in_a_page_is_not_followed(server: WebServer) -> None:
    server.pages["/board?id=help"] = Answer(
        body='<meta http-equiv="refresh" content="0; url=/thread?id=t0">'
    )
    run(spec_for(server))
    assert server.paths == ["/board?id=help"]


def test_no_thread_that_links_elsewhere_is_fetched(server: WebServer) -> None:
    links = [
        "http://169.254.169.254/latest/meta-data/",
        f"http://localhost:{server.port}/thread?id=t0",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "/thread.php?id=t0&amp;action=delete",
        "/logout",
        "/posting.php?mode=reply",
        f"http://ann:secret@127.0.0.1:{server.port}/thread?id=t0",
        f"http://127.0.0.1:{server.port + 1}/thread?id=t0",
        "/thread?id=" + "a" * 3000,
        "/thread?id=t0",
    ]
    rows = "".join(
        f'<li class="thread" data-id="x{n}" data-posts="1"><a href="{link}">x</a></li>'
        for n, link in enumerate(links)
    )
    server.pages["/board?id=help"] = Answer(body=page("board", rows, board="help"))
    crawled = run(spec_for(server))
    assert server.paths == ["/board?id=help", "/thread?id=t0"]
    assert list(crawled.ids) == ["t0"]
    assert crawled.report.outcome is Outcome.OK
    assert len(crawled.report.notes) == len(links) - 1


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8080/board?id=help",
        "http://localhost:8080/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "forum.test/board",
    ],
)
def test_an_address_in_our_own_network_is_refused_unless_allowed(address: str) -> None:
    spec = CrawlSpec(address=address, contact="ops@nordvia.example")
    report = crawl(spec, known=Memory(), sink=print)
    assert report.outcome is Outcome.REFUSED
    assert report.pages == 0


def pretend_public() -> None:
    """Make the first look at any name say that it is public, as a rebinding name server does.

    Twisted has its own reference to the real function and asks it again when it connects.
    """

    def lie(_: str, port: int, *args: object, **named: object) -> list[tuple[object, ...]]:  # noqa: ARG001
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]

    socket.getaddrinfo = lie  # type: ignore[assignment]


def test_a_name_that_turns_private_when_connecting_is_refused(forum: Forum) -> None:
    try:
        server = WebServer(8443)  # public sites are read at a few ports alone
    except OSError:
        pytest.skip("port 8443 is taken on this machine")
    with server:
        forum.serve(server)
        spec = CrawlSpec(
            address="http://localhost:8443/board?id=help",
            engine="plain",
            contact="ops@nordvia.example",
            delay_s=0,
        )
        report = run(spec, before=pretend_public).report
        assert server.asked == []
    assert report.outcome is Outcome.REFUSED
    assert "not public" in report.message


def test_bytes_that_are_no_text_do_not_stop_a_crawl(server: WebServer) -> None:
    text = page("thread", "<h1>t</h1>", thread="t1").encode().replace(
        b"</body>",
        b'<article data-id="1" data-author="ann" data-at="2026-03-01T08:00:00+00:00">'
        b"caf\xe9 \xff\xfe\x00 \xed\xa0\x80 ok</article></body>",
    )  # fmt: skip
    server.pages["/thread?id=t1&page=1"] = Answer(body=text)
    crawled = run(spec_for(server))
    assert crawled.report.outcome is Outcome.OK
    post = next(item for item in crawled.items if item.thread_id == "t1").posts[0]
    assert post.text.startswith("caf")
    assert post.text.endswith("ok")


def test_headers_that_lie_break_no_crawl(server: WebServer, forum: Forum) -> None:
    lies = [
        {"Content-Encoding": "gzip"},
        {"Content-Type": "text/html; charset=nonsense-8"},
        {"Content-Type": ""},
        {"Content-Length": "999999"},
        {"Location": "http://169.254.169.254/"},
        {"Retry-After": "never"},
    ]
    for n, headers in enumerate(lies):
        forum.write("help", f"x{n}", "hello", minutes=n)
        server.pages[f"/thread?id=x{n}&page=1"] = Answer(
            body=page("thread", "<p>nothing</p>"), headers=headers | {"Connection": "close"}
        )
    crawled = run(spec_for(server, behind=True))
    assert sorted(name for name, ids in crawled.ids.items() if ids) == ["t0", "t1", "t2"]
    assert len(crawled.report.notes) == len(lies)


def test_memory_stays_bounded_whatever_is_sent(server: WebServer) -> None:
    usual = run(spec_for(server)).peak
    for thread in range(3):
        server.pages[f"/thread?id=t{thread}&page=1"] = Answer(body=endless_page())
    assert run(spec_for(server)).peak < usual + 8 * LARGEST_PAGE


def test_a_page_that_trips_its_engine_is_one_page_lost(server: WebServer) -> None:
    server.pages["/thread?id=t1&page=1"] = Answer(
        body=page("thread", '<a rel="next" href="http://[bad/">next</a>', thread="t1")
    )
    crawled = run(spec_for(server))
    assert list(crawled.ids) == ["t2", "t0"]
    assert crawled.report.outcome is Outcome.MARKUP_CHANGED
    assert "engine plain failed (ValueError)" in crawled.report.message
