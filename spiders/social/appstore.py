"""Reviews in Apple's App Store, from the feed of customer reviews (500 newest of a country).

Written in November 2026 after the feed's known shape.
"""

import re
from typing import Any, ClassVar
from urllib.parse import urlsplit

from scrapy.http import TextResponse

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
from spiders.social.answers import answer, dig, required, rows, words
from spiders.text import words_of

API = "https://itunes.apple.com"
_LAST_PAGE = 10
_APP = re.compile(r"^/(?:([a-z]{2})/)?app/(?:[^/]+/)?id(\d+)")
_FEED = re.compile(r"^/([a-z]{2})/rss/customerreviews/(?:page=(\d+)/)?id=(\d+)(?:/page=(\d+))?")


class AppStore(Engine):
    """Read the reviews of an app in one country; each review is a thread of its own."""

    name: ClassVar[str] = "appstore"
    marks: ClassVar[str] = "apps.apple.com, or the JSON of its reviews"
    api_hosts: ClassVar[frozenset[str]] = frozenset({"itunes.apple.com"})
    gives: ClassVar[Gives] = Gives(
        product="App Store reviews",
        addresses="an app's page in a country's store",
        means="JSON feed of reviews; no key",
        posts="the 500 newest reviews of the country",
        authors="name, id",
        times="exact",
        edits="not shown; a changed review is read anew",
        deletions="not seen: a feed of the newest says nothing of the rest",
        private="none; the maker's answer is public",
        incremental="newest first, up to the first page without news",
    )

    def claims(self, url: str) -> bool:
        """Return whether the address is an app's page or the feed of its reviews."""
        parts = urlsplit(url)
        store = parts.hostname in {"apps.apple.com", "itunes.apple.com"}
        return store and bool(_APP.match(parts.path) or _FEED.match(parts.path))

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hint of the feed on ``page``."""
        feed = dig(answer(page), "feed")
        told = [words(dig(one, "attributes", "href")) for one in _entries(dig(feed, "link"))]
        told += [words(dig(feed, "id", "label")), page.url]
        reviews = any("customerreviews" in one for one in told)
        if isinstance(feed, dict) and (
            reviews or any("im:rating" in one for one in _entries(feed.get("entry")))
        ):
            return [Evidence(hint="the JSON is a feed of customer reviews", weight=1.0)]
        return []

    def entry(self, url: str) -> str:
        """Return the address of the feed for an app's page; of the store of the USA if none is."""
        parts = urlsplit(url)
        found = _APP.match(parts.path)
        if found is None or parts.hostname not in {"apps.apple.com", "itunes.apple.com"}:
            return url
        return _page(API, found[1] or "us", found[2], 1)

    def again(self, thread_id: str, url: str, source: str) -> None:
        """Return ``None``: the feed alone shows a review."""

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return a page of reviews, newest first; raise ``PageChanged`` for another shape."""
        feed = dig(required(page), "feed")
        if not isinstance(feed, dict):
            raise PageChanged("an answer of the App Store without a feed")
        here = _FEED.match(urlsplit(page.url).path)
        country, app = (here[1], here[3]) if here else ("us", "")
        listed = [one for one in _entries(feed.get("entry")) if "im:rating" in one]
        made = [_post(one, country, app, options) for one in listed]
        posts = tuple(post for post in made if post is not None)
        number = int((here and (here[2] or here[4])) or 1)
        more = bool(listed) and here is not None and number < min(_LAST_PAGE, _last(feed))
        following = _page(origin(page.url), country, app, number + 1) if more else None
        if not listed and here is not None and here[2] and number == 1:
            following = _otherwise(origin(page.url), country, app)
        return Reading(
            kind=Kind.BOARD,
            board_id=f"{country}/{app}" if app else None,
            board_title=words(dig(feed, "title", "label")) or "App Store",
            posts=posts,
            threads=tuple(post.thread for post in posts if post.thread),
            next_page=following,
            unreadable=len(made) - len(posts),
        )


def _page(root: str, country: str, app: str, number: int) -> str:
    return f"{root}/{country}/rss/customerreviews/page={number}/id={app}/sortby=mostrecent/json"


def _otherwise(root: str, country: str, app: str) -> str:
    """Return the other spelling of the first page: at times one of them is empty."""
    return f"{root}/{country}/rss/customerreviews/id={app}/page=1/sortby=mostrecent/json"


def _last(feed: dict[str, Any]) -> int:
    """Return the number of the last page, which the feed links to."""
    for link in _entries(feed.get("link")):
        if dig(link, "attributes", "rel") == "last":
            found = re.search(r"/page=(\d+)", words(dig(link, "attributes", "href")))
            return int(found[1]) if found else _LAST_PAGE
    return _LAST_PAGE


def _entries(value: Any) -> list[dict[str, Any]]:
    """Return a list's objects; the feed writes a list of one as that one."""
    return [value] if isinstance(value, dict) else list(rows(value))


def _post(one: dict[str, Any], country: str, app: str, options: ReadOptions) -> PostItem | None:
    number = words(dig(one, "id", "label"))
    author = words(dig(one, "author", "name", "label"))
    text = dig(one, "content", "label")
    if not number or not author or not isinstance(text, str):
        return None
    person = re.search(r"/id(\d+)", words(dig(one, "author", "uri", "label")))
    when = machine_time(dig(one, "updated", "label"), options)
    title = words(dig(one, "title", "label"))
    rating = words(dig(one, "im:rating", "label"))
    said = words_of(text).text
    shown = f"https://apps.apple.com/{country}/app/id{app}?see-all=reviews#{number}"
    return PostItem(
        post_id=number,
        number=1,
        url=shown,
        author=author,
        author_id=person[1] if person else None,
        posted_at=when,
        edited=False,
        text=said,
        private_message_url=None,
        thread=ThreadRef(
            thread_id=number,
            title=f"{title} ({rating}/5)" if rating else title,
            url=shown,
            last_posted_at=when,
            posts=1,
            stamp=f"{when} {rating} {title[:60]} {len(said)}",
            complete=True,
        ),
    )
