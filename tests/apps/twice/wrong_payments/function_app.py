"""Payments that are taken again by every delivery: the key that the service knows repeats by is made up in each."""

import json
import urllib.request
import uuid

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="orders", methods=["POST"])
@app.durable_client_input(client_name="client")
async def order(req: func.HttpRequest, client) -> func.HttpResponse:
    instance_id = await client.start_new("pay", client_input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def pay(context):
    order = context.get_input()
    price = yield context.call_activity("find_price", order)
    yield context.call_activity("charge_card", {**order, "price": price})
    return price


@app.activity_trigger(input_name="order")
def find_price(order: dict) -> int:
    with urllib.request.urlopen(f"{order['service']}/prices") as answer:
        return json.load(answer)["price"]


@app.activity_trigger(input_name="order")
def charge_card(order: dict) -> bool:
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
    body = json.dumps({"amount": order["price"]}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{order['service']}/charges", body, headers)) as answer:
        return answer.status == 200
