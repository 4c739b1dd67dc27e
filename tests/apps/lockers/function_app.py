"""Lockers: parameters that are objects of Azure's own SDKs, and others that Azure takes and never fills."""

from typing import List  # noqa: UP035 - the worker takes no list[…]

import azure.durable_functions as df
import azure.functions as func
import azurefunctions.extensions.bindings.servicebus as bus
from azurefunctions.extensions.bindings import blob

STORAGE = "AzureWebJobsStorage"
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.blob_trigger(arg_name="item", path="lockers/{name}", connection=STORAGE)
def on_item(item: blob.BlobClient):
    """Take a client of the blob."""


@app.route(route="inventory")
@app.blob_input(arg_name="locker", path="lockers", connection=STORAGE)
def inventory(req: func.HttpRequest, locker: blob.ContainerClient) -> func.HttpResponse:
    """Take a client of the container."""
    return func.HttpResponse("never")


@app.service_bus_queue_trigger(arg_name="key", queue_name="keys", connection="BUS", cardinality="one")
def on_key(key: bus.ServiceBusReceivedMessage, actions: bus.ServiceBusMessageActions):
    """Take a message of the SDK, and the client that settles it."""


@app.service_bus_queue_trigger(arg_name="batch", queue_name="keys", connection="BUS", cardinality="many")
def on_keys(batch: List[bus.ServiceBusReceivedMessage]):  # noqa: UP006
    """Take a batch of them."""


@app.activity_trigger(input_name="name")
@app.blob_input(arg_name="stored", path="lockers/{name}", connection=STORAGE)
def unlock(name: str, stored: blob.StorageStreamDownloader):
    """Read a blob in an activity."""


@app.orchestration_trigger(context_name="context")
def open_locker(context: df.DurableOrchestrationContext):
    """Call the activity that cannot run."""
    return (yield context.call_activity("unlock", "one"))


@app.route(route="start")
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    """Start the orchestration."""
    return client.create_check_status_response(req, await client.start_new("open_locker"))


@app.route(route="plain")
def plain(req: str) -> str:
    """Take a request as text, which the worker indexes and cannot carry out."""
    return "never"


@app.route(route="served")
def served(req: func.HttpRequest) -> str:
    """Take what every other function takes."""
    return "served"
