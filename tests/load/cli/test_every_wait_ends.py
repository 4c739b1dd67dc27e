"""Whatever a command waits for, a signal and its limit end the wait: servers may be silent, apps may never be ready."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from locust_process import SCENARIOS
from wire_server import once

from durable_harness.cli import main
from durable_harness.errors import UnreachableError
from durable_harness.network.free_ports import free_port
from durable_harness.operations import NoResponse
from durable_harness.stack import RunningStack, StackOptions, deployment, embedded_stack, processes
from durable_harness.stack.deployment import remote_stack
from durable_harness.testing import Operations
from durable_harness.testing.requesting import HttpClient
from patience import PATIENT
from sdk_generation import SDK

TESTS = Path(__file__).parents[2]
APP = TESTS / "apps" / "constant"
HISTORY = TESTS / "histories" / ("sample_sdk2" if SDK == 2 else "sample") / "operation.json"
DOCKERFILE = TESTS.parent / "Dockerfile"
PATIENCE_S = 60.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SERVICE = {signal.SIGINT: 0, signal.SIGTERM: 0}
COMMAND = {signal.SIGINT: 130, signal.SIGTERM: 143}
LOAD_RUN = {signal.SIGINT: 130, signal.SIGTERM: 130}
PYTEST = {signal.SIGINT: 2, signal.SIGTERM: -signal.SIGTERM}
SCHEDULER = "Endpoint=http://127.0.0.1:{port};TaskHub=default;Authentication=None"
HARNESS, LOCUST = ["-m", "durable_harness"], ["-m", "locust", "-f", str(SCENARIOS), "--headless", "--report-dir", "r"]
TESTED = ["-m", "pytest", "-q", "-p", "durable_harness.pytest_plugin", "-p", "no:cacheprovider", "tests.py"]
SILENT = {
    "record": (COMMAND, [*HARNESS, "record", "id", "--host", "http://127.0.0.1:{port}"]),
    "record from a scheduler": (
        COMMAND,
        [*HARNESS, "record", "id", "--scheduler", SCHEDULER, "--app", str(APP)],
    ),
    "serve": (SERVICE, [*HARNESS, "serve", "--app", str(APP), "--port", "0", "--scheduler", SCHEDULER]),
    "capacity": (
        COMMAND,
        [*HARNESS, "capacity", "--objective", "completion_ms p95 <= 9", "--host", "http://127.0.0.1:{port}"],
    ),
    "the probe of a load run": (LOAD_RUN, [*LOCUST, "--host", "http://127.0.0.1:{port}", "Quick"]),
    "the fixtures on a deployment": (PYTEST, [*TESTED, "--stack=remote", "--stack-url=http://127.0.0.1:{port}"]),
}
"""Commands that wait for a server, and the exit code that each signal ends them with."""
HANGING = {
    "serve": (SERVICE, [*HARNESS, "serve", "--app", "{app}", "--port", "0"]),
    "func start": (SERVICE, [*HARNESS, "func", "start", "--script-root", "{app}", "--port", "0"]),
    "ab": (COMMAND, [*HARNESS, "ab", "--app-dir", "{app}", "--base", "HEAD"]),
    "ab with itself": (COMMAND, [*HARNESS, "ab", "--app-dir", "{app}", "--aa"]),
    "capacity": (COMMAND, [*HARNESS, "capacity", "--objective", "completion_ms p95 <= 9", "--app-dir", "{app}"]),
    "replay": (COMMAND, [*HARNESS, "replay", str(HISTORY), "--app", "{app}"]),
    "a load run": (LOAD_RUN, [*LOCUST, "--app-dir", "{app}", "Quick"]),
    "the fixtures": (PYTEST, [*TESTED, "--app-dir={app}"]),
    "the fixture that replays": (PYTEST, [*TESTED, "--app-dir={app}", "-k", "replay"]),
}
"""Commands that wait for an app which never comes to the end of its import."""
TEST_FILE = f"""
def test_operation(durable_stack):
    pass

def test_replay(durable_replay):
    durable_replay({str(HISTORY)!r})

def test_started(operations):
    operations.start("/start").wait()
