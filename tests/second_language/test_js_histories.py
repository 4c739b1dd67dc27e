"""Histories as the JavaScript client reads them: which events, in which order, with which ids."""

import json
from datetime import datetime

import pytest
from js_room import kinds, numbered, until


@pytest.fixture(autouse=True)
def worker(js):
    """Run a worker with all functions."""
    return js.work()


def history_of(js, *start, **options):
    return js.history(js.run(*start, **options)["instanceId"])


def test_activity_timer_and_child_in_a_row(js):
    """The twelve events of an activity, a timer and a child in a row, with the ids of the service."""
    assert numbered(history_of(js, "inARow")) == [
        ("OrchestratorStarted", -1),
        ("ExecutionStarted", 0),
        ("TaskScheduled", 1),
        ("OrchestratorStarted", -1),
        ("TaskCompleted", -1),
        ("TimerCreated", 2),
        ("OrchestratorStarted", -1),
        ("TimerFired", -1),
        ("SubOrchestrationInstanceCreated", 3),
        ("OrchestratorStarted", -1),
        ("SubOrchestrationInstanceCompleted", -1),
        ("ExecutionCompleted", 4),
    ]


def test_ids_rise(js):
    """What was asked for has ids that rise, and no id twice; everything else has -1."""
    events = history_of(js, "fanOut", [1, 2, 3])
    asked = [event["eventId"] for event in events if event["eventId"] != -1]
    assert asked == sorted(set(asked))
    assert {event["type"] for event in events if event["eventId"] == -1} == {"OrchestratorStarted", "TaskCompleted"}


def test_results_name_their_calls(js):
    """Each result names the id of its call, and calls have their inputs and results as JSON."""
    events = history_of(js, "fanOut", [1, 2, 3])
    calls = {event["eventId"]: json.loads(event["input"]) for event in events if event["type"] == "TaskScheduled"}
    results = {e["taskScheduledId"]: json.loads(e["result"]) for e in events if e["type"] == "TaskCompleted"}
    assert results == {event_id: 2 * number for event_id, number in calls.items()}


def test_no_turn_has_an_end_of_its_own(js):
    """A history has a start for each turn and no OrchestratorCompleted."""
    found = kinds(history_of(js, "chain", 4))
    assert (found.count("OrchestratorStarted"), found.count("OrchestratorCompleted")) == (5, 0)


def test_the_start_has_all_that_was_given(js):
    """ExecutionStarted has name, input, version, tags and the instance that it is of."""
    state = js.run("plain", {"a": 1}, "given", version="1.0", tags={"team": "a"})
    started = js.history(state["instanceId"])[1]
    assert (started["name"], started["input"], started["version"]) == ("plain", '{"a":1}', "1.0")
    assert started["tags"] == {"team": "a"}
    assert started["orchestrationInstance"]["instanceId"] == "given"
    assert "parentInstance" not in started


def test_the_start_of_a_child_names_its_parent(js):
    """A child's ExecutionStarted has the name and id of its parent and the id of the call."""
    js.run("parent", {"child": "plain", "instanceId": "kid"}, "mother")
    parent = js.history("kid")[1]["parentInstance"]
    assert (parent["name"], parent["taskScheduledId"]) == ("parent", 1)
    assert parent["orchestrationInstance"]["instanceId"] == "mother"


def test_the_end_has_status_and_result(js):
    """ExecutionCompleted is the last event and has the status and the result."""
    completed = history_of(js, "plain", "x")[-1]
    assert (completed["type"], completed["eventId"], completed["result"]) == ("ExecutionCompleted", 1, '"x"')
    assert completed["orchestrationStatus"] == "ORCHESTRATION_STATUS_COMPLETED"


def test_a_failure_is_in_the_history(js):
    """A failed activity and the failed end have type and text of what was thrown."""
    events = history_of(js, "uncaught")
    failed, completed = events[-2], events[-1]
    assert (failed["type"], failed["failureDetails"]["errorType"]) == ("TaskFailed", "RangeError")
    assert completed["orchestrationStatus"] == "ORCHESTRATION_STATUS_FAILED"
    assert "out of order" in completed["failureDetails"]["message"]


