"""Open social sources crawled over real HTTP on this machine: pages, limits, keys, deletions."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from scrapy.http import TextResponse

from alerts.words import admit_own_server, private_address
from models import Outreach
from spiders.access import KeyMissing
from spiders.base import ReadOptions
from spiders.detect import engine_named
from spiders.outcome import Outcome
from spiders.thread_walk import DOUBT
from spiders.walk import ThreadMark
from tests.plain_forum import Memory, run, spec_for
from tests.webserver import Answer, Asked, WebServer

JSON = {"Content-Type": "application/json; charset=utf-8"}


def said(body: Any, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(body=json.dumps(body), status=status, headers=JSON | named)


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


def status(number: int, text: str, answers: int = 0, to: int | None = None) -> dict[str, Any]:
    return {
        "id": str(number),
        "created_at": f"2026-11-0{number % 9 + 1}T10:00:00Z",
        "in_reply_to_id": str(to) if to else None,
        "visibility": "public",
        "content": f"<p>{text}</p>",
        "replies_count": answers,
        "edited_at": None,
        "account": {"id": "1", "acct": "ola", "display_name": "Ola", "statuses_count": 3},
        "url": f"https://social.example/@ola/{number}",
    }


TAG = "/api/v1/timelines/tag/nordvia?limit=40"


def mastodon(server: WebServer) -> None:
    older = f"{server.address}{TAG}&max_id=12"
    server.pages[TAG] = said(
        [status(14, "no answers"), status(12, "two answers", answers=2)],
        Link=f'<{older}>; rel="next", <{server.address}{TAG}&min_id=14>; rel="prev"',
    )
    server.pages[f"{TAG}&max_id=12"] = said([status(11, "older")])
    server.pages["/api/v1/statuses/12/context"] = said(
        {"ancestors": [], "descendants": [status(13, "a", to=12), status(15, "b", to=12)]}
    )


def test_a_tag_costs_a_page_and_one_request_for_each_status_with_answers(
    server: WebServer,
) -> None:
    mastodon(server)
    memory = Memory()
    crawled = run(spec_for(server, "/tags/nordvia", engine="mastodon"))
    assert crawled.report.outcome is Outcome.OK
    assert crawled.ids == {"14": ["14"], "12": ["12", "13", "15"], "11": ["11"]}
    assert server.paths == [TAG, "/api/v1/statuses/12/context", f"{TAG}&max_id=12"]
    memory.keep(crawled.items)
    server.asked.clear()
    again = run(spec_for(server, "/tags/nordvia", engine="mastodon"), memory)
    assert server.paths == [TAG]
    assert again.report.skipped_unchanged == 2


def test_a_direct_message_begins_on_our_own_server_where_there_is_one() -> None:
    page = TextResponse(
        "https://far.example/api/v1/statuses/14", body=json.dumps(status(14, "x")).encode()
    )
    plain = engine_named("mastodon")
    assert (
        plain.read(page, ReadOptions()).posts[0].private_message_url == "https://far.example/@ola"
    )
    ours = plain.with_keys({"mastodon_instance": "help.example/"})
    link = ours.read(page, ReadOptions()).posts[0].private_message_url
    assert link == "https://help.example/share?text=%40ola%40far.example%20&visibility=direct"
    post = "https://far.example/@ola/14"
    assert private_address(Outreach.PRIVATE, link, post) is None
    admit_own_server("help.example")
    assert private_address(Outreach.PRIVATE, link, post) == link
    assert private_address(Outreach.PRIVATE, "https://evil.example/share", post) is None


def test_an_edit_or_a_new_answer_has_a_status_read_again(server: WebServer) -> None:
    mastodon(server)
    memory = Memory()
    memory.keep(run(spec_for(server, "/tags/nordvia", engine="mastodon")).items)
    edited = status(14, "said otherwise") | {"edited_at": "2026-11-09T10:00:00Z"}
    server.pages[TAG] = said([edited, status(12, "two answers", answers=3)])
    crawled = run(spec_for(server, "/tags/nordvia", engine="mastodon"), memory)
    assert {item.thread_id for item in crawled.items} == {"14", "12"}
    assert crawled.items[0].posts[0].edited


def test_an_account_and_a_single_status_are_read_by_their_addresses(server: WebServer) -> None:
    mastodon(server)
    server.pages["/api/v1/accounts/lookup?acct=ola"] = said(
        {"id": "1", "acct": "ola", "statuses_count": 3}
    )
    server.pages["/api/v1/accounts/1/statuses?limit=40"] = said([status(14, "no answers")])
    server.pages["/api/v1/statuses/12"] = said(status(12, "two answers", answers=2))
    account = run(spec_for(server, "/@ola", engine="mastodon"))
    assert account.ids == {"14": ["14"]}
    lone = run(spec_for(server, "/@ola/12", engine="mastodon"))
    assert lone.ids == {"12": ["12", "13", "15"]}
    assert lone.items[0].whole


def test_a_status_that_was_deleted_is_handed_over_as_a_thread_without_posts(
    server: WebServer,
) -> None:
    mastodon(server)
    server.pages["/api/v1/statuses/12"] = said(status(12, "two answers", answers=2))
    memory = Memory()
    memory.keep(run(spec_for(server, "/@ola/12", engine="mastodon")).items)
    server.pages["/api/v1/statuses/12"] = said({"error": "Record not found"}, 404)
    crawled = run(spec_for(server, "/@ola/12", engine="mastodon"), memory)
    assert crawled.report.outcome is Outcome.GONE
    (item,) = crawled.items
    assert (item.thread_id, item.posts, item.whole) == ("12", (), False)
    left = item.mark.left_out
    assert left is not None
    memory.marks["12"] = replace(item.mark, left_out=replace(left, since=left.since - DOUBT))
    (item,) = run(spec_for(server, "/@ola/12", engine="mastodon"), memory).items
    assert (item.thread_id, item.posts, item.whole) == ("12", (), True)


def test_a_limit_that_is_spent_is_waited_for_or_ends_the_crawl(server: WebServer) -> None:
    mastodon(server)
    first = server.pages[TAG]
    assert isinstance(first, Answer)
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0.4"}
    server.pages[TAG] = Answer(body=first.body, headers=first.headers | spent)
    crawled = run(spec_for(server, "/tags/nordvia", engine="mastodon"))
    assert crawled.report.outcome is Outcome.OK
    page, context = (
        one for one in server.asked if one.path in {TAG, "/api/v1/statuses/12/context"}
    )
    assert context.began - page.began >= 0.4
    server.pages[TAG] = Answer(
        body=first.body, headers=first.headers | spent | {"X-RateLimit-Reset": "900"}
    )
    report = run(spec_for(server, "/tags/nordvia", engine="mastodon")).report
    assert report.outcome is Outcome.RATE_LIMITED
    assert report.retry_after_s is not None
    assert 890 < report.retry_after_s <= 900


def test_retry_after_is_kept_by_every_source(server: WebServer) -> None:
    hits = {"hits": [], "nbHits": 0, "page": 0, "nbPages": 0}
    left = [said({}, 429, Retry_After="1")]
    path = "/api/v1/search_by_date?query=nordvia"
    server.pages[path] = lambda _: left.pop() if left else said(hits)
    report = run(spec_for(server, path, engine="hackernews")).report
    assert (report.outcome, report.pages) == (Outcome.EMPTY, 1)
    asked = [one for one in server.asked if one.path == path]
    assert asked[1].began - asked[0].began >= 1


def test_hits_of_a_search_are_read_with_the_whole_story_around_them(server: WebServer) -> None:
    path = "/api/v1/search_by_date?query=nordvia"
    hit = {
        "objectID": "52",
        "author": "ann",
        "created_at_i": 1793696400,
        "comment_text": "Nordvia is slow",
        "story_id": 50,
        "story_title": "Hosts",
    }
    server.pages[path] = said({"hits": [hit], "nbHits": 2, "page": 0, "nbPages": 2})
    server.pages[f"{path}&page=1"] = said({"hits": [], "nbHits": 2, "page": 1, "nbPages": 2})
    story = {
        "id": 50,
        "story_id": 50,
        "created_at_i": 1793690000,
        "type": "story",
        "author": "ben",
        "title": "Hosts",
        "text": None,
    }
    comment = {
        "id": 52,
        "story_id": 50,
        "created_at_i": 1793696400,
        "type": "comment",
        "author": "ann",
        "text": "Nordvia is slow",
        "children": [],
    }
    server.pages["/api/v1/items/50"] = said(story | {"children": [comment]})
    memory = Memory()
    crawled = run(spec_for(server, path, engine="hackernews"))
    assert crawled.ids == {"50": ["50", "52"]}
    assert crawled.items[0].thread_url == "https://news.ycombinator.com/item?id=50"
    memory.keep(crawled.items)
    server.asked.clear()
    run(spec_for(server, path, engine="hackernews"), memory)
    assert server.paths == [path]
    gone = comment | {"author": None, "text": None}
    server.pages["/api/v1/items/50"] = said(story | {"children": [gone]})
    server.pages[path] = said(
        {"hits": [hit | {"objectID": "53"}], "nbHits": 1, "page": 0, "nbPages": 1}
    )
    (item,) = run(spec_for(server, path, engine="hackernews"), memory).items
    assert item.whole
    assert [post.post_id for post in item.posts if post.post_id == "52"] == []


LEMMY = "/api/v3/post/list?community_name=isp&sort=NewComments&limit=50&page=1"


def lemmy_view(kind: str, number: int, text: str, **more: object) -> dict[str, Any]:
    post = {
        "id": 21,
        "name": "Cut off",
        "body": "Nordvia cut me off",
        "published": "2026-11-03T09:00:00Z",
    }
    thing = {"id": number, "content": text, "published": "2026-11-04T09:00:00Z"} | more
    return {
        "post": post | (more if kind == "post" else {}),
        "comment": thing,
        "creator": {"id": 7, "name": "mia", "actor_id": "https://lemmy.example/u/mia"},
        "community": {"id": 3, "title": "Providers"},
        "counts": {"comments": 51, "newest_comment_time": "2026-11-04T09:00:00Z"},
    }


def test_lemmys_comments_are_read_page_by_page_less_what_was_deleted(server: WebServer) -> None:
    server.pages[LEMMY] = said({"posts": [lemmy_view("post", 21, "")]})
    comments = "/api/v3/comment/list?post_id=21&type_=All&sort=Old&limit=50&page="
    many = [lemmy_view("comment", 100 + n, f"words {n}") for n in range(50)]
    many[7]["comment"]["deleted"] = True
    server.pages[f"{comments}1"] = said({"comments": many})
    last = [lemmy_view("comment", 150, "end"), lemmy_view("comment", 151, "x", removed=True)]
    server.pages[f"{comments}2"] = said({"comments": last})
    (item,) = run(spec_for(server, "/c/isp", engine="lemmy")).items
    assert len(item.posts) == 1 + 49 + 1
    assert item.whole
    assert not {"c107", "c151"} & {post.post_id for post in item.posts}
    assert item.posts[0].private_message_url == f"{server.address}/create_private_message/7"


def test_a_lemmy_post_that_is_deleted_is_gone(server: WebServer) -> None:
    path = "/api/v3/post?id=21"
    view = {"post_view": lemmy_view("post", 21, "", deleted=True), "community_view": {}}
    memory = Memory()
    memory.marks["21"] = ThreadMark(last_post_id="21", last_posted_at=None, posts=1)
    for answer in (said(view), said({"error": "couldnt_find_post"}, 400)):
        server.pages[path] = answer
        crawled = run(spec_for(server, "/post/21", engine="lemmy"), memory)
        assert crawled.report.outcome is Outcome.GONE
        assert [(item.thread_id, item.posts) for item in crawled.items] == [("21", ())]


def stack(items: list[Any], **more: object) -> Answer:
    wrapped: dict[str, object] = {"items": items, "has_more": False, "quota_remaining": 9}
    return said(wrapped | more)


def question(server: WebServer) -> str:
    owner = {"user_id": 41, "display_name": "Ann"}
    base = {"owner": owner, "creation_date": 1793600000, "question_id": 301, "body": "<p>Why?</p>"}
    path = "/2.3/questions/301?filter=withbody&site=superuser"
    below = "?order=asc&sort=creation&pagesize=100&filter=withbody&site=superuser"
    server.pages[path] = stack([base | {"answer_count": 101, "title": "Drops"}], backoff=1)
    answers = f"/2.3/questions/301/answers{below}"
    server.pages[answers] = stack([base | {"answer_id": 401}], has_more=True)
    server.pages[f"{answers}&page=2"] = stack([base | {"answer_id": 402}])
    comment = {"owner": owner, "creation_date": 1793600001, "comment_id": 5, "post_id": 301}
    server.pages[f"/2.3/questions/301/comments{below}"] = stack([comment | {"body": "me too"}])
    return path


def test_a_question_is_read_with_answers_and_comments_at_the_pace_it_asks_for(
    server: WebServer,
) -> None:
    path = question(server)
    crawled = run(spec_for(server, path, engine="stackexchange"))
    assert crawled.report.outcome is Outcome.OK
    assert {key: set(ids) for key, ids in crawled.ids.items()} == {
        "301": {"301", "a401", "a402", "c5"}
    }
    asked = [one for one in server.asked if one.path != "/robots.txt"]
    assert asked[1].began - asked[0].began >= 1, "it asked for a backoff of 1 s"


def test_an_api_that_is_asked_too_much_is_left_alone_as_long_as_it_says(
    server: WebServer,
) -> None:
    path = "/2.3/questions/301?filter=withbody&site=superuser"
    told = "too many requests from this IP, more requests available in 5432 seconds"
    server.pages[path] = said(
        {"error_id": 502, "error_message": told, "error_name": "throttle_violation"}, 400
    )
    report = run(spec_for(server, path, engine="stackexchange")).report
    assert (report.outcome, report.retry_after_s) == (Outcome.RATE_LIMITED, 5432)


VIDEO = "/youtube/v3/commentThreads?part=snippet,replies&maxResults=100&videoId=vid12345678"


def comment(number: str, text: str) -> dict[str, Any]:
    return {
        "id": number,
        "snippet": {
            "authorDisplayName": "@mia",
            "textOriginal": text,
            "publishedAt": "2026-11-03T09:00:00Z",
            "updatedAt": "2026-11-03T09:00:00Z",
            "videoId": "vid12345678",
        },
    }


def tube(key: str) -> Callable[[Asked], Answer]:
    top = {"videoId": "vid12345678", "topLevelComment": comment("UgA", "dead line")}
    item = {"id": "UgA", "snippet": top | {"totalReplyCount": 2}}
    kind = "youtube#commentThreadListResponse"

    def answer(asked: Asked) -> Answer:
        if asked.path == "/robots.txt":
            return Answer(status=404)
        if f"key={key}" not in asked.path:
            fault = {"errors": [{"reason": "badRequest"}], "message": f"bad key in {asked.path}"}
            return said({"error": fault}, 400)
        if "/comments?" in asked.path:
            below = [comment("UgA.1", "same"), comment("UgA.2", "yes")]
            return said({"kind": "youtube#commentListResponse", "items": below})
        if "pageToken" in asked.path:
            return said({"kind": kind, "items": []})
        return said({"kind": kind, "items": [item], "nextPageToken": "T2"})

    return answer


def test_a_key_reaches_its_source_and_nothing_else(server: WebServer) -> None:
    server.pages["*"] = tube("s3cret%2Fkey")
    spec = spec_for(server, VIDEO, engine="youtube", keys={"youtube_key": "s3cret/key"})
    crawled = run(spec)
    assert crawled.report.outcome is Outcome.OK
    assert crawled.ids == {"UgA": ["UgA", "UgA.1", "UgA.2"]}
    assert sum("s3cret" in path for path in server.paths) == 3
    assert not any("s3cret" in one.path for one in server.asked if one.path.startswith("/robots"))
    assert "s3cret" not in repr((crawled.report, crawled.items, spec))


def test_a_key_that_is_refused_stands_in_no_message(server: WebServer) -> None:
    server.pages["*"] = tube("another")
    spec = spec_for(server, VIDEO, engine="youtube", keys={"youtube_key": "s3cret/key"})
    report = run(spec).report
    assert report.outcome is Outcome.REFUSED
    assert "QUIETWORD_YOUTUBE_KEY" in report.message
    assert "s3cret" not in repr(report)
    assert "***" in report.message


def test_a_source_without_its_key_says_which_setting_and_where_to_get_it(
    server: WebServer,
) -> None:
    with pytest.raises(KeyMissing, match=r"QUIETWORD_YOUTUBE_KEY, or QUIETWORD_YOUTUBE_KEY_FILE"):
        run(spec_for(server, VIDEO, engine="youtube"))
    with pytest.raises(KeyMissing, match="QUIETWORD_REDDIT_TERMS_ACKNOWLEDGED"):
        run(spec_for(server, "/r/isp/new", engine="reddit", keys={"reddit_token": "t"}))
    assert server.asked == []


def thing(kind: str, number: str, text: str, **more: object) -> dict[str, Any]:
    data: dict[str, object] = {
        "id": number,
        "author": "mia",
        "created_utc": 1793600000.0,
        "edited": False,
        "selftext" if kind == "t3" else "body": text,
        "link_id": "t3_aa1",
    }
    return {"kind": kind, "data": data | more}


def listing(*children: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    return {"kind": "Listing", "data": {"children": list(children), "after": after}}


def test_reddit_is_read_with_a_token_in_a_header_and_rests_when_its_limit_is_spent(
    server: WebServer,
) -> None:
    opener = thing("t3", "aa1", "Nordvia cut me off", num_comments=2, title="Cut off")
    server.pages["/r/isp/new?limit=100"] = said(
        listing(opener), x_ratelimit_remaining="0.0", x_ratelimit_reset="1"
    )
    whole = "/comments/aa1?limit=500&sort=new&raw_json=1"
    comments = [thing("t1", "bb1", "same"), thing("t1", "bb2", "[deleted]", author="[deleted]")]
    server.pages[whole] = said([listing(opener), listing(*comments)])
    keys = {"reddit_token": "t0ken", "reddit_terms_acknowledged": "yes"}
    crawled = run(spec_for(server, "/r/isp/new?limit=100", engine="reddit", keys=keys))
    assert crawled.ids == {"aa1": ["t3_aa1", "t1_bb1"]}
    assert crawled.items[0].whole
    page, thread = (one for one in server.asked if one.path != "/robots.txt")
    assert page.headers["authorization"] == thread.headers["authorization"] == "Bearer t0ken"
    assert thread.began - page.began >= 1
    robots = next(one for one in server.asked if one.path == "/robots.txt")
    assert "t0ken" not in repr((crawled.report, crawled.items))
    assert robots.method == "GET"


APP = {"reddit_terms_acknowledged": "yes", "reddit_client_id": "app"}
APP |= {"reddit_client_secret": "s3cret"}


def test_a_token_of_reddit_is_earned_at_the_start_and_once_more_when_it_runs_out(
    server: WebServer,
) -> None:
    earned = ["t1", "t2"]
    server.pages["/api/v1/access_token"] = lambda _: said(
        {"access_token": earned.pop(0), "expires_in": 86400}
    )
    page = listing(thing("t3", "aa1", "Nordvia cut me off", num_comments=1, title="Cut off"))

    def new(asked: Asked) -> Answer:
        return said(page) if asked.headers.get("authorization") == "Bearer t1" else said({}, 401)

    def whole(asked: Asked) -> Answer:
        known = asked.headers.get("authorization") == "Bearer t2"
        return said([page, listing(thing("t1", "bb1", "same"))]) if known else said({}, 401)

    server.pages["/r/isp/new?limit=100"] = new
    server.pages["/comments/aa1?limit=500&sort=new&raw_json=1"] = whole
    crawled = run(spec_for(server, "/r/isp/new?limit=100", engine="reddit", keys=APP))
    assert crawled.ids == {"aa1": ["t3_aa1", "t1_bb1"]}
    asked = [one for one in server.asked if one.path == "/api/v1/access_token"]
    assert [one.method for one in asked] == ["POST", "POST"]
    assert asked[0].headers["authorization"] == "Basic YXBwOnMzY3JldA=="
    assert earned == []
    assert "s3cret" not in repr((crawled.report, crawled.items))


def test_a_reddit_that_knows_us_not_says_which_settings_to_look_at(server: WebServer) -> None:
    path = "/r/isp/new?limit=100"
    server.pages["/api/v1/access_token"] = said({"message": "Unauthorized", "error": 401}, 401)
    server.pages[path] = said({}, 401)
    report = run(spec_for(server, path, engine="reddit", keys=APP)).report
    assert report.outcome is Outcome.REFUSED
    assert "QUIETWORD_REDDIT_CLIENT_SECRET" in report.message
    assert path not in server.paths
    token = {"reddit_terms_acknowledged": "yes", "reddit_token": "t0ken"}
    report = run(spec_for(server, path, engine="reddit", keys=token)).report
    assert report.outcome is Outcome.REFUSED
    with pytest.raises(KeyMissing, match="REDDIT_CLIENT_ID"):
        run(spec_for(server, path, engine="reddit", keys=token | {"reddit_client_secret": "s"}))


def test_a_bluesky_search_closed_to_guests_says_so(server: WebServer) -> None:
    path = "/xrpc/app.bsky.feed.searchPosts?q=nordvia&sort=latest"
    server.pages[path] = said({"error": "AuthMissing", "message": "x"}, 403)
    report = run(spec_for(server, path, engine="bluesky")).report
    assert report.outcome is Outcome.LOGIN_WALL
    assert "closed to guests" in report.message
    assert "https://bsky.app/profile/NAME" in report.message


def test_reviews_are_threads_of_their_own_and_cost_one_request_when_nothing_is_new(
    server: WebServer,
) -> None:
    def page(number: int) -> str:
        return f"/pl/rss/customerreviews/page={number}/id=55/sortby=mostrecent/json"

    def review(number: int) -> dict[str, Any]:
        return {
            "author": {"name": {"label": "mia"}, "uri": {"label": ""}},
            "updated": {"label": "2026-11-03T02:00:00-07:00"},
            "im:rating": {"label": "1"},
            "id": {"label": str(number)},
            "title": {"label": "Bad"},
            "content": {"label": "It closes"},
        }

    last = {"attributes": {"rel": "last", "href": "https://itunes.example/rss/page=2/id=55"}}
    server.pages[page(1)] = said({"feed": {"entry": [review(3), review(2)], "link": [last]}})
    server.pages[page(2)] = said({"feed": {"entry": review(1), "link": [last]}})
    memory = Memory()
    crawled = run(spec_for(server, page(1), engine="appstore"))
    assert crawled.ids == {"3": ["3"], "2": ["2"], "1": ["1"]}
    assert server.paths == [page(1), page(2)]
    memory.keep(crawled.items)
    server.asked.clear()
    run(spec_for(server, page(1), engine="appstore"), memory)
    assert server.paths == [page(1)]


def test_reviews_are_looked_for_under_their_other_address_when_the_first_is_empty(
    server: WebServer,
) -> None:
    review = {
        "author": {"name": {"label": "mia"}},
        "updated": {"label": "2026-11-03T02:00:00-07:00"},
        "im:rating": {"label": "1"},
        "id": {"label": "3"},
        "title": {"label": "Bad"},
        "content": {"label": "It closes"},
    }
    root = "/pl/rss/customerreviews"
    empty = f"{root}/page=1/id=55/sortby=mostrecent/json"
    server.pages[empty] = said({"feed": {"id": {"label": f"x{root}"}}})
    server.pages[f"{root}/id=55/page=1/sortby=mostrecent/json"] = said({"feed": {"entry": review}})
    server.pages[f"{root}/page=2/id=55/sortby=mostrecent/json"] = said({"feed": {}})
    crawled = run(spec_for(server, empty, engine="appstore"))
    assert crawled.ids == {"3": ["3"]}


def test_smfs_own_xml_is_read_by_its_rss_twin(server: WebServer) -> None:
    own = "/index.php?action=.xml;sa=recent;type=smf"
    xml = {"Content-Type": "text/xml"}
    server.pages[own] = Answer(
        body='<?xml version="1.0"?><smf:xml-feed xmlns:smf="https://x/"></smf:xml-feed>',
        headers=xml,
    )
    server.pages["/index.php?action=.xml;sa=recent;type=rss2"] = Answer(
        body='<?xml version="1.0"?><rss version="2.0"><channel><title>F</title><item><guid>7</guid>'
        "<title>Cut off</title><description>Nordvia</description></item></channel></rss>",
        headers=xml,
    )
    crawled = run(spec_for(server, own, engine=None))
    assert (crawled.report.engine, crawled.ids) == ("feed", {"7": ["7"]})


def test_a_channel_is_read_back_from_its_newest_page(server: WebServer) -> None:
    def message(number: int) -> str:
        return (
            f'<div class="tgme_widget_message" data-post="nordvia_news/{number}">'
            '<a class="tgme_widget_message_owner_name">News</a>'
            f'<div class="tgme_widget_message_text">words {number}</div>'
            '<a class="tgme_widget_message_date">'
            f'<time datetime="2026-11-04T0{number}:00:00+00:00"></time></a></div>'
        )

    more = '<a class="tme_messages_more" data-before="3"></a>'
    server.pages["/s/nordvia_news"] = Answer(body=more + message(3) + message(4))
    server.pages["/s/nordvia_news?before=3"] = Answer(body=message(1) + message(2))
    crawled = run(spec_for(server, "/s/nordvia_news", engine="telegram"))
    assert list(crawled.ids) == [f"nordvia_news/{number}" for number in (4, 3, 2, 1)]


def test_a_message_that_is_missing_between_others_is_deleted_when_it_is_so_twice(
    server: WebServer,
) -> None:
    def page(*numbers: int) -> Answer:
        return Answer(
            body="".join(
                f'<div class="tgme_widget_message" data-post="nordvia_news/{number}">'
                '<a class="tgme_widget_message_owner_name">News</a>'
                f'<div class="tgme_widget_message_text">words {number}</div></div>'
                for number in numbers
            )
        )

    def crawl() -> list[Any]:
        return run(spec_for(server, "/s/nordvia_news", engine="telegram"), memory).items

    memory = Memory()
    server.pages["/s/nordvia_news"] = page(3, 4, 5)
    memory.keep(crawl())
    server.pages["/s/nordvia_news"] = page(4, 5)
    assert crawl() == [], "the first of a page may just have moved to the one before"
    server.pages["/s/nordvia_news"] = page(3, 5)
    (missed,) = crawl()
    assert (missed.thread_id, missed.posts, missed.whole) == ("nordvia_news/4", (), False)
    left = missed.mark.left_out
    assert left is not None
    old = replace(left, since=left.since - DOUBT)
    memory.marks["nordvia_news/4"] = replace(missed.mark, left_out=old)
    (deleted,) = crawl()
    assert (deleted.thread_id, deleted.posts, deleted.whole) == ("nordvia_news/4", (), True)


def test_a_feed_is_recognised_and_an_entry_that_changes_is_read_again(server: WebServer) -> None:
    def feed(text: str) -> Answer:
        return Answer(
            body='<?xml version="1.0"?><rss version="2.0"><channel><title>Letters</title>'
            f"<item><guid>a</guid><title>Bill</title><description>{text}</description></item>"
            "<item><guid>b</guid><title>Other</title><description>x</description></item>"
            "</channel></rss>",
            headers={"Content-Type": "application/rss+xml"},
        )

    server.pages["/feed"] = feed("Twice billed")
    memory = Memory()
    crawled = run(spec_for(server, "/feed", engine=None))
    assert crawled.report.engine == "feed"
    assert crawled.ids == {"a": ["a"], "b": ["b"]}
    memory.keep(crawled.items)
    server.pages["/feed"] = feed("Thrice billed")
    again = run(spec_for(server, "/feed", engine=None), memory)
    assert [item.posts[0].text for item in again.items] == ["Thrice billed"]
