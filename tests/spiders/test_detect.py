"""Which engine a page comes from."""

from collections.abc import Mapping

import pytest
from scrapy.http import HtmlResponse

from spiders.detect import UnknownEngine, detect, engines, recognised


def page(
    body: str, url: str = "https://forum.test/", headers: Mapping[str, str] | None = None
) -> HtmlResponse:
    return HtmlResponse(url, body=body.encode(), headers=dict(headers or {}), encoding="utf-8")


POSTING = (
    '<script type="application/ld+json">{"@type": "DiscussionForumPosting", "text": "x",'
    ' "author": {"name": "ann"}}</script>'
)


@pytest.mark.parametrize(
    ("body", "url", "headers", "engine"),
    [
        ('<body id="phpbb"><a href="./ucp.php?mode=login">Login</a>', None, {}, "phpbb"),
        (
            '<a href="./viewtopic.php?t=1">x</a>Powered by <a href="https://www.phpbb.com/">phpBB</a>',
            None,
            {},
            "phpbb",
        ),
        (
            '<a href="./viewforum.php?f=1">x</a>',
            "https://forum.test/viewforum.php?f=1",
            {"Set-Cookie": "phpbb3_4lcxu_sid=x; path=/"},
            "phpbb",
        ),
        ('<meta name="generator" content="Discourse 3.5.0">', None, {}, "discourse"),
        ("<p>x", None, {"X-Discourse-Route": "list/latest"}, "discourse"),
        ('{"topic_list": {"topics": []}}', None, {}, "discourse"),
        (f"<h1>x</h1>{POSTING}", None, {}, "schema_org"),
        # A product that is recognised wins over the markup it carries.
        (f'<meta name="generator" content="Discourse 3.5.0">{POSTING}', None, {}, "discourse"),
    ],
)
def test_a_forum_is_recognised(
    body: str, url: str | None, headers: Mapping[str, str], engine: str
) -> None:
    found = detect(page(body, url or "https://forum.test/", headers))
    assert found is not None
    assert found.engine.name == engine
    assert 0 < found.confidence <= 1
    assert all(hint.hint and hint.weight > 0 for hint in found.evidence)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<h1>A shop</h1>",
        '<body id="phpbb">',  # one weak hint alone
        "<p>phpBB is a forum, and Discourse another.",
        '<script type="application/ld+json">{"@type": "WebSite", "name": "x"}</script>',
        '{"status": "ok"}',
        '{"topic_list": ',
        "[" * 100_000,
    ],
)
def test_other_pages_are_not_taken_for_a_forum(body: str) -> None:
    assert detect(page(body)) is None


def test_an_unknown_page_is_refused_with_what_was_looked_for() -> None:
    with pytest.raises(UnknownEngine) as caught:
        recognised(page("<h1>A shop</h1>", "https://shop.test/x"))
    message = str(caught.value)
    assert "https://shop.test/x" in message
    assert all(name in message and engine.marks in message for name, engine in engines().items())


def test_the_engines_are_those_of_the_folder() -> None:
    tables = {"phpbb", "phpbb2", "smf", "mybb", "fluxbb", "punbb", "vbulletin3", "invision3"}
    newer = {"vbulletin4", "vbulletin5", "xenforo1", "xenforo2", "invision4", "woltlab", "bbpress"}
    assert set(engines()) >= {"discourse", "schema_org"} | tables | newer


def test_a_named_engine_is_taken_without_being_recognised() -> None:
    found = recognised(page("<h1>A board of an unusual style</h1>"), "phpbb")
    assert (found.engine.name, found.confidence, found.evidence) == ("phpbb", 0, ())
    with pytest.raises(UnknownEngine, match="phpbb"):
        recognised(page("<h1>x</h1>"), "phpbb9")
