"""Brands as people describe them, as rows, and as the matcher wants them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine
from sqlmodel import Session, col, delete, select

from models import Brand, BrandTerm, Mention, Post, Quote, Role, Thread
from models.base import id_of
from models.database import reading, writing
from models.errors import QuietwordError
from monitor.mentions import Alias, BrandRule, Matcher, Where, mentions

RIVAL = "rival"
"""Place of a mention that names only a rival of the brand, in the author's own words."""
REMATCH_BATCH = 200
WORD_LENGTH = 200


class BrandError(QuietwordError):
    """A brand cannot be saved as it was given; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandSpec:
    """A brand as a person describes it, on the command line or in a file."""

    name: str
    aliases: tuple[Alias, ...] = ()
    exclusions: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    staff: tuple[str, ...] = ()
    case_sensitive: bool = False
    """The name itself counts only as it is written."""
    inflect: bool = True

    def spellings(self) -> tuple[Alias, ...]:
        """Return the name and its aliases, each once; an alias has the last word on its text."""
        own = Alias(
            text=self.name.strip(), case_sensitive=self.case_sensitive, inflect=self.inflect
        )
        named = {alias.text.strip(): alias for alias in (own, *self.aliases)}
        return tuple(replace(alias, text=text) for text, alias in named.items())

    def as_rule(self) -> BrandRule:
        """Return what a matcher looks for, as it would once the brand is saved."""
        return BrandRule(
            brand_id=1,
            name=self.name.strip(),
            aliases=self.spellings(),
            exclusions=_each_once(self.exclusions),
            context=_each_once(self.context),
        )


def save_brand(session: Session, spec: BrandSpec) -> Brand:
    """Add a brand, or give an existing one these words instead of its old ones.

    Raises ``BrandError``, or ``MentionRuleError`` for a word that nothing can be found by.
    """
    name = spec.name.strip()
    if not name:
        raise BrandError("a brand needs a name")
    given = (name, *(alias.text for alias in spec.aliases), *spec.exclusions, *spec.context)
    for text in (*given, *spec.rivals, *spec.staff):
        if len(text) > WORD_LENGTH:
            raise BrandError(
                f"{text[:40]}... has {len(text)} characters; at most {WORD_LENGTH} fit"
            )
    brand = session.exec(select(Brand).where(Brand.name == name)).first()
    if brand is None:
        brand = Brand(name=name)
        session.add(brand)
        session.flush()
    for term in session.exec(select(BrandTerm).where(BrandTerm.brand_id == brand.id)):
        session.delete(term)
    session.flush()
    for alias in spec.spellings():
        session.add(
            BrandTerm(
                brand_id=id_of(brand),
                role=Role.ALIAS,
                text=alias.text,
                case_sensitive=alias.case_sensitive,
                inflect=alias.inflect,
            )
        )
    words = {
        Role.EXCLUSION: spec.exclusions,
        Role.CONTEXT: spec.context,
        Role.RIVAL: spec.rivals,
        Role.STAFF: spec.staff,
    }
    for role, texts in words.items():
        for text in _each_once(texts):
            session.add(BrandTerm(brand_id=id_of(brand), role=role, text=text))
    session.flush()
    Matcher(_rules(session))  # a word nothing can be found by must not stop every other brand
    return brand


def saved_spec(session: Session, brand: Brand) -> BrandSpec:
    """Return a stored brand as a person would describe it."""
    terms = session.exec(
        select(BrandTerm).where(BrandTerm.brand_id == brand.id).order_by(col(BrandTerm.id))
    ).all()
    aliases = [
        Alias(text=term.text, case_sensitive=term.case_sensitive, inflect=term.inflect)
        for term in terms
        if term.role == Role.ALIAS
    ]
    own = next((alias for alias in aliases if alias.text == brand.name), Alias(text=brand.name))
    return BrandSpec(
        name=brand.name,
        aliases=tuple(alias for alias in aliases if alias.text != brand.name),
        exclusions=_texts(terms, Role.EXCLUSION),
        context=_texts(terms, Role.CONTEXT),
        rivals=_texts(terms, Role.RIVAL),
        staff=_texts(terms, Role.STAFF),
        case_sensitive=own.case_sensitive,
        inflect=own.inflect,
    )


def _each_once(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (text.strip() for text in texts))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One mention to be stored; ``place`` is ``text``, ``quote``, ``title`` or ``rival``."""

    brand_id: int
    place: str
    start: int
    end: int
    matched: str


