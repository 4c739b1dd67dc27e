"""Durable HTTP calls, and the functions they call."""

import json

import azure.durable_functions as df
import azure.functions as func
import probes

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def call(context):
    request = context.get_input()
    answer = yield context.call_http(
        request["method"], request["url"], request.get("content"), request.get("headers"), is_raw_str=False
    )
    after = yield context.call_activity("echo", "after")
    return {"answer": answer, "after": after}


@bp.orchestration_trigger(context_name="context")
def call_caught(context):
    try:
        yield context.call_http("GET", context.get_input())
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception
        return {"caught": str(error)}


@bp.route(route="called/echo", methods=["GET", "POST"])
def called_echo(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "body": req.get_body().decode(),
        "content_type": req.headers.get("content-type"),
        "header": req.headers.get("x-test"),
        "params": dict(req.params),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", headers={"X-Answer": "yes"})


@bp.route(route="called/teapot", methods=["GET"])
def called_teapot(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("short and stout", status_code=418)


@bp.route(route="called/job/{key}", methods=["GET", "POST"])
def called_job(req: func.HttpRequest) -> func.HttpResponse:
    """Answer 202 with a Location to the first polls, then 200: a job as the Async HTTP API pattern has it."""
    key = req.route_params["key"]
    polls = probes.count(key)
    probes.note(key, req.method)
    if polls < int(req.params["polls"]):
        return func.HttpResponse(status_code=202, headers={"Location": req.url})
    return func.HttpResponse(f"done after {polls}")
