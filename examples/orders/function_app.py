"""Orders with an approval, a timer, an entity, a queue and a blob: the app of docs/how-to/one-app-all-tests.md."""

import json
import os
import urllib.request
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

STORAGE = "AzureWebJobsStorage"
NEEDS_APPROVAL_FROM = 1_000
DAYS_TO_APPROVE = 3
BANK = os.environ.get("BANK_URL", "https://bank.example")
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("orders", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start_order(req: func.HttpRequest, client):
    """Start an order; its ID makes a second POST of the same order harmless."""
    try:
        order = req.get_json()
        known = {"id": str(order["id"]), "item": str(order["item"]), "amount": float(order["amount"])}
    except (ValueError, KeyError, TypeError) as error:
        return func.HttpResponse(json.dumps({"error": f"not an order: {error!r}"}), status_code=400)
    instance_id = await client.start_new("process_order", f"order-{known['id']}", known)
    return client.create_check_status_response(req, instance_id)


@app.queue_trigger(arg_name="message", queue_name="orders", connection=STORAGE)
@app.durable_client_input(client_name="client")
async def order_from_queue(message: func.QueueMessage, client):
    """Start an order that came by the queue."""
    order = json.loads(message.get_body())
    await client.start_new("process_order", f"order-{order['id']}", order)


@app.orchestration_trigger(context_name="context")
def process_order(context: df.DurableOrchestrationContext):
    """Reserve the item, have large orders approved, charge the card, write the receipt."""
    order = context.get_input()
    stock = df.EntityId("Stock", order["item"])
    left = yield context.call_entity(stock, "reserve", 1)
    if left < 0:
        yield context.call_entity(stock, "give_back", 1)
        return {"state": "sold out"}
    if order["amount"] >= NEEDS_APPROVAL_FROM and not (yield from _approved(context)):
        yield context.call_entity(stock, "give_back", 1)
        return {"state": "expired"}
    retries = df.RetryOptions(first_retry_interval_in_milliseconds=5_000, max_number_of_attempts=3)
    charge = yield context.call_activity_with_retry("charge_card", retries, order)
    yield context.call_activity("write_receipt", {**order, **charge})
    return {"state": "paid", **charge}


def _approved(context):
    """Wait for the event `approval`, for three days at most; return whether it came."""
    approval = context.wait_for_external_event("approval")
    timeout = context.create_timer(context.current_utc_datetime + timedelta(days=DAYS_TO_APPROVE))
    first = yield context.task_any([approval, timeout])
    if first == timeout:
        return False
    timeout.cancel()
    return True


@app.activity_trigger(input_name="order")
def charge_card(order: dict) -> dict:
    """Ask the bank; the key makes a second charge of the same order harmless."""
    request = urllib.request.Request(
        f"{BANK}/charges",
        json.dumps({"amount": order["amount"]}).encode(),
        {"Content-Type": "application/json", "Idempotency-Key": order["id"]},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return {"charge": json.load(answer)["charge"]}


@app.activity_trigger(input_name="order")
@app.blob_output(arg_name="receipt", path="receipts/{id}.json", connection=STORAGE)
def write_receipt(order: dict, receipt: func.Out[str]) -> str:
    """Write a receipt to a blob of the order's own: a second delivery writes the same once more."""
    receipt.set(json.dumps({"id": order["id"], "charge": order["charge"]}))
    return "written"


@app.entity_trigger(context_name="context", entity_name="Stock")
def stock(context: df.DurableEntityContext):
    """Keep how many there are of an item: ten at first."""
    left = context.get_state(lambda: 10)
    change = {"reserve": -1, "give_back": 1}[context.operation_name]
    context.set_state(left + change * int(context.get_input()))
    context.set_result(left + change * int(context.get_input()))
