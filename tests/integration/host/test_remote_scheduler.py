"""The host on a scheduler elsewhere, over gRPC: the in-memory backend of the durabletask package stands in for one."""

import socket

import pytest
from durabletask.testing import create_test_backend

from durable_harness.errors import UnreachableError
from durable_harness.network.free_ports import free_port
from durable_harness.stack import embedded_stack, scheduler_process


@pytest.fixture(scope="module")
def backend_address():
    """Yield the connection string of a scheduler that speaks the protocol over gRPC."""
    port = free_port()
    backend = create_test_backend(port=port)
    yield f"Endpoint=http://localhost:{port};Authentication=None;TaskHub=default"
    backend.stop()


def test_the_sample_app_runs_on_a_remote_scheduler(running_apps, backend_address, request):
    """The same app and the same host work for a scheduler that is named by its connection string."""
    client = running_apps(request.config.rootpath, ("--scheduler", backend_address))
    operation = {"duration": 0.01, "operation_type": "remote", "data": [1]}
    answer = client.post("/api/async_http_api", json=operation)
    assert answer.status_code == 202
    status = client.wait_terminal(answer.json()["id"])
    assert status["runtimeStatus"] == "Completed"
    assert (status["output"]["task"], status["output"]["data"]) == ("remote", [1])


def test_an_unknown_instance_is_unknown_there_too(running_apps, backend_address, request):
    """What the scheduler does not know is a 404, whichever scheduler it is."""
    client = running_apps(request.config.rootpath, ("--scheduler", backend_address))
    assert client.get("/api/status/nobody").status_code == 404


def test_a_hub_that_the_scheduler_lacks_ends_the_start(request):
    """A hub that the scheduler does not have is an error with the ways out, for the emulator too."""
    with scheduler_process() as running:
        address = f"Endpoint=http://{running.grpc_address};Authentication=None;TaskHub=shop"
        with (
            pytest.raises(UnreachableError, match="Task hub not found: shop") as caught,
            embedded_stack(request.config.rootpath, serve_args=("--scheduler", address)),
        ):
            pytest.fail("the host started without its hub")
    for way in ("--task-hubs default,shop", "--dynamic-task-hubs", "DTS_TASK_HUB_NAMES=default,shop", "TaskHub=NAME"):
        assert way in str(caught.value)


def test_a_long_history_runs_on_a_scheduler_of_ours_elsewhere(running_apps, request):
    """An orchestration whose history comes in parts ends as one that gets all of it each time."""
    app = request.config.rootpath / "benchmarks" / "long_histories_app"
    with scheduler_process() as scheduler:
        address = f"Endpoint=http://{scheduler.grpc_address};Authentication=None;TaskHub=default"
        client = running_apps(app, ("--scheduler", address))
        status = client.wait_terminal(client.post("/api/chain/300").json()["id"])
    assert (status["runtimeStatus"], status["output"]) == ("Completed", sum(range(300)))


@pytest.mark.thorough
def test_a_scheduler_that_does_not_answer_ends_the_start(tmp_path, request):
    """A scheduler that does not answer is an error that names it, with an exit code of its own."""
    with socket.socket() as closed:
        closed.bind(("localhost", 0))
        address = f"Endpoint=http://localhost:{closed.getsockname()[1]};Authentication=None"
        with (
            pytest.raises(UnreachableError, match="does not answer"),
            embedded_stack(request.config.rootpath, serve_args=("--scheduler", address)),
        ):
            pytest.fail("the host started without its scheduler")
