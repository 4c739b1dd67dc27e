"""Read the values of options; each reader raises ArgumentTypeError with the value and what was expected."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from durable_harness.load.arrivals.plans import RateProfile, read_profile


class DurationRange(NamedTuple):
    """Seconds, evenly spread from `low_s` to `high_s`."""

    low_s: float
    high_s: float

    def __str__(self) -> str:
        return f"{self.low_s:g} s" if self.low_s == self.high_s else f"{self.low_s:g} to {self.high_s:g} s"


@dataclass(frozen=True, slots=True)
class Durations:
    """The seconds of work that operations ask for.

    Attributes:
        ranges: from which a duration is drawn, evenly within each.
        weights: how often each range is chosen, relative to the others.
    """

    ranges: tuple[DurationRange, ...]
    weights: tuple[float, ...]

    def __str__(self) -> str:
        if len(self.ranges) == 1:
            return str(self.ranges[0])
        total = sum(self.weights)
        shares = zip(self.weights, self.ranges, strict=True)
        return ", ".join(f"{weight / total:.3g} of {some}" for weight, some in shares)

    def pick_s(self, random: Random) -> float:
        """Draw a duration in seconds, rounded to milliseconds.

        Args:
            random: the source of chance, so that a run with the same `--seed` draws the same durations.
        """
        some = random.choices(self.ranges, self.weights)[0]
        return round(random.uniform(*some), 3)


def read_durations(text: str) -> Durations:
    """Read `0.5`, `0.3-0.7` or a mix like `0.2-0.4:80,2:20`: seconds or a range of them and, after a colon, its weight.

        WORK = ScenarioOption("--work", read_durations, "0.3-0.7", "seconds of work of an operation")

    Args:
        text: the text of an option.

    Raises:
        argparse.ArgumentTypeError: the text is not that. The message shows what is expected.
    """
    parts = [part.strip().partition(":") for part in str(text).split(",")]
    ranges = tuple(_read_range(some) for some, _, _ in parts)
    return Durations(ranges, tuple(number_above_zero(weight) if colon else 1.0 for _, colon, weight in parts))


def _read_range(text: str) -> DurationRange:
    low_text, dash, high_text = text.partition("-")
    low_s = seconds(low_text)
    high_s = seconds(high_text) if dash else low_s
    if high_s < low_s:
        raise argparse.ArgumentTypeError(f"got '{text}', expected the smaller number first, like 0.3-0.7")
    return DurationRange(low_s, high_s)


def read_rate(text: str) -> RateProfile:
    """Read a rate profile like `12`, `5..50/60` or `5/15,40/5,5`, for `Paced`.

        RATE = ScenarioOption("--spike-rate", read_rate, "5/15,40/5,5", "arrivals per second over time")

    Args:
        text: the text of an option.

    Raises:
        argparse.ArgumentTypeError: the text is not a profile. The message shows what is expected.
    """
    try:
        return read_profile(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def checked(read: Callable[[str], object]) -> Callable[[str], str]:
    """Return a reader that checks a text and returns it as it is: options are sent to workers as plain values."""

    def check(text: str) -> str:
        read(text)
        return text

    return check


def seconds(value: str | float) -> float:
    """Read seconds, 0 or more."""
    return number(value, "seconds, 0 or more", lambda number: number >= 0)


def seconds_above_zero(value: str | float) -> float:
    """Read seconds above 0.

        EVERY = ScenarioOption("--burst-every", seconds_above_zero, "15", "seconds between bursts")

    Args:
        value: the text of an option, or a number.

    Raises:
        argparse.ArgumentTypeError: the value is something else. The message shows what is expected.
    """
    return number(value, "seconds above 0", lambda number: number > 0)


def number_above_zero(value: str | float) -> float:
    """Read a number, but not 0."""
    return number(value, "a number above 0", lambda number: number > 0)


def read_share(value: str | float) -> float:
    """Read a share from 0 to 1.

        SHARE = ScenarioOption("--bad-share", read_share, "0.3", "share of malformed starts")

    Args:
        value: the text of an option, or a number.

    Raises:
        argparse.ArgumentTypeError: the value is something else. The message shows what is expected.
    """
    return number(value, "a share from 0 to 1", lambda number: 0 <= number <= 1)


def whole_number(value: str | float) -> int:
    """Read a whole number, 0 or more.

        SIZE = ScenarioOption("--burst-size", whole_number, "30", "operations of a burst")

    Args:
        value: the text of an option, or a number.

    Raises:
        argparse.ArgumentTypeError: the value is something else. The message shows what is expected.
    """
    return int(number(value, "a whole number, 0 or more", lambda number: number >= 0 and number.is_integer()))


def number(value: str | float, allowed: str, holds: Callable[[float], bool]) -> float:
    """Read a number for which a condition holds; `allowed` is the condition in words."""
    try:
        read = float(value)
    except ValueError:
        read = math.nan
    if not (math.isfinite(read) and holds(read)):
        raise argparse.ArgumentTypeError(f"got '{value}', expected {allowed}")
    return read


def choice(allowed: tuple[str, ...]) -> Callable[[str], str]:
    """Read one of some words."""

    def check(value: str) -> str:
        if value not in allowed:
            raise argparse.ArgumentTypeError(f"got '{value}', expected one of {', '.join(allowed)}")
        return value

    return check
