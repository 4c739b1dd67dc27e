"""Rule A: the ids of tasks are those that the SDK itself gives, in every order of events."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import azure.durable_functions as df
import pytest

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.sdk1 import selftest
from durable_harness.host.sdk1.orchestrations import OrchestrationRunner
from durable_harness.protocol import child_id, from_ns, pb

START = datetime(2026, 1, 1, tzinfo=UTC)
RETRY = df.RetryOptions(5000, 2)


def event(seconds=0, event_id=-1, **kind):
    moment_ns = int((START + timedelta(seconds=seconds)).timestamp()) * 1_000_000_000
    return pb.HistoryEvent(eventId=event_id, timestamp=from_ns(moment_ns), **kind)


def run(orchestrator, *new, past=(), input_text=None):
    """One turn of an orchestrator; without `past`, `new` follows its start."""
    trigger = {"type": "orchestrationTrigger", "name": "context"}
    function = Function(
        name="o",
        trigger=trigger,
        bindings=(),
        call=df.Orchestrator.create(orchestrator),
        is_async=False,
        wants_context=False,
    )
    started = {"name": "o"} | ({"input": {"value": input_text}} if input_text else {})
    opening = [event(orchestratorStarted={}), event(executionStarted=started)]
    events = [*opening, *past]
    fresh = [event(1, orchestratorStarted={}), *new] if past else [*opening, *new]
    request = pb.OrchestratorRequest(instanceId="i", pastEvents=events if past else [], newEvents=fresh)
    request.executionId.value = "e"
    return OrchestrationRunner(FunctionApp(Path(), [function])).run(request)


def ids(response):
    """Return id and kind of what was asked for, without the end."""
    asked = [(a.id, a.WhichOneof("orchestratorActionType")) for a in response.actions]
    return [(number, kind) for number, kind in asked if kind != "completeOrchestration"]


def ending(response):
    return response.actions[-1].completeOrchestration


def done(task_id, result="null"):
    return event(taskCompleted={"taskScheduledId": task_id, "result": {"value": result}})


def failed(task_id):
    return event(taskFailed={"taskScheduledId": task_id, "failureDetails": {"errorMessage": "no"}})


def test_only_new_actions_are_sent():
    """What history has scheduled is not scheduled again."""

    def orchestrator(context):
        yield context.call_activity("a")
        yield context.call_activity("b")

    past = [event(event_id=0, taskScheduled={"name": "a"})]
    assert ids(run(orchestrator)) == [(0, "scheduleTask")]
    assert ids(run(orchestrator, done(0), past=past)) == [(1, "scheduleTask")]


def test_compounds_number_depth_first_when_yielded():
    """Children of compounds take ids left to right, depth first; a task never yielded takes none."""

    def orchestrator(context):
        context.call_activity("never")
        inner = context.task_any([context.call_activity("b"), context.create_timer(START)])
        yield context.task_all([context.call_activity("a"), inner, context.call_activity("c")])

    assert ids(run(orchestrator)) == [(0, "scheduleTask"), (1, "scheduleTask"), (2, "createTimer"), (3, "scheduleTask")]


def test_events_take_no_number_and_signals_take_one_when_called():
    """Waiting for an event takes no id; a signal takes one at once, before anything is yielded."""

    def orchestrator(context):
        waiting = context.wait_for_external_event("go")
        context.signal_entity(df.EntityId("counter", "k"), "add", 1)
        yield context.task_all([waiting, context.call_activity("a")])

    assert ids(run(orchestrator)) == [(0, "sendEntityMessage"), (1, "scheduleTask")]


def test_a_retry_timer_is_due_after_the_interval():
    """The timer before a new attempt waits the interval; the SDK's extra timer after the last attempt does not."""

    def orchestrator(context):
        yield context.call_activity_with_retry("a", RETRY)

    response = run(orchestrator, failed(0), event(timerFired={"timerId": 1}), failed(2))
    due = {a.id: a.createTimer.fireAt.ToDatetime(tzinfo=UTC) for a in response.actions if a.HasField("createTimer")}
    assert due == {1: START + timedelta(seconds=5), 3: START}


def test_a_retry_repeats_the_first_attempt():
    """A new attempt calls the same activity with the same input under a new id."""

    def orchestrator(context):
        yield context.call_activity_with_retry("a", RETRY, {"n": 1})

    response = run(orchestrator, failed(0), event(timerFired={"timerId": 1}))
    again = response.actions[-1]
    assert (again.id, again.scheduleTask.name, again.scheduleTask.input.value) == (2, "a", '{"n": 1}')


