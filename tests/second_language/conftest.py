"""Node with Microsoft's JavaScript SDK beside a scheduler: one process of each per test worker, a task hub per test.

Its azuremanaged package is left out: npm does not serve it. It would read a connection string and send the header
`taskhub`; the room gives the SDK the address and that header itself.
"""

from pathlib import Path

import pytest
from js_room import JsHub, JsRoom

from durable_harness.stack import scheduler_process
from npm_packages import installed


@pytest.fixture(scope="session")
def js_room(tmp_path_factory):
    """Yield the process of JavaScript clients and workers."""
    node, modules = installed(Path(__file__).parent)
    folder = tmp_path_factory.mktemp("second_language")
    with scheduler_process(log_path=folder / "scheduler.log", args=["--dynamic-task-hubs"]) as running:
        room = JsRoom(node, modules, running.grpc_address, folder / "node.log")
        yield room
        room.close()


@pytest.fixture
def js(js_room):
    """Return a task hub of this test's own, with JavaScript's client and workers."""
    return JsHub(js_room)
