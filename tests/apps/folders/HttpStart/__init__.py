"""Starts any orchestration, as the HTTP starter of Microsoft's samples does."""

import azure.durable_functions as df
import azure.functions as func


async def main(req: func.HttpRequest, starter: str) -> func.HttpResponse:
    client = df.DurableOrchestrationClient(starter)
    given = req.get_json() if req.get_body() else None
    instance_id = req.route_params.get("instanceId")
    instance_id = await client.start_new(req.route_params["functionName"], instance_id, given)
    return client.create_check_status_response(req, instance_id)
