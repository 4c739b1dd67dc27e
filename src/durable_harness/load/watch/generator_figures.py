"""How a load generator kept up, in figures that merge with those of other processes without loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from durable_harness.gate import Histogram
from durable_harness.gate.report.model import number

DELAYS_MS = ("start_slip_ms", "poll_slip_ms", "loop_lag_ms", "pool_wait_ms", "connect_ms")
COUNTS = ("requests", "pool_waits", "connects", "retries", "redirects", "cpu_s", "watched_s")
STEP_S = 0.01
"""A smaller change between two looks at the clocks is noise, or a clock that is being slewed."""


class GeneratorFigures:
    """What one generator process, or several together, did late and why.

    start_slip_ms  from when an operation was intended to start until its request was handed to the client
    poll_slip_ms   the same of polls
    loop_lag_ms    how late the generator's heart beat: every delay of its event loop shows here
    pool_wait_ms   requests that waited because all allowed connections were busy; others count as zero
    connect_ms     requests that waited for a new connection; others are not in it
    """

    def __init__(self) -> None:
        self.start_over()

    next_beat: float | None = None
    """When the heart is to beat next; None if none watches."""
    latest_lag_s = 0.0
    """How late its last beat was."""

    def lateness_s(self, now: float) -> float:
        """Return for how long something may have waited that the event loop has come to just now."""
        return 0.0 if self.next_beat is None else max(self.latest_lag_s, now - self.next_beat)

    def start_over(self) -> None:
        """Forget everything so far: the warm-up is over."""
        self.delays_ms = {name: Histogram() for name in DELAYS_MS}
        self.cpu_percent = Histogram(steps_per_unit=100)
        """One value for each second: the share of one core that the process used."""
        self.requests = 0
        self.pool_waits = 0
        self.connects = 0
        self.retries = 0
        self.redirects = 0
        self.cpu_s = 0.0
        self.watched_s = 0.0
        self.clock_steps_s: list[float] = []
        """By how much the wall clock jumped against the monotonic one, each time."""
        self._start_slip = self.delays_ms["start_slip_ms"].record
        self._poll_slip = self.delays_ms["poll_slip_ms"].record

    def start_slipped(self, slip_s: float) -> None:
        self._start_slip(slip_s * 1000)

    def poll_slipped(self, slip_s: float) -> None:
        self._poll_slip(slip_s * 1000)

    def requested(self, pool_wait_s: float, connect_s: float) -> None:
        """Count a request, and the waits that came before it was sent."""
        self.requests += 1
        if pool_wait_s:
            self.pool_waits += 1
            self.delays_ms["pool_wait_ms"].record(pool_wait_s * 1000)
        if connect_s:
            self.delays_ms["connect_ms"].record(connect_s * 1000)

    def pool_wait_percentile_ms(self, percent: float) -> float:
        """Return the wait for a connection that `percent` % of all requests did not exceed."""
        waits = self.delays_ms["pool_wait_ms"]
        unhurried = self.requests - self.pool_waits
        if not self.pool_waits or percent * self.requests / 100 <= unhurried:
            return 0.0
        return waits.percentile((percent * self.requests / 100 - unhurried) * 100 / self.pool_waits) or 0.0

    def merge(self, other: GeneratorFigures) -> None:
        """Add another process's figures."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, histogram in other.delays_ms.items():
            self.delays_ms[name].merge(histogram)
        self.cpu_percent.merge(other.cpu_percent)
        self.clock_steps_s += other.clock_steps_s

    def to_wire(self) -> dict[str, Any]:
        """Return a value of plain types that `from_wire` turns into equal figures, in another process."""
        return {
            "counts": {name: getattr(self, name) for name in COUNTS},
            "delays_ms": {name: histogram.to_wire() for name, histogram in self.delays_ms.items()},
            "cpu_percent": self.cpu_percent.to_wire(),
            "clock_steps_s": self.clock_steps_s,
        }

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> GeneratorFigures:
        """Make the figures that `to_wire` was called on."""
        figures = cls()
        for name, value in wire["counts"].items():
            setattr(figures, name, value)
        figures.delays_ms = {name: Histogram.from_wire(histogram) for name, histogram in wire["delays_ms"].items()}
        figures.cpu_percent = Histogram.from_wire(wire["cpu_percent"])
        figures.clock_steps_s = list(wire["clock_steps_s"])
        return figures

    def for_report(self) -> dict[str, Any]:
        """Return what programs read of it: percentiles in milliseconds, counts, CPU in percent of a core."""
        delays = {
            name: {"count": one.count, "p50": one.percentile(50), "p99": one.percentile(99), "max": one.max}
            for name, one in self.delays_ms.items()
        }
        delays["pool_wait_ms"]["p50"] = self.pool_wait_percentile_ms(50)
        delays["pool_wait_ms"]["p99"] = self.pool_wait_percentile_ms(99)
        return {
            **delays,
            **{name: getattr(self, name) for name in COUNTS},
            "cpu_percent": {"p50": self.cpu_percent.percentile(50), "max": self.cpu_percent.max},
            "clock_steps_s": self.clock_steps_s,
        }

    def describe(self) -> str:
        """Return in one line how the generator kept up."""
        start_slip, poll_slip = self.delays_ms["start_slip_ms"], self.delays_ms["poll_slip_ms"]
        parts = [
            f"slip p99 {_ms(start_slip.percentile(99))} (starts), {_ms(poll_slip.percentile(99))} (polls)",
            f"longest stall {_ms(self.delays_ms['loop_lag_ms'].max)}",
            f"wait for a connection p99 {_ms(self.pool_wait_percentile_ms(99))}",
            f"CPU {100 * self.cpu_s / self.watched_s if self.watched_s else 0:.0f} % of a core",
            f"{self.connects:,} connections",
        ]
        if self.retries:
            parts.append(f"{self.retries:,} GETs sent again because the server had closed the connection")
        return "generator: " + ", ".join(parts)


def merged_figures(many: Iterable[GeneratorFigures]) -> GeneratorFigures:
    """Return the figures of all."""
    total = GeneratorFigures()
    for figures in many:
        total.merge(figures)
    return total


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{number(value)} ms"
