"""What a host of ours answers about its operations, and what becomes of a record by it."""

import json

import pytest

from durable_harness.operations import HostMeasurement, HttpResponse, OperationRecord
from durable_harness.operations.measurement import is_measuring_host, question, read_measurements

SECOND_NS = 1_000_000_000
ROW = {
    "createdNs": 100 * SECOND_NS,
    "begunNs": 101 * SECOND_NS,
    "endedNs": 103 * SECOND_NS + 500_000,
    "costs": {"actions": {"activity": 2, "result": 2}, "replayedEvents": 12, "payloadBytes": 834},
}


def answer(value, status=200):
    """Make an answer with a JSON body."""
    return HttpResponse(status, {}, json.dumps(value).encode())


def record(**fields):
    """Make the record of an operation whose service gave its end in whole seconds."""
    known = {"server_updated_epoch_s": 103.0, "server_update_is_coarse": True, "server_clock": "service"}
    return OperationRecord("token", 90.0, 0.0, **{**known, **fields})


@pytest.mark.parametrize(
    ("status", "body", "measures"),
    [
        (200, {"versionDetails": "durable-harness", "state": "Running"}, True),
        (200, {"versionDetails": "4.1036.3.0"}, False),
        (200, ["durable-harness"], False),
        (401, {"versionDetails": "durable-harness"}, False),
    ],
)
def test_a_host_of_ours_is_known_by_its_version_details(status, body, measures):
    """No other service is asked what operations took."""
    assert is_measuring_host(answer(body, status)) is measures


def test_the_question_has_the_ids():
    """Ids are asked for as they are, in a list."""
    assert json.loads(question(["a", "b/ü"])) == {"ids": ["a", "b/ü"]}


def test_a_measurement_replaces_what_the_service_reports():
    """Times are the scheduler's, finer than seconds, and costs are known."""
    known = read_measurements(answer({"measuredBy": "durable-harness", "operations": {"a": ROW}}))
    measured = record()
    known["a"].apply(measured)
    assert (measured.server_clock, measured.server_update_is_coarse) == ("scheduler", False)
    assert measured.execution_ms == pytest.approx(2000.5)
    assert measured.server_completion_ms == pytest.approx(3000.5)
    assert (measured.actions, measured.replayed_events, measured.payload_bytes) == (ROW["costs"]["actions"], 12, 834)


def test_invalid_measurements_leave_the_services_own_times():
    """A scheduler whose clock was moved gives no times; what the service reports stays, and costs are known."""
    moved = {**ROW, "createdNs": None, "begunNs": None, "endedNs": None}
    measured = record()
    read_measurements(answer({"operations": {"a": moved}}))["a"].apply(measured)
    assert (measured.server_updated_epoch_s, measured.server_clock) == (103.0, "service")
    assert measured.payload_bytes == 834


def test_costs_that_are_not_known_are_none():
    """Null costs are none of zero."""
    known = read_measurements(answer({"operations": {"a": {**ROW, "costs": None}}}))
    assert (known["a"].actions, known["a"].replayed_events, known["a"].payload_bytes) == (None, None, None)


@pytest.mark.parametrize(
    ("status", "body"), [(404, {"operations": {}}), (200, {"operations": []}), (200, ["a"]), (500, None)]
)
def test_what_is_no_answer_to_the_question_is_none(status, body):
    """Only a success with a table of operations is read."""
    assert read_measurements(answer(body, status)) is None


def test_rows_of_another_form_measure_nothing():
    """Whatever is not of the agreed form is left out, one row at a time."""
    rows = {"a": {"createdNs": "soon", "endedNs": True, "costs": 7}, "b": 5, "c": ROW}
    known = read_measurements(answer({"operations": rows}))
    assert known.keys() == {"a", "c"}
    assert known["a"] == HostMeasurement()
