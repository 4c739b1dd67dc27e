"""How a failed test begins: what happened and where; nothing that a user needs is cut."""

import re
from pathlib import Path

import pytest

APP = Path(__file__).parents[1] / "apps" / "mishaps"
WEIGHS = "depot/scales.py:8"
TESTS = """
from durable_harness.testing import assert_completed, assert_failed

def test_activity(operations):
    assert_completed(operations.start("/api/orders", {"id": 7}))

def test_in_child(operations):
    assert_completed(operations.start_orchestrator("parent"))

def test_own(operations):
    assert_completed(operations.start_orchestrator("own_failure"))

def test_recovered(operations):
    assert_completed(operations.start_orchestrator("recovers"))

def test_misspelt_event(operations):
    operation = operations.start_orchestrator("approval", instance_id="hangs")
    operation.wait_for("Running")
    operation.raise_event("approved", {"by": "Ada"})
    assert_completed(operation, timeout_s=1)

def test_event_of_a_child(operations):
    assert_completed(operations.start_orchestrator("waiting_parent"), timeout_s=1)

def test_misspelt_route(operations):
    operations.start("/api/order", {"id": 7})

def test_wrong_method(operations):
    operations.start("/api/orders/7/x", {"id": 7})

def test_route_asked_for(operations):
    assert operations.request("GET", "/api/order").status == 200

def test_own_assertion(operations):
    operation = operations.start_orchestrator("echoes", {"before": "", "text": "six"}, instance_id="asserted")
    assert operation.wait()["output"]["text"] == "seven"

def test_unknown_orchestrator(operations):
    operations.start_orchestrator("nobody")

def test_ended(operations):
    operation = operations.start_orchestrator("own_failure", instance_id="over")
    operation.wait()
    operation.raise_event("approval")

def test_long_output(operations):
    operation = operations.start_orchestrator("echoes", {"before": "b" * 300, "text": "a" * 300})
    assert_completed(operation, output={"before": "b" * 300, "text": "a" * 299 + "c"})
"""


@pytest.fixture(scope="module")
def outcome(new_inner, tmp_path_factory):
    """Return one run of tests that fail on purpose."""
    inner = new_inner(tmp_path_factory.mktemp("explained"))
    return inner.write("test_explained.py", TESTS).run(f"--app-dir={APP}")


def report(outcome, name):
    """Return the lines of a failure's message, as the reader sees them."""
    text = outcome.failure(f"{name}[embedded]")
    assert len(text.splitlines()) <= 60, text
    return [line.removeprefix("E").strip() for line in text.splitlines() if line.startswith("E ")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("test_activity", rf"KeyError 'weight_kg' in ship \({WEIGHS}\); ship_order was expected to complete"),
        ("test_in_child", rf"KeyError 'weight_kg' in ship \({WEIGHS}\); parent was expected to complete"),
        ("test_own", r"NoCourierError: nobody drives today in own_failure \(function_app\.py:\d+\); own_failure was"),
        ("test_recovered", r"NoCourierError: a second reason in recovers \(function_app\.py:\d+\); recovers was"),
    ],
)
def test_a_failure_begins_with_error_function_and_place(outcome, name, message):
    """The first line has the error, the function and the line, whichever activity or child it was; the ID is last."""
    first = report(outcome, name)[0]
    assert re.match(f"AssertionError: {message}", first), first
    assert re.search(r"\(Failed\); instance [\w:-]+$", first), first


def test_the_users_own_frames_are_in_the_report(outcome):
    """The app's frames of the error are shown, the last of them with its code."""
    lines = report(outcome, "test_in_child")
    assert 'return order["weight_kg"] * 1000' in lines
    assert any(line.startswith('File "') and line.endswith(", in ship") for line in lines)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("test_in_child", ["ship_order", "weight_kg", "depot/scales.py"]), ("test_misspelt_event", ["approval", "Ada"])],
)
def test_a_failed_test_leaves_a_page(outcome, name, shown):
    """The page stays when the host has gone: the instance and its children, in one file that asks no server."""
    (line,) = [line for line in report(outcome, name) if line.startswith("everything as a page: ")]
    page = Path(line.removeprefix("everything as a page: ")).read_text()
    assert all(word in page for word in shown)
    assert not re.search(r'(?:href|src)="(?!#|data:)', page)


