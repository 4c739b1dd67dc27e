"""What the scheduler knows of an orchestration instance.

An `Instance` is what stays: its identity and its state. Its `Execution` is what only a living instance needs. Once the
instance has ended and is saved, both leave memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.message import Message

from durable_harness.protocol import Costs, pb, to_ns, wrap_text
from durable_harness.scheduler.instances.execution_events import Execution, event

EXECUTION_STARTED_ID = 0
"""As in Azure: the event that starts an execution has this id."""


@dataclass(slots=True)
class Parent:
    """The orchestration that waits for this one, and the id of its task. `key` names it in the store."""

    instance_id: str
    execution_id: str
    task_id: int
    name: str
    version: str | None
    key: int


@dataclass(slots=True)
class Instance:
    """One orchestration instance. Times are nanoseconds since the epoch; `key` names it in the store.

    `begun_ns` is when the first turn of the first execution was dispatched, 0 before a worker has answered it.
    Its time is the clock's elapsed time, counted from `epoch_ns`: it passes steadily while the wall clock is set.
    `is_modelled` means that a clock was moved or set before the last change: its times are no measurements. `costs` are
    its own, over all executions, without those of the `children` that it started; None if they were not counted whole.
    """

    key: int
    instance_id: str
    name: str
    version: str | None
    input: str | None
    created_ns: int
    updated_ns: int
    execution_id: str
    status: pb.OrchestrationStatus = pb.ORCHESTRATION_STATUS_PENDING
    output: str | None = None
    custom_status: str | None = None
    failure: pb.TaskFailureDetails | None = None
    completed_ns: int = 0
    scheduled_start_ns: int = 0
    parent: Parent | None = None
    tags: dict[str, str] | None = None
    trace_context: pb.TraceContext | None = None
    execution: Execution | None = None
    is_stored: bool = False
    continued_as_new: bool = False
    begun_ns: int = 0
    is_modelled: bool = False
    children: int = 0
    costs: Costs | None = field(default_factory=Costs)
    epoch_ns: int = 0

    @property
    def is_to_be_suspended(self) -> bool:
        """Whether it is suspended, or will be once it has taken what it was sent."""
        execution = self.execution
        for pending in reversed(execution.received_since(execution.taken) if execution else []):
            kind: str | None = pending.WhichOneof("eventType")
            if kind in {"executionSuspended", "executionResumed"}:
                return kind == "executionSuspended"
        return self.status == pb.ORCHESTRATION_STATUS_SUSPENDED

    @property
    def latest_ns(self) -> int:
        """The latest time that is recorded of it: of its last turn, or of what came since then."""
        inbox = self.execution.inbox.events if self.execution is not None else ()
        return max([self.updated_ns, *(to_ns(came.timestamp) for came in inbox)])


def state_of(instance: Instance, *, payloads: bool) -> pb.OrchestrationState:
    """Return the protocol's OrchestrationState, with input, output and custom status where `payloads` asks for them."""
    state = pb.OrchestrationState(
        instanceId=instance.instance_id,
        name=instance.name,
        orchestrationStatus=instance.status,
        executionId={"value": instance.execution_id},
        failureDetails=instance.failure,
        tags=instance.tags,
    )
    state.createdTimestamp.FromNanoseconds(instance.created_ns)
    state.lastUpdatedTimestamp.FromNanoseconds(instance.updated_ns)
    if instance.scheduled_start_ns:
        state.scheduledStartTimestamp.FromNanoseconds(instance.scheduled_start_ns)
    if instance.completed_ns:
        state.completedTimestamp.FromNanoseconds(instance.completed_ns)
    if instance.parent is not None:
        state.parentInstanceId.value = instance.parent.instance_id
    _set_texts(state, version=instance.version)
    if payloads:
        _set_texts(state, input=instance.input, output=instance.output, customStatus=instance.custom_status)
    return state


def _set_texts(message: Message, **texts: str | None) -> None:
    """Set StringValue fields of a message; one without a text stays unset."""
    for name, text in texts.items():
        if text is not None:
            getattr(message, name).value = text


def execution_started(instance: Instance, time_ns: int) -> pb.HistoryEvent:
    """Return the event that an execution begins with."""
    started = pb.ExecutionStartedEvent(
        name=instance.name,
        orchestrationInstance=pb.OrchestrationInstance(
            instanceId=instance.instance_id, executionId={"value": instance.execution_id}
        ),
        parentTraceContext=instance.trace_context,
        tags=instance.tags,
    )
    _set_texts(started, version=instance.version, input=instance.input)
    if instance.scheduled_start_ns:
        started.scheduledStartTimestamp.FromNanoseconds(instance.scheduled_start_ns)
    if instance.parent is not None:
        started.parentInstance.CopyFrom(parent_info(instance.parent))
    return event(time_ns, EXECUTION_STARTED_ID, executionStarted=started)


def parent_info(parent: Parent) -> pb.ParentInstanceInfo:
    """Return the protocol's ParentInstanceInfo of a child."""
    return pb.ParentInstanceInfo(
        taskScheduledId=parent.task_id,
        name={"value": parent.name},
        version=wrap_text(parent.version),
        orchestrationInstance=pb.OrchestrationInstance(
            instanceId=parent.instance_id, executionId={"value": parent.execution_id}
        ),
    )
