"""Every engine against saved pages: a page gives exactly what is written beside it.

``tests/pages/<engine>/`` holds ``<what>.html`` (``.xml``, ``.body.json``) and ``<what>.json``: the
page's address, what a person told, and the reading that must come out, without its empty fields.
``<what>`` begins with ``index``, ``board`` or ``thread``. The pages are our own.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from scrapy.http import HtmlResponse

from spiders.base import ReadOptions
from spiders.detect import engines, recognised

FOLDER = Path(__file__).parents[1] / "pages"
FETCHED_AT = datetime(2026, 11, 6, 12, 0, tzinfo=UTC)
PAGES = sorted(
    page
    for page in [
        each for kind in ("html", "xml", "body.json") for each in FOLDER.glob(f"*/*.{kind}")
    ]
    if page.stem.split(".")[0].split("_")[0] in {"index", "board", "thread"}
)


def case_of(page: Path) -> Path:
    return page.with_name(page.name.split(".")[0] + ".json")


def without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: without_empty(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner not in (None, [], False, 0)}
    if isinstance(value, list | tuple):
        return [without_empty(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_saved_page_gives_exactly_what_is_written_beside_it(page: Path) -> None:
    case = json.loads(case_of(page).read_text("utf-8"))
    options = ReadOptions(fetched_at=FETCHED_AT, timezone=case.get("timezone", "UTC"))
    response = HtmlResponse(case["url"], body=page.read_bytes())
    detection = recognised(response)
    reading = detection.engine.read(response, options)
    found = {"engine": detection.engine.name, "reading": without_empty(asdict(reading))}
    if "reading" not in case:
        whole = json.dumps(case | found, indent=1, ensure_ascii=False)
        case_of(page).write_text(whole + "\n", "utf-8")
        pytest.fail(f"wrote {case_of(page).name}: read it against the page, then run again")
    assert found == {"engine": case["engine"], "reading": case["reading"]}


def test_every_engine_ships_with_a_board_and_a_thread_page() -> None:
    kinds = {
        engine: {
            page.name.split(".")[0].split("_")[0] for page in PAGES if page.parent.name == engine
        }
        for engine in engines()
    }
    # A review or an entry of a feed is its own thread: nothing is opened.
    lone = {"appstore", "feed", "telegram"}
    assert all(kinds[engine] >= {"board", "thread"} for engine in engines().keys() - lone)
    assert all("board" in kinds[engine] for engine in lone)
