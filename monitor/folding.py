"""Read text the way a person does: without case, accents, invisible marks and look-alike letters.

Also tell web and e-mail addresses apart from what a person says.

Folding goes character by character and is linear whatever the text; a flood of combining marks or
of zero-width characters costs no more than as many letters.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MAX_EXPANSION = 4
"""Compatibility forms longer than this are one sign to a reader (and a way to swell a text)."""

_MAX_MARKS = 8
"""Marks on the last letter that still belong to it; a taller pile is decoration."""

_DIRECT = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u02b9\u2032\u00b4\u0060\uff07", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d", "-"),
    "\u00ad": "",
    "\u2122": " ", "\u2120": " ",  # trade mark and service mark, not the letters TM
    **dict(zip("łŁđĐøØıħĦŧŦ", "lLdDoOihHtT", strict=True)),
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE",
}  # fmt: skip

_LOOKALIKES = dict(
    zip(
        "аеорсухкіјѕһԁԛԝАВЕКМНОРСТХУІЈЅοανρικυΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
        "aeopcyxkijshdqwABEKMHOPCTXYIJSoavpikuABEZHIKMNOPTYX",
        strict=True,
    )
)
_CYRILLIC_TWINS = {
    latin: twin for twin, latin in reversed(_LOOKALIKES.items()) if "\u0400" <= twin <= "\u045f"
}
_TO_LATIN = str.maketrans(_LOOKALIKES)
_TO_CYRILLIC = str.maketrans(_CYRILLIC_TWINS)

_JUNCTION = re.compile("[a-zA-Z0-9][\u0370-\u052f]|[\u0370-\u052f][a-zA-Z0-9]")
_SPACED = re.compile(r"(?<![^\W_])[^\W_]([ .\-_*·])[^\W_](?:\1[^\W_]){2,60}(?![^\W_])")
_ASCII_CONTROLS = dict.fromkeys((*range(32), 127), " ")

_TOKEN = re.compile(r"[^\s<>\"'()\[\]{}|«»„”“]+")
_PATH = re.compile(r"[/?#]")
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*\.(?:xn--[a-z0-9-]+|[^\W\d_A-ZА-Я]{2,24})(?::\d+)?")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+")


class _FoldTable(dict[str, str]):
    """Caches what each character folds to; at most one entry per character of Unicode."""

    def __missing__(self, char: str) -> str:
        """Work out and remember the folded form of one character, its case kept."""
        folded = self[char] = _fold_character(char)
        return folded


def _fold_character(char: str) -> str:
    """Return the letters a character stands for; empty for marks and invisible characters."""
    if char in _DIRECT:
        return _DIRECT[char]
    category = unicodedata.category(char)
    if char.isspace() or category == "Cc":
        return " "
    if category in ("Mn", "Me", "Cf"):
        return ""
    parts = unicodedata.normalize("NFKD", char)
    if len(parts) > _MAX_EXPANSION:
        return char
    bare = "".join(part for part in parts if not unicodedata.category(part).startswith("M"))
    return "".join(_DIRECT.get(part, part) for part in bare)


_TABLE = _FoldTable()


@dataclass(frozen=True, slots=True)
class Folded:
    """A text as it is compared, and where each of its characters stood in the original.

    `cased` and `lower` have the same length; `origins[i]` is the code point index in `source` of
    the character that `cased[i]` came from.
    """

    source: str
    cased: str
    lower: str
    origins: Sequence[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original behind folded[start:end], marks at its end included."""
        first, last = self.origins[start], self.origins[end - 1] + 1
        marks = itertools.takewhile(unicodedata.combining, self.source[last : last + _MAX_MARKS])
        return first, last + len([*marks])

    def width(self, start: int, end: int) -> int:
        """Return how many characters of the original folded[start:end] spans."""
        return self.origins[end - 1] + 1 - self.origins[start]

    def spaced(self) -> Iterator[tuple[str, list[int]]]:
        """Yield words written letter by letter, joined, with the folded place of each letter.

        Two blanks part words where one parts letters: "N o r d v i a  n i e" is two words.
        """
        for run in _SPACED.finditer(self.cased):
            places: list[int] = []
            for place in range(run.start(), run.end(), 2):
                if places and self._wide(place - 1):
                    yield self._joined(places)
                    places = []
                places.append(place)
            yield self._joined(places)

    def _joined(self, places: list[int]) -> tuple[str, list[int]]:
        """Join the letters at the given places."""
        return _straightened("".join(self.cased[place] for place in places)), places

    def _wide(self, place: int) -> bool:
        """Tell whether the blank at `place` stands for several in the original."""
        gap = self.source[self.origins[place] : self.origins[place + 1]]
        return sum(char.isspace() for char in gap) > 1


