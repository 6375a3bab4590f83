"""Pages that could not be read, kept cleaned and for a while, so that a person sees what came.

One folder a source. Each page is an HTML file without scripts, forms and pictures, and a JSON file
that says what was expected of it.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.base import utc_now

if TYPE_CHECKING:
    from spiders.base import Engine
    from spiders.crawl import Trouble

logger = logging.getLogger(__name__)
MOST_PAGES = 5
"""Pages that are kept of one source; of one crawl, the first ones."""
PER_CRAWL = 2
LARGEST = 400_000
"""Characters of a page that are kept."""
_TAGS = frozenset(
    """a abbr address article aside b blockquote body br caption center cite code dd del details div
    dl dt em figure footer font h1 h2 h3 h4 h5 h6 head header hr html i label li main nav ol p pre
    q s section small span strong sub summary sup table tbody td tfoot th thead time title tr u
    ul""".split()  # noqa: SIM905  (words read better)
)
_ANYWHERE = frozenset({"class", "id", "title", "itemprop", "itemtype", "itemscope", "datetime"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One page that was kept."""

    file: Path
    about: dict[str, Any]
    """``at``, ``address``, ``status``, ``outcome``, ``why``, ``engine``, ``selectors`` (how often
    each of the engine's selectors, by name and CSS, matches)."""


class EvidenceKeeper:
    """Keeps the first pages of one crawl that could not be read."""

    def __init__(
        self, folder: Path, source_id: int, selectors: Mapping[str, str] | None = None
    ) -> None:
        self._folder = folder / str(source_id)
        self._selectors = selectors
        self._kept = 0

    def keep(self, trouble: "Trouble") -> None:
        """Write down one page; the oldest of the source make room.

        A page that cannot be written down is told to the log: the crawl goes on.
        """
        if self._kept >= PER_CRAWL:
            return
        self._kept += 1
        try:
            self._write(trouble)
        except Exception:  # a full disk, or a page that trips what cleans it
            logger.exception("%s could not be kept as evidence", trouble.page.url)

    def _write(self, trouble: "Trouble") -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        now = utc_now()
        name = f"{now:%Y%m%dT%H%M%S}-{self._kept}"
        page = trouble.page
        text: str = getattr(page, "text", "") if hasattr(page, "encoding") else ""
        about = {
            "at": now.isoformat(),
            "address": page.url,
            "status": page.status,
            "outcome": trouble.outcome.value,
            "why": trouble.why[:1000],
            "engine": trouble.engine.name if trouble.engine else None,
            "selectors": matches(trouble.engine, text, self._selectors),
        }
        (self._folder / f"{name}.html").write_text(cleaned(text), "utf-8")
        (self._folder / f"{name}.json").write_text(json.dumps(about, ensure_ascii=False), "utf-8")
        for old in sorted(self._folder.glob("*.json"))[:-MOST_PAGES]:
            old.unlink(missing_ok=True)
            old.with_suffix(".html").unlink(missing_ok=True)


def exhibits(folder: Path, source_id: int) -> list[Exhibit]:
    """Return the pages that are kept of a source, newest first."""
    found = []
    for file in sorted((folder / str(source_id)).glob("*.json"), reverse=True):
        about = json.loads(file.read_text("utf-8"))
        found.append(Exhibit(file=file.with_suffix(".html"), about=about))
    return found


def drop_old(folder: Path, before: datetime, *, dry: bool = False) -> int:
    """Delete the pages of all sources that were kept before ``before``; return how many."""
    limit = f"{before.astimezone(UTC):%Y%m%dT%H%M%S}"
    old = [file for file in folder.glob("*/*.json") if file.stem.partition("-")[0] < limit]
    for file in old if not dry else ():
        file.unlink(missing_ok=True)
        file.with_suffix(".html").unlink(missing_ok=True)
    return len(old)


def cleaned(text: str) -> str:
    """Return a page without anything that acts: text, structure, classes and links remain."""
    import nh3  # only where a page is kept

    body: str = nh3.clean(
        text[:LARGEST],
        tags=set(_TAGS),
        attributes={"*": set(_ANYWHERE), "a": {"href"}},
        url_schemes={"http", "https"},
        link_rel="nofollow noopener noreferrer",
    )
    return f'<!doctype html><meta charset="utf-8"><title>Kept by Quietword</title>\n{body}\n'


def matches(
    engine: "Engine | None", text: str, selectors: Mapping[str, str] | None = None
) -> dict[str, dict[str, int]]:
    """Return how often each selector of ``engine`` matches on a page: by its name, by its CSS.

    ``selectors`` are the source's own, which take the place of the engine's.
    """
    if engine is None or not text:
        return {}
    from parsel import Selector

    from spiders.base import SELECTOR_NAMES

    page = Selector(text)
    found: dict[str, dict[str, Any]] = {}
    for name in sorted(SELECTOR_NAMES):
        css: Any = (selectors or {}).get(name) or getattr(engine, name, None)
        # An engine of another family may have a method of that name.
        tries = css if isinstance(css, tuple) else (css,)
        for one in (one for one in tries if one and isinstance(one, str)):
            found.setdefault(name, {})[one] = len(page.css(one))
    return found
