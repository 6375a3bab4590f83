"""Flarum 1 and 2 by their JSON:API, which their pages carry too.

After the source of Flarum's API and views as of November 2026; no live forum was read. Where a page
saved from a browser has lost the JSON, the messages on it are read by their markup.
"""

import json
import re
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from lxml.etree import tostring  # type: ignore[import-untyped]  # has no types
from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import origin, parameter, same_site, without_fragment, without_session
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
from spiders.text import fit, plain, words_of

_POSTS = 50
"""Messages asked for at once; the most that Flarum gives."""
_ROWS = 50
_PAGE = 20
"""Messages or rows on a page of the view without scripts."""
_OWN_PATH = re.compile(r"/(?:api|d|t|u|p|tags|all|following)(?:/.*)?$")
_THREAD = re.compile(r"/d/((\d+)[^/]*)(?:/(\d+))?/?$")
_TAG = re.compile(r"/t/([^/]+)/?$")
_LOADED = re.compile(r"\bapp\.load\(\s*(?=\{)")
_DELETED = "[deleted]"
_TYPES = {"discussions", "posts", "tags"}


class Flarum(Engine):
    """Read Flarum forums; a discussion is a thread, a tag a board, ids are Flarum's own."""

    name: ClassVar[str] = "flarum"
    gives: ClassVar[Gives] = Gives(
        product="Flarum 1, 2",
        means="JSON:API, or the data in a saved page",
        authors="name, id",
        times="exact",
        edits="yes",
        private="profile",
    )
    marks: ClassVar[str] = "flarum-json-payload, flarum_session cookie, its JSON:API"

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of Flarum on ``page``: cookie, payload, shape of the JSON."""
        hints = []
        if any(c.startswith(b"flarum_") for c in page.headers.getlist("Set-Cookie")):
            hints.append(Evidence(hint="it sets a cookie flarum_...", weight=1.0))
        if is_json(page):
            try:
                found = answer(page)
            except PageChanged:
                return hints
            kinds = {word(each.get("type")) for each in _data(found)}
            known = {"contentHtml", "contentType", "commentCount", "lastPostNumber", "isChild"}
            told = {name for each in _data(found) for name in record(each.get("attributes"))}
            if kinds and kinds <= _TYPES and (told & known or "jsonapi" in found):
                hints.append(Evidence(hint="the JSON:API lists Flarum's resources", weight=1.0))
            return hints
        if page.css("#flarum-json-payload, #flarum-content, #flarum-loading"):
            hints.append(Evidence(hint="the page has Flarum's own elements", weight=1.0))
        elif page.css(".PostStream-item[data-id], .DiscussionListItem[class*='itemId']"):
            hints.append(Evidence(hint="lists are in Flarum's markup", weight=0.7))
        if page.css("#app.App .App-content, #app-navigation.App-navigation"):
            hints.append(Evidence(hint="the page is laid out as Flarum's App", weight=0.5))
        return hints

    def entry(self, url: str) -> str:
        """Return the API address of the page at ``url``; the newest discussions for a root."""
        parts = urlsplit(without_fragment(without_session(url)))
        found = _OWN_PATH.search(parts.path)
        root = parts.path[: found.start()] if found else parts.path.rstrip("/")
        if found and re.match(r"/(?:api|u|p)(?:/|$)", found[0]):
            return urlunsplit(parts)
        page = whole(parameter(url, "page")) or 1
        if thread := _THREAD.search(parts.path):
            asked = [("filter[discussion]", thread[2]), ("page[limit]", str(_POSTS))]
            if thread[3] and int(thread[3]) > 1:
                asked.append(("page[near]", thread[3]))
            elif page > 1:
                asked.append(("page[offset]", str((page - 1) * _PAGE)))
            return self._api(url, root, "posts", asked)
        if found and found[0].rstrip("/") == "/tags":
            return self._api(url, root, "tags", [])
        asked = [("sort", "-lastPostedAt"), ("page[limit]", str(_ROWS))]
        if tag := _TAG.search(parts.path):
            asked.insert(0, ("filter[tag]", unquote(tag[1])))
        if page > 1:
            asked.append(("page[offset]", str((page - 1) * _PAGE)))
        return self._api(url, root, "discussions", asked)

    def thread_of(self, url: str) -> str | None:
        """Return the id of the discussion that an address shows."""
        found = _THREAD.search(urlsplit(without_fragment(without_session(url))).path)
        return found[2] if found else None

    def _api(self, url: str, root: str, what: str, asked: list[tuple[str, str]]) -> str:
        query = urlencode(asked)
        return f"{origin(url)}{root}/api/{what}" + (f"?{query}" if query else "")

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return the discussion, list of discussions or tags that ``page`` tells.

        Raises ``PageChanged`` for JSON of another shape and pages without either.
        """
        if is_json(page):
            return _View(page, answer(page), options).reading()
        page = readable(page)
        payload = carried(page, "#flarum-json-payload") or _loaded(page)
        document = record(payload.get("apiDocument"))
        if not _data(document):
            document = _from_markup(page)
        if not _data(document):
            tags = [
                each for each in records(payload.get("resources")) if each.get("type") == "tags"
            ]
            document = {"data": tags}
        return _View(page, document, options).reading()


