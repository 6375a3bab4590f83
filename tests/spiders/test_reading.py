"""What reading a page promises, whatever the page."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scrapy.http import HtmlResponse

from spiders.addresses import same_site, without_session
from spiders.base import PageChanged, Reading, ReadOptions
from spiders.detect import UnknownEngine, engines
from spiders.reading import UnreadableFile, page_record, read_file

PAGES = Path(__file__).parents[1] / "pages"
OPTIONS = ReadOptions(fetched_at=datetime(2026, 11, 6, 12, 0, tzinfo=UTC))
THREAD = "https://forum.test/forum/viewtopic.php?t=90&start=15"
SESSION = "0123456789abcdef0123456789abcdef"


def read_phpbb(content: str, url: str = "https://forum.test/viewtopic.php?t=1") -> Reading:
    body = f'<html lang="en"><body id="phpbb" class="section-viewtopic">{content}</body></html>'
    return engines()["phpbb"].read(HtmlResponse(url, body=body.encode(), encoding="utf-8"), OPTIONS)


def message(number: int, content: str, author: str = "ann", profile: str = "?u=5") -> str:
    return (
        f'<div id="p{number}" class="post"><div class="postbody"><p class="author">by <strong>'
        f'<a href="./memberlist.php{profile}">{author}</a></strong> » '
        f'<time datetime="2026-01-05T10:00:00+00:00">x</time></p>'
        f'<div class="content">{content}</div></div></div>'
    )


def test_a_thread_is_told_as_json_that_stays_the_same() -> None:
    detection, reading = read_file(PAGES / "phpbb" / "thread.html", THREAD, OPTIONS)
    record = json.loads(json.dumps(page_record(detection, reading)))
    assert list(record) == [
        *("format", "engine", "evidence", "kind", "thread_title", "next_page", "posts")
    ]
    assert (record["format"], record["engine"], record["kind"]) == (1, "phpbb", "thread")
    assert 'the body has the id "phpbb"' in record["evidence"]
    assert record["next_page"] == "https://forum.test/forum/viewtopic.php?t=90&start=30"
    assert record["posts"][0] == {
        "format": 1,
        "engine": "phpbb",
        "board": "Internet providers",
        "thread_id": "90",
        "thread_title": "Nordvia: outage #3",
        "thread_url": "https://forum.test/forum/viewtopic.php?t=90",
        "post_id": "801",
        "number": 16,
        "url": "https://forum.test/forum/viewtopic.php?p=801#p801",
        "author": "Łucja & syn",
        "author_id": "31",
        "posted_at": "2026-11-05T08:14:07Z",
        "edited": True,
        "text": "Mine works :)\n\nSee the status page:\nline one\nline two\n[code]",
        "quotes": [{"author": "Oleg", "text": "Same here,\nsince six."}],
        "private_message_url": (
            "https://forum.test/forum/ucp.php?i=pm&mode=compose&action=quotepost&p=801"
        ),
        "author_handle": None,
        "profile_url": "https://forum.test/forum/memberlist.php?mode=viewprofile&u=31",
    }
    assert record["posts"][1]["author_id"] is None
    assert record["posts"][1]["private_message_url"] is None


def test_a_board_is_told_as_json_with_its_boards_and_threads() -> None:
    url = "https://forum.test/forum/viewforum.php?f=7&start=25"
    record = page_record(*read_file(PAGES / "phpbb" / "board.html", url, OPTIONS))
    assert record["boards"] == [
        {
            "board_id": "9",
            "title": "Fibre",
            "url": "https://forum.test/forum/viewforum.php?f=9",
            "last_posted_at": "2026-11-04T10:00:00Z",
        }
    ]
    assert [thread["thread_id"] for thread in record["threads"]] == ["2", "11", "90", "88"]
    assert [thread["pinned"] for thread in record["threads"]] == [True, True, False, False]


def test_messages_of_several_threads_each_name_their_own() -> None:
    page = PAGES / "discourse" / "board_posts.body.json"
    record = page_record(*read_file(page, "https://forum.test/posts.json", OPTIONS))
    assert [(post["thread_id"], post["thread_title"]) for post in record["posts"]] == [
        ("42", "Nordvia down?"),
        ("41", "Which router?"),
        ("42", "Nordvia down?"),
    ]


def test_a_login_page_is_not_an_empty_board() -> None:
    with pytest.raises(PageChanged, match="login"):
        read_file(PAGES / "phpbb" / "login.html", "https://forum.test/viewforum.php?f=7", OPTIONS)


def test_a_page_of_no_known_forum_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "shop.html"
    page.write_text("<h1>A shop</h1>", "utf-8")
    with pytest.raises(UnknownEngine, match="phpBB"):
        read_file(page, "https://shop.test/", OPTIONS)


@pytest.mark.parametrize(
    ("name", "url", "message"),
    [
        ("none.html", "https://forum.test/", "cannot be read"),
        ("thread.html", "forum.test", "no web address"),
        ("thread.html", "file:///etc/passwd", "no web address"),
    ],
)
def test_a_wrong_file_or_address_is_named(name: str, url: str, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        read_file(PAGES / "phpbb" / name, url, OPTIONS)


def test_a_thread_page_without_messages_means_that_the_markup_has_changed() -> None:
    with pytest.raises(PageChanged, match="p123"):
        read_phpbb('<h2 class="topic-title">T</h2><article>new markup</article>')


def test_no_reading_keeps_a_visitors_session() -> None:
    for what in ("board", "thread", "index", "thread_polish", "thread_subsilver"):
        case = json.loads((PAGES / "phpbb" / f"{what}.json").read_text("utf-8"))
        _, reading = read_file(PAGES / "phpbb" / f"{what}.html", case["url"], OPTIONS)
        assert SESSION not in repr(reading)


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        (
            f"https://f.test/viewtopic.php?sid={SESSION}&t=1#p2",
            "https://f.test/viewtopic.php?t=1#p2",
        ),
        (f"https://f.test/x-35.html?s={SESSION}", "https://f.test/x-35.html"),
        (f"https://f.test/?topic=1.0;PHPSESSID={SESSION}", "https://f.test/?topic=1.0"),
        ("https://f.test/v.php?t=1&start=0&hilit=nordvia", "https://f.test/v.php?t=1"),
        ("https://f.test/v.php?t=1&start=15", "https://f.test/v.php?t=1&start=15"),
        ("https://f.test/a.jsp;jsessionid=AB12?x=1", "https://f.test/a.jsp?x=1"),
        ("https://f.test/?s=router&sid=12", "https://f.test/?s=router&sid=12"),
        ("https://f.test/index.php?a=1;b=2", "https://f.test/index.php?a=1;b=2"),
    ],
)
def test_session_ids_are_cut_from_addresses(url: str, clean: str) -> None:
    assert without_session(url) == clean


def test_links_to_other_sites_are_neither_followed_nor_built_upon() -> None:
    reading = read_phpbb(
        '<base href="https://evil.test/"><h2><a href="viewtopic.php?t=1">T</a></h2>'
        + message(7, "hi")
        + '<a rel="next" href="viewtopic.php?t=1&start=15">Next</a>'
    )
    [post] = reading.posts
    assert post.url == "https://forum.test/viewtopic.php?p=7#p7"
    assert post.private_message_url is not None
    assert same_site(post.private_message_url, "https://forum.test/")
    assert reading.next_page is None


def test_a_deep_or_huge_message_does_not_cost_its_neighbours() -> None:
    reading = read_phpbb(
        message(1, "first")
        + message(2, "<blockquote><div>" * 5_000 + "x" + "</div></blockquote>" * 5_000 + "own")
        + message(3, "ж" * 200_000)
        + message(4, "last")
    )
    assert [len(post.text) for post in reading.posts] == [5, 3, 200_000, 4]


@pytest.mark.parametrize(
    ("given", "entry"),
    [
        ("https://f.test", "https://f.test/latest.json"),
        ("https://f.test/forum/", "https://f.test/forum/latest.json"),
        ("https://f.test/latest?order=activity", "https://f.test/latest.json?order=activity"),
        ("https://f.test/categories", "https://f.test/categories.json"),
        ("https://f.test/c/providers/5", "https://f.test/c/providers/5/l/latest.json"),
        ("https://f.test/c/isp/fibre/6/none", "https://f.test/c/isp/fibre/6/l/latest.json"),
        ("https://f.test/c/isp/6/l/latest", "https://f.test/c/isp/6/l/latest.json"),
        ("https://f.test/t/nordvia-down/42", "https://f.test/t/nordvia-down/42.json"),
        ("https://f.test/t/nordvia-down/42/17", "https://f.test/t/nordvia-down/42/17.json"),
        ("https://f.test/t/42?page=2#x", "https://f.test/t/42.json?page=2"),
        ("https://f.test/t/42.json?page=2", "https://f.test/t/42.json?page=2"),
        ("https://f.test/u/ann", "https://f.test/u/ann"),
    ],
)
def test_a_discourse_address_leads_to_its_json(given: str, entry: str) -> None:
    discourse = engines()["discourse"]
    assert discourse.entry(given) == entry
    assert discourse.entry(entry) == entry


@pytest.mark.parametrize(
    "body",
    [
        '{"post_stream": {"posts": [null, 5, {"id": "x"}], "stream": [1, null, {}]}}',
        '{"topic_list": {"topics": [null, {"id": "a"}], "more_topics_url": 5}}',
        '{"category_list": {"categories": [{"id": 1, "parent_category_id": [1]}, 3]}}',
        '{"latest_posts": [{"cooked": 1}]}',
    ],
)
def test_oddities_in_json_do_not_lose_the_page(body: str) -> None:
    page = HtmlResponse("https://f.test/t/1.json", body=body.encode())
    assert engines()["discourse"].read(page, OPTIONS).posts == ()


@pytest.mark.parametrize(
    "body",
    [
        '{"post_stream": {"posts": 5}}',
        '{"topic_list": []}',
        '{"errors": ["You need to be logged in"], "error_type": "not_logged_in"}',
        '{"a": ',
        "[]",
    ],
)
def test_json_of_another_shape_means_that_the_engine_has_changed(body: str) -> None:
    page = HtmlResponse("https://f.test/t/1.json", body=body.encode())
    with pytest.raises(PageChanged):
        engines()["discourse"].read(page, OPTIONS)
