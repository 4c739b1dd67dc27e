"""Names and attributes of spans, as the Durable extension has them: see Tracing/ in DurableTask.Core."""

from __future__ import annotations

TYPE = "durabletask.type"
NAME = "durabletask.task.name"
VERSION = "durabletask.task.version"
INSTANCE_ID = "durabletask.task.instance_id"
STATUS = "durabletask.task.status"
TASK_ID = "durabletask.task.task_id"
OPERATION = "durabletask.task.operation"
TARGET_INSTANCE_ID = "durabletask.event.target_instance_id"
FIRE_AT = "durabletask.fire_at"
ENTITY_ERROR = "durabletask.entity.error_message"

CALL, SIGNAL = "call_entity", "signal_entity"
"""Values of OPERATION."""


def of_orchestration(name: str, version: str) -> str:
    return _versioned("orchestration", name, version)


def of_start(name: str, version: str) -> str:
    return _versioned("create_orchestration", name, version)


def of_activity(name: str, version: str) -> str:
    return _versioned("activity", name, version)


def of_timer(orchestration: str) -> str:
    return f"orchestration:{orchestration}:timer"


def of_event(name: str) -> str:
    return f"orchestration_event:{name}"


def of_operation(entity_id: str, operation: str) -> str:
    return f"entity:{entity_name(entity_id)}:{operation}"


def entity_name(entity_id: str) -> str:
    """Return the name in an instance ID such as `@counter@a`."""
    return entity_id.removeprefix("@").partition("@")[0]


def _versioned(kind: str, name: str, version: str) -> str:
    return f"{kind}:{name}@({version})" if version else f"{kind}:{name}"
