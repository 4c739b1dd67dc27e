"""Functions that a test runs on our own host, and what it reads of their outputs, by answers written here."""

import json

import pytest

from durable_harness.errors import UsageError
from durable_harness.operations import HttpResponse, NoResponse
from durable_harness.stack import RunningStack
from durable_harness.testing import triggering
from durable_harness.testing.triggering import TriggeredFunction, Triggering, WrittenOutput

BINDING = {"function": "pay", "name": "receipt", "type": "queue", "target": "receipts"}
PATTERN = {"function": "pay", "name": "page", "type": "blob", "target": "out/{id}.html"}


class Host:
    """Answers requests with what a test gives for their path, the last answer again and again."""

    def __init__(self, **answers):
        self.answers = {name: list(given) for name, given in answers.items()}
        self.asked = []

    def request(self, method, url, body=None, timeout_s=None):
        name = url.removeprefix(triggering.OWN_PATH).partition("?")[0].partition("/")[0]
        self.asked.append((method, name, body))
        given = self.answers[name]
        answer = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(answer, NoResponse):
            return answer
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        return HttpResponse(status, {}, json.dumps(document).encode())


def captured(*values, were_dropped=False):
    """Return what the host reports after these values were written to the queue."""
    outputs = [{**BINDING, "value": value, "encoding": None} for value in values]
    return {"outputs": outputs, "bindings": [BINDING, PATTERN], "wereDropped": were_dropped}


def here(**answers):
    return Triggering(RunningStack("embedded", "http://localhost:7071"), Host(**answers))


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch):
    monkeypatch.setattr(triggering, "POLL_INTERVAL_S", 0.0)


def run_of(**changes):
    return {
        "function": "pay",
        "invocationId": "1",
        "failure": None,
        "returned": None,
        **captured("paid"),
        **changes,
    }


def test_a_run_has_what_its_function_wrote_and_returned():
    """Of one invocation a test sees the values by any name of the binding, and what the function returned."""
    returned = {"value": "AQI=", "encoding": "base64"}
    run = here(functions=[run_of(returned=returned)], outputs=[captured()]).trigger("pay", b"\x00", {}, 1)
    assert (run.function, run.invocation_id, run.returned) == ("pay", "1", b"\x01\x02")
    assert [run.written(name) for name in ("receipts", "Receipt", "pay.receipt")] == [["paid"]] * 3


def test_a_run_without_a_result_returned_none():
    """A function that returned nothing has None as its result."""
    assert here(functions=[run_of()]).trigger("pay", "x", {}, 1).returned is None


def test_an_unknown_output_of_a_run_is_an_error():
    """A misspelt name is an error with the names that there are; a known one that got nothing is empty."""
    run = here(functions=[run_of(outputs=[])], outputs=[captured()]).trigger("pay", "x", {}, 1)
    assert run.written("receipts") == []
    with pytest.raises(UsageError, match=r"^No function has an output binding 'recipes'.*pay\.receipt"):
        run.written("recipes")


def test_a_run_by_hand_without_a_host_has_no_check():
    """A result that was made without a host answers for what it has alone."""
    run = TriggeredFunction("pay", "embedded", "1", [])
    assert run.written("anything") == []


@pytest.mark.parametrize("ask", [lambda run: run.returned, lambda run: run.written("receipts")])
def test_a_host_that_captures_nothing_has_no_result(ask):
    """On a stack whose host only accepts a run, reading its result is an error of the test."""
    with pytest.raises(UsageError, match="The func stack writes to the services"):
        ask(TriggeredFunction("pay", "func", None, None))


def test_a_function_that_fails_fails_the_test():
    """The test fails with the error and the trace of the function."""
    failure = {"description": "ValueError: no money", "trace": "line 7"}
    with pytest.raises(AssertionError, match="Function 'pay' failed: ValueError: no money\nline 7"):
        here(functions=[run_of(failure=failure)]).trigger("pay", "x", {}, 1)


def test_metadata_is_a_dict():
    """Anything else as metadata is an error before the host is asked."""
    with pytest.raises(UsageError, match=r"trigger: metadata is \[\]; expected a dict"):
        here().trigger("pay", "x", [], 1)


