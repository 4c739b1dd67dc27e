"""Spans of work: orchestrations, activities, timers, events and the operations of entities."""

from __future__ import annotations

import time

from durable_harness.host.sdk.generation import Runner
from durable_harness.host.tracing import names
from durable_harness.host.tracing.context import SpanRef, from_message
from durable_harness.host.tracing.executions import Executions, TracedExecution, task_id_of
from durable_harness.host.tracing.sendings import event_span, signal_span
from durable_harness.host.tracing.spans import Attributes, Span, Spans
from durable_harness.host.tracing.traced_operations import TracedOperations
from durable_harness.protocol import TERMINAL_STATUSES, pb, to_ns

STATUS_PREFIX = "ORCHESTRATION_STATUS_"
OUTCOMES = {"taskCompleted", "taskFailed", "subOrchestrationInstanceCompleted", "subOrchestrationInstanceFailed"}
ANSWERS = {"entityOperationCompleted", "entityOperationFailed"}
CALLED, SIGNALED = "entityOperationCalled", "entityOperationSignaled"


class TracedRunner:
    """A runner whose work has spans. Implements `durable_harness.host.sdk.generation.Runner`."""

    def __init__(self, runner: Runner, spans: Spans, operations: TracedOperations) -> None:
        self._runner = runner
        self._spans = spans
        self._operations = operations
        self._executions = Executions()
        self.keeps_executions = runner.keeps_executions
        self.wraps_operation_inputs = runner.wraps_operation_inputs
        self.activity_failure = runner.activity_failure
        self.close = runner.close

    async def turn(self, request: pb.OrchestratorRequest, token: str) -> pb.OrchestratorResponse:
        """Run a turn, and send the spans of what has ended with it."""
        execution = self._executions.of(request)
        if execution is None:
            return await self._runner.turn(request, token)
        with self._spans.current(execution.at):
            response = await self._runner.turn(request, token)
        for event in request.newEvents:
            self._take(execution, event)
        for action in response.actions:
            self._act(execution, action)
        execution.context_message(response.orchestrationTraceContext)
        ending = next((one.completeOrchestration for one in response.actions if _is_ending(one)), None)
        if ending is not None:
            self._executions.forget(request)
            self._spans.emit(_of_orchestration(execution, ending))
        return response

    async def activity(self, request: pb.ActivityRequest) -> str:
        """Run an activity as a child of the span that waits for it. Its trace context becomes that of its own span."""
        parent = from_message(request)
        if parent is None:
            return await self._runner.activity(request)
        span = Span(names.of_activity(request.name, request.version.value), "SERVER", parent.child(), parent)
        span.attributes = {
            names.TYPE: "activity",
            names.NAME: request.name,
            names.VERSION: request.version.value,
            names.INSTANCE_ID: request.orchestrationInstance.instanceId,
            names.TASK_ID: request.taskId,
        }
        request.parentTraceContext.CopyFrom(span.at.to_message())
        try:
            with self._spans.current(span.at):
                return await self._runner.activity(request)
        except BaseException as error:
            span.error = str(error) or type(error).__name__
            raise
        finally:
            self._spans.emit(span)

    async def batch(self, request: pb.EntityRequest) -> pb.EntityBatchResult:
        """Run a batch of an entity. Each of its operations has a span; a call has one of the caller's side too."""
        asked = [(one, self._operations.cause_of(_detail(one).requestId)) for one in request.operationRequests]
        spans = [None if cause is None else _of_operation(request.instanceId, one, cause) for one, cause in asked]
        first = next((span.at for span in spans if span is not None), None)
        with self._spans.current(first):
            answer = await self._runner.batch(request)
        for number, span in enumerate(spans):
            if span is not None:
                self._end_operation(span, answer, number)
        for action in answer.actions:
            self._act_of_entity(request.instanceId, first, action)
        return answer

    def _end_operation(self, span: Span, answer: pb.EntityBatchResult, number: int) -> None:
        failure, end_ns = answer.failureDetails if answer.HasField("failureDetails") else None, None
        if number < len(answer.results):
            kind = answer.results[number].WhichOneof("resultType")
            result = getattr(answer.results[number], kind)
            failure = result.failureDetails if kind == "failure" else None
            if result.HasField("startTimeUtc") and result.HasField("endTimeUtc"):
                span.start_ns, end_ns = to_ns(result.startTimeUtc), to_ns(result.endTimeUtc)
        if failure is not None:
            span.error = span.attributes[names.ENTITY_ERROR] = failure.errorMessage
        self._spans.emit(span, end_ns)

    def _take(self, execution: TracedExecution, event: pb.HistoryEvent) -> None:
        """Send the span of a task whose outcome has come."""
        kind = event.WhichOneof("eventType")
        detail = getattr(event, kind)
        if kind in ANSWERS:
            self._take_answer(execution, detail)
            return
        task = execution.tasks.pop(task_id_of(kind, detail), None)
        if task is None:
            return
        if kind == "timerFired":
            span = Span(names.of_timer(execution.name), "INTERNAL", execution.at.child(), execution.at, task.start_ns)
            fire_at = detail.fireAt.ToJsonString()
            span.attributes = _about("timer", execution.name, "", execution.instance_id, task_id=detail.timerId)
            span.attributes[names.FIRE_AT] = fire_at
        elif kind in OUTCOMES and task.at is not None:
            is_activity = kind.startswith("task")
            name = (names.of_activity if is_activity else names.of_orchestration)(task.name, task.version)
            span = Span(name, "CLIENT", task.at, execution.at, task.start_ns)
            type_name = "activity" if is_activity else "orchestration"
            span.attributes = _about(
                type_name, task.name, task.version, execution.instance_id, task_id=detail.taskScheduledId
            )
            if kind.endswith("Failed"):
                span.error = detail.failureDetails.errorMessage
        else:
            return
        self._spans.emit(span)

    def _take_answer(
        self,
        execution: TracedExecution,
        answer: pb.EntityOperationCompletedEvent | pb.EntityOperationFailedEvent,
    ) -> None:
        """Send the span of a call of an entity that was answered."""
        call = execution.calls.pop(answer.requestId, None)
        if call is None:
            return
        span = Span(names.of_operation(call.entity_id, call.operation), "CLIENT", call.at, execution.at, call.start_ns)
        span.attributes = {
            names.TYPE: "entity",
            names.OPERATION: names.CALL,
            names.TARGET_INSTANCE_ID: call.entity_id,
            names.INSTANCE_ID: execution.instance_id,
        }
        if isinstance(answer, pb.EntityOperationFailedEvent):
            span.error = answer.failureDetails.errorMessage
        self._spans.emit(span)

    def _act(self, execution: TracedExecution, action: pb.OrchestratorAction) -> None:
        """Put what an orchestration asks for into its trace."""
        kind = action.WhichOneof("orchestratorActionType")
        detail = getattr(action, kind)
        if kind in {"scheduleTask", "createSubOrchestration"}:
            at = execution.at.child()
            detail.parentTraceContext.CopyFrom(at.to_message())
            execution.add(action.id, detail.name, detail.version.value, at)
        elif kind == "createTimer":
            execution.add(action.id)
        elif kind == "sendEvent":
            at, target_id = execution.at, detail.instance.instanceId
            self._spans.emit(event_span(detail.name, target_id, at, execution.instance_id))
        elif kind == "sendEntityMessage":
            self._send_to_entity(execution, detail)

    def _send_to_entity(self, execution: TracedExecution, action: pb.SendEntityMessageAction) -> None:
        kind = action.WhichOneof("EntityMessageType")
        message = getattr(action, kind)
        if kind == CALLED:
            call = execution.call(message.requestId, message.targetInstanceId.value, message.operation)
            self._operations.begun(message.requestId, call.at)
        elif kind == SIGNALED:
            target_id = message.targetInstanceId.value
            span = signal_span(target_id, message.operation, execution.at, execution.instance_id)
            self._operations.begun(message.requestId, span.at)
            self._spans.emit(span)

    def _act_of_entity(self, entity_id: str, cause: SpanRef | None, action: pb.OperationAction) -> None:
        """Put what an entity asks for into the trace of the operation that it had first in the batch."""
        kind = action.WhichOneof("operationActionType")
        detail = getattr(action, kind)
        if cause is None:
            return
        if kind == "sendSignal":
            span = signal_span(detail.instanceId, detail.name, cause, entity_id)
        else:
            name = f"{names.entity_name(entity_id)}:create_orchestration"
            span = Span(name, "PRODUCER", cause.child(), cause)
            span.attributes = {
                names.TYPE: "entity",
                names.TARGET_INSTANCE_ID: detail.instanceId,
                names.INSTANCE_ID: entity_id,
            }
        detail.parentTraceContext.CopyFrom(span.at.to_message())
        self._spans.emit(span)


