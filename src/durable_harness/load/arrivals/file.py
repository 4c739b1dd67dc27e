"""Read recorded arrivals, to replay them: the first of them is moment 0, the others keep their distance from it.

text         one number of seconds on each line, from any moment; empty lines and lines that begin with # do not count
JSON lines   objects with `intended_s`, else `sent_s`, `time` or `timestamp`: seconds, or ISO 8601 with a zone
a folder     the report folder of a load run, or its `operations` folder: the intended moments of its operations
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from durable_harness.documents import parse_json, read_text
from durable_harness.errors import ConfigurationError
from durable_harness.load.arrivals.plans import Replayed
from durable_harness.operations.wire import read_epoch_s

TIME_KEYS = ("intended_s", "sent_s", "time", "timestamp")


def read_arrivals(path: Path) -> Replayed:
    """Return the arrivals of a file or of an earlier run, counted from the first of them.

        class Replay(ArrivalUser):
            def arrivals(self):
                return read_arrivals(Path("arrivals.txt"))

    Args:
        path: a text or JSON lines file, or the report folder of a run.

    Raises:
        ConfigurationError: it has no arrivals, or a line that cannot be read, which the message names.
    """
    moments = _of_run(path) if path.is_dir() else _of_text(path)
    if not moments:
        raise ConfigurationError(str(path), "", "has no arrivals", "Write one number of seconds a line.")
    moments.sort()
    return Replayed(tuple(moment - moments[0] for moment in moments))


def _of_run(path: Path) -> list[float]:
    # Reading columns needs a library that a replay of a text does without.
    from durable_harness.gate.records import read_operations  # noqa: PLC0415

    moments: list[float | None] = read_operations(path).operations["intended_s"].to_pylist()
    return [moment for moment in moments if moment is not None]


def _of_text(path: Path) -> list[float]:
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError:
        raise ConfigurationError(str(path), "", "there is no such file of arrivals") from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(str(path), "", f"cannot be read as text ({error})") from None
    lines_by_number = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    return [_moment(path, number, line) for number, line in lines_by_number if line and not line.startswith("#")]


def _moment(path: Path, number: int, line: str) -> float:
    value: Any = line
    if line.startswith("{"):
        try:
            fields = parse_json(line)
        except ValueError as error:
            raise ConfigurationError(str(path), f"line {number}", f"is not JSON ({error})") from None
        value = next((fields[key] for key in TIME_KEYS if fields.get(key) is not None), None)
        if value is None:
            raise ConfigurationError(str(path), f"line {number}", "has no time", f"Expected {' or '.join(TIME_KEYS)}.")
    moment = read_epoch_s(value) if isinstance(value, str) and "T" in value else _number(value)
    if moment is None:
        hint = "Expected a number of seconds, or an ISO 8601 time with a zone."
        raise ConfigurationError(str(path), f"line {number}", f"got '{value}', which is no moment", hint)
    return moment


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
