"""OpenTelemetry spans of what the host does, as the Durable extension emits them in Azure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from durable_harness.host.sdk.generation import Runner
from durable_harness.host.tracing.requests import RequestSpans
from durable_harness.host.tracing.spans import spans_from_environment
from durable_harness.host.tracing.traced_operations import TracedOperations
from durable_harness.protocol import Scheduler


class Tracing:
    """The spans of one host. If the environment names no collector everything stays as it is."""

    def __init__(self, environ: Mapping[str, str], app_dir: Path) -> None:
        self._spans = spans_from_environment(environ, app_dir)
        self._operations = TracedOperations()
        self.requests = None if self._spans is None else RequestSpans(self._spans)

    def for_clients(self, scheduler: Scheduler) -> Scheduler:
        """Return the scheduler as clients see it: what they ask for has spans."""
        if self._spans is None:
            return scheduler
        from durable_harness.host.tracing.traced_clients import TracedClients  # noqa: PLC0415 - only where it is wanted

        return TracedClients(scheduler, self._spans, self._operations)

    def for_work(self, runner: Runner) -> Runner:
        """Return a runner whose work has spans."""
        if self._spans is None:
            return runner
        from durable_harness.host.tracing.work import TracedRunner  # noqa: PLC0415 - same

        return TracedRunner(runner, self._spans, self._operations)

    async def close(self) -> None:
        """Send what is left."""
        if self._spans is not None:
            await asyncio.to_thread(self._spans.close)
