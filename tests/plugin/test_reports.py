"""What a failed assertion reports: one run of failing tests, and what the report of each must contain."""

import json
import re
from pathlib import Path

import pytest

APP = Path(__file__).parent / "app"
TESTS = """
import pytest
from durable_harness.testing import assert_called_once, assert_completed, assert_failed, assert_history

def test_right(operations, base_url, durable_stack, durable_history):
    operation = operations.start_orchestrator("greeting", "Ada", instance_id="right")
    assert assert_completed(operation, output={"said": "Hello, Ada!"}) == {"said": "Hello, Ada!"}
    assert_called_once(operation, "say_hello")
    assert_history(operation, ["ExecutionStarted", "TaskCompleted say_hello", "ExecutionCompleted"])
    assert durable_history("right") == operation.history()
    assert base_url == durable_stack.base_url

def test_right_failure(operations):
    assert "no luck" in assert_failed(operations.start_orchestrator("failing", "no luck"), match="no l.ck")

def test_event(operations):
    operation = operations.start_orchestrator("approval")
    operation.wait_for("Running")
    operation.raise_event("approved", {"by": "Ada"})
    assert_completed(operation, output={"by": "Ada"})

def test_another_output(operations):
    assert_completed(operations.start_orchestrator("greeting", "Ada"), output={"said": "Hello, Bob!"})

def test_stuck_on_event(operations):
    assert_completed(operations.start_orchestrator("approval", instance_id="stuck-1"), timeout_s=0.3)

def test_stuck_on_timer(operations):
    assert_completed(operations.start_orchestrator("nap"), timeout_s=0.3)

def test_stuck_in_child(operations):
    assert_completed(operations.start_orchestrator("family", instance_id="parent"), timeout_s=0.4)

def test_stuck_in_named_child(operations):
    assert_completed(operations.start_orchestrator("named_family", instance_id="named"), timeout_s=0.4)

def test_stuck_when_suspended(operations):
    operation = operations.start_orchestrator("approval")
    operation.suspend()
    operation.wait_for("Suspended")
    operation.wait(0.2)

def test_failed_instead(operations):
    assert_completed(operations.start_orchestrator("failing", "no luck"))

def test_another_reason(operations):
    assert_failed(operations.start_orchestrator("failing", "no luck"), match="no time")

def test_completed_instead(operations):
    assert_failed(operations.start_orchestrator("greeting", "Ada"))

def test_called_twice(operations):
    assert_called_once(operations.start_orchestrator("greeting_twice"), "say_hello")

def test_another_history(operations):
    operation = operations.start_orchestrator("greeting", "Ada")
    assert_history(operation, ["ExecutionStarted greeting", "TimerFired", "ExecutionCompleted"])

def test_refused(operations):
    operations.start_orchestrator("nobody")

def test_unknown_history(durable_history):
    durable_history("nobody")

def test_wrong_state(operations):
    operations.start_orchestrator("greeting", "Ada").wait_for("Suspended", 5)

def test_long(operations):
    operation = operations.start_orchestrator("long_story", instance_id="long")
    assert_completed(operation, timeout_s=1.5)

def test_crowd(operations):
    assert_completed(operations.start_orchestrator("crowd", instance_id="crowd"), timeout_s=0.5)

def test_never_suspended(operations):
    operations.start_orchestrator("approval").wait_for("Suspended", 0.2)

def test_server_error(operations):
    operations.request("GET", "/api/pay/7?code=secret")
    assert operations.request("GET", "/api/pay/8").status == 200

def test_start_of_a_broken_function(operations):
    operations.start("/api/pay/9")

def test_unwilling(operations):
    assert operations.request("GET", "/api/unwilling").status == 200

def test_right_server_error(operations):
    assert operations.request("GET", "/api/pay/10").status == 500

def test_host_hung(operations, durable_stack):
    import os, signal
    operation = operations.start_orchestrator("approval")
    os.kill(durable_stack.pid, signal.SIGSTOP)
    try:
        operation.wait(0.3)
    finally:
        os.kill(durable_stack.pid, signal.SIGCONT)

def test_host_gone(operations, durable_stack):
    import os, signal
    operation = operations.start_orchestrator("approval")
    os.kill(durable_stack.pid, signal.SIGKILL)
    operation.wait(3600)

def test_after_the_host(operations):
    operations.request("GET", "/api/anything")
"""


