"""A Locust master: it coordinates the run that its workers make, and merges their tallies."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import gevent
from locust.runners import STATE_MISSING

from durable_harness.gate.usage import Usage, merged_usage
from durable_harness.load.audit import OperationUrls
from durable_harness.load.distributed.joining import JOINING, TOKEN_VARIABLE
from durable_harness.load.distributed.run_messages import (
    AT_ONCE,
    BEGUN,
    DRAIN,
    FINAL,
    REPORT_KEY,
    RUN_ID_OPTION,
    Snapshot,
)
from durable_harness.load.distributed.sharing import START_S, Sharing
from durable_harness.load.engine.open_load import open_scenarios
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.processes.coordinator import Coordinator
from durable_harness.load.processes.process import Interruption, RunPhase
from durable_harness.load.results.record_files import keep_operations, mark_run
from durable_harness.load.results.run_summary import summarize_run
from durable_harness.load.results.run_tally import RunTally, merged_runs
from durable_harness.load.watch import GeneratorFigures
from durable_harness.platforms.clocks import monotonic
from durable_harness.wording.foreign_text import shown

logger = logging.getLogger(__name__)

MOST_ID_CHARS = 120
DRAIN_GRACE_S = 10.0
"""How much longer than the workers' own limit the master waits for their last word."""
GIVE_UP_GRACE_S = 3.0
POLL_S = 0.05
LATEST_BEGIN_S = START_S + 2.0
"""Arrivals begin at most this long after Locust has begun to count the run time, also on a busy machine."""
STOP_AHEAD_S = 0.02
"""An arrival at the very end of the run time is not one of it: the workers have to hear of the end before."""


