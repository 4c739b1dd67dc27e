"""What the host measured of an operation: times by the scheduler's clock, and costs in whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.operations import HttpResponse
from durable_harness.operations.measurement import MEASUREMENTS_PATH, OURS
from durable_harness.wording.lengths import NS_PER_MS, NS_PER_S


@dataclass(frozen=True)
class OperationMeasurement:
    """The times and costs of an operation, as the scheduler recorded them. Polling does not affect them.

    Times are None until they happen. They are also None if the scheduler's clock was moved (`durable_clock`,
    `--time skip`), because modelled times are not measurements.

    Costs cover the whole operation, with its sub-orchestrations and all executions of continue-as-new. They are None
    until every part has ended, and if a part was purged, replaced or rewound.
    """

    created_epoch_s: float | None
    """When it was created, in seconds since the epoch, such as 1795723200.123456."""
    begun_epoch_s: float | None
    """When its first turn was dispatched to the app, in seconds since the epoch."""
    ended_epoch_s: float | None
    """When it ended, in seconds since the epoch."""
    execution_ms: float | None
    """The time from its first turn to its end, in milliseconds, such as 212.34."""
    actions: Mapping[str, int] | None
    """Messages dispatched to the app, by kind, such as {"orchestration": 1, "activity": 5, "result": 5}.

    The kinds are orchestration, activity, timer, event, entity, control and result. Kinds that did not occur are left
    out.
    """
    replayed_events: int | None
    """The number of history events that its turns received again, as a worker without a cache replays them."""
    payload_bytes: int | None
    """The size of its inputs, results, events, custom statuses and output, in UTF-8 bytes."""

    @property
    def action_count(self) -> int | None:
        """The number of actions of all kinds; 1 + 2n for n activities in a row."""
        return None if self.actions is None else sum(self.actions.values())


def read_measurement(answer: HttpResponse, instance_id: str, base_url: str) -> OperationMeasurement | None:
    """Return what an answer of the host's endpoint says of an instance, None if the host does not know it.

    Raises UsageError if the host is not ours, and AssertionError with its words if it could not measure.
    """
    document = answer.json_object() or {}
    if answer.status == 200 and document.get("measuredBy") == OURS:  # noqa: PLR2004 - HTTP's OK
        operations = document["operations"]
        found = operations.get(instance_id) if isinstance(operations, dict) else None
        return None if found is None else _measurement(found)
    if "error" in document:
        raise AssertionError(f"{base_url} could not measure '{instance_id}': {answer.status}: {document['error']}")
    raise UsageError(
        f"The host at {base_url} does not measure operations (POST {MEASUREMENTS_PATH} answered {answer.status}). "
        "Only hosts that durable-harness serves do: the stacks embedded and emulator."
    )


def _measurement(found: Mapping[str, Any]) -> OperationMeasurement:
    created_ns, begun_ns, ended_ns = (found[name] for name in ("createdNs", "begunNs", "endedNs"))
    costs = found["costs"] or {}
    return OperationMeasurement(
        created_epoch_s=_seconds(created_ns),
        begun_epoch_s=_seconds(begun_ns),
        ended_epoch_s=_seconds(ended_ns),
        execution_ms=None if begun_ns is None or ended_ns is None else (ended_ns - begun_ns) / NS_PER_MS,
        actions=costs.get("actions"),
        replayed_events=costs.get("replayedEvents"),
        payload_bytes=costs.get("payloadBytes"),
    )


def _seconds(time_ns: int | None) -> float | None:
    return None if time_ns is None else time_ns / NS_PER_S
