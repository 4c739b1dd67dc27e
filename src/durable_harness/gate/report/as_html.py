"""The report for a browser: one file, nothing fetched, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from durable_harness.foreign_text import shown_lines
from durable_harness.gate.gates import GateResult, Outcome, no_audit_sentence
from durable_harness.gate.report.model import (
    NOT_JUDGED,
    PART_LABELS,
    PERCENTILES,
    Report,
    actions_sentence,
    clock_rows,
    cost_rows,
    histogram_rows,
    limit_text,
    not_measurable_rows,
    number,
    shown_counts,
    split_rows,
    split_sentence,
    with_unit,
)
from durable_harness.gate.report.plots import (
    arrivals_and_completions,
    completion_distribution,
    in_flight,
    latency_over_time,
    percentile_curves,
    split_over_time,
)
from durable_harness.gate.report.scenarios import report_of, scenario_table, shown_scenarios, whose
from durable_harness.gate.report.style import STYLE
from durable_harness.gate.split import TimeSplit
from durable_harness.gate.summary import RunSummary

_HEADS = ["", "count", "mean", *(f"p{percent:g}" for percent in PERCENTILES), "max"]
GATE_CLASSES = {Outcome.PASSED: "pass", Outcome.FAILED: "fail", Outcome.NOT_MEASURED: "odd"}
UNJUDGED_CLASS = "muted"
OVER_TIME = "Of the operations that ended in each slice of time; point at it for its figures."


def render_html(report: Report) -> str:
    """Return the report as a self-contained HTML page."""
    summary = report.summary
    sections = [
        _heading(report),
        _tiles(summary),
        _section("Gates", _gates(report), "Each gate is one limit on one figure of the run."),
        _section(
            "By scenario", _scenarios(report), "Completion times, in milliseconds; open a scenario for its plots."
        ),
        _section("Completion over time", latency_over_time(report), OVER_TIME),
        _pair(
            _section("Latencies by percentile", percentile_curves(report), "Each step to the right is one nine more."),
            _section("Completion times", completion_distribution(report), "The slowest share the last bar."),
        ),
        _pair(
            _section("Where the time went", _split(summary.split)),
            _section("Where the time went, over time", _split_over_time(report), "Mean of the operations that ended."),
        ),
        _pair(
            _section(
                "Arrivals and completions",
                arrivals_and_completions(report),
                "Falling behind means saturated.",
            ),
            _section("In flight", in_flight(report), "Started and not ended; what polling has to follow."),
        ),
        _section("Latencies", _latencies(summary), "Milliseconds; all measured operations of all processes."),
        _section("What an operation costs", _costs(summary), "In whole numbers, which do not depend on the machine."),
        _section("How operations ended", _counts(summary)),
        _section("Audit", _audit(summary), "What the server said of each operation afterwards."),
        _section("Why operations did not complete", _reasons(summary)),
        _section("Notes", _notes(summary)),
        _section("Settings", _settings(report)),
    ]
    title = f"Load run: {report.verdict}"
    return shown_lines(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(section for section in sections if section)
        + "\n</main></body></html>\n"
    )


def _section(title: str, content: str, lead: str = "") -> str:
    if not content:
        return ""
    words = f'<p class="muted lead">{escape(lead)}</p>' if lead else ""
    return f"<section><h2>{escape(title)}</h2>{words}{content}</section>"


def _pair(*sections: str) -> str:
    """Put sections beside one another where the page is wide enough."""
    shown = [section for section in sections if section]
    return f'<div class="pair">{"".join(shown)}</div>' if shown else ""


def _heading(report: Report) -> str:
    when = report.started_at.strftime("%Y-%m-%d %H:%M:%S UTC") if report.started_at else "nothing was started"
    scenarios = f" · {', '.join(report.scenarios)}" if report.scenarios else ""
    facts = f"{report.target}{scenarios} · {when} · {report.summary.elapsed_s:.1f} s"
    css_class = report.verdict.value.split()[0]
    return (
        f'<h1>Load run</h1><p class="muted lead">{escape(facts)}</p>'
        f'<p class="verdict {css_class}"><b>{escape(report.verdict)}</b> {escape(report.verdict_sentence)}</p>'
    )


def _tiles(summary: RunSummary) -> str:
    completion = summary.latencies_ms["completion_ms"]
    ratio = summary.error_ratio
    audit = summary.audit
    tiles = {
        "started": f"{summary.counts.started:,}",
        "completed": f"{summary.counts.completed:,}",
        "completed / s": number(summary.throughput_per_s),
        "did not complete": "-" if ratio is None else f"{ratio:.2%}",
        "completion p50": _ms(completion.percentile(50)),
        "completion p95": _ms(completion.percentile(95)),
        "completion p99": _ms(completion.percentile(99)),
        **({} if audit is None else {"audit confirmed": f"{audit.confirmed / audit.accepted:.2%}"}),
    }
    cells = (f'<div class="tile"><span>{label}</span><strong>{value}</strong></div>' for label, value in tiles.items())
    return f'<div class="tiles">{"".join(cells)}</div>'


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{number(value)} ms"


def _gates(report: Report) -> str:
    rows = [
        [
            escape(result.gate.name),
            escape(limit_text(result.gate)),
            escape(with_unit(result.measured, result.gate)),
            _meter(result, is_judged=report.is_judged),
            _gate_word(report, result),
            escape(result.note),
        ]
        for result in report.results
    ]
    heads = ["gate", "limit", "measured", "of the limit", "verdict", ""]
    return _table(heads, rows, words=(len(heads) - 1,)) if rows else ""


def _gate_word(report: Report, result: GateResult) -> str:
    word = report.gate_word(result)
    css_class = UNJUDGED_CLASS if word == NOT_JUDGED else GATE_CLASSES[result.outcome]
    return f'<span class="{css_class}">{word}</span>'


def _meter(result: GateResult, *, is_judged: bool) -> str:
    """Show how much of its limit a figure uses up."""
    if result.measured is None or not result.gate.limit or result.gate.bound == "at least":
        return ""
    share = result.measured / result.gate.limit
    css_class = "use over" if is_judged and result.failed else "use"
    return (
        f'<span class="{css_class}" style="--share: {min(share, 1):.0%}"></span><span class="share">{share:.0%}</span>'
    )


def _scenarios(report: Report) -> str:
    heads, *rows = scenario_table(report.summary) or [[]]
    if not rows:
        return ""
    table = _table(heads, [[escape(cell) for cell in row] for row in rows])
    return table + "".join(_scenario(name, report_of(report, name)) for name in report.summary.scenarios)


def _scenario(name: str, report: Report) -> str:
    """Show what one scenario came to, folded."""
    summary = report.summary
    sections = (
        _section("Gates", _gates(report)),
        _section("Completion over time", latency_over_time(report)),
        _pair(
            _section("Latencies by percentile", percentile_curves(report)),
            _section("Completion times", completion_distribution(report)),
        ),
        _section("Where the time went", _split(summary.split)),
        _section("Latencies", _latencies(summary)),
        _section("What an operation costs", _costs(summary)),
        _section("How operations ended", _counts(summary)),
        _section("Why operations did not complete", _reasons(summary)),
    )
    return f"<details><summary>{escape(name)}</summary>{''.join(filter(None, sections))}</details>"


def _split(split: TimeSplit) -> str:
    """Show the mean parts of completion as one bar, and in figures."""
    if not split.sums.count:
        return f'<p class="muted">{escape(split_sentence(split))}</p>' if split.unknown else ""
    means = {name: mean for name, mean in split.sums.means_ms().items() if mean}
    bar = "".join(f'<span class="part-{name}" style="flex: {mean:.4f}"></span>' for name, mean in means.items())
    shares = {label: (mean, share) for label, mean, share in split_rows(split)}
    rows = [
        [f'<i class="swatch part-{name}"></i>{PART_LABELS[name]}', _ms(mean), f"{shares[PART_LABELS[name]][1]:.1%}"]
        for name, mean in means.items()
    ]
    table = _table(["mean of each part", "", "share"], rows)
    return f'<div class="stack">{bar}</div>{table}<p class="muted lead">{escape(split_sentence(split))}</p>'


def _split_over_time(report: Report) -> str:
    return split_over_time(report) if report.summary.split.sums.count else ""


def _latencies(summary: RunSummary) -> str:
    unknown = "".join(
        f'<p class="muted lead">{escape(labels)}: {escape(reason)}</p>'
        for labels, reason in not_measurable_rows(summary)
    )
    return _table(_HEADS, histogram_rows(summary)) + unknown + _clocks(summary)


def _clocks(summary: RunSummary) -> str:
    items = "".join(f"<dt>{escape(clock)}</dt><dd>{escape(labels)}</dd>" for clock, labels in clock_rows(summary))
    return f'<h2 class="clocks">Clocks</h2><dl>{items}</dl>' if items else ""


def _costs(summary: RunSummary) -> str:
    sentence, rows = actions_sentence(summary), cost_rows(summary)
    words = f'<p class="muted lead">{escape(sentence)}</p>' if sentence else ""
    return (_table(_HEADS, rows) if rows else "") + words


def _counts(summary: RunSummary) -> str:
    counts = {"started": summary.counts.started, "accepted": summary.counts.accepted, **shown_counts(summary.counts)}
    return _table(list(counts), [[f"{value:,}" for value in counts.values()]])


def _reasons(summary: RunSummary) -> str:
    rows = [
        [f"{reason.count:,}", escape(reason.state), escape(reason.reason), escape(whose(reason, summary))]
        for reason in summary.reasons
    ]
    width = 4 if shown_scenarios(summary) else 3
    heads = ["count", "ended as", "reason", "scenarios"][:width]
    return _table(heads, [row[:width] for row in rows], words=(1, 2, 3)) if rows else ""


def _audit(summary: RunSummary) -> str:
    audit = summary.audit
    if audit is None:
        return f"<p>{escape(no_audit_sentence(summary.no_audit))}</p>" if summary.no_audit else ""
    incomplete = f'<p class="fail">Incomplete: {escape(audit.incomplete)}</p>' if audit.incomplete else ""
    rows = [
        [escape(finding.problem), escape(finding.instance_id), escape(finding.detail), escape(finding.token)]
        for finding in audit.findings
    ]
    table = _table(["problem", "instance id", "detail", "token"], rows, words=(1, 2, 3)) if rows else ""
    unknown = f"<p>Not checked: {escape(audit.not_checked_sentence)}</p>" if audit.not_checked else ""
    return f"<p>{escape(audit.sentence)}</p>{incomplete}{unknown}{table}"


def _notes(summary: RunSummary) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in summary.notes)
    return f"<ul>{items}</ul>" if items else ""


def _settings(report: Report) -> str:
    settings = {**report.settings, **({"gates file": report.gates_file} if report.gates_file else {})}
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in settings.items())
    return f"<dl>{items}</dl>" if items else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], words: tuple[int, ...] = ()) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=words' if column in words else ''}>{cell}</{tag}>" for column, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    head = f"<tr>{cells('th', [escape(head) for head in heads])}</tr>"
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'
