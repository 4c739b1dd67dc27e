"""Actions and events as steps of a replay: the same step of both, and what is not known left out."""

import pytest

from durable_harness.host.sdk.steps import step_of_action, step_of_ending, step_of_event
from durable_harness.protocol import from_ns, pb
from history_events import event

TARGET = {"value": "@cart@7"}


@pytest.mark.parametrize(
    ("action", "past", "kind", "name"),
    [
        ({"scheduleTask": {"name": "pay"}}, {"taskScheduled": {"name": "pay"}}, "activity", "pay"),
        (
            {"createSubOrchestration": {"name": "ship", "instanceId": "own"}},
            {"subOrchestrationInstanceCreated": {"name": "ship", "instanceId": "own"}},
            "sub-orchestration",
            "ship own",
        ),
        (
            {"createSubOrchestration": {"name": "ship"}},
            {"subOrchestrationInstanceCreated": {"name": "ship"}},
            "sub-orchestration",
            "ship",
        ),
        (
            {"sendEvent": {"name": "go", "instance": {"instanceId": "j"}}},
            {"eventSent": {"name": "go", "instanceId": "j"}},
            "event",
            "go to j",
        ),
        (
            {"sendEntityMessage": {"entityOperationCalled": {"operation": "add", "targetInstanceId": TARGET}}},
            {"entityOperationCalled": {"operation": "add", "targetInstanceId": TARGET}},
            None,
            "@cart@7 add",
        ),
        (
            {"sendEntityMessage": {"entityLockRequested": {"lockSet": ["@a@1", "@b@2"]}}},
            {"entityLockRequested": {"lockSet": ["@a@1", "@b@2"]}},
            None,
            "@a@1, @b@2",
        ),
        (
            {"sendEntityMessage": {"entityUnlockSent": {"targetInstanceId": TARGET}}},
            {"entityUnlockSent": {"targetInstanceId": TARGET}},
            None,
            "@cart@7",
        ),
    ],
)
def test_an_action_and_its_event_are_the_same_step(action, past, kind, name):
    """What an orchestrator asks for is compared with its history, in which it has another form."""
    asked = step_of_action(pb.OrchestratorAction(id=3, **action), "app.py:7")
    found = step_of_event(event(1, 3, **past))
    assert (asked.kind, asked.name, asked.payload) == (found.kind, found.name, found.payload)
    assert (asked.name, asked.event_id, asked.line, found.line) == (name, 3, "app.py:7", None)
    assert kind is None or asked.kind == kind


def test_a_timer_may_be_due_at_two_times():
    """A timer is due when it was asked for, and at another time too if other hosts compute another one."""
    action = pb.OrchestratorAction(id=1, createTimer={"fireAt": from_ns(5)})
    assert step_of_action(action).due == (5,)
    assert step_of_action(action, also_due_ns=7).due == (5, 7)
    assert step_of_event(event(1, 1, timerCreated={"fireAt": from_ns(5)})).due == (5,)
    assert step_of_event(event(1, 1, timerCreated={})).due == ()


def test_what_a_history_lacks_is_not_compared():
    """A history without times of timers or without inputs has steps that are equal to any such."""
    timer = step_of_event(event(1, 1, timerCreated={"fireAt": from_ns(5)}), frozenset({"dueTimes"}))
    assert (timer.kind, timer.due) == ("timer", ())
    task = event(1, 1, taskScheduled={"name": "pay"})
    assert step_of_event(task, frozenset({"inputs"})).payload != step_of_event(task).payload


def test_other_actions_and_events_keep_their_kind():
    """What is no step of its own, such as an end, has the name of its kind."""
    action = pb.OrchestratorAction(id=1, completeOrchestration={})
    assert step_of_action(action).kind == "completeOrchestration"
    assert step_of_event(event(1, eventRaised={"name": "go"})).name == "go"


@pytest.mark.parametrize(
    ("ending", "payload"),
    [
        ({"result": {"value": "1"}}, "1"),
        ({"failureDetails": {"errorMessage": "broken"}}, "broken"),
    ],
)
def test_an_end_has_its_result_or_error(ending, payload):
    """The payload of an end is its result, or the message of its failure."""
    assert step_of_ending(pb.CompleteOrchestrationAction(**ending)).payload == payload
