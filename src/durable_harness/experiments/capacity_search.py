"""Run the search for capacity: each trial offers a rate to a system and measures the result."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import psutil  # type: ignore[import-untyped]

from durable_harness.errors import InvalidRunError, UnreachableError
from durable_harness.experiments.blaming import who_it_was
from durable_harness.experiments.driver import Driver, EarlyEnd
from durable_harness.experiments.ends import death_of
from durable_harness.experiments.experiment_preflight import BeforeLoad
from durable_harness.experiments.keeping import Keep, keep_nothing
from durable_harness.experiments.offered import OfferedLoad
from durable_harness.gate import FailureReason, Gate, RunSummary, evaluate
from durable_harness.gate.capacity import Capacity, SearchPlan, Trial, search
from durable_harness.gate.capacity.backlog import Growth, Lasted, growth_of
from durable_harness.gate.capacity.saturation import Figures, saturated_first
from durable_harness.gate.capacity.search import FEWEST_JUDGED
from durable_harness.gate.gates import GateResult, not_measured
from durable_harness.gate.reasons import Reasons
from durable_harness.gate.report.model import limit_text, number, with_unit
from durable_harness.gate.who.verdicts import Who
from durable_harness.load.options.target import public_url
from durable_harness.load.results.run_summary import summarize
from durable_harness.load.results.tally import Tally
from durable_harness.operations import OperationPhase, OperationRecord, OperationState
from durable_harness.stack import RunningStack, StackOptions, embedded_stack, open_stack

DRAIN_MARGIN_S = 2.0
"""How much longer than the objective allows operations are followed: what ends later has broken it, by however much."""
REST_S = 1.0
"""Between two trials of a system that keeps running, so that the connections of the last one are closed."""


@dataclass(frozen=True, slots=True)
class CapacityOptions:
    """What to search, where, and for how long at each rate. Times in seconds."""

    objective: tuple[Gate, ...]
    load: OfferedLoad = field(default_factory=OfferedLoad)
    plan: SearchPlan = field(default_factory=SearchPlan)
    host: str | None = None
    """The URL of a system that runs; None to serve the app of `app_dir`, started again for each trial."""
    function_key: str | None = field(default=None, repr=False)
    app_dir: Path = field(default_factory=Path)
    trial_s: float = 15.0
    warm_up_s: float = 3.0
    process: str = "poisson"
    seed: int = 0
    before: BeforeLoad = field(default_factory=BeforeLoad)
    keep: Keep = keep_nothing
    """Takes the records of each trial."""
    log_dir: Path | None = None
    """Where the logs of the hosts go, one for each trial; None keeps them as long as these run."""


@dataclass(frozen=True, slots=True)
class MeasuredTrial:
    """A trial with what was measured in it."""

    trial: Trial
    figures: Figures
    limits: tuple[str, ...]
    """Each limit of the objective and what was measured, in words."""
    who: Who | None = None
    """Who broke the objective, of a trial that did not meet it; None if it was not looked at."""
    failed: int = 0
    """Operations that failed, which is not what a slow system does to them: that makes them time out."""
    died: str = ""
    """How the host ended, although it was not asked to; empty if it did not."""


@dataclass(frozen=True, slots=True)
class CapacityReport:
    """What the search found, and what it saw on the way."""

    target: str
    objective: tuple[Gate, ...]
    capacity: Capacity
    trials: tuple[MeasuredTrial, ...]
    saturated: str
    """What was saturated first; empty if nothing was, or if operations failed: then nothing can be named."""
    elapsed_s: float
    reasons: tuple[FailureReason, ...] = ()
    """Why operations did not complete, in all trials together."""


def find_capacity(
    options: CapacityOptions, progress: Callable[[MeasuredTrial], None] = lambda _: None
) -> CapacityReport:
    """Search for the capacity of a system. Raises what keeps it from being started, or reached."""
    began = time.monotonic()
    with _systems(options) as system, contextlib.ExitStack() as closing:
        if options.before.has_work:
            with system() as stack:
                options = replace(options, load=options.before.prepare(options.load, stack))
        driver = closing.enter_context(Driver(options.load))
        trials = _Trials(options, driver, system)
        found = search(trials.attempt, options.plan, lambda: progress(trials.measured[-1]))
    return CapacityReport(
        target=public_url(options.host) if options.host else options.app_dir.resolve().name,
        objective=options.objective,
        capacity=found,
        trials=tuple(trials.measured),
        saturated=_saturated(found, trials.measured),
        reasons=trials.reasons.listed(),
        elapsed_s=time.monotonic() - began,
    )


System = Callable[[], contextlib.AbstractContextManager[RunningStack, bool | None]]


@contextlib.contextmanager
def _systems(options: CapacityOptions) -> Iterator[System]:
    """Return the system for one trial: the one that runs, or a new one without state of the last trial."""
    if options.host is None:
        logs = (options.log_dir and options.log_dir / f"host-{number}.log" for number in itertools.count())
        yield lambda: embedded_stack(options.app_dir, log_path=next(logs), serve_args=("--log-level", "error"))
        return
    with open_stack(
        "remote", options.app_dir, StackOptions(url=options.host, function_key=options.function_key)
    ) as remote:
        yield lambda: contextlib.nullcontext(remote)


class _Trials:
    def __init__(self, options: CapacityOptions, driver: Driver, system: System) -> None:
        self._options, self._driver, self._system = options, driver, system
        self.measured: list[MeasuredTrial] = []
        self.reasons = Reasons()

    def attempt(self, rate_per_s: float) -> Trial:
        if self.measured and self._options.host is not None:
            time.sleep(REST_S)
        with self._system() as stack:
            measured = self._measure(stack, rate_per_s)
        self.measured.append(measured)
        return measured.trial

    def _measure(self, stack: RunningStack, rate_per_s: float) -> MeasuredTrial:
        options = self._options
        seconds = options.warm_up_s + options.trial_s
        seed = options.seed + len(self.measured)
        arrivals = options.load.arrivals(rate_per_s, seconds, seed, options.process)
        with _CpuWatch(stack.pid) as cpu:
            # What is left over is only waited for where it would disturb the next trial.
            drain_s = self._drain_s() if options.host is None else options.load.timeout_s
            records, slip_ms = self._driver.measure(
                *(stack.base_url, stack.function_key, arrivals),
                EarlyEnd(drain_s, has_died=lambda: bool(death_of(stack))),
                options.warm_up_s,
            )
        died = death_of(stack)
        if not died and all(record.state is OperationState.UNREACHABLE for record in records):
            raise UnreachableError(f"{stack.base_url} does not answer: {records[0].error}")
        tally = _tallied(records, options.warm_up_s)
        options.keep(f"trial {len(self.measured) + 1}, {rate_per_s:g}/s", records)
        self.reasons.merge(tally.reasons)
        summary = summarize(tally)
        measured = [record for record in records if record.phase is OperationPhase.MEASURED]
        span = _Span(seconds, options.warm_up_s, seconds - arrivals[0].offset_s)
        figures = _figures(records, summary, slip_ms.percentile(99) or 0.0, cpu, span)
        judged = self._judge(rate_per_s, summary, figures, growth_of(_lasted(measured)), died)
        judged = replace(judged, failed=_failed(summary))
        has_answer = judged.trial.met or judged.trial.too_few
        return judged if has_answer else replace(judged, who=self._who(stack, records, summary, judged, died))

    def _who(
        self,
        stack: RunningStack,
        records: Sequence[OperationRecord],
        summary: RunSummary,
        judged: MeasuredTrial,
        died: str,
    ) -> Who | None:
        """Return who broke the objective, asked while the system runs."""
        broken = [result for result in evaluate(self._options.objective, summary) if result.failed]
        return who_it_was(
            *(self._driver, stack.base_url, records),
            broken=broken,
            generator_late="" if judged.trial.valid else judged.trial.why,
            host_died=died,
        )

    def _drain_s(self) -> float:
        """Return how long to wait for the last operations: what lasts longer breaks the objective anyway."""
        limits = [gate.limit / 1000 for gate in self._options.objective if gate.metric == "completion_ms"]
        return max(limits) + DRAIN_MARGIN_S if limits else self._options.load.timeout_s

    def _judge(
        self, rate_per_s: float, summary: RunSummary, figures: Figures, growth: Growth | None, died: str
    ) -> MeasuredTrial:
        results = evaluate(self._options.objective, summary)
        words = tuple(_limit_words(result) for result in results)
        if died:
            return MeasuredTrial(Trial(rate_per_s, met=False, why=f"the host died: {died}"), figures, words, died=died)
        if summary.counts.started < FEWEST_JUDGED:
            why = f"{summary.counts.started} operations, and fewer than {FEWEST_JUDGED} prove nothing"
            return MeasuredTrial(Trial(rate_per_s, met=False, why=why, valid=False, too_few=True), figures, words)
        unknown = not_measured(results)
        if unknown and not self.measured:
            raise InvalidRunError("; ".join(unknown))
        broken = [result for result in results if not result.passed]
        whys = [*map(_limit_words, broken), *([_growth_words(growth, figures)] if growth is not None else [])]
        valid = not whys or not _is_generators(broken, growth, figures)
        why = ", ".join(whys) if valid else "the generator was late"
        return MeasuredTrial(Trial(rate_per_s, met=not whys, why=why, valid=valid), figures, words)


def _limit_words(result: GateResult) -> str:
    return f"{result.gate.name} {with_unit(result.measured, result.gate)} ({limit_text(result.gate)})"


def _growth_words(growth: Growth, figures: Figures) -> str:
    completed = f"{number(figures.completed_per_s)}/s completed of {number(figures.offered_per_s)}/s"
    return f"operations pile up: {completed}, and they last {number(growth.per_s)} s longer with each second"


def _is_generators(broken: Sequence[GateResult], growth: Growth | None, figures: Figures) -> bool:
    """Whether the generator may have broken these limits by being late.

    Latency counts from the intended start, so a late generator makes it longer by its slip, and by no more. A backlog
    is counted from when operations were sent. One without CPU is late with polls, too.
    """
    if figures.generator_is_busy:
        return True
    if growth is not None:
        return False
    late = [result for result in broken if result.gate.unit == "ms" and result.measured is not None]
    excused = [result for result in late if (result.measured or 0.0) - figures.slip_p99_ms <= result.gate.limit]
    return figures.generator_is_late and len(excused) == len(broken)


def _lasted(measured: Sequence[OperationRecord]) -> list[Lasted]:
    """Return how long operations lasted since they were sent; one that timed out did so at least."""
    ends = (OperationState.COMPLETED, OperationState.TIMED_OUT)
    return [
        Lasted(record.intended, record.ended - record.sent)
        for record in measured
        if record.state in ends and record.ended is not None and record.sent is not None
    ]


class _Span(NamedTuple):
    """How long a trial lasts, and what of it is measured, in seconds since its first arrival."""

    whole_s: float
    warm_up_s: float
    until_s: float


def _completed_per_s(records: Sequence[OperationRecord], span: _Span) -> float:
    """Return the completions in a second of what is measured; in the drain after it nothing is offered."""
    measured_s = span.until_s - span.warm_up_s
    if not records or measured_s <= 0:
        return 0.0
    low, high = records[0].intended + span.warm_up_s, records[0].intended + span.until_s
    completed = [record for record in records if record.state is OperationState.COMPLETED]
    return sum(low < (record.ended or 0.0) <= high for record in completed) / measured_s


def _tallied(records: Sequence[OperationRecord], warm_up_s: float) -> Tally:
    tally = Tally()
    for record in records:
        if record.intended < records[0].intended + warm_up_s:
            record.phase = OperationPhase.WARM_UP
        tally.started(record)
        if record.accepted is not None:
            tally.accepted(record)
        tally.ended(record)
    return tally


def _failed(summary: RunSummary) -> int:
    counts = summary.counts
    return counts.failed + counts.wrong_output + counts.lost + counts.refused + counts.unreachable


def _figures(
    records: Sequence[OperationRecord], summary: RunSummary, slip_p99_ms: float, cpu: _CpuWatch, span: _Span
) -> Figures:
    completion, last = summary.latencies_ms["completion_ms"], records[-1].intended if records else 0.0
    return Figures(
        offered_per_s=len(records) / span.whole_s,
        completed_per_s=_completed_per_s(records, span),
        completion_p50_ms=completion.percentile(50),
        completion_p95_ms=completion.percentile(95),
        start_p95_ms=summary.latencies_ms["start_ms"].percentile(95),
        queueing_p95_ms=summary.latencies_ms["queueing_ms"].percentile(95),
        slip_p99_ms=slip_p99_ms,
        generator_cpu=cpu.generator,
        host_cpu=cpu.host,
        machine_cpu=cpu.machine,
        in_flight_at_end=sum(record.ended is None or record.ended > last for record in records),
    )


def _saturated(found: Capacity, measured: Sequence[MeasuredTrial]) -> str:
    missed = [one for one in measured if not one.trial.met and not one.trial.too_few]
    broken = [one for one in missed if one.trial.rate_per_s == found.upper and one.trial.valid]
    if not broken:
        broken = [one for one in missed if not one.trial.valid][:1]
    calm = [one for one in measured if one.trial.met]
    # Where no rate was met, the lowest one may have had hardly an operation.
    if not broken or any(one.failed or one.died for one in (broken if calm else measured)):
        return ""
    lowest = min(calm, key=lambda one: one.trial.rate_per_s, default=broken[0])
    return saturated_first(lowest.figures, broken[-1].figures, broken[-1].who)


class _CpuWatch:
    """Cores that this process, a stack's processes, and the whole machine used while the block ran."""

    def __init__(self, host_pid: int | None) -> None:
        self._host_pid = host_pid
        self.generator, self.machine = 0.0, 0.0
        self.host: float | None = None

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._generator_s, self._host_s = _cpu_s(os.getpid()), _tree_cpu_s(self._host_pid)
        psutil.cpu_percent()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        took_s = time.monotonic() - self._began
        self.generator = (_cpu_s(os.getpid()) - self._generator_s) / took_s
        self.machine = psutil.cpu_percent() / 100
        after_s = _tree_cpu_s(self._host_pid)
        if after_s is not None and self._host_s is not None:
            self.host = (after_s - self._host_s) / took_s


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _tree_cpu_s(pid: int | None) -> float | None:
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        return sum(_cpu_s(one.pid) for one in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return None
