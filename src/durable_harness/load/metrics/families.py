"""The metrics of a run, made from its tallies when they are read: operations cost nothing more.

All of them begin with `durable_harness_load_` and have the label `scenario`; times are in seconds. What is counted are
the operations that the report counts too, so none of a warm-up; `in_flight` counts all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from durable_harness.gate import Histogram
from durable_harness.load.results.run_tally import RunTally
from durable_harness.load.results.tally import Tally
from durable_harness.operations import OperationState

PREFIX = "durable_harness_load"
MS_PER_S = 1000
SECONDS_BOUNDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
    *(2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0),
)
COUNT_BOUNDS = (1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
LATENCY_WORDS: Mapping[str, str] = {
    "slip_ms": "Seconds from the intended start until it was sent: how late the generator was.",
    "start_ms": "Seconds from sending a start until it was accepted.",
    "queueing_ms": "Seconds from creation until work began, if the service reports it.",
    "execution_ms": "Seconds from there until the server had ended the operation.",
    "server_completion_ms": "Seconds from creation until the server had ended the operation, by its clock.",
    "finish_ms": "Seconds from the intended start until the server had ended the operation.",
    "detection_lag_ms": "Seconds from there until a poll saw that.",
    "completion_ms": "Seconds from the intended start, of a closed scenario from sending it, until the end was seen.",
    "poll_ms": "Seconds that a poll took.",
    "polling_ms": "Seconds that all polls of an operation took.",
}
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """The current state of a run."""

    tally: RunTally
    identity: Labels
    """What distinguishes it from other runs."""
    began_epoch_s: float


Read = Callable[[], Reading]


class MetricKind(Enum):
    """What a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram at this moment."""

    bounds: tuple[float, ...]
    """Upper bounds, without infinity."""
    counts: tuple[int, ...]
    """How many values are up to each bound and above the one before; the last one is beyond all bounds."""
    sum: float
    min: float
    max: float

    @property
    def count(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its values by labels."""

    name: str
    """Without what a format adds, like `_total`."""
    kind: MetricKind
    help: str
    unit: str
    """As OpenMetrics has it; empty for a count of things."""
    points: tuple[tuple[Labels, float | Buckets], ...]


def families(run: RunTally) -> Iterator[Family]:
    """Yield the metrics of a run that have values."""
    for family in _all_families(run):
        if family.points:
            yield family


def _all_families(run: RunTally) -> Iterator[Family]:
    tallies = run.scenarios
    for name, kind, unit, help_text, value in _NUMBERS:
        points = tuple(({"scenario": scenario}, value(tally)) for scenario, tally in tallies.items())
        yield Family(f"{PREFIX}_{name}", kind, help_text, unit, points)
    yield Family(f"{PREFIX}_operations_ended", MetricKind.COUNTER, "Operations by how they ended.", "", _ended(tallies))
    yield Family(
        f"{PREFIX}_operations_excluded", MetricKind.COUNTER, "Operations in no figure.", "", _excluded(tallies)
    )
    for latency, help_text in LATENCY_WORDS.items():
        values = {scenario: tally.latencies_ms[latency] for scenario, tally in tallies.items()}
        name = f"{PREFIX}_{latency.removesuffix('_ms')}_seconds"
        yield Family(name, MetricKind.HISTOGRAM, help_text, "seconds", _distributions(values, SECONDS_BOUNDS, MS_PER_S))
    polls = _distributions({name: tally.polls_per_operation for name, tally in tallies.items()}, COUNT_BOUNDS, 1)
    yield Family(f"{PREFIX}_polls_per_operation", MetricKind.HISTOGRAM, "Polls of an operation.", "", polls)


def _distributions(
    values: Mapping[str, Histogram], bounds: tuple[float, ...], per_unit: int
) -> tuple[tuple[Labels, Buckets], ...]:
    """Return the buckets of each scenario that has values."""
    known = {scenario: histogram for scenario, histogram in values.items() if histogram.count}
    return tuple(
        ({"scenario": scenario}, buckets_of(histogram, bounds, per_unit)) for scenario, histogram in known.items()
    )


def buckets_of(histogram: Histogram, bounds: tuple[float, ...], per_unit: int) -> Buckets:
    """Return the values of a histogram in buckets; `per_unit` of its steps make one of the bounds' unit."""
    up_to = [0, *histogram.counts_up_to(tuple(bound * per_unit for bound in bounds)), histogram.count]
    counts = [upper - lower for lower, upper in itertools.pairwise(up_to)]
    least, most = histogram.min or 0.0, histogram.max or 0.0
    total = (histogram.mean or 0.0) * histogram.count / per_unit
    return Buckets(bounds, tuple(counts), total, least / per_unit, most / per_unit)


def _ended(tallies: Mapping[str, Tally]) -> tuple[tuple[Labels, float], ...]:
    """Return how many ended in each state; a state that none ended in is 0, so that its rate is known."""
    states = [state.value for state in OperationState if state.has_ended]
    return tuple(
        ({"scenario": scenario, "state": state}, tally.ended_by_state[state])
        for scenario, tally in tallies.items()
        for state in states
    )


def _excluded(tallies: Mapping[str, Tally]) -> tuple[tuple[Labels, float], ...]:
    return tuple(
        ({"scenario": scenario, "phase": phase}, count)
        for scenario, tally in tallies.items()
        for phase, count in tally.excluded.items()
    )


_NUMBERS: tuple[tuple[str, MetricKind, str, str, Callable[[Tally], float]], ...] = (
    (
        "operations_started",
        MetricKind.COUNTER,
        "",
        "Operations whose start was sent.",
        lambda tally: tally.started_count,
    ),
    (
        "operations_accepted",
        MetricKind.COUNTER,
        "",
        "Operations that the service took.",
        lambda tally: tally.accepted_count,
    ),
    ("operations_in_flight", MetricKind.GAUGE, "", "Operations sent and not ended.", lambda tally: tally.in_flight),
    ("polls", MetricKind.COUNTER, "", "Requests for a status.", lambda tally: tally.polls),
    ("failed_polls", MetricKind.COUNTER, "", "Polls without a usable answer.", lambda tally: tally.failed_polls),
    ("requests_beside", MetricKind.COUNTER, "", "Requests beside the operations.", lambda tally: tally.asked_count),
    (
        "unexpected_answers",
        MetricKind.COUNTER,
        "",
        "Those with another answer.",
        lambda tally: tally.unexpected_answers,
    ),
    ("received_bytes", MetricKind.COUNTER, "bytes", "Bytes of answers' bodies.", lambda tally: tally.bytes_received),
)
"""Name, kind, unit, help, value."""
