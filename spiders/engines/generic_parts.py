"""What one block of a page of unknown software tells: its author, its time, its text."""

import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import unquote

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types

from spiders.base import ReadOptions
from spiders.dates import machine_time, shown_time
from spiders.text import is_quote, plain
from spiders.tongues import Tongues

PROFILE = re.compile(
    r"/(?:users?|u|members?|profiles?|authors?|people|account|uzytkownik|uzytkownicy|profil|"
    r"polzovatel|benutzer|mitglied(?:er)?|uzivatel|korystuvach)(?:/|\.php|\?|$)|/@[\w.-]+$|/~\w+/?$|"
    r"/(?:users?|members?|membre|profiles?|profil|u)-?\d+(?:[/.-]|$)|\buid-\d+|/index/8-\d+|"
    r"(?:[?&;]|^)(?:uid|user|userid|user_id|member|memberid|showuser|author|profile|u)=|"
    r"(?:mode|action|act|do)=(?:view)?(?:profile|getinfo|user)",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"author|user-?_?name|nick|poster|post-?_?user|byline|\b(?:user|name|fn)\b|login|member|guest|unreg",
    re.IGNORECASE,
)
_STAMPS = ("datetime", "data-time", "data-timestamp", "data-date", "data-created", "title")
CLOCK = re.compile(
    r"\d{1,2}[:.]\d{2}|\b(?:19|20)\d\d\b|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\bago\b|temu|назад|\bvor\b|"
    r"před|тому|today|yesterday|dzi[sś]|wczoraj|сегодня|вчера|heute|gestern|dnes|včera",
    re.IGNORECASE,
)
_DATE = re.compile(r"\d{4}|\d{1,2}[./-]\d{1,2}[./-]\d{2}")
_ROUGH = re.compile(r"\D{0,12}\d+\s+\w+\s+(?:ago|temu|назад|тому)|\D{0,6}vor \d+ \w+")
"""Three months ago: a time, but no moment."""
UNSURE = re.compile(
    r"(?<![\d./-])(?:0?[1-9]|1[0-2])([/-])(?:0?[1-9]|1[0-2])\1(?:\d{4}|\d\d)(?![\d./-])"
    r"[^\n\d]{1,12}\d{1,2}:\d\d"
)
"""A day and an hour of which only the page's other dates may tell which number is the month."""
_SPELT = re.compile(
    r"(?:\d{4}([./-])\d{1,2}\1\d{1,2}|\d{1,2}([./-])\d{1,2}\2\d{2,4}|"
    r"(?:[^\W\d]{2,9}[.,]?\s)?\d{1,2}(?:st|nd|rd|th)?[.,]?\s[^\W\d]{3,12}[.,]?\s\d{4}|"
    r"(?:[^\W\d]{2,9}[.,]?\s)?[^\W\d]{3,12}\s\d{1,2}(?:st|nd|rd|th)?,?\s\d{4})"
    r"[,.]?\s(?:[^\W\d]{1,3}\.?,?\s|[-–—|(]\s?)?\d{1,2}:\d\d(?::\d\d)?(?:\s?[ap]\.?m\b)?",
    re.IGNORECASE,
)
"""A day and an hour among other words: "Date: Monday, 05.11.2018, 12:14 | Message # 1"."""
_LEFT_OUT = re.compile(r"signature|\bsign?\b|podpis|\bedit|edited|edytow|modified", re.IGNORECASE)
_JOINED = re.compile(
    r"\b(?:joined|join date|registered|member since|last (?:visit|login|seen)|dołączył|"
    r"data dołączenia|zarejestrowan|rejestracj|ostatnio (?:widzian|online|był)|регистрац|зарегистр|"
    r"на форуме с|последний визит|реєстрац|зареєстр|з нами|registriert|anmeldungsdatum|"
    r"mitglied seit|dabei seit|beigetreten|"
    r"registrován|registrace|inscrit|inscription|registrado|注册)",
    re.IGNORECASE,
)
"""What stands before a time that tells of the author, not of the message."""
_OF_PERSON = re.compile(
    r"profile|user(?![-_]?(?:content|text|message|post|body|generated))|poster|author|avatar|"
    r"post-?details|stats|rank|"
    r"\bmeta\b|info(?![a-z])",
    re.IGNORECASE,
)
"""Names of what stands beside a message and may be longer than a short one."""
_PROMOTION = re.compile(
    r"(?:^|[\s_-])(?:ads?|adsense|advert\w*|adv|banner|sponsor\w*|promo\w*|reklam\w*|werbung|share|"
    r"sharing|share-?\w*|socials?|social-?\w+|addthis\w*|addtoany\w*|sharedaddy|yandex_rtb\w*|"
    r"ya-share\w*|pluso)(?=$|[\s_-])|adsbygoogle",
    re.IGNORECASE,
)
"""Names of what is put into messages by others than their authors."""
UNSEEN = frozenset({"script", "style", "noscript", "template", "head", "select", "option", "nav"})
_BODIES = frozenset(
    {"div", "td", "section", "article", "p", "dd", "blockquote", "span", "li", "main"}
)
_DEEPEST = 4000  # elements of one member that are looked at
_SHORTEST = 2  # characters of a message
_LONGEST_NAME = 60
_LONGEST_NOISE = 400
_LONGEST_CLOCK = 60
_NAMES = frozenset({"a", "b", "strong", "span", "div", "cite", "h3", "h4", "h5", "td", "dt"})
_TO_PROFILE = re.compile(
    r"(?:view |show |zobacz |pokaż |посмотреть |переглянути )?(?:public )?"
    r"(?:profile?|профиль|профіль)|(?:e-?mail|www|pm|pw|лс|пп)|#\s?\d+",
    re.IGNORECASE,
)
"""What a button beside a message says."""
_INLINE = frozenset({"a", "abbr", "b", "br", "em", "i", "img", "small", "span", "strong", "time"})
_STRESSED = frozenset({"a", "b", "strong", "cite"})
"""What names somebody where only what is around it is called so."""
_LINKS_ONLY = 0.7  # of a text that is links, from which it is a list's line and no message


