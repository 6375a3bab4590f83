"""Messages and lists found by structure alone: siblings of one shape with author, time and text.

Nothing here knows a product; every page is walked once, and groups of siblings are judged by what
each of them holds.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote, urlsplit

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from scrapy.http import TextResponse

from spiders.addresses import same_site, without_fragment
from spiders.base import ReadOptions
from spiders.engines.generic_parts import CLOCK, PROFILE, UNSEEN, Parts
from spiders.text import classes, plain

_COUNT = re.compile(r"\(?\d{1,3}(?:[., \u00a0]?\d{3})*\)?")
_DIGIT = re.compile(r"\d")
_BESIDE = frozenset(
    {"sidebar", "side-bar", "widget", "widget-area", "footer", "sidebar-left", "sidebar-right"}
)
_ALTERNATE = re.compile(
    r"^(?:odd|even|first|last|alt|new|unread|read|active|highlight\w*|[\w-]*\d[\w-]*)$",
    re.IGNORECASE,
)
_MOST = 400  # members of a group that are looked at
_LEAST_ON_AVERAGE = 5  # characters of text in a block
_EXCERPT = 150
_TO_MESSAGE = re.compile(r"#[\w-]*\d$")
_FEWEST_LINES = 3  # of a list of threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One sibling that looks like a message."""

    node: Element
    author: str
    profile: str | None
    """The link to the author, as the page has it."""
    when: datetime | None
    body: Element
    noise: frozenset[Element] = frozenset()
    """What stands in the body and is not the author's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One sibling that looks like a line of a list of threads."""

    title: str
    href: str
    when: datetime | None
    dated: bool
    """Shows when, if only in numbers that may be read both ways round."""


class Finder(Parts):
    """One page on which repeated blocks are looked for."""

    def __init__(self, page: TextResponse, options: ReadOptions, language: str | None) -> None:
        super().__init__(options, language)
        self._page = page
        _join_rows(page.selector.root)
        self._aside = frozenset(self._beside())
        self.missed = 0
        """Blocks with a time, beside the messages, that name nobody or say nothing."""

    def _beside(self) -> Iterator[Element]:
        """Yield the boxes beside a page's own contents: newest topics, who is online."""
        root = self._page.selector.root
        for element in root.iter("div", "aside", "section", "footer", "td", "ul", "ol"):
            names = classes(element) | {(element.get("id") or "").lower()}
            marked = element.tag in {"aside", "footer"} or bool(names & _BESIDE)
            # A page may be wrapped in what is called so, or have a message's author in an aside.
            if marked and self.length(element) * 2 < self.length(root):
                yield element

    def messages(self) -> list[Block]:
        """Return the group of siblings that most looks like a thread; empty without a clear one.

        At least two, and more than half of the group, must have an author, a time and a text of
        their own that is not mere links.
        """
        best: list[Block] = []
        whole: list[Element] = []
        weight = 0
        for group in self._groups():
            blocks = self._read(group)
            if len(blocks) < 2 or len(blocks) * 2 <= len(group) or self._lists(blocks):
                continue
            sizes = [min(self.length(block.body), 2000) for block in blocks]
            if sum(sizes) >= _LEAST_ON_AVERAGE * len(sizes) and sum(sizes) > weight:
                best, whole, weight = blocks, group, sum(sizes)
        if best and (tree := self._tree([block.node for block in best])):
            self.nested = frozenset(tree)
            best, whole = self._read(tree), tree
        read = {block.node for block in best}
        self.missed = sum(
            node not in read and self.time(node, node)[0] is not None for node in whole
        )
        return best

    def _read(self, group: list[Element]) -> list[Block]:
        names = Counter(name for node in group for name in set(self._profiles(node)))
        chrome = {name for name, seen in names.items() if seen == len(group) > 2}
        if len(group) > 2:
            said = Counter(text for node in group for text in self._texts(node))
            self.repeated = frozenset(text for text, seen in said.items() if seen * 2 > len(group))
        else:
            self.repeated = frozenset()
        return [block for node in group if (block := self._message(node, chrome))]

    def _texts(self, node: Element) -> set[str]:
        """Return what each box in ``node`` says."""
        return {plain(box) for box in self.said_by(node) if box.tag in {"div", "p", "section"}}

    def _tree(self, nodes: list[Element]) -> list[Element]:
        """Return ``nodes`` with the answers below them, which are of the same kind; or none."""
        alike = frozenset.intersection(*map(classes, nodes))
        kinds = {kind for kind in alike if not _ALTERNATE.match(kind)}
        named = {_numbered(node) for node in nodes}
        marks = named - {""} if len(named) == 1 else set()
        if not kinds and not marks:
            return []
        every = [
            inner
            for inner in nodes[0].getparent().iter(nodes[0].tag)
            if (kinds <= classes(inner) and kinds) or _numbered(inner) in marks
        ]
        return every if len(every) > len(nodes) else []

    def lines(self) -> list[Line]:
        """Return the group of siblings that most looks like a list of threads, or none.

        Most have a date, and somebody's name or a count of answers: dated links alone are news.
        """
        best: list[Line] = []
        for group in self._groups():
            found = [(node, line) for node in group if (line := self._line(node))]
            lines = [line for _, line in found]
            dated = sum(line.dated for line in lines)
            titles = {line.href for line in lines}
            if (
                len(titles) < _FEWEST_LINES
                or dated * 2 <= len(lines)
                or len(lines) * 2 <= len(group)
            ):
                continue
            if sum(self._talked_about(node) for node, _ in found) * 2 <= len(lines):
                continue
            if len(lines) > len(best):
                best = lines
        return best

    def _groups(self) -> Iterator[list[Element]]:
        for parent in self._page.selector.root.iter():
            if not isinstance(parent.tag, str) or len(parent) < 2 or parent.tag in UNSEEN:
                continue
            if any(outer in self._aside for outer in (parent, *parent.iterancestors())):
                continue
            shapes: dict[tuple[str, frozenset[str], str], list[Element]] = defaultdict(list)
            for child in parent:
                if isinstance(child.tag, str) and child.tag not in UNSEEN:
                    kinds = {kind for kind in classes(child) if not _ALTERNATE.match(kind)}
                    shapes[child.tag, frozenset(kinds), _shape(child)].append(child)
            for group in (*shapes.values(), *_mixed(shapes)):
                if 2 <= len(group) <= _MOST and sum(map(self.length, group)) > 20:
                    yield group

    def _lists(self, blocks: list[Block]) -> bool:
        """Tell whether most of ``blocks`` lead to a page of their own by a title: a list."""
        own = [
            self._title_in(block.node, block.body)
            if not (begins := self._begins_with(block.body))[0]
            else begins
            for block in blocks
        ]
        titles = Counter(title for title, _ in own if title)
        alone = sum(seen for seen in titles.values() if seen == 1)
        # Long texts make a thread, unless each and every one has a title of its own.
        long = sum(self.length(block.body) for block in blocks) > _EXCERPT * len(blocks)
        return alone == len(blocks) if long else alone * 2 > len(blocks)

    def _begins_with(self, body: Element) -> tuple[str, str]:
        """Return the title that a short ``body`` begins with and has little else beside."""
        title, href = self._title_in(body)
        whole = plain(body)
        alone = whole.startswith(title) and len(title) * 3 > len(whole)
        return (title, href) if alone else ("", "")

    def _profiles(self, node: Element) -> list[str]:
        """Return the texts of the links to profiles in ``node``."""
        return [
            plain(link)
            for link in node.iter("a")
            if PROFILE.search(unquote(link.get("href") or ""))
        ]

    def _message(self, node: Element, chrome: set[str]) -> Block | None:
        named = self.author(node, chrome)
        if named is None:
            return None
        person, author, profile = named
        clock, when = self.time(node, person)
        if clock is None:
            return None
        body = self.body(node, person, clock)
        if body is None:
            return None
        noise = frozenset(self.noise(node)) - {body, *body.iterancestors()}
        return Block(node=node, author=author, profile=profile, when=when, body=body, noise=noise)

    def _line(self, node: Element) -> Line | None:
        """Return the longest link of ``node`` to another page of the site, and its latest time."""
        title, href = self._title_in(node)
        if not href:
            return None
        moments = [when for each in self.inside(node) for _, when in self.moments(each)]
        unsure = any(map(self.unsure, self.inside(node)))
        when = None if unsure else max(moments, default=None)
        return Line(title=title, href=href, when=when, dated=unsure or when is not None)

    def _talked_about(self, node: Element) -> bool:
        """Tell whether ``node`` names somebody or holds a number on its own."""
        return self.author(node, set()) is not None or any(
            _COUNT.fullmatch(text.strip()) for text in node.itertext()
        )

    def _title_in(self, node: Element, apart: Element | None = None) -> tuple[str, str]:
        """Return the longest link of ``node``, not in ``apart``, to another page of the site."""
        title, href = "", ""
        here = urlsplit(self._page.url).path
        for link in node.iter("a"):
            target, words = link.get("href") or "", plain(link)
            if len(words) <= max(len(title), 3) or PROFILE.search(unquote(target)):
                continue
            if _TO_MESSAGE.search(target):
                continue
            if apart is not None and apart in link.iterancestors():
                continue
            try:
                url = self._page.urljoin(target)
                path = urlsplit(url).path
            except ValueError:
                continue
            if not same_site(url, self._page.url) or (CLOCK.search(words) and len(words) < 40):
                continue
            if path not in {"", here} or "?" in without_fragment(target):
                title, href = words, url
        return title, href


