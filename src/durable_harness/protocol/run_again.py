"""A new instance that takes the recorded history of another one up to an event, and continues from there.

What the history has by then is not run again: outcomes of activities and sub-orchestrations, answers of entities and
events are in it. The turn that took the event is run again, by the code that workers have now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ORIGIN_TAG = "durable_harness.origin"
"""The tag of such an instance: the id of the instance whose history it took, `#`, and the number of the event."""
PAYLOADS = {
    "executionStarted": "input",
    "taskCompleted": "result",
    "subOrchestrationInstanceCompleted": "result",
    "entityOperationCompleted": "output",
    "eventRaised": "input",
}
"""The events whose payloads can be edited, with the fields that have them."""
RECEIVED = frozenset(
    {
        *PAYLOADS,
        "taskFailed",
        "subOrchestrationInstanceFailed",
        "entityOperationFailed",
        "entityLockGranted",
        "timerFired",
        "executionSuspended",
        "executionResumed",
        "executionTerminated",
    }
)
"""The events that come in, and that a turn is run for: from these a history can be run again."""


@dataclass(frozen=True)
class RunAgain:
    """What is to run again. A payload is JSON as it is written; None leaves it as it was."""

    instance_id: str
    event: int
    """The number of the last event that is taken, counted from 1."""
    input: str | None = None
    payload: str | None = None
    """The payload of the event that is taken last."""
    new_id: str = ""
    """The id of the new instance; "" for one that is made."""


def without_origin(tags: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return the tags of an instance that takes no history of another one."""
    return {name: value for name, value in (tags or {}).items() if name != ORIGIN_TAG} or None


def origin_of(tag: str) -> tuple[str, str]:
    """Return the instance and the number of the event that a tag names."""
    instance_id, _, number = tag.rpartition("#")
    return instance_id, number