def test_a_child_without_an_id_gets_one_from_its_parent():
    """The id of a child is its parent's id and its own task id; its input is a JSON string of JSON."""

    def orchestrator(context):
        yield context.call_sub_orchestrator("child", [1])

    child = run(orchestrator).actions[0].createSubOrchestration
    assert (child.instanceId, child.input.value) == ("i:0000", '"[1]"')


def test_a_child_of_a_long_id_has_a_short_one_of_its_own():
    """Where the ids of parent and task are too long together, the id is a hash: the same in each replay."""
    assert child_id("p" * 95, "e", 1) == "p" * 95 + ":0001"
    made = {child_id("p" * 96, "e", number) for number in (1, 1, 2)}
    assert {len(each) for each in made} == {32}
    assert len(made) == 2


def test_entity_calls_have_deterministic_request_ids():
    """Replaying a call gives the same request id, so its answer is recognised."""

    def orchestrator(context):
        yield context.call_entity(df.EntityId("Counter", "k"), "get")

    first, second = (run(orchestrator).actions[0].sendEntityMessage.entityOperationCalled for _ in range(2))
    assert first.requestId == second.requestId
    assert first.targetInstanceId.value == "@counter@k"


@pytest.mark.parametrize(
    ("recorded", "message"),
    [({"taskScheduled": {"name": "old"}}, "'old'"), ({"timerCreated": {}}, "timerCreated")],
)
def test_nondeterministic_code_fails_the_orchestration(recorded, message):
    """Another name or kind under an id that history knows is a non-determinism failure that names both."""

    def orchestrator(context):
        yield context.call_activity("new")

    response = run(orchestrator, done(0), past=[event(event_id=0, **recorded)])
    assert ending(response).failureDetails.errorType == "NonDeterministicOrchestrationException"
    assert message in ending(response).failureDetails.errorMessage
    assert ids(response) == []


def test_continue_as_new_carries_over_what_no_task_took():
    """Events raised and not yet awaited, before and after the renewal, go to the next execution; taken ones do not."""

    def orchestrator(context):
        yield context.wait_for_external_event("a")
        context.continue_as_new(5)

    raised = [event(eventRaised={"name": name}) for name in ("early", "a", "late")]
    complete = ending(run(orchestrator, *raised))
    assert complete.orchestrationStatus == pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW
    assert complete.result.value == '"5"'
    assert [e.eventRaised.name for e in complete.carryoverEvents] == ["early", "late"]


def test_actions_before_a_failure_are_sent_with_it():
    """An orchestrator that signals and then raises sends the signal and fails with its own text."""

    def orchestrator(context):
        context.signal_entity(df.EntityId("counter", "k"), "add", 1)
        yield context.wait_for_external_event("go")
        raise ValueError("broken")

    response = run(orchestrator, event(eventRaised={"name": "go"}))
    assert ids(response) == [(0, "sendEntityMessage")]
    assert ending(response).failureDetails.errorMessage.startswith(
        "Orchestrator function 'o' failed: ValueError: broken"
    )


@pytest.mark.parametrize(
    ("history", "number"),
    [
        ([], 1),
        ([event(executionTerminated={})], 1),
        ([event(executionRewound={})], 1),
        ([failed(0)], 1),
    ],
)
def test_the_end_has_the_number_that_follows_the_last(history, number):
    """A return, a failure, a termination and a rewind are actions with a number of their own, the next one."""

    def orchestrator(context):
        yield context.call_activity("a")

    past = [event(event_id=0, taskScheduled={"name": "a"})]
    response = run(orchestrator, *(history or [done(0)]), past=past)
    assert [action.id for action in response.actions] == [number]


def test_a_renewal_has_the_number_of_its_call():
    """Continuing as new takes a number when it is called, and its action has it."""

    def orchestrator(context):
        yield context.call_activity("a")
        context.continue_as_new(1)

    response = run(orchestrator, done(0), past=[event(event_id=0, taskScheduled={"name": "a"})])
    assert [action.id for action in response.actions] == [1]


def test_an_unknown_orchestrator_ends_with_the_first_number():
    """A failure before any code has run is the first action of its orchestration."""
    request = pb.OrchestratorRequest(instanceId="i", newEvents=[event(executionStarted={"name": "other"})])
    response = OrchestrationRunner(FunctionApp(Path(), [])).run(request)
    assert [action.id for action in response.actions] == [0]


def test_events_during_a_suspension_are_read_after_it():
    """What arrives while suspended is processed, as new, once the instance is resumed."""
    replaying = []

    def orchestrator(context):
        yield context.wait_for_external_event("go")
        replaying.append(context.is_replaying)
        return "done"

    suspended = [event(executionSuspended={})]
    held = [event(1, orchestratorStarted={}), event(eventRaised={"name": "go"})]
    assert ids(run(orchestrator, *held, past=suspended)) == []
    assert replaying == []
    response = run(orchestrator, event(executionResumed={}), past=[*suspended, *held])
    assert ending(response).result.value == '"done"'
    assert replaying == [False]


