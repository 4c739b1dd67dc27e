"""One operation that the app has accepted, followed to its end."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlencode, urlsplit

from durable_harness.errors import UsageError
from durable_harness.operations import (
    HttpResponse,
    NoResponse,
    Operation,
    OperationPlan,
    OperationState,
)
from durable_harness.operations.measurement import MEASUREMENTS_PATH
from durable_harness.stack import RunningStack
from durable_harness.testing.durations import limit_s_of
from durable_harness.testing.history_recording import record
from durable_harness.testing.liveness import end_of
from durable_harness.testing.measured_operation import OperationMeasurement, read_measurement
from durable_harness.testing.promised_events import EventResponse, Promises
from durable_harness.testing.reports.failure_report import Explainer
from durable_harness.testing.server_errors import WatchedClient
from durable_harness.testing.webhook_client import (
    STATES,
    TERMINAL_STATES,
    HistoryRow,
    Instance,
    InstanceStatus,
    Webhook,
)

LAST_REQUEST_S = 1.0
"""What a poll may take at least, also the last one, at the deadline."""


class StuckOperationError(AssertionError):
    """Raised when an operation has not ended in time. The message shows what the operation waits for."""

    __module__ = "durable_harness.testing"  # where tests import it from: pytest writes it before each message


class StartContext(Protocol):
    """What a started operation needs of the object that started it."""

    stack: RunningStack
    client: WatchedClient
    promises: Promises


class StartedOperation:
    """An operation that the app has accepted: one orchestration instance, with its status and its history.

        operation = operations.start("/api/orders", {"id": 7})
        operation.raise_event("approved", True)
        status = operation.wait()
        assert status["output"] == {"state": "paid"}

    Reading it never changes it. Only `raise_event`, `respond`, `terminate`, `suspend` and `resume` do.
    """

    def __init__(self, plan: OperationPlan, answer: HttpResponse, context: StartContext, explainer: Explainer) -> None:
        self._plan = plan
        self._client = context.client
        self._stack = context.stack
        self._promises = context.promises
        self.explainer = explainer
        self.answer = answer
        """The 202 answer that accepted it. `management_urls` has the URLs in it."""
        self.management_urls: Mapping[str, Any] = answer.json_object() or {}
        accepted = watched(plan, answer)
        self.status_url = accepted.status_url or ""
        """The URL of its status."""
        self.instance_id = accepted.record.instance_id or _id_in(self.status_url)
        """The ID of its orchestration instance."""
        self.webhook = Webhook(self._client, self.status_url)

    def __repr__(self) -> str:
        return f"<operation {self.instance_id} of {self._plan.token}>"

    def poll(self) -> HttpResponse:
        """Request its status once and return the HTTP answer: 202, 200 or 404.

        Raises:
            AssertionError: the app did not answer.
        """
        __tracebackhide__ = True
        return answered(self._stack, self._client.request("GET", self.status_url), "GET", self.status_url)

    def status(self) -> InstanceStatus:
        """Request its status once and return it.

        Raises:
            AssertionError: the app does not know the operation.
        """
        __tracebackhide__ = True
        answer = self.poll()
        found = status_in(answer)
        if found is None:
            raise AssertionError(self.explain(f"has no status: {answer.status} {answer.body.decode(errors='replace')}"))
        return found

    def wait(self, timeout_s: float | None = None) -> InstanceStatus:
        """Poll until it has ended, and return its last status. It may have completed, failed or been terminated.

        Args:
            timeout_s: how long to wait from now, in seconds; by default the limit of the fixture.

        Raises:
            StuckOperationError: it has not ended in that time. The message shows what it waits for.
            AssertionError: its status could not be read.
            UsageError: `timeout_s` is negative or not a number.
        """
        __tracebackhide__ = True
        limit_s = limit_s_of(timeout_s, self._plan.timeout_s)
        operation = watched(dataclasses.replace(self._plan, timeout_s=limit_s), self.answer)
        status = self._follow(operation)
        error = operation.record.error or ""
        if operation.record.state is OperationState.TIMED_OUT:
            last = error.partition("; last poll: ")[2]
            details = (f"its last poll: {last}",) if last else ()
            raise StuckOperationError(self.explain(f"has not ended after {limit_s:g} s", details))
        if status is None or status["runtimeStatus"] not in TERMINAL_STATES:
            raise AssertionError(self.explain(error))
        return status

    def wait_for(self, state: str, timeout_s: float | None = None) -> InstanceStatus:
        """Poll until it has this runtime status, and return its status.

        Args:
            state: a `runtimeStatus`, such as "Running" or "Suspended".
            timeout_s: how long to wait from now, in seconds; by default the limit of the fixture.

        Raises:
            StuckOperationError: it did not reach that status in time, or has ended with another one.
            UsageError: there is no such status, or `timeout_s` is negative or not a number.
        """
        __tracebackhide__ = True
        if state not in STATES:
            raise UsageError(f"wait_for: got {state!r}; expected one of {', '.join(STATES)}.")
        limit_s = limit_s_of(timeout_s, self._plan.timeout_s)
        deadline = time.monotonic() + limit_s
        while True:
            status = status_in(self._ask(self.status_url, deadline)) or {}
            if status.get("runtimeStatus") == state:
                return status
            if status.get("runtimeStatus") in TERMINAL_STATES:
                raise StuckOperationError(self.explain(f"has ended, and was expected to be {state}"))
            if time.monotonic() > deadline:
                raise StuckOperationError(self.explain(f"was not {state} in {limit_s:g} s"))
            time.sleep(self._plan.polling.delay_s(0, None))

    def measured(self) -> OperationMeasurement:
        """Return when it was created, began and ended by the scheduler's clock, and what it cost.

            operation = operations.start_orchestrator("chain", 5)
            operation.wait()
            assert operation.measured().action_count == 1 + 2 * 5

        Costs are None before the end of the operation, so wait for it first.

        Raises:
            AssertionError: the host does not know the operation.
            UsageError: the host does not measure operations, as on the stacks func and remote.
        """
        __tracebackhide__ = True
        request = {"ids": [self.instance_id]}
        asked = self._client.request("POST", MEASUREMENTS_PATH, request)
        answer = answered(self._stack, asked, "POST", MEASUREMENTS_PATH)
        found = read_measurement(answer, self.instance_id, self._client.base_url)
        if found is None:
            raise AssertionError(self.explain("is not known to its host, which has nothing measured"))
        return found

    def tree(self) -> Instance | None:
        """Return its instance with the history and the sub-orchestrations; None if the app does not know it."""
        return self.webhook.read_tree(self.instance_id)

    def history(self) -> list[HistoryRow]:
        """Return its history so far, as the durable HTTP API shows it; empty if there is none."""
        found = self.webhook.read(self.instance_id)
        return found.history if found else []

    def record(self, path: str | Path) -> Path:
        """Write its history so far to a file that `durable_replay` can replay.

        Args:
            path: the file to write.

        Returns:
            The path of the file.

        Raises:
            AssertionError: the app does not know the operation.
            UsageError: the deployment refuses the key.
        """
        __tracebackhide__ = True
        return record(self._stack, self.webhook, self.instance_id, Path(path))

    def explain(self, problem: str, details: tuple[str, ...] = (), first: str = "") -> str:
        """Return a report of a failure: the instances, their histories, what they wait for, and the host's log.

        Args:
            problem: what is wrong, such as "completed with another output".
            details: lines that are added to it.
            first: the first line; by default the reason why the operation failed, or what it waits for.
        """
        return self.explainer.explain(self.webhook, self.instance_id, problem, details, first)

    def raise_event(self, name: str, payload: Any = None) -> None:
        """Raise an external event for it.

            operation.raise_event("approved", {"by": "Ada"})

        Args:
            name: the name of the event.
            payload: the payload of the event, which is sent as JSON.

        Raises:
            AssertionError: the event was not accepted, for example because the operation has ended.
        """
        __tracebackhide__ = True
        self.webhook.send(self.instance_id, f"raiseEvent/{quote(name, safe='')}", payload)

    def respond(self, payload: Any = None, *, to: str, times: int | None = None) -> EventResponse:
        """Raise an event each time this operation or a sub-orchestration waits for it, until the end of the test.

            operation.respond({"approved": True}, to="approval")

        If it waits already, the event is raised at once. If time is skipped, a timeout may come before this call. In
        that case call `operations.respond` before the start, or start under `durable_clock.hold()`.

        Args:
            payload: the payload of the event, which is sent as JSON.
            to: the name of the event.
            times: how often to raise it at most; by default there is no limit.

        Raises:
            UsageError: an argument is not valid, or the stack is func or remote.
        """
        __tracebackhide__ = True
        return self._promises.make(payload, to, times, self.instance_id)

    def terminate(self, reason: str = "") -> None:
        """Request its termination. `wait` then waits for the end.

        Args:
            reason: becomes the output of the operation.

        Raises:
            AssertionError: the request was not accepted, for example because the operation has ended.
        """
        __tracebackhide__ = True
        self.webhook.send(self.instance_id, f"terminate?{urlencode({'reason': reason})}")

    def suspend(self) -> None:
        """Request its suspension.

        Raises:
            AssertionError: the request was not accepted, for example because the operation has ended.
        """
        __tracebackhide__ = True
        self.webhook.send(self.instance_id, "suspend")

    def resume(self) -> None:
        """Request that it resumes after a suspension.

        Raises:
            AssertionError: the request was not accepted, for example because the operation has ended.
        """
        __tracebackhide__ = True
        self.webhook.send(self.instance_id, "resume")

    def _follow(self, operation: Operation) -> InstanceStatus | None:
        """Poll as the operation says until it has ended; return the last status that could be read."""
        status: InstanceStatus | None = None
        while operation.next_poll is not None:
            time.sleep(max(0.0, operation.next_poll - time.monotonic()))
            answer = self._ask(operation.status_url or self.status_url, operation.deadline)
            operation.poll_answered(answer, time.monotonic())
            status = status_in(answer) or status
        return status

    def _ask(self, url: str, deadline: float) -> HttpResponse | NoResponse:
        """Return the answer to a poll. Raises StuckOperationError at once where no host is left to answer."""
        __tracebackhide__ = True
        answer = self._client.request("GET", url, timeout_s=left_s(deadline))
        if isinstance(answer, NoResponse) and (end := end_of(self._stack)):
            raise StuckOperationError(self.explain("has not ended, and never will", first=end))
        return answer


def left_s(deadline: float) -> float:
    """Return how long a request may take until a deadline, but LAST_REQUEST_S at least."""
    return max(deadline - time.monotonic(), LAST_REQUEST_S)


def watched(plan: OperationPlan, accepted: HttpResponse) -> Operation:
    """Return the operation that an accepted start began, to be followed from now on."""
    now = time.monotonic()
    operation = Operation(dataclasses.replace(plan, intended=now))
    operation.sent(now)
    operation.start_answered(accepted, now)
    return operation


def status_in(answer: HttpResponse | NoResponse) -> InstanceStatus | None:
    """Return the status in an answer; None if it has none."""
    document = answer.json_object() if isinstance(answer, HttpResponse) else None
    return document if document and "runtimeStatus" in document else None


def answered(stack: RunningStack, answer: HttpResponse | NoResponse, method: str, url: str) -> HttpResponse:
    """Return an answer; raise AssertionError, with how the stack ended, if there is none."""
    __tracebackhide__ = True
    if isinstance(answer, HttpResponse):
        return answer
    end = end_of(stack)
    why = f"{end}; its log is {stack.log_path}. The next module of tests gets a new host" if end else answer.reason
    raise AssertionError(f"{method} {urlsplit(url).path} got no answer: {why}")


def _id_in(status_url: str) -> str:
    """Return the last part of a status URL's path: with a start that has no ID, that is the ID."""
    return unquote(urlsplit(status_url).path.rstrip("/").rpartition("/")[2])
