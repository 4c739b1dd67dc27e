"""The same API for tests that are coroutines: `AsyncOperations` and the assertions.

    from durable_harness.testing.aio import assert_completed

    async def test_greeting(durable_async_operations):
        operation = await durable_async_operations.start("/api/greetings", {"name": "Ada"})
        await assert_completed(operation, output="Hello, Ada!")

It works with pytest-asyncio, and with anyio on asyncio or trio. Each call does the same as the call of that name in
`durable_harness.testing`. It runs in a thread of its own, so it does not block the event loop of the test.
"""

# Docstrings repeat those of the functions of the same name: editors read the source, and show only a docstring that
# stands at the function. A test compares the two.

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.operations import HttpResponse
from durable_harness.testing import assertions
from durable_harness.testing.blocking_calls import in_thread
from durable_harness.testing.measured_operation import OperationMeasurement
from durable_harness.testing.operations import Operations
from durable_harness.testing.promised_events import EventResponse
from durable_harness.testing.requesting import NOTHING
from durable_harness.testing.started_operation import StartedOperation
from durable_harness.testing.triggering import TriggeredFunction, WrittenOutput
from durable_harness.testing.webhook_client import HistoryRow, Instance, InstanceStatus

__all__ = [
    "AsyncOperations",
    "AsyncStartedOperation",
    "assert_called_once",
    "assert_completed",
    "assert_failed",
    "assert_history",
    "in_thread",
]


