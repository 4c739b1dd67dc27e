"""Bodies and values at the edges of the host's own endpoints."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from durable_harness.errors import ConfigurationError
from durable_harness.host.app.models import script_of
from durable_harness.host.app.routes import refused_routes
from durable_harness.host.durable_http import measuring_endpoint
from durable_harness.host.durable_http.status_json import history_events
from durable_harness.host.payload_encoding import entity_input, parse_or_text
from durable_harness.protocol import RpcError, RpcStatus
from history_events import event


class Scheduler:
    """Measures nothing, or fails."""

    def __init__(self, error=None):
        self.error = error
        self.asked = []

    async def measure_instances(self, ids):
        self.asked.append(ids)
        if self.error is not None:
            raise self.error
        return {}


def measure(body, error=None):
    scheduler = Scheduler(error)
    answer = asyncio.run(measuring_endpoint.measure_operations(scheduler, body, ["near a limit"]))
    return answer.status, json.loads(answer.body), scheduler.asked


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "The body is not JSON; expected a JSON object"),
        (b"[" * 100_000, "The body is not JSON; expected a JSON object"),
        (b"[]", '"ids" is not a list of texts'),
        (b'{"ids": [3]}', '"ids" is not a list of texts'),
        (b'{"ids": []}', '"ids" has 0 items'),
        (b" " * (measuring_endpoint.MAX_BODY_BYTES + 1), "bytes; expected a JSON object"),
    ],
)
def test_ids_to_measure_are_checked(body, message):
    """What is no list of ids is 400 with what is expected, and nothing is measured."""
    status, document, asked = measure(body)
    assert (status, asked) == (400, [])
    assert message in document["error"]


def test_each_id_is_measured_once():
    """Repeated ids, and those that no instance can have, are not asked for."""
    status, document, asked = measure(json.dumps({"ids": ["a", "\ud800", "a", "b"]}).encode())
    assert (status, asked, document["operations"]) == (200, [["a", "b"]], {})
    assert document["warnings"] == ["near a limit"]


def test_a_scheduler_that_measures_nothing_is_502():
    """The status and the message of the scheduler are in the answer."""
    status, document, _ = measure(b'{"ids": ["a"]}', RpcError(RpcStatus.UNAVAILABLE, "gone"))
    assert status == 502
    assert document["error"].endswith("gone")


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        (None, None),
        ("", ""),
        ("  ", ""),
        ("[1]", [1]),
        ("plain", "plain"),
        ("[" * 5000 + "]" * 5000, "[" * 5000 + "]" * 5000),
    ],
)
def test_a_stored_payload_is_json_or_text(stored, value):
    """What cannot be read, or not be written again, is shown as the text that it is."""
    assert parse_or_text(stored) == value


@pytest.mark.parametrize(("stored", "text"), [(None, "null"), ("null", "null"), ("3", '"3"')])
def test_an_entity_has_its_input_as_json_text(stored, text):
    """An operation without an input has null, any other one a JSON string that holds JSON."""
    assert entity_input(stored) == text


def test_an_outcome_without_its_request_is_shown():
    """A history whose beginning is not there has the outcome alone, without a name."""
    done = event(2, taskCompleted={"taskScheduledId": 7, "result": {"value": "1"}})
    (row,) = history_events([done], show_input=True, show_output=True)
    assert (row["EventType"], row["Result"], "FunctionName" in row) == ("TaskCompleted", 1, False)


def test_an_outcome_is_shown_with_its_request():
    """The row of a request goes into that of its outcome, with the input and the time of its scheduling."""
    asked = event(1, 7, taskScheduled={"name": "pay", "input": {"value": "2"}})
    done = event(2, taskFailed={"taskScheduledId": 7, "failureDetails": {"errorMessage": "no money"}})
    (row,) = history_events([asked, done], show_input=True, show_output=False)
    assert (row["FunctionName"], row["Input"], row["Reason"], "Result" in row) == ("pay", 2, "no money", False)


@pytest.mark.parametrize("name", ["", "main.py"])
def test_a_script_may_have_another_name(monkeypatch, tmp_path, name):
    """The variable of Azure names the script; without it the usual one is meant."""
    monkeypatch.setenv("PYTHON_SCRIPT_FILE_NAME", name)
    assert script_of(tmp_path) == tmp_path / (name or "function_app.py")


@pytest.mark.parametrize("name", ["../main.py", "main", "-x.py"])
def test_a_script_is_a_python_file_of_the_app(monkeypatch, tmp_path, name):
    """A name that Azure does not take is an error of the environment."""
    monkeypatch.setenv("PYTHON_SCRIPT_FILE_NAME", name)
    with pytest.raises(ConfigurationError, match="is not the name of a Python file"):
        script_of(tmp_path)


def http(name, route=None, methods=None):
    trigger = {"route": route, "methods": methods, "type": "httpTrigger"}
    return SimpleNamespace(name=name, trigger=trigger, trigger_type="httpTrigger", methods=tuple(methods or ()))


def refused(*functions):
    """Return the names of the functions whose routes are refused."""
    return [one.name for one in refused_routes(functions, "function_app.py")]


def test_of_two_equal_routes_the_first_name_keeps_it():
    """Routes are the same in any case; with methods of their own, or of another trigger, functions do not conflict."""
    assert refused(http("b", "Orders"), http("a", "orders")) == ["b"]
    assert refused(http("a", "orders", ["GET"]), http("b", "orders", ["POST"])) == []
    assert refused(http("a", "orders", ["GET"]), http("b", "orders", ["GET", "POST"])) == ["b"]
    assert refused(http("a", "orders", ["GET"]), http("b", "orders")) == ["b"]
    assert refused(http("a", "orders"), SimpleNamespace(name="b", trigger={}, trigger_type="queueTrigger")) == []


@pytest.mark.parametrize("route", ["admin", "Admin/x", "runtime/x"])
def test_a_reserved_route_is_refused(route):
    """Routes that begin as the host's own are never served."""
    assert refused(http("a", route)) == ["a"]
