"""An operation that a test follows: its polls, its ends, and the errors for what does not come."""

import json
from types import SimpleNamespace

import pytest

from durable_harness.errors import UsageError
from durable_harness.operations import FixedPolling, HttpResponse, NoResponse, OperationPlan
from durable_harness.operations.measurement import MEASUREMENTS_PATH, OURS
from durable_harness.stack import RunningStack
from durable_harness.testing.started_operation import StartedOperation, StuckOperationError

STATUS_URL = "http://localhost:7071/runtime/webhooks/durabletask/instances/i"
GONE = HttpResponse(404, {}, b"unknown")


class Client:
    """Answers polls in turn, the last answer again and again."""

    base_url = "http://localhost:7071"

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def request(self, method, url, _payload=None, **_):
        self.asked.append((method, url))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def status(state, code=202):
    return HttpResponse(code, {}, json.dumps({"instanceId": "i", "runtimeStatus": state}).encode())


def followed(*answers, exit_code=None, **changes):
    """Return an operation whose polls are answered so."""
    stack = RunningStack("embedded", Client.base_url, pid=7, exit_code=lambda: exit_code, **changes)
    context = SimpleNamespace(stack=stack, client=Client(*answers), promises=None)
    plan = OperationPlan("start", f"{Client.base_url}/api/start", {}, FixedPolling(0.001), 60)
    accepted = HttpResponse(202, {"location": STATUS_URL}, json.dumps({"statusQueryGetUri": STATUS_URL}).encode())
    explainer = SimpleNamespace(explain=lambda _webhook, name, *rest: " | ".join([name, *map(str, rest)]))
    return StartedOperation(plan, accepted, context, explainer)


def test_the_id_is_that_of_the_status_url():
    """A start that has no id in its answer is still known by its id."""
    assert followed(GONE).instance_id == "i"


def test_a_status_is_read_once():
    """The status is that of one poll."""
    assert followed(status("Running")).status()["runtimeStatus"] == "Running"


@pytest.mark.parametrize("timeout_s", [-1, float("nan"), "5", True])
def test_a_wait_takes_no_negative_time(timeout_s):
    """A limit that is no time is the test's mistake, and not an operation that is stuck."""
    operation = followed(status("Running"))
    for wait in (operation.wait, lambda limit: operation.wait_for("Completed", limit)):
        with pytest.raises(UsageError, match=r"timeout_s is .*; expected 0 or more seconds"):
            wait(timeout_s)


def test_an_unknown_operation_has_no_status():
    """What the app answers instead is in the error."""
    with pytest.raises(AssertionError, match="has no status: 404 unknown"):
        followed(GONE).status()


@pytest.mark.parametrize(
    ("exit_code", "reason"), [(None, "Connection refused"), (3, r"the host \(process 7\) has ended \(exit code 3\)")]
)
def test_a_poll_without_an_answer_fails(exit_code, reason):
    """The reason is that of the connection, or how the host ended."""
    operation = followed(NoResponse("Connection refused"), exit_code=exit_code)
    with pytest.raises(AssertionError, match=f"instances/i got no answer: {reason}"):
        operation.poll()


def test_a_wait_returns_the_last_status():
    """Polls are sent until one shows an end, which may be a failure."""
    operation = followed(status("Pending"), status("Running"), status("Failed", 200))
    assert operation.wait()["runtimeStatus"] == "Failed"


def test_a_wait_ends_when_its_time_is_up():
    """An operation that runs on is stuck; the message has the last poll."""
    with pytest.raises(StuckOperationError, match=r"has not ended after 0\.02 s"):
        followed(status("Running")).wait(0.02)


def test_an_operation_that_vanishes_fails_the_wait():
    """An instance that the app does not know any longer has no end to wait for."""
    with pytest.raises(AssertionError) as failed:
        followed(status("Running"), GONE).wait(5)
    assert not isinstance(failed.value, StuckOperationError)


def test_a_wait_ends_with_its_host():
    """An operation whose host has ended is not waited for until the time is up."""
    with pytest.raises(StuckOperationError, match="has not ended, and never will"):
        followed(NoResponse("Connection refused"), exit_code=3).wait()


def test_a_state_is_waited_for():
    """The status is returned as soon as it has the state; polls that show none are passed over."""
    operation = followed(GONE, status("Pending"), status("Suspended"))
    assert operation.wait_for("Suspended")["runtimeStatus"] == "Suspended"


def test_an_unknown_state_is_an_error():
    """A misspelt state is never waited for."""
    with pytest.raises(UsageError, match=r"wait_for: got 'suspended'; expected one of .*Suspended"):
        followed(GONE).wait_for("suspended")


def test_another_end_ends_the_wait_for_a_state():
    """An operation that has ended does not reach another state any more."""
    with pytest.raises(StuckOperationError, match="has ended, and was expected to be Running"):
        followed(status("Completed", 200)).wait_for("Running")


def test_a_state_that_does_not_come_is_an_error():
    """When the time is up, the message has the state and the time."""
    with pytest.raises(StuckOperationError, match="was not Suspended in 0 s"):
        followed(status("Running")).wait_for("Suspended", 0)


def test_a_host_that_knows_nothing_has_no_measurement():
    """An operation that is unknown where it is measured is an error, not a measurement of nothing."""
    operation = followed(HttpResponse(200, {}, json.dumps({"measuredBy": OURS, "operations": {}}).encode()))
    with pytest.raises(AssertionError, match="is not known to its host, which has nothing measured"):
        operation.measured()
    assert operation._client.asked == [("POST", MEASUREMENTS_PATH)]
