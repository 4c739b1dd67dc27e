"""End a run by itself once its last arrival has come: nothing else will happen in it."""

from __future__ import annotations

from collections.abc import Callable

from durable_harness.load.end_watch import EndWatch

REASON = "ended by itself: all arrivals had been started"


class LastArrivalWatch(EndWatch):
    """Asks whether the arrivals are over."""

    check_s = 0.25
    log_text = "The run is %s"

    def __init__(self, are_over: Callable[[], bool], stop: Callable[[], None]) -> None:
        self._are_over = are_over
        super().__init__(stop)

    def find_reason(self) -> str | None:
        return REASON if self._are_over() else None
