"""Any RSS or Atom feed: each entry is a thread of its own, whose text stands in the feed."""

import re
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit, urlunsplit

from scrapy.http import TextResponse

from spiders.addresses import origin, same_site
from spiders.base import Engine, Evidence, Gives, Kind, PostItem, Reading, ReadOptions, ThreadRef
from spiders.social.feeds import Entry, entries, is_feed
from spiders.text import words_of

_EDITED = timedelta(minutes=1)


class FeedReader(Engine):
    """Read RSS and Atom; the feed is a board."""

    name: ClassVar[str] = "feed"
    marks: ClassVar[str] = "RSS or Atom"
    generic: ClassVar[bool] = True
    gives: ClassVar[Gives] = Gives(
        product="RSS / Atom",
        addresses="a feed",
        means="RSS 0.9-2.0, Atom",
        posts="the entries that the feed holds; their texts may be cut by the site",
        authors="name, where the feed tells",
        times="exact",
        edits="where the feed has both times",
        deletions="not seen: an entry that rolls off is no deletion",
        private="the author's page, where the feed links to it",
        incremental="one request; entries whose time, title and text are unchanged are left alone",
    )

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hint that ``page`` is a feed."""
        if "<smf:xml-feed" in page.text[:500]:
            return [Evidence(hint="the page is SMF's own XML, which has an RSS twin", weight=1.0)]
        return [Evidence(hint="the page is RSS or Atom", weight=1.0)] if is_feed(page) else []

    def entry(self, url: str) -> str:
        """Return ``url``; of SMF's XML the same in RSS."""
        parts = urlsplit(url)
        asked = {*re.split("[;&]", parts.query)}
        if "action=.xml" not in asked or asked & {"type=rss", "type=rss2", "type=atom"}:
            return url
        kept = [one for one in re.split("[;&]", parts.query) if not one.startswith("type=")]
        return urlunsplit(parts._replace(query=";".join([*kept, "type=rss2"])))

    def again(self, thread_id: str, url: str, source: str) -> None:
        """Return ``None``: the feed alone shows an entry."""

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return the feed's entries; raise ``PageChanged`` for what is no feed."""
        feed = entries(page, options)
        posts = tuple(_post(one, page.url, feed.title) for one in feed.entries)
        return Reading(
            kind=Kind.BOARD,
            board_id=feed.link or page.url,
            board_title=feed.title or None,
            posts=posts,
            threads=tuple(post.thread for post in posts if post.thread),
            next_page=feed.following if same_site(feed.following, page.url) else None,
            unreadable=feed.unreadable,
            language=feed.language,
        )


def _post(one: Entry, url: str, title: str) -> PostItem:
    said = words_of(one.html)
    edited = one.published and one.updated and one.updated - one.published > _EDITED
    link = one.link or url
    return PostItem(
        post_id=one.entry_id,
        number=1,
        url=link,
        author=one.author or title or origin(url),
        author_id=None,
        posted_at=one.published or one.updated,
        edited=bool(edited),
        text=said.text,
        quotes=said.quotes,
        private_message_url=one.author_link,
        profile_url=one.author_link,
        thread=ThreadRef(
            thread_id=one.entry_id,
            title=one.title,
            url=link,
            last_posted_at=one.updated or one.published,
            posts=1,
            stamp=f"{one.updated} {one.published} {_digest(one.title, said.text)}",
            complete=True,
        ),
    )


def _digest(*texts: str) -> str:
    """Return a short name for what an entry says."""
    import hashlib

    return hashlib.sha256("\x1f".join(texts).encode("utf-8", "replace")).hexdigest()[:16]
