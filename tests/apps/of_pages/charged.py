"""Orders whose charge has no effect outside, and so may be repeated."""

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("orders", methods=["POST"])
@app.durable_client_input("client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    return client.create_check_status_response(req, await client.start_new("order", client_input=req.get_json()))


@app.orchestration_trigger("context")
def order(context: df.DurableOrchestrationContext):
    return (yield context.call_activity("charge_card", context.get_input()))


@app.activity_trigger("order")
def charge_card(order: dict) -> dict:
    return {"charged": order["amount"]}
