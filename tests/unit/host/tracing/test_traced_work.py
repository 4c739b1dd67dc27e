"""The spans of work: which there are of a turn, an activity and a batch, and what they show."""

import asyncio
import contextlib

import pytest

from durable_harness.host.tracing import names
from durable_harness.host.tracing.context import SpanRef, from_message
from durable_harness.host.tracing.traced_operations import TracedOperations
from durable_harness.host.tracing.work import TracedRunner
from durable_harness.protocol import from_ns, pb
from history_events import event

PARENT = SpanRef(1, 2)
CART = "@cart@7"


class KeptSpans:
    """Keeps the spans that are emitted, and which was the current one of each piece of work."""

    def __init__(self):
        self.emitted = []
        self.ends_ns = []
        self.currents = []

    @contextlib.contextmanager
    def current(self, at):
        self.currents.append(at)
        yield

    def emit(self, span, end_ns=None):
        self.emitted.append(span)
        self.ends_ns.append(end_ns)


class GivenRunner:
    """A runner that answers what a test gives, or raises it."""

    keeps_executions = wraps_operation_inputs = False
    activity_failure = close = None

    def __init__(self, answer):
        self.answer = answer

    async def turn(self, *_):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    activity = batch = turn


def run(kind, request, answer, operations=None, *more):
    """Run one piece of work under the tracing runner; return the spans."""
    spans = KeptSpans()
    runner = TracedRunner(GivenRunner(answer), spans, operations or TracedOperations())
    assert asyncio.run(getattr(runner, kind)(request, *more)) is answer
    return spans


def turn_of(*new, past=()):
    """Return the request of a turn of a traced orchestration `ship`."""
    started = event(executionStarted={"name": "ship", "parentTraceContext": PARENT.to_message()})
    return pb.OrchestratorRequest(instanceId="i", pastEvents=[started, *past], newEvents=new)


def run_turn(request, *actions, operations=None):
    return run("turn", request, pb.OrchestratorResponse(actions=actions), operations, "token")


def test_a_turn_without_a_trace_emits_nothing():
    """An orchestration that no trace context came with runs untraced, and its answer is passed on."""
    request = pb.OrchestratorRequest(instanceId="i", newEvents=[event(executionStarted={"name": "ship"})])
    spans = run_turn(request, pb.OrchestratorAction(sendEvent={"name": "go"}))
    assert (spans.emitted, spans.currents) == ([], [])


def test_a_fired_timer_has_its_span():
    """The span of a timer lasts from when it was set, and names when it fired."""
    created = event(1, 4, timerCreated={"fireAt": from_ns(9_000_000_000)})
    fired = event(9, timerFired={"timerId": 4, "fireAt": from_ns(9_000_000_000)})
    (span,) = run_turn(turn_of(fired, past=[created])).emitted
    assert (span.name, span.kind, span.start_ns) == (
        names.of_timer("ship"),
        "INTERNAL",
        created.timestamp.ToNanoseconds(),
    )
    assert span.attributes[names.FIRE_AT] == "1970-01-01T00:00:09Z"
    assert span.attributes[names.TASK_ID] == 4


@pytest.mark.parametrize(
    ("created", "outcome", "name", "error"),
    [
        ("taskScheduled", "taskCompleted", names.of_activity("pay", ""), None),
        ("taskScheduled", "taskFailed", names.of_activity("pay", ""), "no money"),
        (
            "subOrchestrationInstanceCreated",
            "subOrchestrationInstanceCompleted",
            names.of_orchestration("pay", ""),
            None,
        ),
        (
            "subOrchestrationInstanceCreated",
            "subOrchestrationInstanceFailed",
            names.of_orchestration("pay", ""),
            "no money",
        ),
    ],
)
def test_an_outcome_ends_the_span_of_its_task(created, outcome, name, error):
    """Activities and children have a client's span when their outcome comes; a failure is its error."""
    at = SpanRef(1, 3)
    past = event(1, 5, **{created: {"name": "pay", "parentTraceContext": at.to_message()}})
    detail = {"taskScheduledId": 5} | ({"failureDetails": {"errorMessage": error}} if error else {})
    (span,) = run_turn(turn_of(event(2, **{outcome: detail}), past=[past])).emitted
    assert (span.name, span.kind, span.at, span.error) == (name, "CLIENT", at, error)


