"""Orders that wait three days for an approval."""

from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("orders", methods=["POST"])
@app.durable_client_input("client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    return client.create_check_status_response(req, await client.start_new("order", client_input=req.get_json()))


@app.orchestration_trigger("context")
def order(context: df.DurableOrchestrationContext):
    approval = context.wait_for_external_event("approval")
    late = context.create_timer(context.current_utc_datetime + timedelta(days=3))
    first = yield context.task_any([approval, late])
    if first == late:
        return "expired"
    late.cancel()
    return "approved"
