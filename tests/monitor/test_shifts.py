"""Shifts by the clock on the wall, on ordinary days and on the nights when it jumps."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from models import Agent
from monitor.shifts import HoursError, Worker, hours_words, read_hours, wall_clock
from monitor.timers import days_later

WARSAW = ZoneInfo("Europe/Warsaw")
SPRING = date(2026, 3, 29)
"""At 02:00 the clock shows 03:00."""
AUTUMN = date(2026, 10, 25)
"""At 03:00 the clock shows 02:00 again."""


def a_worker(*words: str, zone: str = "Europe/Warsaw", off: tuple[date, ...] = ()) -> Worker:
    agent = Agent(id=1, name="Anna", timezone=zone)
    return Worker(agent=agent, hours=tuple(read_hours(words)), off=frozenset(off))


def utc(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "begin", "end"),
    [
        (date(2026, 1, 12), 8, 16),  # winter
        (date(2026, 7, 13), 7, 15),  # summer
        (date(2026, 3, 30), 7, 15),  # the day after the spring night
        (date(2026, 10, 26), 8, 16),  # and after the autumn night
    ],
)
def test_nine_o_clock_is_nine_o_clock_all_year(day: date, begin: int, end: int) -> None:
    worker = a_worker("mon", "09:00-17:00")
    assert worker.spans(day) == [(utc(day, begin), utc(day, end))]
    assert worker.works(utc(day, begin))
    assert not worker.works(utc(day, begin) - timedelta(seconds=1))
    assert not worker.works(utc(day, end))


def test_a_night_shift_is_an_hour_shorter_in_spring_and_longer_in_autumn() -> None:
    worker = a_worker("sat", "22:00-06:00")
    lengths = []
    for night in (date(2026, 3, 21), SPRING - timedelta(days=1), AUTUMN - timedelta(days=1)):
        [(begin, end)] = worker.spans(night)
        lengths.append((end - begin) / timedelta(hours=1))
        assert worker.works(begin)
        assert worker.works(end - timedelta(seconds=1))
    assert lengths == [8, 7, 9]


def test_a_time_that_the_spring_night_leaves_out_comes_when_the_clock_goes_on() -> None:
    assert wall_clock(SPRING, 2 * 60 + 30, WARSAW) == utc(SPRING, 1, 30)  # 03:30 on the wall
    assert wall_clock(SPRING, 3 * 60, WARSAW) == utc(SPRING, 1)


def test_a_time_that_the_autumn_night_has_twice_is_covered_both_times() -> None:
    worker = a_worker("sun", "02:00-03:00")
    assert worker.spans(AUTUMN) == [(utc(AUTUMN, 0), utc(AUTUMN, 2))]
    assert wall_clock(AUTUMN, 150, WARSAW) == utc(AUTUMN, 0, 30)
    assert wall_clock(AUTUMN, 150, WARSAW, late=True) == utc(AUTUMN, 1, 30)


def test_days_later_is_the_same_time_on_the_wall_across_both_nights() -> None:
    for night, hours in ((SPRING, 71), (AUTUMN, 73)):
        begin = wall_clock(night - timedelta(days=2), 10 * 60, WARSAW)
        later = days_later(begin, 3, WARSAW)
        assert later.astimezone(WARSAW).hour == 10
        assert later - begin == timedelta(hours=hours)


def test_a_day_off_begins_no_shift_but_ends_the_one_of_the_night_before() -> None:
    worker = a_worker("thu-fri", "22:00-06:00", off=(date(2026, 12, 25),))
    assert worker.works(datetime(2026, 12, 25, 4, 0, tzinfo=WARSAW))
    assert not worker.works(datetime(2026, 12, 25, 23, 0, tzinfo=WARSAW))
    assert worker.next_begin(datetime(2026, 12, 25, 12, 0, tzinfo=UTC)) == datetime(
        2026, 12, 31, 21, 0, tzinfo=UTC
    )


def test_who_has_no_hours_works_always_and_who_pauses_does_not() -> None:
    worker = Worker(agent=Agent(name="Anna", timezone="Asia/Tokyo"), hours=(), off=frozenset())
    assert worker.works(utc(AUTUMN, 3))
    worker.agent.paused_until = utc(AUTUMN, 4)
    assert not worker.works(utc(AUTUMN, 3))
    assert worker.works(utc(AUTUMN, 4))


def test_who_pauses_in_a_shift_is_back_when_the_pause_ends() -> None:
    worker = a_worker("mon-fri", "08:00-16:00")
    eleven = datetime(2026, 11, 23, 11, 0, tzinfo=WARSAW)  # a Monday
    ends = {
        timedelta(minutes=30): datetime(2026, 11, 23, 11, 30, tzinfo=WARSAW),
        timedelta(hours=6): datetime(2026, 11, 24, 8, 0, tzinfo=WARSAW),  # after the shift
        timedelta(days=30): datetime(2026, 12, 23, 11, 0, tzinfo=WARSAW),
    }
    for pause, back in ends.items():
        worker.agent.paused_until = (eleven + pause).astimezone(UTC)
        assert worker.next_begin(eleven.astimezone(UTC)) == back
        assert worker.works(back)


def test_who_has_no_hours_is_back_after_the_pause_and_after_the_days_off() -> None:
    christmas = frozenset({date(2026, 12, 25), date(2026, 12, 26)})
    worker = Worker(agent=Agent(name="Anna", timezone="Europe/Warsaw"), hours=(), off=christmas)
    eve = datetime(2026, 12, 24, 18, 0, tzinfo=WARSAW)
    worker.agent.paused_until = (eve + timedelta(hours=2)).astimezone(UTC)
    assert worker.next_begin(eve.astimezone(UTC)) == eve + timedelta(hours=2)
    worker.agent.paused_until = (eve + timedelta(hours=20)).astimezone(UTC)
    assert worker.next_begin(eve.astimezone(UTC)) == datetime(2026, 12, 27, 0, 0, tzinfo=WARSAW)
    worker.agent.active = False
    assert worker.next_begin(eve.astimezone(UTC)) is None


@pytest.mark.parametrize(
    ("night", "pause", "back"),
    [  # from 23:00 of the evening before, in hours that pass
        (SPRING, 3, utc(SPRING, 1)),  # the clock shows 03:00
        (SPRING, 8, utc(SPRING, 20)),  # beyond the shift's seven hours: the next one
        (AUTUMN, 5, utc(AUTUMN, 2)),  # 03:00, after the hour that comes twice
        (AUTUMN, 8, utc(AUTUMN, 5)),  # 06:00 in the morning, an hour before the end
    ],
)
def test_a_pause_in_a_night_when_the_clock_jumps_ends_by_the_hours_that_pass(
    night: date, pause: int, back: datetime
) -> None:
    worker = a_worker("sat-sun", "22:00-07:00" if night == AUTUMN else "22:00-06:00")
    eve = datetime(night.year, night.month, night.day - 1, 23, tzinfo=WARSAW).astimezone(UTC)
    worker.agent.paused_until = eve + timedelta(hours=pause)
    assert worker.next_begin(eve) == back


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("mon 09:00-17:00", "mon 09:00-17:00"),
        ("sat-sun 22:00-06:00", "sat 22:00-06:00, sun 22:00-06:00"),
        ("sun-mon 8:00-12:00", "mon 08:00-12:00, sun 08:00-12:00"),
        ("fri 16:00-24:00", "fri 16:00-00:00"),
        ("mon 09:00-12:00 mon 13:00-17:00", "mon 09:00-12:00, mon 13:00-17:00"),
    ],
)
def test_hours_are_read_and_told_alike(written: str, told: str) -> None:
    hours = read_hours(written.split())
    assert hours_words(hours) == told
    assert read_hours(told.split()) == hours


@pytest.mark.parametrize("written", ["mon", "mon 9-17", "moon 09:00-17:00", "mon 25:00-26:00", ""])
def test_hours_that_make_no_sense_are_refused_with_the_form(written: str) -> None:
    with pytest.raises(HoursError, match="write"):
        read_hours(written.split())
