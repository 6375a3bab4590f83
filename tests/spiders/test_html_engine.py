"""An engine that is nothing but selectors, and what a person may say instead of them."""

from datetime import UTC, datetime
from typing import ClassVar

import pytest
from scrapy.http import HtmlResponse

from spiders.base import Kind, PageChanged, ReadOptionError, ReadOptions
from spiders.detect import engine_named
from spiders.engines.phpbb import Phpbb
from spiders.html_engine import HtmlEngine

THREAD = """<html lang="en"><body><a class="up" href="/f/list/3">Parcels</a>
<h1>Where is my parcel?</h1>
<div class="msg" id="m11"><a class="who" href="/f/user/5">ann</a>
<time datetime="2026-11-01T10:00:00Z">today</time><i class="alt">Ann B.</i>
<div class="txt"><p>Late again.</p></div></div>
<div class="msg" id="m12"><span class="who">guest</span>
<time datetime="2026-11-01T11:00:00Z">today</time>
<div class="txt"><blockquote><cite>ann wrote:</cite>Late again.</blockquote>Mine too.
<a href="/f/t/7?page=9">elsewhere in this thread</a></div></div>
<p><a href="/f/t/7?page=2">2</a> <a href="/f/t/7?page=4">4</a></p></body></html>"""


class Sample(HtmlEngine):
    """A made-up product."""

    name: ClassVar[str] = "sample"
    marks: ClassVar[str] = "none"
    thread_addresses: ClassVar[tuple[str, ...]] = (
        r"(?<=/)t/(?P<id>\d+)(?:\?page=(?P<page>\d+))?$",
    )
    board_addresses: ClassVar[tuple[str, ...]] = (r"list/(?P<id>\d+)",)
    member_addresses: ClassVar[tuple[str, ...]] = (r"user/(?P<id>\d+)",)
    thread_form: ClassVar[str] = "t/{thread}"
    post_form: ClassVar[str] = "t/{thread}#m{post}"
    private_form: ClassVar[str] = "write?to={name}"
    post = "div.msg"
    author = ".who"
    author_link = "a.who"
    time = "time"
    body = ".txt"
    thread_title = "h1"
    crumb = "a.up"
    listing = "table.list"


def page(url: str, html: str = THREAD) -> HtmlResponse:
    return HtmlResponse(url, body=html.encode(), encoding="utf-8")


def test_selectors_alone_read_a_thread_and_its_folder_is_kept_in_every_address() -> None:
    reading = Sample().read(page("https://forum.test/f/t/7"), ReadOptions())
    assert (reading.kind, reading.thread_id, reading.board_id) == (Kind.THREAD, "7", "3")
    first, second = reading.posts
    assert (first.author, first.author_id, first.number) == ("ann", "5", 1)
    assert first.url == "https://forum.test/f/t/7#m11"
    assert first.private_message_url == "https://forum.test/f/write?to=ann"
    assert (second.author_id, second.private_message_url) == (None, None)
    assert second.text == "Mine too. elsewhere in this thread"
    assert second.quotes[0].author == "ann"


def test_the_nearest_pages_are_told_and_links_in_messages_are_no_pager() -> None:
    reading = Sample().read(page("https://forum.test/f/t/7"), ReadOptions())
    assert reading.next_page == "https://forum.test/f/t/7?page=2"
    assert reading.last_page == "https://forum.test/f/t/7?page=4"
    later = Sample().read(page("https://forum.test/f/t/7?page=3"), ReadOptions())
    assert later.next_page == "https://forum.test/f/t/7?page=4"
    assert later.previous_page == "https://forum.test/f/t/7?page=2"
    assert [post.number for post in later.posts] == [None, None]


def test_a_selector_of_a_source_takes_the_place_of_the_engines_own() -> None:
    options = ReadOptions(selectors={"author": ".alt, span.who"})
    reading = Sample().read(page("https://forum.test/f/t/7"), options)
    assert [post.author for post in reading.posts] == ["Ann B.", "guest"]


def test_a_page_without_what_is_looked_for_has_changed_and_an_empty_list_has_not() -> None:
    with pytest.raises(PageChanged, match="sample page without messages"):
        Sample().read(page("https://forum.test/f/t/7", "<p>Please log in</p>"), ReadOptions())
    empty = "<table class=list></table>"
    reading = Sample().read(page("https://forum.test/f/list/3", empty), ReadOptions())
    assert (reading.kind, reading.threads) == (Kind.BOARD, ())


@pytest.mark.parametrize(
    ("selectors", "complaint"),
    [({"autor": "b"}, "no selector 'autor'; there are .*author"), ({"body": "div["}, "valid CSS")],
)
def test_a_selector_of_unknown_name_or_bad_css_is_refused(
    selectors: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ReadOptionError, match=complaint):
        ReadOptions(selectors=selectors)


def test_phpbb_too_takes_a_sources_own_selectors() -> None:
    html = """<body id="phpbb"><h2>Lids</h2><div class="msg" id="m31"><b class="who">ann</b>
    <span class="when">2026-11-01 10:00</span><div class="said">Late.</div></div></body>"""
    own = {"post": "div.msg", "author": ".who", "time": ".when", "body": ".said"}
    url = "https://forum.test/viewtopic.php?t=7"
    [post] = Phpbb().read(page(url, html), ReadOptions(selectors=own)).posts
    assert (post.post_id, post.author, post.text) == ("31", "ann", "Late.")
    assert post.posted_at == datetime(2026, 11, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("engine", "address"),
    [
        ("smf", "index.php?topic=7.0"),
        ("smf", "index.php?board=7.0"),
        ("mybb", "showthread.php?tid=7"),
        ("mybb", "forumdisplay.php?fid=7"),
        ("phpbb2", "viewtopic.php?t=7"),
        ("phpbb2", "viewforum.php?f=7"),
        ("fluxbb", "viewtopic.php?id=7"),
        ("punbb", "viewforum.php?id=7"),
    ],
)
def test_a_login_panel_is_a_changed_page_and_never_an_empty_list(engine: str, address: str) -> None:
    html = """<html><body><div id="login"><h3>Log in</h3><p>You may not read this.</p>
    <form action="login.php?action=in" method="post"><input name="user">
    <input type="password" name="password"></form></div></body></html>"""
    with pytest.raises(PageChanged, match=f"a {engine} page without"):
        engine_named(engine).read(page(f"https://forum.test/f/{address}", html), ReadOptions())


@pytest.mark.parametrize(
    ("address", "start"),
    [
        ("viewtopic.php?t=77&postdays=0&postorder=asc&start=15", 15),
        ("topic77-15.html", 15),
        ("soup-vt77,15.htm", 15),
        ("viewtopic,77,15.html", 15),
        ("ftopic77-15-asc-15.html", 15),
        ("viewtopic77.html", None),
    ],
)
def test_an_address_that_a_phpbb_2_rewrote_is_understood(address: str, start: int | None) -> None:
    engine = engine_named("phpbb2")
    assert isinstance(engine, HtmlEngine)
    place = engine.place(f"https://forum.test/{address}")
    assert place is not None
    assert (place.kind, place.number, place.start) == (Kind.THREAD, "77", start)


@pytest.mark.parametrize(
    ("address", "thread"),
    [
        ("https://forum.test/f/viewtopic.php?f=3&t=12&sid=0123456789abcdef0123456789abcdef", "12"),
        ("https://forum.test/f/viewforum.php?f=3", None),
        ("https://forum.test/f/", None),
    ],
)
def test_an_address_tells_which_thread_it_shows(address: str, thread: str | None) -> None:
    assert Phpbb().thread_of(address) == thread