def fold(text: str) -> Folded:
    """Fold a text; several blanks in a row become one."""
    origins: Sequence[int] = range(len(text))
    if text.isascii():
        cased = text.translate(_ASCII_CONTROLS)
    else:
        pieces = [_TABLE[char] for char in text]
        cased = "".join(pieces)
        if any(len(piece) != 1 for piece in pieces):
            origins = [place for place, piece in enumerate(pieces) for _ in piece]
    if "  " in cased:
        stay = [i for i, char in enumerate(cased) if char != " " or not i or cased[i - 1] != " "]
        cased = "".join(cased[i] for i in stay)
        origins = [origins[i] for i in stay]
    cased = _straightened(cased)
    return Folded(text, cased, cased.lower(), origins)


def _straightened(cased: str) -> str:
    """Put each word that mixes alphabets into one, if its other letters are look-alikes.

    The letters that have no twin decide the alphabet; without any, Latin does («О2» is "O2"). A
    word with such letters of both alphabets stays as it is. The length does not change.
    """
    parts: list[str] = []
    done = 0
    for junction in _JUNCTION.finditer(cased):
        if junction.start() < done:
            continue
        start, end = junction.span()
        while start > done and cased[start - 1].isalnum():
            start -= 1
        while end < len(cased) and cased[end].isalnum():
            end += 1
        parts += (cased[done:start], _one_alphabet(cased[start:end]))
        done = end
    return "".join((*parts, cased[done:])) if parts else cased


def _one_alphabet(word: str) -> str:
    """Replace look-alikes in one mixed word by the letters of the word's own alphabet."""
    latin = any(char.isascii() and char.isalpha() and char not in _CYRILLIC_TWINS for char in word)
    other = any("\u0370" <= char <= "\u052f" and char not in _LOOKALIKES for char in word)
    if latin and other:
        return word
    return word.translate(_TO_CYRILLIC if other else _TO_LATIN)


def uncounted_addresses(text: str) -> list[tuple[int, int]]:
    """Return the spans, disjoint and in order, of URL paths and of e-mail addresses' names."""
    if "/" not in text and "@" not in text and "www." not in text.lower():
        return []
    spans: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(text):
        word, offset = token.group(), token.start()
        cut = _path_start(word)
        if cut < len(word):
            spans.append((offset + cut, token.end()))
        names = (span for span in _mailbox_names(word) if span[1] <= cut)
        spans += ((offset + start, offset + end) for start, end in names)
    return sorted(spans)


def _path_start(word: str) -> int:
    """Return where the path, query or fragment of a web address begins, the length if nowhere."""
    scheme = word.find("://")
    found = _PATH.search(word, scheme + 3 if scheme >= 0 else 0)
    if not found:
        return len(word)
    known = scheme >= 0 or word[:4].lower() == "www."
    return found.start() if known or _HOST.fullmatch(word, 0, found.start()) else len(word)


def _mailbox_names(word: str) -> Iterator[tuple[int, int]]:
    """Yield the part before each @ that is followed by a domain; @user@server is a handle."""
    at = word.find("@")
    while at >= 0:
        start = at
        while start and (word[start - 1].isalnum() or word[start - 1] in "_.+-"):
            start -= 1
        handle = start > 0 and word[start - 1] == "@"
        if start < at and not handle and _DOMAIN.match(word, at + 1):
            yield start, at
        at = word.find("@", at + 1)