def test_an_outcome_of_an_untraced_task_has_no_span():
    """A task that was scheduled without a trace context, or is not known, ends without a span."""
    past = event(1, 5, taskScheduled={"name": "pay"})
    new = [event(2, taskCompleted={"taskScheduledId": number}) for number in (5, 6)]
    assert run_turn(turn_of(*new, past=[past])).emitted == []


def test_a_call_of_an_entity_is_answered_with_a_span():
    """A call's span is sent with its answer, with the error of a failed one; unknown answers have none."""
    operations = TracedOperations()
    spans = KeptSpans()
    called = {"requestId": "r", "operation": "add", "targetInstanceId": {"value": CART}}
    runner = GivenRunner(
        pb.OrchestratorResponse(actions=[pb.OrchestratorAction(sendEntityMessage={"entityOperationCalled": called})])
    )
    traced = TracedRunner(runner, spans, operations)

    async def two_turns():
        await traced.turn(turn_of(), "t")
        runner.answer = pb.OrchestratorResponse()
        failure = {"errorMessage": "full"}
        answers = [
            event(1, entityOperationCompleted={"requestId": "unknown"}),
            event(1, entityOperationFailed={"requestId": "r", "failureDetails": failure}),
        ]
        await traced.turn(turn_of(*answers), "t")

    asyncio.run(two_turns())
    (span,) = spans.emitted
    assert (span.kind, span.error, span.attributes[names.TARGET_INSTANCE_ID]) == ("CLIENT", "full", CART)
    assert operations.cause_of("r") == span.at


def test_an_answered_call_without_failure_has_no_error():
    """The span of a call that completed is no failure."""
    spans = KeptSpans()
    called = {"requestId": "r", "operation": "add", "targetInstanceId": {"value": CART}}
    asked = pb.OrchestratorResponse(
        actions=[pb.OrchestratorAction(sendEntityMessage={"entityOperationCalled": called})]
    )
    traced = TracedRunner(GivenRunner(asked), spans, TracedOperations())
    asyncio.run(traced.turn(turn_of(), "t"))
    asyncio.run(traced.turn(turn_of(event(1, entityOperationCompleted={"requestId": "r"})), "t"))
    assert [span.error for span in spans.emitted] == [None]


def test_what_an_orchestration_asks_for_is_in_its_trace():
    """Activities and children get a context of the trace; events and signals have a producer's span at once."""
    operations = TracedOperations()
    signaled = {"requestId": "s", "operation": "add", "targetInstanceId": {"value": CART}}
    actions = [
        pb.OrchestratorAction(id=1, scheduleTask={"name": "pay"}),
        pb.OrchestratorAction(id=2, createSubOrchestration={"name": "pack", "instanceId": "c"}),
        pb.OrchestratorAction(id=3, createTimer={}),
        pb.OrchestratorAction(id=4, sendEvent={"name": "go", "instance": {"instanceId": "j"}}),
        pb.OrchestratorAction(id=5, sendEntityMessage={"entityOperationSignaled": signaled}),
        pb.OrchestratorAction(id=6, sendEntityMessage={"entityUnlockSent": {"criticalSectionId": "x"}}),
    ]
    answer = pb.OrchestratorResponse(actions=actions)
    spans = run("turn", turn_of(), answer, operations, "t")
    contexts = [from_message(answer.actions[0].scheduleTask), from_message(answer.actions[1].createSubOrchestration)]
    assert [context.trace_id for context in contexts] == [PARENT.trace_id] * 2
    assert [(span.name, span.kind) for span in spans.emitted] == [
        (names.of_event("go"), "PRODUCER"),
        (names.of_operation(CART, "add"), "PRODUCER"),
    ]
    assert operations.cause_of("s") == spans.emitted[1].at


@pytest.mark.parametrize(
    ("status", "failure", "shown"),
    [
        (pb.ORCHESTRATION_STATUS_COMPLETED, None, "Completed"),
        (pb.ORCHESTRATION_STATUS_FAILED, "broken", "Failed"),
        (pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW, None, "ContinuedAsNew"),
    ],
)
def test_an_ending_ends_the_span_of_the_orchestration(status, failure, shown):
    """The server's span of an execution is sent with its end, by which it has its status and its error."""
    ending = pb.CompleteOrchestrationAction(orchestrationStatus=status)
    if failure:
        ending.failureDetails.errorMessage = failure
    (span,) = run_turn(turn_of(), pb.OrchestratorAction(completeOrchestration=ending)).emitted
    assert (span.kind, span.parent, span.error) == ("SERVER", PARENT, failure)
    assert span.attributes[names.STATUS] == shown