def test_an_assertion_of_the_test_s_own_leaves_a_page(outcome):
    """Whatever failed, what the test has started can be looked at; a report that has its page gets no second one."""
    sections = re.findall(
        r"^-+ durable-harness: pages of what this test has started -+\n(.*)", outcome.output, re.MULTILINE
    )
    pages = dict(re.fullmatch("instance (\\S+): (.*)", line).groups() for line in sections)
    assert "six" in Path(pages.pop("asserted")).read_text()
    assert pages.keys() <= {"over"}, "an event for an ended instance is no report of its own either"


def test_a_hang_names_the_event_and_the_one_that_came(outcome):
    """The event that is waited for is named with its line, and the one that came under another name."""
    first = report(outcome, "test_misspelt_event")[0]
    message = r"StuckOperationError: waits for external event 'approval' \(function_app\.py:\d+\): has not come \(for"
    assert re.search(message, first), first
    assert "'approved' came, and nothing waits for it" in first
    assert first.endswith("approval has not ended after 1 s (Running); instance hangs")


def test_a_hang_of_a_child_names_its_event(outcome):
    """What the child waits for is the cause, named with the child."""
    first = report(outcome, "test_event_of_a_child")[0]
    assert "waits for external event 'approval'" in first
    assert "(in approval child-of-" in first


def test_a_misspelt_route_lists_the_routes(outcome):
    """A start at a route that is not there names the one that was probably meant, and all that there are."""
    lines = report(outcome, "test_misspelt_route")
    assert lines[0].startswith("AssertionError: POST /api/order: the app has no such route (404).")
    assert "Did you mean POST /api/orders?" in lines[0]
    assert "POST /api/orders" in lines[1:]
    assert "(any method) /api/orders/{number:int}" in lines[1:]


def test_a_request_of_a_misspelt_route_lists_them_too(outcome):
    """An answer is the test's own to judge; if that fails, its report has the routes."""
    [section] = re.findall(r"^-+ durable-harness: .* -+\n((?:.|\n)*?)^[_=-]", outcome.output, re.MULTILINE)[:1]
    assert "GET /api/order: the app has no such route (404)." in section


def test_known_names_are_whole(outcome):
    """An orchestrator that is not there is refused with all names that there are."""
    text = " ".join(report(outcome, "test_unknown_orchestrator"))
    for name in ("ship_order", "waiting_parent", "approval_in_time", "echoes"):
        assert f"'{name}'" in text


def test_an_event_for_an_ended_instance_shows_how_it_ended(outcome):
    """The state, the time and the output are in the message, the ID last."""
    [line] = report(outcome, "test_ended")
    assert line.startswith("AssertionError: own_failure has ended, Failed at 20")
    assert "nobody drives today" in line
    assert line.endswith(": nothing takes raiseEvent/approval any longer; instance over")


def test_what_differs_is_whole_and_cut_only_in_the_headline(outcome):
    """Both values are whole below; the first line has their beginnings and ends."""
    lines = report(outcome, "test_long_output")
    assert re.match(r"AssertionError: output\.text is \"a+ … \d+ more characters … a+\", expected \"a+ … ", lines[0])
    assert f'expected output.text: "{"a" * 299}c"' in lines
    assert f'got      output.text: "{"a" * 300}"' in lines


BROKEN = {
    "syntax": (
        "import logging\n\nlog = logging.getLogger(\n",
        "    log = logging.getLogger(\n                           ^",
    ),
    "missing": ("import logging\nimport no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
    "raises": ("import logging\nx = {}\ny = x['a'] + 1\n", "    y = x['a'] + 1\n        ~^^^^^"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_an_app_that_does_not_import_is_reported_once(inner, tmp_path, kind):
    """The first test has five lines in Python's own words, caret included; the others are skipped and name it."""
    code, caret = BROKEN[kind]
    app = tmp_path / "app"
    app.mkdir()
    (app / "function_app.py").write_text(code)
    (app / "host.json").write_text('{"version": "2.0"}')
    for number in (1, 2):
        tests = "".join(f"def test_{name}_{number}(operations):\n    pass\n\n" for name in ("one", "two", "three"))
        inner.write(f"test_file_{number}.py", tests)
    outcome = inner.run(f"--app-dir={app}")
    assert outcome.code == 1
    assert (outcome.count("error"), outcome.count("skipped")) == (1, 5), outcome.output
    assert "see the error of test_file_1.py::test_one_1" in outcome.skip_reason("test_three_2[embedded]")
    shown = re.search(r"^(.*: function_app\.py does not import:\n(?:.|\n)*?)^[-=]", outcome.output, re.MULTILINE)[1]
    assert len(shown.rstrip().splitlines()) <= 5, shown
    assert caret in shown
