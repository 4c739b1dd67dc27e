"""The runs below a folder, read from their summary.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NotRequired, TypedDict, cast

from durable_harness.documents import read_json
from durable_harness.errors import UsageError
from durable_harness.gate.verdict import MEASURED

SUMMARY = "summary.json"
FORMATS = (2, 3)
"""The formats of summary.json that are read. 2 has no figures by scenario."""
LOAD = (
    "app",
    "service",
    "start",
    "users",
    "rate",
    "arrivals",
    "work per operation",
    "poll strategy",
    "status source",
    "completion counts from",
)
"""The settings that decide which operations a run makes, how many, and how it sees their ends."""
LATENCIES = (("completion_ms", "p50"), ("completion_ms", "p95"), ("completion_ms", "p99"), ("start_ms", "p95"))


@dataclass(frozen=True, slots=True)
class GateLimit:
    """A gate's limit in one run. `bound` is `at most` or `at least`."""

    value: float
    bound: str


@dataclass(frozen=True, slots=True)
class TrendRun:
    """One run. `figures` are by name, such as `completion_ms p95` or `Steady completion_ms p95`; None is not known."""

    folder: Path
    started_at: datetime
    verdict: str
    scenarios: tuple[str, ...]
    figures: Mapping[str, float | None]
    units: Mapping[str, str]
    limits: Mapping[str, GateLimit]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_measured(self) -> bool:
        """Whether its figures are those of a whole run that the generator did not spoil."""
        return self.verdict in MEASURED

    def differences(self, other: TrendRun) -> list[str]:
        """Return in what its load differs from that of another run; a setting that one of them lacks is no difference.

        Runs of different apps may have scenarios of one name.
        """
        scenarios = ["scenarios"] if self.scenarios != other.scenarios else []
        both = [name for name in LOAD if name in self.settings and name in other.settings]
        return [*scenarios, *(name for name in both if self.settings[name] != other.settings[name])]


@dataclass(frozen=True, slots=True)
class TrendRuns:
    """The runs of a folder, the oldest first, and why files that look like runs are not."""

    found: tuple[TrendRun, ...]
    problems: tuple[str, ...]


def read_runs(folder: Path) -> TrendRuns:
    """Return the runs whose report folders lie in a folder, at any depth.

    Raises UsageError where it is no folder, or no run can be read from it.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder. Name one that holds report folders, such as build/load.")
    found: list[TrendRun] = []
    problems: list[str] = []
    for path in sorted(folder.rglob(SUMMARY)):
        try:
            found.append(_run(path))
        except (OSError, ValueError) as error:
            problems.append(f"{path}: {getattr(error, 'strerror', None) or error}")
    if not found:
        why = "; ".join(problems) or f"No {SUMMARY} lies in it: load runs write one (--report-dir)."
        raise UsageError(f"{folder} holds no run that can be read.\n  {why}")
    return TrendRuns(tuple(sorted(found, key=lambda run: run.started_at)), tuple(problems))


class _GateDocument(TypedDict):
    name: str
    measured: float | None
    unit: str
    limit: float
    bound: str


class _FiguresDocument(TypedDict):
    latencies: Mapping[str, Mapping[str, float | None] | None]
    throughput_per_s: float | None
    error_ratio: float | None


class _SummaryDocument(_FiguresDocument):
    """What is read of a summary.json; one that lacks something of it raises KeyError, TypeError or AttributeError."""

    started_at: str | None
    verdict: str
    scenarios: Mapping[str, _FiguresDocument] | list[str]
    gates: Sequence[_GateDocument]
    settings: NotRequired[Mapping[str, object] | None]


def _run(path: Path) -> TrendRun:
    """Read one run. Raises ValueError with what is wrong."""
    document = read_json(path)
    if not isinstance(document, dict) or document.get("format") not in FORMATS:
        raise ValueError(f"it is no summary of format {' or '.join(map(str, FORMATS))}")
    try:
        return _read(path.parent, cast("_SummaryDocument", document))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks what a summary has ({type(error).__name__}: {error})") from error


def _read(folder: Path, document: _SummaryDocument) -> TrendRun:
    if document["started_at"] is None:
        raise ValueError("nothing was started in it")
    started_at = datetime.fromisoformat(document["started_at"])
    if started_at.tzinfo is None:
        started_at = started_at.replace(tzinfo=UTC)
    scenarios = document["scenarios"]
    by_scenario = scenarios if isinstance(scenarios, dict) else {}  # older summaries have their names alone
    figures = _figures("", document)
    for name, one in by_scenario.items():
        figures |= _figures(f"{name} ", one)
    units = {name: "ms" for name in figures if "_ms " in name}
    limits = {}
    for gate in document["gates"]:
        figures[gate["name"]] = _known(gate["measured"])
        units[gate["name"]] = str(gate["unit"])
        limits[gate["name"]] = GateLimit(float(gate["limit"]), str(gate["bound"]))
    verdict, names = str(document["verdict"]), tuple(map(str, scenarios))
    settings = {str(name): str(value) for name, value in (document.get("settings") or {}).items()}
    return TrendRun(folder, started_at, verdict, names, figures, units, limits, settings)


def _figures(before: str, document: _FiguresDocument) -> dict[str, float | None]:
    latencies = document["latencies"]
    figures = {
        f"{before}{metric} {statistic}": _known((latencies.get(metric) or {}).get(statistic))
        for metric, statistic in LATENCIES
    }
    figures[f"{before}operations throughput_per_s"] = _known(document["throughput_per_s"])
    figures[f"{before}operations error_ratio"] = _known(document["error_ratio"])
    return figures


def _known(value: float | None) -> float | None:
    return None if value is None else float(value)


def figure_names(runs: Sequence[TrendRun]) -> list[str]:
    """Return the figures that at least two runs have, those with gates first."""
    names = dict.fromkeys(name for run in runs for name in run.limits)
    names |= dict.fromkeys(name for run in runs for name in run.figures)
    return [name for name in names if sum(run.figures.get(name) is not None for run in runs) > 1]
