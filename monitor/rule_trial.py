"""Trying a brand's words on stored posts before they are saved: what they find, and why not more.

Only posts of kept threads are stored, those that name a brand; of a brand that nobody listens for
yet little can be found, and a text of one's own may be tried instead.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from models import Post, Quote, Source, Thread
from models.base import id_of
from monitor.brands import BrandSpec
from monitor.folding import fold
from monitor.mentions import Matcher, Void, Where, mentions, warnings

POSTS = 2_000
"""Newest stored posts that words are tried on."""
SAMPLES = 20
SHORTEST_NEAR = 5
"""Fewest letters of a word that one wrong letter makes a near miss of."""
_WORD = re.compile(r"[^\W_]+")


class WhyNot(StrEnum):
    """Why a post that looks as if it named the brand does not."""

    EXCLUSION = "exclusion"
    NO_CONTEXT = "no_context"
    ADDRESS = "address"
    CAPITALS = "capitals"
    INSIDE = "inside"
    SPELLING = "spelling"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A word in a text; ``start`` counts characters of the text as it is stored."""

    start: int
    matched: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One post with the words that were found in it, or nearly."""

    post_id: int
    source: str
    at: datetime | None
    title: str
    text: str
    in_title: tuple[Spot, ...] = ()
    in_text: tuple[Spot, ...] = ()
    quoted: tuple[str, ...] = ()
    """Words that stand in what the post quotes."""
    why_not: WhyNot | None = None
    new: bool = False
    """The words as they are saved do not find it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a brand's words would find."""

    looked: int
    hits: tuple[Sample, ...]
    """The first ``SAMPLES``, those that are new first."""
    hit: int
    new: int
    lost: tuple[Sample, ...]
    """What the saved words find and these do not."""
    lost_count: int
    near: tuple[Sample, ...]
    near_count: int
    own: Sample | None
    """The text that was given beside the stored ones."""
    advice: tuple[str, ...]


def try_words(
    session: Session, spec: BrandSpec, *, saved: BrandSpec | None = None, own: str = ""
) -> Trial:
    """Return what ``spec`` finds among the newest posts, and what it finds that ``saved`` did not.

    Raises ``MentionRuleError`` for a word that nothing can be found by.
    """
    probe = _Probe(spec)
    before = Matcher([saved.as_rule()]) if saved is not None else None
    rows = session.exec(
        select(Post, Thread.title, Source.name)
        .join(Thread, onclause=col(Thread.id) == col(Post.thread_id))
        .join(Source, onclause=col(Source.id) == col(Post.source_id))
        .order_by(col(Post.id).desc())
        .limit(POSTS)
    ).all()
    quotes: dict[int, list[str]] = {}
    oldest = min((id_of(post) for post, _, _ in rows), default=0)
    for post_id, text in session.exec(
        select(Quote.post_id, Quote.text)
        .where(col(Quote.post_id) >= oldest)
        .order_by(col(Quote.post_id), col(Quote.position))
    ):
        quotes.setdefault(post_id, []).append(text)
    hits, lost, near = [], [], []
    for post, title, source in rows:
        told = quotes.get(id_of(post), [])
        blank = Sample(
            post_id=id_of(post),
            source=source,
            at=post.posted_at or post.fetched_at,
            title=title,
            text=post.text,
        )
        found = probe.look(blank, told)
        known = before is not None and bool(mentions(before, title, post.text, told))
        if found is not None and found.why_not is None:
            hits.append(replace(found, new=saved is not None and not known))
        elif known:
            lost.append(found or blank)
        elif found is not None:
            near.append(found)
    own_sample = Sample(post_id=0, source="", at=None, title="", text=own)
    return Trial(
        looked=len(rows),
        hits=tuple(sorted(hits, key=lambda one: not one.new)[:SAMPLES]),
        hit=len(hits),
        new=sum(one.new for one in hits),
        lost=tuple(lost[:SAMPLES]),
        lost_count=len(lost),
        near=tuple(near[:SAMPLES]),
        near_count=len(near),
        own=(probe.look(own_sample, []) or own_sample) if own else None,
        advice=tuple(warnings(spec.as_rule())),
    )


class _Probe:
    """Looks at one text after another with one brand's words."""

    def __init__(self, spec: BrandSpec) -> None:
        rule = spec.as_rule()
        self._strict = Matcher([rule])
        free = tuple(replace(alias, case_sensitive=False) for alias in rule.aliases)
        self._loose = Matcher([replace(rule, aliases=free, exclusions=(), context=())])
        self._bare = {fold(alias.text).lower for alias in rule.aliases}

    def look(self, sample: Sample, quotes: Sequence[str]) -> Sample | None:
        """Return ``sample`` with what was found or nearly found in it; ``None``: nothing."""
        found = mentions(self._strict, sample.title, sample.text, quotes)
        if found:

            def spots(where: Where) -> tuple[Spot, ...]:
                return tuple(
                    Spot(start=one.start, matched=one.matched)
                    for one in found
                    if one.where is where
                )

            return replace(
                sample,
                in_title=spots(Where.TITLE),
                in_text=spots(Where.TEXT),
                quoted=tuple(one.matched for one in found if one.where is Where.QUOTE),
            )
        for why, spot in self._nearly(sample.text, sample.title):
            return replace(sample, in_text=(spot,), why_not=why)
        for why, spot in self._nearly(sample.title, ""):
            return replace(sample, in_title=(spot,), why_not=why)
        return None

    def _nearly(self, text: str, title: str) -> list[tuple[WhyNot, Spot]]:
        """Return the first near miss in a text that names no brand, if there is one."""
        for match in self._strict.find(text, title=title):
            if match.void is not None:
                reasons = {
                    Void.EXCLUSION: WhyNot.EXCLUSION,
                    Void.NO_CONTEXT: WhyNot.NO_CONTEXT,
                    Void.ADDRESS: WhyNot.ADDRESS,
                }
                return [(reasons[match.void], Spot(start=match.start, matched=match.matched))]
        for match in self._loose.find(text):
            why = WhyNot.ADDRESS if match.void is Void.ADDRESS else WhyNot.CAPITALS
            return [(why, Spot(start=match.start, matched=match.matched))]
        page = fold(text)
        for word in _WORD.finditer(page.lower):
            for name in self._bare:
                why_not = _likeness(word[0], name)
                if why_not is not None:
                    start, end = page.original(word.start(), word.end())
                    return [(why_not, Spot(start=start, matched=text[start:end]))]
        return []


def _likeness(word: str, name: str) -> WhyNot | None:
    """Return in which way ``word`` is nearly ``name``."""
    if len(name) < SHORTEST_NEAR:
        return None
    if name in word:
        return WhyNot.INSIDE
    return WhyNot.SPELLING if one_letter_off(word, name) else None


def one_letter_off(word: str, name: str) -> bool:
    """Tell whether one letter more, less, changed, or two swapped make ``name`` of ``word``."""
    if abs(len(word) - len(name)) > 1 or word == name:
        return False
    shorter, longer = sorted((word, name), key=len)
    start = next(
        (at for at, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter)
    )
    if len(shorter) < len(longer):
        return shorter[start:] == longer[start + 1 :]
    swapped = (
        word[start : start + 2] == name[start : start + 2][::-1]
        and word[start + 2 :] == name[start + 2 :]
    )
    return swapped or word[start + 1 :] == name[start + 1 :]
