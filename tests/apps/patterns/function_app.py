"""An app of the patterns that every 1.x of azure-functions-durable has, with nothing of its newer versions."""

import asyncio
import inspect
from datetime import timedelta
from importlib.metadata import version

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
HAS_VERSIONS = "version" in inspect.signature(df.DurableOrchestrationContext.call_sub_orchestrator).parameters
attempts = {}


class Point:
    """A value of the app's own, as the SDK sends it."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    @staticmethod
    def to_json(point):
        return {"x": point.x, "y": point.y}

    @staticmethod
    def from_json(value):
        return Point(value["x"], value["y"])


@app.orchestration_trigger(context_name="context")
def sdk(context):
    return (yield context.call_activity("installed"))


@app.orchestration_trigger(context_name="context")
def values(context):
    context.set_custom_status({"step": 1})
    moved = yield context.call_activity("move", Point(1, 2))
    return [type(moved).__name__, moved.x, moved.y]


@app.orchestration_trigger(context_name="context")
def retries(context):
    options = df.RetryOptions(first_retry_interval_in_milliseconds=1000, max_number_of_attempts=3)
    succeeded = yield context.call_activity_with_retry("flaky", options, [context.instance_id, 2])
    child = yield context.call_sub_orchestrator_with_retry("flaky_child", options, f"{context.instance_id}-child")
    try:
        yield context.call_activity_with_retry("flaky", options, [f"{context.instance_id}-lost", 9])
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception
        return [succeeded, child, "boom" in str(error)]


@app.orchestration_trigger(context_name="context")
def flaky_child(context):
    return (yield context.call_activity("flaky", [context.get_input(), 1]))


@app.orchestration_trigger(context_name="context")
def timers(context):
    started = context.current_utc_datetime
    yield context.create_timer(started + timedelta(seconds=1))
    lost = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    done = context.call_activity("echo", "quick")
    winner = yield context.task_any([done, lost])
    lost.cancel()
    return [winner == done, winner.result, context.current_utc_datetime >= started + timedelta(seconds=1)]


@app.orchestration_trigger(context_name="context")
def events(context):
    first = yield context.wait_for_external_event("go")
    both = yield context.task_all([context.wait_for_external_event("a"), context.wait_for_external_event("b")])
    return [first, *both]


@app.orchestration_trigger(context_name="context")
def family(context):
    known = {"version": "7.1"} if HAS_VERSIONS else {}
    child = yield context.call_sub_orchestrator("child", {"n": 1}, f"{context.instance_id}:child", **known)
    return child == {
        "id": f"{context.instance_id}:child",
        "parent": context.instance_id,
        "input": {"n": 1},
        "version": known.get("version"),
    }


@app.orchestration_trigger(context_name="context")
def child(context):
    return {
        "id": context.instance_id,
        "parent": context.parent_instance_id,
        "input": context.get_input(),
        "version": context.version,
    }


@app.orchestration_trigger(context_name="context")
def fan_out(context):
    squares = yield context.task_all([context.call_activity("square", n) for n in range(context.get_input())])
    return sum(squares)


@app.orchestration_trigger(context_name="context")
def counted(context):
    counter = df.EntityId("counter", context.instance_id)
    context.signal_entity(counter, "add", 2)
    yield context.call_entity(counter, "add", 3)
    before = yield context.call_entity(counter, "get")
    try:
        yield context.call_entity(counter, "unknown")
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception
        return [before, "no such operation" in str(error)]


@app.orchestration_trigger(context_name="context")
def eternal(context):
    left = context.get_input()
    yield context.call_activity("echo", left)
    if left:
        context.continue_as_new(left - 1)
        return None
    return "done"


@app.orchestration_trigger(context_name="context")
def fails(context):
    yield context.call_activity("echo", None)
    raise ValueError("the app's own error")


@app.entity_trigger(context_name="context")
def counter(context):
    total = context.get_state(lambda: 0)
    if context.operation_name == "add":
        context.set_state(total + context.get_input())
    elif context.operation_name == "get":
        context.set_result(total)
    else:
        raise ValueError("no such operation")


@app.activity_trigger(input_name="unused")
def installed(unused):
    return version("azure-functions-durable")


@app.activity_trigger(input_name="point")
def move(point: Point) -> Point:
    return Point(point.x + 1, point.y + 1)


@app.activity_trigger(input_name="task")
def flaky(task: list):
    key, failures = task
    attempts[key] = attempts.get(key, 0) + 1
    if attempts[key] <= failures:
        raise RuntimeError("boom")
    return attempts[key]


@app.activity_trigger(input_name="value")
def echo(value):
    return value


@app.activity_trigger(input_name="number")
def square(number: int) -> int:
    return number * number


@app.route(route="start/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    given = req.get_json() if req.get_body() else None
    instance_id = await client.start_new(req.route_params["name"], client_input=given)
    return client.create_check_status_response(req, instance_id)


async def reached(client, instance_id, state):
    while (await client.get_status(instance_id)).runtime_status.value != state:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0.02)


@app.route(route="clients", methods=["POST"])
@app.durable_client_input(client_name="client")
async def clients(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Take an instance through what a client can do with it, and answer the states that were seen."""
    instance_id = await client.start_new("events")
    await reached(client, instance_id, "Running")
    await client.suspend(instance_id, "later")
    await reached(client, instance_id, "Suspended")
    await client.resume(instance_id, "now")
    for name in ("go", "a", "b"):
        await client.raise_event(instance_id, name, name)
    answered = await client.wait_for_completion_or_create_check_status_response(req, instance_id, 10_000, 100)
    other = await client.start_new("events")
    await client.terminate(other, "enough")
    await client.signal_entity(df.EntityId("counter", instance_id), "add", 4)
    purged = await client.purge_instance_history(instance_id)
    status = await client.get_status(instance_id)
    return func.HttpResponse(f"{answered.get_body().decode()} {purged.instances_deleted} {status.instance_id is None}")
