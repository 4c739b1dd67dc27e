"""Whatever a command waits for, a signal and its limit end the wait: servers may be silent, slow or endless."""

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from locust_process import SCENARIOS

from durable_harness.errors import UnreachableError
from durable_harness.operations import NoAnswer
from durable_harness.stack import StackOptions, remote
from durable_harness.stack.ports import free_port
from durable_harness.stack.remote import remote_stack
from durable_harness.testing.requesting import HttpClient
from patience import PATIENT

APP = Path(__file__).parents[1] / "apps" / "constant"
PATIENCE_S = 60.0
ENDED_BY_A_SIGNAL = {130, 143, -signal.SIGTERM, 4}
"""4 where the wait of a start is short, and its limit came first."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SCHEDULER = "Endpoint=http://127.0.0.1:{port};TaskHub=default;Authentication=None"
HARNESS, LOCUST = ["-m", "durable_harness"], ["-m", "locust", "-f", str(SCENARIOS), "--headless", "--report-dir", "r"]
COMMANDS = {
    "record": [*HARNESS, "record", "id", "--host", "http://127.0.0.1:{port}"],
    "record from a scheduler": [*HARNESS, "record", "id", "--scheduler", SCHEDULER, "--app", str(APP)],
    "serve": [*HARNESS, "serve", "--app", str(APP), "--port", "0", "--scheduler", SCHEDULER],
    "capacity": [*HARNESS, "capacity", "--objective", "completion_ms p95 <= 9", "--host", "http://127.0.0.1:{port}"],
    "the probe of a load run": [*LOCUST, "--host", "http://127.0.0.1:{port}", "Quick"],
}


def never_answers(peer):
    """Take what comes, and never answer."""
    with contextlib.suppress(OSError):
        while peer.sock.recv(65536):
            pass


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
    """Give start(*arguments): a process of Python, killed with the test at the latest."""
    started = []

    def begin(*arguments):
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**PATIENT, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.thorough
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_ends_what_waits_for_a_silent_server(start, serve, wait_until, command, number):
    """While a command waits for an answer that never comes, either signal ends it."""
    server = serve(never_answers)
    process = start(*(part.format(port=server.port) for part in COMMANDS[command]))
    wait_until(lambda: server.connections or process.poll() is not None, "its first connection")
    process.send_signal(number)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode in ENDED_BY_A_SIGNAL, told
    assert "Traceback" not in told


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
    for line in process.stderr:
        lines.append(line)
        if awaited in line:
            break
    process.send_signal(number)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode in ENDED_BY_A_SIGNAL | {1}, "".join(lines) + told


@pytest.mark.parametrize("script", [never_answers, answers_slowly, begins_slowly])
def test_a_request_ends_by_its_limit(serve, script):
    """A silent server, and one that sends a byte now and then, is left when the time of the request is up."""
    result = HttpClient(serve(script).url).request("GET", "/", timeout_s=0.3)
    assert isinstance(result, NoAnswer)
    assert "no whole answer in 0.3 s" in result.reason or "timed out" in result.reason


def test_a_body_without_end_is_left(serve, monkeypatch):
    """A body is read up to a limit."""
    monkeypatch.setattr("durable_harness.bounded_http.MOST_BYTES", 1_000_000)
    result = HttpClient(serve(never_ends).url).request("GET", "/")
    assert result == NoAnswer("OSError: the answer is larger than 1,000,000 bytes")


@pytest.mark.parametrize("script", [never_answers, begins_slowly])
def test_the_first_request_to_a_running_system_ends_by_its_limit(serve, monkeypatch, script):
    """A deployment that does not answer in its time is unreachable, however slowly it begins to."""
    monkeypatch.setattr(remote, "ANSWER_TIMEOUT_S", 0.3)
    with pytest.raises(UnreachableError, match="does not answer"), remote_stack(StackOptions(url=serve(script).url)):
        pass
