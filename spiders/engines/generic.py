"""The last resort for software that nothing else knows: what a page repeats, read by structure.

A guess, and said to be one: repeated blocks with a link to a profile, a moment and a text are
messages. It gives way to every other engine, and refuses pages without clear repeated blocks.
"""

import hashlib
import re
from typing import ClassVar

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import same_site, without_fragment, without_session
from spiders.base import (
    Engine,
    Evidence,
    Kind,
    PageChanged,
    PostItem,
    Reading,
    ReadOptions,
    ThreadRef,
)
from spiders.body import is_json, readable
from spiders.engines.generic_blocks import Block, Finder
from spiders.engines.schema_addresses import board_key, first_page, thread_number
from spiders.text import classes, plain, read_words

_NEXT = re.compile(
    r"(?:next(?: page)?|older(?: posts)?|nast[eę]pn[aey](?: strona)?|dalej|след(?:\.|ующая|ующие)?"
    r"(?: страница)?|далее|вперёд|вперед|weiter|nächste(?: seite)?|další|následující|наступна|далі|"
    r"suivant(?:e|s)?|siguiente|próxim[ao]|seguinte|successiv[ao]|volgende|nästa|sonraki)?"
    r"\s*[>›»→⟩❯]*",
    re.IGNORECASE,
)
_PREVIOUS = re.compile(
    r"[<‹«←⟨❮]*\s*(?:prev(?:ious)?(?: page)?|newer(?: posts)?|poprzedni[ae]?(?: strona)?|wstecz|"
    r"пред(?:\.|ыдущая|ыдущие)?(?: страница)?|назад|zurück|vorherige(?: seite)?|předchozí|"
    r"попередня|précédent(?:e|s)?|anterior(?:es)?|precedente|vorige|föregående|önceki)?",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"signature|\bsig\b|podpis|edited|last-?edit|modified", re.IGNORECASE)
_EDITED = re.compile(r"edited|last-?_?edit|modified|edytowan", re.IGNORECASE)
_ID = re.compile(r"(?:^|[^\d])(\d{1,18})$")
_PAGE = re.compile(
    r"[?&](?:page|p|pg|strona|start|offset|seite|stranka|storinka|pagina|pagenum|page_no)=\d+(?=&|$)"
)
_MEMBER = re.compile(r"(?:/|=|\.)(\d{1,12})(?:[/?&#.-]|$)")
_NUMBER = re.compile(r"#\s?(\d{1,6})")


class Generic(Engine):
    """Read pages of unknown software by what they repeat."""

    name: ClassVar[str] = "generic"
    marks: ClassVar[str] = "repeated blocks that each have an author, a time and a text"
    generic: ClassVar[bool] = True
    guesses: ClassVar[bool] = True

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return one hint, that this is a guess, when ``page`` repeats blocks like messages."""
        if is_json(page):
            return []
        page = readable(page)
        finder = Finder(page, ReadOptions(), _language(page))
        if blocks := finder.messages():
            what = f"{len(blocks)} blocks with an author, a time and a text"
        elif lines := finder.lines():
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
        finder = Finder(page, options, language)
        if blocks := finder.messages():
            return _thread(page, blocks, language)
        rows: dict[str, ThreadRef] = {}
        for line in finder.lines():
            url = without_fragment(without_session(line.href))
            number = thread_number(url) or _first_page(url).rpartition("://")[2]
            row = ThreadRef(thread_id=number, title=line.title, url=url, last_posted_at=line.when)
            rows.setdefault(number, row)
        if not rows:
            raise PageChanged("a page without clear repeated messages or lines of a list")
        return Reading(
            kind=Kind.BOARD,
            board_id=board_key(page.url),
            board_title=_title(page),
            threads=tuple(rows.values()),
            next_page=_beside(page, set(), 1),
            previous_page=_beside(page, set(), -1),
            language=language,
        )


def _language(page: TextResponse) -> str | None:
    shown = (page.css("html::attr(lang)").get() or "").strip()[:2].lower()
    return shown if re.fullmatch("[a-z]{2}", shown) else None


def _first_page(url: str) -> str:
    """Return ``url`` without what may be a page's number, as far as a guess goes."""
    return _PAGE.sub("", first_page(url))


