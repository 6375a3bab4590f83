"""Coyote, the software of 4programmers.net: the JSON its pages carry for their script, and its API.

After Coyote's source as of November 2026; the live site was not read. Comments on a message are
messages of their own, named ``comment-<number>``.
"""

import json
import re
from typing import ClassVar
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from scrapy.http import TextResponse

from spiders.addresses import (
    origin,
    parameter,
    parameters,
    same_site,
    without_fragment,
    without_session,
)
from spiders.answers import Record, answer, record, records, whole, word
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
from spiders.body import is_json, readable
from spiders.dates import machine_time
from spiders.engines.schema_org import SchemaOrg
from spiders.text import words_of

_VALUE = re.compile(r"\bvar\s+(pagination|posts|topics?|forums?|allForums)\s*=\s*(?=[\[{])")
_QUOTED = re.compile(r"<blockquote>\s*<h5>\s*<a[^>]*>([^<>]*?)(?: napisał[^<>]*)?</a>[^<>]*</h5>")
_FORUM = re.compile(r"/Forum(?:/([^/?#]+)(?:/(\d+)-[^/?#]*)?)?/?$")


class Coyote(Engine):
    """Read 4programmers.net; a category is a board, named by its address."""

    name: ClassVar[str] = "coyote"
    gives: ClassVar[Gives] = Gives(
        product="4programmers.net (Coyote)",
        means="the data of its script, or its JSON API where that address is given",
        times="exact",
        edits="yes",
        private="`/User/Pm/Submit?to=`",
    )
    marks: ClassVar[str] = "4programmers.net, the data of its script (var pagination, var topic)"

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of Coyote on ``page``: host, script data or shape of the API's JSON."""
        hints = []
        host = urlsplit(page.url).hostname or ""
        if host == "4programmers.net" or host.endswith(".4programmers.net"):
            hints.append(Evidence(hint="the site is 4programmers.net", weight=0.7))
        if is_json(page):
            try:
                first = next(iter(records(answer(page).get("data"))), {})
            except PageChanged:
                return hints
            if {"user_name", "edit_count"} <= set(first) or "last_post_created_at" in first:
                hints.append(Evidence(hint="the JSON lists Coyote's posts or topics", weight=1.0))
            return hints
        names = set(_VALUE.findall(page.text))
        if {"pagination", "topic"} <= names or {"forums", "topics"} <= names:
            hints.append(Evidence(hint="its script is given Coyote's data", weight=1.0))
        elif page.css("#js-forum, #js-post #js-skeleton, #js-skeleton .card-post"):
            hints.append(Evidence(hint="the page has Coyote's elements", weight=0.5))
        return hints

    def entry(self, url: str) -> str:
        """Return ``url`` without a fragment; a site's root gives its forum."""
        parts = urlsplit(without_fragment(without_session(url)))
        if parts.path.strip("/") == "" and not (parts.hostname or "").startswith("api."):
            return urlunsplit(parts._replace(path="/Forum"))
        return urlunsplit(parts)

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return the thread, board or index that ``page`` tells.

        Raises ``PageChanged`` when it carries neither its script's data nor schema.org markup.
        """
        if is_json(page):
            found = answer(page)
            first = next(iter(records(found.get("data"))), {})
            values = {"posts" if "user_name" in first else "topics": found}
        else:
            page = readable(page)
            values = _values(page)
        view = _View(page, values, options)
        if "pagination" in values and values.get("topic"):
            return view.thread()
        if values.get("posts"):
            return view.newest()
        if values.get("topics"):
            return view.board()
        if boards := view.boards():
            return Reading(kind=Kind.INDEX, boards=boards, language=view.language)
        if SchemaOrg().recognise(page):
            return SchemaOrg().read(page, options)
        raise PageChanged("a page of Coyote without the data of a topic, category or forum")


def _values(page: TextResponse) -> dict[str, Record]:
    """Return what the page's own script is given, by name; lists as ``{"data": list}``."""
    found: dict[str, Record] = {}
    for script in page.css("script::text").getall():
        for mark in _VALUE.finditer(script):
            try:
                value, _ = json.JSONDecoder().raw_decode(script, mark.end())
            except (ValueError, RecursionError):
                continue
            found[mark[1]] = value if isinstance(value, dict) else {"data": value}
    return found


