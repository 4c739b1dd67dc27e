"""The questions of a coordinator to the server once a run is over, before the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import gevent
from gevent.event import Event

from durable_harness.gate.audit import Audit
from durable_harness.gate.gates import GateResult
from durable_harness.gate.stuck import StuckOperation
from durable_harness.gate.trace_links import TracePage
from durable_harness.load.audit import (
    AuditQuestion,
    OperationUrls,
    Spent,
    SpentQuestion,
    audit_run,
    keep_traces,
    learn_from_histories,
    learn_spent,
    learn_stuck,
)
from durable_harness.load.engine.load_run import token_prefix
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.results.record_files import amend_operations
from durable_harness.load.results.run_tally import RunTally
from durable_harness.why import Part

if TYPE_CHECKING:
    from locust.env import Environment

Answer = TypeVar("Answer")

CUT_SHORT = "the server was not asked what became of each operation to the end: a signal cut that short"


class RunToSplit(NamedTuple):
    """What is known of a run before its time is split between the parties."""

    broken: Sequence[GateResult]
    """The gates that do not hold."""
    generator_late: str
    """Why the generator spoiled the run; empty if it kept up."""
    host_died: str
    unaccounted: int
    stuck: Sequence[StuckOperation] = ()


class Inquiry:
    """The questions about one run. A signal cuts them short."""

    def __init__(
        self,
        environment: Environment,
        options: LoadOptions,
        run_id: str,
        operation_urls: Callable[[], list[OperationUrls]],
    ) -> None:
        self._environment, self._options, self._run_id = environment, options, run_id
        self._operation_urls = operation_urls
        self._was_cut_short = Event()
        self._histories_read = 0

    def learn(self, tally: RunTally) -> str | None:
        """Learn from histories what operations took and cost; return a note on what was learned."""
        return self._unless_cut_short(lambda: self._learn(tally))

    def audit(self) -> Audit | str:
        """Return the audit, or why there is none."""
        if self._options.audit == "off":
            return "--audit off"
        answer = self._unless_cut_short(self._audit)
        return answer or ("a signal cut it short" if self._was_cut_short.is_set() else "it failed: see the log")

    def spent(self, run: RunToSplit) -> Spent:
        """Return where operations spent their time, by scenario, and which party spent it."""
        return self._unless_cut_short(lambda: self._spent(run)) or Spent({}, {})

    def stuck(self, audit: Audit | str) -> tuple[StuckOperation, ...]:
        """Return what the first operations that did not end wait for."""
        return self._unless_cut_short(lambda: self._stuck(audit)) or ()

    def traces(self, audit: Audit | str, stuck: Sequence[StuckOperation]) -> tuple[TracePage, ...]:
        """Return the pages that were kept of the first stuck and failed operations."""
        return self._unless_cut_short(lambda: self._traces(audit, stuck)) or ()

    def cut_short(self) -> None:
        """Stop asking: callers that wait for an answer return without one."""
        self._was_cut_short.set()

    def describe_cut(self) -> str | None:
        """Return a note if a signal cut the questions short; None if none did."""
        return CUT_SHORT if self._was_cut_short.is_set() else None

    def _unless_cut_short(self, ask: Callable[[], Answer]) -> Answer | None:
        """Return what the call returns; None if a signal comes before it does."""
        asking = gevent.spawn(ask)
        gevent.wait([asking, self._was_cut_short], count=1)
        if asking.ready():
            # What it raised is logged already, and must not cost the report.
            answer: Answer | None = asking.value
            return answer
        asking.kill()
        return None

    def _audit(self) -> Audit | str:
        """Ask the server what became of every accepted operation."""
        question = AuditQuestion(
            self._options.report_dir,
            token_prefix(self._run_id),
            self._options.audit_timeout_s,
            use_listing=self._options.audit == "auto",
            verify_tls=not self._options.generator.insecure,
            tried=frozenset(self._environment.harness_process.tried),
        )
        scenarios = {user_class.__name__: user_class for user_class in self._environment.user_classes}
        return audit_run(
            question, self._operation_urls(), lambda scenario: scenarios[scenario].audited_service(self._options)
        )

    def _spent(self, run: RunToSplit) -> Spent:
        question = SpentQuestion(
            *(self._options.report_dir, self._options.audit_timeout_s),
            most_histories=max(0, self._options.history_sample - self._histories_read),
            verify_tls=not self._options.generator.insecure,
            broken=run.broken,
            hints=_hints(self._options),
            first=run.generator_late,
            host_died=run.host_died,
            unaccounted=run.unaccounted,
            stuck=run.stuck,
        )
        return learn_spent(question, [] if run.host_died else self._operation_urls())

    def _stuck(self, audit: Audit | str) -> tuple[StuckOperation, ...]:
        return learn_stuck(
            *(self._options.report_dir, self._operation_urls(), audit),
            most_histories=self._options.history_sample,
            verify_tls=not self._options.generator.insecure,
        )

    def _traces(self, audit: Audit | str, stuck: Sequence[StuckOperation]) -> tuple[TracePage, ...]:
        return keep_traces(
            *(self._options.report_dir, self._operation_urls(), audit, stuck),
            verify_tls=not self._options.generator.insecure,
        )

    def _learn(self, tally: RunTally) -> str | None:
        """Learn from histories what operations took and cost, if neither their status nor their host shows it."""
        if not tally.lacks or not self._options.history_sample:
            return None
        learned = learn_from_histories(
            *(self._options.report_dir, self._operation_urls(), self._options.history_sample),
            timeout_s=self._options.audit_timeout_s,
            verify_tls=not self._options.generator.insecure,
        )
        self._histories_read = len(learned)
        tally.learn(learned)
        amend_operations(self._options.report_dir, [now for _, now in learned])
        read = f"times or actions of {len(learned):,} operations are from their histories, read after the run"
        return f"{read} (--history-sample)" if learned else None


def _hints(options: LoadOptions) -> dict[Part, str]:
    """Return the options that decide what the generator spends."""
    polls = (
        f"polls are {options.poll_interval_s:g} s apart (--poll-interval)"
        if options.poll_strategy == "fixed"
        else f"--poll-strategy {options.poll_strategy}"
    )
    return {Part.POLLING: polls, Part.CONNECTION: f"--connections is {options.generator.connections:,}"}
