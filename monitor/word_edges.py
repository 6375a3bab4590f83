"""Decide where a word begins and ends in folded text, endings, hashtags and handles included."""

import bisect
import re

from monitor.folding import Folded

# Folded, so «ой» is spelled «ои» here.
_ENDING = re.compile(
    r"(?:['-](?:owie|owi|iem|ami|ach|ow|em|om|ie|mi|[aueiyms])"
    r"|['-]?(?:ами|ах|ам|ом|ем|ои|еи|ов|[аеиоуыюя]))(?![^\W_])"
)
_TAG = re.compile(r"(?<!\w)[#@]\w+")
_COMPLAINT_TEXT = """
down fail fails failed hate help outage scam support sucks thieves awaria dno oszusci oszustwo
porazka problem zlodzieje вор воры обман мошенники развод лохотрон
"""
_COMPLAINTS = frozenset(_COMPLAINT_TEXT.split())


class Tags:
    """The #hashtags and @handles of a text, where words are written together."""

    def __init__(self, page: Folded) -> None:
        """Locate the tags; a text without # or @ costs nothing."""
        self._page = page
        marked = "#" in page.lower or "@" in page.lower
        self._spans = [tag.span() for tag in _TAG.finditer(page.lower)] if marked else []
        self._starts = [start for start, _ in self._spans]

    def _end(self, place: int) -> int:
        """Return the end of the tag around `place`, 0 when there is none."""
        index = bisect.bisect_right(self._starts, place) - 1
        return self._spans[index][1] if index >= 0 and place < self._spans[index][1] else 0

    def opens(self, start: int) -> bool:
        """Tell whether a word of a tag begins here: a capital after a small letter or digit."""
        cased = self._page.cased
        return bool(self._end(start)) and cased[start].isupper() and not cased[start - 1].isupper()

    def closes(self, end: int) -> bool:
        """Tell whether a word of a tag ends here: before a capital, a digit or a complaint."""
        tag_end = self._end(end)
        if not tag_end:
            return False
        cased = self._page.cased
        parted = cased[end].isupper() and not cased[end - 1].isupper()
        numbered = cased[end].isdigit() and cased[end - 1].isalpha()
        return parted or numbered or self._page.lower[end:tag_end] in _COMPLAINTS


def opens(lower: str, start: int) -> bool:
    """Tell whether no letter or digit stands before `start`."""
    return start == 0 or not lower[start - 1].isalnum()


def closes(lower: str, end: int) -> bool:
    """Tell whether a word may end at `end`; after a symbol a digit may follow: C++17, not C+++."""
    if end == len(lower):
        return True
    last, following = lower[end - 1], lower[end]
    if last.isalnum():
        return not following.isalnum()
    return not following.isalpha() and following != last


def ending(lower: str, end: int) -> int:
    """Return where an ending written after an apostrophe or hyphen stops: Orange'u, ZUS-em.

    A Cyrillic ending may also be glued to a Latin name: «с Nordviaой» and «Google-ом» alike.
    """
    if end == len(lower) or not lower[end - 1].isalnum():
        return end
    if lower[end].isalpha() and not (lower[end - 1].isascii() and "а" <= lower[end] <= "я"):
        return end
    found = _ENDING.match(lower, end)
    return found.end() if found else end
