"""The figures by which operations are compared: their names, their units, the clocks they are read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GENERATOR, SERVER = "generator's clock", "server's clock"
BETWEEN = "from the generator's clock to the server's"
BACK = "from the server's clock to the generator's"
COUNTED = "counted"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure that each operation has."""

    name: str
    meaning: str
    """From which moment to which, or what is counted."""
    clock: str
    """Whose clock it is read from. Two clocks may differ; on one machine they are the same."""
    has_polls: bool = False
    """Whether it ends when a poll saw the end, and so depends on when polls come."""
    is_count: bool = False
    """Whether it is a whole number that the server counts."""

    @property
    def unit(self) -> str:
        return "ms" if self.name.endswith("_ms") else ""


def _latency(name: str, clock: str, *, has_polls: bool = False) -> Metric:
    return Metric(name, LATENCY_MEANINGS[name], clock, has_polls)


LATENCY_MEANINGS: Mapping[str, str] = {
    "slip_ms": "intended start until the generator sent it: how late the generator was",
    "start_ms": "sending the start until its 202",
    "queueing_ms": "creation until the first dispatch",
    "execution_ms": "first dispatch until the end",
    "server_completion_ms": "creation until the end",
    "finish_ms": "intended start until the server had ended the operation",
    "detection_lag_ms": "end until a poll saw it",
    "completion_ms": "intended start until a poll saw the end",
    "poll_ms": "sending one poll until its answer",
    "polling_ms": "all polls of an operation together",
}
"""The latencies of a run, from which moment to which. Users who wait for their operations (`OperationUser`) have no
intended start: there the sent one counts."""

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        _latency("finish_ms", BETWEEN),
        _latency("completion_ms", GENERATOR, has_polls=True),
        _latency("start_ms", GENERATOR),
        _latency("server_completion_ms", SERVER),
        _latency("queueing_ms", SERVER),
        _latency("execution_ms", SERVER),
        _latency("detection_lag_ms", BACK, has_polls=True),
        Metric("polls", "polls until the end was seen", COUNTED, has_polls=True),
        Metric("actions_per_operation", "messages dispatched to the app", COUNTED, is_count=True),
        Metric("replayed_events_per_operation", "history events given to its turns again", COUNTED, is_count=True),
        Metric("payload_bytes_per_operation", "bytes of inputs, results and events", COUNTED, is_count=True),
    )
}
"""What `ab` and `compare` can compare, by name."""
COSTS = tuple(name for name, metric in METRICS.items() if metric.is_count)
"""What an operation costs in whole numbers: messages dispatched to the app, history events that the app was given
again, bytes of inputs and results."""
