"""The durable HTTP API as tests read it: trees of instances, refusals, and recordings of histories."""

import json

import pytest

from durable_harness.errors import UsageError
from durable_harness.operations import HttpResponse, NoResponse
from durable_harness.protocol.history_file import UnreadableHistoryError
from durable_harness.stack import RunningStack
from durable_harness.testing.history_recording import MissingInstanceError, document_of
from durable_harness.testing.promised_events import EventResponse, Promises
from durable_harness.testing.webhook_client import Webhook

STATUS_URL = "http://a/runtime/webhooks/durabletask/instances/i?code=key"


class Host:
    """Answers by the path below the API, else with 404; a list of statuses for a list of instances."""

    base_url = "http://a"

    def __init__(self, answers):
        self.answers = answers

    def request(self, method, url, payload=None, **_):
        path = url.partition("/durabletask")[2] or url
        found = next((answer for part, answer in self.answers.items() if path.startswith(part)), 404)
        if isinstance(found, NoResponse):
            return found
        if isinstance(found, int):
            return HttpResponse(found, {}, b"refused: http://a/?code=secretsecret")
        return HttpResponse(200, {}, found if isinstance(found, bytes) else json.dumps(found).encode())


def webhook(**answers):
    return Webhook(Host({name.replace("_", "/"): answer for name, answer in answers.items()}), STATUS_URL)


def instance(state="Running", rows=(), **status):
    return {"name": "o", "runtimeStatus": state, "createdTime": "2026-01-01", "historyEvents": list(rows), **status}


def child_row(**fields):
    return {"EventType": "SubOrchestrationInstanceCompleted", "FunctionName": "child", **fields}


def children_of(**answers):
    """Return the ids of the children of instance `p`."""
    return [child.instance_id for child in webhook(**answers).read_tree("p").children]


def test_children_are_those_that_rows_name():
    """Rows with ids are enough; a child that is gone is left out."""
    rows = [child_row(InstanceId="a"), child_row(InstanceId="gone")]
    assert children_of(_instances_p=instance(rows=rows), _instances_a=instance()) == ["a"]
    assert children_of(_instances_p=instance(rows=["odd"])) == []


def test_children_are_those_that_our_host_reports():
    """Where rows have no ids, the history that our host gives in full has them."""
    events = [{"subOrchestrationInstanceCreated": {"instanceId": "a"}}, {"timerCreated": {}}]
    found = children_of(
        _instances_p_history={"events": events}, _instances_p=instance(rows=[child_row()]), _instances_a=instance()
    )
    assert found == ["a"]


def test_children_have_the_ids_that_hosts_make():
    """Elsewhere instances whose id begins with the parent's are its children, but for those further below."""
    host = Host({})
    listed = [{"instanceId": "p:1"}, {"instanceId": "p:1:2"}]
    host.answers = {
        "/instances/p/history": 404,
        "/instances/p?": instance(rows=[child_row()]),
        "/instances/p%3A1?": instance(),
        "/instances?": listed,
    }
    assert [one.instance_id for one in Webhook(host, STATUS_URL).read_tree("p").children] == ["p:1"]


def test_children_are_found_by_name_and_input():
    """Where ids say nothing, what began since, and has the name and the input of a row, is taken for the child."""
    listed = [
        {"instanceId": "x", "name": "child", "input": {"a": 1}},
        {"instanceId": "y", "name": "child", "input": "plain"},
        {"instanceId": "p", "name": "child", "input": {"a": 1}},
        {"instanceId": "z", "name": "child", "input": 2},
    ]
    rows = [child_row(Input='{"a": 1}'), child_row(Input="plain")]

    class Listing(Host):
        def request(self, method, url, payload=None, **others):
            if "instanceIdPrefix" in url:
                return HttpResponse(200, {}, b"{}")
            return super().request(method, url, payload, **others)

    host = Listing(
        {
            "/instances/p/history": 404,
            "/instances/p?": instance(rows=rows),
            "/instances/x?": instance(),
            "/instances/y?": instance(),
            "/instances?": listed,
        }
    )
    assert [one.instance_id for one in Webhook(host, STATUS_URL).read_tree("p").children] == ["x", "y"]


