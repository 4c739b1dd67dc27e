"""A Locust worker: it makes load and reports to the master, which coordinates the run."""

from __future__ import annotations

import logging
import math
import sys
import time
from dataclasses import replace
from typing import Any

import gevent

from durable_harness.errors import InvalidRunError
from durable_harness.load.distributed.joining import JOINING
from durable_harness.load.distributed.run_messages import (
    ARRIVALS,
    AT_ONCE,
    BEGUN,
    DRAIN,
    FINAL,
    REPORT_KEY,
    RUN_ID_OPTION,
    Offer,
    Snapshot,
)
from durable_harness.load.engine.load_run import LoadRun
from durable_harness.load.engine.open_load import OpenLoad
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.processes.process import LocustProcess, RunPhase
from durable_harness.load.results.record_files import is_marked, open_operations
from durable_harness.load.results.run_evidence import hide_what_is_known
from durable_harness.load.results.run_tally import RunTally
from durable_harness.load.watch import UsageWatch
from durable_harness.platforms.clocks import monotonic

MASTER_GONE_S = 5.0
"""How long the connection to a master may be lost: ZeroMQ makes it again if the network alone was the cause. A master
that does not end a run for this long after its run time hangs."""
CHECK_S = 0.25

logger = logging.getLogger(__name__)


class WorkerProcess(LocustProcess):
    """Generator in a process of its own."""

    def set_up(self) -> None:
        self._run_id: str | None = None
        self._offer: Offer | None = None
        self._drained: str | None = None
        self._is_orphan = False
        self._ends = math.inf
        self.environment.runner.register_message(ARRIVALS, self._on_arrivals)
        self.environment.events.report_to_master.add_listener(self._on_report_to_master)
        # Concurrent, because draining takes long and the worker must keep listening to its master.
        self.environment.runner.register_message(DRAIN, self._on_drain, concurrent=True)
        gevent.spawn(self._watch_master)

    def read_options(self) -> LoadOptions:
        return LoadOptions.read(self.environment.parsed_options)

    def begin(self, options: LoadOptions) -> None:
        self._run_id = getattr(self.environment.parsed_options, RUN_ID_OPTION, None)
        self._usage_watch = UsageWatch()
        hide_what_is_known(options)
        records = open_operations(self.environment, options, self._run_id or "", self.environment.runner.client_id)
        self.run = LoadRun(options, self.environment, records, self.environment.runner.client_id)
        self._open_load = OpenLoad(self.environment, self.run, self.environment.runner.client_id)
        self._ends = math.inf
        self._take_offer()
        # Whatever the master sent before this process was set up is lost: it answers with the arrivals.
        self.environment.runner.send_message(BEGUN, {"run_id": self._run_id})
        if self._drained is not None and self._drained == self._run_id:
            # The run ended while this process was on its way into it.
            self.wind_up()

    def wind_up(self) -> None:
        if self.run is not None:
            self._open_load.stop()
            if self._is_orphan:
                self.run.give_up()
            self.run.wind_up()
            self._usage_watch.stop()
            operation_urls, records = tuple(self.run.operation_urls()), self._records_for_master(self.run)
            self._send_final(replace(self._snapshot(), records=records, operation_urls=operation_urls))

    def give_up(self) -> None:
        if self.run is not None:
            self.run.give_up()

    def end(self) -> None:
        """The master reports the figures."""

    def hurry(self) -> None:
        """Nothing is waited for at the end."""

    def tear_down(self) -> None:
        """Nothing is left behind."""

    def _watch_master(self) -> None:
        while self.phase is RunPhase.IDLE or not JOINING.is_lost_for(MASTER_GONE_S):
            if self.phase is RunPhase.RUNNING and self.run is not None:
                self._stop_in_time(self.run)
            gevent.sleep(CHECK_S)
        if not self.is_leaving:
            self._leave_orphaned()

    def _stop_in_time(self, run: LoadRun) -> None:
        """Start nothing once the run time is over, even without a message from the master."""
        late_s = monotonic() - self._ends
        if late_s >= 0:
            run.is_accepting = False
        if late_s >= MASTER_GONE_S:
            logger.warning("The master does not end the run, whose time is over: this worker starts nothing any longer")
            self._ends = math.inf

    def _leave_orphaned(self) -> None:
        """End a run that will not be judged: operations in flight are abandoned."""
        sys.stderr.write(
            f"locust: the master of this run is gone, its connection is lost for {MASTER_GONE_S:g} s: this worker "
            "starts nothing any longer, gives up what is in flight, and ends\n"
        )
        self.environment.process_exit_code = InvalidRunError.exit_code
        self._is_orphan = True
        if self.phase is RunPhase.WINDING_UP:
            self.give_up()
        self.leave()

    def _on_arrivals(self, msg: Any, **_: object) -> None:
        self._offer = Offer.from_wire(msg.data)
        self._take_offer()

    def _take_offer(self) -> None:
        """Take part in the arrivals of the run; what comes before the run itself waits for it."""
        offer = self._offer
        if offer is not None and offer.run_id == self._run_id and self.phase is RunPhase.RUNNING:
            began = offer.began_epoch_s - (time.time() - monotonic())
            self._open_load.offer(offer.scenarios, offer.shares, began, offer.run_time_s)
            self._ends = math.inf if offer.run_time_s is None else began + offer.run_time_s

    def _on_drain(self, msg: Any, **_: object) -> None:
        run_id = msg.data["run_id"]
        self._drained = run_id
        if run_id == self._run_id and msg.data.get(AT_ONCE):
            self.give_up()
        elif run_id == self._run_id:
            self.wind_up()
        else:
            # It came too late to take part, and must not keep the master waiting.
            self._send_final(Snapshot(run_id, RunTally()))

    def _on_report_to_master(self, data: dict[str, Any], **_: object) -> None:
        if self.run is not None:
            data[REPORT_KEY] = self._snapshot().to_wire()

    def _send_final(self, snapshot: Snapshot) -> None:
        self.environment.runner.send_message(FINAL, snapshot.to_wire())

    def _records_for_master(self, run: LoadRun) -> bytes | None:
        """Return the records of this process if the master is on another machine, or in another folder."""
        path = run.records_path()
        if path is None or is_marked(run.options.report_dir, self._run_id or ""):
            return None
        return path.read_bytes()

    def _snapshot(self) -> Snapshot:
        if self.run is None:
            return Snapshot(self._run_id, RunTally())
        operation_urls = tuple(self.run.sample_operation_urls())
        return Snapshot(
            self._run_id,
            self.run.tally,
            self.run.figures,
            self._usage_watch.usage,
            operation_urls,
            self._open_load.is_over,
            was_interrupted=self.interruption is not None,
        )
