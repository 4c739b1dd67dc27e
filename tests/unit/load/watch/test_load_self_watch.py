"""The generator's figures of itself: what they count, how they merge, and when they make a run invalid."""

import json
import time

import pytest

from durable_harness.load.watch import Bounds, GeneratorFigures, heart, invalid_reasons, merged_figures
from durable_harness.load.watch.heart import BEAT_S, Heart

MORE = ": allow more --connections"


class Clockwork:
    """A reactor whose timers a test lets come when it likes."""

    def __init__(self):
        self.timers = []

    def call_at(self, moment, timer, argument=None):
        self.timers.append((moment, timer, argument))

    def tick(self):
        moment, timer, argument = self.timers.pop()
        timer(moment, argument)


@pytest.fixture
def clocks(monkeypatch):
    """Return the heart's clocks, to be set by hand."""

    class Clocks:
        now, epoch_s, cpu_s = 1000.0, 5_000_000.0, 7.0

        def time(self):
            return self.epoch_s

        def process_time(self):
            return self.cpu_s

    made = Clocks()
    monkeypatch.setattr(heart, "monotonic", lambda: made.now)
    monkeypatch.setattr(heart, "time", made)
    return made


@pytest.fixture
def beating(clocks):
    """Return beat(passed_s=…, epoch_s=…, cpu_s=…): one beat after so much time on each clock; and the figures."""
    reactor, figures = Clockwork(), GeneratorFigures()
    Heart(reactor, figures)

    def beat(passed_s=BEAT_S, epoch_s=None, cpu_s=0.0):
        clocks.now += passed_s
        clocks.epoch_s += passed_s if epoch_s is None else epoch_s
        clocks.cpu_s += cpu_s
        reactor.tick()

    return beat, figures


def test_a_beat_that_comes_late_is_a_stall(beating):
    """Beats on time lag by nothing; one that comes later lags by what the loop was held up."""
    beat, figures = beating
    beat()
    beat(passed_s=BEAT_S + 0.4)
    beat()
    lag = figures.delays_ms["loop_lag_ms"]
    assert (lag.count, lag.min) == (3, 0)
    assert lag.max == pytest.approx(400)


def test_the_share_of_a_core_is_taken_each_second(beating):
    """CPU time is compared with the time that passed, once a second."""
    beat, figures = beating
    beat(passed_s=1.0, cpu_s=0.25)
    beat(passed_s=2.0, cpu_s=1.9)
    assert [figures.cpu_percent.min, figures.cpu_percent.max] == pytest.approx([25, 95])
    assert (figures.cpu_s, figures.watched_s) == pytest.approx((2.15, 3.0))


def test_a_wall_clock_that_jumps_is_noticed(beating):
    """A clock that is set back or forth shows as a step; one that runs a little differently does not."""
    beat, figures = beating
    beat(epoch_s=BEAT_S + 0.001)
    beat(epoch_s=BEAT_S + 3)
    beat()
    beat(epoch_s=BEAT_S - 5)
    assert figures.clock_steps_s == pytest.approx([3, -5])


def test_clocks_that_were_not_read_together_are_not_compared(monkeypatch):
    """A process that is interrupted between two clocks sees no step of either."""
    moments = iter([1.0, 1.5])
    monkeypatch.setattr(heart, "monotonic", lambda: next(moments))
    assert heart.clock_offset_s() is None
    monkeypatch.undo()
    assert heart.clock_offset_s() == pytest.approx(time.time() - time.monotonic(), abs=1)


