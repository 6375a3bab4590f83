"""What a checkpoint's ``config.json`` says about how to use it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from sentiment.base import Polarity, ScoringError

DEFAULT_TOKENS = 256
"""Length of a window for checkpoints that do not say what they were trained on. Nine in ten forum
posts fit, and attention over 512 would cost four times as much."""

NEGATIVE, NEUTRAL, POSITIVE = Polarity
WORDS = {
    "negative": NEGATIVE,
    "neg": NEGATIVE,
    "very negative": NEGATIVE,
    "neutral": NEUTRAL,
    "neu": NEUTRAL,
    "positive": POSITIVE,
    "pos": POSITIVE,
    "very positive": POSITIVE,
}
STARS = {1: NEGATIVE, 2: NEGATIVE, 3: NEUTRAL, 4: POSITIVE, 5: POSITIVE}


def plain(label: str) -> str:
    """Return a label as ``WORDS`` spells it."""
    return re.sub(r"[\W_]+", " ", label).strip().lower()


def polarities(id2label: Mapping[int, str] | Mapping[str, str] | None, name: str) -> list[Polarity]:
    """Return the polarity of each output of a checkpoint, by its labels ``id2label``.

    Understood: the words of ``WORDS`` in any case and spelling (``VERY_NEGATIVE``, ``NEU``);
    ``1 star`` to ``5 stars``, of which 1 and 2 are negative and 3 is neutral; unnamed ``LABEL_0``
    to ``LABEL_2``, taken in cardiffnlp's order negative, neutral, positive. Several outputs of one
    polarity are summed. A checkpoint without a neutral output never answers neutral.
    Raises ``ScoringError``, naming checkpoint ``name`` and its labels, when they are other words,
    unnamed and not three, or lack negative or positive.
    """
    given = [str(label) for _, label in sorted((int(i), w) for i, w in (id2label or {}).items())]
    labels = [plain(label) for label in given]
    if labels == ["label 0", "label 1", "label 2"]:
        return list(Polarity)
    found: list[Polarity] = []
    for label in labels:
        stars = re.fullmatch(r"([1-5])(?: stars?)?", label)
        polarity = STARS[int(stars[1])] if stars and len(labels) == 5 else WORDS.get(label)
        if polarity is not None:
            found.append(polarity)
    if len(found) < len(labels) or not {NEGATIVE, POSITIVE} <= set(found):
        raise ScoringError(
            f"checkpoint {name} answers {', '.join(given)}; Quietword understands"
            " negative/neutral/positive (also neg/neu/pos, very negative, very positive), 1 to 5"
            " stars, and LABEL_0..LABEL_2 in that order. Correct id2label in its config.json, or"
            " use a sentiment checkpoint"
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The ``quietword`` section of a config.

    ``targeted``: trained on pairs (brand, text). ``marked``: its pairs have ``prepare.MARK`` around
    the brand's mentions. ``max_tokens``: longest window, special tokens
    included. ``temperature``: divisor of the logits by language. ``negative_threshold``: by the
    precision it was found for, then by language. ``"default"`` stands for languages not listed.
    """

    targeted: bool = False
    marked: bool = False
    max_tokens: int = DEFAULT_TOKENS
    temperature: Mapping[str, float] = field(default_factory=dict)
    negative_threshold: Mapping[float, Mapping[str, float]] = field(default_factory=dict)

    @classmethod
    def read(cls, section: object, name: str) -> "Card":
        """Return the card in ``section`` of checkpoint ``name``'s config; None gives defaults.

        Raises ``ScoringError`` for numbers that make no sense. Unknown keys are left alone.
        """
        if section is None:
            return cls()
        try:
            given = dict(section)  # type: ignore[call-overload]  # anything may stand in a file
            card = cls(
                targeted=bool(given.get("targeted", False)),
                marked=bool(given.get("marked", False)),
                max_tokens=int(given.get("max_tokens", DEFAULT_TOKENS)),
                temperature={k: float(v) for k, v in given.get("temperature", {}).items()},
                negative_threshold={
                    float(precision): {k: float(v) for k, v in by_language.items()}
                    for precision, by_language in given.get("negative_threshold", {}).items()
                },
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise ScoringError(
                f'the "quietword" section in the config.json of checkpoint {name} cannot be read'
                f" ({error}); correct or remove it"
            ) from error
        cuts = [cut for table in card.negative_threshold.values() for cut in table.values()]
        if (
            any(not temperature > 0 for temperature in card.temperature.values())
            or any(not 0 <= number <= 1 for number in [*card.negative_threshold, *cuts])
            or card.max_tokens < 16
        ):
            raise ScoringError(
                f'the "quietword" section in the config.json of checkpoint {name} holds a'
                " temperature of 0 or less, a threshold outside 0..1 or max_tokens below 16"
            )
        return card

    def temperature_for(self, language: str) -> float:
        """Return the divisor of the logits for ``language``; 1 leaves them as they are."""
        return self.temperature.get(language, self.temperature.get("default", 1.0))

    def threshold_for(self, language: str, precision: float) -> float:
        """Return the least negative probability at which ``precision`` of the flagged are right.

        From the checkpoint's table, between two of its precisions on a straight line. Where it
        holds nothing for ``language``, and beyond its upper end, never below ``precision`` itself,
        which is what a calibrated probability promises, nor below the cut of a lower precision;
        before its lower end ``precision`` itself, but no more than the cut there.
        Raises ``ScoringError`` for a precision outside 0..1.
        """
        if not 0 < precision < 1:
            raise ScoringError(f"precision {precision} is not between 0 and 1; 0.8 is usual")
        cuts: dict[float, float] = {}
        for known, table in sorted(self.negative_threshold.items()):
            cut = table.get(language)
            if cut is None:
                cut = max(known, table.get("default", 0.0))
            cuts[known] = max(cut, *cuts.values(), 0.0)
        if precision in cuts:
            return cuts[precision]
        for (low, low_cut), (high, high_cut) in pairwise(cuts.items()):
            if low < precision < high:
                return low_cut + (high_cut - low_cut) * (precision - low) / (high - low)
        if cuts and precision < min(cuts):
            return min(precision, cuts[min(cuts)])
        return max([precision, *cuts.values()])