def _each(found: object) -> list[Record]:
    """Return the records of a list, or of an object that has them by number."""
    return records(list(found.values()) if isinstance(found, dict) else found)


class _View:
    """One page being read."""

    def __init__(self, page: TextResponse, values: dict[str, Record], options: ReadOptions) -> None:
        self._page = page
        self._values = values
        self._options = options
        parts = urlsplit(page.url)
        folder = parts.path.partition("/Forum")[0] if "/Forum" in parts.path else ""
        host = parts.netloc.removeprefix("api.")
        self._root = f"{parts.scheme}://{host}{folder}"
        shown = "" if is_json(page) else page.css("html::attr(lang)").get() or ""
        self.language = shown.strip()[:2].lower() or None

    def thread(self) -> Reading:
        topic, pages = self._values["topic"], self._values["pagination"]
        forum = record(topic.get("forum")) or self._values.get("forum", {})
        url = self._url(topic.get("url")) or without_fragment(self._page.url).partition("?")[0]
        items: list[PostItem] = []
        unreadable = 0
        here, size = self._here(pages), whole(pages.get("per_page"))
        for place, post in enumerate(_each(pages.get("data"))):
            if post.get("deleted_at") or post.get("type") == "obscured":
                continue
            number = (here - 1) * size + place + 1 if size else None
            if item := self._item(post, url, number):
                items.append(item)
            else:
                unreadable += 1
            comments = (self._comment(each, url) for each in _each(post.get("comments")))
            items += [comment for comment in comments if comment]
        last = self._last(pages)
        return Reading(
            kind=Kind.THREAD,
            board_id=word(forum.get("slug")) or None,
            board_title=word(forum.get("name")) or None,
            thread_id=word(topic.get("id")) or None,
            thread_title=word(topic.get("title")) or word(topic.get("subject")) or None,
            thread_url=url,
            posts=tuple(items),
            next_page=f"{url}?page={here + 1}" if here < last else None,
            previous_page=None if here < 2 else url if here == 2 else f"{url}?page={here - 1}",
            last_page=f"{url}?page={last}" if last > here else None,
            unreadable=unreadable,
            language=self.language,
        )

    def newest(self) -> Reading:
        """Return the newest messages of all threads, as the API lists them."""
        items: list[PostItem] = []
        threads: dict[str, ThreadRef] = {}
        listed = _each(self._values["posts"].get("data"))
        spoken = [post for post in listed if not post.get("deleted_at")]
        for post in spoken:
            number = word(post.get("topic_id"))
            url = (self._url(post.get("url")) or self._root).partition("?")[0]
            row = ThreadRef(thread_id=number, title="", url=url)
            if item := self._item(post, url, None, row if number else None):
                items.append(item)
                threads.setdefault(number or url, row)
        return Reading(
            kind=Kind.BOARD,
            posts=tuple(items),
            threads=tuple(threads.values()),
            previous_page=self._beside(self._values["posts"], 1),
            unreadable=len(spoken) - len(items),
        )

    def board(self) -> Reading:
        topics = self._values["topics"]
        rows = [self._row(topic) for topic in _each(topics.get("data")) if topic.get("id")]
        own = _FORUM.search(urlsplit(self._page.url).path)
        slug = own[1] if own else None
        title = "" if is_json(self._page) else " ".join(self._page.css("h1 ::text").getall())
        return Reading(
            kind=Kind.BOARD,
            board_id=slug,
            board_title=" ".join(title.split()) or None,
            threads=tuple(rows),
            boards=tuple(each for each in self.boards() if each.board_id != slug),
            next_page=self._beside(topics, 1),
            previous_page=self._beside(topics, -1),
            language=self.language,
        )

    def boards(self) -> tuple[BoardRef, ...]:
        boards: dict[str, BoardRef] = {}
        for forum in _each(self._values.get("forums", {}).get("data")):
            slug, url = word(forum.get("slug")), self._url(forum.get("url"))
            if not slug or forum.get("is_redirected"):
                continue
            boards[slug] = BoardRef(
                board_id=slug,
                title=word(forum.get("name")),
                url=url or f"{self._root}/Forum/{quote(slug)}",
                last_posted_at=machine_time(
                    record(forum.get("post")).get("created_at"), self._options
                ),
            )
        return tuple(boards.values())

    def _row(self, topic: Record) -> ThreadRef:
        number, last = word(topic["id"]), word(topic.get("last_post_id"))
        url, replies = self._url(topic.get("url")), whole(topic.get("replies"))
        return ThreadRef(
            thread_id=number,
            title=word(topic.get("title")) or word(topic.get("subject")),
            url=url or f"{self._root}/Forum",
            last_url=f"{url}?p={last}" if url and last else None,
            last_post_id=last or None,
            last_posted_at=machine_time(topic.get("last_post_created_at"), self._options),
            posts=replies + 1 if replies is not None else None,
            pinned=bool(topic.get("is_sticky")),
        )

    def _item(
        self, post: Record, thread_url: str, place: int | None, thread: ThreadRef | None = None
    ) -> PostItem | None:
        number = word(post.get("id"))
        link = self._url(post.get("url")) or f"{thread_url}?p={number}#id{number}"
        if not number:
            return None
        edits = bool(whole(post.get("edit_count")))
        return self._message(post, number, link, edited=edits, place=place, thread=thread)

    def _comment(self, comment: Record, thread_url: str) -> PostItem | None:
        number = word(comment.get("id"))
        if not number or comment.get("deleted_at"):
            return None
        link = self._url(comment.get("url")) or f"{thread_url}#comment-{number}"
        changed = comment.get("updated_at")
        edited = bool(changed) and changed != comment.get("created_at")
        return self._message(comment, f"comment-{number}", link, edited=edited)

    def _message(
        self,
        found: Record,
        post_id: str,
        url: str,
        *,
        edited: bool,
        place: int | None = None,
        thread: ThreadRef | None = None,
    ) -> PostItem | None:
        person, html = record(found.get("user")), found.get("html")
        name = word(person.get("name")) or word(found.get("user_name"))
        member = word(person.get("id")) or word(found.get("user_id"))
        if not name or not isinstance(html, str):
            return None
        # Whom a quote names stands in a heading of it.
        words = words_of(_QUOTED.sub(r'<blockquote data-username="\1">', html))
        form = f"{self._root}/User/Pm/Submit?{urlencode([('to', name)], quote_via=quote)}"
        return PostItem(
            post_id=post_id,
            number=place,
            url=url,
            author=name,
            author_id=member or None,
            posted_at=machine_time(found.get("created_at"), self._options),
            edited=edited,
            text=words.text,
            quotes=words.quotes,
            private_message_url=form if member else None,
            profile_url=f"{self._root}/Profile/{quote(member, safe='')}" if member else None,
            thread=thread,
        )

    def _url(self, found: object) -> str | None:
        """Return an address on this site; that of the API is told apart by its name alone."""
        if not isinstance(found, str) or not found:
            return None
        try:
            url = urljoin(self._root + "/", found)
        except ValueError:
            return None
        return url if same_site(url, self._root) else None

    def _here(self, pages: Record) -> int:
        told = pages.get("current_page") or record(pages.get("meta")).get("current_page")
        return whole(told) or whole(parameter(self._page.url, "page")) or 1

    def _last(self, pages: Record) -> int:
        return whole(pages.get("last_page") or record(pages.get("meta")).get("last_page")) or 1

    def _beside(self, pages: Record, step: int) -> str | None:
        """Return the address of the list's page ``step`` further on, or ``None``."""
        number = self._here(pages) + step
        if number < 1 or number > self._last(pages):
            return None
        parts = urlsplit(without_fragment(self._page.url))
        asked = [(name, value) for name, value in parameters(self._page.url) if name != "page"]
        more = [("page", str(number))] if number > 1 else []
        return origin(self._page.url) + urlunsplit(
            parts._replace(scheme="", netloc="", query=urlencode([*asked, *more]))
        )
