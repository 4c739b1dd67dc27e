"""The durable client: start, look, list, raise, stop, pause, run again, forget, wait."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

PAGE_SIZE = 100


def soon_and_just_now():
    """Return two times that enclose this moment by a minute each."""
    now = datetime.now(UTC)
    return (now - timedelta(minutes=1)).isoformat(), (now + timedelta(minutes=1)).isoformat()


def ids(statuses):
    return {status["instanceId"] for status in statuses}


@pytest.fixture
def waiting(features, key):
    """Return the id of an instance that waits for the event go."""
    features.sdk_start("wait_once", instance_id=key)
    features.wait_for(key, "Running")
    return key


# ---- start


def test_start_with_an_id_of_ones_own(features, key):
    """start_new keeps the id it is given."""
    assert features.run("who_am_i", instance_id=key)["instanceId"] == key


def test_start_makes_an_id(features):
    """Without an id, start_new gets one of 32 lower-case hexadecimal digits."""
    assert re.fullmatch("[0-9a-f]{32}", features.sdk_start("who_am_i"))


def test_start_of_a_running_id_is_refused(features, waiting):
    """start_new raises for the id of a running instance, which continues untouched."""
    answer = features.post("/api/start/who_am_i", params={"id": waiting})
    assert answer.status_code == 502
    assert features.status(waiting)["name"] == "wait_once"


@pytest.mark.sdk1
def test_start_of_an_unknown_orchestrator_is_refused(features):
    """start_new raises with a text that names the missing function and those there are."""
    answer = features.post("/api/start/no_such_function")
    assert answer.status_code == 502
    assert "no_such_function" in answer.json()["error"]
    assert "who_am_i" in answer.json()["error"]


# ---- status


def test_status_of_an_unknown_id_is_falsy(sdk, key):
    """get_status gives a falsy status object for an id that was never started."""
    assert sdk.one("status", key) is None


@pytest.mark.sdk1
def test_status_of_a_running_instance(sdk, waiting):
    """get_status has name, id, state and times while the instance runs, and no output."""
    status = sdk.one("status", waiting)
    assert (status["name"], status["instanceId"], status["runtimeStatus"]) == ("wait_once", waiting, "Running")
    assert status["output"] is None
    assert status["createdTime"] <= status["lastUpdatedTime"]


@pytest.mark.sdk1
def test_status_with_input(features, sdk, key):
    """get_status with show_input has the input as the JSON text that the SDK stored."""
    features.run("who_am_i", {"a": 1}, key)
    assert sdk.one("status", key, show_input="1")["input"] == '{"a": 1}'


@pytest.mark.sdk1
def test_status_with_history(features, sdk, key):
    """get_status with show_history keeps the server's historyEvents: completed tasks with their function's name."""
    features.run("relay", {"activity": "echo", "value": 7}, key)
    document = sdk.one("status", key, show_history="1", show_history_output="1")
    assert document["history"] is None
    started, completed, ended = document["historyEvents"]
    assert (started["EventType"], started["FunctionName"]) == ("ExecutionStarted", "relay")
    assert (completed["EventType"], completed["FunctionName"], completed["Result"]) == ("TaskCompleted", "echo", 7)
    assert (ended["EventType"], ended["OrchestrationStatus"], ended["Result"]) == ("ExecutionCompleted", "Completed", 7)
    assert completed["ScheduledTime"] <= completed["Timestamp"]


@pytest.mark.sdk1
def test_status_with_history_hides_output_unless_asked(features, sdk, key):
    """Without show_history_output no event has a result."""
    features.run("relay", {"activity": "echo", "value": 7}, key)
    events = sdk.one("status", key, show_history="1")["historyEvents"]
    assert [event["EventType"] for event in events if "Result" in event] == []


def test_status_of_all(features, sdk, key):
    """get_status_all gives the first page of all instances: the SDK reads no further."""
    features.run("who_am_i", instance_id=key)
    everything = ids(features.statuses())
    first_page = sdk.many("status_all")
    assert len(first_page) == min(PAGE_SIZE, len(everything))
    assert ids(first_page) <= everything


@pytest.mark.sdk1
def test_status_by_prefix(features, sdk, key):
    """get_status_by a prefix gives the instances whose ids begin with it, and no others."""
    for name in ("a", "b"):
        features.run("who_am_i", instance_id=f"{key}-{name}")
    features.run("who_am_i", instance_id=f"other-{key}")
    assert ids(sdk.many("status_by", prefix=f"{key}-")) == {f"{key}-a", f"{key}-b"}


@pytest.mark.sdk1
def test_status_by_state(features, sdk, waiting):
    """get_status_by states gives the instances in one of them."""
    features.run("raises", "cold", f"{waiting}-failed")
    features.run("who_am_i", instance_id=f"{waiting}-completed")
    assert ids(sdk.many("status_by", prefix=waiting, states="Running,Failed")) == {waiting, f"{waiting}-failed"}


@pytest.mark.sdk1
def test_status_by_time(features, sdk, key):
    """get_status_by a span of creation times gives the instances created in it."""
    features.run("who_am_i", instance_id=key)
    just_now, soon = soon_and_just_now()
    assert ids(sdk.many("status_by", prefix=key, **{"from": just_now, "to": soon})) == {key}
    assert sdk.many("status_by", prefix=key, **{"from": soon}) == []
    assert sdk.many("status_by", prefix=key, to=just_now) == []


# ---- terminate, suspend, resume


def test_terminate_with_a_reason(features, sdk, waiting):
    """terminate ends the instance as Terminated, with the reason for its output."""
    sdk.one("terminate", waiting, reason="no longer needed & více")
    status = features.wait_terminal(waiting)
    assert (status["runtimeStatus"], status["output"]) == ("Terminated", "no longer needed & více")


def test_terminate_of_a_suspended_instance(features, sdk, waiting):
    """A suspended instance can be terminated."""
    sdk.one("suspend", waiting, reason="pause")
    features.wait_for(waiting, "Suspended")
    sdk.one("terminate", waiting, reason="enough")
    assert features.wait_terminal(waiting)["runtimeStatus"] == "Terminated"


@pytest.mark.sdk1
def test_events_wait_while_suspended(features, sdk, waiting):
    """An event raised while the instance is suspended is delivered when it is resumed."""
    sdk.one("suspend", waiting, reason="pause")
    features.wait_for(waiting, "Suspended")
    sdk.one("raise_event", waiting, "kept", event="go")
    assert features.status(waiting)["runtimeStatus"] == "Suspended"
    sdk.one("resume", waiting, reason="go on")
    assert features.wait_terminal(waiting)["output"]["value"] == '"kept"'


def test_an_activity_that_ends_while_suspended_is_kept(features, sdk, key):
    """A result that comes while the instance is suspended counts after it is resumed."""
    features.sdk_start("relay", {"activity": "echo_later", "value": {"delay_s": 0.2, "value": "kept"}}, key)
    sdk.one("suspend", key, reason="pause")
    features.wait_for(key, "Suspended")
    sdk.one("resume", key, reason="go on")
    assert features.wait_terminal(key)["output"] == "kept"


@pytest.mark.parametrize("operation", ["terminate", "suspend", "resume"])
def test_operations_on_an_ended_instance_change_nothing(features, sdk, key, operation):
    """terminate, suspend and resume of an ended instance are silently accepted by the SDK and change nothing."""
    features.run("who_am_i", instance_id=key)
    sdk.one(operation, key, reason="late")
    assert features.status(key)["runtimeStatus"] == "Completed"


@pytest.mark.sdk1
@pytest.mark.parametrize("operation", ["terminate", "suspend", "resume", "rewind"])
def test_operations_on_an_unknown_instance_raise(sdk, sdk_error, key, operation):
    """terminate, suspend, resume and rewind raise for an id that was never started."""
    with pytest.raises(sdk_error, match="No instance with ID"):
        sdk.one(operation, key, reason="x")


# ---- restart, rewind


@pytest.mark.sdk1
def test_restart_under_a_new_id(features, sdk, key):
    """restart makes a new instance with the old one's input; SDK 1.7 gives the payload, not the id."""
    features.run("who_am_i", {"a": 1}, key)
    payload = sdk.one("restart", key, new_id="true")
    again = features.wait_terminal(payload["id"])
    assert payload["id"] != key
    assert (again["name"], again["output"]["input"], again["input"]) == ("who_am_i", {"a": 1}, '{"a": 1}')
    assert features.status(key)["runtimeStatus"] == "Completed"


