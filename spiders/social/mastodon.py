"""Mastodon and what speaks its API: tags, accounts and public timelines, each status in its thread.

A timeline lists statuses; a status with answers is opened by its context. Checked in November 2026
against recorded answers of Mastodon 4.5 and its documentation.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self
from urllib.parse import quote, unquote, urlsplit

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from scrapy.http import TextResponse

from spiders.addresses import origin
from spiders.base import (
    BoardRef,
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
from spiders.social.answers import (
    answer,
    count,
    dig,
    ident,
    required,
    rows,
    threads_of,
    title_of,
    with_query,
    words,
)
from spiders.social.answers import query_of as parameter
from spiders.text import ATTACHMENT, classes, words_of
from spiders.walk import HOLDER

_PUBLIC = {"public", "unlisted"}
"""Anybody may read both; unlisted ones stand in no timeline of a tag, but in threads. An account's
``indexable`` is about Mastodon's own search and off unless asked for, so it decides nothing here.
"""
_GUEST_CONTEXT = (40, 60)
"""Most ancestors and descendants that a guest is shown."""
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')
_TAG = re.compile(r"/tags?/([^/]+)/?$")
_STATUS = re.compile(r"/(?:@[^/]+|users/[^/]+/statuses|web/statuses|deck/@[^/]+)/(\d+)/?$")
_ACCOUNT = re.compile(r"/(?:deck/)?(?:@|users/)([^/]+)/?(?:with_replies|media)?/?$")
_API_STATUS = re.compile(r"/api/v1/statuses/([^/]+)(?:/context)?$")
_OPTED_OUT = re.compile(r"#no(?:bot|index)\b", re.IGNORECASE)


class Mastodon(Engine):
    """Read a Mastodon server; a status that answers none is a thread, a tag a board."""

    name: ClassVar[str] = "mastodon"
    marks: ClassVar[str] = "its JSON of statuses, id mastodon in the page"
    gives: ClassVar[Gives] = Gives(
        product="Mastodon",
        addresses="a tag, an account, a status, a server's public timeline",
        means="JSON (statuses, context); no key",
        posts="public and unlisted statuses and their answers (60 to a guest); no boosts, nothing "
        "of an author with noindex, or with #nobot or #noindex in their note",
        authors="name shown, handle, id",
        times="exact",
        edits="yes",
        private="the author's profile; on your own server, where "
        "QUIETWORD_MASTODON_INSTANCE names it, a direct message",
        incremental="newest first; a status is opened again when answered or edited",
    )

    def __init__(self, *, own: str | None = None) -> None:
        """``own``: origin of the server from which our people write, https://..."""
        self._own = own

    def with_keys(self, keys: Mapping[str, str]) -> Self:
        """Return a reader whose private links begin on the server of ``mastodon_instance``."""
        given = keys.get("mastodon_instance", "").strip().rstrip("/")
        if not given:
            return self
        return type(self)(own=given if "://" in given else f"https://{given}")

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hints of Mastodon on ``page``: the shape of its JSON, its web app."""
        found = answer(page)
        if found is not None:
            path = urlsplit(page.url).path
            listed = found if isinstance(found, list) else found.get("statuses")
            if _is_status(found) or (isinstance(listed, list) and any(map(_is_status, listed))):
                return [Evidence(hint="the JSON holds Mastodon statuses", weight=1.0)]
            if isinstance(dig(found, "descendants"), list) and "ancestors" in found:
                return [Evidence(hint="the JSON is the context of a status", weight=1.0)]
            if found == [] and "/api/v1/" in path:
                return [Evidence(hint="an empty list at an address of its API", weight=1.0)]
            if dig(found, "acct") and dig(found, "statuses_count") is not None:
                return [Evidence(hint="the JSON is a Mastodon account", weight=1.0)]
            return []
        hints = []
        if (page.headers.get("Server") or b"").lower() == b"mastodon":
            hints.append(Evidence(hint="the server calls itself Mastodon", weight=1.0))
        if not page.text[:500].lstrip().startswith("<?xml") and page.css("#mastodon"):
            hints.append(Evidence(hint="the page is Mastodon's web app", weight=1.0))
        return hints

    def entry(self, url: str) -> str:
        """Return the address of the API for a tag, a status, an account or the server's page."""
        parts = urlsplit(url)
        if parts.path.startswith("/api/"):
            return url
        root = origin(url)
        if found := _TAG.search(parts.path):
            return f"{root}/api/v1/timelines/tag/{quote(unquote(found[1]), safe='')}?limit=40"
        if found := _STATUS.search(parts.path):
            return f"{root}/api/v1/statuses/{found[1]}"
        if found := _ACCOUNT.search(parts.path):
            return f"{root}/api/v1/accounts/lookup?acct={quote(unquote(found[1]), safe='@')}"
        local = "local=true&" if parts.path.rstrip("/").endswith("/local") else ""
        return f"{root}/api/v1/timelines/public?{local}limit=40"

    def thread_of(self, url: str) -> str | None:
        """Return the id of the status that ``url`` shows."""
        found = _API_STATUS.search(urlsplit(self.entry(url)).path)
        return found[1] if found else None

    def again(self, thread_id: str, url: str, source: str) -> str:  # noqa: ARG002
        """Return the API's address of a thread's first status, on the host of ``source``."""
        return f"{origin(self.entry(source))}/api/v1/statuses/{quote(thread_id, safe='')}"

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what a timeline, a status, a context or an account tells.

        Raises ``PageChanged`` for JSON of another shape.
        """
        found = required(page)
        view = _View(page, options, self._own)
        if isinstance(found, list):
            return view.timeline(found)
        if isinstance(found.get("descendants"), list):
            return view.context(found)
        if _is_status(found):
            return view.status(found)
        if isinstance(found.get("statuses"), list):
            return view.timeline(found["statuses"])
        if found.get("acct") and ident(found.get("id")):
            return view.account(found)
        said = words(found.get("error"))[:200]
        raise PageChanged(
            "a Mastodon answer without statuses"
            + (
                f", which says {said!r}. If it asks for a login, its timelines are closed"
                * bool(said)
            )
        )


def _is_status(found: object) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("account"), dict)
        and "acct" in found["account"]
        and "content" in found
    )


class _View:
    """One answer being read."""

    def __init__(self, page: TextResponse, options: ReadOptions, own: str | None) -> None:
        self._own = own
        self._page = page
        self._url = page.url
        self._options = options
        self._root = origin(page.url)

    def timeline(self, listed: list[Any]) -> Reading:
        """Return a list of statuses, newest first, each with its thread."""
        seen = {ident(one.get("id")): one for one in rows(listed)}
        posts: list[PostItem] = []
        made: dict[str, ThreadRef] = {}
        unreadable = 0
        for one in rows(listed):
            if not _spoken(one):
                continue
            post = self._post(one)
            if post is None:
                unreadable += 1
                continue
            root = _root_of(one, seen)
            top = root if root is not None else one
            thread_id = str(top["id"]) if root is not None else HOLDER + post.post_id
            title = title_of(self._words(top))
            posts.append(replace(post, thread=self._people(thread_id, title, top)))
            answers = count(top.get("replies_count"))
            made.setdefault(
                thread_id,
                ThreadRef(
                    thread_id=thread_id,
                    title=title,
                    url=self._beside(quote(ident(top.get("id")) or "", safe="")),
                    last_posted_at=post.posted_at,
                    stamp=f"{top['id']} {answers} {top.get('edited_at') or ''}"[:200],
                    complete=root is one and answers == 0,
                ),
            )
        tag = re.search(r"/timelines/tag/([^/]+)$", urlsplit(self._url).path)
        name = unquote(tag[1]) if tag else None
        return Reading(
            kind=Kind.BOARD,
            board_id=name,
            board_title=f"#{name}" if name else None,
            posts=tuple(posts),
            threads=threads_of(posts, made),
            next_page=self._next(listed),
            unreadable=unreadable,
        )

    def context(self, found: dict[str, Any]) -> Reading:
        """Return the statuses around one: what it answers and its answers, without itself."""
        before, after = list(rows(found.get("ancestors"))), list(rows(found["descendants"]))
        here = _API_STATUS.search(urlsplit(self._url).path)
        root = ident(before[0].get("id")) if before else (here[1] if here else None)
        posts, unreadable = self._posts([*before, *after])
        top = before[0] if before else None
        return Reading(
            kind=Kind.THREAD,
            thread_id=root,
            thread_title=title_of(self._words(top)) or None if top else None,
            thread_url=_page_of(top, self._root) if top else self._beside(here[1] if here else ""),
            posts=posts,
            unreadable=unreadable,
            nested=True,
            cut=len(before) == _GUEST_CONTEXT[0] or len(after) == _GUEST_CONTEXT[1],
        )

    def status(self, found: dict[str, Any]) -> Reading:
        """Return one status; its context, if it has one, is the next page."""
        posts, unreadable = self._posts([found])
        number = ident(found.get("id")) or ""
        answers = found.get("in_reply_to_id")
        path = f"{self._root}/api/v1/statuses/{quote(number, safe='')}/context"
        return Reading(
            kind=Kind.THREAD,
            thread_id=HOLDER + number if answers else number,
            thread_title=title_of(self._words(found)) or None,
            thread_url=_page_of(found, self._root),
            posts=posts,
            next_page=path if answers or found.get("replies_count") != 0 else None,
            unreadable=unreadable,
            nested=True,
        )

    def account(self, found: dict[str, Any]) -> Reading:
        """Return an account as an index whose only board is what it wrote."""
        number, name = ident(found["id"]) or "", words(found["acct"])
        board = BoardRef(
            board_id=number,
            title=f"@{name}",
            url=f"{self._root}/api/v1/accounts/{quote(number, safe='')}/statuses?limit=40",
        )
        return Reading(kind=Kind.INDEX, board_title=f"@{name}", boards=(board,))

    def _next(self, listed: list[Any]) -> str | None:
        """Return the page of older statuses, which the Link header names.

        A saved answer has no headers; there the last status leads on.
        """
        if self._page.headers:
            link = (self._page.headers.get("Link") or b"").decode("latin-1")
            found = _NEXT.search(link)
            return found[1] if found and origin(found[1]) == self._root else None
        last = ident(listed[-1].get("id")) if listed and isinstance(listed[-1], dict) else None
        if last is None or parameter(self._url, "min_id"):
            return None
        return with_query(self._url, max_id=last, since_id=None)

    def _people(self, thread_id: str, title: str, top: dict[str, Any]) -> ThreadRef:
        return ThreadRef(thread_id=thread_id, title=title, url=_page_of(top, self._root))

    def _beside(self, number: str) -> str:
        return f"{self._root}/api/v1/statuses/{number}/context"

    def _posts(self, listed: Sequence[dict[str, Any]]) -> tuple[tuple[PostItem, ...], int]:
        made = [self._post(one) for one in listed if _spoken(one)]
        posts = tuple(post for post in made if post is not None)
        return posts, len(made) - len(posts)

    def _words(self, status: dict[str, Any]) -> str:
        warning = words(status.get("spoiler_text"))
        content = status.get("content")
        said = words_of(content, _own_words).text if isinstance(content, str) else ""
        return f"{warning}\n\n{said}".strip() if warning else said

    def _post(self, status: dict[str, Any]) -> PostItem | None:
        number, account = ident(status.get("id")), status.get("account")
        handle = words(dig(account, "acct"))
        if number is None or not handle or not isinstance(status.get("content"), str):
            return None
        text = self._words(status)
        if not text and status.get("media_attachments"):
            text = ATTACHMENT
        quoted = dig(status, "quote", "quoted_status")
        quotes = words_of(status["content"], _own_words).quotes
        if _is_status(quoted) and _spoken(quoted):
            quotes += (Quote(author=_name(quoted["account"]), text=self._words(quoted)),)
        url = _page_of(status, self._root)
        profile = _web(dig(account, "url")) or f"{self._root}/@{quote(handle, safe='@')}"
        return PostItem(
            post_id=number,
            number=None,
            url=url,
            author=_name(account),
            author_id=ident(dig(account, "id")),
            author_handle=handle,
            author_posts=count(dig(account, "statuses_count")),
            author_joined=machine_time(dig(account, "created_at"), self._options),
            posted_at=machine_time(status.get("created_at"), self._options),
            edited=bool(status.get("edited_at")),
            text=text,
            quotes=quotes,
            private_message_url=self._private(profile, handle),
            profile_url=profile,
        )

    def _private(self, profile: str, handle: str) -> str:
        """Return the form of a direct message on our own server, or else the author's profile."""
        if self._own is None:
            return profile
        host = urlsplit(profile).hostname or ""
        whom = handle if "@" in handle else f"{handle}@{host}"
        return f"{self._own}/share?text={quote(f'@{whom} ', safe='')}&visibility=direct"


