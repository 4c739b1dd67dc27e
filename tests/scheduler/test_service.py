"""The scheduler command: its ports, its HTTP API, its variables, its errors, its leases."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import grpc
import pytest
import requests
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from durable_harness.errors import PortInUseError, UsageError
from durable_harness.stack import scheduler_process

DEADLINE_S = 15


@contextlib.contextmanager
def stub_of(running):
    with grpc.insecure_channel(running.grpc_address) as channel:
        yield TaskHubSidecarServiceStub(channel)


@pytest.fixture(scope="module")
def two_hubs():
    """Yield a scheduler with the task hubs default and orders, and no others."""
    with scheduler_process(args=["--task-hubs", "default, orders"]) as running:
        yield running


def test_the_http_api_lists_the_hubs(two_hubs):
    """The root answers, and the ping of a hub shows whether it is there."""
    assert requests.get(two_hubs.http_url, timeout=5).status_code == 200
    ping = f"{two_hubs.http_url}/v1/taskhubs/ping"
    answers = {
        name: requests.get(ping, headers={"x-taskhub": name}, timeout=5).status_code for name in ("orders", "nobody")
    }
    assert answers == {"orders": 200, "nobody": 404}


def test_the_dashboard_shows_hubs_and_instances(two_hubs):
    """The dashboard lists the hubs; a hub's page, under the emulator's address, lists its instances, escaped."""
    with stub_of(two_hubs) as stub:
        stub.StartInstance(pb.CreateInstanceRequest(instanceId="<b>bold</b>", name="o"))
    page = requests.get(two_hubs.dashboard_url, timeout=5)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "orders" in page.text
    deep = f"{two_hubs.dashboard_url}/subscriptions/local/schedulers/emulator/taskhubs/default/orchestrations"
    text = requests.get(deep, timeout=5).text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "<b>bold" not in text


def test_an_unknown_hub_is_not_found_by_every_call(two_hubs):
    """Unary calls and streams on an unknown hub are NOT_FOUND with the hub's name."""
    with stub_of(two_hubs) as stub:
        for call in (
            lambda: stub.GetInstance(pb.GetInstanceRequest(instanceId="x"), metadata=[("taskhub", "nobody")]),
            lambda: list(stub.GetWorkItems(pb.GetWorkItemsRequest(), metadata=[("taskhub", "nobody")])),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                call()
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
            assert caught.value.details().startswith("Task hub not found: nobody. ")


def test_the_emulators_variables_name_the_hubs(monkeypatch):
    """DTS_TASK_HUB_NAMES and DTS_USE_DYNAMIC_TASK_HUBS configure it as they do the emulator."""
    monkeypatch.setenv("DTS_TASK_HUB_NAMES", " one , two")
    with scheduler_process() as running:
        ping = f"{running.http_url}/v1/taskhubs/ping"
        codes = [requests.get(ping, headers={"x-taskhub": n}, timeout=5).status_code for n in ("one", "two", "three")]
    assert codes == [200, 200, 404]
    monkeypatch.setenv("DTS_USE_DYNAMIC_TASK_HUBS", "true")
    with scheduler_process() as running:
        ping = f"{running.http_url}/v1/taskhubs/ping"
        assert requests.get(ping, headers={"x-taskhub": "three"}, timeout=5).status_code == 200


@pytest.mark.parametrize("option", ["--grpc-port", "--http-port", "--dashboard-port"])
def test_a_busy_port_ends_the_start(option):
    """A port with a listener is never shared: the start ends with an error that names it and its option."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        words = rf"Port {port} is in use.* Choose another with {option}, or 0"
        with pytest.raises(PortInUseError, match=words), scheduler_process(args=[option, port]):
            pytest.fail("it started on a taken port")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task-hubs", " , "], "names no task hub"),
        (["--grpc-port", "many"], "not a port"),
        (["--lease-timeout", "-1"], "not a number of seconds"),
        (["--max-payload-bytes", "1.5"], "not a whole number"),
        (["--time", "backwards"], "invalid choice"),
        (["--data", "/nowhere/at/all/hub.db"], "/nowhere/at/all"),
    ],
)
def test_a_wrong_option_ends_the_start(arguments, message):
    """A value that cannot be taken is a usage error that names the valid ones."""
    with pytest.raises(UsageError, match=message), scheduler_process(args=arguments):
        pytest.fail("it started with a wrong option")


def test_sigterm_ends_it_cleanly(tmp_path):
    """SIGTERM ends the service with exit code 0, also while clients hold streams."""
    ready = tmp_path / "ready.json"
    ports = ["--grpc-port", "0", "--http-port", "0", "--dashboard-port", "any"]
    command = [sys.executable, "-m", "durable_harness", "scheduler", *ports, "--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        address = next(line for line in process.stdout if "gRPC" in line).split()[1]
        with grpc.insecure_channel(address) as channel:
            stream = TaskHubSidecarServiceStub(channel).GetWorkItems(pb.GetWorkItemsRequest())
            TaskHubSidecarServiceStub(channel).GetInstance(pb.GetInstanceRequest(instanceId="x"))
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE_S) == 0
            stream.cancel()


def next_turn(stream):
    """Return the next orchestration turn of a stream, past health pings."""
    return next(item for item in stream if item.HasField("orchestratorRequest"))


def complete(item):
    ending = {"orchestrationStatus": pb.ORCHESTRATION_STATUS_COMPLETED}
    action = pb.OrchestratorAction(id=-1, completeOrchestration=ending)
    return pb.OrchestratorResponse(
        instanceId=item.orchestratorRequest.instanceId, completionToken=item.completionToken, actions=[action]
    )


def test_a_late_answer_of_a_hung_worker_is_refused():
    """After --lease-timeout the work goes to another worker; the late answer is NOT_FOUND and changes nothing."""
    with scheduler_process(args=["--lease-timeout", "0.5"]) as running, stub_of(running) as stub:
        hung = stub.GetWorkItems(pb.GetWorkItemsRequest(maxConcurrentOrchestrationWorkItems=1))
        stub.StartInstance(pb.CreateInstanceRequest(instanceId="i", name="o"))
        late = next_turn(hung)
        other = stub.GetWorkItems(pb.GetWorkItemsRequest())
        again = next_turn(other)
        assert again.completionToken != late.completionToken
        with pytest.raises(grpc.RpcError) as caught:
            stub.CompleteOrchestratorTask(complete(late))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        stub.CompleteOrchestratorTask(complete(again))
        with pytest.raises(grpc.RpcError):
            stub.CompleteOrchestratorTask(complete(again))
        state = stub.GetInstance(pb.GetInstanceRequest(instanceId="i")).orchestrationState
        assert state.orchestrationStatus == pb.ORCHESTRATION_STATUS_COMPLETED
        hung.cancel()
        other.cancel()


def test_a_full_disk_is_reported_and_loses_nothing_accepted(tmp_path):
    """Where the file cannot grow, starts are refused with RESOURCE_EXHAUSTED; what was accepted before is there."""
    launcher = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from durable_harness.cli import main; sys.exit(main(sys.argv[1:]))\n"
    )
    ports = ["--grpc-port", "0", "--http-port", "0", "--dashboard-port", "any"]
    command = [sys.executable, "-c", launcher, "scheduler", *ports, "--data", str(tmp_path / "hub.db")]
    accepted, refused = [], []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        address = next(line for line in process.stdout if "gRPC" in line).split()[1]
        with grpc.insecure_channel(address) as channel:
            stub = TaskHubSidecarServiceStub(channel)
            deadline = time.monotonic() + DEADLINE_S
            while not refused and time.monotonic() < deadline:
                request = pb.CreateInstanceRequest(
                    instanceId=f"i{len(accepted)}", name="o", input={"value": "x" * 9000}
                )
                try:
                    stub.StartInstance(request, timeout=5)
                    accepted.append(request.instanceId)
                except grpc.RpcError as error:
                    refused.append(error.code())
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert refused == [grpc.StatusCode.RESOURCE_EXHAUSTED]
    with scheduler_process(args=["--data", str(tmp_path / "hub.db")]) as running, stub_of(running) as stub:
        assert accepted
        assert all(stub.GetInstance(pb.GetInstanceRequest(instanceId=name)).exists for name in accepted)
