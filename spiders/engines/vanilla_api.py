"""Answers of Vanilla's API: lists of discussions and of comments, or one discussion."""

import json
import re
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from lxml.html import fragments_fromstring  # type: ignore[import-untyped]  # has no types
from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import origin, parameter, parameters, same_site, without_fragment
from spiders.answers import Record, record, records, whole, word
from spiders.base import Kind, PageChanged, PostItem, Reading, ReadOptions, ThreadRef
from spiders.body import flattened
from spiders.dates import machine_time
from spiders.text import read_words

_NEXT = re.compile(r'<([^<>]+)>;\s*rel="?(next|prev)"?')


def _listed(page: TextResponse) -> list[Record]:
    try:
        found: Any = page.json()
    except (ValueError, RecursionError) as error:
        raise PageChanged(f"not the JSON it begins as ({type(error).__name__})") from error
    return [found] if isinstance(found, dict) else records(found)


def is_api(page: TextResponse) -> bool:
    """Tell whether ``page`` is a list of Vanilla's discussions or comments."""
    try:
        first = next(iter(_listed(page)), {})
    except PageChanged:
        return False
    return "discussionID" in first and ("insertUserID" in first or "insertUser" in first)


def read_api(page: TextResponse, options: ReadOptions) -> Reading:
    """Return the thread or list of threads that an answer tells.

    Raises ``PageChanged`` for an answer of another shape.
    """
    found = _listed(page)
    root = origin(page.url) + urlsplit(page.url).path.partition("/api/")[0]
    before, after = _beside(page)
    if found and "commentID" not in found[0] and isinstance(page.json(), list):
        return Reading(
            kind=Kind.BOARD,
            board_id=parameter(page.url, "categoryID"),
            threads=tuple(row(each, root, options) for each in found if each.get("discussionID")),
            next_page=after,
            previous_page=before,
        )
    items = [post for each in found if (post := item(each, root, options))]
    if not items:
        raise PageChanged("an answer of Vanilla's API without discussions or comments")
    number = word(found[0].get("discussionID"))
    title = re.sub(r"^Re: ", "", word(found[0].get("name")))
    return Reading(
        kind=Kind.THREAD,
        thread_id=number or None,
        thread_title=title or None,
        thread_url=f"{root}/discussion/{number}",
        posts=tuple(items),
        next_page=after,
        previous_page=before,
        unreadable=len(found) - len(items),
    )


def row(found: Record, root: str, options: ReadOptions) -> ThreadRef:
    """Return the thread that ``found`` tells of, whose address is that of its comments."""
    number, comments = word(found["discussionID"]), whole(found.get("countComments"))
    latest = found.get("dateLastComment") or found.get("dateInserted")
    return ThreadRef(
        thread_id=number,
        title=word(found.get("name")),
        url=f"{root}/api/v2/comments?{urlencode([('discussionID', number), ('expand', 'all')])}",
        last_posted_at=machine_time(latest, options),
        posts=comments + 1 if comments is not None else None,
        pinned=bool(found.get("pinned")),
    )


def item(found: Record, root: str, options: ReadOptions) -> PostItem | None:
    """Return the message that ``found`` is; ``None`` without an author or a text."""
    person, body = record(found.get("insertUser")), found.get("body")
    name, member = word(person.get("name")), word(found.get("insertUserID"))
    comment, thread = word(found.get("commentID")), word(found.get("discussionID"))
    if not name or not isinstance(body, str):
        return None
    node = Selector(text=flattened(f"<div>{body}</div>"), type="html")
    for embed in node.css("[data-embedjson]"):
        open_quote(embed)
    words = read_words(node.root)
    url = found.get("url")
    place = f"comment/{comment}" if comment else thread
    return PostItem(
        post_id=comment or f"thread-{thread}",
        number=None if comment else 1,
        url=url if isinstance(url, str) and same_site(url, root) else f"{root}/discussion/{place}",
        author=name,
        author_id=member or None,
        posted_at=machine_time(found.get("dateInserted"), options),
        edited=bool(found.get("dateUpdated")),
        text=words.text,
        quotes=words.quotes,
        private_message_url=f"{root}/messages/add/{quote(name, safe='')}" if member else None,
        profile_url=f"{root}/profile/{quote(f'{member}/{name}')}" if member else None,
    )


def _beside(page: TextResponse) -> tuple[str | None, str | None]:
    """Return the pages before and after, as the header ``Link`` or the full page say."""
    header = (page.headers.get("Link") or b"").decode("latin-1")
    told = {name: urljoin(page.url, url) for url, name in _NEXT.findall(header)}
    if told:
        kept = {name: url for name, url in told.items() if same_site(url, page.url)}
        return kept.get("prev"), kept.get("next")
    here = whole(parameter(page.url, "page")) or 1
    return (_page(page.url, here - 1) if here > 1 else None), None


def _page(url: str, number: int) -> str:
    parts = urlsplit(without_fragment(url))
    asked = [(name, value) for name, value in parameters(url) if name != "page"]
    return urlunsplit(parts._replace(query=urlencode([*asked, ("page", str(number))])))


def open_quote(embed: Selector) -> None:
    """Turn a quote that is only data, for a script to draw, into the quote it stands for."""
    try:
        told = record(json.loads(embed.attrib["data-embedjson"]))
    except (ValueError, RecursionError):
        return
    if word(told.get("embedType")) != "quote":
        return
    root = embed.root
    for child in list(root):
        root.remove(child)
    root.tag, root.text = "blockquote", None
    root.set("data-username", word(record(told.get("insertUser")).get("name")))
    body = told.get("body") or told.get("bodyRaw")
    if isinstance(body, str):
        for part in fragments_fromstring(re.sub(r"[\x00-\x08\x0b-\x1f]", " ", body) or " "):
            if isinstance(part, str):
                root.text = part
            else:
                root.append(part)