@pytest.fixture(scope="module")
def outcome(new_inner, tmp_path_factory):
    """Return one run of tests that fail on purpose."""
    inner = new_inner(tmp_path_factory.mktemp("reports"))
    return inner.write("test_reports.py", TESTS).run(f"--app-dir={APP}")


def report(outcome, name):
    """Return the lines of a failure's message, as the reader sees them."""
    text = outcome.failure(f"{name}[embedded]")
    lines = text.splitlines()
    assert len(lines) <= 60, text
    return "\n".join(line.removeprefix("E").strip() for line in lines if line.startswith("E "))


def test_what_is_right_passes(outcome):
    """Assertions that hold pass, and the run's report names the stack."""
    passed = ("test_right", "test_right_failure", "test_event", "test_right_server_error")
    assert all(len(outcome.cases[f"{name}[embedded]"].findall("failure")) == 0 for name in passed), outcome.output
    assert (outcome.code, outcome.count("failure")) == (1, len(outcome.cases) - len(passed))
    assert outcome.stacks() == {"embedded"}


def test_another_output_is_shown_where_it_differs(outcome):
    """A wrong output names the place in it, what was expected there and what came, and shows the history."""
    reported = report(outcome, "test_another_output")
    assert 'expected output.said: "Hello, Bob!"' in reported
    assert 'got      output.said: "Hello, Ada!"' in reported
    assert re.search(r"TaskCompleted +say_hello", reported)


@pytest.mark.parametrize(
    ("name", "instance", "cause"),
    [
        (
            "test_stuck_on_event",
            "approval has not ended after 0.3 s (Running); instance stuck-1",
            "external event 'appr",
        ),
        ("test_stuck_on_timer", "nap has not ended after 0.3 s (Running); instance ", "timer: fires in 1 h 0 min"),
        (
            "test_stuck_in_child",
            "family has not ended after 0.4 s (Running); instance parent",
            "external event 'never'",
        ),
        ("test_stuck_in_named_child", "(Running); instance named", "timer: fires in 1 h 0 min"),
        ("test_stuck_when_suspended", "approval has not ended after 0.2 s (Suspended); instance", "its resumption"),
    ],
)
def test_a_stuck_operation_is_named_with_its_cause(outcome, name, instance, cause):
    """The first line of the report begins with what is waited for, and says who is stuck, in which state."""
    first = report(outcome, name).splitlines()[0]
    assert first.startswith(f"durable_harness.testing.StuckOperationError: waits for {cause}")
    assert instance in first


@pytest.mark.parametrize(
    ("name", "parent", "child"),
    [
        ("test_stuck_in_child", "family parent Running", "child parent:"),
        ("test_stuck_in_named_child", "named_family named Running", "nap nap-of-named Running"),
    ],
)
def test_children_are_part_of_the_tree(outcome, name, parent, child):
    """The tree shows sub-orchestrations below their parent, whether their ids are the host's or the app's."""
    reported = report(outcome, name)
    assert (
        reported.index("instances:")
        < reported.index(parent)
        < reported.index(f"\n{child}")
        < reported.index("history of")
    )


def test_other_ends_are_reported_with_their_reason(outcome):
    """An operation that ended otherwise than expected shows how, and why."""
    assert "failing was expected to complete (Failed); instance " in report(outcome, "test_failed_instead")
    assert "no luck" in report(outcome, "test_failed_instead")
    assert "expected a match of: no time" in report(outcome, "test_another_reason")
    assert "greeting was expected to fail (Completed); instance " in report(outcome, "test_completed_instead")
    assert "has ended, and was expected to be Suspended" in report(outcome, "test_wrong_state")


