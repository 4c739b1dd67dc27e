"""Instance ids as the JavaScript client meets them: their limits, their use again, and restarts."""

import grpc
import pytest
from js_room import JsError, kinds, output_of

INVALID = grpc.StatusCode.INVALID_ARGUMENT.value[0]
EXISTS = grpc.StatusCode.ALREADY_EXISTS.value[0]
LIVING = ["PENDING", "RUNNING", "SUSPENDED"]
ENDED = ["COMPLETED", "FAILED", "TERMINATED", "CANCELED"]


@pytest.fixture(autouse=True)
def worker(js):
    """Run a worker with all functions."""
    return js.work()


def waiting(js, instance_id=None, given=None):
    """Start an instance and return its id when it waits."""
    instance_id = js.start("waitForGo", given, instance_id)
    js.begun(instance_id)
    return instance_id


@pytest.mark.parametrize(
    "instance_id", ["x" * 100, " ", "~", "a@b", "a b/c?d#e%20f\\g", "'\";--", "{}[]", "100%_*"], ids=repr
)
def test_ids_of_printable_ascii(js, instance_id):
    """Any 1 to 100 printable ASCII characters that do not begin with @ are an id, in every call."""
    assert js.run("plain", 1, instance_id)["instanceId"] == instance_id
    assert js.ids(instanceIdPrefix=instance_id) == [instance_id]
    assert kinds(js.history(instance_id))[-1] == "ExecutionCompleted"
    assert js.purge(instance_id) == 1


@pytest.mark.parametrize(
    ("instance_id", "message"),
    [
        ("x" * 101, "101 characters; expected at most 100"),
        ("@counter@k", "starts with @"),
        ("tab\there", "0x20 to 0x7E"),
        ("é", "0x20 to 0x7E"),
        ("del\x7f", "0x20 to 0x7E"),
    ],
    ids=repr,
)
def test_other_ids_are_refused(js, instance_id, message):
    """An id that the service does not take is INVALID_ARGUMENT, and the message gives the reason."""
    with pytest.raises(JsError, match=message) as caught:
        js.start("plain", 1, instance_id)
    assert caught.value.code == INVALID


def test_a_child_with_such_an_id_fails_its_call(js):
    """A child whose id the service does not take fails the call of it, not the scheduler."""
    state = js.run("parent", {"child": "plain", "instanceId": "x" * 101})
    assert state["runtimeStatus"] == "FAILED"
    assert "101 characters" in state["failureDetails"]["message"]


def test_an_id_is_made_if_none_is_given(js):
    """A start without an id has one of its own."""
    assert js.run("plain", 1)["instanceId"] != js.run("plain", 1)["instanceId"]


def test_a_taken_id_is_refused(js):
    """An id that is in use, or was used by an instance that has ended, is ALREADY_EXISTS."""
    for instance_id in (waiting(js, "living"), js.run("plain", 1, "ended")["instanceId"]):
        with pytest.raises(JsError, match=instance_id) as caught:
            js.start("plain", 2, instance_id)
        assert caught.value.code == EXISTS


def test_an_id_is_used_again_by_policy(js):
    """A policy that names the status of the one who has the id replaces it."""
    js.run("plain", 1, "again")
    js.reuse("plain", "again", ENDED, 2)
    assert output_of(js.wait("again")) == 2
    assert kinds(js.history("again")).count("ExecutionStarted") == 1


def test_a_policy_that_names_another_status_refuses(js):
    """A policy that does not name the status of the one who has the id leaves it as it is."""
    waiting(js, "living", "original")
    with pytest.raises(JsError, match="living") as caught:
        js.reuse("plain", "living", ENDED, 2)
    assert caught.value.code == EXISTS
    assert js.state("living")["serializedInput"] == '"original"'


def test_a_living_instance_is_replaced_by_policy(js):
    """A policy that names the living and Terminated replaces an instance that runs."""
    waiting(js, "living")
    js.reuse("plain", "living", [*LIVING, *ENDED], 2)
    assert output_of(js.wait("living")) == 2


@pytest.mark.parametrize("status", LIVING)
def test_a_policy_cannot_replace_the_living_without_terminated(js, status):
    """A policy with a living status and without Terminated is refused in the service's words."""
    waiting(js, "living", "original")
    words = "Invalid reusable statuses: cannot exclude 'Terminated' while also allowing reuse of running instances"
    with pytest.raises(JsError, match=words) as caught:
        js.reuse("plain", "living", [status, "COMPLETED"], 2)
    assert caught.value.code == INVALID
    assert js.state("living")["serializedInput"] == '"original"'


def test_a_restart_in_place(js):
    """A restarted instance runs again under its id with its first input, and has a new history."""
    instance_id = js.run("callDouble", 4)["instanceId"]
    assert js.call("restartOrchestration", instance_id) == instance_id
    assert output_of(js.wait(instance_id)) == 8
    assert kinds(js.history(instance_id)).count("ExecutionStarted") == 1


def test_a_restart_under_a_new_id(js):
    """A restart under a new id leaves the first instance as it is."""
    first = js.run("callDouble", 4)["instanceId"]
    other = js.call("restartOrchestration", first, True)
    assert other != first
    assert [output_of(js.wait(each)) for each in (first, other)] == [8, 8]


def test_what_runs_is_not_restarted_in_place(js):
    """A running instance cannot be restarted under its own id."""
    instance_id = waiting(js)
    with pytest.raises(JsError, match="cannot be restarted"):
        js.call("restartOrchestration", instance_id, False)
    assert js.status(instance_id) == "RUNNING"


def test_what_runs_is_restarted_under_a_new_id(js):
    """A running instance can be restarted under a new id, and keeps running itself."""
    first = waiting(js, given="input")
    other = js.call("restartOrchestration", first, True)
    js.begun(other)
    for instance_id in (first, other):
        js.raise_event(instance_id, data=instance_id)
    assert [output_of(js.wait(each)) for each in (first, other)] == [["input", first], ["input", other]]


@pytest.mark.parametrize("renamed", [True, False])
def test_what_failed_and_what_was_terminated_is_restarted(js, renamed):
    """However an instance ended, it can be restarted, in place or under a new id."""
    failed = js.run("raiseOnce", f"restart {renamed}")["instanceId"]
    terminated = waiting(js)
    js.call("terminateOrchestration", terminated, None)
    js.wait(terminated)
    again = js.call("restartOrchestration", failed, renamed)
    assert output_of(js.wait(again)) == "better"
    again = js.call("restartOrchestration", terminated, renamed)
    js.raise_event(again, data=1)
    assert output_of(js.wait(again)) == 1


def test_an_unknown_instance_is_not_restarted(js):
    """Restarting an unknown instance is refused with its id."""
    with pytest.raises(JsError, match="'unknown' was not found"):
        js.call("restartOrchestration", "unknown")
