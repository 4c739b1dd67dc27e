"""Schedules of timer functions: what the Functions host takes, when each is due, and how others are refused."""

from datetime import UTC, datetime, timedelta

import pytest

from durable_harness.host.triggers.schedule import Interval, ScheduleError, read_schedule

START = datetime(2026, 11, 27, 3, 0, 0, tzinfo=UTC)  # a Friday


def due(expression, start=START, count=1, **settings):
    """Return the next due times as texts."""
    schedule, found = read_schedule(expression, settings.get), []
    for _ in range(count):
        start = schedule.next_after(start)
        found.append(start.isoformat(sep=" ")[:19])
    return found


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("*/2 * * * * *", "2026-11-27 03:00:02"),
        ("0 */5 * * * *", "2026-11-27 03:05:00"),
        ("*/5 * * * *", "2026-11-27 03:05:00"),
        ("0 0 * * * *", "2026-11-27 04:00:00"),
        ("  0   30 9 * * 1-5 ", "2026-11-27 09:30:00"),
        ("0 30 9 * * mon-fri", "2026-11-27 09:30:00"),
        ("0 30 9 * * FRI-MON", "2026-11-27 09:30:00"),
        ("0 30 9 * * Sunday", "2026-11-29 09:30:00"),
        ("0 30 9 * Jan Mo", "2027-01-04 09:30:00"),
        ("0 0 0 * * 1/2", "2026-11-30 00:00:00"),
        ("0 0 9 1-7 * MON", "2026-12-07 09:00:00"),
        ("0 5/20 * * * *", "2026-11-27 03:05:00"),
        ("0 50-40/5 * * * *", "2026-11-27 03:40:00"),
        ("0 0 0 29 2 *", "2028-02-29 00:00:00"),
        ("0 0 5,8,10 * * *", "2026-11-27 05:00:00"),
        ("0 0 4-23/0 * * *", "2026-11-27 04:00:00"),
    ],
)
def test_an_expression_is_due_as_in_ncrontab(expression, first):
    """Fields, lists, ranges, steps and names are read as NCRONTAB does; both day fields must fit."""
    assert due(expression) == [first]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("00:00:30", timedelta(seconds=30)),
        ("00:01", timedelta(minutes=1)),
        ("1.02:03:04", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("24:00:00", timedelta(days=24)),
        ("00:00:00.25", timedelta(milliseconds=250)),
    ],
)
def test_an_interval_is_read_as_dotnet_reads_it(text, length):
    """Days stand before a dot; from 24 on the first number is days."""
    assert read_schedule(text) == Interval(length)


def test_settings_are_looked_up():
    """A schedule between percent signs is that of a setting."""
    assert due("%NIGHTLY%", NIGHTLY="0 0 2 * * *") == ["2026-11-28 02:00:00"]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("%NIGHTLY%", "setting 'NIGHTLY' that its schedule names is not set"),
        ("", "is not a schedule. Expected six fields"),
        ("0 0 * *", "is not a schedule"),
        ("00:00:00", "is not a schedule"),
        ("-00:01:00", "is not a schedule"),
        ("@daily", "is not a schedule"),
        ("0 60 * * * *", "'60' for the minute is wrong: '60' is none of them. Expected .*0 to 59"),
        ("0 0 0 * * 7", "day of the week is wrong: '7' is none of them. Expected .* 0 to 6 or names such as sun"),
        ("0 0 0 L * *", "'L' for the day of the month"),
        ("0 0 0 ? * *", "day of the month"),
        ("0 */x * * * *", "'x' is no step"),
        ("0 1, * * * *", "'' is none of them"),
        ("0 0 0 30 2 *", "no day ever fits '0 0 0 30 2 .'"),
    ],
)
def test_what_is_no_schedule_is_named(expression, message):
    """The error names the field, what is in it, and what is expected."""
    with pytest.raises(ScheduleError, match=message):
        read_schedule(expression, {}.get)


def test_a_time_zone_is_that_of_the_setting():
    """Hours are those of the zone, in summer and in winter."""
    zone = {"WEBSITE_TIME_ZONE": "Europe/Berlin"}
    assert due("0 0 9 * * *", **zone) == ["2026-11-27 08:00:00"]
    assert due("0 0 9 * * *", datetime(2026, 7, 1, tzinfo=UTC), **zone) == ["2026-07-01 07:00:00"]


def test_an_unknown_time_zone_is_named():
    """Windows names are not those of Linux, on which Python apps run."""
    with pytest.raises(ScheduleError, match=r"W\. Europe Standard Time is not a time zone; expected .* Europe/Berlin"):
        due("0 0 9 * * *", WEBSITE_TIME_ZONE="W. Europe Standard Time")


def test_an_hour_that_is_skipped_is_due_right_after():
    """When summer time begins 02:30 does not exist; the timer of that day is due at 03:30, and the next at 02:30."""
    start = datetime(2026, 3, 28, 12, tzinfo=UTC)
    found = due("0 30 2 * * *", start, 2, WEBSITE_TIME_ZONE="Europe/Berlin")
    assert found == ["2026-03-29 01:30:00", "2026-03-30 00:30:00"]


def test_an_hour_that_comes_twice_counts_once_for_a_daily_timer():
    """When summer time ends, 02:30 is due at its first coming only."""
    start = datetime(2026, 10, 24, 12, tzinfo=UTC)
    found = due("0 30 2 * * *", start, 2, WEBSITE_TIME_ZONE="Europe/Berlin")
    assert found == ["2026-10-25 00:30:00", "2026-10-26 01:30:00"]


def test_a_daily_timer_is_due_once_in_a_repeated_hour():
    """From within the second coming of an hour the next due time is that of the next day."""
    start = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    assert due("0 30 2 * * *", start, WEBSITE_TIME_ZONE="Europe/Berlin") == ["2026-10-26 01:30:00"]


def test_a_frequent_timer_fires_in_a_repeated_hour_twice():
    """A timer of every 20 minutes continues through both."""
    start = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)
    found = due("0 */20 * * * *", start, 6, WEBSITE_TIME_ZONE="Europe/Berlin")
    assert [text[11:16] for text in found] == ["00:20", "00:40", "01:00", "01:20", "01:40", "02:00"]
