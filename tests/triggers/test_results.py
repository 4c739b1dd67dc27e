"""What a triggered function returns, and batches of messages: each kind of trigger with one and with many."""

import json
from pathlib import Path

import pytest
import requests

from durable_harness.errors import UsageError

pytestmark = pytest.mark.stacks("embedded", reason="its host is ours and captures what functions write")
MIXED = [b"\x00\xff", "text", {"n": 1}, bytearray(b"b")]
MIXED_SEEN = ["\x00\xff", "text", '{"n": 1}', "b"]
TEXTS = ["a", {"b": 1}, [2], 3]
TEXTS_SEEN = ["a", '{"b": 1}', "[2]", "3"]
MANY = ["hub_many", "bus_many", "kafka_many"]
ONE = ["hub_one", "bus_one", "kafka_one"]


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the parcel app."""
    return Path(__file__).parents[1] / "apps" / "parcels"


@pytest.mark.parametrize(
    ("name", "data", "returned"),
    [
        ("echo", "text", "hop"),
        ("echo", "json", {"hops": [1, 2]}),
        ("echo", "bytes", b"\xff"),
        ("echo", "nothing", None),
        ("find_tool", {"arguments": {"parcel": "p1"}}, "parcel p1 is here"),
        ("bill", "7 kg", "bill for 7 kg"),
        ("report", None, None),
        ("weigh", [3, 4], {"sum": 7}),
    ],
)
def test_a_result_is_that_of_the_function(operations, name, data, returned):
    """Generic and MCP triggers, activities, and `$return` bindings: text, bytes and JSON come as they are."""
    assert operations.trigger(name, data).returned == returned


def test_an_http_function_by_hand_returns_its_response(operations):
    """Status, headers and body of the response."""
    metadata = {"id": 1, "Query": {"size": "s"}, "Headers": {"x-customer": "c"}}
    returned = operations.trigger("print_label", {"sender": {"name": "x"}}, metadata=metadata).returned
    assert (returned["status"], returned["body"]) == (200, "printed")


def test_a_result_that_no_host_takes_fails(operations):
    """The failure names function and type; what the function wrote before is not written."""
    with pytest.raises(AssertionError, match=r"Function 'echo', returned value: object cannot be written.*rabbitMQ"):
        operations.trigger("echo", "object")
    with pytest.raises(AssertionError, match="Function 'two_outputs', output 'first': object cannot be written"):
        operations.trigger("two_outputs", "object")
    assert operations.outputs() == []


def test_a_run_by_the_admin_api_logs_what_is_returned(operations):
    """Whoever runs a function by hand finds its answer in the log, and in the document of our own endpoint."""
    stack = operations.stack
    url = f"{stack.base_url}/admin/durable-harness/functions/echo"
    document = requests.post(url, json={"input": "bytes"}, timeout=30).json()
    assert document["returned"] == {"value": "/w==", "encoding": "base64"}
    operations.trigger("echo", "text")
    assert "Function 'echo' returned: hop" in stack.log_path.read_text()


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize(
    ("data", "seen"),
    [(MIXED, MIXED_SEEN), (TEXTS, TEXTS_SEEN), ([b"a", b"b"], ["a", "b"]), ("alone", ["alone"]), (b"\xff", ["\xff"])],
)
def test_a_batch_is_a_list_of_any_messages(operations, name, data, seen):
    """Bytes, text and JSON may be mixed in one list; what is no list is a batch of one."""
    [written] = operations.trigger(name, data).written("seen")
    assert json.loads(written) == seen


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize(
    ("data", "seen"), [(b"\x00\xff", "\x00\xff"), ("text", "text"), ({"n": 1}, '{"n": 1}'), (["a"], '["a"]')]
)
def test_one_message_is_what_is_given(operations, name, data, seen):
    """A trigger of one message gets one: a list is a JSON body."""
    [written] = operations.trigger(name, data).written("seen")
    assert json.loads(written) == [seen]


def test_bytes_in_json_have_an_encoding_each(operations):
    """By the admin API a batch has a list of encodings; one of another length is refused."""
    url = f"{operations.stack.base_url}/admin/durable-harness/functions/hub_many"
    given = {"input": ["/w==", "a"], "encoding": ["base64", None]}
    [output] = requests.post(url, json=given, timeout=30).json()["outputs"]
    assert json.loads(output["value"]) == ["\xff", "a"]
    answer = requests.post(url, json={**given, "input": "a"}, timeout=30)
    assert answer.status_code == 400
    assert '"encoding" is a list, so "input" must be one of the same length' in answer.json()["error"]


@pytest.mark.parametrize("name", MANY)
def test_metadata_of_another_number_of_messages_is_an_error(operations, name):
    """A list of metadata has one value for each message; azure-functions itself drops messages without one."""
    wanted = {"hub_many": "SystemPropertiesArray", "bus_many": "UserPropertiesArray", "kafka_many": "TopicArray"}[name]
    with pytest.raises(
        UsageError, match=f"metadata '{wanted}': expected a list of 2, one for each message, got 1 value"
    ):
        operations.trigger(name, ["a", "b"], metadata={wanted: [{}]})


@pytest.mark.parametrize(
    ("metadata", "seen"),
    [
        ({"PartitionKey": "p"}, [["p", 0, {}], ["p", 1, {}]]),
        (
            {"SystemPropertiesArray": [{"iothub-device": "d1", "SequenceNumber": 8}, {"PartitionKey": "q"}]},
            [[None, 8, {"device": "d1"}], ["q", None, {}]],
        ),
        ({"SystemProperties": {"iothub-device": "d"}}, [[None, 0, {"device": "d"}], [None, 1, {"device": "d"}]]),
    ],
)
def test_metadata_of_a_batch_of_events(operations, metadata, seen):
    """A name without Array is for all events of a batch; a list is one for each."""
    [written] = operations.trigger("hub_metadata", ["a", "b"], metadata=metadata).written("seen")
    assert json.loads(written) == seen


def test_metadata_of_a_batch_of_messages(operations):
    """So it is for Service Bus and Kafka, whose lists have the form that their converters read."""
    [written] = operations.trigger(
        "bus_metadata", ["a", "b"], metadata={"MessageIdArray": ["1", "2"], "CorrelationId": "c"}
    ).written("seen")
    assert json.loads(written) == [["1", "c"], ["2", "c"]]
    metadata = {"TopicArray": ["t1", "t2"], "OffsetArray": [5, 6], "Key": "k"}
    [written] = operations.trigger("kafka_metadata", ["a", "b"], metadata=metadata).written("seen")
    assert json.loads(written) == [["t1", 5, "k"], ["t2", 6, "k"]]
