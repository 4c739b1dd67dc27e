"""The words of a comparison that its text, its Markdown and its page share."""

from __future__ import annotations

from durable_harness.gate.comparison.comparison_results import (
    Comparison,
    FigureResult,
    change_text,
    interval_text,
    visible_text,
)
from durable_harness.gate.report.model import number

HEADINGS = ("figure", "base", "head", "change", "interval", "visible", "matters", "answer")
NOT_JUDGED = "not judged"


def figure_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the table of figures, a row each, without its headings."""
    return [cells(result, is_valid=not comparison.invalid) for result in comparison.results]


def cells(result: FigureResult, *, is_valid: bool = True) -> tuple[str, ...]:
    """Return a figure's row."""
    unit = f" {result.figure.unit}" if result.figure.unit else ""
    return (
        result.figure.name,
        *(number(value) if value is None else f"{number(value)}{unit}" for value in (result.known_base, result.head)),
        change_text(result),
        interval_text(result),
        visible_text(result),
        f"{100 * result.design.effect:g} %" if result.is_judged else "",
        result.answer.value if result.is_judged and is_valid else NOT_JUDGED,
    )


def count_lines(comparison: Comparison) -> list[str]:
    """Return what changed first; counts that are not known share one line."""
    known = [count for count in comparison.counts if count.is_known]
    if not known:
        reasons = "; ".join(dict.fromkeys(count.reason for count in comparison.counts))
        return [f"actions, replayed events and payload bytes are not known: {reasons}"]
    changed = [count.sentence for count in known if count.difference != 0]
    same = [count.sentence for count in known if count.difference == 0]
    judged = any(count.is_judged for count in known)
    more = any((count.difference or 0) > 0 for count in known)
    hint = ["counts are not judged unless asked for: --metric actions_per_operation"] if more and not judged else []
    return [*changed, *same, *hint]


def small_print(comparison: Comparison) -> list[str]:
    """Return how the figures were found and what they mean, a line each."""
    design = comparison.judged[0].design if comparison.judged else None
    samples = {result.figure.name: result.sample for result in comparison.results}
    shared = dict.fromkeys(samples.values())
    words = next(iter(shared)) if len(shared) == 1 else "; ".join(f"{name}: {text}" for name, text in samples.items())
    lines = [f"who was it: {comparison.who}"] if comparison.who else []
    lines += [f"{comparison.method}; {words}"] if samples else []
    lines += [
        f"{metric.name}: {metric.meaning} ({metric.clock})"
        for metric in dict.fromkeys(result.figure.kind for result in comparison.results)
    ]
    if design:
        lines.append(
            f"false alarms at most {design.false_alarm_rate:.2%}, power at least {1 - design.miss_rate:.1%} where it "
            "answers; the interval has these errors on its two sides, looks and figures included"
        )
    if comparison.results:
        lines.append(
            "base and head are centres over slices or blocks; visible is the smallest change that can be seen here"
        )
    base, head = comparison.errors
    lines.append(f"operations that did not complete: base {base:.2%}, head {head:.2%}; {comparison.elapsed_s:.0f} s")
    return [*lines, *(f"note: {note}" for note in comparison.notes)]
