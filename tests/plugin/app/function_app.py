"""An app whose orchestrations go well or wrong in the ways that the reports of failed tests must explain."""

import logging
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def greeting(context):
    return {"said": (yield context.call_activity("say_hello", context.get_input()))}


@app.orchestration_trigger(context_name="context")
def greeting_twice(context):
    yield context.call_activity("say_hello", "first")
    return (yield context.call_activity("say_hello", "second"))


@app.orchestration_trigger(context_name="context")
def approval(context):
    return (yield context.wait_for_external_event("approved"))


@app.orchestration_trigger(context_name="context")
def nap(context):
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))


@app.orchestration_trigger(context_name="context")
def family(context):
    yield context.call_activity("say_hello", "parent")
    return (yield context.call_sub_orchestrator("child", context.get_input()))


@app.orchestration_trigger(context_name="context")
def named_family(context):
    return (yield context.call_sub_orchestrator("nap", None, f"nap-of-{context.instance_id}"))


@app.orchestration_trigger(context_name="context")
def child(context):
    yield context.wait_for_external_event("never")


@app.orchestration_trigger(context_name="context")
def crowd(context):
    yield context.task_all([context.call_sub_orchestrator("nap") for _ in range(15)])


@app.orchestration_trigger(context_name="context")
def failing(context):
    yield context.call_activity("fail", context.get_input())


@app.orchestration_trigger(context_name="context")
def long_story(context):
    for number in range(60):
        yield context.call_activity("say_hello", f"{number} {'x' * 300}")
    yield context.wait_for_external_event("never")


@app.activity_trigger(input_name="name")
def say_hello(name):
    logging.getLogger("app").info("greeting %s", name)
    return f"Hello, {name}!"


@app.activity_trigger(input_name="reason")
def fail(reason):
    raise ValueError(reason)


def charge(amount):
    """Fail below frames of the app's own."""
    return {}[f"no account for {amount}"]


@app.route(route="pay/{amount}")
def pay(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(charge(req.route_params["amount"])))


@app.route(route="unwilling")
def unwilling(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("not today", status_code=503)
