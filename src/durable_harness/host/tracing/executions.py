"""What is under way in each orchestration of this host: tasks whose spans are sent when their outcome has come."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from durable_harness.host.tracing.context import SpanRef, from_message, new_span_id
from durable_harness.protocol import from_ns, pb, to_ns

MOST_EXECUTIONS = 10_000
"""Of more executions at once the oldest are read from their history again when they continue."""
SCHEDULED = {"taskScheduled", "subOrchestrationInstanceCreated", "timerCreated"}


@dataclass(frozen=True, slots=True)
class Task:
    """An activity, a child or a timer that an orchestration waits for. `at` is None of a timer."""

    name: str
    version: str
    at: SpanRef | None
    start_ns: int


@dataclass(frozen=True, slots=True)
class EntityCall:
    """An operation of an entity that an orchestration waits for."""

    entity_id: str
    operation: str
    at: SpanRef
    start_ns: int


@dataclass(slots=True)
class TracedExecution:
    """One execution of an instance: its own span, and the tasks under way by their event IDs."""

    name: str
    version: str
    instance_id: str
    at: SpanRef
    parent: SpanRef
    start_ns: int
    tasks: dict[int, Task] = field(default_factory=dict)
    calls: dict[str, EntityCall] = field(default_factory=dict)
    """By their request IDs. Those from before this host began are not known."""

    def add(self, task_id: int, name: str = "", version: str = "", at: SpanRef | None = None) -> None:
        """Note a task that begins now."""
        self.tasks[task_id] = Task(name, version, at, time.time_ns())

    def call(self, request_id: str, entity_id: str, operation: str) -> EntityCall:
        """Note a call of an entity that begins now, and return it."""
        made = self.calls[request_id] = EntityCall(entity_id, operation, self.at.child(), time.time_ns())
        return made

    def add_past(self, events: Iterable[pb.HistoryEvent]) -> None:
        """Note the tasks of a history, and forget those that it has the outcome of."""
        for event in events:
            kind = event.WhichOneof("eventType")
            detail = getattr(event, kind)
            if kind == "timerCreated":
                self.tasks[event.eventId] = Task("", "", None, to_ns(event.timestamp))
            elif kind in SCHEDULED:
                at = from_message(detail)
                self.tasks[event.eventId] = Task(detail.name, detail.version.value, at, to_ns(event.timestamp))
            else:
                self.tasks.pop(task_id_of(kind, detail), None)

    def context_message(self, message: pb.OrchestrationTraceContext) -> None:
        """Write the execution's own span into an OrchestrationTraceContext, which the scheduler keeps."""
        message.spanID.value = f"{self.at.span_id:016x}"
        message.spanStartTime.CopyFrom(from_ns(self.start_ns))


def task_id_of(kind: str, detail: object) -> int:
    """Return the ID of the task that an event is the outcome of; -1 of other events."""
    return int(getattr(detail, "timerId" if kind == "timerFired" else "taskScheduledId", -1))


class Executions:
    """The executions of this host that have not ended."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], TracedExecution] = OrderedDict()

    def of(self, request: pb.OrchestratorRequest) -> TracedExecution | None:
        """Return the execution that an OrchestratorRequest is about. None if it is not traced."""
        key = (request.instanceId, request.executionId.value)
        known = self._known.pop(key, None) or _read(request)
        if known is None:
            return None
        self._known[key] = known
        if len(self._known) > MOST_EXECUTIONS:
            self._known.popitem(last=False)
        return known

    def forget(self, request: pb.OrchestratorRequest) -> None:
        """Forget an execution that has ended."""
        self._known.pop((request.instanceId, request.executionId.value), None)


def _read(request: pb.OrchestratorRequest) -> TracedExecution | None:
    """Make an execution from its request."""
    events = [*request.pastEvents, *request.newEvents]
    started = next((event.executionStarted for event in events if event.HasField("executionStarted")), None)
    parent = None if started is None else from_message(started)
    if started is None or parent is None:
        return None
    kept = request.orchestrationTraceContext
    span_id, start_ns = _span_id(kept.spanID.value), time.time_ns()
    if kept.HasField("spanStartTime"):
        start_ns = to_ns(kept.spanStartTime)
    at = SpanRef(parent.trace_id, span_id, parent.flags, parent.state)
    made = TracedExecution(started.name, started.version.value, request.instanceId, at, parent, start_ns)
    made.add_past(request.pastEvents)
    return made


def _span_id(text: str) -> int:
    """Return a span ID that the scheduler has kept, or a new one."""
    try:
        return int(text, 16) or new_span_id()
    except ValueError:
        return new_span_id()
