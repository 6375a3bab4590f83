"""Discourse through the JSON that it gives beside every page, which guests may read as well.

Checked in November 2026 against saved answers of a Discourse of January 2026 and its documentation.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from math import ceil
from typing import Any, ClassVar
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from scrapy.http import TextResponse

from spiders.addresses import origin, parameter, same_site, without_fragment, without_session
from spiders.base import (
    BoardRef,
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
from spiders.body import is_json
from spiders.dates import machine_time
from spiders.engines.discourse_pages import page_as_json
from spiders.engines.schema_org import SchemaOrg
from spiders.text import IMAGE, classes, fit, words_of

_PAGE_POSTS = 20
"""Messages on a page of a topic, where the answer does not tell."""
_VIEWS = ("post_stream", "topic_list", "category_list")
_SPOKEN = {1, 2}
"""Kinds of post that somebody wrote: regular, moderator. 3 records an action, 4 is a whisper."""
_OWN_PATH = re.compile(
    r"/(?:t|c|tag|tags|latest|new|top|hot|categories|categories_and_\w+|filter|posts|site|u|g)"
    r"(?:[/.].*)?$",
    re.DOTALL,
)
_TOPIC = re.compile(r"/t(?:/[^/]*[^/\d][^/]*)?/(\d+)(?:/(\d+|last))?/?$")
_TOPIC_BY_PAGE = re.compile(r"/t(?:/[^/]*[^/\d][^/]*)?/\d+\.json$")
"""Not ``/t/17/5.json``: that is what stands around the fifth post."""
_CATEGORY = re.compile(r"(/c/(?:[^/]+/)*?[^/]+?(?:/\d+)?)(?:/(?:l/\w+|all|none))?/?$")
_LIST = re.compile(r"/(?:latest|new|top|hot|categories|posts|site|tags?/[^/]+(?:/[^/]+)?)/?$")


class Discourse(Engine):
    """Read Discourse forums; a topic is a thread, a category a board, ids are Discourse's own."""

    name: ClassVar[str] = "discourse"
    marks: ClassVar[str] = 'meta generator "Discourse", x-discourse-route header, its JSON'
    gives: ClassVar[Gives] = Gives(
        product="Discourse",
        means="JSON beside every page",
        authors="name, id",
        times="exact",
        edits="yes",
        private="`/new-message?username=`",
        incremental="newest threads first, up to the first page without news",
    )

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of Discourse on ``page``: header, generator, shape of the JSON."""
        hints = []
        if page.headers.get("X-Discourse-Route"):
            hints.append(Evidence(hint="it sends the header x-discourse-route", weight=1.0))
        if is_json(page):
            try:
                found = _json(page)
            except PageChanged:
                return hints
            known = [
                name for name in ("post_stream", "topic_list", "category_list") if name in found
            ]
            if known:
                hints.append(Evidence(hint=f"the JSON has a {known[0]}", weight=1.0))
            elif _first(found.get("latest_posts")).get("cooked") is not None:
                hints.append(Evidence(hint="the JSON lists cooked posts", weight=1.0))
            elif "categories" in found and "post_action_types" in found:
                hints.append(Evidence(hint="the JSON describes a Discourse site", weight=1.0))
        elif (page.css("meta[name=generator]::attr(content)").get() or "").startswith("Discourse "):
            hints.append(Evidence(hint='the meta generator is "Discourse"', weight=1.0))
        elif page.css("meta[name^=discourse]") or "discourse-application" in page.text[:20_000]:
            hints.append(Evidence(hint="the head holds Discourse's own settings", weight=0.7))
        return hints

    def entry(self, url: str) -> str:
        """Return the JSON address of the page at ``url``, keeping the forum's sub-path.

        A forum's root gives its latest topics. Addresses of JSON stay as they are.
        """
        parts = urlsplit(without_fragment(without_session(url)))
        path = parts.path
        if path.endswith((".json", ".rss")):
            return urlunsplit(parts)
        if found := _TOPIC.search(path):
            near = found[2] if found[2] and found[2] != "last" else None
            path = path[: found.start(1)] + found[1] + (f"/{near}" if near else "") + ".json"
        elif found := _CATEGORY.search(path):
            path = path[: found.start()] + found[1] + "/l/latest.json"
        elif _LIST.search(path):
            path = path.rstrip("/") + ".json"
        elif not _OWN_PATH.search(path):
            path = path.rstrip("/") + "/latest.json"
        return urlunsplit(parts._replace(path=path))

    def thread_of(self, url: str) -> str | None:
        """Return the id of the topic that an address shows."""
        found = _TOPIC.search(urlsplit(without_fragment(without_session(url))).path)
        return found[1] if found else None

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what a JSON page tells: a topic, a list of topics, categories or latest posts.

        A page in HTML is read by the JSON it carries, or as its script has drawn it; the one
        that crawlers are given by its schema.org markup, without Discourse's post ids. Raises
        ``PageChanged`` for JSON of another shape.
        """
        found = _json(page) if is_json(page) else page_as_json(page)
        if not found and not is_json(page):
            return SchemaOrg().read(page, options)
        view = _View(page.url, options)
        if isinstance(found.get("post_stream"), dict):
            return view.topic(found)
        if isinstance(found.get("latest_posts"), list):
            return view.latest_posts(found["latest_posts"])
        if isinstance(found.get("topic_list"), dict):
            return view.topic_list(found["topic_list"])
        categories = found.get("category_list")
        listed = categories.get("categories") if isinstance(categories, dict) else None
        if isinstance(listed, list) or isinstance(found.get("categories"), list):
            return view.categories(listed or found["categories"])
        errors = found.get("errors")
        said = f", which says {' '.join(map(str, errors))[:200]!r}" if errors else ""
        raise PageChanged(
            "a Discourse answer without post_stream, topic_list, category_list or latest_posts"
            f"{said}. If it asks for a login, only members may read this forum"
        )


