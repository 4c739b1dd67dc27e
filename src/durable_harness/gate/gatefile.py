"""Read `gates.toml` and refuse whatever is not understood: a gate that is misspelt would never fail.

[completion_ms]           # or start_ms, poll_ms, detection_lag_ms: limits in milliseconds, at most
p50 = 1500
"p99.9" = 4000            # a percentile with a dot needs its quotes
max = 10000

[operations]
error_ratio = 0.01        # at most
lost = 0                  # at most
throughput_per_s = 5      # at least
unexpected_answers = 0    # to requests beside the operations, like those of bad clients: at most
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from durable_harness.errors import ConfigurationError
from durable_harness.gate.gates import Gate, percent_of
from durable_harness.gate.summary import LATENCIES_MS

OPERATIONS = "operations"
OPERATION_STATISTICS = ("error_ratio", "lost", "throughput_per_s", "unexpected_answers")
TABLES = (*LATENCIES_MS, OPERATIONS)
PERCENTILES = "p1 … p100 such as p50, p95, p99 or 'p99.9', and max"


class _Range(NamedTuple):
    """What a limit may be, in words and as a test."""

    meaning: str
    holds: Callable[[float], bool]


MILLISECONDS = _Range("milliseconds above 0", lambda value: value > 0)
RATIO = _Range("a ratio from 0 to 1", lambda value: 0 <= value <= 1)
WHOLE = _Range("a whole number of operations", lambda value: value >= 0 and isinstance(value, int))
RATE = _Range("operations per second above 0", lambda value: value > 0)


class GateFileError(ConfigurationError):
    """Raised when a gates file is missing or malformed; names the file, the key, what came and what is allowed."""


def load_gates(path: Path) -> tuple[Gate, ...]:
    """Return the gates of a file in its order, or raise GateFileError."""
    reader = _Reader(str(path))
    document = reader.parse(path)
    gates = [gate for table, limits in document.items() for gate in reader.table(table, limits)]
    if not gates:
        raise reader.error("", "has no gates", f"Write at least one table of {', '.join(TABLES)}.")
    return tuple(gates)


class _Reader:
    """Reads one file; carries its name into every error."""

    def __init__(self, where: str) -> None:
        self._where = where

    def error(self, key: str, problem: str, hint: str = "") -> GateFileError:
        return GateFileError(self._where, key, problem, hint)

    def parse(self, path: Path) -> dict[str, Any]:
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise self.error("", "there is no such gates file") from None
        except OSError as error:
            raise self.error("", f"cannot be read ({error.strerror})") from None
        except ValueError as error:
            raise self.error("", f"is not TOML ({error})") from None

    def table(self, table: str, limits: object) -> Iterable[Gate]:
        if table not in TABLES:
            raise self.error(table, "is not a metric", _allowed(table, TABLES))
        if not isinstance(limits, dict):
            raise self.error(table, f"got {_kind(limits)}, expected a table", f"Write [{table}] and limits below it.")
        if table == OPERATIONS:
            return [self._operations_gate(key, value) for key, value in limits.items()]
        gates = [self._latency_gate(table, key, value) for key, value in limits.items()]
        self._refuse_repeated(table, gates)
        return gates

    def _latency_gate(self, table: str, key: str, value: object) -> Gate:
        where = f"{table}.{key}"
        if isinstance(value, dict) and re.fullmatch(r"p\d+", key):
            fraction = next(iter(value), "9")
            raise self.error(where, "got a table, expected a limit in milliseconds", f'Write "{key}.{fraction}" = …')
        if not _is_percentile(key):
            raise self.error(where, "is not a percentile", f"Allowed are {PERCENTILES}.")
        return Gate(table, key, self._number(where, value, MILLISECONDS), unit="ms")

    def _operations_gate(self, key: str, value: object) -> Gate:
        where = f"{OPERATIONS}.{key}"
        match key:
            case "error_ratio":
                return Gate(OPERATIONS, key, self._number(where, value, RATIO))
            case "lost" | "unexpected_answers":
                return Gate(OPERATIONS, key, self._number(where, value, WHOLE))
            case "throughput_per_s":
                return Gate(OPERATIONS, key, self._number(where, value, RATE), "at least", "/s")
        raise self.error(where, "is not a figure of the operations", _allowed(key, OPERATION_STATISTICS))

    def _number(self, where: str, value: object, limits: _Range) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(where, f"got {_kind(value)}, expected {limits.meaning}")
        if not (math.isfinite(value) and limits.holds(value)):
            raise self.error(where, f"got {value}, expected {limits.meaning}")
        return float(value)

    def _refuse_repeated(self, table: str, gates: list[Gate]) -> None:
        seen: dict[float, str] = {}
        for gate in gates:
            percent = percent_of(gate.statistic)
            if percent in seen:
                raise self.error(f"{table}.{gate.statistic}", f"is the same as {seen[percent]}", "Keep one of them.")
            seen[percent] = gate.statistic


def _is_percentile(key: str) -> bool:
    if key == "max":
        return True
    return re.fullmatch(r"p\d{1,3}(\.\d+)?", key) is not None and 0 < percent_of(key) <= 100  # noqa: PLR2004 - percents


def _allowed(got: str, allowed: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(got, allowed, n=1)
    return (f"Did you mean {near[0]}? " if near else "") + f"Allowed are {', '.join(allowed)}."


def _kind(value: object) -> str:
    names = {bool: "a boolean", str: "a string", list: "an array", dict: "a table"}
    return names.get(type(value), str(value))
