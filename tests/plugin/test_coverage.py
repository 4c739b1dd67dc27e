"""Coverage of an app under test: `pytest --cov` sees what its functions did in the host's process."""

import json
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough

APP = Path(__file__).parent / "app"
FUNCTION_APP = """\
import threading
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.orchestration_trigger(context_name="context")
def ordering(context):
    amount = context.get_input()
    if amount > 100:
        yield context.call_activity("ask", amount)
    return (yield context.call_activity("take", amount))


@app.activity_trigger(input_name="amount")
async def ask(amount: int) -> bool:
    return amount < 1000


@app.activity_trigger(input_name="amount")
def take(amount: int) -> str:
    if amount:
        return "taken"
    return "nothing"


@app.orchestration_trigger(context_name="context")
def holding(context):
    return (yield context.call_activity("hold", context.get_input()))


@app.activity_trigger(input_name="path")
def hold(path: str) -> str:
    Path(path).touch()
    threading.Event().wait()
    return "never"
"""
TESTS = """
import time
from pathlib import Path

import pytest
from durable_harness.testing import assert_completed


@pytest.mark.parametrize("amount", [5, 0])
def test_small_orders(operations, amount):
    assert_completed(operations.start_orchestrator("ordering", amount))


def test_a_thread_is_held_when_the_host_is_told_to_stop(operations, tmp_path):
    operations.start_orchestrator("holding", str(tmp_path / "held"))
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
"""
COVERAGE = ("-p", "pytest_cov", "--cov=.", "--cov-branch", "--cov-report=json:coverage.json")


@pytest.fixture
def covered(inner):
    """Return the running of the tests of an app: how that ended, and what was measured of the app."""
    for name in ("host.json", "local.settings.json"):
        shutil.copy(APP / name, inner.folder)
    inner.write("function_app.py", FUNCTION_APP).write("test_it.py", TESTS)

    def run(*arguments):
        outcome = inner.run(*arguments)
        assert outcome.code == 0, outcome.output
        report = inner.folder / "coverage.json"
        return json.loads(report.read_text())["files"]["function_app.py"] if report.exists() else None

    return run


def line(text):
    """Return the number of the line that holds a text."""
    return next(number for number, line in enumerate(FUNCTION_APP.splitlines(), 1) if text in line)


@pytest.mark.parametrize("arguments", [("-n", "2"), ("-p", "no:xdist")], ids=["parallel", "alone"])
def test_branches_of_the_app_are_covered(covered, inner, arguments):
    """What orchestrators and activities ran is covered, what they did not is missing, also where a thread is held."""
    seen = covered(*COVERAGE, *arguments)
    assert seen["missing_lines"] == [line('"ask", amount'), line("amount < 1000"), line('"never"')]
    assert seen["missing_branches"] == [[line("amount > 100"), line('"ask", amount')]]
    assert [line("if amount:"), line('"taken"')] in seen["executed_branches"]
    assert [line("if amount:"), line('"nothing"')] in seen["executed_branches"]
    assert line("Event().wait") in seen["executed_lines"]
    assert [file.name for file in inner.folder.glob(".coverage*")] == [".coverage"]


def test_nothing_is_measured_unasked(covered, inner):
    """Without --cov the host's process knows nothing of coverage, and no file is written."""
    inner.write(
        "test_it.py",
        "from pathlib import Path\n\ndef test_environment(durable_stack):\n"
        "    assert b'COVERAGE_' not in Path(f'/proc/{durable_stack.pid}/environ').read_bytes()\n",
    )
    assert covered() is None
    assert list(inner.folder.glob(".coverage*")) == []
