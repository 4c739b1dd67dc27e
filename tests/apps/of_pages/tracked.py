"""Orders that are charged, and then looked up at a service."""

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("orders", methods=["POST"])
@app.durable_client_input("client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    return client.create_check_status_response(req, await client.start_new("order", client_input=req.get_json()))


@app.orchestration_trigger("context")
def order(context: df.DurableOrchestrationContext):
    charged = yield context.call_activity("charge_card", context.get_input())
    answer = yield context.call_http("GET", f"https://track.example/{charged['receipt']}")
    return answer["content"]


@app.activity_trigger("order")
def charge_card(order: dict) -> dict:
    raise NotImplementedError(f"no test charges a card: {order}")
