"""Who takes part in a run of several processes: whoever has its token, and no other process."""

import contextlib
import os
import signal
import socket

import msgpack
import psutil
import pytest
import zmq
from locust_process import headless
from recording_proxy import RecordingProxy

from durable_harness.network.free_ports import free_port

pytestmark = pytest.mark.thorough

TOKEN = "the token of this run"
OTHER_TOKEN = "the token of another run"
KEY = "the-secret-function-key"


@pytest.fixture
def master_port():
    """Return a free port as text."""
    return str(free_port())


def master(stub, port, *arguments):
    """Return the arguments of a master that waits for one worker."""
    waiting = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "1"]
    return [*headless(stub), *waiting, *arguments, "-t", "1s", "Quick"]


def addresses(locust):
    """Return where a process listens."""
    found = psutil.Process(locust.process.pid).net_connections("tcp")
    return {one.laddr.ip for one in found if one.status == psutil.CONN_LISTEN}


def test_the_master_of_processes_is_for_this_machine(start_locust, stub, master_port, wait_until):
    """With --processes only this machine can reach the master, even if no address was chosen."""
    ports = ["--master-bind-port", master_port, "--master-port", master_port]
    locust = start_locust(*headless(stub), "--processes", "1", *ports, "Quick")
    wait_until(lambda: stub.accepted, "the worker to make load")
    assert addresses(locust) == {"127.0.0.1"}
    locust.process.send_signal(signal.SIGINT)
    assert locust.wait().summary["verdict"] == "interrupted"


def test_runs_of_processes_share_a_machine(start_locust, stub, wait_until):
    """Where no port is named, each master takes one that is free: runs at the same time do not meet."""
    busy = zmq.Context.instance().socket(zmq.ROUTER)
    try:
        with contextlib.suppress(zmq.ZMQError):  # Whoever listens there is as good.
            busy.bind("tcp://127.0.0.1:5557")
        locust = start_locust(*headless(stub), "--processes", "1", "Quick")
        wait_until(lambda: stub.accepted, "the worker to make load")
        locust.process.send_signal(signal.SIGINT)
        run = locust.wait()
    finally:
        busy.close(linger=0)
    assert run.summary["verdict"] == "interrupted", run.err
    assert run.operations["completed"] == stub.accepted > 0


@pytest.mark.parametrize("kind", [["--master"], ["--processes", "1"]])
def test_a_port_that_is_in_use(start_locust, stub, master_port, kind):
    """A master that is to listen where something else does names the option for the port, and ends with 6."""
    with socket.create_server(("127.0.0.1", int(master_port))):
        address = ["--master-bind-host", "127.0.0.1", "--master-bind-port", master_port]
        run = start_locust(*headless(stub), *kind, *address, "-t", "1s", "Quick").wait()
    assert run.code == 6, run.err
    assert f"error: --master-bind-port {master_port} is in use: name a free port" in run.err
    assert "Traceback" not in run.err


def test_a_forked_worker_that_meets_another_runs_master(start_locust, stub, master_port, wait_until):
    """It knows the token of its run, so the message asks for another port."""
    first = start_locust(*master(stub, master_port))
    wait_until(lambda: "Waiting for workers to be ready" in first.err, "the first master")
    apart = ["--master-bind-port", str(free_port()), "--master-port", master_port]
    second = start_locust(*headless(stub), "--processes", "1", *apart, "-t", "1s", "Quick")
    wait_until(lambda: "is the master of another run: name a free --master-bind-port" in second.err, "the refusal")
    assert "DURABLE_HARNESS_RUN_TOKEN" not in second.err


def test_who_has_not_the_token_takes_no_part(start_locust, stub, master_port, wait_until):
    """Another token, or a message in clear, is refused and named; the run is made by the worker with the token.

    A worker that is refused says so and ends.
    """
    locust = start_locust(*master(stub, master_port, "--run-token", TOKEN))
    wait_until(lambda: "Waiting for workers to be ready" in locust.err, "the master")
    other = start_locust("--worker", "--master-port", master_port, "--run-token", OTHER_TOKEN, "Quick").wait()
    assert (other.code, "its token is another one" in other.err) == (2, True), other.err
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.connect(f"tcp://127.0.0.1:{master_port}")
        stranger.linger = 0
        # If the master has refused the connection already, nothing takes what is sent, and a send would wait forever.
        with contextlib.suppress(zmq.Again):
            stranger.send(msgpack.dumps(("client_ready", "2.47.0", "../../stranger")), zmq.NOBLOCK)
        assert not stranger.poll(1000)
    start_locust("--worker", "--master-port", master_port, "--run-token", TOKEN, "Quick")
    run = locust.wait()
    assert run.code == 0, run.err
    assert run.operations["completed"] == run.operations["started"] == stub.accepted > 0
    assert run.summary["settings"]["processes"] == "1 master, 1 workers"
    [note] = [note for note in run.summary["notes"] if "without the token" in note]
    assert note.startswith("processes that tried to join from 127.0.0.1 without the token of the run (")
    assert "stranger" not in run.err


def test_a_token_is_made_where_none_is_given(start_locust, stub, master_port, wait_until):
    """A master without a token makes one and prints it; a worker joins with it, and one without it is refused."""
    locust = start_locust(*master(stub, master_port))
    wait_until(lambda: "DURABLE_HARNESS_RUN_TOKEN=" in locust.err, "the token")
    token = locust.err.partition("DURABLE_HARNESS_RUN_TOKEN=")[2].split()[0]
    refused = start_locust("--worker", "--master-port", master_port, "Quick").wait()
    assert (refused.code, "--worker needs the token of the run" in refused.err) == (2, True)
    start_locust("--worker", "--master-port", master_port, "--run-token", token, "Quick")
    run = locust.wait()
    assert (run.code, run.operations["completed"]) == (0, stub.accepted), run.err


def test_the_key_is_not_on_the_wire(start_locust, stub, master_port):
    """A worker uses the function key that its master was given, and their messages do not show it."""
    proxy = RecordingProxy(int(master_port))
    try:
        locust = start_locust(*master(stub, master_port, "--run-token", TOKEN, "--function-key", KEY))
        start_locust("--worker", "--master-port", str(proxy.port), "--run-token", TOKEN, "Quick")
        run = locust.wait()
    finally:
        proxy.close()
    assert (run.code, run.operations["completed"]) == (0, stub.accepted), run.err
    assert {headers.get("x-functions-key") for method, _, headers in stub.requests if method == "POST"} == {KEY}
    assert len(proxy.seen) > 1000
    assert KEY.encode() not in proxy.seen
    assert os.fsencode("Quick") not in proxy.seen


@pytest.mark.parametrize("token", ["short", "x" * 15])
def test_a_token_that_can_be_guessed(start_locust, token):
    """A token of a few characters is refused."""
    run = start_locust("--worker", "--run-token", token, "Quick").wait()
    assert (run.code, f"got {len(token)} characters, expected at least 16" in run.err) == (2, True)