def test_an_activity_runs_under_its_own_span():
    """The activity's request gets the context of its own span, which is current while it runs."""
    request = pb.ActivityRequest(name="pay", taskId=3, parentTraceContext=PARENT.to_message())
    spans = run("activity", request, "1")
    (span,) = spans.emitted
    assert (span.parent, span.error, spans.currents) == (PARENT, None, [span.at])
    assert from_message(request) == span.at


@pytest.mark.parametrize(("error", "shown"), [(ValueError("no money"), "no money"), (KeyError(), "KeyError")])
def test_the_span_of_a_failed_activity_has_its_error(error, shown):
    """The error's text is in the span, or its type if it has none; the worker still gets the error."""
    spans = KeptSpans()
    traced = TracedRunner(GivenRunner(error), spans, TracedOperations())
    with pytest.raises(type(error)):
        asyncio.run(traced.activity(pb.ActivityRequest(name="pay", parentTraceContext=PARENT.to_message())))
    assert [span.error for span in spans.emitted] == [shown]


def test_an_activity_without_a_trace_emits_nothing():
    """An activity that came without a context runs untraced."""
    assert run("activity", pb.ActivityRequest(name="pay"), "1").emitted == []


def batch_of(*request_ids, signals=()):
    """Return a batch of calls of an entity, and of signals."""
    asked = [{"entityOperationCalled": {"requestId": one, "operation": "add"}} for one in request_ids]
    asked += [{"entityOperationSignaled": {"requestId": one, "operation": "add"}} for one in signals]
    return pb.EntityRequest(instanceId=CART, operationRequests=[pb.HistoryEvent(**one) for one in asked])


def causes(*request_ids):
    """Return operations that are known to have a cause."""
    operations = TracedOperations()
    for number, one in enumerate(request_ids, 10):
        operations.begun(one, SpanRef(1, number))
    return operations


def test_each_known_operation_of_a_batch_has_a_span():
    """A call is a server's span and a signal a consumer's, with the times of its result; unknown ones have none."""
    times = {"startTimeUtc": from_ns(5), "endTimeUtc": from_ns(8)}
    results = [
        pb.OperationResult(success=times),
        pb.OperationResult(success={}),
        pb.OperationResult(failure={"failureDetails": {"errorMessage": "full"}}),
    ]
    answer = pb.EntityBatchResult(results=results)
    spans = run("batch", batch_of("a", "unknown", signals=["s"]), answer, causes("a", "s"))
    call, signal = spans.emitted
    assert (call.kind, call.start_ns, spans.ends_ns[0], call.error) == ("SERVER", 5, 8, None)
    assert (signal.kind, signal.error, signal.attributes[names.ENTITY_ERROR]) == ("CONSUMER", "full", "full")
    assert spans.ends_ns[1] is None
    assert spans.currents == [call.at]


def test_operations_that_a_failed_batch_left_out_fail():
    """An operation without a result fails with the failure of the whole batch."""
    answer = pb.EntityBatchResult(failureDetails={"errorMessage": "gone"})
    assert [span.error for span in run("batch", batch_of("a"), answer, causes("a")).emitted] == ["gone"]


def actions_of_entity():
    """Return a batch result in which an entity signals another one and starts an orchestration."""
    return pb.EntityBatchResult(
        results=[pb.OperationResult(success={})],
        actions=[
            pb.OperationAction(sendSignal={"instanceId": "@log@1", "name": "note"}),
            pb.OperationAction(startNewOrchestration={"instanceId": "o", "name": "ship"}),
        ],
    )


def test_what_an_entity_asks_for_is_in_its_trace():
    """A signal and a start of an entity have a producer's span, whose context they carry."""
    answer = actions_of_entity()
    operation, signal, start = run("batch", batch_of("a"), answer, causes("a")).emitted
    assert [(one.kind, one.parent) for one in (signal, start)] == [("PRODUCER", operation.at)] * 2
    assert from_message(answer.actions[0].sendSignal) == signal.at
    assert from_message(answer.actions[1].startNewOrchestration) == start.at
    assert (signal.name, start.name) == (names.of_operation("@log@1", "note"), "cart:create_orchestration")


def test_what_an_untraced_batch_asks_for_carries_no_context():
    """Without a known cause nothing is emitted, and what the entity asks for has no trace context."""
    answer = actions_of_entity()
    assert run("batch", batch_of("unknown"), answer).emitted == []
    assert from_message(answer.actions[0].sendSignal) is None
