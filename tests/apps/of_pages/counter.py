"""Counters that are entities."""

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("counters/{name}", methods=["POST"])
@app.durable_client_input("client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    wanted = {"name": req.route_params["name"], **req.get_json()}
    return client.create_check_status_response(req, await client.start_new("add", client_input=wanted))


@app.orchestration_trigger("context")
def add(context: df.DurableOrchestrationContext):
    wanted = context.get_input()
    return (yield context.call_entity(df.EntityId("counter", wanted["name"]), "add", wanted["add"]))


@app.entity_trigger("context")
def counter(context: df.DurableEntityContext):
    value = context.get_state(lambda: 0) + context.get_input()
    context.set_state(value)
    context.set_result(value)
