"""The report for a CI system's summary page, as GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from durable_harness.gate.gates import GateResult, Outcome, no_audit_sentence
from durable_harness.gate.paths import PathsAt
from durable_harness.gate.reasons import reason_text
from durable_harness.gate.report.model import (
    NOT_JUDGED,
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
from durable_harness.gate.summary import RunSummary
from durable_harness.gate.verdict import Verdict
from durable_harness.wording.foreign_text import shown_lines

MARKS = {
    Verdict.PASSED: "✅",
    Verdict.FAILED: "❌",
    Verdict.INVALID: "⚠️",
    Verdict.INTERRUPTED: "⏹️",
    Verdict.UNJUDGED: "📊",
}
GATE_MARKS = {Outcome.PASSED: "✅", Outcome.FAILED: "❌", Outcome.NOT_MEASURED: "⚠️"}
UNJUDGED_MARK = "⚪"
REASONS_SHOWN = 10
PARTS_SHOWN = 3
"""Of each percentile's critical paths, the largest; the others are in the HTML and JSON reports."""
SPECIAL = re.compile(r"[\\`*\[\]<>|#]|(?<![^\W_])_|_(?![^\W_])")
"""What could be markup. An underscore between letters or digits is not markup: names are to be read, and copied."""


def render_markdown(report: Report) -> str:
    """Return the verdict, why, the gates, the latencies and what else a reviewer wants to see first."""
    blocks = [
        _heading(report),
        _facts(report),
        _reasons(report),
        _stuck(report),
        _traces(report),
        _gates(report),
        _scenarios(report),
        _latencies(report),
        _costs(report),
        _split(report),
        _who(report),
        _paths(report),
        _audit(report),
        "\n".join(f"> {_text(note)}" for note in report.summary.notes),
    ]
    return shown_lines("\n\n".join(block for block in blocks if block) + "\n")


def _heading(report: Report) -> str:
    """Show the verdict and its reason, on one line unless there may be many reasons."""
    heading = f"### {MARKS[report.verdict]} Load run {report.verdict}"
    separator = "\n\n" if report.verdict is Verdict.INVALID else ": "
    return f"{heading}{separator}{_text(report.verdict_sentence)}"


def _facts(report: Report) -> str:
    summary = report.summary
    ended = ", ".join(f"{value:,} {label}" for label, value in shown_counts(summary.counts).items() if value)
    who = f" by {_text(', '.join(report.scenarios))}" if report.scenarios else ""
    rate = number(summary.throughput_per_s)
    return (
        f"{_text(report.target)}{who}: {summary.counts.started:,} operations in {span_text(summary)} "
        f"({rate} completed/s): {ended or 'none ended'}"
    )


def _gates(report: Report) -> str:
    rows = [
        [
            UNJUDGED_MARK if report.gate_word(result) == NOT_JUDGED else GATE_MARKS[result.outcome],
            f"`{result.gate.name}`",
            limit_text(result.gate),
            with_unit(result.measured, result.gate),
            _text(": ".join(filter(None, (_remark(report, result), result.note)))),
        ]
        for result in report.results
    ]
    return _table(["", "gate", "limit", "measured", ""], rows, "clrrl") if rows else ""


def _remark(report: Report, result: GateResult) -> str:
    """Return in words what a mark alone does not show."""
    return report.gate_word(result) if not report.is_judged or not result.is_measured else ""


def _latencies(report: Report) -> str:
    heads = ["", "count", "mean", *(f"p{percent:g}" for percent in PERCENTILES), "max"]
    alignment = "l" + "r" * (len(heads) - 1)
    unknown = [f"{_text(labels)}: {_text(reason)}" for labels, reason in not_measurable_rows(report.summary)]
    clocks = "; ".join(f"{clock}: {labels}" for clock, labels in clock_rows(report.summary))
    table = _table(heads, histogram_rows(report.summary), alignment)
    content = f"{table}\n\nClocks: {_text(clocks)}" if clocks else table
    return "\n\n".join([*unknown, _folded("Latencies", content)])


