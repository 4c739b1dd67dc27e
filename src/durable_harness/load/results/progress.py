"""Show the progress of a run: one line that is refreshed on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import Any, TextIO

import gevent

from durable_harness.gate.report.model import number
from durable_harness.load.results.run_tally import RunTally
from durable_harness.load.results.tally import Tally
from durable_harness.operations import OperationState
from durable_harness.platforms.clocks import monotonic

TERMINAL_INTERVAL_S = 1.0
PLAIN_INTERVAL_S = 3.0
BAR_CHARS = 16
CLEAR_LINE = "\r\x1b[K"


class Progress:
    """Writes to `stream`, stderr by default, from a greenlet of its own until it is closed."""

    def __init__(
        self, total: Callable[[], RunTally], run_time_s: float | None = None, stream: TextIO | None = None
    ) -> None:
        stream = stream or sys.stderr
        self._total = total
        self._run_time_s = run_time_s if stream.isatty() else None
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._began = monotonic()
        self._greenlet: Any = gevent.spawn(self._show)

    def close(self) -> None:
        """Stop, and leave the terminal's line empty."""
        self._greenlet.kill()
        if self._is_terminal:
            self._stream.write(CLEAR_LINE)
            self._stream.flush()

    def _show(self) -> None:
        while True:
            gevent.sleep(TERMINAL_INTERVAL_S if self._is_terminal else PLAIN_INTERVAL_S)
            line = progress_line(self._total().whole(), monotonic() - self._began, self._run_time_s)
            self._stream.write(self._refreshed(line) if self._is_terminal else f"{line}\n")
            self._stream.flush()

    def _refreshed(self, line: str) -> str:
        """Return to the line's beginning, so that a log line that comes in between writes over it."""
        return f"{CLEAR_LINE}{line[: shutil.get_terminal_size().columns - 1]}\r"


def progress_line(tally: Tally, elapsed_s: float, run_time_s: float | None = None) -> str:
    """Return the current status of a run in one line that fits a terminal; with its run time, in a bar too."""
    completion_ms = tally.latencies_ms["completion_ms"]
    failed = tally.ended_count - tally.completed_count - tally.ended_by_state[OperationState.TERMINATED]
    started = tally.started_count + sum(tally.excluded.values())
    # Where nothing has completed the times are those of operations that failed or timed out.
    times = [f", p{percent} {number(completion_ms.percentile(percent))} ms" for percent in (50, 95)]
    return (
        f"{_bar(elapsed_s, run_time_s)}{elapsed_s:4.0f} s  started {started:,}  in flight {tally.in_flight:,}  "
        f"failed {failed:,}  completed {tally.completed_count:,}{''.join(times) if tally.completed_count else ''}"
    )


def _bar(elapsed_s: float, run_time_s: float | None) -> str:
    """Draw how much of the run time is over; what comes after it is the drain."""
    if not run_time_s:
        return ""
    eighths = min(round(elapsed_s / run_time_s * BAR_CHARS * 8), BAR_CHARS * 8)
    full, rest = divmod(eighths, 8)
    cells = "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
    return f"▕{cells:<{BAR_CHARS}}▏"
