"""An app whose orchestrations have long histories: POST /api/chain/{n} and POST /api/deaf."""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="{name}/{count}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    instance_id = await client.start_new(req.route_params["name"], client_input=int(req.route_params["count"]))
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def chain(context: df.DurableOrchestrationContext) -> Generator[Any, Any, int]:
    """Call that many activities, one after the other."""
    total = 0
    for number in range(context.get_input()):
        total += yield context.call_activity("same", number)
    return total


@app.orchestration_trigger(context_name="context")
def deaf(context: df.DurableOrchestrationContext) -> Generator[Any, Any, str]:
    """Wait for the event `end`, whatever other events come."""
    yield context.wait_for_external_event("end")
    return "ended"


@app.activity_trigger(input_name="number")
async def same(number: int) -> int:
    return number
