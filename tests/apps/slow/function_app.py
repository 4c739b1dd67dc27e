"""An app whose orchestrations are slow for one reason each: threads, slots, timers, events, replay, the loop."""

import asyncio
import time
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
WORK_S = 0.1


@app.route("orchestrators/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client):
    instance_id = await client.start_new(req.route_params["name"])
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def starved_of_threads(context):
    yield context.task_all([context.call_activity("plain", number) for number in range(8)])


@app.orchestration_trigger(context_name="context")
def starved_of_slots(context):
    yield context.task_all([context.call_activity("patient", number) for number in range(25)])


@app.orchestration_trigger(context_name="context")
def sleeper(context):
    yield context.create_timer(context.current_utc_datetime + timedelta(seconds=1))


@app.orchestration_trigger(context_name="context")
def waiter(context):
    yield context.wait_for_external_event("Approved")


@app.orchestration_trigger(context_name="context")
def heavy(context):
    """Compute much between activities: each turn computes all of it again."""
    for number in range(12):
        sum(range(300_000))
        yield context.call_activity("quick", number)


@app.orchestration_trigger(context_name="context")
def blocked(context):
    """Start an activity that keeps the event loop to itself, and one that only waits."""
    yield context.task_all([context.call_activity("greedy", 0), context.call_activity("patient", 0)])


@app.orchestration_trigger(context_name="context")
def parent(context):
    yield context.call_sub_orchestrator("starved_of_threads")


@app.activity_trigger(input_name="number")
def plain(number: int) -> int:
    time.sleep(WORK_S)
    return number


@app.activity_trigger(input_name="number")
async def patient(number: int) -> int:
    await asyncio.sleep(WORK_S)
    return number


@app.activity_trigger(input_name="number")
async def greedy(number: int) -> int:
    time.sleep(5 * WORK_S)  # noqa: ASYNC251 - that is what is wrong with it
    return number


@app.activity_trigger(input_name="number")
async def quick(number: int) -> int:
    return number
