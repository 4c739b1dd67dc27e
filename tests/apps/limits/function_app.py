"""An app whose settings limit how much runs at once, and which counts how much did."""

import asyncio
import contextlib
import json
import threading
import time

import azure.durable_functions as df
import azure.functions as func

BUSY_S = 0.05
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
lock = threading.Lock()
running = {}
peak = {}


@contextlib.contextmanager
def counted(name):
    """Count how many are inside at once, and remember the most."""
    with lock:
        running[name] = running.get(name, 0) + 1
        peak[name] = max(peak.get(name, 0), running[name])
    try:
        yield
    finally:
        with lock:
            running[name] -= 1


@app.route(route="peaks", methods=["GET"])
def peaks(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(peak), mimetype="application/json")


@app.route(route="block", methods=["GET"])
def block(req: func.HttpRequest) -> func.HttpResponse:
    with counted("threads"):
        time.sleep(BUSY_S)
    return func.HttpResponse("done")


@app.route(route="forever", methods=["GET"])
async def forever(req: func.HttpRequest) -> func.HttpResponse:
    await asyncio.sleep(3600)
    return func.HttpResponse("never")


@app.orchestration_trigger(context_name="context")
def fan(context: df.DurableOrchestrationContext):
    yield context.task_all([context.call_activity("work") for _ in range(6)])


@app.activity_trigger(input_name="nothing")
async def work(nothing):
    with counted("activities"):
        await asyncio.sleep(BUSY_S)


@app.orchestration_trigger(context_name="context")
def blocking(context: df.DurableOrchestrationContext):
    with counted("orchestrators"):
        time.sleep(BUSY_S)


@app.orchestration_trigger(context_name="context")
def too_long(context: df.DurableOrchestrationContext):
    yield context.call_activity("sleep_forever")


@app.activity_trigger(input_name="nothing")
async def sleep_forever(nothing):
    await asyncio.sleep(3600)