def _title(page: TextResponse) -> str | None:
    for heading in page.css("h1"):
        if words := plain(heading.root):
            return words
    return plain(next((node.root for node in page.css("title")), None)) or None


def _thread(page: TextResponse, blocks: list[Block], language: str | None) -> Reading:
    canonical = page.css("link[rel=canonical]::attr(href)").get()
    here = without_fragment(without_session(page.urljoin(canonical) if canonical else page.url))
    url = _first_page(here if same_site(here, page.url) else without_fragment(page.url))
    inside = {block.node for block in blocks}
    items: dict[str, PostItem] = {}
    for block in blocks:
        item = _item(page, block)
        items.setdefault(item.post_id, item)
    return Reading(
        kind=Kind.THREAD,
        thread_id=thread_number(url) or url.rpartition("://")[2],
        thread_title=_title(page),
        thread_url=url,
        posts=tuple(items.values()),
        next_page=_beside(page, inside, 1),
        previous_page=_beside(page, inside, -1),
        language=language,
    )


def _item(page: TextResponse, block: Block) -> PostItem:
    words = read_words(block.body, _without_signature)
    name, found = _own_id(block.node)
    text = words.text
    digest = "\n".join([block.author, str(block.when), text])
    post_id = (
        found or "digest-" + hashlib.sha256(digest.encode("utf-8", "replace")).hexdigest()[:16]
    )
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
        number=int(shown[1]) if shown else None,
        url=f"{base}#{name}" if name else base,
        author=block.author,
        author_id=member[1] if member else None,
        posted_at=block.when,
        edited=any(
            _EDITED.search(each.get("class") or "") and re.search(r"\d", plain(each))
            for each in block.node.iter()
            if isinstance(each.tag, str)
        ),
        text=text,
        quotes=words.quotes,
        private_message_url=profile,
    )


def _own_id(node: Element) -> tuple[str | None, str | None]:
    """Return the name of ``node`` for a link to it, and the number in it."""
    for each in (node, *node.iter("a", "div", "article", "td")):
        for attribute in ("id", "name", "data-id", "data-post-id", "data-pid", "data-comment-id"):
            value = each.get(attribute) or ""
            if found := _ID.search(value):
                return (value if attribute in {"id", "name"} else None), found[1]
    return node.get("id"), None


def _without_signature(element: Element) -> str | None:
    marks = " ".join(classes(element))
    return "" if _SIGNATURE.search(marks) else None


def _beside(page: TextResponse, inside: set[Element], step: int) -> str | None:
    """Return the next page (``step`` 1) or the one before (-1); links in messages do not count."""
    relation, words = ("next", _NEXT) if step > 0 else ("prev", _PREVIOUS)
    here = without_fragment(without_session(page.url))
    worded: list[str] = []
    numbered: dict[int, str] = {}
    for link in page.css("link[href], a[href]"):
        if any(outer in inside for outer in link.root.iterancestors()):
            continue
        try:
            url = without_fragment(without_session(page.urljoin(link.attrib["href"])))
        except ValueError:
            continue
        if url == here or not same_site(url, page.url):
            continue
        if relation in (link.attrib.get("rel") or "").split():
            return url
        text = plain(link.root) or link.attrib.get("title") or link.attrib.get("aria-label") or ""
        if link.root.tag == "a" and text and words.fullmatch(text.strip()):
            worded.append(url)
        elif text.isdecimal() and len(text) < 6 and _first_page(url) == _first_page(here):
            numbered.setdefault(int(text), url)
    if worded:
        return worded[0]
    return numbered.get((_current(page) or 1) + step) if numbered else None


def _current(page: TextResponse) -> int | None:
    """Return the number that the page shows as its own among page numbers."""
    for mark in page.css(".current, .active, .selected, [aria-current], strong, b"):
        node: Selector = mark
        text = plain(node.root)
        near = node.xpath("ancestor::*[position() <= 2]//a")
        if text.isdecimal() and len(text) < 6 and any(plain(a.root).isdecimal() for a in near):
            return int(text)
    return None
