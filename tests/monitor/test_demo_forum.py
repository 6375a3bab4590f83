"""The demo forum, asked over real HTTP on the loopback interface."""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from importlib.resources import files
from typing import Any

import pytest
from parsel import Selector
from protego import Protego

from monitor.demo import NORDVIA, DemoError, DemoForum
from monitor.demo.story import build_story, load_story

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
GROWING = "viewtopic.php?t=1187"


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forum(clock: Clock) -> Iterator[DemoForum]:
    with DemoForum(clock=clock) as running:
        yield running


def ask(url: str, method: str = "GET", **headers: str) -> tuple[int, Message, str]:
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read().decode()


def page(url: str) -> Selector:
    status, _, body = ask(url)
    assert status == 200, url
    return Selector(body)


def data(url: str) -> Any:
    status, headers, body = ask(url)
    assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8"), url
    return json.loads(body)


def post_ids(thread: Selector) -> list[str]:
    return thread.css("div.post::attr(id)").getall()


def pages_from(url: str) -> Iterator[tuple[Selector, str]]:
    following: str | None = url
    while following:
        shown = page(following)
        yield shown, following
        href = shown.css("li.arrow.next a[rel=next]::attr(href)").get()
        following = urllib.parse.urljoin(following, href) if href else None


def own_words(post: Selector) -> str:
    parts = post.css("div.content").xpath(".//text()[not(ancestor::blockquote)]").getall()
    return " ".join(" ".join(parts).split())


# --- the texts


def test_the_story_has_every_kind_of_thread_in_three_languages() -> None:
    story = load_story()
    threads = [*story.phpbb.threads, *story.discourse.threads]
    posts = [post for thread in threads for post in thread.posts]
    assert (len(threads), len(posts)) == (17, 89)
    assert {thread.key for thread in threads if thread.concern} == {
        "outage", "no-answer", "half-year", "deposit", "restart", "bravo", "evenings-ru", "payout",
    }  # fmt: skip
    assert NORDVIA.staff_authors == ("Nordvia_Support",)
    assert [rival.name for rival in NORDVIA.rivals] == ["Baltfon"]


def test_threads_of_no_concern_by_the_rival_or_by_a_signature_do_not_name_the_brand() -> None:
    names = re.compile("|".join([NORDVIA.name, *NORDVIA.aliases]), re.IGNORECASE)
    story = load_story()
    threads = {t.key: t for site in (story.phpbb, story.discourse) for t in site.threads}
    for key in ("baltfon-speed", "evening-drops", "router-ru", "mesh"):
        assert not [p.text for p in threads[key].posts if names.search(p.text)], key
    assert any(names.search(p.author.signature) for p in threads["evening-drops"].posts)
    quoted, number = threads["mesh"].posts[1].quote or ("", 1)
    assert names.search(threads[quoted].posts[number - 1].text)


def test_ids_grow_with_time_within_each_site() -> None:
    for site in (load_story().phpbb, load_story().discourse):
        posts = sorted((p for t in site.threads for p in t.posts), key=lambda post: post.id)
        when = [p.after if p.after is not None else -(p.ago or timedelta()) for p in posts]
        assert when == sorted(when)
        assert len({p.id for p in posts}) == len(posts)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("by", "nobody", "names 'nobody'"),
        ("ago", "soon", "'soon' is no span of time"),
        ("quote", "rules/9", "does not define it"),
        ("ago", "411d", "not later than the one above"),
        ("quote", "switched/1", "quotes a later one"),
    ],
)
def test_a_broken_entry_is_named(place: str, value: str, message: str) -> None:
    raw = tomllib.loads(files("monitor.demo").joinpath("posts.toml").read_text("utf-8"))
    sticky = next(thread for thread in raw["threads"] if thread["key"] == "evening-drops")
    sticky["posts"][1][place] = value
    with pytest.raises(DemoError, match=re.escape(message)):
        build_story(raw)


