"""The app that the HTTP conformance checks describe: four orchestrators and the HTTP functions the checks name."""

import json
import tempfile

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
sync_client_file = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process, then vanishes


@app.orchestration_trigger(context_name="context")
def hello_seq(context):
    greeting = yield context.call_activity("say_hello", "Tokyo")
    return [greeting]


@app.orchestration_trigger(context_name="context")
def wait_event(context):
    return (yield context.wait_for_external_event("go"))


@app.orchestration_trigger(context_name="context")
def fail_orch(context):
    raise RuntimeError("fail_orch always fails")


@app.orchestration_trigger(context_name="context")
def echo_input(context):
    return context.get_input()


@app.activity_trigger(input_name="city")
def say_hello(city: str) -> str:
    return f"Hello {city}!"


@app.route(route="start/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    given = req.get_json() if req.get_body() else None
    instance_id = await client.start_new(req.route_params["name"], client_input=given)
    return client.create_check_status_response(req, instance_id)


@app.route(route="sync_client", methods=["POST"])
@app.durable_client_input(client_name="client")
def sync_client(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    sync_client_file.write("called\n")
    sync_client_file.flush()
    return func.HttpResponse("never seen: the SDK awaits this answer")


@app.route(route="sync_client_file", methods=["GET"])
def read_sync_client_file(req: func.HttpRequest) -> func.HttpResponse:
    sync_client_file.seek(0)
    return func.HttpResponse(sync_client_file.read())


@app.route(route="only_get", methods=["GET"])
def only_get(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("got")


@app.route(route="boom")
def boom(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("boom always fails")


@app.route(route="ret_none")
def ret_none(req: func.HttpRequest) -> func.HttpResponse:
    return None


@app.route(route="empty_resp")
def empty_resp(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse()


@app.route(route="items/{id:int?}")
def items(req: func.HttpRequest) -> func.HttpResponse:
    seen = {"params": dict(req.params), "route_params": dict(req.route_params)}
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route(route="echo/{*rest}")
def echo(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "header": req.headers.get("X-TEST"),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route(route="reads_json", methods=["POST"])
def reads_json(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(req.get_json()), mimetype="application/json")


@app.route(route="reads_form", methods=["POST"])
def reads_form(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"{req.form['field']} {req.files['file'].read().decode()}")


RETURNED = {
    "text": "plain žito",
    "bytes": b"bytes",
    "dict": {"a": 1},
    "number": 7,
    "created": func.HttpResponse("made", status_code=201, headers={"X-Made": "yes"}),
    "html": func.HttpResponse("<p>žito</p>", mimetype="text/html"),
    "binary": func.HttpResponse(bytes(range(256)), mimetype="application/octet-stream"),
    "own_type": func.HttpResponse("{}", headers={"Content-Type": "application/problem+json"}),
    "unusual": func.HttpResponse(status_code=299),
}


@app.route(route="returns/{kind}")
def returns(req: func.HttpRequest):
    return RETURNED[req.route_params["kind"]]


@app.route(route="sets_cookies")
def sets_cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("sweet")
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2; HttpOnly")
    return response
