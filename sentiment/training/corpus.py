"""Name the labelled sets, read their rows and say how often each is seen in training.

A set is a folder ``<data>/<name>/`` of ``<part>.jsonl.gz`` files with the fields ``text``,
``label``, ``lang`` and, for polarity towards somebody, ``target``.
"""

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sentiment.training.base import TrainingError

LABELS = ("negative", "neutral", "positive")
NOT_NEGATIVE = 3  # a label of some sets: neutral or positive, nobody said which
KNOWN = {**{label: index for index, label in enumerate(LABELS)}, "complaint": 0, "noncomplaint": 3}
DEV_SHARE = 20  # one row in so many of a set without a dev part is held out


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One labelled text; ``target`` is None for the polarity of the text itself."""

    text: str
    label: int
    language: str
    target: str | None = None
    length: int = 128
    marks: bool = True
    """The target is marked in the text where it literally stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One labelled set.

    share: relative number of examples in training. single: how large a part of a targeted
    set's rows whose text has no conflict is also shown without the target.
    cut: True when a hash of the text cuts a dev sample from the training parts.
    """

    name: str
    share: float
    licence: str
    train: tuple[str, ...] = ("train",)
    dev: str | None = "dev"
    cut: bool = False
    length: int = 128
    single: float = 0.0
    targeted: bool = False

    @property
    def stated(self) -> bool:
        """Say whether the owners state a licence for the data."""
        return not self.licence.startswith("not stated")


def _source(name: str, share: float, licence: str, **other: object) -> Source:
    return Source(name=name, share=share, licence=licence, **other)  # type: ignore[arg-type]


def _targeted(name: str, share: float, licence: str, **other: object) -> Source:
    return _source(name, share, licence, targeted=True, **other)


UMSAB = "Apache-2.0 (repository; terms of the original sets and of Twitter may apply)"
BRIGHTER = "CC BY 4.0"
ABSA = "not stated (SemEval-2016 Task 5; repository Apache-2.0)"
RUEVAL = "not stated (SentiRuEval-2016; repository MIT)"
SE = "not stated"

# Shares are thousands of examples in a run of about 75,000.
SOURCES = (
    _source("pl_tweets_wust2k20", 6.4, "not stated"),
    _source("poleval2024_sentences_pl", 7.6, "not stated"),
    _source("poleval2024_reviews_pl", 1.4, "not stated", length=256),
    _source("brighter_ru", 2.5, BRIGHTER),
    _source("cedr_ru", 6.2, "Apache-2.0 (card); repository not stated", dev=None, cut=True),
    _source("opensentimentcorpus_ru", 6.8, "CC BY-SA 3.0"),
    _source("sentirueval2015_reviews", 0.5, "not stated", dev=None, cut=True, length=256),
    _source("brighter_en", 0.9, BRIGHTER),
    _source("en_vader_snippets", 2.2, "MIT"),
    _source("umsab_en", 1.7, UMSAB),
    _source(
        "en_tweeteval_sentiment",
        6.5,
        "released without restrictions; Twitter's may apply",
        train=("dev", "pool"),
        dev=None,
        cut=True,
    ),
    _source("en_se_api", 0.4, SE, dev=None, cut=True),
    _source("en_se_app", 0.1, SE, dev=None),
    _source("en_se_gh", 0.8, SE, dev=None, cut=True),
    _source("en_se_jira", 0.1, SE, dev=None),
    _source("en_se_so", 0.2, SE, dev=None),
    _source("en_complaints_twitter", 1.6, "not stated", dev=None),
    _source("brighter_uk", 1.3, BRIGHTER),
    _source("brighter_de", 0.8, BRIGHTER),
    _source("germeval2017_de", 1.3, "not stated", train=("dev",), dev=None, cut=True),
    _source("umsab_de", 1.9, UMSAB),
    _source("brighter_es", 0.4, BRIGHTER),
    _source("umsab_es", 0.9, UMSAB),
    _source("umsab_fr", 0.9, UMSAB),
    _source("umsab_it", 0.8, UMSAB),
    _source("brighter_pt", 0.5, BRIGHTER),
    _source("umsab_pt", 0.8, UMSAB),
    _targeted("rusentne2023", 5.4, "MIT"),
    _targeted("semeval16_absa_ru", 0.9, ABSA, single=0.15),
    _targeted("sentirueval2015_aspects", 1.5, "not stated", dev=None, cut=True, single=0.15),
    _targeted("sentirueval2016_banks", 4.2, RUEVAL, dev=None, cut=True, single=0.2),
    _targeted("sentirueval2016_telecom", 4.2, RUEVAL, dev=None, cut=True, single=0.2),
    _targeted("en_apple_tweets", 0.5, "not stated", single=0.2),
    _targeted("en_brand_emotions_crowdflower", 0.8, "not stated", single=0.2),
    _targeted(
        "en_dong2014_twitter", 0.9, "not stated (repository MIT)", dev=None, cut=True, single=0.2
    ),
    _targeted("en_mams_atsa", 4.6, "Apache-2.0"),
    _targeted("en_newsmtsc", 2.8, "MIT (repository; data not named separately)"),
    _targeted("en_sanders_brands", 1.2, "not stated", single=0.2),
    _targeted(
        "en_semeval14_laptops",
        0.4,
        "not stated (SemEval-2014 Task 4; repository MIT)",
        dev=None,
        single=0.15,
    ),
    _targeted(
        "en_semeval14_restaurants",
        0.4,
        "not stated (SemEval-2014 Task 4; repository MIT)",
        dev=None,
        single=0.15,
    ),
    _targeted("semeval16_absa_en", 0.2, ABSA, single=0.15),
    _targeted("semeval16_absa_es", 0.3, ABSA, single=0.15),
    _targeted("semeval16_absa_fr", 0.3, ABSA, single=0.15),
)
COMPOSED_SHARE = 5.0  # sentences put together by ``composed``: two names, two polarities

# Non-commercial at the origin, so they are only ever measured, never learnt.
NON_COMMERCIAL = {"en_airline_tweets": "CC BY-NC-SA 4.0", "cs_facebook": "CC BY-NC-SA 3.0"}


def path_of(data: Path, name: str, part: str) -> Path:
    """Return the file of one part of a set."""
    return data / name / f"{part}.jsonl.gz"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_json(path: Path, content: object) -> None:
    """Write a JSON file so that a kill leaves the old or the new one."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    part.replace(path)


