"""An app as azure-functions-durable 2.x would have it written: durabletask's own functions, entities and clients."""

import json
import tempfile
from datetime import timedelta
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func
from archive import FolderWriter
from durabletask import task
from durabletask.entities import DurableEntity, EntityInstanceId
from orders import orders
from payloads import FolderStore

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
folder = Path(tempfile.mkdtemp(prefix="native-"))
payloads = Path(tempfile.gettempdir()) / "native-app-payloads"  # replays in other processes read them too
app.configure_scheduled_tasks()
app.configure_history_export(writer=FolderWriter(folder / "exported"))
app.configure_large_payloads(payload_store=FolderStore(payloads))
app.register_functions(orders)


# -- orchestrators ----------------------------------------------------------------------------------------------------


@app.orchestration_trigger(context_name="context")
def greet_all(ctx: task.OrchestrationContext, names: list):
    """Greet everybody at once: fan-out and fan-in."""
    ctx.set_custom_status({"greeting": len(names)})
    greetings = yield task.when_all([ctx.call_activity("greet", input=name) for name in names])
    return greetings


@app.orchestration_trigger(context_name="ctx", orchestration="Renamed Orchestrator")
def under_another_name(ctx: task.OrchestrationContext, value):
    """Answer under the trigger's name, on a trigger whose parameter is not called `context`."""
    return (yield ctx.call_activity("Renamed Activity", input=value))


@app.orchestration_trigger(context_name="context")
def plain_function(ctx: task.OrchestrationContext, value):
    """Return at once: no generator."""
    return {"version": ctx.version, "got": value}


@app.orchestration_trigger(context_name="context")
def retried(ctx: task.OrchestrationContext, times: int):
    """Try an activity until it succeeds."""
    policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=10), max_number_of_attempts=times + 1)
    return (yield ctx.call_activity("flaky", input={"id": ctx.instance_id, "fails": times}, retry_policy=policy))


@app.orchestration_trigger(context_name="context")
def leaves(ctx: task.OrchestrationContext, _):
    """Try to end the process."""
    raise SystemExit("no more")


@app.orchestration_trigger(context_name="context")
def fails_once(ctx: task.OrchestrationContext, key: str):
    """Fail with an activity that succeeds when it is called again."""
    seen = yield ctx.call_activity("flaky", input={"id": f"once-{key}", "fails": 1})
    return "second time" if seen else "first time"


@app.orchestration_trigger(context_name="context")
def retries_fail_once(ctx: task.OrchestrationContext, key: str):
    """Fail with the retries of an activity, which succeed when they are done again, beside another activity."""
    policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=10), max_number_of_attempts=2)
    calls = {"id": f"retries-{key}", "fails": 3}
    beside = ctx.call_activity("flaky", input={"id": f"beside-{key}", "fails": 0})
    retried = yield ctx.call_activity("flaky", input=calls, retry_policy=policy)
    return [retried, (yield beside)]


@app.orchestration_trigger(context_name="context")
def parent(ctx: task.OrchestrationContext, value):
    """Ask a child, and return its version."""
    return (yield ctx.call_sub_orchestrator("plain_function", input=value))


@app.orchestration_trigger(context_name="context")
def raising(ctx: task.OrchestrationContext, text):
    """Fail by what an activity raises."""
    yield ctx.call_activity("raise_it", input=text)


@app.orchestration_trigger(context_name="context")
def caught(ctx: task.OrchestrationContext, text):
    """Catch what an activity raises, and return type and message."""
    try:
        yield ctx.call_activity("raise_it", input=text)
    except task.TaskFailedError as error:
        return {"type": error.details.error_type, "message": error.details.message}
    return None


@app.orchestration_trigger(context_name="context")
def counts_down(ctx: task.OrchestrationContext, count: int):
    """Continue as new until nothing is left."""
    if count:
        ctx.continue_as_new(count - 1)
        return None
    return "done"


@app.orchestration_trigger(context_name="context")
def waits(ctx: task.OrchestrationContext, name: str):
    """Wait for an event, with a time limit of a day."""
    event, timeout = ctx.wait_for_external_event(name), ctx.create_timer(timedelta(days=1))
    winner = yield task.when_any([event, timeout])
    return event.get_result() if winner == event else "timed out"


@app.orchestration_trigger(context_name="context")
def sends(ctx: task.OrchestrationContext, target: dict):
    """Send an event to another orchestration."""
    ctx.send_event(target["id"], target["event"], data=target["data"])
    return "sent"


@app.orchestration_trigger(context_name="context")
def uses_entities(ctx: task.OrchestrationContext, key: str):
    """Signal and call an entity function and an entity class, and lock one of them."""
    counter, account = EntityInstanceId("counter", key), EntityInstanceId("Account", key)
    ctx.signal_entity(counter, "add", input=2)
    total = yield ctx.call_entity(counter, "add", input=3)
    with (yield ctx.lock_entities([account])):
        yield ctx.call_entity(account, "deposit", input=total)
        balance = yield ctx.call_entity(account, "balance")
    return {"total": total, "balance": balance}


@app.orchestration_trigger(context_name="context")
def fails_an_entity(ctx: task.OrchestrationContext, key: str):
    """Call an operation that raises."""
    try:
        yield ctx.call_entity(EntityInstanceId("Account", key), "withdraw", input=1)
    except task.TaskFailedError as error:
        return str(error)
    return None