@pytest.mark.sdk1
def test_restart_under_the_same_id(features, sdk, key):
    """restart can keep the id: the instance runs again from its beginning."""
    features.run("retry_then_activity", {"key": key, "succeed_on": 1}, key)
    assert sdk.one("restart", key, new_id="false")["id"] == key
    assert features.wait_terminal(key)["output"] == [2, "after"]


@pytest.mark.sdk1
def test_restart_of_an_unknown_instance_raises(sdk, sdk_error, key):
    """restart raises for an id that was never started."""
    with pytest.raises(sdk_error, match="400"):
        sdk.one("restart", key, new_id="true")


def test_rewind_of_a_failed_activity(features, sdk, key):
    """rewind runs the failed activity again, with the rest of the history kept, and the instance completes."""
    failed = features.run("flaky_child", {"key": key, "succeed_on": 2}, key)
    assert failed["runtimeStatus"] == "Failed"
    sdk.one("rewind", key, reason="try again")
    status = features.wait_for(key, "Completed")
    assert status["output"] == 2
    assert sdk.probe(key)["count"] == 2


@pytest.mark.sdk1
def test_rewind_is_for_failed_instances(features, sdk, sdk_error, key):
    """rewind of a completed instance raises and says what it is for."""
    features.run("who_am_i", instance_id=key)
    with pytest.raises(sdk_error, match="only supported on failed"):
        sdk.one("rewind", key, reason="x")


