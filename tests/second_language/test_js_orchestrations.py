"""Orchestrations of the JavaScript SDK: activities, timers, children, failures, versions, tags, renewal."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from js_room import date, output_of, until


@pytest.fixture(autouse=True)
def worker(js):
    """Run a worker with all functions."""
    return js.work()


def test_an_orchestrator_without_tasks(js):
    """A plain function ends in its first turn, and its state has name, input, output and times."""
    state = js.run("plain", "x")
    assert (state["name"], state["runtimeStatus"]) == ("plain", "COMPLETED")
    assert (state["serializedInput"], state["serializedOutput"]) == ('"x"', '"x"')
    assert state["createdAt"] <= state["lastUpdatedAt"]


def test_activities_in_a_row(js):
    """Each activity gets what the one before returned."""
    assert js.output("chain", 5) == 2**5


def test_activities_side_by_side(js):
    """Results of a fan-out come in the order of the calls."""
    assert js.output("fanOut", list(range(30))) == [2 * number for number in range(30)]


@pytest.mark.parametrize("value", [None, 0, False, "", [], {}, {"a": [1, {"b": None}]}, "ü 𝄞 \u0000", 1.5])
def test_values_arrive_as_they_were_sent(js, value):
    """Inputs and results survive the way through client, orchestration and activity, the falsy ones too."""
    assert js.output("relay", value) == [value, value]


def test_a_timer_fires(js):
    """A timer wakes its orchestrator no sooner than it is due."""
    state = js.run("sleep", 0.2)
    assert output_of(state) == "woken"
    created, ended = (datetime.fromisoformat(state[key]) for key in ("createdAt", "lastUpdatedAt"))
    assert ended - created >= timedelta(seconds=0.2)


def test_an_event_wins_against_a_timer(js):
    """Of an event and a timer, the first to come decides."""
    instance_id = js.start("race", 3600)
    js.begun(instance_id)
    js.raise_event(instance_id, data="event")
    assert output_of(js.wait(instance_id)) == "event"
    assert js.output("race", 0.01) == "timer"


def test_an_activity_knows_its_orchestration(js):
    """An activity's context has the id of its orchestration and that of the call."""
    state = js.run("introduced")
    assert output_of(state) == [state["instanceId"], 1]


def test_a_child_knows_its_parent(js):
    """A child's context has its parent's name, instance id and the id of the call."""
    state = js.run("parent", {"child": "child"})
    assert output_of(state) == ["parent", state["instanceId"], 1]


def test_a_child_has_the_id_that_its_parent_gave(js):
    """A named child is an instance under that name, which has ended when its parent has."""
    js.run("parent", {"child": "plain", "input": 7, "instanceId": "kid"})
    assert output_of(js.state("kid")) == 7


def test_children_side_by_side(js):
    """Twenty children return their results in the order of the calls."""
    assert js.output("family", 20) == [2 * number for number in range(20)]


def test_a_failed_activity_is_caught(js):
    """A failure of an activity arrives as TaskFailedError with the type and text of what was thrown."""
    name, error_type, message = js.output("caught")
    assert (name, error_type, message) == ("TaskFailedError", "RangeError", "out of order")


def test_a_failure_that_is_not_caught_fails_the_instance(js):
    """An instance that fails has the status and the details of its failure, and no output."""
    state = js.run("uncaught")
    assert state["runtimeStatus"] == "FAILED"
    assert "out of order" in state["failureDetails"]["message"]
    assert "serializedOutput" not in state


def test_an_orchestrator_that_throws_fails(js):
    """What an orchestrator throws is the failure of its instance, with its type."""
    state = js.run("raising")
    assert (state["runtimeStatus"], state["failureDetails"]["errorType"]) == ("FAILED", "TypeError")
    assert "no such luck" in state["failureDetails"]["message"]


def test_a_failed_child_fails_its_parent(js):
    """A child's failure is one of its caller's, and names what went wrong."""
    state = js.run("parent", {"child": "raising"})
    assert state["runtimeStatus"] == "FAILED"
    assert "no such luck" in state["failureDetails"]["message"]


@pytest.mark.parametrize("name", ["unknown", "unknownActivity"])
def test_functions_that_are_not_registered_fail(js, name):
    """An orchestrator or activity that the worker does not know fails the instance with its name."""
    state = js.run(name)
    assert state["runtimeStatus"] == "FAILED"
    assert "unknown" in state["failureDetails"]["message"]


def test_a_custom_status_is_seen_while_it_runs(js):
    """A custom status is there while the instance waits, and the last one when it has ended."""
    instance_id = js.start("status")
    until(lambda: json.loads(js.state(instance_id).get("serializedCustomStatus", "null")) == {"step": 1})
    js.raise_event(instance_id)
    assert json.loads(js.wait(instance_id)["serializedCustomStatus"]) == "over"


def test_continuing_as_new(js):
    """An orchestrator that continues as new runs again under its id with its new input, until it returns."""
    assert js.output("countdown", 5) == "zero"


def test_events_are_carried_over_to_the_next_execution(js):
    """Events that came before an orchestrator continued as new are there for the next execution."""
    instance_id = js.start("collect", [])
    for number in range(3):
        js.raise_event(instance_id, data=number)
    assert output_of(js.wait(instance_id)) == [0, 1, 2]


def test_ids_from_an_orchestrator_are_the_same_in_every_replay(js):
    """New GUIDs differ from each other and are not made again when the orchestrator is replayed."""
    first, second = js.output("guids")
    assert first != second


def test_the_time_of_an_orchestrator_moves_with_its_turns(js):
    """The deterministic time is that of the turn: later after an activity, the same in a replay."""
    before, after = js.output("moments")
    assert before <= after
    assert abs(datetime.fromtimestamp(after / 1000, UTC) - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_orchestrator_sees_its_version(js):
    """The version given at the start is the orchestrator's; without one it is empty."""
    assert [js.output("versionOf", version="1.2.3"), js.output("versionOf")] == ["1.2.3", ""]


def test_tags_are_kept(js):
    """Tags given at the start are part of the state."""
    assert js.run("plain", tags={"team": "a b", "empty": ""})["tags"] == {"team": "a b", "empty": ""}


def test_a_scheduled_start_waits_for_its_time(js):
    """An instance that is to start later is pending until then, and starts no sooner."""
    start_at = datetime.now(UTC) + timedelta(seconds=0.4)
    much_later = js.start("plain", startAt=date(start_at + timedelta(hours=1)))
    js.wait(js.start("plain", startAt=date(start_at)))
    assert js.status(much_later) == "PENDING"
    assert datetime.now(UTC) >= start_at


def test_a_wait_for_an_unknown_instance_ends_at_once(js):
    """State and waits of an unknown instance are undefined, not errors."""
    for method in ("getOrchestrationState", "waitForOrchestrationStart", "waitForOrchestrationCompletion"):
        assert js.call(method, "unknown") is None


def test_a_hundred_instances_at_once(js):
    """A hundred instances of one worker all end with their own result."""
    started = [js.later("scheduleNewOrchestration", "callDouble", number) for number in range(100)]
    ended = [js.later("waitForOrchestrationCompletion", each.result()) for each in started]
    assert [output_of(each.result()) for each in ended] == [2 * number for number in range(100)]


def test_another_worker_takes_over(js, worker):
    """An instance that waits resumes on another worker after its own has stopped."""
    instance_id = js.start("waitForGo")
    js.begun(instance_id)
    js.stop(worker)
    js.raise_event(instance_id, data="later")
    js.work()
    assert output_of(js.wait(instance_id)) == "later"
