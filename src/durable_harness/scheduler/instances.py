"""What the scheduler knows of an orchestration instance.

An `Instance` is what stays: its identity and its state. An `Execution` is what only a living instance needs:
history as events, the inbox, the turn under way. Once the instance has ended and is saved, both leave memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.message import Message

from durable_harness.protocol import TERMINAL_STATUSES, Costs, copy_of, from_ns, pb, to_ns, wrap_text
from durable_harness.protocol.continuing import Continuation
from durable_harness.scheduler.history import NO_ACTION_ID, History
from durable_harness.scheduler.inbox import Inbox

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
class Saved:
    """How much of an execution the store holds; Execution has the numbers of its events.

    `history` counts events of the history, in `turns` rows. The rows of the inbox are those of the events from `taken`
    on, up to `received`.
    """

    history: int = 0
    turns: int = 0
    received: int = 0
    taken: int = 0


@dataclass(slots=True)
class TurnUnderWay:
    """The new events of the turn that a worker has now.

    The first one begins the turn. It is made for the turn and was not received: it has no number, and is gone if the
    turn comes back.
    """

    events: list[pb.HistoryEvent]

    @property
    def received(self) -> list[pb.HistoryEvent]:
        return self.events[1:]


@dataclass(slots=True)
class Execution:
    """The living part of an instance.

    Received events are numbered from 0 in their order. They move from the right to the left:

        0 .......... taken ............................ received
        |  history   |  turn under way  |     inbox     |

    `saved` counts what the store already holds. `rewritten` is set when the history was replaced: all rows are then
    deleted and written again. `queued` means that a turn waits for a worker. `replay_due` means that a turn is due
    although no event waits: the history was rewound. `losses` counts how often a worker was lost with this turn; `span`
    is the trace of the orchestration so far. `last_turn` is what the next turn continues; None if no worker can have
    kept that.
    """

    execution_id: str
    history: History = field(default_factory=History)
    inbox: Inbox = field(default_factory=Inbox)
    turn: TurnUnderWay | None = None
    taken: int = 0
    queued: bool = False
    losses: int = 0
    span: pb.OrchestrationTraceContext | None = None
    replay_due: bool = False
    not_before_ns: int = 0
    saved: Saved = field(default_factory=Saved)
    rewritten: bool = False
    last_turn: Continuation | None = None

    @property
    def received(self) -> int:
        """How many events were received: those taken, those of the turn under way, those in the inbox."""
        under_way = len(self.turn.received) if self.turn is not None else 0
        return self.taken + under_way + len(self.inbox)

    def received_since(self, number: int) -> list[pb.HistoryEvent]:
        """Return the events from a number on that are not part of the history yet."""
        inbox_from = self.received - len(self.inbox)
        if self.turn is None or number >= inbox_from:
            return self.inbox.since(number - inbox_from)
        return [*self.turn.received[number - self.taken :], *self.inbox]

    def begin_turn(self, now_ns: int) -> list[pb.HistoryEvent]:
        """Take the events of the next turn from the inbox and return them, behind the one that begins the turn."""
        # A suspension ends the turn: the events after it wait for the resumption.
        self.turn = TurnUnderWay([_orchestrator_started(now_ns), *self.inbox.take_through("executionSuspended")])
        return self.turn.events

    def return_turn(self) -> None:
        """Put the events of the turn back: its worker did not do it."""
        if self.turn is not None:
            self.inbox.put_back(self.turn.received)
            self.turn = None

    def finish_turn(self) -> list[pb.HistoryEvent]:
        """Move the events of the turn into the history and return them."""
        assert self.turn is not None
        turn, self.turn = self.turn, None
        self.replay_due = False  # not before: a turn that comes back is still due
        self.taken += len(turn.received)
        self.history.extend(turn.events)
        return turn.events

    def take_termination(self, now_ns: int) -> list[pb.HistoryEvent]:
        """Move all events up to the termination in the inbox into the history, without a worker; return them."""
        if self.turn is None:
            self.turn = TurnUnderWay([_orchestrator_started(now_ns)])
        self.turn.events += self.inbox.take_through("executionTerminated")
        return self.finish_turn()


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
    def ended(self) -> bool:
        return self.status in TERMINAL_STATUSES

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
        inbox = self.execution.inbox if self.execution is not None else ()
        return max([self.updated_ns, *(to_ns(came.timestamp) for came in inbox)])


def state_of(instance: Instance, *, payloads: bool) -> pb.OrchestrationState:
    """Return the protocol's OrchestrationState, with input, output and custom status where `payloads` asks for them."""
    state = pb.OrchestrationState(
        instanceId=instance.instance_id,
        name=instance.name,
        version=wrap_text(instance.version),
        orchestrationStatus=instance.status,
        createdTimestamp=from_ns(instance.created_ns),
        lastUpdatedTimestamp=from_ns(instance.updated_ns),
        executionId=wrap_text(instance.execution_id),
        failureDetails=instance.failure,
        tags=instance.tags,
    )
    if instance.scheduled_start_ns:
        state.scheduledStartTimestamp.CopyFrom(from_ns(instance.scheduled_start_ns))
    if instance.completed_ns:
        state.completedTimestamp.CopyFrom(from_ns(instance.completed_ns))
    if instance.parent is not None:
        state.parentInstanceId.value = instance.parent.instance_id
    if payloads:
        for name, text in (
            ("input", instance.input),
            ("output", instance.output),
            ("customStatus", instance.custom_status),
        ):
            if text is not None:
                getattr(state, name).value = text
    return state


