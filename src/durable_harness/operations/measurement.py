"""What a host of this package measured of its operations, and the requests that ask for it.

GET  /admin/host/status                  "versionDetails": "durable-harness" shows that the host measures
POST /admin/durable-harness/operations   {"ids": ["…"]}, answered by times and costs of each id
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from durable_harness.operations.http_messages import HttpResponse
from durable_harness.operations.operation_record import SCHEDULER_CLOCK, OperationRecord
from durable_harness.wording.foreign_text import shown
from durable_harness.wording.lengths import NS_PER_S

HOST_STATUS_PATH = "/admin/host/status"
MEASUREMENTS_PATH = "/admin/durable-harness/operations"
OURS = "durable-harness"
MOST_WARNINGS, MOST_WARNING_CHARS = 100, 600
"""More than a host of this package has, so that another one cannot fill a report."""
MOST_WHOLE, MOST_ACTIONS = 2**63 - 1, 2**31 - 1
"""What a column of a record can hold (int64, int32); no operation comes near it."""
MOST_KINDS, MOST_KIND_CHARS = 50, 50
"""Of actions: a host of this package has about ten kinds."""


@dataclass(frozen=True, slots=True)
class HostMeasurement:
    """One operation as the scheduler saw it. Times are seconds since the epoch, None if they are not known."""

    created_epoch_s: float | None = None
    started_epoch_s: float | None = None
    """Dispatch of its first turn: when work began."""
    finished_epoch_s: float | None = None
    actions: Mapping[str, int] | None = None
    """Messages dispatched to the app, by kind; None, as are the other costs, if they cannot be known exactly."""
    replayed_events: int | None = None
    payload_bytes: int | None = None

    def apply(self, record: OperationRecord) -> None:
        """Write it into a record; its times replace those of the service itself.

        Args:
            record: the record of the same operation.
        """
        if self.finished_epoch_s is not None:
            record.server_created_epoch_s = self.created_epoch_s
            record.server_running_epoch_s = self.started_epoch_s
            record.server_updated_epoch_s = self.finished_epoch_s
            record.server_update_is_coarse = False
            record.server_clock = SCHEDULER_CLOCK
        record.actions = self.actions
        record.replayed_events, record.payload_bytes = self.replayed_events, self.payload_bytes


def is_measuring_host(answer: HttpResponse) -> bool:
    """Read the answer to HOST_STATUS_PATH: whether the host measures its operations."""
    return answer.is_success and (answer.json_object() or {}).get("versionDetails") == OURS


def question(instance_ids: Iterable[str]) -> bytes:
    """Return the body that asks for operations."""
    return json.dumps({"ids": list(instance_ids)}).encode()


def read_measurements(answer: HttpResponse) -> Mapping[str, HostMeasurement] | None:
    """Return what an answer has of each operation, by instance id; None if it is not an answer to `question`."""
    operations = (answer.json_object() or {}).get("operations")
    if not answer.is_success or not isinstance(operations, dict):
        return None
    return {instance_id: _read(row) for instance_id, row in operations.items() if isinstance(row, dict)}


def read_warnings(answer: HttpResponse) -> list[str]:
    """Return the warnings in an answer to `question`, as they may be shown."""
    warnings = (answer.json_object() or {}).get("warnings")
    if not answer.is_success or not isinstance(warnings, list):
        return []
    return [shown(text, MOST_WARNING_CHARS) for text in warnings[:MOST_WARNINGS] if isinstance(text, str)]


def _read(row: Mapping[str, object]) -> HostMeasurement:
    costs = row.get("costs")
    costs = costs if isinstance(costs, dict) else {}
    return HostMeasurement(
        created_epoch_s=_epoch_s(row.get("createdNs")),
        started_epoch_s=_epoch_s(row.get("begunNs")),
        finished_epoch_s=_epoch_s(row.get("endedNs")),
        actions=_counts(costs.get("actions")),
        replayed_events=_whole(costs.get("replayedEvents")),
        payload_bytes=_whole(costs.get("payloadBytes")),
    )


def _epoch_s(value: object) -> float | None:
    moment_ns = _whole(value)
    return None if moment_ns is None else moment_ns / NS_PER_S


def _counts(value: object) -> Mapping[str, int] | None:
    if not isinstance(value, dict) or len(value) > MOST_KINDS:
        return None
    counts = {shown(kind, MOST_KIND_CHARS): _whole(count) for kind, count in value.items()}
    known = {kind: count for kind, count in counts.items() if count is not None}
    return known if len(known) == len(value) and sum(known.values()) <= MOST_ACTIONS else None


def _whole(value: object) -> int | None:
    """Return a whole number that a record can hold; None for anything else."""
    is_whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_WHOLE
    return value if is_whole else None  # type: ignore[return-value] # is_whole has checked it
