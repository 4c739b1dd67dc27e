"""A turn of an orchestration: what a worker gets, and what its answer changes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

from google.protobuf.message import Message

from durable_harness.protocol import child_id, copy_of, new_id, pb, unwrap_text, wrap_text
from durable_harness.protocol import timings as noted
from durable_harness.protocol.continuing import LONG_HISTORY_EVENTS, Continuation, set_continuation
from durable_harness.protocol.work_kinds import Kind
from durable_harness.scheduler.hub_interface import Hub
from durable_harness.scheduler.instances.execution_events import NO_ACTION_ID, Execution, Inbox, event, not_after
from durable_harness.scheduler.instances.instance_state import Instance, execution_started
from durable_harness.scheduler.limits.sizes import is_undeliverable, undeliverable
from durable_harness.scheduler.queries import children_of
from durable_harness.scheduler.rewinding import apply_rewound_history
from durable_harness.scheduler.tasks import arm_timer, offer_activity, report_to_parent, start_child
from durable_harness.scheduler.timings import WorkTimes

# Continuing as new keeps what was sent to the instance; answers to tasks of the execution that ended go nowhere.
_FOR_ANY_EXECUTION = frozenset({"eventRaised", "executionSuspended", "executionResumed", "executionTerminated"})


@dataclass(slots=True)
class TurnWork:
    """The next turn of an instance, made when a worker has room: events that arrive until then ride along."""

    hub: Hub
    instance: Instance
    execution: Execution
    kind: Kind = Kind.ORCHESTRATION
    times: WorkTimes = field(default_factory=functools.partial(WorkTimes, kind=noted.TURN))

    @property
    def is_awaited(self) -> bool:
        return self.hub.instances.is_current(self.instance, self.execution)

    @property
    def name(self) -> str:
        return self.instance.name

    @property
    def version(self) -> str:
        return self.hub.version_of(self.instance)

    def make_item(self, *, keeps_executions: bool) -> pb.WorkItem | None:
        execution = self.execution
        execution.queued = False
        is_due = execution.inbox.events or execution.replay_due
        if not (is_due and self.hub.instances.is_current(self.instance, execution)):
            return None
        item = pb.WorkItem()
        request = item.orchestratorRequest
        request.instanceId = self.instance.instance_id
        request.executionId.value = execution.execution_id
        request.newEvents.extend(execution.begin_turn(self.hub.clock.elapsed_ns(self.instance.epoch_ns)))
        if execution.span is not None:
            request.orchestrationTraceContext.CopyFrom(execution.span)
        history, last_turn = execution.history, execution.last_turn
        if keeps_executions and last_turn is not None and len(history) >= LONG_HISTORY_EVENTS:
            history.add_to(request, last_turn.omitted)
            set_continuation(request, self.name, last_turn._replace(last_action_id=history.last_action_id))
        else:
            history.add_to(request)
        return item

    def give_back(self) -> None:
        self.execution.return_turn()
        self.execution.queued = True

    def will_be_repeated(self) -> None:
        """Nothing to note: only activities are counted."""

    def was_lost(self) -> None:
        """Count a lost worker, and fail an instance whose history is too large to reach any.

        Each worker that it is sent to would lose its connection, again and again.
        """
        self.execution.losses += 1
        size = self.execution.history.size_bytes + sum(new.ByteSize() for new in self.execution.inbox.events)
        losses = self.execution.losses
        if is_undeliverable(losses, size) and self.hub.instances.is_current(self.instance, self.execution):
            ending = pb.CompleteOrchestrationAction(
                orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED,
                failureDetails=undeliverable("HistoryTooLarge", "history", size, losses),
            )
            end_at_once(self.hub, self.instance, self.execution, ending)


def finish_turn(work: TurnWork, response: pb.OrchestratorResponse) -> None:
    """Take a worker's answer: move the turn's events into history and carry out its actions."""
    hub, instance, execution = work.hub, work.instance, work.execution
    if not hub.instances.is_current(instance, execution):
        return
    execution.losses = 0
    if response.HasField("orchestrationTraceContext"):
        execution.span = copy_of(response.orchestrationTraceContext)
    replayed = len(execution.history)
    new_events = execution.finish_turn()
    take_events(instance, new_events, hub.clock.elapsed_ns(instance.epoch_ns))
    execution.last_turn = Continuation(response.completionToken, replayed + len(new_events))
    previous_status = instance.custom_status
    if response.HasField("customStatus"):
        instance.custom_status = response.customStatus.value
    turn = Turn(hub, instance, execution, new_events)
    for action in response.actions:
        turn.apply(action)
    if instance.costs is not None:
        changed_status = instance.custom_status if instance.custom_status != previous_status else None
        instance.costs.count_turn(turn.events, replayed, changed_status or "")
    turn.close()


def take_events(instance: Instance, new_events: Sequence[pb.HistoryEvent], now_ns: int) -> None:
    """Note when a turn ended, and if it was the first one, when that began; follow suspensions among its events."""
    instance.updated_ns = now_ns
    if instance.status == pb.ORCHESTRATION_STATUS_PENDING:
        instance.begun_ns = new_events[0].timestamp.ToNanoseconds()
        instance.status = pb.ORCHESTRATION_STATUS_RUNNING
    for new in new_events:
        kind = new.WhichOneof("eventType")
        if kind == "executionSuspended":
            instance.status = pb.ORCHESTRATION_STATUS_SUSPENDED
        elif kind == "executionResumed":
            instance.status = pb.ORCHESTRATION_STATUS_RUNNING


def end_untaken(hub: Hub, instance: Instance, execution: Execution) -> None:
    """End a terminated instance if no worker has taken the termination: it hangs in a turn, or there is none."""
    if not hub.instances.is_current(instance, execution) or not execution.inbox.has_any({"executionTerminated"}):
        return
    now_ns, replayed = hub.clock.elapsed_ns(instance.epoch_ns), len(execution.history)
    new_events = execution.take_termination(now_ns)
    take_events(instance, new_events, now_ns)
    if instance.costs is not None:
        instance.costs.count_turn(new_events, replayed)
    turn = Turn(hub, instance, execution, new_events)
    turn.ending = pb.CompleteOrchestrationAction(
        orchestrationStatus=pb.ORCHESTRATION_STATUS_TERMINATED,
        result=wrap_text(unwrap_text(new_events[-1].executionTerminated, "input")),
    )
    turn.close()


class Turn:
    """Carries out the actions of one answer. The action that ends the execution is done last, wherever it stands.

    `events` are those that the turn has added to the history: what it took, and what its actions are recorded as.
    """

    def __init__(self, hub: Hub, instance: Instance, execution: Execution, new_events: list[pb.HistoryEvent]) -> None:
        self.hub, self.instance, self.execution = hub, instance, execution
        self.events = [*new_events]
        self.now_ns = instance.updated_ns
        self.ending: pb.CompleteOrchestrationAction | pb.RewindOrchestrationAction | None = None
        self._ending_id = NO_ACTION_ID

    def apply(self, action: pb.OrchestratorAction) -> None:
        kind = action.WhichOneof("orchestratorActionType")
        if kind == "scheduleTask":
            self._schedule_task(action.id, action.scheduleTask)
        elif kind == "createTimer":
            self._create_timer(action.id, action.createTimer)
        elif kind == "createSubOrchestration":
            self._create_sub_orchestration(action.id, action.createSubOrchestration)
        elif kind == "sendEvent":
            self._send_event(action.id, action.sendEvent)
        elif kind == "sendEntityMessage":
            self._send_entity_message(action.id, action.sendEntityMessage)
        elif kind == "terminateOrchestration":
            self._terminate_other(action.terminateOrchestration)
        elif kind == "completeOrchestration":
            self.ending, self._ending_id = action.completeOrchestration, action.id
        elif kind == "rewindOrchestration":
            self.ending = action.rewindOrchestration

    def close(self) -> None:
        """End, renew or rewind the execution if an action asks for it."""
        ending = self.ending
        if isinstance(ending, pb.RewindOrchestrationAction):
            apply_rewound_history(self.hub, self.instance, self.execution, list(ending.newHistory))
        elif ending is not None and ending.orchestrationStatus == pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW:
            self._continue_as_new(ending)
        elif ending is not None:
            self._end(ending)
        self.hub.settle(self.instance)

    def _record(self, action_id: int, **kind: Message) -> None:
        recorded = event(self.now_ns, action_id, **kind)
        self.execution.history.extend((recorded,))
        self.events.append(recorded)

    def _schedule_task(self, action_id: int, task: pb.ScheduleTaskAction) -> None:
        scheduled = pb.TaskScheduledEvent(
            name=task.name,
            version=task.version if task.HasField("version") else None,
            input=task.input if task.HasField("input") else None,
            parentTraceContext=task.parentTraceContext if task.HasField("parentTraceContext") else None,
            tags=task.tags,
        )
        self._record(action_id, taskScheduled=scheduled)
        offer_activity(self.hub, self.instance, self.execution, action_id, scheduled)

    def _create_timer(self, action_id: int, timer: pb.CreateTimerAction) -> None:
        self._record(action_id, timerCreated=pb.TimerCreatedEvent(fireAt=timer.fireAt))
        arm_timer(self.hub, self.instance, self.execution, action_id, timer.fireAt)

    def _create_sub_orchestration(self, action_id: int, action: pb.CreateSubOrchestrationAction) -> None:
        created = pb.SubOrchestrationInstanceCreatedEvent(
            instanceId=action.instanceId or child_id(self.instance.instance_id, self.instance.execution_id, action_id),
            name=action.name,
            version=action.version if action.HasField("version") else None,
            input=action.input if action.HasField("input") else None,
            parentTraceContext=action.parentTraceContext if action.HasField("parentTraceContext") else None,
            tags=action.tags,
        )
        self._record(action_id, subOrchestrationInstanceCreated=created)
        start_child(self.hub, self.instance, self.execution, action_id, created)

    def _send_event(self, action_id: int, action: pb.SendEventAction) -> None:
        target, data = action.instance.instanceId, unwrap_text(action, "data")
        sent = pb.EventSentEvent(instanceId=target, name=action.name, input=wrap_text(data))
        self._record(action_id, eventSent=sent)
        other = self.hub.instances.get(target)
        if other is not None:
            raised = pb.EventRaisedEvent(name=action.name, input=wrap_text(data))
            self.hub.deliver(other, eventRaised=raised)

    def _send_entity_message(self, action_id: int, action: pb.SendEntityMessageAction) -> None:
        kind = action.WhichOneof("EntityMessageType")
        message = getattr(action, kind)
        self._record(action_id, **{kind: message})
        if kind == "entityOperationCalled":
            message.parentExecutionId.value = self.execution.execution_id
        self.hub.entities.receive(kind, message, self.instance.epoch_ns)

    def _terminate_other(self, action: pb.TerminateOrchestrationAction) -> None:
        other = self.hub.instances.get(action.instanceId)
        if other is not None:
            self.hub.terminate(other, unwrap_text(action, "reason"), recurse=action.recurse)

    def _continue_as_new(self, ending: pb.CompleteOrchestrationAction) -> None:
        instance = self.instance
        instance.input = unwrap_text(ending, "result")
        if ending.HasField("newVersion"):
            instance.version = ending.newVersion.value
        instance.execution_id = new_id()
        instance.execution = Execution(instance.execution_id)
        instance.execution.rewritten = True
        instance.continued_as_new = True
        if instance.costs is not None:
            instance.costs.count(ending.carryoverEvents, -1)  # dispatched once more, but counted once
        instance.epoch_ns = self.hub.clock.epoch_ns  # one that never ends follows a wall clock that was set
        kept = (new for new in self.execution.inbox.events if new.WhichOneof("eventType") in _FOR_ANY_EXECUTION)
        instance.updated_ns = self.hub.clock.elapsed_ns(
            instance.epoch_ns
        )  # else a restart goes back to the time of before
        started = execution_started(instance, instance.updated_ns)
        old = (not_after(instance.updated_ns, came) for came in [*ending.carryoverEvents, *kept])
        instance.execution.inbox = Inbox([started, *old])
        self.hub.entities.release_locks_of(instance.instance_id)

    def _end(self, ending: pb.CompleteOrchestrationAction) -> None:
        instance = self.instance
        instance.status = ending.orchestrationStatus
        instance.output = ending.result.value if ending.HasField("result") else None
        instance.failure = copy_of(ending.failureDetails) if ending.HasField("failureDetails") else None
        instance.completed_ns = self.now_ns
        completed = pb.ExecutionCompletedEvent(
            orchestrationStatus=instance.status,
            result=ending.result if ending.HasField("result") else None,
            failureDetails=instance.failure,
        )
        self._record(self._ending_id, executionCompleted=completed)
        if instance.status == pb.ORCHESTRATION_STATUS_TERMINATED:
            self._terminate_children()
        self.hub.entities.release_locks_of(instance.instance_id)
        if instance.parent is not None:
            report_to_parent(self.hub, instance, instance.parent)

    def _terminate_children(self) -> None:
        """Carry a recursive termination on to the children that still run."""
        terminations = [e.executionTerminated for e in self.events if e.HasField("executionTerminated")]
        if not any(t.recurse for t in terminations):
            return
        for child in children_of(self.hub.instances, self.instance):
            self.hub.terminate(child, unwrap_text(terminations[-1], "input"), recurse=True)


def end_at_once(hub: Hub, instance: Instance, execution: Execution, ending: pb.CompleteOrchestrationAction) -> None:
    """End an instance without asking a worker: for one whose workers will not come back, or cannot take it."""
    instance.updated_ns = hub.clock.elapsed_ns(instance.epoch_ns)
    turn = Turn(hub, instance, execution, [])
    turn.ending = ending
    turn.close()
