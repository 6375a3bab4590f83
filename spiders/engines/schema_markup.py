"""Messages and lists that a page describes in schema.org terms, as JSON-LD or as microdata.

Nothing here knows a forum engine; every walk uses a list as its stack.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from extruct.jsonld import JsonLdExtractor
from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from lxml.html import Element as new_element  # type: ignore[import-untyped]  # has no types
from scrapy.http import TextResponse

from spiders.text import classes, fit, plain

MAIN = frozenset({"DiscussionForumPosting", "SocialMediaPosting", "Question"})
REPLIES = frozenset({"Comment", "Answer", "UserComments"})
_POSTINGS = MAIN | REPLIES
_TEXT = ("text", "articleBody", "commentText")
_REPLY_FIELDS = ("acceptedAnswer", "suggestedAnswer", "comment")
_OUTER_FIELDS = ("@graph", "mainEntity", "hasPart", "itemListElement", "item", "comment")
_NOT_ENTERED = frozenset({"BreadcrumbList", "FAQPage"})
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_WRAPPER = re.compile(r"<!\[CDATA\[|\]\]>|<!--|-->")
_EDIT_MARKS = frozenset({"message-lastedit", "post-edited", "edited_post", "lastedited"})


@dataclass(slots=True, kw_only=True)
class Posting:
    """One message as its markup describes it, values not yet judged."""

    type: str
    is_reply: bool = False
    title: str = ""
    author: str = ""
    author_url: str = ""
    author_id: str = ""
    links: list[str] = field(default_factory=list)
    """Addresses and identifiers given for it, the most exact first."""
    published: str = ""
    modified: str = ""
    edited: bool = False
    """The page shows an edit mark."""
    position: str = ""
    section: str = ""
    text: str = ""
    body: Element | None = None
    """Where its text stands, in microdata; ``text`` is empty then."""
    node: Element | None = None


@dataclass(slots=True, kw_only=True)
class Entry:
    """One line of an ``ItemList``."""

    name: str
    url: str
    node: Element | None = None


def in_json(page: TextResponse) -> tuple[list[Posting], list[Entry]]:
    """Return the messages and list lines of all JSON-LD on ``page``; a broken script gives none."""
    postings: list[Posting] = []
    entries: list[Entry] = []
    for script in page.xpath("//script[contains(@type, 'ld+json')]"):
        todo: list[tuple[Any, bool]] = [(found, False) for found in reversed(_loaded(script.root))]
        while todo:
            found, is_reply = todo.pop()
            if isinstance(found, list):
                todo.extend((one, is_reply) for one in reversed(found))
                continue
            if not isinstance(found, dict):
                continue
            kinds = _types(found)
            if str(found.get("creativeWorkStatus", "")).lower() == "deleted":
                continue
            if kind := next(iter(kinds & _POSTINGS), None):
                postings.append(_from_json(found, kind, is_reply or kind in REPLIES))
                inner: tuple[str, ...] = _REPLY_FIELDS
            else:
                inner = _OUTER_FIELDS
                if "ListItem" in kinds and (url := _link(found) or _link(found.get("item"))):
                    item = found.get("item")
                    name = _said(found.get("name")) or _name(item)
                    if isinstance(item, dict) and _types(item) & MAIN:
                        name = name or _said(item.get("headline"))
                        inner = ()  # a line of a list: the message is on its thread's own page
                    entries.append(Entry(name=line(name), url=url))
            if not kinds & _NOT_ENTERED:
                todo.extend((found.get(name), inner is _REPLY_FIELDS) for name in reversed(inner))
    return postings, entries


def _loaded(script: Element) -> list[Any]:
    """Return the JSON of ``script``, forgiving comments, wrappers, raw newlines, stray commas."""
    # The parser of JSON takes any character, that of the script element does not.
    for text in _repairs(re.sub(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]", " ", script.text or "")):
        attempt = new_element("script", type="application/ld+json")
        try:
            attempt.text = text
            return list(JsonLdExtractor().extract_items(attempt))
        except (ValueError, RecursionError):
            continue
    return []


def _repairs(text: str) -> Iterator[str]:
    """Yield ``text``, then what may have been meant: the usual faults, one after another."""
    yield text
    text = _WRAPPER.sub("", text)
    begin = min((at for mark in "{[" if (at := text.find(mark)) >= 0), default=0)
    yield (meant := text[begin : max(text.rfind("}"), text.rfind("]")) + 1])
    if "&quot;" in meant and '"' not in meant:
        yield (meant := unescape(meant))
    meant = _ESCAPE.sub(_escape, meant)
    meant = re.sub(r"([\[{,])\s*,+", r"\1", meant)
    yield meant
    yield "[" + re.sub(r"}\s*{", "},{", meant) + "]"  # several documents in one script


def _escape(found: re.Match[str]) -> str:
    """Return an escape as JSON has it: a quote mark needs none, an unknown one is a backslash."""
    if found[1] == "'":
        return "'"
    return found[0] if found[1] and found[1] in '"\\/bfnrtu' else "\\" + found[0]


def _types(found: dict[str, Any]) -> set[str]:
    kinds = found.get("@type")
    names = kinds if isinstance(kinds, list) else [kinds]
    return {str(name).rpartition("/")[2].removeprefix("schema:") for name in names}


def _from_json(found: dict[str, Any], kind: str, is_reply: bool) -> Posting:
    author = found.get("author") or found.get("creator")
    if isinstance(author, list):
        author = author[0] if author else None
    person = author if isinstance(author, dict) else {}
    page = found.get("mainEntityOfPage")
    candidates = [found.get("url"), found.get("@id"), found.get("identifier"), page, _link(page)]
    part = found.get("isPartOf")
    return Posting(
        type=kind,
        is_reply=is_reply,
        title=line(_said(found.get("headline")) or _said(found.get("name"))),
        author=line(_name(author)),
        author_url=(_said(person.get("url")) or _said(person.get("@id"))).partition("\n")[0],
        author_id=_said(person.get("identifier")),
        links=[str(link).strip() for link in candidates if isinstance(link, str | int)],
        published=_said(found.get("datePublished")) or _said(found.get("dateCreated")),
        modified=_said(found.get("dateModified")),
        position=_said(found.get("position")),
        section=line(_said(found.get("articleSection")) or _name(part)),
        text=next((said for name in _TEXT if (said := _said(found.get(name)))), ""),
    )


def line(value: object) -> str:
    """Return ``value`` as text on one line; empty for nothing."""
    return " ".join(fit(str(value or "")).split())


def _said(value: object) -> str:
    """Return the text of a JSON value: a string, a number, ``{"@value": ...}``, or several."""
    if isinstance(value, list):
        return "\n".join(filter(None, (_said(one) for one in value if not isinstance(one, list))))
    if isinstance(value, dict):
        value = value.get("@value")
    return str(value) if isinstance(value, str | int | float) else ""


def _name(found: object) -> str:
    if isinstance(found, dict):
        found = found.get("name") or found.get("alternateName")
    return _said(found)


def _link(found: object) -> str:
    if isinstance(found, dict):
        link = found.get("url") or found.get("@id") or found.get("item")
        return link if isinstance(link, str) else ""
    return found if isinstance(found, str) and "/" in found else ""


def in_microdata(page: TextResponse) -> tuple[list[Posting], list[Entry]]:
    """Return the messages and list lines that ``page`` marks up with ``itemscope``."""
    postings: list[Posting] = []
    entries: list[Entry] = []
    for scope in page.selector.root.iter():
        if not isinstance(scope.tag, str) or scope.get("itemscope") is None:
            continue
        kind = _item_type(scope)
        if kind in _POSTINGS:
            postings.append(_from_scope(scope, kind))
        elif kind == "ListItem" and not _in_breadcrumbs(scope):
            found, _ = _properties(scope)
            links = [*found.get("url", []), *found.get("item", [])]
            url = next((value for link in links if (value := _value(link))), "")
            if url:
                entries.append(Entry(name=_first(found, "name"), url=url, node=scope))
    return postings, entries


def _item_type(scope: Element) -> str:
    types = (scope.get("itemtype") or "").split()
    return types[0].rstrip("/").rpartition("/")[2] if types else ""


def _in_breadcrumbs(scope: Element) -> bool:
    return any(_item_type(outer) == "BreadcrumbList" for outer in scope.iterancestors())


def _properties(scope: Element) -> tuple[dict[str, list[Element]], bool]:
    """Return the elements of each property of ``scope``, and whether an edit mark is shown.

    Does not enter the messages inside it, which are items of their own.
    """
    found: dict[str, list[Element]] = {}
    edited = False
    todo = [(child, True) for child in reversed(scope)]
    while todo:
        element, own = todo.pop()
        if not isinstance(element.tag, str):
            continue
        kinds = classes(element)
        is_mark = (
            element.get("component") == "post/edit-indicator"
            or element.get("data-excludequote") is not None  # Invision's
            or kinds & _EDIT_MARKS
        )
        edited = edited or bool(is_mark and "hidden" not in kinds)
        if own:
            for name in (element.get("itemprop") or "").split():
                found.setdefault(name, []).append(element)
        inside = element.get("itemscope") is not None
        if not (inside and _item_type(element) in _POSTINGS):
            todo.extend((child, own and not inside) for child in reversed(element))
    return found, edited


def _from_scope(scope: Element, kind: str) -> Posting:
    found, edited = _properties(scope)
    person = next(iter(found.get("author") or found.get("creator") or []), None)
    about, _ = _properties(person) if person is not None else ({}, False)
    body = next((node for name in _TEXT for node in found.get(name, [])), None)
    in_attribute = body is not None and body.get("content") is not None
    links = [scope.get("itemid") or "", *(_first(found, name) for name in ("url", "identifier"))]
    return Posting(
        type=kind,
        is_reply=kind in REPLIES,
        title=_first(found, "headline") or _first(found, "name"),
        author=_first(about, "name") or (_value(person) if person is not None else ""),
        author_url=_first(about, "url") or _person_link(person),
        author_id=user_id(scope, person),
        links=[link for link in links if link],
        published=_first(found, "datePublished")
        or _first(found, "dateCreated")
        or _first(found, "commentTime"),
        modified=_first(found, "dateModified"),
        edited=edited,
        position=_first(found, "position"),
        section=_first(found, "articleSection"),
        text=_value(body) if body is not None and in_attribute else "",
        body=None if in_attribute else body,
        node=scope,
    )


def _person_link(person: Element | None) -> str:
    """Return the address that names ``person``, or the first that it links to."""
    if person is None:
        return ""
    links = [person.get("itemid"), person.get("href"), *(a.get("href") for a in person.iter("a"))]
    return next(filter(None, links), "")


def user_id(scope: Element, person: Element | None) -> str:
    """Return the member id in the data attributes of ``scope`` or of what names its author."""
    for node in _lookup(scope, person):
        for name in ("data-uid", "data-user-id", "data-userid"):
            if (value := node.get(name)) and value != "0":  # XenForo's guests
                return str(value)
    return ""


def _lookup(scope: Element, person: Element | None) -> Iterator[Element]:
    yield scope
    if person is not None:
        yield from person.iter("a", "span", "div", "section")


def _first(found: dict[str, list[Element]], name: str) -> str:
    return next((value for node in found.get(name, []) if (value := _value(node))), "")


def _value(node: Element) -> str:
    """Return the value of a property, as the microdata standard has it."""
    for name in ("content", "datetime", "href" if node.tag in {"a", "link", "area"} else "value"):
        if (value := node.get(name)) and node.get("itemscope") is None:
            # A link may carry the name as well as the address of a person.
            if name == "href" and (node.get("itemprop") or "") in {"name", "author", "headline"}:
                break
            return fit(str(value)).strip()
    return plain(node)
