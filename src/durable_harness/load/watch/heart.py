"""A heart that beats in the generator's event loop: what holds the loop up, and what the clocks do, shows in it."""

from __future__ import annotations

import time

from durable_harness.load.http import Reactor
from durable_harness.load.watch.generator_figures import STEP_S, GeneratorFigures
from durable_harness.platforms.clocks import monotonic

BEAT_S = 0.02
CPU_SECOND_S = 1.0
APART_S = 0.001
"""Two clocks that were not read within this time are not compared: the process was interrupted in between."""


class Heart:
    """Writes loop lag, CPU share and clock steps into the figures until it is stopped."""

    def __init__(self, reactor: Reactor, figures: GeneratorFigures) -> None:
        self._reactor, self._figures = reactor, figures
        self._is_beating = True
        self._offset_s = clock_offset_s()
        self._cpu_s, self._cpu_read = time.process_time(), monotonic()
        figures.next_beat = monotonic() + BEAT_S
        reactor.call_at(figures.next_beat, self._beat)

    def stop(self) -> None:
        """Stop, and count what was used since the last full second."""
        if self._is_beating:
            self._is_beating = False
            self._note_cpu(monotonic())

    def _beat(self, due: float, _argument: object) -> None:
        if not self._is_beating:
            return
        now = monotonic()
        self._figures.delays_ms["loop_lag_ms"].record((now - due) * 1000)
        self._compare_clocks()
        if now - self._cpu_read >= CPU_SECOND_S:
            self._figures.cpu_percent.record(self._note_cpu(now))
        self._figures.latest_lag_s, self._figures.next_beat = now - due, max(due + BEAT_S, now)
        self._reactor.call_at(self._figures.next_beat, self._beat)

    def _compare_clocks(self) -> None:
        offset_s = clock_offset_s()
        if offset_s is None:
            return
        if self._offset_s is not None and abs(offset_s - self._offset_s) > STEP_S:
            self._figures.clock_steps_s.append(offset_s - self._offset_s)
        self._offset_s = offset_s

    def _note_cpu(self, now: float) -> float:
        """Count the CPU time since the last call and return it in percent of one core."""
        cpu_s = time.process_time()
        used_s, passed_s = cpu_s - self._cpu_s, now - self._cpu_read
        self._cpu_s, self._cpu_read = cpu_s, now
        self._figures.cpu_s += used_s
        self._figures.watched_s += passed_s
        return 100 * used_s / passed_s if passed_s else 0.0


def clock_offset_s() -> float | None:
    """Return how far the wall clock is ahead of the monotonic one; None if both could not be read at one moment."""
    before = monotonic()
    epoch_s = time.time()
    after = monotonic()
    return None if after - before > APART_S else epoch_s - before
