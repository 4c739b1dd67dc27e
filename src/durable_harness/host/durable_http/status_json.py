"""The JSON of the durable HTTP API: status objects and the history in them, as the Durable extension shapes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from durable_harness.host.payload_encoding import parse_or_text
from durable_harness.protocol import pb, unwrap_text
from durable_harness.wording.places import described, place_in

STATUS_NAMES = {
    pb.ORCHESTRATION_STATUS_RUNNING: "Running",
    pb.ORCHESTRATION_STATUS_COMPLETED: "Completed",
    pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW: "ContinuedAsNew",
    pb.ORCHESTRATION_STATUS_FAILED: "Failed",
    pb.ORCHESTRATION_STATUS_CANCELED: "Canceled",
    pb.ORCHESTRATION_STATUS_TERMINATED: "Terminated",
    pb.ORCHESTRATION_STATUS_PENDING: "Pending",
    pb.ORCHESTRATION_STATUS_SUSPENDED: "Suspended",
}
FIRST_S, LAST_S = -62_135_596_800, 253_402_300_799
"""The first second of year 1 and the last of year 9999, since the epoch."""
LAST_NANOS = 999_999_999
STATUS_VALUES = {name: value for value, name in STATUS_NAMES.items()}


def status_object(
    state: pb.OrchestrationState, *, show_input: bool, fine_times: bool, history: list[dict[str, object]] | None = None
) -> dict[str, object]:
    """Return the status object of an OrchestrationState.

    Times are whole seconds, as the Durable extension writes them, or have microseconds if `fine_times` is set.
    """
    precision = "microseconds" if fine_times else "seconds"
    output = state.output.value if state.HasField("output") else None
    if output is None and state.HasField("failureDetails"):
        output = failure_text(state.failureDetails)
    has_input = show_input and state.HasField("input")
    times = {
        "createdTime": time_text(state.createdTimestamp, precision),
        "lastUpdatedTime": time_text(state.lastUpdatedTimestamp, precision),
    }
    body: dict[str, object] = {"name": state.name, "instanceId": state.instanceId}
    if state.HasField("version"):
        body["version"] = state.version.value
    body |= {
        "runtimeStatus": STATUS_NAMES.get(state.orchestrationStatus, "Unknown"),
        "input": parse_or_text(state.input.value) if has_input else None,
        "customStatus": parse_or_text(state.customStatus.value) if state.HasField("customStatus") else None,
        "output": parse_or_text(output),
        **times,
    }
    if history is not None:
        body["historyEvents"] = history
    return body


def failure_text(failure: pb.TaskFailureDetails) -> str:
    """Return a failure as a status shows it; one that has no line of the app, such as the host's own, as it is."""
    return str(failure.errorMessage) if place_in(failure.stackTrace.value) is None else described(failure)


def time_text(stamp: Timestamp, precision: str = "microseconds") -> str:
    """Write a time; one that no calendar has, such as a worker may send, is the first or the last that it has."""
    seconds = min(max(stamp.seconds, FIRST_S), LAST_S)
    moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)  # noqa: DTZ001 - UTC, written with a Z
    micros = min(max(stamp.nanos, 0), LAST_NANOS) // 1000
    return moment.replace(microsecond=micros).isoformat(timespec=precision) + "Z"


def history_events(
    events: Iterable[pb.HistoryEvent], *, show_input: bool, show_output: bool
) -> list[dict[str, object]]:
    """Return a history as `historyEvents` has it: each outcome with the name and time of what it is the outcome of."""
    shaper = _Shaper(show_input=show_input, show_output=show_output)
    for event in events:
        shaper.add(event)
    return shaper.shaped()


class _Shaper:
    def __init__(self, *, show_input: bool, show_output: bool) -> None:
        self._show_input, self._show_output = show_input, show_output
        self._rows: list[dict[str, object] | None] = []
        self._scheduled: dict[tuple[str, int], tuple[int, pb.HistoryEvent]] = {}

    def add(self, event: pb.HistoryEvent) -> None:
        kind = event.WhichOneof("eventType")
        if kind in {"orchestratorStarted", "orchestratorCompleted", None}:
            return
        row: dict[str, object] = {"EventType": kind[0].upper() + kind[1:], "Timestamp": time_text(event.timestamp)}
        detail = getattr(event, kind)
        if kind in {"taskScheduled", "subOrchestrationInstanceCreated"}:
            self._scheduled[kind, event.eventId] = (len(self._rows), event)
        elif hasattr(detail, "taskScheduledId"):
            row |= self._origin(kind, detail.taskScheduledId)
        self._rows.append(row | self._details(kind, event))

    def shaped(self) -> list[dict[str, object]]:
        return [row for row in self._rows if row is not None]

    def _origin(self, kind: str, task_id: int) -> dict[str, object]:
        origin = "taskScheduled" if kind.startswith("task") else "subOrchestrationInstanceCreated"
        known = self._scheduled.pop((origin, task_id), None)
        if known is None:
            return {}
        position, scheduled = known
        self._rows[position] = None
        detail = getattr(scheduled, origin)
        row = {"FunctionName": detail.name, "ScheduledTime": time_text(scheduled.timestamp)}
        return row | self._input(detail)

    def _details(self, kind: str, event: pb.HistoryEvent) -> dict[str, object]:
        detail = getattr(event, kind)
        row: dict[str, object] = {}
        if kind in {"executionStarted", "taskScheduled", "subOrchestrationInstanceCreated"}:
            row["FunctionName"] = detail.name
        elif kind in {"eventRaised", "eventSent"}:
            row["Name"] = detail.name
        if kind == "subOrchestrationInstanceCreated":
            row["InstanceId"] = detail.instanceId
        if kind == "executionCompleted":
            row["OrchestrationStatus"] = STATUS_NAMES.get(detail.orchestrationStatus, "Unknown")
        if hasattr(detail, "fireAt"):
            row["FireAt"] = time_text(detail.fireAt)
        if hasattr(detail, "reason"):
            row["Reason"] = unwrap_text(detail, "reason")
        if hasattr(detail, "failureDetails") and detail.HasField("failureDetails"):
            row["Reason"] = detail.failureDetails.errorMessage
            row["Details"] = unwrap_text(detail.failureDetails, "stackTrace")
        if self._show_output and hasattr(detail, "result"):
            row["Result"] = parse_or_text(unwrap_text(detail, "result"))
        return row | self._input(detail)

    def _input(self, detail: Message) -> dict[str, object]:
        if not self._show_input or not hasattr(detail, "input"):
            return {}
        return {"Input": parse_or_text(unwrap_text(detail, "input"))}
