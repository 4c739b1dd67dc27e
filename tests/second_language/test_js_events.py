"""Events, suspension, resumption, termination and purges, asked for by the JavaScript client."""

import grpc
import pytest
from js_room import JsError, kinds, output_of, until

NOT_FOUND = grpc.StatusCode.NOT_FOUND.value[0]


@pytest.fixture(autouse=True)
def worker(js):
    """Run a worker with all functions."""
    return js.work()


def waiting(js, name="waitForGo", given=None, **options):
    """Start an instance and return its id when it waits."""
    instance_id = js.start(name, given, **options)
    js.begun(instance_id)
    return instance_id


def suspended(js):
    """Start an instance that waits, suspend it and return its id."""
    instance_id = waiting(js)
    js.call("suspendOrchestration", instance_id)
    until(lambda: js.status(instance_id) == "SUSPENDED")
    return instance_id


def test_an_event_brings_its_data(js):
    """What is raised arrives whole."""
    instance_id = waiting(js)
    js.raise_event(instance_id, data={"approved": True})
    assert output_of(js.wait(instance_id)) == {"approved": True}


def test_an_event_without_data_is_null(js):
    """An event without data arrives as null."""
    instance_id = waiting(js)
    js.raise_event(instance_id)
    assert output_of(js.wait(instance_id)) is None


def test_names_of_events_have_no_case(js):
    """An event is found whatever the case of its name."""
    instance_id = waiting(js)
    js.raise_event(instance_id, "GO", data=1)
    assert output_of(js.wait(instance_id)) == 1


def test_an_event_that_comes_early_is_kept(js):
    """Events that come before they are awaited, or before the first turn, are there when they are."""
    instance_id = js.start("waitForBoth")
    js.raise_event(instance_id, "first", 1)
    js.raise_event(instance_id, "second", 2)
    assert output_of(js.wait(instance_id)) == [1, 2]


def test_an_orchestration_sends_an_event_to_another(js):
    """An event that an orchestrator sends reaches the instance that waits for it."""
    instance_id = waiting(js)
    assert js.output("sender", instance_id) == 2
    assert output_of(js.wait(instance_id)) == "from a peer"


@pytest.mark.parametrize("method", ["suspendOrchestration", "resumeOrchestration", "terminateOrchestration"])
def test_an_unknown_instance_cannot_be_controlled(js, method):
    """Suspending, resuming and terminating an unknown instance are NOT_FOUND."""
    with pytest.raises(JsError, match="unknown") as caught:
        js.call(method, "unknown")
    assert caught.value.code == NOT_FOUND


def test_an_event_for_an_unknown_instance_is_refused(js):
    """An event for an unknown instance is NOT_FOUND with its id."""
    with pytest.raises(JsError, match="unknown") as caught:
        js.raise_event("unknown")
    assert caught.value.code == NOT_FOUND


def test_what_is_suspended_keeps_its_events(js):
    """A suspended instance takes no step; the event that came meanwhile is there when it is resumed."""
    instance_id = suspended(js)
    js.raise_event(instance_id, data="kept")
    assert js.status(instance_id) == "SUSPENDED"
    js.call("resumeOrchestration", instance_id)
    assert output_of(js.wait(instance_id)) == "kept"


def test_a_suspended_instance_is_terminated(js):
    """A suspended instance listens to its termination."""
    instance_id = suspended(js)
    js.call("terminateOrchestration", instance_id, "enough")
    assert js.wait(instance_id)["runtimeStatus"] == "TERMINATED"


def test_a_termination_gives_the_output(js):
    """A terminated instance has what the client gave as its output."""
    instance_id = waiting(js)
    js.call("terminateOrchestration", instance_id, {"reason": "enough"})
    state = js.wait(instance_id)
    assert (state["runtimeStatus"], state["serializedOutput"]) == ("TERMINATED", '{"reason":"enough"}')


@pytest.mark.parametrize(("recursive", "status"), [(True, "TERMINATED"), (False, "RUNNING")])
def test_a_termination_reaches_children_if_asked(js, recursive, status):
    """A recursive termination ends the children too; another leaves them."""
    instance_id = waiting(js, "parent", {"child": "waitForGo", "instanceId": "kid"})
    until(lambda: js.state("kid") and js.status("kid") == "RUNNING")
    js.call("terminateOrchestration", instance_id, {"$terminate": {"output": "enough", "recursive": recursive}})
    js.wait(instance_id)
    until(lambda: js.status("kid") == status)


def test_what_has_ended_takes_no_events(js):
    """An event for an instance that has ended changes nothing."""
    state = js.run("plain", 1)
    before = js.history(state["instanceId"])
    js.raise_event(state["instanceId"])
    assert js.history(state["instanceId"]) == before


def test_a_purge_forgets_an_instance(js):
    """A purged instance is unknown, history and all, and its id is free."""
    instance_id = js.run("plain", 1, "once")["instanceId"]
    assert js.purge(instance_id) == 1
    assert js.state(instance_id) is None
    assert js.history(instance_id) == []
    assert js.output("plain", 2, "once") == 2


def test_what_runs_is_not_purged(js):
    """A running instance is left by purges, as is one that is unknown."""
    instance_id = waiting(js)
    assert js.purge(instance_id) == 0
    assert js.purge("unknown") == 0
    assert js.status(instance_id) == "RUNNING"


def test_a_purge_by_status(js):
    """A purge by criteria deletes the instances of these statuses and no others."""
    for number in range(3):
        js.run("plain", number)
    failed = js.run("raising")["instanceId"]
    running = waiting(js)
    assert js.purge({"$purge": ["COMPLETED"]}) == 3
    assert sorted(js.ids()) == sorted([failed, running])


def test_a_recursive_purge_deletes_children(js):
    """A recursive purge deletes an instance and its children."""
    instance_id = js.run("family", 3)["instanceId"]
    assert js.purge(instance_id, {"recursive": True}) == 4
    assert js.ids() == []


def test_suspension_and_resumption_are_in_the_history(js):
    """The history has the suspension, the resumption and the event between them, in this order."""
    instance_id = suspended(js)
    js.raise_event(instance_id)
    js.call("resumeOrchestration", instance_id)
    js.wait(instance_id)
    found = [kind for kind in kinds(js.history(instance_id)) if kind.startswith(("ExecutionS", "ExecutionR", "EventR"))]
    assert found == ["ExecutionStarted", "ExecutionSuspended", "EventRaised", "ExecutionResumed"]
