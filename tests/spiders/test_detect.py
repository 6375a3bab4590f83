"""Which engine a page comes from."""

from collections.abc import Mapping

import pytest
from scrapy.http import HtmlResponse

from spiders.detect import UnknownEngine, claimed, detect, engine_named, engines, recognised


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


AWAY = "https://forum.elsewhere.test"


@pytest.mark.parametrize(
    "links",
    [
        f'<a href="https://www.simplemachines.org/">SMF</a> <a href="{AWAY}/?topic=12.0">x</a>',
        'Powered by <a href="https://www.phpbb.com/">phpBB</a>'
        f'<a href="{AWAY}/viewtopic.php?t=12">x</a>'
        f'<a href="{AWAY}/ucp.php?mode=login">y</a>',
        f'<table class="forumline"></table><a href="{AWAY}/profile.php?mode=viewprofile">x</a>',
        f'Powered By <a href="https://mybb.com">MyBB</a> <a href="{AWAY}/showthread.php?tid=1">x',
        f'Powered by <a href="http://askbot.com">Askbot</a> <a href="{AWAY}/question/1/x/">x',
        f'<div id="discourse-comments"></div><a href="{AWAY}/t/x/12">x</a>'
        f'<script>DiscourseEmbed = {{ discourseUrl: "{AWAY}/" }}</script>',
        '<div id="disqus_thread"></div><script src="https://x.disqus.com/embed.js"></script>',
    ],
)
@pytest.mark.parametrize("place", ["article", "footer"])
def test_who_links_to_a_forum_elsewhere_is_none(links: str, place: str) -> None:
    own = '<h1>Our move</h1><a href="/">Home</a><a href="https://blog.test/old/">Older</a>'
    assert detect(page(f"{own}<{place}>{links}</{place}>", "https://blog.test/new/")) is None


def test_an_unknown_page_is_refused_with_what_was_looked_for() -> None:
    with pytest.raises(UnknownEngine) as caught:
        recognised(page("<h1>A shop</h1>", "https://shop.test/x"))
    message = str(caught.value)
    assert "https://shop.test/x" in message
    assert all(name in message and engine.marks in message for name, engine in engines().items())


def test_the_engines_are_those_of_the_folder() -> None:
    ours = {"phpbb", "phpbb2", "smf", "mybb", "fluxbb", "punbb"}
    assert set(engines()) >= {"discourse", "schema_org", "generic"} | ours


@pytest.mark.parametrize(
    ("address", "engine"),
    [
        ("https://news.ycombinator.com/item?id=1", "hackernews"),
        ("https://hn.algolia.com/?q=nordvia", "hackernews"),
        ("https://bsky.app/search?q=nordvia", "bluesky"),
        ("https://superuser.com/questions/tagged/nordvia", "stackexchange"),
        ("https://ru.stackoverflow.com/questions/1", "stackexchange"),
        ("https://dba.stackexchange.com/", "stackexchange"),
        ("https://old.reddit.com/r/isp/", "reddit"),
        ("https://redd.it/aa1", "reddit"),
        ("https://t.me/nordvia_news", "telegram"),
        ("https://youtu.be/vid12345678", "youtube"),
        ("https://apps.apple.com/pl/app/nordvia-go/id55", "appstore"),
        ("https://stackoverflow.com.forum.test/", None),
        ("https://forum.test/r/isp", None),
        ("http://[", None),
    ],
)
def test_a_source_with_an_address_of_its_own_is_known_before_it_is_asked(
    address: str, engine: str | None
) -> None:
    found = claimed(address)
    assert (found.name if found else None) == engine


@pytest.mark.parametrize(
    ("engine", "address", "asked"),
    [
        (
            "hackernews",
            "https://news.ycombinator.com/item?id=17",
            "https://hn.algolia.com/api/v1/items/17",
        ),
        (
            "bluesky",
            "https://bsky.app/profile/a.example/post/3k",
            "https://public.api.bsky.app/xrpc/app.bsky.feed.getPostThread?uri="
            "at%3A%2F%2Fa.example%2Fapp.bsky.feed.post%2F3k&depth=100&parentHeight=100",
        ),
        ("lemmy", "https://lemmy.example/post/21", "https://lemmy.example/api/v3/post?id=21"),
        (
            "lemmy",
            "https://lemmy.example/c/isp@far.example",
            "https://lemmy.example/api/v3/post/list?community_name=isp@far.example"
            "&sort=NewComments&limit=50&page=1",
        ),
        (
            "mastodon",
            "https://social.example/@ola/907",
            "https://social.example/api/v1/statuses/907",
        ),
        (
            "mastodon",
            "https://social.example/@ola",
            "https://social.example/api/v1/accounts/lookup?acct=ola",
        ),
        (
            "mastodon",
            "https://social.example/tags/Łódź",
            "https://social.example/api/v1/timelines/tag/%C5%81%C3%B3d%C5%BA?limit=40",
        ),
        (
            "stackexchange",
            "https://superuser.com/questions/301/x",
            "https://api.stackexchange.com/2.3/questions/301?filter=withbody&site=superuser",
        ),
        (
            "reddit",
            "https://www.reddit.com/r/isp/comments/aa1/x/",
            "https://www.reddit.com/r/isp/comments/aa1/.rss?limit=100",
        ),
        ("telegram", "https://t.me/nordvia_news", "https://t.me/s/nordvia_news"),
        (
            "youtube",
            "https://www.youtube.com/watch?v=vid12345678&t=3",
            "https://www.googleapis.com/youtube/v3/commentThreads?part=snippet,replies&maxResults=100"
            "&order=time&textFormat=plainText&videoId=vid12345678",
        ),
        (
            "appstore",
            "https://apps.apple.com/pl/app/nordvia-go/id55",
            "https://itunes.apple.com/pl/rss/customerreviews/page=1/id=55/sortby=mostrecent/json",
        ),
    ],
)
def test_a_persons_address_leads_to_what_is_fetched(engine: str, address: str, asked: str) -> None:
    reader = engine_named(engine)
    assert reader.entry(address) == asked
    assert reader.entry(asked) == asked


def test_a_named_engine_is_taken_without_being_recognised() -> None:
    found = recognised(page("<h1>A board of an unusual style</h1>"), "phpbb")
    assert (found.engine.name, found.confidence, found.evidence) == ("phpbb", 0, ())
    with pytest.raises(UnknownEngine, match="phpbb"):
        recognised(page("<h1>x</h1>"), "phpbb9")
