"""Find the brands that a post names, however their authors spell them.

Every spelling of every brand goes into one Aho-Corasick automaton, so a thousand brands cost little
more than one, and the time grows with the length of the text alone. The text is read through a
`Folded` copy: lower case, no diacritics, no invisible characters, look-alike letters put right.
All positions handed out refer to the original.

Decisions worth knowing:
- a web address counts by its host; its path, query and fragment do not, nor does the part of an
  e-mail address before the @ (whoever owns that mailbox);
- inside a #hashtag or @handle a capital, a digit or an underscore parts words (#NordviaFail), and
  so does a short list of usual complaints (#nordviafail);
- a case-sensitive alias fixes the case of the name, not that of its ending;
- when two mentions overlap the longer one stays; two brands with the same span are both reported.
"""

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import ahocorasick

from monitor.brand_rules import (
    CONTEXT_WORDS,
    Alias,
    BrandRule,
    MentionRuleError,
    spelled_out,
    warnings,
)
from monitor.folding import Folded, fold, uncounted_addresses
from monitor.word_edges import Tags, closes, ending, opens

__all__ = [
    "Alias",
    "BrandRule",
    "Match",
    "Matcher",
    "Mention",
    "MentionRuleError",
    "Void",
    "Where",
    "mentions",
    "warnings",
]

MAX_SPAN = 300
"""Longest mention, in characters of the original; more is mostly invisible characters."""

_SHORTEST_SPACED = 4
"""Fewest letters of a name looked for letter by letter; three apart are too often chance."""

_WORD = re.compile(r"[^\W_]+")


class Void(StrEnum):
    """Why a spelling of the brand in the text is not a mention of it."""

    EXCLUSION = "exclusion"
    NO_CONTEXT = "no_context"
    ADDRESS = "address"


class Where(StrEnum):
    """The part of a post that holds a mention."""

    TITLE = "title"
    TEXT = "text"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A spelling of a brand found at `text[start:end]`; `void` tells why it does not count."""

    brand_id: int
    start: int
    end: int
    matched: str
    alias: str
    void: Void | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A match that counts, and the part of the post it stands in.

    `start` and `end` refer to that part; `quote` is the index of the quote, None elsewhere.
    """

    brand_id: int
    where: Where
    start: int
    end: int
    matched: str
    alias: str
    quote: int | None = None


