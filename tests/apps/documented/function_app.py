"""The app of the examples in docs/how-to/scenarios.md: orders that take some time, and approvals that wait."""

import asyncio
import json

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="orders", methods=["POST"])
@app.durable_client_input(client_name="client")
async def take_order(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start an order."""
    return client.create_check_status_response(req, await client.start_new("fulfil", client_input=req.get_json()))


@app.orchestration_trigger(context_name="context")
def fulfil(context: df.DurableOrchestrationContext):
    """Pack an order."""
    return (yield context.call_activity("pack", context.get_input()))


@app.activity_trigger(input_name="order")
async def pack(order: dict) -> dict:
    """Take as long as the order specifies."""
    await asyncio.sleep(order["seconds"])
    return order


@app.route(route="approvals", methods=["POST"])
@app.durable_client_input(client_name="client")
async def ask_for_approval(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start an approval."""
    return client.create_check_status_response(req, await client.start_new("approve", client_input=req.get_json()))


@app.orchestration_trigger(context_name="context")
def approve(context: df.DurableOrchestrationContext):
    """Wait for the approval."""
    approval = yield context.wait_for_external_event("Approved")
    return json.loads(approval) if isinstance(approval, str) else approval


@app.route(route="prices", methods=["GET"])
def prices(req: func.HttpRequest) -> func.HttpResponse:
    """List the prices."""
    return func.HttpResponse("a dozen eggs: 3")