class MasterProcess(Coordinator):
    """Coordinator of a run whose load its workers make."""

    def set_up(self) -> None:
        self._tallies: dict[str, RunTally] = {}
        self._figures: dict[str, GeneratorFigures] = {}
        self._usages: dict[str, Usage] = {}
        self._finals: set[str] = set()
        self._exhausted: set[str] = set()
        self._interrupted: dict[str, float] = {}
        self._lost_records: list[str] = []
        self._unreadable: dict[str, str] = {}
        self._operation_urls: dict[tuple[str, str], OperationUrls] = {}
        self._deadline = 0.0
        self.environment.events.worker_report.add_listener(self._on_worker_report)
        self.environment.runner.register_message(BEGUN, self._on_begun)
        self.environment.runner.register_message(FINAL, self._on_final)
        super().set_up()
        if JOINING.is_made_here and not self.environment.parsed_options.processes:
            # Not by the log, which the web UI shows.
            sys.stderr.write(f"locust: workers on other machines join with {TOKEN_VARIABLE}={JOINING.token}\n")

    def begin(self, options: LoadOptions) -> None:
        super().begin(options)
        self._tallies, self._figures, self._finals, self._operation_urls = {}, {}, set(), {}
        self._exhausted, self._interrupted, self._usages = set(), {}, {}
        self._lost_records, self._unreadable = [], {}
        mark_run(options.report_dir, self.run_id)
        setattr(self.environment.parsed_options, RUN_ID_OPTION, self.run_id)
        scenarios = open_scenarios(self.environment)
        self._sharing = Sharing(self.environment.runner, self.run_id, scenarios, self._set_run_time_s())

    def wind_up(self) -> None:
        left_s = self._left_of_run_time_s()
        self._deadline = monotonic() + left_s + self.options.drain_timeout_s + DRAIN_GRACE_S
        self._await_arrivals(monotonic() + left_s)
        self._sharing.close()
        self.environment.runner.send_message(DRAIN, {"run_id": self.run_id})
        while self._awaited() and monotonic() < self._deadline:
            gevent.sleep(POLL_S)

    def _set_run_time_s(self) -> float | None:
        """Return the run time if it is certain: the web form may change it, and a load shape has an end of its own."""
        is_certain = self._is_headless and self.environment.shape_class is None
        return self.environment.parsed_options.run_time if is_certain else None

    def _left_of_run_time_s(self) -> float:
        """Return for how long arrivals still come when Locust's run time is over: they began later than that.

        It is 0 if something else has ended the run.
        """
        run_time_s = self.environment.parsed_options.run_time
        is_early = self.interruption is not None or any(watch.reason for watch in self._watches)
        if not run_time_s or is_early or not open_scenarios(self.environment) or self.are_arrivals_over():
            return 0.0
        left_s = self._sharing.began_epoch_s + run_time_s - STOP_AHEAD_S - time.time()
        return left_s if 0 < left_s <= LATEST_BEGIN_S else 0.0

    def _await_arrivals(self, until: float) -> None:
        while self.interruption is None and (left_s := min(until, self._deadline) - monotonic()) > 0:
            try:
                gevent.sleep(min(left_s, POLL_S))
            except KeyboardInterrupt:
                self.give_up()
                return

    def give_up(self) -> None:
        """Make the workers give up, which may not have got the same signal, and wait only for their last words."""
        self.environment.runner.send_message(DRAIN, {"run_id": self.run_id, AT_ONCE: True})
        self._deadline = min(self._deadline, monotonic() + GIVE_UP_GRACE_S)

    def stop_runner(self) -> None:
        # The workers have wound up when this is called; Locust makes them quit afterwards.
        self.environment.runner.stop(send_stop_to_client=False)

    def are_arrivals_over(self) -> bool:
        workers = self._awaited()
        return bool(workers) and workers <= self._exhausted

    def total(self) -> RunTally:
        return merged_runs(self._tallies.values())

    def figures(self) -> dict[str, GeneratorFigures]:
        return {f"worker {client_id}": figures for client_id, figures in self._figures.items()}

    def usage(self) -> Usage:
        return merged_usage([super().usage(), *self._usages.values()])

    def operation_urls(self) -> list[OperationUrls]:
        return list(self._operation_urls.values())

    def losses(self) -> list[str]:
        return [
            *(
                f"worker {shown(client_id, MOST_ID_CHARS)} sent figures that cannot be read ({problem}): does it run "
                "this version?"
                for client_id, problem in self._unreadable.items()
            ),
            *(self._describe_loss(client_id) for client_id in sorted(self._participants() - self._finals)),
            *(
                f"worker {client_id} never began the run: its share of the arrivals was not started"
                for client_id in sorted(self._sharing.idle & self._finals)
            ),
        ]

    def describe_interruption(self) -> str:
        """Workers can be interrupted without their master; the run is, if none of them is left."""
        if self.interruption is None and self._interrupted and not self.environment.runner.clients.all:
            self.interruption = Interruption(max(self._interrupted.values()), RunPhase.RUNNING)
            return f"{super().describe_interruption()}, when its last worker was interrupted"
        return super().describe_interruption()

    def remarks(self) -> list[str]:
        return [
            *JOINING.describe_strangers(),
            *(f"records of operations are missing: {problem}" for problem in self._lost_records),
            *self._describe_interrupted(),
        ]

    def _describe_interrupted(self) -> list[str]:
        return [
            f"worker {client_id} was interrupted after {at - self._began:.1f} s, and took no more part in the run"
            for client_id, at in self._interrupted.items()
        ]

    def describe_processes(self) -> str:
        return f"1 master, {len(self._participants())} workers"

    def _participants(self) -> set[str]:
        """Workers that took part: they sent a tally of this run, or are there and were asked for one."""
        return {*self._tallies, *(client.id for client in self.environment.runner.clients.all)}

    def _awaited(self) -> set[str]:
        """Workers whose last word can still come."""
        clients = self.environment.runner.clients
        return {client.id for client in clients.all if client.state != STATE_MISSING} - self._finals

    def _describe_loss(self, client_id: str) -> str:
        tally = self._tallies.get(client_id)
        if tally is None:
            return f"worker {client_id} vanished: nothing is known of its operations"
        counts = summarize_run(tally).counts
        return (
            f"worker {client_id} vanished: by its last report, which the counts go by, it had started "
            f"{counts.started:,} operations; {counts.unaccounted:,} of them are unaccounted"
        )

    def _on_worker_report(self, client_id: str, data: dict[str, Any], **_: object) -> None:
        if REPORT_KEY in data:
            self._read(client_id, data[REPORT_KEY])

    def _on_begun(self, msg: Any, **_: object) -> None:
        if msg.data["run_id"] == self.run_id:
            self._sharing.admit(msg.node_id)

    def _on_final(self, msg: Any, **_: object) -> None:
        snapshot = self._read(msg.node_id, msg.data)
        if snapshot is not None and snapshot.run_id == self.run_id:
            if snapshot.records is not None:
                problem = keep_operations(self.options.report_dir, msg.node_id, snapshot.records)
                self._lost_records += [problem] if problem else []
            self._finals.add(msg.node_id)
            if snapshot.was_interrupted and self.phase is RunPhase.RUNNING:
                self._interrupted[msg.node_id] = monotonic()

    def _read(self, client_id: str, wire: Any) -> Snapshot | None:
        """Read and keep a worker's snapshot; one that cannot be read, or put together with others, is a loss."""
        try:
            snapshot = Snapshot.from_wire(wire)
            summarize_run(merged_runs([snapshot.tally]))
        except Exception as error:
            logger.exception("The figures of worker %s", client_id)
            self._unreadable[client_id] = shown(f"{type(error).__name__}: {error}", MOST_ID_CHARS)
            return None
        self._keep(client_id, snapshot)
        return snapshot

    def _keep(self, client_id: str, snapshot: Snapshot) -> None:
        """Keep a worker's newest tally of this run; one of an earlier run comes late and is dropped."""
        if snapshot.run_id == self.run_id:
            self._tallies[client_id], self._figures[client_id] = snapshot.tally, snapshot.figures
            self._usages[client_id] = snapshot.usage
            if snapshot.are_arrivals_over:
                self._exhausted.add(client_id)
            self._operation_urls.update({(where.scenario, where.worker): where for where in snapshot.operation_urls})
