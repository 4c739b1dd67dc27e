"""An orchestration with a child, an entity, an event, a timer and an activity that fails, for SDK 1.x and 2.x."""

import logging
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func
from opentelemetry import trace

logger = logging.getLogger(__name__)
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="orders/{number}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def order(req: func.HttpRequest, client, context: func.Context) -> func.HttpResponse:
    instance_id = await client.start_new("shop", client_input=req.route_params["number"])
    logger.info("trace of the function: %s", context.trace_context.Traceparent)
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def shop(context):
    number = context.get_input()
    stock = df.EntityId("stock", "s")
    yield context.call_activity("price", number)
    context.signal_entity(stock, "take", 1)
    left = yield context.call_entity(stock, "left")
    yield context.create_timer(context.current_utc_datetime + timedelta(seconds=0.05))
    yield context.wait_for_external_event("paid")
    try:
        yield context.call_activity("refuse", number)
    except Exception:  # noqa: BLE001 - whatever the SDK makes of it
        context.set_custom_status("refused")
    yield context.call_sub_orchestrator("ship", number)
    return left


@app.orchestration_trigger(context_name="context")
def ship(context):
    return (yield context.call_activity("price", context.get_input()))


@app.activity_trigger(input_name="number")
def price(number: str, context: func.Context) -> str:
    logger.info("trace of the activity: %s", context.trace_context.Traceparent)
    logger.info("current in the activity: %016x", trace.get_current_span().get_span_context().span_id)
    return number


@app.activity_trigger(input_name="number")
def refuse(number: str) -> str:
    raise ValueError(f"no {number}")


@app.entity_trigger(context_name="context")
def stock(context):
    if context.operation_name == "take":
        context.set_state(context.get_state(lambda: 10) - context.get_input())
    context.set_result(context.get_state(lambda: 10))
