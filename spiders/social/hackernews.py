"""Hacker News through Algolia's search API; saved pages of news.ycombinator.com are read too.

Written in November 2026 after the API's documentation and pages of several years.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from scrapy.http import TextResponse

from spiders.addresses import origin, parameter
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
from spiders.social.answers import (
    answer,
    count,
    ident,
    required,
    rows,
    threads_of,
    unescaped,
    with_query,
    words,
)
from spiders.social.hackernews_pages import is_page, read_page
from spiders.social.marked import without_marked_quotes
from spiders.text import words_of

API = "https://hn.algolia.com/api/v1"
SITE = "https://news.ycombinator.com"
_LISTS = {"": "front_page", "news": "front_page", "newest": "story", "ask": "ask_hn"}
_LISTS |= {"show": "show_hn", "newcomments": "comment"}


class HackerNews(Engine):
    """Read Hacker News; a story with all its comments is a thread, a search a board."""

    name: ClassVar[str] = "hackernews"
    marks: ClassVar[str] = "news.ycombinator.com, hn.algolia.com or the shape of its JSON"
    api_hosts: ClassVar[frozenset[str]] = frozenset({"hn.algolia.com"})
    gives: ClassVar[Gives] = Gives(
        product="Hacker News",
        addresses="a search of hn.algolia.com, an item, newest, ask, show, newcomments, an author",
        means="JSON (Algolia); saved HTML pages; no key",
        posts="the submission and all comments; none that is deleted or dead",
        authors="name",
        times="exact",
        edits="not shown by the source",
        private="the author's profile, where some leave an address",
        incremental="newest first; a story is opened again for a hit or count not seen before",
    )

    def claims(self, url: str) -> bool:
        """Return whether the address is Hacker News' or its search's."""
        return urlsplit(url).hostname in {"news.ycombinator.com", "hn.algolia.com"}

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of Hacker News on ``page``."""
        found = answer(page)
        if isinstance(found, dict):
            hits = list(rows(found.get("hits")))
            if isinstance(found.get("hits"), list) and "nbHits" in found:
                if not hits or any("objectID" in hit and "created_at_i" in hit for hit in hits):
                    return [Evidence(hint="the JSON holds hits of Algolia's search", weight=1.0)]
            elif (
                "children" in found
                and "created_at_i" in found
                and "story_id" in found | {"story_id": None}
            ):
                return [Evidence(hint="the JSON is an item with its children", weight=1.0)]
            elif found.get("type") in ("story", "comment", "job", "poll") and "by" in found:
                return [Evidence(hint="the JSON is an item of the Firebase API", weight=1.0)]
            return []
        if found is None and is_page(page):
            return [Evidence(hint="the page is one of Hacker News", weight=1.0)]
        return []

    def entry(self, url: str) -> str:
        """Return the address of the API for an item, a list, an author or a search."""
        parts = urlsplit(url)
        if parts.path.startswith("/api/v1/") or not self.claims(url):
            return url
        by_date = f"{API}/search_by_date"
        if parts.hostname == "hn.algolia.com":
            text = parameter(url, "q") or parameter(url, "query") or ""
            return (
                f"{by_date}?query={quote(text, safe='')}&tags=(story,comment)"
                "&typoTolerance=false&advancedSyntax=true&hitsPerPage=100"
            )
        name = parts.path.strip("/")
        number = parameter(url, "id")
        if name == "item" and number:
            return f"{API}/items/{quote(number, safe='')}"
        if name in {"user", "submitted", "threads"} and number:
            return f"{by_date}?tags=author_{quote(number, safe='')}&hitsPerPage=100"
        return f"{by_date}?tags={_LISTS.get(name, 'story')}&hitsPerPage=100"

    def thread_of(self, url: str) -> str | None:
        """Return the id of the item that ``url`` shows."""
        found = re.search(r"/api/v1/items/(\d+)$", urlsplit(self.entry(url)).path)
        return found[1] if found else None

    def again(self, thread_id: str, url: str, source: str) -> str:  # noqa: ARG002
        """Return the API's address of a story, on the host of ``source``."""
        return _api(self.entry(source), thread_id)

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what a search, an item with its comments, or a page tells.

        Raises ``PageChanged`` for an answer of another shape.
        """
        if answer(page) is None and is_page(page):
            return read_page(page, options)
        found = required(page)
        if isinstance(found, dict) and isinstance(found.get("hits"), list):
            return _search(page.url, found, options)
        if isinstance(found, dict) and ("children" in found or "by" in found):
            return _item(found, options)
        raise PageChanged("an answer of Hacker News without hits or children")


def _search(url: str, found: dict[str, Any], options: ReadOptions) -> Reading:
    posts: list[PostItem] = []
    made: dict[str, ThreadRef] = {}
    unreadable = 0
    for hit in rows(found["hits"]):
        number = ident(hit.get("objectID"))
        author = words(hit.get("author"))
        if number is None or not author:
            unreadable += 1
            continue
        comment = hit.get("comment_text") is not None
        story = ident(hit.get("story_id")) if comment else number
        title = unescaped(hit.get("story_title") if comment else hit.get("title"))
        when = machine_time(hit.get("created_at_i") or hit.get("created_at"), options)
        text = hit.get("comment_text") if comment else hit.get("story_text")
        thread_id = story or number
        posts.append(
            _post(
                number,
                author,
                text,
                when,
                thread=ThreadRef(thread_id=thread_id, title=title, url=_shown(thread_id)),
            )
        )
        answers = count(hit.get("num_comments"))
        made.setdefault(
            thread_id,
            ThreadRef(
                thread_id=thread_id,
                title=title,
                url=_api(url, thread_id),
                last_posted_at=when,
                stamp=f"{number} {answers if not comment else ''}".strip(),
                complete=not comment and answers == 0,
            ),
        )
    page, pages = count(found.get("page")) or 0, count(found.get("nbPages")) or 0
    return Reading(
        kind=Kind.BOARD,
        board_title="Hacker News",
        posts=tuple(posts),
        threads=threads_of(posts, made),
        next_page=with_query(url, page=page + 1) if page + 1 < pages else None,
        unreadable=unreadable,
    )


def _api(url: str, number: str) -> str:
    """Return an item's address on the host that was asked."""
    return f"{origin(url)}/api/v1/items/{quote(number, safe='')}"


