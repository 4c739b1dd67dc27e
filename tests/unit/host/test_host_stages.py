"""What the host notes of its work: coroutines run as before, and those that do not await are known."""

import asyncio
import time

import pytest

from durable_harness.host.stages import HELD_NS, Holds, StagesNoted


def watched(function):
    """Run a coroutine function under watch; return the holds and what it returned."""
    holds = Holds()

    async def main():
        return await holds.watch("f", function)

    return holds, asyncio.run(main())


def test_a_coroutine_returns_what_it_returns():
    """Awaiting, results and nested awaits are as without a watch."""

    async def function():
        await asyncio.sleep(0)
        return await asyncio.gather(asyncio.sleep(0, "a"), asyncio.sleep(0, "b"))

    holds, result = watched(function)
    assert result == ["a", "b"]
    assert list(holds.since(0)) == []


def test_what_it_raises_comes_through():
    """Its exceptions, and those that are thrown into it, pass; it may handle what it was thrown."""

    async def failing():
        await asyncio.sleep(0)
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        watched(failing)

    async def patient():
        try:
            async with asyncio.timeout(0):
                await asyncio.sleep(60)
        except TimeoutError:
            return "late"

    assert watched(patient)[1] == "late"


def test_a_cancellation_reaches_it():
    """A coroutine that is cancelled may clean up, and ends cancelled."""
    seen = []

    async def function():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned")

    async def watching():
        await Holds().watch("f", function)

    async def main():
        task = asyncio.create_task(watching())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cleaned"]


def test_code_that_does_not_await_is_noted():
    """A step that keeps the loop at least as long as HELD_NS is a hold, with the function's name."""

    async def greedy():
        until_ns = time.monotonic_ns() + HELD_NS
        while time.monotonic_ns() < until_ns:
            pass

    holds, _ = watched(greedy)
    (hold,) = holds.since(0)
    assert hold.function == "f"
    assert hold.to_ns - hold.from_ns >= HELD_NS
    assert list(holds.since(hold.to_ns + 1)) == []


def test_the_memory_of_stages_has_a_bound():
    """Only the latest work is remembered."""
    noted = StagesNoted(most=2)

    async def begin():
        for token in ("a", "b", "c"):
            noted.begin(token)

    asyncio.run(begin())
    assert [noted.of(token) is None for token in ("a", "b", "c")] == [True, False, False]
