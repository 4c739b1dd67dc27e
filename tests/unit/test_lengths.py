"""Lengths of time in words."""

import pytest

from durable_harness.lengths import rough

HOUR_S = 3600
YEAR_S = 31_557_600


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (10.04, "10.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (HOUR_S, "1 h 0 min"),
        (49 * HOUR_S, "2 d 1 h"),
        (YEAR_S, "1 year 0 d"),
        (2 * YEAR_S + 24 * HOUR_S, "2 years 1 d"),
        (7973 * YEAR_S, "7,973 years"),
    ],
)
def test_a_length_has_its_two_largest_units(seconds, words):
    """Nobody counts millions of seconds: from a minute on a length has larger units, many years are years only."""
    assert rough(seconds * 1e9) == words
