"""Return by which clock each figure of a run is measured."""

from __future__ import annotations

from collections.abc import Mapping

from durable_harness.gate import COSTS, LATENCIES_MS, Histogram
from durable_harness.gate.measurable import SERVER_LATENCIES_MS
from durable_harness.operations.operation_record import HISTORY_CLOCK, SCHEDULER_CLOCK, SERVICE_CLOCK

GENERATOR = "the generator's clock"
CLOCKS = {
    SCHEDULER_CLOCK: "the scheduler's clock",
    SERVICE_CLOCK: "the service's clock",
    HISTORY_CLOCK: "the clock of the histories",
}
COUNTED = {SCHEDULER_CLOCK: "counted by the scheduler", HISTORY_CLOCK: "counted from histories"}
CROSSING = frozenset({"queueing_ms", "finish_ms", "detection_lag_ms"})
"""They go from one clock to the other, and are off by as much as the clocks differ. The scheduler knows the moment of
the creation as well, so that its queueing needs no other clock."""


def clock_words(latencies_ms: Mapping[str, Histogram], counts: Mapping[tuple[str, str], int]) -> dict[str, str]:
    """Return by the name of a figure which clock it is of; figures without a value are left out.

    `counts` has how many values of a figure of the server are of each of its clocks.
    """
    words = {}
    for name in (*LATENCIES_MS, *COSTS):
        used = {clock: count for (figure, clock), count in counts.items() if figure == name and count}
        if name in COSTS:
            known = [(COUNTED[clock], count) for clock, count in used.items()]
        else:
            known = [(CLOCKS[clock], count) for clock, count in used.items()]
        if name not in (*SERVER_LATENCIES_MS, *COSTS):
            if latencies_ms[name].count:
                words[name] = GENERATOR
        elif known:
            server = _listed(known)
            is_one_clock = name == "queueing_ms" and set(used) == {SCHEDULER_CLOCK}
            words[name] = f"{GENERATOR} and {server}" if name in CROSSING and not is_one_clock else server
    return words


def _listed(known: list[tuple[str, int]]) -> str:
    """Name several with how many values each has."""
    if len(known) == 1:
        return known[0][0]
    return ", ".join(f"{words} ({count:,} operations)" for words, count in known)
