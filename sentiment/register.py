"""How an author addresses people: by ty or Pan/Pani, by ты or Вы, or as English draws the line.

A lexicon (``register.toml``) and five rules of manner, so that the agent sees why:

1. A form of address counts 3, a greeting, ending or set phrase 2, a manner of speech 1; the same
   entry counts three times at most.
2. A smiley, a row of ``!`` or ``?``, a text with no capital letter, and Polish written without
   any of its letters lean informal.
3. Quotations are not the author's: pass own words only.
4. The side with more points wins; ``reasons`` holds the words that gave them.
5. Equal points, none included, give ``FORMAL``: to be too polite offends nobody.

Measured 2026-11-24 on 180 sentences of our own (``quietword opening --measure
tests/sentiment/register.jsonl``): pl 59, ru 60, en 58 of 60. Of these, 36 were written to be hard
and tried before the lexicon was mended for them: pl 8, ru 11, en 7 of 12, nine of the ten misses
an informal author without any sign, who is then addressed formally.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

LEXICON = Path(__file__).with_name("register.toml")
LONGEST = 5_000
"""Characters that are looked at; manner shows early."""
MOST_COUNTED = 3
_SMILEY = re.compile(r"[:;]-?[)(DPp/]|\){2,}|\({2,}|[😀-😿🤐-🤯🙁-🙄🤦🤷]")
_SHOUTING = re.compile(r"[!?]{2,}")
_POLISH_LETTERS = re.compile(r"[ąćęłńóśźż]", re.IGNORECASE)


class Register(StrEnum):
    """How to address the author."""

    FORMAL = "formal"
    INFORMAL = "informal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """A register and what gave it: words as written, without points of the other side."""

    register: Register
    reasons: tuple[str, ...] = ()


def manner(text: str, language: str) -> Manner:
    """Return how the author of ``text`` addresses people; ``language`` is ISO 639-1.

    Languages other than pl, ru and en are ``FORMAL`` without a reason.
    """
    text = text[:LONGEST].replace("ё", "е").replace("Ё", "Е").replace("’", "'")
    rules = _rules().get(language)
    if rules is None:
        return Manner(register=Register.FORMAL)
    points = dict.fromkeys(Register, 0)
    reasons: dict[Register, list[str]] = {register: [] for register in Register}
    for register, weight, said in _found(text, language, rules):
        points[register] += weight
        reasons[register].append(said)
    winner = max(Register, key=lambda one: (points[one], one is Register.FORMAL))
    return Manner(register=winner, reasons=tuple(dict.fromkeys(reasons[winner])))


_Rule = tuple[Register, int, re.Pattern[str]]


def _found(text: str, language: str, rules: list[_Rule]) -> Iterator[tuple[Register, int, str]]:
    for register, weight, pattern in rules:
        counts: dict[str, int] = {}
        for match in pattern.finditer(text):
            said = match[0].casefold()
            counts[said] = counts.get(said, 0) + 1
            if counts[said] <= MOST_COUNTED:
                yield register, weight, match[0]
    for pattern in (_SMILEY, _SHOUTING):
        if sign := pattern.search(text):
            yield Register.INFORMAL, 1, sign[0]
    letters = [character for character in text if character.isalpha()]
    if len(letters) >= 15:
        if not any(character.isupper() for character in letters):
            yield Register.INFORMAL, 2, "no capital letter"
        if language == "pl" and len(letters) >= 40 and not _POLISH_LETTERS.search(text):
            yield Register.INFORMAL, 1, "no Polish letters"


@cache
def _rules() -> dict[str, list[_Rule]]:
    """Return language -> (register, points, what is looked for), read once."""
    rules: dict[str, list[_Rule]] = {}
    for language, registers in tomllib.loads(LEXICON.read_text("utf-8")).items():
        for register, weights in registers.items():
            for weight, entries in weights.items():
                cased = weight.startswith("cased_")
                pattern = rf"(?<![\w'])(?:{'|'.join(entries)})(?![\w'])"
                if cased:
                    pattern = rf"(?:{'|'.join(entries)})(?!\w)"
                flags = re.NOFLAG if cased else re.IGNORECASE
                rules.setdefault(language, []).append(
                    (
                        Register(register),
                        int(weight.removeprefix("cased_")),
                        re.compile(pattern, flags),
                    )
                )
    return rules
