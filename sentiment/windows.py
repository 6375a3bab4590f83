"""Which pieces of a post are judged, and how their verdicts make one.

A post that fits into the checkpoint is one piece. A longer one is cut by the tokenizer's own
offsets into overlapping windows, so that nothing is lost at a cut; where the brand is mentioned,
the sentence of the mention with its neighbours is a window of its own.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

MOST_WINDOWS = 16
"""Windows judged per post at most: 200,000 characters then take about as long as 16 short posts."""
OVERLAP = 8
"""Neighbouring windows share an eighth of their length, some two sentences."""
MENTION_WEIGHT = 2 / 3
"""Share of the mention's windows in a verdict; the rest is the post as a whole."""
LONGEST_WORD = 40
"""Characters by which a cut may move to fall between two words."""

SENTENCE_END = re.compile(
    r"""
    (?: [!?…]
      | (?<=\w{4})\.
      | \.(?=["'”»)\]]{0,3}\s+\W{0,5}[^\W_a-zа-яёіїєґўąćęłńóśźż])
    )
    ["'”»)\]]{0,3}\s+
  | \n+
    """,
    re.VERBOSE,
)  # bounded repeats: hostile text ("?! ?! ?! ...") must not take quadratic time
WORD_START = re.compile(r"(?<!\w)\w")
WORD_TAIL = re.compile(r"\w*\Z")

Span = tuple[int, int]
Probabilities = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A piece of text, half-open character positions.

    ``whole`` pieces together stand for the post, ``mention`` pieces for what it says of the
    brand; the only piece of a short post is both.
    """

    start: int
    end: int
    whole: bool = False
    mention: bool = False


def sentences(text: str) -> list[Span]:
    """Return the sentences of ``text`` in order; together they cover it without gaps.

    A sentence ends at a line break or, before a space, at ``!``, ``?``, ``…`` or ``.``; the full
    stop of a word of up to three letters counts only when no small letter follows ("np. wczoraj"
    goes on). A wrong cut costs little, because neighbours are judged along.
    """
    ends = [found.end() for found in SENTENCE_END.finditer(text) if found.end() < len(text)]
    return list(zip([0, *ends], [*ends, len(text)], strict=True))


class Cutter:
    """Cuts one tokenized text; ``offsets`` are its tokens' character positions in order."""

    def __init__(self, text: str, offsets: Sequence[Span], room: int) -> None:
        self._text = text
        self._starts = [start for start, _ in offsets]
        self._ends = [end for _, end in offsets]
        self._room = room

    def windows(self, spans: Sequence[Span], most: int = MOST_WINDOWS) -> tuple[list[Window], bool]:
        """Return the windows to judge, each of at most ``room`` tokens, and whether any is missing.

        When there are more than ``most``, those with mentions come first, then the first and
        the last of the post, then the others from the beginning.
        """
        whole = self._whole()
        mentions = self._mentions(spans)
        if mentions == whole:
            start, end = whole[0]
            return [Window(start=start, end=end, whole=True, mention=True)], False
        mentions = mentions[: max(most - 2, 1)]
        by_worth = [*whole[:1], *whole[1:][-1:], *whole[1:-1]]
        kept = sorted(by_worth[: max(most - len(mentions), 1)])
        return (
            [Window(start=start, end=end, mention=True) for start, end in mentions]
            + [Window(start=start, end=end, whole=True) for start, end in kept],
            len(kept) < len(whole),
        )

    def _whole(self) -> list[Span]:
        """Return windows of equal length over all tokens, cut between words where possible."""
        count = len(self._starts)
        if count <= self._room:
            return [(0, len(self._text))]
        step = self._room - self._room // OVERLAP
        pieces = -(-(count - self._room) // step) + 1
        firsts = [piece * (count - self._room) // (pieces - 1) for piece in range(pieces)]
        return [self._between_words(first, first + self._room) for first in firsts]

    def _mentions(self, spans: Sequence[Span]) -> list[Span]:
        """Return a window around each mention, those that overlap and fit joined into one."""
        if not spans:
            return []
        parts = sentences(self._text)
        ends = [end for _, end in parts]
        joined: list[Span] = []
        for start, end in sorted({self._around(span, parts, ends) for span in spans}):
            if joined and start < joined[-1][1] and self._fits(joined[-1][0], end):
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            elif not joined or end > joined[-1][1]:
                joined.append((start, end))
        return joined

    def _around(self, span: Span, parts: Sequence[Span], ends: Sequence[int]) -> Span:
        """Return the sentences of ``span`` with as many neighbours, one each side, as fit."""
        low = bisect_right(ends, span[0])
        high = bisect_left(ends, span[1])
        for first, last in ((low - 1, high + 1), (low, high + 1), (low - 1, high), (low, high)):
            start, end = parts[max(first, 0)][0], parts[min(last, len(parts) - 1)][1]
            if self._fits(start, end):
                return start, end
        middle = bisect_right(self._starts, span[0]) - 1
        first = min(max(middle - self._room // 2, 0), max(len(self._starts) - self._room, 0))
        return self._between_words(first, first + self._room)

    def _fits(self, start: int, end: int) -> bool:
        return bisect_left(self._starts, end) - bisect_right(self._ends, start) <= self._room

    def _between_words(self, first: int, stop: int) -> Span:
        """Return the characters of tokens ``first`` to ``stop``, without a torn word at an end."""
        text = self._text
        start, end = self._starts[first], self._ends[min(stop, len(self._ends)) - 1]
        if first and text[start - 1].isalnum() and text[start].isalnum():
            word = WORD_START.search(text, start, start + LONGEST_WORD)
            start = word.start() if word else start
        if end < len(text) and text[end].isalnum():
            tail = WORD_TAIL.search(text, max(end - LONGEST_WORD, start), end)
            end = tail.start() if tail and end - tail.start() < LONGEST_WORD else end
        return start, end


def combined(windows: Sequence[Window], verdicts: Sequence[Probabilities]) -> Probabilities:
    """Return one verdict from those of ``windows``.

    The post as a whole is the mean of its windows by their length. What it says of the brand is
    the most negative of the mention's windows: a complaint is not outweighed by a friendly word
    elsewhere. With both, the mention weighs ``MENTION_WEIGHT``.
    """
    pairs = list(zip(windows, verdicts, strict=True))
    length = sum(window.end - window.start for window, _ in pairs if window.whole)
    mean = [
        sum((window.end - window.start) * verdict[i] for window, verdict in pairs if window.whole)
        / length
        for i in range(3)
    ]
    mentions = [verdict for window, verdict in pairs if window.mention]
    share = MENTION_WEIGHT if mentions else 0.0
    worst = max(mentions, default=(0.0, 0.0, 0.0))  # the first of the three is the negative one
    negative, neutral, positive = (share * worst[i] + (1 - share) * mean[i] for i in range(3))
    return negative, neutral, positive
