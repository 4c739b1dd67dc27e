"""What gave out first: read from a trial that met the objective and the one that did not any longer."""

from __future__ import annotations

from dataclasses import dataclass

BUSY = 0.85
"""The share of one core above which a process that runs on one has no reserve."""
MACHINE_BUSY = 0.95
LATE_MS = 20.0
"""A generator whose p99 of slip is above this does not offer the rate it was asked for."""
GROWN = 2.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured in one trial. CPU in cores; None where it cannot be read from here."""

    offered_per_s: float
    completed_per_s: float
    completion_p50_ms: float | None
    completion_p95_ms: float | None
    start_p95_ms: float | None
    queueing_p95_ms: float | None
    slip_p99_ms: float
    generator_cpu: float
    host_cpu: float | None
    machine_cpu: float
    """Of all cores together, 1 for all of them busy."""
    in_flight_at_end: int

    @property
    def generator_is_late(self) -> bool:
        """Whether the generator could not offer the rate."""
        return self.slip_p99_ms > LATE_MS or self.generator_cpu > BUSY


def saturated_first(calm: Figures, broken: Figures) -> str:
    """Say what was saturated in the trial that broke the objective; `calm` is one that met it."""
    if broken.generator_is_late:
        late = f"slip p99 {broken.slip_p99_ms:.0f} ms with {broken.generator_cpu:.2f} cores used"
        return f"the generator ({late}): it needs a machine, or a core, of its own"
    if broken.host_cpu is not None and broken.host_cpu > BUSY:
        return f"CPU of the host and its embedded scheduler, which share a process ({broken.host_cpu:.2f} cores)"
    if broken.machine_cpu > MACHINE_BUSY:
        return f"the machine's CPU ({broken.machine_cpu:.0%} of all cores), also used by others than the host"
    if _has_grown(calm.queueing_p95_ms, broken.queueing_p95_ms):
        return (
            f"queueing before the work runs (p95 {broken.queueing_p95_ms:.0f} ms, {calm.queueing_p95_ms or 0:.0f} ms "
            "below capacity) with CPU to spare: a limit of concurrency, or the scheduler"
        )
    if _has_grown(calm.start_p95_ms, broken.start_p95_ms):
        return f"the start request (p95 {broken.start_p95_ms:.0f} ms): the HTTP side, or creating instances"
    return "nothing that can be seen from here"


def _has_grown(before: float | None, after: float | None) -> bool:
    return after is not None and after > GROWN * max(before or 0.0, 10.0)