def test_written_waits_for_a_count():
    """The values are returned once there are that many, without a count at once."""
    outputs = here(outputs=[captured("a"), captured("a", "b")])
    assert [one.value for one in outputs.written("receipts", 2, 60)] == ["a", "b"]
    assert [one.value for one in here(outputs=[captured("a")]).written("receipts", None, 60)] == ["a"]


@pytest.mark.parametrize(
    ("values", "shown"),
    [(["a"], r"All that was written since the test began \(1\):\n  pay.receipt"), ([], "Nothing was written at all")],
)
def test_too_few_values_are_listed(values, shown):
    """When the time is up, the message has how many there are and all that was written."""
    with pytest.raises(AssertionError, match=rf"{len(values)} of 2 values were written to 'receipts' in 0 s.\n{shown}"):
        here(outputs=[captured(*values)]).written("receipts", 2, 0)


@pytest.mark.parametrize("name", ["out/7.html", "OUT/7.HTML", "page"])
def test_a_target_with_expressions_may_become_a_name(name):
    """A name that a binding expression may lead to is known although nothing was written there."""
    assert here(outputs=[captured()]).written(name, None, 0) == []


def test_what_the_host_no_longer_has_is_an_error():
    """A test that wrote more than is kept does not see a part of it as all."""
    with pytest.raises(AssertionError, match="This test wrote more than the host keeps"):
        here(outputs=[captured("a", were_dropped=True)]).outputs()
    assert here(outputs=[captured("a")]).outputs() == [WrittenOutput(*BINDING.values(), value="a")]


STARTS = [{"name": "Ship", "id": "1"}, {"name": "bill", "id": "2"}]


def started(*documents):
    return here(starts=[{"starts": one} for one in documents], orchestrators=[{"orchestrators": ["ship", "bill"]}])


def test_starts_are_those_of_one_orchestrator_or_all():
    """The ids of instances come in the order of their starts; letter case does not matter."""
    assert started(STARTS).started(None, None, 0) == ["1", "2"]
    assert started(STARTS).started("sHIP", None, 0) == ["1"]


def test_starts_are_waited_for():
    """With a count the ids are returned once there are that many."""
    assert started([], STARTS).started("ship", 1, 60) == ["1"]


@pytest.mark.parametrize(
    ("orchestrator", "found", "message"),
    [
        ("ship", STARTS, "1 of 3 instances of 'ship' were started in 0 s. All: Ship 1, bill 2."),
        (None, [], "0 of 3 instances were started in 0 s. All: none."),
    ],
)
def test_too_few_starts_are_listed(orchestrator, found, message):
    """When the time is up, the message has all instances that were started."""
    with pytest.raises(AssertionError) as failed:
        started(found).started(orchestrator, 3, 0)
    assert str(failed.value) == message


def test_an_unknown_orchestrator_is_an_error():
    """A misspelt name is never waited for: the error has those of the app."""
    with pytest.raises(UsageError, match=r"There is no orchestrator 'shop'\. Those of this app: ship, bill"):
        started(STARTS).started("shop", 1, 60)


def test_inputs_are_taken_back_at_the_end():
    """Each value that was set is removed by its number, the last one first."""
    host = Host(inputs=[{"number": 1}, {"number": 2}, {}])
    inputs = Triggering(RunningStack("emulator", "http://localhost"), host)
    inputs.give("page", [b"\xff", "x"])
    inputs.give("page", {"id": 7})
    inputs.close()
    assert host.asked[0][2] == {"name": "page", "value": ["/w==", "x"], "encoding": ["base64", None]}
    assert [method for method, *_ in host.asked] == ["POST", "POST", "DELETE", "DELETE"]


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((404, {"error": "There is no function 'pay'."}), UsageError, "^There is no function 'pay'"),
        ((400, {}), UsageError, "^POST /admin/durable-harness/functions/pay answered 400"),
        ((500, {"error": "broken"}), AssertionError, "functions/pay answered 500: broken"),
        (NoResponse("Connection refused"), AssertionError, "The host did not answer: Connection refused"),
    ],
)
def test_a_refusal_of_the_host_is_named(answer, error, message):
    """A mistake of the test is a UsageError; a failure of the host, or its absence, fails the test."""
    with pytest.raises(error, match=message):
        here(functions=[answer]).trigger("pay", "x", {}, 1)
