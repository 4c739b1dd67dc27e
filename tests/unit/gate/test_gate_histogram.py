"""Histograms: precise to three digits, exact at the ends, merged without loss."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_harness.gate import Histogram
from durable_harness.gate.histogram import HIGHEST_VALUE, merged

VALUES = st.lists(st.floats(-1e5, 1e7).map(lambda value: round(value, 3)), min_size=1, max_size=60)


def recorded(values, **shape):
    """Make a histogram of the values."""
    histogram = Histogram(**shape)
    for value in values:
        histogram.record(value)
    return histogram


@given(VALUES, st.sampled_from([0, 1, 25, 50, 90, 99, 99.9, 100]))
def test_percentiles_are_within_a_thousandth(values, percent):
    """A percentile is the value of that rank, off by at most one part in a thousand, below zero too."""
    exact = sorted(values)[max(1, math.ceil(percent * len(values) / 100 - 1e-9)) - 1]
    assert recorded(values).percentile(percent) == pytest.approx(exact, rel=1.01e-3, abs=2e-3)


@given(VALUES, VALUES)
def test_merging_loses_nothing(left, right):
    """Two merged histograms, one of them sent to another process, equal the one that saw all values."""
    sent = Histogram.from_wire(json.loads(json.dumps(recorded(right).to_wire())))
    both, together = merged([recorded(left), sent]), recorded(left + right)
    assert list(both.buckets()) == list(together.buckets())
    assert (both.count, both.min, both.max) == (together.count, together.min, together.max)
    assert both.mean == pytest.approx(together.mean)
    assert both.to_wire()["sum"] == together.to_wire()["sum"]


def test_ends_and_mean_are_exact():
    """Minimum, maximum and mean are not rounded to three digits, and no percentile lies outside of them."""
    histogram = recorded([123.456, 9876.543])
    assert (histogram.min, histogram.max) == (123.456, 9876.543)
    assert histogram.mean == pytest.approx((123.456 + 9876.543) / 2, abs=1e-3)
    assert histogram.percentile(100) == 9876.543


def test_an_empty_histogram_has_no_figures():
    """Without values there is no percentile, minimum, maximum or mean: never a zero that looks like one."""
    empty = Histogram()
    assert (empty.count, empty.min, empty.max, empty.mean, empty.percentile(50)) == (0, None, None, None, None)


@pytest.mark.parametrize("value", [HIGHEST_VALUE * 1.01, -HIGHEST_VALUE * 1.01, math.nan, math.inf])
def test_what_is_out_of_range_is_counted(value):
    """A value that cannot be kept is not clamped but counted, also after merging."""
    histogram = merged([recorded([value]), recorded([1.0])])
    assert (histogram.out_of_range, histogram.count, histogram.max) == (1, 1, 1.0)


def test_counts_stay_whole():
    """With one step per unit, percentiles of counts are whole numbers."""
    assert recorded([1, 2, 2, 3], steps_per_unit=1).percentile(50) == 2


def test_different_shapes_do_not_merge():
    """Histograms of different precision would merge with loss, so they do not."""
    with pytest.raises(ValueError, match="one shape"):
        Histogram().merge(Histogram(digits=2))


def test_values_up_to_bounds_are_counted():
    """Counting up to bounds agrees with counting the values one by one, at every magnitude and below zero too."""
    histogram, bounds = Histogram(), (0.0, 0.001, 1.0, 2.047, 2.048, 50.0, 1000.0, 86_400_000.0)
    values = [-5.0, 0.0, 0.0005, 1.0, 2.047, 2.0481, 49.9, 50.1, 999.0, 1001.0, 9e8]
    assert histogram.counts_up_to(bounds) == [0] * len(bounds)
    for value in values:
        histogram.record(value)
    shown = [value for value, count in histogram.buckets() for _ in range(count)]
    assert histogram.counts_up_to(bounds) == [sum(one <= bound for one in shown) for bound in bounds]
