"""Measure a tuned network on the held-out parts, next to simpler ways and published figures."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from sentiment.training import lexicons
from sentiment.training.corpus import (
    NON_COMMERCIAL,
    NOT_NEGATIVE,
    SOURCES,
    Row,
    Source,
    held_out,
    path_of,
    read_rows,
    train_rows,
    write_json,
)
from sentiment.training.scores import calibration_error, f1_per_class, macro_f1, softmax

Predict = Callable[[Sequence[Row]], NDArray[np.float32]]
LINEAR_ROWS = 20_000  # per language


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One part to measure on.

    conflicts: keep only texts whose targets are judged differently. poles: the goal and the
    published figure are macro-F1 over negative and positive alone. cut: the set's own dev sample.
    most: rows measured, drawn at random; 0 for all.
    """

    name: str
    part: str
    goal: float | None = None
    published: str = ""
    conflicts: bool = False
    poles: bool = False
    cut: bool = False
    most: int = 0

    @property
    def title(self) -> str:
        """Return the name shown in the table."""
        part = "own dev" if self.cut else self.part
        return f"{self.name} {part}" + (" (conflicting)" if self.conflicts else "")

    @property
    def remark(self) -> str:
        """Return the published figure and what else the reader must know."""
        remarks = [self.published] if self.published else []
        if self.most:
            remarks.append(f"at most {self.most} rows")
        if self.name in NON_COMMERCIAL:
            remarks.append("never trained on")
        return "; ".join(remarks)

    def rows(self, data: Path) -> list[Row]:
        """Read the labelled rows."""
        known = {source.name: source for source in SOURCES}
        source = known.get(self.name, Source(name=self.name, share=0, licence=""))
        rows = read_rows(data, source, (self.part,))
        if self.cut:
            rows = [row for row in rows if held_out(row.text)]
        if self.conflicts:
            labels: dict[str, set[int]] = {}
            for row in rows:
                labels.setdefault(row.text, set()).add(row.label)
            rows = [row for row in rows if len(labels[row.text]) > 1]
        if self.most and len(rows) > self.most:
            rows = random.Random(3).sample(rows, self.most)  # noqa: S311  # no secret
        return rows


HELD = (
    # Those with a goal first and whole, so that a run cut short has them.
    Held(name="pl_tweets_wust2k20", part="test", goal=0.80),
    Held(name="poleval2024_sentences_pl", part="test", goal=0.80),
    Held(name="poleval2024_reviews_pl", part="test", goal=0.80),
    Held(name="brighter_ru", part="test", goal=0.85),
    Held(name="cedr_ru", part="test", goal=0.82),
    Held(name="opensentimentcorpus_ru", part="test", goal=0.74),
    Held(name="umsab_en", part="dev", goal=0.70, published="XLM-T .706 (test)"),
    Held(name="en_airline_tweets", part="test", goal=0.72),
    Held(name="umsab_de", part="dev", goal=0.70, published="XLM-T .773 (test)"),
    Held(
        name="rusentne2023",
        part="dev",
        goal=0.60,
        poles=True,
        published="best .66, ChatGPT .60 (final test)",
    ),
    Held(name="en_mams_atsa", part="test", conflicts=True, goal=0.70),
    Held(name="sentirueval2015_reviews", part="test", most=800),
    Held(name="en_vader_snippets", part="test", most=800),
    Held(name="en_se_gh", part="test", published="tuned BERT ~.93 (own split)", most=800),
    Held(name="en_se_so", part="test", most=800),
    Held(name="en_se_api", part="test", most=800),
    Held(name="brighter_uk", part="test", most=800),
    Held(name="brighter_de", part="test", most=800),
    Held(name="germeval2017_de", part="test_syn", most=800),
    Held(name="cs_facebook", part="test", published="CNN .71", most=800),
    Held(name="brighter_es", part="test", most=800),
    Held(name="umsab_es", part="dev", published="XLM-T .679 (test)", most=800),
    Held(name="umsab_fr", part="dev", published="XLM-T .712 (test)", most=800),
    Held(name="umsab_it", part="dev", published="XLM-T .691 (test)", most=800),
    Held(name="brighter_pt", part="test", most=800),
    Held(name="umsab_pt", part="dev", published="XLM-T .754 (test)", most=800),
    Held(
        name="sentirueval2016_banks",
        part="train",
        cut=True,
        poles=True,
        published="XLM-R-large .761, RuBERT .664 (test)",
        most=800,
    ),
    Held(
        name="sentirueval2016_telecom",
        part="train",
        cut=True,
        poles=True,
        published="XLM-R-large .764, RuBERT .661 (test)",
        most=800,
    ),
    Held(name="semeval16_absa_ru", part="test", most=800),
    Held(name="sentirueval2015_aspects", part="test", most=800),
    Held(name="en_newsmtsc", part="test_rw", published="GRU-TSC .831", most=800),
    Held(name="en_newsmtsc", part="test_mt", published="GRU-TSC .825", most=800),
    Held(name="en_sanders_brands", part="dev", most=800),
    Held(name="en_brand_emotions_crowdflower", part="test", most=800),
    Held(name="en_dong2014_twitter", part="test", most=800),
    Held(name="en_semeval14_laptops", part="test", most=800),
    Held(name="en_semeval14_restaurants", part="test", most=800),
    Held(name="semeval16_absa_es", part="test", most=800),
    Held(name="semeval16_absa_fr", part="test", most=800),
)


