"""An app that raises whatever can be raised, from every kind of function, and one function that shows it lives."""

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


class BareError(BaseException):
    """Not an Exception: what a careless except clause lets through."""


def recurse(_):
    return recurse(_)


RAISABLE = {
    "Exception": RuntimeError("the app raised this"),
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "GeneratorExit": GeneratorExit(),
    "BaseException": BareError("the app raised this"),
}


def fail(name):
    if name == "RecursionError":
        recurse(name)
    raise RAISABLE[name]


@app.route(route="alive")
def alive(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("alive")


@app.route(route="sync_http/{name}")
def sync_http(req: func.HttpRequest) -> func.HttpResponse:
    fail(req.route_params["name"])


@app.route(route="async_http/{name}")
async def async_http(req: func.HttpRequest) -> func.HttpResponse:
    fail(req.route_params["name"])


@app.activity_trigger(input_name="name")
def sync_activity(name):
    fail(name)


@app.activity_trigger(input_name="name")
async def async_activity(name):
    fail(name)


@app.entity_trigger(context_name="context")
def entity(context):
    fail(context.get_input())


@app.orchestration_trigger(context_name="context")
def calls_activity(context):
    yield context.call_activity(context.get_input()["kind"], context.get_input()["name"])


@app.orchestration_trigger(context_name="context")
def calls_entity(context):
    yield context.call_entity(df.EntityId("entity", context.instance_id), "fail", context.get_input()["name"])


@app.orchestration_trigger(context_name="context")
def orchestrator(context):
    yield context.create_timer(context.current_utc_datetime)
    fail(context.get_input()["name"])
