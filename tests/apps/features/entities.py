"""Durable entities: a tally of numbers, a place that holds a custom class, a recorder of inputs."""

import azure.durable_functions as df
from shapes import Point

bp = df.Blueprint()


@bp.entity_trigger(context_name="context")
def Tally(context):  # noqa: N802 - entity ids are lower case whatever the function is called
    total = context.get_state(lambda: 0)
    match context.operation_name:
        case "add":
            context.set_state(total + context.get_input())
            context.set_result(total + context.get_input())
        case "get":
            context.set_result(total)
        case "fail":
            raise ValueError(f"tally refuses {context.get_input()}")
        case "delete":
            context.destruct_on_exit()


@bp.entity_trigger(context_name="context")
def place(context):
    point = context.get_state(lambda: Point(0, 0))
    if context.operation_name == "move":
        dx, dy = context.get_input()
        context.set_state(Point(point.x + dx, point.y + dy))
    elif context.operation_name == "where":
        context.set_result([point.x, point.y])


@bp.entity_trigger(context_name="context")
def recorder(context):
    if context.operation_name == "record":
        context.set_state([*context.get_state(list), context.get_input()])
    elif context.operation_name == "whoami":
        context.set_result([context.entity_name, context.entity_key])


def tally(key):
    return df.EntityId("Tally", key)


@bp.orchestration_trigger(context_name="context")
def use_entity(context):
    """Make the calls and signals of the input in turn; return the results of the calls."""
    results = []
    for step in context.get_input():
        entity = df.EntityId(step["entity"], step["key"])
        if step.get("signal"):
            context.signal_entity(entity, step["op"], step.get("input"))
        else:
            results.append((yield context.call_entity(entity, step["op"], step.get("input"))))
    return results


@bp.orchestration_trigger(context_name="context")
def entity_calls_at_once(context):
    keys = context.get_input()
    added = yield context.task_all([context.call_entity(tally(key), "add", 5) for key in keys])
    after = yield context.call_activity("echo", "after")
    return [added, after]


@bp.orchestration_trigger(context_name="context")
def entity_error_caught(context):
    key = context.get_input()
    yield context.call_entity(tally(key), "add", 1)
    try:
        yield context.call_entity(tally(key), "fail", "this")
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception
        still = yield context.call_entity(tally(key), "get")
        return {"caught": str(error), "still": still}