GOALS = tuple(held for held in HELD if held.goal is not None)


def figures(
    rows: Sequence[Row], logits: NDArray[np.float32], temperature: Mapping[str, float]
) -> dict[str, float]:
    """Return n, accuracy, macro-F1, macro-F1 of the two poles and calibration error."""
    gold = [row.label for row in rows]
    found = [int(label) for label in logits.argmax(axis=1)]
    f1 = f1_per_class(gold, found)
    divisor = temperature.get(rows[0].language, temperature.get("default", 1.0))
    return {
        "n": len(rows),
        "accuracy": round(float(np.mean(np.equal(gold, found))), 3),
        "macro_f1": round(macro_f1(gold, found), 3),
        "poles_f1": round((f1[0] + f1[2]) / 2, 3),
        "ece": round(calibration_error(softmax(logits, divisor), gold), 3),
    }


def linear_baseline(data: Path, sources: Sequence[Source], language: str) -> Predict | None:
    """Return TF-IDF (words 1-2, characters 2-5) with logistic regression (by gradient descent).

    Learns from the rows of one language, single and targeted alike, without the target; None
    for a language that has none.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-not-found,import-untyped,unused-ignore]  # extra
    from sklearn.linear_model import SGDClassifier  # type: ignore[import-not-found,import-untyped,unused-ignore]  # extra
    from sklearn.pipeline import make_pipeline, make_union  # type: ignore[import-not-found,import-untyped,unused-ignore]  # extra

    rows = [
        row
        for source in sources
        for row in train_rows(data, source)
        if row.language == language and row.label != NOT_NEGATIVE
    ]
    if not rows:
        return None
    order = np.random.default_rng(1).permutation(len(rows))[:LINEAR_ROWS]
    rows = [rows[int(index)] for index in order]
    model = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
            TfidfVectorizer(
                analyzer="char_wb",
                ngram_range=(2, 5),
                min_df=3,
                sublinear_tf=True,
                max_features=150_000,
            ),
        ),
        SGDClassifier("log_loss", alpha=3e-6, class_weight="balanced", random_state=1),
    )
    model.fit([row.text for row in rows], [row.label for row in rows])

    def predict(asked: Sequence[Row]) -> NDArray[np.float32]:
        return np.asarray(model.predict_log_proba([row.text for row in asked]), np.float32)

    return predict


def table(
    results: Mapping[str, Mapping[str, object]],
    simple: Mapping[str, Mapping[str, float]],
    fast: Mapping[str, Mapping[str, object]] | None = None,
) -> str:
    """Return the results as a Markdown table, beside the macro-F1 of ``fast`` and simpler ways."""
    lines = [
        "| held-out part | n | accuracy | macro-F1 | F1 of the poles | ECE | `fast` | TF-IDF + LR "
        "| lexicon | goal | published |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    keys = ("n", "accuracy", "macro_f1", "poles_f1", "ece", "fast", "linear", "lexicon")
    for held in HELD:
        if held.title in results:
            row = {**results[held.title], **simple.get(held.title, {})}
            row["fast"] = (fast or {}).get(held.title, {}).get("macro_f1", "")
            cells = [held.title, *(row.get(key, "") for key in keys)]
            cells += [_goal(held, results[held.title]), held.remark]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _measure(held: Held) -> tuple[str, str]:
    """Return which figure counts for a goal: its key and its name."""
    if held.conflicts:
        return "accuracy", "accuracy"
    return ("poles_f1", "poles") if held.poles else ("macro_f1", "macro-F1")


def _goal(held: Held, row: Mapping[str, object]) -> str:
    """Return the goal in words and whether it is met."""
    if held.goal is None:
        return ""
    key, name = _measure(held)
    met = "met" if float(str(row[key])) >= held.goal else "missed"
    return f"{name} {held.goal:.2f} {met}"


def beside(results: Mapping[str, Mapping[str, Mapping[str, object]]]) -> str:
    """Return the figures of several weights on the measured parts with a goal, a column each.

    results: by the name of the weights, then by the title of the part.
    """
    lines = [
        "| held-out part | " + " | ".join(results) + " |",
        "|---|" + "---|" * len(results),
    ]
    for held in GOALS:
        key, name = _measure(held)
        cells = [str(found.get(held.title, {}).get(key, "")) for found in results.values()]
        if not any(cells):
            continue
        lines.append(f"| {held.title}, {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def measured(
    data: Path,
    predict: Predict,
    temperature: Mapping[str, float],
    stored: Path,
    console: Console,
    parts: Sequence[Held] = HELD,
) -> dict[str, dict[str, object]]:
    """Return the figures of held-out parts; each is kept in ``stored`` once measured."""
    results: dict[str, dict[str, object]] = (
        json.loads(stored.read_text()) if stored.is_file() else {}
    )
    for held in parts:
        if held.title in results or not path_of(data, held.name, held.part).is_file():
            continue
        rows = held.rows(data)
        if not rows:
            continue
        results[held.title] = {**figures(rows, predict(rows), temperature)}
        console.print(held.title, results[held.title], soft_wrap=True)
        write_json(stored, results)
    return results


def baselines(
    data: Path, sources: Sequence[Source], stored: Path, linear: bool
) -> dict[str, dict[str, float]]:
    """Return the macro-F1 of simpler ways by title; each part is kept in ``stored``."""
    known: dict[str, dict[str, float]] = json.loads(stored.read_text()) if stored.is_file() else {}
    parts = {held.title: held for held in HELD if path_of(data, held.name, held.part).is_file()}
    asked_of = {title: held.rows(data) for title, held in parts.items() if title not in known}
    rows = {title: asked for title, asked in asked_of.items() if asked}
    for language in sorted({asked[0].language for asked in rows.values()}):
        ways: dict[str, Predict] = {}
        if language == "en":
            ways["lexicon"] = lexicons.vader
        if language == "pl" and linear:
            valences = lexicons.polish_valences(stored.parent)
            ways["lexicon"] = partial(lexicons.polish, valences=valences)
        if linear and (trained := linear_baseline(data, sources, language)):
            ways["linear"] = trained
        for title, asked in rows.items():
            if asked[0].language == language:
                gold = [row.label for row in asked]
                known[title] = {
                    name: round(macro_f1(gold, way(asked).argmax(axis=1).tolist()), 3)
                    for name, way in ways.items()
                }
        if linear:
            write_json(stored, known)
    return known
