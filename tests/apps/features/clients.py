"""The durable client's operations, each reachable over HTTP; errors of the SDK are returned as JSON with status 502."""

import json
from datetime import datetime

import azure.durable_functions as df
import azure.functions as func
import probes

bp = df.Blueprint()


def answer(value, status_code=200):
    return func.HttpResponse(json.dumps(value), status_code=status_code, mimetype="application/json")


async def outcome_of(operation):
    try:
        return answer({"result": await operation})
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception
        return answer({"error": str(error)}, status_code=502)


def body_of(req):
    return json.loads(req.get_body()) if req.get_body() else None


def moment(text):
    return datetime.fromisoformat(text) if text else None


def states(text):
    return [df.OrchestrationRuntimeStatus(name) for name in text.split(",")] if text else None


@bp.route(route="start/{name}", methods=["POST"])
@bp.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    try:
        instance_id = await client.start_new(
            req.route_params["name"],
            instance_id=req.params.get("id"),
            client_input=body_of(req),
            version=req.params.get("version"),
        )
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception
        return answer({"error": str(error)}, status_code=502)
    return client.create_check_status_response(req, instance_id)


@bp.route(route="start_and_wait/{name}", methods=["POST"])
@bp.durable_client_input(client_name="client")
async def start_and_wait(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    instance_id = await client.start_new(req.route_params["name"], client_input=body_of(req))
    return await client.wait_for_completion_or_create_check_status_response(
        req, instance_id, int(req.params["timeout_ms"]), int(req.params["interval_ms"])
    )


async def status_of(client, instance_id, req):
    asked = {name: True for name in ("show_input", "show_history", "show_history_output") if name in req.params}
    status = await client.get_status(instance_id, **asked)
    if not status:
        return None
    return status.to_json() | {"historyEvents": getattr(status, "historyEvents", None)}


async def restarted(client, instance_id, req):
    return await client.restart(instance_id, restart_with_new_instance_id=req.params["new_id"] == "true")


async def purged(client, instance_id):
    return (await client.purge_instance_history(instance_id)).instances_deleted


ON_ONE = {
    "status": status_of,
    "restart": restarted,
    "raise_event": lambda client, id_, req: client.raise_event(id_, req.params["event"], body_of(req)),
    "terminate": lambda client, id_, req: client.terminate(id_, req.params["reason"]),
    "suspend": lambda client, id_, req: client.suspend(id_, req.params["reason"]),
    "resume": lambda client, id_, req: client.resume(id_, req.params["reason"]),
    "rewind": lambda client, id_, req: client.rewind(id_, req.params["reason"]),
    "purge": lambda client, id_, _: purged(client, id_),
}


@bp.route(route="one/{operation}/{id}", methods=["POST"])
@bp.durable_client_input(client_name="client")
async def on_one(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    return await outcome_of(ON_ONE[req.route_params["operation"]](client, req.route_params["id"], req))


async def all_statuses(client, req):
    return [status.to_json() for status in await client.get_status_all()]


async def statuses_by(client, req):
    found = await client.get_status_by(
        created_time_from=moment(req.params.get("from")),
        created_time_to=moment(req.params.get("to")),
        runtime_status=states(req.params.get("states")),
        instance_id_prefix=req.params.get("prefix"),
    )
    return [status.to_json() for status in found]


async def purged_by(client, req):
    result = await client.purge_instance_history_by(
        created_time_from=moment(req.params.get("from")),
        created_time_to=moment(req.params.get("to")),
        runtime_status=states(req.params.get("states")),
    )
    return result.instances_deleted


ON_MANY = {"status_all": all_statuses, "status_by": statuses_by, "purge_by": purged_by}


@bp.route(route="many/{operation}", methods=["POST"])
@bp.durable_client_input(client_name="client")
async def on_many(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    return await outcome_of(ON_MANY[req.route_params["operation"]](client, req))


@bp.route(route="management_payload/{id}", methods=["GET"])
@bp.durable_client_input(client_name="client")
async def management_payload(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    return answer(client.create_http_management_payload(req.route_params["id"]))


async def entity_state(client, entity):
    state = await client.read_entity_state(entity)
    return {"exists": state.entity_exists, "state": state.entity_state}


@bp.route(route="entity/{name}/{key}", methods=["GET"])
@bp.durable_client_input(client_name="client")
async def read_entity(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    return await outcome_of(entity_state(client, df.EntityId(req.route_params["name"], req.route_params["key"])))


@bp.route(route="entity/{name}/{key}/{operation}", methods=["POST"])
@bp.durable_client_input(client_name="client")
async def signal_entity(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    entity = df.EntityId(req.route_params["name"], req.route_params["key"])
    return await outcome_of(client.signal_entity(entity, req.route_params["operation"], body_of(req)))


@bp.route(route="probes/{key}", methods=["GET"])
def probe(req: func.HttpRequest) -> func.HttpResponse:
    return answer(probes.seen(req.route_params["key"]))
