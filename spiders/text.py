"""A message's markup, read as a person reads it: the author's own words apart from quotes.

Every walk uses a list as its stack and touches each node once, so that neither deep nesting nor
a very long message hurts.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from parsel import Selector

from spiders.base import Quote
from spiders.body import flattened

ATTACHMENT = "[attachment]"
CODE = "[code]"
IMAGE = "[image]"


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BLOCKS = _names(
    "address article aside blockquote center dd details div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol pre section summary table tbody "
    "tfoot thead tr ul"
)
_UNSEEN = _names(
    "button datalist head iframe input link meta noscript object option script select style svg "
    "template textarea title"
)
_HTML = re.compile(
    r"<(?:p|br|div|a|b|i|u|s|em|strong|span|ul|ol|li|blockquote|aside|img|pre|code|details|table|"
    r"h[1-6]|hr|small|sub|sup|del|font|center)(?:[\s/][^<>]*)?>",
    re.IGNORECASE,
)
_QUOTE_CLASSES = _names(
    "quote bbcode_quote bbcodequote mycode_quote quotecontent quotebox quote-box ipsquote "
    "blockquote bbquoteblock quotemain chat-transcript"
)
_QUOTE_TITLES = _names(
    "quotetitle quote-title bbcodeblock-title ipsquote_citation bbcode_postedby title "
    "quoteauthor quoteboxtitle quote-heading bbquotename quotetop"
)
_CHROME = _names(
    "codetitle codehead bbcodeblock-expandlink quoteboxicon chat-transcript-user poll-info"
)
"""What the product adds to a message: headings of code, "click to expand", counters."""
_UNFIT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_HALF = re.compile(r"[\ud800-\udfff]")
_QUOTED_FROM = re.compile(
    r"^(?:quote (?:from|by)|zitat von|citation de|cita de|cytat(?: od| z)?|цитата(?: от)?)[:\s]+",
    re.IGNORECASE,
)
"""WoltLab's heading of a quote is one link: "Quote from ann"."""
_QUOTED_AT = re.compile(r"^(?:quote|zitat|cytat|citace|цитата)\s*\((.+?)\s+@\s", re.IGNORECASE)
"""Invision 2's heading of a quote: "Quote(ann @ Nov 5 2018, 09:14)"."""
_WROTE = re.compile(
    r"\s+(?:wrote|said|says|posted|pisze|píše|napisa[łl](?:\s?\(a\)|/a|a)?|"
    r"пиш[её]т|писал(?:\(а\)|а)?|написал(?:\(а\)|а)?|сказал(?:\(а\)|а)?|"
    r"hat geschrieben|schrieb|a écrit|escribió|escreveu|ha scritto|schreef|napsal(?:\(a\)|a)?|"
    r"(?:на)?писав(?:\(ла\)|ла)?|пише)(?!\w)\s*(?:↑.*|:.*)?$",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a message's markup says."""

    text: str
    """The author's own words."""
    quotes: tuple[Quote, ...]
    """The outermost quotes, each with its own words; a quote inside a quote is left out."""


def classes(element: Element) -> frozenset[str]:
    """Return the classes of ``element``, in lower case."""
    return frozenset((element.get("class") or "").lower().split())


def fit(text: str) -> str:
    """Return ``text`` without what breaks a terminal, a database or UTF-8.

    Control characters go, half of a character (a JSON text cut in an emoji) becomes U+FFFD.
    """
    return _HALF.sub("\ufffd", _UNFIT.sub("", text))


def _nothing(_element: Element) -> str | None:
    return None


def read_words(root: Element, replace: Callable[[Element], str | None] = _nothing) -> Words:
    """Return the words under ``root``.

    Ends of blocks and ``<br>`` give newlines, paragraphs stand a blank line apart, a smiley gives
    its ``alt``, another picture ``[image]``, a block of code ``[code]``, an attached file
    ``[attachment]``; links keep their text and spoilers their content. ``replace`` may give
    an element a text of the engine's own (``""`` leaves the element out), ``None`` the usual one.
    """
    page = _Paper()
    quotes: list[Quote] = []
    titles: dict[Element, str | None] = {}

    def keep(quote: Element) -> None:
        if (following := _titled_quote(quote)) is not None:
            titles[following] = _author_in(quote)
            return
        author, said = _read_quote(quote, replace)
        author = author or titles.get(quote)
        lead = page.take_lead() if author is None else None
        quotes.append(Quote(author=author or lead, text=said))

    _fill(page, root, replace, keep)
    return Words(text=page.text(), quotes=tuple(quotes))


def words_of(text: str, replace: Callable[[Element], str | None] = _nothing) -> Words:
    """Return the words of ``text``, which is HTML if it has tags and plain text otherwise."""
    text = fit(text)
    if not _HTML.search(text):
        lines = (" ".join(line.split()) for line in unescape(text).splitlines())
        return Words(text=re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip(), quotes=())
    return read_words(Selector(text=flattened(text), type="html").root, replace)


def plain(element: Element | None) -> str:
    """Return all text under ``element`` on one line; empty for ``None``."""
    return " ".join(fit("".join(element.itertext())).split()) if element is not None else ""


def _tag(element: Element) -> str:
    return element.tag if isinstance(element.tag, str) else ""


def _walk(root: Element, opaque: Callable[[Element], bool]) -> Iterator[tuple[str, Element, str]]:
    """Yield what is met under ``root`` in reading order: start, end, text, or instead of both."""
    todo: list[tuple[str, Element, str]] = [("enter", root, "")]
    while todo:
        step, element, text = todo.pop()
        if step != "enter":
            yield step, element, text
            continue
        if element is not root and element.tail:
            todo.append(("text", element, element.tail))
        if not isinstance(element.tag, str):  # a comment or a processing instruction
            continue
        if element is not root and opaque(element):
            todo.append(("instead", element, ""))
            continue
        todo.append(("end", element, ""))
        todo.extend(("enter", child, "") for child in reversed(element))
        if element.text:
            todo.append(("text", element, element.text))
        todo.append(("start", element, ""))


def _opaque(element: Element, replace: Callable[[Element], str | None]) -> bool:
    return (
        replace(element) is not None
        or is_quote(element)
        or _placeholder(element) is not None
        or _titled_quote(element) is not None
    )


def is_quote(element: Element) -> bool:
    """Tell whether ``element`` is what somebody else said."""
    if _tag(element) == "blockquote":
        return not classes(element) & {"postcontent", "messagetext", "spoiler-body"}
    return _tag(element) in {"div", "aside", "dl"} and bool(classes(element) & _QUOTE_CLASSES)


def _titled_quote(element: Element) -> Element | None:
    """Return the quote that ``element`` is the heading of: its next sibling."""
    if _tag(element) in {"div", "p", "dt"} and classes(element) & _QUOTE_TITLES:
        following = element.getnext()
        if following is not None and not (element.tail or "").strip() and is_quote(following):
            return following
    return None


def _placeholder(element: Element) -> str | None:
    """Return what stands for ``element`` in the text, or ``None`` when it is to be read."""
    tag, kinds = _tag(element), classes(element)
    if tag in _UNSEEN:
        return ""
    if tag == "img":
        alt = (element.get("alt") or "").strip()
        marks = " ".join([*kinds, (element.get("src") or "").lower()])
        return alt if re.search(r"smil|emoji|emoticon", marks) else IMAGE
    if kinds & _CHROME or element.get("data-excludequote") is not None:
        return ""
    if "bbcodeblock--unfurl" in kinds:  # the preview of a link is not the author's words
        return element.get("data-url") or ""
    if tag == "pre" or kinds & {"codecontent", "codeblock", "bbcodeblock--code"}:
        return CODE
    if "codebox" in kinds and "quote" not in kinds:
        return CODE
    if kinds & {"attachbox", "inline-attachment", "bbcodeattachment", "attachment"}:
        return ATTACHMENT
    return None


def _fill(
    page: "_Paper",
    root: Element,
    replace: Callable[[Element], str | None],
    met_quote: Callable[[Element], None],
    skipped: Element | None = None,
) -> None:
    """Write what stands under ``root`` on ``page``; give each quote, or its title, away."""
    for step, element, text in _walk(
        root, lambda child: child is skipped or _opaque(child, replace)
    ):
        tag = _tag(element)
        if step == "text":
            page.write(text)
        elif step == "instead":
            own = replace(element)
            instead = own if own is not None else _placeholder(element)
            if tag in _BLOCKS:
                page.end_line(1)
            if element is not skipped and instead is None:
                met_quote(element)
            elif instead:
                page.write(instead)
            if tag in _BLOCKS:
                page.end_line(1)
        elif tag == "br":
            if step == "start":
                page.new_line()
        elif tag == "p":
            page.end_line(2)
            if step == "start" and (name := _leads_to_quote(element)):
                page.mark_lead(name)
        elif tag in _BLOCKS:
            page.end_line(1)
        elif tag in {"td", "th"}:
            page.space()


def _read_quote(quote: Element, replace: Callable[[Element], str | None]) -> tuple[str | None, str]:
    """Return the author of ``quote`` and its own words."""
    # In some engines the quote is a box around a blockquote: the same quote, not a nested one.
    inner = next((child for child in quote if _tag(child) == "blockquote"), None)
    own = inner if inner is not None and _tag(quote) != "blockquote" else quote
    heads = (
        element
        for step, element, _ in _walk(
            quote, lambda child: _is_heading(child) or (child is not own and is_quote(child))
        )
        if step == "instead" and _is_heading(element)
    )
    heading = next((head for head in heads if _titled_quote(head) in {None, own}), None)
    marks = ("data-username", "data-ipsquote-username", "data-author")
    author: str | None = fit(next(filter(None, map(quote.get, marks)), ""))
    # Discourse quotes the start of a topic that a link leads to under its title, not a name.
    if heading is not None and not author and quote.get("data-topic") is None:
        author = _author_in(heading)
    page = _Paper()
    _fill(page, own, replace, lambda _nested: None, skipped=heading)
    return author or None, page.text()


def _is_heading(element: Element) -> bool:
    parent = element.getparent()
    if _tag(element) == "cite" or (
        _tag(element) == "dt" and parent is not None and is_quote(parent)
    ):
        return True
    return _tag(element) in {"div", "p", "header", "strong"} and bool(
        classes(element) & _QUOTE_TITLES
    )


def _author_in(heading: Element) -> str | None:
    """Return whom a quote's heading names: its first link to words, or what precedes "wrote"."""
    for link in heading.iter("a"):
        name = plain(link)
        if name.endswith(":"):
            name = _WROTE.sub("", name).rstrip(": ")
        if any(letter.isalnum() for letter in name):
            return _QUOTED_FROM.sub("", name) if "quoteboxtitle" in classes(heading) else name
    if (stressed := heading.find(".//strong")) is not None and plain(stressed):
        return plain(stressed)
    whole = plain(heading)
    if told := _QUOTED_AT.match(whole):
        return told[1]
    name = _WROTE.sub("", whole)
    if name == whole and whole.endswith(":"):
        return None
    return _QUOTED_FROM.sub("", name).strip(" :") or None


def _leads_to_quote(paragraph: Element) -> str | None:
    """Return whom ``paragraph`` names if it only leads to a quote: "@ann said in [topic]:"."""
    following = paragraph.getnext()
    if following is None or not is_quote(following) or (paragraph.tail or "").strip():
        return None
    children = list(paragraph)
    alone = len(children) == 1 and not (children[0].tail or "").strip()
    if alone and _tag(children[0]) in {"strong", "b"}:  # FlaskBB
        paragraph, children = children[0], list(children[0])
    if not children or _tag(children[0]) != "a" or (paragraph.text or "").strip():
        return None
    marks = " ".join([*classes(children[0]), children[0].get("href") or ""])
    rest = [child.get("href") or "" for child in children[1:]]
    if not all(re.search(r"/post/\d+/?$|/topic/\d+", href) for href in rest):
        return None
    if not re.search(r"mention|/user/", marks) or not plain(paragraph).endswith(":"):
        return None
    return plain(children[0]).strip(" @:") or None


class _Paper:
    """Collects words, with one space between words and lines as asked for."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._lines = 0
        self._space = False
        self._lead: tuple[int, str] | None = None

    def write(self, text: str) -> None:
        text = fit(text)
        words = text.split()
        if words:
            if self._parts and self._lines:
                self._parts.append("\n" * min(self._lines, 2))
            elif self._parts and (self._space or text[0].isspace()):
                self._parts.append(" ")
            self._lines, self._space = 0, text[-1].isspace()
            self._parts.append(" ".join(words))
        elif text:
            self._space = True

    def space(self) -> None:
        self._space = True

    def new_line(self) -> None:
        self._lines += 1

    def end_line(self, lines: int) -> None:
        self._lines = max(self._lines, lines)

    def mark_lead(self, name: str) -> None:
        self._lead = (len(self._parts), name)

    def take_lead(self) -> str | None:
        """Return the name in the marked paragraph, which is no longer part of the text."""
        if self._lead is None:
            return None
        start, name = self._lead
        del self._parts[start:]
        self._lead = None
        return name

    def text(self) -> str:
        return "".join(self._parts).strip()
