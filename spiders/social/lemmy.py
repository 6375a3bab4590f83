"""Lemmy through its API: communities, searches, and posts with all their comments.

Written in November 2026 after the API's version 3 (Lemmy 0.19).
"""

import re
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
    host_of,
    ident,
    query_of,
    required,
    rows,
    threads_of,
    with_query,
    words,
)
from spiders.social.marked import read_marked

_PAGE = 50
_POST = re.compile(r"/post/(\d+)(?:/\d+)?/?$")
_COMMENT = re.compile(r"/comment/(\d+)/?$")
_COMMUNITY = re.compile(r"/c/([^/]+)/?$")
_USER = re.compile(r"/u/([^/]+)/?$")


class Lemmy(Engine):
    """Read a Lemmy server; a post with its comments is a thread, a community a board."""

    name: ClassVar[str] = "lemmy"
    marks: ClassVar[str] = "its JSON of posts and comments, its page's scripts"
    gives: ClassVar[Gives] = Gives(
        product="Lemmy",
        addresses="a community, a search, a post, a comment, the server",
        means="JSON (API 3); no key",
        posts="posts and all comments; none that is deleted or removed",
        authors="name shown, name, id",
        times="exact",
        edits="yes",
        private="/create_private_message/, on the server that is read",
        incremental="threads by newest comment, up to the first page without news",
    )

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of Lemmy on ``page``: the shape of its JSON, its web app."""
        found = answer(page)
        if isinstance(found, dict):
            views = [*rows(found.get("posts")), *rows(found.get("comments"))]
            if isinstance(found.get("post_view"), dict) and "community_view" in found:
                return [Evidence(hint="the JSON is a Lemmy post", weight=1.0)]
            if any(
                dig(view, "creator", "actor_id") or dig(view, "creator", "ap_id") for view in views
            ):
                return [Evidence(hint="the JSON lists Lemmy posts or comments", weight=1.0)]
            if "/api/v3/" in urlsplit(page.url).path and {"posts", "comments"} & found.keys():
                return [Evidence(hint="an answer at an address of its API", weight=1.0)]
            return []
        if found is None and ("window.isoData" in page.text and "lemmy" in page.text.lower()):
            return [Evidence(hint="the page is Lemmy's web app", weight=1.0)]
        return []

    def entry(self, url: str) -> str:
        """Return the address of the API for a community, a search, a post or the server."""
        parts = urlsplit(url)
        root = f"{origin(url)}/api/v3"
        if parts.path.startswith("/api/"):
            return url
        if found := _POST.search(parts.path):
            return f"{root}/post?id={found[1]}"
        if found := _COMMENT.search(parts.path):
            return f"{root}/post?comment_id={found[1]}"
        if found := _COMMUNITY.search(parts.path):
            name = quote(unquote(found[1]), safe="@")
            return f"{root}/post/list?community_name={name}&sort=NewComments&limit={_PAGE}&page=1"
        if found := _USER.search(parts.path):
            return (
                f"{root}/user?username={quote(unquote(found[1]), safe='@')}&sort=New&limit={_PAGE}"
            )
        if parts.path.rstrip("/") == "/search":
            text = quote(query_of(url, "q") or "", safe="")
            kept = f"&type_=All&sort=New&listing_type=All&limit={_PAGE}&page=1"
            return f"{root}/search?q={text}{kept}"
        return f"{root}/post/list?type_=Local&sort=NewComments&limit={_PAGE}&page=1"

    def thread_of(self, url: str) -> str | None:
        """Return the id of the post that ``url`` shows."""
        address = self.entry(url)
        return query_of(address, "id") if urlsplit(address).path.endswith("/post") else None

    def again(self, thread_id: str, url: str, source: str) -> str:  # noqa: ARG002
        """Return the API's address of a post, on the host of ``source``."""
        return f"{origin(self.entry(source))}/api/v3/post?id={quote(thread_id, safe='')}"

    def refusal(self, page: Response) -> PageFailed | None:
        """Say what Lemmy's errors for what is not there mean; it sends them with status 400."""
        found = answer(page) if isinstance(page, TextResponse) and page.status >= 400 else None
        said = words(dig(found, "error"))
        if said.startswith("couldnt_find") or said == "not_found":
            return PageFailed(Outcome.GONE, f"{page.url} says {said}")
        if said == "rate_limit_error":
            return PageFailed(Outcome.RATE_LIMITED, f"{page.url} says {said}", retry_after_s=600)
        if said in {"instance_is_private", "not_logged_in"}:
            return PageFailed(Outcome.LOGIN_WALL, f"{page.url} says {said}")
        return None

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what a list of posts, a search, a post or its comments tell.

        Raises ``PageChanged`` for JSON of another shape.
        """
        found = required(page)
        view = _View(page.url, options)
        if isinstance(dig(found, "post_view"), dict):
            return view.post(found["post_view"])
        if isinstance(found, dict) and isinstance(found.get("posts"), list):
            return view.list(found)
        if isinstance(dig(found, "comments"), list):
            return view.comments(found["comments"])
        raise PageChanged("an answer of Lemmy without posts or comments")


class _View:
    """One answer being read."""

    def __init__(self, url: str, options: ReadOptions) -> None:
        self._url = url
        self._options = options
        self._root = origin(url)

    def post(self, view: dict[str, Any]) -> Reading:
        """Return a post; its comments are the next pages."""
        number = ident(dig(view, "post", "id")) or ""
        if _gone(view.get("post")):
            raise PageFailed(Outcome.GONE, f"{self._url} is a post that was deleted")
        post = self._item(view, "post")
        more = count(dig(view, "counts", "comments")) != 0
        return Reading(
            kind=Kind.THREAD,
            board_id=ident(dig(view, "community", "id")),
            board_title=words(dig(view, "community", "title")) or None,
            thread_id=number,
            thread_title=words(dig(view, "post", "name")) or None,
            thread_url=self._shown(number),
            posts=(post,) if post else (),
            next_page=self._comments_of(number) if more else None,
            unreadable=0 if post else 1,
            nested=True,
        )

    def comments(self, listed: list[Any]) -> Reading:
        """Return a page of a post's comments, oldest first."""
        spoken = [view for view in rows(listed) if not _gone(view.get("comment"))]
        made = [self._item(view, "comment") for view in spoken]
        posts = tuple(post for post in made if post is not None)
        number = query_of(self._url, "post_id") or next(
            (ident(dig(view, "post", "id")) for view in rows(listed)), None
        )
        title = next((words(dig(view, "post", "name")) for view in rows(listed)), "")
        return Reading(
            kind=Kind.THREAD,
            thread_id=number,
            thread_title=title or None,
            thread_url=self._shown(number) if number else None,
            posts=posts,
            next_page=self._following(len(listed)),
            unreadable=len(made) - len(posts),
            nested=True,
        )

    def list(self, found: dict[str, Any]) -> Reading:
        """Return a community's posts or the hits of a search, each with its thread."""
        posts: list[PostItem] = []
        made: dict[str, ThreadRef] = {}
        unreadable = 0
        views = [(view, "post") for view in rows(found["posts"])]
        views += [(view, "comment") for view in rows(found.get("comments"))]
        for view, kind in views:
            if _gone(view.get(kind)) or _gone(view.get("post")):
                continue
            item = self._item(view, kind)
            number = ident(dig(view, "post", "id"))
            if item is None or number is None:
                unreadable += 1
                continue
            title = words(dig(view, "post", "name"))
            shown = ThreadRef(thread_id=number, title=title, url=self._shown(number))
            posts.append(replace(item, thread=shown))
            made.setdefault(number, self._row(view, kind, shown, item))
        posts.sort(key=_newest_first) if found.get("comments") else None
        views_on_page = max(len(found["posts"]), len(list(rows(found.get("comments")))))
        board = next((view for view, _ in views if "community_name" in self._url), None)
        return Reading(
            kind=Kind.BOARD,
            board_id=ident(dig(board, "community", "id")),
            board_title=words(dig(board, "community", "title")) or None,
            posts=tuple(posts),
            threads=threads_of(posts, made),
            next_page=self._following(views_on_page),
            unreadable=unreadable,
        )

    def _row(self, view: dict[str, Any], kind: str, shown: ThreadRef, item: PostItem) -> ThreadRef:
        counts = view.get("counts") if kind == "post" else None
        answers = count(dig(counts, "comments"))
        newest = machine_time(dig(counts, "newest_comment_time"), self._options)
        edited = dig(view, "post", "updated") or ""
        stamp = f"{answers} {newest} {edited}" if counts else f"comment {item.post_id}"
        return replace(
            shown,
            # The post stands on this page only among posts; a hit that is a comment opens it.
            url=self._comments_of(shown.thread_id)
            if kind == "post"
            else f"{self._root}/api/v3/post?id={shown.thread_id}",
            last_posted_at=newest or item.posted_at,
            stamp=stamp[:200],
            complete=answers == 0,
            pinned=bool(
                dig(view, "post", "featured_community") or dig(view, "post", "featured_local")
            ),
        )

    def _following(self, listed: int) -> str | None:
        page = int(query_of(self._url, "page") or "1")
        limit = query_of(self._url, "limit")
        full = int(limit) if limit and limit.isdecimal() else 10
        return with_query(self._url, page=page + 1) if listed >= full else None

    def _comments_of(self, number: str) -> str:
        kept = f"type_=All&sort=Old&limit={_PAGE}&page=1"
        return f"{self._root}/api/v3/comment/list?post_id={quote(number, safe='')}&{kept}"

    def _shown(self, number: str) -> str:
        return f"{self._root}/post/{quote(number, safe='')}"

    def _item(self, view: dict[str, Any], kind: str) -> PostItem | None:
        thing, creator = view.get(kind), view.get("creator")
        number, person = ident(dig(thing, "id")), ident(dig(creator, "id"))
        name = words(dig(creator, "name"))
        body = dig(thing, "body" if kind == "post" else "content")
        if number is None or not name or (kind == "comment" and not isinstance(body, str)):
            return None
        said = read_marked(body if isinstance(body, str) else "")
        host = host_of(dig(creator, "actor_id"))
        handle = f"{name}@{host}" if host else name
        return PostItem(
            post_id=number if kind == "post" else f"c{number}",
            number=None,
            url=f"{self._root}/{kind}/{number}",
            author=words(dig(creator, "display_name")) or name,
            author_id=person,
            author_handle=handle,
            posted_at=machine_time(dig(thing, "published"), self._options),
            edited=bool(dig(thing, "updated")),
            text=said.text,
            quotes=said.quotes,
            private_message_url=f"{self._root}/create_private_message/{person}" if person else None,
            profile_url=f"{self._root}/u/{quote(handle, safe='@')}",
        )


def _gone(thing: Any) -> bool:
    return bool(dig(thing, "deleted") or dig(thing, "removed"))


def _newest_first(post: PostItem) -> float:
    return -post.posted_at.timestamp() if post.posted_at else 0.0
