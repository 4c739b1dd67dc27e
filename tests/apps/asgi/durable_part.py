import azure.durable_functions as df
import azure.functions as func

blueprint = df.Blueprint()


@blueprint.route(route="begin/{name}", auth_level=func.AuthLevel.ANONYMOUS)
@blueprint.durable_client_input(client_name="client")
async def begin(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    return client.create_check_status_response(
        req, await client.start_new(req.route_params["name"], client_input="Oslo")
    )


@blueprint.orchestration_trigger(context_name="context")
def greet(context):
    return (yield context.call_activity("hello", context.get_input()))


@blueprint.activity_trigger(input_name="name")
def hello(name: str) -> str:
    return f"Hello {name}"
