"""The last resort for software that nothing else knows: what a page repeats, read by structure.

A guess, and said to be one: repeated blocks with a link to a profile, a moment and a text are
messages. It gives way to every other engine, and refuses pages without clear repeated blocks.
"""

import hashlib
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from scrapy.http import TextResponse

from spiders.addresses import same_site, without_fragment, without_session
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
from spiders.body import is_json, readable
from spiders.dates import order_by_ids
from spiders.engines.generic_blocks import Block, Finder
from spiders.engines.generic_parts import UNSURE
from spiders.engines.page_links import beside, whole_thread
from spiders.engines.schema_addresses import board_key, post_id_in, thread_number
from spiders.text import classes, is_quote, plain, read_words

_SIGNATURE = re.compile(
    r"signature|\bsig\b|podpis|edited|last-?edit|edit-?(?:info|note)|modified|updated-",
    re.IGNORECASE,
)
_EDITED = re.compile(
    r"edited|last-?_?edit|edit-?(?:info|note)|modified|edytowan|updated-", re.IGNORECASE
)
_EDITED_ON = re.compile(
    r"(?:last edit|edited (?:on|by)|zuletzt (?:bearbeitet|geändert)|bearbeitet (?:am|von)|edytowan|"
    r"отредактир|изменено|редагован|upraveno)[^\n]{0,40}\d",
    re.IGNORECASE,
)
_EDIT_LINE = re.compile(
    r"\n+(?=[^\n]*\d[:.]\d\d)[\[(«][^\n]{0,80}(?:edit|bearbeitet|geändert|edytowan|отредактир|"
    r"изменено|редагован|upraveno|modifi)[^\n]{0,80}$",
    re.IGNORECASE,
)
"""A last line such as "[Edited by ann on 5 Nov 2018, 10:14]"."""
_RULED_OFF = re.compile(r"\n+(?:_{10,}\s*(?:\n.*)?|-{8,}\s*)$", re.DOTALL)
"""A line below a message, and the signature below that."""
_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<!\d)\d{1,18})$", re.IGNORECASE)
_MEMBER = re.compile(r"(?:/|=|\.)(\d{1,12})(?:[/?&#.-]|$)")
_OF_MESSAGE = re.compile(r"data-(?!user|author|member)[\w-]*(?:id|num)")
_NUMBER = re.compile(r"#\s?(\d{1,6})")


class Generic(Engine):
    """Read pages of unknown software by what they repeat."""

    name: ClassVar[str] = "generic"
    gives: ClassVar[Gives] = Gives(
        product="Unknown software, a guess",
        addresses="a board, a thread",
        means="HTML pages, by what they repeat",
        authors="name",
        times="as the page shows them, in the site's zone and language",
        edits="none",
        private="profile",
        incremental="newest threads first, up to the first page without news",
    )
    marks: ClassVar[str] = "repeated blocks that each have an author, a time and a text"
    generic: ClassVar[bool] = True
    guesses: ClassVar[bool] = True

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return one hint, that this is a guess, when ``page`` repeats blocks like messages."""
        if is_json(page):
            return []
        page = readable(page)
        finder = Finder(page, ReadOptions(), _language(page))
        blocks = finder.messages()
        if blocks and _is_blog(page) and not _are_comments(blocks):
            return []
        if blocks:
            what = f"{len(blocks)} blocks with an author, a time and a text"
        elif (lines := finder.lines()) and not _is_blog(page):
            what = f"a list of {len(lines)} dated links"
        else:
            return []
        return [Evidence(hint=f"guessed by structure: {what}", weight=1.0)]

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return the messages, or else the list of threads, that ``page`` repeats.

        Raises ``PageChanged`` without clear repeated blocks.
        """
        if is_json(page):
            raise PageChanged("JSON, which the reader of last resort does not guess at")
        page = readable(page)
        language = _language(page)
        finder = Finder(page, _settled(page, options, language), language)
        if blocks := finder.messages():
            return replace(_thread(page, blocks, language), unreadable=finder.missed)
        rows: dict[str, ThreadRef] = {}
        for line in finder.lines():
            url = without_fragment(without_session(line.href))
            number = thread_number(url) or whole_thread(url).rpartition("://")[2]
            row = ThreadRef(thread_id=number, title=line.title, url=url, last_posted_at=line.when)
            rows.setdefault(number, row)
        if not rows:
            raise PageChanged("a page without clear repeated messages or lines of a list")
        return Reading(
            kind=Kind.BOARD,
            board_id=board_key(page.url),
            board_title=_heading(page) or None,
            threads=tuple(rows.values()),
            next_page=beside(page, set(), 1),
            previous_page=beside(page, set(), -1),
            language=language,
        )


def _settled(page: TextResponse, options: ReadOptions, language: str | None) -> ReadOptions:
    """Return ``options`` with the order of day and month that the messages' own order tells."""
    english = (options.language or language or "en") == "en"
    if options.date_order or not english or not UNSURE.search(page.text):
        return options

    def read(order: str) -> list[tuple[int, datetime | None]]:
        blocks = Finder(page, replace(options, date_order=order), language).messages()
        named = [(_own_id(block.node)[1] or "", block.when) for block in blocks]
        return [(int(number), when) for number, when in named if number.isdecimal()]

    return replace(options, date_order=order_by_ids(read))