"""
FOR_EVER = "import pathlib, time\npathlib.Path({mark!r}).touch()\nwhile True:\n    time.sleep(1)\n"
STUBBORN = (
    "import pathlib, time\npathlib.Path({mark!r}).touch()\n"
    "while True:\n    try:\n        time.sleep(1)\n    except:\n        pathlib.Path({mark!r} + '2').touch()\n"
)


def never_answers(peer):
    """Take what comes, and never answer."""
    with contextlib.suppress(OSError):
        while peer.sock.recv(65536):
            pass


def is_there(peer):
    """Answer the first request of a client that looks whether anybody is there."""
    once(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")(peer)


def accepts_and_is_silent(peer):
    """Accept a start whose status is at the same server; never answer anything else."""
    peer.request()
    location = b"Location: /status\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    peer.send(b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n" + location)


def drip(peer, beginning, byte):
    """Send the beginning of an answer, then a byte now and then."""
    peer.request()
    with contextlib.suppress(OSError):
        peer.send(beginning)
        while True:
            peer.send(byte)
            time.sleep(0.05)


def answers_slowly(peer):
    """Send a byte of the answer now and then."""
    drip(peer, b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n", b"[")


def begins_slowly(peer):
    """Send a byte of the headers now and then."""
    drip(peer, b"HTTP/1.1 200 OK\r\nX: ", b"y")


def never_ends(peer):
    """Send as fast as it can, without end."""
    peer.request()
    with contextlib.suppress(OSError):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            peer.send(b"[1," * 20_000)


@pytest.fixture
def start(tmp_path):
    """Yield start(*arguments): a process of Python, killed with the test at the latest."""
    started = []
    (tmp_path / "tests.py").write_text(TEST_FILE)

    def begin(*arguments, before=()):
        process = subprocess.Popen(
            [*before, sys.executable, *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**PATIENT, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


class HangingApp:
    """An app that never comes to the end of its import, in a repository of its own."""

    def __init__(self, folder, code=FOR_EVER):
        self.folder, self.mark = folder / "hanging", folder / "importing"
        self.folder.mkdir()
        for name in ("host.json", "local.settings.json"):
            shutil.copy(APP / name, self.folder)
        (self.folder / "function_app.py").write_text(code.format(mark=str(self.mark)))
        for words in (["init", "-q"], ["add", "-Af"], ["commit", "-q", "-m", "first"]):
            who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
            subprocess.run(["git", "-C", str(self.folder), *who, *words], check=True)

    def processes(self):
        """Return the processes that serve it."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                found += [process] if str(self.folder) in " ".join(process.cmdline()) else []
        return found


@pytest.mark.thorough
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("command", SILENT)
def test_a_signal_ends_what_waits_for_a_silent_server(start, serve, wait_until, command, number):
    """While a command waits for an answer that never comes, either signal ends it with the code that is documented."""
    server = serve(never_answers)
    codes, words = SILENT[command]
    process = start(*(part.format(port=server.port) for part in words))
    wait_until(lambda: server.connections or process.poll() is not None, "its first connection")
    process.send_signal(number)
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == codes[number], printed
    assert "Traceback" not in printed


@pytest.mark.thorough
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("command", HANGING)
def test_a_signal_ends_what_waits_for_an_app(start, tmp_path, wait_until, command, number):
    """While an app is imported that never comes to an end, either signal ends the command and all that it started."""
    app = HangingApp(tmp_path)
    codes, words = HANGING[command]
    process = start(*(part.format(app=app.folder) for part in words))
    wait_until(lambda: app.mark.exists() or process.poll() is not None, "the import of the app")
    process.send_signal(number)
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == codes[number], printed
    assert "Traceback" not in printed
    wait_until(lambda: not app.processes(), "all its processes to end")


FALLS_SILENT = {
    "a start": (is_there, never_answers),
    "a poll": (is_there, accepts_and_is_silent, never_answers),
}
OPERATION = [*TESTED, "--stack=remote", "-k", "started"]


@pytest.mark.thorough
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("what", FALLS_SILENT)
def test_a_signal_ends_an_operation_of_the_fixtures(start, serve, wait_until, what, number):
    """A test that waits for a deployment which fell silent ends by a signal as any other test does."""
    server = serve(*FALLS_SILENT[what])
    process = start(*OPERATION, f"--stack-url={server.url}", "--operation-timeout=3600")
    wait_until(lambda: server.connections == len(FALLS_SILENT[what]) or process.poll() is not None, what)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == PYTEST[number], printed


