"""The commands on a file that is damaged or cannot be written: how the processes end, and what they print."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from durable_harness.errors import DamagedFileError
from durable_harness.scheduler.storage.data_file import PAGE_BYTES
from durable_harness.stack import embedded_stack, scheduler_process

APP = Path(__file__).parents[1] / "apps" / "constant"
KILLED_MAKERS = Path(__file__).with_name("killed_makers.py")
DEADLINE_S = 30
LARGE = '"' + "x" * 100_000 + '"'


@contextlib.contextmanager
def running(command, data, folder):
    """Run `scheduler` or `serve` on a file; give the process and the port of its gRPC or HTTP."""
    ready, log = folder / "ready.json", folder / "log.txt"
    ready.unlink(missing_ok=True)
    words = {
        "scheduler": ["scheduler", "--grpc-port", "0", "--http-port", "0", "--dashboard-port", "any"],
        "serve": ["serve", "--app", str(APP), "--port", "0"],
    }[command]
    words = [sys.executable, "-m", "durable_harness", *words, "--data", str(data), "--ready-file", str(ready)]
    with log.open("wb") as output, subprocess.Popen(words, stdout=output, stderr=output) as process:
        try:
            deadline = time.monotonic() + DEADLINE_S
            while not ready.exists():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
            yield process, json.loads(ready.read_text()), log
        finally:
            process.kill()


def start_many(facts, count, text):
    """Start instances in one go; return the codes that the calls were answered with."""
    with grpc.insecure_channel(facts["grpcAddress"]) as channel:
        stub = TaskHubSidecarServiceStub(channel)
        requests = [pb.CreateInstanceRequest(instanceId=f"i{n}", name="o", input={"value": text}) for n in range(count)]
        answers = [stub.StartInstance.future(request, timeout=DEADLINE_S) for request in requests]
        return [answer.code() for answer in answers]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits the size of a running process's files: Linux only")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_scheduler_whose_disk_is_full(tmp_path, number):
    """It ends with 0 although its file takes no more; what it accepted before is there, what it refused is not."""
    data = tmp_path / "hub.db"
    with running("scheduler", data, tmp_path) as (process, facts, log):
        assert set(start_many(facts, 3, LARGE)) == {grpc.StatusCode.OK}
        limit = (data.with_name("hub.db-wal").stat().st_size,) * 2
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limit)
        with grpc.insecure_channel(facts["grpcAddress"]) as channel:
            request = pb.CreateInstanceRequest(instanceId="refused", name="o", input={"value": LARGE})
            with pytest.raises(grpc.RpcError) as caught:
                TaskHubSidecarServiceStub(channel).StartInstance(request, timeout=DEADLINE_S)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 0, log.read_text()
        assert f"The file {data} cannot be written" in log.read_text()
    with running("scheduler", data, tmp_path) as (_, facts, _), grpc.insecure_channel(facts["grpcAddress"]) as channel:
        stub = TaskHubSidecarServiceStub(channel)
        there = [stub.GetInstance(pb.GetInstanceRequest(instanceId=i)).exists for i in ("i0", "i2", "refused")]
    assert there == [True, True, False]


def damage(path, text=b""):
    """Overwrite the pages of a file that hold a text, all but the first; none given: the second half of the file."""
    content = path.read_bytes()
    pages = range(PAGE_BYTES, len(content), PAGE_BYTES)
    chosen = [page for page in pages if text and text in content[page : page + PAGE_BYTES]] or pages[len(pages) // 2 :]
    with path.open("r+b") as file:
        for page in chosen:
            file.seek(page)
            file.write(b"\xff" * PAGE_BYTES)


@pytest.fixture
def filled(tmp_path):
    """Return a file that a scheduler has filled with instances and closed."""
    data = tmp_path / "hub.db"
    with running("scheduler", data, tmp_path) as (process, facts, log):
        assert set(start_many(facts, 30, '"needle ' + "x" * 3000 + '"')) == {grpc.StatusCode.OK}
        process.terminate()
        assert process.wait(DEADLINE_S) == 0, log.read_text()
    return data


@pytest.mark.parametrize("command", ["scheduler", "serve"])
def test_a_damaged_file_ends_the_start_with_its_own_code(filled, command):
    """Each command that takes --data names the damaged file and the ways out, and ends with 8."""
    damage(filled)
    words = [command, "--data", str(filled), *(["--app", str(APP), "--port", "0"] if command == "serve" else [])]
    if command == "scheduler":
        words += ["--grpc-port", "0", "--http-port", "0", "--dashboard-port", "any"]
    ended = subprocess.run(
        [sys.executable, "-m", "durable_harness", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 8, ended.stderr
    assert f"--data {filled}: the file is damaged" in ended.stderr
    assert f"durable-harness recover {filled} NEW_FILE" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_starting_a_stack_on_a_damaged_file_fails(filled):
    """A child that ends with the code of a damaged file raises the error of that code in its parent."""
    damage(filled)
    with pytest.raises(DamagedFileError, match="is damaged"), scheduler_process(args=["--data", str(filled)]):
        pytest.fail("it started on a damaged file")
    with pytest.raises(DamagedFileError, match="is damaged"), embedded_stack(APP, serve_args=["--data", str(filled)]):
        pytest.fail("it started on a damaged file")


def test_damage_that_is_found_later_has_its_own_exit_code(filled, tmp_path):
    """A page that is damaged under a running scheduler ends it when it is read: no traceback, exit code 8."""
    with running("scheduler", filled, tmp_path) as (process, facts, log):
        damage(filled, b"needle")
        query = pb.QueryInstancesRequest(query={"fetchInputsAndOutputs": True})
        with grpc.insecure_channel(facts["grpcAddress"]) as channel, pytest.raises(grpc.RpcError) as caught:
            TaskHubSidecarServiceStub(channel).QueryInstances(query, timeout=DEADLINE_S)
        assert caught.value.code() in {
            grpc.StatusCode.INTERNAL,
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.CANCELLED,
        }, "as its process ends a call fails, or is given up"
        assert process.wait(DEADLINE_S) == 8
    logged = log.read_text()
    assert f"--data {filled}: the file is damaged" in logged
    assert "Traceback" not in logged


def test_a_fifo_does_not_hang_the_start(tmp_path):
    """A FIFO as the file ends the start at once with the code of a wrong option."""
    os.mkfifo(tmp_path / "hub.db")
    words = [sys.executable, "-m", "durable_harness", "serve", "--app", str(APP), "--data", str(tmp_path / "hub.db")]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "it is a FIFO, not a regular file" in ended.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks the processes that are killed: not on Windows")
def test_a_kill_during_creation_leaves_a_usable_file(tmp_path):
    """Whenever a new scheduler dies while it makes its file, the next one can work on what is left."""
    words = [sys.executable, str(KILLED_MAKERS), str(tmp_path), "150"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 1, "all were killed at the same stage"
