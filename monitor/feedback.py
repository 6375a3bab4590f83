"""What agents' decisions teach: precision, aliases that had better be quiet, thresholds.

**Precision** is the share of labels that say *right* among those of a brand, an alias or a
source, with its 95 % Wilson interval.

**Quiet tier.** An alias under 40 % after 20 votes is proposed; once ops accept, a case whose
post is found by quiet aliases alone stands in the digest and alerts nobody.

**Thresholds.** The labels *right* and *not negative* of a brand under the present checkpoint are
ordered by the probability that the checkpoint gave their posts. For each probability t that
occurs, the precision of the posts at or above t is estimated as the mean of its posterior under
an even prior, (right + 1) / (n + 2). The brand's threshold is the lowest t at which that reaches
the target on ``LEAST_ABOVE`` labels or more, of ``LEAST_LABELS`` in all. It can only make the
checkpoint stricter, since what it let pass nobody has judged; it is at most ``HIGHEST``, so that
the surest complaints always alert. Where the lowest t will do, the checkpoint's own threshold
holds. Labels that call the post another's (not about us, other brand) say nothing of how
negative it is and are left out; aliases answer for those.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from models import (
    Brand,
    Case,
    Dismissal,
    Label,
    Post,
    QuietAlias,
    Quote,
    Source,
    Thread,
    Threshold,
    Verdict,
)
from models.base import id_of
from models.errors import QuietwordError
from monitor.brands import aliases_in
from monitor.labels import RIGHT

VOTES = 20
QUIET_BELOW = 0.40
TARGET = 0.80
LEAST_LABELS = 30
LEAST_ABOVE = 10
HIGHEST = 0.99


class FeedbackError(QuietwordError):
    """What was asked for cannot be learnt or undone; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """How often an alert was right, of those that agents decided on."""

    brand: str
    of: str
    """``brand``, ``alias`` or ``source``."""
    name: str
    right: int
    votes: int
    quiet: bool = False
    """An alias that alerts nobody."""

    @property
    def share(self) -> float:
        """Return right / votes."""
        return self.right / self.votes

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % Wilson interval of the share."""
        return wilson(self.right, self.votes)

    @property
    def proposed(self) -> bool:
        """Return whether this alias had better be quiet."""
        return (
            self.of == "alias"
            and bool(self.name)
            and not self.quiet
            and self.votes >= VOTES
            and self.share < QUIET_BELOW
        )


def wilson(right: int, votes: int, z: float = 1.96) -> tuple[float, float]:
    """Return the Wilson score interval of a share; (0, 1) without votes."""
    if not votes:
        return 0.0, 1.0
    share = right / votes
    middle = share + z * z / (2 * votes)
    spread = z * math.sqrt(share * (1 - share) / votes + z * z / (4 * votes * votes))
    scale = 1 + z * z / votes
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def precision(session: Session, brand_id: int | None = None) -> list[Precision]:
    """Return the precision of every brand, alias and source with a vote, fewest right first.

    With ``brand_id`` those of one brand.
    """
    one_brand = [Label.brand_id == brand_id] if brand_id is not None else []
    rows = session.exec(
        select(Label, Brand.name, Source.name)
        .join(Brand, col(Brand.id) == col(Label.brand_id))
        .join(Source, col(Source.id) == col(Label.source_id))
        .where(col(Label.withdrawn_at).is_(None), *one_brand)
    ).all()
    counts: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    brands: dict[str, int] = {}
    for label, brand, source in rows:
        brands[brand] = label.brand_id
        for key in (
            (brand, "brand", brand),
            (brand, "alias", label.alias),
            (brand, "source", source),
        ):
            counts[key][0] += label.verdict == RIGHT
            counts[key][1] += 1
    hushed = {
        (brand, alias)
        for brand, brand_id in brands.items()
        for alias in quiet_aliases(session, brand_id)
    }
    found = [
        Precision(
            brand=brand,
            of=of,
            name=name,
            right=right,
            votes=votes,
            quiet=of == "alias" and (brand, name.casefold()) in hushed,
        )
        for (brand, of, name), (right, votes) in counts.items()
    ]
    order = ("brand", "alias", "source")
    return sorted(found, key=lambda one: (one.brand, order.index(one.of), one.share, one.name))


def quiet_aliases(session: Session, brand_id: int) -> set[str]:
    """Return the brand's aliases on the quiet tier, case folded."""
    rows = session.exec(
        select(QuietAlias.alias).where(
            QuietAlias.brand_id == brand_id, col(QuietAlias.undone_at).is_(None)
        )
    )
    return {alias.casefold() for alias in rows}


def set_quiet(session: Session, brand: Brand, alias: str, now: datetime) -> QuietAlias:
    """Put an alias on the quiet tier; raise ``FeedbackError`` where it is there already."""
    if alias.casefold() in quiet_aliases(session, id_of(brand)):
        raise FeedbackError(f"{alias} is quiet for {brand.name} already")
    votes = [
        one
        for one in precision(session)
        if one.brand == brand.name and one.of == "alias" and _same(one.name, alias)
    ]
    if not votes:
        raise FeedbackError(f"no agent has decided on a case found by {alias} of {brand.name} yet")
    row = QuietAlias(
        brand_id=id_of(brand),
        alias=votes[0].name,
        right=votes[0].right,
        votes=votes[0].votes,
        since=now,
    )
    session.add(row)
    session.flush()
    return row


def set_loud(session: Session, brand: Brand, alias: str, now: datetime) -> None:
    """Let an alias alert again; raise ``FeedbackError`` where it does."""
    rows = session.exec(
        select(QuietAlias).where(
            QuietAlias.brand_id == brand.id, col(QuietAlias.undone_at).is_(None)
        )
    )
    hit = [row for row in rows if _same(row.alias, alias)]
    if not hit:
        raise FeedbackError(f"{alias} is not on the quiet tier of {brand.name}")
    for row in hit:
        row.undone_at = now
        session.add(row)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.strip().casefold()


