"""A judged run with what a reader wants to know about it; shown as text, JSON and HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from durable_harness.gate.gates import Gate, GateResult, Outcome, not_measured
from durable_harness.gate.histogram import Histogram
from durable_harness.gate.measurable import AUDIT
from durable_harness.gate.metrics import COSTS
from durable_harness.gate.paths import PathsAt
from durable_harness.gate.split import TimeSplit
from durable_harness.gate.summary import OutcomeCounts, RunSummary
from durable_harness.gate.verdict import Verdict, verdict_on
from durable_harness.gate.who.verdicts import Who

COMPLETION_ORIGIN = "completion counts from"
"""The setting for what completion counts from, which differs between open and closed workloads."""
PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
COUNT_LABELS = {
    "completed": "completed",
    "terminated": "terminated on purpose",
    "failed": "failed",
    "wrong_output": "wrong output",
    "timed_out": "timed out",
    "lost": "lost",
    "refused": "refused",
    "unreachable": "unreachable",
    "unaccounted": "unaccounted",
}
"""The ways to end, in the order in which reports show them."""
ALWAYS_SHOWN = ("completed", "failed", "timed_out", "lost", "refused")
LATENCY_LABELS = {
    "slip_ms": "slip",
    "start_ms": "start",
    "queueing_ms": "queueing",
    "execution_ms": "execution",
    "server_completion_ms": "server completion",
    "finish_ms": "finish",
    "detection_lag_ms": "detection lag",
    "completion_ms": "completion",
    "poll_ms": "one poll",
    "polling_ms": "polling per operation",
}
SHOWN_IF_KNOWN = ("slip_ms", "queueing_ms", "execution_ms", "server_completion_ms", "finish_ms", "detection_lag_ms")
COST_LABELS = dict(zip(COSTS, ("actions", "replayed events", "payload bytes"), strict=True))
LABELS = {**LATENCY_LABELS, **{name: f"{label} per operation" for name, label in COST_LABELS.items()}}
NOT_MEASURABLE = "not measurable"
NOT_ANYTHING = "nothing was judged"
NOT_JUDGED = "not judged"
"""What a gate is in a run that proves nothing."""
MOST_NAMED = 5
"""Broken gates that a verdict names; the others are counted."""
OPERATION_LABELS = {
    "error_ratio": "errors",
    "lost": "lost",
    "throughput_per_s": "throughput",
    "unexpected_answers": "unexpected answers",
}
GATE_WORDS = {Outcome.PASSED: "pass", Outcome.FAILED: "FAIL", Outcome.NOT_MEASURED: "not measured"}
PART_LABELS = {"slip": "slip", "start": "start", "queueing": "queueing (from 202)", "execution": "execution"}
PART_LABELS["detection_lag"] = "detection lag"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the renderings show."""

    summary: RunSummary
    results: tuple[GateResult, ...] = ()
    target: str = ""
    scenarios: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """Options and their values, without secrets."""
    gates_file: str | None = None
    who: Mapping[str, Who] = field(default_factory=dict)
    """Which party spent the time, by scenario, the whole run under an empty name; empty if it was not looked at."""

    @property
    def verdict(self) -> Verdict:
        return verdict_on(self.summary, self.results)

    @property
    def invalid(self) -> tuple[str, ...]:
        """Why the run is invalid; empty for a valid one.

        A gate that was not measured makes no run invalid that fails by another one.
        """
        lacking = not_measured(self.results) if self.verdict is Verdict.INVALID else ()
        return (*self.summary.invalid, *lacking)

    @property
    def is_judged(self) -> bool:
        """Whether the gates count: not in a run that is invalid or was interrupted, even if its figures are good."""
        return self.verdict not in (Verdict.INVALID, Verdict.INTERRUPTED)

    def gate_word(self, result: GateResult) -> str:
        """Return the outcome of a gate in words."""
        return GATE_WORDS[result.outcome] if self.is_judged or not result.is_measured else NOT_JUDGED

    @property
    def verdict_sentence(self) -> str:
        """The verdict and its reason in one line."""
        sentences = {
            Verdict.PASSED: f"all {len(self.results)} gates hold",
            Verdict.FAILED: broken_sentence(self.results),
            Verdict.INVALID: "; ".join(self.invalid),
            Verdict.INTERRUPTED: "; ".join((self.summary.interrupted, *self.summary.invalid)),
            Verdict.UNJUDGED: self._unjudged,
        }
        return sentences[self.verdict]

    @property
    def _unjudged(self) -> str:
        """What Locust's exit code stands for if no gate decides it: 1 if anything failed."""
        errors, started = self.summary.counts.errors, self.summary.counts.started
        return f"nothing was judged; {errors:,} of {started:,} operations did not complete" if errors else NOT_ANYTHING

    @property
    def started_at(self) -> datetime | None:
        """When the first operation was sent, in UTC; None if no operation was sent."""
        epoch_s = self.summary.started_epoch_s
        return None if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC)


