"""The report for a monitoring system, as OpenMetrics text; Prometheus reads the same file. Times are in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from durable_harness.gate.audit import AuditProblem
from durable_harness.gate.histogram import Histogram
from durable_harness.gate.report.model import COST_LABELS, COUNT_LABELS, PERCENTILES, Report
from durable_harness.gate.summary import RunSummary
from durable_harness.gate.verdict import Verdict
from durable_harness.wording.foreign_text import shown_lines

PREFIX = "durable_harness"
MS_PER_S = 1000
Sample = tuple[str, dict[str, str], float | None]
"""What follows the family's name, labels, value; a sample without a value is left out."""


class _Family(Protocol):
    """Writes one family: see `_Writer.family`."""

    def __call__(self, name: str, kind: str, help_text: str, samples: Iterable[Sample]) -> str: ...


def render_openmetrics(report: Report) -> str:
    """Return the figures of a run, all of them with the label `target`."""
    return "".join(_families(report)) + "# EOF\n"


def _families(report: Report) -> Iterator[str]:
    summary = report.summary
    family = _Writer(report.target).family
    for name, histogram in summary.latencies_ms.items():
        if name in summary.not_measurable:
            continue
        words = name.removesuffix("_ms")
        help_text = f"{words.replace('_', ' ').capitalize()} of operations in seconds."
        yield family(f"{words}_seconds", "summary", help_text, _quantiles(histogram, MS_PER_S))
    yield family("polls_per_operation", "summary", "Polls of an operation.", _quantiles(summary.polls_per_operation, 1))
    for name, label in COST_LABELS.items():
        if name in summary.costs and summary.costs[name].count:
            yield family(name, "summary", f"{label.capitalize()} of an operation.", _quantiles(summary.costs[name], 1))
    kinds: list[Sample] = [("", {"kind": kind}, count) for kind, count in summary.actions.items()]
    yield family("actions", "gauge", "Actions by kind, of the operations whose actions are known.", kinds)
    counts: list[Sample] = [("", {"state": name}, getattr(summary.counts, name)) for name in ("started", "accepted")]
    counts += [("", {"state": name}, getattr(summary.counts, name)) for name in COUNT_LABELS]
    yield family("operations", "gauge", "Operations of the run by what became of them.", counts)
    yield family("throughput", "gauge", "Completed operations per second.", [("", {}, summary.throughput_per_s)])
    yield family("error_ratio", "gauge", "Operations that did not complete.", [("", {}, summary.error_ratio)])
    parts = summary.split.sums.means_ms().items()
    yield family(
        "part_mean_seconds",
        "gauge",
        "Mean time of operations by part.",
        [("", {"part": name}, mean / MS_PER_S) for name, mean in parts],
    )
    if summary.audit is not None:
        known = {one.name.lower(): summary.audit.known(one) for one in AuditProblem}
        found: list[Sample] = [("", {"problem": name}, n) for name, n in known.items() if n is not None]
        yield family("audit_operations", "gauge", "Operations that the audit found a problem with.", found)
        yield family("audit_confirmed", "gauge", "Operations that it confirmed.", [("", {}, summary.audit.confirmed)])
    yield from _scenarios(summary, family)
    yield from _gates(report, family)


def _scenarios(summary: RunSummary, family: _Family) -> Iterator[str]:
    """Return families of their own for the scenarios: within those of the run they would be counted twice."""
    named = [({"scenario": name}, one) for name, one in summary.scenarios.items()]
    ends = ("started", "accepted", *COUNT_LABELS)
    counts = [("", {**label, "state": end}, getattr(one.counts, end)) for label, one in named for end in ends]
    yield family("scenario_operations", "gauge", "Operations of a scenario by what became of them.", counts)
    rates = [("", label, one.throughput_per_s) for label, one in named]
    yield family("scenario_throughput", "gauge", "Completed operations of a scenario per second.", rates)
    completion = [
        (suffix, {**label, **labels}, value)
        for label, one in named
        for suffix, labels, value in _quantiles(one.latencies_ms["completion_ms"], MS_PER_S)
    ]
    yield family(
        "scenario_completion_seconds", "summary", "Completion of a scenario's operations in seconds.", completion
    )


def _gates(report: Report, family: _Family) -> Iterator[str]:
    results = report.results
    limits: list[Sample] = [("", {"gate": one.gate.name}, one.gate.limit) for one in results]
    measured: list[Sample] = [("", {"gate": one.gate.name}, one.measured) for one in results]
    passed: list[Sample] = [("", {"gate": one.gate.name}, one.passed) for one in results if one.is_measured]
    unknown: list[Sample] = [("", {"gate": one.gate.name}, not one.is_measured) for one in results]
    yield family("gate_limit", "gauge", "What is allowed, in the unit of the gates file.", limits)
    yield family("gate_measured", "gauge", "What was measured, in the unit of the gates file.", measured)
    yield family("gate_passed", "gauge", "Whether the gate holds.", passed)
    yield family("gate_not_measured", "gauge", "Whether the service does not give what the gate is about.", unknown)
    verdicts: list[Sample] = [("", {"verdict": one.name.lower()}, report.verdict is one) for one in Verdict]
    yield family("verdict", "gauge", "1 for the run's verdict, 0 for the others.", verdicts)


def _quantiles(histogram: Histogram, per_unit: int) -> list[Sample]:
    samples: list[Sample] = [
        ("", {"quantile": f"{percent / 100:g}"}, _scaled(histogram.percentile(percent), per_unit))
        for percent in (*PERCENTILES, 100.0)
    ]
    mean = histogram.mean or 0.0
    return [*samples, ("_count", {}, histogram.count), ("_sum", {}, mean * histogram.count / per_unit)]


def _scaled(value: float | None, per_unit: int) -> float | None:
    return None if value is None else value / per_unit


class _Writer:
    """Writes families of metrics with the label that all of them have."""

    def __init__(self, target: str) -> None:
        self._target = target

    def family(self, name: str, kind: str, help_text: str, samples: Iterable[Sample]) -> str:
        """Return a family, or nothing if all its samples lack a value."""
        full = f"{PREFIX}_{name}"
        lines = [
            f"{full}{suffix}{self._labels(labels)} {float(value):.10g}"
            for suffix, labels, value in samples
            if value is not None
        ]
        return "\n".join([f"# HELP {full} {help_text}", f"# TYPE {full} {kind}", *lines, ""]) if lines else ""

    def _labels(self, labels: dict[str, str]) -> str:
        pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in {"target": self._target, **labels}.items())
        return f"{{{pairs}}}"


def _escaped(value: str) -> str:
    return shown_lines(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
