"""The recorded histories of this repository's own apps, and the fixture and options that record and replay."""

import json
import re
from pathlib import Path

import pytest

from durable_harness.testing import assert_completed

pytest_plugins = ("pytester",)

APPS = Path(__file__).parents[1] / "apps"
APP = Path(__file__).parent / "app"
OWN_APP = """
import itertools
import azure.durable_functions as df

app = df.DFApp()
numbers = itertools.count()

@app.orchestration_trigger(context_name="context")
def greeting(context):
    return (yield context.call_activity("say_hello", {input}))

@app.activity_trigger(input_name="name")
def say_hello(name):
    return f"Hello, {{name}}!"
"""
RECORD = """
def test_record(operations):
    operation = operations.start_orchestrator("greeting", "Ada")
    operation.wait()
    one = operation.record("histories/one.json")
    two = operations.record(operation.instance_id, "histories/two.json")
    assert one.read_text() == two.read_text()
"""
REPLAY = """
def test_replay(durable_replay):
    assert [result.result for result in durable_replay("histories/*.json")] == ["ok", "ok"]
"""


@pytest.mark.sdk1
def test_the_sample_app_repeats_its_histories(durable_replay):
    """The app of this repository does what its recorded histories show."""
    assert len(durable_replay("tests/histories/sample")) >= 1


@pytest.mark.sdk1
def test_the_features_app_repeats_its_histories(durable_replay):
    """So does the app with every feature: retries, children, entities, task sets."""
    assert len(durable_replay("tests/histories/features/*.json", app_dir=APPS / "features")) >= 4


def test_a_recording_of_this_stack_replays(operations, durable_replay, tmp_path):
    """An operation recorded on the stack of the run, whatever it is, replays clean."""
    operation = operations.start("/api/async_http_api", {"duration": 0})
    assert_completed(operation)
    recorded = operation.record(tmp_path / "recorded.json")
    assert json.loads(recorded.read_text())["instanceId"] == operation.instance_id
    assert [result.result for result in durable_replay(recorded)] == ["ok"]


@pytest.fixture
def own_app(inner):
    """Return a folder with an app of its own; call it with the input that the app's activity gets."""
    for name in ("host.json", "local.settings.json"):
        inner.write(name, (APPS / "mixed" / name).read_text())

    def write(given):
        return inner.write("function_app.py", OWN_APP.format(input=given))

    return write


@pytest.mark.thorough
def test_record_then_change_then_replay(own_app, inner):
    """A recording replays clean until the code changes; then the failure names file, turn, both inputs and the line."""
    own_app("context.get_input()").write("test_record.py", RECORD)
    assert inner.run("test_record.py").code == 0
    inner.write("test_replay.py", REPLAY)
    assert inner.run("test_replay.py").code == 0
    own_app("[context.get_input()]")
    reason = inner.run("test_replay.py").failure("test_replay")
    assert "2 of 2 recorded histories do not replay clean" in reason
    assert re.search(r"histories/one.json: differs in input, turn 1, event [01]\n", reason)
    assert "history: activity 'say_hello' with input \"Ada\"" in reason
    assert "today:   activity 'say_hello' with input [\"Ada\"]   (function_app.py:10)" in reason


def test_what_does_not_match_fails(own_app, inner):
    """A pattern that no file matches fails the test: nothing was compared."""
    own_app("1").write("test_none.py", 'def test_none(durable_replay):\n    durable_replay("nowhere/*.json")\n')
    assert "no recorded history matches 'nowhere/*.json'" in inner.run().failure("test_none")


@pytest.mark.thorough
def test_replaying_leaves_the_process_as_it_was(own_app, inner):
    """Neither the app's modules nor its settings nor its folder stay in the process; it may replay a second time."""
    own_app("context.get_input()").write("test_record.py", RECORD)
    assert inner.run("test_record.py").code == 0
    inner.write(
        "test_traces.py",
        """
import os, sys

def test_traces(durable_replay):
    before = dict(os.environ), list(sys.path)
    for _ in range(2):
        durable_replay("histories")
    assert (dict(os.environ), list(sys.path)) == before
    assert "function_app" not in sys.modules
""",
    )
    outcome = inner.run("test_traces.py")
    assert outcome.code == 0, outcome.output


CHECK = """
from durable_harness.testing import assert_completed

def test_greeting(operations):
    assert_completed(operations.start_orchestrator("greeting", "Ada"))
"""


@pytest.mark.thorough
@pytest.mark.parametrize("asked_for", ["option", "ini key"])
def test_always_replay_fails_what_does_not_repeat_itself(own_app, inner, asked_for):
    """With --always-replay or its ini key, an input from outside the history fails the instance, with the reason."""
    own_app("next(numbers)").write("test_it.py", CHECK)
    assert inner.run().code == 0
    if asked_for == "ini key":
        inner.write("pytest.ini", "[pytest]\ndurable_always_replay = true\n")
    outcome = inner.run(*(["--always-replay"] if asked_for == "option" else []))
    reason = outcome.failure("test_greeting[embedded]")
    assert "greeting was expected to complete (Failed)" in reason
    assert "Orchestrator function 'greeting' is not deterministic" in reason


def test_always_replay_lets_pass_what_repeats_itself(own_app, inner):
    """With --always-replay a deterministic orchestrator completes."""
    own_app("context.get_input()").write("test_it.py", CHECK)
    assert inner.run("--always-replay").code == 0


def test_always_replay_is_refused_where_the_host_is_not_ours(pytester, plugin):
    """Asked for on the command line for Core Tools or a deployment, it is a usage error that names the stack."""
    ended = pytester.runpytest_subprocess(*plugin, "--always-replay", "--stack", "embedded,remote")
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    ended.stderr.fnmatch_lines(["*--always-replay: the host of the remote stack is not ours*"])
