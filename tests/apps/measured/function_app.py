"""An app whose orchestrations have costs that are easy to name: chains, fan-outs, timers, children, entities."""

from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
TICK = timedelta(milliseconds=20)


@app.route("orchestrators/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client):
    instance_id = await client.start_new(req.route_params["name"], None, req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def chain(context):
    """Call that many activities in a row."""
    for number in range(context.get_input()):
        yield context.call_activity("double", number)


@app.orchestration_trigger(context_name="context")
def fan_out(context):
    """Call that many activities at once, then wait for a timer."""
    results = yield context.task_all([context.call_activity("double", n) for n in range(context.get_input())])
    yield context.create_timer(context.current_utc_datetime + TICK)
    return results


@app.orchestration_trigger(context_name="context")
def ticks(context):
    """Wait for that many timers in a row."""
    for _ in range(context.get_input()):
        yield context.create_timer(context.current_utc_datetime + TICK)


@app.orchestration_trigger(context_name="context")
def family(context):
    """Call a chain of each length as a sub-orchestration, all at once."""
    yield context.task_all([context.call_sub_orchestrator("chain", length) for length in context.get_input()])


@app.orchestration_trigger(context_name="context")
def rounds(context):
    """Continue as new that many times, each time after an activity."""
    yield context.call_activity("double", 1)
    if context.get_input() > 0:
        context.continue_as_new(context.get_input() - 1)


@app.orchestration_trigger(context_name="context")
def approval(context):
    """Wait for an event and return what came with it."""
    answer = yield context.wait_for_external_event("approved")
    return answer


@app.orchestration_trigger(context_name="context")
def ledger(context):
    """Signal an entity once and call it once."""
    entity = df.EntityId("total", context.get_input())
    context.signal_entity(entity, "add", 5)
    return (yield context.call_entity(entity, "get"))


@app.orchestration_trigger(context_name="context")
def retried(context):
    """Call an activity that always fails, that many times."""
    try:
        yield context.call_activity_with_retry("fail", df.RetryOptions(1, context.get_input()), "sorry")
    except Exception:  # noqa: BLE001 - the SDK raises bare Exception
        return None


@app.entity_trigger(context_name="context")
def total(context):
    amount = context.get_state(lambda: 0)
    if context.operation_name == "add":
        context.set_state(amount + context.get_input())
    context.set_result(amount)


@app.activity_trigger(input_name="number")
def double(number):
    return 2 * number


@app.activity_trigger(input_name="reason")
def fail(reason):
    raise ValueError(reason)
