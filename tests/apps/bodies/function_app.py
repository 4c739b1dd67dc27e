"""An app that shows what reached it: bodies as they came, and payloads that it echoes, nests and raises."""

import hashlib
import json

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="seen", methods=["POST"])
def seen(req: func.HttpRequest) -> func.HttpResponse:
    body = req.get_body()
    found = {
        "encoding": req.headers.get("content-encoding"),
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return func.HttpResponse(json.dumps(found), mimetype="application/json")


@app.route(route="start/{depth}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    """Start an orchestration through the SDK with an input nested as deep as asked for."""
    depth = int(req.route_params["depth"])
    try:
        return func.HttpResponse(await client.start_new("echo", client_input=json.loads("[" * depth + "]" * depth)))
    except Exception as error:  # noqa: BLE001 - its text is what is asked for
        return func.HttpResponse(str(error), status_code=502)


@app.orchestration_trigger(context_name="context")
def echo(context):
    return context.get_input()


@app.orchestration_trigger(context_name="context")
def waits(context):
    return (yield context.wait_for_external_event("go"))


@app.orchestration_trigger(context_name="context")
def raises(context):
    yield context.call_activity("fail", context.get_input())


@app.activity_trigger(input_name="text")
def fail(text):
    raise RuntimeError(f"refused: {text}")


@app.orchestration_trigger(context_name="context")
def nests(context):
    return (yield context.call_activity("nest", context.get_input()))


@app.activity_trigger(input_name="depth")
def nest(depth):
    value = None
    for _ in range(depth):
        value = [value]
    return value


@app.entity_trigger(context_name="context")
def keeper(context):
    context.set_state(context.get_input())