@pytest.mark.thorough
def test_an_operation_of_the_fixtures_ends_by_its_limit(start, serve):
    """A test that waits for a deployment which fell silent fails when the time of its operation is up."""
    server = serve(*FALLS_SILENT["a poll"])
    process = start(*OPERATION, f"--stack-url={server.url}", "--operation-timeout=1")
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, printed
    assert "1 failed" in printed


@pytest.mark.thorough
@pytest.mark.parametrize(("command", "code"), [("serve", 143), ("replay", 143)])
def test_a_second_signal_ends_an_app_that_swallows_the_first(start, tmp_path, wait_until, command, code):
    """A loop with a bare `except` does not keep a command from its end."""
    app = HangingApp(tmp_path, STUBBORN)
    process = start(*(part.format(app=app.folder) for part in HANGING[command][1]))
    wait_until(app.mark.exists, "the import of the app")
    process.send_signal(signal.SIGTERM)
    wait_until(app.mark.with_name("importing2").exists, "the app to go on")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE_S) == code


@pytest.mark.thorough
def test_a_start_ends_with_its_parent(start, tmp_path, wait_until):
    """A service that was killed with its import under way leaves nothing: it looks after its parent from the start."""
    app = HangingApp(tmp_path)
    process = start(*TESTED, f"--app-dir={app.folder}")
    wait_until(app.mark.exists, "the import of the app")
    process.kill()
    wait_until(lambda: not app.processes(), "the service to end")


def test_a_start_ends_by_its_limit(tmp_path, monkeypatch):
    """An app that is not ready in its time counts as unreachable, and its process is gone."""
    monkeypatch.setattr(processes, "READY_TIMEOUT_S", 1.0)
    app = HangingApp(tmp_path)
    with pytest.raises(UnreachableError, match="not ready after 1 s"), embedded_stack(app.folder):
        pass
    assert app.processes() == []


def test_a_replay_ends_by_its_limit(tmp_path, capsys):
    """An import that takes longer than `replay --timeout` is an app that does not load, at a line that is named."""
    assert main(["replay", str(HISTORY), "--app", str(HangingApp(tmp_path).folder), "--timeout", "0.5"]) == 5
    printed = capsys.readouterr().err
    assert "it was not over after 0.5 s" in printed
    assert 'File "function_app.py", line 4, in <module>\n    time.sleep(1)' in printed


def test_an_orchestrator_that_never_comes_back_is_different(tmp_path, capsys):
    """A history that once ended, and today does not in its time, is reported as different; the others are replayed."""
    app = tmp_path / "app"
    app.mkdir()
    for name in ("function_app.py", "host.json", "local.settings.json"):
        shutil.copy(TESTS.parent / name, app)
    source = (app / "function_app.py").read_text()
    line = "    operation = {**default_operation(), **(context.get_input() or {})}\n"
    assert line in source
    (app / "function_app.py").write_text(source.replace(line, f"{line}    while True: pass\n"))
    again = tmp_path / "again.json"
    shutil.copy(HISTORY, again)
    assert main(["replay", str(HISTORY), str(again), "--app", str(app), "--timeout", "0.5", "--json"]) == 7
    document = json.loads(capsys.readouterr().out)
    assert document["counts"] == {"ok": 0, "different": 2, "unreadable": 0}
    reasons = [found["reason"] for found in document["histories"]]
    assert all("was not over after 0.5 s; the code was at" in reason for reason in reasons)
    assert all("function_app.py:" in reason for reason in reasons)


def image_command():
    """Return the command of the image, on ports that are free."""
    (line,) = (line for line in DOCKERFILE.read_text().splitlines() if line.startswith("ENTRYPOINT "))
    name, *words = json.loads(line.removeprefix("ENTRYPOINT "))
    assert name == "durable-harness"
    return [*HARNESS, *words, "--grpc-port", "0", "--http-port", "0", "--dashboard-port", "any"]


