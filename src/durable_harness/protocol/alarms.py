"""The clock of a scheduler as a host sees it: due times, and time that waits for what is done when they come.

An alarm is an asynchronous generator. It gives the present, in nanoseconds since 1970, twice: when it is set, and when
it is due. From then on until it is closed it rings: a clock that is moved or skipped by hand goes no further, unless
the owner of the alarm takes too long. An owner that sets the next alarm before it closes this one misses nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Protocol

from durable_harness.wording.lengths import NS_PER_S

ALARM_METHOD = "/durable_harness.Alarms/Set"
"""The gRPC method by which a host sets an alarm in a scheduler of this project, in a process of its own.

{"name": …, "dueNs": …} -> {"nowNs": …} twice, in JSON. Other schedulers answer UNIMPLEMENTED.
"""

SLEEP_METHOD = "/durable_harness.Alarms/Sleep"
"""The gRPC method by which a worker waits on the clock of a scheduler of this project.

{"token": COMPLETION_TOKEN, "seconds": …} -> {} when that time has passed. Other schedulers answer UNIMPLEMENTED.
"""

LOOK_EVERY_S = 1.0
"""How often the wall clock is looked at: it may be set, and timers of the event loop stand still during sleep."""


class AlarmClock(Protocol):
    """Sets alarms. Raises RpcError if the scheduler cannot be reached."""

    def alarm(self, name: str, due_ns: int) -> AsyncGenerator[int, None]:
        """Set an alarm for a time in nanoseconds since 1970; one that has passed is due at once.

        It rings until its owner closes it.
        """

    async def sleep(self, token: str, seconds: float) -> None:
        """Wait on behalf of the work leased under this token. Time may be skipped meanwhile: it is not at work."""


async def wall_alarm(due_ns: int) -> AsyncGenerator[int, None]:
    """Set an alarm on the wall clock, for schedulers that have none."""
    yield time.time_ns()
    while (left_ns := due_ns - time.time_ns()) > 0:  # noqa: ASYNC110 - the clock reports nothing
        await asyncio.sleep(min(left_ns / NS_PER_S, LOOK_EVERY_S))
    yield time.time_ns()
