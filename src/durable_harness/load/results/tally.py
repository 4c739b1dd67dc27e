"""The results of the operations of a process, which merge with those of other processes without loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from durable_harness.gate import COSTS, LATENCIES_MS, Histogram, LoadTimeline, TimeSplit
from durable_harness.gate.measurable import SERVER_LATENCIES_MS
from durable_harness.gate.reasons import Reasons
from durable_harness.operations import OperationPhase, OperationRecord, OperationState
from durable_harness.operations.operation_record import HISTORY_CLOCK, SCHEDULER_CLOCK, SERVICE_CLOCK

UNEXPECTED = "unexpected answer"
END_SEEN = (OperationState.COMPLETED, OperationState.FAILED, OperationState.WRONG_OUTPUT)


class Tally:
    """Counts operations and collects their latencies. Not thread-safe; greenlets may share it."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.excluded: Counter[str] = Counter()
        self.started_count = 0
        self.asked_count = 0
        self.unexpected_answers = 0
        self.accepted_count = 0
        self.polls = 0
        self.failed_polls = 0
        self.ending_polls = 0
        """Those of the failed polls with which their operations ended: they were not tried again."""
        self.bytes_received = 0
        self.coarse_lags = 0
        self.first_sent_epoch_s: float | None = None
        self.last_ended_epoch_s: float | None = None
        self.ended_by_state: Counter[str] = Counter()
        self.reasons = Reasons()
        self.latencies_ms = {name: Histogram() for name in LATENCIES_MS}
        self.unfinished_ms = Histogram()
        """What operations that timed out had lasted: they had not finished sooner, which belongs to `finish_ms`."""
        self.polls_per_operation = Histogram(steps_per_unit=1)
        self.costs = {name: Histogram(steps_per_unit=1) for name in COSTS}
        self.actions: Counter[str] = Counter()
        self.clocks: Counter[tuple[str, str]] = Counter()
        """How many values of a figure that needs the server are by each of its clocks: (figure, clock)."""
        self.remarks: list[str] = []
        """Remarks of a process on its run, beside the figures."""
        self.warnings: list[str] = []
        """What the host warns of, each once: what of its app comes near a limit."""
        self.split = TimeSplit()
        self.timeline = LoadTimeline()

    @property
    def ended_count(self) -> int:
        return self.ended_by_state.total()

    @property
    def completed_count(self) -> int:
        return self.ended_by_state[OperationState.COMPLETED]

    def started(self, record: OperationRecord) -> None:
        """Count an operation whose start is being sent."""
        self.in_flight += 1
        sent_epoch_s = None if record.sent is None else record.epoch_s(record.sent)
        if sent_epoch_s is not None:
            self.timeline.started(sent_epoch_s)
        if not _is_measured(record):
            self.excluded[record.phase.value] += 1
            return
        self.started_count += 1
        if record.slip_ms is not None:
            self.latencies_ms["slip_ms"].record(record.slip_ms)
        self.first_sent_epoch_s = _least([self.first_sent_epoch_s, sent_epoch_s])

    def asked(self, name: str, problem: str | None) -> None:
        """Count a request beside the operations whose right answer is known."""
        self.asked_count += 1
        if problem is not None:
            self.unexpected_answers += 1
            self.reasons.add(UNEXPECTED, f"{name}: {problem}")

    def warned(self, texts: Iterable[str]) -> None:
        """Note what a host warns of."""
        self.warnings += [text for text in dict.fromkeys(texts) if text not in self.warnings]

    def accepted(self, record: OperationRecord) -> None:
        """Count an operation that the server took."""
        if not _is_measured(record):
            return
        self.accepted_count += 1
        if record.start_ms is not None:
            self.latencies_ms["start_ms"].record(record.start_ms)

    def polled(self, record: OperationRecord, poll_ms: float, problem: str | None) -> None:
        """Count a poll and the milliseconds it took."""
        if not _is_measured(record):
            return
        self.polls += 1
        self.failed_polls += problem is not None
        self.ending_polls += problem is not None and record.state.has_ended
        self.latencies_ms["poll_ms"].record(poll_ms)

    def ended(self, record: OperationRecord) -> None:
        """Count how an operation ended, and its latencies."""
        self.in_flight -= 1
        completion_ms = _completion_ms(record)
        parts_ms = None if completion_ms is None else record.split_ms()
        ended_epoch_s = None if record.ended is None else record.epoch_s(record.ended)
        if ended_epoch_s is not None:
            is_completed = record.state is OperationState.COMPLETED
            self.timeline.ended(
                ended_epoch_s,
                completed=is_completed,
                completion_ms=completion_ms,
                parts_ms=parts_ms,
                state=record.state.name.lower(),
            )
        if _is_measured(record):
            self.last_ended_epoch_s = _greatest([self.last_ended_epoch_s, ended_epoch_s])
            self._measure(record, completion_ms, parts_ms)

    def _measure(
        self, record: OperationRecord, completion_ms: float | None, parts_ms: tuple[float, ...] | None
    ) -> None:
        self.ended_by_state[record.state.value] += 1
        self.bytes_received += record.bytes_received
        if record.error is not None:
            self.reasons.add(record.state, record.error, record.instance_id or "", record.trace_id)
        if completion_ms is not None:
            self.latencies_ms["completion_ms"].record(completion_ms)
            if record.state is OperationState.TIMED_OUT:
                self.unfinished_ms.record(completion_ms)
        if record.state in END_SEEN and completion_ms is not None:
            self._split(record, parts_ms, completion_ms)
            self._count_polling(record)

    @property
    def lacks(self) -> bool:
        """Whether operations whose end was seen cannot be split, or have no costs."""
        return bool(self.split.unknown or self.costs[COSTS[0]].count < self.polls_per_operation.count)

    def learn(self, learned: Iterable[tuple[OperationRecord, OperationRecord]]) -> None:
        """Add what was learned of operations after they had ended: each as it was counted, and as it is known now."""
        for before, now in learned:
            parts_ms, completion_ms = now.split_ms(), now.completion_ms
            if before.split_ms() is None and parts_ms is not None and completion_ms is not None:
                self.split.unknown -= 1
                self._split(now, parts_ms, completion_ms)
            for name in SERVER_LATENCIES_MS:
                if getattr(before, name) is None:
                    self._record(name, getattr(now, name), now.server_clock)
            self.coarse_lags -= before.server_update_is_coarse and not now.server_update_is_coarse
            if before.actions is None:
                self._count_costs(now, HISTORY_CLOCK)

    def _split(self, record: OperationRecord, parts_ms: tuple[float, ...] | None, completion_ms: float) -> None:
        self.split.add(parts_ms, completion_ms)
        bounds_ms = record.clock_bounds_ms()
        if bounds_ms is not None:
            self.split.bound_clock(*bounds_ms)

    def _count_polling(self, record: OperationRecord) -> None:
        self.polls_per_operation.record(record.polls)
        self.latencies_ms["polling_ms"].record(record.poll_ms)
        for name in SERVER_LATENCIES_MS:
            self._record(name, getattr(record, name), record.server_clock)
        self._count_costs(record, SCHEDULER_CLOCK)
        self.coarse_lags += record.server_update_is_coarse

    def _record(self, name: str, value_ms: float | None, clock: str) -> None:
        if value_ms is not None:
            self.latencies_ms[name].record(value_ms)
            self.clocks[name, clock or SERVICE_CLOCK] += 1

    def _count_costs(self, record: OperationRecord, source: str) -> None:
        actions = None if record.actions is None else sum(record.actions.values())
        for name, value in zip(COSTS, (actions, record.replayed_events, record.payload_bytes), strict=True):
            if value is not None:
                self.costs[name].record(value)
                self.clocks[name, source] += 1
        self.actions.update(record.actions or {})

    def merge(self, other: Tally) -> None:
        """Add what another process's operations came to."""
        self.in_flight += other.in_flight
        self.excluded.update(other.excluded)
        self.remarks += other.remarks
        self.warned(other.warnings)
        self.started_count += other.started_count
        self.asked_count += other.asked_count
        self.unexpected_answers += other.unexpected_answers
        self.accepted_count += other.accepted_count
        self.polls += other.polls
        self.failed_polls += other.failed_polls
        self.ending_polls += other.ending_polls
        self.bytes_received += other.bytes_received
        self.coarse_lags += other.coarse_lags
        self.first_sent_epoch_s = _least([self.first_sent_epoch_s, other.first_sent_epoch_s])
        self.last_ended_epoch_s = _greatest([self.last_ended_epoch_s, other.last_ended_epoch_s])
        self.ended_by_state.update(other.ended_by_state)
        self.reasons.merge(other.reasons)
        for name, histogram in other.latencies_ms.items():
            self.latencies_ms[name].merge(histogram)
        self.unfinished_ms.merge(other.unfinished_ms)
        self.polls_per_operation.merge(other.polls_per_operation)
        for name, histogram in other.costs.items():
            self.costs[name].merge(histogram)
        self.actions.update(other.actions)
        self.clocks.update(other.clocks)
        self.split.merge(other.split)
        self.timeline.merge(other.timeline)

    def to_wire(self) -> dict[str, Any]:
        """Return a value of plain types that `from_wire` turns into an equal tally, in another process."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "excluded": dict(self.excluded),
            "remarks": self.remarks,
            "warnings": self.warnings,
            "ended_by_state": dict(self.ended_by_state),
            "reasons": self.reasons.to_wire(),
            "latencies_ms": {name: histogram.to_wire() for name, histogram in self.latencies_ms.items()},
            "unfinished_ms": self.unfinished_ms.to_wire(),
            "polls_per_operation": self.polls_per_operation.to_wire(),
            "costs": {name: histogram.to_wire() for name, histogram in self.costs.items()},
            "actions": dict(self.actions),
            "clocks": [[name, clock, count] for (name, clock), count in self.clocks.items()],
            "split": self.split.to_wire(),
            "timeline": self.timeline.to_wire(),
        }

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Tally:
        """Make the tally that `to_wire` was called on."""
        tally = cls()
        for name in _PLAIN:
            setattr(tally, name, wire[name])
        tally.excluded = Counter(wire["excluded"])
        tally.remarks = list(wire["remarks"])
        tally.warnings = list(wire["warnings"])
        tally.ended_by_state = Counter(wire["ended_by_state"])
        tally.reasons = Reasons.from_wire(wire["reasons"])
        tally.latencies_ms = {name: Histogram.from_wire(histogram) for name, histogram in wire["latencies_ms"].items()}
        tally.unfinished_ms = Histogram.from_wire(wire["unfinished_ms"])
        tally.polls_per_operation = Histogram.from_wire(wire["polls_per_operation"])
        tally.costs = {name: Histogram.from_wire(histogram) for name, histogram in wire["costs"].items()}
        tally.actions = Counter(wire["actions"])
        tally.clocks = Counter({(name, clock): count for name, clock, count in wire["clocks"]})
        tally.split = TimeSplit.from_wire(wire["split"])
        tally.timeline = LoadTimeline.from_wire(wire["timeline"])
        return tally


_PLAIN = (
    "in_flight",
    "started_count",
    "asked_count",
    "unexpected_answers",
    "accepted_count",
    "polls",
    "failed_polls",
    "ending_polls",
    "bytes_received",
    "coarse_lags",
    "first_sent_epoch_s",
    "last_ended_epoch_s",
)


def _is_measured(record: OperationRecord) -> bool:
    return record.phase is OperationPhase.MEASURED


def merged(tallies: Iterable[Tally]) -> Tally:
    """Return one tally of all."""
    total = Tally()
    for tally in tallies:
        total.merge(tally)
    return total


def _completion_ms(record: OperationRecord) -> float | None:
    """Return what counts as its completion; one that the scenario ended before its time has none."""
    if record.state is OperationState.TERMINATED:
        return None
    return record.elapsed_ms if record.state is OperationState.TIMED_OUT else record.completion_ms


def _least(values: list[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _greatest(values: list[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
