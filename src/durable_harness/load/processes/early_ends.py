"""What ends a run before its time: a gate that can hold no longer, or the last arrival of all."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import gevent

from durable_harness.gate import AbortRule, Gate, broken_for_good
from durable_harness.load.results.run_summary import summarize_run
from durable_harness.load.results.run_tally import RunTally
from durable_harness.platforms.clocks import monotonic

logger = logging.getLogger(__name__)

ALL_ARRIVED = "ended by itself: all arrivals had been started"


class EndWatch(ABC):
    """Looks for a reason to end the run, until it is closed or has called `stop`."""

    check_s: float
    """How often it looks."""
    log_level = logging.INFO
    log_text = "%s"

    def __init__(self, stop: Callable[[], None]) -> None:
        self.reason: str | None = None
        """Why the run was ended; None if it was not."""
        self._stop = stop
        self._greenlet: Any = gevent.spawn(self._watch)

    @abstractmethod
    def find_reason(self) -> str | None:
        """Return why the run is to end now, None if it is not."""

    def close(self) -> None:
        """Stop watching. A watch that is ending the run completes that, even if the run is ended otherwise too."""
        if self.reason is None:
            self._greenlet.kill()

    def _watch(self) -> None:
        while self.reason is None:
            gevent.sleep(self.check_s)
            self.reason = self.find_reason()
        logger.log(self.log_level, self.log_text, self.reason)
        self._stop()


class AbortWatch(EndWatch):
    """Ends a run once a gate can hold no longer, if the gates file asks for that."""

    check_s = 1.0
    log_level = logging.ERROR

    def __init__(
        self,
        rule: AbortRule,
        gates: Iterable[Gate],
        total: Callable[[], RunTally],
        span_s: tuple[float, float | None],
        stop: Callable[[], None],
    ) -> None:
        self._rule, self._gates = rule, tuple(gates)
        self._total = total
        self._warm_up_s, self._run_time_s = span_s
        self._began = monotonic()
        super().__init__(stop)

    def find_reason(self) -> str | None:
        elapsed_s = monotonic() - self._began
        tally = self._total()
        if elapsed_s < self._warm_up_s + self._rule.grace_s or tally.ended_count < self._rule.min_operations:
            return None
        broken = broken_for_good(self._gates, summarize_run(tally), self._share_done(elapsed_s))
        if not broken:
            return None
        names = ", ".join(gate.name for gate in broken)
        return f"ended early, after {elapsed_s:.0f} s: {names} can hold no longer"

    def _share_done(self, elapsed_s: float) -> float | None:
        """Return how much of the measured part of the run is over; None if the run has no set end."""
        if not self._run_time_s or self._run_time_s <= self._warm_up_s:
            return None
        return min(1.0, (elapsed_s - self._warm_up_s) / (self._run_time_s - self._warm_up_s))


class LastArrivalWatch(EndWatch):
    """Ends a run once its last arrival has come: nothing else will happen in it."""

    check_s = 0.25
    log_text = "The run is %s"

    def __init__(self, are_over: Callable[[], bool], stop: Callable[[], None]) -> None:
        self._are_over = are_over
        super().__init__(stop)

    def find_reason(self) -> str | None:
        return ALL_ARRIVED if self._are_over() else None