def _join_rows(root: Element) -> None:
    """Make one row of those that a cell with the author stands beside: head, message, foot."""
    for cell in list(root.iter("td")):
        told = cell.attrib.pop("rowspan", "")
        row = cell.getparent()
        if not re.fullmatch("[2-4]", told) or row is None or row.tag != "tr":
            continue
        for _ in range(int(told) - 1):
            below = row.getnext()
            if below is None or below.tag != "tr":
                break
            row.extend(list(below))
            below.getparent().remove(below)


def _numbered(node: Element) -> str:
    """Return the id of ``node`` with "#" for its number; empty when it has no number."""
    name = node.get("id") or ""
    return re.sub(r"\d+", "#", name) if _DIGIT.search(name) else ""


def _shape(node: Element) -> str:
    """Return what, besides classes, siblings have in common that are of one kind."""
    cells = str(sum(child.tag == "td" for child in node)) if node.tag == "tr" else ""
    return _numbered(node) + cells


def _mixed(
    shapes: dict[tuple[str, frozenset[str], str], list[Element]],
) -> Iterator[list[Element]]:
    """Yield siblings of several shapes that share a class: messages marked by who wrote them."""
    for tag in {tag for tag, _, _ in shapes}:
        alike = [(kinds, nodes) for (each, kinds, _), nodes in shapes.items() if each == tag]
        if len(alike) < 2:
            continue
        seen = Counter(kind for kinds, nodes in alike for kind in kinds for _ in nodes)
        for kind, count in seen.most_common(1):
            if count > max(len(nodes) for _, nodes in alike):
                found = {node for kinds, nodes in alike if kind in kinds for node in nodes}
                parent = alike[0][1][0].getparent()
                yield [child for child in parent if child in found]