def figures_with(**changes):
    """Make the figures of a generator that kept up, but for the changes."""
    figures = GeneratorFigures()
    for name, value in changes.items():
        if name in figures.delays_ms:
            figures.delays_ms[name].record(value)
        else:
            setattr(figures, name, value)
    return figures


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_slip_ms": 101}, "starts behind time by 101 ms at p99 (allowed: 100 ms, --max-slip-ms)"),
        ({"poll_slip_ms": 101}, "polls behind time by 101 ms at p99 (allowed: 100 ms, --max-slip-ms)"),
        ({"loop_lag_ms": 101}, "its event loop behind time by 101 ms at p99 (allowed: 100 ms, --max-slip-ms)"),
        (
            {"pool_wait_ms": 101, "requests": 1, "pool_waits": 1},
            "requests waited for a connection for 101 ms at p99 (allowed: 100 ms, --max-pool-wait-ms)" + MORE,
        ),
    ],
)
def test_each_bound_has_a_reason(changes, message):
    """Beyond a bound the run is invalid, and the reason states by how much and which option it is."""
    assert invalid_reasons(figures_with(**changes), Bounds()) == [f"the generator did not keep up: {message}"]


def test_the_longest_stall_has_a_bound():
    """One long stall among many beats is no matter of percentiles, but of the longest."""
    figures = figures_with(loop_lag_ms=1001)
    for _ in range(1000):
        figures.delays_ms["loop_lag_ms"].record(0)
    (reason,) = invalid_reasons(figures, Bounds())
    assert reason.endswith("its event loop stood still for 1,001 ms (allowed: 1000 ms, --max-stall-ms)")


@pytest.mark.parametrize(("seconds", "saturated", "is_valid"), [(4, 4, True), (20, 2, True), (20, 3, False)])
def test_a_tenth_of_the_seconds_may_be_saturated(seconds, saturated, is_valid):
    """More than that is a generator short of CPU; runs of a few seconds are not judged by it."""
    figures = GeneratorFigures()
    for second in range(seconds):
        figures.cpu_percent.record(99 if second < saturated else 50)
    assert (invalid_reasons(figures, Bounds()) == []) is is_valid


def test_a_clock_that_was_set_has_a_bound():
    """Small corrections pass; a jump makes times of the server incomparable."""
    (reason,) = invalid_reasons(figures_with(clock_steps_s=[0.05, -2.0]), Bounds())
    assert reason.startswith("the wall clock was set by -2,000 ms during the run (allowed: 100 ms")


def test_a_generator_that_kept_up_is_fine():
    """Values at the bounds are within them."""
    bounds = Bounds()
    figures = figures_with(
        start_slip_ms=bounds.max_slip_ms, poll_slip_ms=bounds.max_slip_ms, loop_lag_ms=bounds.max_slip_ms
    )
    assert invalid_reasons(figures, bounds) == []


def test_waits_for_a_connection_are_a_share_of_all_requests():
    """Requests that did not wait count as zero: 2 waits among 100 requests are p99 and beyond."""
    figures = GeneratorFigures()
    for number in range(100):
        figures.requested(0.5 if number in (3, 4) else 0.0, 0.0)
    assert figures.pool_wait_percentile_ms(98) == 0
    assert figures.pool_wait_percentile_ms(99) == pytest.approx(500, rel=0.001)
    assert GeneratorFigures().pool_wait_percentile_ms(99) == 0


def test_the_warm_up_is_forgotten():
    """Once the warm-up is over nothing of it is in the figures."""
    figures = figures_with(start_slip_ms=500, clock_steps_s=[3.0], cpu_s=2.0)
    figures.requested(0.5, 0.5)
    figures.start_over()
    figures.start_slipped(0.007)
    assert (figures.requests, figures.clock_steps_s, figures.cpu_s) == (0, [], 0)
    assert figures.delays_ms["start_slip_ms"].max == 7


def test_figures_of_processes_are_put_together():
    """Two workers' figures, sent to a master and merged, are the figures of both."""
    left, right = figures_with(start_slip_ms=5, connects=3), figures_with(start_slip_ms=7, clock_steps_s=[1.5])
    left.requested(0.2, 0.1)
    wires = [json.loads(json.dumps(figures.to_wire())) for figures in (left, right)]
    both = merged_figures(GeneratorFigures.from_wire(wire) for wire in wires)
    assert (both.requests, both.pool_waits, both.connects, both.clock_steps_s) == (1, 1, 3, [1.5])
    assert (both.delays_ms["start_slip_ms"].min, both.delays_ms["start_slip_ms"].max) == (5, 7)
    assert both.delays_ms["connect_ms"].max == 100
