"""A phpBB message: the boxes of prosilver (3.0 to 3.3) and the table rows of subsilver2."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from parsel import Selector, SelectorList

from spiders.addresses import parameter
from spiders.base import PageChanged, PostItem, Quote, ReadOptions
from spiders.dates import machine_time, shown_time
from spiders.html_place import chosen, digits, last_number, text_of, tidy
from spiders.text import ATTACHMENT, Words, read_words

_MEMBER_PATH = re.compile(r"/(?:member|membre|user|mitglied|profile)/?(\d+)(?:\.html|/)?$")
_IN_FRAME = "[contains(., ':')][not(ancestor::h2 or ancestor::h3)]" + "".join(
    f"[not(ancestor::*[contains(concat(' ', @class, ' '), ' {name} ')])]"
    for name in ("content", "signature", "postprofile", "notice", "attachbox", "post-buttons")
)
_NOBODY = frozenset({"0", "1"})
"""Profile numbers of guests."""


class PostReader:
    """Reads the messages of one page; ``root`` is the forum's folder, for permanent links."""

    def __init__(self, root: str, options: ReadOptions, language: str | None) -> None:
        self._root = root
        self._options = options
        self._language = language

    def box(self, node: Selector, number: int | None) -> PostItem:
        """Return the message in ``node``, a box of prosilver or of a style made from it."""
        if "post_id" in self._options.selectors:
            post_id = last_number(text_of(self._chosen(node, "post_id")))
        else:
            post_id = last_number(node.attrib.get("id", "")) or anchor_of(node)
        if post_id is None:
            raise PageChanged("a message has no id")
        bodies = self._chosen(node, "body", ".postbody .content", ".content")
        if not bodies:
            raise PageChanged(f"message {post_id} has no element of class content")
        names = self._chosen(
            node,
            "author",
            ".author strong .username, .author strong .username-coloured",
            ".author strong",
            ".postprofile .username, .postprofile .username-coloured, .author .username",
            "dl[class*=postprofile] > dt strong, dl[class*=postprofile] > dt a",
        )
        words = self._words(bodies[0])
        attached = node.xpath(
            ".//dl[contains(@class,'attachbox')][not(ancestor::*[contains(@class,'content')])]"
        )
        return self._item(
            post_id=post_id,
            number=self._number(node, number),
            names=names,
            profile=node.css(".author a, .postprofile a"),
            membership=_membership(node),
            posted_at=self._byline_time(node),
            edited=any(
                _tells_of_edit(notice) for notice in self._chosen(node, "edited", ".notice")
            ),
            text="\n".join(filter(None, [words.text, *[ATTACHMENT] * len(attached)])),
            quotes=words.quotes,
        )

    def _chosen(
        self, node: Selector | SelectorList[Selector], name: str, *own: str
    ) -> SelectorList[Selector]:
        return chosen(node, self._options, name, *own)

    def _number(self, node: Selector | SelectorList[Selector], counted: int | None) -> int | None:
        if "number" not in self._options.selectors:
            return counted
        return count_in(text_of(self._chosen(node, "number")).lstrip("# "))

    def _words(self, body: Selector) -> Words:
        told = self._options.selectors
        asked = {name: told.get(name, "") for name in ("skip", "quote", "quote_author")}
        tidy(body, **asked)
        return read_words(body.root)

    def rows(self, anchor: Selector, number: int | None) -> PostItem:
        """Return the message whose table rows begin with ``anchor`` (subsilver2 and its kin)."""
        post_id = anchor.attrib["name"][1:]
        rows = [anchor.xpath("ancestor::tr[1]")[0]]
        for row in rows[0].xpath("following-sibling::tr"):
            if row.css("a[name^=p]"):
                break
            rows.append(row)
        block = SelectorList(rows)
        bodies = self._chosen(block, "body", "div.postbody", ".postbody")
        if not bodies:
            raise PageChanged(f"message {post_id} has no element of class postbody")
        words = self._words(bodies[0])
        details = _labelled(block.css(".postdetails b"))
        shown = [value for _, value in _labelled(block.css(".gensmall b"))]
        times = [shown_time(value, self._options, self._language) for value in shown]
        edits = bodies[0].xpath("following-sibling::span[contains(@class,'gensmall')]")
        return self._item(
            post_id=post_id,
            number=self._number(block, number),
            names=self._chosen(block, "author", ".postauthor"),
            profile=block.css('a[href*="memberlist.php"], .postauthor a'),
            membership=[value for _, value in details],
            posted_at=next(filter(None, reversed(times)), None),
            edited=any(re.search(r"\d", text_of([edit])) for edit in edits),
            text=words.text,
            quotes=words.quotes,
        )

    def _item(
        self,
        *,
        post_id: str,
        number: int | None,
        names: Sequence[Selector],
        profile: Sequence[Selector],
        membership: list[str],
        posted_at: datetime | None,
        edited: bool,
        text: str,
        quotes: tuple[Quote, ...],
    ) -> PostItem:
        """Return the message with what is worked out alike in all styles.

        The private message is the one phpBB itself offers beside a message: addressed to the
        author, with the message quoted. A guest, who has no profile, cannot be written to.
        """
        author = text_of(names)
        if not author:
            raise PageChanged(f"message {post_id} names no author")
        author_id = next(
            filter(None, (_member(link.attrib.get("href", "")) for link in profile)), None
        )
        is_member = author_id is not None or bool(names[0].xpath("self::a | .//a | ancestor::a"))
        pm = f"{self._root}ucp.php?i=pm&mode=compose&action=quotepost&p={post_id}"
        written = next((count for value in membership[:2] if (count := count_in(value))), None)
        return PostItem(
            post_id=post_id,
            number=number,
            url=f"{self._root}viewtopic.php?p={post_id}#p{post_id}",
            author=author,
            author_id=author_id,
            author_posts=written,
            author_joined=next(
                (
                    when
                    for value in membership[:2]
                    if (when := shown_time(value, self._options, self._language))
                ),
                None,
            ),
            posted_at=posted_at,
            edited=edited,
            text=text,
            quotes=quotes,
            private_message_url=pm if is_member else None,
            profile_url=(
                f"{self._root}memberlist.php?mode=viewprofile&u={author_id}" if author_id else None
            ),
        )

    def _byline_time(self, node: Selector) -> datetime | None:
        """Return when the message says it was written, beside its author's name."""
        if "time" in self._options.selectors:
            return next(filter(None, map(self.time, self._chosen(node, "time"))), None)
        stamps = node.css(".author time") or node.xpath(
            ".//time[not(ancestor::*[contains(@class,'content') or contains(@class,'notice')"
            " or contains(@class,'postprofile')])]"
        )
        if stamps:
            return self.time(stamps[0])
        byline = text_of(node.css(".author"))
        _, arrow, after = byline.rpartition("»")
        if arrow and (when := shown_time(after, self._options, self._language)):
            return when
        # Styles put it elsewhere, or in a title over "3 months ago": what else has a clock time.
        frame = node.css(".postbody, .author")
        for text in frame.xpath(f".//@title{_IN_FRAME} | .//text(){_IN_FRAME}").getall():
            words = text.strip(" \t\n\r\xa0»•|,-–—")
            if when := shown_time(words, self._options, self._language):
                return when
        return None

    def time(self, stamp: Selector) -> datetime | None:
        """Return the moment in a ``time`` element: its attribute first, then its text."""
        marked = None if isinstance(stamp.root, str) else stamp.attrib.get("datetime")
        return machine_time(marked, self._options) or shown_time(
            text_of([stamp]), self._options, self._language
        )


