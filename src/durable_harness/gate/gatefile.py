"""Read `gates.toml` and refuse every key that is not known: a misspelt gate would never fail.

[completion_ms]           # or finish_ms, start_ms, queueing_ms, …: limits in milliseconds, at most
p50 = 1500
"p99.9" = 4000            # a percentile with a dot needs its quotes
max = 10000

[operations]
error_ratio = 0.01        # at most
lost = 0                  # at most
throughput_per_s = 5      # at least
unexpected_answers = 0    # to requests beside the operations, like those of bad clients: at most

[audit]                   # operations that the server reports after the run, at most: see gate.audit
lost = 0                  # or stuck, contradicted, wrong_output, duplicated, unrecorded, unknown
stuck = 0

[polls_per_operation]     # at most
mean = 6
p95 = 12

[actions_per_operation]   # or replayed_events_per_operation, payload_bytes_per_operation: whole numbers, at most
max = 7

[relative.finish_ms]      # what `compare` and `ab` hold a head to
p95 = 1.05                # times the base's: a slowdown of 5 % or more fails

[relative.actions_per_operation]
mean = 1                  # times the base's: counts are exact, so 1 allows no increase

[scenario.Burst.completion_ms]  # the same tables but [relative] and [abort], of one scenario alone
p95 = 4000

[abort]                   # end the run as soon as a gate can hold no longer
on_fail = true
grace_s = 10              # not before the run has lasted that long
min_operations = 100      # nor before that many have ended

A file may have any of these tables. Some figures only the server can give, such as finish_ms, execution_ms,
detection_lag_ms and the costs: where it does not, a gate on them is "not measured" and the run invalid. [relative]
itself may set `false_alarm_rate` and `power`, both ratios.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from durable_harness.documents import read_toml
from durable_harness.errors import ConfigurationError
from durable_harness.gate.audit import OF_NO_SCENARIO, AuditProblem
from durable_harness.gate.gates import MEAN, Bound, Gate, percent_of
from durable_harness.gate.measurable import AUDIT
from durable_harness.gate.metrics import COSTS, METRICS
from durable_harness.gate.summary import LATENCIES_MS, POLLS_PER_OPERATION
from durable_harness.wording.misspellings import expected_one_of

OPERATIONS = "operations"
AUDIT_STATISTICS = tuple(problem.name.lower() for problem in AuditProblem)
RELATIVE, ABORT, SCENARIO = "relative", "abort", "scenario"
FIGURES = (*LATENCIES_MS, POLLS_PER_OPERATION, *COSTS, OPERATIONS, AUDIT)
TABLES = (*FIGURES, SCENARIO, RELATIVE, ABORT)
WHOLE_RUN_PROBLEMS = tuple(problem.name.lower() for problem in OF_NO_SCENARIO)
PERCENTILES = "p1 … p100 such as p50, p95, p99 or 'p99.9', max"


class _Range(NamedTuple):
    """What a limit may be, in words and as a test."""

    meaning: str
    holds: Callable[[float], bool]


MILLISECONDS = _Range("milliseconds above 0", lambda value: value > 0)
RATIO = _Range("a ratio from 0 to 1", lambda value: 0 <= value <= 1)
WHOLE = _Range("a whole number of operations", lambda value: value >= 0 and isinstance(value, int))
RATE = _Range("operations per second above 0", lambda value: value > 0)
COST = _Range("a number, 0 or more", lambda value: value >= 0)
POLLS = _Range("a number of polls above 0", lambda value: value > 0)
TIMES_COUNT = _Range("a multiple of the base's count, at least 1 (1 allows no increase)", lambda value: value >= 1)
TIMES_BASE = _Range("a multiple of the base's figure above 1 (1.05 fails from 5 % on)", lambda value: value > 1)
SHARE = _Range("a ratio above 0 and below 1", lambda value: 0 < value < 1)
SECONDS = _Range("seconds, 0 or more", lambda value: value >= 0)
OPERATION_KEYS: Mapping[str, tuple[Bound, _Range]] = {
    "error_ratio": ("at most", RATIO),
    "lost": ("at most", WHOLE),
    "throughput_per_s": ("at least", RATE),
    "unexpected_answers": ("at most", WHOLE),
}
"""The keys of [operations]: whether each is an upper or a lower limit, and what it may be."""
OPERATION_STATISTICS = tuple(OPERATION_KEYS)
RELATIVE_RATES = ("false_alarm_rate", "power")


class GateFileError(ConfigurationError):
    """Raised when a gates file is missing or malformed; names the file, the key, what came and what is allowed."""


@dataclass(frozen=True, slots=True)
class RelativeGate:
    """How many times the base's figure the head's may be."""

    metric: str
    statistic: str
    ratio: float


@dataclass(frozen=True, slots=True)
class RelativeGates:
    """What `compare` and `ab` ask of a head; None leaves an error rate at its default."""

    gates: tuple[RelativeGate, ...] = ()
    false_alarm_rate: float | None = None
    miss_rate: float | None = None


@dataclass(frozen=True, slots=True)
class AbortRule:
    """When a run ends early because a gate can hold no longer."""

    grace_s: float = 10.0
    min_operations: int = 100


@dataclass(frozen=True, slots=True)
class GateFile:
    """The content of a gates file."""

    gates: tuple[Gate, ...] = ()
    relative: RelativeGates = RelativeGates()
    abort: AbortRule | None = None
    """None if no run is to be ended early."""


def load_gates(path: Path) -> tuple[Gate, ...]:
    """Return the absolute gates of a file in its order, or raise GateFileError."""
    return load_gate_file(path).gates


def load_gate_file(path: Path) -> GateFile:
    """Read a whole file, or raise GateFileError."""
    reader = _GateFileReader(str(path))
    document = reader.parse(path)
    relative = _RelativeReader(str(path)).read(document.pop(RELATIVE, {}))
    abort = _AbortReader(str(path)).read(document.pop(ABORT, {}))
    scenarios = document.pop(SCENARIO, {})
    gates = [gate for table, limits in document.items() for gate in reader.table(table, limits)]
    gates += reader.scenarios(scenarios)
    if not gates and not relative.gates:
        raise reader.error("", "has no gates", f"Write at least one table of {', '.join(TABLES)}.")
    return GateFile(tuple(gates), relative, abort)


def check_scenarios(path: Path, gates: Iterable[Gate], known: Iterable[str]) -> None:
    """Raise GateFileError if a gate is about a scenario that is not among the known ones."""
    names = tuple(sorted(known))
    for gate in gates:
        if gate.scenario and gate.scenario not in names:
            key = f"{SCENARIO}.{gate.scenario}"
            raise GateFileError(
                str(path), key, "is not a scenario that is loaded", expected_one_of(gate.scenario, names)
            )


class _Checked:
    """Carries the file's name into every error."""

    def __init__(self, where: str) -> None:
        self._where = where

    def error(self, key: str, problem: str, hint: str = "") -> GateFileError:
        return GateFileError(self._where, key, problem, hint)

    def table_of(self, table: str, content: object) -> dict[str, object]:
        if not isinstance(content, dict):
            raise self.error(table, f"got {_kind(content)}, expected a table", f"Write [{table}] and limits below it.")
        return content

    def number(self, where: str, value: object, limits: _Range) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(where, f"got {_kind(value)}, expected {limits.meaning}")
        if not (abs(value) <= sys.float_info.max and limits.holds(value)):  # isfinite() raises for a huge int
            raise self.error(where, f"got {value}, expected {limits.meaning}")
        return float(value)

    def percentile(self, where: str, key: str, value: object, more: str = "") -> None:
        if isinstance(value, dict) and re.fullmatch(r"p\d+", key):
            fraction = next(iter(value), "9")
            raise self.error(where, "got a table, expected a limit in milliseconds", f'Write "{key}.{fraction}" = …')
        if not is_percentile(key):
            raise self.error(where, "is not a percentile", f"Expected {PERCENTILES}{more}.")