# --- phpBB


def test_the_board_index_looks_like_phpbb(forum: DemoForum) -> None:
    index = page(forum.phpbb_url)
    assert "section-index" in index.css("body#phpbb::attr(class)").get("")
    titles = index.css("div.forabg ul.topiclist.forums li.row a.forumtitle::text").getall()
    assert titles == ["Operatorzy: opinie i awarie", "Русскоязычный уголок"]
    assert index.css("dd.lastpost time::attr(datetime)").get() == "2026-11-22T08:49:00+00:00"


def test_a_board_lists_announcements_then_stickies_then_the_latest(forum: DemoForum) -> None:
    board = page(forum.phpbb_url + "viewforum.php?f=2")
    assert "section-viewforum" in board.css("body#phpbb::attr(class)").get("")
    rows = board.css("ul.topiclist.topics li.row")
    assert [row.attrib["class"] for row in rows[:3]] == [
        "row bg1 global-announce",
        "row bg1 sticky",
        "row bg2",
    ]
    assert (
        rows[2].css("a.topictitle::text").get() == "Nordvia – brak neta na Bemowie, ktoś jeszcze?"
    )
    times = [row.css("dd.lastpost time::attr(datetime)").get("") for row in rows[2:]]
    assert times == sorted(times, reverse=True)


def test_following_next_links_reads_every_thread_and_every_post_once(forum: DemoForum) -> None:
    forum.grow()
    threads: dict[str, str] = {}
    for board in (2, 3):
        for listed, url in pages_from(f"{forum.phpbb_url}viewforum.php?f={board}"):
            for link in listed.css("a.topictitle::attr(href)").getall():
                address = urllib.parse.urljoin(url, link)
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)
                threads[query["t"][0]] = address
    seen = [
        post
        for address in threads.values()
        for thread, _ in pages_from(address)
        for post in post_ids(thread)
    ]
    site = load_story().phpbb
    assert sorted(seen) == sorted(f"p{post.id}" for t in site.threads for post in t.posts)


def test_a_post_has_author_time_quote_signature_and_edit_notice(forum: DemoForum) -> None:
    thread = page(forum.phpbb_url + "viewtopic.php?t=1102")
    assert "section-viewtopic" in thread.css("body#phpbb::attr(class)").get("")
    first, third = thread.css("div.post")[0], thread.css("div.post")[2]
    author = first.css("p.author a.username")
    assert author.css("::text").get() == "Ania Z."
    assert re.search(r"mode=viewprofile&sid=[0-9a-f]{32}&u=\d+$", author.attrib["href"])
    written = datetime.fromisoformat(first.css("p.author time::attr(datetime)").get(""))
    assert written == START - timedelta(days=13, hours=2)
    assert "Last edited by" in first.css("div.notice::text").get("")
    assert first.css("div.signature::text").get() == "Nordvia 600/60, OpenWrt na MT6000"
    assert first.css("dl.postprofile dd.profile-joined strong::text").get() == "Joined:"
    assert third.css("blockquote cite a::text").get() == "pan_od_kabli"
    assert own_words(third) == "Tak, jeden mail. Włączyli następnego dnia rano."


def test_the_session_id_is_in_links_until_the_cookie_comes_back(forum: DemoForum) -> None:
    url = forum.phpbb_url + "viewtopic.php?t=1102&start=10"
    _, headers, body = ask(url)
    assert "sid=" in Selector(body).css("a.button::attr(href)").get("")
    canonical = "link[rel=canonical]::attr(href)"
    assert Selector(body).css(canonical).get() == url
    _, again, body = ask(url, Cookie=headers["Set-Cookie"].split(";")[0])
    assert "sid=" not in body
    assert again["Set-Cookie"] is None
    _, injected, _ = ask(forum.phpbb_url + "?sid=x%0d%0aX-Evil:%201")
    assert injected["X-Evil"] is None


