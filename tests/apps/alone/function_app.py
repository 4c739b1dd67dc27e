"""What a test may leave for the next: instances, entities, timers, values of a module. For SDK 1.x and 2.x."""

from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
seen = []


@app.orchestration_trigger(context_name="context")
def approval(context):
    """Wait for an event as often as the input specifies, for days at most; return what came."""
    asked = context.get_input() or {}
    came = []
    for _ in range(asked.get("times", 1)):
        event = context.wait_for_external_event(asked.get("event", "approved"))
        late = context.create_timer(context.current_utc_datetime + timedelta(days=asked.get("days", 3)))
        winner = yield context.task_any([event, late])
        if winner == late:
            return [*came, "timed out"]
        late.cancel()
        came.append(event.result)
    return came


@app.orchestration_trigger(context_name="context")
def crowd(context):
    """Start many sub-orchestrations that wait for one event each."""
    return (yield context.task_all([context.call_sub_orchestrator("approval") for _ in range(context.get_input())]))


@app.orchestration_trigger(context_name="context")
def rounds(context):
    """Wait for an event, and begin again until the input has counted down."""
    left = context.get_input()
    if left == 0:
        return "done"
    yield context.wait_for_external_event("next")
    context.continue_as_new(left - 1)


@app.orchestration_trigger(context_name="context")
def panel(context):
    """Wait for two events at once, and for one that a sub-orchestration waits for."""
    both = [context.wait_for_external_event(name) for name in ("first", "second")]
    below = context.call_sub_orchestrator("approval", {"event": "below"})
    return (yield context.task_all([*both, below]))


@app.orchestration_trigger(context_name="context")
def count(context):
    """Count in an entity and in the module."""
    in_entity = yield context.call_entity(df.EntityId("counter", "c"), "add", 1)
    in_module = yield context.call_activity("note", context.instance_id)
    return [in_entity, in_module]


@app.activity_trigger(input_name="name")
def note(name: str) -> int:
    seen.append(name)
    return len(seen)


@app.entity_trigger(context_name="context")
def counter(context):
    total = context.get_state(lambda: 0) + context.get_input()
    context.set_state(total)
    context.set_result(total)
