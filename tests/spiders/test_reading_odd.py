"""Pages with something wrong about them: what can be read is read, and nothing is made up."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scrapy.http import HtmlResponse, TextResponse

from spiders.base import Reading, ReadOptions
from spiders.detect import detect, engines
from spiders.reading import page_record, read_file

OPTIONS = ReadOptions(fetched_at=datetime(2026, 11, 6, 12, 0, tzinfo=UTC))
THREAD = "https://forum.test/t/nordvia-down/42"
POSTING = {
    "@type": "DiscussionForumPosting",
    "url": THREAD,
    "headline": "Nordvia down",
    "text": "Since six.",
    "author": {"name": "ann"},
    "comment": [{"@type": "Comment", "url": f"{THREAD}/2", "text": "Reply", "author": "bob"}],
}


def read_schema(head: str, url: str = THREAD) -> Reading:
    page = HtmlResponse(url, body=f"<head>{head}</head>".encode(), encoding="utf-8")
    return engines()["schema_org"].read(page, OPTIONS)


def script(text: str) -> str:
    return f'<script type="application/ld+json">{text}</script>'


def read_phpbb(body: bytes, url: str = "https://forum.test/viewtopic.php?t=1") -> Reading:
    # No encoding is named: a live page without a charset in its header, or a saved one.
    return engines()["phpbb"].read(HtmlResponse(url, body=body), OPTIONS)


def phpbb_page(content: str, pager: str = "", lang: str = "en", head: str = "") -> str:
    return (
        f'<html lang="{lang}"><head>{head}</head><body id="phpbb" class="section-viewtopic">'
        f'<h2 class="topic-title">Nordvia: {content}</h2><div class="pagination">{pager}</div>'
        f'<div id="p7" class="post"><div class="postbody"><p class="author"><strong>{content}'
        f'</strong></p><div class="content">{content}</div></div></div></body></html>'
    )


# Charsets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "lang", "words"),
    [
        ("utf-8", "ru", "У меня — тоже…"),
        ("cp1251", "ru", "У меня — тоже…"),
        ("cp1250", "pl", "Też źle, ąę"),
        ("iso8859-2", "pl", "Też źle, śmiech"),
        ("iso8859-2", "cs", "Příliš žluťoučký"),
        ("cp1250", "cs", "Příliš žluťoučký"),
    ],
)
def test_a_page_that_names_no_charset_is_read_by_its_language(
    charset: str, lang: str, words: str
) -> None:
    reading = read_phpbb(phpbb_page(words, lang=lang).encode(charset))
    assert (reading.thread_title, reading.posts[0].text) == (f"Nordvia: {words}", words)


def test_one_bad_byte_does_not_turn_a_page_in_utf_8_into_another_charset() -> None:
    body = phpbb_page("Нордвия лежит", lang="ru").encode()
    assert read_phpbb(body.replace(b"</div>", b" \xff</div>")).posts[0].text == (
        "Нордвия лежит \ufffd"
    )


def test_a_named_charset_is_taken_at_its_word() -> None:
    head = '<meta http-equiv="content-type" content="text/html; charset=iso-8859-2">'
    body = phpbb_page("Też źle", lang="ru", head=head).encode("iso8859-2")
    assert read_phpbb(body).posts[0].text == "Też źle"


# Characters, links, addresses ----------------------------------------------------------------


def test_control_characters_reach_neither_a_name_nor_a_text() -> None:
    [post] = read_phpbb(phpbb_page("a\x00n\x1b[31mn &#1;&#27;x").encode()).posts
    assert (post.author, post.text) == ("an[31mn x", "an[31mn x")
    quoted = '<blockquote class="ipsQuote" data-ipsquote-username="b\x1bob">x</blockquote>own'
    [post] = read_phpbb(phpbb_page(quoted).encode()).posts
    assert post.quotes[0].author == "bob"


def test_half_a_character_in_json_is_replaced_so_that_the_message_can_be_kept() -> None:
    text = json.dumps(POSTING | {"headline": "Nordvia \ud83d", "text": "cut \ud83d"})
    reading = read_schema(script(text))
    assert (reading.thread_title, reading.posts[0].text) == ("Nordvia \ufffd", "cut \ufffd")


@pytest.mark.parametrize(
    "pager",
    [
        '<a rel="next" href="http://[evil/viewtopic.php?t=1&amp;start=10">2</a>',
        '<a rel="next" href="//evil.test/viewtopic.php?t=1&amp;start=10">2</a>',
        '<a rel="next" href="javascript:go(2)">2</a>',
        '<strong>2</strong> <a rel="next" href="./viewtopic.php?t=1">2</a>',
        '<a rel="next" href="./viewtopic.php?t=1#p7">2</a>',
        '<a rel="next" href="./viewtopic.php?t=2&amp;start=10">2</a>',
        f'<a rel="next" href="./viewtopic.php?t=1&amp;start={"9" * 5000}">2</a>',
        f'<a href="./viewtopic.php?t={"9" * 5000}">2</a>',
    ],
    ids=["no-address", "elsewhere", "script", "itself", "own-message", "other", "huge", "huge-id"],
)
def test_a_wrong_link_in_a_phpbb_pager_is_no_next_page(pager: str) -> None:
    reading = read_phpbb(phpbb_page("x", pager).encode())
    assert (len(reading.posts), reading.next_page) == (1, None)


@pytest.mark.parametrize(
    ("href", "following"),
    [
        ("?page=2", f"{THREAD}?page=2"),
        (f"{THREAD}?page=2", f"{THREAD}?page=2"),
        (THREAD, None),
        ("#next", None),
        ("/t/which-router/43", None),
        ("/about", None),
        ("//evil.test/t/nordvia-down/42?page=2", None),
        ("javascript:void(0)/x", None),
        ("http://[evil/t/nordvia-down/42?page=2", None),
    ],
)
def test_only_a_page_of_the_same_thread_is_its_next_page(href: str, following: str | None) -> None:
    head = script(json.dumps(POSTING)) + f'<link rel="next" href="{href}">'
    reading = read_schema(head)
    assert (len(reading.posts), reading.next_page) == (2, following)


@pytest.mark.parametrize(
    ("more", "following"),
    [
        ("/latest?page=1", "https://forum.test/latest.json?page=1"),
        ("/latest.json?page=1", "https://forum.test/latest.json?page=1"),
        ("https://forum.test/latest?page=1", "https://forum.test/latest.json?page=1"),
        ("//evil.test/latest?page=1", None),
        ("https://evil.test/latest?page=1", None),
        ("http://[evil/latest", None),
    ],
)
def test_a_discourse_list_goes_on_only_on_its_own_site(more: str, following: str | None) -> None:
    body = json.dumps({"topic_list": {"topics": [], "more_topics_url": more}})
    page = TextResponse("https://forum.test/latest.json", body=body.encode(), encoding="utf-8")
    assert engines()["discourse"].read(page, OPTIONS).next_page == following


# JSON ----------------------------------------------------------------------------------------


def damaged() -> dict[str, str]:
    """Return JSON-LD as found on pages: not quite JSON, yet plain what is meant."""
    whole = json.dumps(POSTING)
    return {
        "entities": whole.replace('"', "&quot;"),
        "semicolon": f"{whole};",
        "trailing-comma": whole.replace("]}", ",]}"),
        "double-comma": whole.replace('"comment": [', '"comment": [,'),
        "raw-newline": whole.replace("Since six", "Since\nsix"),
        "control": whole.replace("Since six", "Since\x0bsix\x01"),
        "cdata": f"/*<![CDATA[*/{whole}/*]]>*/",
        "comment": f"<!-- {whole} -->",
        "script-escape": whole.replace("Since six", r"It\'s down"),
        "bad-escape": whole.replace("Since six", r"In C:\\temp \x or \'so\'"),
        "two-documents": '{"@type": "WebSite"}\n' + whole,
        "not-xml": whole.replace("Since six", "Since \uffff"),
    }


@pytest.mark.parametrize("fault", damaged())
def test_json_ld_with_a_usual_fault_is_read_as_it_was_meant(fault: str) -> None:
    reading = read_schema(script(damaged()[fault]))
    assert [post.author for post in reading.posts] == ["ann", "bob"]
    assert reading.thread_title == "Nordvia down"


def test_a_repair_of_json_ld_keeps_what_was_right() -> None:
    [post, _] = read_schema(script(damaged()["bad-escape"])).posts
    assert post.text == r"In C:\temp \x or 'so'."


def test_hopeless_json_ld_costs_no_time() -> None:
    page = HtmlResponse(THREAD, body=script("[{" * 200_000).encode(), encoding="utf-8")
    assert detect(page) is None


@pytest.mark.parametrize("body", ["[]", '[{"id": 1}]', "5", "null", '"x"', "{}"])
def test_json_of_something_else_is_not_taken_for_a_forum(body: str) -> None:
    page = TextResponse("https://shop.test/api", body=body.encode(), encoding="utf-8")
    assert detect(page) is None


# What a saved file tells ---------------------------------------------------------------------


def test_yesterday_in_a_saved_page_is_the_day_before_it_was_saved(tmp_path: Path) -> None:
    page = tmp_path / "thread.html"
    page.write_text(
        phpbb_page("x").replace("</p>", " &raquo; Yesterday, 21:14</p>", 1), encoding="utf-8"
    )
    saved_at = datetime(2024, 3, 10, 9, 0, tzinfo=UTC).timestamp()
    os.utime(page, (saved_at, saved_at))
    url = "https://forum.test/viewtopic.php?t=1"
    [post] = read_file(page, url, ReadOptions(), engine="phpbb")[1].posts
    assert post.posted_at == datetime(2024, 3, 9, 21, 14, tzinfo=UTC)


def test_a_board_known_by_its_number_alone_has_no_title(tmp_path: Path) -> None:
    page = tmp_path / "topic.json"
    posts = [{"id": 1, "username": "ann", "cooked": "<p>x</p>", "post_number": 1, "topic_id": 42}]
    page.write_text(json.dumps({"id": 42, "category_id": 5, "post_stream": {"posts": posts}}))
    detection, reading = read_file(page, "https://forum.test/t/42.json", ReadOptions())
    assert reading.board_id == "5"
    assert page_record(detection, reading)["posts"][0]["board"] is None


# Detection -----------------------------------------------------------------------------------


def test_a_forum_that_talks_of_phpbb_is_not_taken_for_one() -> None:
    talk = (
        'We moved from <a href="https://www.phpbb.com/community/viewtopic.php?t=2">phpbb.com</a>, '
        '<a href="https://www.phpbb.com/">https://www.phpbb.com/</a>; "Powered by phpBB" it said.'
    )
    body = script(json.dumps(POSTING)) + talk + "<p>more words</p>" * 500
    found = detect(HtmlResponse(THREAD, body=body.encode(), encoding="utf-8"))
    assert found is not None
    assert found.engine.name == "schema_org"
