"""One case with the thread around it, post by post."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from textwrap import wrap

from sqlalchemy import func
from sqlmodel import Session, col, select

from alerts.words import NAME_LIMIT, RAW_LIMIT, clean, mask, shown, web_link
from models import Author, Case, Mention, Post, Quote, Unhappy, Verdict
from monitor.flagged import Flagged, read_flagged
from monitor.rule_trial import Spot

POSTS_SHOWN = 200
"""Posts of a long thread on one page: the flagged one and those around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of text; ``mention`` marks a place that names the brand."""

    text: str
    mention: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the checkpoint thinks of a post; ``probability`` is that of ``polarity``."""

    polarity: str
    unhappy: Unhappy
    probability: float
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteShown:
    """Somebody else's words within a post."""

    author: str | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostShown:
    """One stored post of a thread; e-mail addresses and telephone numbers are masked."""

    id: int
    number: int | None
    url: str | None
    author: str
    author_posts: int | None
    at: datetime
    time_known: bool
    """``at`` is when it was written; else when it was first read."""
    edited: bool
    gone_at: datetime | None
    flagged: bool
    """The post the case quotes."""
    pieces: tuple[Piece, ...]
    quotes: tuple[QuoteShown, ...]
    judgement: Judgement | None
    masked: bool
    """Something in its words was masked."""
    original: str | None
    """Its words unmasked, where somebody asked to see them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    """One case and the posts around it, oldest first."""

    case: Flagged
    posts: tuple[PostShown, ...]
    earlier: int
    """Stored posts before those shown."""
    later: int
    """Stored posts after those shown."""


def read_case(session: Session, case_id: int, *, reveal: int | None = None) -> CasePage | None:
    """Return the case with its thread, or ``None`` when there is no such case.

    The post ``reveal`` is shown unmasked as well.
    """
    case = session.get(Case, case_id)
    flagged = read_flagged(session, select(col(Case.id)).where(Case.id == case_id), {})
    if case is None or not flagged:
        return None
    written = func.coalesce(Post.posted_at, Post.fetched_at)
    order = session.exec(
        select(col(Post.id)).where(Post.thread_id == case.thread_id).order_by(written, col(Post.id))
    ).all()
    middle = order.index(case.post_id)
    start = max(0, min(middle - POSTS_SHOWN // 2, len(order) - POSTS_SHOWN))
    numbers = [number for number in order[start : start + POSTS_SHOWN] if number is not None]
    return CasePage(
        case=flagged[0],
        posts=_posts(session, case, numbers, reveal),
        earlier=start,
        later=len(order) - start - len(numbers),
    )


def _posts(
    session: Session, case: Case, numbers: list[int], reveal: int | None
) -> tuple[PostShown, ...]:
    quotes: dict[int, list[Quote]] = {}
    for quote in session.exec(
        select(Quote).where(col(Quote.post_id).in_(numbers)).order_by(col(Quote.position))
    ):
        quotes.setdefault(quote.post_id, []).append(quote)
    mentions: dict[tuple[int, str], list[Mention]] = {}
    for mention in session.exec(
        select(Mention)
        .where(col(Mention.post_id).in_(numbers), Mention.brand_id == case.brand_id)
        .order_by(col(Mention.start))
    ):
        mentions.setdefault((mention.post_id, mention.place), []).append(mention)
    verdicts: dict[tuple[int, str], Verdict] = {}
    for verdict in session.exec(
        select(Verdict)  # ordered by id alone, SQLite walks all verdicts on the brand
        .where(col(Verdict.post_id).in_(numbers), Verdict.brand_id == case.brand_id)
        .order_by(col(Verdict.scored_at), col(Verdict.id))
    ):
        verdicts[verdict.post_id, verdict.text_hash] = verdict  # the newest stays
    rows = session.exec(
        select(Post, Author)
        .join(Author, col(Author.id) == col(Post.author_id))
        .where(col(Post.id).in_(numbers))
    ).all()
    found = {}
    for post, author in rows:
        number = post.id or 0
        quoted = mentions.get((number, "quote"), [])
        newest = verdicts.get((number, post.text_hash))
        masked = readable(post.text)
        plain = readable(post.text, masking=False)
        found[number] = PostShown(
            id=number,
            number=post.number,
            url=web_link(post.url),
            author=shown(author.name, NAME_LIMIT, empty="(no name)"),
            author_posts=author.posts_shown,
            at=post.posted_at or post.fetched_at,
            time_known=post.posted_at is not None,
            edited=post.edited,
            gone_at=post.gone_at,
            flagged=number == case.post_id,
            pieces=marked(masked, mentions.get((number, "text"), [])),
            quotes=tuple(
                QuoteShown(
                    author=shown(one.author or "", NAME_LIMIT, empty="") or None,
                    pieces=marked(readable(one.text), quoted),
                )
                for one in quotes.get(number, [])
            ),
            judgement=_judgement(newest) if newest else None,
            masked=masked != plain,
            original=plain if number == reveal else None,
        )
    return tuple(found[number] for number in numbers if number in found)


def readable(text: str, *, masking: bool = True) -> str:
    """Return a whole post without anything that acts on the page, its lines kept.

    Masked, unless ``masking`` is off.
    """
    lines = [
        " ".join(
            mask(clean(part)) if masking else clean(part) for part in wrap(line, RAW_LIMIT) or [""]
        )
        for line in text.splitlines()
    ]
    return "\n".join(lines).strip()


def marked(text: str, mentions: Sequence[Mention | Spot]) -> tuple[Piece, ...]:
    """Return ``text`` in pieces, the brand's mentions apart.

    Masking may have moved what follows it: a mention that is not found at its place is looked
    for from there on, and one that is not found at all (it was masked) goes unmarked.
    """
    pieces = []
    done = 0
    for mention in mentions:
        word = mention.matched
        if mention.start >= done and text.startswith(word, mention.start):
            start = mention.start
        else:
            start = text.find(word, done)
        if not word or start < 0:
            continue
        pieces += [Piece(text=text[done:start]), Piece(text=word, mention=True)]
        done = start + len(word)
    pieces.append(Piece(text=text[done:]))
    return tuple(piece for piece in pieces if piece.text)


def _judgement(verdict: Verdict) -> Judgement:
    chances = {
        "negative": verdict.negative,
        "neutral": verdict.neutral,
        "positive": verdict.positive,
    }
    return Judgement(
        polarity=verdict.polarity,
        unhappy=Unhappy(verdict.unhappy),
        probability=chances[verdict.polarity],
        truncated=verdict.truncated,
    )
