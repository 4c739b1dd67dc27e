"""Expressions in bindings: where a function writes and reads follows from what its trigger brought."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from durable_harness.errors import UsageError
from durable_harness.testing import assert_completed

pytestmark = pytest.mark.stacks("embedded", reason="its host is ours and captures what functions write")
EVENT = {
    "id": "1",
    "eventType": "moved",
    "subject": "van",
    "data": {"parcel": {"id": 7}},
    "dataVersion": "1",
    "eventTime": "2026-01-02T03:04:05Z",
}


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the parcel app."""
    return Path(__file__).parents[1] / "apps" / "parcels"


def targets(operations):
    """Return where functions wrote."""
    return [output.target for output in operations.outputs()]


@pytest.mark.parametrize(
    ("name", "data", "metadata", "target"),
    [
        (
            "move",
            {"id": 7, "to": {"city": "Rome"}, "sender": {"name": "Ann"}},
            {"InsertionTime": "2026-01-02T03:04:05Z"},
            "Rome/7/20260102/Ann",
        ),
        (
            "declare",
            "form",
            {"MessageId": "m", "CorrelationId": "c", "UserProperties": {"country": "fr"}},
            "forms/fr/m-c",
        ),
        (
            "declare",
            '{"CorrelationId": "body"}',
            {"messageid": "m", "userProperties": {"Country": "it"}},
            "forms/it/m-body",
        ),
        ("track", "here", {"PartitionKey": "van-1", "SequenceNumber": 8}, "tracks/van-1/8"),
        ("on_event", EVENT, {}, "events/7/van"),
        ("find_tool", {"name": "find", "arguments": {"parcel": "p1"}}, {}, "tools/p1"),
    ],
)
def test_a_target_follows_from_metadata_and_body(operations, name, data, metadata, target):
    """Metadata by name in any case, nested members by their path, and a body before metadata name the target."""
    operations.trigger(name, data, metadata=metadata)
    assert targets(operations) == [target]


@pytest.mark.parametrize(
    "metadata",
    [
        {"BlobTrigger": "scans/north/1/a.b.png"},
        {"depot": "north/1", "parcel": "a.b", "kind": "png"},
        {"Uri": "https://store.example/scans/north/1/a%2Eb.png"},
    ],
)
def test_a_blob_gives_the_parts_of_its_path(operations, metadata):
    """The trigger's path is matched greedily; path, URL and parts are three ways to name the same; `{{` is a brace."""
    assert operations.written("archive/north/1/a.b-png/{raw}") == []
    operations.give("routes/north/1.json", "route 66")
    operations.trigger("archive_scan", b"\x00", metadata=metadata)
    [output] = operations.outputs()
    assert (output.target, output.value) == ("archive/north/1/a.b-png/{raw}", "scans/north/1/a.b.png by route 66")
    assert operations.written("archive/north/1/a.b-png/{raw}") == [output.value]


@pytest.mark.parametrize("path", ["scans/alone.png", "other/north/1.png", "1.png"])
def test_a_blob_that_the_trigger_does_not_fire_for_is_an_error(operations, path):
    """A path of another form would run nothing in Azure."""
    with pytest.raises(UsageError, match=r"does not fit the trigger's path 'scans/\{depot\}/\{parcel\}\.\{kind\}'"):
        operations.trigger("archive_scan", "", metadata={"BlobTrigger": path})


def test_a_message_names_the_blob_that_is_read(operations):
    """`{queueTrigger}` is the text of the message, also in the name that a test gives a value for."""
    operations.give("parcels/p7", "a book")
    operations.trigger("look_up", "p7", metadata={"DequeueCount": 3})
    assert operations.written("answers-3") == ["a book"]


def test_a_request_names_the_target(operations):
    """Route, query, headers and the members of the body are values; the query comes before the body."""
    path = "/api/parcels/9?size=big&code=secret"
    body = {"sender": {"name": "Ann"}, "size": "from the body", "id": "from the body"}
    assert operations.request("POST", path, body, headers={"X-Customer": "c1"}).status == 200
    assert targets(operations) == ["labels/9/big/c1/Ann-big"]


def test_a_request_by_hand_has_query_and_headers(operations):
    """Metadata of an HTTP function are its route's parameters, and its query and headers by these names."""
    metadata = {"id": 9, "Query": {"size": "s"}, "Headers": {"X-Customer": "c2"}}
    operations.trigger("print_label", {"sender": {"name": "Bo"}}, metadata=metadata)
    assert targets(operations) == ["labels/9/s/c2/Bo-s"]


def test_a_request_without_a_value_is_named(operations):
    """The expression stays, and the log says that the request lacks it."""
    assert operations.request("POST", "/api/parcels/10?size=s", {"sender": {"name": "x"}}).status == 200
    assert targets(operations) == ["labels/10/s/{headers.x-customer}/x-s"]
    log = operations.stack.log_path.read_text()
    assert "Function 'print_label', output 'label': The request has no value for {headers.x-customer}" in log


def test_what_needs_no_trigger_is_made_up(operations):
    """Times and GUIDs have formats, and the function's name is a value."""
    before = datetime.now(UTC)
    operations.trigger("report")
    _lost, written = targets(operations)
    days = "|".join(f"{moment:%Y-%m-%d}" for moment in (before, datetime.now(UTC)))
    assert re.fullmatch(rf"report/({days})/[0-9a-f]{{32}}/\d\d", written), written


def test_an_output_without_a_value_is_named_with_the_way_out(operations):
    """Expressions that nothing brings stay in the target; the log names them and shows metadata that would do."""
    operations.trigger("report")
    assert targets(operations)[0] == "lost-{parcel}-{UserProperties.country}"
    log = operations.stack.log_path.read_text()
    assert "brings no value for {parcel}, {UserProperties.country}: in Azure the invocation fails" in log
    assert 'operations.trigger(…, metadata={"parcel": "…", "UserProperties": {"country": "…"}})' in log


def test_an_input_without_a_value_names_the_expression(operations):
    """The failure states both ways out: a value for the input, and one for the expression."""
    with pytest.raises(
        AssertionError, match=r'operations\.give\("route", …\)\. The trigger brings no value for \{depot\}'
    ):
        operations.trigger("archive_scan", "")


def test_an_activity_names_its_instance(operations):
    """`{instanceId}` is the instance that called an activity, `{data}` its input, also by the input's own members."""
    assert_completed(operations.start("/api/deliver/d-1"))
    assert targets(operations) == ["receipts/d-1/Cy/Cy"]
    operations.trigger("sign", {"by": {"name": "Di"}}, metadata={"instanceId": "by-hand"})
    assert targets(operations)[1:] == ["receipts/by-hand/Di/Di"]


def test_what_chooses_a_document_needs_values_too(operations):
    """With a given value the function runs; the log names what the request lacks, and only that."""
    operations.give("owners", "Eve")
    assert operations.request("GET", "/api/owners/1?land=fr").body == b"owner: Eve"
    message = "Function 'owner', input 'owner': The request has no value for"
    assert message not in operations.stack.log_path.read_text()
    assert operations.request("GET", "/api/owners/1").body == b"owner: Eve"
    assert f"{message} {{Query.land}}: in Azure the invocation fails." in operations.stack.log_path.read_text()
