"""The operations of a run as columns, however they were recorded: what comparisons are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from durable_harness.documents import read_json
from durable_harness.errors import ConfigurationError, InvalidRunError
from durable_harness.gate.comparison.ranks import Values
from durable_harness.gate.gates import LACKING
from durable_harness.gate.records import FOLDER_NAME, read_operations
from durable_harness.gate.verdict import MEASURED

TIMES = (
    "intended_s",
    "sent_s",
    "accepted_s",
    "first_running_s",
    "last_pending_s",
    "seen_s",
    "ended_s",
    "server_created_s",
    "server_running_s",
    "server_updated_s",
)
COUNTS = ("polls", "actions", "replayed_events", "payload_bytes")
TEXTS = ("server_clock", "state", "workload", "phase")
COLUMNS = (*TIMES, *COUNTS, "server_update_is_coarse", *TEXTS)
Column = NDArray[np.float64] | NDArray[np.object_]
"""Numbers, or the texts of TEXTS."""
GOOD_ENDS = ("completed", "terminated")
SUMMARY_NAME = "summary.json"
TIMED_OUT, MEASURED_PHASE = "timed out", "measured"


class OperationTable:
    """Columns of equal length, in the order in which the operations were intended; times in epoch seconds, NaN for
    what did not happen."""

    def __init__(
        self,
        columns: Mapping[str, Column],
        settings: Mapping[str, object] | None = None,
        invalid: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> None:
        order = np.argsort(columns["intended_s"], kind="stable")
        self._columns: dict[str, Values] = {
            name: np.asarray(values[order], dtype=float) for name, values in columns.items() if name not in TEXTS
        }
        self._texts = {name: np.asarray(columns[name][order], dtype=object) for name in TEXTS}
        self.settings = settings or {}
        """The run's options, by name."""
        self.invalid = tuple(invalid)
        """Why the run itself is not valid."""
        self.notes = tuple(notes)
        """What a reader should know about the run."""

    def __len__(self) -> int:
        return len(self._columns["intended_s"])

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, object]]) -> OperationTable:
        """Make it of one mapping an operation, with the names in COLUMNS; a time that is None or absent is NaN."""
        rows = list(rows)
        columns: dict[str, Column] = {
            name: np.array([np.nan if row.get(name) is None else row[name] for row in rows], dtype=float)
            for name in (*TIMES, *COUNTS, "server_update_is_coarse")
        }
        for name in TEXTS:
            columns[name] = np.array([row.get(name) or "" for row in rows], dtype=object)
        return cls(columns)

    @property
    def error_ratio(self) -> float:
        """Operations that did not complete, of all."""
        return float(np.mean(~np.isin(self._texts["state"], GOOD_ENDS))) if len(self) else 0.0

    @property
    def has_ends(self) -> bool:
        """Whether the end of any operation was seen."""
        return bool(np.any(~np.isnan(self._columns["seen_s"])))

    @property
    def span_s(self) -> float:
        """Seconds from the first intended start to the last."""
        intended = self._columns["intended_s"]
        return float(intended[-1] - intended[0]) if len(self) else 0.0

    def values(self, metric: str) -> Values:
        """Return a metric of every operation that has it, in order of time; latencies in milliseconds.

        The completion of an operation that timed out is the time it had lasted: a lower bound, never left out. So is
        its finish, if the finish of any other operation is known.
        """
        values = self.column(metric)
        return values[~np.isnan(values)]

    def column(self, metric: str) -> Values:
        """Return a metric of every operation in order of time, NaN where it is not known; latencies in milliseconds."""
        name = metric.removesuffix("_per_operation")
        if name in COUNTS:
            return np.asarray(self._columns[name], dtype=float)
        begun, over = self._moments(metric)
        return np.asarray((over - begun) * 1000, dtype=float)

    @property
    def has_whole_seconds(self) -> bool:
        """Whether the server's times are known in whole seconds only: the ends of some operations, or all creations."""
        created = self._columns["server_created_s"]
        created = created[~np.isnan(created)]
        all_whole = bool(len(created)) and not np.any(created % 1)
        return all_whole or bool(np.any(self._columns["server_update_is_coarse"] == 1))

    def poll_windows_ms(self) -> tuple[Values, Values]:
        """Return between which moments each end lies that was seen: the last "not yet", and the poll that saw the end.

        Both are milliseconds after the acceptance, of all operations whose end was seen, in order of time; NaN if the
        record does not have the moment. Older records lack the last "not yet": there it is one mean poll interval
        before the end was seen.
        """
        column = self._columns
        seen = ~np.isnan(column["seen_s"])
        pending, over = (
            np.asarray((column[name] - column["accepted_s"])[seen] * 1000, dtype=float)
            for name in ("last_pending_s", "seen_s")
        )
        intervals = over / np.where(column["polls"][seen] > 0, column["polls"][seen], np.nan)
        pending = np.where(np.isnan(pending), over - intervals, pending)
        return pending, over

    def _moments(self, metric: str) -> tuple[Values, Values]:
        column = self._columns
        # When a poll first saw it running is no substitute: it depends on when polls come.
        running = column["server_running_s"]
        # A time in whole seconds is up to 1 s early, which is 1 % of an operation only from 100 s on.
        finished = np.where(column["server_update_is_coarse"] == 1, np.nan, column["server_updated_s"])
        created = np.where(column["server_created_s"] % 1 == 0, np.nan, column["server_created_s"])
        begun = np.where(self._texts["workload"] == "closed", column["sent_s"], column["intended_s"])
        timed_out = self._texts["state"] == TIMED_OUT
        # Leaving these out would make a head that hangs look fast. But they alone do not make the figure known.
        unfinished = timed_out & np.isnan(finished) & bool(np.any(~np.isnan(finished)))
        return {
            "completion_ms": (begun, np.where(timed_out, column["ended_s"], column["seen_s"])),
            "finish_ms": (begun, np.where(unfinished, column["ended_s"], finished)),
            "start_ms": (column["sent_s"], column["accepted_s"]),
            "server_completion_ms": (created, finished),
            # A creation in whole seconds is too coarse: the moment at which the 202 came here stands for it.
            "queueing_ms": (np.where(np.isnan(created), column["accepted_s"], created), running),
            "execution_ms": (running, finished),
            "detection_lag_ms": (finished, column["seen_s"]),
            "slip_ms": (column["intended_s"], column["sent_s"]),
        }[metric]


