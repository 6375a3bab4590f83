"""What a scorer can and cannot do, case by case, in the manner of CheckList (Ribeiro et al. 2020).

``python -m sentiment.behaviour`` prints the share of cases passed per capability and language;
``--failures`` adds the cases that fail, ``--record`` writes the rates the test suite holds the
checkpoint to.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import QuietwordError
from sentiment.base import Polarity, Query, Scorer
from sentiment.sources import SHIPPED

CASES = Path(__file__).parents[1] / "tests" / "sentiment" / "behaviour"
FLOOR = "floor.json"
CAPABILITIES = (
    "negation",
    "contrast",
    "question",
    "sarcasm",
    "slang",
    "quoted complaint",
    "rival named",
    "typo",
    "missing diacritics",
    "transliteration",
    "emoji only",
    "all caps",
    "mixed languages",
)


class CaseError(QuietwordError):
    """A behavioural case is malformed; the message names file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One text and the polarities that would be right for it, of file ``language``."""

    language: str
    capability: str
    text: str
    right: frozenset[Polarity]
    target: str | None = None

    def query(self) -> Query:
        """Return the question to ask; the target's first occurrence is the mention."""
        at = self.text.casefold().find(self.target.casefold()) if self.target else -1
        spans = ((at, at + len(self.target)),) if self.target and at >= 0 else ()
        return Query(self.text, target=self.target, spans=spans, language=self.language)


def read_cases(folder: Path = CASES) -> list[Case]:
    """Return the cases of every ``<language>.jsonl`` in ``folder``.

    A line holds ``capability``, ``text``, ``expect`` (a list of polarities, any of which is
    right) and perhaps ``target``. Raises ``CaseError``.
    """
    cases: list[Case] = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            try:
                given = json.loads(line)
                case = Case(
                    language=path.stem,
                    capability=given["capability"],
                    text=given["text"],
                    right=frozenset(map(Polarity, given["expect"])),
                    target=given.get("target"),
                )
            except (ValueError, KeyError, TypeError) as error:
                raise CaseError(f"{path}, line {number} is no behavioural case: {error}") from error
            if case.capability not in CAPABILITIES or not 0 < len(case.right) < 3:
                raise CaseError(
                    f"{path}, line {number}: capability must be one of {', '.join(CAPABILITIES)}"
                    " and expect hold one or two polarities"
                )
            cases.append(case)
    if not cases:
        raise CaseError(f"{folder} holds no <language>.jsonl with behavioural cases")
    return cases


def failures(scorer: Scorer, cases: Sequence[Case]) -> list[tuple[Case, Polarity]]:
    """Return the cases ``scorer`` gets wrong, each with its answer."""
    opinions = scorer.score([case.query() for case in cases])
    return [
        (case, opinion.polarity)
        for case, opinion in zip(cases, opinions, strict=True)
        if opinion.polarity not in case.right
    ]


def pass_rates(
    cases: Sequence[Case], failed: Sequence[tuple[Case, Polarity]]
) -> dict[str, dict[str, tuple[int, int]]]:
    """Return language -> capability -> (passed, all); capability ``""`` is the whole language."""
    rates: dict[str, dict[str, tuple[int, int]]] = defaultdict(lambda: defaultdict(lambda: (0, 0)))
    wrong = [case for case, _ in failed]
    for case in cases:
        for capability in ("", case.capability):
            passed, total = rates[case.language][capability]
            rates[case.language][capability] = (passed + (case not in wrong), total + 1)
    return {language: dict(of_language) for language, of_language in rates.items()}


def table(rates: Mapping[str, Mapping[str, tuple[int, int]]]) -> str:
    """Return ``rates`` as text, a line per capability and a column per language."""
    lines = [" " * 20 + "".join(f"{language:>9}" for language in rates)]
    for capability in (*CAPABILITIES, ""):
        cells = [of_language.get(capability) for of_language in rates.values()]
        shown = "".join(f"{f'{cell[0]}/{cell[1]}' if cell else '-':>9}" for cell in cells)
        lines.append(f"{capability or 'all':<20}{shown}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table for the checkpoint named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m sentiment.behaviour", description=__doc__)
    parser.add_argument("--checkpoint", default=str(SHIPPED), help="folder or hub id")
    parser.add_argument("--cases", type=Path, default=CASES, help="folder of <language>.jsonl")
    parser.add_argument("--failures", action="store_true", help="list the cases that fail")
    parser.add_argument("--record", action="store_true", help=f"write the rates to {FLOOR}")
    chosen = parser.parse_args(arguments)
    from sentiment.transformer import TransformerScorer

    try:
        cases = read_cases(chosen.cases)
        scorer = TransformerScorer(chosen.checkpoint)
        failed = failures(scorer, cases)
    except QuietwordError as error:
        parser.exit(1, f"{error}\n")
    rates = pass_rates(cases, failed)
    sys.stdout.write(f"{scorer.checkpoint}\n{table(rates)}\n")
    if chosen.failures:
        for case, said in failed:
            sys.stdout.write(
                f"{case.language} {case.capability}: {said}, not {'/'.join(sorted(case.right))}:"
                f" {case.text}\n"
            )
    if chosen.record:
        floor = {language: by[""][0] / by[""][1] for language, by in rates.items()}
        (chosen.cases / FLOOR).write_text(
            json.dumps({"checkpoint": scorer.checkpoint, "pass_rate": floor}, indent=1) + "\n",
            "utf-8",
        )


if __name__ == "__main__":
    main()
