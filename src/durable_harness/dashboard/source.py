"""What a dashboard shows, and what the person who started it decided."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # every service imports this at its start
    from durable_harness.logs.instance_logs import LogLine
    from durable_harness.protocol import Scheduler
    from durable_harness.protocol.overview import Overview
    from durable_harness.protocol.replays import ReplayReport
    from durable_harness.protocol.timings import Document


@dataclass(frozen=True)
class DashboardOptions:
    """What the person who starts it decides."""

    is_read_only: bool = False
    """Whether it offers and takes no acts."""
    allowed_hosts: tuple[str, ...] = ()
    """Names by which it may be called beside those that no stranger can point at this machine; lower case."""


def _no_problem() -> str | None:
    return None


def _no_names(_hub: str) -> Sequence[str]:
    return ()


async def _timings(_hub: str, scheduler: Scheduler, instance_id: str) -> Document:
    return await scheduler.instance_timings(instance_id)


@dataclass(frozen=True)
class DashboardSource:
    """A scheduler as it is shown: its task hubs, and what is known beside the protocol."""

    hubs: Callable[[], Mapping[str, Scheduler]]
    problem: Callable[[], str | None] = _no_problem
    """Why nothing can be written now, None if it can."""
    orchestrators: Callable[[str], Sequence[str]] = _no_names
    """The orchestrators that the workers of a hub are known to have."""
    now_ns: Callable[[], int] = time.time_ns
    """The present of the scheduler, whose clock may have been moved."""
    timings: Callable[[str, Scheduler, str], Awaitable[Document]] = _timings
    """The times of an instance of a hub, with those of the host if it is at hand."""
    overview: Overview | None = None
    """What the scheduler knows beyond the protocol; None for one in another process, which does not report it."""
    log_lines: Callable[[str], Sequence[LogLine]] | None = None
    """The lines of the host's log about an instance or an entity; None if the host is in another process."""
    replay: Callable[[Mapping[str, Any]], Awaitable[ReplayReport]] | None = None
    """Replays a recorded history against the app as it is now; None if the app is not available."""
    described: str = ""
    """Where the scheduler is, if it is elsewhere."""
