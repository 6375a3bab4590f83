"""What a Discourse page in HTML tells in the form of its JSON: preloaded data, or what is drawn."""

import json
import re

from lxml.etree import tostring  # type: ignore[import-untyped]  # has no types
from parsel import Selector
from scrapy.http import TextResponse

from spiders.answers import Record, record
from spiders.text import plain

_TOPIC = re.compile(r"/t/(?:([^/]*[^/\d][^/]*)/)?(\d+)")


def page_as_json(page: TextResponse) -> Record:
    """Return the topic or list that ``page`` carries for its script or shows; ``{}`` for neither.

    The page for crawlers has neither.
    """
    for node in page.css("[data-preloaded]"):
        try:
            found = json.loads(node.attrib["data-preloaded"])
            told = [json.loads(text) for text in record(found).values() if isinstance(text, str)]
        except (ValueError, RecursionError):
            continue
        for name in ("post_stream", "topic_list", "category_list"):
            for each in told:
                if isinstance(each, dict) and isinstance(each.get(name), dict):
                    return each
    return _drawn(page)


def _drawn(page: TextResponse) -> Record:
    """Return the messages, or rows, that a saved page shows as its script has drawn them."""
    href = page.css("link[rel=canonical]::attr(href)").get() or page.url
    own = _TOPIC.search(href) or _TOPIC.search(page.url)
    slug, number = (own[1], int(own[2])) if own else (None, None)
    posts = [
        _post(node, slug, number)
        for node in page.css("article[data-post-id]")
        if node.css(".cooked")
    ]
    if posts:
        title = page.css("#topic-title .fancy-title, h1 .fancy-title, h1")
        return {
            "id": number,
            "slug": slug,
            "title": plain(title[0].root) if title else None,
            "post_stream": {"posts": posts},
        }
    rows = [_row(node) for node in page.css("tr.topic-list-item[data-topic-id]")]
    return {"topic_list": {"topics": rows}} if rows else {}


def _post(node: Selector, slug: str | None, topic: int | None) -> Record:
    user = node.css(".names [data-user-card]::attr(data-user-card)").get()
    shown = node.css(".names .username a, .names a")
    cooked = tostring(node.css(".cooked")[0].root, encoding="unicode", with_tail=False)
    found = re.search(r"post_(\d+)", node.attrib.get("id", ""))
    return {
        "id": node.attrib["data-post-id"],
        "post_number": int(found[1]) if found else None,
        "username": user or (plain(shown[0].root) if shown else None),
        "user_id": node.attrib.get("data-user-id"),
        "created_at": node.css(".post-date .relative-date::attr(data-time)").get()
        or node.css(".relative-date::attr(data-time)").get(),
        "cooked": cooked,
        "version": 2 if node.css(".post-info.edits, .edits .widget-button") else 1,
        "topic_id": topic,
        "topic_slug": slug,
    }


def _row(node: Selector) -> Record:
    link = node.css("a.title, a.raw-topic-link")
    times = node.css(".activity .relative-date::attr(data-time)").getall()
    count = node.css(".posts .number::text, .replies .number::text").get() or ""
    return {
        "id": int(node.attrib["data-topic-id"]),
        "title": plain(link[0].root) if link else "",
        "last_posted_at": times[-1] if times else None,
        "posts_count": int(count) + 1 if count.strip().isdecimal() else None,
        "pinned": "pinned" in node.attrib.get("class", "").split(),
    }
