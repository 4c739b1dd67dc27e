"""What the calls of `operations` return, as the documentation says, and what a run reports without an app or logs."""

from pathlib import Path

import pytest

FAILS = """
import pytest


def test_it(operations):
    assert operations.request("GET", "/api/fail").status == 200
"""
CONFIGURES_LOGGING = """
import logging.config

import azure.functions as func

handlers = {"nowhere": {"class": "logging.NullHandler"}}
logging.config.dictConfig({"version": 1, "handlers": handlers, "root": {"handlers": ["nowhere"]}})
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("fail")
def fail(req): raise ValueError("no stock")
"""


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app of the reports' tests."""
    return Path(__file__).parent / "app"


def test_wait_returns_the_status(operations):
    """It is a dict with the members of the durable HTTP API, values being JSON values."""
    operation = operations.start_orchestrator("greeting", "Ada")
    status = operation.wait(timeout_s=20)
    assert (status["name"], status["instanceId"]) == ("greeting", operation.instance_id)
    assert (status["runtimeStatus"], status["input"]) == ("Completed", "Ada")
    assert set(status["output"]) == {"said"}
    assert status["customStatus"] is None
    assert status["createdTime"] <= status["lastUpdatedTime"]
    assert operation.status() == operation.wait_for("Completed") == status
    assert operation.history()[0]["EventType"] == "ExecutionStarted"
    assert "terminatePostUri" in operation.management_urls


def test_request_returns_an_answer(operations):
    """It has status, headers and body, whatever the status, and the body as JSON if it is."""
    answer = operations.request("GET", "/admin/host/status")
    assert (answer.status, answer.is_success) == (200, True)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json_object() == answer.json_value()
    missing = operations.request("GET", "/api/nowhere")
    assert (missing.status, missing.body, missing.json_value()) == (404, b"", None)


def test_a_server_error_has_its_reason_at_any_log_level(inner, tmp_path):
    """An app that configures logging does not keep the host's error out of the report."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "function_app.py").write_text(CONFIGURES_LOGGING)
    (folder / "host.json").write_text('{"version": "2.0"}')
    outcome = inner.write("test_it.py", FAILS).run(f"--app-dir={folder}")
    assert "Function 'fail' failed: ValueError: no stock" in outcome.output


def test_a_folder_without_an_app_names_pytests_option(inner, tmp_path):
    """The message names the option that a run of pytest has."""
    folder = tmp_path / "empty"
    folder.mkdir()
    assert "pytest: --app-dir" in inner.write("test_it.py", FAILS).run(f"--app-dir={folder}").output
