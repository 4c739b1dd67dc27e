"""Pages of each kind as a run might leave them, with as much on them as there can be, and with hostile names."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from durable_harness.experiments.capacity_report import render_html as capacity_page
from durable_harness.gate import Gate, evaluate
from durable_harness.gate.audit import Audit, AuditFinding, AuditProblem
from durable_harness.gate.comparison.page import render_html as comparison_page
from durable_harness.gate.paths import PathPart, PathsAt
from durable_harness.gate.report import Report, render_html
from durable_harness.gate.stuck import StuckOperation
from durable_harness.gate.trend.report import TrendReport
from durable_harness.gate.trend.report import render_html as trend_page
from durable_harness.gate.trend.run_history import GateLimit, TrendRun, TrendRuns
from durable_harness.gate.usage import GENERATOR, HOST, Usage
from durable_harness.load.results.run_summary import summarize_run
from durable_harness.operations import OperationState
from durable_harness.why import LABELS, Part
from tallies import record, run_of
from test_experiment_pages import compared, result, searched, trial

HOSTILE = '<b onclick="x()">\u202eevil</b>\ud800<script>document.title = "changed"</script>' + "x" * 120
GATES = (
    Gate("completion_ms", "p99", 2000, unit="ms"),
    Gate("server_completion_ms", "p95", 900, unit="ms"),
    Gate("operations", "error_ratio", 0.01),
    Gate("operations", "throughput_per_s", 5, "at least", "/s"),
    Gate("audit", "stuck", 0),
    Gate("completion_ms", "p95", 1500, unit="ms", scenario="Steady"),
)
FAILING = (OperationState.FAILED, OperationState.TIMED_OUT, OperationState.REFUSED, OperationState.WRONG_OUTPUT)


def load_report(name="Steady", words="the activity raised ValueError: no such order"):
    """Make the report of a run of two scenarios with everything that a report can have."""
    summary = summarize_run(
        run_of(*(_operation(number, name, words) for number in range(600))),
        notes=[f"a note on {words}"],
        audit=Audit(
            "by a paged query",
            accepted=560,
            confirmed=557,
            counts={AuditProblem.STUCK: 3},
            findings=(
                AuditFinding(AuditProblem.STUCK, f"0123456789abcdef0123456789abcdef{name}", "token", words, name),
            ),
        ),
        paths={name: _paths(words)},
        stuck=(StuckOperation("0123456789abcdef", name, words, "running", ("an external event: none has come",)),),
        usage=usage(),
    )
    settings = {"app": words, "rate": "10"}
    return Report(summary, evaluate(GATES, summary), f"http://{words}", (name, "Burst"), settings, "gates.toml")


def usage():
    """Make the CPU and memory of a generator and a host over a minute."""
    made = Usage()
    for second in range(60):
        at = 1_000_100.0 + second
        made.note(GENERATOR, at, at + 1, 0.2 + 0.1 * math.sin(second), 150_000_000 + 100_000 * second)
        made.note(HOST, at, at + 1, 0.8, 300_000_000)
    return made


def _operation(number, name, words):
    state = FAILING[number // 20 % 4] if number % 20 == 0 else OperationState.COMPLETED
    sent = 100.0 + number / 10
    lasted = 0.4 + (number * 7919 % 100) / 100 + (3 if number % 50 == 0 else 0)
    return record(
        state,
        intended=sent,
        sent=sent,
        accepted=None if state is OperationState.REFUSED else sent + 0.01,
        seen=None if state in {OperationState.REFUSED, OperationState.TIMED_OUT} else sent + lasted,
        ended=sent + lasted,
        error=None if state is OperationState.COMPLETED else f"{state}: {words}",
        scenario=name if number % 3 else "Burst",
        server_created_epoch_s=1_000_000 + sent + 0.005,
        server_running_epoch_s=1_000_000 + sent + 0.05,
        server_updated_epoch_s=1_000_000 + sent + lasted - 0.1,
        instance_id=f"instance{number}",
        phase=record().phase,
    )


def _paths(words):
    parts = tuple(PathPart(part.value, LABELS[part], 400.0 - 15 * number) for number, part in enumerate(Part))
    whole = sum(part.mean_ms for part in parts)
    return (
        PathsAt(50, whole, 9, parts),
        PathsAt(99, whole, 9, parts, (f"71 % waits for a thread: 4 synchronous activities at once in {words}",)),
    )


def report_html(*words):
    """Return the page of a load run, its scenarios unfolded."""
    return render_html(load_report(*words)).replace("<details>", "<details open>")


def comparison_html(words="def"):
    """Return the page of a comparison of two figures."""
    pairs = [1 + 0.02 * math.sin(number) for number in range(40)]
    return comparison_page(compared(result(*pairs), result(*pairs, is_judged=False), head=words))


def capacity_html(words="an app"):
    """Return the page of a search for capacity."""
    trials = (trial(5, met=True), trial(20, met=False), trial(10, met=False, valid=False), trial(8, met=True))
    named = [replace(one, trial=replace(one.trial, why=one.trial.why and words)) for one in trials]
    return capacity_page(replace(searched(*named, lower=8, upper=10), target=words, saturated=words))


def trend_html(words="Steady"):
    """Return the page of thirty runs, in which one figure changed."""
    return trend_page(trend_report(words))


def trend_report(words="Steady"):
    """Make the report of thirty runs, in which one figure changed."""
    return TrendReport.of(TrendRuns(tuple(_run(number, words) for number in range(30)), (words,)))


def _run(number, words):
    level = 500.0 if number < 15 else 700.0
    figures = {
        "completion_ms p95": level + number % 5,
        f"{words} completion_ms p99": 9 * level,
        "operations error_ratio": 0.0,
    }
    started_at = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=number)
    units = {"completion_ms p95": "ms", f"{words} completion_ms p99": "ms"}
    limits = {"completion_ms p95": GateLimit(900.0, "at most")}
    verdict = "invalid" if number == 7 else "passed"
    return TrendRun(Path("runs") / f"run-{number}{words[:20]}", started_at, verdict, (words,), figures, units, limits)


def refused_html(words="404"):
    """Return the page of a run whose starts were all refused, which has no latencies."""
    refused = [_operation(number, "Steady", words) for number in range(120, 140)]
    for one in refused:
        one.state, one.accepted, one.seen = OperationState.REFUSED, None, None
        one.scenario, one.error = words, f"start refused: {words}"
    summary = summarize_run(run_of(*refused), usage=usage())
    return render_html(Report(summary, evaluate(GATES[:4], summary), "http://host", (words,)))


PAGES = {
    "report": report_html,
    "refused": refused_html,
    "comparison": comparison_html,
    "capacity": capacity_html,
    "trend": trend_html,
}
