"""What engines read by selectors have in common."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from scrapy.http import HtmlResponse

from spiders.base import PageChanged, ReadOptions
from spiders.detect import detect, engine_named
from spiders.outcome import Outcome, PageFailed

FOLDER = Path(__file__).parents[1] / "pages"
NOW = ReadOptions(fetched_at=datetime(2026, 11, 6, 12, 0, tzinfo=UTC))


def saved(name: str, url: str = "https://forum.test/") -> HtmlResponse:
    return HtmlResponse(url, body=(FOLDER / f"{name}.html").read_bytes())


def vbulletin(*dates: str) -> HtmlResponse:
    posts = "".join(
        f'<table id="post{number}"><tr><td class="thead"><a name="post{number}"></a> {date}</td>'
        f'<td><div id="postmenu_{number}">ann</div><div id="post_message_{number}">x</div></td>'
        "</tr></table>"
        for number, date in enumerate(dates, start=1)
    )
    page = f'<html lang="en"><meta name="generator" content="vBulletin 3.8.7">{posts}</html>'
    return HtmlResponse("https://forum.test/showthread.php?t=1", body=page.encode())


def test_a_thread_that_is_no_more_is_gone_and_not_changed_markup() -> None:
    with pytest.raises(PageFailed, match="No Thread specified") as caught:
        engine_named("vbulletin3").read(saved("vbulletin3/gone"), NOW)
    assert caught.value.outcome is Outcome.GONE


@pytest.mark.parametrize("name", ["xenforo1", "xenforo2"])
def test_a_login_panel_is_no_thread_without_messages(name: str) -> None:
    page = saved(f"{name}/login", "https://forum.test/threads/soup.3/")
    found = detect(page)
    assert found is not None
    assert found.engine.name == name
    with pytest.raises(PageChanged, match="must be logged-in"):
        found.engine.read(page, NOW)


def test_a_day_above_twelve_tells_how_a_board_writes_its_other_dates() -> None:
    engine = engine_named("vbulletin3")

    def read(*dates: str) -> list[datetime | None]:
        return [post.posted_at for post in engine.read(vbulletin(*dates), NOW).posts]

    fourth_of_may = datetime(2015, 5, 4, 9, 0, tzinfo=UTC)
    fifth_of_april = datetime(2015, 4, 5, 9, 0, tzinfo=UTC)
    assert read("05-04-2015, 09:00 AM", "05-31-2015, 09:00 AM")[0] == fourth_of_may
    assert read("05-04-2015, 09:00 AM", "31-05-2015, 09:00 AM")[0] == fifth_of_april
    assert read("05-04-2015, 09:00 AM", "06-04-2015, 09:00 AM") == [None, None]
    assert read("05-04-2015, 09:00 AM", "05-31-2015, 09:00 AM", "31-05-2015, 09:00 AM")[0] is None


@pytest.mark.parametrize(
    ("address", "first", "following"),
    [
        ("f2/soup-77.html", "f2/soup-77.html", "f2/soup-77-2.html"),
        ("f2/soup-77-2.html", "f2/soup-77.html", "f2/soup-77-3.html"),
        ("f2/plans-2026-77.html", "f2/plans-2026-77.html", "f2/plans-2026-77-2.html"),
        ("f2/soup-77/index2.html", "f2/soup-77/", "f2/soup-77/index3.html"),
        ("soup/77-plans-2026.html", "soup/77-plans-2026.html", "soup/77-plans-2026-2.html"),
        ("soup-t77.html", "soup-t77.html", "soup-t77-2.html"),
        ("thread77-2.html", "thread77.html", "thread77-3.html"),
    ],
)
def test_an_address_that_vbseo_wrote_is_understood(
    address: str, first: str, following: str
) -> None:
    root = "https://forum.test/forum/"
    post = (
        '<table id="post8"><tr><td class="thead"><a name="post8"></a> 05-31-2015, 09:00 AM</td>'
        '<td><div id="postmenu_8"><a class="bigusername" href="members/ann.html">ann</a></div>'
        '<img src="image.php?u=7&amp;dateline=1"><div id="post_message_8">x</div></td></tr></table>'
    )
    body = (
        '<html lang="en"><meta name="generator" content="vBulletin 3.8.7">'
        f'<a href="{root}register.php">r</a>'
        f'<div class="pagenav"><a href="{root}{following}">more</a></div>{post}</html>'
    )
    page = HtmlResponse(root + address, body=body.encode())
    reading = engine_named("vbulletin3").read(page, NOW)
    assert (reading.thread_id, reading.thread_url) == ("77", root + first)
    assert reading.next_page == root + following
    assert reading.posts[0].private_message_url == f"{root}private.php?do=newpm&u=7"


def test_links_that_are_no_addresses_cost_a_page_nothing() -> None:
    page = vbulletin("Yesterday, 09:00 AM")
    odd = page.body.replace(b"</html>", b'<a href="http://[x">x</a><a href="//">y</a></html>')
    reading = engine_named("vbulletin3").read(page.replace(body=odd), NOW)
    assert [post.author for post in reading.posts] == ["ann"]


def test_a_persons_selectors_take_the_place_of_an_engines_own() -> None:
    told = ReadOptions(
        fetched_at=NOW.fetched_at,
        selectors={"author": ".userTitle", "skip": ".spoiler", "thread_title": "h2"},
    )
    page = HtmlResponse(
        "https://forum.test/threads/soup.3/",
        body=b"""<html id="XenForo"><h1>Soup</h1><h2>Broth</h2>
        <li id="post-7" class="message" data-author=""><a class="username">x</a>
        <em class="userTitle">cook</em>
        <div class="messageText">Salt. <p class="spoiler">Or not.</p></div></li></html>""",
    )
    reading = engine_named("xenforo1").read(page, told)
    assert (reading.thread_title, reading.posts[0].author) == ("Broth", "cook")
    assert reading.posts[0].text == "Salt."


def test_a_xenforo_thread_without_a_route_in_its_address_is_known_by_its_page() -> None:
    body = (
        '<html id="XF" data-template="thread_view" data-content-key="thread-77">'
        '<article class="message message--post js-post" data-author="ann" data-content="post-5">'
        '<h4 class="message-name"><a class="username" href="/members/ann.9/" data-user-id="9">ann'
        '</a></h4><time class="u-dt" datetime="2026-11-05T10:32:00+0100">x</time>'
        '<div class="message-body"><div class="bbWrapper">Late</div></div></article>'
        '<a class="pageNav-jump pageNav-jump--next" href="/bank/late.77/page-2">Next</a></html>'
    )
    page = HtmlResponse("https://forum.test/bank/late.77/", body=body.encode())
    reading = engine_named("xenforo2").read(page, NOW)
    assert reading.thread_id == "77"
    assert reading.next_page == "https://forum.test/bank/late.77/page-2"
    assert reading.posts[0].url == "https://forum.test/posts/5/"