@pytest.mark.thorough
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("is_first_process", [False, True])
def test_a_signal_ends_the_image(start, number, is_first_process):
    """What the Dockerfile starts ends with 0 by either signal, also as process 1, which has no default for signals."""
    before = ["unshare", "--pid", "--fork", "--kill-child"] if is_first_process else []
    if before and subprocess.run([*before, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this user may not make a PID namespace: run as root to test process 1")
    process = start(*image_command(), before=before)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "task hubs" in line:
            break
    inner = psutil.Process(process.pid).children()[0] if before else process
    inner.send_signal(number)
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, "".join(lines) + printed


@pytest.mark.thorough
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("role", ["--master", "--worker"])
def test_a_signal_ends_processes_that_wait_for_each_other(start, wait_until, role, number):
    """A master that waits for workers, and a worker that waits for its master, end by either signal."""
    port = str(free_port())
    where = {
        "--master": ["--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "1"],
        "--worker": ["--master-port", port],
    }
    arguments = [*LOCUST, role, *where[role], "--run-token", "a token of the tests", "--loglevel", "DEBUG", "Quick"]
    host = ["--host", "http://127.0.0.1:9"] if role == "--worker" else ["--app-dir", str(APP)]
    process = start(*arguments, *host)
    lines = []
    awaited = {"--master": "Waiting for workers", "--worker": "Starting Locust"}[role]
    for line in process.stdout:
        lines.append(line)
        if awaited in line:
            break
    process.send_signal(number)
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode in {130, 143, -signal.SIGTERM, 1}, "".join(lines) + printed


@pytest.mark.parametrize("script", [never_answers, answers_slowly, begins_slowly])
def test_a_request_ends_by_its_limit(serve, script):
    """A silent server, and one that sends a byte now and then, is left when the time of the request is up."""
    result = HttpClient(serve(script).url).request("GET", "/", timeout_s=0.3)
    assert isinstance(result, NoResponse)
    assert result.reason == "no whole answer in 0.3 s"


def test_a_body_without_end_is_left(serve, monkeypatch):
    """A body is read up to a limit."""
    monkeypatch.setattr("durable_harness.network.bounded_http.MOST_BYTES", 1_000_000)
    result = HttpClient(serve(never_ends).url).request("GET", "/")
    assert result == NoResponse("the answer is larger than 1,000,000 bytes")


@pytest.mark.parametrize("script", [never_answers, begins_slowly])
def test_the_first_request_to_a_system_ends_by_its_limit(serve, monkeypatch, script):
    """A deployment that does not answer in its time is unreachable, however slowly it begins to."""
    monkeypatch.setattr(deployment, "ANSWER_TIMEOUT_S", 0.3)
    with pytest.raises(UnreachableError, match="does not answer"), remote_stack(StackOptions(url=serve(script).url)):
        pass


def drips_headers(peer):
    """Begin an answer and send header after header, for as long as anybody listens."""
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\n")
    with contextlib.suppress(OSError):
        while True:
            peer.send(b"X: y\r\n")
            time.sleep(0.05)


@pytest.mark.parametrize("script", [never_answers, drips_headers])
def test_operations_keep_the_limit_of_the_user(serve, tmp_path, script):
    """Starting an operation, and the first answer of its stack, wait no longer than the test's limit."""
    url = serve(script).url
    options = StackOptions(url=url, answer_timeout_s=0.3)
    with pytest.raises(UnreachableError, match=r"0\.3 s|timed out"), remote_stack(options):
        pass
    operations = Operations(RunningStack("remote", url), tmp_path, 0.3)
    with pytest.raises(AssertionError, match=r"no whole answer in 0\.3 s|timed out"):
        operations.start("/start")
    with pytest.raises(AssertionError, match=r"There is no instance 'x' after 0\.3 s"):
        operations.follow("x")


@pytest.mark.parametrize("script", [never_answers, drips_headers])
def test_recording_keeps_the_limit_of_the_user(serve, tmp_path, capsys, script):
    """`record --timeout` bounds the wait for a server that does not answer, however slowly it begins to."""
    arguments = ["record", "x", "--host", serve(script).url, "--out", str(tmp_path), "--timeout", "0.3"]
    assert main(arguments) == UnreachableError.exit_code
    assert "does not answer" in capsys.readouterr().err
