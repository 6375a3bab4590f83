"""Texts in Markdown, as Lemmy and Reddit hand them out: own words apart from quotes."""

import html
import re

from spiders.base import Quote
from spiders.text import CODE, IMAGE, Words, fit

_QUOTE = re.compile(r"^ {0,3}> ?")
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)")
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)\s]*(?:\s+\"[^\"]*\")?\)")
_LINK = re.compile(r"\[([^\]\n]*)\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_STRESS = re.compile(r"(?<![\w\\])(\*\*\*|\*\*|__|\*|~~)(?=\S)(.+?)(?<=\S)\1(?!\w)")
_HEAD = re.compile(r"^ {0,3}#{1,6}\s+")
_RULE = re.compile(r"^ {0,3}(?:[-*_] ?){3,}$")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!>~|^])")


def read_marked(text: str) -> Words:
    """Return the words of a text in Markdown; lines that begin with ``>`` are quotes.

    Links keep their text, stress its words, pictures give ``[image]``, blocks of code ``[code]``.
    Spoilers (``>!`` and ``:::``) keep their content.
    """
    own: list[str] = []
    quotes: list[str] = []
    quoted: list[str] = []
    fenced = False
    for line in fit(html.unescape(text)).splitlines():
        if _FENCE.match(line):
            fenced = not fenced
            if fenced:
                own.append(CODE)
            continue
        if fenced:
            continue
        if _QUOTE.match(line) and not line.lstrip().startswith(">!"):
            quoted.append(_plain(_QUOTE.sub("", line)))
            continue
        if quoted and not line.strip():
            quotes.append("\n".join(quoted).strip())
            quoted = []
        own.append(_plain(line))
    if quoted:
        quotes.append("\n".join(quoted).strip())
    said = re.sub(r"\n{3,}", "\n\n", "\n".join(own)).strip()
    return Words(
        text=said, quotes=tuple(Quote(author=None, text=quote) for quote in quotes if quote)
    )


def without_marked_quotes(said: Words) -> Words:
    """Return the words of a text whose quotes are lines that begin with ``>``, by custom only."""
    own: list[str] = []
    quotes: list[str] = []
    for line in said.text.splitlines():
        if line.startswith(">") and line.strip("> "):
            quotes.append(line.lstrip("> "))
        else:
            own.append(line)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(own)).strip()
    found = (*said.quotes, *(Quote(author=None, text=quote) for quote in quotes))
    return Words(text=text, quotes=found) if quotes else said


def _plain(line: str) -> str:
    if _RULE.match(line) or line.strip().startswith(":::"):
        return ""
    line = _HEAD.sub("", line)
    line = _PICTURE.sub(IMAGE, line)
    line = _LINK.sub(lambda found: found[1] or found[2], line)
    for _ in range(3):
        line = _STRESS.sub(r"\2", line)
    line = re.sub(r">!(.+?)!<", r"\1", line)
    return " ".join(_ESCAPED.sub(r"\1", line).split())
