"""The verdict on a run: the results of its operations, whether it proves anything, and the results of its gates."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from locust import log
from locust.env import Environment

from durable_harness.gate import Gate, evaluate
from durable_harness.gate.audit import Audit
from durable_harness.gate.gates import gates_of, left_out
from durable_harness.gate.report import Report
from durable_harness.gate.stuck import StuckOperation
from durable_harness.gate.usage import Usage
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.options.target import Target, public_url
from durable_harness.load.processes.early_ends import EndWatch
from durable_harness.load.processes.inquiry import Inquiry, RunToSplit
from durable_harness.load.processes.process import LocustProcess, RunPhase
from durable_harness.load.processes.run_settings import run_settings
from durable_harness.load.results.run_summary import summarize_run
from durable_harness.load.results.run_tally import RunTally
from durable_harness.load.results.twice_in_run import NOTE
from durable_harness.load.watch import GeneratorFigures, UsageWatch, invalid_reasons, merged_figures

logger = logging.getLogger(__name__)

INTERRUPTED_IN = {
    RunPhase.RUNNING: "",
    RunPhase.WINDING_UP: ", while operations in flight were followed to their end",
    RunPhase.IDLE: ", after its end, before its verdict",
}
"""What a run was doing when it was interrupted."""


class JudgingProcess(LocustProcess):
    """A process that judges its run once the run is over."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.target: Target | None = None
        self._watches: list[EndWatch] = []
        self._began = 0.0
        self._load_until_epoch_s: float | None = None
        self.options: LoadOptions
        self._inquiry: Inquiry
        self._usage_watch: UsageWatch

    @abstractmethod
    def total(self) -> RunTally:
        """Return the results of all processes so far."""

    @abstractmethod
    def figures(self) -> dict[str, GeneratorFigures]:
        """Return how each process kept up as a generator, by its name; that of the only one is empty."""

    @abstractmethod
    def losses(self) -> list[str]:
        """Return which processes vanished or left their share undone; a run that lost one proves nothing."""

    def usage(self) -> Usage:
        """Return the CPU and memory of the processes that made the load, and of a host that was started for them."""
        return self._usage_watch.usage

    def remarks(self) -> list[str]:
        """Return the report's notes on the processes."""
        return []

    @abstractmethod
    def describe_processes(self) -> str:
        """Return which processes made the load."""

    def _judge(self) -> Report:
        gone = self.target.gone() if self.target else None
        early = [watch.reason for watch in self._watches]
        generator = merged_figures(self.figures().values())
        tally = self.total()
        learned = None if gone else self._inquiry.learn(tally)
        audit = gone or self._inquiry.audit()
        stuck = () if gone else self._inquiry.stuck(audit)
        traces = () if gone else self._inquiry.traces(audit, stuck)
        spent = self._inquiry.spent(self._to_split(tally, audit, gone, stuck))
        # No signal is handled from here to the decision on the exit code: nothing waits.
        interrupted = self.describe_interruption()
        summary = summarize_run(
            tally,
            notes=[
                *filter(None, (*early, gone, learned, self._inquiry.describe_cut())),
                *self.remarks(),
                *([NOTE] if self.options.twice else []),
                *left_out(self._scenarios(), self.options.gates()),
                generator.describe(),
            ],
            # A signal delays the generator too, and an interrupted run has no verdict that it could change.
            invalid=[*self.losses(), *([] if interrupted else self._bottlenecks())],
            expected=self._scenarios(),
            load_until_epoch_s=self._load_until_epoch_s,
            warm_up_s=self.options.warm_up_s,
            audit=audit if isinstance(audit, Audit) else None,
            no_audit=audit if isinstance(audit, str) else "",
            paths=spent.paths,
            stuck=stuck,
            traces=traces,
            usage=self.usage(),
        )
        return Report(
            summary=replace(summary, generator=generator.for_report(), interrupted=interrupted),
            results=evaluate(self._gates(), summary),
            target=public_url(self.environment.host),
            scenarios=tuple(sorted(cls.__name__ for cls in self.environment.user_classes)),
            settings=run_settings(self.environment, self.options, self.describe_processes(), self._own_app()),
            gates_file=str(self.options.gates_file) if self.options.gates_file else None,
            who=spent.who,
        )

    def _own_app(self) -> str:
        """Return the name of the app that the run serves itself; empty if it serves none."""
        is_own = self.target is not None and self.target.pid is not None
        return self.options.app_dir.resolve().name if is_own else ""

    def _to_split(
        self, tally: RunTally, audit: Audit | str | None, gone: str | None, stuck: Sequence[StuckOperation]
    ) -> RunToSplit:
        """Return what is known before the time of operations is split: the gates that will turn out broken."""
        known = audit if isinstance(audit, Audit) else None
        draft = summarize_run(
            tally,
            expected=self._scenarios(),
            load_until_epoch_s=self._load_until_epoch_s,
            warm_up_s=self.options.warm_up_s,
            audit=known,
        )
        broken = [result for result in evaluate(self._gates(), draft) if result.failed]
        late = [] if self.interruption else self._bottlenecks()
        more = f" (and {len(late) - 1} more)" if len(late) > 1 else ""
        first = f"{late[0]}{more}" if late else ""
        return RunToSplit(broken, first, gone or "", draft.counts.unaccounted, stuck)

    def describe_interruption(self) -> str:
        """Return how far the run had come when a signal ended it; return nothing if none did."""
        if self.interruption is None:
            return ""
        run_time_s = self.environment.parsed_options.run_time
        of = f"of a run time of {run_time_s:g} s" if run_time_s else "of a run without a set run time"
        return f"after {self.interruption.at - self._began:.1f} s {of}{INTERRUPTED_IN[self.interruption.phase]}"

    def _scenarios(self) -> list[str]:
        """Return the names of the user classes of the run that start operations."""
        return [cls.__name__ for cls in self.environment.user_classes if hasattr(cls, "workload")]

    def _gates(self) -> tuple[Gate, ...]:
        """Return the gates of the run: not those of scenarios that take no part in it."""
        return gates_of(self._scenarios(), self.options.gates())

    def _bottlenecks(self) -> list[str]:
        """Return where the generator and not the system under test was measured."""
        bounds = self.options.generator.bounds
        return [
            f"{process}: {reason}" if process else reason
            for process, figures in self.figures().items()
            for reason in invalid_reasons(figures, bounds)
        ]

    def _code_of(self, report: Report) -> int | None:
        """Return the verdict's exit code; None leaves it to Locust: no gates, or code that raised."""
        code = report.verdict.exit_code
        if code == 0 and (self.environment.runner.exceptions or log.unhandled_greenlet_exception):
            logger.error("The gates hold, but exceptions were raised: see above")
            return None
        return code
