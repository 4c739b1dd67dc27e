"""`always_replay`: every turn is compared with all of its history and done twice; what does not repeat itself fails."""

import itertools
from datetime import timedelta

from hypothesis import HealthCheck, given, settings

from durable_harness.host.sdk1.orchestrations import OrchestrationRunner
from durable_harness.protocol import pb
from history_events import event
from recorded import app_of, drive
from test_replay import COUNTER
from test_replay_properties import PROGRAMS, RUNS, orchestrator_of


def run(orchestrator, **options):
    """Run an orchestrator with every turn replayed; return how often its code began, and its end as history has it."""
    begun = []

    def counted(context):
        begun.append(context.is_replaying)
        return (yield from orchestrator(context))

    history = drive(OrchestrationRunner(app_of(o=counted), always_replay=True), **options)
    return begun, history.events[-1].executionCompleted


def failure(orchestrator, **options):
    """Run an orchestrator that does not repeat itself; return what it failed with."""
    _, ended = run(orchestrator, **options)
    assert ended.failureDetails.errorType == "NonDeterministicOrchestrationException"
    return ended.failureDetails.errorMessage


def test_every_turn_runs_the_code_from_its_beginning_twice():
    """Two activities make three turns, and the code begins six times; the second time of each is a replay."""

    def orchestrator(context):
        yield context.call_activity("a")
        yield context.call_activity("b")
        return "done"

    begun, ended = run(orchestrator)
    assert ended.result.value == '"done"'
    assert begun == [False, True, True, True, True, True]


def test_a_long_execution_is_not_kept():
    """Beyond the number of events at which an execution is kept alive, the code still begins again in every turn."""

    def orchestrator(context):
        for number in range(59):
            yield context.call_activity("a", number)

    begun, ended = run(orchestrator)
    assert ended.orchestrationStatus == pb.ORCHESTRATION_STATUS_COMPLETED
    assert len(begun) == 120


def test_another_input_each_time_fails():
    """An input from outside the history fails the instance in its first turn, with both inputs and the line."""
    numbers = itertools.count()

    def orchestrator(context):
        yield context.call_activity("a", next(numbers))

    message = failure(orchestrator)
    assert "Orchestrator function 'o' is not deterministic: it was replayed, and they differ in input" in message
    assert "history has activity 'a' with input 0, the replay activity 'a' with input 1" in message
    assert f"{__file__}:{orchestrator.__code__.co_firstlineno + 1}" in message


def test_another_due_time_fails():
    """A timer that is reckoned from something else than the history fails the instance."""
    seconds = itertools.count()

    def orchestrator(context):
        yield context.create_timer(context.current_utc_datetime + timedelta(seconds=next(seconds)))

    assert "they differ in due time" in failure(orchestrator)


def test_another_output_each_time_fails():
    """A result that is another one each time fails the instance that would have completed with it."""
    numbers = itertools.count()

    def orchestrator(context):
        yield context.call_activity("a")
        return next(numbers)

    assert "they differ in output" in failure(orchestrator)


def test_code_that_acts_only_when_it_is_not_replayed_fails():
    """A signal that is sent only while is_replaying is false fails the instance, before it is sent."""

    def orchestrator(context):
        if not context.is_replaying:
            context.signal_entity(COUNTER, "add", 1)
        yield context.call_activity("a")

    assert "they differ in count" in failure(orchestrator)


def test_a_change_between_turns_is_compared_with_all_of_history():
    """A history that another version of the code has begun is compared in inputs too, not just in kinds and names."""

    def orchestrator(context):
        yield context.call_activity("a", 2)

    past = [event(orchestratorStarted={}), event(executionStarted={"name": "o"})]
    past += [event(event_id=0, taskScheduled={"name": "a", "input": {"value": "1"}}), event(orchestratorCompleted={})]
    new = [event(1, orchestratorStarted={}), event(1, taskCompleted={"taskScheduledId": 0})]
    request = pb.OrchestratorRequest(instanceId="i", pastEvents=past, newEvents=new)
    strict = OrchestrationRunner(app_of(o=orchestrator), always_replay=True).run(request)
    usual = OrchestrationRunner(app_of(o=orchestrator)).run(request)
    message = strict.actions[-1].completeOrchestration.failureDetails.errorMessage
    assert "history has activity 'a' with input 1, the replay activity 'a' with input 2" in message
    assert usual.actions[-1].completeOrchestration.orchestrationStatus == pb.ORCHESTRATION_STATUS_COMPLETED


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROGRAMS, RUNS)
def test_repeatable_code_continues(program, run):
    """No orchestrator that repeats itself is failed: its history is the same as without the replays."""
    events = [(step[1], '"come"') for step in program[0] if step[0] == "event"]
    app = app_of(o=orchestrator_of(program))
    runners = [OrchestrationRunner(app, always_replay=always) for always in (True, False)]
    replayed, usual = (drive(runner, events=events, **run) for runner in runners)
    assert list(map(fields_of, replayed.events)) == list(map(fields_of, usual.events))


def fields_of(past):
    """Return the fields of an event, all but the stack trace of a failure."""
    ended = past.executionCompleted if past.HasField("executionCompleted") else None
    return (ended.orchestrationStatus, ended.result.value) if ended else past
