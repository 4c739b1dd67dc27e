"""The report for a browser: one file, nothing fetched, light and dark."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from urllib.parse import quote, urlsplit

from durable_harness.gate.gates import GateResult, Outcome, no_audit_sentence
from durable_harness.gate.histogram import Histogram
from durable_harness.gate.report.breakdown import paths_breakdown, paths_of_run, split_breakdown
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
    share_of_limit,
    shown_counts,
    span_text,
    with_unit,
)
from durable_harness.gate.report.report_plots import (
    arrivals_and_completions,
    distribution,
    errors_over_time,
    in_flight,
    latency_over_time,
    percentile_curves,
    split_over_time,
)
from durable_harness.gate.report.resources import cpu_over_time, memory_over_time
from durable_harness.gate.report.scenarios import report_of, scenario_table, shown_scenarios, whose
from durable_harness.gate.report.who import LEAD, TITLE, who_html
from durable_harness.gate.summary import FailureReason, RunSummary
from durable_harness.web.parts import bullets, facts, heading, page, pair, section, table, tiles, verdict, with_example

_HEADS = ["", "count", "mean", *(f"p{percent:g}" for percent in PERCENTILES), "max"]
GATE_CLASSES = {Outcome.PASSED: "pass", Outcome.FAILED: "fail", Outcome.NOT_MEASURED: "odd"}
MOST_SHARE = 10.0
"""By how many times a limit is exceeded is in the figures beside it."""
REASONS_SHOWN = 5
"""The others are folded."""
UNJUDGED_CLASS = "muted"
PATHS = "The critical paths of operations near the percentiles of completion, by the scheduler's own times."
SLOWEST = "The slowest share the last bar."
OVER_TIME = "Of the operations that ended in each slice of time; point at it for its figures."


def render_html(report: Report) -> str:
    """Return the report as a self-contained HTML page."""
    summary = report.summary
    sections = [
        _heading(report),
        section("Why operations did not complete", _why(summary)),
        _tiles(summary),
        section("Gates", _gates(report), "Each gate is one limit on one figure of the run."),
        section(TITLE, who_html(report), LEAD),
        section("Where the slow ones spent it", paths_of_run(summary), PATHS),
        section("By scenario", _scenarios(report), "Completion times, in milliseconds; open a scenario for its plots."),
        section("Completion over time", latency_over_time(report), OVER_TIME),
        pair(
            section("Completion times", distribution(report, "completion_ms"), SLOWEST),
            section("Execution times", distribution(report, "execution_ms"), SLOWEST),
            section("Latencies by percentile", percentile_curves(report), "Each step to the right is one nine more."),
            section("Errors over time", errors_over_time(report), "Operations that did not complete, when they ended."),
            section("Where the time went", split_breakdown(summary.split)),
            section("Where the time went, over time", _split_over_time(report), "Mean of the operations that ended."),
            section(
                "Arrivals and completions",
                arrivals_and_completions(report),
                "Falling behind means saturated.",
            ),
            section("In flight", in_flight(report), "Started and not ended; what polling has to follow."),
            section("CPU over time", cpu_over_time(report), "Of the processes that this machine started for the run."),
            section("Memory over time", memory_over_time(report), "Resident; what processes share counts in each."),
        ),
        section("Latencies", _latencies(summary), "Milliseconds; all measured operations of all processes."),
        section("What an operation costs", _costs(summary), "In whole numbers, which do not depend on the machine."),
        section("How operations ended", _counts(summary)),
        section("Audit", _audit(summary), "What the server reported of each operation afterwards."),
        section("Notes", _notes(summary)),
        section("Settings", _settings(report)),
    ]
    return page(f"Load run: {report.verdict}", sections)


def _heading(report: Report) -> str:
    when = report.started_at.strftime("%Y-%m-%d %H:%M:%S UTC") if report.started_at else "nothing was started"
    scenarios = f" · {', '.join(report.scenarios)}" if report.scenarios else ""
    lead = f"{report.target}{scenarios} · {when} · {span_text(report.summary)}"
    return heading("Load run", lead) + verdict(
        report.verdict, report.verdict_sentence, report.verdict.value.split(maxsplit=1)[0]
    )


def _tiles(summary: RunSummary) -> str:
    # Where nothing has completed the times are those of operations that failed or timed out.
    completion = summary.latencies_ms["completion_ms"] if summary.counts.completed else Histogram()
    ratio = summary.error_ratio
    audit = summary.audit
    shown = {
        "started": f"{summary.counts.started:,}",
        "completed": f"{summary.counts.completed:,}",
        "completed / s": number(summary.throughput_per_s),
        "did not complete": "-" if ratio is None else f"{ratio:.2%}",
        "completion p50": _ms(completion.percentile(50)),
        "completion p95": _ms(completion.percentile(95)),
        "completion p99": _ms(completion.percentile(99)),
        **({} if audit is None else {"audit confirmed": f"{audit.confirmed / audit.accepted:.2%}"}),
    }
    return tiles(shown)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{number(value)} ms"


def _gates(report: Report) -> str:
    rows = [
        [
            _gate_name(result),
            _gate_word(report, result),
            escape(limit_text(result.gate)),
            escape(with_unit(result.measured, result.gate)),
            _meter(result, is_judged=report.is_judged),
        ]
        for result in report.results
    ]
    return table(["gate", "verdict", "limit", "measured", "of the limit"], rows, css_class="gates") if rows else ""


def _gate_name(result: GateResult) -> str:
    note = f'<br><span class="muted">{escape(result.note)}</span>' if result.note else ""
    return f"{escape(result.gate.name)}{note}"


def _gate_word(report: Report, result: GateResult) -> str:
    word = report.gate_word(result)
    css_class = UNJUDGED_CLASS if word == NOT_JUDGED else GATE_CLASSES[result.outcome]
    return f'<span class="{css_class}">{word}</span>'


def _meter(result: GateResult, *, is_judged: bool) -> str:
    """Show how much of its limit a figure uses up."""
    share = share_of_limit(result)
    if share is None:
        return ""
    css_class = "use over" if is_judged and result.failed else "use"
    words = f"{share:.0%}" if share < MOST_SHARE else f"over {MOST_SHARE:.0%}"
    return f'<span class="{css_class}" style="--share: {min(share, 1):.0%}"></span><span class="share">{words}</span>'


def _scenarios(report: Report) -> str:
    heads, *rows = scenario_table(report.summary) or [[]]
    if not rows:
        return ""
    shown = table(heads, [[escape(cell) for cell in row] for row in rows])
    return shown + "".join(_scenario(name, report_of(report, name)) for name in report.summary.scenarios)


def _scenario(name: str, report: Report) -> str:
    """Show the results of one scenario, folded."""
    summary = report.summary
    sections = (
        section("Why operations did not complete", _why(summary)),
        section("Gates", _gates(report)),
        section("Where the slow ones spent it", paths_breakdown(name, summary)),
        section("Completion over time", latency_over_time(report)),
        pair(
            section("Completion times", distribution(report, "completion_ms"), SLOWEST),
            section("Execution times", distribution(report, "execution_ms"), SLOWEST),
            section("Latencies by percentile", percentile_curves(report)),
            section("Errors over time", errors_over_time(report)),
        ),
        section("Where the time went", split_breakdown(summary.split)),
        section("Latencies", _latencies(summary)),
        section("What an operation costs", _costs(summary)),
        section("How operations ended", _counts(summary)),
        section("Audit", _audit(summary)),
    )
    return f"<details><summary>{escape(name)}</summary>{''.join(filter(None, sections))}</details>"


def _split_over_time(report: Report) -> str:
    return split_over_time(report) if report.summary.split.sums.count else ""


def _latencies(summary: RunSummary) -> str:
    unknown = "".join(
        f'<p class="muted lead">{escape(labels)}: {escape(reason)}</p>'
        for labels, reason in not_measurable_rows(summary)
    )
    return table(_HEADS, histogram_rows(summary)) + unknown + _clocks(summary)


def _clocks(summary: RunSummary) -> str:
    rows = dict(clock_rows(summary))
    return f'<h2 class="clocks">Clocks</h2>{facts(rows)}' if rows else ""


def _costs(summary: RunSummary) -> str:
    sentence, rows = actions_sentence(summary), cost_rows(summary)
    words = f'<p class="muted lead">{escape(sentence)}</p>' if sentence else ""
    return (table(_HEADS, rows) if rows else "") + words


def _counts(summary: RunSummary) -> str:
    counts = {"started": summary.counts.started, "accepted": summary.counts.accepted, **shown_counts(summary.counts)}
    return table(list(counts), [[f"{value:,}" for value in counts.values()]])


def _why(summary: RunSummary) -> str:
    stuck = [f"{one.sentence}{f' ({one.scenario})' if shown_scenarios(summary) else ''}" for one in summary.stuck]
    words = '<p class="bar-title">Stuck, and what each waits for:</p>' if stuck else ""
    shown, more = summary.reasons[:REASONS_SHOWN], summary.reasons[REASONS_SHOWN:]
    rest = f"<details><summary>{len(more)} more reasons</summary>{_reasons(more, summary)}</details>" if more else ""
    return _reasons(shown, summary) + words + bullets(stuck) + rest + _traces(summary)


def _traces(summary: RunSummary) -> str:
    """Link to the pages of single operations, and to where a host that still runs shows them."""
    items = "".join(
        f'<li><a href="{escape(quote(one.file))}">{escape(one.sentence)}</a>{_dashboard_link(one.dashboard_url)}</li>'
        for one in summary.traces
    )
    return f'<p class="bar-title">What went wrong, each on its own page:</p><ul>{items}</ul>' if items else ""


def _dashboard_link(url: str) -> str:
    """Return a link to a dashboard, unless a host gave something else for one."""
    return f' (<a href="{escape(url)}">on the dashboard</a>)' if urlsplit(url).scheme in {"http", "https"} else ""


def _reasons(reasons: Iterable[FailureReason], summary: RunSummary) -> str:
    rows = [
        [
            f"{reason.count:,}",
            escape(reason.state),
            with_example(reason.reason, reason.example),
            escape(whose(reason, summary)),
        ]
        for reason in reasons
    ]
    width = 4 if shown_scenarios(summary) else 3
    heads = ["count", "ended as", "reason", "scenarios"][:width]
    return table(heads, [row[:width] for row in rows], words=(2, 3)) if rows else ""


def _audit(summary: RunSummary) -> str:
    audit = summary.audit
    if audit is None:
        return f"<p>{escape(no_audit_sentence(summary.no_audit))}</p>" if summary.no_audit else ""
    incomplete = f'<p class="fail">Incomplete: {escape(audit.incomplete)}</p>' if audit.incomplete else ""
    rows = [
        [escape(finding.problem), escape(finding.instance_id), escape(finding.detail), escape(finding.token)]
        for finding in audit.findings
    ]
    found = table(["problem", "instance id", "detail", "token"], rows, words=(1, 2, 3)) if rows else ""
    unknown = f"<p>Not checked: {escape(audit.not_checked_sentence)}</p>" if audit.not_checked else ""
    return f"<p>{escape(audit.sentence)}</p>{incomplete}{unknown}{found}"


def _notes(summary: RunSummary) -> str:
    return bullets(summary.notes)


def _settings(report: Report) -> str:
    return facts({**report.settings, **({"gates file": report.gates_file} if report.gates_file else {})})
