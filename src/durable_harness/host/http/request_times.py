"""When a request came, when its function ran and when it was answered, for a client that asks for these times.

A request with the header `x-durable-harness-times` has the same header in its answer. It has six numbers, separated by
commas: nanoseconds since the epoch, by the clock of this machine, of five moments (received, asked for a thread,
function begun, function ended, answered; 0 for what did not happen), and for how many nanoseconds the event loop may
have been late to receive it. Our load generator asks; nothing is added to other answers.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from durable_harness.host.durable_http.messages import ApiResponse
from durable_harness.host.stages import CURRENT, Stages

HEADER = "x-durable-harness-times"
BEAT_S = 0.01
REST_S = 1.0
"""The heart stops after this time without a request that asks for times."""
PASSES = 2
"""How many turns of the loop pass between the bytes of a request and its handler."""


class Lateness:
    """How late the event loop is: a heart that beats in it as long as requests ask."""

    def __init__(self) -> None:
        self._late_ns: deque[int] = deque(maxlen=PASSES)
        self._due_ns = 0
        self._asked_ns = 0

    def now_ns(self) -> int:
        """Return for how long something may have waited that the loop has come to just now."""
        now_ns = self._asked_ns = time.monotonic_ns()
        if not self.is_beating:
            self._plan(now_ns)
        return sum(self._late_ns) + max(0, now_ns - self._due_ns)

    @property
    def is_beating(self) -> bool:
        return bool(self._due_ns)

    def _plan(self, now_ns: int) -> None:
        self._due_ns = now_ns + int(BEAT_S * 1e9)
        asyncio.get_running_loop().call_later(BEAT_S, self._beat)

    def _beat(self) -> None:
        now_ns = time.monotonic_ns()
        self._late_ns.append(max(0, now_ns - self._due_ns))
        if now_ns - self._asked_ns > REST_S * 1e9:
            self._due_ns = 0
            self._late_ns.clear()
        else:
            self._plan(now_ns)


@dataclass(frozen=True, slots=True)
class RequestTimes:
    """The moments of one request."""

    stages: Stages
    late_ns: int

    def header(self) -> str:
        """Return the header's value; this is the moment at which the request is answered."""
        now_ns = time.monotonic_ns()
        offset_ns = time.time_ns() - now_ns
        stages = self.stages
        moments = (stages.received_ns, stages.asked_ns, stages.begun_ns, stages.ended_ns, now_ns)
        return ",".join(str(at_ns and at_ns + offset_ns) for at_ns in moments) + f",{self.late_ns}"


async def timed(serve: Callable[[], Awaitable[ApiResponse]], lateness: Lateness) -> ApiResponse:
    """Answer a request with its times in the answer's header."""
    late_ns = lateness.now_ns()
    times = RequestTimes(Stages(time.monotonic_ns()), late_ns)
    before = CURRENT.set(times.stages)
    try:
        response = await serve()
    finally:
        CURRENT.reset(before)  # the requests of a connection share their context
    return ApiResponse(response.status, response.body, {**response.headers, HEADER: times.header()})
