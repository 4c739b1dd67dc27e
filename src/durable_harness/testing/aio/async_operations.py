"""`AsyncOperations`: the twin of `Operations` for tests that are coroutines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from durable_harness.operations import HttpResponse
from durable_harness.testing.aio.async_started_operation import AsyncStartedOperation
from durable_harness.testing.blocking_calls import in_thread
from durable_harness.testing.operations import Operations
from durable_harness.testing.promised_events import EventResponse
from durable_harness.testing.requesting import NOTHING
from durable_harness.testing.triggering import TriggeredFunction, WrittenOutput
from durable_harness.testing.webhook_client import HistoryRow


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
            UsageError: `url` is neither a path nor a URL, or `payload` is not JSON.
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
            UsageError: `path` is neither a path nor a URL, or `payload` is not JSON.
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
