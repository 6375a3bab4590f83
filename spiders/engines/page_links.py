"""Links to the pages beside one: by ``rel``, by words in many languages, or by number."""

import re

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import same_site, without_fragment, without_session
from spiders.engines.schema_addresses import first_page
from spiders.text import classes, plain

_NEXT = re.compile(
    r"(?:next(?: page)?|older(?: posts)?|nast[eę]pn[aey](?: strona)?|dalej|след(?:\.|ующая|ующие)?"
    r"(?: страница)?|далее|вперёд|вперед|weiter|nächste(?: seite)?|další|následující|наступна|далі|"
    r"suivant(?:e|s)?|siguiente|próxim[ao]|seguinte|successiv[ao]|volgende|nästa|sonraki|下一页|下一頁|"
    r"次へ)?"
    r"\s*[>›»→⟩❯]*",
    re.IGNORECASE,
)
_PREVIOUS = re.compile(
    r"[<‹«←⟨❮]*\s*(?:prev(?:ious)?(?: page)?|newer(?: posts)?|poprzedni[ae]?(?: strona)?|wstecz|"
    r"пред(?:\.|ыдущая|ыдущие)?(?: страница)?|назад|zurück|vorherige(?: seite)?|předchozí|"
    r"попередня|précédent(?:e|s)?|anterior(?:es)?|precedente|vorige|föregående|önceki|上一页|上一頁|"
    r"前へ)?",
    re.IGNORECASE,
)
_PAGE = re.compile(
    r"[?&](?:page|p|pg|strona|start|offset|seite|stranka|storinka|pagina|pagenum|page_no)=\d+(?=&|$)"
)
_WRITTEN = (
    # Forumotion, Discuz, uCoz, wpForo
    (re.compile(r"(?<=/t)(\d+)p\d+(?=-)"), r"\1"),
    (re.compile(r"(?<=/thread-)(\d+)-\d+-\d+(?=\.html)"), r"\1-1-1"),
    (re.compile(r"(?<=/forum/)(\d+)-0-\d+$"), r"\1"),
    (re.compile(r"(?<=/forum/)(\d+-[1-9]\d*)-\d+$"), r"\1-1"),
    (re.compile(r"(?<=/)paged/\d+/?$"), ""),
)
"""How products write a page into a thread's address, and how its first page is written."""
_CLASSES = {
    1: frozenset({"next", "nxt", "next-page", "nextpage", "pagination-next", "page-next"}),
    -1: frozenset({"prev", "previous", "prev-page", "pagination-prev", "page-prev"}),
}


def whole_thread(url: str) -> str:
    """Return ``url`` without what may be a page's number, as far as a guess goes."""
    url = _PAGE.sub("", first_page(url))
    for written, first in _WRITTEN:
        url = written.sub(first, url)
    return url


def beside(page: TextResponse, inside: set[Element], step: int) -> str | None:
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
        named = classes(link.root) & _CLASSES[1 if step > 0 else -1]
        if link.root.tag == "a" and ((text and words.fullmatch(text.strip())) or named):
            worded.append(url)
        elif text.isdecimal() and len(text) < 6 and whole_thread(url) == whole_thread(here):
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
