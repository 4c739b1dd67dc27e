"""What was saturated first: read from a trial that met the objective and one that no longer did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from durable_harness.gate.report.model import number
from durable_harness.gate.who.verdicts import Who
from durable_harness.why.segments import Part

BUSY = 0.85
"""The share of one core above which a process that runs on one has no reserve."""
MACHINE_BUSY = 0.95
"""The share of all cores above which nothing on the machine has a reserve. It counts idle time that no process can use
(interrupts, scheduling), hence not 1."""
LATE_MS = 20.0
"""A generator whose p99 of slip is above this does not offer the rate it was asked for."""
GROWN = 2.0
"""How many times as long a wait has to be as in a trial that met the objective: less is within a trial's scatter."""
WAITS: Mapping[str, str] = {
    Part.THREAD: "threads of the host",
    Part.SLOT: "slots of the host",
    Part.LOOP: "the host's event loop",
    Part.ENTITY: "entities",
    Part.CONNECTION: "connections of the generator",
}
"""What operations can wait for while everything else has capacity."""
LEAST_WAIT = 0.2
"""The share of an operation's time from which a wait for one of these is the bottleneck."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured in one trial. CPU in cores; None if it cannot be read from here."""

    offered_per_s: float
    completed_per_s: float
    """Completions within the measured time, whichever operations they are of. What ends later is no throughput."""
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
        return self.slip_p99_ms > LATE_MS or self.generator_is_busy

    @property
    def generator_is_busy(self) -> bool:
        """Whether the generator has used up its core."""
        return self.generator_cpu > BUSY


def saturated_first(calm: Figures, broken: Figures, who: Who | None = None) -> str:
    """Return what was saturated in the trial that broke the objective; `calm` is one that met it.

    `who` is who spent the time in the broken one: a wait for a thread is seen there alone.
    """
    return next(_suspects(calm, broken, who), "nothing that can be seen from here")


def _suspects(calm: Figures, broken: Figures, who: Who | None) -> Iterator[str]:
    """Yield what may be saturated, the surest first."""
    late = f"slip p99 {broken.slip_p99_ms:.0f} ms with {broken.generator_cpu:.2f} cores used"
    if broken.generator_is_busy:
        yield f"the generator ({late}): it needs a machine, or a core, of its own"
    if broken.host_cpu is not None and broken.host_cpu > BUSY:
        yield f"CPU of the host and its embedded scheduler, which share a process ({broken.host_cpu:.2f} cores)"
    machine = [f"the machine's CPU ({broken.machine_cpu:.0%} of all cores), also used by others than the host"]
    machine = machine if broken.machine_cpu > MACHINE_BUSY else []
    waited = _waited_for(who)
    if waited:
        yield "; ".join([waited, *machine])
    yield from machine
    if broken.generator_is_late:
        yield f"the generator ({late}): something kept it from its work although there was CPU to spare"
    if _has_grown(calm.queueing_p95_ms, broken.queueing_p95_ms):
        yield (
            f"queueing before the work runs (p95 {broken.queueing_p95_ms:.0f} ms, {calm.queueing_p95_ms or 0:.0f} ms "
            "below capacity) with CPU to spare: a limit of concurrency, or the scheduler"
        )
    if _has_grown(calm.start_p95_ms, broken.start_p95_ms):
        yield f"the start request (p95 {broken.start_p95_ms:.0f} ms): the HTTP side, or creating instances"


def _waited_for(who: Who | None) -> str:
    """Return what the slow operations waited for longest, if that is a good part of their time."""
    found = None if who is None else who.tail or who.mean
    if found is None:
        return ""
    waits = [cause for share in found.shares for cause in share.causes if cause.part in WAITS]
    longest = max(waits, key=lambda cause: cause.mean_ms, default=None)
    if longest is None or longest.mean_ms < LEAST_WAIT * found.mean_ms:
        return ""
    return f"{WAITS[longest.part]} (of {number(found.mean_ms)} ms: {longest.text})"


def _has_grown(before: float | None, after: float | None) -> bool:
    # Below 10 ms a wait is scheduling, and twice almost nothing is still almost nothing.
    return after is not None and after > GROWN * max(before or 0.0, 10.0)
