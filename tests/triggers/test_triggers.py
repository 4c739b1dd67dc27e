"""Functions with triggers other than HTTP: run by hand, their outputs captured, their inputs given by the test."""

import json
from pathlib import Path

import pytest

from durable_harness.errors import UsageError
from durable_harness.testing import assert_completed

pytestmark = pytest.mark.stacks("embedded", reason="its host is ours and captures what functions write")
PRICES = {"apple": 3, "pear": 4}
EVENT = {"id": "1", "eventType": "made", "subject": "s", "data": {"n": 1}, "dataVersion": "1", "eventTime": None}


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the order app."""
    return Path(__file__).parents[1] / "apps" / "orders"


def test_a_message_starts_an_orchestration(operations):
    """An order by hand goes the whole way: queue, orchestration, an input that the test gives, two kinds of output."""
    operations.give("data/prices.json", PRICES)
    operations.trigger("take_order", {"id": "whole-way", "item": "apple", "count": 2})
    assert_completed(operations.follow("order-whole-way"), output=6)
    assert operations.written("receipts/whole-way.txt") == ["2 apple: 6"]
    assert operations.written("receipts") == ["whole-way is paid", "whole-way is packed"]


def test_metadata_replaces_what_is_made_up(operations):
    """A test sets how often a message was delivered before."""
    operations.trigger("take_order", {"id": "again"}, metadata={"DequeueCount": 2})
    with pytest.raises(AssertionError, match="no instance 'order-again'"):
        operations.follow("order-again", timeout_s=0)


@pytest.mark.parametrize(
    ("name", "data", "metadata", "seen"),
    [
        ("on_blob", b"\x00abc", {"BlobTrigger": "uploads/a.txt"}, ["uploads/a.txt", 4, "\x00abc"]),
        ("on_bus", {"n": 1}, {"UserProperties": {"kind": "k"}}, ['{"n": 1}', 1, {"kind": "k"}]),
        ("on_topic", ["one", "two"], {}, ["one", "two"]),
        ("on_reading", "21.5", {"SequenceNumber": 7}, ["21.5", 7]),
        ("on_readings", ["a", "b", "c"], {}, ["a", "b", "c"]),
        ("on_event", EVENT, {}, ["made", {"n": 1}]),
        ("on_documents", [{"id": "x"}, {"id": "y"}], {}, ["x", "y"]),
        ("on_line", "text", {}, ["text", "lines"]),
        ("on_lines", ["l1", "l2"], {}, ["l1", "l2"]),
        ("on_rows", [{"Operation": 0, "Item": {"id": 1}}], {}, [0]),
        ("on_dapr", {"greeting": "hi"}, {}, ["dapr", {"greeting": "hi"}]),
        ("on_generic", "hop", {}, ["hop"]),
    ],
)
def test_each_trigger_gets_what_it_gets_in_azure(operations, name, data, metadata, seen):
    """The parameter of each kind of trigger is made by azure-functions' own converter from data and metadata."""
    run = operations.trigger(name, data, metadata=metadata)
    assert [json.loads(value) for value in run.written("seen")] == [seen]


@pytest.mark.parametrize(
    ("name", "data", "target", "written"),
    [
        ("on_blob", b"\xff", "copies/b.bin", [b"\xff"]),
        ("on_reading", "1", "alerts", ["hot"]),
        ("on_documents", [{"id": "x"}, {"id": "y"}], "copies", [{"id": "x"}, {"id": "y"}]),
        ("on_rows", [{"Operation": 0, "Item": {"id": 1}}], "dbo.copies", [{"id": 1}]),
        ("on_generic", "hop", "hares", ["jump"]),
        ("on_generic", "hop", "sent", ["jump"]),
        ("on_generic", "hop", "ON_GENERIC.sent", ["jump"]),
    ],
)
def test_each_output_is_captured_as_it_would_be_sent(operations, name, data, target, written):
    """Text, bytes, documents and rows are captured, under the target of the binding, its parameter, or both names."""
    operations.trigger(name, data, metadata={"BlobTrigger": "uploads/b.bin"})
    assert operations.written(target) == written


def test_outputs_of_an_http_function_are_captured(operations):
    """An HTTP function answers and writes."""
    assert operations.request("PUT", "/api/orders/7").status == 202
    assert operations.written("orders") == ['{"id": "7"}']


def test_a_function_that_fails_writes_nothing(operations):
    """What was set before a failure is not written, as in Azure."""
    assert operations.request("PUT", "/api/orders/8", "fail").status == 500
    with pytest.raises(AssertionError, match="LookupError: no such thing: 5"):
        operations.trigger("breaks", "5")
    assert operations.outputs() == []


