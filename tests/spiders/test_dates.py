"""Moments as forums print them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from spiders.base import ReadOptions
from spiders.dates import machine_time, order_by_ids, shown_time

FETCHED_AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
WARSAW = ReadOptions(timezone="Europe/Warsaw", fetched_at=FETCHED_AT)
IN_UTC = ReadOptions(fetched_at=FETCHED_AT)


@pytest.mark.parametrize(
    ("text", "language", "moment"),
    [
        ("Thu Nov 05, 2026 9:14 am", "en", "2026-11-05 09:14"),
        ("January 9th, 2016, 2:30 am", "en", "2016-01-09 02:30"),
        ("Sunday 22nd November 2015 09:14:00 PM", "en", "2015-11-22 21:14"),
        ("Ven 7 Oct 2011 08:23", "fr", "2011-10-07 08:23"),
        ("Sam 8 Mar 2014 10:00", "fr", "2014-03-08 10:00"),
        ("Mar 26 Oct 2010 22:04", "fr", "2010-10-26 22:04"),
        ("21.01.2009, 05:42", "de", "2009-01-21 05:42"),
        ("26.08.2014, 07:58 Uhr", "de", "2014-08-26 07:58"),
        ("Mo 3. Mär 2014, 10:00", "de", "2014-03-03 10:00"),
        ("09 апр 2014, 10:28", "ru", "2014-04-09 10:28"),
        ("Пт 05 июн, 2015 10:00", "ru", "2015-06-05 10:00"),
        ("Wt mar 03, 2015 5:12 pm", "pl", "2015-03-03 17:12"),
        ("ndz mar 01, 2015 5:12 pm", "pl", "2015-03-01 17:12"),
        ("22 lis 2025, 08:49", "pl", "2025-11-22 08:49"),
        ("Wed Oct 21, 2026 1:53 am", "pl", "2026-10-21 01:53"),
        ("Dziś, 08:14", "pl", "2026-11-22 08:14"),
        ("Вчора в 08:14", "uk", "2026-11-21 08:14"),
        ("Wczoraj o 21:14", "pl", "2026-11-21 21:14"),
        ("Вчера, 10:28", "ru", "2026-11-21 10:28"),
        ("Сегодня, 08:28", "ru", "2026-11-22 08:28"),
        ("Yesterday, 11:12 pm", "en", "2026-11-21 23:12"),
        ("Today at 08:14:00 AM", "en", "2026-11-22 08:14"),
        ("Gestern 09:14", "de", "2026-11-21 09:14"),
        ("Hier 09:14", "fr", "2026-11-21 09:14"),
        ("5 minutes ago", "en", "2026-11-22 08:55"),
        ("5 minut temu", "pl", "2026-11-22 08:55"),
        ("minutę temu", "pl", "2026-11-22 08:59"),
        ("Mniej niż minutę temu", "pl", "2026-11-22 08:59"),
        ("2 часа назад", "ru", "2026-11-22 07:00"),
        ("менее минуты назад", "ru", "2026-11-22 08:59"),
        ("Vor weniger als einer Minute", "de", "2026-11-22 08:59"),
        ("godzinę temu", "pl", "2026-11-22 08:00"),
        ("przed chwilą", "pl", "2026-11-22 09:00"),
        ("5 maja 2026 - 07:05", "pl", "2026-05-05 07:05"),
        ("śr 3 wrz 2025, 10:00", "pl", "2025-09-03 10:00"),
        ("w piątek o 17:12", "pl", "2026-11-20 17:12"),
        ("pół godziny temu", "pl", "2026-11-22 08:30"),
        ("v pátek v 17:12", "cs", "2026-11-20 17:12"),
        ("ve středu v 17:12", "cs", "2026-11-18 17:12"),
        ("před chvílí", "cs", "2026-11-22 09:00"),
        ("В пятницу в 17:12", "ru", "2026-11-20 17:12"),
        ("3 мар 2026 г. в 12:30", "ru", "2026-03-03 12:30"),
        ("gerade eben", "de", "2026-11-22 09:00"),
        ("5. März 2026 um 07:05 Uhr", "de", "2026-03-05 07:05"),
        ("Freitag um 17:12", "de", "2026-11-20 17:12"),
        ("Friday at 5:12 PM", "en", "2026-11-20 17:12"),
        ("Sunday at 9:14 AM", "en", "2026-11-15 09:14"),
        ("22 листопада 2025, 08:49", "uk", "2025-11-22 08:49"),
        ("5 травня 2026, 7:05", "uk", "2026-05-05 07:05"),
        ("Вчора о 21:14", "uk", "2026-11-21 21:14"),
        ("Сьогодні о 08:14", "uk", "2026-11-22 08:14"),
        ("5 хвилин тому", "uk", "2026-11-22 08:55"),
        ("щойно", "uk", "2026-11-22 09:00"),
        ("П'ятниця о 17:12", "uk", "2026-11-20 17:12"),
        ("22. listopadu 2025 8:49", "cs", "2025-11-22 08:49"),
        ("5. května 2026, 7:05", "cs", "2026-05-05 07:05"),
        ("Včera v 21:14", "cs", "2026-11-21 21:14"),
        ("Dnes v 08:14", "cs", "2026-11-22 08:14"),
        ("před 5 minutami", "cs", "2026-11-22 08:55"),
        ("před minutou", "cs", "2026-11-22 08:59"),
        ("Pátek v 17:12", "cs", "2026-11-20 17:12"),
        ("05.04.2015 10:00", "pl", "2015-04-05 10:00"),
        ("05.04.2015 10:00", "en", "2015-04-05 10:00"),
        ("25/04/2015 10:00", "en", "2015-04-25 10:00"),
        ("2015-04-05 10:00", "de", "2015-04-05 10:00"),
    ],
)
def test_a_date_is_read_in_the_language_of_its_page(text: str, language: str, moment: str) -> None:
    expected = datetime.fromisoformat(f"{moment}+00:00")
    assert shown_time(text, IN_UTC, language) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "the day before",
        "9:14",
        "Nov 5, 9:14",
        "November 2026",
        "12",
        "31.02.2015 10:00",
        "22 Nov 2026, 24:10",
        "1394/11/27, 00:31",  # a year of another calendar
        "Jan 05, 1994 9:14 am",
        "Nov 25, 2026 9:14 am",  # three days after the fetch
        "in 2 days",
        "-2 days ago",
        "3 weeks ago",
        "3 months ago",
        "11 years ago",
        "05/04/2015 10:00",  # April or May?
        "posted on 5-4-2015 at 10:00",
        "Wed, 05/04/2015 - 10:00",  # neither is a Wednesday
        "Nov 05, 2026 " * 40,
    ],
)
def test_what_is_no_sure_date_is_no_date(text: str) -> None:
    assert shown_time(text, IN_UTC, "en") is None


def test_the_forums_own_order_of_day_and_month_is_taken() -> None:
    def read(order: str) -> datetime | None:
        return shown_time(
            "05/04/2015 10:00", ReadOptions(date_order=order, fetched_at=FETCHED_AT), "en"
        )

    assert read("DMY") == datetime(2015, 4, 5, 10, 0, tzinfo=UTC)
    assert read("MDY") == datetime(2015, 5, 4, 10, 0, tzinfo=UTC)


def test_a_weekday_tells_which_number_is_the_month() -> None:
    def read(text: str) -> datetime | None:
        return shown_time(text, IN_UTC, "en")

    assert read("Thu, 05/02/2024 - 08:11") == datetime(2024, 5, 2, 8, 11, tzinfo=UTC)
    assert read("Thursday 2/5/24 8:11 am") == datetime(2024, 5, 2, 8, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("shown", "order"),
    [
        ({1: "05-02-2026, 9:00", 2: "06-03-2026, 9:00", 3: "07-01-2026, 9:00"}, "MDY"),
        ({3: "05-02-2026, 9:00", 2: "06-01-2026, 9:00", 1: "07-12-2025, 9:00"}, "DMY"),
        ({1: "11-12-2025, 9:00"}, None),  # either is possible
        ({1: "11-12-2026, 9:00"}, "MDY"),  # the other is in three weeks
        ({1: "05-02-2026, 9:00", 2: "07-03-2026, 9:00"}, None),
        ({1: "05-02-2026, 9:00", 2: "04-01-2026, 9:00"}, None),  # imported, so neither fits
        ({1: "05-02-2026, 9:00", 2: "long ago"}, None),
    ],
)
def test_messages_that_follow_one_another_tell_the_order_of_day_and_month(
    shown: dict[int, str], order: str | None
) -> None:
    def read(tried: str) -> list[tuple[int, datetime | None]]:
        options = replace(IN_UTC, date_order=tried)
        return [(number, shown_time(text, options, "en")) for number, text in shown.items()]

    assert order_by_ids(read) == order


def test_a_time_without_a_zone_is_the_forums() -> None:
    assert shown_time("05.07.2015 10:00", WARSAW, "pl") == datetime(2015, 7, 5, 8, 0, tzinfo=UTC)
    assert machine_time("2015-07-05T10:00:00", WARSAW) == datetime(2015, 7, 5, 8, 0, tzinfo=UTC)


def test_yesterday_is_counted_from_the_fetch_in_the_forums_zone() -> None:
    just_after_midnight = ReadOptions(
        timezone="Europe/Warsaw", fetched_at=datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    )
    assert shown_time("Wczoraj, 21:14", just_after_midnight, "pl") == datetime(
        2026, 11, 21, 20, 14, tzinfo=UTC
    )


def test_a_language_told_by_a_person_wins_over_the_pages() -> None:
    told = ReadOptions(language="fr", fetched_at=FETCHED_AT)
    assert shown_time("Mar 26 Oct 2010 22:04", told, "en") == datetime(
        2010, 10, 26, 22, 4, tzinfo=UTC
    )


def test_a_language_nobody_knows_leaves_english() -> None:
    assert shown_time("Nov 05, 2015 9:14 am", IN_UTC, "zz") == datetime(
        2015, 11, 5, 9, 14, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-10-09T10:09:22+02:00", datetime(2026, 10, 9, 8, 9, 22, tzinfo=UTC)),
        ("2020-09-18T08:56:40-0700", datetime(2020, 9, 18, 15, 56, 40, tzinfo=UTC)),
        ("2026-01-20T20:10:52.537Z", datetime(2026, 1, 20, 20, 10, 52, 537000, tzinfo=UTC)),
        ("1600444600", datetime(2020, 9, 18, 15, 56, 40, tzinfo=UTC)),
        (1600444600123, datetime(2020, 9, 18, 15, 56, 40, 123000, tzinfo=UTC)),
        ("2020-09-18", datetime(2020, 9, 18, tzinfo=UTC)),
        (None, None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2026-12-31T00:00:00Z", None),
        ("-2026-11-05", None),
        ("99999999999999999999", None),
    ],
)
def test_a_machine_readable_time_is_taken_as_it_is(
    value: str | int | None, moment: datetime | None
) -> None:
    assert machine_time(value, IN_UTC) == moment
