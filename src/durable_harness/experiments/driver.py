"""Send the operations of a load and follow each to its end: one event loop, one connection pool for each system."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any, Self

import aiohttp

from durable_harness.experiments.offered import Arrival, OfferedLoad
from durable_harness.operations import Answer, NoAnswer, Operation, OperationRecord, Request

LEAD_S = 0.01
"""The first operation is intended this long after the call, so that it is not late by the time it takes to plan."""
LAST_REQUEST_S = 1.0


class Driver:
    """Makes load from this process. Use it as a context; `measure` may be called any number of times."""

    def __init__(self, load: OfferedLoad) -> None:
        self.load = load
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._runner = asyncio.Runner(loop_factory=_loop_factory())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.closing(self._runner):
            self._runner.run(self._close())

    def measure(
        self, base_url: str, key: str | None, arrivals: Sequence[Arrival], drain_s: float | None = None
    ) -> list[OperationRecord]:
        """Start an operation at each arrival, wait until all have ended, and return their records in that order.

        What has not ended `drain_s` after the last arrival is given up, and counts as timed out.
        """
        return self._runner.run(self._measure(base_url, key, arrivals, drain_s))

    async def _measure(
        self, base_url: str, key: str | None, arrivals: Sequence[Arrival], drain_s: float | None
    ) -> list[OperationRecord]:
        session = self._session(base_url)
        began = time.monotonic() + LEAD_S
        plans = [self.load.plan(base_url, key, arrival, began + arrival.offset_s) for arrival in arrivals]
        operations = [Operation(plan) for plan in plans]
        following = [asyncio.create_task(_follow(session, operation)) for operation in operations]
        limit_s = None if drain_s is None else arrivals[-1].offset_s + drain_s
        _, unfinished = await asyncio.wait(following, timeout=limit_s)
        for task in unfinished:
            task.cancel()
        for ended in await asyncio.gather(*following, return_exceptions=True):
            if isinstance(ended, BaseException) and not isinstance(ended, asyncio.CancelledError):
                raise ended
        return [operation.record for operation in operations]

    def _session(self, base_url: str) -> aiohttp.ClientSession:
        if base_url not in self._sessions:
            # Without a limit: waiting for a connection would look like the server's time.
            self._sessions[base_url] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._sessions[base_url]

    async def _close(self) -> None:
        for session in self._sessions.values():
            await session.close()


async def _follow(session: aiohttp.ClientSession, operation: Operation) -> None:
    await asyncio.sleep(max(0.0, operation.plan.intended - time.monotonic()))
    operation.sent(time.monotonic())
    try:
        answer = await _answer(session, operation, operation.plan.start_request())
        operation.start_answered(answer, time.monotonic())
        while operation.next_poll is not None:
            await asyncio.sleep(max(0.0, operation.next_poll - time.monotonic()))
            poll = Request("GET", operation.status_url or "", operation.poll_headers, b"")
            asked = time.monotonic()
            answer = await _answer(session, operation, poll)
            operation.record.poll_ms += (time.monotonic() - asked) * 1000
            operation.poll_answered(answer, time.monotonic())
    finally:
        operation.give_up(time.monotonic(), "not over when the trial was")


async def _answer(session: aiohttp.ClientSession, operation: Operation, request: Request) -> Answer | NoAnswer:
    limit_s = max(operation.deadline - time.monotonic(), LAST_REQUEST_S)
    options: dict[str, Any] = {"headers": request.headers, "data": request.body or None, "allow_redirects": False}
    try:
        async with asyncio.timeout(limit_s), session.request(request.method, request.url, **options) as response:
            body = await response.read()
    except TimeoutError:
        return NoAnswer("no answer in time")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return NoAnswer(_words(error))
    return Answer(response.status, {key.lower(): value for key, value in response.headers.items()}, body)


def _words(error: BaseException) -> str:
    """Say why there was no answer, in words that are the same for every operation that shares the reason."""
    cause = getattr(error, "os_error", error)
    return getattr(cause, "strerror", None) or type(error).__name__


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
