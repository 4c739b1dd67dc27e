"""Parameters of SDK types, such as a BlobClient: the app starts, and what needs the service says so at each turn."""

import shutil
from pathlib import Path

import pytest

import rooms
from durable_harness.errors import UsageError
from durable_harness.testing import assert_failed

TESTS = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.stacks("embedded", reason="its host is ours and has no services"),
    pytest.mark.timeout(rooms.ROOM_TIMEOUT_S),
]
BLOB_CLIENT = "its parameter 'item' is a BlobClient, which needs Azure Blob Storage, and that cannot be served here"
CONTAINER_CLIENT = "its parameter 'locker' is a ContainerClient, which needs Azure Blob Storage"
WAY_OUT = "With func.InputStream, str or bytes the function runs here."


@pytest.fixture(scope="session")
def durable_app_dir(tmp_path_factory):
    """Return the locker app, which has brought the extensions along, as a deployed app does."""
    folder = tmp_path_factory.mktemp("lockers") / "app"
    shutil.copytree(TESTS / "apps" / "lockers", folder)
    packages = folder / ".python_packages" / "lib" / "site-packages"
    packages.parent.mkdir(parents=True)
    packages.symlink_to(rooms.packages(TESTS / "indexing" / "extensions.txt"))
    return folder


def log(operations):
    """Return what the host has written."""
    return operations.stack.log_path.read_text()


def test_the_app_starts_and_names_what_cannot_run(operations):
    """A function that needs no service is served; the start names the others, their parameters and the way out."""
    assert operations.request("GET", "/api/served").body == b"served"
    started = log(operations)
    assert f"warning: Function 'on_item' fails whenever it runs: {BLOB_CLIENT}. {WAY_OUT}" in started
    assert f"warning: Function 'inventory' fails whenever it runs: {CONTAINER_CLIENT}" in started
    assert "Function 'on_key' fails whenever it runs: its parameter 'key' is a ServiceBusReceivedMessage" in started
    assert "its parameter 'actions' is a ServiceBusMessageActions, which needs Azure Service Bus" in started
    assert "on_item: blobTrigger, cannot run here" in started
    assert "needs the input binding" not in started


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("on_item", BLOB_CLIENT),
        ("inventory", CONTAINER_CLIENT),
        ("on_key", "is a ServiceBusReceivedMessage, which needs Azure Service Bus"),
        ("on_keys", r"is a typing.List\[.*ServiceBusReceivedMessage\], which needs Azure Service Bus"),
        ("unlock", "'stored' is a StorageStreamDownloader, which needs Azure Blob Storage"),
        ("plain", "'req' is annotated str, which takes no HTTP request: in Azure each call fails too"),
    ],
)
def test_it_does_not_run_by_hand(operations, name, reason):
    """A run by hand is refused with the reason, before anything runs."""
    with pytest.raises(UsageError, match=f"Function '{name}' .*: it cannot run: .*{reason}"):
        operations.trigger(name, "x")


@pytest.mark.parametrize(("route", "reason"), [("inventory", CONTAINER_CLIENT), ("plain", "'req' is annotated str")])
def test_a_request_fails_with_the_reason_in_the_log(operations, route, reason):
    """Azure answers 500 to a request that its worker cannot hand over; so does this host, and gives the reason."""
    assert operations.request("GET", f"/api/{route}").status == 500
    assert f"Function '{route}' failed: UnrunnableFunctionError: Function '{route}' cannot run: " in log(operations)
    assert reason in log(operations)


def test_an_activity_fails_with_the_reason(operations):
    """The orchestration that calls it fails, with the reason in its output."""
    operation = operations.start("/api/start")
    assert_failed(operation, "'stored' is a StorageStreamDownloader, which needs Azure Blob Storage")


@pytest.mark.parametrize("name", ["locker", "inventory.locker", "lockers", "lockers/one"])
def test_no_value_can_be_given_for_it(operations, name):
    """A test that gives one learns why, by whatever name it gave it."""
    with pytest.raises(UsageError, match=rf"No value can be given for '{name}' .*which needs Azure Blob Storage"):
        operations.give(name, "x")
