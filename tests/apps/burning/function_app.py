"""An app that computes: a plain activity keeps a core busy for about as long as it is asked to."""

import time

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
BUSY_S = 0.06


@app.route("burn", methods=["POST"])
@app.durable_client_input(client_name="client")
async def burn(req: func.HttpRequest, client):
    return client.create_check_status_response(req, await client.start_new("furnace"))


@app.orchestration_trigger(context_name="context")
def furnace(context):
    return (yield context.call_activity("fire", BUSY_S))


@app.activity_trigger(input_name="seconds")
def fire(seconds: float) -> int:
    began, rounds = time.thread_time(), 0
    while time.thread_time() - began < seconds:
        rounds += 1
    return rounds
