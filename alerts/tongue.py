"""The languages that alerts and their buttons speak: one file each in ``alerts/tongues/``."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from models.errors import QuietwordError

FOLDER = Path(__file__).with_name("tongues")


class TongueError(QuietwordError):
    """There is no such language; the message names those there are."""


@dataclass(frozen=True, slots=True)
class Tongue:
    """The words of one language."""

    code: str
    words: dict[str, str]
    reasons: tuple[tuple[re.Pattern[str], str], ...]

    def say(self, key: str, **values: object) -> str:
        """Return the words for ``key`` with ``values`` filled in."""
        return self.words[key].format(**values)

    def either(self, key: str, otherwise: str) -> str:
        """Return the words for ``key``, or ``otherwise`` where there are none."""
        return self.words.get(key, otherwise)

    def reason(self, english: str) -> str:
        """Return a reason of the risk job in this language; as it is where it is not known."""
        for pattern, words in self.reasons:
            if match := pattern.fullmatch(english):
                return words.format(*match.groups())
        return english


@cache
def tongue(code: str = "en") -> Tongue:
    """Return the language ``code``, such as ``pl``; raise ``TongueError`` for another."""
    if code not in tongues():
        raise TongueError(f"messages cannot be in {code!r}; use one of: {', '.join(tongues())}")
    words = tomllib.loads((FOLDER / f"{code}.toml").read_text("utf-8"))
    reasons = words.pop("reasons")
    return Tongue(
        code=code,
        words=words,
        reasons=tuple((re.compile(pattern), said) for pattern, said in reasons.items()),
    )


@cache
def tongues() -> tuple[str, ...]:
    """Return the codes of the languages there are."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))
