"""What a person's selectors change, and which of them an engine refuses."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from scrapy.http import HtmlResponse

from spiders.base import SELECTOR_NAMES, PageChanged, ReadOptionError, ReadOptions
from spiders.detect import engine_named, engines
from spiders.outcome import PageFailed
from spiders.reading import read_file
from tests.spiders.test_reading_pages import FETCHED_AT, FOLDER, case_of

READ_BY_SELECTORS = sorted(name for name, engine in engines().items() if engine.honours)
UNSEEN = {
    *("listing", "quote_author", "thread_id", "thread_time", "thread_replies", "board_id"),
    *("board_link", "board_last", "board_row", "author_id", "author_link", "pager"),
}
"""What the saved pages of some engine have no use for."""
PROBES = (".nowhere", "a", "body *:nth-child(2)", "*", "html", "a:last-child")
TEXTS = ("a::attr(href)", "::text", "::attr(class)")


def saved(name: str) -> Iterator[tuple[Path, str]]:
    for page in sorted((FOLDER / name).glob("*.html")):
        if case_of(page).exists():
            yield page, json.loads(case_of(page).read_text("utf-8"))["url"]


def what_is_read(name: str, page: Path, url: str, selectors: dict[str, str]) -> str:
    response = HtmlResponse(url, body=page.read_bytes())
    options = ReadOptions(fetched_at=FETCHED_AT, selectors=selectors)
    engine = engine_named(name)
    engine.refuse_selectors(selectors)
    try:
        return repr(engine.read(response, options))
    except (PageChanged, PageFailed) as error:
        return str(error)


@pytest.mark.parametrize("name", READ_BY_SELECTORS)
def test_every_selector_that_an_engine_has_changes_what_it_reads(name: str) -> None:
    pages = [(page, url, what_is_read(name, page, url, {})) for page, url in saved(name)]
    idle = {
        selector
        for selector in engine_named(name).honours - UNSEEN
        if not any(
            what_is_read(name, page, url, {selector: probe}) != before
            for probe in (*PROBES, *(() if selector in engine_named(name).elements else TEXTS))
            for page, url, before in pages
        )
    }
    assert idle == set()


def test_a_selector_that_an_engine_has_not_is_refused_with_those_it_has() -> None:
    for name, engine in engines().items():
        for selector in SELECTOR_NAMES - engine.honours:
            with pytest.raises(ReadOptionError, match=f"{name} (has no selector|reads by no)"):
                engine.refuse_selectors({selector: "p"})
        assert engine.elements <= SELECTOR_NAMES
        for selector in engine.elements & engine.honours:
            with pytest.raises(ReadOptionError, match="picks an element"):
                engine.refuse_selectors({selector: "p::text"})
    with pytest.raises(ReadOptionError, match=r"it has author, board_link, body"):
        engine_named("phpbb").refuse_selectors({"pager": ".pager"})


def test_a_page_is_read_with_the_id_that_a_person_tells() -> None:
    page = FOLDER / "xenforo2" / "thread.html"
    url = json.loads(case_of(page).read_text("utf-8"))["url"]
    told = ReadOptions(selectors={"post_id": "article::attr(id)"})
    _, reading = read_file(page, url, told)
    _, usual = read_file(page, url, ReadOptions())
    assert [post.post_id for post in reading.posts] == [post.post_id for post in usual.posts]
    none = ReadOptions(selectors={"post_id": ".nowhere::attr(id)"})
    with pytest.raises(PageChanged, match="no message could be read"):
        read_file(page, url, none)
    with pytest.raises(ReadOptionError, match="xenforo2 has no selector 'thread_id'"):
        read_file(page, url, ReadOptions(selectors={"thread_id": "article"}))


def test_selectors_that_pick_something_else_altogether_are_told_of() -> None:
    page = FOLDER / "vbulletin5" / "thread.html"
    url = json.loads(case_of(page).read_text("utf-8"))["url"]
    with pytest.raises(ReadOptionError, match="not what vbulletin5 looks for"):
        read_file(page, url, ReadOptions(selectors={"post": "html"}))


@pytest.mark.parametrize("name", ["xenforo2", "phpbb", "woltlab"])
def test_a_persons_next_page_comes_before_every_other(name: str) -> None:
    body = {
        "xenforo2": '<html id="XF"><link rel="next" href="/threads/a.3/page-9">'
        '<article class="message message--post js-post" data-author="ann" data-content="post-5">'
        '<div class="bbWrapper">Late</div></article>',
        "phpbb": '<html><body id="phpbb"><link rel="next" href="viewtopic.php?t=3&amp;start=90">'
        '<div class="post" id="p5"><p class="author"><strong>ann</strong></p>'
        '<div class="content">Late</div></div>',
        "woltlab": '<html><link rel="next" href="/thread/3-a/?pageNo=9">'
        '<article class="message" data-object-id="5"><h3 class="messageHeadline"></h3>'
        '<aside class="messageSidebar"><span class="username">ann</span></aside>'
        '<div class="messageText">Late</div></article>',
    }[name]
    url = {
        "xenforo2": "https://forum.test/threads/a.3/",
        "phpbb": "https://forum.test/viewtopic.php?t=3",
        "woltlab": "https://forum.test/thread/3-a/",
    }[name]
    page = HtmlResponse(url, body=f'{body}<a class="on" href="/on">more</a></html>'.encode())
    engine = engine_named(name)
    assert engine.read(page, ReadOptions()).next_page not in {None, "https://forum.test/on"}
    told = ReadOptions(selectors={"next_page": "a.on"})
    page = page.replace(body=page.body)  # as it came
    assert engine.read(page, told).next_page == "https://forum.test/on"
