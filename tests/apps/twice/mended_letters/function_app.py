"""Letters that are files of their own, which may be there already, and counted in the state of the entity."""

from pathlib import Path

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="orders", methods=["POST"])
@app.durable_client_input(client_name="client")
async def order(req: func.HttpRequest, client) -> func.HttpResponse:
    instance_id = await client.start_new("write", client_input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def write(context):
    letter = context.get_input()
    count = yield context.call_entity(df.EntityId("postage", letter["id"]), "add", 1)
    yield context.call_activity("send_letter", letter)
    try:
        yield context.call_activity("file_letter", letter)
    except Exception:  # noqa: BLE001 - whatever the SDK makes of it
        return [count, "not filed"]
    return [count, "filed"]


@app.activity_trigger(input_name="letter")
def send_letter(letter: dict) -> bool:
    (Path(letter["folder"]) / f"outbox-{letter['id']}.txt").write_text("Dear")
    return True


@app.activity_trigger(input_name="letter")
def file_letter(letter: dict) -> bool:
    with (Path(letter["folder"]) / f"{letter['id']}.txt").open("w") as file:
        file.write("Dear")
    return True


@app.entity_trigger(context_name="context")
def postage(context):
    count = context.get_state(lambda: 0) + context.get_input()
    context.set_state(count)
    context.set_result(count)
