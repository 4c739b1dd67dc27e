"""Lengths of time in words."""

import pytest

from durable_harness.wording.lengths import readable

HOUR_S = 3600
YEAR_S = 31_557_600


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0.0 ms"),
        (0.000_04, "0.0 ms"),
        (0.009_94, "9.9 ms"),
        (0.401_2, "401 ms"),
        (0.999_6, "1.00 s"),
        (1.234, "1.23 s"),
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
def test_a_length_has_the_units_that_a_person_reads(seconds, words):
    """A length has its unit and about three digits; from a minute on its two largest units."""
    assert readable(seconds * 1e9) == words
