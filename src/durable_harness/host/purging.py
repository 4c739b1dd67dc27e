"""The Durable extension's rule about purging one instance, which holds over HTTP and over gRPC."""

from __future__ import annotations

from durable_harness.protocol import TERMINAL_STATUSES, pb

PREFIX = "ORCHESTRATION_STATUS_"


def refusal_to_purge(state: pb.OrchestrationState) -> str | None:
    """Return why an instance is not purged, by its OrchestrationState: it has not ended; None if it has."""
    status = state.orchestrationStatus
    if status in TERMINAL_STATUSES:
        return None
    name = pb.OrchestrationStatus.Name(status).removeprefix(PREFIX).capitalize()
    return (
        f"Cannot purge orchestration instance '{state.instanceId}': it is {name}. Only instances that have ended can be"
        " purged. Terminate it first."
    )
