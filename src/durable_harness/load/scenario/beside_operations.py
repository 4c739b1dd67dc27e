"""Requests beside the operations of a scenario: ends, events, and what else its author sends."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from durable_harness.errors import UsageError
from durable_harness.load.engine.load_run import LoadRun
from durable_harness.load.scenario.described_scenario import NO_EVENT, DescribedScenario
from durable_harness.operations import HttpResponse, NoResponse, Operation, Request
from durable_harness.platforms.clocks import monotonic

NO_TERMINATE = "the service has no way to end one. Describe it: [terminate] in the file for --service."
NO_URL = "the answer to the start has no URL for it: does the description name the right place?"


class _About(NamedTuple):
    """A request about an operation: its row in Locust's table, the HTTP codes that are right, where it goes."""

    name: str
    expected: Collection[int]
    url: Callable[[], str | None]


class BesideOperations(DescribedScenario):
    """What a scenario can send beside the starts and polls of its operations."""

    @property
    def _run(self) -> LoadRun:
        raise NotImplementedError

    def terminate_later(self, operation: Operation, delay_s: float, reason: str = "load test") -> None:
        """Terminate an operation after a while, unless it has ended by then. Does not block.

        Being terminated then counts as the end that the operation is meant to have: neither completed nor failed.

        Args:
            operation: one that this scenario started.
            delay_s: seconds from when the service accepts it.
            reason: sent to the service, which shows it as the output of the instance.

        Raises:
            UsageError: the service's description has no way to terminate.
        """
        terminate = self.described.terminate
        if terminate is None:
            raise UsageError(f"{type(self).__name__} terminates operations: {NO_TERMINATE}")
        make = functools.partial(operation.terminate_request, reason)
        expected = terminate.accepted | terminate.too_late
        self._send_later(operation, delay_s, make, _About("terminate", expected, lambda: operation.terminate_url))

    def raise_event_later(self, operation: Operation, delay_s: float, name: str, data: Any = None) -> None:
        """Raise an event for an operation after a while, unless it has ended by then. Does not block.

            def on_accepted(self, operation):
                self.raise_event_later(operation, 1.5, "Approved", {"by": "load"})

        A durable service keeps an event that the operation does not wait for yet.

        Args:
            operation: one that this scenario started.
            delay_s: seconds from when the service accepts it.
            name: the name of the event.
            data: sent as JSON.

        Raises:
            UsageError: the service's description has no way to raise events.
            TypeError: `data` cannot be written as JSON.
        """
        event = self.described.event
        if event is None:
            raise UsageError(f"{type(self).__name__} raises events: {NO_EVENT}")
        json.dumps(data)  # What cannot be sent is refused here, while the scenario's own line is in the traceback.
        make = functools.partial(operation.event_request, name, data)
        expected = event.accepted | event.too_late
        self._send_later(operation, delay_s, make, _About("raise event", expected, lambda: operation.event_url))

    def _send_later(
        self, operation: Operation, delay_s: float, make: Callable[[], Request | None], about: _About
    ) -> None:
        """Send a request about an operation once it is accepted, and the delay over: a timer, and no greenlet."""
        run, scenario = self._run, type(self).__name__

        def plan(accepted: Operation) -> None:
            if about.url() is None:
                run.note_beside(about.name, NO_URL, scenario)
            else:
                moment = (accepted.record.accepted or monotonic()) + delay_s
                run.send_at(moment, make, about.name, about.expected, scenario)

        operation.when_accepted(plan)

    def send_expecting(self, request: Request, name: str, expected: Collection[int], at: float | None = None) -> None:
        """Send a request beside the operations, without waiting for its answer.

        It is in no figure of the operations. A run in which such a request got an unexpected answer does not pass.

        Args:
            request: what to send.
            name: its row in the tables.
            expected: the HTTP codes that count as success.
            at: when to send it, in `time.monotonic()` seconds; None for now.
        """
        self._run.send_at(monotonic() if at is None else at, lambda: request, name, expected, type(self).__name__)

    def ask(
        self, request: Request, name: str | None = None, expected: Collection[int] | None = None
    ) -> HttpResponse | NoResponse:
        """Send a request beside the operations and wait for its answer.

        Only a closed scenario, or `on_start`, may wait; an open one has `send_expecting`.

        Args:
            request: what to send.
            name: its row in the tables; None for the path of its URL.
            expected: the HTTP codes that count as success; None accepts any.

        Returns:
            The answer, or a `NoAnswer` with the reason.
        """
        return self._run.ask(request, name=name, expected=expected, scenario=type(self).__name__)
