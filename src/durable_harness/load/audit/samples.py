"""The operations of a run that are looked at closely: chosen by their times, so that few stand for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from durable_harness.operations import OperationPhase, OperationState, Workload

Values = npt.NDArray[np.float64]
Row = Mapping[str, Any]

ENDED = (
    OperationState.COMPLETED,
    OperationState.FAILED,
    OperationState.WRONG_OUTPUT,
    OperationState.TIMED_OUT,
)
"""The states of operations that have a completion time."""
WIDEST = 0.15
"""The share of all operations, on either side of a percentile, that is still near it; towards the end of the
distribution no more than lies beyond the percentile."""


class Samples:
    """The measured operations of a run, or of one scenario, by their times in milliseconds."""

    def __init__(self, table: pa.Table, scenario: str = "") -> None:
        """Make it from all operations, or from those of a scenario."""
        wanted = pc.equal(table["phase"], OperationPhase.MEASURED.value)
        if scenario:
            wanted = pc.and_(wanted, pc.equal(table["scenario"], scenario))
        self.table = table.filter(wanted)
        self._completed = self._is(OperationState.COMPLETED) & self._has("seen_s") & self._known

    @property
    def _known(self) -> npt.NDArray[np.bool_]:
        return self._has("sent_s") & self._has("instance_id")

    def near(self, percent: float, most: int) -> list[Row]:
        """Return completed operations around a percentile of completion, by their times.

        They are as many on either side, so that their mean is close to the percentile, as histograms have it.
        """
        order = self._by_completion()
        if not len(order):
            return []
        place = max(0, int(len(order) * percent / 100 + 0.5) - 1)
        widest = int(len(order) * min(WIDEST, (100 - percent) / 100))
        reach = min((most - 1) // 2, widest, place, len(order) - 1 - place)
        return self._rows(order[place - reach : place + reach + 1])

    def evenly(self, most: int) -> list[Row]:
        """Return completed operations from the fastest to the slowest, evenly, so that their mean is that of all."""
        order = self._by_completion()
        size = min(most, len(order))
        return self._rows(order[[int((place + 0.5) * len(order) / size) for place in range(size)]])

    def beyond(self, metric: str, limit_ms: float, most: int) -> list[Row]:
        """Return operations whose figure is above a limit, evenly from the smallest excess to the largest."""
        read = FIGURES.get(metric)
        if read is None:
            return []
        values = np.where(self._is(*ENDED) & self._known, read(self), np.nan)
        order = np.argsort(values)[: np.count_nonzero(~np.isnan(values))]
        order = order[values[order] > limit_ms]
        size = min(most, len(order))
        return self._rows(order[[int((place + 0.5) * len(order) / size) for place in range(size)]])

    def failed(self) -> list[Row]:
        """Return how operations ended that did not complete: `state`, `error` and `start_at_host` of each."""
        done = (OperationState.COMPLETED, OperationState.TERMINATED)
        table = self.table.select(["state", "error", "start_at_host"]).filter(pa.array(~self._is(*done)))
        return list(table.to_pylist())

    def timed_out(self, most: int) -> list[Row]:
        """Return some operations that timed out after they had been accepted."""
        found = np.flatnonzero(self._is(OperationState.TIMED_OUT) & self._has("accepted_s") & self._known)
        return self._rows(found[: most or 0])

    def offered_per_s(self) -> float | None:
        """Return how many operations were started in a second; None if there are too few to know."""
        sent_s = self.seconds("sent_s")
        sent_s = sent_s[~np.isnan(sent_s)]
        lasted_s = float(np.ptp(sent_s)) if len(sent_s) > 1 else 0.0
        return (len(sent_s) - 1) / lasted_s if lasted_s > 0 else None

    def is_of_our_host(self) -> bool:
        """Return whether a durable-harness host measured an operation."""
        clocks = pc.equal(self.table["server_clock"], "scheduler")
        return bool(pc.any(clocks).as_py() or pc.any(pc.not_equal(self.table["poll_at_host"], "")).as_py())

    def seconds(self, column: str) -> Values:
        return np.asarray(pc.fill_null(self.table[column].cast(pa.float64()), float("nan")).to_numpy())

    def seen_s(self) -> Values:
        """Return when each end was seen; of one that timed out, when the run stopped waiting for it."""
        seen_s = self.seconds("seen_s")
        return np.where(np.isnan(seen_s), self.seconds("ended_s"), seen_s)

    def from_s(self) -> Values:
        """Return from when the completion of each counts."""
        is_open = self._text("workload") == Workload.OPEN.value
        intended_s = self.seconds("intended_s")
        return np.where(is_open & ~np.isnan(intended_s), intended_s, self.seconds("sent_s"))

    def _by_completion(self) -> npt.NDArray[np.intp]:
        completed = np.flatnonzero(self._completed)
        return completed[np.argsort((self.seen_s() - self.from_s())[completed], kind="stable")]

    def _rows(self, places: npt.NDArray[np.intp]) -> list[Row]:
        rows = self.table.take(pa.array(places, pa.int64())).to_pylist()
        return [{**row, "from_s": from_of(row), "seen_s": row["seen_s"] or row["ended_s"]} for row in rows]

    def _is(self, *states: OperationState) -> npt.NDArray[np.bool_]:
        return np.isin(self._text("state"), [state.value for state in states])

    def _has(self, column: str) -> npt.NDArray[np.bool_]:
        return np.asarray(pc.is_valid(self.table[column]).to_numpy())

    def _text(self, column: str) -> npt.NDArray[np.str_]:
        return np.asarray(pc.fill_null(self.table[column], "").to_numpy(), dtype=str)


def from_of(row: Row) -> float:
    """Return from when the completion of an operation counts, in seconds since the epoch."""
    is_open = row["workload"] == Workload.OPEN.value and row["intended_s"]
    return float(row["intended_s"] if is_open else row["sent_s"])


def completion_ms(row: Row) -> float:
    """Return the completion time of an operation."""
    return float(row["seen_s"] - row["from_s"]) * 1000


def _between(earlier: str, later: str) -> Callable[[Samples], Values]:
    return lambda samples: (samples.seconds(later) - samples.seconds(earlier)) * 1000


FIGURES: Mapping[str, Callable[[Samples], Values]] = {
    "completion_ms": lambda samples: (samples.seen_s() - samples.from_s()) * 1000,
    "finish_ms": lambda samples: (samples.seconds("server_updated_s") - samples.from_s()) * 1000,
    "slip_ms": _between("intended_s", "sent_s"),
    "start_ms": _between("sent_s", "accepted_s"),
    "queueing_ms": _between("server_created_s", "server_running_s"),
    "execution_ms": _between("server_running_s", "server_updated_s"),
    "server_completion_ms": _between("server_created_s", "server_updated_s"),
    "detection_lag_ms": _between("server_updated_s", "seen_s"),
    "poll_ms": lambda samples: samples.seconds("poll_ms") / np.maximum(samples.seconds("polls"), 1),
    "polling_ms": lambda samples: samples.seconds("poll_ms"),
    "polls_per_operation": lambda samples: samples.seconds("polls"),
}
"""The figures of operations that gates limit, by their names, as columns of records have them."""
