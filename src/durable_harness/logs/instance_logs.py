"""The newest lines of the log that are about an instance or an entity, kept in memory for who looks at it.

A line is about the instance whose work was being done when it was written, or that it names itself. What nothing is
logged about costs nothing.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from durable_harness.logs.categories import category, running_function, running_instance
from durable_harness.wording.foreign_text import SECRETS, middle_cut

MOST_OF_ONE = 200
MOST_LINES = 5_000
MOST_CHARS = 8_000
"""How much of one line is kept."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One entry of the log, with its traceback if it has one."""

    time_ns: int
    level: str
    text: str
    logger: str
    subject: str | None = None
    """The function that the entry names."""
    running: str | None = None
    """The function that ran where it was logged."""

    @property
    def category(self) -> str:
        """Its category, as host.json names them."""
        return category(self.logger, self.subject, self.running)


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
        if not isinstance(instance_id, str) or not instance_id:
            return
        try:
            text = self.format(record)
        except Exception as error:  # noqa: BLE001 - arguments that do not fit; the log itself says so
            text = f"{record.msg!r} with {record.args!r} ({type(error).__name__}: {error})"
        if len(text) > MOST_CHARS or SECRETS.writings.anywhere.search(text):
            text = middle_cut(text, MOST_CHARS)
        lines = self._lines.setdefault(instance_id, deque(maxlen=self._most_of_one))
        self._lines.move_to_end(instance_id)
        self._count += len(lines) < self._most_of_one  # else the oldest goes
        subject, running = getattr(record, "function", None), running_function.get()
        time_ns = int(record.created * 1_000_000_000)
        lines.append(LogLine(time_ns, record.levelname, text, record.name, subject, running))
        if self._count > self._most_lines:
            self._drop_one()

    def lines_of(self, instance_id: str) -> Sequence[LogLine]:
        """Return the lines that are kept of an instance, the oldest first."""
        self.acquire()
        try:
            return list(self._lines.get(instance_id, ()))
        finally:
            self.release()

    def _drop_one(self) -> None:
        oldest_id, lines = next(iter(self._lines.items()))
        lines.popleft()
        self._count -= 1
        if not lines:
            del self._lines[oldest_id]
