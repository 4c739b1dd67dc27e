"""An app whose functions fail in every way that the log, the status and reports of tests must explain."""

import contextlib
import json
import logging
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func
from depot.scales import read, weigh

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
runs = {"changing": 0}


class NoCourierError(Exception):
    """Raised by the app for itself."""


@app.route("orders", methods=["POST"])
@app.durable_client_input(client_name="client")
async def orders(req: func.HttpRequest, client):
    instance_id = await client.start_new("ship_order", client_input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.route("orders/{number:int}")
def order(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params["number"])


@app.route("seen/{instance_id}")
@app.durable_client_input(client_name="client")
async def seen(req: func.HttpRequest, client):
    """Answer what the SDK's own client reads of an instance."""
    status = await client.get_status(req.route_params["instance_id"])
    shown = {"output": status.output, "status": str(status.runtime_status), "name": status.name}
    return func.HttpResponse(json.dumps(shown), mimetype="application/json")


# -- orchestrators ----------------------------------------------------------------------------------------------------


@app.orchestration_trigger(context_name="context")
def ship_order(context):
    return (yield context.call_activity("ship", context.get_input()))


@app.orchestration_trigger(context_name="context")
def own_failure(context):
    yield context.call_activity("label", "first")
    raise NoCourierError("nobody drives today")


@app.orchestration_trigger(context_name="context")
def of_a_cause(context):
    yield context.call_activity("reads", "{")


@app.orchestration_trigger(context_name="context")
def several(context):
    yield context.call_activity("group", None)


@app.orchestration_trigger(context_name="context")
def parent(context):
    yield context.call_sub_orchestrator("ship_order", {"id": 7})


@app.orchestration_trigger(context_name="context")
def recovers(context):
    """Catch the failure of an activity, and fail for another reason."""
    with contextlib.suppress(Exception):
        yield context.call_activity("ship", {})
    raise NoCourierError("a second reason")


@app.orchestration_trigger(context_name="context")
def withdraws(context):
    yield context.call_entity(df.EntityId("account", context.instance_id), "withdraw", 5)


@app.orchestration_trigger(context_name="context")
def returns_a_set(context):
    yield context.call_activity("label", "first")
    return {1, 2}


@app.orchestration_trigger(context_name="context")
def gets_a_set(context):
    return (yield context.call_activity("makes_a_set", None))


@app.orchestration_trigger(context_name="context")
def changing(context):
    """Ask for another activity in each run: not deterministic."""
    runs["changing"] += 1
    yield context.call_activity("label" if runs["changing"] % 2 else "reads", "[]")
    yield context.call_activity("label", "last")


@app.orchestration_trigger(context_name="context")
def deep(context):
    yield context.call_activity("recurses", 300)


@app.orchestration_trigger(context_name="context")
def hostile(context):
    yield context.call_activity("raises_text", context.get_input())


# -- waiting ----------------------------------------------------------------------------------------------------------


@app.orchestration_trigger(context_name="context")
def approval(context):
    yield context.call_activity("label", "asked")
    logging.getLogger("depot").info("approval is asked for")
    return (yield context.wait_for_external_event("approval"))


@app.orchestration_trigger(context_name="context")
def approval_in_time(context):
    event = context.wait_for_external_event("approval")
    timeout = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    yield context.task_any([event, timeout])


def both(context):
    """Wait for two events, in a generator of the app's own."""
    yield context.task_all([context.wait_for_external_event(name) for name in ("paid", "packed")])


@app.orchestration_trigger(context_name="context")
def two_events(context):
    yield from both(context)


@app.orchestration_trigger(context_name="context")
def waiting_parent(context):
    yield context.call_sub_orchestrator("approval", None, f"child-of-{context.instance_id}")


# -- activities and entities ------------------------------------------------------------------------------------------


@app.activity_trigger(input_name="order")
def ship(order):
    return weigh(order)


@app.activity_trigger(input_name="text")
def label(text):
    return f"label {text}"


@app.activity_trigger(input_name="text")
async def reads(text):
    try:
        return read(text)
    except ValueError as error:
        raise NoCourierError("the order cannot be read") from error


@app.activity_trigger(input_name="nothing")
def group(nothing):
    errors = []
    for order in ({}, {"weight_kg": None}):
        try:
            weigh(order)
        except (KeyError, TypeError) as error:
            errors.append(error)
    raise ExceptionGroup("two orders", errors)


@app.activity_trigger(input_name="nothing")
def makes_a_set(nothing):
    return {1, 2}


@app.activity_trigger(input_name="depth")
def recurses(depth):
    if depth == 0:
        raise RecursionError("deep enough")
    return recurses_further(depth)


def recurses_further(depth):
    """Go one frame deeper; each other frame is another function."""
    return recurses_further(depth - 1) if depth > 1 else weigh({})


@app.activity_trigger(input_name="text")
def raises_text(text):
    raise ValueError(text)


@app.entity_trigger(context_name="context")
def account(context):
    raise ArithmeticError(f"no {context.get_input()} there")


@app.orchestration_trigger(context_name="context")
def echoes(context):
    yield context.call_activity("label", "first")
    return context.get_input()


@app.orchestration_trigger(context_name="context")
def catches(context):
    """Return what an orchestrator sees of an activity's failure."""
    try:
        yield context.call_activity("ship", {})
    except Exception as error:  # noqa: BLE001
        details = getattr(error, "details", None)
        caused = details.is_caused_by(KeyError) if details is not None else None
        return {"text": str(error), "message": getattr(details, "message", None), "is_key_error": caused}
