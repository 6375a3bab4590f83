"""What a forum's addresses point at, and small readings of text that engines share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from parsel import Selector, SelectorList
from scrapy.http import TextResponse

from spiders.base import Kind, ReadOptions
from spiders.text import fit, plain

Css = str | tuple[str, ...]
"""A selector, or several in order of preference."""
_LONGEST = 18
_STAMPED = re.compile(
    r"(?<![\d./-])(\d{1,2})([-/.])(\d{1,2})\2(?:20)?\d\d(?:</\w+>)?,?(?:\s|&nbsp;)+\d{1,2}:\d\d"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What an address points at."""

    kind: Kind
    number: str | None
    """The thread's or board's id; a link to a message may not tell it."""
    page: int | None = None
    """From 1, where the engine counts pages."""
    start: int | None = None
    """Messages or threads before the page, where the engine counts those."""
    post: str | None = None
    """The message that a link to one names."""
    folder: str = ""
    """The address up to the engine's own part."""

    @classmethod
    def from_match(cls, kind: Kind, found: re.Match[str]) -> "Place":
        """Return the place that the groups of an engine's pattern name."""
        groups = found.groupdict()
        page, start = digits(groups.get("page")), digits(groups.get("start"))
        return cls(
            kind=kind,
            number=digits(groups.get("id")) or groups.get("word"),
            page=int(page) if page else None,
            start=int(start) if start else None,
            post=digits(groups.get("post")),
            folder=found.string[: found.start()],
        )

    @property
    def order(self) -> int:
        """Sorts the pages of one thread or board; the first page has 0."""
        return self.start if self.start is not None else max(0, (self.page or 1) - 1)


def chosen(
    node: Selector | SelectorList[Selector] | TextResponse,
    options: ReadOptions,
    name: str,
    *own: str,
) -> SelectorList[Selector]:
    """Return what a person's selector called ``name`` matches.

    Where there is none: what the first of an engine's ``own`` matches that matches anything.
    """
    told = options.selectors.get(name)
    found = (node.css(css) for css in ((told,) if told else own))
    return next(filter(None, found), SelectorList())


def tidy(body: Selector, *, skip: str = "", quote: str = "", quote_author: str = "") -> None:
    """Change a message's text as these selectors ask: what is left out, what is a quote."""
    for element in body.css(skip) if skip else ():
        element.root.tag = "template"  # which has no words
    for element in body.css(quote) if quote else ():
        element.root.tag = "blockquote"
        names = element.css(quote_author) if quote_author else ()
        for name in list(names)[:1]:
            element.root.set("data-username", text_of([name]).rstrip(": "))
            name.root.tag = "template"


def text_of(found: Sequence[Selector]) -> str:
    """Return the text of the first element of ``found`` on one line; empty when there is none."""
    if not found:
        return ""
    root: Any = found[0].root
    return " ".join(fit(root).split()) if isinstance(root, str) else plain(root)


def digits(text: str | None) -> str | None:
    """Return ``text`` if it is a number written in digits, of a length that ids have."""
    return text if text and len(text) <= _LONGEST and text.isdecimal() else None


def count_in(text: str) -> int | None:
    """Return the first number in ``text``, thousands apart or not."""
    found = re.search(r"\d{1,3}(?:[ .,'’\xa0]\d{3})+(?!\d)|\d+", text)
    number = digits(re.sub(r"\D", "", found[0])) if found else None
    return int(number) if number else None


def last_number(text: str) -> str | None:
    """Return the last number in ``text``, of a length that ids have."""
    numbers = re.findall(r"\d+", text)
    return digits(numbers[-1]) if numbers else None


def order_in(markup: str) -> str | None:
    """Return the order of day and month that a page's clock times show: ``DMY`` or ``MDY``.

    A number above 12 is the day. ``None`` when none is, or when they disagree.
    """
    found = {
        "DMY" if int(first) > 12 else "MDY"
        for first, _, second in _STAMPED.findall(markup)
        if (int(first) > 12) != (int(second) > 12)
    }
    return found.pop() if len(found) == 1 else None