def _detail(event: pb.HistoryEvent) -> pb.EntityOperationCalledEvent | pb.EntityOperationSignaledEvent:
    return event.entityOperationSignaled if event.HasField(SIGNALED) else event.entityOperationCalled


def _is_ending(action: pb.OrchestratorAction) -> bool:
    if not action.HasField("completeOrchestration"):
        return False
    status = action.completeOrchestration.orchestrationStatus
    return status in TERMINAL_STATUSES or status == pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW


def _about(type_name: str, name: str, version: str, instance_id: str, *, task_id: int | None = None) -> Attributes:
    return {
        names.TYPE: type_name,
        names.NAME: name,
        names.VERSION: version,
        names.INSTANCE_ID: instance_id,
        names.TASK_ID: task_id,
    }


def _of_orchestration(execution: TracedExecution, ending: pb.CompleteOrchestrationAction) -> Span:
    name = names.of_orchestration(execution.name, execution.version)
    span = Span(name, "SERVER", execution.at, execution.parent, execution.start_ns)
    span.attributes = _about("orchestration", execution.name, execution.version, execution.instance_id)
    status = pb.OrchestrationStatus.Name(ending.orchestrationStatus).removeprefix(STATUS_PREFIX)
    span.attributes[names.STATUS] = "".join(word.capitalize() for word in status.split("_"))
    if ending.HasField("failureDetails"):
        span.error = ending.failureDetails.errorMessage
    return span


def _of_operation(entity_id: str, event: pb.HistoryEvent, cause: SpanRef) -> Span:
    """Return the span of an operation that begins now."""
    is_signal = event.HasField(SIGNALED)
    name = names.of_operation(entity_id, _detail(event).operation)
    span = Span(name, "CONSUMER" if is_signal else "SERVER", cause.child(), cause, time.time_ns())
    span.attributes = {
        names.TYPE: "entity",
        names.OPERATION: names.SIGNAL if is_signal else names.CALL,
        names.INSTANCE_ID: entity_id,
    }
    return span
