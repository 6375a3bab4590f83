"""How much a thread needs a person: a sum of points, each with its reason in words.

The score runs from 0 to 100. Without an unhappy author it is 0, whatever else happens. Points:

========================  ======  ==============================================================
what                      points  counted how
========================  ======  ==============================================================
how negative, how sure    20-40   the most negative post: 20 where the checkpoint is likely right
                                  (its 0.80-precision threshold), 30 where it is sure (0.90),
                                  and up to 10 more as its probability goes to 1
unhappy authors           0-25    distinct people: two 10, three 17, four 21, five or more 25
growth                    0-15    posts in the last 24 hours against the board's usual for a
                                  thread in a day: twice 5, four times 10, eight times 15;
                                  from four posts on
unanswered                0-10    since the first complaint that none of ours answered:
                                  2 hours 4, 6 hours 7, 24 hours 10
our own in the dispute    15      ours wrote twice or more and a customer complained after
newcomer                  8       an unhappy author with at most 5 posts, or 30 days of membership
========================  ======  ==============================================================

Levels: watch from 20, reach out from 35, urgent from 60. The points and limits are ours: they
were set by hand so that one sure complaint without an answer asks for a private message and a
growing row of several people is urgent, and are open to change by agents' feedback.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import Level, Unhappy

LEVELS = ((60.0, Level.URGENT), (35.0, Level.REACH_OUT), (20.0, Level.WATCH))
AUTHOR_POINTS = {1: 0.0, 2: 10.0, 3: 17.0, 4: 21.0}
MANY_AUTHORS_POINTS = 25.0
GROWTH_POINTS = ((8.0, 15.0), (4.0, 10.0), (2.0, 5.0))
GROWTH_WINDOW = timedelta(hours=24)
GROWTH_LEAST_POSTS = 4
WAIT_POINTS = ((24.0, 10.0), (6.0, 7.0), (2.0, 4.0))
DISPUTE_POINTS = 15.0
NEWCOMER_POINTS = 8.0
NEWCOMER_POSTS = 5
NEWCOMER_AGE = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPost:
    """What the score needs to know of one post of a thread."""

    post_id: int
    author: str
    """Identity of the author within the source."""
    at: datetime
    ours: bool
    """Written by the brand's own people."""
    unhappy: Unhappy = Unhappy.NO
    negative: float = 0.0
    """Calibrated probability, 0 to 1; 0 where the post was not judged."""
    author_posts: int | None = None
    author_joined: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """The score of a thread, what it is made of, and the post that weighs most."""

    score: float
    level: Level | None
    """``None``: nothing here needs a person."""
    reasons: tuple[str, ...]
    """In words, the weightiest first."""
    post_id: int | None
    """The post to quote, whose author to write to."""
    newest_complaint: datetime | None


def assess(posts: Sequence[JudgedPost], *, usual_a_day: float | None, now: datetime) -> Risk:
    """Return the risk of a thread.

    posts: those of one thread, any order. usual_a_day: posts that an active thread of the board
    gets in a day, ``None`` where too little has been seen to say.
    """
    posts = sorted(posts, key=lambda post: (post.at, post.post_id))
    unhappy = [post for post in posts if post.unhappy != Unhappy.NO and not post.ours]
    if not unhappy:
        return Risk(score=0.0, level=None, reasons=(), post_id=None, newest_complaint=None)
    worst = max(unhappy, key=lambda post: (post.unhappy == Unhappy.SURE, post.negative, post.at))
    parts = [
        _negativity(worst),
        _authors(unhappy),
        _growth(posts, usual_a_day, now),
        _waiting(posts, unhappy, now),
        _dispute(posts, unhappy),
        _newcomer(unhappy),
    ]
    counted = sorted((part for part in parts if part[1]), key=lambda part: -part[0])
    score = min(100.0, sum(points for points, _ in counted))
    level = next((level for least, level in LEVELS if score >= least), None)
    return Risk(
        score=round(score, 1),
        level=level,
        reasons=tuple(reason for _, reason in counted),
        post_id=worst.post_id,
        newest_complaint=max(post.at for post in unhappy),
    )


_Part = tuple[float, str]


def _negativity(worst: JudgedPost) -> _Part:
    sure = worst.unhappy == Unhappy.SURE
    points = (30.0 if sure else 20.0) + 10.0 * max(0.0, 2 * worst.negative - 1)
    word = "clearly" if sure else "probably"
    return points, f"an author is {word} unhappy (probability {worst.negative:.2f})"


def _authors(unhappy: Sequence[JudgedPost]) -> _Part:
    count = len({post.author for post in unhappy})
    if count == 1:
        complaints = len(unhappy)
        return 0.0, f"one author, {complaints} complaints" if complaints > 1 else ""
    return AUTHOR_POINTS.get(count, MANY_AUTHORS_POINTS), f"{count} different authors are unhappy"


def _growth(posts: Sequence[JudgedPost], usual_a_day: float | None, now: datetime) -> _Part:
    recent = sum(now - GROWTH_WINDOW < post.at <= now for post in posts)
    if usual_a_day is None or recent < GROWTH_LEAST_POSTS:
        return 0.0, ""
    ratio = recent / max(usual_a_day, 1.0)
    for least, points in GROWTH_POINTS:
        if ratio >= least:
            return points, (
                f"{recent} posts in 24 hours, {ratio:.0f} times what a thread of this board "
                "usually gets"
            )
    return 0.0, ""


def _waiting(posts: Sequence[JudgedPost], unhappy: Sequence[JudgedPost], now: datetime) -> _Part:
    answered = max((post.at for post in posts if post.ours), default=None)
    open_complaints = [p.at for p in unhappy if answered is None or p.at > answered]
    if not open_complaints:
        return 0.0, ""
    hours = (now - min(open_complaints)).total_seconds() / 3600
    for least, points in WAIT_POINTS:
        if hours >= least:
            span = f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
            return points, f"no answer from us for {span}"
    return 0.0, ""


def _dispute(posts: Sequence[JudgedPost], unhappy: Sequence[JudgedPost]) -> _Part:
    ours = [post.at for post in posts if post.ours]
    if len(ours) < 2 or not any(post.at > ours[1] for post in unhappy):
        return 0.0, ""
    return DISPUTE_POINTS, (
        f"our own people wrote here {len(ours)} times and the customer is still unhappy: "
        "stop answering in public"
    )


def _newcomer(unhappy: Sequence[JudgedPost]) -> _Part:
    for post in unhappy:
        if post.author_posts is not None and post.author_posts <= NEWCOMER_POSTS:
            told = "1 post" if post.author_posts == 1 else f"{post.author_posts} posts"
            return NEWCOMER_POINTS, f"an unhappy author is new here ({told} so far)"
        if post.author_joined is not None and post.at - post.author_joined <= NEWCOMER_AGE:
            days = (post.at - post.author_joined).days
            return NEWCOMER_POINTS, f"an unhappy author is new here (joined {days} days before)"
    return 0.0, ""