@app.orchestration_trigger(context_name="context")
def carries(ctx: task.OrchestrationContext, size: int):
    """Carry a text that is too large for the payload store's limit through an activity and back."""
    text = yield ctx.call_activity("repeat", input=size)
    back = yield ctx.call_activity("measure", input=text)
    return {"measured": back, "text": text}


@app.orchestration_trigger(context_name="context")
def asks_the_web(context: df.DurableOrchestrationContext):
    """Send one durable HTTP request, in the style of 1.x."""
    given = context.get_input()
    answer = yield context.call_http(given.get("method", "GET"), given["url"], content=given.get("content"))
    return {"status": answer.status_code, "content": answer.content}


# -- activities -------------------------------------------------------------------------------------------------------


@app.activity_trigger(input_name="name")
def greet(name: str) -> str:
    return f"Hello {name}!"


@app.activity_trigger(input_name="value", activity="Renamed Activity")
async def activity_with_a_name(value):
    return {"renamed": value}


@app.activity_trigger(input_name="given")
def native_activity(ctx, given):
    """Have the two parameters of durabletask."""
    return given


@app.activity_trigger(input_name="given")
def flaky(given: dict) -> int:
    """Fail a number of times before it succeeds."""
    file = folder / given["id"]
    seen = int(file.read_text()) if file.exists() else 0
    file.write_text(str(seen + 1))
    if seen < given["fails"]:
        raise ValueError(f"not yet: {seen}")
    return seen


class OddError(Exception):
    """An error of the app's own."""


@app.activity_trigger(input_name="text")
def raise_it(text: str):
    raise OddError(text)


@app.activity_trigger(input_name="size")
def repeat(size: int) -> str:
    return "ž" * size


@app.activity_trigger(input_name="text")
def measure(text: str) -> int:
    return len(text)


@app.durable_client_input(client_name="client")
@app.activity_trigger(input_name="instance")
def looks_up(instance: str, client: df.SyncDurableFunctionsClient) -> str:
    """Ask the scheduler from within an activity."""
    return client.get_orchestration_state(instance).runtime_status.name


@app.orchestration_trigger(context_name="context")
def looks_itself_up(ctx: task.OrchestrationContext, _):
    return (yield ctx.call_activity("looks_up", input=ctx.instance_id))


# -- entities ---------------------------------------------------------------------------------------------------------


@app.entity_trigger(context_name="context")
def counter(ctx, amount):
    """Count."""
    state = ctx.get_state(int, 0)
    if ctx.operation == "add":
        state += amount
        ctx.set_state(state)
    return state


@app.entity_trigger(context_name="context", entity_name="Account")
class Account(DurableEntity):
    """Keep money."""

    def deposit(self, amount: int) -> None:
        self.set_state(self.get_state(int, 0) + amount)

    def withdraw(self, amount: int) -> None:
        if self.get_state(int, 0) < amount:
            raise ValueError("there is not so much")
        self.set_state(self.get_state(int, 0) - amount)

    def balance(self, _=None) -> int:
        return self.get_state(int, 0)


@app.entity_trigger(context_name="context")
def last(ctx, value):
    """Keep what came last; end the process where that is what is asked for."""
    if ctx.operation == "leave":
        raise SystemExit("no more")
    ctx.set_state(value)


# -- clients ----------------------------------------------------------------------------------------------------------


@app.route(route="begin/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def begin(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    """Start an orchestration by the asynchronous client."""
    value = json.loads(req.get_body() or b"null")
    instance_id = await client.schedule_new_orchestration(req.route_params["name"], input=value)
    return client.create_check_status_response(req, instance_id)


@app.route(route="run/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
def run(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """Start an orchestration by the synchronous client and wait for it."""
    value = json.loads(req.get_body() or b"null")
    instance_id = client.schedule_new_orchestration(req.route_params["name"], input=value)
    state = client.wait_for_orchestration_completion(instance_id, timeout=30)
    return func.HttpResponse(state.serialized_output or "null", mimetype="application/json")


@app.route(route="client/{method}/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def client_call(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    """Call a method of the client with an instance id and more arguments; answer what it gives, as text."""
    arguments = json.loads(req.get_body() or b"{}")
    try:
        given = await getattr(client, req.route_params["method"])(req.route_params["id"], **arguments)
    except Exception as error:  # noqa: BLE001 - the tests look at whatever it is
        return func.HttpResponse(f"{type(error).__name__}: {error}", status_code=409)
    return func.HttpResponse(str(given))


@app.route(route="elsewhere", methods=["POST"])
@app.durable_client_input(client_name="client", task_hub="another")
async def elsewhere(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    """Start an orchestration on a task hub that is not this host's."""
    try:
        await client.schedule_new_orchestration("plain_function")
    except Exception as error:  # noqa: BLE001 - same
        return func.HttpResponse(str(error), status_code=409)
    return func.HttpResponse("started")


@app.route(route="endpoint", methods=["GET"])
@app.durable_client_input(client_name="client")
async def endpoint(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    """Return the URL that the client calls."""
    return func.HttpResponse(client.rpcBaseUrl)


@app.route(route="exported", methods=["GET"])
def exported(req: func.HttpRequest) -> func.HttpResponse:
    """List what was exported and what payloads were stored."""
    found = {at.name: sorted(file.name for file in at.glob("*")) for at in (folder / "exported", payloads)}
    return func.HttpResponse(json.dumps(found), mimetype="application/json")