def span_text(summary: RunSummary) -> str:
    """Return how long the part of a run took that its figures are about."""
    warm_up = f" after a warm-up of {summary.warm_up_s:g} s" if summary.warm_up_s else ""
    return f"{summary.elapsed_s:.1f} s{warm_up}"


def shown_counts(counts: OutcomeCounts) -> dict[str, int]:
    """Return the ways operations ended that a reader needs to see: the usual ones, and any other that occurred."""
    return {
        label: getattr(counts, name)
        for name, label in COUNT_LABELS.items()
        if name in ALWAYS_SHOWN or getattr(counts, name)
    }


def split_rows(split: TimeSplit) -> list[tuple[str, float, float]]:
    """Return (part, mean milliseconds, share of all parts) of the operations that can be split; slip only if any."""
    means = split.sums.means_ms()
    whole = sum(means.values()) or 1.0
    return [(PART_LABELS[name], mean, mean / whole) for name, mean in means.items() if name != "slip" or mean]


def path_findings(paths: tuple[PathsAt, ...]) -> list[str]:
    """Return the bottleneck of the slowest operations that are known, and what is not known of them."""
    known = [one for one in paths if one.parts]
    if not known:
        return []
    slowest = known[-1]
    unknown = [f"Not known: {slowest.unknown}"] if slowest.unknown else []
    return [f"p{slowest.percentile}: {text}" for text in [*slowest.findings, *unknown]]


def split_sentence(split: TimeSplit) -> str:
    """Return how many operations are split, why others are not, and how well the parts add up to the whole."""
    known = f"{split.sums.count:,} operations are split; their parts come to the whole within"
    known += f" {number(split.excess_ms.percentile(99))} ms at p99"
    if split.clock_ms is not None:
        low, high = split.clock_ms
        known += f"; by them the server's clock is {low:+,.1f} to {high:+,.1f} ms off the one here"
    unknown = (
        f"{split.unknown:,} are not split: the service does not report, finer than seconds, when work began and ended"
    )
    return "; ".join(words for words, is_so in ((known, split.sums.count), (unknown, split.unknown)) if is_so)


def histogram_rows(summary: RunSummary) -> list[list[str]]:
    """Return the rows of the table of latencies: name, count, mean, each of PERCENTILES, maximum."""
    rows = [
        _histogram_row(f"{label} (ms)", summary.latencies_ms[name])
        for name, label in LATENCY_LABELS.items()
        if name not in SHOWN_IF_KNOWN or summary.latencies_ms[name].count
    ]
    return [*rows, _histogram_row("polls per operation (count)", summary.polls_per_operation)]


def cost_rows(summary: RunSummary) -> list[list[str]]:
    """Return the rows of what an operation costs, in the columns of `histogram_rows`; only what is known."""
    known = {name: summary.costs[name] for name in COSTS if name in summary.costs and summary.costs[name].count}
    return [_histogram_row(COST_LABELS[name], histogram) for name, histogram in known.items()]


def actions_sentence(summary: RunSummary) -> str:
    """Return how many actions of each kind an operation has on average; empty if nothing ended."""
    name = COSTS[0]
    counted = summary.costs[name].count if name in summary.costs else 0
    if not counted:
        why = summary.not_measurable.get(name)
        return f"actions per operation: not known: {why}" if why else ""
    kinds = sorted(summary.actions.items(), key=lambda item: (-item[1], item[0]))
    per_operation = ", ".join(f"{mean(count / counted)} {kind}" for kind, count in kinds)
    source = summary.clocks.get(name)
    return f"actions per operation: {per_operation or 'none'}" + (f" ({source})" if source else "")


def not_measurable_rows(summary: RunSummary) -> list[tuple[str, str]]:
    """Return (latencies, "not measurable: …") of those that the service does not give, by their reasons."""
    reasons: dict[str, list[str]] = {}
    for name, label in LATENCY_LABELS.items():
        if name in summary.not_measurable:
            reasons.setdefault(summary.not_measurable[name], []).append(label)
    return [(", ".join(labels), f"{NOT_MEASURABLE}: {reason}") for reason, labels in reasons.items()]


def clock_rows(summary: RunSummary) -> list[tuple[str, str]]:
    """Return (clock, latencies that are of it), in the order of the latencies."""
    clocks: dict[str, list[str]] = {}
    for name, label in LATENCY_LABELS.items():
        if name in summary.clocks:
            clocks.setdefault(summary.clocks[name], []).append(label)
    return [(clock, ", ".join(labels)) for clock, labels in clocks.items()]


