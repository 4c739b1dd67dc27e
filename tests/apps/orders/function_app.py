"""An order app: orders come by a queue, receipts go to a blob and a queue, a timer takes stock every hour."""

import json
import logging
from typing import List  # noqa: UP035 - the worker takes no list[…]

import azure.durable_functions as df
import azure.functions as func
from messages import messages

STORAGE = "AzureWebJobsStorage"
logger = logging.getLogger("orders")
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(messages)


@app.queue_trigger(arg_name="message", queue_name="orders", connection=STORAGE)
@app.durable_client_input(client_name="client")
async def take_order(message: func.QueueMessage, client):
    """Start the orchestration of an order; the second delivery of one starts nothing."""
    order = json.loads(message.get_body())
    logger.info("order %s, delivery %s", order["id"], message.dequeue_count)
    if message.dequeue_count == 1:
        await client.start_new("fulfil", f"order-{order['id']}", order)


@app.orchestration_trigger(context_name="context")
def fulfil(context: df.DurableOrchestrationContext):
    """Price an order and write its receipt."""
    order = context.get_input()
    order["total"] = yield context.call_activity("price", order)
    return (yield context.call_activity("receipt", order))


@app.activity_trigger(input_name="order")
@app.blob_input(arg_name="prices", path="data/prices.json", connection=STORAGE)
def price(order: dict, prices: func.InputStream):
    """Return what an order costs."""
    return order["count"] * json.loads(prices.read())[order["item"]]


@app.activity_trigger(input_name="order")
@app.blob_output(arg_name="paper", path="receipts/{id}.txt", connection=STORAGE)
@app.queue_output(arg_name="notices", queue_name="%RECEIPTS%", connection=STORAGE)
def receipt(order: dict, paper: func.Out[str], notices: func.Out[List[str]]):  # noqa: UP006
    """Write a receipt, and two notices of it."""
    paper.set(f"{order['count']} {order['item']}: {order['total']}")
    notices.set([f"{order['id']} is paid", f"{order['id']} is packed"])
    return order["total"]


@app.timer_trigger(arg_name="tick", schedule="%HOURLY%")
@app.queue_output(arg_name="$return", queue_name="stock", connection=STORAGE)
def take_stock(tick: func.TimerRequest) -> str:
    """Return a message for the queue."""
    return "late" if tick.past_due else "on time"


@app.route(route="orders/{id}", methods=["PUT"])
@app.queue_output(arg_name="orders", queue_name="orders", connection=STORAGE)
def put_order(req: func.HttpRequest, orders: func.Out[str]) -> func.HttpResponse:
    """Queue an order, unless its body asks for a failure after that."""
    orders.set(json.dumps({"id": req.route_params["id"]}))
    if b"fail" in req.get_body():
        raise RuntimeError("after the order was set")
    return func.HttpResponse("queued", status_code=202)


@app.route(route="named", methods=["GET"], binding_arg_name="answer")
def named(req: func.HttpRequest, answer: func.Out[func.HttpResponse]) -> None:
    """Answer by a named output."""
    answer.set(func.HttpResponse("by name", status_code=201))
