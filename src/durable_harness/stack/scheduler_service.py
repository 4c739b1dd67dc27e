"""The scheduler as a service of its own, in this process until a signal."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durable_harness.dashboard import DashboardOptions, DashboardSource
from durable_harness.errors import PortInUseError
from durable_harness.logs.lines import configure_logging
from durable_harness.network.callers import own_pages_only
from durable_harness.network.web_servers import bind_one, serve_http
from durable_harness.scheduler import SchedulerOptions, SchedulerService
from durable_harness.scheduler.overview import ServiceOverview
from durable_harness.settings.log_levels import LogLevels
from durable_harness.stack.control import AHEAD_VARIABLE
from durable_harness.stack.control_calls import clock_calls, instance_calls, served_control
from durable_harness.stack.dashboards import DashboardPort, bind_dashboard, served_dashboard
from durable_harness.stack.lifetime import Lifetime, run_until_stopped, write_ready_file


@dataclass(frozen=True)
class ServiceOptions:
    """The options of `durable-harness scheduler`. Port 0 means: any free one."""

    scheduler: SchedulerOptions
    address: str = "127.0.0.1"
    grpc_port: int = 8080
    http_port: int = 8081
    dashboard_port: DashboardPort | None = None
    dashboard: DashboardOptions = field(default_factory=DashboardOptions)
    ready_file: Path | None = None
    parent_pid: int | None = None
    test_control: bool = False


def run_scheduler(options: ServiceOptions) -> None:
    """Serve until SIGINT or SIGTERM. Raises a HarnessError where it cannot start."""
    configure_logging(LogLevels(logging.WARNING), stream=sys.stderr)
    run_until_stopped(lambda lifetime: _service(options, lifetime), options.parent_pid)


@contextlib.asynccontextmanager
async def _service(options: ServiceOptions, lifetime: Lifetime) -> AsyncIterator[None]:
    from durable_harness.scheduler.grpc_service import GrpcService  # noqa: PLC0415 - only this command needs gRPC
    from durable_harness.scheduler.http_service import HttpApi  # noqa: PLC0415

    bind_one(options.address, options.grpc_port, "--grpc-port").close()  # gRPC itself does not say why it cannot listen
    http = bind_one(options.address, options.http_port, "--http-port")
    dashboard = bind_dashboard(options.address, options.dashboard_port)
    ahead_s = float(os.environ.get(AHEAD_VARIABLE, "0")) if options.test_control else 0.0
    service = SchedulerService(dataclasses.replace(options.scheduler, ahead_s=ahead_s))
    service.on_failure(lifetime.fail)
    grpc = GrpcService(service)
    try:
        grpc_port = grpc.start(f"{options.address}:{options.grpc_port}")
    except RuntimeError as error:
        raise PortInUseError(
            f"Port {options.grpc_port} is in use by another process."
            " Choose another with --grpc-port, or 0 for any free one."
        ) from error
    runner = await serve_http([http], own_pages_only(HttpApi(service).handle))
    source = DashboardSource(
        lambda: service.hubs,
        lambda: service.problem,
        lambda hub: service.hubs[hub].orchestrators(),
        service.clock.now_ns,
        overview=ServiceOverview(service, may_move_time=options.test_control),
    )
    facts = {
        "grpcAddress": f"{options.address}:{grpc_port}",
        "httpUrl": f"http://{options.address}:{http.getsockname()[1]}",
        "dashboardUrl": dashboard.url if dashboard is not None else None,
        "taskHubs": list(service.hubs),
        "closedTaskHubs": [hub.name for hub in service.closed_hubs],
    }
    try:
        async with (
            served_dashboard(dashboard, source, options.dashboard),
            served_control(
                {**clock_calls(service), **instance_calls(service)} if options.test_control else None
            ) as control,
        ):
            _announce({**facts, "control": control}, options, ", ".join(map(str, service.closed_hubs)))
            yield
    finally:
        await service.finish()
        await runner.cleanup()
        await grpc.stop()
        await service.close()


def _announce(facts: dict[str, Any], options: ServiceOptions, closed: str) -> None:
    hubs = ", ".join(facts["taskHubs"]) or "none yet"
    kept = f"in {options.scheduler.data}" if options.scheduler.data else "in memory"
    print("durable-harness: scheduler")
    print(f"  gRPC       {facts['grpcAddress']}   (Endpoint=http://{facts['grpcAddress']};Authentication=None)")
    print(f"  HTTP API   {facts['httpUrl']}")
    if facts["dashboardUrl"]:
        print(f"  dashboard  {facts['dashboardUrl']}")
    dynamic = ", others on first use" if options.scheduler.dynamic_hubs else ""
    print(f"  task hubs  {hubs}{dynamic}; kept {kept}", flush=True)
    if closed:
        all_hubs = ",".join([*facts["taskHubs"], *facts["closedTaskHubs"]])
        print(f"             not served, although the file has them: {closed}. Serve them with --task-hubs {all_hubs}")
    write_ready_file(options.ready_file, facts)
