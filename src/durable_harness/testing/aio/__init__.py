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

from durable_harness.testing.aio.async_assertions import (
    assert_called_once,
    assert_completed,
    assert_failed,
    assert_history,
)
from durable_harness.testing.aio.async_operations import AsyncOperations
from durable_harness.testing.aio.async_started_operation import AsyncStartedOperation
from durable_harness.testing.blocking_calls import in_thread

__all__ = [
    "AsyncOperations",
    "AsyncStartedOperation",
    "assert_called_once",
    "assert_completed",
    "assert_failed",
    "assert_history",
    "in_thread",
]
