"""Which operations of a run are measured: those intended after the warm-up and before the run stopped offering load."""

from __future__ import annotations

import math

from durable_harness.operations import OperationPhase


class Phases:
    """The phase of an operation by the moment it was intended. Moments are seconds of `time.monotonic()`."""

    def __init__(self, began: float, warm_up_s: float = 0.0) -> None:
        # A busy process may take part after arrivals were meant: without a warm-up they count too.
        self.warm_up_ends = began + warm_up_s if warm_up_s else -math.inf
        self.offering_ends = math.inf

    def stop_offering(self, now: float) -> None:
        """Note that the run offers no more load; only the first call counts."""
        self.offering_ends = min(self.offering_ends, now)

    def of(self, intended: float) -> OperationPhase:
        """Return the phase of an operation that was intended then."""
        if intended < self.warm_up_ends:
            return OperationPhase.WARM_UP
        return OperationPhase.MEASURED if intended <= self.offering_ends else OperationPhase.DRAIN
