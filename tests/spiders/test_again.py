"""A thread that was read before is read again by its own address, whatever people see it at."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from spiders.base import Kind, ThreadRef
from spiders.detect import engine_named, engines
from spiders.outcome import Outcome
from tests.plain_forum import Memory, run, spec_for
from tests.webserver import Answer, WebServer

AT = "2026-11-03T09:00:00Z"
Pages = dict[str, Any]


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


def mastodon() -> tuple[str, Pages, list[str], set[str]]:
    """Return a tag whose only status has no answers and comes from another server."""
    status = {
        "id": "14",
        "created_at": AT,
        "in_reply_to_id": None,
        "visibility": "public",
        "content": "<p>Nordvia is down</p>",
        "replies_count": 0,
        "account": {"id": "1", "acct": "ola@far.example", "display_name": "Ola"},
        "url": "https://far.example/@ola/9",
    }
    tag = "/api/v1/timelines/tag/nordvia"
    return tag, {tag: [status], "/api/v1/statuses/14": status}, ["/api/v1/statuses/14"], {"14"}


def bluesky() -> tuple[str, Pages, list[str], set[str]]:
    uri = "at://did:plc:x/app.bsky.feed.post/k"
    post = {
        "uri": uri,
        "author": {"did": "did:plc:x", "handle": "ola.example"},
        "record": {"text": "Nordvia is down", "createdAt": AT},
        "replyCount": 0,
    }
    search = "/xrpc/app.bsky.feed.searchPosts?q=nordvia"
    thread = (
        "/xrpc/app.bsky.feed.getPostThread?uri=at%3A%2F%2Fdid%3Aplc%3Ax%2Fapp.bsky.feed.post%2Fk"
        "&depth=100&parentHeight=100"
    )
    pages = {search: {"posts": [post]}, thread: {"thread": {"post": post, "replies": []}}}
    return search, pages, [thread], {uri}


def lemmy() -> tuple[str, Pages, list[str], set[str]]:
    view = {
        "post": {"id": 21, "name": "Cut off", "body": "Nordvia is down", "published": AT},
        "creator": {"id": 7, "name": "mia", "actor_id": "https://lemmy.example/u/mia"},
        "community": {"id": 3, "title": "Providers"},
        "counts": {"comments": 1},
    }
    comment = view | {"comment": {"id": 5, "content": "same", "published": AT}}
    board = "/api/v3/post/list?community_name=isp&limit=50"
    comments = "/api/v3/comment/list?post_id=21&type_=All&sort=Old&limit=50&page=1"
    post = "/api/v3/post?id=21"
    pages = {
        board: {"posts": [view]},
        post: {"post_view": view, "community_view": {}},
        comments: {"comments": [comment]},
    }
    return board, pages, [post, comments], {"21", "c5"}


def hackernews() -> tuple[str, Pages, list[str], set[str]]:
    story = {"author": "ann", "title": "Nordvia", "created_at_i": 1793696400}
    search = "/api/v1/search_by_date?query=nordvia"
    hit = story | {"objectID": "50", "story_text": "It is down", "num_comments": 0}
    item = story | {"id": 50, "story_id": 50, "type": "story", "text": "It is down", "children": []}
    pages = {search: {"hits": [hit], "nbHits": 1, "page": 0, "nbPages": 1}}
    return search, pages | {"/api/v1/items/50": item}, ["/api/v1/items/50"], {"50"}


def stackexchange() -> tuple[str, Pages, list[str], set[str]]:
    owner = {"user_id": 41, "display_name": "Ann"}
    question = {"owner": owner, "creation_date": 1793600000, "question_id": 301}
    question |= {"title": "Drops", "body": "<p>Why?</p>", "answer_count": 1}
    answer = {"owner": owner, "creation_date": 1793600001, "question_id": 301, "answer_id": 401}
    kept = "filter=withbody&site=superuser"
    board, own = f"/2.3/questions?tagged=nordvia&{kept}", f"/2.3/questions/301?{kept}"
    below = "/2.3/questions/301/{}?order=asc&sort=creation&pagesize=100&" + kept
    answers, comments = below.format("answers"), below.format("comments")

    def items(*found: object) -> object:
        return {"items": found, "has_more": False, "quota_remaining": 9}

    pages = {
        board: items(question),
        own: items(question),
        answers: items(answer | {"body": "<p>MTU</p>"}),
        comments: items(),
    }
    return board, pages, [own, answers, comments], {"301", "a401"}


def youtube() -> tuple[str, Pages, list[str], set[str]]:
    def comment(number: str) -> dict[str, Any]:
        said = {"authorDisplayName": "@mia", "textOriginal": "dead line", "publishedAt": AT}
        return {"id": number, "snippet": said | {"videoId": "v1"}}

    top = {"videoId": "v1", "topLevelComment": comment("UgA"), "totalReplyCount": 2}
    listed = {
        "kind": "youtube#commentThreadListResponse",
        "items": [{"snippet": top, "replies": {"comments": [comment("UgA.1")]}}],
    }
    root = "/youtube/v3"
    board = f"{root}/commentThreads?part=snippet,replies&videoId=v1"
    own = f"{root}/commentThreads?part=snippet,replies&textFormat=plainText&id=UgA"
    below = (
        f"{root}/comments?part=snippet&maxResults=100&textFormat=plainText&parentId=UgA&videoId=v1"
    )
    answers = {
        "kind": "youtube#commentListResponse",
        "items": [comment("UgA.1"), comment("UgA.2")],
    }
    pages = {board: listed, own: listed, below: answers}
    return board, pages, [own, below], {"UgA", "UgA.1", "UgA.2"}


def reddit() -> tuple[str, Pages, list[str], set[str]]:
    data = {"id": "aa1", "author": "mia", "created_utc": 1793600000.0, "title": "Cut off"}
    opener = {"kind": "t3", "data": data | {"selftext": "Nordvia", "num_comments": 0}}
    listing = {"kind": "Listing", "data": {"children": [opener]}}
    whole = "/comments/aa1?limit=500&sort=new&raw_json=1"
    nothing = {"kind": "Listing", "data": {"children": []}}
    return "/r/isp/new", {"/r/isp/new": listing, whole: [listing, nothing]}, [whole], {"t3_aa1"}


def message(number: int) -> str:
    return (
        f'<div class="tgme_widget_message" data-post="nordvia_news/{number}">'
        '<a class="tgme_widget_message_owner_name">News</a>'
        f'<div class="tgme_widget_message_text">words {number}</div>'
        f'<time class="tgme_widget_message_date" datetime="{AT}"></time></div>'
    )


def telegram() -> tuple[str, Pages, list[str], set[str]]:
    own = "/nordvia_news/4?embed=1"
    return (
        "/s/nordvia_news",
        {"/s/nordvia_news": message(4), own: message(4)},
        [own],
        {"nordvia_news/4"},
    )


KEYS = {"youtube_key": "k", "reddit_token": "t", "reddit_terms_acknowledged": "yes"}
WITH_ADDRESS = {
    made.__name__: made
    for made in (
        mastodon,
        bluesky,
        lemmy,
        hackernews,
        stackexchange,
        youtube,
        reddit,
        telegram,
    )
}


def put(server: WebServer, pages: Pages) -> None:
    for path, body in pages.items():
        if isinstance(body, str):
            server.pages[path] = Answer(body=body)
        else:
            server.pages[path] = Answer(
                body=json.dumps(body), headers={"Content-Type": "application/json"}
            )


@pytest.mark.parametrize("name", WITH_ADDRESS)
def test_a_thread_is_read_again_whole_by_its_own_address(server: WebServer, name: str) -> None:
    board, pages, asked, ids = WITH_ADDRESS[name]()
    if name == "youtube":  # which shows its key in every address
        pages = {f"{path}&key=k": body for path, body in pages.items()}
        asked = [f"{path}&key=k" for path in asked]
    put(server, pages)
    memory = Memory()
    listed = run(spec_for(server, board, engine=name, keys=KEYS))
    assert listed.report.outcome is Outcome.OK
    memory.keep(listed.items)
    ((thread_id, url),) = memory.urls.items()
    server.asked.clear()
    row = ThreadRef(thread_id=thread_id, title="", url=url)
    spec = spec_for(server, board, engine=name, keys=KEYS, threads=(row,))
    again = run(spec, memory)
    (item,) = again.items
    assert server.paths == asked
    assert (item.thread_id, item.whole) == (thread_id, True)
    assert {post.post_id for post in item.posts} == ids
    assert again.report.outcome in {Outcome.OK, Outcome.EMPTY}
    first = run(
        spec_for(
            server, asked[0].removesuffix("&key=k"), engine=name, keys=KEYS, only_first_page=True
        )
    )
    assert first.report.kind is Kind.THREAD, "what add-thread asks for"


def test_a_thread_that_only_its_list_shows_is_not_asked_for(server: WebServer) -> None:
    row = ThreadRef(thread_id="a", title="", url=f"{server.address}/article")
    for name in ("feed", "appstore"):
        crawled = run(spec_for(server, "/feed", engine=name, threads=(row,)))
        assert crawled.report.outcome is Outcome.EMPTY
        assert crawled.items == []
    assert server.paths == []
    alone = {each for each, engine in engines().items() if engine.again("1", "u", "s") is None}
    assert alone == {"feed", "appstore"}


def test_what_is_gone_from_its_own_address_is_gone(server: WebServer) -> None:
    said = '<div class="tgme_widget_message_error">Post not found</div>'
    put(server, {"/nordvia_news/4?embed=1": said})
    row = ThreadRef(thread_id="nordvia_news/4", title="", url="https://t.me/nordvia_news/4")
    report = run(spec_for(server, "/s/nordvia_news", engine="telegram", threads=(row,))).report
    assert report.outcome is Outcome.GONE


@pytest.mark.parametrize(
    ("engine", "url", "entry"),
    [
        ("telegram", "https://t.me/nordvia_news/4", "https://t.me/nordvia_news/4?embed=1"),
        ("telegram", "https://t.me/s/nordvia_news/4", "https://t.me/nordvia_news/4?embed=1"),
        ("telegram", "https://t.me/nordvia_news", "https://t.me/s/nordvia_news"),
        (
            "youtube",
            "https://www.youtube.com/watch?v=v1&lc=UgA.b",
            "https://www.googleapis.com/youtube/v3/commentThreads?part=snippet,replies"
            "&textFormat=plainText&id=UgA",
        ),
    ],
)
def test_the_address_of_one_message_leads_to_it(engine: str, url: str, entry: str) -> None:
    assert engine_named(engine).entry(url) == entry
