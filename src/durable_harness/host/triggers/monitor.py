"""When timer functions last ran, kept across starts of the host if the scheduler keeps its data in a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypedDict

from durable_harness.documents import read_json
from durable_harness.logs.categories import HOST_LOGGER
from durable_harness.logs.own_loggers import own_logger
from durable_harness.whole_files import write_whole

logger = own_logger(HOST_LOGGER)


class TimerStatusDocument(TypedDict):
    """A status as functions get it, and as the file has it."""

    Last: str | None
    Next: str
    LastUpdated: str


@dataclass(frozen=True)
class TimerStatus:
    """The last run of a timer, None if it never ran, and when it was due next by then."""

    last: datetime | None
    next: datetime
    updated: datetime

    def as_json(self) -> TimerStatusDocument:
        return {
            "Last": self.last.isoformat() if self.last else None,
            "Next": self.next.isoformat(),
            "LastUpdated": self.updated.isoformat(),
        }

    @classmethod
    def from_json(cls, found: TimerStatusDocument) -> TimerStatus:
        last = found["Last"]
        return cls(
            datetime.fromisoformat(last) if last else None,
            datetime.fromisoformat(found["Next"]),
            datetime.fromisoformat(found["LastUpdated"]),
        )


class Monitor:
    """The status of timers by function, in a file; without one, for as long as the host runs."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = _read(path) if path else {}

    def get(self, name: str) -> TimerStatus | None:
        return self._known.get(name)

    def set(self, name: str, status: TimerStatus) -> None:
        """Remember a status. A file that cannot be written is no reason for a timer not to fire."""
        self._known[name] = status
        if self._path is None:
            return
        try:
            write_whole(self._path, json.dumps({key: one.as_json() for key, one in self._known.items()}, indent=1))
        except OSError as error:
            logger.warning("%s: the last run of timer '%s' cannot be written: %s", self._path, name, error)


def _read(path: Path) -> dict[str, TimerStatus]:
    try:
        return {name: TimerStatus.from_json(found) for name, found in read_json(path).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("%s: cannot be read (%s). The timers begin as if they had never run.", path, error)
        return {}
