"""An engine that is nothing but selectors, and what a person may say instead of them."""

from typing import ClassVar

import pytest
from scrapy.http import HtmlResponse

from spiders.base import Kind, PageChanged, ReadOptionError, ReadOptions
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
