"""How often register and topic are right on labelled sentences."""

import json
from pathlib import Path

from models.errors import QuietwordError
from sentiment.register import manner
from sentiment.topics import complaint


def measure(file: Path) -> dict[str, tuple[int, int]]:
    """Return language -> (right, asked) for a JSONL file of labelled sentences.

    A line is ``{"text", "lang", "register"}`` or ``{"text", "lang", "topic"}``, a file may mix
    them; ``lang`` counts both together. Raises ``QuietwordError`` that names a bad line.
    """
    told: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            text, language = row["text"], row["lang"]
            if "register" in row:
                right = manner(text, language).register == row["register"]
            else:
                right = complaint(text).topic == row["topic"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise QuietwordError(
                f"{file} line {number} is not {{text, lang, register or topic}}: {error}"
            ) from error
        yes, of = told.get(language, (0, 0))
        told[language] = (yes + right, of + 1)
    return told