def _spoken(status: dict[str, Any]) -> bool:
    """Return whether a status is its author's own, public, and may be read by programs."""
    account = status.get("account")
    return (
        not status.get("reblog")
        and words(status.get("visibility", "public")) in _PUBLIC
        and dig(account, "noindex") is not True
        and not _OPTED_OUT.search(str(dig(account, "note") or ""))
    )


def _root_of(
    status: dict[str, Any], seen: dict[str | None, dict[str, Any]]
) -> dict[str, Any] | None:
    """Return the status that began the thread, if it stands on the same page."""
    for _ in range(len(seen) + 1):
        parent = status.get("in_reply_to_id")
        if parent is None:
            return status
        above = seen.get(ident(parent))
        if above is None:
            return None
        status = above
    return None


def _page_of(status: dict[str, Any], root: str) -> str:
    """Return where people see a status."""
    shown = _web(status.get("url")) or _web(status.get("uri"))
    handle = words(dig(status, "account", "acct"))
    return shown or f"{root}/@{quote(handle, safe='@')}/{status.get('id')}"


def _web(value: Any) -> str | None:
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else None


def _name(account: Any) -> str:
    return words(dig(account, "display_name")) or words(dig(account, "acct"))


def _own_words(element: Element) -> str | None:
    """Leave out the link that stands for a quoted status where quotes are not shown."""
    return "" if "quote-inline" in classes(element) else None
