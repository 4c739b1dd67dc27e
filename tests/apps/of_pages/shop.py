"""Orders that are paid at once."""

import json

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("orders", methods=["POST"])
@app.durable_client_input("client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    return client.create_check_status_response(req, await client.start_new("order", client_input=req.get_json()))


@app.route("orders/{number}", methods=["GET"])
def state(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps({"id": req.route_params["number"], "state": "shipped"}))


@app.orchestration_trigger("context")
def order(context: df.DurableOrchestrationContext):
    return (yield context.call_activity("pay", context.get_input()))


@app.activity_trigger("order")
def pay(order: dict) -> dict:
    return {"id": order["id"], "paid": True}
