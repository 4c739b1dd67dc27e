"""The report for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from durable_harness.gate.audit import OURS
from durable_harness.gate.gates import no_audit_sentence
from durable_harness.gate.paths import PathsAt, side_by_side
from durable_harness.gate.report.model import (
    COMPLETION_ORIGIN,
    PERCENTILES,
    Report,
    actions_sentence,
    clock_rows,
    cost_rows,
    histogram_rows,
    limit_text,
    not_measurable_rows,
    number,
    path_findings,
    shown_counts,
    span_text,
    split_rows,
    split_sentence,
    with_unit,
)
from durable_harness.gate.report.scenarios import scenario_table, shown_scenarios, whose
from durable_harness.gate.report.who import TITLE, who_lines
from durable_harness.gate.stuck import StuckOperation
from durable_harness.gate.summary import FailureReason, RunSummary
from durable_harness.terminal.tables import aligned
from durable_harness.wording.foreign_text import shown_lines

REASONS_SHOWN = 10
BAR_CHARS = 30
FINDINGS_SHOWN = 10
LEAST_SHARE = 0.005
"""Parts of critical paths below this share of each percentile are in the JSON and HTML reports only."""


def render_text(report: Report) -> str:
    """Return the report as lines of text: a reader of a terminal begins at its end, with the verdict and the reason."""
    blocks = [
        _heading(report),
        _counts(report.summary),
        _scenarios(report.summary),
        _latencies(report),
        _clocks(report.summary),
        _costs(report.summary),
        _split(report.summary),
        _paths(report.summary),
        _who(report),
        _notes(report.summary),
        _audit(report.summary),
        _gates(report),
        _reasons(report.summary),
        _stuck(report.summary),
        _traces(report.summary),
        [f"{report.verdict.upper()}: {report.verdict_sentence}"],
    ]
    return shown_lines("\n\n".join("\n".join(block) for block in blocks if block) + "\n")


def _heading(report: Report) -> list[str]:
    scenarios = f" by {', '.join(report.scenarios)}" if report.scenarios else ""
    return [f"Load on {report.target or 'an unnamed target'}{scenarios}, {span_text(report.summary)}"]


def _counts(summary: RunSummary) -> list[str]:
    counts, rate = summary.counts, summary.throughput_per_s
    ended = "   ".join(f"{label} {value:,}" for label, value in shown_counts(counts).items())
    speed = "" if rate is None else f"   ({number(rate)} completed/s)"
    return [f"started {counts.started:,}   accepted {counts.accepted:,}{speed}", ended]


def _scenarios(summary: RunSummary) -> list[str]:
    table = scenario_table(summary)
    return ["By scenario, with completion times in ms:", *_table(table)] if table else []


def _latencies(report: Report) -> list[str]:
    rows = [["", "count", "mean", *(f"p{percent:g}" for percent in PERCENTILES), "max"]]
    origin = report.settings.get(COMPLETION_ORIGIN)
    unknown = [f"{labels}: {reason}" for labels, reason in not_measurable_rows(report.summary)]
    lines = [*unknown, *([f"{COMPLETION_ORIGIN} {origin}"] if origin else [])]
    return [*_table(rows + histogram_rows(report.summary)), *lines]


def _clocks(summary: RunSummary) -> list[str]:
    rows = [[f"  {clock}", labels] for clock, labels in clock_rows(summary)]
    return ["Clocks:", *_table(rows, left=(0, 1))] if rows else []


def _costs(summary: RunSummary) -> list[str]:
    sentence, rows = actions_sentence(summary), cost_rows(summary)
    if not rows:
        return [sentence] if sentence else []
    heads = ["an operation costs", "count", "mean", *(f"p{percent:g}" for percent in PERCENTILES), "max"]
    return [*_table([heads, *rows]), sentence]


def _split(summary: RunSummary) -> list[str]:
    if not summary.split.sums.count:
        return []
    bars = [
        [f"  {label}", f"{number(mean_ms)} ms", f"{share:.0%}", "█" * round(share * BAR_CHARS)]
        for label, mean_ms, share in split_rows(summary.split)
    ]
    sentence = [f"  {part}" for part in split_sentence(summary.split).split("; ")]
    return ["Where the time went, on average:", *_table(bars, left=(0, 3)), *sentence]


def _paths(summary: RunSummary) -> list[str]:
    blocks = [_paths_of(name, one) for name, one in summary.scenarios.items()]
    lines = [line for block in blocks if block for line in ("", *block)]
    return lines[1:]


def _paths_of(name: str, summary: RunSummary) -> list[str]:
    """Show the parts of the critical paths near each percentile side by side, and the bottleneck of the slow ones."""
    shown = side_by_side(summary.paths)
    if not shown.columns:
        return [f"Where the slow ones spent it ({name}): {summary.paths[0].unknown}"] if summary.paths else []
    heads = [f"Where the slow ones spent it ({name}):", *(cell for one in shown.columns for cell in _path_head(one))]
    rows = [
        [f"  {label}", *(cell for one in shown.columns for cell in _path_cell(one, part))]
        for part, label in shown.rows
        if any(one.share(part) >= LEAST_SHARE for one in shown.columns)
    ]
    return [*_table([heads, *rows]), *(f"  -> {text}" for text in path_findings(summary.paths))]


def _who(report: Report) -> list[str]:
    lines = who_lines(report)
    return [f"{TITLE}:", *(f"  {line}" for line in lines)] if lines else []


def _path_head(paths: PathsAt) -> tuple[str, str]:
    return f"near p{paths.percentile}, {number(paths.completion_ms)} ms", f"of {paths.operations}"


def _path_cell(paths: PathsAt, part: str) -> tuple[str, str]:
    mean_ms = paths.means_ms.get(part)
    return ("-", "") if mean_ms is None else (f"{number(mean_ms)} ms", f"{paths.share(part):.0%}")


def _reasons(summary: RunSummary) -> list[str]:
    if not summary.reasons:
        return []
    shown = [
        line
        for reason in summary.reasons[:REASONS_SHOWN]
        for line in (
            f"  {reason.count:>6,} x {reason.reason}{_whose(reason, summary)}",
            *([f"           such as {reason.example}"] if reason.example else ()),
        )
    ]
    hidden = len(summary.reasons) - REASONS_SHOWN
    more = [f"  and {hidden} more reasons, in the JSON and HTML reports"] if hidden > 0 else []
    return ["Why operations did not complete:", *shown, *more]


def _stuck(summary: RunSummary) -> list[str]:
    lines = [f"  {one.sentence}{_scenario_of(one, summary)}" for one in summary.stuck]
    return ["Stuck, and what each waits for:", *lines] if lines else []


def _traces(summary: RunSummary) -> list[str]:
    lines = [f"  {one.file}   {one.sentence}" for one in summary.traces]
    return ["Pages of what went wrong, beside the report:", *lines] if lines else []


def _scenario_of(one: StuckOperation, summary: RunSummary) -> str:
    return f" ({one.scenario})" if one.scenario and shown_scenarios(summary) else ""


def _whose(reason: FailureReason, summary: RunSummary) -> str:
    scenarios = whose(reason, summary)
    return f" ({scenarios})" if scenarios else ""


def _audit(summary: RunSummary) -> list[str]:
    audit = summary.audit
    if audit is None:
        return [f"Audit: {no_audit_sentence(summary.no_audit)}"] if summary.no_audit else []
    ours = [finding for finding in audit.findings if finding.problem in OURS]
    shown = [
        f"  {finding.problem}: {finding.instance_id}{' ' if finding.detail else ''}{finding.detail}"
        for finding in ours[:FINDINGS_SHOWN]
    ]
    hidden = sum(count for problem, count in audit.counts.items() if problem in OURS) - len(shown)
    more = [f"  and {hidden:,} more; examples of each are in the JSON and HTML reports"] if hidden > 0 else []
    incomplete = [f"  The audit is incomplete: {audit.incomplete}"] if audit.incomplete else []
    unknown = [f"  Not checked: {audit.not_checked_sentence}"] if audit.not_checked else []
    return [f"Audit: {audit.sentence}", *incomplete, *unknown, *shown, *more]


def _gates(report: Report) -> list[str]:
    rows = [
        [
            result.gate.name,
            limit_text(result.gate),
            with_unit(result.measured, result.gate),
            report.gate_word(result),
            f"({result.note})" if result.note else "",
        ]
        for result in report.results
    ]
    return _table([["gate", "limit", "measured", "verdict", ""], *rows], left=(0, 3, 4)) if rows else []


def _notes(summary: RunSummary) -> list[str]:
    return [f"note: {note}" for note in summary.notes]


def _table(rows: Sequence[Sequence[str]], left: tuple[int, ...] = (0,)) -> list[str]:
    """Align columns: those in `left` to the left, the others to the right, as figures want."""
    return aligned(rows, right=[column for column in range(len(rows[0])) if column not in left])
