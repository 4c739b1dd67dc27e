"""Judge a run: each gate is one limit on one figure. Pure functions over a RunSummary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from durable_harness.gate.audit import AuditProblem
from durable_harness.gate.measurable import AUDIT, SERVER_SIDE, UNKNOWN, remedy
from durable_harness.gate.summary import RunSummary

Bound = Literal["at most", "at least"]
MEAN = "mean"
NO_PART = "the scenario took no part in the run"


@dataclass(frozen=True, slots=True)
class Gate:
    """A limit on one figure of a run."""

    metric: str
    """A latency by its name in RunSummary.latencies_ms, `polls_per_operation`, a cost by its name in COSTS,
    `operations` or `audit`."""
    statistic: str
    """`p95`, `max`, … of a latency, the polls or a cost, `mean` of the polls or a cost;
    `error_ratio`, `lost`, `throughput_per_s`, … of the operations."""
    limit: float
    bound: Bound = "at most"
    unit: str = ""
    scenario: str = ""
    """The scenario of the limit; empty for the whole run."""

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.scenario, self.metric, self.statistic)))

    def figures_of(self, run: RunSummary) -> RunSummary | None:
        """Return the figures that it limits; None if its scenario took no part in the run."""
        return run.scenarios.get(self.scenario) if self.scenario else run


class Outcome(StrEnum):
    """The outcome of a gate."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_MEASURED = "not measured"
    """The service does not report the gate's figure: the gate neither holds nor fails, and the run proves nothing."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate's verdict. `measured` is None if there was nothing to measure."""

    gate: Gate
    measured: float | None
    outcome: Outcome
    note: str = ""

    @property
    def passed(self) -> bool:
        return self.outcome is Outcome.PASSED

    @property
    def failed(self) -> bool:
        return self.outcome is Outcome.FAILED

    @property
    def is_measured(self) -> bool:
        return self.outcome is not Outcome.NOT_MEASURED


def evaluate(gates: Iterable[Gate], summary: RunSummary) -> tuple[GateResult, ...]:
    """Judge every gate, in the given order."""
    return tuple(_judged(gate, summary) for gate in gates)


def gates_of(scenarios: Iterable[str], gates: Iterable[Gate]) -> tuple[Gate, ...]:
    """Return the gates that apply to a run of these scenarios."""
    taking_part = {"", *scenarios}
    return tuple(gate for gate in gates if gate.scenario in taking_part)


def left_out(scenarios: Iterable[str], gates: Iterable[Gate]) -> list[str]:
    """Return a reason for each scenario that has gates and takes no part in the run."""
    absent = {gate.scenario for gate in gates} - {"", *scenarios}
    return [f"the gates of {name} are left out: it takes no part in this run" for name in sorted(absent)]


LACKING = "not measured: "
"""How the reason begins why a run is invalid whose figures are good, but for one that a gate is about."""


def not_measured(results: Iterable[GateResult]) -> list[str]:
    """Return which gates were not measured, why, and what would measure them; a sentence for each reason."""
    names: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if not result.is_measured:
            names.setdefault((result.note, remedy(result.gate.metric)), []).append(result.gate.name)
    return [f"{LACKING}{', '.join(gates)} ({why}): {what}" for (why, what), gates in names.items()]


def percent_of(statistic: str) -> float:
    """Return the percent that a latency's statistic stands for: 95.0 for `p95`, 100.0 for `max`."""
    return 100.0 if statistic == "max" else float(statistic.removeprefix("p"))


def _judged(gate: Gate, run: RunSummary) -> GateResult:
    summary = gate.figures_of(run)
    return GateResult(gate, None, Outcome.FAILED, NO_PART) if summary is None else _judge(gate, summary)


def _judge(gate: Gate, summary: RunSummary) -> GateResult:
    if gate.metric == "operations":
        measured, note = _operations_figure(gate.statistic, summary)
    elif gate.metric == AUDIT:
        return _judge_audit(gate, summary)
    else:
        measured, note = _latency_figure(gate, summary)
    if measured is None:
        if gate.metric in SERVER_SIDE and (summary.counts.completed or summary.polls_per_operation.count):
            reason = summary.not_measurable.get(gate.metric, UNKNOWN)
            return GateResult(gate, None, Outcome.NOT_MEASURED, reason)
        return GateResult(gate, None, Outcome.FAILED, note)
    holds = measured <= gate.limit if gate.bound == "at most" else measured >= gate.limit
    return GateResult(gate, measured, Outcome.PASSED if holds else Outcome.FAILED, note)


def _latency_figure(gate: Gate, summary: RunSummary) -> tuple[float | None, str]:
    histogram = summary.histogram(gate.metric)
    if histogram is None or not histogram.count:
        return None, "no samples"
    ended = summary.polls_per_operation.count
    part = f"known of {histogram.count:,} of {ended:,} operations" if histogram.count < ended else ""
    is_partial = gate.metric in SERVER_SIDE and part
    if gate.statistic == MEAN:
        return histogram.mean, part if is_partial else ""
    percent = percent_of(gate.statistic)
    too_few = percent < 100 and histogram.count * (100 - percent) < 100  # noqa: PLR2004 - percents
    notes = [f"the highest of only {histogram.count} samples"] * too_few + [part] * bool(is_partial)
    note = ", ".join(notes)
    return histogram.percentile(percent), note


def _judge_audit(gate: Gate, summary: RunSummary) -> GateResult:
    """Judge what an audit found. A limit that is broken already is; otherwise only a whole audit proves anything."""
    if not summary.counts.accepted:
        return GateResult(gate, None, Outcome.FAILED, "no operation was accepted")
    if summary.audit is None:
        return GateResult(gate, None, Outcome.NOT_MEASURED, no_audit_sentence(summary.no_audit))
    problem = AuditProblem[gate.statistic.upper()]
    found, doubt = summary.audit.count(problem), summary.audit.doubt(problem)
    if found > gate.limit:
        return GateResult(gate, float(found), Outcome.FAILED, f"at least: {doubt}" if doubt else "")
    if doubt:
        return GateResult(gate, None, Outcome.NOT_MEASURED, doubt)
    return GateResult(gate, float(found), Outcome.PASSED, "")


def no_audit_sentence(reason: str) -> str:
    """Return that there was no audit, and why."""
    return f"there was no audit{f': {reason}' if reason else ''}"


def _operations_figure(statistic: str, summary: RunSummary) -> tuple[float | None, str]:
    if not summary.counts.started:
        return None, "no operation was started"
    if statistic == "lost" and not summary.counts.accepted:
        return None, "no operation was accepted"
    figures = {
        "error_ratio": summary.error_ratio,
        "lost": float(summary.lost),
        "unexpected_answers": float(summary.unexpected_answers),
        "throughput_per_s": summary.throughput_per_s,
    }
    return figures[statistic], ""
