"""The charts of a digest: drawn by the pages' own templates, in the pages' colours by day."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from alerts.digest import Picture
from monitor.trends import HOURLY_UP_TO, Bucket, Trend
from monitor.web.charts import CHARTS
from monitor.web.speech import Speech

WEB = Path(__file__).with_name("web")
MOST = 3
"""Brands that get a chart, the most named first."""


def trend_pictures(trends: Sequence[Trend], speech: Speech) -> tuple[Picture, ...]:
    """Return a chart of each of the most named brands that were named at all."""
    named = [trend for trend in trends if trend.total.mentions or trend.total.rivals]
    return tuple(_trend(trend, speech) for trend in named[:MOST])


def _trend(trend: Trend, speech: Speech) -> Picture:
    top = max(max(one.mentions, one.rivals) for one in trend.buckets) or 1
    hourly = trend.buckets[-1].begin - trend.buckets[0].begin <= HOURLY_UP_TO
    first, last = (_at(trend.buckets[place], speech, hourly=hourly) for place in (0, -1))
    words = {
        "all": speech.text("names it"),
        "bad": speech.text("unhappy"),
        "rival": speech.text("names a rival"),
        "top": speech.number(top),
        "first": first,
        "last": last,
    }
    svg = _template().render(trend=trend, top=top, words=words, colours=day_colours())
    told = speech.text(
        "%(brand)s, %(first)s – %(last)s: posts that name it: %(all)s, unhappy ones: %(bad)s, "
        "posts that name a rival: %(rivals)s."
    ) % {
        "brand": trend.brand,
        "first": first,
        "last": last,
        "all": speech.number(trend.total.mentions),
        "bad": speech.number(trend.total.negative),
        "rivals": speech.number(trend.total.rivals),
    }
    peak = max(trend.buckets, key=lambda one: one.negative)
    if peak.negative:
        most = speech.text("Most unhappy ones: %(number)s, from %(at)s on.")
        at = _at(peak, speech, hourly=hourly)
        told += " " + most % {"number": speech.number(peak.negative), "at": at}
    return Picture(name=f"trend-{trend.brand_id}", title=trend.brand, alt=told, svg=svg)


def _at(bucket: Bucket, speech: Speech, *, hourly: bool) -> str:
    if hourly:
        return speech.moment(bucket.begin)
    return speech.day(bucket.begin.astimezone(speech.zone).date())


@cache
def day_colours() -> dict[str, str]:
    """Return the colours of the pages by day: what an SVG outside a browser can use."""
    style = (WEB / "static" / "style.css").read_text("utf-8")
    return dict(re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}),", style))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(WEB / "templates"),
        autoescape=True,  # a brand may have an ampersand
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["charts"] = CHARTS
    return environment.get_template("trend.svg")
