"""NodeBB by the JSON behind every page (``/api``), which its pages carry as well.

Checked in November 2026 against a recorded NodeBB 4.5.0. A page saved from a browser has lost that
JSON to the page's own script and is read by its markup.
"""

import re
from html import unescape
from typing import ClassVar
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from lxml.etree import tostring  # type: ignore[import-untyped]  # has no types
from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import origin, parameters, without_fragment, without_session
from spiders.answers import Record, answer, carried, record, records, whole, word
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
from spiders.outcome import Outcome, PageFailed
from spiders.text import classes, plain, words_of

_LISTS = "recent|popular|top|unread|categories|world|tags"
_OWN_PATH = re.compile(rf"/(?:api(?=/|$)|topic/|category/|post/|user/|(?:{_LISTS})(?:/|$)).*$")
_TOPIC = re.compile(r"/topic/(\d+(?:/[^/]+)?)")
_WITH_JSON = re.compile(rf"/(?:topic/\d+.*|category/[^/]+/[^/]+.*|(?:{_LISTS})(?:/.*)?)$")
"""A category without its name in the address answers the API with a bare redirect."""


class NodeBB(Engine):
    """Read NodeBB forums; a topic is a thread, a category a board, ids are NodeBB's own."""

    name: ClassVar[str] = "nodebb"
    gives: ClassVar[Gives] = Gives(
        product="NodeBB",
        means="JSON beside every page (/api), or the page's own data",
        times="exact",
        edits="yes",
        private="none: profile",
    )
    marks: ClassVar[str] = 'header "X-Powered-By: NodeBB", its JSON, component="post" markup'

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of NodeBB on ``page``: header, JSON or components."""
        hints = []
        if page.headers.get("X-Powered-By") == b"NodeBB":
            hints.append(Evidence(hint='it sends "X-Powered-By: NodeBB"', weight=1.0))
        if is_json(page):
            try:
                found = answer(page)
            except PageChanged:
                return hints
            if "relative_path" in found and "loggedIn" in found and "template" in found:
                hints.append(Evidence(hint="the JSON is that of a NodeBB page", weight=1.0))
            return hints
        if page.css("script#ajaxify-data"):
            hints.append(Evidence(hint="the page carries NodeBB's ajaxify-data", weight=1.0))
        if page.css("[component='topic'] [component='post'][data-pid]"):
            hints.append(Evidence(hint="messages are NodeBB's components", weight=1.0))
        elif page.css("[component='category/topic'][data-tid], [component='categories/category']"):
            hints.append(Evidence(hint="lists are NodeBB's components", weight=1.0))
        return hints

    def entry(self, url: str) -> str:
        """Return the ``/api`` address of the page at ``url``; the list of categories for a root."""
        parts = urlsplit(without_fragment(without_session(url)))
        found = _OWN_PATH.search(parts.path)
        if found is None:
            return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/api/categories"))
        if not _WITH_JSON.match(found[0]):
            return urlunsplit(parts)
        own = found[0]
        if topic := _TOPIC.match(own):
            own = topic[0]  # a position after it would give no page of its own
        path = parts.path[: found.start()] + "/api" + own.rstrip("/")
        return urlunsplit(parts._replace(path=path))

    def thread_of(self, url: str) -> str | None:
        """Return the id of the topic that an address shows."""
        found = _TOPIC.search(urlsplit(without_fragment(without_session(url))).path)
        return found[1].partition("/")[0] if found else None

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return the topic, list of topics, or categories that ``page`` tells.

        Raises ``PageChanged`` for another page of NodeBB, ``PageFailed`` for one that is only
        for members.
        """
        if is_json(page):
            found = answer(page)
        else:
            page = readable(page)
            found = carried(page, "script#ajaxify-data") or _from_markup(page)
        view = _View(page, found, options)
        if isinstance(found.get("posts"), list) and found.get("tid"):
            return view.topic()
        if isinstance(found.get("topics"), list):
            return view.board()
        if isinstance(found.get("categories"), list):
            boards = view.boards(found["categories"])
            return Reading(kind=Kind.INDEX, boards=boards, language=view.language)
        if word(found.get("status")) == "403" or "login" in record(found.get("template")):
            raise PageFailed(Outcome.LOGIN_WALL, f"{page.url} is only for members")
        raise PageChanged("a NodeBB page without posts, topics or categories")


