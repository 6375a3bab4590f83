"""Reddit, through its API for registered programs or through its feeds.

Off until its terms are acknowledged, because its robots.txt turns readers of pages away.

Written in November 2026 after recorded answers and the API's documentation.
"""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self
from urllib.parse import quote, unquote, urlsplit

from scrapy.http import Response, TextResponse

from spiders.addresses import origin
from spiders.base import (
    Engine,
    Evidence,
    Gives,
    Key,
    Kind,
    PageChanged,
    PostItem,
    Reading,
    ReadOptions,
    ThreadRef,
)
from spiders.dates import machine_time
from spiders.outcome import Outcome, PageFailed
from spiders.social.answers import (
    answer,
    count,
    dig,
    ident,
    query_of,
    required,
    rows,
    threads_of,
    unescaped,
    with_query,
    words,
)
from spiders.social.feeds import Entry, entries, is_feed
from spiders.social.marked import read_marked
from spiders.text import Words, words_of

SITE = "https://www.reddit.com"
API = "https://oauth.reddit.com"
_WHOLE = "limit=500&sort=new&raw_json=1"
_GONE = {"[deleted]", "[removed]"}
_THREAD = re.compile(r"(?:/r/([^/]+))?/comments/(\w+)(?:/|$)")
_SUB = re.compile(r"/r/([^/]+)(?:/(new|hot|top|rising|comments))?/?(?:\.rss)?$")
_USER = re.compile(r"/(?:user|u)/([^/]+)/?(?:overview|comments|submitted)?/?$")