def records(path: Path) -> Iterator[dict[str, str]]:
    """Yield the records of one part; a missing or damaged file is a ``TrainingError``."""
    if not path.is_file():
        raise TrainingError(f"{path} is missing: give the folder of labelled sets with --data")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise TrainingError(f"{path} line {number} is not JSON: {error}") from error


def fingerprint(text: str) -> str:
    """Return the letters and digits of a text, lower-cased: equal for copies of one text."""
    bare = re.sub(r"@user|https?\S*|^\s*rt\b", " ", text.lower())
    return "".join(character for character in bare if character.isalnum())


def held_out(text: str) -> bool:
    """Say whether a row belongs to the dev sample of a set without a dev part."""
    return hashlib.sha256(fingerprint(text).encode()).digest()[0] % DEV_SHARE == 0


def read_rows(data: Path, source: Source, parts: tuple[str, ...]) -> list[Row]:
    """Return the rows of some parts with a label we know; others (mixed) are left out."""
    rows = []
    for part in parts:
        for record in records(path_of(data, source.name, part)):
            drawn_at_random = record.get("domain", "").startswith("random")  # complaints unknown
            if record["label"] in KNOWN and record["text"].strip() and not drawn_at_random:
                rows.append(
                    Row(
                        text=record["text"],
                        label=KNOWN[record["label"]],
                        language=record["lang"],
                        target=(record.get("target") or None) if source.targeted else None,
                        length=source.length,
                    )
                )
    return rows


def dev_rows(data: Path, source: Source) -> list[Row]:
    """Return the rows of a set that are kept for choosing and calibrating; may be empty."""
    if source.dev:
        return read_rows(data, source, (source.dev,))
    if source.cut:
        rows = read_rows(data, source, source.train)
        return [row for row in rows if held_out(row.text)]
    return []


def train_rows(data: Path, source: Source) -> list[Row]:
    """Return the rows of a set that are learnt from."""
    rows = read_rows(data, source, source.train)
    return [row for row in rows if not (source.cut and held_out(row.text))]


def without_target(rows: list[Row]) -> list[Row]:
    """Return each text of targeted rows once, where all its targets got the same label."""
    labels: dict[str, set[int]] = {}
    for row in rows:
        labels.setdefault(row.text, set()).add(row.label)
    first = {row.text: row for row in reversed(rows) if len(labels[row.text]) == 1}
    return [
        Row(text=row.text, label=row.label, language=row.language, length=row.length)
        for row in first.values()
    ]
