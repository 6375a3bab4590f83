"""What a saved page does not show of the engines: addresses to fetch, walls, and who gives way."""

import json

import pytest
from scrapy.http import HtmlResponse, TextResponse

from spiders.base import Kind, PageChanged, ReadOptions
from spiders.detect import detect, engine_named
from spiders.engines.generic import Generic
from spiders.outcome import Outcome, PageFailed


def page_of(body: str, url: str = "https://f.example/x", **headers: str) -> HtmlResponse:
    return HtmlResponse(url, body=body.encode(), headers=headers)


def json_of(found: object, url: str) -> TextResponse:
    body = json.dumps(found).encode()
    return TextResponse(url, body=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("engine", "given", "fetched"),
    [
        ("nodebb", "https://f.example", "https://f.example/api/categories"),
        ("nodebb", "https://f.example/forum/", "https://f.example/forum/api/categories"),
        (
            "nodebb",
            "https://f.example/a/topic/7/x/15?page=2",
            "https://f.example/a/api/topic/7/x?page=2",
        ),
        (
            "nodebb",
            "https://f.example/category/3/rowery",
            "https://f.example/api/category/3/rowery",
        ),
        ("nodebb", "https://f.example/category/3", "https://f.example/category/3"),
        ("nodebb", "https://f.example/api/recent", "https://f.example/api/recent"),
        ("nodebb", "https://f.example/post/9", "https://f.example/post/9"),
        ("flarum", "https://f.example/tags", "https://f.example/api/tags"),
        ("coyote", "https://4programmers.net/", "https://4programmers.net/Forum"),
        (
            "coyote",
            "https://api.4programmers.net/v1/posts",
            "https://api.4programmers.net/v1/posts",
        ),
    ],
)
def test_an_address_that_a_person_knows_leads_to_the_one_to_fetch(
    engine: str, given: str, fetched: str
) -> None:
    assert engine_named(engine).entry(given) == fetched


@pytest.mark.parametrize(
    ("given", "path", "asked"),
    [
        ("https://f.example/forum/", "/forum/api/discussions", "sort=-lastPostedAt"),
        ("https://f.example/t/nowości", "/api/discussions", "filter%5Btag%5D=nowo%C5%9Bci"),
        ("https://f.example/b/d/21-x/40", "/b/api/posts", "page%5Bnear%5D=40"),
        ("https://f.example/d/21-x?page=3", "/api/posts", "page%5Boffset%5D=40"),
    ],
)
def test_flarum_is_asked_for_what_its_page_would_show(given: str, path: str, asked: str) -> None:
    url = engine_named("flarum").entry(given)
    assert path in url
    assert asked in url


def test_a_category_for_members_only_is_a_login_wall_and_not_an_empty_one() -> None:
    found = {"relative_path": "", "loggedIn": False, "template": {}, "topics": [], "cid": 3}
    found["privileges"] = {"read": True, "topics:read": False}
    page = json_of(found, "https://f.example/api/category/3/x")
    with pytest.raises(PageFailed) as failed:
        engine_named("nodebb").read(page, ReadOptions())
    assert failed.value.outcome is Outcome.LOGIN_WALL


@pytest.mark.parametrize("name", ["nodebb", "flarum", "misago", "coyote"])
@pytest.mark.parametrize("found", [{}, {"data": 5}, {"posts": [1], "tid": "x"}, {"results": None}])
def test_an_answer_of_another_shape_is_said_to_be_one(name: str, found: object) -> None:
    page = json_of(found, "https://f.example/api/strange")
    try:
        reading = engine_named(name).read(page, ReadOptions())
    except PageChanged:
        return
    assert not reading.posts


def test_text_that_only_begins_as_json_is_no_answer() -> None:
    page = json_of({}, "https://f.example/api/x").replace(body=b'{"posts": [')
    for name in ("nodebb", "flarum", "misago", "coyote", "vanilla"):
        assert engine_named(name).recognise(page) == []
        with pytest.raises(PageChanged):
            engine_named(name).read(page, ReadOptions())


POST = (
    '<div class="wpis"><a href="/profil/{0}/ola">Ola{0}</a> <i>4 listopada 2026, 18:0{0}</i>'
    '<div class="t">Wpis numer {0}, dość długi.</div></div>'
)
THREAD = '<html lang="pl"><body>{0}<h1>Temat</h1><div>{1}</div></body></html>'


def test_a_guess_by_structure_says_so_and_gives_way_to_everything_else() -> None:
    posts = "".join(POST.format(n) for n in (1, 2, 3))
    guessed = detect(page_of(THREAD.format("", posts)))
    assert guessed is not None
    assert guessed.engine.name == "generic"
    assert "guessed by structure" in guessed.evidence[0].hint
    marked = (
        '<div itemscope itemtype="https://schema.org/DiscussionForumPosting">'
        '<span itemprop="author">Ola</span><p itemprop="text">Co to?</p></div>'
    )
    described = detect(page_of(THREAD.format(marked, posts)))
    assert described is not None
    assert described.engine.name == "schema_org"
    product = detect(page_of(THREAD.format("", posts), **{"X-Powered-By": "NodeBB"}))
    assert product is not None
    assert product.engine.name == "nodebb"


@pytest.mark.parametrize(
    "body",
    [
        "<p>Nothing here.</p>",
        POST.format(1),
        '<form action="/login"><input type="password"></form>',
        "".join(f'<li><a href="/{n}">Page of the menu {n}</a></li>' for n in range(9)),
        "".join(
            f"<div class='x'><p>Only a text, number {n}, of some length.</p></div>"
            for n in range(9)
        ),
        "".join(
            f"<div><a href='/user/{n}'>Member {n}</a> joined 2026-01-0{n}</div>"
            for n in range(1, 9)
        ),
        "".join(
            f"<li><a href='/news/{n}'>What happened on day {n}</a> 2026-01-0{n}</li>"
            for n in range(1, 9)
        ),
    ],
)
def test_a_page_without_clear_repeated_messages_is_refused(body: str) -> None:
    page = page_of(THREAD.format("", body))
    assert Generic().recognise(page) == []
    with pytest.raises(PageChanged):
        Generic().read(page, ReadOptions())


def test_articles_of_a_blog_are_no_threads_and_those_of_a_forum_on_it_are() -> None:
    rows = "".join(
        f'<li><a href="/{n}/why-day-{n}">Why day {n} was good</a> by <a href="/author/ola">Ola'
        f"</a>, 2026-01-0{n}, <b>{n}</b> comments</li>"
        for n in range(1, 9)
    )
    made_by = '<head><meta name="generator" content="WordPress 6.8"></head>'
    body = f"<html>{{}}<body><ul>{rows}</ul></body></html>"
    blog = HtmlResponse("https://ola.test/", body=body.format(made_by).encode())
    forum = HtmlResponse("https://ola.test/forum/", body=body.format(made_by).encode())
    other = HtmlResponse("https://ola.test/", body=body.format("").encode())
    assert [bool(Generic().recognise(page)) for page in (blog, forum, other)] == [False, True, True]


def test_a_message_keeps_its_name_when_the_page_gives_it_none() -> None:
    page = page_of(THREAD.format("", "".join(POST.format(n) for n in (1, 2, 3))))
    first, again = (Generic().read(page, ReadOptions()) for _ in range(2))
    assert first.kind is Kind.THREAD
    assert [post.post_id for post in first.posts] == [post.post_id for post in again.posts]
    assert len({post.post_id for post in first.posts}) == 3
