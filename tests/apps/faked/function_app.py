"""Orders that need what no test has: a bank, a warehouse, a service on the internet. For SDK 1.x and 2.x."""

from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="orders/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def order(req: func.HttpRequest, client) -> func.HttpResponse:
    instance_id = await client.start_new(req.route_params["name"], client_input=req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.orchestration_trigger(context_name="context")
def pay(context):
    try:
        receipt = yield context.call_activity("charge_card", context.get_input())
    except Exception as error:  # noqa: BLE001 - whatever the SDK makes of it
        return f"refused: {error}"
    return receipt


@app.orchestration_trigger(context_name="context")
def race(context):
    charged = context.call_activity("charge_card", context.get_input())
    late = context.create_timer(context.current_utc_datetime + timedelta(days=2))
    winner = yield context.task_any([charged, late])
    if winner == charged:
        late.cancel()
        return "charged"
    return "late"


@app.orchestration_trigger(context_name="context")
def weigh(context):
    scales = df.EntityId("scales", "s")
    try:
        return (yield context.call_entity(scales, "weigh", context.get_input()))
    except Exception as error:  # noqa: BLE001 - same
        return f"refused: {error}"


@app.orchestration_trigger(context_name="context")
def track(context):
    answer = yield context.call_http("GET", context.get_input())
    return [answer.status_code if hasattr(answer, "status_code") else answer["statusCode"], _content(answer)]


def _content(answer):
    return answer.content if hasattr(answer, "content") else answer["content"]


@app.activity_trigger(input_name="order")
def charge_card(order: dict) -> dict:
    raise ConnectionError("there is no bank here")


@app.entity_trigger(context_name="context")
def scales(context):
    raise ConnectionError("there are no scales here")
