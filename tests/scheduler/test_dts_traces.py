"""Trace context: from the client's span through orchestrations, activities, children and what entities start."""

import pytest
from dts_helpers import ended, kinds, scheduled
from durabletask.internal import orchestrator_service_pb2 as pb

trace = pytest.importorskip("opentelemetry.trace")

TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONTEXT = {"traceParent": PARENT, "spanID": "b7ad6b7169203331", "traceState": {"value": "vendor=1"}}


@pytest.fixture
def raw(hub):
    """Return the bare stub."""
    return hub.raw()


@pytest.fixture
def work(raw):
    """Return a worker's stream."""
    return raw.work()


def started(item):
    """Return the event that the execution of a turn began with."""
    request = item.orchestratorRequest
    return next(e.executionStarted for e in request.newEvents if e.HasField("executionStarted"))


def test_the_context_of_a_start_reaches_the_orchestrator(raw, work):
    """The trace context of a start is in the first event, whole."""
    raw.start(parentTraceContext=CONTEXT)
    assert started(next(work)).parentTraceContext == pb.TraceContext(**CONTEXT)


def test_the_context_of_a_start_is_in_the_history(hub, raw, work):
    """The trace context of a start can be read in the history."""
    raw.start(parentTraceContext=CONTEXT)
    raw.answer(next(work), ended())
    (event,) = [event for event in hub.history("i") if kinds([event]) == ["ExecutionStarted"]]
    assert event.parent_trace_context.trace_parent == PARENT


def test_the_span_of_an_orchestration_comes_back_in_every_turn(raw, work):
    """What a worker reports of the orchestration's span is in the next turns, though a turn does not repeat it."""
    raw.start(parentTraceContext=CONTEXT)
    span = {"spanID": {"value": "b7ad6b7169203331"}, "spanStartTime": {"seconds": 5}}
    raw.answer(next(work), orchestrationTraceContext=span)
    for _ in range(2):
        raw.RaiseEvent(pb.RaiseEventRequest(instanceId="i", name="go"))
        item = next(work)
        assert item.orchestratorRequest.orchestrationTraceContext == pb.OrchestrationTraceContext(**span)
        raw.answer(item)


def test_the_context_of_a_call_reaches_the_activity(raw, work):
    """The trace context of a scheduled activity is in its work item."""
    raw.start()
    raw.answer(next(work), scheduled(1, parentTraceContext=CONTEXT))
    assert next(work).activityRequest.parentTraceContext == pb.TraceContext(**CONTEXT)


def test_the_context_of_a_call_reaches_the_child(raw, work):
    """The trace context of a called sub-orchestration is the child's."""
    raw.start()
    child = pb.CreateSubOrchestrationAction(instanceId="kid", name="k", parentTraceContext=CONTEXT)
    raw.answer(next(work), pb.OrchestratorAction(id=1, createSubOrchestration=child))
    item = next(item for item in work if item.orchestratorRequest.instanceId == "kid")
    assert started(item).parentTraceContext == pb.TraceContext(**CONTEXT)


def test_the_context_of_an_entity_reaches_what_it_starts(raw, work):
    """The trace context of an entity's start of an orchestration is the orchestration's."""
    raw.SignalEntity(pb.SignalEntityRequest(instanceId="@e@k", name="op", requestId="r"))
    action = {"startNewOrchestration": {"instanceId": "i", "name": "o", "parentTraceContext": CONTEXT}}
    result = pb.EntityBatchResult(
        completionToken=next(work).completionToken, results=[{"success": {}}], actions=[action]
    )
    raw.CompleteEntityTask(result)
    assert started(next(work)).parentTraceContext == pb.TraceContext(**CONTEXT)


def test_a_trace_goes_through_all_generations(hub):
    """With the packages' own tracing, activities of an orchestration and of its child are in the client's trace."""

    def current_trace(_ctx, _input):
        return trace.get_current_span().get_span_context().trace_id

    def kid(ctx, _input):
        return (yield ctx.call_activity(current_trace))

    def parent(ctx, _input):
        own = yield ctx.call_activity(current_trace)
        childs = yield ctx.call_sub_orchestrator(kid)
        return [own, childs]

    hub.work(orchestrators=[parent, kid], activities=current_trace)
    context = trace.SpanContext(TRACE_ID, 0xB7AD6B7169203331, is_remote=False, trace_flags=trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(context)):
        instance_id = hub.start(parent)
    assert hub.wait(instance_id).get_output() == [TRACE_ID, TRACE_ID]
