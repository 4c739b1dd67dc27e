"""What the dashboard of a process that serves an app shows: its scheduler, and what its host adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from durable_harness.dashboard import DashboardSource
from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.host import FunctionsHost
from durable_harness.logs.instance_logs import InstanceLogs
from durable_harness.protocol.work_kinds import Kind
from durable_harness.scheduler import SchedulerService
from durable_harness.scheduler.overview import OwnWorker, ServiceOverview
from durable_harness.stack.app_replays import Replays


def source_of(
    service: SchedulerService | None, host: FunctionsHost, logs: InstanceLogs, *, may_move_time: bool
) -> DashboardSource:
    """Return what is shown; of a scheduler elsewhere, which has its own dashboard, only what the protocol has."""
    if service is None:
        hub = host.settings.host.durable_task.hub_name
        return DashboardSource(lambda: {hub: host.scheduler}, timings=host.timings, log_lines=logs.lines_of)
    names = _names(host.app)
    worker = OwnWorker(f"The app in {host.app.directory}", names)
    overview = ServiceOverview(service, may_move_time=may_move_time, own_worker=worker)
    return DashboardSource(
        lambda: service.hubs,
        lambda: service.problem,
        lambda _hub: names[Kind.ORCHESTRATION],
        service.clock.now_ns,
        host.timings,
        overview,
        logs.lines_of,
        Replays(host.app.directory).replay,
    )


def _names(app: FunctionApp) -> Mapping[str, Sequence[str]]:
    """Return the names of the app's durable functions, by the kinds of work that they are for."""
    kinds = {Kind.ORCHESTRATION: app.orchestrators, Kind.ACTIVITY: app.activities, Kind.ENTITY: app.entities}
    return {kind: [one.durable_name for one in functions.values()] for kind, functions in kinds.items()}