def is_quiet(session: Session, case: Case) -> bool:
    """Return whether quiet aliases alone led to a case."""
    quiet = quiet_aliases(session, case.brand_id)
    if not quiet:
        return False
    post = session.get_one(Post, case.post_id)
    quotes = session.exec(select(Quote.text).where(Quote.post_id == post.id)).all()
    title = session.get_one(Thread, case.thread_id).title
    found = aliases_in(session, case.brand_id, title=title, text=post.text, quotes=quotes)
    return bool(found) and all(alias.casefold() in quiet for alias in found)


def threshold(session: Session, brand_id: int, checkpoint: str) -> float:
    """Return the probability below which a brand's posts are not taken for unhappy; 0: none."""
    row = session.exec(
        select(Threshold)
        .where(
            Threshold.brand_id == brand_id,
            Threshold.checkpoint == checkpoint,
            col(Threshold.undone_at).is_(None),
        )
        .order_by(col(Threshold.id).desc())
        .limit(1)
    ).first()
    return row.negative if row is not None else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What the labels of a brand say about its threshold."""

    negative: float | None
    """``None``: the checkpoint's own threshold holds."""
    right: int
    votes: int
    """At or above the threshold, or in all where there is none."""
    labels: int
    why: str


def learn_threshold(scores: Iterable[tuple[float, bool]], target: float = TARGET) -> Learnt:
    """Return the threshold that labelled probabilities ask for; see the module's docstring.

    ``scores``: the checkpoint's probability of a post, and whether the alert was right.
    """
    ordered = sorted(scores, reverse=True)
    labels, right = len(ordered), sum(good for _, good in ordered)

    def none(why: str) -> Learnt:
        return Learnt(negative=None, right=right, votes=labels, labels=labels, why=why)

    if labels < LEAST_LABELS:
        return none(f"{labels} labels are too few; {LEAST_LABELS} are needed")
    best: tuple[float, int, int] | None = None
    good = 0
    for number, (score, is_right) in enumerate(ordered, start=1):
        good += is_right
        last_of_its_score = number == labels or ordered[number][0] < score
        enough = number >= LEAST_ABOVE and (good + 1) / (number + 2) >= target
        if last_of_its_score and enough:
            best = score, good, number
    if best is None:
        return none(f"no threshold reaches a precision of {target:.2f}")
    lowest, good, number = best
    if number == labels:
        return none(f"the checkpoint's own threshold reaches {target:.2f}")
    return Learnt(
        negative=min(lowest, HIGHEST),
        right=good,
        votes=number,
        labels=labels,
        why=f"{good} of {number} labels are right from here on",
    )


def calibrate(
    session: Session, brand: Brand, checkpoint: str, now: datetime, *, target: float = TARGET
) -> Learnt:
    """Learn a brand's threshold and put it to use; earlier ones end, and their rows stay."""
    rows = session.exec(
        select(Label.negative, Label.verdict).where(
            Label.brand_id == brand.id,
            Label.checkpoint == checkpoint,
            col(Label.withdrawn_at).is_(None),
            col(Label.negative).is_not(None),
            col(Label.verdict).in_((RIGHT, Dismissal.NOT_NEGATIVE)),
        )
    ).all()
    learnt = learn_threshold(((score or 0.0, verdict == RIGHT) for score, verdict in rows), target)
    if learnt.labels < LEAST_LABELS:
        return learnt
    _end(session, brand, now)
    if learnt.negative is not None:
        session.add(
            Threshold(
                brand_id=id_of(brand),
                checkpoint=checkpoint,
                negative=learnt.negative,
                figures={
                    "target": target,
                    "right": learnt.right,
                    "votes": learnt.votes,
                    "labels": learnt.labels,
                    "interval": [round(end, 4) for end in wilson(learnt.right, learnt.votes)],
                },
                made_at=now,
            )
        )
    session.flush()
    return learnt


def undo_threshold(session: Session, brand: Brand, now: datetime) -> None:
    """Go back to the checkpoint's own threshold; raise ``FeedbackError`` where it holds."""
    if not _end(session, brand, now):
        raise FeedbackError(f"{brand.name} has no threshold of its own")


def _end(session: Session, brand: Brand, now: datetime) -> bool:
    rows: Sequence[Threshold] = session.exec(
        select(Threshold).where(Threshold.brand_id == brand.id, col(Threshold.undone_at).is_(None))
    ).all()
    for row in rows:
        row.undone_at = now
        session.add(row)
    return bool(rows)


def brand_of(session: Session, name: str | None) -> Brand:
    """Return the brand of that name, or the only one; raise ``FeedbackError``."""
    brands = session.exec(select(Brand).order_by(func.lower(Brand.name))).all()
    if name is None and len(brands) == 1:
        return brands[0]
    for brand in brands:
        if name is not None and _same(brand.name, name):
            return brand
    known = ", ".join(brand.name for brand in brands) or "none"
    raise FeedbackError(f"name a brand with --brand; there are: {known}")


def present_checkpoint(session: Session, brand: Brand) -> str:
    """Return the checkpoint that judged the brand's newest post; raise ``FeedbackError``."""
    newest = session.exec(
        select(Verdict.checkpoint)
        .where(Verdict.brand_id == brand.id)
        .order_by(col(Verdict.scored_at).desc(), col(Verdict.id).desc())
        .limit(1)
    ).first()
    if newest is None:
        raise FeedbackError(f"no post about {brand.name} has been judged yet")
    return newest