class Parts:
    """Finds the parts of blocks by how such parts look everywhere."""

    def __init__(self, options: ReadOptions, language: str | None) -> None:
        self._options = options
        self._language = language
        self._tongues = Tongues(language)
        self._lengths: dict[Element, int] = {}
        self.repeated: frozenset[str] = frozenset()
        """What most blocks say in some part of theirs: an invitation to share, a notice."""
        self.nested: frozenset[Element] = frozenset()
        """Blocks that may stand within one another, as answers below what they answer."""

    def length(self, node: Element) -> int:
        """Return how many characters of text stand in ``node``."""
        if node not in self._lengths:
            self._lengths[node] = len(plain(node))
        return self._lengths[node]

    def inside(self, node: Element) -> Iterator[Element]:
        """Yield what stands in ``node``, not what stands in an answer below it."""
        todo, count = [node], 0
        while todo and count <= _DEEPEST:
            element = todo.pop()
            if element is not node and element in self.nested:
                continue
            todo.extend(reversed(element))
            count += 1
            if isinstance(element.tag, str) and element.tag not in UNSEEN:
                yield element

    def said_by(self, node: Element) -> Iterator[Element]:
        """Yield what stands in ``node`` outside of what it quotes."""
        quoted: set[Element] = set()
        for element in self.inside(node):
            if element.getparent() in quoted or (element is not node and is_quote(element)):
                quoted.add(element)
            else:
                yield element

    def author(self, node: Element, chrome: set[str]) -> tuple[Element, str, str | None] | None:
        """Return what names the author: a link to a profile, else an element called so.

        ``chrome`` is what such links say in every block: "Send e-mail".
        """
        marked: tuple[Element, str, str | None] | None = None
        last: tuple[Element, str, str | None] | None = None
        for element in self.said_by(node):
            if element is node:
                continue
            href = element.get("href") if element.tag == "a" else None
            name = plain(element) if href or not len(element) or element.get("itemprop") else ""
            if not 1 <= len(name) <= _LONGEST_NAME or not any(map(str.isalnum, name)):
                continue
            if _TO_PROFILE.fullmatch(name):
                continue
            if href and PROFILE.search(unquote(href)):
                if name not in chrome:
                    return element, name, href
                last = last or (element, name, href)
            marks = " ".join([element.get("class") or "", element.get("itemprop") or ""])
            called = bool(_NAMED.search(marks)) or "author" in (element.get("rel") or "")
            if element.tag in _STRESSED and not name.endswith(":"):
                outer = element.getparent()
                around = "" if outer is node else outer.get("class") or ""
                called = called or bool(_NAMED.search(around) or _OF_PERSON.search(around))
            if marked is None and called and element.tag in _NAMES:
                marked = element, name, href
        return marked or last

    def time(self, node: Element, person: Element) -> tuple[Element | None, datetime | None]:
        """Return the first element that tells a moment, and the moment if it is exact.

        One with an hour comes before a bare day, and when somebody joined does not count.
        """
        rough: tuple[Element | None, datetime | None] = (None, None)
        for element in self.said_by(node):
            if element is person:
                continue
            for value, when in self.moments(element):
                if _JOINED.search(plain(element)[:_LONGEST_CLOCK]) or _JOINED.search(
                    plain(element.getparent())[:_LONGEST_CLOCK]
                ):
                    break
                if re.search(r"\d[:.h]\d\d|\d{9,}|T\d\d", value) or not _DATE.search(value):
                    return element, when
                if rough[1] is None:
                    rough = element, when
            for text in (element.text, *(child.tail for child in element)):
                if rough[0] is None and text and _ROUGH.fullmatch(text.strip()):
                    rough = element, None
            if rough[0] is None and self.unsure(element):
                rough = element, None
        return rough

    def unsure(self, element: Element) -> bool:
        """Tell whether ``element`` itself shows a date that may be read both ways round."""
        texts = [element.text or "", *(child.tail or "" for child in element)]
        return any(
            len(text) <= _LONGEST_CLOCK
            and UNSURE.search(text)
            and not _JOINED.search(text)
            and self.shown(text) is None
            for text in texts
        )

    def moments(self, element: Element) -> Iterator[tuple[str, datetime]]:
        """Yield what ``element`` itself tells of time, and the moment."""
        for name in _STAMPS:
            if (value := element.get(name)) and (when := self.moment(value, name)):
                yield value, when
        texts = [element.text, *(child.tail for child in element)]
        inline = 1 <= len(element) <= 3 and all(child.tag in _INLINE for child in element)
        if inline and self.length(element) <= _LONGEST_CLOCK:
            texts.insert(0, plain(element))  # day and hour may have elements of their own
        for text in texts:
            if text and (when := self.shown(text)):
                yield text, when

    def shown(self, text: str | None) -> datetime | None:
        """Return the moment that ``text`` shows to people, alone or among other words."""
        shown = " ".join((text or "").split()).strip("»«•|,-–— ()\u200e\u200f")
        if not 4 <= len(shown) <= 2 * _LONGEST_CLOCK or not CLOCK.search(shown):
            return None
        if len(shown) <= _LONGEST_CLOCK and (
            when := shown_time(shown, self._options, self._language)
        ):
            return when
        spelt = _SPELT.search(shown[:_LONGEST_CLOCK])
        return self._tongues.shown(spelt[0], self._options) if spelt else None

    def moment(self, value: str, name: str) -> datetime | None:
        """Return the moment in the attribute ``name``."""
        when = machine_time(value, self._options)
        if when is None and name == "title" and len(value) <= 40 and CLOCK.search(value):
            return shown_time(value, self._options, self._language)
        return when

    def body(self, node: Element, person: Element, clock: Element) -> Element | None:
        """Return the largest text of ``node`` that holds neither its author nor its time."""
        nested = {inner for inner in node.iter() if inner in self.nested and inner is not node}
        apart = {person, clock, *nested}
        holders = {outer for each in apart for outer in (each, *each.iterancestors())}
        boxes = self._boxes(node, person, clock) | self.noise(node)
        best: dict[bool, Element] = {}
        length = {True: _SHORTEST, False: _SHORTEST}
        for element in self.said_by(node):
            if element in holders or element.tag not in _BODIES:
                continue
            # What a person's box holds is a message only where nothing else is.
            beside = any(outer in boxes for outer in (element, *element.iterancestors()))
            size = self.length(element)
            if not beside:
                size -= sum(self.length(box) for box in boxes if element in box.iterancestors())
            if size < length[beside] or _LEFT_OUT.search(_marks(element)):
                continue
            links = sum(
                self.length(link)
                for link in element.iter("a")
                if beside or not any(outer in boxes for outer in link.iterancestors())
            )
            if links < size * _LINKS_ONLY:
                best[beside], length[beside] = element, size
        return best.get(False, best.get(True))

    def noise(self, node: Element) -> set[Element]:
        """Return what others put into the message in ``node``: advertisements, ways to share it."""
        return {
            element
            for element in self.said_by(node)
            if element is not node
            and element.tag in _BODIES
            and self.length(element) <= _LONGEST_NOISE
            and (_PROMOTION.search(_marks(element)) or plain(element) in self.repeated)
        }

    def _boxes(self, node: Element, person: Element, clock: Element) -> set[Element]:
        """Return the boxes of ``node`` that tell of its author: one is the author's own cell."""
        found: set[Element] = set()
        for element in self.inside(node):
            named = bool(_OF_PERSON.search(_marks(element))) or bool(
                self.length(element) <= 2 * _LONGEST_CLOCK and _JOINED.match(plain(element))
            )
            if element.tag == "td" and element.getparent() is node:
                within = set(element.iter())
                named = named or (person in within and clock not in within)
            if (
                element is not node
                and named
                and not any(outer in found for outer in element.iterancestors())
            ):
                found.add(element)
        return found


def _marks(node: Element) -> str:
    """Return the classes and the id of ``node``."""
    return " ".join([node.get("class") or "", node.get("id") or ""])
