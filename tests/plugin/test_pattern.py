"""The Async HTTP API pattern as callers see it: one body for every stack that `--stack` names."""

import uuid

import pytest

from durable_harness.testing import assert_called_once, assert_completed, assert_history

START = "/api/async_http_api"
A_DAY_S = 24 * 60 * 60


@pytest.fixture
def running(operations):
    """Yield an operation that runs until a client terminates it."""
    operation = operations.start(START, {"operation_type": "long", "duration": A_DAY_S})
    yield operation
    if operation.poll().status == 202:
        operation.terminate("the test is over")


def test_a_start_is_accepted_with_its_urls(running):
    """A start answers 202 with the instance id, Location and the URLs that manage it."""
    assert running.answer.status == 202
    assert running.answer.headers["location"] == running.management_urls["statusQueryGetUri"]
    assert running.management_urls["id"] == running.instance_id


def test_an_operation_is_polled_to_its_output(operations):
    """Polls answer 202 while the operation runs, 200 with the exact output when it has ended."""
    data = {"order": 7, "note": "žito 🐎"}
    operation = operations.start(START, {"operation_type": "ordering", "duration": 0.3, "data": data})
    assert operation.poll().status == 202
    output = assert_completed(operation)
    assert operation.poll().status == 200
    assert (output["task"], output["result"], output["data"]) == ("ordering", "Success", data)


def test_the_work_is_called_once(operations):
    """The orchestration calls its one activity once, and its history has nothing else."""
    operation = operations.start(START, {"duration": 0})
    assert_called_once(operation, "process_long_running_task")
    assert_history(
        operation,
        [
            "ExecutionStarted async_http_orchestrator",
            "TaskCompleted process_long_running_task",
            "ExecutionCompleted",
        ],
    )


def test_the_apps_own_status_route_follows_it(operations, running):
    """GET status/{instanceId} answers 202 while the operation runs and 200 when it has been terminated."""
    route = f"/api/status/{running.instance_id}"
    assert operations.request("GET", route).status == 202
    running.terminate("enough")
    ended = running.wait()
    assert (ended["runtimeStatus"], ended["output"]) == ("Terminated", "enough")
    response = operations.request("GET", route)
    assert (response.status, response.json_object()["runtimeStatus"]) == (200, "Terminated")


def test_an_unknown_operation_is_not_found(operations):
    """An unknown id is a 404 that names it."""
    unknown = uuid.uuid4().hex
    answer = operations.request("GET", f"/api/status/{unknown}")
    assert answer.status == 404
    assert unknown in answer.json_object()["message"]


def test_what_cannot_be_accepted_is_refused(operations):
    """A body that is no operation is a 400 that names the field."""
    answer = operations.request("POST", START, {"duration": -1})
    assert (answer.status, answer.json_object()["field"]) == (400, "duration")


def test_an_operation_can_be_held_and_released(running):
    """A suspended operation says so until it is resumed, then it can be ended."""
    running.suspend()
    running.wait_for("Suspended")
    assert running.poll().status == 202
    running.resume()
    running.wait_for("Running")
    running.terminate("enough")
    assert running.wait()["runtimeStatus"] == "Terminated"


def test_the_history_of_any_instance_can_be_read(operations, durable_history):
    """The history of an instance is found by its id alone."""
    operation = operations.start(START, {"duration": 0})
    operation.wait()
    assert [row["EventType"] for row in durable_history(operation.instance_id)][-1] == "ExecutionCompleted"
