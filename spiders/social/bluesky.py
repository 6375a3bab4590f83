"""Bluesky through its open AppView: searches, accounts' feeds, and whole threads.

Written in November 2026 after the lexicons of ``app.bsky.feed``.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlsplit

from scrapy.http import Response, TextResponse

from spiders.addresses import origin
from spiders.base import (
    Engine,
    Evidence,
    Gives,
    Kind,
    PageChanged,
    PostItem,
    Quote,
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
    query_of,
    required,
    rows,
    threads_of,
    title_of,
    with_query,
    words,
)
from spiders.text import words_of

API = "https://public.api.bsky.app/xrpc"
SITE = "https://bsky.app"
_DEPTH = 100
_HIDDEN = "!no-unauthenticated"
"""The label by which an author asks not to be shown to those who are not logged in."""
_POST = re.compile(r"/profile/([^/]+)/post/([^/]+)/?$")
_PROFILE = re.compile(r"/profile/([^/]+)/?$")
_TAG = re.compile(r"/hashtag/([^/]+)/?$")


class Bluesky(Engine):
    """Read Bluesky; a post that answers none is a thread with its answers, a search a board."""

    name: ClassVar[str] = "bluesky"
    marks: ClassVar[str] = "bsky.app, or JSON with at:// addresses"
    api_hosts: ClassVar[frozenset[str]] = frozenset({"public.api.bsky.app", "api.bsky.app"})
    gives: ClassVar[Gives] = Gives(
        product="Bluesky",
        addresses="a search, a hashtag, a profile, a post",
        means="JSON (AppView); no key; a search may be closed to guests",
        posts="posts and their answers; nothing of who wants to be shown to members only",
        authors="name shown, handle, id (DID)",
        times="exact, as the author's program says",
        edits="the source knows none",
        private="the author's profile",
        incremental="newest first; a thread is opened again for a hit or answer not seen before",
    )

    def claims(self, url: str) -> bool:
        """Return whether the address is Bluesky's."""
        host = urlsplit(url).hostname
        return host == "bsky.app" or host in self.api_hosts

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of Bluesky on ``page``: the shape of its JSON."""
        found = answer(page)
        thread = dig(found, "thread")
        if isinstance(thread, dict) and str(thread.get("$type", "")).startswith("app.bsky.feed."):
            return [Evidence(hint="the JSON is a thread of the AppView", weight=1.0)]
        if isinstance(dig(thread, "post"), dict) and _is_post(thread["post"]):
            return [Evidence(hint="the JSON is a thread of at:// posts", weight=1.0)]
        if isinstance(found, dict) and any(_is_post(post) for post in _listed(found)):
            return [Evidence(hint="the JSON lists at:// posts", weight=1.0)]
        if isinstance(found, dict) and "/app.bsky.feed." in urlsplit(page.url).path:
            return [Evidence(hint="an answer at an address of the AppView", weight=1.0)]
        return []

    def entry(self, url: str) -> str:
        """Return the AppView's address for a search, a hashtag, a profile or a post."""
        parts = urlsplit(url)
        if "/xrpc/" in parts.path or not self.claims(url):
            return url
        if found := _POST.search(parts.path):
            uri = f"at://{unquote(found[1])}/app.bsky.feed.post/{unquote(found[2])}"
            return _thread_address(API, uri)
        if found := _PROFILE.search(parts.path):
            actor = quote(unquote(found[1]), safe="")
            kept = "filter=posts_with_replies&limit=100"
            return f"{API}/app.bsky.feed.getAuthorFeed?actor={actor}&{kept}"
        sought = query_of(url, "q") or ""
        if found := _TAG.search(parts.path):
            sought = "#" + unquote(found[1])
        return f"{API}/app.bsky.feed.searchPosts?q={quote(sought, safe='')}&sort=latest&limit=100"

    def thread_of(self, url: str) -> str | None:
        """Return the at:// address of the post that ``url`` shows, where it names a DID."""
        uri = query_of(self.entry(url), "uri") or ""
        return uri if uri.startswith("at://did:") else None

    def again(self, thread_id: str, url: str, source: str) -> str:  # noqa: ARG002
        """Return the AppView's address of a thread, on the host of ``source``."""
        return _thread_address(f"{origin(self.entry(source))}/xrpc", thread_id)

    def refusal(self, page: Response) -> PageFailed | None:
        """Say what a 400 for a post that is not there, or a 403 for a search, means."""
        found = answer(page) if isinstance(page, TextResponse) else None
        said = dig(found, "error")
        if page.status == 400 and said == "NotFound":
            return PageFailed(Outcome.GONE, f"{page.url} is a post that was deleted")
        if page.status in {401, 403} and "searchPosts" in page.url:
            return PageFailed(
                Outcome.LOGIN_WALL,
                f"{page.url} answered {page.status}: this search is closed to guests just now. Add "
                "the profiles that matter instead (https://bsky.app/profile/NAME), or single posts "
                "by quietword add-thread: both stay open",
            )
        return None

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what a search, a feed or a thread tells.

        Raises ``PageChanged`` for JSON of another shape.
        """
        found = required(page)
        if isinstance(found, dict) and isinstance(found.get("thread"), dict):
            return _thread(page.url, found["thread"], options)
        if isinstance(found, dict) and any(
            isinstance(found.get(name), list) for name in ("posts", "feed")
        ):
            return _list(page.url, found, options)
        raise PageChanged("an answer of Bluesky without posts, feed or thread")


def _thread_address(root: str, uri: str) -> str:
    return (
        f"{root}/app.bsky.feed.getPostThread?uri={quote(uri, safe='')}"
        f"&depth={_DEPTH}&parentHeight={_DEPTH}"
    )


def _is_post(post: Any) -> bool:
    uri = dig(post, "uri")
    return isinstance(uri, str) and uri.startswith("at://") and bool(dig(post, "author", "handle"))


def _listed(found: dict[str, Any]) -> Iterator[Any]:
    """Yield the posts of a search or a feed; one that somebody only passed on is left out."""
    for one in rows(found.get("posts")):
        yield one
    for one in rows(found.get("feed")):
        if not one.get("reason"):
            yield one.get("post")


def _list(url: str, found: dict[str, Any], options: ReadOptions) -> Reading:
    posts: list[PostItem] = []
    made: dict[str, ThreadRef] = {}
    unreadable = 0
    root = f"{origin(url)}/xrpc"
    for one in _listed(found):
        if _hidden(one):
            continue
        post = _post(one, options)
        if post is None:
            unreadable += 1
            continue
        above = dig(one, "record", "reply", "root", "uri")
        top = above if isinstance(above, str) else post.post_id
        title = "" if above else title_of(post.text)
        posts.append(replace(post, thread=ThreadRef(thread_id=top, title=title, url=_shown(top))))
        answers = count(one.get("replyCount"))
        made.setdefault(
            top,
            ThreadRef(
                thread_id=top,
                title=title,
                url=_thread_address(root, top),
                last_posted_at=post.posted_at,
                stamp=f"{post.post_id} {answers}"[:200],
                complete=not above and answers == 0,
            ),
        )
    cursor = found.get("cursor")
    return Reading(
        kind=Kind.BOARD,
        board_id=query_of(url, "q") or query_of(url, "actor"),
        board_title=query_of(url, "q") or query_of(url, "actor") or "Bluesky",
        posts=tuple(posts),
        threads=threads_of(posts, made),
        next_page=with_query(url, cursor=cursor) if isinstance(cursor, str) and posts else None,
        unreadable=unreadable,
    )


def _thread(url: str, thread: dict[str, Any], options: ReadOptions) -> Reading:
    """Return a thread's posts from its root down; those deleted or blocked are not there."""
    if "post" not in thread:
        kind = str(thread.get("$type", "")).rpartition("#")[2]
        raise PageFailed(Outcome.GONE, f"{url} is a post that is not shown ({kind})")
    posts: list[PostItem] = []
    unreadable = 0
    cut = False
    for one in _tree(thread):
        view = one.get("post")
        if view is None or _hidden(view):
            continue
        post = _post(view, options)
        if post is None:
            unreadable += 1
            continue
        posts.append(post)
        answers = count(view.get("replyCount")) or 0
        cut = cut or (answers > 0 and not isinstance(one.get("replies"), list))
    first = thread["post"]
    above = dig(first, "record", "reply", "root", "uri")
    root = above if isinstance(above, str) else str(dig(first, "uri"))
    opener = next((post for post in posts if post.post_id == root), None)
    return Reading(
        kind=Kind.THREAD,
        thread_id=root,
        thread_title=title_of(opener.text) if opener else None,
        thread_url=opener.url if opener else _shown(root),
        posts=tuple(posts),
        unreadable=unreadable,
        nested=True,
        cut=cut or isinstance(above, str),
    )