class _Kind(StrEnum):
    NAME = "name"
    EXCLUSION = "exclusion"
    CONTEXT = "context"


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What one entry of the automaton stands for; `capitals` is None where case is free."""

    kind: _Kind
    rule: int
    alias: Alias
    capitals: tuple[bool | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Hit:
    """A pattern found in a folded text, boundaries checked; positions are in the folded text."""

    pattern: _Pattern
    start: int
    end: int


class Matcher:
    """All brands' spellings compiled once; `find` may then be called from any thread."""

    def __init__(self, rules: Sequence[BrandRule]) -> None:
        """Compile the rules; raise `MentionRuleError` for a text that nothing could match."""
        self._rules = tuple(rules)
        self._automaton = ahocorasick.Automaton()
        entries: dict[str, list[_Pattern]] = {}
        for index, rule in enumerate(self._rules):
            for pattern in _patterns(index, rule):
                named = pattern.kind is _Kind.NAME
                for key, capitals in spelled_out(pattern.alias, rule.name, of_name=named):
                    known = entries.setdefault(key, [])
                    compiled = (
                        _Pattern(pattern.kind, index, pattern.alias, capitals)
                        if capitals
                        else pattern
                    )
                    if compiled not in known:
                        known.append(compiled)
        for key, patterns in entries.items():
            self._automaton.add_word(key, (len(key), tuple(patterns)))
        self._automaton.make_automaton()

    def find(self, text: str, *, title: str = "") -> list[Match]:
        """Return the matches in order of position, the void ones included.

        `title` is the thread's title, where context words count too. A void match that overlaps one
        that counts is left out. Positions are code points of `text`.
        """
        if not self._rules or not text:
            return []
        page = fold(text)
        hits = [*self._hits(page), *self._spaced_hits(page)]
        names = [
            hit
            for hit in hits
            if hit.pattern.kind is _Kind.NAME and page.width(hit.start, hit.end) <= MAX_SPAN
        ]
        if not names:
            return []
        judge = _Judge(text, page, hits, self._titled_context(names, title), self._rules)
        sound: list[_Hit] = []
        void: list[tuple[_Hit, Void]] = []
        for hit in names:
            reason = judge.reason(hit)
            if reason is None:
                sound.append(hit)
            else:
                void.append((hit, reason))
        kept = _longest(sound)
        taken = _merged([(hit.start, hit.end) for hit in kept])
        rejected = {hit: reason for hit, reason in void if not _overlaps(taken, hit.start, hit.end)}
        found = [self._match(text, page, hit, None) for hit in kept]
        found += [self._match(text, page, hit, rejected[hit]) for hit in _longest(list(rejected))]
        return sorted(found, key=lambda match: (match.start, match.end, match.brand_id))

    def _match(self, text: str, page: Folded, hit: _Hit, void: Void | None) -> Match:
        """Bring a hit back to the original text."""
        start, end = page.original(hit.start, hit.end)
        return Match(
            brand_id=self._rules[hit.pattern.rule].brand_id,
            start=start,
            end=end,
            matched=text[start:end],
            alias=hit.pattern.alias.text,
            void=void,
        )

    def _hits(self, page: Folded) -> Iterator[_Hit]:
        """Yield what the automaton finds, where it stands as words of its own."""
        lower = page.lower
        tags = Tags(page)
        for last, (length, patterns) in self._automaton.iter(lower):
            start, end = last + 1 - length, last + 1
            if not (opens(lower, start) or tags.opens(start)):
                continue
            reach = ending(lower, end)
            closed = closes(lower, end) or tags.closes(end)
            if not (closed or reach > end):
                continue
            for pattern in patterns:
                if pattern.capitals and not _capitals_agree(page.cased, start, pattern.capitals):
                    continue
                stop = reach if pattern.alias.inflect else end
                if closed or stop > end:
                    yield _Hit(pattern, start, stop)

    def _spaced_hits(self, page: Folded) -> Iterator[_Hit]:
        """Yield names written letter by letter: "N o r d v i a", also beside a one-letter word."""
        for letters, places in page.spaced():
            for skipped, dropped in ((0, 0), (1, 0), (0, 1), (1, 1)):
                inner = letters[skipped : len(letters) - dropped]
                if len(inner) < _SHORTEST_SPACED or inner.lower() not in self._automaton:
                    continue
                first, last = places[skipped], places[len(places) - 1 - dropped]
                for pattern in self._automaton.get(inner.lower())[1]:
                    if not pattern.capitals or _capitals_agree(inner, 0, pattern.capitals):
                        yield _Hit(pattern, first, last + 1)

    def _titled_context(self, names: list[_Hit], title: str) -> set[int]:
        """Return the rules that find a context word in the title; read it only when asked for."""
        if not title or not any(self._rules[hit.pattern.rule].context for hit in names):
            return set()
        hits = self._hits(fold(title))
        return {hit.pattern.rule for hit in hits if hit.pattern.kind is _Kind.CONTEXT}


