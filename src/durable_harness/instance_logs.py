"""The newest lines of the log that are about an instance or an entity, kept in memory for who looks at it.

A line is about the instance whose work was being done when it was written, or that it names itself. What nothing is
logged about costs nothing.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from durable_harness.foreign_text import middle_cut
from durable_harness.log_categories import category_of, running_instance

MOST_OF_ONE = 200
MOST_LINES = 5_000
MOST_CHARS = 8_000
"""How much of one line is kept."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One entry of the log, with its traceback if it has one."""

    time_ns: int
    level: str
    category: str
    text: str


class InstanceLogs(logging.Handler):
    """Keeps the newest lines of each instance; of those that were logged about longest ago, they go first."""

    def __init__(self, most_of_one: int = MOST_OF_ONE, most_lines: int = MOST_LINES) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self._most_of_one, self._most_lines = most_of_one, most_lines
        self._count = 0
        self._lines: OrderedDict[str, deque[LogLine]] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        instance_id = getattr(record, "instance", None) or running_instance.get()
        if isinstance(instance_id, str) and instance_id:
            self._keep(instance_id, self._line(record))

    def lines_of(self, instance_id: str) -> Sequence[LogLine]:
        """Return the lines that are kept of an instance, the oldest first."""
        self.acquire()
        try:
            return list(self._lines.get(instance_id, ()))
        finally:
            self.release()

    def _line(self, record: logging.LogRecord) -> LogLine:
        try:
            text = self.format(record)
        except Exception as error:  # noqa: BLE001 - arguments that do not fit; the log itself says so
            text = f"{record.msg!r} with {record.args!r} ({type(error).__name__}: {error})"
        when_ns = int(record.created * 1_000_000_000)
        return LogLine(when_ns, record.levelname, category_of(record), middle_cut(text, MOST_CHARS))

    def _keep(self, instance_id: str, line: LogLine) -> None:
        lines = self._lines.setdefault(instance_id, deque())
        self._lines.move_to_end(instance_id)
        lines.append(line)
        self._count += 1
        if len(lines) > self._most_of_one:
            lines.popleft()
            self._count -= 1
        if self._count > self._most_lines:
            self._drop_one()

    def _drop_one(self) -> None:
        oldest_id, lines = next(iter(self._lines.items()))
        lines.popleft()
        self._count -= 1
        if not lines:
            del self._lines[oldest_id]
