"""RSS and Atom taken apart by feedparser, for the readers that need a feed."""

import calendar
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from scrapy.http import TextResponse

from spiders.base import PageChanged, ReadOptions
from spiders.dates import machine_time
from spiders.social.answers import unescaped, words

MOST = 1000
"""Entries read of one feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a feed."""

    entry_id: str
    title: str
    link: str
    author: str
    author_link: str | None
    published: datetime | None
    updated: datetime | None
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed and its entries, in its own order."""

    title: str
    link: str
    language: str | None
    following: str
    """The next page of an archived feed (RFC 5005); empty for none."""
    entries: tuple[Entry, ...]
    unreadable: int


def is_feed(page: TextResponse) -> bool:
    """Return whether ``page`` is RSS (of any age) or Atom."""
    head = page.text[:2000].lstrip("\ufeff \t\r\n")
    if not head.startswith("<"):
        return False
    return any(mark in head for mark in ("<rss", "<rdf:RDF", "<feed")) and "<html" not in head


def entries(page: TextResponse, options: ReadOptions) -> Feed:
    """Return what the feed says; raise ``PageChanged`` for one that cannot be taken apart."""
    import feedparser  # type: ignore[import-untyped]  # has no types; only needed here

    # A stream: feedparser would fetch a text that looks like an address.
    found = feedparser.parse(io.BytesIO(page.body), resolve_relative_uris=False)
    if not found.version:
        raise PageChanged("a feed that is neither RSS nor Atom")
    made: list[Entry] = []
    unreadable = 0
    for one in found.entries[:MOST]:
        entry = _entry(one, page.url, options)
        if entry is None:
            unreadable += 1
        else:
            made.append(entry)
    links = found.feed.get("links") or []
    language = words(found.feed.get("language"))[:2].lower()
    return Feed(
        title=unescaped(found.feed.get("title")),
        link=words(found.feed.get("link")),
        language=language if len(language) == 2 and language.isalpha() else None,
        following=next(
            (_joined(page.url, words(a.get("href"))) for a in links if a.get("rel") == "next"), ""
        ),
        entries=tuple(made),
        unreadable=unreadable,
    )


def _entry(one: Any, url: str, options: ReadOptions) -> Entry | None:
    link = _joined(url, words(one.get("link")))
    entry_id = words(one.get("id")) or link
    if not entry_id:
        return None
    bodies = [body.get("value") for body in one.get("content") or []] + [one.get("summary")]
    texts = [body for body in bodies if isinstance(body, str)]
    detail = one.get("author_detail") or {}
    return Entry(
        entry_id=entry_id,
        title=unescaped(one.get("title")),
        link=link,
        author=words(detail.get("name")) or words(one.get("author")),
        author_link=_joined(url, words(detail.get("href"))) or None,
        # Asked as a plain dict: feedparser gives one time for the other, with a warning.
        published=_when(dict.get(one, "published_parsed"), options),
        updated=_when(dict.get(one, "updated_parsed"), options),
        html=max(texts, key=len, default=""),
    )


def _joined(url: str, link: str) -> str:
    """Return the web address that ``link`` is on the page at ``url``; empty when it is none."""
    try:
        whole = urljoin(url, link) if link else ""
    except ValueError:
        return ""
    return whole if whole.startswith(("http://", "https://")) else ""


def _when(moment: Any, options: ReadOptions) -> datetime | None:
    """Return feedparser's time, which is in UTC."""
    if not moment:
        return None
    try:
        return machine_time(
            datetime.fromtimestamp(calendar.timegm(moment), UTC).isoformat(), options
        )
    except (ValueError, OverflowError, OSError):
        return None
