"""What a scorer is asked, what it answers, and what every backend promises."""

import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Protocol

from models.errors import QuietwordError


class ScoringError(QuietwordError):
    """A checkpoint cannot be used or a question to it makes no sense; the message says what to do.

    Nothing is lost: a post without a verdict is asked about again at the next run.
    """


class Polarity(StrEnum):
    """How a post speaks of the brand."""

    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


@dataclass(frozen=True, slots=True)
class Query:
    """One post to judge, and towards whom.

    ``spans`` are the brand's mentions as half-open character positions in ``text``, in any
    order. ``target`` is the brand's name; without it the post as a whole is judged. ``language``
    is an ISO 639-1 code when the caller knows it (the thread's language); otherwise it is guessed.
    Raises ``ScoringError`` for a span outside the text.
    """

    text: str
    _: KW_ONLY
    target: str | None = None
    spans: tuple[tuple[int, int], ...] = ()
    language: str | None = None

    def __post_init__(self) -> None:
        """Refuse spans that are not in the text."""
        for start, end in self.spans:
            if not 0 <= start < end <= len(self.text):
                raise ScoringError(
                    f"mention at {start}..{end} lies outside a text of {len(self.text)} characters;"
                    " pass positions in the very text that is to be judged"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """A verdict on one post: three probabilities summing to 1 and the likeliest of the three.

    ``windows`` counts the pieces the verdict rests on. ``truncated`` says that the post was
    longer than all of them together, so that some of its text was not read.
    """

    polarity: Polarity
    negative: float
    neutral: float
    positive: float
    language: str
    windows: int
    truncated: bool = False
    target: str | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that are no probabilities."""
        if not math.isclose(self.negative + self.neutral + self.positive, 1.0, abs_tol=1e-4):
            raise ScoringError(
                f"probabilities {self.negative}, {self.neutral}, {self.positive} do not sum to 1:"
                " the checkpoint's output is broken (not a number?); try another checkpoint"
            )

    @property
    def confidence(self) -> float:
        """The probability of ``polarity``, 0 to 1."""
        return max(self.negative, self.neutral, self.positive)


class Scorer(Protocol):
    """Anything that judges posts. Built once; not to be used by two threads at once."""

    @property
    def checkpoint(self) -> str:
        """Stable name and content hash, ``name@0123456789ab``: the key of stored verdicts."""
        ...

    def score(
        self, queries: Sequence[Query], progress: Callable[[int], None] | None = None
    ) -> list[Opinion]:
        """Return one ``Opinion`` per query, in the order given; no queries give [].

        ``progress`` is called after each batch with the number of queries judged so far.
        """
        ...

    def negative_threshold(self, language: str, precision: float) -> float:
        """Return the least ``Opinion.negative`` at which ``precision`` of the flagged are right."""
        ...
