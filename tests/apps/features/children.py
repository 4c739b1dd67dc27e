"""Sub-orchestrations: their ids, their parents, their failures."""

import azure.durable_functions as df

bp = df.Blueprint()
ATTEMPTS = 3


@bp.orchestration_trigger(context_name="context")
def child(context):
    value = yield context.call_activity("echo", context.get_input())
    return {
        "id": context.instance_id,
        "parent": context.parent_instance_id,
        "input": value,
        "version": context.version,
    }


@bp.orchestration_trigger(context_name="context")
def flaky_child(context):
    return (yield context.call_activity("flaky", context.get_input()))


def call_child(context, request, name="child"):
    return context.call_sub_orchestrator(name, request.get("input"), request.get("id"), request.get("version"))


@bp.orchestration_trigger(context_name="context")
def parent(context):
    request = context.get_input()
    answer = yield call_child(context, request, request.get("name", "child"))
    after = yield context.call_activity("echo", "after")
    return {"child": answer, "after": after}


@bp.orchestration_trigger(context_name="context")
def parent_of_many(context):
    return (yield context.task_all([call_child(context, request) for request in context.get_input()]))


@bp.orchestration_trigger(context_name="context")
def parent_caught(context):
    request = context.get_input()
    try:
        yield call_child(context, request, request["name"])
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception
        return {"caught": str(error)}


@bp.orchestration_trigger(context_name="context")
def parent_retrying(context):
    request = context.get_input()
    options = df.RetryOptions(50, ATTEMPTS)
    attempt = yield context.call_sub_orchestrator_with_retry("flaky_child", options, request, request.get("id"))
    after = yield context.call_activity("echo", "after")
    return [attempt, after]


@bp.orchestration_trigger(context_name="context")
def grandparent(context):
    return (yield context.call_sub_orchestrator(parent, context.get_input()))
