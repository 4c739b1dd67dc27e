"""When a run proves nothing because its generator did not keep up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from durable_harness.load.watch.generator_figures import GeneratorFigures

MOST_SATURATED = 0.1
"""Share of its seconds that a run may be short of CPU."""
FEWEST_SECONDS = 5
"""Shorter runs are not judged by their CPU."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a generator may be late, at most, in a run that counts. Each has an option of its name."""

    max_slip_ms: float = 100.0
    """At the 99th percentile: starts and polls behind their time, and the event loop behind its heartbeat."""
    max_stall_ms: float = 1000.0
    """The longest time for which the event loop stood still."""
    max_pool_wait_ms: float = 100.0
    """At the 99th percentile of all requests: waiting for one of the allowed connections."""
    max_cpu_percent: float = 95.0
    """Of one core; a second above it is saturated, and a tenth of the seconds may be."""
    max_clock_step_ms: float = 100.0
    """By how much the wall clock may have been set during the run."""


def invalid_reasons(figures: GeneratorFigures, bounds: Bounds) -> list[str]:
    """Return why a run with this generator proves nothing, each reason with what to do; empty if it kept up."""
    return [f"the generator did not keep up: {reason}" for reason in _breaches(figures, bounds)] + [
        f"the wall clock was set by {step_s * 1000:+,.0f} ms during the run "
        f"(allowed: {bounds.max_clock_step_ms:g} ms, --max-clock-step-ms): times of the server cannot be compared"
        for step_s in figures.clock_steps_s
        if abs(step_s) * 1000 > bounds.max_clock_step_ms
    ]


def _breaches(figures: GeneratorFigures, bounds: Bounds) -> Iterator[str]:
    late = (("starts", "start_slip_ms"), ("polls", "poll_slip_ms"), ("its event loop", "loop_lag_ms"))
    for who, name in late:
        slip_ms = figures.delays_ms[name].percentile(99) or 0.0
        if slip_ms > bounds.max_slip_ms:
            yield _exceeds(f"{who} behind time by {slip_ms:,.0f} ms at p99", bounds.max_slip_ms, "--max-slip-ms")
    stall_ms = figures.delays_ms["loop_lag_ms"].max or 0.0
    if stall_ms > bounds.max_stall_ms:
        yield _exceeds(f"its event loop stood still for {stall_ms:,.0f} ms", bounds.max_stall_ms, "--max-stall-ms")
    wait_ms = figures.pool_wait_percentile_ms(99)
    if wait_ms > bounds.max_pool_wait_ms:
        breach = f"requests waited for a connection for {wait_ms:,.0f} ms at p99"
        yield _exceeds(breach, bounds.max_pool_wait_ms, "--max-pool-wait-ms") + ": allow more --connections"
    yield from _saturation(figures, bounds)


def _saturation(figures: GeneratorFigures, bounds: Bounds) -> Iterator[str]:
    seconds = figures.cpu_percent.count
    saturated = sum(count for percent, count in figures.cpu_percent.buckets() if percent > bounds.max_cpu_percent)
    if seconds >= FEWEST_SECONDS and saturated > MOST_SATURATED * seconds:
        yield (
            f"in {saturated} of {seconds} seconds it used more than {bounds.max_cpu_percent:g} % of a core "
            "(--max-cpu-percent): spread the load with --processes"
        )


def _exceeds(breach: str, bound: float, option: str) -> str:
    return f"{breach} (allowed: {bound:g} ms, {option})"
