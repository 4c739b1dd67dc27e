"""Files that a command is given: whatever is in them, it ends with 2 and a line that names the file."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from durable_harness.cli import main
from durable_harness.documents import MAX_DEPTH, parse_json, parse_toml, read_json
from durable_harness.errors import HarnessError
from durable_harness.load.arrivals.file import read_arrivals
from durable_harness.operations import load_service

DEEP = 100_000
DIGITS = 5_000
JSON = {
    "deep array": "[" * DEEP,
    "closed deep array": "[" * DEEP + "]" * DEEP,
    "deep object": '{"a":' * DEEP,
    "just too deep": "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
    "long number": "1" * DIGITS,
    "long number in an object": '{"version": "2.0", "x": %s}' % ("1" * DIGITS),
    "not UTF-8": b'{"version": "2.0\xff"}',
    "zeros": b"\0" * 100,
    "blank": " ",
    "cut off": '{"version": "2.0',
}
TOML = {
    "deep array": f"x = {'[' * DEEP}",
    "deep table": f"x = {'{a=' * DEEP}",
    "deep header": f"[{'a.' * 3_000}a]\nb = 1",
    "deep key": f"{'a.' * 3_000}a = 1",
    "long number": f"x = {'1' * DIGITS}",
    "long limit": f"[completion_ms]\np95 = {'1' * DIGITS}",
    "number beyond floats": f"[completion_ms]\np95 = {'1' * 400}",
    "not UTF-8": b'x = "\xff"',
    "zeros": b"\0" * 100,
    "cut off": "x = [",
}
"""Each is read as a gates file and as the description of a service: what one knows, the other does not."""


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def table(contents):
    return pytest.mark.parametrize("content", contents.values(), ids=contents.keys())


@pytest.fixture
def refused(capsys):
    """Return refused(name, *words): the command ends with 2, and with a line that names the file."""

    def run(name, *words):
        code = main(list(map(str, words)))
        error = capsys.readouterr().err
        assert code == 2, error
        assert name in error
        assert "Traceback" not in error
        assert not re.search(r"RecursionError|set_int_max_str_digits|codec|maximum recursion", error)

    return run


@table(JSON)
def test_a_hostile_host_json_is_refused(content, tmp_path, refused):
    """`serve` names host.json for everything that is no JSON object of a host."""
    write(tmp_path / "host.json", content)
    (tmp_path / "function_app.py").write_text("import azure.functions as func\napp = func.FunctionApp()\n")
    refused("host.json", "serve", "--script-root", tmp_path, "--port", 0)


@table(JSON)
def test_a_hostile_local_settings_is_refused(content, tmp_path, refused):
    """`serve` names local.settings.json too."""
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    write(tmp_path / "local.settings.json", content)
    refused("local.settings.json", "serve", "--script-root", tmp_path, "--port", 0)


@table(JSON)
def test_a_hostile_history_is_unreadable_beside_good_ones(content, tmp_path, capsys):
    """`replay` calls it unreadable, continues with the others, and ends with 2."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "host.json").write_text('{"version": "2.0"}')
    (app / "function_app.py").write_text(APP)
    good = {**HISTORY, "instanceId": "good"}
    (tmp_path / "b.json").write_text(json.dumps(good))
    bad = write(tmp_path / "a.json", content)
    code = main(["replay", str(bad), str(tmp_path / "b.json"), "--app", str(app), "--json"])
    found = capsys.readouterr()
    assert code == 2, found.err
    results = json.loads(found.out)
    assert "Traceback" not in found.err
    assert [result["result"] for result in results["histories"]] == ["unreadable", "ok"]


@table(JSON)
def test_a_hostile_payload_is_refused(content, tmp_path, refused):
    """`capacity --payload @FILE` names the file."""
    payload = write(tmp_path / "payload.json", content)
    refused("payload.json", "capacity", "--objective", "completion_ms p95 <= 1", "--payload", f"@{payload}")


@table(TOML)
def test_a_hostile_gates_file_is_refused(content, tmp_path, refused):
    """`compare --gates` names the file."""
    gates = write(tmp_path / "gates.toml", content)
    refused("gates.toml", "compare", tmp_path, tmp_path, "--gates", gates)


@table(TOML)
def test_a_hostile_service_file_is_refused(content, tmp_path, refused):
    """`capacity --service` names the file, and so does the load test that takes the same one."""
    service = write(tmp_path / "service.toml", content)
    refused("service.toml", "capacity", "--objective", "completion_ms p95 <= 1", "--service", service)
    with pytest.raises(HarnessError, match=r"service\.toml"):
        load_service(service)


@pytest.mark.parametrize("line", ["{" * DEEP, '{"t":' * DEEP, f'{{"time": {"1" * DIGITS}}}', "1" * 400, b"\xff"])
def test_hostile_arrivals_are_refused(line, tmp_path):
    """A file of arrivals is named with its line."""
    arrivals = write(tmp_path / "arrivals.jsonl", line)
    with pytest.raises(HarnessError, match=r"arrivals\.jsonl"):
        read_arrivals(arrivals)


@pytest.mark.parametrize("parse", [parse_json, parse_toml])
def test_long_numbers_are_reported_plainly(parse):
    """The message states what is wrong with the text, not what Python's parser would need."""
    text = f"{'x = ' if parse is parse_toml else ''}{'1' * DIGITS}"
    with pytest.raises(ValueError, match=r"^a number in it has more than 4,300 digits$"):
        parse(text)


def test_what_is_just_deep_enough_is_read(tmp_path):
    """The limit is the documented one, for arrays and objects alike."""
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        text = opening * MAX_DEPTH + "1" + closing * MAX_DEPTH
        assert read_json(write(tmp_path / "deep.json", text)) is not None


APP = """
import azure.durable_functions as df
app = df.DFApp()

@app.orchestration_trigger(context_name="context")
def nothing(context):
    return 1
    yield
"""
HISTORY = {
    "format": "durable-harness history",
    "version": 1,
    "orchestrator": "nothing",
    "instanceId": "good",
    "lacks": [],
    "events": [
        {"eventId": -1, "timestamp": "2026-01-01T00:00:00Z", "orchestratorStarted": {}},
        {"eventId": 0, "timestamp": "2026-01-01T00:00:00Z", "executionStarted": {"name": "nothing"}},
        {
            "eventId": 0,
            "timestamp": "2026-01-01T00:00:00Z",
            "executionCompleted": {"orchestrationStatus": "ORCHESTRATION_STATUS_COMPLETED", "result": "1"},
        },
    ],
}


@pytest.mark.parametrize("body", [b"[" * DEEP, b'{"a":' * DEEP, b"1" * DIGITS, b"not JSON"])
def test_a_hostile_answer_is_no_missing_instance(body, tmp_path, refused):
    """`record` names the service and says what is wrong with its answer; the instance is not called missing."""

    class Hostile(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_): ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        refused(f"{url}: its answer is not JSON", "record", "one", "--host", url, "--out", tmp_path)
        server.shutdown()
    assert not list(tmp_path.iterdir())
