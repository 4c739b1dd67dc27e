"""Adaptive polling: the plan is the best there is, it is learned from what ended before, and it beats exponential."""

import itertools
import random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_harness.operations import AdaptivePolling, ExponentialPolling, poll_strategy
from durable_harness.operations.completion_times import CompletionTimes
from durable_harness.operations.poll_plan import plan_polls


def no_jitter(low, high):
    """Draw the middle always."""
    return (low + high) / 2


def follow(strategy, duration_s, *, is_end_reported=True, latency_s=0.002):
    """Poll one operation to its end and let the strategy learn; return its detection lag and its polls."""
    elapsed_s, polls = 0.0, 0
    while elapsed_s < duration_s:
        before_s = elapsed_s
        elapsed_s += strategy.delay_s(polls, None, elapsed_s) + latency_s
        polls += 1
    finished_s = duration_s if is_end_reported else None
    strategy.learn(after_s=before_s, by_s=elapsed_s, finished_s=finished_s)
    return elapsed_s - duration_s, polls


def averages(strategy, durations_s, **options):
    """Return mean lag and mean polls over operations, without the first 400, which are for learning."""
    followed = [follow(strategy, duration_s, **options) for duration_s in durations_s][400:]
    return mean(lag for lag, _ in followed), mean(polls for _, polls in followed)


def durations(name, count=4000):
    """Return the same durations of a distribution each time."""
    chance = random.Random(5)
    draw = {
        "fixed": lambda: 1.0,
        "lognormal": lambda: chance.lognormvariate(0, 0.5),
        "bimodal": lambda: chance.gauss(0.5, 0.05) if chance.random() < 0.7 else chance.gauss(3, 0.3),
        "exponential": lambda: 0.01 + chance.expovariate(1),
    }[name]
    return [draw() for _ in range(count)]


@pytest.mark.parametrize("is_end_reported", [True, False])
@pytest.mark.parametrize("name", ["fixed", "lognormal", "bimodal"])
def test_it_beats_exponential_polling_with_no_more_polls(name, is_end_reported):
    """With the polls that exponential polling takes, lag is at least 30 % less, also if no server reports the end."""
    uniform = random.Random(1).uniform
    lag_s, polls = averages(ExponentialPolling(0.2, uniform), durations(name))
    adaptive_lag_s, adaptive_polls = averages(
        AdaptivePolling(0.2, polls, uniform), durations(name), is_end_reported=is_end_reported
    )
    assert adaptive_polls <= polls * 1.02
    assert adaptive_lag_s <= 0.7 * lag_s


@pytest.mark.parametrize("budget", [2, 3, 5])
def test_it_keeps_to_its_budget(budget):
    """Operations need no more polls on average than the budget, and more of them buy less lag."""
    lag_s, polls = averages(AdaptivePolling(0.2, budget, random.Random(1).uniform), durations("exponential"))
    assert polls == pytest.approx(budget, rel=0.03)
    cheaper_lag_s, _ = averages(AdaptivePolling(0.2, budget - 0.9, random.Random(1).uniform), durations("exponential"))
    assert lag_s < cheaper_lag_s


def test_it_starts_as_exponential_polling():
    """Before anything is learned it polls exponentially from its interval on, scaled by the phase."""
    strategy, exponential = AdaptivePolling(0.2, 3, no_jitter), ExponentialPolling(0.2, no_jitter)
    assert [strategy.delay_s(polls, None, 1.0, phase=0.3) for polls in range(9)] == [
        exponential.delay_s(polls, None, phase=0.3) for polls in range(9)
    ]
    assert strategy.plan is None


def test_operations_that_all_take_alike_need_one_poll():
    """Once some operations took 2 s, the first poll is just after 2 s, and there is no second to speak of."""
    strategy = AdaptivePolling(0.1, 3, no_jitter)
    for _ in range(10):
        follow(strategy, 2.0)
    lag_s, polls = follow(strategy, 2.0)
    assert polls == 1
    assert 0 < lag_s < 0.06


def test_it_learns_where_an_unknown_end_must_lie():
    """Without the server's word the polls close in on an end that is always at the same moment."""
    strategy = AdaptivePolling(0.1, 3, random.Random(3).uniform)
    lags_s = [follow(strategy, 2.0, is_end_reported=False)[0] for _ in range(300)]
    assert mean(lags_s[:5]) > 0.1
    assert mean(lags_s[-100:]) < 0.03


