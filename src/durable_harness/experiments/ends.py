"""How the operations of base and head ended, and whether one of the two broke: that is judged before any latency."""

from __future__ import annotations

from collections.abc import Sequence

from durable_harness.gate import FailureReason
from durable_harness.gate.comparison import judge_errors
from durable_harness.gate.reasons import Reasons, reason_text
from durable_harness.operations import OperationRecord, OperationState
from durable_harness.stack import RunningStack
from durable_harness.stack.processes import ending_of

NAMES = ("base", "head")
MOST_SILENT = 3
"""Slices in a row in which no operation of a side completed. With more, the side has stopped working."""
MOST_REASONS = 3
"""Reasons why operations did not complete that are reported of each side, the most frequent first."""


class Ends:
    """Counts how operations of the two sides ended. A side is meant by its number: base 0, head 1."""

    def __init__(self, sides: Sequence[RunningStack], max_error_ratio: float) -> None:
        self._sides, self._max_error_ratio = sides, max_error_ratio
        self._ended, self._failed, self._silent = [0, 0], [0, 0], [0, 0]
        self._reasons = (Reasons(), Reasons())

    def add(self, number: int, records: Sequence[OperationRecord]) -> None:
        """Count the operations of a slice that did not complete, and why."""
        failed = [record for record in records if record.state is not OperationState.COMPLETED]
        self._ended[number] += len(records)
        self._failed[number] += len(failed)
        self._silent[number] = self._silent[number] + 1 if len(failed) == len(records) else 0
        for record in failed:
            self._reasons[number].add(record.state, record.error or record.state, record.instance_id or "")

    @property
    def has_died(self) -> bool:
        """Whether the host of a side is gone."""
        return any(side.exit_code() is not None for side in self._sides)

    @property
    def is_broken(self) -> bool:
        """Whether there is nothing left to compare: a side died, stopped working, or fails most of its operations."""
        fails = any(2 * failed > ended for failed, ended in zip(self._failed, self._ended, strict=True))
        return fails or any(map(self._broken, (0, 1)))

    @property
    def error_ratios(self) -> tuple[float, float]:
        """Operations that did not complete, of all."""
        base, head = (failed / max(ended, 1) for failed, ended in zip(self._failed, self._ended, strict=True))
        return base, head

    def judged(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what fails the head, and what makes the comparison invalid because the base does not work."""
        failures, invalid = judge_errors(self.error_ratios, self._max_error_ratio)
        base, head = self._broken(0), self._broken(1)
        if base or invalid:
            return (), (*base, *invalid, *self._mostly(0))
        found = (*head, *failures)
        return (*found, *self._mostly(1)) if found else (), ()

    def _mostly(self, number: int) -> tuple[str, ...]:
        """Return the most frequent reason of a side: the number of failures does not show what to fix."""
        reasons = self._reasons[number].listed()[:1]
        return tuple(f"mostly: {reason_text(reason)}" for reason in reasons)

    def reasons(self) -> tuple[tuple[str, FailureReason], ...]:
        """Return why operations did not complete: of the base, then of the head, the most frequent first."""
        sides = zip(NAMES, self._reasons, strict=True)
        return tuple((name, reason) for name, reasons in sides for reason in reasons.listed())

    def notes(self) -> list[str]:
        """Return the most frequent reasons of each side."""
        return [
            f"{reason.count} operation{'' if reason.count == 1 else 's'} of the {name}: {reason_text(reason)}"
            for name, reasons in zip(NAMES, self._reasons, strict=True)
            for reason in reasons.listed()[:MOST_REASONS]
        ]

    def _broken(self, number: int) -> tuple[str, ...]:
        died = death_of(self._sides[number])
        if died:
            return (f"the {NAMES[number]}'s host died: {died}",)
        if self._silent[number] > MOST_SILENT:
            return (f"no operation of the {NAMES[number]} completed in its last {self._silent[number]} slices",)
        return ()


def death_of(stack: RunningStack) -> str:
    """Return how the host of a stack ended although it was not asked to; empty while it runs."""
    ending = ending_of(stack.exit_code())
    if not ending:
        return ""
    return f"it ended with {ending}" if ending.startswith("exit code") else f"it was {ending}"
