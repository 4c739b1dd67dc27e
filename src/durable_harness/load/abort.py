"""End a run early once a gate can hold no longer, where the gates file asks for that."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from durable_harness.gate import AbortRule, Gate, broken_for_good
from durable_harness.load.end_watch import EndWatch
from durable_harness.load.tally import Tally


class AbortWatch(EndWatch):
    """Looks at the gates every second."""

    check_s = 1.0
    log_level = logging.ERROR

    def __init__(
        self,
        rule: AbortRule,
        gates: Iterable[Gate],
        total: Callable[[], Tally],
        span_s: tuple[float, float | None],
        stop: Callable[[], None],
    ) -> None:
        self._rule, self._gates = rule, tuple(gates)
        self._total = total
        self._warm_up_s, self._run_time_s = span_s
        self._began = time.monotonic()
        super().__init__(stop)

    def find_reason(self) -> str | None:
        elapsed_s = time.monotonic() - self._began
        tally = self._total()
        if elapsed_s < self._warm_up_s + self._rule.grace_s or tally.ended_count < self._rule.min_operations:
            return None
        broken = broken_for_good(self._gates, tally.summary(), self._share_done(elapsed_s))
        if not broken:
            return None
        names = ", ".join(gate.name for gate in broken)
        return f"ended early, after {elapsed_s:.0f} s: {names} can hold no longer"

    def _share_done(self, elapsed_s: float) -> float | None:
        """Return how much of the measured part of the run is over; None if the run has no set end."""
        if not self._run_time_s or self._run_time_s <= self._warm_up_s:
            return None
        return min(1.0, (elapsed_s - self._warm_up_s) / (self._run_time_s - self._warm_up_s))