def test_a_value_that_a_binding_cannot_take_fails_the_function(operations):
    """The failure names function, output, type and value."""
    with pytest.raises(AssertionError, match=r"Function 'breaks', output 'out': object cannot be written.*type queue"):
        operations.trigger("breaks", "object")


def test_an_http_function_answers_by_a_named_output(operations):
    """A response that is set on the HTTP output binding is the answer."""
    answer = operations.request("GET", "/api/named")
    assert (answer.status, answer.body) == (201, b"by name")


def test_a_misspelt_output_of_a_run_is_refused(operations):
    """An output that no binding has is not one that nothing was written to."""
    with pytest.raises(UsageError, match="No function has an output binding 'stcok'"):
        operations.trigger("take_stock").written("stcok")


def test_a_timer_runs_by_hand(operations):
    """A timer function needs no data; what it returns is written, and the test may make it late."""
    assert operations.trigger("take_stock").written("stock") == ["on time"]
    assert operations.trigger("take_stock", {"IsPastDue": True}).written("stock") == ["late"]


def test_outputs_are_those_of_this_test(operations):
    """What tests before wrote is not seen; the order is that of writing."""
    operations.trigger("on_generic", "one")
    operations.trigger("on_generic", "two")
    assert [output.target for output in operations.outputs()] == ["seen", "hares"] * 2
    assert operations.written("seen") == ['["one"]', '["two"]']


def test_outputs_are_waited_for(operations):
    """`count` waits for what is written later, and reports what is there if that does not come."""
    operations.client.request("POST", "/admin/functions/on_generic", {"input": "later"})
    assert operations.written("seen", count=1) == ['["later"]']
    with pytest.raises(AssertionError, match=r"1 of 2 values were written to 'seen'(.|\n)*on_generic.\$return"):
        operations.written("seen", count=2, timeout_s=0)


def test_a_misspelt_output_is_an_error(operations):
    """A name that no output binding has would never be written to: the error lists those that there are."""
    with pytest.raises(UsageError, match=r"'receits'\. Those of this app: .*receipt\.notices \(queue 'receipts'\)"):
        operations.written("receits")


@pytest.mark.parametrize("name", ["found", "read_document.found", "READ_DOCUMENT.FOUND", "items"])
def test_an_input_is_given_by_any_of_its_names(operations, name):
    """A document binding gets a list of documents from one value."""
    operations.give(name, {"id": "x", "n": 1})
    assert json.loads(operations.request("GET", "/api/documents/x").body) == [{"id": "x", "n": 1}]


def test_the_latest_value_is_in_force(operations):
    """A value that is given later replaces one that was given before."""
    operations.give("items", {"id": "old"})
    operations.give("found", {"id": "new"})
    assert json.loads(operations.request("GET", "/api/documents/x").body) == [{"id": "new"}]


def test_given_inputs_are_gone_after_the_test(operations):
    """Without a value the function fails, although tests before gave one; the log reports how to give one."""
    assert operations.request("GET", "/api/documents/x").status == 500
    assert 'operations.give("found", …)' in operations.stack.log_path.read_text()


def test_an_input_that_no_function_has_is_an_error(operations):
    """The error lists the inputs that need a value."""
    with pytest.raises(UsageError, match=r"'price'.*Those that do: .*price\.prices"):
        operations.give("price", 1)


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("nobody", "x", "no function 'nobody'. Known ones: .*take_order"),
        ("fulfil", "x", "orchestrationTrigger functions do not run by themselves: start it by POST .*/fulfil"),
        ("on_event", "no JSON", "Function 'on_event' .eventGridTrigger.: expected JSON, got 'no JSON'"),
        ("on_event", [EVENT], "expected one event"),
        ("take_stock", [1], "expected nothing or a JSON object"),
        ("take_order", object(), "expected text, bytes or a JSON value, got object"),
    ],
)
def test_what_cannot_be_triggered_is_an_error(operations, name, data, problem):
    """A name or data that cannot be says so before anything runs."""
    with pytest.raises(UsageError, match=problem):
        operations.trigger(name, data)


def test_an_activity_runs_by_hand(operations):
    """An activity is a function like others: it runs alone, with the inputs that the test gives."""
    assert operations.trigger("receipt", {"id": 1, "count": 1, "item": "pear", "total": 4}).written("paper") == [
        "1 pear: 4"
    ]


def test_the_host_logs_what_is_not_served_and_what_was_written(operations):
    """Functions that nothing pulls, and inputs without a value, are named with the way out; each write is logged."""
    operations.trigger("on_generic", "x")
    log = operations.stack.log_path.read_text()
    assert "take_order: queueTrigger, runs by hand only: POST http://localhost" in log
    assert "warning: Function 'price' needs the input binding 'prices' (blob, data/prices.json)" in log
    assert "Function 'on_generic' wrote to rabbitMQ 'hares' (sent): jump" in log