def test_a_clock_that_disagrees_is_not_believed():
    """An end that the server dates outside of what the polls saw is learned from the polls alone."""
    strategy = AdaptivePolling(0.1, 3, no_jitter)
    for _ in range(20):
        strategy.learn(after_s=1.9, by_s=2.1, finished_s=3600.0)
    assert strategy.plan.moments_s[-1] == pytest.approx(2.1, rel=0.02)


@pytest.mark.parametrize("is_end_reported", [True, False])
def test_a_service_that_changes_is_learned_again(is_end_reported):
    """When operations that took 4 s take 1 s, or the other way round, the lag is small again after a while."""
    strategy = AdaptivePolling(0.1, 3, random.Random(3).uniform)
    for duration_s in (4.0, 1.0, 4.0):
        lags_s = [follow(strategy, duration_s, is_end_reported=is_end_reported)[0] for _ in range(3000)]
        assert mean(lags_s[-200:]) < 0.05 * duration_s


def test_the_longest_operation_is_polled_less_and_less():
    """Beyond the last known end each poll waits for a quarter of the time elapsed: lag stays a part of the duration."""
    strategy = AdaptivePolling(0.1, 3, lambda low, high: low)
    for _ in range(20):
        follow(strategy, 1.0)
    lag_s, polls = follow(strategy, 100.0)
    assert lag_s <= 25.1
    assert polls < 30


def test_the_strategy_is_chosen_with_its_budget():
    """By its name the strategy comes with the budget of the option."""
    strategy = poll_strategy("adaptive", 0.2, budget=1)
    for _ in range(20):
        follow(strategy, 1.0)
    assert strategy.plan.expected_polls == 1


def test_polls_of_operations_that_started_together_are_spread():
    """A little jitter, only ever later, keeps a burst from being polled at one moment."""
    strategy = AdaptivePolling(0.1, 3)
    for _ in range(20):
        follow(strategy, 2.0)
    delays = {strategy.delay_s(0, None, 0.0) for _ in range(100)}
    assert len(delays) > 50
    assert max(delays) <= 1.0201 * min(delays)


ENDS = st.lists(st.integers(1, 40), min_size=2, max_size=7, unique=True).map(sorted)


@settings(deadline=None, max_examples=60)
@given(ENDS, st.floats(1, 4))
def test_a_plan_is_the_best_within_its_budget(ends, budget):
    """No other choice of poll times among the known ends has both less lag and no more polls."""
    weight = 1 / len(ends)
    plan = plan_polls([(float(end), weight) for end in ends], budget)
    assert plan.expected_polls <= budget + 1e-9
    for size in range(len(ends)):
        for chosen in itertools.combinations(ends[:-1], size):
            lag_s, polls = cost([*chosen, ends[-1]], ends)
            assert lag_s >= plan.expected_lag_s - 1e-9 or polls > plan.expected_polls + 1e-9


def cost(poll_times, ends):
    """Return mean lag and mean polls of polling operations that end at `ends`, each as often."""
    seen = [next((moment, place) for place, moment in enumerate(poll_times, 1) if moment >= end) for end in ends]
    lag_s = mean(moment - end for (moment, _), end in zip(seen, ends, strict=True))
    return lag_s, mean(place for _, place in seen)


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=200))
def test_what_is_remembered_is_exact_to_a_hundredth(taken):
    """A time is remembered within 1 %, never earlier than it was, and weights sum up to one."""
    times = CompletionTimes()
    for time_s in taken:
        times.add(time_s)
    known = times.times_s()
    assert sum(weight for _, weight in known) == pytest.approx(1)
    assert [time_s for time_s, _ in known] == sorted(time_s for time_s, _ in known)
    assert all(any(max(t, 1e-3) * 0.9999 <= time_s <= max(t, 1e-3) * 1.0101 for t in taken) for time_s, _ in known)


def test_what_is_long_past_is_forgotten():
    """After many half-lives nothing is left of an earlier belief, and the numbers stay finite."""
    times = CompletionTimes()
    for _ in range(1000):
        times.add(5.0)
    for _ in range(20_000):
        times.add(1.0)
    assert [round(time_s, 1) for time_s, _ in times.times_s()] == [1.0]
    assert times.effective_count == pytest.approx(721.8, abs=1)