def _tree(thread: dict[str, Any]) -> Iterator[dict[str, Any]]:
    above: list[dict[str, Any]] = []
    parent = thread.get("parent")
    while isinstance(parent, dict) and len(above) <= _DEPTH:
        above.append(parent)
        parent = parent.get("parent")
    # Answers of a post above this one are not in the answer, so it says nothing of them.
    yield from ({**one, "replies": []} for one in reversed(above))
    waiting = [thread]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(list(rows(one.get("replies")))))


def _hidden(post: Any) -> bool:
    labels = [*rows(dig(post, "author", "labels")), *rows(dig(post, "labels"))]
    return any(label.get("val") == _HIDDEN for label in labels)


def _post(view: Any, options: ReadOptions) -> PostItem | None:
    if not _is_post(view) or not isinstance(dig(view, "record", "text"), str):
        return None
    author, record = view["author"], view["record"]
    handle = words(author["handle"])
    when = machine_time(record.get("createdAt"), options)
    quoted = dig(view, "embed", "record")
    quoted = dig(quoted, "record") if isinstance(quoted, dict) and "record" in quoted else quoted
    said = dig(quoted, "value", "text")
    quotes = (
        (Quote(author=words(dig(quoted, "author", "handle")) or None, text=words_of(said).text),)
        if isinstance(said, str)
        else ()
    )
    key = view["uri"].rpartition("/")[2]
    profile = f"{SITE}/profile/{quote(handle, safe=':')}"
    return PostItem(
        post_id=view["uri"],
        number=None,
        url=f"{profile}/post/{quote(key, safe='')}",
        author=words(author.get("displayName")) or handle,
        author_id=words(author.get("did")) or None,
        author_handle=handle,
        posted_at=when or machine_time(view.get("indexedAt"), options),
        edited=False,
        text=_lines(record["text"]),
        quotes=quotes,
        private_message_url=profile,
        profile_url=profile,
    )


def _lines(text: str) -> str:
    """Return a plain text with its lines kept; ``<b>`` in it is what somebody typed."""
    return "\n".join(words(line) for line in text.strip().splitlines())


def _shown(uri: str) -> str:
    """Return where people see a post."""
    parts = uri.removeprefix("at://").split("/")
    return f"{SITE}/profile/{quote(parts[0], safe=':')}/post/{quote(parts[-1], safe='')}"
