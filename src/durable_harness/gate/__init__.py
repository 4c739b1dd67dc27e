"""Thresholds, statistics and reports: the results of a load run, and whether they are good enough."""

from durable_harness.gate.abort_rule import broken_for_good
from durable_harness.gate.gatefile import AbortRule, GateFile, GateFileError, load_gate_file, load_gates
from durable_harness.gate.gates import Gate, GateResult, Outcome, evaluate
from durable_harness.gate.histogram import Histogram
from durable_harness.gate.load_timeline import LoadTimeline
from durable_harness.gate.metrics import COSTS
from durable_harness.gate.split import TimeSplit
from durable_harness.gate.summary import LATENCIES_MS, FailureReason, OutcomeCounts, RunSummary
from durable_harness.gate.verdict import Verdict, verdict_on

__all__ = [
    "COSTS",
    "LATENCIES_MS",
    "AbortRule",
    "FailureReason",
    "Gate",
    "GateFile",
    "GateFileError",
    "GateResult",
    "Histogram",
    "LoadTimeline",
    "Outcome",
    "OutcomeCounts",
    "RunSummary",
    "TimeSplit",
    "Verdict",
    "broken_for_good",
    "evaluate",
    "load_gate_file",
    "load_gates",
    "verdict_on",
]