class AsyncOperations:
    """Start operations of the app under test and follow them, in tests that are coroutines.

        async def test_order(durable_async_operations):
            operation = await durable_async_operations.start("/api/orders", {"id": 7})
            status = await operation.wait()
            assert status["runtimeStatus"] == "Completed"

    The fixture `durable_async_operations` makes it. Each method does the same as the method of that name in
    `Operations`, takes the same arguments and raises the same errors. `sync` is that `Operations` object.
    """

    def __init__(self, operations: Operations) -> None:
        self.sync = operations

    async def request(
        self, method: str, url: str, payload: Any = NOTHING, *, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Send an HTTP request and return the answer with any status.

        Args:
            method: the HTTP method, such as "GET".
            url: a path of the app that begins with a slash, or a whole URL.
            payload: the body, which is sent as JSON; omit it to send no body.
            headers: additional request headers.

        Raises:
            AssertionError: the app did not answer.
            UsageError: `url` is neither a path nor a URL.
        """
        return await in_thread(self.sync.request, method, url, payload, headers=headers)

    async def start(
        self, path: str, payload: Any = NOTHING, *, headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> AsyncStartedOperation:
        """Start an operation by a request to a route of the app, and return it once the app has accepted it.

            operation = await operations.start("/api/orders", {"id": 7})

        Args:
            path: the route, such as "/api/orders", or a whole URL.
            payload: the body, which is sent as JSON; omit it to send no body.
            headers: additional request headers.
            method: the HTTP method of the route, such as "PUT".

        Raises:
            AssertionError: the answer is not a 202 with a status URL. The message explains the refusal.
            UsageError: `path` is neither a path nor a URL.
        """
        return AsyncStartedOperation(await in_thread(self.sync.start, path, payload, headers=headers, method=method))

    async def start_orchestrator(
        self, name: str, payload: Any = NOTHING, *, instance_id: str | None = None
    ) -> AsyncStartedOperation:
        """Start an orchestrator by its name, through the durable HTTP API. The app needs no route for it.

            operation = await operations.start_orchestrator("approval", {"days": 3})

        Args:
            name: the name of the orchestrator.
            payload: its input, which is sent as JSON; omit it for no input.
            instance_id: the ID of the new instance; by default the host makes one.

        Raises:
            AssertionError: the start was not accepted.
        """
        return AsyncStartedOperation(
            await in_thread(self.sync.start_orchestrator, name, payload, instance_id=instance_id)
        )

    async def follow(self, instance_id: str, timeout_s: float | None = None) -> AsyncStartedOperation:
        """Return an operation that the test did not start, such as one started by a timer, once it exists.

        Args:
            instance_id: the ID of its instance.
            timeout_s: how long to wait for it, in seconds; by default the limit of the fixture.

        Raises:
            AssertionError: there is no such instance after that time.
            UsageError: `instance_id` is empty or not a text.
        """
        return AsyncStartedOperation(await in_thread(self.sync.follow, instance_id, timeout_s))

    async def started(
        self, orchestrator: str | None = None, *, count: int | None = None, timeout_s: float | None = None
    ) -> list[AsyncStartedOperation]:
        """Return the operations that were started since this test began, in order, by the test or by the app.

            [operation] = await operations.started("nightly_report", count=1)

        Sub-orchestrations are not included.

        Args:
            orchestrator: the name of an orchestrator; omit it for all of them.
            count: how many operations to wait for; by default the method does not wait.
            timeout_s: how long to wait, in seconds; by default the limit of the fixture.

        Raises:
            AssertionError: fewer than `count` were started in that time.
            UsageError: the app has no such orchestrator, or the stack is func or remote.
        """
        found = await in_thread(self.sync.started, orchestrator, count=count, timeout_s=timeout_s)
        return [AsyncStartedOperation(one) for one in found]

    async def trigger(
        self, name: str, data: Any = NOTHING, *, metadata: Mapping[str, Any] | None = None
    ) -> TriggeredFunction:
        """Run a function by its name, with any kind of trigger, and wait until it has ended.

            await operations.trigger("from_queue", {"id": 7}, metadata={"DequeueCount": 3})

        On the stacks func and remote the host only accepts the run. The method then returns at once, and the outputs
        are not known. A deployment needs its master key for this.

        Args:
            name: the name of the function.
            data: what the trigger delivers, as text, bytes or a JSON value, or a list for a batch; omit it for a timer.
            metadata: replaces the values that the service behind the trigger would add.

        Returns:
            What this invocation returned (`returned`) and wrote to its output bindings (`written`).

        Raises:
            AssertionError: the function failed. The message has its traceback.
            UsageError: the app has no such function, or its trigger cannot have such data.
        """
        return await in_thread(self.sync.trigger, name, data, metadata=metadata)

    async def written(self, name: str, *, count: int | None = None, timeout_s: float | None = None) -> list[Any]:
        """Return the values that functions wrote to an output binding since this test began, in order.

            assert await operations.written("receipts") == ["order 7 is paid"]

        Each message of a list counts by itself. Values are text, bytes or JSON values, as they would be sent to the
        service.

        Args:
            name: the queue, path, topic or table of the binding, its parameter, or `function.parameter`.
            count: how many values to wait for; by default the method does not wait.
            timeout_s: how long to wait, in seconds; by default the limit of the fixture.

        Raises:
            AssertionError: fewer than `count` values were written in that time.
            UsageError: no output binding has this name, or the stack is func or remote.
        """
        return await in_thread(self.sync.written, name, count=count, timeout_s=timeout_s)

    async def outputs(self) -> list[WrittenOutput]:
        """Return everything that functions wrote to output bindings since this test began, in order.

        Each entry names the function, the binding and its target.

        Raises:
            UsageError: the stack is func or remote.
        """
        return await in_thread(self.sync.outputs)

    async def give(self, name: str, value: Any) -> None:
        """Set the value that an input binding reads, until the end of the test.

            await operations.give("prices", b"apple 3")

        If a name is given several values, the latest counts.

        Args:
            name: the parameter, `function.parameter`, or the path, queue or table that the binding names.
            value: text, bytes, or a JSON value for documents and rows.

        Raises:
            UsageError: no input binding that needs a value has this name, or the stack is func or remote.
        """
        await in_thread(self.sync.give, name, value)

    async def respond(self, payload: Any = None, *, to: str, times: int | None = None) -> EventResponse:
        """Raise an event for each orchestration that starts to wait for it from now on, until the end of the test.

            await operations.respond({"approved": True}, to="approval")
            await assert_completed(await operations.start("/api/orders", {"id": 7}))

        The event arrives before any timer that the orchestration races it with, even if time is skipped. If several
        responses fit, the one that was registered first is used first. For one operation, or one that waits already,
        call `operation.respond`.

        Args:
            payload: the payload of the event, which is sent as JSON.
            to: the name of the event.
            times: how often to raise it at most; by default there is no limit.

        Raises:
            UsageError: an argument is not valid, or the stack is func or remote.
        """
        return await in_thread(self.sync.respond, payload, to=to, times=times)

    async def history(self, instance_id: str) -> list[HistoryRow]:
        """Return the history of any instance of the app, as the durable HTTP API shows it.

        Args:
            instance_id: the ID of the instance.

        Raises:
            AssertionError: there is no such instance.
        """
        return await in_thread(self.sync.history, instance_id)

    async def record(self, instance_id: str, path: str | Path) -> Path:
        """Write the history of any instance of the app to a file that `durable_replay` can replay.

        Args:
            instance_id: the ID of the instance.
            path: the file to write.

        Returns:
            The path of the file.

        Raises:
            AssertionError: there is no such instance.
            UsageError: the deployment refuses the key.
        """
        return await in_thread(self.sync.record, instance_id, path)


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
        """
        return await in_thread(self.sync.wait, timeout_s)

    async def wait_for(self, state: str, timeout_s: float | None = None) -> InstanceStatus:
        """Poll until it has this runtime status, and return its status.

        Args:
            state: a `runtimeStatus`, such as "Running" or "Suspended".
            timeout_s: how long to wait from now, in seconds; by default the limit of the fixture.

        Raises:
            StuckOperationError: it did not reach that status in time, or has ended with another one.
            UsageError: there is no such status.
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


def _sync(operation: object) -> StartedOperation:
    """Return the operation behind an async one. Raises UsageError for any other object."""
    __tracebackhide__ = True
    if isinstance(operation, AsyncStartedOperation):
        return operation.sync
    if inspect.iscoroutine(operation):
        operation.close()
    raise UsageError(
        f"This assertion is for an AsyncStartedOperation, got {type(operation).__name__}. Await a start first; of"
        " an operation of the fixture operations, call the assertion of the same name in durable_harness.testing."
    )


async def assert_completed(
    operation: AsyncStartedOperation, output: Any = NOTHING, *, timeout_s: float | None = None
) -> Any:
    """Wait for the end of an operation and assert that it completed, with the expected output if one is given.

        await assert_completed(await operations.start("/api/orders", {"id": 7}), output={"state": "paid"})

    Args:
        operation: the operation.
        output: the expected output, as a JSON value; by default any output passes.
        timeout_s: how long to wait, in seconds; by default the limit of the fixture.

    Returns:
        The output of the operation.

    Raises:
        AssertionError: it did not complete, or has another output. The message explains why.
        StuckOperationError: it has not ended in time.
    """
    return await in_thread(assertions.assert_completed, _sync(operation), output, timeout_s=timeout_s)


async def assert_failed(operation: AsyncStartedOperation, match: str = "", *, timeout_s: float | None = None) -> str:
    """Wait for the end of an operation and assert that it failed.

        await assert_failed(await operations.start("/api/orders", {"id": 7}), match="the card is stolen")

    Args:
        operation: the operation.
        match: a regular expression that must be found in the reason of the failure.
        timeout_s: how long to wait, in seconds; by default the limit of the fixture.

    Returns:
        The reason of the failure, which is the output of the operation.

    Raises:
        AssertionError: it did not fail, or failed for another reason.
        StuckOperationError: it has not ended in time.
        UsageError: `match` is not a regular expression.
    """
    return await in_thread(assertions.assert_failed, _sync(operation), match, timeout_s=timeout_s)


async def assert_called_once(
    operation: AsyncStartedOperation, activity: str, *, timeout_s: float | None = None
) -> None:
    """Wait for the end of an operation and assert that it scheduled an activity exactly once.

        await assert_called_once(operation, "charge_card")

    The activities of its sub-orchestrations count too.

    Args:
        operation: the operation.
        activity: the name of the activity.
        timeout_s: how long to wait, in seconds; by default the limit of the fixture.

    Raises:
        AssertionError: the activity was not scheduled, or more than once.
        StuckOperationError: the operation has not ended in time.
    """
    await in_thread(assertions.assert_called_once, _sync(operation), activity, timeout_s=timeout_s)


async def assert_history(
    operation: AsyncStartedOperation, expected: Sequence[str], *, timeout_s: float | None = None
) -> None:
    """Wait for the end of an operation and assert that its history has exactly these events, in this order.

        await assert_history(operation, ["ExecutionStarted", "TaskCompleted say_hello", "ExecutionCompleted"])

    A call has one event, which is its outcome. An activity that has returned is one `TaskCompleted`, without its
    `TaskScheduled`.

    Args:
        operation: the operation.
        expected: event types, such as "TimerFired", or types with a name, such as "TaskCompleted say_hello".
        timeout_s: how long to wait, in seconds; by default the limit of the fixture.

    Raises:
        AssertionError: the history has other events. The message shows the first difference.
        StuckOperationError: the operation has not ended in time.
        UsageError: `expected` is a text, not a list.
    """
    await in_thread(assertions.assert_history, _sync(operation), expected, timeout_s=timeout_s)