def test_a_link_to_a_post_opens_the_page_that_holds_it(forum: DemoForum) -> None:
    last = load_story().phpbb.threads[6].posts[-1]
    thread = page(f"{forum.phpbb_url}viewtopic.php?p={last.id}")
    assert post_ids(thread)[-1] == f"p{last.id}"
    assert len(post_ids(thread)) == 2


# --- Discourse


def test_the_latest_topics_come_in_pages_with_the_pinned_one_first(forum: DemoForum) -> None:
    first = data(forum.discourse_url + "latest.json")["topic_list"]
    assert first["more_topics_url"] == "/latest?no_definitions=true&page=1"
    second = data(forum.discourse_url + "latest.json?page=1")["topic_list"]
    assert "more_topics_url" not in second
    topics = first["topics"] + second["topics"]
    assert [topic["pinned"] for topic in topics] == [True] + [False] * 7
    assert topics[1]["slug"] == "polecenie-znajomego-pierwsza-wyplata-nie-doszla"
    assert topics[1]["last_posted_at"] == "2026-11-22T08:27:00.000Z"
    assert data(forum.discourse_url + "latest.json?page=9")["topic_list"]["topics"] == []


def test_a_topic_gives_its_first_page_and_the_ids_of_the_rest(forum: DemoForum) -> None:
    topic = data(forum.discourse_url + "t/402.json")
    stream = topic["post_stream"]["stream"]
    shown = [post["id"] for post in topic["post_stream"]["posts"]]
    assert (len(stream), shown) == (12, stream[:10])
    query = "&".join(f"post_ids[]={post_id}" for post_id in stream[10:])
    rest = data(f"{forum.discourse_url}t/402/posts.json?{query}")["post_stream"]["posts"]
    assert [post["id"] for post in rest] == stream[10:]
    slug = topic["slug"]
    second = data(f"{forum.discourse_url}t/{slug}/402.json?page=2")["post_stream"]["posts"]
    assert second == rest
    assert ask(forum.discourse_url + "t/402.json?page=3")[0] == 404


def test_the_latest_posts_are_newest_first_and_can_be_read_backwards(forum: DemoForum) -> None:
    posts = data(forum.discourse_url + "posts.json")["latest_posts"]
    ids = [post["id"] for post in posts]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 41  # 42 posts, of which one is a moderator's action
    older = data(f"{forum.discourse_url}posts.json?before={ids[30]}")["latest_posts"]
    assert [post["id"] for post in older] == ids[30:]


def test_json_posts_tell_staff_edits_quotes_and_moderators_actions(forum: DemoForum) -> None:
    posts = data(forum.discourse_url + "t/418.json")["post_stream"]["posts"]
    assert [post["username"] for post in posts][2:5:2] == ["Nordvia_Support"] * 2
    assert posts[2]["user_title"] == "Nordvia, official"
    assert (posts[5]["version"], posts[5]["updated_at"]) == (2, "2026-11-22T04:29:00.000Z")
    quote = Selector(posts[3]["cooked"]).css("aside.quote")
    assert (quote.attrib["data-username"], quote.attrib["data-post"]) == ("Nordvia_Support", "3")
    assert posts[3]["reply_to_post_number"] == 3
    welcome = data(forum.discourse_url + "t/7.json")["post_stream"]["posts"]
    assert [post["post_type"] for post in welcome] == [1, 3]
    assert welcome[0]["admin"] is True


def test_categories_site_and_about_agree(forum: DemoForum) -> None:
    listed = data(forum.discourse_url + "categories.json")["category_list"]["categories"]
    assert listed == data(forum.discourse_url + "site.json")["categories"]
    about = data(forum.discourse_url + "about.json")["about"]
    assert about["stats"]["topics_count"] == sum(c["topic_count"] for c in listed) == 8
    assert about["version"] == "3.5.0"
    inside = data(forum.discourse_url + "c/po-russki/9/l/latest.json")["topic_list"]["topics"]
    assert {topic["category_id"] for topic in inside} == {9}
    assert len(inside) == 2


