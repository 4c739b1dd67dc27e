"""The search for capacity, driven by models of services whose capacity is known."""

import dataclasses
import math
import random
import statistics
from collections import Counter

import pytest

from durable_harness.cli.capacity import capacity_exit_code
from durable_harness.errors import UsageError
from durable_harness.gate import Gate
from durable_harness.gate.capacity import Capacity, SearchPlan, Trial, read_objective, search
from durable_harness.gate.capacity.backlog import Lasted, growth_of
from durable_harness.gate.capacity.saturation import Figures, saturated_first
from durable_harness.gate.who.time_shares import attribute
from durable_harness.gate.who.verdicts import Who
from durable_harness.why.segments import Part, Segment


def exact(capacity):
    """A service that meets its objective up to a rate, and never above."""
    return lambda rate: Trial(rate, met=rate <= capacity)


def noisy(capacity, seed, spread=0.05):
    """A service whose trials near its capacity are partly luck."""
    chance = random.Random(seed)

    def attempt(rate):
        return Trial(rate, met=math.log(rate / capacity) < spread * chance.gauss(0, 1))

    return attempt


@pytest.mark.parametrize("capacity", [0.37, 5, 5.01, 47, 1234.5])
def test_the_bracket_contains_the_capacity(capacity):
    """Whatever the start, the true capacity lies between the two ends, which are as close as was asked."""
    found = search(exact(capacity), SearchPlan(resolution=0.05))
    assert found.lower <= capacity < found.upper
    assert found.uncertainty <= 0.06
    assert not found.limited_by


def test_both_ends_are_confirmed():
    """Each end of the bracket was tried at least twice."""
    found = search(exact(80), SearchPlan())
    tried = Counter(trial.rate_per_s for trial in found.trials)
    assert tried[found.lower] >= 2
    assert tried[found.upper] >= 2


def test_luck_does_not_decide():
    """With noise of 5 % in every trial, 48 of 50 searches end within 15 % of the truth."""
    found = [search(noisy(100, seed), SearchPlan()) for seed in range(50)]
    near = [capacity for capacity in found if capacity.lower and 85 <= capacity.lower <= 115]
    assert len(near) >= 48


def test_one_lucky_trial_is_outvoted():
    """A rate that passed once by luck is tried again, and the bracket moves below it."""
    passes_once = {160.0}

    def attempt(rate):
        lucky = rate in passes_once
        passes_once.discard(rate)
        return Trial(rate, met=rate <= 100 or lucky)

    found = search(attempt, SearchPlan(start=10))
    assert found.lower <= 100 < found.upper


def test_a_generator_that_gives_out_first_is_no_upper_end():
    """Where the generator cannot offer a rate, the capacity is a lower bound and the search says so."""
    found = search(lambda rate: Trial(rate, met=True, valid=rate <= 60), SearchPlan())
    assert found.upper is None
    assert 50 <= found.lower <= 60
    assert "generator could not offer" in found.limited_by


def test_one_disturbed_trial_is_repeated():
    """A trial in which the generator was late by chance neither counts nor limits the search."""
    disturbed = {40.0}

    def attempt(rate):
        valid = rate not in disturbed
        disturbed.discard(rate)
        return Trial(rate, met=valid and rate <= 100, valid=valid)

    found = search(attempt, SearchPlan())
    assert found.lower <= 100 < found.upper
    assert not found.limited_by


CALM = Figures(50, 50, 100.0, 120.0, 5.0, 4.0, 1.0, 0.1, 0.2, 0.2, 5)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"slip_p99_ms": 80.0}, "the generator (slip p99 80 ms"),
        ({"slip_p99_ms": 80.0, "host_cpu": 0.99}, "CPU of the host"),
        ({"slip_p99_ms": 28.0, "machine_cpu": 0.99}, "the machine's CPU"),
        ({"generator_cpu": 0.9}, "the generator"),
        ({"host_cpu": 0.97, "queueing_p95_ms": 900.0}, "CPU of the host"),
        ({"machine_cpu": 0.99}, "the machine's CPU"),
        ({"queueing_p95_ms": 900.0}, "queueing before the work runs"),
        ({"host_cpu": None, "start_p95_ms": 800.0}, "the start request"),
        ({}, "nothing that can be seen"),
    ],
)
def test_what_gave_out_first(broken, message):
    """A generator without CPU is suspected first, then other CPU, then what grew while CPU was to spare."""
    assert saturated_first(CALM, dataclasses.replace(CALM, **broken)).startswith(message)


