"""`AsyncStartedOperation`: the twin of `StartedOperation` for tests that are coroutines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from durable_harness.operations import HttpResponse
from durable_harness.testing.blocking_calls import in_thread
from durable_harness.testing.measured_operation import OperationMeasurement
from durable_harness.testing.promised_events import EventResponse
from durable_harness.testing.started_operation import StartedOperation
from durable_harness.testing.webhook_client import HistoryRow, Instance, InstanceStatus


class AsyncStartedOperation:
    """An operation that the app has accepted, in tests that are coroutines.

    `AsyncOperations.start` returns it. Each method does the same as the method of that name in `StartedOperation`,
    takes the same arguments and raises the same errors. `sync` is that `StartedOperation` object.
    """

    def __init__(self, operation: StartedOperation) -> None:
        self.sync = operation

    def __repr__(self) -> str:
        return repr(self.sync)

    @property
    def instance_id(self) -> str:
        """The ID of its orchestration instance."""
        return self.sync.instance_id

    @property
    def status_url(self) -> str:
        """The URL of its status."""
        return self.sync.status_url

    @property
    def answer(self) -> HttpResponse:
        """The 202 answer that accepted it."""
        return self.sync.answer

    @property
    def management_urls(self) -> Mapping[str, Any]:
        """The management URLs in that answer, such as `statusQueryGetUri`."""
        return self.sync.management_urls

    async def poll(self) -> HttpResponse:
        """Request its status once and return the HTTP answer: 202, 200 or 404.

        Raises:
            AssertionError: the app did not answer.
        """
        return await in_thread(self.sync.poll)

    async def status(self) -> InstanceStatus:
        """Request its status once and return it.

        Raises:
            AssertionError: the app does not know the operation.
        """
        return await in_thread(self.sync.status)

    async def wait(self, timeout_s: float | None = None) -> InstanceStatus:
        """Poll until it has ended, and return its last status. It may have completed, failed or been terminated.

        Args:
            timeout_s: how long to wait from now, in seconds; by default the limit of the fixture.

        Raises:
            StuckOperationError: it has not ended in that time. The message shows what it waits for.
            AssertionError: its status could not be read.
            UsageError: `timeout_s` is negative or not a number.
        """
        return await in_thread(self.sync.wait, timeout_s)

    async def wait_for(self, state: str, timeout_s: float | None = None) -> InstanceStatus:
        """Poll until it has this runtime status, and return its status.

        Args:
            state: a `runtimeStatus`, such as "Running" or "Suspended".
            timeout_s: how long to wait from now, in seconds; by default the limit of the fixture.

        Raises:
            StuckOperationError: it did not reach that status in time, or has ended with another one.
            UsageError: there is no such status, or `timeout_s` is negative or not a number.
        """
        return await in_thread(self.sync.wait_for, state, timeout_s)

    async def measured(self) -> OperationMeasurement:
        """Return when it was created, began and ended by the scheduler's clock, and what it cost.

            operation = await operations.start_orchestrator("chain", 5)
            await operation.wait()
            assert (await operation.measured()).action_count == 1 + 2 * 5

        Costs are None before the end of the operation, so wait for it first.

        Raises:
            AssertionError: the host does not know the operation.
            UsageError: the host does not measure operations, as on the stacks func and remote.
        """
        return await in_thread(self.sync.measured)

    async def tree(self) -> Instance | None:
        """Return its instance with the history and the sub-orchestrations; None if the app does not know it."""
        return await in_thread(self.sync.tree)

    async def history(self) -> list[HistoryRow]:
        """Return its history so far, as the durable HTTP API shows it; empty if there is none."""
        return await in_thread(self.sync.history)

    async def record(self, path: str | Path) -> Path:
        """Write its history so far to a file that `durable_replay` can replay.

        Args:
            path: the file to write.

        Returns:
            The path of the file.

        Raises:
            AssertionError: the app does not know the operation.
            UsageError: the deployment refuses the key.
        """
        return await in_thread(self.sync.record, path)

    async def raise_event(self, name: str, payload: Any = None) -> None:
        """Raise an external event for it.

            await operation.raise_event("approved", {"by": "Ada"})

        Args:
            name: the name of the event.
            payload: the payload of the event, which is sent as JSON.

        Raises:
            AssertionError: the event was not accepted, for example because the operation has ended.
        """
        await in_thread(self.sync.raise_event, name, payload)

    async def respond(self, payload: Any = None, *, to: str, times: int | None = None) -> EventResponse:
        """Raise an event each time this operation or a sub-orchestration waits for it, until the end of the test.

            await operation.respond({"approved": True}, to="approval")

        If it waits already, the event is raised at once. If time is skipped, a timeout may come before this call. In
        that case call `operations.respond` before the start, or start under `durable_clock.hold()`.

        Args:
            payload: the payload of the event, which is sent as JSON.
            to: the name of the event.
            times: how often to raise it at most; by default there is no limit.

        Raises:
            UsageError: an argument is not valid, or the stack is func or remote.
        """
        return await in_thread(self.sync.respond, payload, to=to, times=times)

    async def terminate(self, reason: str = "") -> None:
        """Request its termination. `wait` then waits for the end.

        Args:
            reason: becomes the output of the operation.

        Raises:
            AssertionError: the request was not accepted, for example because the operation has ended.
        """
        await in_thread(self.sync.terminate, reason)

    async def suspend(self) -> None:
        """Request its suspension.

        Raises:
            AssertionError: the request was not accepted, for example because the operation has ended.
        """
        await in_thread(self.sync.suspend)

    async def resume(self) -> None:
        """Request that it resumes after a suspension.

        Raises:
            AssertionError: the request was not accepted, for example because the operation has ended.
        """
        await in_thread(self.sync.resume)