# ---- purge


def test_purge_one(features, sdk, key):
    """purge_instance_history forgets one instance and reports one; a second time there is nothing to forget."""
    features.run("who_am_i", instance_id=key)
    assert sdk.one("purge", key) == 1
    assert features.status(key) is None
    assert sdk.one("purge", key) == 0


def test_purge_by_state(features, sdk, waiting):
    """purge_instance_history_by forgets the ended instances of a span in the states asked for, and no others."""
    features.run("raises", "cold", f"{waiting}-failed")
    features.run("who_am_i", instance_id=f"{waiting}-completed")
    just_now, soon = soon_and_just_now()
    assert sdk.many("purge_by", states="Failed", **{"from": just_now, "to": soon}) >= 1
    assert ids(features.statuses(instanceIdPrefix=waiting)) == {waiting, f"{waiting}-completed"}


def test_purge_by_a_span_without_instances(sdk):
    """purge_instance_history_by gives zero when nothing matches."""
    assert sdk.many("purge_by", **{"from": "2099-01-01T00:00:00+00:00"}) == 0


# ---- waiting answers and management payloads


def start_and_wait(features, orchestrator, value, timeout_ms=20_000, interval_ms=20):
    query = {"timeout_ms": timeout_ms, "interval_ms": interval_ms}
    return features.post(f"/api/start_and_wait/{orchestrator}", params=query, json=value)


@pytest.mark.sdk1
@pytest.mark.parametrize(("value", "body"), [({"a": 1}, b'{"a": 1}'), ("bare text", b"bare text"), (7, b"7")])
def test_wait_gives_the_output(features, value, body):
    """wait_for_completion… answers 200 with the output: JSON, or the bare text when the output is text."""
    answer = start_and_wait(features, "relay", {"activity": "echo", "value": value})
    assert (answer.status_code, answer.content) == (200, body)
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.sdk1
def test_wait_gives_500_for_a_failure(features):
    """wait_for_completion… answers 500 with the status object when the instance fails."""
    answer = start_and_wait(features, "raises", "cold")
    assert (answer.status_code, answer.json()["runtimeStatus"]) == (500, "Failed")
    assert "cold" in answer.json()["output"]


def test_wait_gives_management_urls_when_time_is_up(features):
    """wait_for_completion… answers 202 with the management URLs when the instance has not ended in time."""
    answer = start_and_wait(features, "wait_once", {}, timeout_ms=100, interval_ms=20)
    assert answer.status_code == 202
    assert answer.headers["Location"] == answer.json()["statusQueryGetUri"]
    assert features.get(answer.json()["statusQueryGetUri"]).json()["runtimeStatus"] in {"Pending", "Running"}


def test_wait_refuses_an_interval_longer_than_the_timeout(features):
    """wait_for_completion… raises for an interval longer than its timeout, which is a 500 of the function."""
    answer = start_and_wait(features, "who_am_i", {}, timeout_ms=10, interval_ms=20)
    assert (answer.status_code, answer.content) == (500, b"")


@pytest.mark.sdk1
def test_management_payload(features, key):
    """create_http_management_payload gives the URLs of an instance at the host's own address, as templates."""
    payload = features.get(f"/api/management_payload/{key}").json()
    port = features.stack.base_url.rpartition(":")[2]
    base = re.escape(f"http://localhost:{port}/runtime/webhooks/durabletask/instances/{key}")
    tail = r"taskHub=features&connection=DURABLE_TASK_SCHEDULER_CONNECTION_STRING&code=.+"
    assert payload.pop("id") == key
    for name, middle in {
        "statusQueryGetUri": r"\?",
        "sendEventPostUri": r"/raiseEvent/{eventName}\?",
        "terminatePostUri": r"/terminate\?reason={text}&",
        "rewindPostUri": r"/rewind\?reason={text}&",
        "purgeHistoryDeleteUri": r"\?",
        "restartPostUri": r"/restart\?",
        "suspendPostUri": r"/suspend\?reason={text}&",
        "resumePostUri": r"/resume\?reason={text}&",
    }.items():
        assert re.fullmatch(base + middle + tail, payload.pop(name)), name
    assert json.dumps(payload) == "{}"
