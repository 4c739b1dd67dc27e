"""Retries and rewinds of the JavaScript SDK: attempts, what stops them, and failed instances that resume."""

import uuid

import pytest
from js_room import JsError, kinds, output_of


@pytest.fixture(autouse=True)
def worker(js):
    """Run a worker with all functions."""
    return js.work()


def plan(**options):
    return {"key": uuid.uuid4().hex, **options}


def test_a_retry_succeeds(js):
    """An activity that fails twice is done a third time; a timer waits before each further attempt."""
    state = js.run("retried", plan(until=3, attempts=5))
    assert output_of(state) == 3
    found = kinds(js.history(state["instanceId"]))
    assert (found.count("TaskFailed"), found.count("TimerFired"), found.count("TaskCompleted")) == (2, 2, 1)


def test_attempts_run_out(js):
    """After its last attempt, the failure of an activity is its instance's."""
    state = js.run("retried", plan(until=9, attempts=3))
    assert state["runtimeStatus"] == "FAILED"
    assert "attempt 3" in state["failureDetails"]["message"]


def test_a_failure_that_is_not_handled_is_not_retried(js):
    """A policy that handles other failures makes one attempt."""
    state = js.run("retried", plan(until=2, attempts=3, handled="RangeError"))
    assert "attempt 1" in state["failureDetails"]["message"]
    assert js.output("retried", plan(until=2, attempts=3, handled="TypeError")) == 2


def test_a_retry_handler_decides(js):
    """A handler of the app's own decides how often an activity is tried."""
    assert js.output("retriedByHandler", plan(until=3, attempts=4)) == 3
    state = js.run("retriedByHandler", plan(until=9, attempts=2))
    assert "attempt 2" in state["failureDetails"]["message"]


def test_a_child_is_retried(js):
    """A child that fails is started again, and its result is that of the last attempt."""
    assert js.output("retriedChild", uuid.uuid4().hex) == "better"


def test_a_rewound_instance_resumes(js):
    """A failed instance that is rewound does again what had failed, and only that."""
    failed = js.run("resumed", uuid.uuid4().hex)
    assert failed["runtimeStatus"] == "FAILED"
    js.call("rewindInstance", failed["instanceId"], "the cause is gone")
    assert output_of(js.wait(failed["instanceId"])) == [2, 2]
    found = kinds(js.history(failed["instanceId"]))
    assert (found.count("ExecutionRewound"), found.count("TaskScheduled"), found.count("TaskFailed")) == (1, 2, 0)


def test_a_rewind_has_its_reason_in_the_history(js):
    """The history has the reason why an instance was rewound."""
    instance_id = js.run("resumed", uuid.uuid4().hex)["instanceId"]
    js.call("rewindInstance", instance_id, "the cause is gone")
    js.wait(instance_id)
    (rewound,) = [event for event in js.history(instance_id) if event["type"] == "ExecutionRewound"]
    assert rewound["reason"] == "the cause is gone"


def test_a_rewind_reaches_the_child_that_failed(js):
    """A parent that failed with its child resumes with that child, which is the same instance."""
    instance_id = js.run("resumedParent", uuid.uuid4().hex)["instanceId"]
    assert js.status(instance_id) == "FAILED"
    before = sorted(js.ids())
    js.call("rewindInstance", instance_id, "again")
    assert output_of(js.wait(instance_id)) == [2, 2]
    assert sorted(js.ids()) == before


def test_a_rewound_child_names_its_parents_new_execution(js):
    """A rewind makes new executions, and the child's start names that of its parent."""
    instance_id = js.run("resumedParent", uuid.uuid4().hex)["instanceId"]
    (child_id,) = set(js.ids()) - {instance_id}
    before = js.history(child_id)[1]["parentInstance"]["orchestrationInstance"]["executionId"]
    js.call("rewindInstance", instance_id, "again")
    js.wait(instance_id)
    execution_id = js.history(instance_id)[1]["orchestrationInstance"]["executionId"]
    parent = js.history(child_id)[1]["parentInstance"]["orchestrationInstance"]
    assert parent == {"instanceId": instance_id, "executionId": execution_id}
    assert execution_id != before


def test_what_has_not_failed_is_not_rewound(js):
    """Rewinding an instance that completed is refused with the reason."""
    instance_id = js.run("plain", 1)["instanceId"]
    with pytest.raises(JsError, match="has not failed"):
        js.call("rewindInstance", instance_id, "why not")


def test_an_unknown_instance_is_not_rewound(js):
    """Rewinding an unknown instance is refused with its id."""
    with pytest.raises(JsError, match="'unknown' was not found"):
        js.call("rewindInstance", "unknown", "why not")
