"""A JavaScript client and worker whose scheduler lacks their hub, or dies and comes back."""

from pathlib import Path

import grpc
import pytest
from js_room import JsError, JsHub, JsRoom, output_of, until

from durable_harness.network.free_ports import free_port
from durable_harness.stack import scheduler_process
from npm_packages import installed


@pytest.fixture
def room_of(tmp_path):
    """Yield a function that makes a process of clients and workers for a scheduler's address."""
    rooms = []

    def make(address):
        node, modules = installed(Path(__file__).parent)
        rooms.append(JsRoom(node, modules, address, tmp_path / "node.log"))
        return rooms[-1]

    yield make
    for room in rooms:
        room.close()


def test_a_missing_hub_is_refused_with_the_remedy(room_of):
    """A client of a hub that the scheduler does not have gets NOT_FOUND, with the options and variables that help."""
    with scheduler_process() as running:
        hub = JsHub(room_of(running.grpc_address))
        with pytest.raises(JsError, match=f"Task hub not found: {hub.name}") as caught:
            hub.start("plain")
    assert caught.value.code == grpc.StatusCode.NOT_FOUND.value[0]
    remedies = ("--task-hubs", "DTS_TASK_HUB_NAMES", "--dynamic-task-hubs", "DTS_USE_DYNAMIC_TASK_HUBS")
    assert all(remedy in caught.value.message for remedy in remedies)


def scheduler_on(port, path):
    return scheduler_process(args=["--dynamic-task-hubs", "--data", str(path), "--grpc-port", str(port)])


def test_client_and_worker_find_a_scheduler_that_died(room_of, tmp_path):
    """A worker connects again to a scheduler that was away, and an instance that waited resumes there."""
    port, data = free_port(), tmp_path / "hub.db"
    with scheduler_on(port, data) as running:
        hub = JsHub(room_of(running.grpc_address))
        hub.work()
        instance_id = hub.start("waitForGo")
        hub.begun(instance_id)
    with scheduler_on(port, data):
        until(lambda: reached(hub, instance_id))
        assert output_of(hub.wait(instance_id)) == "after the pause"


def reached(hub, instance_id):
    """Raise the event; return whether the client could."""
    try:
        hub.raise_event(instance_id, data="after the pause")
    except JsError as error:
        if error.code != grpc.StatusCode.UNAVAILABLE.value[0]:
            raise
        return False
    return True