def execution_started(instance: Instance, time_ns: int) -> pb.HistoryEvent:
    """Return the event that an execution begins with."""
    started = pb.ExecutionStartedEvent(
        name=instance.name,
        version=wrap_text(instance.version),
        input=wrap_text(instance.input),
        orchestrationInstance=pb.OrchestrationInstance(
            instanceId=instance.instance_id, executionId=wrap_text(instance.execution_id)
        ),
        parentTraceContext=instance.trace_context,
        tags=instance.tags,
    )
    if instance.scheduled_start_ns:
        started.scheduledStartTimestamp.CopyFrom(from_ns(instance.scheduled_start_ns))
    if instance.parent is not None:
        started.parentInstance.CopyFrom(parent_info(instance.parent))
    return event(time_ns, EXECUTION_STARTED_ID, executionStarted=started)


def _orchestrator_started(time_ns: int) -> pb.HistoryEvent:
    return event(time_ns, orchestratorStarted=pb.OrchestratorStartedEvent())


def event(time_ns: int, event_id: int = NO_ACTION_ID, **kind: Message) -> pb.HistoryEvent:
    """Return a HistoryEvent.

    What an orchestrator asked for has the id of its action, its end too; the start of an execution has 0, all else -1.
    """
    # A message of another type than its name has is a TypeError.
    return pb.HistoryEvent(eventId=event_id, timestamp=from_ns(time_ns), **kind)  # type: ignore[arg-type]


def not_after(time_ns: int, came: pb.HistoryEvent) -> pb.HistoryEvent:
    """Return a copy of an event that is no later than this: it may have come by a clock that was set back since."""
    copied = copy_of(came)
    if to_ns(came.timestamp) > time_ns:
        copied.timestamp.CopyFrom(from_ns(time_ns))
    return copied


def parent_info(parent: Parent) -> pb.ParentInstanceInfo:
    """Return the protocol's ParentInstanceInfo of a child."""
    return pb.ParentInstanceInfo(
        taskScheduledId=parent.task_id,
        name=wrap_text(parent.name),
        version=wrap_text(parent.version),
        orchestrationInstance=pb.OrchestrationInstance(
            instanceId=parent.instance_id, executionId=wrap_text(parent.execution_id)
        ),
    )