def test_an_answer_that_is_no_json_is_a_problem():
    """What cannot be read is no instance, and the reason is kept."""
    asked = webhook(_instances=b"<html>")
    assert asked.read("i") is None
    assert asked.problem.startswith("its answer is not JSON")


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"_instances": 500}, "^terminate of i was not accepted: 500 refused: "),
        ({"_instances": NoResponse("Connection refused")}, "^terminate of i was not accepted: .*Connection refused"),
        ({"_instances_i_terminate": 410}, "^the operation has ended: nothing takes terminate any longer; instance i"),
        (
            {"_instances_i_terminate": 410, "_instances_i": instance("Completed", output={"a": "ü"})},
            'o has ended, Completed at None, with output {"a": "ü"}: nothing takes terminate',
        ),
        (
            {"_instances_i_terminate": 410, "_instances_i": instance("Failed", output="broken")},
            "o has ended, Failed at None, with output broken: nothing takes terminate",
        ),
    ],
)
def test_an_action_that_is_not_accepted_fails(answers, message):
    """The error has the answer without keys, or how the instance ended before."""
    with pytest.raises(AssertionError, match=message) as failed:
        webhook(**answers).send("i", "terminate?reason=x")
    assert "secretsecret" not in str(failed.value)


STACK = RunningStack("remote", "http://a")


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (401, UsageError, r"http://a refuses the key \(401\): its durable webhooks take the system key"),
        (404, MissingInstanceError, "There is no instance 'i' at http://a"),
        (b"<html>", UnreadableHistoryError, "its answer is not JSON"),
    ],
)
def test_a_history_that_is_not_given_is_an_error(answer, error, message):
    """A refused key, an unknown instance and an answer that is none have an error each."""
    with pytest.raises(error, match=message):
        document_of(STACK, webhook(_instances=answer), "i")


def test_the_most_complete_history_is_recorded():
    """A host of ours gives all of it; of another one the rows of the API are recorded, with what they lack."""
    assert document_of(STACK, webhook(_instances_i_history={"events": []}), "i") == {"events": []}
    rows = [
        {"EventType": "ExecutionStarted", "FunctionName": "o", "Timestamp": "2026-01-01T00:00:00Z", "Input": 1},
        {"EventType": "ExecutionCompleted", "OrchestrationStatus": "Completed", "Timestamp": "2026-01-01T00:00:01Z"},
    ]
    document = document_of(STACK, webhook(_instances_i_history=404, _instances_i=instance("Completed", rows)), "i")
    assert document["events"]


RESPONSES = "/admin/durable-harness/responses"


def promises(answer, *, is_ours=True):
    return Promises(Host({RESPONSES: answer}), "func", is_ours=is_ours)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((1, "", None), "to is ''; expected the name of an event"),
        ((1, "go", 0), "times is 0; expected a whole number from 1"),
        ((1, "go", True), "times is True; expected a whole number from 1"),
        (({1}, "go", None), r"respond\(to='go'\): \{1\} is no JSON"),
    ],
)
def test_a_promise_that_cannot_be_kept_is_an_error(given, message):
    """An event without a name, a number of times that is none and a payload that is no JSON are errors of the test."""
    with pytest.raises(UsageError, match=message):
        promises({}).make(*given, None)


def test_only_our_host_keeps_promises():
    """On other stacks the error has what to do instead."""
    with pytest.raises(UsageError, match=r"The host of the func stack raises no events for a test\. Raise them with"):
        promises({}, is_ours=False).make(1, "go", None, None)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (404, UsageError, "respond"),
        (500, AssertionError, "was answered with 500"),
        (NoResponse("gone"), AssertionError, "was answered with nothing: gone"),
    ],
)
def test_a_host_that_keeps_no_promise_is_an_error(answer, error, message):
    """A mistake of the test, a failure of the host and a host that is gone are different errors."""
    with pytest.raises(error, match=message):
        promises(answer).make(1, "go", None, None)


def test_promises_that_nothing_waited_for_are_named():
    """A promise that was never kept is unused; of a host that is gone nothing is known."""
    made = promises({"number": 3, "count": 0})
    response = made.make(1, "go", None, None)
    assert (response.event, response.count, made.unused(), repr(response)) == ("go", 0, ["go"], "<response to go>")
    made.end()
    assert made.unused() == []
    assert EventResponse(Host({RESPONSES: 404}), 3, "go").count_or_none is None
