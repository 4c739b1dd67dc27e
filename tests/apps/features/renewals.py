"""Orchestrations that continue as new."""

import azure.durable_functions as df

bp = df.Blueprint()
LAST_GENERATION = 5


@bp.orchestration_trigger(context_name="context")
def count_up(context):
    so_far = context.get_input()
    so_far["generations"].append((yield context.call_activity("echo", len(so_far["generations"]))))
    if len(so_far["generations"]) <= LAST_GENERATION:
        context.continue_as_new(so_far)
        return None
    return so_far


@bp.orchestration_trigger(context_name="context")
def gather(context):
    """Take one event per generation until as many came as the input wants."""
    state = context.get_input()
    state["seen"].append((yield context.wait_for_external_event("item")))
    if len(state["seen"]) < state["want"]:
        context.continue_as_new(state)
        return None
    return state["seen"]