def test_calls_and_events_are_counted(outcome):
    """A call too many is counted, and a history is compared event by event."""
    assert "called activity say_hello 2 times, expected once" in report(outcome, "test_called_twice")
    reported = report(outcome, "test_another_history")
    assert "has another history from event 2 on" in reported
    assert "expected: TimerFired" in reported
    assert "got:      TaskCompleted say_hello" in reported


def test_what_does_not_exist_is_reported(outcome):
    """A start that is refused shows the answer, an unknown instance is called unknown."""
    assert "nobody" in report(outcome, "test_refused")
    assert "400" in report(outcome, "test_refused")
    assert "There is no instance 'nobody'" in report(outcome, "test_unknown_history")


def test_many_children_are_shortened(outcome):
    """A fan-out of many stuck children keeps to the report's length, and the last line still names the file."""
    reported = report(outcome, "test_crowd")
    assert reported.count("more lines are in the file") >= 2
    content = json.loads(Path(reported.splitlines()[-1].removeprefix("everything as JSON: ")).read_text())
    assert len(content["instance"]["subOrchestrations"]) == 15


def test_a_state_that_does_not_come_is_reported(outcome):
    """Waiting for a state that does not come ends at the deadline, with the state that there is."""
    assert "approval was not Suspended in 0.2 s (Running)" in report(outcome, "test_never_suspended")


def test_a_host_that_has_ended_is_reported(outcome):
    """No test waits for a host that is gone: its report shows first how it ended, as later tests do."""
    ended = r"the host \(process \d+\) has ended \(killed by SIGKILL\)"
    reported = report(outcome, "test_host_gone")
    assert re.search(rf"StuckOperationError: {ended}; the operation has not ended", reported)
    after = report(outcome, "test_after_the_host")
    assert re.search(rf"GET /api/anything got no answer: {ended}; its log is /\S+\.log\. The next module", after)


def test_a_host_that_hangs_is_reported_in_time(outcome):
    """A host that takes requests and does not answer delays no test: the operation is named soon after."""
    reported = report(outcome, "test_host_hung")
    assert "has not ended after 0.3 s" in reported
    assert "its last poll: no answer: no whole answer in 1 s" in reported
    assert float(outcome.cases["test_host_hung[embedded]"].get("time")) < 10


def test_everything_is_in_the_file(outcome):
    """A long history is shortened in the report and whole in the file that it names, with the host's log beside it."""
    reported = report(outcome, "test_long")
    assert "more lines are in the file" in reported
    assert "the host's log ends" in reported
    content = json.loads(Path(re.search(r"everything as JSON: (\S+)", reported)[1]).read_text())
    assert len(content["instance"]["historyEvents"]) >= 20
    assert content["problem"].endswith("long_story has not ended after 1.5 s (Running); instance long")
    assert content["stack"]["name"] == "embedded"


def shown_of(outcome, name):
    """Return all that pytest prints about a failed test."""
    return re.search(rf"^_+ {name}\[embedded\] _+$(.*?)^[_=]{{4}}", outcome.output, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize(
    ("name", "amounts"), [("test_server_error", (7, 8)), ("test_start_of_a_broken_function", (9,))]
)
def test_a_server_error_is_shown_with_what_the_host_logged(outcome, name, amounts):
    """Whether a request or a start got 500: the traceback of the function that gave it is in the report, and no key."""
    shown = shown_of(outcome, name)
    assert "durable-harness: server errors of this test" in shown
    for amount in amounts:
        assert f" /api/pay/{amount} was answered with 500. The host logged meanwhile (" in shown
        assert f"Function 'pay' failed: KeyError: 'no account for {amount}'" in shown
    assert shown.count("in charge\n") >= len(amounts)
    assert "no account for 10" not in shown
    assert "secret" not in shown.partition("server errors of this test")[2]


def test_an_intended_server_error_is_reported(outcome):
    """Where nothing was logged meanwhile, the report says so."""
    shown = shown_of(outcome, "test_unwilling")
    assert "/api/unwilling was answered with 503. The host logged nothing meanwhile" in shown