def test_the_selftest_accepts_the_installed_sdk():
    """The start-up check passes with the SDK that the project pins."""
    selftest.check_sdk()


def test_the_selftest_refuses_an_sdk_that_numbers_otherwise(monkeypatch):
    """An SDK whose ids differ ends the start, naming the installed version and the supported ones."""
    context = df.DurableOrchestrationContext
    original = context._add_to_open_tasks

    def skip_a_number(self, task):
        original(self, task)
        self._sequence_number += 1

    monkeypatch.setattr(context, "_add_to_open_tasks", skip_a_number)
    with pytest.raises(selftest.UnsupportedSdkError, match=r"(?s)1\.7.*>=1\.3\.3,<1\.8") as caught:
        selftest.check_sdk()
    assert caught.value.exit_code == 5


def test_the_selftest_refuses_an_sdk_without_the_private_names(monkeypatch):
    """An SDK that lacks a name the host reads is refused with the same message, not with a traceback."""
    monkeypatch.delattr("azure.durable_functions.models.DurableOrchestrationContext._add_to_open_tasks")
    with pytest.raises(selftest.UnsupportedSdkError, match="numbers its tasks"):
        selftest.check_sdk()


def test_the_selftest_refuses_another_home_of_input_types(monkeypatch):
    """An SDK whose context keeps the declared type elsewhere is refused: `get_input` would not see the type here."""
    context = df.DurableOrchestrationContext

    def renamed(self, name, value):
        object.__setattr__(self, {"_input_expected_type": "_declared_type"}.get(name, name), value)

    monkeypatch.setattr(context, "__setattr__", renamed)
    with pytest.raises(selftest.UnsupportedSdkError, match="hands over the declared type of an input differently"):
        selftest.check_sdk()


def looping(limit, seen):
    """An orchestrator that calls activities in a loop and notes each time that its code runs."""

    def orchestrator(context):
        total = 0
        for number in range(limit):
            seen.append((number, context.is_replaying))
            total += yield context.call_activity("a")
        return total

    return orchestrator


def run_turns(runner, limit):
    """Drive an orchestration turn by turn, as a scheduler does; return the ids of all its actions and its result."""
    history = []
    fresh = [event(orchestratorStarted={}), event(executionStarted={"name": "o"})]
    asked = []
    for number in range(limit + 1):
        request = pb.OrchestratorRequest(instanceId="i", pastEvents=history, newEvents=fresh)
        response = runner.run(request)
        asked += ids(response)
        if response.actions[-1].HasField("completeOrchestration"):
            return asked, ending(response)
        history += [*fresh, event(event_id=number, taskScheduled={"name": "a"})]
        fresh = [event(number, orchestratorStarted={}), done(number, str(number))]
    raise AssertionError("the orchestration did not end")


def runner_of(orchestrator):
    trigger = {"type": "orchestrationTrigger", "name": "context"}
    call = df.Orchestrator.create(orchestrator)
    function = Function(name="o", trigger=trigger, bindings=(), call=call, is_async=False, wants_context=False)
    return OrchestrationRunner(FunctionApp(Path(), [function]))


def test_short_histories_are_replayed_whole_in_every_turn():
    """Below the limit, each turn runs the orchestrator from its beginning, as in Azure."""
    seen = []
    run_turns(runner_of(looping(10, seen)), 10)
    assert [number for number, _ in seen] == [n for turn in range(11) for n in range(min(turn + 1, 10))]


def test_long_histories_give_the_same_ids_without_replays():
    """A loop of many turns asks for the same actions and ends with the same result at a fraction of the replays."""
    seen, limit = [], 300
    asked, complete = run_turns(runner_of(looping(limit, seen)), limit)
    assert asked == [(number, "scheduleTask") for number in range(limit)]
    assert complete.result.value == str(sum(range(limit)))
    whole_replays = sum(1 for number, _ in seen if number == 0)
    assert whole_replays < 80
    last = max(position for position, (number, _) in enumerate(seen) if number == limit - 1)
    assert seen[last] == (limit - 1, False)


def test_nondeterminism_is_found_when_the_history_doubles():
    """A live execution is replayed now and then; a loop that counts outside of its history fails, naming the action."""
    calls = []

    def orchestrator(context):
        calls.append(context.instance_id)
        while True:
            yield context.call_activity("a" if len(calls) < 52 else "b")

    _, complete = run_turns(runner_of(orchestrator), 400)
    assert complete.failureDetails.errorType == "NonDeterministicOrchestrationException"