def anchor_of(node: Selector) -> str | None:
    """Return the id that an anchor at the top of a box tells, in styles whose boxes have none."""
    names = node.xpath("(./a/@id | ./a/@name)[starts-with(., 'p')]").getall()
    return next(filter(None, (digits(name[1:]) for name in names)), None)


def count_in(text: str | None) -> int | None:
    """Return the number that ``text`` begins with, thousands apart or not."""
    found = re.match(r"\d{1,3}(?:[ .,'’]\d{3})+(?!\d)|\d+(?![\d.,:/-]\d)", text or "")
    number = digits(re.sub(r"\D", "", found[0])) if found else None
    return int(number) if number else None


def _tells_of_edit(notice: Selector) -> bool:
    """Tell an edit notice from "last bumped on...", which phpBB starts with a line break."""
    contents = notice.xpath("./node()[self::* or normalize-space()][1]")
    said = text_of([notice])
    # A list is something else: "these users thanked the author", say.
    return (
        bool(re.search(r"\d", said))
        and not contents.xpath("self::br")
        and not notice.xpath(".//dl | .//ul")
    )


def _labelled(labels: Iterable[Selector]) -> list[tuple[str, str]]:
    """Return pairs of a label's text and what follows it on the line."""
    return [(text_of([label]), " ".join((label.root.tail or "").split())) for label in labels]


def _membership(node: Selector) -> list[str]:
    """Return what stands beside the author's name: number of messages, day of joining.

    phpBB 3.1 names the lines; before that they are the first two lines with a label.
    """
    lines = node.css("dd.profile-posts, dd.profile-joined") or node.xpath(
        ".//dl[contains(@class,'postprofile')]/dd[strong]"
    )
    values = []
    for line in lines[:2]:
        texts = line.xpath(".//text()[not(ancestor::strong)]").getall()
        values.append(" ".join("".join(texts).split()))
    return values


def _member(href: str) -> str | None:
    """Return the member id in a link to a profile, to their messages, or to a form to write to."""
    number = digits(parameter(href, "u")) or digits(parameter(href, "author_id"))
    if number is None and (found := _MEMBER_PATH.search(href.partition("?")[0])):
        number = found[1]
    return number if number not in _NOBODY else None
