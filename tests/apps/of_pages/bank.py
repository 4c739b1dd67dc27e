"""Orders that are paid at a bank, over HTTP."""

import json
from urllib.request import Request, urlopen

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("orders", methods=["POST"])
@app.durable_client_input("client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    return client.create_check_status_response(req, await client.start_new("order", client_input=req.get_json()))


@app.orchestration_trigger("context")
def order(context: df.DurableOrchestrationContext):
    return (yield context.call_activity("pay", context.get_input()))


@app.activity_trigger("order")
def pay(order: dict) -> dict:
    body = json.dumps(order).encode()
    request = Request("https://bank.example/payments/1", body, {"content-type": "application/json"}, method="POST")
    with urlopen(request) as answer:
        return json.load(answer)