class Reddit(Engine):
    """Read Reddit; a submission with its comments is a thread, a community a board."""

    name: ClassVar[str] = "reddit"
    marks: ClassVar[str] = "reddit.com, its JSON listings, its feeds"
    api_hosts: ClassVar[frozenset[str]] = frozenset({"oauth.reddit.com", "www.reddit.com"})
    keys: ClassVar[tuple[Key, ...]] = (
        Key(
            setting="reddit_terms_acknowledged",
            what="a yes that you have read Reddit's terms (https://redditinc.com/policies) and "
            "may read it: its robots.txt turns unknown readers away",
        ),
        Key(
            setting="reddit_token",
            what="an access token of a registered application, which runs out after a day; better "
            "the two below",
            hosts=frozenset({"oauth.reddit.com"}),
            header="Authorization",
            form="Bearer {}",
            required=False,
        ),
        Key(
            setting="reddit_client_secret",
            what="the secret of a registered application (https://www.reddit.com/prefs/apps), with "
            "its id in QUIETWORD_REDDIT_CLIENT_ID; a token is earned with them at each crawl",
            hosts=frozenset({"oauth.reddit.com"}),
            header="Authorization",
            form="Bearer {}",
            client="reddit_client_id",
            tokens="https://www.reddit.com/api/v1/access_token",
            required=False,
        ),
    )
    gives: ClassVar[Gives] = Gives(
        product="Reddit",
        addresses="a community, a submission, a search, a user",
        means="JSON with an application's key (OAuth), Atom feeds without; only once the terms are "
        "acknowledged",
        posts="submission and comments, as many as one answer holds (JSON 500, feed 100)",
        authors="name",
        times="exact",
        edits="yes (JSON)",
        deletions="what it calls deleted or removed; a submission not there twice",
        private="/message/compose with the author's name",
        incremental="newest first; a submission is opened again for another count of comments",
    )

    def __init__(self, *, oauth: bool = False) -> None:
        self._oauth = oauth

    def with_keys(self, keys: Mapping[str, str]) -> Self:
        """Return a reader that asks the API when there is a key to it, the feeds otherwise."""
        return type(self)(oauth=bool(keys.get("reddit_token") or keys.get("reddit_client_secret")))

    def claims(self, url: str) -> bool:
        """Return whether the address is Reddit's."""
        host = urlsplit(url).hostname or ""
        return host in {"reddit.com", "redd.it"} or host.endswith(".reddit.com")

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of Reddit on ``page``: its listings, its feeds."""
        found = answer(page)
        if found is not None:
            listing = found[0] if isinstance(found, list) and found else found
            if dig(listing, "kind") == "Listing" and isinstance(
                dig(listing, "data", "children"), list
            ):
                return [Evidence(hint="the JSON is a listing of Reddit's", weight=1.0)]
            if isinstance(dig(found, "json", "data", "things"), list):
                return [Evidence(hint="the JSON holds things of Reddit's", weight=1.0)]
            return []
        ids = re.search(r"<id>t[13]_\w+</id>", page.text[:200_000])
        if is_feed(page) and (ids or self.claims(page.url)):
            return [Evidence(hint="the feed is Reddit's", weight=1.0)]
        return []

    def entry(self, url: str) -> str:
        """Return the address of the API, or of the feed, for what a person gave."""
        parts = urlsplit(url)
        if not self.claims(url) or parts.hostname == "oauth.reddit.com":
            return url
        path = parts.path.removesuffix(".json").removesuffix(".rss").rstrip("/")
        if parts.hostname == "redd.it":
            path = f"/comments{path}"
        if found := _THREAD.search(f"{path}/"):
            if self._oauth:
                return f"{API}/comments/{found[2]}?{_WHOLE}"
            sub = f"/r/{found[1]}" if found[1] else ""
            return f"{SITE}{sub}/comments/{found[2]}/.rss?limit=100"
        if found := _USER.search(path):
            name = quote(unquote(found[1]), safe="")
            if self._oauth:
                return f"{API}/user/{name}/overview?limit=100&raw_json=1"
            return f"{SITE}/user/{name}/.rss?limit=100"
        sought = query_of(url, "q")
        if path.endswith("/search") and sought:
            text = quote(sought, safe="")
            if self._oauth:
                return f"{API}/r/all/search?q={text}&sort=new&limit=100&raw_json=1"
            return f"{SITE}/search.rss?q={text}&sort=new&limit=100"
        found = _SUB.search(path)
        sub = f"/r/{found[1]}" if found else ""
        kind = "comments" if found and found[2] == "comments" else "new"
        if self._oauth:
            return f"{API}{sub}/{kind}?limit=100&raw_json=1"
        return f"{SITE}{sub}/{kind}.rss?limit=100" if sub else f"{SITE}/new.rss?limit=100"

    def thread_of(self, url: str) -> str | None:
        """Return the id of the submission that ``url`` shows."""
        found = _THREAD.search(urlsplit(url).path + "/")
        return found[2] if found else None

    def refusal(self, page: Response) -> PageFailed | None:
        """Say what it means that the API, or the address that gives tokens, knows us not."""
        if page.status not in {400, 401} or not self._oauth:
            return None
        return PageFailed(
            Outcome.REFUSED,
            f"{page.url}: Reddit does not accept the key ({page.status}). Check "
            "QUIETWORD_REDDIT_CLIENT_ID and QUIETWORD_REDDIT_CLIENT_SECRET; a token alone "
            "(QUIETWORD_REDDIT_TOKEN) runs out after a day",
        )

    def again(self, thread_id: str, url: str, source: str) -> str:  # noqa: ARG002
        """Return a submission's address in the API or its feed, on the host that is asked."""
        place = f"{origin(self.entry(source))}/comments/{quote(thread_id, safe='')}"
        return f"{place}?{_WHOLE}" if self._oauth else f"{place}/.rss?limit=100"

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what a listing, a submission with its comments, or a feed tells.

        Raises ``PageChanged`` for an answer of another shape.
        """
        if answer(page) is None and is_feed(page):
            return _feed(page, options)
        found = required(page)
        if isinstance(found, list) and len(found) == 2:
            return _thread(page.url, found, options)
        if isinstance(dig(found, "json", "data", "things"), list):
            found = {"data": {"children": found["json"]["data"]["things"]}}
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        if isinstance(dig(found, "data", "children"), list):
            return _list(page.url, found, options)
        raise PageChanged("an answer of Reddit without a listing")


def _list(url: str, found: dict[str, Any], options: ReadOptions) -> Reading:
    posts: list[PostItem] = []
    made: dict[str, ThreadRef] = {}
    unreadable = 0
    sub = re.search(r"/r/([^/]+)", urlsplit(url).path)
    for child in rows(found["data"]["children"]):
        kind, data = child.get("kind"), child.get("data")
        if kind not in ("t1", "t3") or not isinstance(data, dict) or _is_gone(kind, data):
            continue
        post = _post(kind, data, options)
        number = ident(data.get("id")) if kind == "t3" else words(data.get("link_id"))[3:]
        if post is None or not number:
            unreadable += 1
            continue
        title = unescaped(data.get("title") or data.get("link_title"))
        place = _place(data.get("permalink") if kind == "t3" else data.get("link_permalink"))
        shown = SITE + (place or f"/comments/{number}/")
        posts.append(replace(post, thread=ThreadRef(thread_id=number, title=title, url=shown)))
        answers = count(data.get("num_comments")) if kind == "t3" else None
        made.setdefault(
            number,
            ThreadRef(
                thread_id=number,
                title=title,
                url=f"{origin(url)}/comments/{quote(number, safe='')}?{_WHOLE}",
                last_posted_at=post.posted_at,
                posts=answers + 1 if answers is not None else None,
                pinned=bool(data.get("stickied") or data.get("pinned")),
                stamp=f"{answers} {data.get('edited')}" if kind == "t3" else post.post_id,
                complete=answers == 0,
            ),
        )
    after = found["data"].get("after")
    return Reading(
        kind=Kind.BOARD,
        board_id=sub[1] if sub else None,
        board_title=f"r/{sub[1]}" if sub else "Reddit",
        posts=tuple(posts),
        threads=threads_of(posts, made),
        next_page=with_query(url, after=after) if isinstance(after, str) and after else None,
        unreadable=unreadable,
    )


def _thread(url: str, found: list[Any], options: ReadOptions) -> Reading:
    """Return a submission and its comments in the page's order."""
    opener = next(rows(dig(found[0], "data", "children")), {}).get("data")
    if not isinstance(opener, dict) or not ident(opener.get("id")):
        raise PageChanged("an answer of Reddit without its submission")
    things = [("t3", opener)]
    cut = False
    for kind, data in _tree(found[1]):
        cut = cut or kind == "more"
        things += [(kind, data)] if kind == "t1" else []
    spoken = [(kind, data) for kind, data in things if not _is_gone(kind, data)]
    made = [_post(kind, data, options) for kind, data in spoken]
    posts = tuple(post for post in made if post is not None)
    number = str(opener["id"])
    return Reading(
        kind=Kind.THREAD,
        board_id=words(opener.get("subreddit")) or None,
        board_title=f"r/{words(opener.get('subreddit'))}" if opener.get("subreddit") else None,
        thread_id=number,
        thread_title=unescaped(opener.get("title")) or None,
        thread_url=SITE + (_place(opener.get("permalink")) or f"/comments/{number}/"),
        posts=posts,
        unreadable=len(made) - len(posts),
        nested=True,
        cut=cut or "/comment/" in url,
    )