def spent(*pieces):
    """Return who spent the time of slow operations, of `(part, milliseconds)`."""
    segments, at_ns = [], 0
    for part, length_ms in pieces:
        segments.append(Segment(part, at_ns, at_ns + length_ms * 1_000_000))
        at_ns = segments[-1].to_ns
    return Who(tail=attribute([segments], {Part.THREAD: "PYTHON_THREADPOOL_THREAD_COUNT is 4"}))


def test_a_wait_for_a_thread_is_what_gave_out():
    """What operations waited for is known: neither a generator that is a little late nor a busy machine hides it."""
    who = spent((Part.THREAD, 600), (Part.CODE, 300))
    words = "threads of the host (of 900 ms: wait for a thread 600 ms, PYTHON_THREADPOOL_THREAD_COUNT is 4)"
    late = dataclasses.replace(CALM, slip_p99_ms=28.0)
    assert saturated_first(CALM, late, who).startswith(words)
    busy = saturated_first(CALM, dataclasses.replace(CALM, machine_cpu=0.99), who)
    assert busy.startswith(words)
    assert busy.endswith("the machine's CPU (99% of all cores), also used by others than the host")


def test_a_short_wait_is_not_what_gave_out():
    """Hardly any of the time was spent in it."""
    who = spent((Part.THREAD, 60), (Part.CODE, 300))
    assert saturated_first(CALM, dataclasses.replace(CALM, machine_cpu=0.99), who).startswith("the machine's CPU")


def served(rate_per_s, capacity_per_s, trial_s, seed, work_s=(0.3, 0.7)):
    """Return the operations of a trial of a service that takes them one after the other, as fast as it can."""
    chance = random.Random(seed)
    at_s = free_s = 0.0
    while (at_s := at_s + chance.expovariate(rate_per_s)) < trial_s:
        free_s = max(at_s, free_s) + 1 / capacity_per_s
        yield Lasted(at_s, free_s - at_s + chance.uniform(*work_s))


@pytest.mark.parametrize("trial_s", [3, 15])
def test_a_backlog_that_grows_is_seen(trial_s):
    """At 20/s a service that takes 14.4/s falls behind, although each operation may keep to its objective."""
    found = [growth_of(list(served(20, 14.4, trial_s, seed))) for seed in range(50)]
    assert sum(growth is not None for growth in found) >= 40
    middle = statistics.median(growth.per_s for growth in found if growth)
    assert middle == pytest.approx(20 / 14.4 - 1, abs=0.15)


@pytest.mark.parametrize(("rate_per_s", "trial_s"), [(10, 1), (10, 3), (10, 15), (12, 15)])
def test_a_service_that_keeps_up_has_no_backlog(rate_per_s, trial_s):
    """Work of varying length and arrivals at random are no growth, even near what it can take."""
    alarms = [growth_of(list(served(rate_per_s, 14.4, trial_s, seed))) for seed in range(100)]
    assert sum(growth is not None for growth in alarms) <= 3


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_too_few_operations_show_no_growth(count):
    """With so few of them anything may be chance."""
    assert growth_of([Lasted(at, 1.0 + at) for at in range(count)]) is None


def test_trials_with_hardly_an_operation_end_the_search():
    """A rate at which that happens twice cannot be judged: nothing is known, and longer trials are the remedy."""
    found = search(lambda rate: Trial(rate, met=False, valid=False, too_few=True), SearchPlan(start=0.1))
    assert (found.lower, found.upper, len(found.trials)) == (None, None, 2)
    assert found.limited_by == "trials at 0.1/s have too few operations to be judged: make them longer (--trial)"
    assert found.proves_nothing
    assert capacity_exit_code(found, None) == 3