def test_people_get_the_crawler_view_with_microdata(forum: DemoForum) -> None:
    url = forum.discourse_url + "t/bravo-nordviya/414"
    topic = page(url)
    assert topic.css("meta[name=generator]::attr(content)").get("").startswith("Discourse 3.5.0 ")
    assert topic.css("[itemprop=headline]::attr(content)").get() == "Браво, Нордвия!"
    posts = topic.css("div.crawler-post[id^=post_]")
    names = posts.css(".creator [itemprop=name]::text").getall()
    assert names == ["vadim_r", "kot_matroskin", "Olga_Lis", "vadim_r", "nat4"]
    assert posts[0].css("time.post-time::attr(datetime)").get() == "2026-11-22T01:35:00+00:00"
    assert posts.css("[itemprop=text]")[0].css("p::text").get("").startswith("Хочу от души")
    for short in ("t/414", "t/other-slug/414"):
        with urllib.request.urlopen(forum.discourse_url + short, timeout=10) as answer:
            assert answer.url == url


def test_every_link_on_the_front_pages_leads_somewhere(forum: DemoForum) -> None:
    for root in (forum.phpbb_url, forum.discourse_url):
        front = page(root)
        for href in {*front.css("a::attr(href)").getall()} - {"https://www.phpbb.com/"}:
            assert ask(urllib.parse.urljoin(root, href))[0] == 200, href
        assert not front.css("script, img, link[rel=stylesheet], iframe")


# --- time


def test_a_thread_grows_with_the_clock_and_runs_onto_a_second_page(
    forum: DemoForum, clock: Clock
) -> None:
    url = forum.phpbb_url + GROWING
    assert len(post_ids(page(url))) == 3
    clock.forward(19.9)
    assert len(post_ids(page(url))) == 3
    clock.forward(0.1)
    thread = page(url)
    assert len(post_ids(thread)) == 4
    assert thread.css("time::attr(datetime)").getall()[-1] == "2026-11-22T09:00:20+00:00"
    clock.forward(230)
    assert len(post_ids(page(url))) == 10
    assert len(post_ids(page(url + "&start=10"))) == 2


def test_pace_speeds_growth_up(clock: Clock) -> None:
    with DemoForum(pace=10, clock=clock) as forum:
        clock.forward(4.5)
        thread = page(forum.phpbb_url + GROWING)
        assert len(post_ids(thread)) == 5
        assert thread.css("time::attr(datetime)").getall()[-1] == "2026-11-22T09:00:04+00:00"


def test_grow_shows_the_rest_at_once_and_never_dates_it_in_the_future(
    forum: DemoForum, clock: Clock
) -> None:
    clock.forward(30)
    forum.grow()
    clock.forward(60)
    forum.grow()
    thread = page(forum.phpbb_url + GROWING + "&start=10")
    assert len(post_ids(thread)) == 2
    times = set(thread.css("div.post p.author time::attr(datetime)").getall())
    assert times == {"2026-11-22T09:00:30+00:00"}
    assert page(forum.phpbb_url + "viewforum.php?f=2").css("a.topictitle::text").getall()[2] == (
        "Nordvia – brak neta na Bemowie, ktoś jeszcze?"
    )


def test_the_past_moves_with_the_start_so_that_the_demo_is_fresh(clock: Clock) -> None:
    clock.forward(86_400)
    with DemoForum(clock=clock) as forum:
        newest = data(forum.discourse_url + "posts.json")["latest_posts"][0]["created_at"]
        assert newest == "2026-11-23T08:27:00.000Z"


# --- manners


