"""A debugger at a breakpoint in the app of `serve --debug` and of a test, after a reload too; the docs' launch.json."""

import json
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from debug_client import DebugClient
from durable_harness.network.free_ports import free_port

pytest.importorskip("debugpy", reason="--debug needs debugpy: pip install 'durable-harness[debug]'")

ROOT = Path(__file__).parents[3]
END_DEADLINE_S = 20
PASSING_S = 1.5
CODE = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.activity_trigger(input_name="amount")
def charge(amount: int):
    doubled = amount * 2  # in charge
    return doubled

@app.orchestration_trigger(context_name="context")
def order(context):
    amount = context.get_input()
    paid = yield context.call_activity("charge", amount)
    return paid + 1  # in order

@app.route(route="orders", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    instance_id = await client.start_new("order", client_input=7)
    return client.create_check_status_response(req, instance_id)
"""
TEST = """
def test_order(operations):
    assert operations.start("/api/orders").wait()["output"] == 15
"""


def line_of(text):
    return next(number for number, line in enumerate(CODE.splitlines(), 1) if text in line)


@pytest.fixture
def app(tmp_path):
    """Return the folder of an app whose functions may take a second."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "function_app.py").write_text(CODE)
    (folder / "host.json").write_text(json.dumps({"version": "2.0", "functionTimeout": "00:00:01"}))
    (folder / "local.settings.json").write_text(json.dumps({"Values": {"FUNCTIONS_WORKER_RUNTIME": "python"}}))
    return folder


@contextmanager
def running(words, cwd, log):
    """Run a command until the block ends."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *map(str, words)],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(END_DEADLINE_S)


@pytest.fixture
def debugged(tmp_path, app, wait_until):
    """Return a context manager that serves the app for a debugger; it gives the port of that, and the facts."""

    @contextmanager
    def serve(*arguments):
        log, ready = tmp_path / "output.txt", tmp_path / "ready.json"
        words = ["-m", "durable_harness", "serve", app, "--port", 0, "--ready-file", ready, *arguments]
        with running(words, tmp_path, log):
            wait_until(lambda: "Debugger: attach to" in log.read_text(), "the port")
            yield int(re.search(r"attach to 127.0.0.1:(\d+)", log.read_text())[1]), ready

    return serve


def test_a_breakpoint_in_an_orchestrator(debugged, app, http, wait_until):
    """The debugger stops in the orchestrator with its variables, and the orchestration continues to its end."""
    with debugged("--debug", 0) as (port, ready):
        facts = wait_until(lambda: ready.exists() and json.loads(ready.read_text()), "the app")
        client = DebugClient(port)
        client.break_at(app / "function_app.py", line_of("in order"))
        started = http.post(f"{facts['baseUrl']}/api/orders").json()
        thread, function, line, values = client.stopped_in()
        assert (function, line) == ("order", line_of("in order"))
        assert (values["amount"], values["paid"]) == ("7", "14")
        client.call("continue", threadId=thread)
        status = wait_until(lambda: ended(http, started), "the end")
        assert status["output"] == 15
        client.close()


def test_no_limit_passes_at_a_breakpoint(debugged, app, http, wait_until):
    """A function that host.json limits to a second completes after more at a breakpoint."""
    with debugged("--debug", 0, "--debug-wait") as (port, ready):
        client = DebugClient(port)
        client.break_at(app / "function_app.py", line_of("in charge"))
        facts = wait_until(lambda: ready.exists() and json.loads(ready.read_text()), "the app")
        started = http.post(f"{facts['baseUrl']}/api/orders").json()
        thread, function, _, _ = client.stopped_in()
        assert function == "charge"
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(["sleep", "60"], timeout=PASSING_S, check=False)
        client.call("continue", threadId=thread)
        assert wait_until(lambda: ended(http, started), "the end")["output"] == 15
        client.close()


def test_a_breakpoint_from_pytest(app, tmp_path, wait_until):
    """A debugger of pytest follows the app into its own process, and a test takes longer than its time without harm."""
    (tmp_path / "test_order.py").write_text(TEST)
    port, log = free_port(), tmp_path / "output.txt"
    words = ["-m", "debugpy", "--listen", port, "--wait-for-client", "-m", "pytest", "-p", "no:cacheprovider"]
    words += ["test_order.py", f"--app-dir={app}", "--operation-timeout", "1"]
    with running(words, tmp_path, log) as process:
        wait_until(lambda: listens(port), "the debugger's port")
        tests = DebugClient(port)
        tests.run()
        host = DebugClient(**following(tests))
        host.break_at(app / "function_app.py", line_of("in order"))
        thread, function, _, values = host.stopped_in()
        assert (function, values["paid"]) == ("order", "14")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(PASSING_S)
        host.call("continue", threadId=thread)
        host.close()
        tests.close()
        assert process.wait(60) == 0, log.read_text()


def test_a_debugger_attaches_again_after_a_reload(debugged, app, tmp_path, http, wait_until):
    """The process that a change starts listens on the same port again."""
    pytest.importorskip("watchfiles", reason="--reload needs watchfiles: pip install 'durable-harness[reload]'")
    with debugged("--debug", free_port(), "--reload") as (port, ready):
        wait_until(ready.exists, "the app")
        first = DebugClient(port)
        first.run()
        (app / "function_app.py").write_text(CODE.replace("+ 1", "+ 2"))
        first.event("terminated")
        first.close()
        wait_until(lambda: (tmp_path / "output.txt").read_text().count("Functions:") == 2, "the new code")
        second = DebugClient(port)
        second.break_at(app / "function_app.py", line_of("in order"))
        http.post(f"{json.loads(ready.read_text())['baseUrl']}/api/orders")
        assert second.stopped_in()[1] == "order"
        second.close()


REFUSED = {
    "a taken port": (["--debug", "{taken}"], 6, "--debug: "),
    "nothing to wait for": (["--debug-wait"], 2, "--debug-wait is for --debug: add it."),
    "a folder in place of the port": (["--debug", "somewhere"], 2, "somewhere"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_how_it_is_refused(app, case):
    """A port that cannot be listened on, and options that mean nothing, end with a message and their exit code."""
    words, code, text = REFUSED[case]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = [word.format(taken=taken.getsockname()[1]) for word in words]
        ended = subprocess.run(
            [sys.executable, "-m", "durable_harness", "serve", str(app), "--port", "0", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == code, ended
    assert text in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_launch_json_of_the_docs():
    """The file and the page show the same; each configuration has what VS Code needs, and options that there are."""
    text = (ROOT / "docs" / "how-to" / "launch.json").read_text()
    assert f"```json\n{text}```" in (ROOT / "docs" / "how-to" / "developing.md").read_text()
    launch = json.loads(text)
    assert launch["version"] == "0.2.0"
    known = {"name", "type", "request", "module", "args", "console", "connect", "restart", "program", "purpose"}
    for configuration in launch["configurations"]:
        assert set(configuration) <= known | {"subProcess"}
        assert configuration["type"] == "debugpy"
        assert configuration["request"] in {"launch", "attach"}
        assert configuration["name"]
    served, attached, test = launch["configurations"]
    assert (served["module"], served["args"][0]) == ("durable_harness", "serve")
    assert attached["connect"] == {"host": "127.0.0.1", "port": 5678}
    assert (test["purpose"], test["subProcess"]) == (["debug-test"], True)


def ended(http, started):
    status = http.get(started["statusQueryGetUri"]).json()
    return status if status["runtimeStatus"] in {"Completed", "Failed"} else None


def listens(port):
    """Whether a debugger listens, seen without connecting: it counts its clients."""
    found = subprocess.run(["cat", "/proc/net/tcp"], capture_output=True, text=True, check=True).stdout
    return f":{port:04X} 00000000:0000 0A" in found


def following(client):
    """Return how to attach to the process that the debugged one has started."""
    asked = client.event("debugpyAttach")
    return {"port": asked["connect"]["port"], "subProcessId": asked["subProcessId"]}
