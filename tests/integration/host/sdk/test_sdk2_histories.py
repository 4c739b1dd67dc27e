"""Histories of azure-functions-durable 2.x: recorded, replayed against changed code, and checked as turns are done."""

import json
import re
import shutil
from pathlib import Path

import pytest

from durable_harness.cli import main
from durable_harness.protocol import pb, wrap_text
from durable_harness.protocol.history_file import as_document, from_events, write_document

TESTS = Path(__file__).parents[3]
NATIVE = TESTS / "apps" / "native"
VALUES = {
    "greet_all": ["Ada", "žito"],
    "retried": 2,
    "parent": {"deep": [1]},
    "uses_entities": "recorded",
    "carries": 3000,
    "counts_down": 2,
    "caught": "too cold",
    "looks_itself_up": None,
}


@pytest.fixture
def changed(tmp_path):
    """Return a function that copies the app with one text of one of its files replaced."""

    def copy(old, new, file="function_app.py"):
        app = tmp_path / "changed"
        shutil.copytree(NATIVE, app, ignore=shutil.ignore_patterns("__pycache__"))
        text = (app / file).read_text()
        assert text.count(old) == 1
        (app / file).write_text(text.replace(old, new))
        return app

    return copy


@pytest.fixture
def recorded(native, tmp_path, capsys):
    """Return a function that runs an orchestration of the app and records its history as a file in a folder."""

    def record(name, value):
        answer = native.post(f"/api/begin/{name}", data=json.dumps(value))
        instance_id = answer.json()["id"]
        native.wait_terminal(instance_id)
        folder = tmp_path / "histories"
        where = ["--host", native.stack.base_url, "--app", str(NATIVE), "--out", str(folder)]
        assert main(["record", instance_id, *where]) == 0
        capsys.readouterr()
        return folder

    return record


@pytest.mark.sdk2
@pytest.mark.parametrize(("name", "value"), VALUES.items(), ids=VALUES)
def test_what_was_recorded_replays_clean(recorded, capsys, name, value):
    """Activities, retries, children, entities with locks and stored payloads do again what their history has."""
    code = main(["replay", str(recorded(name, value)), "--app", str(NATIVE)])
    assert (code, "1 ok, 0 different" in capsys.readouterr().out) == (0, True)


@pytest.mark.sdk2
def test_changed_code_differs_with_turn_event_and_line(recorded, changed, capsys):
    """The first step that is another one is named as for 1.x: its id, what history has, what is done where."""
    folder = recorded("retried", 1)
    app = changed('"fails": times}', '"fails": times, "more": 1}')
    assert main(["replay", str(folder), "--app", str(app)]) == 7
    printed = capsys.readouterr().out
    assert "differs in input, turn 1, event 1" in printed
    assert "  history: activity 'flaky' with input" in printed
    assert re.search(r"  today:   activity 'flaky' with input .*   \(function_app\.py:\d+\)\n", printed)
    assert "input.more" in printed


@pytest.mark.sdk2
def test_code_that_raises_now_differs(recorded, changed, capsys):
    """A failure that history does not have is reported with its text and the line that raised."""
    folder = recorded("greet_all", ["Ada"])
    app = changed('ctx.set_custom_status({"greeting": len(names)})', 'raise ValueError("no more")')
    assert main(["replay", str(folder), "--app", str(app)]) == 7
    assert re.search(r"  today:   failure: no more   \(function_app\.py:\d+\)\n", capsys.readouterr().out)


@pytest.mark.sdk2
def test_every_turn_is_replayed_and_compared_on_request(running_apps):
    """With --always-replay the app's deterministic orchestrations end as they do without it."""
    app = running_apps(NATIVE, ("--always-replay",))
    for name, value in VALUES.items():
        ended = app.wait_terminal(app.post(f"/api/begin/{name}", data=json.dumps(value)).json()["id"])
        assert ended["runtimeStatus"] == "Completed", ended


@pytest.mark.sdk2
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ctx.call_activity('echo', input=next(numbers))", "differ in input"),
        ("ctx.call_activity(f'echo{next(numbers)}')", "differ in name"),
        ("ctx.create_timer(timedelta(hours=next(numbers)))", "differ in due time"),
        ("(ctx.call_activity if next(numbers) % 2 else ctx.call_sub_orchestrator)('echo')", "differ in kind"),
    ],
)
def test_code_that_does_not_repeat_itself_fails(running_apps, tmp_path, code, message):
    """With --always-replay code that does something else each time fails in its first turn, and the line is named."""
    (tmp_path / "function_app.py").write_text(
        "import itertools\nfrom datetime import timedelta\nimport azure.durable_functions as df\n"
        "app = df.DFApp()\nnumbers = itertools.count()\n\n"
        '@app.orchestration_trigger(context_name="context")\n'
        f"def wavers(ctx, _):\n    yield {code}\n\n"
        '@app.activity_trigger(input_name="value")\ndef echo(value):\n    return value\n'
    )
    app = running_apps(tmp_path, ("--always-replay",))
    ended = app.wait_terminal(app.start("wavers"))
    assert ended["runtimeStatus"] == "Failed"
    assert (
        f"Orchestrator function 'wavers' is not deterministic: it was replayed, and they {message}" in ended["output"]
    )
    assert re.search(r"function_app\.py:9\)", ended["output"])


def history(first_id):
    """Return a history of one activity, whose id is the first that a generation of the SDK gives."""
    started = pb.ExecutionStartedEvent(name="parent", input=wrap_text("null"))
    task = pb.TaskScheduledEvent(name="greet")
    events = [
        pb.HistoryEvent(eventId=-1, timestamp={"seconds": 1}, orchestratorStarted={}),
        pb.HistoryEvent(eventId=0, timestamp={"seconds": 1}, executionStarted=started),
        pb.HistoryEvent(eventId=first_id, timestamp={"seconds": 1}, taskScheduled=task),
    ]
    return as_document(from_events("i", events))


def test_a_history_of_the_other_sdk_is_no_difference(tmp_path, capsys, sdk_generation):
    """Tasks are numbered otherwise, so that nothing can be compared: both generations are named, with the way out."""
    app = {1: TESTS / "apps" / "features", 2: NATIVE}[sdk_generation]
    write_document(tmp_path / "one.json", history({1: 1, 2: 0}[sdk_generation]))
    assert main(["replay", str(tmp_path / "one.json"), "--app", str(app)]) == 7
    printed = capsys.readouterr().out
    assert "differs in SDK" in printed
    assert f"recorded with azure-functions-durable {3 - sdk_generation}.x" in printed
    assert f"azure-functions-durable {sdk_generation}.x is installed" in printed