def read_run(path: Path) -> OperationTable:
    """Read the measured operations of a run from its report folder, or from the summary.json in it.

    Raises ConfigurationError if there is no such run or a file of it cannot be read, and InvalidRunError for a run
    without records: a summary's histograms do not have the order of the operations.
    """
    if not path.exists():
        raise ConfigurationError(str(path), "", "there is no such report folder or summary file")
    folder = path if path.is_dir() else path.parent
    if path.is_file() and not any((folder / FOLDER_NAME).glob("*.parquet")):
        raise InvalidRunError(
            f"{path}: has no records of single operations ({FOLDER_NAME}/*.parquet) beside it, which a comparison needs"
        )
    recorded = read_operations(folder)
    table = recorded.operations
    columns = {
        name: table[name].fill_null("").to_numpy().astype(object)
        if name in TEXTS
        else table[name].to_numpy().astype(float)
        for name in COLUMNS
    }
    measured = columns["phase"] == MEASURED_PHASE
    scenarios = ", ".join(recorded.metadata.get("scenarios", ()))
    settings = {"scenarios": scenarios, **recorded.metadata.get("settings", {})}
    invalid, lacking = _judged(folder)
    notes = [f"a gate of {folder} is {reason}" for reason in lacking]
    if not (folder / SUMMARY_NAME).is_file():
        notes.append(f"{folder} has no {SUMMARY_NAME}: the run was cut short, or is not over")
    return OperationTable({name: values[measured] for name, values in columns.items()}, settings, invalid, notes)


def _judged(folder: Path) -> tuple[list[str], list[str]]:
    """Return why the run's own summary gives no verdict, and the gates that it could not measure.

    These are no reason against other figures of the run, which may be compared. A summary that has a verdict is of a
    valid run, even if it lists reasons: older ones list gates that were not measured for failed runs too.
    """
    try:
        summary = read_json(folder / SUMMARY_NAME)
    except (OSError, ValueError):
        return [], []
    if not isinstance(summary, dict):
        return [], []
    reasons = [] if summary.get("verdict") in MEASURED else list(map(str, summary.get("invalid") or ()))
    interrupted = summary.get("interrupted")
    spoiled = [reason for reason in reasons if not reason.startswith(LACKING)]
    lacking = [reason for reason in reasons if reason.startswith(LACKING)]
    return [*spoiled, *([f"interrupted {interrupted}"] if interrupted else [])], lacking
