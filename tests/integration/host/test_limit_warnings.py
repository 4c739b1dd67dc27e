"""A host warns before an app reaches a limit: in its log, and where load runs ask it what operations cost."""

import pytest

from durable_harness.stack import embedded_stack

CODE = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.orchestration_trigger(context_name="context")
def counts(context):
    for number in range(context.get_input()):
        yield context.call_activity("echo", number)
    return "counted"

@app.orchestration_trigger(context_name="context")
def carries(context):
    context.set_custom_status("s" * 5000)
    return len((yield context.call_activity("echo", "x" * 600_000)))

@app.activity_trigger(input_name="value")
def echo(value):
    return value

@app.entity_trigger(context_name="context")
def keeps(context):
    context.set_state("x" * 600_000)
"""
WEBHOOKS = "/runtime/webhooks/durabletask"
MEASURING = "/admin/durable-harness/operations"


@pytest.fixture
def stack(tmp_path):
    """Yield an app that comes near the limits."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "function_app.py").write_text(CODE)
    (folder / "host.json").write_text('{"version": "2.0"}')
    with embedded_stack(folder, log_path=tmp_path / "log") as running:
        yield running


@pytest.fixture
def run(stack, http):
    """Return a function that runs an orchestrator to its end and returns its output."""
    url = f"{stack.base_url}{WEBHOOKS}/orchestrators"
    return lambda name, given: http.post(f"{url}/{name}?timeout=60&pollingInterval=1", json=given).json()


def warnings(stack, http):
    """Return what the host warns of, as load runs learn it."""
    return http.post(f"{stack.base_url}{MEASURING}", json={"ids": ["none"]}).json()["warnings"]


def test_a_long_history_is_warned_of_once(stack, http, run, wait_until):
    """Past 1,000 events the log and the reports name the orchestrator, the events and what a replay of them takes."""
    assert run("counts", 100) == "counted"
    assert warnings(stack, http) == []
    for _ in range(2):
        assert run("counts", 360) == "counted"
    (warning,) = warnings(stack, http)
    assert warning.startswith("Orchestrator 'counts': a history of 1,00")
    assert " ms here" in warning
    wait_until(lambda: warning in stack.log_path.read_text(), "the warning in the log")
    assert stack.log_path.read_text().count(warning) == 1


def test_large_payloads_and_statuses_are_warned_of(stack, http, run, wait_until):
    """A payload over half of 1 MB and a custom status over half of 16 KB are warned of, for each function."""
    assert run("carries", None) == 600_000
    http.post(f"{stack.base_url}{WEBHOOKS}/entities/keeps/1?op=set")
    wait_until(lambda: len(warnings(stack, http)) == 4, "four warnings")
    found = warnings(stack, http)
    assert {warning.split(",")[0].split(" has ")[0] for warning in found} == {
        "Orchestrator 'carries': a custom status of 10",
        "Function 'carries': the input of an activity that it calls",
        "Function 'echo': its input",
        "Function 'keeps': its state",
    }
    # A warning is known to load runs before its line is in the log, which a thread of the host writes.
    wait_until(lambda: all(warning in stack.log_path.read_text() for warning in found), "each warning in the log")
    log = stack.log_path.read_text()
    assert {warning: log.count(warning) for warning in found} == dict.fromkeys(found, 1)
