"""Answers that are not what they should be: read as far as they go, or refused in words."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scrapy.http import HtmlResponse

from spiders.base import PageChanged, ReadOptions
from spiders.detect import engines
from spiders.outcome import PageFailed

PAGES = sorted((Path(__file__).parents[1] / "pages").glob("*/*.body.json"))
ODD = [
    None,
    True,
    -1,
    1e300,
    "",
    "\ud800",
    [],
    {},
    ["x"],
    [{}],
    {"a": 1},
    "http://[",
    "//[",
    "2026",
]
SOCIAL = {
    name: engine for name, engine in engines().items() if ".social." in type(engine).__module__
}


def places(value: Any, so_far: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield so_far
    inner: Any = ()
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
    for step, one in inner:
        yield from places(one, (*so_far, step))


def changed(value: Any, place: tuple[Any, ...], odd: Any) -> Any:
    if not place:
        return odd
    copy = value.copy()
    copy[place[0]] = changed(value[place[0]], place[1:], odd)
    return copy


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent.name in SOCIAL],
    ids=lambda page: f"{page.parent.name}/{page.stem}",
)
def test_any_value_may_be_anything(page: Path) -> None:
    whole = json.loads(page.read_text("utf-8"))
    case = json.loads(page.with_name(page.name.split(".")[0] + ".json").read_text("utf-8"))
    engine = SOCIAL[page.parent.name]
    dice = random.Random(page.name)  # noqa: S311
    everywhere = list(places(whole))
    read = 0
    for place in dice.sample(everywhere, min(40, len(everywhere))):
        body = json.dumps(changed(whole, place, dice.choice(ODD))).encode()
        response = HtmlResponse(case["url"], body=body, encoding="utf-8")
        for other in SOCIAL.values():
            other.recognise(response)
        assert engine.rest_s(response) >= 0
        engine.refusal(response)
        try:
            engine.read(response, ReadOptions())
        except (PageChanged, PageFailed):
            continue
        read += 1
    assert read, "one odd value does not cost a whole page"