def _shown(number: str) -> str:
    return f"{SITE}/item?id={quote(number, safe='')}"


def _item(found: dict[str, Any], options: ReadOptions) -> Reading:
    """Return a story and its comments, those without an author or a text left out as deleted."""
    top = ident(found.get("id")) or ""
    story = ident(found.get("story_id")) or top
    posts: list[PostItem] = []
    for one in _tree(found):
        number, author = ident(one.get("id")), words(one.get("author") or one.get("by"))
        if number is None or not author or one.get("deleted") or one.get("dead"):
            continue
        if one.get("type") not in ("story", "job", "poll", "comment", None):
            continue  # the choices of a poll
        if one.get("type") == "comment" and not isinstance(one.get("text"), str):
            continue
        when = machine_time(
            one.get("created_at_i") or one.get("created_at") or one.get("time"), options
        )
        posts.append(_post(number, author, one.get("text"), when))
    opener = story == top and bool(posts) and posts[0].post_id == top
    numbered = [replace(post, number=place) for place, post in enumerate(posts, 1)]
    return Reading(
        kind=Kind.THREAD,
        thread_id=story,
        thread_title=unescaped(found.get("title")) or None,
        thread_url=_shown(story),
        posts=tuple(numbered if opener else posts),
        nested=True,
        cut=story != top or "by" in found,
    )


def _tree(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [found]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(list(rows(one.get("children")))))


def _post(
    number: str, author: str, text: Any, when: Any, *, thread: ThreadRef | None = None
) -> PostItem:
    said = without_marked_quotes(words_of(text)) if isinstance(text, str) else None
    profile = f"{SITE}/user?id={quote(author, safe='')}"
    return PostItem(
        post_id=number,
        number=None,
        url=_shown(number),
        author=author,
        author_id=author,
        posted_at=when,
        edited=False,
        text=said.text if said else "",
        quotes=said.quotes if said else (),
        private_message_url=profile,
        profile_url=profile,
        thread=thread,
    )
