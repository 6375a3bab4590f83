"""Dates shown to people on a page whose language may be another than the page says."""

import re
from datetime import datetime

from spiders.base import ReadOptions
from spiders.dates import shown_time

_OTHERS = ("ru", "uk", "pl", "de", "cs", "fr", "es", "it", "nl", "pt")
"""Tried on a date in words that neither the page's language nor English explains."""
_IN_WORDS = re.compile(r"(?=.*\d)(?=.*[^\W\d_]{3})(?!.*\d[./-]\d+[./-]\d).{6,60}$", re.DOTALL)
_MOST_FAILURES = 60  # texts of a page that are no date in any language; each costs milliseconds


class Tongues:
    """Reads the dates of one page; remembers which language they are in."""

    def __init__(self, language: str | None) -> None:
        self._language = language
        self._others = list(_OTHERS)
        self._patience = _MOST_FAILURES

    def shown(self, text: str | None, options: ReadOptions) -> datetime | None:
        """Return the moment that the page shows to people as ``text``.

        Without ``options.language``, a date in words is also tried in other languages than the
        page's: month names need no guess, as numbers alone (5/4/2015) would.
        """
        if (when := shown_time(text, options, self._language)) or options.language:
            return when
        if not text or not self._patience or not _IN_WORDS.match(text):
            return None
        for tongue in self._others:
            if when := shown_time(text, options, tongue):
                self._others.remove(tongue)
                self._others.insert(0, tongue)
                return when
        self._patience -= 1
        return None