class Finder:
    """Finds the brands of the database, and their rivals, in posts."""

    def __init__(self, session: Session) -> None:
        """Read the brands as they are now."""
        rules = _rules(session)
        self.fingerprint = _fingerprint(rules)
        """Changes with any word of any brand."""
        self._matcher = Matcher(rules)

    def refreshed(self, session: Session) -> "Finder":
        """Return this finder while the brands are the same, a new one when they changed."""
        return self if _fingerprint(_rules(session)) == self.fingerprint else Finder(session)

    def find(self, *, title: str, text: str, quotes: Sequence[str]) -> list[Found]:
        """Return where a post names a brand or, in its own words, a brand's rival."""
        found = []
        for one in mentions(self._matcher, title, text, quotes):
            if one.brand_id > 0:
                place = str(one.where)
            elif one.where == Where.TEXT:
                place = RIVAL
            else:
                continue
            found.append(
                Found(
                    brand_id=abs(one.brand_id),
                    place=place,
                    start=one.start,
                    end=one.end,
                    matched=one.matched,
                )
            )
        return found


def aliases_in(
    session: Session, brand_id: int, *, title: str, text: str, quotes: Sequence[str] = ()
) -> list[str]:
    """Return the brand's own words, as ops wrote them, that a post is found by.

    Those in the author's own text come first, then the title's, then those of quotes.
    """
    rules = [rule for rule in _rules(session) if rule.brand_id == brand_id]
    found = mentions(Matcher(rules), title, text, quotes) if rules else []
    order = (Where.TEXT, Where.TITLE, Where.QUOTE)
    ranked = sorted(found, key=lambda one: (order.index(one.where), one.start))
    return list(dict.fromkeys(one.alias for one in ranked))


def keep_mentions(session: Session, post: Post, found: Sequence[Found]) -> None:
    """Replace the mentions of ``post`` by ``found``."""
    session.exec(delete(Mention).where(col(Mention.post_id) == post.id))
    # two aliases, or two quotes, may begin at the same character: one row tells as much
    for one in {(one.brand_id, one.place, one.start): one for one in found}.values():
        session.add(
            Mention(
                post_id=id_of(post),
                brand_id=one.brand_id,
                place=one.place,
                start=one.start,
                end=one.end,
                matched=one.matched[:300],
            )
        )


def rematch(engine: Engine) -> int:
    """Look again through stored posts that were matched with other words; return how many.

    A post of a thread that was not kept cannot be found again: it is read anew by
    ``quietword crawl --since``.
    """
    with reading(engine) as session:
        fingerprint = _fingerprint(_rules(session))
        stale = col(Post.matched_hash).is_distinct_from(fingerprint)
        if session.exec(select(Post.id).where(stale).limit(1)).first() is None:
            return 0
        finder = Finder(session)
    done = 0
    while True:
        with writing(engine) as session:
            posts = session.exec(
                select(Post)
                .where(col(Post.matched_hash).is_distinct_from(finder.fingerprint))
                .order_by(col(Post.id))
                .limit(REMATCH_BATCH)
                .with_for_update()
            ).all()
            threads: dict[int, Thread] = {}
            for post in posts:
                thread = threads.get(post.thread_id) or session.get_one(Thread, post.thread_id)
                threads[post.thread_id] = thread
                quotes = session.exec(
                    select(Quote.text).where(Quote.post_id == post.id).order_by(col(Quote.position))
                ).all()
                keep_mentions(
                    session, post, finder.find(title=thread.title, text=post.text, quotes=quotes)
                )
                post.matched_hash = finder.fingerprint
            for thread in threads.values():
                thread.version += 1
            done += len(posts)
        if len(posts) < REMATCH_BATCH:
            return done


def _fingerprint(rules: Sequence[BrandRule]) -> str:
    return hashlib.sha256(repr(rules).encode()).hexdigest()[:32]


def _rules(session: Session) -> list[BrandRule]:
    """Return the matching rules: each brand under its id, its rivals under minus its id."""
    rules = []
    for brand in session.exec(select(Brand).order_by(col(Brand.id))).all():
        terms = session.exec(
            select(BrandTerm).where(BrandTerm.brand_id == brand.id).order_by(col(BrandTerm.id))
        ).all()
        rules.append(
            BrandRule(
                brand_id=id_of(brand),
                name=brand.name,
                aliases=tuple(
                    Alias(text=t.text, case_sensitive=t.case_sensitive, inflect=t.inflect)
                    for t in terms
                    if t.role == Role.ALIAS
                ),
                exclusions=_texts(terms, Role.EXCLUSION),
                context=_texts(terms, Role.CONTEXT),
            )
        )
        rules.extend(
            BrandRule(brand_id=-id_of(brand), name=rival) for rival in _texts(terms, Role.RIVAL)
        )
    return rules


def staff_names(session: Session, brand_id: int) -> set[str]:
    """Return the handles, lower case, under which the brand's own people write."""
    terms = session.exec(
        select(BrandTerm).where(BrandTerm.brand_id == brand_id, BrandTerm.role == Role.STAFF)
    ).all()
    return {term.text.casefold() for term in terms}


def _texts(terms: Sequence[BrandTerm], role: Role) -> tuple[str, ...]:
    return tuple(term.text for term in terms if term.role == role)
