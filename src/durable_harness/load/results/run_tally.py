"""The results of the operations of a process, by scenario and together.

Each operation is counted once, in the tally of its scenario. The whole is merged from these when it is asked for, which
is seldom, so that it costs an operation nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from durable_harness.load.results.tally import Tally, merged
from durable_harness.operations import OperationRecord


class RunTally:
    """Counts the operations of a run. Not thread-safe; greenlets may share it."""

    def __init__(self) -> None:
        self.scenarios: dict[str, Tally] = {}
        self._beside: Tally | None = None

    @property
    def beside(self) -> Tally:
        """What belongs to no scenario: remarks, warnings, requests that no scenario sent.

        It is made when needed: a tally takes some megabytes.
        """
        if self._beside is None:
            self._beside = Tally()
        return self._beside

    def warned(self, texts: Iterable[str]) -> None:
        """Note what a host warns of."""
        if texts := list(texts):
            self.beside.warned(texts)

    def of(self, scenario: str) -> Tally:
        """Return the tally of a scenario; that of no scenario has no name."""
        tally = self.scenarios.get(scenario)
        if tally is None:
            if not scenario:
                return self.beside
            tally = self.scenarios[scenario] = Tally()
        return tally

    def started(self, record: OperationRecord) -> None:
        """Count an operation whose start is being sent."""
        self.of(record.scenario).started(record)

    def accepted(self, record: OperationRecord) -> None:
        """Count an operation that the server took."""
        self.of(record.scenario).accepted(record)

    def polled(self, record: OperationRecord, poll_ms: float, problem: str | None) -> None:
        """Count a poll and the milliseconds it took."""
        self.of(record.scenario).polled(record, poll_ms, problem)

    def ended(self, record: OperationRecord) -> None:
        """Count how an operation ended, and its latencies."""
        self.of(record.scenario).ended(record)

    def learn(self, learned: Iterable[tuple[OperationRecord, OperationRecord]]) -> None:
        """Add what was learned of operations after they had ended."""
        for before, now in learned:
            self.of(now.scenario).learn([(before, now)])

    @property
    def lacks(self) -> bool:
        """Whether operations whose end was seen cannot be split, or have no costs."""
        return any(tally.lacks for tally in self._all())

    @property
    def in_flight(self) -> int:
        return sum(tally.in_flight for tally in self._all())

    @property
    def started_count(self) -> int:
        return sum(tally.started_count for tally in self._all())

    @property
    def ended_count(self) -> int:
        return sum(tally.ended_count for tally in self._all())

    def whole(self) -> Tally:
        """Return all scenarios together, to be read only. It takes some milliseconds for each of several."""
        tallies = self._all()
        return tallies[0] if len(tallies) == 1 else merged(tallies)

    def _all(self) -> list[Tally]:
        return [*([] if self._beside is None else [self._beside]), *self.scenarios.values()]

    def merge(self, other: RunTally) -> None:
        """Add what another process's operations came to."""
        if other._beside is not None:
            self.beside.merge(other._beside)
        for name, tally in other.scenarios.items():
            self.of(name).merge(tally)

    def to_wire(self) -> dict[str, Any]:
        """Return a value of plain types that `from_wire` turns into an equal tally, in another process."""
        scenarios = {name: tally.to_wire() for name, tally in self.scenarios.items()}
        return {"beside": None if self._beside is None else self._beside.to_wire(), "scenarios": scenarios}

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> RunTally:
        """Make the tally that `to_wire` was called on."""
        tally = cls()
        tally._beside = None if wire["beside"] is None else Tally.from_wire(wire["beside"])
        tally.scenarios = {name: Tally.from_wire(one) for name, one in wire["scenarios"].items()}
        return tally


def merged_runs(tallies: Iterable[RunTally]) -> RunTally:
    """Return one tally of all processes."""
    total = RunTally()
    for tally in tallies:
        total.merge(tally)
    return total