def _histogram_row(label: str, histogram: Histogram) -> list[str]:
    values = [*(histogram.percentile(percent) for percent in PERCENTILES), histogram.max]
    write = number if histogram.steps_per_unit > 1 else whole
    return [label, f"{histogram.count:,}", number(histogram.mean), *(write(value) for value in values)]


def number(value: float | None) -> str:
    """Write a number as a person would: three significant digits, thousands set apart, a dash for none."""
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 100:  # noqa: PLR2004 - three digits
        return f"{value:,.0f}"
    decimals = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3  # noqa: PLR2004 - three digits
    return f"{value:.{decimals}f}"


def mean(value: float) -> str:
    """Write a mean of counts: as a whole number where it is one."""
    return whole(value) if float(value).is_integer() else number(value)


def whole(value: float | None) -> str:
    """Write a count."""
    return "-" if value is None else f"{value:,.0f}"


def with_unit(value: float | None, gate: Gate) -> str:
    """Write a gate's figure with its unit, with as many digits as show that it is not the limit."""
    if value is None:
        return "-"
    text = _rounded(value, gate)
    if value != gate.limit and text == _rounded(gate.limit, gate):
        text = _exact(value)
    return _and_unit(text, gate)


def limit_text(gate: Gate) -> str:
    """Write a gate's limit as it stands in the gates file: `≤ 2,000 ms`."""
    return f"{'≤' if gate.bound == 'at most' else '≥'} {_and_unit(_exact(gate.limit), gate)}"


def broken_sentence(results: Iterable[GateResult]) -> str:
    """Name the gates that failed, each with figure and limit; those without a figure by what they lack."""
    failed = [result for result in results if result.failed]
    known = [broken_text(result) for result in failed if result.measured is not None]
    lacking: dict[str, list[str]] = {}
    for result in failed:
        if result.measured is None:
            lacking.setdefault(result.note, []).append(gate_label(result.gate))
    return "; ".join([*_first(known), *(f"{', '.join(_first(names))} ({why})" for why, names in lacking.items())])


def _first(texts: Sequence[str]) -> list[str]:
    hidden = len(texts) - MOST_NAMED
    return [*texts[:MOST_NAMED], *([f"{hidden} more"] if hidden > 0 else [])]


def broken_text(result: GateResult) -> str:
    """Return the figure that breaks a gate: `completion p99 4,812 ms > 2,000 ms`, or what it lacks."""
    gate, measured = result.gate, result.measured
    if measured is None:
        return f"{gate_label(gate)}: {result.note}"
    if gate.statistic == "error_ratio":
        figure, limit = _percents(measured, gate.limit)
    else:
        figure, limit = with_unit(measured, gate), _and_unit(_exact(gate.limit), gate)
    return f"{gate_label(gate)} {figure} {'>' if gate.bound == 'at most' else '<'} {limit}"


def gate_label(gate: Gate) -> str:
    """Return the subject of a gate, in words: `completion p99`, with its scenario if it is about one."""
    if gate.metric == AUDIT:
        words = f"{gate.statistic.replace('_', ' ')} (audit)"
    elif gate.metric == "operations":
        words = OPERATION_LABELS[gate.statistic]
    else:
        words = f"{LABELS.get(gate.metric, gate.metric.replace('_', ' '))} {gate.statistic}"
    return f"{gate.scenario} {words}" if gate.scenario else words


def _percents(value: float, limit: float) -> tuple[str, str]:
    """Write two ratios as percents, with as many digits as show that they differ."""
    digits = next((digits for digits in (3, 6) if f"{value:.{digits}g}" != f"{limit:.{digits}g}"), 8)
    return f"{100 * value:.{digits}g} %", f"{100 * limit:.8g} %"


def share_of_limit(result: GateResult) -> float | None:
    """Return how much of its limit a figure uses up; None if it is not known, or the limit is a lower one."""
    if result.measured is None or not result.gate.limit or result.gate.bound == "at least":
        return None
    return result.measured / result.gate.limit


def _rounded(value: float, gate: Gate) -> str:
    if gate.statistic == "error_ratio":
        return f"{value:.4g}"
    if gate.statistic == "lost" or gate.metric == AUDIT:
        return whole(value)
    return mean(value) if gate.metric in COSTS else number(value)


def _exact(value: float) -> str:
    return f"{value:,.8g}"


def _and_unit(text: str, gate: Gate) -> str:
    return f"{text} {gate.unit}" if gate.unit == "ms" else f"{text}{gate.unit}"