def test_rates_that_cannot_be_judged_leave_the_capacity_open():
    """Lower rates may be met: only a gate above what was not met has its answer."""
    found = Capacity(None, 1.0, (), "trials at 0.5/s have too few operations")
    assert [capacity_exit_code(found, at_least) for at_least in (None, 0.5, 1.0, 2.0)] == [3, 3, 1, 1]


@pytest.mark.parametrize(
    ("lower", "upper", "limited_by", "at_least", "code"),
    [
        (50, 55, "", None, 0),
        (50, 55, "", 50, 0),
        (50, 55, "", 51, 1),
        (None, 1, "", None, 1),
        (50, None, "the generator could not offer 60/s", None, 3),
        (50, None, "the generator could not offer 60/s", 40, 0),
        (50, None, "the generator could not offer 60/s", 70, 3),
        (100, None, "the highest rate to try", None, 0),
        (None, None, "trials", None, 3),
    ],
)
def test_the_exit_code_of_a_search(lower, upper, limited_by, at_least, code):
    """Enough capacity is 0, too little 1; a search that could not find out whether it is enough 3."""
    assert capacity_exit_code(Capacity(lower, upper, (), limited_by), at_least) == code


def test_a_plan_ends_at_its_highest_rate():
    """The highest rate to try, if it passes twice, is a lower bound."""
    found = search(exact(math.inf), SearchPlan(most=100))
    assert (found.lower, found.upper) == (100, None)
    assert "100/s" in found.limited_by


def test_a_service_that_cannot_take_anything():
    """If not even the least rate passes there is no capacity, only an upper end."""
    found = search(exact(0), SearchPlan(least=1))
    assert (found.lower, found.upper) == (None, 1)


@pytest.mark.parametrize("least", [10 / 6, 10 / 15, 0.1, 1.664])
def test_the_least_rate_may_be_no_round_one(least):
    """Rates are tried as they are written; the least one is tried until it is settled, and no more."""
    found = search(exact(0), SearchPlan(start=2, least=least))
    assert (found.lower, found.upper) == (None, pytest.approx(least, rel=0.01))
    assert not found.limited_by


def test_trials_are_bounded():
    """A service without any rule does not keep the search going forever, and the result says that it is open."""
    chance = random.Random(1)
    found = search(lambda rate: Trial(rate, met=chance.random() < 0.5), SearchPlan(most_trials=12, resolution=0.001))
    assert len(found.trials) == 12
    assert "12 trials" in found.limited_by


def test_an_objective_is_read():
    """Limits are separated by commas; a latency needs a percentile, the counts of operations none."""
    assert read_objective("completion_ms p95 <= 2000, error_ratio<=0.01 ,start_ms.p99.9 < 250 ms") == (
        Gate("completion_ms", "p95", 2000, unit="ms"),
        Gate("operations", "error_ratio", 0.01),
        Gate("start_ms", "p99.9", 250, unit="ms"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("completion_ms p95 >= 5", "is no limit"),
        ("completion_ms <= 5", "needs a percentile"),
        ("completion_ms p0 <= 5", "needs a percentile"),
        ("latency p95 <= 5", "'latency' is not known"),
        ("completion_ms p95 <= 1.2.3", "is not a number"),
    ],
)
def test_what_is_no_objective_is_refused(text, message):
    """The message names the part that was not understood, and what is allowed."""
    with pytest.raises(UsageError) as error:
        read_objective(text)
    assert message in str(error.value)


def test_an_interrupted_search_gives_what_it_knew():
    """An interruption in the third trial leaves the bracket of the first two, and reports how many were over."""
    rates = []

    def attempt(rate):
        rates.append(rate)
        if len(rates) == 3:
            raise KeyboardInterrupt
        return Trial(rate, met=rate < 10)

    found = search(attempt, SearchPlan(start=5.0))
    assert (found.lower, found.upper, found.interrupted) == (5.0, 10.0, "after 2 trials")


def test_a_search_interrupted_at_once_has_no_result():
    """If no trial is over there is nothing to report: the interruption reaches the command."""

    def attempt(rate):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(attempt, SearchPlan())