def _is_blog(page: TextResponse) -> bool:
    """Tell whether ``page`` lists articles: WordPress, but no plugin's forum on it."""
    wordpress = page.css("meta[name=generator][content^=WordPress], link[href*='/wp-content/']")
    return bool(wordpress) and "forum" not in page.url.lower()


def _are_comments(blocks: list[Block]) -> bool:
    """Tell ``blocks`` of what readers wrote from articles, by what they are called."""
    return all(
        re.search(
            "comment|repl|answer", " ".join([*classes(block.node), block.node.get("id") or ""])
        )
        for block in blocks
    )


def _language(page: TextResponse) -> str | None:
    shown = (page.css("html::attr(lang)").get() or "").strip()[:2].lower()
    return shown if re.fullmatch("[a-z]{2}", shown) else None


def _heading(page: TextResponse) -> str:
    """Return the page's first heading with words in it, else its title."""
    titles = [plain(node.root) for node in (*page.css("h1"), *page.css("title"))]
    return next(filter(None, titles), "")


def _title(page: TextResponse) -> str | None:
    """Return the longest heading that the page's own title repeats, else the first."""
    whole = plain(next((node.root for node in page.css("title")), None))
    headings = [words for node in page.css("h1, h2") if (words := plain(node.root))]
    return (
        max((each for each in headings if each in whole), key=len, default=_heading(page)) or None
    )


def _thread(page: TextResponse, blocks: list[Block], language: str | None) -> Reading:
    canonical = page.css("link[rel=canonical]::attr(href)").get()
    here = without_fragment(without_session(page.urljoin(canonical) if canonical else page.url))
    url = whole_thread(here if same_site(here, page.url) else without_fragment(page.url))
    inside = {block.node for block in blocks}
    ids = Counter(_own_id(block.node)[1] for block in blocks)
    items: dict[str, PostItem] = {}
    for block in blocks:
        item = _item(page, block, alone=ids[_own_id(block.node)[1]] == 1)
        items.setdefault(item.post_id, item)
    return Reading(
        kind=Kind.THREAD,
        thread_id=thread_number(url) or url.rpartition("://")[2],
        thread_title=_title(page),
        thread_url=url,
        posts=tuple(items.values()),
        next_page=beside(page, inside, 1),
        previous_page=beside(page, inside, -1),
        language=language,
    )


def _item(page: TextResponse, block: Block, *, alone: bool) -> PostItem:
    words = read_words(
        block.body,
        lambda element: "" if element in block.noise else _without_signature(element),
    )
    name, found = _own_id(block.node)
    said = _EDIT_LINE.sub("", words.text)
    text = _RULED_OFF.sub("", said)
    digest = "\n".join([block.author, str(block.when), text])
    post_id = (alone and found) or "digest-" + hashlib.sha256(
        digest.encode("utf-8", "replace")
    ).hexdigest()[:16]
    base = without_fragment(without_session(page.url))
    profile = None
    if block.profile:
        try:
            url = without_session(page.urljoin(block.profile))
            profile = url if same_site(url, page.url) else None
        except ValueError:
            profile = None
    member = _MEMBER.search(profile) if profile else None
    shown = next(
        (
            mark
            for link in block.node.iter("a", "span", "strong")
            if (mark := _NUMBER.fullmatch(plain(link)))
        ),
        None,
    )
    return PostItem(
        post_id=post_id,
        number=int(shown[1]) if shown and shown[1] != found else None,
        url=f"{base}#{name}" if name else base,
        author=block.author,
        author_id=member[1] if member else None,
        posted_at=block.when,
        edited=_is_edited(block) or said != words.text,
        text=text,
        quotes=words.quotes,
        private_message_url=profile,
        profile_url=profile,
    )


def _is_edited(block: Block) -> bool:
    """Tell whether the message says when it was edited: by a class's name, or in words."""
    return any(
        (_EDITED.search(each.get("class") or "") and re.search(r"\d", plain(each)))
        or any(
            _EDITED_ON.search(text or "")
            for text in (each.text, each.tail)
            if each is not block.body and block.body not in each.iterancestors()
        )
        for each in block.node.iter()
        if isinstance(each.tag, str)
    )


def _own_id(node: Element) -> tuple[str | None, str | None]:
    """Return the name of ``node`` for a link to it, and the number in it."""
    for each in (node, *node.iter("a", "div", "article", "td")):
        own = [name for name in each.attrib if each is node and _OF_MESSAGE.fullmatch(name)]
        for attribute in ("id", "name", "data-id", "data-post-id", "data-pid", *own):
            value = each.get(attribute) or ""
            if found := _ID.search(value):
                return (value if attribute in {"id", "name"} else None), found[1]
    # Drupal has an anchor before each comment; elsewhere only a link to the message names it.
    before = node.getprevious()
    if before is not None and before.tag == "a" and (found := _ID.search(before.get("id") or "")):
        return before.get("id"), found[1]
    links = (post_id_in(link.get("href") or "") for link in node.iter("a") if not _quoted(link))
    return node.get("id"), next(filter(None, links), None)


def _quoted(node: Element) -> bool:
    return any(is_quote(outer) for outer in node.iterancestors())


def _without_signature(element: Element) -> str | None:
    marks = " ".join(classes(element))
    return "" if _SIGNATURE.search(marks) else None