def _scenarios(report: Report) -> str:
    heads, *rows = scenario_table(report.summary) or [[]]
    return _table(heads, [[_text(row[0]), *row[1:]] for row in rows], "l" + "r" * (len(heads) - 1)) if rows else ""


def _costs(report: Report) -> str:
    sentence, rows = _text(actions_sentence(report.summary)), cost_rows(report.summary)
    if not rows:
        return sentence
    heads = ["", "count", "mean", *(f"p{percent:g}" for percent in PERCENTILES), "max"]
    return f"{sentence}\n\n" + _folded("What an operation costs", _table(heads, rows, "l" + "r" * (len(heads) - 1)))


def _split(report: Report) -> str:
    split = report.summary.split
    if not split.sums.count:
        return ""
    parts = ", ".join(f"{label} {number(mean)} ms ({share:.0%})" for label, mean, share in split_rows(split))
    return f"Where the time went, on average: {parts}. {split_sentence(split)}."


def _who(report: Report) -> str:
    lines = "\n".join(f"- {_text(line)}" for line in who_lines(report))
    return f"{TITLE}:\n\n{lines}" if lines else ""


def _audit(report: Report) -> str:
    audit = report.summary.audit
    if audit is None and report.summary.no_audit:
        return f"⚪ Audit: {_text(no_audit_sentence(report.summary.no_audit))}"
    if audit is None:
        return ""
    mark = "✅" if audit.is_clean else "⚠️"
    incomplete = f" **Incomplete: {_text(audit.incomplete)}**" if audit.incomplete else ""
    unknown = f" Not checked: {_text(audit.not_checked_sentence)}" if audit.not_checked else ""
    return f"{mark} Audit: {_text(audit.sentence)}{incomplete}{unknown}"


def _reasons(report: Report) -> str:
    reasons = report.summary.reasons[:REASONS_SHOWN]
    rows = [
        [f"{reason.count:,}", reason.state, _text(reason_text(reason)), _text(whose(reason, report.summary))]
        for reason in reasons
    ]
    heads = ["count", "ended as", "reason", "scenarios"]
    # Without a second scenario the last column would repeat the whole.
    width = 4 if shown_scenarios(report.summary) else 3
    table = _table(heads[:width], [row[:width] for row in rows], "rlll"[:width])
    return f"Why operations did not complete:\n\n{table}" if rows else ""


def _stuck(report: Report) -> str:
    lines = [f"- {_text(one.sentence)}" for one in report.summary.stuck]
    return "\n".join(["Stuck, and what each waits for:", "", *lines]) if lines else ""


def _traces(report: Report) -> str:
    lines = [f"- `{one.file}`, {_text(one.sentence)}" for one in report.summary.traces]
    return "\n".join(["Their pages, beside the report:", "", *lines]) if lines else ""


def _paths(report: Report) -> str:
    """Return for each scenario what its slowest operations spent most time on, and their bottleneck."""
    lines = [line for name, one in report.summary.scenarios.items() for line in _paths_of(name, one)]
    return "\n".join(["Where the slow ones spent it:", "", *lines]) if lines else ""


def _paths_of(name: str, summary: RunSummary) -> list[str]:
    known = [
        f"- {_text(name)}, near p{one.percentile} ({number(one.completion_ms)} ms, {_how_many(one)}):"
        f" {_text(_largest(one))}"
        for one in summary.paths
        if one.parts
    ]
    return [*known, *(f"- {_text(name)}, {_text(finding)}" for finding in path_findings(summary.paths))]


def _how_many(paths: PathsAt) -> str:
    return "1 operation" if paths.operations == 1 else f"mean of {paths.operations}"


def _largest(paths: PathsAt) -> str:
    parts = [f"{part.label} {number(part.mean_ms)} ms ({paths.share(part.name):.0%})" for part in paths.parts]
    return ", ".join(parts[:PARTS_SHOWN])


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], alignment: str) -> str:
    rule = [{"l": ":--", "c": ":-:", "r": "--:"}[letter] for letter in alignment]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, rule, *rows])


def _text(words: str) -> str:
    """Escape text of others, so that it is not read as markup."""
    return SPECIAL.sub(r"\\\g<0>", " ".join(words.splitlines()))
