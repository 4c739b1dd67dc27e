"""Which work a host asks for where several apps share a task hub."""

from __future__ import annotations

from durable_harness.host.app.functions import BUILT_IN_HTTP_ACTIVITY, FunctionApp
from durable_harness.protocol import pb


def filters_of(app: FunctionApp) -> pb.WorkItemFilters:
    """Return the WorkItemFilters by which a host gets the work of its own functions only."""
    activities = [function.durable_name for function in app.activities.values()]
    return pb.WorkItemFilters(
        orchestrations=[pb.OrchestrationFilter(name=f.durable_name) for f in app.orchestrators.values()],
        activities=[pb.ActivityFilter(name=name) for name in (*activities, BUILT_IN_HTTP_ACTIVITY)],
        entities=[pb.EntityFilter(name=name) for name in app.entities],
    )