def _tree(listing: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the comments of a listing and those below them, in the page's order."""
    waiting = list(reversed(list(rows(dig(listing, "data", "children")))))
    while waiting:
        child = waiting.pop()
        data = child.get("data")
        if isinstance(data, dict):
            yield str(child.get("kind")), data
            waiting.extend(reversed(list(rows(dig(data.get("replies"), "data", "children")))))


def _is_gone(kind: str, data: dict[str, Any]) -> bool:
    """Return whether its author or a moderator took a message back."""
    said = data.get("selftext") if kind == "t3" else data.get("body")
    return words(said) in _GONE or bool(data.get("removed_by_category"))


def _post(kind: str, data: dict[str, Any], options: ReadOptions) -> PostItem | None:
    number, author = ident(data.get("id")), words(data.get("author"))
    plain = data.get("selftext") if kind == "t3" else data.get("body")
    if number is None or not author or (kind == "t1" and not isinstance(plain, str)):
        return None
    marked_up = data.get("selftext_html") if kind == "t3" else data.get("body_html")
    said = _said(marked_up, plain)
    place = _place(data.get("permalink"))
    if not place:
        thread = words(data.get("link_id"))[3:] if kind == "t1" else number
        below = f"_/{number}/" if kind == "t1" else ""
        place = f"/comments/{thread}/{below}"
    return PostItem(
        post_id=f"{kind}_{number}",
        number=1 if kind == "t3" else None,
        url=SITE + place,
        author=author,
        author_id=ident(data.get("author_fullname")),
        posted_at=machine_time(data.get("created_utc"), options),
        edited=bool(data.get("edited")),
        text=said.text,
        quotes=said.quotes,
        private_message_url=_compose(author),
        profile_url=_profile(author),
    )


def _said(marked_up: Any, plain: Any) -> Words:
    if isinstance(marked_up, str):
        raw = html.unescape(marked_up) if marked_up.lstrip().startswith("&lt;") else marked_up
        return words_of(raw)
    return read_marked(plain if isinstance(plain, str) else "")


def _place(value: Any) -> str:
    """Return the path in a permalink, which may begin with Reddit's host; empty for none."""
    path = words(value).removeprefix(SITE)
    return path.partition("?")[0] if re.match(r"/[^/\s]\S*$", path) else ""


def _compose(author: str) -> str | None:
    if author in _GONE:
        return None
    return f"{SITE}/message/compose?to={quote(author, safe='')}"


def _profile(author: str) -> str | None:
    return None if author in _GONE else f"{SITE}/user/{quote(author, safe='')}"


def _feed(page: TextResponse, options: ReadOptions) -> Reading:
    """Return a feed: of one submission its newest comments, of a community its submissions."""
    feed = entries(page, options)
    here = _THREAD.search(urlsplit(page.url).path)
    posts = [
        _entry(one, here is None) for one in feed.entries if one.entry_id[:3] in {"t1_", "t3_"}
    ]
    if here is not None:
        opener = next((one for one in feed.entries if one.entry_id.startswith("t3_")), None)
        return Reading(
            kind=Kind.THREAD,
            board_id=here[1],
            board_title=f"r/{here[1]}" if here[1] else None,
            thread_id=here[2],
            thread_title=opener.title if opener else feed.title,
            thread_url=f"{SITE}{here[0].rstrip('/')}/",
            posts=tuple(posts),
            nested=True,
            cut=True,
        )
    made: dict[str, ThreadRef] = {}
    for post in posts:
        if post.thread:
            path = urlsplit(post.thread.url).path.rstrip("/")
            found = _THREAD.search(path + "/")
            below = found[0].rstrip("/") if found else path
            made.setdefault(
                post.thread.thread_id,
                replace(
                    post.thread,
                    url=f"{origin(page.url)}{below}/.rss?limit=100",
                    last_posted_at=post.posted_at,
                    stamp=post.post_id,
                ),
            )
    sub = re.search(r"/r/([^/]+)", urlsplit(page.url).path)
    last = posts[-1].post_id if len(posts) >= 25 else None
    return Reading(
        kind=Kind.BOARD,
        board_id=sub[1] if sub else None,
        board_title=f"r/{sub[1]}" if sub else feed.title,
        posts=tuple(posts),
        threads=threads_of(posts, made),
        next_page=with_query(page.url, after=last) if last else None,
    )


def _entry(one: Entry, listed: bool) -> PostItem:
    """Return a message of a feed, without the "submitted by" that Reddit puts under it."""
    author = one.author.removeprefix("/u/") or "[deleted]"
    body = re.search(r'<div class="md">.*</div>', one.html, re.DOTALL)
    said = words_of(body[0]) if body else Words(text="", quotes=())
    found = _THREAD.search(urlsplit(one.link).path + "/")
    number = found[2] if found else one.entry_id[3:]
    title = one.title if one.entry_id.startswith("t3_") else one.title.partition(" on ")[2]
    place = urlsplit(one.link).path
    top = found[0].rstrip("/") + "/" if found else place
    return PostItem(
        post_id=one.entry_id,
        number=1 if one.entry_id.startswith("t3_") else None,
        url=SITE + place,
        author=author,
        author_id=None,
        posted_at=one.published or one.updated,
        edited=False,
        text=said.text,
        quotes=said.quotes,
        private_message_url=_compose(author),
        profile_url=_profile(author),
        thread=ThreadRef(thread_id=number, title=title, url=SITE + top) if listed else None,
    )
