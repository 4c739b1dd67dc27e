"""What a command prints may be lost, to a reader who has left or a full disk, without the command being lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from locust_process import SCENARIOS

from patience import PATIENT
from sdk_generation import SDK

TESTS = Path(__file__).parents[2]
APP = TESTS / "apps" / "constant"
HISTORY = TESTS / "histories" / ("sample_sdk2" if SDK == 2 else "sample") / "operation.json"
PATIENCE_S = 60.0
HARNESS = ["-m", "durable_harness"]
FREE_PORTS = ("--grpc-port", "0", "--http-port", "0", "--dashboard-port", "any")
SERVICES = {
    "serve": [*HARNESS, "serve", "--app", str(APP), "--port", "0", "--ready-file", "ready.json"],
    "scheduler": [*HARNESS, "scheduler", *FREE_PORTS, "--ready-file", "ready.json"],
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_outlives_the_reader_of_its_output(tmp_path, wait_until, name):
    """`durable-harness serve 2>&1 | head -1` keeps serving when `head` has its line, and ends by a signal with 0."""
    words = [sys.executable, *SERVICES[name]]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout.readline()
        process.stdout.close()
        wait_until((tmp_path / "ready.json").exists, "it to be ready")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0


def closed_pipe():
    """Return what writes into a pipe without a reader."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def full_disk():
    """Return what writes onto a full disk."""
    return Path("/dev/full").open("w")


@pytest.mark.parametrize(
    ("output", "code", "complaint"),
    [
        (closed_pipe, 0, ""),
        (full_disk, 9, "error: stdout cannot be written (No space left on device): what was printed is lost\n"),
    ],
)
@pytest.mark.parametrize("flags", [[], ["-u"]])
def test_output_that_is_lost_costs_no_verdict(tmp_path, output, code, complaint, flags):
    """A command whose reader has left ends with its own code; one whose output met a full disk with 9, and says so."""
    words = [sys.executable, *flags, *HARNESS, "replay", str(HISTORY), "--app", str(TESTS.parent)]
    with output() as lost:
        done = subprocess.run(words, stdout=lost, stderr=subprocess.PIPE, cwd=tmp_path, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, complaint)


def test_a_load_run_outlives_the_reader_of_its_output(tmp_path, stub):
    """A load run whose reader has left ends with its verdict, not with a traceback."""
    words = ["-m", "locust", "-f", str(SCENARIOS), "--headless", "--report-dir", "r", "--host", stub.url]
    words += ["--run-time", "1s", "--gates", "none", "Quick"]
    with closed_pipe() as lost:
        done = subprocess.run(
            [sys.executable, *words],
            stdout=lost,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, **PATIENT},
            text=True,
            check=False,
        )
    assert (done.returncode, "BrokenPipe" in done.stderr) == (0, False), done.stderr
