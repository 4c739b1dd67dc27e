"""When a timer function is due: NCRONTAB expressions and intervals, as the Functions host reads them.

NCRONTAB is not cron: a day must fit the day of the month and the day of the week, weekdays are 0 to 6, names may be
shortened, and a range whose ends are swapped is put right. cronsim finds the next time that fits.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

from durable_harness.host.triggers.targets import SETTING

ZONE_VARIABLE = "WEBSITE_TIME_ZONE"
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
HOURS_A_DAY, CRON_FIELDS = 24, 6
TIMESPAN = re.compile(r"(?:(?P<d>\d+)\.)?(?P<h>\d+):(?P<m>\d{1,2})(?::(?P<s>\d{1,2})(?:\.(?P<f>\d{1,7}))?)?")


class ScheduleError(ValueError):
    """Raised for a schedule that cannot be read; with what is expected."""


class Schedule(Protocol):
    """When a timer is due."""

    def next_after(self, now: datetime) -> datetime | None:
        """Return the first due time after `now`, in UTC; None if there is none."""


@dataclass(frozen=True)
class Interval:
    """Due again and again after the same time."""

    length: timedelta

    def __str__(self) -> str:
        return str(self.length)

    def next_after(self, now: datetime) -> datetime | None:
        try:
            return now + self.length
        except OverflowError:
            return None


@dataclass(frozen=True)
class CronSchedule:
    """Due whenever the time in a zone fits six fields, each a list of numbers or `*`."""

    fields: tuple[str, ...]
    zone: tzinfo
    text: str

    def __str__(self) -> str:
        return self.text if self.zone is UTC else f"{self.text} ({self.zone})"

    def next_after(self, now: datetime) -> datetime | None:
        local = now.astimezone(self.zone)
        if self.fields[2] == "*":  # each hour that passes counts, also one that comes twice as summer time ends
            found = self._next(local)
            return None if found is None else found.astimezone(UTC)
        # A certain hour of a day comes once: the first of two, and the moment after one that is skipped.
        found = self._next(local.replace(tzinfo=None))
        while found is not None:
            due = found.replace(tzinfo=self.zone).astimezone(UTC)
            if due > now:
                return due
            found = self._next(found)
        return None

    def _next(self, local: datetime) -> datetime | None:
        from cronsim import CronSim  # noqa: PLC0415 - an app without timers starts without it

        simulated = CronSim(" ".join(self.fields), local)
        simulated.day_and = True  # cron itself takes a day that fits either of its two fields
        return next(simulated, None)


@dataclass(frozen=True)
class _Field:
    """One of the fields of an NCRONTAB expression."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] | None = None

    def normalized(self, text: str) -> str:
        """Return the numbers of a field, or `*` for all of them. Raises ScheduleError."""
        numbers = sorted({number for item in text.split(",") for number in self._item(item, text)})
        return "*" if len(numbers) > self.most - self.least else ",".join(map(str, numbers))

    def _item(self, item: str, text: str) -> range:
        words, slash, step = item.partition("/")
        if slash and not step.isdecimal():
            raise self._error(text, f"'{step}' is no step")
        first, dash, last = words.partition("-")
        if words == "*":
            ends = [self.least, self.most]
        elif dash:
            ends = sorted([self._number(first, text), self._number(last, text)])
        else:
            ends = [self._number(first, text), self.most if slash else self._number(first, text)]
        return range(ends[0], ends[1] + 1, max(1, int(step or 1)))

    def _number(self, word: str, text: str) -> int:
        names = [name for name in self.names or () if word and name.startswith(word.lower())]
        if names and self.names:
            return self.names.index(names[0]) + self.least
        if not word.isdecimal() or not self.least <= int(word) <= self.most:
            raise self._error(text, f"'{word}' is none of them")
        return int(word)

    def _error(self, text: str, why: str) -> ScheduleError:
        named = f" or names such as {self.names[0][:3]}" if self.names else ""
        return ScheduleError(
            f"the field '{text}' for the {self.name} is wrong: {why}. Expected *, numbers from {self.least} to"
            f" {self.most}{named}, ranges a-b and lists a,b, each optionally with a step such as /5"
        )


FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, MONTHS),
    _Field("day of the week", 0, 6, DAYS),
)


def read_schedule(expression: str, lookup: Callable[[str], str | None] = os.environ.get) -> Schedule:
    """Return the schedule of a timer trigger; `lookup` gives settings. Raises ScheduleError if it cannot be read."""
    text = SETTING.sub(lambda match: _setting(match[1], lookup), expression).strip()
    words = text.split()
    if len(words) in {CRON_FIELDS - 1, CRON_FIELDS}:
        words = words if len(words) == CRON_FIELDS else ["0", *words]
        fields = tuple(field.normalized(word) for field, word in zip(FIELDS, words, strict=True))
        return _fitting(CronSchedule(fields, _zone(lookup(ZONE_VARIABLE)), text))
    found = TIMESPAN.fullmatch(text)
    length = _length(found) if found else timedelta()
    if length <= timedelta():
        raise ScheduleError(
            f"'{text}' is not a schedule. Expected six fields such as '0 */5 * * * *' (second, minute, hour, day,"
            " month, day of the week), the last five of them, or a time such as '00:30:00'"
        )
    return Interval(length)


def _fitting(schedule: CronSchedule) -> CronSchedule:
    """Return a schedule that some day fits; cronsim looks 50 years ahead."""
    from cronsim import CronSimError  # noqa: PLC0415 - same

    try:
        is_ever = schedule.next_after(datetime.now(UTC)) is not None
    except CronSimError:
        is_ever = False
    if not is_ever:
        raise ScheduleError(f"no day ever fits '{schedule.text}'")
    return schedule


def _setting(name: str, lookup: Callable[[str], str | None]) -> str:
    value = lookup(name)
    if not value:
        raise ScheduleError(f"the setting '{name}' that its schedule names is not set")
    return value


def _zone(name: str | None) -> tzinfo:
    if not name:
        return UTC
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - most apps keep to UTC

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise ScheduleError(
            f"{ZONE_VARIABLE}={name} is not a time zone; expected a name of the tz database, such as Europe/Berlin,"
            " which is what Functions on Linux takes"
        ) from error


def _length(found: re.Match[str]) -> timedelta:
    days, hours, minutes, seconds = (int(found[part] or 0) for part in "dhms")
    if hours >= HOURS_A_DAY and found["d"] is None:
        # As .NET reads it: more than 23 hours are days, and the numbers after it hours and minutes.
        days, hours, minutes, seconds = hours, minutes, seconds, 0
    fraction_s = float(f"0.{found['f'] or 0}")
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds + fraction_s)
    except OverflowError:
        return timedelta.max
