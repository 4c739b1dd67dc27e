"""End a run early once a gate can hold no longer, where the gates file asks for that."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

import gevent

from durable_harness.gate import AbortRule, Gate, broken_for_good
from durable_harness.load.tally import Tally

logger = logging.getLogger(__name__)

CHECK_S = 1.0


class AbortWatch:
    """Looks at the gates every second, until it is closed or has called `stop`."""

    def __init__(
        self,
        rule: AbortRule,
        gates: Iterable[Gate],
        total: Callable[[], Tally],
        span_s: tuple[float, float | None],
        stop: Callable[[], None],
    ) -> None:
        self.reason: str | None = None
        """Why the run was ended; None if it was not."""
        self._rule, self._gates = rule, tuple(gates)
        self._total, self._stop = total, stop
        self._warm_up_s, self._run_time_s = span_s
        self._began = time.monotonic()
        self._greenlet: Any = gevent.spawn(self._watch)

    def close(self) -> None:
        """Look no longer. A watch that ends the run goes on with that, whoever else ends it too."""
        if self.reason is None:
            self._greenlet.kill()

    def _watch(self) -> None:
        while self.reason is None:
            gevent.sleep(CHECK_S)
            self._look()
        logger.error("%s", self.reason)
        self._stop()

    def _look(self) -> None:
        elapsed_s = time.monotonic() - self._began
        tally = self._total()
        if elapsed_s < self._warm_up_s + self._rule.grace_s or tally.ended_count < self._rule.min_operations:
            return
        broken = broken_for_good(self._gates, tally.summary(), self._share_done(elapsed_s))
        if broken:
            names = ", ".join(gate.name for gate in broken)
            self.reason = f"ended early, after {elapsed_s:.0f} s: {names} can hold no longer"

    def _share_done(self, elapsed_s: float) -> float | None:
        """Return how much of the measured part of the run is over; None if the run has no set end."""
        if not self._run_time_s or self._run_time_s <= self._warm_up_s:
            return None
        return min(1.0, (elapsed_s - self._warm_up_s) / (self._run_time_s - self._warm_up_s))
