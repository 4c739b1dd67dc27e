"""The statistics of comparisons: exact bounds, blocks that respect autocorrelation, three answers, planned looks."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from durable_harness.gate.comparison import (
    ConfidenceInterval,
    Decision,
    Design,
    Figure,
    OperationTable,
    PairedComparison,
)
from durable_harness.gate.comparison.blocks import (
    autocorrelation_time,
    block_figures,
    block_length,
    merge_until_independent,
)
from durable_harness.gate.comparison.pairs import plan_looks
from durable_harness.gate.comparison.ranks import (
    centre,
    fewest_blocks,
    fewest_pairs,
    rank_sum_interval,
    signed_rank_interval,
)

DESIGN = Design()


def correlated(rng, size, correlation):
    """A series in which each value remembers the one before it; variance 1."""
    series = np.empty(size)
    series[0] = rng.standard_normal()
    for at, noise in enumerate(rng.standard_normal(size - 1), start=1):
        series[at] = correlation * series[at - 1] + noise * math.sqrt(1 - correlation**2)
    return series


def test_signed_rank_bounds_are_exact():
    """Over all 256 sign patterns of eight magnitudes, the lower bound lies above 0 in exactly the share it may."""
    magnitudes = np.array([0.3, 1.1, 2.7, 3.2, 4.9, 5.4, 6.8, 7.7])
    wrong = sum(
        signed_rank_interval(magnitudes * np.array(signs), 5 / 256, 5 / 256).lower > 0
        for signs in itertools.product((-1, 1), repeat=8)
    )
    assert wrong == 5


def test_rank_sum_bounds_are_exact():
    """Over all ways to deal eight values to two sides, the lower bound lies above 0 in exactly the share it may."""
    values = np.array([1.0, 2.3, 3.1, 4.7, 5.2, 6.9, 7.4, 8.8])
    chosen = [list(four) for four in itertools.combinations(range(8), 4)]
    share = 2.5 / 70
    dealt = ((np.delete(values, head), values[head]) for head in chosen)
    wrong = sum(rank_sum_interval(base, head, share, share).lower > 0 for base, head in dealt)
    assert wrong == 2


def test_the_estimate_is_the_centre_whatever_one_outlier_does():
    """One slice during which the machine stood still does not move the estimate."""
    calm = np.full(15, 0.1)
    calm[3] = 4.0
    assert signed_rank_interval(calm, 0.01, 0.01).estimate == pytest.approx(0.1)


def test_too_few_values_have_no_bounds():
    """A bound that the number of values cannot support is infinite; the fewest that can are reported."""
    error = 0.01
    few, enough = np.ones(fewest_pairs(error) - 1), np.ones(fewest_pairs(error))
    assert signed_rank_interval(few, error, error)[1:] == (-math.inf, math.inf)
    assert signed_rank_interval(enough, error, error)[1:] == (1, 1)
    blocks = fewest_blocks(error)
    assert math.isinf(rank_sum_interval(few[: blocks - 1], few[: blocks - 1], error, error).lower)
    assert rank_sum_interval(enough[:blocks], enough[:blocks], error, error)[1:] == (0, 0)


numbers = arrays.arrays(float, st.integers(1, 40), elements=st.integers(-1000, 1000).map(lambda value: value / 8))


@given(values=numbers, shift=st.integers(-500, 500), seed=st.integers(0, 99))
def test_a_centre_moves_with_its_values(values, shift, seed):
    """It lies among the values, in whatever order they came; shifted values shift it, mirrored ones mirror it."""
    found = centre(values)
    assert values.min() <= found <= values.max()
    assert centre(np.random.default_rng(seed).permutation(values)) == found
    assert centre(values + shift) == pytest.approx(found + shift)
    assert centre(-values) == pytest.approx(-found)


@given(base=numbers, head=numbers, values=numbers)
def test_an_estimate_lies_within_its_bounds(base, head, values):
    """Paired or not, the bounds of a small error enclose those of a large one, and both the estimate."""
    for interval_of in (
        lambda error: rank_sum_interval(base, head, error, error),
        lambda error: signed_rank_interval(values, error, error),
    ):
        wide, narrow = interval_of(0.01), interval_of(0.2)
        assert wide.lower <= narrow.lower <= narrow.estimate <= narrow.upper <= wide.upper


@given(values=numbers, length=st.integers(1, 50), percent=st.one_of(st.none(), st.integers(1, 100)))
def test_blocks_share_out_all_values(values, length, percent):
    """There are as many blocks as fit, each has a figure within the values; blocks of all values have theirs."""
    figure = Figure("finish_ms", percent)
    found = block_figures(values, figure.of, length)
    assert len(found) == len(values) // length
    assert all(values.min() - 1e-9 <= one <= values.max() + 1e-9 for one in found)
    if len(found) == 1:
        assert found[0] == figure.of(values)


@pytest.mark.parametrize(("correlation", "expected"), [(0.0, 1), (0.5, 3), (0.9, 19)])
def test_the_autocorrelation_time_is_read_from_the_data(correlation, expected):
    """A series that remembers by the factor r has an autocorrelation time of (1 + r) / (1 - r)."""
    series = correlated(np.random.default_rng(7), 40_000, correlation)
    assert autocorrelation_time(series) == pytest.approx(expected, rel=0.2)


def test_a_constant_series_is_as_good_as_independent():
    """A series without variance, or without a second value, has the shortest time there is."""
    assert autocorrelation_time(np.ones(50)) == 1
    assert autocorrelation_time(np.ones(1)) == 1


def test_blocks_grow_with_autocorrelation_and_rarity():
    """A block holds ten autocorrelation times, and four operations beyond its percentile."""
    rng = np.random.default_rng(3)
    alone, alike = rng.standard_normal(1500), correlated(rng, 1500, 0.95)
    assert block_length(alone, 50) == 50
    assert block_length(alone, 95) == 80
    assert block_length(alone, 99) == 400
    assert block_length(alike, 50) > 2 * block_length(alone, 50)


def test_block_figures_use_every_value_once():
    """Blocks follow each other in time; what is left over joins the last one; too few values make no block."""
    values = np.arange(25.0)
    assert list(block_figures(values, Figure("finish_ms", 100).of, 10)) == [9, 24]
    assert list(block_figures(values, Figure("actions_per_operation").of, 10)) == [4.5, 17]
    assert len(block_figures(values, Figure("finish_ms", 50).of, 26)) == 0


def test_alike_neighbours_are_averaged():
    """A short series that drifts is averaged until its neighbours are no longer alike; noise is left as it is."""
    noise = np.tile([1.0, -1.0], 12)
    assert len(merge_until_independent(noise)) == 24
    assert len(merge_until_independent(np.linspace(0, 1, 24))) < 24


@pytest.mark.parametrize(
    ("lower", "upper", "answer"),
    [
        (-0.02, 0.03, Decision.NOT_SLOWER),
        (0.01, 0.04, Decision.NOT_SLOWER),
        (0.034, 0.06, Decision.SLOWER),
        (0.01, 0.06, Decision.CANNOT_TELL),
        (-0.01, 0.06, Decision.CANNOT_TELL),
        (-math.inf, math.inf, Decision.CANNOT_TELL),
    ],
)
def test_the_three_answers(lower, upper, answer):
    """Surely below the effect is not slower, surely above two thirds of it is slower, anything else is unknown."""
    assert Design(effect=0.05).decide(ConfidenceInterval((lower + upper) / 2, lower, upper)) is answer


@pytest.mark.parametrize(
    ("interval", "factor"),
    [
        (ConfidenceInterval(0, -0.12, 0.12), 4),  # has to become half as wide to end below 0.06
        (ConfidenceInterval(0.08, -0.04, 0.2), 9),  # has to become a third as wide to begin above 0.04
        (ConfidenceInterval(0.05, 0.03, 0.09), 4),  # half as wide begins above 0.04, sooner than it ends below 0.06
        (ConfidenceInterval(0, -0.061, 0.061), 1.2),  # less would hardly change the answer
        (ConfidenceInterval(0, -math.inf, 0.06), None),
        (ConfidenceInterval(0, -math.inf, math.inf), None),
    ],
)
def test_how_much_more_data_follows_from_the_interval(interval, factor):
    """The width shrinks with the root of the data until an answer fits; a bound that is missing says nothing."""
    found = Design(effect=math.expm1(0.06)).data_factor(interval)
    assert found == (None if factor is None else pytest.approx(factor))


@pytest.mark.parametrize("most", [1, 12, 20, 60, 500])
def test_looks_are_planned_so_that_each_can_answer(most):
    """The first look has pairs enough for its share of the errors, the last one is the most that was allowed."""
    looks = plan_looks(DESIGN, most)
    share = DESIGN.bonferroni(len(looks))
    assert looks[0] >= fewest_pairs(min(share.false_alarm_rate, share.miss_rate))
    assert looks[-1] == max(most, looks[0])
    assert list(looks) == sorted(set(looks))


def slices(rng, ratio, noise=0.05, drift=1.0):
    """The operations of two slices, the head's slower by a ratio, on a machine that is slower by a drift."""
    return [
        OperationTable.from_rows(
            {"intended_s": at, "sent_s": at, "seen_s": at + 0.5 * slower * drift * math.exp(noise * wobble)}
            for at, wobble in enumerate(rng.standard_normal(40))
        )
        for slower in (1.0, ratio)
    ]