class _RelativeReader(_Checked):
    def read(self, content: object) -> RelativeGates:
        gates, rates = [], {}
        for key, value in self.table_of(RELATIVE, content).items():
            where = f"{RELATIVE}.{key}"
            if key in RELATIVE_RATES:
                rates[key] = self.number(where, value, SHARE)
            elif key in METRICS:
                gates += [self._gate(key, statistic, ratio) for statistic, ratio in self.table_of(where, value).items()]
            else:
                raise self.error(where, "is not a metric to compare", expected_one_of(key, (*METRICS, *RELATIVE_RATES)))
        power = rates.get("power")
        return RelativeGates(tuple(gates), rates.get("false_alarm_rate"), None if power is None else 1 - power)

    def _gate(self, metric: str, statistic: str, value: object) -> RelativeGate:
        where = f"{RELATIVE}.{metric}.{statistic}"
        if METRICS[metric].is_count:
            if statistic != MEAN:
                raise self.error(where, "is not a statistic of a count", f"Write {MEAN} = 1 to allow no increase.")
            return RelativeGate(metric, statistic, self.number(where, value, TIMES_COUNT))
        self.percentile(where, statistic, value)
        return RelativeGate(metric, statistic, self.number(where, value, TIMES_BASE))


class _AbortReader(_Checked):
    KEYS = ("on_fail", "grace_s", "min_operations")

    def read(self, content: object) -> AbortRule | None:
        table = self.table_of(ABORT, content)
        for key in table:
            if key not in self.KEYS:
                raise self.error(f"{ABORT}.{key}", "is not a setting of an abort", expected_one_of(key, self.KEYS))
        on_fail = table.get("on_fail", bool(table))
        if not isinstance(on_fail, bool):
            raise self.error(f"{ABORT}.on_fail", f"got {_kind(on_fail)}, expected true or false")
        known = AbortRule()
        grace_s = self.number(f"{ABORT}.grace_s", table.get("grace_s", known.grace_s), SECONDS)
        least = self.number(f"{ABORT}.min_operations", table.get("min_operations", known.min_operations), WHOLE)
        return AbortRule(grace_s, int(least)) if on_fail else None


