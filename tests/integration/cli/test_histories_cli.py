"""`durable-harness record` and `durable-harness replay`: what they write, print and end with."""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import psutil
import pytest
from durabletask.internal.orchestrator_service_pb2_grpc import (
    TaskHubSidecarServiceServicer,
    add_TaskHubSidecarServiceServicer_to_server,
)
from google.protobuf import empty_pb2

from durable_harness.cli import main
from durable_harness.errors import UnreachableError
from durable_harness.protocol import pb
from durable_harness.stack import RunningStack, scheduler_process
from durable_harness.stack.processes import running_command
from durable_harness.testing import Operations

TESTS = Path(__file__).parents[2]
FEATURES = TESTS / "apps" / "features"
HISTORIES = TESTS / "histories" / "features"


@pytest.fixture
def changed_app(tmp_path):
    """Return a copy of the features app whose entity calls have another input."""
    copy = tmp_path / "changed"
    shutil.copytree(FEATURES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    entities = copy / "entities.py"
    text = entities.read_text()
    entities.write_text(text.replace('step["op"], step.get("input"))))', 'step["op"], "new")))'))
    assert entities.read_text() != text
    return copy


@pytest.mark.sdk1
def test_unchanged_code_is_ok(capsys):
    """Histories in a folder replay clean: a line for each, the counts, exit code 0."""
    assert main(["replay", str(HISTORIES), "--app", str(FEATURES)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["history", "orchestrator", "events", "result"]
    assert lines[1].split() == [str(HISTORIES / "children.json"), "parent_retrying", "20", "ok"]
    assert lines[-1] == "4 ok, 0 different, 0 unreadable"


@pytest.mark.sdk1
def test_changed_code_is_different(capsys, changed_app):
    """A difference is reported with file, turn, event, both sides and the line of the code; the exit code is 7."""
    assert main(["replay", str(HISTORIES), "--app", str(changed_app)]) == 7
    printed = capsys.readouterr()
    assert f"{HISTORIES / 'entities.json'}: differs in input, turn 1, event 1" in printed.out
    assert "  history: entity call '@tally@a get'" in printed.out
    assert "  today:   entity call '@tally@a get' with input \"new\"   (entities.py:" in printed.out
    assert printed.out.endswith("3 ok, 1 different, 0 unreadable\n")
    assert printed.err == "error: 1 of 4 recorded histories replay differently.\n"


@pytest.mark.sdk1
def test_ctrl_c_in_an_orchestrator_is_no_difference(capsys, changed_app):
    """Ctrl-C while an orchestrator's own code runs ends the command with 130, and is not taken for its failure."""
    entities = changed_app / "entities.py"
    text = entities.read_text()
    press = "__import__('signal').raise_signal(2)"
    entities.write_text(text.replace('step["op"], "new")))', f'step["op"], {press})))'))
    assert press in entities.read_text()
    assert main(["replay", str(HISTORIES), "--app", str(changed_app)]) == 130
    printed = capsys.readouterr()
    assert printed.err == "interrupted: 1 of 4 histories were replayed\n"
    assert printed.out.endswith("1 ok, 0 different, 0 unreadable\n")


def _until_asleep(pid):
    """Return once the process waits for something, as one does that has sent its request."""
    while psutil.Process(pid).status() != psutil.STATUS_SLEEPING:
        time.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_history_is_awaited(tmp_path, number):
    """A signal ends `record` at once while the app has not answered, with its code and how far it has come."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        words = [sys.executable, "-m", "durable_harness", "record", "some-id", "--host", url, "--out", str(tmp_path)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
            connection, _ = silent.accept()
            with connection:
                # A signal just before the client begins to wait would be seen only when something else ends its wait.
                assert connection.recv(1)
                _until_asleep(running.pid)
                running.send_signal(number)
                printed = running.communicate(timeout=30)[0]
    assert (printed, running.returncode) == ("interrupted: 0 of 1 histories were written\n", 128 + number)


def test_ctrl_c_while_runs_are_compared(monkeypatch, capsys):
    """Ctrl-C ends `compare`, which measures nothing itself, with 130 and without a traceback."""

    def press(_folder):
        raise KeyboardInterrupt

    monkeypatch.setattr("durable_harness.gate.comparison.read_run", press)
    assert main(["compare", "base", "head"]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


@pytest.mark.sdk1
def test_results_as_json(capsys, changed_app, tmp_path):
    """With --json the same is one JSON object, unreadable files included."""
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    assert main(["replay", "--json", str(HISTORIES), str(broken), "--app", str(changed_app)]) == 7
    printed = json.loads(capsys.readouterr().out)
    assert printed["counts"] == {"ok": 3, "different": 1, "unreadable": 1}
    results = {Path(result["file"]).name: result for result in printed["histories"]}
    assert results["entities.json"]["difference"]["aspect"] == "input"
    assert results["entities.json"]["difference"]["turn"] == 1
    assert "is not a recorded history" in results["broken.json"]["reason"]


@pytest.mark.sdk1
def test_what_cannot_be_read_is_a_usage_error(capsys, tmp_path):
    """Files that are no histories end with exit code 2, after all others were replayed; so does an empty folder."""
    missing = tmp_path / "missing.json"
    assert main(["replay", str(HISTORIES / "entities.json"), str(missing), "--app", str(FEATURES)]) == 2
    printed = capsys.readouterr()
    assert f"{missing}: cannot be read: No such file or directory" in printed.out
    assert "1 ok, 0 different, 1 unreadable" in printed.out
    assert printed.err == f"error: not a recorded history that can be read: {missing}\n"
    assert main(["replay", str(tmp_path), "--app", str(FEATURES)]) == 2
    assert "There is no *.json in the folder" in capsys.readouterr().err


def test_an_app_that_does_not_load(capsys, tmp_path):
    """A folder without an app, or with one that does not import, ends as `serve` does with it."""
    assert main(["replay", str(HISTORIES), "--app", str(tmp_path / "nowhere")]) == 2
    for name in ("host.json", "local.settings.json"):
        shutil.copy(FEATURES / name, tmp_path)
    (tmp_path / "function_app.py").write_text("import nothing_of_this_name\n")
    assert main(["replay", str(HISTORIES), "--app", str(tmp_path)]) == 5
    assert "nothing_of_this_name" in capsys.readouterr().err


def test_record_from_a_host_and_replay(features, key, tmp_path, capsys):
    """Instances of a running host are written to files named after them, and replay clean."""
    ids = [f"{key} one", f"{key}-two"]
    features.run("fan_out", 3, ids[0])
    features.run("race_with_timer", {"work_s": 0, "timer_s": 60}, ids[1])
    out = tmp_path / "new"
    assert main(["record", *ids, "--host", features.stack.base_url, "--out", str(out)]) == 0
    assert f"{out / f'{key}_one.json'}: fan_out, " in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == sorted([f"{key}-two.json", f"{key}_one.json"])
    assert main(["replay", str(out), "--app", str(FEATURES)]) == 0


def test_record_what_is_not_there(features, capsys, tmp_path):
    """An unknown instance is a usage error that names it; a host that does not answer ends with exit code 4."""
    arguments = ["record", "nobody", "--out", str(tmp_path), "--host"]
    assert main([*arguments, features.stack.base_url]) == 2
    assert "There is no instance 'nobody' at http://" in capsys.readouterr().err
    assert main([*arguments, "http://127.0.0.1:1"]) == 4
    assert list(tmp_path.iterdir()) == []


def test_only_known_histories_are_served(features):
    """Our host answers 404 for the history of an instance that it does not know, and for what is no history."""
    base = "/runtime/webhooks/durabletask/instances"
    assert features.get(f"{base}/nobody/history").status_code == 404
    assert features.get(f"{base}/nobody/else").status_code == 404
    assert features.post(f"{base}/nobody/history").status_code == 404


@pytest.mark.sdk1
def test_record_from_a_deployment_that_reports_less(features, key, tmp_path, capsys, monkeypatch):
    """Where only the durable HTTP API can be asked, the file names what it lacks, and replays with the rest."""
    monkeypatch.setattr("durable_harness.testing.webhook_client.Webhook.read_document", lambda *_: None)
    instance_id = f"{key}-http"
    features.run("retry_then_activity", {"key": key, "succeed_on": 2}, instance_id)
    assert main(["record", instance_id, "--host", features.stack.base_url, "--out", str(tmp_path)]) == 0
    assert "without: dueTimes, turns" in capsys.readouterr().out
    assert main(["replay", str(tmp_path), "--app", str(FEATURES)]) == 0
    assert "was recorded without the time from which timers count" in capsys.readouterr().out


def test_record_from_a_scheduler(tmp_path, key, capsys):
    """With --scheduler the history comes from the scheduler itself, whole, whichever host worked for it."""
    with scheduler_process() as scheduler:
        connection = f"Endpoint=http://{scheduler.grpc_address};Authentication=None;TaskHub=default"
        options = ["--script-root", str(FEATURES), "--port", "0", "--scheduler", connection]
        with running_command("serve", options, tmp_path / "log") as serve:
            stack = RunningStack("remote", serve.facts["baseUrl"])
            Operations(stack, tmp_path).start_orchestrator("fan_out", 3, instance_id=key).wait()
            arguments = ["record", "--scheduler", connection, "--app", str(FEATURES), "--out", str(tmp_path / "out")]
            assert main([*arguments, key]) == 0
            assert main([*arguments, "nobody"]) == 2
    assert "There is no instance 'nobody' in the task hub 'default'" in capsys.readouterr().err
    document = json.loads((tmp_path / "out" / f"{key}.json").read_text())
    assert (document["orchestrator"], document["lacks"]) == ("fan_out", [])
    assert main(["replay", str(tmp_path / "out"), "--app", str(FEATURES)]) == 0


class Reticent(TaskHubSidecarServiceServicer):
    """A scheduler that stops answering: before or after it says whether an instance exists, or within its history."""

    def __init__(self, answers):
        self._answers = answers
        self._is_over = threading.Event()

    def _answered(self, number, answer):
        if self._answers < number:
            self._is_over.wait()
        return answer

    def Hello(self, _request, _context):  # noqa: N802 - as the service spells it
        return self._answered(1, empty_pb2.Empty())

    def GetInstance(self, request, _context):  # noqa: N802 - same
        state = pb.OrchestrationState(instanceId=request.instanceId)
        return self._answered(2, pb.GetInstanceResponse(exists=True, orchestrationState=state))

    def StreamInstanceHistory(self, _request, _context):  # noqa: N802 - same
        for number in (3, 4):
            yield self._answered(number, pb.HistoryChunk(events=[pb.HistoryEvent(eventId=number)]))

    @contextlib.contextmanager
    def listening(self):
        server = grpc.server(ThreadPoolExecutor(4))
        add_TaskHubSidecarServiceServicer_to_server(self, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            self._is_over.set()
            server.stop(None).wait()


@pytest.mark.parametrize("answers", [0, 1, 2, 3])
def test_recording_from_a_scheduler_keeps_the_limit_of_the_user(tmp_path, capsys, answers):
    """`record --scheduler … --timeout` ends with 4 wherever the scheduler stops, and names it and the limit."""
    with Reticent(answers).listening() as endpoint:
        connection = f"Endpoint={endpoint};Authentication=None;TaskHub=default"
        words = ["record", "x", "--scheduler", connection, "--app", str(FEATURES), "--out", str(tmp_path / "out")]
        assert main([*words, "--timeout", "0.3"]) == UnreachableError.exit_code
    expected = f"The scheduler at {endpoint} (task hub 'default') has not answered for 0.3 s."
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
