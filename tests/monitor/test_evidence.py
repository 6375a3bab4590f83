"""Keeping a page that could not be read never costs the crawl that met it."""

from pathlib import Path

import pytest
from scrapy.http import HtmlResponse

from monitor.evidence import EvidenceKeeper, exhibits
from spiders.detect import engines
from spiders.outcome import Outcome
from spiders.spider import Trouble


def trouble(engine: str) -> Trouble:
    page = HtmlResponse("https://f.test/t1", body=b"<p class=post>not found</p>", status=404)
    return Trouble(page=page, engine=engines()[engine], outcome=Outcome.GONE, why="404")


@pytest.mark.parametrize("engine", sorted(engines()))
def test_a_page_is_kept_whichever_engine_was_to_read_it(engine: str, tmp_path: Path) -> None:
    EvidenceKeeper(tmp_path, 1).keep(trouble(engine))
    (kept,) = exhibits(tmp_path, 1)
    assert (kept.about["engine"], kept.about["status"]) == (engine, 404)
    assert "not found" in kept.file.read_text("utf-8")


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "evidence").write_text("a file")
    EvidenceKeeper(tmp_path / "evidence", 1).keep(trouble("phpbb"))
    assert "https://f.test/t1 could not be kept" in caplog.text
