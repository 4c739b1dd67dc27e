"""Work of constant time: two activities of 0.1 s in a row. Nothing in its output is a time, whatever it is called."""

import asyncio

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="work", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    instance_id = await client.start_new("two_steps", client_input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def two_steps(context: df.DurableOrchestrationContext):
    order = context.get_input()
    for _ in range(2):
        yield context.call_activity("step", order)
    return {"order": order, "startedAt": "2001-01-01T00:00:00.5Z", "finishedAt": "2001-01-01T00:00:01.5Z"}


@app.activity_trigger(input_name="order")
async def step(order: dict) -> str:
    await asyncio.sleep(0.1)
    return "done"
