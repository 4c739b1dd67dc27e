"""Rewinding an orchestration whose failure led to more: retries, clean-up, children."""

import json

import azure.durable_functions as df

from durable_harness.host.sdk.rewound_histories import without_failures
from durable_harness.host.sdk1.orchestrations import OrchestrationRunner
from durable_harness.protocol import pb
from history_events import event
from recorded import app_of, carry_out

RETRY = df.RetryOptions(1000, 3)


class Rewinding:
    """A scheduler of a few lines: runs the orchestrator to its end, and rewinds it. `broken` are names that fail."""

    def __init__(self, orchestrator, *broken):
        self.runner = OrchestrationRunner(app_of(o=orchestrator))
        self.broken = set(broken)
        self.calls = []
        self.history = []
        self.turns = 0

    def run(self, *new):
        new = list(new) or [event(event_id=0, executionStarted={"name": "o"})]
        while new:
            actions, new = self.turn(new), []
            for action in sorted(actions, key=lambda action: action.id):
                if action.HasField("completeOrchestration"):
                    return action.completeOrchestration
                outcome = self.outcome(action)
                new += [outcome] if outcome else []
        return None

    def turn(self, new):
        self.turns += 1
        fresh = [event(self.turns, orchestratorStarted={}), *new]
        request = pb.OrchestratorRequest(instanceId="i", pastEvents=self.history, newEvents=fresh)
        response = self.runner.run(request)
        self.history += fresh
        if response.actions[:1] and response.actions[0].HasField("rewindOrchestration"):
            return response.actions
        ending = carry_out(response, self.history, {}, (), self.turns)
        self.history += [ending] if ending is not None else []
        return response.actions

    def outcome(self, action):
        kind = action.WhichOneof("orchestratorActionType")
        if kind == "createTimer":
            return event(timerFired={"timerId": action.id})
        name = getattr(action, kind).name
        self.calls.append(name)
        if name in self.broken:
            failure = {"taskScheduledId": action.id, "failureDetails": {"errorMessage": f"{name} is broken"}}
            return event(**{"taskFailed" if kind == "scheduleTask" else "subOrchestrationInstanceFailed": failure})
        done = {"taskScheduledId": action.id, "result": {"value": f'"{name}"'}}
        return event(**{"taskCompleted" if kind == "scheduleTask" else "subOrchestrationInstanceCompleted": done})

    def rewind(self):
        self.calls.clear()
        (action,) = self.turn([event(executionRewound={})])
        self.history = list(action.rewindOrchestration.newHistory)
        return self.run(event(orchestratorStarted={}))


def rewound(orchestrator, *broken):
    """Make an orchestration fail, mend what is broken and rewind; return its output and what was called again."""
    instance = Rewinding(orchestrator, *broken)
    assert instance.run().orchestrationStatus == pb.ORCHESTRATION_STATUS_FAILED
    instance.broken.clear()
    ending = instance.rewind()
    assert ending.orchestrationStatus == pb.ORCHESTRATION_STATUS_COMPLETED, ending
    return json.loads(ending.result.value), instance.calls


def retried(context):
    first = yield context.call_activity("first")
    second = yield context.call_activity_with_retry("second", RETRY)
    third = yield context.call_activity("third")
    return [first, second, third]


def test_retries_are_all_done_again():
    """A rewind repeats every attempt of an activity with retries, and fails again if all of them do."""
    instance = Rewinding(retried, "second")
    assert instance.run().orchestrationStatus == pb.ORCHESTRATION_STATUS_FAILED
    ending = instance.rewind()
    assert ending.orchestrationStatus == pb.ORCHESTRATION_STATUS_FAILED
    assert "second is broken" in ending.failureDetails.errorMessage
    assert instance.calls == ["second"] * 3
    instance.broken.clear()
    assert instance.rewind().result.value == '["first", "second", "third"]'
    assert instance.calls == ["second", "third"]


def test_what_a_failure_led_to_is_not_taken_for_something_else():
    """What an `except` block asked for is gone after a rewind: its result is not that of the next task."""

    def orchestrator(context):
        try:
            yield context.call_activity("work")
        except Exception:
            yield context.call_activity("notify", "it failed")
            raise
        return (yield context.call_activity("notify", "it is done"))

    assert rewound(orchestrator, "work") == ("notify", ["work", "notify"])


def test_what_succeeded_beside_a_retry_is_not_done_again():
    """A chain of tasks beside a retry keeps its results, although their ids were counted on by the attempts."""

    def chain(context):
        retrying = context.call_activity_with_retry("second", RETRY)
        beside = yield context.task_any([context.call_activity("one"), retrying])
        two = yield context.call_activity("two")
        yield context.call_activity("three")
        return [beside.result, two, (yield retrying)]

    assert rewound(chain, "second") == (["one", "two", "second"], ["second"])


def test_a_retry_that_was_overcome_is_not_done_again():
    """An activity that succeeded at its second attempt keeps that result when a later one is rewound."""

    def orchestrator(context):
        return [(yield context.call_activity_with_retry("a", RETRY)), (yield context.call_activity("b"))]

    instance = Rewinding(orchestrator, "a", "b")
    fails = instance.outcome

    def outcome(action):
        answer = fails(action)
        instance.broken.discard("a")
        return answer

    instance.outcome = outcome
    assert instance.run().orchestrationStatus == pb.ORCHESTRATION_STATUS_FAILED
    assert instance.calls == ["a", "a", "b"]
    instance.broken.clear()
    assert instance.rewind().result.value == '["a", "b"]'
    assert instance.calls == ["b"]


def test_the_failed_of_equal_calls_are_done_again():
    """Of a fan of equal calls, the rewind repeats as many as had failed."""

    def orchestrator(context):
        return (yield context.task_all([context.call_activity_with_retry("a", RETRY) for _ in range(3)]))

    assert rewound(orchestrator, "a") == (["a"] * 3, ["a"] * 3)


def test_a_child_with_retries_is_rewound_once():
    """Of a child with retries the first attempt stays in history, for the scheduler to rewind; the others go."""

    def orchestrator(context):
        return (yield context.call_sub_orchestrator_with_retry("child", RETRY))

    instance = Rewinding(orchestrator, "child")
    instance.run()
    (action,) = instance.turn([event(executionRewound={})])
    kinds = [past.WhichOneof("eventType") for past in action.rewindOrchestration.newHistory]
    assert kinds.count("subOrchestrationInstanceCreated") == 1
    assert "timerCreated" not in kinds


def test_nondeterminism_still_fails_after_a_rewind():
    """A rewind does not hide that the code was changed before what failed: the next turn fails as not deterministic."""

    def changed(context):
        yield context.call_activity("other")
        yield context.call_activity_with_retry("second", RETRY)

    instance = Rewinding(retried, "second")
    instance.run()
    instance.runner = OrchestrationRunner(app_of(o=changed))
    assert instance.rewind().failureDetails.errorType == "NonDeterministicOrchestrationException"


def test_an_unrequested_outcome_fails_the_orchestration():
    """A history that a rewind left the timers of retries in fails, and is not completed without a result."""
    instance = Rewinding(retried, "second")
    instance.run()
    instance.history = without_failures([*instance.history, event(executionRewound={})])
    failure = instance.run(event(orchestratorStarted={})).failureDetails
    assert failure.errorType == "NonDeterministicOrchestrationException"
    assert "history has timerCreated under id 2 and its end, the code did not ask for it" in failure.errorMessage
