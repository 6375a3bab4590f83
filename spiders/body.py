"""A page's body made fit to parse: its charset where none is named, tags nested absurdly deep."""

import re
from collections.abc import Iterator

from scrapy.http import HtmlResponse, TextResponse
from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, read_bom

_VOID_OR_SELF_CLOSING = frozenset(
    re.findall(
        r"\w+",
        """
    area base br col dd dt embed hr img input li link meta option p param source tbody td tfoot
    th thead tr track wbr body head html
""",
    )
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)[^<>]*>")
_DEEP = 1500  # libxml2 stops at 2048 levels and drops the rest of the page
_DEEP_PER_TAG = 100
_ASCII = bytes(range(128))
_CYRILLIC = frozenset({"ru", "uk", "be", "bg"})
_CENTRAL_EUROPEAN = frozenset({"pl", "cs", "sk", "hu", "hr", "sl"})
_ONLY_1250 = re.compile(rb"[\x80-\x9f]")
_POLISH_ONLY_1250 = re.compile(rb"[\x80-\x9f\xa5\xb9]")
"""What windows-1250 has letters or quotation marks for and a text in ISO 8859-2 does not use."""


def is_json(page: TextResponse) -> bool:
    """Tell whether ``page`` is JSON, or begins as such, rather than HTML, which has selectors."""
    if page.text[:200].lstrip("\ufeff \t\r\n")[:1] in {"{", "["}:
        return True
    return not isinstance(page, HtmlResponse) and page.selector.type == "json"


def readable(page: TextResponse) -> TextResponse:
    """Return ``page`` in its charset, flattened when it nests deeper than the parser follows."""
    page = _decoded(page)
    text = page.text
    flat = flattened(text)
    return page if flat is text else page.replace(body=flat.encode("utf-8"), encoding="utf-8")


def _decoded(page: TextResponse) -> TextResponse:
    """Return ``page``, which names no charset and is not UTF-8, read as what it most likely is.

    UTF-8 with a few bad bytes stays UTF-8; otherwise the page's language decides.
    """
    body = page.body
    header = (page.headers.get("Content-Type") or b"").decode("latin-1")
    if http_content_type_encoding(header) or html_body_declared_encoding(body) or read_bom(body)[0]:
        return page
    bad = body.decode("utf-8", "replace").count("\ufffd")
    if not bad:
        return page
    if bad * 10 < len(body.translate(None, _ASCII)):
        return page.replace(encoding="utf-8")
    found = re.search(rb"<html[^>]*\blang=[\"']?([a-zA-Z]{2})", body[:4096])
    language = found[1].decode().lower() if found else ""
    if language in _CYRILLIC:
        return page.replace(encoding="cp1251")
    if language in _CENTRAL_EUROPEAN:
        letters = _POLISH_ONLY_1250 if language == "pl" else _ONLY_1250
        return page.replace(encoding="cp1250" if letters.search(body) else "iso8859-2")
    return page


def flattened(markup: str) -> str:
    """Return ``markup`` without tags nested absurdly deep, or unchanged when there are none.

    The parser gives up at 2048 levels and would lose every message that follows.
    """
    open_now: dict[str, int] = {}
    depth = deepest = 0
    for closing, name in _tags(markup):
        count = open_now.get(name, 0)
        if closing and count:
            open_now[name], depth = count - 1, depth - 1
        elif not closing:
            open_now[name], depth = count + 1, depth + 1
            deepest = max(deepest, depth)
    if deepest <= _DEEP:
        return markup
    open_now.clear()

    def shallow(found: re.Match[str]) -> str:
        name = found[2].lower()
        if name in _VOID_OR_SELF_CLOSING or found[0].endswith("/>"):
            return found[0]
        count = open_now.get(name, 0)
        open_now[name] = max(0, count - 1) if found[1] else count + 1
        return found[0] if (count if found[1] else count + 1) <= _DEEP_PER_TAG else " "

    return _TAG.sub(shallow, markup)


def _tags(markup: str) -> Iterator[tuple[str, str]]:
    for found in _TAG.finditer(markup):
        name = found[2].lower()
        if name not in _VOID_OR_SELF_CLOSING and not found[0].endswith("/>"):
            yield found[1], name
