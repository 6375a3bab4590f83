"""What counts as evidence of a site's time zone and order of dates, and what follows from it."""

from datetime import UTC, datetime

import pytest
from scrapy.http import HtmlResponse

from spiders.base import ReadOptions
from spiders.clock import (
    Told,
    conclude,
    date_order,
    extremes,
    feed_links,
    feed_moments,
    named_zone,
    page_tells,
    told,
)

NOW = datetime(2026, 11, 22, 8, 50, tzinfo=UTC)
OPTIONS = ReadOptions(fetched_at=NOW)
SUMMER = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
WINTER = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def a_page(body: str, date: str = "Sun, 22 Nov 2026 08:50:20 GMT") -> HtmlResponse:
    return HtmlResponse(
        "https://forum.test/", body=f"<body>{body}</body>", encoding="utf-8", headers={"Date": date}
    )


@pytest.mark.parametrize(
    ("body", "minutes"),
    [
        ('<time datetime="2026-11-22T08:50:12Z">Nov 22, 2026, 09:50 AM</time>', 60),
        ('<time datetime="2026-07-01T10:00:00+00:00">1 July 2026 12:00</time>', 120),
        ("All times are GMT -5. The time now is <span>03:50 AM</span>.", -300),
        ("<p>It is currently Sun Nov 22, 2026 9:50 am</p>", 60),
        ("<p>Aktuelle Zeit: 22.11.2026, 09:51</p>", 60),
        ("<p>Текущее время: 22 ноя 2026, 12:50</p>", 240),
        ("<p>Aktualny czas to 9:49</p>", 60),
        ("<p>Поточний час: 10:50</p>", 120),
        ("<p>All times are <abbr>UTC+05:30</abbr></p>", 330),
        ("<p>Часовой пояс: UTC + 4 часа</p>", 240),
        ("<p>All times are UTC + 1 hour [ DST ]</p>", 120),
        ("<p>All times are UTC</p>", 0),
    ],
)
def test_a_page_tells_how_far_its_clock_is_ahead(body: str, minutes: int) -> None:
    [one] = page_tells(
        a_page(body), OPTIONS, "de" if "Zeit" in body else "ru" if "время" in body else "en"
    )
    assert one.minutes == minutes


@pytest.mark.parametrize(
    "body",
    [
        "<p>The time now is 03:57 AM</p>",  # no zone is seven minutes off
        "<p>It is currently Fri Nov 20, 2026 9:50 am</p>",  # a page out of a cache
        '<time datetime="2026-11-22T09:50:12">Nov 22, 2026, 09:50 AM</time>',  # no offset
        '<time datetime="2026-11-22T08:50:12Z">5 minutes ago</time>',
        "<p>see you at 9:50</p>",
        "",
    ],
)
def test_what_only_looks_like_a_clock_tells_nothing(body: str) -> None:
    assert page_tells(a_page(body), OPTIONS, "en") == []


def test_two_moments_that_cannot_be_one_are_no_evidence() -> None:
    assert told(datetime(2026, 11, 22, 10, 50, 40, tzinfo=UTC), NOW) == Told(at=NOW, minutes=120)
    assert told(datetime(2026, 11, 22, 10, 57, tzinfo=UTC), NOW) is None
    assert told(datetime(2026, 11, 24, 8, 50, tzinfo=UTC), NOW) is None


def test_evidence_from_summer_and_winter_gives_a_zone_with_summer_time() -> None:
    seen = [Told(at=SUMMER, minutes=120), Told(at=WINTER, minutes=60)]
    found = conclude(seen, "pl")
    assert found is not None
    assert (found.zone, found.sure) == ("Europe/Warsaw", True)
    assert getattr(conclude(seen, "en"), "zone", None) == "Europe/Berlin"


def test_evidence_from_one_season_gives_a_fixed_offset_that_is_not_sure() -> None:
    found = conclude([Told(at=WINTER, minutes=60)], "pl")
    assert found is not None
    assert (found.zone, found.sure) == ("Etc/GMT-1", False)


def test_the_same_offset_in_summer_and_winter_is_sure() -> None:
    found = conclude([Told(at=SUMMER, minutes=60), Told(at=WINTER, minutes=60)], "en")
    assert found is not None
    assert (found.zone, found.sure) == ("Etc/GMT-1", True)
    half = conclude([Told(at=SUMMER, minutes=330), Told(at=WINTER, minutes=330)], "en")
    assert getattr(half, "zone", None) == "Asia/Kolkata"


def test_clocks_that_contradict_each_other_give_nothing() -> None:
    assert conclude([Told(at=WINTER, minutes=60), Told(at=WINTER, minutes=300)], "en") is None
    assert conclude([], "en") is None


def test_what_is_kept_of_much_evidence_still_decides() -> None:
    many = [Told(at=SUMMER.replace(hour=hour), minutes=120) for hour in range(24)]
    many.append(Told(at=WINTER, minutes=60))
    kept = extremes(many)
    assert len(kept) == 3
    assert conclude(kept, "en") == conclude(many, "en")


def test_a_zone_that_a_page_names_is_taken_by_its_name() -> None:
    page = a_page('<li>All times are <span title="Europe/Warsaw">UTC+01:00</span></li>')
    assert named_zone(page) == "Europe/Warsaw"
    assert named_zone(a_page('<a title="Europe/Warsaw">my town</a>')) is None
    assert named_zone(a_page('<span title="Europe/Nowhere">UTC+1</span>')) is None


FEED = """<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>
<item><link>https://forum.test/index.php?topic=14.msg147#msg147</link>
<pubDate>Wed, 21 Oct 2026 01:56:57 GMT</pubDate></item>
<item><link>https://forum.test/viewtopic.php?p=12#p12</link>
<pubDate>Wed, 21 Oct 2026 03:56:57 +0200</pubDate></item>
<item><link>https://forum.test/t/some-thread</link>
<pubDate>Wed, 21 Oct 2026 01:56:57 GMT</pubDate></item>
<item><link>https://forum.test/viewtopic.php?p=13#p13</link>
<pubDate>Wed, 21 Oct 2026 01:56:57</pubDate></item>
</channel></rss>"""


def test_a_feed_tells_when_messages_were_written_that_it_names() -> None:
    moment = datetime(2026, 10, 21, 1, 56, 57, tzinfo=UTC)
    assert feed_moments(FEED.encode()) == {"147": moment, "12": moment}


def test_feeds_of_other_sites_are_left_alone() -> None:
    links = (
        '<link rel="alternate" type="application/atom+xml" href="/atom">'
        '<link rel="alternate" type="application/rss+xml" href="/rss">'
        '<link rel="alternate" type="application/rss+xml" href="https://elsewhere.test/rss">'
    )
    assert feed_links(a_page(links)) == ["https://forum.test/rss", "https://forum.test/atom"]


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["25/04/2026 10:00", "03/04/2026"], "DMY"),
        (["04/25/2026, 10:00 AM", "03/04/2026"], "MDY"),
        (["Thu 04-25-2026 10:00"], "MDY"),
        (["2026-04-25 10:00"], "YMD"),
        (["03/04/2026 10:00"], None),
        (["25/04/2026", "04/25/2026"], None),
        (["I moved here on 25/04/2026 and was happy"], None),
    ],
)
def test_a_day_above_twelve_tells_the_order_of_dates(texts: list[str], order: str | None) -> None:
    assert date_order(a_page("".join(f"<p>{text}</p>" for text in texts))) == order
