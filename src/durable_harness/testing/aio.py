"""The async twins of `operations` and of the assertions, for tests that are coroutines.

    from durable_harness.testing.aio import assert_completed

    async def test_greeting(durable_async_operations):
        operation = await durable_async_operations.start("/api/greetings", {"name": "Ada"})
        await assert_completed(operation, output="Hello, Ada!")

With pytest-asyncio, and with anyio on asyncio or trio. Each call does what the one of the same name does in
`durable_harness.testing`, in a thread of its own: the event loop of the test goes on meanwhile.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.operations import HttpResponse
from durable_harness.testing import assertions
from durable_harness.testing.measuring import OperationMeasurement
from durable_harness.testing.operations import Operations, StartedOperation
from durable_harness.testing.requesting import NOTHING
from durable_harness.testing.responding import EventResponse
from durable_harness.testing.threads import in_thread
from durable_harness.testing.triggering import TriggeredFunction, WrittenOutput
from durable_harness.testing.webhook import HistoryRow, Instance, InstanceStatus

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
    """The twin of `durable_harness.testing.Operations`, which is its `sync`."""

    def __init__(self, operations: Operations) -> None:
        self.sync = operations

    async def request(
        self, method: str, url: str, payload: Any = NOTHING, *, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Send any request, a path or a whole URL, and return the answer whatever its status."""
        return await in_thread(self.sync.request, method, url, payload, headers=headers)

    async def start(
        self, path: str, payload: Any = NOTHING, *, headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> AsyncStartedOperation:
        """POST to a route of the app that starts an operation; fail unless it answers 202 and says where to look."""
        return AsyncStartedOperation(await in_thread(self.sync.start, path, payload, headers=headers, method=method))

    async def start_orchestrator(
        self, name: str, payload: Any = NOTHING, *, instance_id: str | None = None
    ) -> AsyncStartedOperation:
        """Start an orchestrator by its name, through the durable HTTP API."""
        return AsyncStartedOperation(
            await in_thread(self.sync.start_orchestrator, name, payload, instance_id=instance_id)
        )

    async def follow(self, instance_id: str, timeout_s: float | None = None) -> AsyncStartedOperation:
        """Return the operation with this ID, which a timer or another trigger starts, once it exists."""
        return AsyncStartedOperation(await in_thread(self.sync.follow, instance_id, timeout_s))

    async def started(
        self, orchestrator: str | None = None, *, count: int | None = None, timeout_s: float | None = None
    ) -> list[AsyncStartedOperation]:
        """Return the operations that were started since this test began; with `count`, once there are that many."""
        found = await in_thread(self.sync.started, orchestrator, count=count, timeout_s=timeout_s)
        return [AsyncStartedOperation(one) for one in found]

    async def trigger(
        self, name: str, data: Any = NOTHING, *, metadata: Mapping[str, Any] | None = None
    ) -> TriggeredFunction:
        """Run a function by its name, whatever its trigger, and wait for its end."""
        return await in_thread(self.sync.trigger, name, data, metadata=metadata)

    async def written(self, name: str, *, count: int | None = None, timeout_s: float | None = None) -> list[Any]:
        """Return what functions wrote to an output binding since this test began; with `count`, that many."""
        return await in_thread(self.sync.written, name, count=count, timeout_s=timeout_s)

    async def outputs(self) -> list[WrittenOutput]:
        """Return all that functions wrote to output bindings since this test began."""
        return await in_thread(self.sync.outputs)

    async def give(self, name: str, value: Any) -> None:
        """Give an input binding a value until the end of the test."""
        await in_thread(self.sync.give, name, value)

    async def respond(self, payload: Any = None, *, to: str, times: int | None = None) -> EventResponse:
        """Raise an event for every orchestration that comes to wait for it from now on, until the end of the test."""
        return await in_thread(self.sync.respond, payload, to=to, times=times)

    async def history(self, instance_id: str) -> list[HistoryRow]:
        """Return the history of any instance of the app; fail if there is none."""
        return await in_thread(self.sync.history, instance_id)

    async def record(self, instance_id: str, path: str | Path) -> Path:
        """Write the history of any instance to a file for `durable_replay`; fail if there is none."""
        return await in_thread(self.sync.record, instance_id, path)


class AsyncStartedOperation:
    """The twin of `durable_harness.testing.StartedOperation`, which is its `sync`."""

    def __init__(self, operation: StartedOperation) -> None:
        self.sync = operation

    def __repr__(self) -> str:
        return repr(self.sync)

    @property
    def instance_id(self) -> str:
        """The ID of its instance."""
        return self.sync.instance_id

    @property
    def status_url(self) -> str:
        """Where its status is."""
        return self.sync.status_url

    @property
    def answer(self) -> HttpResponse:
        """The 202 that accepted it."""
        return self.sync.answer

    @property
    def management_urls(self) -> Mapping[str, Any]:
        """The URLs in that answer."""
        return self.sync.management_urls

    async def poll(self) -> HttpResponse:
        """Ask for its status once, and return the answer: 202, 200 or 404."""
        return await in_thread(self.sync.poll)

    async def status(self) -> InstanceStatus:
        """Ask for its status once; fail if it is unknown."""
        return await in_thread(self.sync.status)

    async def wait(self, timeout_s: float | None = None) -> InstanceStatus:
        """Poll until it has ended, however it ended, and return its last status."""
        return await in_thread(self.sync.wait, timeout_s)

    async def wait_for(self, state: str, timeout_s: float | None = None) -> InstanceStatus:
        """Poll until its runtimeStatus is this one, and return its status."""
        return await in_thread(self.sync.wait_for, state, timeout_s)

    async def measured(self) -> OperationMeasurement:
        """Return when it began and ended by the scheduler's clock, and what it cost in whole numbers."""
        return await in_thread(self.sync.measured)

    async def tree(self) -> Instance | None:
        """Return it with its history and its sub-orchestrations; None if it is unknown."""
        return await in_thread(self.sync.tree)

    async def history(self) -> list[HistoryRow]:
        """Return its history so far."""
        return await in_thread(self.sync.history)

    async def record(self, path: str | Path) -> Path:
        """Write its history so far to a file that `durable_replay` replays, and return the path."""
        return await in_thread(self.sync.record, path)

    async def raise_event(self, name: str, payload: Any = None) -> None:
        """Raise an external event."""
        await in_thread(self.sync.raise_event, name, payload)

    async def respond(self, payload: Any = None, *, to: str, times: int | None = None) -> EventResponse:
        """Raise an event whenever this operation, or a sub-orchestration of it, waits for it, until the test ends."""
        return await in_thread(self.sync.respond, payload, to=to, times=times)

    async def terminate(self, reason: str = "") -> None:
        """Ask for its end."""
        await in_thread(self.sync.terminate, reason)

    async def suspend(self) -> None:
        """Suspend it."""
        await in_thread(self.sync.suspend)

    async def resume(self) -> None:
        """Resume it."""
        await in_thread(self.sync.resume)


def _sync(operation: object) -> StartedOperation:
    """Return the original of an operation. Raises UsageError for what is none of a test that is a coroutine."""
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
    """Wait for the end; fail unless it completed, with this output if one is given. Returns the output."""
    return await in_thread(assertions.assert_completed, _sync(operation), output, timeout_s=timeout_s)


async def assert_failed(operation: AsyncStartedOperation, match: str = "", *, timeout_s: float | None = None) -> str:
    """Wait for the end; fail unless it failed, with a reason in which the pattern is found. Returns the reason."""
    return await in_thread(assertions.assert_failed, _sync(operation), match, timeout_s=timeout_s)


async def assert_called_once(
    operation: AsyncStartedOperation, activity: str, *, timeout_s: float | None = None
) -> None:
    """Wait for the end; fail unless the operation and its sub-orchestrations scheduled this activity exactly once."""
    await in_thread(assertions.assert_called_once, _sync(operation), activity, timeout_s=timeout_s)


async def assert_history(
    operation: AsyncStartedOperation, expected: Sequence[str], *, timeout_s: float | None = None
) -> None:
    """Wait for the end; fail unless its history has exactly these events in this order."""
    await in_thread(assertions.assert_history, _sync(operation), expected, timeout_s=timeout_s)