def answers_of(ratio, rounds, seed):
    """The answers of sequential comparisons, each stopped at the first look that gives one."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(rounds):
        comparison = PairedComparison(Figure("completion_ms", 95), DESIGN, most_pairs=30)
        for index in range(comparison.looks[-1]):
            comparison.add(*slices(rng, ratio, drift=1 + 0.5 * math.sin(index)))
            if comparison.is_look and comparison.result().answer is not Decision.CANNOT_TELL:
                break
        found.append(comparison.result())
    return found


def test_a_slowdown_is_caught_and_equal_versions_pass():
    """On a machine that drifts by half, 10 % slower is slower each time and equal never is."""
    slower, equal = answers_of(1.1, 20, seed=1), answers_of(1.0, 20, seed=2)
    assert {result.answer for result in slower} == {Decision.SLOWER}
    assert {result.answer for result in equal} == {Decision.NOT_SLOWER}
    assert all(1.07 < result.ratio < 1.13 for result in slower)


def test_inconclusive_pairs_report_how_many_are_needed():
    """Noise beyond what the pairs can bear is no pass and no failure, and names the number of pairs to continue to."""
    rng = np.random.default_rng(5)
    comparison = PairedComparison(Figure("completion_ms", 95), DESIGN, most_pairs=12)
    for _ in range(12):
        comparison.add(*slices(rng, math.exp(0.3 * rng.standard_normal())))
    result = comparison.result()
    assert result.answer is Decision.CANNOT_TELL
    assert "pairs (--pairs)" in result.advice