def test_a_timer_names_its_time(js):
    """TimerCreated and TimerFired have the same due time, and the one names the other."""
    events = {event["type"]: event for event in history_of(js, "sleep", 0.05)}
    created, fired = events["TimerCreated"], events["TimerFired"]
    assert fired["timerId"] == created["eventId"]
    assert fired["fireAt"] == created["fireAt"]


def test_an_event_is_in_the_history(js):
    """EventRaised has the name and the data of the event, EventSent in its sender's history the target as well."""
    instance_id = js.start("waitForGo")
    js.begun(instance_id)
    (sent,) = [event for event in history_of(js, "sender", instance_id) if event["type"] == "EventSent"]
    js.wait(instance_id)
    (raised,) = [event for event in js.history(instance_id) if event["type"] == "EventRaised"]
    assert (raised["name"], raised["input"]) == ("go", '"from a peer"') == (sent["name"], sent["input"])
    assert sent["instanceId"] == instance_id


def test_a_termination_is_in_the_history(js):
    """A terminated instance's history ends with the termination and an end that has its status."""
    instance_id = js.start("waitForGo")
    js.begun(instance_id)
    js.call("terminateOrchestration", instance_id, "enough")
    js.wait(instance_id)
    terminated, completed = js.history(instance_id)[-2:]
    assert (terminated["type"], terminated["input"]) == ("ExecutionTerminated", '"enough"')
    assert completed["orchestrationStatus"] == "ORCHESTRATION_STATUS_TERMINATED"


def test_a_new_execution_has_a_new_history(js):
    """After continuing as new, the history is that of the last execution alone, ids from the first on."""
    assert numbered(history_of(js, "countdown", 2)) == [
        ("OrchestratorStarted", -1),
        ("ExecutionStarted", 0),
        ("TaskScheduled", 1),
        ("OrchestratorStarted", -1),
        ("TaskCompleted", -1),
        ("ExecutionCompleted", 2),
    ]


def test_entity_operations_are_in_the_history(js):
    """Calls, signals, locks and their answers are events of the caller, tied by their request ids."""
    events = history_of(js, "transfer", ["a", "b"])
    assert [kind for kind in kinds(events) if kind.startswith("Entity")] == [
        "EntityLockRequested",
        "EntityLockGranted",
        "EntityOperationCalled",
        "EntityOperationCompleted",
        "EntityOperationCalled",
        "EntityOperationCompleted",
        "EntityUnlockSent",
        "EntityUnlockSent",
    ]
    requests = [event["requestId"] for event in events if "requestId" in event]
    assert requests[0::2] == requests[1::2]


def test_times_never_go_back(js):
    """The turns of a history follow each other in time."""
    times = [datetime.fromisoformat(e["timestamp"]) for e in history_of(js, "chain", 5) if e["type"][:5] == "Orche"]
    assert times == sorted(times)


def test_the_history_of_what_runs(js):
    """The history of an instance that waits is what has happened so far."""
    instance_id = js.start("waitForGo")
    js.begun(instance_id)
    assert kinds(js.history(instance_id)) == ["OrchestratorStarted", "ExecutionStarted"]


def test_the_history_of_an_unknown_instance_is_empty(js):
    """The history of an unknown instance is an empty list for this client."""
    assert js.history("unknown") == []


def test_a_history_of_two_thousand_events(js):
    """A long history comes whole and in order, in however many parts it was sent."""
    events = history_of(js, "fanOut", list(range(1000)))
    scheduled = [json.loads(event["input"]) for event in events if event["type"] == "TaskScheduled"]
    assert scheduled == list(range(1000))
    assert kinds(events).count("TaskCompleted") == 1000
    assert until(lambda: kinds(events)[-1]) == "ExecutionCompleted"
