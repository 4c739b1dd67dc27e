"""One load test in this process: the operations in flight, what the ended ones came to, and how the run is wound up."""

from __future__ import annotations

import logging
import time
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Group
from locust.log import greenlet_exception_logger

from durable_harness.load.entries import LocustEntries
from durable_harness.load.follow import Follower
from durable_harness.load.options import LoadOptions
from durable_harness.load.phases import Phases
from durable_harness.load.records import OperationsFile
from durable_harness.load.tally import Tally
from durable_harness.operations import Operation, OperationPlan

logger = logging.getLogger(__name__)
_report_crash = greenlet_exception_logger(logger)

INTERRUPTED = "given up when the run was interrupted"


class Run:
    """Follows every operation in a greenlet of its own, so that a user that is stopped does not take it along."""

    def __init__(self, options: LoadOptions, request_event: Any, records: OperationsFile) -> None:
        self.options = options
        self.tally = Tally()
        self.phases = Phases(time.monotonic(), options.warm_up_s)
        self._records = records
        self.is_accepting = True
        """False once the run ends: users must not start anything any longer."""
        self._watchers = (self.tally, records, LocustEntries(request_event))
        self._in_flight = Group()
        self._wound_up = Event()
        self._why_stopped = f"still running {options.drain_timeout_s:g} s after the end of the run"

    def start(self, plan: OperationPlan, session: Any) -> tuple[Operation, Any]:
        """Start following an operation; return it and the greenlet that ends with it."""
        operation = Operation(plan)
        operation.record.phase = self.phases.of(plan.intended)
        follower = Follower(session, self._watchers)
        greenlet = self._in_flight.spawn(follower.follow, operation, lambda: self._why_stopped)
        greenlet.link_exception(_report_crash)
        return operation, greenlet

    def wind_up(self) -> None:
        """Let nothing start any longer and follow what is in flight to its end, as long as the options allow.

        A second caller, also one that comes while the first still waits, waits for the same end.
        """
        if not self.is_accepting:
            self._wound_up.wait()
            return
        self.is_accepting = False
        self.phases.stop_offering(time.monotonic())
        try:
            self._drain()
        except KeyboardInterrupt:
            self._why_stopped = INTERRUPTED
        finally:
            self._in_flight.kill()
            self._records.close()
            self._wound_up.set()

    def give_up(self) -> None:
        """Stop following at once; what is in flight counts as timed out."""
        self._why_stopped = INTERRUPTED
        self._in_flight.kill()

    def _drain(self) -> None:
        if self.tally.in_flight:
            logger.info(
                "Following %d operations in flight to their end, at most %g s (Ctrl-C gives them up)",
                self.tally.in_flight,
                self.options.drain_timeout_s,
            )
        self._in_flight.join(timeout=self.options.drain_timeout_s)


def join(greenlets: list[Any]) -> None:
    """Wait for all greenlets."""
    gevent.joinall(greenlets)