class _View:
    """One page being read, from its JSON or from markup brought into the same form."""

    def __init__(self, page: TextResponse, found: Record, options: ReadOptions) -> None:
        self._url = page.url
        self._found = found
        self._options = options
        below = found.get("relative_path")
        path = _OWN_PATH.sub("", urlsplit(page.url).path).rstrip("/")
        self._root = origin(page.url) + (below if isinstance(below, str) else path)
        shown = "" if is_json(page) else page.css("html::attr(lang)").get() or ""
        self.language = shown.strip()[:2].lower() or None

    def topic(self) -> Reading:
        found = self._found
        rights = record(found.get("privileges"))
        if rights and not rights.get("topics:read", True):
            raise PageFailed(Outcome.LOGIN_WALL, f"{self._url} is only for members")
        category = record(found.get("category"))
        url = f"{self._root}/topic/{_path(found.get('slug') or found['tid'])}"
        items: list[PostItem] = []
        unreadable = 0
        for post in records(found["posts"]):
            if post.get("deleted"):
                continue
            if item := self._item(post):
                items.append(item)
            else:
                unreadable += 1
        here, pages = self._pages()
        return Reading(
            kind=Kind.THREAD,
            board_id=word(found.get("cid")) or None,
            board_title=_title(category, "name") or None,
            thread_id=word(found["tid"]),
            thread_title=_title(found, "title") or None,
            thread_url=url,
            posts=tuple(items),
            next_page=f"{url}?page={here + 1}" if here < pages else None,
            previous_page=None if here < 2 else url if here == 2 else f"{url}?page={here - 1}",
            last_page=f"{url}?page={pages}" if pages > here else None,
            unreadable=unreadable,
            language=self.language,
        )

    def board(self) -> Reading:
        found = self._found
        rights = record(found.get("privileges"))
        if rights and not (rights.get("topics:read", True) and rights.get("read", True)):
            raise PageFailed(Outcome.LOGIN_WALL, f"{self._url} is only for members")
        here, pages = self._pages()
        number = word(found.get("cid"))
        return Reading(
            kind=Kind.BOARD,
            board_id=number or None,
            board_title=_title(found, "name") or None if number else None,
            threads=tuple(
                self._row(topic)
                for topic in records(found["topics"])
                if topic.get("tid") and not topic.get("deleted")
            ),
            boards=self.boards(found.get("children")),
            next_page=self._page(here + 1) if here < pages else None,
            previous_page=self._page(here - 1) if here > 1 else None,
            language=self.language,
        )

    def boards(self, listed: object) -> tuple[BoardRef, ...]:
        """Return the categories and their children, without links to elsewhere."""
        found: dict[str, BoardRef] = {}
        waiting = records(listed)[::-1]
        while waiting:
            category = waiting.pop()
            waiting.extend(records(category.get("children"))[::-1])
            number, slug = word(category.get("cid")), category.get("slug")
            if not number or number.startswith("-") or category.get("link"):
                continue
            teaser = record(category.get("teaser"))
            found[number] = BoardRef(
                board_id=number,
                title=_title(category, "name"),
                url=f"{self._root}/category/{_path(slug or number)}",
                last_posted_at=machine_time(teaser.get("timestampISO"), self._options),
                stamp=self._stamp(category, teaser),
            )
        return tuple(found.values())

    def _stamp(self, category: Record, teaser: Record) -> str | None:
        """Return what changes with every message of a category: its counts and its newest one."""
        counts = [word(category.get(f"total{what}Count")) for what in ("Topic", "Post")]
        return " ".join([*counts, word(teaser.get("pid"))]) if all(counts) else None

    def _row(self, topic: Record) -> ThreadRef:
        teaser = record(topic.get("teaser"))
        latest = topic.get("lastposttimeISO") or topic.get("lastposttime")
        return ThreadRef(
            thread_id=word(topic["tid"]),
            title=_title(topic, "title"),
            url=f"{self._root}/topic/{_path(topic.get('slug') or topic['tid'])}",
            last_post_id=word(teaser.get("pid")) or word(topic.get("teaserPid")) or None,
            last_posted_at=machine_time(latest or teaser.get("timestampISO"), self._options),
            posts=whole(topic.get("postcount")),
            pinned=bool(topic.get("pinned")),
        )

    def _item(self, post: Record) -> PostItem | None:
        user, number = record(post.get("user")), word(post.get("pid"))
        member = word(post.get("uid"))
        member = "" if member in {"0", "-1"} else member
        name = word(user.get("username"))
        if not member:
            name = word(post.get("handle")) or word(user.get("displayname")) or name
        content = post.get("content")
        if not number or not name or not isinstance(content, str):
            return None
        words = words_of(content)
        index, slug = whole(post.get("index")), user.get("userslug")
        told = member and isinstance(slug, str)
        profile = f"{self._root}/user/{_path(slug)}" if told else None
        return PostItem(
            post_id=number,
            number=index + 1 if index is not None and index >= 0 else None,
            url=f"{self._root}/post/{quote(number, safe='')}",
            author=unescape(name),
            author_id=member or None,
            author_posts=whole(user.get("postcount")),
            posted_at=machine_time(
                post.get("timestampISO") or post.get("timestamp"), self._options
            ),
            edited=bool(post.get("edited") or post.get("editedISO")),
            text=words.text,
            quotes=words.quotes,
            private_message_url=profile,
            profile_url=profile,
        )

    def _pages(self) -> tuple[int, int]:
        """Return the number of this page and of the last."""
        pagination = record(self._found.get("pagination"))
        here = whole(pagination.get("currentPage")) or 1
        return here, max(here, whole(pagination.get("pageCount")) or 1)

    def _page(self, number: int) -> str:
        """Return another page of this list, with what was asked of it (an order, say)."""
        parts = urlsplit(without_fragment(self._url))
        path = parts.path.replace("/api/", "/", 1)
        asked = [(name, value) for name, value in parameters(self._url) if name != "page"]
        query = urlencode([*asked, *([("page", str(number))] if number > 1 else [])])
        return urlunsplit(parts._replace(path=path, query=query))