class _GateFileReader(_Checked):
    """Reads the absolute gates."""

    tables = TABLES
    audit_statistics = AUDIT_STATISTICS

    def parse(self, path: Path) -> dict[str, object]:
        try:
            return read_toml(path)
        except FileNotFoundError:
            raise self.error("", "there is no such gates file") from None
        except OSError as error:
            raise self.error("", f"cannot be read ({error.strerror})") from None
        except ValueError as error:
            raise self.error("", f"is not TOML ({error})") from None

    def table(self, table: str, limits: object) -> Iterable[Gate]:
        if table not in self.tables:
            raise self.error(table, "is not a metric", expected_one_of(table, self.tables))
        limits = self.table_of(table, limits)
        if table == OPERATIONS:
            return [self._operations_gate(key, value) for key, value in limits.items()]
        if table == AUDIT:
            return [self._audit_gate(key, value) for key, value in limits.items()]
        gate = self._latency_gate if table in LATENCIES_MS else self._count_gate
        gates = [gate(table, key, value) for key, value in limits.items()]
        self._refuse_repeated(table, gates)
        return gates

    def scenarios(self, content: object) -> Iterable[Gate]:
        for name, tables in self.table_of(SCENARIO, content).items():
            for table, limits in self._tables_of(name, tables).items():
                reader = _ScenarioReader(self._where, name)
                yield from (replace(gate, scenario=name) for gate in reader.table(table, limits))

    def _tables_of(self, name: str, tables: object) -> dict[str, object]:
        where = f"{SCENARIO}.{name}"
        if name in FIGURES:
            raise self.error(where, "lacks the scenario", f"Write [{SCENARIO}.NAME.{name}] with a scenario's name.")
        return self.table_of(where, tables)

    def _latency_gate(self, table: str, key: str, value: object) -> Gate:
        where = f"{table}.{key}"
        self.percentile(where, key, value)
        return Gate(table, key, self.number(where, value, MILLISECONDS), unit="ms")

    def _count_gate(self, table: str, key: str, value: object) -> Gate:
        where = f"{table}.{key}"
        if key != MEAN:
            self.percentile(where, key, value, f", and {MEAN}")
        return Gate(table, key, self.number(where, value, POLLS if table == POLLS_PER_OPERATION else COST))

    def _operations_gate(self, key: str, value: object) -> Gate:
        where = f"{OPERATIONS}.{key}"
        if key not in OPERATION_KEYS:
            raise self.error(where, "is not a figure of the operations", expected_one_of(key, OPERATION_STATISTICS))
        bound, limits = OPERATION_KEYS[key]
        return Gate(OPERATIONS, key, self.number(where, value, limits), bound, "/s" if limits is RATE else "")

    def _audit_gate(self, key: str, value: object) -> Gate:
        where = f"{AUDIT}.{key}"
        if key not in self.audit_statistics:
            raise self.error(where, "is nothing that an audit counts", expected_one_of(key, self.audit_statistics))
        return Gate(AUDIT, key, self.number(where, value, WHOLE))

    def _refuse_repeated(self, table: str, gates: list[Gate]) -> None:
        seen: dict[float, str] = {}
        for gate in gates:
            if gate.statistic == MEAN:
                continue
            percent = percent_of(gate.statistic)
            if percent in seen:
                raise self.error(f"{table}.{gate.statistic}", f"is the same as {seen[percent]}", "Keep one of them.")
            seen[percent] = gate.statistic


class _ScenarioReader(_GateFileReader):
    """Reads the gates of one scenario."""

    tables = FIGURES
    audit_statistics = tuple(name for name in AUDIT_STATISTICS if name not in WHOLE_RUN_PROBLEMS)

    def __init__(self, where: str, scenario: str) -> None:
        super().__init__(where)
        self._scenario = scenario

    def error(self, key: str, problem: str, hint: str = "") -> GateFileError:
        return super().error(f"{SCENARIO}.{self._scenario}.{key}", problem, hint)


def is_percentile(key: str) -> bool:
    """Return whether a key names a percentile, or the maximum."""
    if key == "max":
        return True
    return re.fullmatch(r"p\d{1,3}(\.\d+)?", key) is not None and 0 < percent_of(key) <= 100  # noqa: PLR2004 - percents


def _kind(value: object) -> str:
    names = {bool: "a boolean", str: "a string", list: "an array", dict: "a table"}
    return names.get(type(value), str(value))
