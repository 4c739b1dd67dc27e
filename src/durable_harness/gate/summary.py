"""The results of a run: the figures that gates judge and reports show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from durable_harness.gate.audit import Audit, AuditProblem
from durable_harness.gate.histogram import Histogram
from durable_harness.gate.load_timeline import LoadTimeline
from durable_harness.gate.metrics import LATENCY_MEANINGS
from durable_harness.gate.paths import PathsAt
from durable_harness.gate.split import TimeSplit
from durable_harness.gate.stuck import StuckOperation
from durable_harness.gate.trace_links import TracePage
from durable_harness.gate.usage import Usage

LATENCIES_MS = tuple(LATENCY_MEANINGS)
"""The latencies of a run, in the order of reports."""
POLLS_PER_OPERATION = "polls_per_operation"


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """How the operations of a run ended: `started` is the sum of all but `accepted`."""

    started: int = 0
    accepted: int = 0
    completed: int = 0
    terminated: int = 0
    """Ended before their time because the scenario asked for that."""
    failed: int = 0
    wrong_output: int = 0
    timed_out: int = 0
    lost: int = 0
    refused: int = 0
    unreachable: int = 0
    unaccounted: int = 0
    """Started by a worker that vanished before it reported their ends."""

    @property
    def errors(self) -> int:
        """Operations that did not end as the scenario wanted, for any reason."""
        return self.started - self.completed - self.terminated


@dataclass(frozen=True, slots=True)
class FailureReason:
    """Why operations did not complete: the state they ended in, the reason in words, how many."""

    state: str
    reason: str
    count: int
    example: str = ""
    """One of them: its instance, and its own words where they differ; empty if there is nothing to add."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run, merged over all processes that took part."""

    counts: OutcomeCounts
    elapsed_s: float
    """The measured part: from its first start, or the end of the warm-up, until no more was to start and all had
    ended."""
    latencies_ms: Mapping[str, Histogram]
    """By the names in LATENCIES_MS; empty if `not_measurable` has the reason. Completion has the completed, failed and
    wrong ones at the time their end was seen, and those that timed out at what they had lasted, as a lower bound."""
    polls_per_operation: Histogram
    started_epoch_s: float | None = None
    polls: int = 0
    failed_polls: int = 0
    unexpected_answers: int = 0
    """Requests beside the operations, like those of bad clients, that were not answered as they should be."""
    bytes_received: int = 0
    coarse_lags: int = 0
    """Operations whose end the server gave in whole seconds only: they have no detection lag."""
    costs: Mapping[str, Histogram] = field(default_factory=dict)
    """By the names in COSTS; an operation counts where its cost is known."""
    actions: Mapping[str, int] = field(default_factory=dict)
    """Actions by kind, summed over the operations whose actions are known."""
    not_measurable: Mapping[str, str] = field(default_factory=dict)
    """Figures that no operation has, although operations ended, and why."""
    clocks: Mapping[str, str] = field(default_factory=dict)
    """Which clock a figure is read from, by the name of the figure."""
    reasons: tuple[FailureReason, ...] = ()
    excluded: Mapping[str, int] = field(default_factory=dict)
    """Operations that are in no figure, by the phase of the run that they fell into."""
    warm_up_s: float = 0.0
    split: TimeSplit = field(default_factory=TimeSplit)
    paths: tuple[PathsAt, ...] = ()
    """Where operations near the percentiles spent it, of one scenario; empty if no host was asked."""
    timeline: LoadTimeline = field(default_factory=LoadTimeline)
    """All operations, those that are in no figure too."""
    audit: Audit | None = None
    """What the server reported of the accepted operations after the run; None if it was not asked."""
    no_audit: str = ""
    """Why it was not asked."""
    stuck: tuple[StuckOperation, ...] = ()
    """The first operations that had not ended when the run was over, with what they wait for."""
    traces: tuple[TracePage, ...] = ()
    """Pages of the first operations of each kind that went wrong, beside the report."""
    usage: Usage = field(default_factory=Usage)
    """CPU and memory of those whose processes are known. They are known for the whole run only."""
    notes: tuple[str, ...] = ()
    """What a reader should know about the figures."""
    generator: Mapping[str, object] = field(default_factory=dict)
    """How the load generator kept up: its delays, its CPU, its connections. Empty if it was not watched."""
    invalid: tuple[str, ...] = ()
    """Why the run proves nothing; empty for a valid run."""
    interrupted: str = ""
    """How far the run had come when a signal ended it; empty if it was not interrupted."""
    scenarios: Mapping[str, RunSummary] = field(default_factory=dict)
    """The same figures of each scenario alone, by its name. Its notes, its generator and why it would be invalid are
    those of the run."""

    def histogram(self, metric: str) -> Histogram | None:
        """Return the values of a latency, of the polls or of a cost; None if there is no such figure."""
        if metric == POLLS_PER_OPERATION:
            return self.polls_per_operation
        return self.latencies_ms.get(metric) or self.costs.get(metric)

    @property
    def lost(self) -> int:
        """Accepted operations that the server no longer knew, when they were polled or when it was audited."""
        return max(self.counts.lost, self.audit.count(AuditProblem.LOST) if self.audit else 0)

    @property
    def error_ratio(self) -> float | None:
        """Operations that did not complete, of all that were started; None if nothing was started."""
        return self.counts.errors / self.counts.started if self.counts.started else None

    @property
    def throughput_per_s(self) -> float | None:
        """Completed operations per second of `elapsed_s`; None if no time passed."""
        return self.counts.completed / self.elapsed_s if self.elapsed_s > 0 else None