def _json(page: TextResponse) -> dict[str, Any]:
    try:
        found = page.json()
    except (ValueError, RecursionError) as error:
        raise PageChanged(f"not the JSON it begins as ({type(error).__name__})") from error
    return found if isinstance(found, dict) else {}


def _first(found: object) -> dict[str, Any]:
    return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}


class _View:
    """One answer being read."""

    def __init__(self, url: str, options: ReadOptions) -> None:
        self._url = url
        self._options = options
        path = _OWN_PATH.sub("", urlsplit(url).path).rstrip("/")
        self._root = origin(url) + path

    def topic(self, found: dict[str, Any]) -> Reading:
        """Return a topic, or some of its posts asked for by id."""
        posts = found["post_stream"].get("posts")
        if not isinstance(posts, list):
            raise PageChanged("a Discourse topic without a list of posts")
        any_post = _first(posts)
        number = found.get("id") or any_post.get("topic_id")
        title = found.get("title") or any_post.get("topic_title")
        slug = found.get("slug") or any_post.get("topic_slug")
        items, unreadable = self._posts(posts)
        board = found.get("category_id")
        before, after, last = self._pages(found, posts, number)
        return Reading(
            kind=Kind.THREAD,
            board_id=str(board) if board else None,
            thread_id=str(number) if number else None,
            thread_title=fit(str(title)) if title else None,
            thread_url=self._topic_url(slug, number) if number else None,
            posts=items,
            next_page=after,
            previous_page=before,
            last_page=last,
            unreadable=unreadable,
        )

    def latest_posts(self, posts: list[Any]) -> Reading:
        """Return the newest posts of all topics, each with its thread, newest first."""
        items, unreadable = self._posts(posts, with_thread=True)
        ids = [int(item.post_id) for item in items]
        threads: dict[str, ThreadRef] = {}
        for item in items:
            if item.thread:
                threads.setdefault(item.thread.thread_id, item.thread)
        return Reading(
            kind=Kind.BOARD,
            posts=items,
            threads=tuple(threads.values()),
            previous_page=f"{self._root}/posts.json?before={min(ids)}" if ids else None,
            unreadable=unreadable,
        )

    def topic_list(self, listed: dict[str, Any]) -> Reading:
        """Return a category's topics, or those of the whole forum."""
        topics = listed.get("topics")
        if not isinstance(topics, list):
            raise PageChanged("a Discourse list without topics")
        more = listed.get("more_topics_url")
        following = None
        if isinstance(more, str) and more:
            following = self._following(more)
        board = re.search(r"/c/(?:[^/]+/)*(\d+)(?:/l/\w+)?(?:\.json)?$", urlsplit(self._url).path)
        return Reading(
            kind=Kind.BOARD,
            board_id=board[1] if board else None,
            threads=tuple(self._topic_row(topic) for topic in topics if _has_id(topic)),
            next_page=following,
        )

    def _following(self, more: str) -> str | None:
        """Return the JSON address of the next page of a list; ``None`` when it is elsewhere."""
        try:
            url = urljoin(self._url, more)
            parts = urlsplit(url)
        except ValueError:
            return None
        if not same_site(url, self._url):
            return None
        path = parts.path if parts.path.endswith(".json") else f"{parts.path}.json"
        return urlunsplit(parts._replace(path=path, fragment=""))

    def categories(self, listed: list[Any]) -> Reading:
        """Return the categories and their sub-categories."""
        slugs: dict[str, str] = {}
        boards: dict[str, BoardRef] = {}
        for category in _with_children(listed):
            number, slug = category["id"], str(category.get("slug") or "-")
            parent = slugs.get(str(category.get("parent_category_id")))
            slugs[str(number)] = path = f"{parent}/{slug}" if parent else slug
            boards[str(number)] = BoardRef(
                board_id=str(number),
                title=fit(str(category.get("name") or slug)),
                url=f"{self._root}/c/{quote(path)}/{number}/l/latest.json",
            )
        return Reading(kind=Kind.INDEX, boards=tuple(boards.values()))

    def _topic_url(self, slug: object, number: object) -> str:
        return f"{self._root}/t/{quote(str(slug or '-'), safe='')}/{number}"

    def _topic_row(self, topic: dict[str, Any]) -> ThreadRef:
        number, count = topic["id"], topic.get("posts_count")
        times = [
            when
            for name in ("last_posted_at", "bumped_at")
            if (when := machine_time(topic.get(name), self._options))
        ]
        highest = topic.get("highest_post_number")
        return ThreadRef(
            thread_id=str(number),
            title=fit(str(topic.get("title") or topic.get("fancy_title") or "")),
            url=f"{self._root}/t/{number}.json",
            last_url=f"{self._root}/t/{number}/{highest}.json" if highest else None,
            # The list is sorted by bumps, which edits give too: the later keeps it in order.
            last_posted_at=max(times, default=None),
            posts=count if isinstance(count, int) else None,
            pinned=bool(topic.get("pinned") or topic.get("pinned_globally")),
        )

    def _pages(
        self, found: dict[str, Any], posts: list[Any], number: object
    ) -> tuple[str | None, str | None, str | None]:
        """Return the pages before and after these posts, and the last, by the topic's list of ids.

        An answer around one post overlaps the pages beside it, so that nothing is left out.
        """
        listed = found["post_stream"].get("stream")
        stream = (
            [each for each in listed if isinstance(each, int)] if isinstance(listed, list) else []
        )
        place = {post_id: index for index, post_id in enumerate(stream)}
        here = [place[post["id"]] for post in posts if _has_id(post) and post["id"] in place]
        told = found.get("chunk_size")
        size = told if isinstance(told, int) and told > 0 else _PAGE_POSTS
        pages = ceil(len(stream) / size)
        if not here:
            return None, None, None

        def address(page: int) -> str:
            return f"{self._root}/t/{number}.json" + (f"?page={page}" if page > 1 else "")

        first, last = min(here), max(here)
        more = last + 1 < len(stream)
        before, after = (first - 1) // size + 1, (last + 1) // size + 1
        if _TOPIC_BY_PAGE.search(urlsplit(self._url).path):
            # A page by number: posts that are not shown must not lead back to the same page.
            given = parameter(self._url, "page") or "1"
            page = int(given) if given.isdecimal() else 1
            before, after = page - 1, page + 1
        return (
            address(before) if first > 0 and before > 0 else None,
            address(after) if more and after <= pages else None,
            address(pages) if more else None,
        )

    def _posts(
        self, posts: Iterable[Any], *, with_thread: bool = False
    ) -> tuple[tuple[PostItem, ...], int]:
        """Return the readable posts and how many were not.

        What the site hides from guests (flagged, deleted, whispered) and records of actions are
        no messages.
        """
        items: list[PostItem] = []
        unreadable = 0
        for post in posts:
            if isinstance(post, dict) and _unspoken(post):
                continue
            try:
                items.append(self._post(post, with_thread=with_thread))
            except (KeyError, TypeError, ValueError):
                unreadable += 1
        return tuple(items), unreadable

    def _post(self, post: dict[str, Any], *, with_thread: bool) -> PostItem:
        author, number = post["username"], post.get("post_number")
        if not isinstance(author, str) or not author or not isinstance(post["cooked"], str):
            raise ValueError("a post without an author or a text")
        author = fit(author)
        words = words_of(post["cooked"], _own_text)
        topic, user = post.get("topic_id"), post.get("user_id")
        thread_url = self._topic_url(post.get("topic_slug"), topic) if topic else None
        place = f"{thread_url}/{number}" if thread_url and number else None
        thread = None
        if with_thread and topic:
            thread = ThreadRef(
                thread_id=str(topic),
                title=fit(str(post.get("topic_title") or "")),
                url=thread_url or self._root,
                last_post_id=str(post["id"]),
                last_posted_at=self._time(post),
            )
        return PostItem(
            post_id=str(int(post["id"])),
            number=number if isinstance(number, int) else None,
            url=place or f"{self._root}/p/{post['id']}",
            author=author,
            author_id=str(user) if user else None,
            posted_at=self._time(post),
            edited=int(post.get("version") or 1) > 1,
            text=words.text,
            quotes=words.quotes,
            private_message_url=f"{self._root}/new-message?username={quote(author, safe='')}",
            profile_url=f"{self._root}/u/{quote(author, safe='')}",
            thread=thread,
        )

    def _time(self, post: dict[str, Any]) -> datetime | None:
        return machine_time(post.get("created_at"), self._options)


def _unspoken(post: dict[str, Any]) -> bool:
    return bool(
        post.get("post_type", 1) not in _SPOKEN
        or post.get("hidden")
        or post.get("user_deleted")
        or post.get("deleted_at")
    )


def _has_id(found: object) -> bool:
    return isinstance(found, dict) and isinstance(found.get("id"), int)


def _with_children(listed: list[Any]) -> list[dict[str, Any]]:
    """Return the categories of ``listed``, each before its sub-categories."""
    found: list[dict[str, Any]] = []
    waiting = list(reversed(listed))
    while waiting:
        category = waiting.pop()
        if _has_id(category):
            found.append(category)
            children = category.get("subcategory_list")
            waiting.extend(reversed(children if isinstance(children, list) else []))
    return found


def _own_text(element: Element) -> str | None:
    """Say what stands for Discourse's boxes: a link for its preview, nothing for captions."""
    kinds = classes(element)
    if "onebox" in kinds:
        links = element.xpath(".//a/@href | self::a/@href")
        return element.get("data-onebox-src") or (str(links[0]) if links else "")
    if "lightbox-wrapper" in kinds:
        return IMAGE
    if kinds & {"meta", "quote-controls", "anchor"}:
        return ""
    return None