def _data(document: Record) -> list[Record]:
    found = document.get("data")
    return [found] if isinstance(found, dict) else records(found)


def _loaded(page: TextResponse) -> Record:
    """Return the payload that older versions give their script as an argument."""
    for script in page.css("script::text").getall():
        if found := _LOADED.search(script):
            try:
                payload, _ = json.JSONDecoder().raw_decode(script, found.end())
            except (ValueError, RecursionError):
                continue
            return record(payload)
    return {}


class _View:
    """One document being read."""

    def __init__(self, page: TextResponse, document: Record, options: ReadOptions) -> None:
        self._page = page
        self._document = document
        self._data = _data(document)
        self._options = options
        self._root = origin(page.url) + _OWN_PATH.sub("", urlsplit(page.url).path).rstrip("/")
        self._known: dict[tuple[str, str], Record] = {
            (word(each.get("type")), word(each.get("id"))): record(each.get("attributes"))
            for each in [*records(document.get("included")), *self._data]
        }
        shown = "" if is_json(page) else page.css("html::attr(lang)").get() or ""
        self._language = shown.strip()[:2].lower() or None

    def reading(self) -> Reading:
        kinds = {word(each.get("type")) for each in self._data}
        if kinds == {"discussions"} and isinstance(self._document["data"], dict):
            return self._discussion(self._data[0])
        if kinds == {"posts"}:
            return self._thread(self._data)
        if kinds == {"tags"}:
            return Reading(kind=Kind.INDEX, boards=self._boards(), language=self._language)
        if kinds == {"discussions"} or (not kinds and "data" in self._document):
            return self._board()
        raise PageChanged("a Flarum page without discussions, posts or tags")

    def _discussion(self, discussion: Record) -> Reading:
        """Return the messages that come with a discussion, a page of its own address."""
        number = word(discussion.get("id"))
        posts = [
            each
            for each in records(self._document.get("included"))
            if each.get("type") == "posts" and "contentHtml" in record(each.get("attributes"))
        ]
        posts.sort(key=lambda each: whole(record(each.get("attributes")).get("number")) or 0)
        return self._thread(posts, number)

    def _thread(self, posts: list[Record], thread_id: str = "") -> Reading:
        thread_id = thread_id or next((_related(each, "discussion") for each in posts), "")
        about = self._known.get(("discussions", thread_id), {})
        slug = word(about.get("slug")) or thread_id
        if not slug.startswith(thread_id):
            slug = f"{thread_id}-{slug}"  # an address scheme of 2.0 leaves the number out
        url = f"{self._root}/d/{quote(slug)}"
        items: list[PostItem] = []
        unreadable = 0
        for post in posts:
            told = record(post.get("attributes"))
            if told.get("contentType", "comment") != "comment" or told.get("isHidden"):
                continue
            if item := self._item(post, url):
                items.append(item)
            else:
                unreadable += 1
        before, after = self._beside(url, posts, thread_id)
        return Reading(
            kind=Kind.THREAD,
            thread_id=thread_id or None,
            thread_title=word(about.get("title")) or None,
            thread_url=url,
            posts=tuple(items),
            next_page=after,
            previous_page=before,
            unreadable=unreadable,
            language=self._language,
        )

    def _item(self, post: Record, thread_url: str) -> PostItem | None:
        told, user = record(post.get("attributes")), _related(post, "user")
        person = self._known.get(("users", user), {})
        name = word(person.get("displayName")) or word(person.get("username"))
        content = told.get("contentHtml")
        if not isinstance(content, str) or not word(post.get("id")):
            return None
        words = words_of(content)
        number = whole(told.get("number"))
        slug = word(person.get("slug")) or word(person.get("username"))
        profile = f"{self._root}/u/{quote(slug, safe='')}" if slug else None
        return PostItem(
            post_id=word(post["id"]),
            number=number,
            url=f"{thread_url}/{number}" if number else thread_url,
            author=name or _DELETED,
            author_id=user if user.isdecimal() else None,
            author_posts=whole(person.get("commentCount")),
            author_joined=machine_time(person.get("joinTime"), self._options),
            posted_at=machine_time(told.get("createdAt") or told.get("time"), self._options),
            edited=bool(told.get("editedAt") or told.get("editTime")),
            text=words.text,
            quotes=words.quotes,
            private_message_url=profile,
            profile_url=profile,
        )

    def _board(self) -> Reading:
        tag = parameter(self._page.url, "filter[tag]")
        if found := _TAG.search(urlsplit(self._page.url).path):
            tag = unquote(found[1])
        titles = [
            word(told.get("name"))
            for (kind, _), told in self._known.items()
            if kind == "tags" and told.get("slug") == tag
        ]
        before, after = self._links()
        return Reading(
            kind=Kind.BOARD,
            board_id=tag,
            board_title=titles[0] if tag and titles else None,
            threads=tuple(self._row(each) for each in self._data if not _hidden(each)),
            next_page=after or self._noscript("»"),
            previous_page=before or self._noscript("«"),
            language=self._language,
        )

    def _row(self, discussion: Record) -> ThreadRef:
        told, number = record(discussion.get("attributes")), word(discussion.get("id"))
        slug = word(told.get("slug")) or number
        slug = slug if slug.startswith(number) else f"{number}-{slug}"
        url = f"{self._root}/d/{quote(slug)}"
        last = whole(told.get("lastPostNumber"))
        return ThreadRef(
            thread_id=number,
            title=word(told.get("title")),
            url=url,
            last_url=f"{url}/{last}" if last and last > 1 else None,
            last_post_id=word(told.get("lastPostId")) or _related(discussion, "lastPost") or None,
            last_posted_at=machine_time(
                told.get("lastPostedAt") or told.get("lastTime"), self._options
            ),
            posts=whole(told.get("commentCount")) or whole(told.get("commentsCount")),
            pinned=bool(told.get("isSticky") or told.get("isStickiest")),
        )

    def _boards(self) -> tuple[BoardRef, ...]:
        boards: dict[str, BoardRef] = {}
        for tag in self._data:
            told = record(tag.get("attributes"))
            slug = word(told.get("slug"))
            if slug and not told.get("isHidden"):
                boards[slug] = BoardRef(
                    board_id=slug,
                    title=word(told.get("name")),
                    url=f"{self._root}/t/{quote(slug, safe='')}",
                    last_posted_at=machine_time(told.get("lastPostedAt"), self._options),
                )
        return tuple(boards.values())

    def _beside(
        self, url: str, posts: list[Record], thread_id: str
    ) -> tuple[str | None, str | None]:
        """Return the pages before and after: the API's, or those of the view without scripts."""
        if word(record(self._document.get("links")).get("first")) or is_json(self._page):
            return self._links()
        ids = self._ids_of(thread_id)
        place = {each: index for index, each in enumerate(ids)}
        here = [place[number] for each in posts if (number := word(each.get("id"))) in place]
        if not here:
            return self._noscript("«"), self._noscript("»")
        first, last = min(here), max(here)
        before = max(1, (first - 1) // _PAGE + 1)
        back = url if before == 1 else f"{url}?page={before}"
        return (
            back if first > 0 else None,
            f"{url}?page={(last + 1) // _PAGE + 1}" if last + 1 < len(ids) else None,
        )

    def _ids_of(self, thread_id: str) -> list[str]:
        """Return the ids of all messages, where the discussion itself lists them."""
        found = [each for each in self._data if word(each.get("id")) == thread_id]
        listed: Any = found[0].get("relationships") if found else None
        return [
            word(each.get("id"))
            for each in records(record(record(listed).get("posts")).get("data"))
        ]

    def _links(self) -> tuple[str | None, str | None]:
        """Return the API's addresses of the pages before and after this one."""
        links = record(self._document.get("links"))
        found: list[str | None] = []
        for name in ("prev", "next"):
            href = links.get(name)
            url = urljoin(self._page.url, href) if isinstance(href, str) and href else None
            found.append(url if url and same_site(url, self._page.url) else None)
        return found[0], found[1]

    def _noscript(self, mark: str) -> str | None:
        """Return the link with ``mark`` of the view without scripts."""
        if is_json(self._page):
            return None
        for link in self._page.css("#flarum-content a[href*='page=']"):
            if mark in plain(link.root):
                url = self._page.urljoin(link.attrib["href"])
                return url if same_site(url, self._page.url) else None
        return None


def _related(found: Record, name: str) -> str:
    """Return the id of the resource that ``found`` names as its ``name``."""
    return word(record(record(record(found.get("relationships")).get(name)).get("data")).get("id"))


def _hidden(discussion: Record) -> bool:
    return bool(record(discussion.get("attributes")).get("isHidden"))


def _from_markup(page: TextResponse) -> Record:
    """Return what a page shows in a browser, in the form of the API's answer."""
    included: list[Record] = []
    posts = [_post_in(post, included) for post in page.css(".PostStream-item[data-id]")]
    here = _THREAD.search(urlsplit(page.url).path)
    if posts:
        heading = page.css(".DiscussionHero-title, #flarum-content h1, h1")
        number = here[2] if here else ""
        for post in posts:
            post["relationships"]["discussion"] = {"data": {"id": number}}
        told = {"title": plain(heading[0].root) if heading else "", "slug": here[1] if here else ""}
        included.append({"type": "discussions", "id": number, "attributes": told})
        return {"data": posts, "included": included}
    rows: dict[str, Record] = {}
    for link in page.css("#flarum-content li a[href], .DiscussionListItem a[href]"):
        found = _THREAD.search(urlsplit(link.attrib["href"]).path)
        if not found or found[2] in rows:
            continue
        item = link.xpath("ancestor::*[contains(@class, 'DiscussionListItem')][1]")
        title = item.css(".DiscussionListItem-title")
        about = {
            "title": plain(title[0].root if title else link.root),
            "slug": found[1],
            "lastPostedAt": item.css(".item-terminalPost time::attr(datetime)").get(),
            "isSticky": bool(item.css(".item-sticky")),
        }
        rows[found[2]] = {"type": "discussions", "id": found[2], "attributes": about}
    return {"data": list(rows.values())} if rows else {}


def _post_in(post: Selector, included: list[Record]) -> Record:
    told = post.attrib
    body = post.css(".Post-body")
    name = post.css(".PostUser-name .username, .PostUser-name")
    href = post.css(".PostUser-name a[href*='/u/']::attr(href)").get() or ""
    slug = unquote(href.rpartition("/u/")[2].strip("/"))
    shown = plain(name[0].root) if name else ""
    user = slug or shown
    included.append(
        {"type": "users", "id": user, "attributes": {"displayName": shown, "slug": slug}}
    )
    inner = tostring(body[0].root, encoding="unicode", with_tail=False) if body else None
    return {
        "type": "posts",
        "id": told["data-id"],
        "attributes": {
            "number": told.get("data-number"),
            "createdAt": told.get("data-time") or post.css(".PostMeta time::attr(datetime)").get(),
            "contentType": told.get("data-type") or "comment",
            "contentHtml": fit(inner) if inner is not None else None,
            "editedAt": bool(post.css(".PostEdited")),
            "isHidden": bool(post.css(".Post--hidden")),
        },
        "relationships": {"user": {"data": {"id": user}}},
    }