def _path(slug: object) -> str:
    return quote(str(slug), safe="/%@")


def _title(found: Record, name: str) -> str:
    """Return a title as people see it; NodeBB escapes it for HTML in all but ``...Raw``."""
    return word(found.get(f"{name}Raw")) or unescape(word(found.get(name)))


def _from_markup(page: TextResponse) -> Record:
    """Return what the components of a page say, in the form of its JSON."""
    here = page.css("[component='pagination'] .active[data-page]::attr(data-page)").get()
    numbers = page.css("[component='pagination'] [data-page]::attr(data-page)").getall()
    found: Record = {
        "pagination": {
            "currentPage": here or dict(parameters(page.url)).get("page"),
            "pageCount": max((int(each) for each in numbers if each.isdecimal()), default=1),
        }
    }
    if posts := page.css("[component='topic'] [component='post'][data-pid]"):
        href = page.css("link[rel=canonical]::attr(href)").get() or page.url
        topic = _TOPIC.search(urlsplit(href).path) or _TOPIC.search(urlsplit(page.url).path)
        title = page.css("[component='topic/title']") or page.css("h1")
        number = page.css("[component='topic'][data-tid]::attr(data-tid)").get()
        crumbs = page.css("[component='breadcrumb/item'] a, .breadcrumb a")
        board = next(
            (a for a in reversed(crumbs) if "/category/" in a.attrib.get("href", "")), None
        )
        found |= {
            "tid": number or (topic[1].partition("/")[0] if topic else None),
            "slug": topic[1] if topic else None,
            "titleRaw": plain(title[0].root) if title else "",
            "cid": page.css("[component='topic'][data-cid]::attr(data-cid)").get(),
            "category": {"nameRaw": plain(board.root)} if board is not None else {},
            "posts": [_post_in(post) for post in posts],
        }
        return found
    rows = page.css("[component='category/topic'][data-tid]")
    if rows or page.css("body.page-category, [component='category']"):  # it may be empty
        found["topics"] = [_topic_in(row) for row in rows]
        found["cid"] = page.css("[component='category'][data-cid]::attr(data-cid)").get()
        if own := re.search(r"/category/(\d+)", urlsplit(page.url).path):
            found["cid"] = own[1]
            found["nameRaw"] = plain(next((node.root for node in page.css("h1")), None))
    boards = [_category_in(row) for row in page.css("[component='categories/category'][data-cid]")]
    if boards:
        found["children" if "topics" in found else "categories"] = boards
    return found


def _post_in(post: Selector) -> Record:
    told = post.attrib
    content = post.css("[component='post/content']")
    mark = post.css("[component='post/edit-indicator']") or post.css("[component='post/editor']")
    inner = tostring(content[0].root, encoding="unicode", with_tail=False) if content else None
    return {
        "pid": told["data-pid"],
        "uid": told.get("data-uid"),
        "index": told.get("data-index"),
        "timestamp": told.get("data-timestamp"),
        "deleted": "deleted" in told.get("class", "").split(),
        "edited": bool(mark) and not {"hidden", "hide"} & classes(mark[0].root),
        "content": inner,
        "user": {"username": told.get("data-username"), "userslug": told.get("data-userslug")},
    }


def _topic_in(row: Selector) -> Record:
    link = row.css("[component='topic/header'] a[href*='/topic/'], a[href*='/topic/']")
    href = link.attrib.get("href", "")
    topic = _TOPIC.search(href)
    latest = row.css("[component='topic/teaser'] .timeago::attr(title)").get()
    count = row.css(".stats-postcount [title]::attr(title), .total-post-count::attr(title)").get()
    pin = row.css("[component='topic/pinned']")
    return {
        "tid": row.attrib["data-tid"],
        "slug": topic[1] if topic else None,
        "titleRaw": plain(link[0].root) if link else "",
        "lastposttimeISO": latest,
        "postcount": count or row.css("[component='topic/post-count']::text").get(),
        "pinned": bool(pin) and not {"hidden", "hide"} & classes(pin[0].root),
    }


def _category_in(row: Selector) -> Record:
    link = row.css("a[href*='/category/']")
    slug = re.search(r"/category/(\d+/[^/?#]+)", link.attrib.get("href", ""))
    return {
        "cid": row.attrib["data-cid"],
        "slug": slug[1] if slug else None,
        "nameRaw": next((name for a in link if (name := plain(a.root))), ""),
        "teaser": {"timestampISO": row.css(".timeago::attr(title)").get()},
    }
