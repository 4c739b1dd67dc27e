"""Instances that were started through this host: a test finds those that a timer or another trigger began."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from durable_harness.protocol import Scheduler, pb

MOST_STARTS = 10_000


@dataclass(frozen=True)
class Start:
    """An instance, its orchestrator, and when it was accepted, by the monotonic clock of this machine."""

    instance_id: str
    orchestrator: str
    at_ns: int


class StartsNoted:
    """A scheduler as the clients of this host see it; it notes what they start."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._starts: deque[Start] = deque(maxlen=MOST_STARTS)

    def __getattr__(self, name: str) -> Any:  # type: ignore[explicit-any]  # all other methods of a Scheduler
        method = getattr(self._scheduler, name)
        setattr(self, name, method)  # found at once from now on
        return method

    async def start_instance(self, request: pb.CreateInstanceRequest) -> pb.CreateInstanceResponse:
        """Start an instance, as `durable_harness.protocol.Scheduler` does."""
        answer = await self._scheduler.start_instance(request)
        self._starts.append(Start(answer.instanceId, request.name, time.monotonic_ns()))
        return answer

    def since(self, at_ns: int) -> Iterator[Start]:
        """Yield what was started from a moment on; of very many, the latest."""
        return (start for start in self._starts if start.at_ns >= at_ns)
