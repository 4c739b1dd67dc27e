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


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("finish_ms", "intended start until the server had ended the operation", BETWEEN),
        Metric("completion_ms", "intended start until a poll saw the end", GENERATOR, has_polls=True),
        Metric("start_ms", "sending the start until its 202", GENERATOR),
        Metric("server_completion_ms", "creation until the end", SERVER),
        Metric("queueing_ms", "creation until the first dispatch", SERVER),
        Metric("execution_ms", "first dispatch until the end", SERVER),
        Metric("detection_lag_ms", "end until a poll saw it", BACK, has_polls=True),
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