class _Judge:
    """Tells which names in one text count; each answer takes logarithmic time."""

    def __init__(
        self,
        text: str,
        page: Folded,
        hits: list[_Hit],
        titled: set[int],
        rules: tuple[BrandRule, ...],
    ) -> None:
        """Sort the text's exclusions, context words and addresses once."""
        self._page = page
        self._rules = rules
        self._titled = titled
        self._addresses = uncounted_addresses(text)
        self._exclusions: dict[int, list[tuple[int, int]]] = {}
        self._context: dict[int, list[int]] = {}
        for hit in hits:
            if hit.pattern.kind is _Kind.EXCLUSION:
                self._exclusions.setdefault(hit.pattern.rule, []).append((hit.start, hit.end))
            elif hit.pattern.kind is _Kind.CONTEXT:
                self._context.setdefault(hit.pattern.rule, []).append(hit.start)
        self._exclusions = {rule: _merged(spans) for rule, spans in self._exclusions.items()}
        for places in self._context.values():
            places.sort()
        wanted = any(rules[hit.pattern.rule].context for hit in hits)
        self._words = [word.start() for word in _WORD.finditer(page.lower)] if wanted else []

    def reason(self, hit: _Hit) -> Void | None:
        """Return why the hit does not count, or None when it does."""
        rule = hit.pattern.rule
        start, end = self._page.original(hit.start, hit.end)
        if _overlaps(self._addresses, start, end):
            return Void.ADDRESS
        if _overlaps(self._exclusions.get(rule, []), hit.start, hit.end):
            return Void.EXCLUSION
        if self._rules[rule].context and rule not in self._titled and not self._near(hit):
            return Void.NO_CONTEXT
        return None

    def _near(self, hit: _Hit) -> bool:
        """Tell whether a context word of the rule stands close enough on either side."""
        places = self._context.get(hit.pattern.rule, [])
        after = bisect.bisect_left(places, hit.end)
        if after < len(places) and self._between(hit.end, places[after]) <= CONTEXT_WORDS:
            return True
        before = bisect.bisect_left(places, hit.start) - 1
        # The context word itself starts before the gap, hence the one word more.
        return before >= 0 and self._between(places[before], hit.start) <= CONTEXT_WORDS + 1

    def _between(self, start: int, end: int) -> int:
        """Count the words that begin in the folded text[start:end]."""
        return bisect.bisect_left(self._words, end) - bisect.bisect_left(self._words, start)


def mentions(matcher: Matcher, title: str, text: str, quotes: Sequence[str] = ()) -> list[Mention]:
    """Return the mentions that count in a post: in its title, its own words, then its quotes.

    `text` must already be without the quotes. Give an empty title for a post that did not open the
    thread if the title is not to be counted again; context words in it then do not count either.
    """
    parts: list[tuple[Where, int | None, str]] = [(Where.TITLE, None, title)]
    parts.append((Where.TEXT, None, text))
    parts += [(Where.QUOTE, index, quote) for index, quote in enumerate(quotes)]
    return [
        Mention(
            brand_id=match.brand_id,
            where=where,
            start=match.start,
            end=match.end,
            matched=match.matched,
            alias=match.alias,
            quote=index,
        )
        for where, index, part in parts
        for match in matcher.find(part, title=title)
        if match.void is None
    ]


def _patterns(index: int, rule: BrandRule) -> Iterator[_Pattern]:
    """Yield what one rule looks for, before it is spelled out."""
    for alias in rule.spellings():
        yield _Pattern(_Kind.NAME, index, alias)
    for phrase in rule.exclusions:
        yield _Pattern(_Kind.EXCLUSION, index, Alias(text=phrase))
    for word in rule.context:
        yield _Pattern(_Kind.CONTEXT, index, Alias(text=word))


def _capitals_agree(cased: str, start: int, capitals: tuple[bool | None, ...]) -> bool:
    """Tell whether the text shows capitals where the alias has them, and only there."""
    return all(
        wanted is None or cased[place].isupper() == wanted
        for place, wanted in enumerate(capitals, start)
    )


def _longest(hits: list[_Hit]) -> list[_Hit]:
    """Drop each hit that overlaps a longer one; keep one hit per brand and span."""
    kept: list[_Hit] = []
    seen: set[tuple[int, int, int]] = set()
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end, hit.pattern.rule)):
        span = (hit.pattern.rule, hit.start, hit.end)
        if span in seen:
            continue
        if (
            kept
            and hit.start < kept[-1].end
            and (hit.start, hit.end)
            != (
                kept[-1].start,
                kept[-1].end,
            )
        ):
            if hit.end - hit.start <= kept[-1].end - kept[-1].start:
                continue
            while kept and kept[-1].end > hit.start:
                kept.pop()
        seen.add(span)
        kept.append(hit)
    return kept


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Unite overlapping spans, in order."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if united and start < united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _overlaps(spans: list[tuple[int, int]], start: int, end: int) -> bool:
    """Tell whether one of the disjoint sorted spans overlaps [start, end)."""
    index = bisect.bisect_left(spans, (end, 0)) - 1
    return index >= 0 and spans[index][1] > start