def test_robots_allow_reading_and_refuse_the_rest(forum: DemoForum) -> None:
    rules = Protego.parse(ask(forum.phpbb_url + "robots.txt")[2])
    assert rules.crawl_delay("Quietword") == 0.1
    assert rules.can_fetch(forum.phpbb_url + GROWING, "Quietword")
    for private in ("ucp.php?mode=login", "search.php?keywords=x", "posting.php?mode=post"):
        assert not rules.can_fetch(forum.phpbb_url + private, "Quietword")
    rules = Protego.parse(ask(forum.discourse_url + "robots.txt")[2])
    assert rules.crawl_delay("Quietword") is None
    assert rules.can_fetch(forum.discourse_url + "posts.json", "Quietword")
    assert not rules.can_fetch(forum.discourse_url + "search?q=x", "Quietword")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_nothing_but_reading_is_answered(forum: DemoForum, method: str) -> None:
    for url in (forum.phpbb_url + "posting.php", forum.discourse_url + "posts.json"):
        status, headers, _ = ask(url, method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert not forum.requests


def test_head_has_the_headers_of_get_and_no_body(forum: DemoForum) -> None:
    url = forum.discourse_url + "t/414.json"
    _, headers, body = ask(url)
    status, bare, nothing = ask(url, "HEAD")
    assert (status, nothing) == (200, "")
    assert bare["Content-Length"] == headers["Content-Length"] == str(len(body.encode()))


@pytest.mark.parametrize(
    "path", ["viewtopic.php?t=99", "viewforum.php?f=99", "viewtopic.php?t=²", "nothing.php"]
)
def test_what_is_not_there_is_404_with_the_boards_own_page(forum: DemoForum, path: str) -> None:
    status, _, body = ask(forum.phpbb_url + urllib.parse.quote(path, safe="?=/"))
    assert status == 404
    assert Selector(body).css("body#phpbb #message h2::text").get() == "Information"


@pytest.mark.parametrize("path", ["t/99.json", "c/nothing/99/l/latest.json", "nothing.json"])
def test_missing_json_is_404_in_json(forum: DemoForum, path: str) -> None:
    status, _, body = ask(forum.discourse_url + path)
    assert (status, json.loads(body)["error_type"]) == (404, "not_found")


def test_markup_in_a_post_is_shown_as_text(forum: DemoForum) -> None:
    cooked = data(forum.discourse_url + "t/418.json")["post_stream"]["posts"][0]["cooked"]
    assert "link down &lt;no carrier&gt;<br>" in cooked
    shown = page(forum.discourse_url + "t/418").css("#post_1 [itemprop=text] p::text").getall()
    assert any("<no carrier>" in line for line in shown)


def test_requests_are_counted_by_path_without_the_session(forum: DemoForum) -> None:
    page(forum.phpbb_url + GROWING)
    page(forum.phpbb_url + GROWING + "&sid=" + "0" * 32)
    data(forum.discourse_url + "t/402/posts.json?post_ids[]=1")
    assert forum.requests == {"/" + GROWING: 2, "/t/402/posts.json?post_ids[]=1": 1}


def test_leaving_closes_both_ports_and_bad_settings_are_refused(clock: Clock) -> None:
    with DemoForum(clock=clock) as forum:
        urls = forum.phpbb_url, forum.discourse_url
        taken = urllib.parse.urlsplit(forum.phpbb_url).port or 0
        with (
            pytest.raises(DemoError, match=f"cannot listen on 127.0.0.1:{taken}"),
            DemoForum(port=taken),
        ):
            pass
    for url in urls:
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(url, timeout=2)
    with pytest.raises(DemoError, match="pace is 0"):
        DemoForum(pace=0)
    with pytest.raises(DemoError, match="port is 65535"):
        DemoForum(port=65535)


def test_it_runs_as_a_process_of_its_own_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "monitor.demo.server", "--port", "0", "--pace", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            assert process.stdout is not None
            name, phpbb = process.stdout.readline().split()
            other, discourse = process.stdout.readline().split()
            assert (name, other) == ("phpbb", "discourse")
            assert page(phpbb).css("body#phpbb")
            assert data(discourse + "about.json")["about"]["title"] == "Uplink Commons"
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
